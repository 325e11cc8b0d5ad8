# SPDX-License-Identifier: GPL-2.0-or-later
# kftp's top level. Everything that is built goes to build/; each part brings its own .mk file.
#
#   make            the library, the daemon and the command
#   make module     the kernel module, for the headers in KDIR
#   make check      all gating tests; ends with "N passed, N failed"
#   make demo       the main job, end to end, in a throw-away guest
#   make deb        the Debian packages

VERSION := $(shell cat VERSION)
B := build
KVER ?= $(lastword $(sort $(notdir $(patsubst %/build,%,$(wildcard /lib/modules/*/build)))))
KDIR ?= /lib/modules/$(KVER)/build

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
# "sudo make check" on a checkout that belongs to somebody else
export GIT_CONFIG_COUNT = 1
export GIT_CONFIG_KEY_0 = safe.directory
export GIT_CONFIG_VALUE_0 = *

include userspace/userspace.mk
include src/module.mk
include packaging/packaging.mk
include tests/tests.mk

.PHONY: all clean
all: userspace
clean:
	rm -rf $(B)/userspace $(B)/module $(B)/unit
