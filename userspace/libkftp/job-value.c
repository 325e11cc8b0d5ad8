/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers, time spans and misspelt words in job files. Nothing here knows which setting it reads.
 */

#include <ctype.h>
#include <strings.h>

#include "job-value.h"
#include "util.h"

#define WORD_MAX 32U                    /* of what is compared with the known words */

static const struct {
        const char *name;
        uint64_t usec;
} units[] = {
        { "us", 1 },
        { "usec", 1 },
        { "ms", USEC_PER_MSEC },
        { "msec", USEC_PER_MSEC },
        { "s", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "second", USEC_PER_SEC },
        { "seconds", USEC_PER_SEC },
        { "m", 60 * USEC_PER_SEC },
        { "min", 60 * USEC_PER_SEC },
        { "minute", 60 * USEC_PER_SEC },
        { "minutes", 60 * USEC_PER_SEC },
        { "h", 3600 * USEC_PER_SEC },
        { "hr", 3600 * USEC_PER_SEC },
        { "hour", 3600 * USEC_PER_SEC },
        { "hours", 3600 * USEC_PER_SEC },
        { "d", 86400 * USEC_PER_SEC },
        { "day", 86400 * USEC_PER_SEC },
        { "days", 86400 * USEC_PER_SEC },
        { "w", 7 * 86400 * USEC_PER_SEC },
        { "week", 7 * 86400 * USEC_PER_SEC },
        { "weeks", 7 * 86400 * USEC_PER_SEC },
};

int job_parse_unsigned(const char *text, unsigned min, unsigned max, unsigned *ret) {
        uint64_t value = 0;

        if (!*text)
                return -EINVAL;
        for (const char *c = text; *c; c++) {
                if (!isdigit((unsigned char) *c))
                        return -EINVAL;
                if (value <= max)
                        value = value * 10 + (uint64_t) (*c - '0');
        }
        if (value < min || value > max)
                return -ERANGE;
        *ret = (unsigned) value;
        return 0;
}

static const char *skip_blanks(const char *s) {
        return s + strspn(s, " \t");
}

/* The length in microseconds of the unit at *s, and advances over it; 0 if there is no such unit. */
static uint64_t take_unit(const char **s) {
        const char *start = *s;
        size_t n = 0;

        while (isalpha((unsigned char) start[n]))
                n++;
        if (n == 0)
                return USEC_PER_SEC;
        for (size_t i = 0; i < ELEMENTS(units); i++)
                if (strlen(units[i].name) == n && memcmp(units[i].name, start, n) == 0) {
                        *s += n;
                        return units[i].usec;
                }
        return 0;
}

/* Digits, and behind a point their fraction in millionths. False if there is no digit; saturates. */
static bool take_number(const char **s, uint64_t *ret_whole, uint64_t *ret_millionths) {
        const char *start = *s;
        uint64_t scale = 100000;

        *ret_whole = *ret_millionths = 0;
        for (; isdigit((unsigned char) **s); (*s)++)
                if (*ret_whole < UINT32_MAX)
                        *ret_whole = *ret_whole * 10 + (uint64_t) (**s - '0');
        if (*s == start)
                return false;
        if (**s != '.' || !isdigit((unsigned char) (*s)[1]))
                return true;
        for ((*s)++; isdigit((unsigned char) **s); (*s)++, scale /= 10)
                *ret_millionths += scale * (uint64_t) (**s - '0');
        return true;
}

int job_parse_timespan(const char *text, uint64_t *ret_usec, size_t *ret_at) {
        const char *s = skip_blanks(text);
        uint64_t sum = 0;

        do {
                uint64_t whole, millionths, unit, part;
                const char *unit_at;

                *ret_at = (size_t) (s - text);
                if (!take_number(&s, &whole, &millionths))
                        return -EINVAL;

                unit_at = s = skip_blanks(s);
                unit = take_unit(&s);
                if (unit == 0) {
                        *ret_at = (size_t) (unit_at - text);
                        return -EINVAL;
                }

                if (__builtin_mul_overflow(whole, unit, &part) ||
                    __builtin_add_overflow(part, millionths * unit / USEC_PER_SEC, &part) ||
                    __builtin_add_overflow(sum, part, &sum))
                        return -ERANGE;
                s = skip_blanks(s);
        } while (*s);

        *ret_usec = sum;
        return 0;
}

/* How many letters have to be put in, taken out or exchanged to make b of a, case aside. */
static size_t distance(const char *a, const char *b) {
        size_t row[WORD_MAX + 1], m = strlen(a), n = strlen(b);

        if (m > WORD_MAX || n > WORD_MAX)
                return SIZE_MAX;
        for (size_t j = 0; j <= n; j++)
                row[j] = j;

        for (size_t i = 1; i <= m; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        bool same = tolower((unsigned char) a[i - 1]) == tolower((unsigned char) b[j - 1]);
                        size_t exchanged = diagonal + !same;

                        diagonal = row[j];
                        row[j] = MIN2(exchanged, MIN2(row[j], row[j - 1]) + 1);
                }
        }
        return row[n];
}

const char *job_nearest(const char *text, const char *const *words, size_t n) {
        size_t best = strlen(text) / 3 + 1;     /* more changes than that make another word of it */
        const char *found = NULL;

        for (size_t i = 0; i < n; i++) {
                size_t d = words[i] ? distance(text, words[i]) : SIZE_MAX;

                if (d < best || (d == best && !found)) {
                        best = d;
                        found = words[i];
                }
        }
        return found;
}
