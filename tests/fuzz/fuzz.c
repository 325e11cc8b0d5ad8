// SPDX-License-Identifier: GPL-2.0-or-later
/* What the fuzzers share: how long they run, and how they fail. */

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define RUNS_BETWEEN_LOOKS 256

void fuzz_spend(void) {
        static unsigned long long runs, limit;
        struct timespec used;

        if (runs == 0) {
                const char *seconds = getenv("FUZZ_CPU_SECONDS");

                limit = seconds ? strtoull(seconds, NULL, 10) : 0;
        }
        if (runs++ % RUNS_BETWEEN_LOOKS || limit == 0)
                return;
        if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0 || (unsigned long long) used.tv_sec < limit)
                return;
        fprintf(stderr, "%llu inputs in %llu s of processor time, no finding\n", runs, limit);
        /* To libFuzzer an exit() is a finding. */
        _exit(EXIT_SUCCESS);
}

_Noreturn void fuzz_fail(const char *condition, const char *file, int line) {
        fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
        abort();
}
