# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the library, the command, the daemon and the unit tests, and installs the first three.
#
# CFLAGS, CPPFLAGS and LDFLAGS belong to whoever builds (dpkg-buildflags); what the code cannot do
# without is in the *_FLAGS variables. WERROR= builds with warnings let through.

PREFIX ?= /usr
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/vendor-completions

CFLAGS ?= -O2 -g
WERROR ?= -Werror
# V=1 shows the commands.
Q := $(if $(V),,@)
SAY = $(if $(V),,@echo "  $(1)	$@")

US := $(B)/userspace
US_OBJ := $(US)/obj
US_INCLUDE := $(US)/include
US_HEADERS := $(US_INCLUDE)/kftp/kftp.h $(US_INCLUDE)/kftp-version.h

# pkg-config is asked once, when the first recipe needs the answer: these packages may not be there
# while other targets of this makefile are made.
LIBKFTP_PACKAGES := liburiparser jansson gnutls
SYSTEMD_PACKAGES := libsystemd
pkg_lazy = $(eval $(1) := $(shell pkg-config $(2)))$($(1))
LIBKFTP_PC_CFLAGS = $(call pkg_lazy,LIBKFTP_PC_CFLAGS,--cflags $(LIBKFTP_PACKAGES))
LIBKFTP_PC_LIBS = $(call pkg_lazy,LIBKFTP_PC_LIBS,--libs $(LIBKFTP_PACKAGES))
SYSTEMD_PC_CFLAGS = $(call pkg_lazy,SYSTEMD_PC_CFLAGS,--cflags $(SYSTEMD_PACKAGES))
SYSTEMD_PC_LIBS = $(call pkg_lazy,SYSTEMD_PC_LIBS,--libs $(SYSTEMD_PACKAGES))
CMOCKA_PC_CFLAGS = $(call pkg_lazy,CMOCKA_PC_CFLAGS,--cflags cmocka)
CMOCKA_PC_LIBS = $(call pkg_lazy,CMOCKA_PC_LIBS,--libs cmocka)

US_WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef $(WERROR)
US_CPPFLAGS = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I$(US_INCLUDE) -Iuserspace -Iuserspace/libkftp
US_CFLAGS := -std=gnu11 -pthread -fvisibility=hidden $(US_WARNINGS)

LIBKFTP_SOURCES := $(wildcard userspace/libkftp/*.c)
KFTP_SOURCES := $(wildcard userspace/kftp/*.c)
KFTPD_SOURCES := $(wildcard userspace/kftpd/*.c)
# two programs: that which systemd runs as a generator, and that which has it run again
GENERATOR_MAINS := userspace/generator/main.c userspace/generator/schedule-main.c
GENERATOR_SOURCES := $(filter-out $(GENERATOR_MAINS),$(wildcard userspace/generator/*.c))

LIBKFTP := $(US)/libkftp.a
KFTP := $(US)/kftp
KFTPD := $(if $(KFTPD_SOURCES),$(US)/kftpd)
GENERATOR := $(US)/kftp-generator
SCHEDULE := $(US)/kftp-schedule

.PHONY: userspace unit install install-userspace
userspace: $(LIBKFTP) $(KFTP) $(KFTPD) $(GENERATOR) $(SCHEDULE)

$(US_INCLUDE)/kftp/kftp.h: src/uapi/kftp.h
	@mkdir -p $(@D)
	@ln -srf $< $@

$(US_INCLUDE)/kftp-version.h: VERSION
	@mkdir -p $(@D)
	@echo '#define KFTP_VERSION "$(VERSION)"' > $@

# whose help the completions of the shells are made of
check-runner: $(KFTP)

# ---- Objects: build/userspace/obj/X.o from userspace/X.c -------------------------------------------

US_OBJECT = $(CC) $(US_CPPFLAGS) $(LIBKFTP_PC_CFLAGS) $(CPPFLAGS) $(US_CFLAGS) $(CFLAGS) -fPIC -MMD -MP -c -o $@ $<

$(US)/obj/%.o: userspace/%.c | $(US_HEADERS)
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(US_OBJECT)

$(US)/obj/kftpd/%.o: US_CPPFLAGS += $(SYSTEMD_PC_CFLAGS)
$(US)/obj/kftp/%.o: US_CPPFLAGS += $(SYSTEMD_PC_CFLAGS)

$(LIBKFTP): $(LIBKFTP_SOURCES:userspace/%.c=$(US)/obj/%.o)
	$(call SAY,AR)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(KFTP): $(KFTP_SOURCES:userspace/%.c=$(US)/obj/%.o) $(LIBKFTP)
	$(call SAY,LD)
	$(Q)$(CC) -pthread $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBKFTP_PC_LIBS) $(SYSTEMD_PC_LIBS)

ifneq ($(KFTPD),)
$(KFTPD): $(KFTPD_SOURCES:userspace/%.c=$(US)/obj/%.o) $(LIBKFTP)
	$(call SAY,LD)
	$(Q)$(CC) -pthread $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBKFTP_PC_LIBS) $(SYSTEMD_PC_LIBS)
endif

$(US)/obj/generator/%.o: US_CPPFLAGS += -DKFTP_UNIT_DIRECTORY='"$(or $(UNITDIR),/usr/lib/systemd/system)"'
$(GENERATOR): $(US)/obj/generator/main.o
$(SCHEDULE): $(US)/obj/generator/schedule-main.o
$(GENERATOR) $(SCHEDULE): $(GENERATOR_SOURCES:userspace/%.c=$(US)/obj/%.o) $(LIBKFTP)
	$(call SAY,LD)
	$(Q)$(CC) -pthread $(CFLAGS) $(LDFLAGS) -o $@ $(filter-out $(LIBKFTP),$^) $(LIBKFTP) $(LIBKFTP_PC_LIBS)

# ---- Unit tests: build/unit/test-X from tests/unit/test-X.c, under ASan and UBSan ----------------
#
# Everything they may test is compiled once more with the sanitizers: the library, and the command
# and the daemon without their main.c. Code of the module in UNIT_KERNEL (src/X.c for test-X.c) is
# compiled against the shims for <linux/...> in tests/unit/kernel.

UNIT := $(B)/unit
UNIT_KERNEL := reply
UNIT_SOURCES := $(wildcard tests/unit/test-*.c)
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(UNIT)/%)
UNIT_KERNEL_TESTS := $(filter $(UNIT_KERNEL:%=$(UNIT)/test-%),$(UNIT_TESTS))
UNIT_USER_TESTS := $(filter-out $(UNIT_KERNEL_TESTS),$(UNIT_TESTS))

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UNIT_CFLAGS := -std=gnu11 -pthread -O1 -g $(US_WARNINGS) $(SANITIZE)
UNIT_KERNEL_CPPFLAGS := -D_GNU_SOURCE -Itests/unit/kernel -Isrc
UNIT_ARCHIVED := $(LIBKFTP_SOURCES) $(filter-out %/main.c,$(KFTP_SOURCES) $(KFTPD_SOURCES)) $(GENERATOR_SOURCES)
UNIT_ARCHIVE := $(UNIT)/userspace.a
# what several tests share: tests/unit/X.c that is no test itself
UNIT_SHARED := $(filter-out $(UNIT_SOURCES),$(wildcard tests/unit/*.c))
UNIT_SHARED_ARCHIVE := $(UNIT)/shared.a

unit: $(UNIT_TESTS)

$(UNIT)/obj/userspace/%.o: userspace/%.c | $(US_HEADERS)
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(CC) $(US_CPPFLAGS) $(LIBKFTP_PC_CFLAGS) $(SYSTEMD_PC_CFLAGS) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(UNIT)/obj/src/%.o: src/%.c
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(CC) $(UNIT_KERNEL_CPPFLAGS) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(UNIT_ARCHIVE): $(UNIT_ARCHIVED:%.c=$(UNIT)/obj/%.o)
	$(call SAY,AR)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(UNIT_SHARED_ARCHIVE): $(UNIT_SHARED:tests/unit/%.c=$(UNIT)/obj/%.o)
	$(call SAY,AR)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(UNIT_USER_TESTS:$(UNIT)/%=$(UNIT)/obj/%.o) $(UNIT_SHARED:tests/unit/%.c=$(UNIT)/obj/%.o): $(UNIT)/obj/%.o: tests/unit/%.c | $(US_HEADERS)
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(CC) $(US_CPPFLAGS) $(LIBKFTP_PC_CFLAGS) $(SYSTEMD_PC_CFLAGS) $(CMOCKA_PC_CFLAGS) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(UNIT_USER_TESTS): $(UNIT)/%: $(UNIT)/obj/%.o $(UNIT_SHARED_ARCHIVE) $(UNIT_ARCHIVE)
	$(call SAY,LD)
	$(Q)$(CC) $(UNIT_CFLAGS) -o $@ $^ $(LIBKFTP_PC_LIBS) $(SYSTEMD_PC_LIBS) $(CMOCKA_PC_LIBS)

$(UNIT_KERNEL_TESTS:$(UNIT)/%=$(UNIT)/obj/%.o): $(UNIT)/obj/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(CC) $(UNIT_KERNEL_CPPFLAGS) $(CMOCKA_PC_CFLAGS) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(UNIT_KERNEL_TESTS): $(UNIT)/test-%: $(UNIT)/obj/test-%.o $(UNIT)/obj/src/%.o
	$(call SAY,LD)
	$(Q)$(CC) $(UNIT_CFLAGS) -o $@ $^ $(CMOCKA_PC_LIBS)

# It measures the daemon as it is installed.
$(UNIT)/test-many-jobs: | $(KFTPD)

# The daemon's threads under ThreadSanitizer, which does not go together with the others.
UNIT_TSAN := test-manager test-manager-mirror test-queue test-recovery
.PHONY: check-tsan
check-tsan:
	$(MAKE) B=$(B)/tsan SANITIZE=-fsanitize=thread $(UNIT_TSAN:%=$(B)/tsan/unit/%)
	tests/run-cmocka $(B)/results/tsan 300 $(UNIT_TSAN:%=$(B)/tsan/unit/%)

# ---- Installation ---------------------------------------------------------------------------------

install: install-userspace
install-userspace: userspace
	install -D -m 0755 $(KFTP) $(DESTDIR)$(BINDIR)/kftp
	$(if $(KFTPD),install -D -m 0755 $(KFTPD) $(DESTDIR)$(SBINDIR)/kftpd)
	install -D -m 0644 packaging/completions/kftp.bash $(DESTDIR)$(BASHCOMPDIR)/kftp
	install -D -m 0644 packaging/completions/_kftp $(DESTDIR)$(ZSHCOMPDIR)/_kftp
	for page in $(wildcard man/*.[1-8]); do \
		install -D -m 0644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit 1; \
	done

-include $(shell find $(US) $(UNIT) -name '*.d' 2>/dev/null)
