// SPDX-License-Identifier: GPL-2.0-or-later
/* The values of options that are about jobs, checked and stored. */

#include "job-value.h"
#include "option-values.h"
#include "options.h"
#include "util.h"
#include "when.h"

#define WIDTH_MIN 20
#define WIDTH_MAX 10000
#define LINES_MAX 1000000

int option_width(const char *name, const char *text, void *where, char **error) {
        if (job_parse_unsigned(text, WIDTH_MIN, WIDTH_MAX, where) < 0)
                return option_complain(error, "--%s=%s: not a number between %u and %u", name, text, WIDTH_MIN, WIDTH_MAX);
        return 0;
}

int option_lines(const char *name, const char *text, void *where, char **error) {
        OptionalLines *lines = where;

        if (job_parse_unsigned(text, 0, LINES_MAX, &lines->n) < 0)
                return option_complain(error, "--%s=%s: not a number between 0 and %u", name, text, LINES_MAX);
        lines->given = true;
        return 0;
}

int option_time(const char *name, const char *text, void *where, char **error) {
        if (when_parse(text, when_now(), where) < 0)
                return option_complain(error, "--%s=%s: not a time, as in 2026-11-23, \"2026-11-23 06:00\", 06:00, yesterday or -2h", name, text);
        return 0;
}

int option_result(const char *name, const char *text, void *where, char **error) {
        static const char *const results[] = { "done", "failed", "cancelled" };

        for (size_t i = 0; i < ELEMENTS(results); i++)
                if (streq(text, results[i])) {
                        *(const char **) where = text;
                        return 0;
                }
        return option_complain(error, "--%s=%s: not done, failed or cancelled", name, text);
}
