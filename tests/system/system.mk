# SPDX-License-Identifier: GPL-2.0-or-later
# The system tier: the packages, and a machine that boots with them.

PYTEST := /usr/bin/python3 -B -m pytest -q -p no:cacheprovider

.PHONY: system-root system-image check-packages
system-root:
	tests/system/mkroot $(B)/system

system-image: deb
	tests/system/mkimage $(B)

check-packages: deb system-root
	B=$(B) $(PYTEST) --junitxml=$(B)/results/packages/packages.xml tests/system/test_packages.py
