// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of NetWare servers: a type, the rights that the user has, and then as "ls -l" has it:
 *
 *     d [R----F--] netadmin              512       Feb 03 09:40    mail
 *     - [RWCEAFMS] visitor             88121       Sep 14  2023    a file.txt
 *
 * The rights are none of those that chmod knows. How wide the gap before the name is depends on the version, so a
 * name cannot begin with a blank.
 */

#include "list.h"
#include "util.h"

#define RIGHTS 8
#define MAX_WORDS 16

static bool is_rights(KftpListWord w) {
        if (w.n != RIGHTS + 2 || w.text[0] != '[' || w.text[RIGHTS + 1] != ']')
                return false;
        for (size_t i = 1; i <= RIGHTS; i++)
                if (!strchr("-SRWCEMFA", w.text[i]))
                        return false;
        return true;
}

static int parse_netware(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        const char *p = line + 1, *end = line + n, *name;
        KftpListWord rights, words[MAX_WORDS];
        KftpEntry e = KFTP_ENTRY_INIT;

        if (kftp_list_begins_with_words(line, n, "total"))
                return KFTP_LIST_NOTHING;
        if ((line[0] != 'd' && line[0] != '-') || !kftp_list_next_word(&p, end, &rights) || !is_rights(rights))
                return KFTP_LIST_NOT;
        e.type = line[0] == 'd' ? KFTP_ENTRY_DIR : KFTP_ENTRY_FILE;
        name = kftp_list_size_and_date(words, kftp_list_words(p, (size_t) (end - p), words, MAX_WORDS), context, &e);
        if (!name)
                return KFTP_LIST_NOT;
        while (name < end && *name == ' ')
                name++;
        if (name == end)
                return KFTP_LIST_NOT;
        e.name = name;
        e.name_len = (size_t) (end - name);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_netware = { .name = "NetWare", .parse = parse_netware };
