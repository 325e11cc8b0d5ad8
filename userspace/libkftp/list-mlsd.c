// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of MLSD and MLST (RFC 3659 section 7): "Type=file;Size=12;Modify=20240102030405; name".
 * What stands after the one space is the name, whatever it holds.
 */

#include <strings.h>

#include "list.h"
#include "util.h"

typedef struct Fact {
        const char *value;
        size_t n;
} Fact;

typedef struct Facts {
        KftpEntry entry;
        bool known;                     /* at least one of them */
        bool typed;
        bool dot;                       /* the directory itself, or the one above */
} Facts;

static bool equal(Fact f, const char *word) {
        return f.n == strlen(word) && strncasecmp(f.value, word, f.n) == 0;
}

static bool begins(Fact f, const char *prefix) {
        return f.n >= strlen(prefix) && strncasecmp(f.value, prefix, strlen(prefix)) == 0;
}

/* ---- Facts: a value that makes no sense is as good as none ------------------------------------- */

static void take_target(KftpEntry *e, Fact f, size_t prefix) {
        e->type = KFTP_ENTRY_LINK;
        if (f.n > prefix) {
                e->target = f.value + prefix;
                e->target_len = f.n - prefix;
        }
}

/* The type of a link is not of the RFC; ProFTPD and its kin agree on these. */
static void take_type(Facts *all, Fact f) {
        KftpEntry *e = &all->entry;

        all->typed = f.n > 0;
        all->dot = equal(f, "cdir") || equal(f, "pdir");
        if (equal(f, "file"))
                e->type = KFTP_ENTRY_FILE;
        else if (equal(f, "dir") || all->dot)
                e->type = KFTP_ENTRY_DIR;
        else if (begins(f, "OS.unix=slink:"))
                take_target(e, f, strlen("OS.unix=slink:"));
        else if (begins(f, "OS.unix=symlink:"))
                take_target(e, f, strlen("OS.unix=symlink:"));
        else if (equal(f, "OS.unix=slink") || equal(f, "OS.unix=symlink"))
                e->type = KFTP_ENTRY_LINK;
        else
                e->type = KFTP_ENTRY_OTHER;
}

static void take_size(Facts *all, Fact f) {
        (void) kftp_list_number(f.value, f.n, &all->entry.size);
}

static void take_modify(Facts *all, Fact f) {
        all->entry.mtime = kftp_list_time_val(f.value, f.n);
        all->entry.mtime_precision = 1;
}

static void take_mode(Facts *all, Fact f) {
        uint32_t mode = 0;

        if (f.n == 0 || f.n > 8)
                return;
        for (size_t i = 0; i < f.n; i++) {
                if (f.value[i] < '0' || f.value[i] > '7')
                        return;
                mode = mode << 3 | (uint32_t) (f.value[i] - '0');
        }
        all->entry.mode = mode & 07777;
}

/* Known, and of no use here. */
static void pass_over(Facts *all, Fact f) {
        (void) all;
        (void) f;
}

static const struct {
        const char *name;
        void (*take)(Facts *all, Fact f);
} facts[] = {
        { "type",       take_type   },
        { "size",       take_size   },
        { "sizd",       take_size   },  /* of a directory (Pure-FTPd) */
        { "modify",     take_modify },
        { "UNIX.mode",  take_mode   },
        { "perm",       pass_over   },
        { "unique",     pass_over   },
        { "create",     pass_over   },
        { "lang",       pass_over   },
        { "media-type", pass_over   },
        { "charset",    pass_over   },
};

/* "Name=value" */
static void take_fact(Facts *all, const char *text, size_t n) {
        const char *equals = memchr(text, '=', n);
        Fact name, value;

        if (!equals)
                return;
        name = (Fact) { text, (size_t) (equals - text) };
        value = (Fact) { equals + 1, n - name.n - 1 };
        for (size_t i = 0; i < ELEMENTS(facts); i++)
                if (equal(name, facts[i].name)) {
                        all->known = true;
                        facts[i].take(all, value);
                }
}

/* ---- The line -------------------------------------------------------------------------------- */

/*
 * Whether a space in a fact is part of its value: against the RFC so in the target of a link, and in facts that are
 * not known here, such as the name of a group.
 */
static bool may_hold_spaces(const char *fact, size_t n) {
        const char *equals = memchr(fact, '=', n);
        Fact name, value;

        if (!equals)
                return true;
        name = (Fact) { fact, (size_t) (equals - fact) };
        value = (Fact) { equals + 1, n - name.n - 1 };
        if (begins(value, "OS.unix="))
                return true;
        for (size_t i = 0; i < ELEMENTS(facts); i++)
                if (equal(name, facts[i].name))
                        return false;
        return true;
}

/*
 * Where the space before the name is: the first one after a semicolon, or, for servers that leave the last
 * semicolon out, the one that ends the last fact. The name may hold semicolons and spaces itself.
 */
static const char *find_name(const char *line, size_t n) {
        const char *space = memchr(line, ' ', n), *semicolon, *fact, *separator;

        if (!space)
                return NULL;
        semicolon = memrchr(line, ';', (size_t) (space - line));
        fact = semicolon ? semicolon + 1 : line;
        if (fact == space || !may_hold_spaces(fact, (size_t) (space - fact)))
                return space;
        separator = memmem(space, n - (size_t) (space - line), "; ", 2);
        return separator ? separator + 1 : space;
}

static int parse_mlsd(const char *line, size_t n, KftpListContext *context, KftpEntry *ret) {
        const char *space = find_name(line, n), *end = line + n;
        Facts all = { .entry = KFTP_ENTRY_INIT };

        (void) context;
        if (!space || space + 1 == end)
                return KFTP_LIST_NOT;
        for (const char *p = line; p < space; ) {
                const char *semicolon = memchr(p, ';', (size_t) (space - p)) ?: space;

                take_fact(&all, p, (size_t) (semicolon - p));
                p = semicolon + 1;
        }
        if (!all.known)
                return KFTP_LIST_NOT;
        /* Without a type, what has a size can be fetched. */
        if (!all.typed && all.entry.size != KFTP_SIZE_UNKNOWN)
                all.entry.type = KFTP_ENTRY_FILE;
        all.entry.name = space + 1;
        all.entry.name_len = (size_t) (end - all.entry.name);
        *ret = all.entry;
        return all.dot ? KFTP_LIST_DOT : KFTP_LIST_ENTRY;
}

const KftpListFormat kftp_list_mlsd = { .name = "MLSD", .parse = parse_mlsd, .utc = true };
