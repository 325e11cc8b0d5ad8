# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzzing, with clang's libFuzzer, under ASan and UBSan. No part of "make check", which replays the corpus.
#
#   make check-fuzz     FUZZ_SECONDS of processor time over all fuzzers; installs clang (as root)

FUZZ := $(B)/fuzz
FUZZ_SECONDS ?= 600
FUZZ_CC ?= clang
FUZZ_CFLAGS := -std=gnu11 -pthread -O1 -g $(US_WARNINGS) -fno-omit-frame-pointer -fno-sanitize-recover=all

FUZZ_LIST := $(filter userspace/libkftp/list.c userspace/libkftp/list-%,$(LIBKFTP_SOURCES)) \
	userspace/libkftp/escape.c userspace/libkftp/utf8.c
FUZZ_MIRROR := $(addprefix userspace/libkftp/,mirror-names.c mirror-glob.c mirror-filter.c mirror-shard.c escape.c utf8.c)
# the parser of jobs needs much of the library
FUZZ_JOB := $(LIBKFTP_SOURCES)
FUZZ_GENERATOR := $(FUZZ_JOB) userspace/generator/unit-text.c
FUZZERS := fuzz-list fuzz-list-line fuzz-mirror fuzz-job fuzz-generator

.PHONY: check-fuzz fuzz-tools fuzz-seeds
check-fuzz: fuzz-seeds
	tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ) $(FUZZ)/bin/fuzz-list:$(FUZZ)/seeds/listings $(FUZZ)/bin/fuzz-list-line:$(FUZZ)/seeds/lines \
		$(FUZZ)/bin/fuzz-mirror:$(FUZZ)/seeds/mirror $(FUZZ)/bin/fuzz-job:$(FUZZ)/seeds/jobs \
		$(FUZZ)/bin/fuzz-generator:$(FUZZ)/seeds/generator

# Tried out, as Debian has the runtime in a package that clang only recommends.
fuzz-tools:
	@mkdir -p $(FUZZ)
	@echo 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { return !p && n; }' > $(FUZZ)/try.c
	@$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $(FUZZ)/try $(FUZZ)/try.c 2>/dev/null || \
		DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends clang libclang-rt-dev

$(FUZZ)/bin/fuzz-list $(FUZZ)/bin/fuzz-list-line: $(FUZZ_LIST:%.c=$(FUZZ)/obj/%.o)
$(FUZZ)/bin/fuzz-mirror: $(FUZZ_MIRROR:%.c=$(FUZZ)/obj/%.o)
$(FUZZ)/bin/fuzz-generator: $(FUZZ_GENERATOR:%.c=$(FUZZ)/obj/%.o)
$(FUZZ)/bin/fuzz-job: $(FUZZ_JOB:%.c=$(FUZZ)/obj/%.o)
$(FUZZ)/bin/fuzz-generator $(FUZZ)/bin/fuzz-job: FUZZ_LIBS = $(LIBKFTP_PC_LIBS)
$(FUZZERS:%=$(FUZZ)/bin/%): $(FUZZ)/bin/%: $(FUZZ)/obj/tests/fuzz/%.o $(FUZZ)/obj/tests/fuzz/fuzz.o
	$(call SAY,LD)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(FUZZ_LIBS)

$(FUZZ)/obj/%.o: %.c | $(US_HEADERS) fuzz-tools
	@mkdir -p $(@D)
	$(call SAY,CC)
	$(Q)$(FUZZ_CC) $(US_CPPFLAGS) $(LIBKFTP_PC_CFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

fuzz-seeds: $(FUZZERS:%=$(FUZZ)/bin/%)
	@rm -rf $(FUZZ)/seeds
	@tests/fuzz/seeds tests/listings $(FUZZ)/seeds/listings $(FUZZ)/seeds/lines $(FUZZ)/seeds/mirror $(FUZZ)/seeds/generator \
		man/kftp.job.5 $(FUZZ)/seeds/jobs

-include $(shell find $(FUZZ)/obj -name '*.d' 2>/dev/null)
