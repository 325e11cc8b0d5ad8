// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Dates and times as listings have them. The calendar is counted here: timegm() takes a 31st of February
 * for a 2nd of March.
 */

#include <ctype.h>

#include "list.h"
#include "util.h"

#define SEC_PER_DAY INT64_C(86400)
#define YEARS_BACK 8                    /* from one 29th of February to the one before, over 1900 or 2100 */

static bool is_leap(int year) {
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month) {
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

        return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to a date of the Gregorian calendar: years are counted from March on. */
static int64_t days_from_date(int year, int month, int day) {
        int64_t y = month <= 2 ? year - 1 : year;
        int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

        return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static int year_of(int64_t now) {
        int year = (int) (1970 + now / (SEC_PER_DAY * 366));

        while (days_from_date(year + 1, 1, 1) * SEC_PER_DAY <= now)
                year++;
        return year;
}

int64_t kftp_list_time(const KftpListTime *t) {
        if (t->year < 1 || t->year > 9999 || t->month < 1 || t->month > 12)
                return KFTP_MTIME_UNKNOWN;
        if (t->day < 1 || t->day > days_of_month(t->year, t->month))
                return KFTP_MTIME_UNKNOWN;
        /* 60 is a leap second */
        if (t->hour < 0 || t->hour > 23 || t->minute < 0 || t->minute > 59 || t->second < 0 || t->second > 60)
                return KFTP_MTIME_UNKNOWN;
        return days_from_date(t->year, t->month, t->day) * SEC_PER_DAY + t->hour * 3600 + t->minute * 60 + t->second;
}

int64_t kftp_list_time_guess_year(const KftpListTime *t, int64_t now) {
        KftpListTime guess = *t;

        /* It may be New Year's Day there already. */
        guess.year = year_of(MAX2(now, INT64_C(0)) + SEC_PER_DAY);
        for (int i = 0; i <= YEARS_BACK; i++, guess.year--) {
                int64_t time = kftp_list_time(&guess);

                if (time != KFTP_MTIME_UNKNOWN && time <= now + SEC_PER_DAY)
                        return time;
        }
        return KFTP_MTIME_UNKNOWN;
}

int64_t kftp_list_local_time(const KftpListTime *t, const KftpListContext *context) {
        int64_t time = kftp_list_time(t);

        return time == KFTP_MTIME_UNKNOWN ? time : time - context->utc_offset;
}

int64_t kftp_list_local_time_guess_year(const KftpListTime *t, const KftpListContext *context) {
        int64_t time = kftp_list_time_guess_year(t, context->now + context->utc_offset);

        return time == KFTP_MTIME_UNKNOWN ? time : time - context->utc_offset;
}

static int digits(const char *text, size_t n) {
        uint64_t value = 0;

        (void) kftp_list_number(text, n, &value);
        return (int) value;
}

int64_t kftp_list_time_val(const char *text, size_t n) {
        size_t length = 0, year = 4;
        KftpListTime t;

        while (length < n && isdigit((unsigned char) text[length]))
                length++;
        if (length < n && text[length] != '.')
                return KFTP_MTIME_UNKNOWN;
        /* A server that prints "19%d" and the years since 1900: 2003 became 19103. */
        if (length == 15 && text[0] == '1' && text[1] == '9')
                year = 5;
        if (length != year + 10)
                return KFTP_MTIME_UNKNOWN;
        t = (KftpListTime) {
                .year = year == 5 ? 1900 + digits(text + 2, 3) : digits(text, 4),
                .month = digits(text + year, 2),
                .day = digits(text + year + 2, 2),
                .hour = digits(text + year + 4, 2),
                .minute = digits(text + year + 6, 2),
                .second = digits(text + year + 8, 2),
        };
        return kftp_list_time(&t);
}
