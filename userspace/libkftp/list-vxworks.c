// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of VxWorks:
 *
 *       size          date       time       name
 *     --------       ------     ------    --------
 *          1024   Mar-15-1999  08:30:00   tffs0             <DIR>
 *        12634    Feb-03-2024  14:08:30   boot.ini
 */

#include <ctype.h>

#include "list.h"
#include "util.h"

#define GAP 3                           /* between time and name */

/* A mark behind the name, with spaces before it. */
static void take_mark(KftpEntry *e) {
        static const char mark[] = "<DIR>";
        size_t n = strlen(mark);
        const char *end = e->name + e->name_len;

        while (end > e->name && end[-1] == ' ')
                end--;
        e->type = KFTP_ENTRY_FILE;
        if (end < e->name + n + 2 || memcmp(end - n, mark, n) != 0 || end[-(ptrdiff_t) n - 1] != ' ')
                return;
        for (end -= n; end > e->name + 1 && end[-1] == ' '; )
                end--;
        e->type = KFTP_ENTRY_DIR;
        e->name_len = (size_t) (end - e->name);
}

static int parse_vxworks(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        const char *p, *end = line + n;
        KftpListWord w[3] = {};
        KftpEntry e = KFTP_ENTRY_INIT;
        KftpListTime t = {};

        if (kftp_list_begins_with_words(line, n, "size date time name") || kftp_list_begins_with_words(line, n, "-------- ------ ------"))
                return KFTP_LIST_NOTHING;
        if (kftp_list_words(line, n, w, ELEMENTS(w)) < 3 || !kftp_list_number(w[0].text, w[0].n, &e.size)
            || !isalpha((unsigned char) w[1].text[0]) || !kftp_list_date_word(w[1], context, &t)
            || !kftp_list_time_word(w[2], &t, &e.mtime_precision))
                return KFTP_LIST_NOT;
        p = w[2].text + w[2].n;
        for (unsigned i = 0; i < GAP && p < end && *p == ' '; i++)
                p++;
        if (p == end)
                return KFTP_LIST_NOT;
        e.mtime = kftp_list_local_time(&t, context);
        e.name = p;
        e.name_len = (size_t) (end - p);
        take_mark(&e);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_vxworks = { .name = "VxWorks", .parse = parse_vxworks };
