/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the fuzzers share. */

#include <stddef.h>
#include <stdint.h>

/* libFuzzer calls this with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/*
 * To be called first with each input: ends the program once it has used the seconds of processor time in
 * FUZZ_CPU_SECONDS. libFuzzer's own limit is by the clock, which on a busy machine says little.
 */
void fuzz_spend(void);

/* What does not hold is a finding, in builds of whatever kind. */
#define FUZZ_CHECK(condition)                                                                   \
        do {                                                                                    \
                if (!(condition))                                                               \
                        fuzz_fail(#condition, __FILE__, __LINE__);                              \
        } while (0)

_Noreturn void fuzz_fail(const char *condition, const char *file, int line);
