// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The formats of VMS, of its own server as of MultiNet's:
 *
 *     Directory DISK$USER:[ANONYMOUS]
 *
 *     README.TXT;3        2/9   30-DEC-2023 17:44:12  [SYSTEM]  (RWED,RWED,RE,RE)
 *     PUB.DIR;1             1    5-AUG-2023 10:21     [ANON,ANONYMOUS] (RWE,RWE,RE,RE)
 *     A_NAME_THAT_FILLS_ITS_COLUMN.TXT;1
 *                           5   12-MAR-2023 08:44     [SYSTEM]  (RWED,RWED,RE,RE)
 *     SECRET.DAT;1        %RMS-E-PRV, insufficient privilege or file protection violation
 *
 *     Total of 4 files, 8/18 blocks.
 *
 * Sizes are in blocks of 512 bytes, the last of which need not be full: how many bytes a file has is not told. Of
 * several versions of a file the first, which is the newest, is what its name without a version stands for. The
 * escapes of odd characters ("^." for a dot) stay in the name, as the server wants them back.
 */

#include <ctype.h>
#include <strings.h>

#include "list.h"
#include "util.h"

/* ---- Names ----------------------------------------------------------------------------------- */

/* The first byte of the set that is not escaped, or end. */
static const char *find_unescaped(const char *p, const char *end, const char *set) {
        for (; p < end && !strchr(set, *p); p++)
                if (*p == '^' && p + 1 < end)
                        p++;
        return p;
}

/*
 * "[DIR.SUB]NAME.TYPE;12" up to the end of the version. Returns where it ends, or NULL. A name may have no type, but
 * without a version the line could be anything.
 */
static const char *take_name(const char *line, const char *end, KftpEntry *e) {
        const char *name = line, *semicolon, *p;

        if (*line == '[') {
                const char *bracket = find_unescaped(line + 1, end, "] ");

                if (bracket == end || *bracket != ']')
                        return NULL;
                name = bracket + 1;
        }
        semicolon = find_unescaped(name, end, "; \t\r\n");
        if (semicolon == end || *semicolon != ';' || semicolon == name)
                return NULL;
        for (p = semicolon + 1; p < end && isdigit((unsigned char) *p); )
                p++;
        if (p == semicolon + 1 || (p < end && !strchr(" \t\r\n", *p)))
                return NULL;
        e->name = name;
        e->name_len = (size_t) (semicolon - name);
        return p;
}

/* "PUB.DIR;1" is what CWD calls PUB. */
static void take_type(KftpEntry *e) {
        static const char suffix[] = ".DIR";
        size_t n = strlen(suffix);

        e->type = KFTP_ENTRY_FILE;
        if (e->name_len <= n || strncasecmp(e->name + e->name_len - n, suffix, n) != 0)
                return;
        e->type = KFTP_ENTRY_DIR;
        e->name_len -= n;
}

/* ---- The line -------------------------------------------------------------------------------- */

/* "2", "2/9": blocks used and allocated; also "3KB" */
static bool is_size(KftpListWord w) {
        size_t digits = 0;

        while (digits < w.n && (isdigit((unsigned char) w.text[digits]) || w.text[digits] == '/'))
                digits++;
        return digits > 0 && isdigit((unsigned char) w.text[0])
                && (digits == w.n || (digits + 2 == w.n && w.text[digits + 1] == 'B'));
}

static bool take_details(const char *p, const char *end, KftpListContext *context, KftpEntry *e) {
        KftpListWord w[4] = {};
        size_t n = kftp_list_words(p, (size_t) (end - p), w, ELEMENTS(w));
        KftpListTime t = {};

        /* A message in place of them: the file is there all the same. */
        if (n > 1 && (w[0].text[0] == '%' || kftp_list_word_is(w[0], "insufficient") || kftp_list_word_is(w[0], "no")))
                return true;
        if (n < 2 || !is_size(w[0]) || !kftp_list_date_word(w[1], context, &t))
                return false;
        if (n < 3 || !kftp_list_time_word(w[2], &t, &e->mtime_precision))
                e->mtime_precision = 86400;
        e->mtime = kftp_list_local_time(&t, context);
        return true;
}

static int parse_vms(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        KftpEntry e = KFTP_ENTRY_INIT;
        const char *details;

        if (kftp_list_begins_with_words(line, n, "directory") || kftp_list_begins_with_words(line, n, "total of")
            || kftp_list_begins_with_words(line, n, "grand total of"))
                return KFTP_LIST_NOTHING;
        details = take_name(line, line + n, &e);
        if (!details || !take_details(details, line + n, context, &e))
                return KFTP_LIST_NOT;
        take_type(&e);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

/* Nothing but a name, which has left no room for the rest. */
static bool goes_on(const char *line, size_t n) {
        const char *p, *end = line + n;
        KftpEntry e;

        p = n > 0 ? take_name(line, end, &e) : NULL;
        while (p && p < end && (*p == ' ' || *p == '\t'))
                p++;
        return p == end;
}

const KftpListFormat kftp_list_vms = { .name = "VMS", .parse = parse_vms, .goes_on = goes_on, .versions = true };
