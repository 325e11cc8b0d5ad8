# SPDX-License-Identifier: GPL-2.0-or-later
# The sanitizer tier: kernels of our own with KASAN, UBSAN, lockdep, kmemleak and the hung-task detector.
#
#   make check-sanitize         on User Mode Linux; FLAVOURS="um x86": on both
#   make check-sanitize-x86     on a PC with several processors and preemption, far slower, by hand
#   make check-sanitize-self    shows that each sanitizer's report fails the tier, by hand

FLAVOURS ?= um

STORM := $(B)/tests/sanitize/storm
$(STORM): tests/sanitize/storm.c tests/sanitize/storm-server.c tests/sanitize/storm-tls.c tests/sanitize/storm.h src/uapi/kftp.h
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -Isrc -Itests/sanitize $(CPPFLAGS) $(DT_CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^)

.PHONY: check-sanitize check-sanitize-x86 check-sanitize-self
check-sanitize: all device-tests test-servers $(STORM)
	@for flavour in $(FLAVOURS); do tests/sanitize/run $$flavour $(ARGS); done
	tests/summary $(B)/results $(FLAVOURS:%=sanitize-%)

check-sanitize-x86: FLAVOURS := x86
check-sanitize-x86: check-sanitize

check-sanitize-self:
	tests/sanitize/self-test $(FLAVOURS)
