// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of OS/2: size, attributes, "DIR", date, time and name.
 *
 *                     0           DIR   06-19-96   09:12  DESKTOP
 *                   904      A          08-30-97   21:07  letter01.txt
 */

#include <ctype.h>

#include "list.h"
#include "util.h"

#define MAX_WORDS 6                     /* before the name */

static bool is_attributes(KftpListWord w) {
        for (size_t i = 0; i < w.n; i++)
                if (!strchr("RHSAD", w.text[i]))
                        return false;
        return w.n <= 4;
}

/* The name begins two spaces after the time. */
static bool take_name(const char *p, const char *end, KftpEntry *e) {
        for (unsigned i = 0; i < 2 && p < end && *p == ' '; i++)
                p++;
        e->name = p;
        e->name_len = (size_t) (end - p);
        return p < end;
}

static int parse_os2(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        const char *end = line + n;
        KftpListWord w[MAX_WORDS] = {};
        size_t words = kftp_list_words(line, n, w, ELEMENTS(w)), i = 1;
        KftpEntry e = KFTP_ENTRY_INIT;
        KftpListTime t = {};

        if (words < 4 || !kftp_list_number(w[0].text, w[0].n, &e.size))
                return KFTP_LIST_NOT;
        e.type = KFTP_ENTRY_FILE;
        while (i + 2 < words && !(isdigit((unsigned char) w[i].text[0]) && kftp_list_date_word(w[i], context, &t))) {
                if (kftp_list_word_is(w[i], "DIR"))
                        e.type = KFTP_ENTRY_DIR;
                else if (!is_attributes(w[i]))
                        return KFTP_LIST_NOT;
                i++;
        }
        if (i + 2 >= words || !memchr(w[i + 1].text, ':', w[i + 1].n)
            || !kftp_list_time_word(w[i + 1], &t, &e.mtime_precision))
                return KFTP_LIST_NOT;
        if (!take_name(w[i + 1].text + w[i + 1].n, end, &e))
                return KFTP_LIST_NOT;
        e.mtime = kftp_list_local_time(&t, context);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_os2 = { .name = "OS/2", .parse = parse_os2 };
