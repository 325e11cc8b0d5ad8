// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The formats of MVS (z/OS outside of its unix part): data sets, and members of a partitioned data set.
 *
 *     Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname
 *     WRK001 3390   2024/01/15  1   31  FB      80 27920  PS  PAYROLL.INPUT
 *     WRK001 3390   2024/02/02  2   45  FB      80 27920  PO  PAYROLL.JCL
 *     Migrated                                                PAYROLL.OLD
 *
 *      Name     VV.MM   Created       Changed      Size  Init   Mod   Id
 *      NIGHTLY   01.03 2023/09/12 2024/01/11 09:37    11    11     0 OPS001
 *
 *      Name      Size     TTR   Alias-of AC --------- Attributes --------- Amode Rmode
 *      LOADER    0001A8   000B05          00 FO             RN RU            31    ANY
 *
 * No size in bytes is told (tracks, records), and of a data set only when it was last referred to, not when it was
 * changed.
 */

#include <ctype.h>

#include "list.h"
#include "util.h"

#define MAX_WORDS 16
#define MAX_MEMBER 8

static bool all_of(KftpListWord w, bool (*is)(unsigned char)) {
        for (size_t i = 0; i < w.n; i++)
                if (!is((unsigned char) w.text[i]))
                        return false;
        return true;
}

static bool is_name_character(unsigned char c) {
        return isupper(c) || isdigit(c) || memchr("@#$", c, 3);
}

static bool is_hexadecimal(unsigned char c) {
        return isxdigit(c);
}

static int entry(KftpEntry *e, KftpListWord name, enum kftp_entry_type type, KftpEntry *ret) {
        e->name = name.text;
        e->name_len = name.n;
        e->type = type;
        *ret = *e;
        return KFTP_LIST_ENTRY;
}

/* ---- Data sets ------------------------------------------------------------------------------- */

/* What stands, behind a volume or alone, before the name of a data set that is elsewhere, or that is none. */
static bool stand_in(const KftpListWord *w, size_t words, enum kftp_entry_type *ret) {
        static const struct {
                const char *words;
                size_t n;
                enum kftp_entry_type type;
        } phrases[] = {
                { "Migrated",                     1, KFTP_ENTRY_OTHER },
                { "Archived",                     1, KFTP_ENTRY_OTHER },
                { "GDG",                          1, KFTP_ENTRY_OTHER },
                { "Pseudo Directory",             2, KFTP_ENTRY_DIR   },
                { "Error determining attributes", 3, KFTP_ENTRY_OTHER },
                { "User catalog connector",       3, KFTP_ENTRY_OTHER },
                { "Not Direct Access Device",     4, KFTP_ENTRY_OTHER },
        };

        for (size_t i = 0; i < ELEMENTS(phrases); i++) {
                const KftpListWord *first = words < phrases[i].n + 1 ? NULL : w + words - 1 - phrases[i].n;

                if (!first || first > w + 1)
                        continue;
                if (kftp_list_begins_with_words(first->text, (size_t) (w[words - 1].text - first->text), phrases[i].words)) {
                        *ret = phrases[i].type;
                        return true;
                }
        }
        return false;
}

static bool is_unit(KftpListWord w) {
        return w.n == 4 && isdigit((unsigned char) w.text[0]) && all_of(w, is_hexadecimal);
}

/* Partitioned ones can be entered; sequential ones, and those on tape, fetched. */
static bool organisation(KftpListWord w, enum kftp_entry_type *ret) {
        static const struct {
                const char *name;
                enum kftp_entry_type type;
        } names[] = {
                { "PO", KFTP_ENTRY_DIR },    { "PO-E", KFTP_ENTRY_DIR },   { "POU", KFTP_ENTRY_DIR },
                { "PS", KFTP_ENTRY_FILE },   { "PS-E", KFTP_ENTRY_FILE },  { "PSU", KFTP_ENTRY_FILE },
                { "DA", KFTP_ENTRY_OTHER },  { "IS", KFTP_ENTRY_OTHER },   { "VSAM", KFTP_ENTRY_OTHER },
                { "VS", KFTP_ENTRY_OTHER },  { "HFS", KFTP_ENTRY_OTHER },  { "ZFS", KFTP_ENTRY_OTHER },
                { "GDG", KFTP_ENTRY_OTHER }, { "PATH", KFTP_ENTRY_OTHER }, { "Tape", KFTP_ENTRY_FILE },
        };

        for (size_t i = 0; i < ELEMENTS(names); i++)
                if (kftp_list_word_is(w, names[i].name)) {
                        *ret = names[i].type;
                        return true;
                }
        return false;
}

static int parse_data_set(const char *line, size_t n, KftpEntry *ret) {
        KftpListWord w[MAX_WORDS];
        size_t words = kftp_list_words(line, n, w, MAX_WORDS);
        KftpEntry e = KFTP_ENTRY_INIT;
        enum kftp_entry_type type;

        if (kftp_list_begins_with_words(line, n, "Volume Unit"))
                return KFTP_LIST_NOTHING;
        if (words < 2 || words == MAX_WORDS)
                return KFTP_LIST_NOT;
        if (stand_in(w, words, &type))
                return entry(&e, w[words - 1], type, ret);
        if (words < 3 || w[0].n > 6 || !all_of(w[0], is_name_character) || !organisation(w[words - 2], &type))
                return KFTP_LIST_NOT;
        if (!is_unit(w[1]) && !kftp_list_word_is(w[1], "Tape"))
                return KFTP_LIST_NOT;
        return entry(&e, w[words - 1], type, ret);
}

/* ---- Members --------------------------------------------------------------------------------- */

static bool is_member(KftpListWord w) {
        return w.n <= MAX_MEMBER && !isdigit((unsigned char) w.text[0]) && all_of(w, is_name_character);
}

/* "01.03" */
static bool is_version(KftpListWord w) {
        uint64_t value;

        return w.n == 5 && w.text[2] == '.' && kftp_list_number(w.text, 2, &value) && kftp_list_number(w.text + 3, 2, &value);
}

static bool heading(const char *line, size_t n) {
        return kftp_list_begins_with_words(line, n, "Name VV.MM Created") || kftp_list_begins_with_words(line, n, "Name Size TTR");
}

static int parse_member(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        KftpListWord w[MAX_WORDS];
        size_t words = kftp_list_words(line, n, w, MAX_WORDS);
        KftpEntry e = KFTP_ENTRY_INIT;
        KftpListTime created, t = {};

        if (heading(line, n)) {
                context->members = true;
                return KFTP_LIST_NOTHING;
        }
        if (words == 0 || !is_member(w[0]))
                return KFTP_LIST_NOT;
        if (words >= 5 && is_version(w[1]) && kftp_list_date_word(w[2], context, &created) && kftp_list_date_word(w[3], context, &t)
            && kftp_list_time_word(w[4], &t, &e.mtime_precision)) {
                e.mtime = kftp_list_local_time(&t, context);
                return entry(&e, w[0], KFTP_ENTRY_FILE, ret);
        }
        /* A load module; or a member without statistics, which only the heading tells from any other word. */
        if (words >= 5 && w[1].n >= 6 && all_of(w[1], is_hexadecimal) && w[2].n == 6 && all_of(w[2], is_hexadecimal))
                return entry(&e, w[0], KFTP_ENTRY_FILE, ret);
        return words == 1 && context->members ? entry(&e, w[0], KFTP_ENTRY_FILE, ret) : KFTP_LIST_NOT;
}

static int parse_mvs(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        int r = parse_data_set(line, n, ret);

        return r == KFTP_LIST_NOT ? parse_member(line, n, context, ret) : r;
}

const KftpListFormat kftp_list_mvs = { .name = "MVS", .parse = parse_mvs };
