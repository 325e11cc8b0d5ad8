# SPDX-License-Identifier: GPL-2.0-or-later
# The tests: what they run on, and in which order.

# The kernel that test guests boot: the stock one that belongs to the headers in use.
VM_KERNEL := $(B)/vm/kernel

.PHONY: vm-kernel install-deps
install-deps:
	@tests/install-deps

vm-kernel:
	tests/vm/kernel -v $(KVER) $(VM_KERNEL)
