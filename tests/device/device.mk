# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the tests of the device's contract, which run as root in a guest that has loaded the module:
# build/tests/device/test-X from tests/device/test-X.c and what they share.

DT := $(B)/tests/device
DT_SHARED := $(addprefix $(DT)/,fixture.o fixture-session.o fixture-tls.o peer.o peer-data.o peer-serve.o peer-tls.o states.o slowfs.o tls.o)
DT_TESTS := $(patsubst tests/device/%.c,$(DT)/%,$(wildcard tests/device/test-*.c))
DT_CPPFLAGS := -D_GNU_SOURCE -Isrc -Itests/device
DT_CFLAGS := -std=gnu11 -pthread -g -O1 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 $(WERROR)
# A 32-bit program on a 64-bit kernel, where there is such a thing.
DT_COMPAT := $(if $(filter x86_64-%,$(shell $(CC) -dumpmachine)),$(DT)/compat32)

# The other end of TLS; pkg-config is asked when it is needed, as in userspace.mk.
GNUTLS_PC_CFLAGS = $(call pkg_lazy,GNUTLS_PC_CFLAGS,--cflags gnutls)
GNUTLS_PC_LIBS = $(call pkg_lazy,GNUTLS_PC_LIBS,--libs gnutls)

.PHONY: device-tests
device-tests: $(DT_TESTS) $(DT)/churn $(DT_COMPAT)

$(DT)/%.o: tests/device/%.c
	@mkdir -p $(@D)
	$(CC) $(DT_CPPFLAGS) $(CMOCKA_PC_CFLAGS) $(GNUTLS_PC_CFLAGS) $(CPPFLAGS) $(DT_CFLAGS) -MMD -MP -c -o $@ $<

$(DT_TESTS) $(DT)/churn: $(DT)/%: $(DT)/%.o $(DT_SHARED)
	$(CC) $(DT_CFLAGS) $(LDFLAGS) -o $@ $^ $(CMOCKA_PC_LIBS) $(GNUTLS_PC_LIBS)

# The C library's headers are not there for 32 bits, and not needed.
$(DT)/compat32: tests/device/compat32.c src/uapi/kftp.h tests/unit/uapi-layout.h
	@mkdir -p $(@D)
	$(CC) -m32 -ffreestanding -nostdlib -static -no-pie -fno-pic -fno-stack-protector -isystem /usr/include/$(shell $(CC) -print-multiarch) \
		-Isrc -std=gnu11 -Wall -Wextra $(WERROR) -O1 -o $@ $<

.SECONDARY: $(DT_TESTS:%=%.o) $(DT)/churn.o
-include $(wildcard $(DT)/*.d)
