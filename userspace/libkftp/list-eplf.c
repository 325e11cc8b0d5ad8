// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * EPLF, the format of publicfile and its kin (https://cr.yp.to/ftp/list/eplf.html):
 *
 *     +i2049.131099,m1390207341,r,s7042,up644,<TAB>name
 *
 * Times are seconds since 1970; what has an "r" can be fetched, what has a "/" can be entered.
 */

#include "list.h"
#include "util.h"

typedef struct Facts {
        bool file, directory;
        KftpEntry *entry;
} Facts;

/* Octal, as in chmod. */
static void take_mode(KftpEntry *e, const char *text, size_t n) {
        uint32_t mode = 0;

        if (n == 0 || n > 5)
                return;
        for (size_t i = 0; i < n; i++) {
                if (text[i] < '0' || text[i] > '7')
                        return;
                mode = mode << 3 | (uint32_t) (text[i] - '0');
        }
        e->mode = mode & 07777;
}

/* What is not known is passed over, as the format wants it. */
static void take_fact(Facts *f, const char *text, size_t n) {
        uint64_t value;

        switch (n > 0 ? text[0] : '\0') {
        case 'r':
                f->file = f->file || n == 1;
                break;
        case '/':
                f->directory = f->directory || n == 1;
                break;
        case 's':
                (void) kftp_list_number(text + 1, n - 1, &f->entry->size);
                break;
        case 'm':
                if (kftp_list_number(text + 1, n - 1, &value) && value <= INT64_MAX) {
                        f->entry->mtime = (int64_t) value;
                        f->entry->mtime_precision = 1;
                }
                break;
        case 'u':
                if (n > 2 && text[1] == 'p')
                        take_mode(f->entry, text + 2, n - 2);
                break;
        default:
                break;
        }
}

static int parse_eplf(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        const char *end = line + n, *tab = memchr(line, '\t', n);
        KftpEntry e = KFTP_ENTRY_INIT;
        Facts facts = { .entry = &e };

        (void) context;
        if (line[0] != '+' || !tab || tab + 1 == end)
                return KFTP_LIST_NOT;
        for (const char *p = line + 1; p < tab; ) {
                const char *comma = memchr(p, ',', (size_t) (tab - p)) ?: tab;

                take_fact(&facts, p, (size_t) (comma - p));
                p = comma + 1;
        }
        if (facts.directory)
                e.type = KFTP_ENTRY_DIR;
        else if (facts.file)
                e.type = KFTP_ENTRY_FILE;
        e.name = tab + 1;
        e.name_len = (size_t) (end - e.name);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_eplf = { .name = "EPLF", .parse = parse_eplf, .utc = true };
