// SPDX-License-Identifier: GPL-2.0-or-later
/* Moments: how they are shown, relative to now or not, and how they are typed. */

#include <inttypes.h>

#include "job-value.h"
#include "util.h"
#include "when.h"

#define MINUTE UINT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define WEEK (7 * DAY)
#define MONTH (2629800U)                /* a twelfth of a year of 365.25 days */
#define YEAR (12 * MONTH)

uint64_t when_now(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / NSEC_PER_USEC;
}

/* ---- Spans ------------------------------------------------------------------------------------- */

static const struct {
        uint64_t seconds;
        const char *one, *many, *brief;
} units[] = {
        { YEAR,   " year",  " years",  "y"   },
        { MONTH,  " month", " months", "mon" },
        { WEEK,   " week",  " weeks",  "w"   },
        { DAY,    " day",   " days",   "d"   },
        { HOUR,   "h",      "h",       "h"   },
        { MINUTE, "min",    "min",     "min" },
        { 1,      "s",      "s",       "s"   },
};

static size_t largest_unit(uint64_t seconds) {
        size_t i = 0;

        while (i + 1 < ELEMENTS(units) && seconds < units[i].seconds)
                i++;
        return i;
}

char *when_relative(char *buffer, uint64_t t, uint64_t now) {
        uint64_t seconds = (t > now ? t - now : now - t) / USEC_PER_SEC, n, rest = 0;
        size_t i = largest_unit(seconds);
        const char *tail = t > now ? "left" : "ago";

        n = seconds / units[i].seconds;
        /* seconds tell nothing of what is five minutes away, nor days of years */
        if (i + 1 < ELEMENTS(units) && !(units[i].seconds == MINUTE && n >= 5) && !(units[i].seconds == DAY && n >= 2))
                rest = seconds % units[i].seconds / units[i + 1].seconds;
        if (seconds == 0)
                (void) snprintf(buffer, WHEN_MAX, "now");
        else if (rest > 0)
                (void) snprintf(buffer, WHEN_MAX, "%" PRIu64 "%s %" PRIu64 "%s %s", n, n == 1 ? units[i].one : units[i].many,
                                rest, rest == 1 ? units[i + 1].one : units[i + 1].many, tail);
        else
                (void) snprintf(buffer, WHEN_MAX, "%" PRIu64 "%s %s", n, n == 1 ? units[i].one : units[i].many, tail);
        return buffer;
}

char *when_brief(char *buffer, uint64_t t, uint64_t now) {
        uint64_t seconds = (t > now ? t - now : now - t) / USEC_PER_SEC;
        size_t i = largest_unit(seconds);
        uint64_t n = seconds / units[i].seconds;

        if (seconds == 0)
                (void) snprintf(buffer, WHEN_MAX, "now");
        else if (t > now)
                (void) snprintf(buffer, WHEN_MAX, "in %" PRIu64 "%s", n, units[i].brief);
        else
                (void) snprintf(buffer, WHEN_MAX, "%" PRIu64 "%s ago", n, units[i].brief);
        return buffer;
}

/* ---- Points ------------------------------------------------------------------------------------ */

typedef enum Form { CLOCK, DATE, STAMP, FULL } Form;

static char *format(char *buffer, Form form, uint64_t t) {
        time_t seconds = (time_t) (t / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm) ||
            strftime(buffer, WHEN_MAX, form == CLOCK ? "%a %H:%M" : form == DATE ? "%Y-%m-%d" :
                     form == STAMP ? "%Y-%m-%d %H:%M:%S" : "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                (void) snprintf(buffer, WHEN_MAX, "@%" PRIu64, t / USEC_PER_SEC);
        return buffer;
}

char *when_clock(char *buffer, uint64_t t, uint64_t now) {
        uint64_t distance = (t > now ? t - now : now - t) / USEC_PER_SEC;

        return format(buffer, distance < 6 * DAY ? CLOCK : DATE, t);
}

char *when_stamp(char *buffer, uint64_t t) {
        return format(buffer, STAMP, t);
}

char *when_full(char *buffer, uint64_t t) {
        return format(buffer, FULL, t);
}

/* ---- As they are typed -------------------------------------------------------------------------- */

static int from_tm(struct tm *tm, uint64_t *ret) {
        time_t t;

        tm->tm_isdst = -1;
        t = mktime(tm);
        if (t < 0)
                return -EINVAL;
        *ret = (uint64_t) t * USEC_PER_SEC;
        return 0;
}

/* The midnight that begins the day so many days from now. */
static int midnight(uint64_t now, int days, uint64_t *ret) {
        time_t seconds = (time_t) (now / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm))
                return -EINVAL;
        tm.tm_mday += days;
        tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
        return from_tm(&tm, ret);
}

/* "-2h", "2h ago" */
static int parse_ago(const char *text, uint64_t now, uint64_t *ret) {
        _cleanup_free_ char *span = NULL;
        size_t n = strlen(text), at;
        uint64_t usec;

        if (text[0] == '-')
                span = strdup(text + 1);
        else if (n > strlen(" ago") && streq(text + n - strlen(" ago"), " ago"))
                span = strndup(text, n - strlen(" ago"));
        if (!span || job_parse_timespan(span, &usec, &at) < 0 || usec > now)
                return -EINVAL;
        *ret = now - usec;
        return 0;
}

/* strptime alone takes "2026-13-99" for nothing, but "6:7" and blanks for something; what is normalised away is a typing error. */
static int parse_point(const char *text, uint64_t now, uint64_t *ret) {
        static const char *const patterns[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M" };
        time_t seconds = (time_t) (now / USEC_PER_SEC);
        struct tm tm, given;

        for (size_t i = 0; i < ELEMENTS(patterns); i++) {
                const char *end;

                if (!localtime_r(&seconds, &tm))
                        return -EINVAL;
                tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
                end = strptime(text, patterns[i], &tm);
                if (!end || *end)
                        continue;
                given = tm;
                if (from_tm(&tm, ret) < 0 || tm.tm_mday != given.tm_mday || tm.tm_mon != given.tm_mon)
                        return -EINVAL;
                return 0;
        }
        return -EINVAL;
}

int when_parse(const char *text, uint64_t now, uint64_t *ret) {
        static const char *const days[] = { "yesterday", "today", "tomorrow" };
        unsigned long long seconds;
        char *end;

        if (streq(text, "now")) {
                *ret = now;
                return 0;
        }
        for (int i = 0; i < (int) ELEMENTS(days); i++)
                if (streq(text, days[i]))
                        return midnight(now, i - 1, ret);
        if (text[0] == '@' && text[1] >= '0' && text[1] <= '9') {
                errno = 0;
                seconds = strtoull(text + 1, &end, 10);
                if (errno > 0 || *end || seconds > INT64_MAX / USEC_PER_SEC)
                        return -EINVAL;
                *ret = seconds * USEC_PER_SEC;
                return 0;
        }
        return parse_ago(text, now, ret) < 0 ? parse_point(text, now, ret) : 0;
}
