# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the module out of the tree: kbuild writes beside its sources, so it gets a copy of them.

MODULE_DIR := $(B)/module/$(KVER)
MODULE := $(MODULE_DIR)/src/kftp.ko
MODULE_SOURCES := $(wildcard src/*.c src/*.h src/uapi/*.h) src/Kbuild

.PHONY: module
module: $(MODULE)

$(MODULE): $(MODULE_SOURCES)
	@test -d "$(KDIR)" || { echo "no kernel headers at '$(KDIR)': install linux-headers-amd64, or set KDIR=" >&2; exit 1; }
	mkdir -p $(MODULE_DIR)
	cp -r --preserve=timestamps src $(MODULE_DIR)/
	$(MAKE) -C $(KDIR) M=$(CURDIR)/$(MODULE_DIR)/src $(KBUILD_FLAGS) modules
