// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of Wellfleet and Bay Networks routers: name, size, date, day of the week with a dot, time.
 *
 *     Volume - drive 1:
 *     Directory of 1:
 *
 *     File Name              Size     Date      Day       Time
 *     ---------------------------------------------------------
 *     backup.cfg             3072   04/09/04   Fri.    07:45:10
 *
 *     Total bytes: 3932160
 */

#include <ctype.h>

#include "list.h"
#include "util.h"

/* "Fri.", "Thurs." */
static bool is_weekday(KftpListWord w) {
        return w.n >= 4 && w.n <= 7 && isalpha((unsigned char) w.text[0]) && w.text[w.n - 1] == '.';
}

static bool is_frame(const char *line, size_t n) {
        static const char *const beginnings[] = {
                "Volume - drive", "Directory of", "File Name Size Date", "Total bytes:", "Available bytes:", "Contiguous free",
        };

        for (size_t i = 0; i < ELEMENTS(beginnings); i++)
                if (kftp_list_begins_with_words(line, n, beginnings[i]))
                        return true;
        for (size_t i = 0; i < n; i++)
                if (line[i] != '-')
                        return false;
        return n > 20;
}

static int parse_wfftp(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        KftpListWord w[6] = {};
        KftpEntry e = KFTP_ENTRY_INIT;
        KftpListTime t = {};

        if (is_frame(line, n))
                return KFTP_LIST_NOTHING;
        if (kftp_list_words(line, n, w, ELEMENTS(w)) != 5 || !kftp_list_number(w[1].text, w[1].n, &e.size)
            || !is_weekday(w[3]) || !kftp_list_date_word(w[2], context, &t) || !kftp_list_time_word(w[4], &t, &e.mtime_precision))
                return KFTP_LIST_NOT;
        e.type = KFTP_ENTRY_FILE;
        e.mtime = kftp_list_local_time(&t, context);
        e.name = w[0].text;
        e.name_len = w[0].n;
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_wfftp = { .name = "WfFtp", .parse = parse_wfftp };
