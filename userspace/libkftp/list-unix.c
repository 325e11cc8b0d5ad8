// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of "ls -l", as a great many servers print it or imitate it:
 *
 *     [INODE] [BLOCKS] drwxr-xr-x[+.@] [LINKS] [OWNER] [GROUP] SIZE DATE NAME[ -> TARGET]
 *
 * Which of the columns before the size there are, and how many words each has ("Domain Users"), cannot be
 * known. So the date is looked for: the first words that are one, after a number. The one space after it
 * ends what is not the name.
 */

#include <ctype.h>

#include "list.h"
#include "util.h"

#define PERMISSIONS 10                  /* "drwxr-xr-x" */
#define MAX_WORDS 24                    /* that are looked at */

/* ---- Permissions ----------------------------------------------------------------------------- */

static bool entry_type(char c, enum kftp_entry_type *ret) {
        switch (c) {
        case '-':
        case 'C':                       /* Cray: contiguous; migrated */
        case 'M':
        case 'm':
                *ret = KFTP_ENTRY_FILE;
                return true;
        case 'd':
                *ret = KFTP_ENTRY_DIR;
                return true;
        case 'l':
                *ret = KFTP_ENTRY_LINK;
                return true;
        case 'b':
        case 'c':
        case 'p':
        case 's':
        case 'D':
        case 'n':
        case 'P':
        case '?':
                *ret = KFTP_ENTRY_OTHER;
                return true;
        default:
                return false;
        }
}

/* "rwx" and its kin; special is what s or t in the third place stands for. */
static bool three_permissions(const char *p, uint32_t special, uint32_t *mode) {
        uint32_t m = 0;

        if (p[0] != 'r' && p[0] != '-' && p[0] != '?')
                return false;
        if (p[1] != 'w' && p[1] != '-' && p[1] != '?')
                return false;
        if (!strchr("x-sStTlL?", p[2]) || !p[2])
                return false;
        m |= p[0] == 'r' ? 4 : 0;
        m |= p[1] == 'w' ? 2 : 0;
        m |= strchr("xst", p[2]) ? 1 : 0;
        *mode = *mode << 3 | m;
        if (strchr("sStTlL", p[2]))
                *mode |= special;
        return true;
}

static bool permissions(KftpListWord w, KftpEntry *e, KftpListWord *rest) {
        uint32_t mode = 0, special = 0;

        if (w.n < PERMISSIONS || !entry_type(w.text[0], &e->type))
                return false;
        for (unsigned i = 0; i < 3; i++) {
                uint32_t bit = 0;

                mode <<= 3;
                if (!three_permissions(w.text + 1 + 3 * i, 04000U >> i, &bit))
                        return false;
                special |= bit & 07000;
                mode |= bit & 7;
        }
        e->mode = memchr(w.text + 1, '?', PERMISSIONS - 1) ? KFTP_MODE_UNKNOWN : mode | special;

        *rest = (KftpListWord) { w.text + PERMISSIONS, w.n - PERMISSIONS };
        return true;
}

/* ---- The line -------------------------------------------------------------------------------- */

/* The size of a link is the length of its target, which helps if the arrow is there twice. */
static void split_target(KftpEntry *e) {
        static const char arrow[] = " -> ";
        const char *end = e->name + e->name_len, *first = NULL, *p = e->name;

        while ((p = memmem(p, (size_t) (end - p), arrow, strlen(arrow)))) {
                const char *target = p + strlen(arrow);

                if (p > e->name && target < end && (!first || (uint64_t) (end - target) == e->size))
                        first = p;
                p++;
        }
        if (!first)
                return;
        e->target = first + strlen(arrow);
        e->target_len = (size_t) (end - e->target);
        e->name_len = (size_t) (first - e->name);
}

/* "total 12", in whatever language; "total 1.2M" */
static bool is_total(const char *line, size_t n) {
        const char *p = line, *end = line + n;
        KftpListWord word, count, more;
        size_t digits = 0;

        if (!kftp_list_next_word(&p, end, &word) || !kftp_list_next_word(&p, end, &count) || kftp_list_next_word(&p, end, &more))
                return false;
        for (size_t i = 0; i < word.n; i++)
                if (isdigit((unsigned char) word.text[i]))
                        return false;
        while (digits < count.n && (isdigit((unsigned char) count.text[digits]) || strchr(".,", count.text[digits])))
                digits++;
        return digits > 0 && isdigit((unsigned char) count.text[0])
                && (digits == count.n || (digits + 1 == count.n && isalpha((unsigned char) count.text[digits])));
}

/* Reads up to the permissions. Before them there may be an inode and a number of blocks. */
static bool leading_words(const char **p, const char *end, KftpEntry *e, KftpListWord *rest) {
        for (unsigned i = 0; i < 3; i++) {
                uint64_t value;
                KftpListWord w;

                if (!kftp_list_next_word(p, end, &w))
                        return false;
                if (permissions(w, e, rest))
                        return true;
                if (!kftp_list_size(w, &value))
                        return false;
        }
        return false;
}

static int parse_unix(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        const char *p = line, *end = line + n, *name;
        KftpEntry e = KFTP_ENTRY_INIT;
        KftpListWord words[MAX_WORDS], rest;
        size_t n_words = 0;

        if (!leading_words(&p, end, &e, &rest))
                return is_total(line, n) ? KFTP_LIST_NOTHING : KFTP_LIST_NOT;
        /* What is left of that word: "+", "." or "@", or a number of links without a space before it. */
        if (rest.n > 0)
                words[n_words++] = rest;
        while (n_words < ELEMENTS(words) && kftp_list_next_word(&p, end, &words[n_words]))
                n_words++;

        name = kftp_list_size_and_date(words, n_words, context, &e);
        if (!name || name == end || name + 1 == end)
                return KFTP_LIST_NOT;
        e.name = name + 1;
        e.name_len = (size_t) (end - e.name);
        if (e.type == KFTP_ENTRY_LINK)
                split_target(&e);
        *ret = e;
        return KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_unix = { .name = "unix", .parse = parse_unix };
