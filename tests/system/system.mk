# SPDX-License-Identifier: GPL-2.0-or-later
# The system tier: the packages, and a machine that boots with them.

PYTEST := /usr/bin/python3 -B -m pytest -q -p no:cacheprovider

.PHONY: system-root system-image check-packages
system-root:
	tests/system/mkroot $(B)/system

system-image: deb system-root
	tests/system/mkimage $(B)

check-packages: deb system-root
	B=$(B) $(PYTEST) --junitxml=$(B)/results/packages/packages.xml tests/system/test_packages.py

.PHONY: check-system check-guest check-power-cut demo
check-system: check-guest check-power-cut

check-guest: system-image
	tests/system/run-guest $(B)

check-power-cut: system-image
	B=$(B) $(PYTEST) --junitxml=$(B)/results/system/power-cut.xml tests/system/test_power_cut.py

# On a fresh machine, with nothing else typed; what is there already is not made again.
demo:
	@mkdir -p $(B)
	@echo "Looking for what is needed (the log is $(B)/install-deps.log) ..."
	@tests/install-deps > $(B)/install-deps.log 2>&1 || { tail $(B)/install-deps.log >&2; exit 1; }
	@echo "Building the packages, and a machine that has them ..."
	@$(MAKE) -s --no-print-directory system-image
	@tests/system/demo $(B)
