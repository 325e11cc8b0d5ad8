// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Nothing but names, one in a line, as NLST has it and some servers' LIST. Any line would do, an error message too, so
 * this format is only thought of where no line is in another one and the first ones have no blanks (list.c). What
 * kind of entry it is nobody knows, unless it is marked as a directory.
 */

#include "list.h"
#include "util.h"

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

static int parse_names(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        KftpEntry e = KFTP_ENTRY_INIT;

        (void) context;
        if (is_blank(line[0]) || is_blank(line[n - 1]))
                return KFTP_LIST_NOT;
        e.name = line;
        e.name_len = n;
        if (n > 1 && line[n - 1] == '/')
                e.type = KFTP_ENTRY_DIR;
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_names = { .name = "names", .parse = parse_names };
