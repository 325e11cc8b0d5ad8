// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of OS/400 and IBM i (LISTFMT 0): owner, size, date, time, type of the object, name.
 *
 *     QSYS          69632 02/23/24 07:18:21 *DIR       QOpenSys/
 *     OPERATOR    1187840 11.06.97 12:27:39 *FILE      BPTFSAVF
 *     OPERATOR                              *MEM       QCLSRC.FILE/START.MBR
 *
 * Owner, and size, date and time together, may be blank. In which order a date is depends on the job: the lines tell.
 */

#include <ctype.h>

#include "list.h"
#include "util.h"

#define MAX_WORDS 5                     /* up to the type */

static bool is_type(KftpListWord w) {
        if (w.n < 3 || w.text[0] != '*')
                return false;
        for (size_t i = 1; i < w.n; i++)
                if (!isupper((unsigned char) w.text[i]) && !isdigit((unsigned char) w.text[i]))
                        return false;
        return true;
}

static enum kftp_entry_type entry_type(KftpListWord w) {
        static const char *const directories[] = { "*DIR", "*DDIR", "*FLR", "*LIB" };

        for (size_t i = 0; i < ELEMENTS(directories); i++)
                if (kftp_list_word_is(w, directories[i]))
                        return KFTP_ENTRY_DIR;
        return kftp_list_word_is(w, "*SYMLNK") ? KFTP_ENTRY_LINK : KFTP_ENTRY_FILE;
}

/* The words before the type. */
static bool take_columns(const KftpListWord *w, size_t n, KftpListContext *context, KftpEntry *e) {
        KftpListTime t = {};

        if (n < 2)
                return true;
        if (n == 2)
                return kftp_list_number(w[1].text, w[1].n, &e->size);
        if (!kftp_list_number(w[n - 3].text, w[n - 3].n, &e->size) || !kftp_list_date_word(w[n - 2], context, &t)
            || !kftp_list_time_word(w[n - 1], &t, &e->mtime_precision))
                return false;
        e->mtime = kftp_list_local_time(&t, context);
        return true;
}

static int parse_as400(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        KftpListWord w[MAX_WORDS] = {};
        size_t words = kftp_list_words(line, n, w, ELEMENTS(w)), type = 0;
        KftpEntry e = KFTP_ENTRY_INIT;
        const char *p, *end = line + n;

        while (type < words && !is_type(w[type]))
                type++;
        if (type == words || !take_columns(w, type, context, &e))
                return KFTP_LIST_NOT;
        for (p = w[type].text + w[type].n; p < end && *p == ' '; )
                p++;
        if (p == end)
                return KFTP_LIST_NOT;
        e.name = p;
        e.name_len = (size_t) (end - p);
        e.type = end[-1] == '/' ? KFTP_ENTRY_DIR : entry_type(w[type]);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_as400 = { .name = "OS/400", .parse = parse_as400, .year_first = true };
