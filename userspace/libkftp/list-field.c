// SPDX-License-Identifier: LGPL-2.1-or-later
/* The fields that lines of listings consist of: words, numbers, and dates and times of one word. */

#include <ctype.h>
#include <strings.h>

#include "list.h"
#include "util.h"

#define MINUTE 60
#define SEC_PER_DAY 86400

/* How much a date speaks against an order. */
#define NO_SUCH_DATE 4
#define IN_THE_FUTURE 1

/* ---- Words ----------------------------------------------------------------------------------- */

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool kftp_list_next_word(const char **p, const char *end, KftpListWord *ret) {
        while (*p < end && is_blank(**p))
                (*p)++;
        ret->text = *p;
        while (*p < end && !is_blank(**p))
                (*p)++;
        ret->n = (size_t) (*p - ret->text);
        return ret->n > 0;
}

size_t kftp_list_words(const char *line, size_t n, KftpListWord *words, size_t max) {
        const char *p = line;
        size_t k = 0;

        while (k < max && kftp_list_next_word(&p, line + n, &words[k]))
                k++;
        return k;
}

bool kftp_list_word_is(KftpListWord w, const char *text) {
        return w.n == strlen(text) && strncasecmp(w.text, text, w.n) == 0;
}

bool kftp_list_begins_with_words(const char *line, size_t n, const char *text) {
        const char *p = line, *q = text;
        KftpListWord word, expected;

        while (kftp_list_next_word(&q, text + strlen(text), &expected))
                if (!kftp_list_next_word(&p, line + n, &word) || word.n != expected.n
                    || strncasecmp(word.text, expected.text, word.n) != 0)
                        return false;
        return true;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

bool kftp_list_number(const char *text, size_t n, uint64_t *ret) {
        uint64_t value = 0;

        if (n == 0)
                return false;
        for (size_t i = 0; i < n; i++) {
                unsigned digit = (unsigned) (unsigned char) text[i] - '0';

                if (digit > 9 || value > (UINT64_MAX - digit) / 10)
                        return false;
                value = value * 10 + digit;
        }
        *ret = value;
        return true;
}

/* "4.0K", "12M", "1,5G" */
static bool is_rounded(KftpListWord w) {
        size_t i = 0;

        while (i < w.n && isdigit((unsigned char) w.text[i]))
                i++;
        if (i > 0 && i + 2 < w.n && (w.text[i] == '.' || w.text[i] == ',') && isdigit((unsigned char) w.text[i + 1]))
                i += 2;
        return i > 0 && i + 1 == w.n && strchr("KMGTkmgt", w.text[i]);
}

bool kftp_list_size(KftpListWord w, uint64_t *ret) {
        if (kftp_list_number(w.text, w.n, ret))
                return true;
        if (!kftp_list_word_is(w, "-") && !is_rounded(w))
                return false;
        *ret = KFTP_SIZE_UNKNOWN;
        return true;
}

int kftp_list_small_number(const char *text, size_t n, int min, int max) {
        uint64_t value;

        if (n > 2 || !kftp_list_number(text, n, &value) || (int) value < min || (int) value > max)
                return -1;
        return (int) value;
}

/* ---- Dates ----------------------------------------------------------------------------------- */

/* As POSIX has it for strptime() */
static int full_year(int year) {
        return year < 69 ? year + 2000 : year + 1900;
}

/* Cuts "a-b-c" into three; false if there are more or fewer, or if the separators differ. */
static bool three_fields(KftpListWord w, KftpListWord f[static 3], char *ret_separator) {
        const char *p = w.text, *end = w.text + w.n;
        char separator = '\0';

        for (unsigned i = 0; i < 3; i++) {
                f[i].text = p;
                while (p < end && !strchr("-/.", *p))
                        p++;
                f[i].n = (size_t) (p - f[i].text);
                if (f[i].n == 0)
                        return false;
                if (i == 2)
                        break;
                if (p == end || (separator && *p != separator))
                        return false;
                separator = *p++;
        }
        *ret_separator = separator;
        return p == end;
}

/* "2-JAN-2024", "Jan-02-24" */
static bool named_month(const KftpListWord f[static 3], KftpListTime *t) {
        unsigned month = isdigit((unsigned char) f[0].text[0]) ? 1 : 0;
        uint64_t year;

        t->month = kftp_list_month(f[month].text, f[month].n);
        t->day = kftp_list_small_number(f[1 - month].text, f[1 - month].n, 1, 31);
        if (t->month == 0 || t->day < 0 || (f[2].n != 2 && f[2].n != 4) || !kftp_list_number(f[2].text, f[2].n, &year))
                return false;
        t->year = f[2].n == 2 ? full_year((int) year) : (int) year;
        return true;
}

static KftpListTime in_order(const int f[static 3], enum kftp_list_order order, bool long_year) {
        static const unsigned char place[KFTP_LIST_ORDERS][3] = {       /* of year, month and day */
                [KFTP_LIST_MONTH_FIRST] = { 2, 0, 1 }, [KFTP_LIST_DAY_FIRST] = { 2, 1, 0 }, [KFTP_LIST_YEAR_FIRST] = { 0, 1, 2 },
        };
        const unsigned char *p = place[order];

        return (KftpListTime) { .year = long_year ? f[p[0]] : full_year(f[p[0]]), .month = f[p[1]], .day = f[p[2]] };
}

/* What speaks against each order: no such day or month, or, less so, a day in the future. */
static void note_orders(KftpListContext *c, const int f[static 3], bool long_year) {
        int64_t latest = c->now + c->utc_offset + SEC_PER_DAY;

        for (enum kftp_list_order i = 0; i < KFTP_LIST_ORDERS; i++) {
                KftpListTime t = in_order(f, i, long_year);
                int64_t time = kftp_list_time(&t);

                if (time == KFTP_MTIME_UNKNOWN || (long_year && i == KFTP_LIST_YEAR_FIRST))
                        c->impossible[i] += NO_SUCH_DATE;
                else if (time > latest)
                        c->impossible[i] += IN_THE_FUTURE;
        }
}

/* Dates with dots are never written month first. */
static enum kftp_list_order order_of(const KftpListContext *c, char separator, bool long_year) {
        if (c->order == KFTP_LIST_YEAR_FIRST && !long_year)
                return KFTP_LIST_YEAR_FIRST;
        return separator == '.' || c->order == KFTP_LIST_DAY_FIRST ? KFTP_LIST_DAY_FIRST : KFTP_LIST_MONTH_FIRST;
}

bool kftp_list_date_word(KftpListWord w, KftpListContext *context, KftpListTime *t) {
        KftpListWord text[3];
        char separator;
        int f[3];

        if (!three_fields(w, text, &separator))
                return false;
        if (named_month(text, t))
                return true;
        for (unsigned i = 0; i < 3; i++) {
                uint64_t value;

                if (text[i].n > (i == 1 ? 2 : 4) || !kftp_list_number(text[i].text, text[i].n, &value))
                        return false;
                f[i] = (int) value;
        }
        if (text[0].n == 4 && text[2].n <= 2) {
                *t = in_order(f, KFTP_LIST_YEAR_FIRST, true);
                return true;
        }
        if (text[0].n > 2 || (text[2].n != 2 && text[2].n != 4))
                return false;
        note_orders(context, f, text[2].n == 4);
        *t = in_order(f, order_of(context, separator, text[2].n == 4), text[2].n == 4);
        return true;
}

/* ---- Times ----------------------------------------------------------------------------------- */

bool kftp_list_half_day(KftpListWord w, KftpListTime *t) {
        if (t->hour < 1 || t->hour > 12)
                return false;
        if (kftp_list_word_is(w, "AM") || kftp_list_word_is(w, "A"))
                t->hour = t->hour == 12 ? 0 : t->hour;
        else if (kftp_list_word_is(w, "PM") || kftp_list_word_is(w, "P"))
                t->hour = t->hour == 12 ? 12 : t->hour + 12;
        else
                return false;
        return true;
}

/* Takes a number of two digits, the first one may have one, from the beginning of the word. */
static int take_field(KftpListWord *w, bool first, int max) {
        size_t n = 0;
        int value;

        while (n < w->n && n < 3 && isdigit((unsigned char) w->text[n]))
                n++;
        value = n == 2 || first ? kftp_list_small_number(w->text, n, 0, max) : -1;
        w->text += n;
        w->n -= n;
        return value;
}

static bool take_separator(KftpListWord *w, char *separator) {
        if (w->n == 0 || (*separator ? w->text[0] != *separator : w->text[0] != ':' && w->text[0] != '.'))
                return false;
        *separator = w->text[0];
        w->text++;
        w->n--;
        return true;
}

bool kftp_list_time_word(KftpListWord w, KftpListTime *t, uint32_t *precision) {
        char separator = '\0';

        t->second = 0;
        t->hour = take_field(&w, true, 23);
        if (t->hour < 0 || !take_separator(&w, &separator))
                return false;
        t->minute = take_field(&w, false, 59);
        if (t->minute < 0)
                return false;
        *precision = MINUTE;
        if (take_separator(&w, &separator)) {
                t->second = take_field(&w, false, 60);
                if (t->second < 0)
                        return false;
                *precision = 1;
                if (w.n > 1 && w.text[0] == '.')
                        for (w.text++, w.n--; w.n > 0 && isdigit((unsigned char) w.text[0]); w.text++)
                                w.n--;
        }
        return w.n == 0 || kftp_list_half_day(w, t);
}
