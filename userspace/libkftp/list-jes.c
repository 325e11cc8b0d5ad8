// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The jobs that MVS shows after SITE FILETYPE=JES, at interface levels 1 and 2:
 *
 *     OPS001A  JOB00815  OUTPUT    3 Spool Files
 *
 *     JOBNAME  JOBID    OWNER    STATUS CLASS
 *     NIGHTLY  JOB04711 OPS001   OUTPUT A        RC=0000 3 spool files
 *
 * What is asked for is the job's identifier, so that is the name. The spool files of one job are not read.
 */

#include <ctype.h>

#include "list.h"
#include "util.h"

/* "JOB04711", "J0004711", "STC00012", "TSU01234" */
static bool is_job(KftpListWord w) {
        static const char *const prefixes[] = { "JOB", "STC", "TSU", "J", "S", "T" };

        if (w.n < 6 || w.n > 8)
                return false;
        for (size_t i = 0; i < ELEMENTS(prefixes); i++) {
                size_t n = strlen(prefixes[i]);
                uint64_t value;

                if (memcmp(w.text, prefixes[i], n) == 0 && kftp_list_number(w.text + n, w.n - n, &value))
                        return true;
        }
        return false;
}

static bool is_status(KftpListWord w) {
        return kftp_list_word_is(w, "INPUT") || kftp_list_word_is(w, "ACTIVE") || kftp_list_word_is(w, "OUTPUT")
                || kftp_list_word_is(w, "HELD");
}

static int parse_jes(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        KftpListWord w[4] = {};
        size_t words = kftp_list_words(line, n, w, ELEMENTS(w));
        KftpEntry e = KFTP_ENTRY_INIT;

        (void) context;
        if (kftp_list_begins_with_words(line, n, "JOBNAME JOBID"))
                return KFTP_LIST_NOTHING;
        if (words < 3 || w[0].n > 8 || !is_job(w[1]) || (!is_status(w[2]) && (words < 4 || !is_status(w[3]))))
                return KFTP_LIST_NOT;
        e.type = KFTP_ENTRY_FILE;
        e.name = w[1].text;
        e.name_len = w[1].n;
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_jes = { .name = "JES", .parse = parse_jes };
