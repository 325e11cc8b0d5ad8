// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of IIS and of DOS's dir:
 *
 *     01-02-24  03:04AM       <DIR>          name
 *     01-02-2024  15:04            1,234,567 name
 *     2024-01-02  03:04PM                 12 name
 *
 * The columns have fixed widths, so what follows them is the name, with the spaces it begins with.
 */

#include <ctype.h>
#include <strings.h>

#include "list.h"
#include "util.h"

#define MINUTE 60
#define DIRECTORY_PADDING 10            /* spaces after "<DIR>" */

typedef struct Cursor {
        const char *p, *end;
} Cursor;

static size_t left(const Cursor *c) {
        return (size_t) (c->end - c->p);
}

static size_t skip_spaces(Cursor *c, size_t max) {
        size_t n = 0;

        while (n < max && c->p < c->end && *c->p == ' ') {
                c->p++;
                n++;
        }
        return n;
}

static bool take(Cursor *c, const char *word) {
        if (left(c) < strlen(word) || strncasecmp(c->p, word, strlen(word)) != 0)
                return false;
        c->p += strlen(word);
        return true;
}

/* At least min and at most max digits; -1 if there are fewer or more. */
static int take_digits(Cursor *c, size_t min, size_t max, size_t *ret_n) {
        uint64_t value;
        size_t n = 0;

        while (n < left(c) && isdigit((unsigned char) c->p[n]))
                n++;
        if (n < min || n > max || !kftp_list_number(c->p, n, &value))
                return -1;
        c->p += n;
        *ret_n = n;
        return (int) value;
}

static bool take_separator(Cursor *c, char *separator) {
        if (c->p == c->end || !strchr("-/.", *c->p) || (*separator && *c->p != *separator))
                return false;
        *separator = *c->p++;
        return true;
}

/* Month first, as Americans do, but day first between dots; the year first if it has four digits there. */
static bool take_date(Cursor *c, KftpListTime *t) {
        size_t n[3] = {};
        char separator = '\0';
        int field[3];

        for (size_t i = 0; i < 3; i++) {
                if (i > 0 && !take_separator(c, &separator))
                        return false;
                field[i] = take_digits(c, 1, 4, &n[i]);
                if (field[i] < 0)
                        return false;
        }
        if (n[0] == 4 && n[1] <= 2 && n[2] <= 2)
                *t = (KftpListTime) { .year = field[0], .month = field[1], .day = field[2] };
        else if (n[0] <= 2 && n[1] <= 2 && (n[2] == 2 || n[2] == 4))
                *t = (KftpListTime) { .year = field[2], .month = field[separator == '.'], .day = field[separator != '.'] };
        else
                return false;
        /* As POSIX has it for strptime() */
        if (n[0] <= 2 && n[2] == 2)
                t->year += t->year < 69 ? 2000 : 1900;
        return true;
}

/* "03:04AM", "15:04", "03:04:05 PM" */
static bool take_time(Cursor *c, KftpListTime *t, uint32_t *precision) {
        Cursor after;
        size_t n;

        *precision = MINUTE;
        t->hour = take_digits(c, 1, 2, &n);
        if (t->hour < 0 || !take(c, ":"))
                return false;
        t->minute = take_digits(c, 2, 2, &n);
        if (t->minute < 0)
                return false;
        if (take(c, ":")) {
                t->second = take_digits(c, 2, 2, &n);
                *precision = 1;
                if (t->second < 0)
                        return false;
        }
        after = *c;
        skip_spaces(&after, 1);
        if (take(&after, "AM")) {
                t->hour = t->hour == 12 ? 0 : t->hour;
                *c = after;
        } else if (take(&after, "PM")) {
                t->hour = t->hour == 12 ? 12 : t->hour + 12;
                *c = after;
        }
        return true;
}

/* "1234", "1,234,567", "1.234.567" */
static bool take_size(Cursor *c, uint64_t *ret) {
        char digits[24];
        size_t n = 0;

        for (; c->p < c->end && (isdigit((unsigned char) *c->p) || strchr(",.", *c->p)); c->p++) {
                if (strchr(",.", *c->p))
                        continue;
                if (n >= sizeof(digits))
                        return false;
                digits[n++] = *c->p;
        }
        return kftp_list_number(digits, n, ret);
}

/* "name [target]" */
static void split_target(KftpEntry *e) {
        const char *end = e->name + e->name_len, *open = memmem(e->name, e->name_len, " [", 2);

        if (!open || open == e->name || end[-1] != ']' || open + 3 > end - 1)
                return;
        e->target = open + 2;
        e->target_len = (size_t) (end - 1 - e->target);
        e->name_len = (size_t) (open - e->name);
}

static bool take_type_or_size(Cursor *c, KftpEntry *e) {
        static const struct {
                const char *word;
                enum kftp_entry_type type;
        } types[] = {
                { "<DIR>",      KFTP_ENTRY_DIR  },
                { "<JUNCTION>", KFTP_ENTRY_LINK },
                { "<SYMLINKD>", KFTP_ENTRY_LINK },
                { "<SYMLINK>",  KFTP_ENTRY_LINK },
        };

        for (size_t i = 0; i < ELEMENTS(types); i++)
                if (take(c, types[i].word)) {
                        size_t padding = DIRECTORY_PADDING - (strlen(types[i].word) - strlen("<DIR>"));

                        e->type = types[i].type;
                        return skip_spaces(c, padding) > 0;
                }
        e->type = KFTP_ENTRY_FILE;
        return take_size(c, &e->size) && skip_spaces(c, 1) > 0;
}

static int parse_dos(const char *line, size_t n, int64_t now, KftpEntry *ret) {
        Cursor c = { line, line + n };
        KftpEntry e = KFTP_ENTRY_INIT;
        KftpListTime t;

        (void) now;
        if (!take_date(&c, &t) || skip_spaces(&c, SIZE_MAX) == 0)
                return KFTP_LIST_NOT;
        if (!take_time(&c, &t, &e.mtime_precision) || skip_spaces(&c, SIZE_MAX) == 0)
                return KFTP_LIST_NOT;
        if (!take_type_or_size(&c, &e) || c.p == c.end)
                return KFTP_LIST_NOT;
        e.mtime = kftp_list_time(&t);
        e.name = c.p;
        e.name_len = left(&c);
        if (e.type == KFTP_ENTRY_LINK)
                split_target(&e);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_dos = { .name = "DOS", .parse = parse_dos };
