// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of Guardian on Tandem and HP NonStop: the files of a subvolume, which has no directories in it.
 *
 *     File         Code             EOF  Last Modification    Owner  RWEP
 *     DAYRPT        101            20480 07-Feb-24 08:15:42 200,  7 "nnnn"
 *     LOGFILE   O     0          1048576 02-Jan-24 03:04:05 255,255 "NUNU"
 */

#include <ctype.h>

#include "list.h"
#include "util.h"

/* One to eight letters and digits, a letter first. */
static bool is_name(KftpListWord w) {
        for (size_t i = 0; i < w.n; i++)
                if (!isalnum((unsigned char) w.text[i]))
                        return false;
        return w.n <= 8 && isalpha((unsigned char) w.text[0]);
}

/* A number, and letters for what is special about the file. */
static bool is_code(KftpListWord w) {
        uint64_t value;

        while (w.n > 1 && !isdigit((unsigned char) w.text[w.n - 1]))
                w.n--;
        return kftp_list_number(w.text, w.n, &value);
}

static int parse_nonstop(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        KftpListWord w[7] = {};
        size_t words = kftp_list_words(line, n, w, ELEMENTS(w)), i = 1;
        KftpEntry e = KFTP_ENTRY_INIT;
        KftpListTime t = {};

        if (kftp_list_begins_with_words(line, n, "File Code EOF"))
                return KFTP_LIST_NOTHING;
        if (words < 6 || !is_name(w[0]))
                return KFTP_LIST_NOT;
        /* "O": somebody has it open. */
        if (kftp_list_word_is(w[1], "O"))
                i++;
        if (!is_code(w[i]) || !kftp_list_number(w[i + 1].text, w[i + 1].n, &e.size)
            || !kftp_list_date_word(w[i + 2], context, &t) || !kftp_list_time_word(w[i + 3], &t, &e.mtime_precision)
            || i + 4 >= words || !memchr(w[i + 4].text, ',', w[i + 4].n))
                return KFTP_LIST_NOT;
        e.type = KFTP_ENTRY_FILE;
        e.mtime = kftp_list_local_time(&t, context);
        e.name = w[0].text;
        e.name_len = w[0].n;
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_nonstop = { .name = "NonStop", .parse = parse_nonstop };
