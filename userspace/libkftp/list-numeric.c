// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What stat(2) tells, in numbers: the mode with the type of the file, in octal, as some servers in embedded systems and
 * in scripts print it.
 *
 *     0100644   500  101   12345    123456789       name
 */

#include <sys/stat.h>

#include "list.h"
#include "util.h"

#define COLUMNS 5                       /* mode, owner, group, size, seconds since 1970 */
#define MODE_DIGITS_MAX 7U

/* "0100644", "040755": a zero in front tells octal, and the type has to be one. */
static bool take_mode(KftpListWord w, KftpEntry *e) {
        uint32_t mode = 0;

        if (w.n < 2 || w.n > MODE_DIGITS_MAX || w.text[0] != '0')
                return false;
        for (size_t i = 0; i < w.n; i++) {
                if (w.text[i] < '0' || w.text[i] > '7')
                        return false;
                mode = mode << 3 | (uint32_t) (w.text[i] - '0');
        }
        switch (mode & ~07777U) {
        case S_IFREG:
                e->type = KFTP_ENTRY_FILE;
                break;
        case S_IFDIR:
                e->type = KFTP_ENTRY_DIR;
                break;
        case S_IFLNK:
                e->type = KFTP_ENTRY_LINK;
                break;
        case S_IFCHR:
        case S_IFBLK:
        case S_IFIFO:
        case S_IFSOCK:
                e->type = KFTP_ENTRY_OTHER;
                break;
        default:
                return false;
        }
        e->mode = mode & 07777;
        return true;
}

static int parse_numeric(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        KftpEntry e = KFTP_ENTRY_INIT;
        KftpListWord words[COLUMNS + 1];
        uint64_t owner, group, seconds;

        (void) context;
        if (kftp_list_words(line, n, words, ELEMENTS(words)) < ELEMENTS(words) || !take_mode(words[0], &e))
                return KFTP_LIST_NOT;
        if (!kftp_list_number(words[1].text, words[1].n, &owner) || !kftp_list_number(words[2].text, words[2].n, &group)
            || !kftp_list_number(words[3].text, words[3].n, &e.size) || !kftp_list_number(words[4].text, words[4].n, &seconds))
                return KFTP_LIST_NOT;
        if (seconds <= INT64_MAX) {
                e.mtime = (int64_t) seconds;
                e.mtime_precision = 1;
        }
        e.name = words[COLUMNS].text;
        e.name_len = (size_t) (line + n - e.name);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_numeric = { .name = "numeric", .parse = parse_numeric, .utc = true };
