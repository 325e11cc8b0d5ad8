// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of OS-9's "dir -e": owner, date (year first), time, attributes, sector, size and name.
 *
 *      Owner    Last modified  Attributes Sector Bytecount Name
 *     -------   -------------  ---------- ------ --------- ----
 *       0.0     24/01/30 0812   d-ewrewr    1C08       192 SYS
 *       1.20    23/05/17 1348   ------wr     2B10    70144 report.txt
 */

#include <ctype.h>

#include "list.h"
#include "util.h"

#define ATTRIBUTES "dsewrewr"

static bool is_attributes(KftpListWord w) {
        for (size_t i = 0; i < w.n && i < strlen(ATTRIBUTES); i++)
                if (w.text[i] != '-' && w.text[i] != ATTRIBUTES[i])
                        return false;
        return w.n == strlen(ATTRIBUTES);
}

static bool is_sector(KftpListWord w) {
        for (size_t i = 0; i < w.n; i++)
                if (!isxdigit((unsigned char) w.text[i]))
                        return false;
        return w.n > 0;
}

/* "24/01/22 1654" */
static bool take_time(const KftpListWord w[static 2], KftpListTime *t) {
        KftpListContext fixed = { .order = KFTP_LIST_YEAR_FIRST };

        if (w[0].n != 8 || w[1].n != 4 || !kftp_list_date_word(w[0], &fixed, t))
                return false;
        t->hour = kftp_list_small_number(w[1].text, 2, 0, 23);
        t->minute = kftp_list_small_number(w[1].text + 2, 2, 0, 59);
        return t->hour >= 0 && t->minute >= 0;
}

static int parse_os9(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        const char *end = line + n;
        KftpListWord w[6] = {};
        KftpEntry e = KFTP_ENTRY_INIT;
        KftpListTime t = {};

        if (kftp_list_begins_with_words(line, n, "Owner Last modified Attributes") || kftp_list_begins_with_words(line, n, "------- -------------"))
                return KFTP_LIST_NOTHING;
        if (kftp_list_words(line, n, w, ELEMENTS(w)) < 6 || !memchr(w[0].text, '.', w[0].n) || !take_time(w + 1, &t)
            || !is_attributes(w[3]) || !is_sector(w[4]) || !kftp_list_number(w[5].text, w[5].n, &e.size))
                return KFTP_LIST_NOT;
        e.type = w[3].text[0] == 'd' ? KFTP_ENTRY_DIR : KFTP_ENTRY_FILE;
        e.mtime = kftp_list_local_time(&t, context);
        e.mtime_precision = 60;
        e.name = w[5].text + w[5].n + 1;
        if (e.name >= end)
                return KFTP_LIST_NOT;
        e.name_len = (size_t) (end - e.name);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_os9 = { .name = "OS-9", .parse = parse_os9 };
