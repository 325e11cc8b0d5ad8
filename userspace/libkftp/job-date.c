/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "{date-1d:%Y%m%d}": dates in the values of job files, taken apart, and put in. Days, weeks, months and years are those of
 * the calendar, so that yesterday is yesterday also when the clocks are changed; hours and less are time that passes.
 */

#include <ctype.h>

#include "job-date.h"
#include "util.h"

#define BEGIN "{date"
#define DIGITS_MAX 5U
#define OFFSET_DAYS_MAX 36600           /* a century */
#define SPECIFIERS "YmdHMSjyVGu"

typedef struct DateOffset {
        int months;
        int days;
        int seconds;
} DateOffset;

typedef struct DateField {
        int sign;                       /* of the offset */
        DateOffset offset;
        const char *format;
        size_t format_n;
} DateField;

static const struct {
        const char *name;
        DateOffset offset;
} units[] = {
        { "s", { .seconds = 1 } },
        { "sec", { .seconds = 1 } },
        { "second", { .seconds = 1 } },
        { "seconds", { .seconds = 1 } },
        { "m", { .seconds = 60 } },
        { "min", { .seconds = 60 } },
        { "minute", { .seconds = 60 } },
        { "minutes", { .seconds = 60 } },
        { "h", { .seconds = 3600 } },
        { "hr", { .seconds = 3600 } },
        { "hour", { .seconds = 3600 } },
        { "hours", { .seconds = 3600 } },
        { "d", { .days = 1 } },
        { "day", { .days = 1 } },
        { "days", { .days = 1 } },
        { "w", { .days = 7 } },
        { "week", { .days = 7 } },
        { "weeks", { .days = 7 } },
        { "M", { .months = 1 } },
        { "month", { .months = 1 } },
        { "months", { .months = 1 } },
        { "y", { .months = 12 } },
        { "year", { .months = 12 } },
        { "years", { .months = 12 } },
};

/* ---- Reading ------------------------------------------------------------------------------------ */

/* Adds number times a unit; false if that is too far away. */
static bool add_offset(DateOffset *sum, int number, const DateOffset *unit) {
        int64_t months = sum->months + (int64_t) number * unit->months, days = sum->days + (int64_t) number * unit->days;
        int64_t seconds = sum->seconds + (int64_t) number * unit->seconds;

        if (months * 31 + days + seconds / 86400 > OFFSET_DAYS_MAX)
                return false;
        *sum = (DateOffset) { (int) months, (int) days, (int) seconds };
        return true;
}

static const DateOffset *find_unit(const char *text, size_t n) {
        for (size_t i = 0; i < ELEMENTS(units); i++)
                if (strlen(units[i].name) == n && memcmp(units[i].name, text, n) == 0)
                        return &units[i].offset;
        return NULL;
}

/* "1d 12h": returns where it ends, or NULL with *at at what does not fit. */
static const char *read_offset(const char *s, DateField *f, const char **at, const char **why) {
        do {
                const DateOffset *unit;
                size_t n = strspn(s, "0123456789");
                int number = n > 0 && n <= DIGITS_MAX ? atoi(s) : 0;

                *at = s;
                *why = n > 0 ? "the offset of a date is at most a century" : "the offset of a date is a number with a unit, as in {date-1d:%Y%m%d}";
                if (n == 0 || n > DIGITS_MAX)
                        return NULL;
                s += n + strspn(s + n, " \t");
                for (n = 0; isalpha((unsigned char) s[n]); n++)
                        ;
                unit = find_unit(s, n);
                if (!unit) {
                        *at = s;
                        *why = "no unit of time: write s, min, h, d, w, month or y";
                        return NULL;
                }
                if (!add_offset(&f->offset, number, unit))
                        return NULL;
                s += n + strspn(s + n, " \t");
        } while (*s && *s != ':' && *s != '}');
        return s;
}

static const char *read_format(const char *s, DateField *f, const char **at, const char **why) {
        bool something = false;

        for (f->format = s; *s != '}'; s++) {
                *at = s;
                *why = *s == '{' ? "a brace within the format of a date" : "the date has no end: close it with a brace";
                if (!*s || *s == '{')
                        return NULL;
                if (*s != '%')
                        continue;
                *why = "not one of %Y %m %d %H %M %S %j %y %V %G %u, which is what a date may have";
                s++;
                if (!*s || !strchr(SPECIFIERS "%", *s))
                        return NULL;
                something |= *s != '%';
        }
        f->format_n = (size_t) (s - f->format);
        *at = f->format;
        *why = "the format of a date has something of it, such as %Y%m%d";
        return something ? s + 1 : NULL;
}

/* What is behind the opening brace at s, or NULL with *at at what is wrong, and why. */
static const char *read_date(const char *s, DateField *f, const char **at, const char **why) {
        *f = (DateField) {};
        *at = s;
        *why = "a brace begins a date, as in {date:%Y%m%d}: write {{ for a brace";
        if (!startswith(s, BEGIN))
                return NULL;
        s += strlen(BEGIN);
        if (*s == '+' || *s == '-') {
                f->sign = *s == '-' ? -1 : 1;
                s = read_offset(s + 1, f, at, why);
                if (!s)
                        return NULL;
        }
        if (*s != ':') {
                *at = s;
                *why = "a colon and a format are to follow, as in {date:%Y%m%d}";
                return NULL;
        }
        return read_format(s + 1, f, at, why);
}

int job_date_check(const char *text, size_t *ret_at, const char **ret_why) {
        const char *at = NULL;
        int found = 0;

        for (const char *s = strchr(text, '{'); s; s = strchr(s, '{')) {
                DateField f;

                if (s[1] == '{') {
                        s += 2;
                        continue;
                }
                s = read_date(s, &f, &at, ret_why);
                if (!s) {
                        *ret_at = (size_t) (at - text);
                        return -EINVAL;
                }
                found = 1;
        }
        return found;
}

/* ---- Writing ------------------------------------------------------------------------------------ */

static int days_of_month(int year, int month) {
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return days[month] + (leap && month == 1);
}

/* A month before the 31st of March is the last of February, not some day of March. */
static void add_months(struct tm *tm, int months) {
        int month = tm->tm_year * 12 + tm->tm_mon + months;

        tm->tm_year = month / 12 - (month % 12 < 0);
        tm->tm_mon = month - tm->tm_year * 12;
        tm->tm_mday = MIN2(tm->tm_mday, days_of_month(tm->tm_year + 1900, tm->tm_mon));
}

static struct tm moment_of(const DateField *f, int64_t when) {
        time_t t = when;
        struct tm tm = {};

        if (f->offset.months != 0 || f->offset.days != 0) {
                (void) localtime_r(&t, &tm);
                add_months(&tm, f->sign * f->offset.months);
                tm.tm_mday += f->sign * f->offset.days;
                tm.tm_isdst = -1;
                t = mktime(&tm);
        }
        t += f->sign * f->offset.seconds;
        (void) localtime_r(&t, &tm);
        return tm;
}

static void put_specifier(FILE *out, char specifier, const struct tm *tm) {
        char text[16] = "";

        switch (specifier) {
        case 'Y':
                fprintf(out, "%04d", tm->tm_year + 1900);
                break;
        case 'y':
                fprintf(out, "%02d", ((tm->tm_year + 1900) % 100 + 100) % 100);
                break;
        case 'm':
                fprintf(out, "%02d", tm->tm_mon + 1);
                break;
        case 'd':
                fprintf(out, "%02d", tm->tm_mday);
                break;
        case 'H':
                fprintf(out, "%02d", tm->tm_hour);
                break;
        case 'M':
                fprintf(out, "%02d", tm->tm_min);
                break;
        case 'S':
                fprintf(out, "%02d", tm->tm_sec);
                break;
        case 'j':
                fprintf(out, "%03d", tm->tm_yday + 1);
                break;
        case 'V':
                (void) strftime(text, sizeof(text), "%V", tm);
                fputs(text, out);
                break;
        case 'G':
                (void) strftime(text, sizeof(text), "%G", tm);
                fputs(text, out);
                break;
        case 'u':
                fprintf(out, "%d", tm->tm_wday == 0 ? 7 : tm->tm_wday);
                break;
        }
}

static void put_literal(FILE *out, char c, bool url) {
        unsigned char byte = (unsigned char) c;

        if (!url || (isascii(byte) && (isalnum(byte) || strchr("-._~/:", byte))))
                fputc(c, out);
        else
                fprintf(out, "%%%02X", byte);
}

static void put_date(FILE *out, const DateField *f, int64_t when, bool url) {
        struct tm tm = moment_of(f, when);

        for (size_t i = 0; i < f->format_n; i++)
                if (f->format[i] != '%')
                        put_literal(out, f->format[i], url);
                else if (f->format[++i] == '%')
                        put_literal(out, '%', url);
                else
                        put_specifier(out, f->format[i], &tm);
}

char *job_date_expand(const char *text, int64_t when, bool url) {
        char *expanded = NULL;
        size_t n;
        FILE *out = open_memstream(&expanded, &n);
        bool bad;

        if (!out)
                return NULL;
        tzset();                /* a service sees that the machine has another time zone now */
        for (const char *s = text; *s;) {
                const char *at, *why;
                DateField f;

                if (*s != '{')
                        fputc(*s++, out);
                else if (s[1] == '{') {
                        put_literal(out, '{', url);
                        s += 2;
                } else {
                        s = read_date(s, &f, &at, &why);
                        if (!s)
                                break;
                        put_date(out, &f, when, url);
                }
        }
        bad = ferror(out);
        if (fclose(out) != 0 || bad) {
                free(expanded);
                return NULL;
        }
        return expanded;
}
