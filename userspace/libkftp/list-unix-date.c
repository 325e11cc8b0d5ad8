// SPDX-License-Identifier: LGPL-2.1-or-later
/* The size and the date of a line of "ls -l", in the forms that systems, locales and imitations give them. */

#include <ctype.h>

#include "list.h"
#include "util.h"

#define MINUTE 60
#define DAY 86400

static bool number(KftpListWord w, uint64_t *ret) {
        return kftp_list_number(w.text, w.n, ret);
}

/* ---- Parts ----------------------------------------------------------------------------------- */

/* "03:04", "3:04", "03:04:05", "03:04:05.678" */
static bool time_of_day(KftpListWord w, KftpListTime *t, uint32_t *precision) {
        return memchr(w.text, ':', w.n) && !isalpha((unsigned char) w.text[w.n - 1]) && kftp_list_time_word(w, t, precision);
}

/* "2024" */
static bool year(KftpListWord w, KftpListTime *t) {
        uint64_t value;

        if (w.n != 4 || !number(w, &value) || value < 1900)
                return false;
        t->year = (int) value;
        return true;
}

/* "2", "02", "2.", "2," */
static bool day(KftpListWord w, KftpListTime *t) {
        if (w.n > 1 && (w.text[w.n - 1] == '.' || w.text[w.n - 1] == ','))
                w.n--;
        t->day = kftp_list_small_number(w.text, w.n, 1, 31);
        return t->day > 0;
}

/* ---- Whole dates ----------------------------------------------------------------------------- */

/*
 * What follows day and month: a time, and the year is to be guessed; or a year; or a time with seconds and a year
 * (ls -lT). Returns how many words that are.
 */
static size_t time_or_year(const KftpListWord *w, size_t n, KftpListTime *t, KftpListContext *c, KftpEntry *e) {
        e->mtime_precision = DAY;
        if (n > 0 && year(w[0], t)) {
                e->mtime = kftp_list_local_time(t, c);
                return 1;
        }
        if (n == 0 || !time_of_day(w[0], t, &e->mtime_precision))
                return 0;
        if (e->mtime_precision == 1 && n > 1 && year(w[1], t)) {
                e->mtime = kftp_list_local_time(t, c);
                return 2;
        }
        e->mtime = kftp_list_local_time_guess_year(t, c);
        return 1;
}

/* "Jan 2 03:04", "Jan 2 2024", "2 Jan 2024", "Jan 2 03:04:05 2024" */
static size_t month_and_day(const KftpListWord *w, size_t n, KftpListContext *c, KftpEntry *e) {
        KftpListTime t = {};
        size_t words;

        /* Names of months are many: they are looked up only where one may be. */
        if (n < 3 || (!isdigit((unsigned char) w[0].text[0]) && !isdigit((unsigned char) w[1].text[0])))
                return 0;
        t.month = kftp_list_month(w[0].text, w[0].n);
        if (t.month > 0 ? !day(w[1], &t) : !day(w[0], &t) || (t.month = kftp_list_month(w[1].text, w[1].n)) == 0)
                return 0;
        words = time_or_year(w + 2, n - 2, &t, c, e);
        return words > 0 ? 2 + words : 0;
}

/* A number and, unless bare, the character that says what it is of: "3月". The rest of the word is left. */
static bool with_unit(KftpListWord *w, bool bare, uint64_t *ret) {
        size_t digits = 0, unit;

        while (digits < w->n && isdigit((unsigned char) w->text[digits]))
                digits++;
        if (digits > 4 || !kftp_list_number(w->text, digits, ret))
                return false;
        unit = digits;
        /* Of the two bytes of a Chinese, Japanese or Korean character the second one may be ASCII. */
        if (unit < w->n && (unsigned char) w->text[unit] >= 0x80)
                for (unit++; unit < w->n && !isdigit((unsigned char) w->text[unit]); )
                        unit++;
        if (unit == digits && !(bare && digits == w->n))
                return false;
        w->text += unit;
        w->n -= unit;
        return true;
}

/* "3月 10日 12:00", "3月10日 2024年", "2024年 3月 10日", "3月 10 2024" */
static size_t with_units(const KftpListWord *w, size_t n, KftpListContext *c, KftpEntry *e) {
        uint64_t field[3] = {};
        KftpListTime t = {};
        size_t words = 0, fields = 0, more;
        KftpListWord rest = {};

        while (fields < 3 && (rest.n > 0 || words < n)) {
                KftpListWord next = rest.n > 0 ? rest : w[words];

                if (!with_unit(&next, fields > 0, &field[fields]))
                        break;
                if (rest.n == 0)
                        words++;
                rest = next;
                /* What is no year in front is month and day, and what follows is as elsewhere. */
                if (++fields == 2 && field[0] < 100)
                        break;
        }
        if (rest.n > 0 || fields < 2)
                return 0;
        if (fields == 3)
                t = (KftpListTime) { .year = (int) field[0], .month = (int) field[1], .day = (int) field[2] };
        else
                t = (KftpListTime) { .month = (int) field[0], .day = (int) field[1] };
        if (t.month < 1 || t.month > 12 || t.day < 1 || t.day > 31)
                return 0;
        if (fields < 3) {
                KftpListWord last = words < n ? w[words] : rest;
                uint64_t value;

                more = time_or_year(w + words, n - words, &t, c, e);
                if (more > 0)
                        return words + more;
                if (!with_unit(&last, false, &value) || last.n > 0)
                        return 0;
                t.year = (int) value;
                words++;
        }
        e->mtime_precision = DAY;
        if (fields == 3 && words < n && time_of_day(w[words], &t, &e->mtime_precision))
                words++;
        e->mtime = kftp_list_local_time(&t, c);
        return words;
}

static bool zone(KftpListWord w, int64_t *ret) {
        uint64_t value;

        if (w.n != 5 || (w.text[0] != '+' && w.text[0] != '-') || !kftp_list_number(w.text + 1, 4, &value))
                return false;
        *ret = ((int64_t) (value / 100) * 60 + (int64_t) (value % 100)) * 60;
        if (w.text[0] == '-')
                *ret = -*ret;
        return true;
}

/* "2024-01-02 03:04", "2024-01-02 03:04:05.678 +0100", "2024-01-02", "02.01.2024 03:04", "2-jan-2024" */
static size_t one_word(const KftpListWord *w, size_t n, KftpListContext *c, KftpEntry *e) {
        KftpListTime t = {};
        int64_t offset;
        size_t words = 1;

        /* Of numbers of two digits each nobody would know which is the year. */
        if (n < 1 || w->n < 8 || !kftp_list_date_word(w[0], c, &t) || t.month < 1 || t.month > 12 || t.day < 1 || t.day > 31)
                return 0;
        if (n > 1 && time_of_day(w[1], &t, &e->mtime_precision))
                words++;
        else {
                t.hour = t.minute = t.second = 0;
                e->mtime_precision = DAY;
        }
        if (words == 2 && n > 2 && zone(w[2], &offset)) {
                e->mtime = kftp_list_time(&t);
                if (e->mtime != KFTP_MTIME_UNKNOWN)
                        e->mtime -= offset;
                return words + 1;
        }
        e->mtime = kftp_list_local_time(&t, c);
        return words;
}

/* "01-02 03:04" (ls --time-style=iso), "01-02 2024", "02-jan 2024" */
static size_t without_year(const KftpListWord *w, size_t n, KftpListContext *c, KftpEntry *e) {
        const char *dash = n < 2 ? NULL : memchr(w->text, '-', w->n);
        size_t left = dash ? (size_t) (dash - w->text) : 0, words;
        KftpListTime t = {};

        if (!dash)
                return 0;
        t.month = w->n == 5 && left == 2 ? kftp_list_small_number(w->text, 2, 1, 12) : -1;
        t.day = t.month > 0 ? kftp_list_small_number(w->text + 3, 2, 1, 31) : kftp_list_small_number(w->text, left, 1, 31);
        if (t.month < 0)
                t.month = kftp_list_month(dash + 1, w->n - left - 1);
        if (t.month == 0 || t.day < 0)
                return 0;
        words = time_or_year(w + 1, n - 1, &t, c, e);
        return words > 0 ? 1 + words : 0;
}

/* How many words are a date; 0: they are none. */
static size_t date(const KftpListWord *w, size_t n, KftpListContext *c, KftpEntry *e) {
        static size_t (*const forms[])(const KftpListWord *, size_t, KftpListContext *, KftpEntry *) = {
                month_and_day, one_word, without_year, with_units,
        };
        size_t words = 0;

        for (size_t i = 0; words == 0 && i < ELEMENTS(forms); i++)
                words = forms[i](w, n, c, e);
        return words;
}

/* ---- Size and date --------------------------------------------------------------------------- */

/* "8, 1", "8,1": the last word of it */
static bool device_number(KftpListWord w) {
        const char *comma = memchr(w.text, ',', w.n);
        size_t major = comma ? (size_t) (comma - w.text) : 0;
        uint64_t value;

        return comma && kftp_list_number(w.text, major, &value) && kftp_list_number(comma + 1, w.n - major - 1, &value);
}

const char *kftp_list_size_and_date(const KftpListWord *words, size_t n, KftpListContext *context, KftpEntry *e) {
        for (size_t i = 0; i + 1 < n; i++) {
                KftpEntry found = *e;
                size_t length;

                if (!kftp_list_size(words[i], &found.size) && !(e->type == KFTP_ENTRY_OTHER && device_number(words[i])))
                        continue;
                length = date(words + i + 1, n - i - 1, context, &found);
                if (length == 0)
                        continue;
                /* What a device has there is its number. */
                if (e->type == KFTP_ENTRY_OTHER)
                        found.size = KFTP_SIZE_UNKNOWN;
                *e = found;
                return words[i + length].text + words[i + length].n;
        }
        return NULL;
}
