# SPDX-License-Identifier: GPL-2.0-or-later
# The tests: what they need, and how each tier is run by itself.
#
#   make check          all gating tests; installs the tools it needs (as root)
#   make check-unit     the pure code under ASan and UBSan
#   make check-fast     the device and the command in a guest with this machine's root
#   make check-slow     the slow tests of the command and of jobs, those of the service, and power cuts
#   make check-matrix   the module built for and booted on the kernels of four Debian suites
#   make check-sanitize the same tests on a kernel with KASAN, lockdep, kmemleak and UBSAN, built once
#   make check-fuzz     the parsers with inputs that a fuzzer makes up, by hand
#   make check-runner   what runs the tests, and what it makes of those that fail once
#   make soak           long counts, by hand
#
# In a guest a test that has failed is run once more at the end, alone (of the device's programs: the whole program).
# If it passes then it is flaky: "FLAKY test: why it failed" stands in the results, and "1 flaky" beside what passed and
# failed. More than 3 of them fail the run, and so does whatever the kernel reports, however often a test is run. A
# flaky test is a bug, of the test or of what it tests.

include tests/device/device.mk
include tests/sanitize/sanitize.mk
include tests/fuzz/fuzz.mk

# The kernel that test guests boot: the stock one that belongs to the headers in use.
VM_KERNEL := $(B)/vm/kernel

.PHONY: install-deps vm-kernel test-servers fast-inputs
install-deps:
	@tests/install-deps

vm-kernel:
	tests/vm/kernel -v $(KVER) $(VM_KERNEL)

test-servers:
	tests/servers/fetch $(B)/servers

# What the fast tier's guest finds below build/.
fast-inputs: all module device-tests vm-kernel test-servers

# The tools are installed first: what they are decides what the makefiles see.
.PHONY: check check-unit check-fast check-slow check-matrix soak
check:
	@tests/install-deps
	@tests/check

check-unit: unit
	tests/run-cmocka -j4 $(B)/results/unit 120 $(UNIT_TESTS)

check-fast: fast-inputs
	tests/fast $(ARGS)
	tests/summary $(B)/results fast

check-slow: fast-inputs system-image
	KFTP_TIER=slow KFTP_SLOW=only KFTP_NO_DEVICE=1 KFTP_FAST_LIMIT=3300 tests/fast $(ARGS)
	KFTP_TIER=slow KFTP_SLOW=only tests/system/run-guest $(B)
	B=$(B) $(PYTEST) --junitxml=$(B)/results/slow/power-feed.xml tests/system/test_power_feed.py
	tests/summary $(B)/results slow

SUITES ?= bullseye bookworm trixie sid
check-matrix: all test-servers
	tests/matrix/run $(SUITES)

SOAK ?= 100
soak: fast-inputs system-image
	KFTP_SLOW=all KFTP_COUNT=$(SOAK) KFTP_FAST_LIMIT=36000 tests/fast $(ARGS)
	B=$(B) KFTP_COUNT=$(SOAK) $(PYTEST) tests/system/test_power_feed.py
	tests/summary $(B)/results fast

.PHONY: check-runner
check-runner:
	/usr/bin/python3 -B -m pytest -q -p no:cacheprovider tests/runner

.PHONY: shellcheck check-manual print-kdir
shellcheck:
	git grep -lE '^#!/bin/(ba)?sh' | xargs shellcheck -S warning

check-manual:
	mandoc -T lint -W warning $(wildcard man/*.[1-8])

print-kdir:
	@echo $(KDIR)
