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

/* "01-02-24", "02.01.2024", "2024-01-02" */
static bool take_date(Cursor *c, KftpListContext *context, KftpListTime *t) {
        KftpListWord word;

        return c->p < c->end && isdigit((unsigned char) *c->p) && kftp_list_next_word(&c->p, c->end, &word)
                && kftp_list_date_word(word, context, t);
}

/* "03:04AM", "15:04", "03:04:05 PM" */
static bool take_time(Cursor *c, KftpListTime *t, uint32_t *precision) {
        KftpListWord word;
        Cursor after;

        if (!kftp_list_next_word(&c->p, c->end, &word) || !memchr(word.text, ':', word.n) || !kftp_list_time_word(word, t, precision))
                return false;
        after = *c;
        if (skip_spaces(&after, 1) > 0 && left(&after) > 2 && after.p[2] == ' '
            && kftp_list_half_day((KftpListWord) { after.p, 2 }, t)) {
                after.p += 2;
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

static int parse_dos(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        Cursor c = { line, line + n };
        KftpEntry e = KFTP_ENTRY_INIT;
        KftpListTime t;

        if (!take_date(&c, context, &t) || skip_spaces(&c, SIZE_MAX) == 0)
                return KFTP_LIST_NOT;
        if (!take_time(&c, &t, &e.mtime_precision) || skip_spaces(&c, SIZE_MAX) == 0)
                return KFTP_LIST_NOT;
        if (!take_type_or_size(&c, &e) || c.p == c.end)
                return KFTP_LIST_NOT;
        e.mtime = kftp_list_local_time(&t, context);
        e.name = c.p;
        e.name_len = left(&c);
        if (e.type == KFTP_ENTRY_LINK)
                split_target(&e);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_dos = { .name = "DOS", .parse = parse_dos };
