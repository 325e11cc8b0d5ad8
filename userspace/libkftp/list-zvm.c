// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of z/VM, of minidisks and of directories of the shared file system:
 *
 *     README   TEXT     V         64         31          1 2024-01-02 12:33:20 OPS191
 *     PROFILE  EXEC     F         80         12          1 2023-02-18 08:01:44 OPS191
 *     ARCHIVE  DIR      -          -          -          - 2023-11-20 10:15:00 -
 *
 * that is name and type, which are put together with a dot as the server takes them, the format of the records, the
 * (longest) record's length, records, blocks, date, time and label.
 */

#include "list.h"
#include "util.h"

#define MAX_PART 8

static bool put_together(KftpListWord name, KftpListWord type, KftpListContext *context, KftpEntry *e) {
        if (name.n > MAX_PART || type.n > MAX_PART)
                return false;
        memcpy(context->name, name.text, name.n);
        context->name[name.n] = '.';
        memcpy(context->name + name.n + 1, type.text, type.n);
        e->name = context->name;
        e->name_len = name.n + 1 + type.n;
        return true;
}

/* Records of fixed length tell the size, others only how large the file may be. */
static bool take_size(const KftpListWord w[static 4], KftpEntry *e) {
        uint64_t length, records, blocks;
        bool fixed = kftp_list_word_is(w[0], "F");

        if ((!fixed && !kftp_list_word_is(w[0], "V")) || !kftp_list_number(w[1].text, w[1].n, &length)
            || !kftp_list_number(w[2].text, w[2].n, &records) || !kftp_list_number(w[3].text, w[3].n, &blocks))
                return false;
        if (fixed && !__builtin_mul_overflow(length, records, &length))
                e->size = length;
        return true;
}

static int parse_zvm(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        KftpListWord w[9] = {};
        size_t words = kftp_list_words(line, n, w, ELEMENTS(w));
        KftpEntry e = KFTP_ENTRY_INIT;
        KftpListTime t = {};
        bool directory;

        if (words < 8 || !kftp_list_date_word(w[6], context, &t) || !kftp_list_time_word(w[7], &t, &e.mtime_precision))
                return KFTP_LIST_NOT;
        directory = kftp_list_word_is(w[1], "DIR") && kftp_list_word_is(w[2], "-");
        if (directory) {
                e.name = w[0].text;
                e.name_len = w[0].n;
        } else if (!take_size(w + 2, &e) || !put_together(w[0], w[1], context, &e))
                return KFTP_LIST_NOT;
        e.type = directory ? KFTP_ENTRY_DIR : KFTP_ENTRY_FILE;
        e.mtime = kftp_list_local_time(&t, context);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_zvm = { .name = "z/VM", .parse = parse_zvm };
