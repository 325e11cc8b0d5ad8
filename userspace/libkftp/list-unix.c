// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of "ls -l", as a great many servers print it or imitate it:
 *
 *     [INODE] [BLOCKS] drwxr-xr-x[+.@] [LINKS] [OWNER] [GROUP] SIZE DATE NAME[ -> TARGET]
 *
 * Which of the columns before the size there are, and how many words each has ("Domain Users"), cannot be
 * known. So the date is looked for: the first words that are one, after a number. The one space after it
 * ends what is not the name.
 */

#include <ctype.h>

#include "list.h"
#include "util.h"

#define PERMISSIONS 10                  /* "drwxr-xr-x" */
#define MAX_WORDS 24                    /* that are looked at */
#define MINUTE 60
#define DAY 86400

typedef struct Word {
        const char *text;
        size_t n;
} Word;

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

/* Splits off the next word; false at the end. */
static bool next_word(const char **p, const char *end, Word *ret) {
        while (*p < end && is_blank(**p))
                (*p)++;
        ret->text = *p;
        while (*p < end && !is_blank(**p))
                (*p)++;
        ret->n = (size_t) (*p - ret->text);
        return ret->n > 0;
}

static bool number(Word w, uint64_t *ret) {
        return kftp_list_number(w.text, w.n, ret);
}

/* A number between min and max of at most two digits, or -1. */
static int small_number(const char *text, size_t n, int min, int max) {
        uint64_t value;

        if (n > 2 || !kftp_list_number(text, n, &value) || (int) value < min || (int) value > max)
                return -1;
        return (int) value;
}

/* ---- Permissions ----------------------------------------------------------------------------- */

static bool entry_type(char c, enum kftp_entry_type *ret) {
        switch (c) {
        case '-':
        case 'C':                       /* Cray: contiguous; migrated */
        case 'M':
        case 'm':
                *ret = KFTP_ENTRY_FILE;
                return true;
        case 'd':
                *ret = KFTP_ENTRY_DIR;
                return true;
        case 'l':
                *ret = KFTP_ENTRY_LINK;
                return true;
        case 'b':
        case 'c':
        case 'p':
        case 's':
        case 'D':
        case 'n':
        case 'P':
        case '?':
                *ret = KFTP_ENTRY_OTHER;
                return true;
        default:
                return false;
        }
}

/* "rwx" and its kin; special is what s or t in the third place stands for. */
static bool three_permissions(const char *p, uint32_t special, uint32_t *mode) {
        uint32_t m = 0;

        if (p[0] != 'r' && p[0] != '-' && p[0] != '?')
                return false;
        if (p[1] != 'w' && p[1] != '-' && p[1] != '?')
                return false;
        if (!strchr("x-sStTlL?", p[2]) || !p[2])
                return false;
        m |= p[0] == 'r' ? 4 : 0;
        m |= p[1] == 'w' ? 2 : 0;
        m |= strchr("xst", p[2]) ? 1 : 0;
        *mode = *mode << 3 | m;
        if (strchr("sStTlL", p[2]))
                *mode |= special;
        return true;
}

static bool permissions(Word w, KftpEntry *e, Word *rest) {
        uint32_t mode = 0, special = 0;

        if (w.n < PERMISSIONS || !entry_type(w.text[0], &e->type))
                return false;
        for (unsigned i = 0; i < 3; i++) {
                uint32_t bit = 0;

                mode <<= 3;
                if (!three_permissions(w.text + 1 + 3 * i, 04000U >> i, &bit))
                        return false;
                special |= bit & 07000;
                mode |= bit & 7;
        }
        e->mode = memchr(w.text + 1, '?', PERMISSIONS - 1) ? KFTP_MODE_UNKNOWN : mode | special;

        *rest = (Word) { w.text + PERMISSIONS, w.n - PERMISSIONS };
        return true;
}

/* ---- Dates ----------------------------------------------------------------------------------- */

/* "03:04", "3:04", "03:04:05", "03:04:05.678" */
static bool time_of_day(Word w, KftpListTime *t, uint32_t *precision) {
        const char *colon = memchr(w.text, ':', w.n), *end = w.text + w.n, *second;
        const char *dot = memchr(w.text, '.', w.n);

        if (!colon)
                return false;
        end = dot ?: end;
        if (colon > end)
                return false;
        second = memchr(colon + 1, ':', (size_t) (end - colon - 1));
        t->hour = small_number(w.text, (size_t) (colon - w.text), 0, 23);
        t->minute = small_number(colon + 1, (size_t) ((second ?: end) - colon - 1), 0, 59);
        t->second = second ? small_number(second + 1, (size_t) (end - second - 1), 0, 60) : 0;
        *precision = second ? 1 : MINUTE;
        return t->hour >= 0 && t->minute >= 0 && t->second >= 0 && (second || !dot);
}

static bool year(Word w, KftpListTime *t) {
        uint64_t value;

        if (w.n != 4 || !number(w, &value) || value < 1900)
                return false;
        t->year = (int) value;
        return true;
}

/* "2", "02", "2.", "2," */
static bool day(Word w, KftpListTime *t) {
        if (w.n > 1 && (w.text[w.n - 1] == '.' || w.text[w.n - 1] == ','))
                w.n--;
        t->day = small_number(w.text, w.n, 1, 31);
        return t->day > 0;
}

/* "Jan 2 03:04", "Jan 2 2024", "2 Jan 2024", "Jan 2 03:04:05 2024" */
static size_t month_and_day(const Word *w, size_t n, int64_t now, KftpEntry *e) {
        KftpListTime t = {};
        size_t words = 3;

        if (n < words)
                return 0;
        t.month = kftp_list_month(w[0].text, w[0].n);
        if (t.month > 0 ? !day(w[1], &t) : !day(w[0], &t) || (t.month = kftp_list_month(w[1].text, w[1].n)) == 0)
                return 0;
        e->mtime_precision = DAY;
        if (year(w[2], &t)) {
                e->mtime = kftp_list_time(&t);
                return words;
        }
        if (!time_of_day(w[2], &t, &e->mtime_precision))
                return 0;
        /* After seconds there is a year (ls -lT). */
        if (e->mtime_precision == 1 && n > words && year(w[3], &t)) {
                e->mtime = kftp_list_time(&t);
                return words + 1;
        }
        e->mtime = kftp_list_time_guess_year(&t, now);
        return words;
}

static bool zone(Word w, int64_t *ret) {
        uint64_t value;

        if (w.n != 5 || (w.text[0] != '+' && w.text[0] != '-') || !kftp_list_number(w.text + 1, 4, &value))
                return false;
        *ret = ((int64_t) (value / 100) * 60 + (int64_t) (value % 100)) * 60;
        if (w.text[0] == '-')
                *ret = -*ret;
        return true;
}

/* "2024-01-02 03:04", "2024-01-02 03:04:05.678 +0100", "2024-01-02" */
static size_t iso_date(const Word *w, size_t n, int64_t now, KftpEntry *e) {
        KftpListTime t = {};
        int64_t offset;
        size_t words = 1;

        (void) now;
        if (n < 1 || w->n != 10 || w->text[4] != '-' || w->text[7] != '-' || !year((Word) { w->text, 4 }, &t))
                return 0;
        t.month = small_number(w->text + 5, 2, 1, 12);
        t.day = small_number(w->text + 8, 2, 1, 31);
        if (t.month < 0 || t.day < 0)
                return 0;
        e->mtime_precision = DAY;
        if (n > 1 && time_of_day(w[1], &t, &e->mtime_precision))
                words++;
        else {
                t.hour = t.minute = t.second = 0;
                e->mtime_precision = DAY;
        }
        e->mtime = kftp_list_time(&t);
        if (words == 2 && n > 2 && zone(w[2], &offset)) {
                if (e->mtime != KFTP_MTIME_UNKNOWN)
                        e->mtime -= offset;
                words++;
        }
        return words;
}

/* "01-02 03:04" (ls --time-style=iso) */
static size_t iso_without_year(const Word *w, size_t n, int64_t now, KftpEntry *e) {
        KftpListTime t = {};

        if (n < 2 || w->n != 5 || w->text[2] != '-')
                return 0;
        t.month = small_number(w->text, 2, 1, 12);
        t.day = small_number(w->text + 3, 2, 1, 31);
        if (t.month < 0 || t.day < 0 || !time_of_day(w[1], &t, &e->mtime_precision))
                return 0;
        e->mtime = kftp_list_time_guess_year(&t, now);
        return 2;
}

/* How many words are a date; 0: they are none. */
static size_t date(const Word *w, size_t n, int64_t now, KftpEntry *e) {
        size_t words;

        words = month_and_day(w, n, now, e);
        if (words == 0)
                words = iso_date(w, n, now, e);
        if (words == 0)
                words = iso_without_year(w, n, now, e);
        return words;
}

/* ---- The line -------------------------------------------------------------------------------- */

/* "8, 1", "8,1": the last word of it */
static bool device_number(Word w) {
        const char *comma = memchr(w.text, ',', w.n);
        size_t major = comma ? (size_t) (comma - w.text) : 0;
        uint64_t value;

        return comma && kftp_list_number(w.text, major, &value) && kftp_list_number(comma + 1, w.n - major - 1, &value);
}

/* Looks for size and date among the words after the permissions. Returns where the date ends, or NULL. */
static const char *size_and_date(const Word *words, size_t n, int64_t now, KftpEntry *e) {
        for (size_t i = 0; i + 1 < n; i++) {
                KftpEntry found = *e;
                size_t length;

                if (!number(words[i], &found.size) && !(e->type == KFTP_ENTRY_OTHER && device_number(words[i])))
                        continue;
                length = date(words + i + 1, n - i - 1, now, &found);
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

/* The size of a link is the length of its target, which helps if the arrow is there twice. */
static void split_target(KftpEntry *e) {
        static const char arrow[] = " -> ";
        const char *end = e->name + e->name_len, *first = NULL, *p = e->name;

        while ((p = memmem(p, (size_t) (end - p), arrow, strlen(arrow)))) {
                const char *target = p + strlen(arrow);

                if (p > e->name && target < end && (!first || (uint64_t) (end - target) == e->size))
                        first = p;
                p++;
        }
        if (!first)
                return;
        e->target = first + strlen(arrow);
        e->target_len = (size_t) (end - e->target);
        e->name_len = (size_t) (first - e->name);
}

/* "total 12", in whatever language; "total 1.2M" */
static bool is_total(const char *line, size_t n) {
        const char *p = line, *end = line + n;
        Word word, count, more;
        size_t digits = 0;

        if (!next_word(&p, end, &word) || !next_word(&p, end, &count) || next_word(&p, end, &more))
                return false;
        for (size_t i = 0; i < word.n; i++)
                if (isdigit((unsigned char) word.text[i]))
                        return false;
        while (digits < count.n && (isdigit((unsigned char) count.text[digits]) || strchr(".,", count.text[digits])))
                digits++;
        return digits > 0 && isdigit((unsigned char) count.text[0])
                && (digits == count.n || (digits + 1 == count.n && isalpha((unsigned char) count.text[digits])));
}

/* Reads up to the permissions. Before them there may be an inode and a number of blocks. */
static bool leading_words(const char **p, const char *end, KftpEntry *e, Word *rest) {
        for (unsigned i = 0; i < 3; i++) {
                uint64_t value;
                Word w;

                if (!next_word(p, end, &w))
                        return false;
                if (permissions(w, e, rest))
                        return true;
                if (!number(w, &value))
                        return false;
        }
        return false;
}

static int parse_unix(const char *line, size_t n, int64_t now, KftpEntry *ret) {
        const char *p = line, *end = line + n, *name;
        KftpEntry e = KFTP_ENTRY_INIT;
        Word words[MAX_WORDS], rest;
        size_t n_words = 0;

        if (!leading_words(&p, end, &e, &rest))
                return is_total(line, n) ? KFTP_LIST_NOTHING : KFTP_LIST_NOT;
        /* What is left of that word: "+", "." or "@", or a number of links without a space before it. */
        if (rest.n > 0)
                words[n_words++] = rest;
        while (n_words < ELEMENTS(words) && next_word(&p, end, &words[n_words]))
                n_words++;

        name = size_and_date(words, n_words, now, &e);
        if (!name || name == end || name + 1 == end)
                return KFTP_LIST_NOT;
        e.name = name + 1;
        e.name_len = (size_t) (end - e.name);
        if (e.type == KFTP_ENTRY_LINK)
                split_target(&e);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_unix = { .name = "unix", .parse = parse_unix };
