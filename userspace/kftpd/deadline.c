/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Computes deadlines by mktime(3), which knows what days there are of other than 24 hours; see deadline.h. */

#include <time.h>

#include "deadline.h"
#include "util.h"

#define DAYS_MAX 3                      /* that one looks for a day on which it is that time */

/* That time of the local day which is so many days after the day of t. */
static time_t on_day(uint32_t seconds, time_t t, int days) {
        struct tm day, tm;

        (void) localtime_r(&t, &day);
        day.tm_mday += days;
        day.tm_hour = (int) (seconds / 3600);
        day.tm_min = (int) (seconds / 60 % 60);
        day.tm_sec = (int) (seconds % 60);
        /* Summer time comes first in the night in which it ends; which one mktime takes by itself depends on what it was asked before. */
        for (int summer = 1; summer >= 0; summer--) {
                tm = day;
                tm.tm_isdst = summer;
                t = mktime(&tm);
                if (tm.tm_isdst == summer && tm.tm_hour == day.tm_hour && tm.tm_min == day.tm_min)
                        return t;
        }
        return t;               /* there is none: as winter time */
}

uint64_t deadline_after(uint32_t seconds, uint64_t usec) {
        time_t now = (time_t) (usec / USEC_PER_SEC), t;

        for (int days = 0; (t = on_day(seconds, now, days)) <= now && days < DAYS_MAX; days++)
                ;
        return (uint64_t) t * USEC_PER_SEC;
}

uint64_t deadline_until(uint32_t seconds, uint64_t usec) {
        time_t now = (time_t) (usec / USEC_PER_SEC), t;

        for (int days = 0; (t = on_day(seconds, now, days)) > now && days > -DAYS_MAX; days--)
                ;
        return (uint64_t) t * USEC_PER_SEC;
}

bool deadline_is_missed(uint32_t seconds, uint64_t deadline, uint64_t succeeded_usec) {
        return succeeded_usec <= deadline_until(seconds, deadline - USEC_PER_SEC);
}

void format_local_time(uint64_t usec, char *ret, size_t size) {
        time_t t = (time_t) (usec / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&t, &tm) || strftime(ret, size, "%a %Y-%m-%d %H:%M", &tm) == 0)
                *ret = '\0';
}
