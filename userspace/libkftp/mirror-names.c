// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What entries of a tree may be called, and where links may point to. A listing's names are a stranger's text, and become
 * names in a directory of ours: only what stays in that directory is taken. Pure functions of text; that names which pass
 * here stay below the root all the same is seen to once more when they are opened (openat2).
 */

#include <limits.h>
#include <wctype.h>

#include "mirror-names.h"
#include "utf8.h"
#include "util.h"

#define REMOTE_SUFFIX ".kftp-"          /* and a key: put-names.c */
#define REMOTE_KEY_DIGITS 16U

static bool is_control(char c) {
        return (uint8_t) c < 0x20 || c == 0x7f;
}

static bool has_control(const char *text, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (is_control(text[i]))
                        return true;
        return false;
}

/* Whether one of the parts between separators is "..". */
static bool has_parent_part(const char *text, size_t n, char separator) {
        for (size_t begin = 0, end; begin < n; begin = end + 1) {
                for (end = begin; end < n && text[end] != separator; end++)
                        ;
                if (end - begin == 2 && memcmp(text + begin, "..", 2) == 0)
                        return true;
        }
        return false;
}

/*
 * Bytes that are no UTF-8 are what many a tree has. Characters that reorder a line are, too: names are escaped where they
 * are shown. A backslash is a letter like others here, but not to servers on Windows nor on a mounted share, where it leads
 * from one directory to another: below is still in the tree, and ".." is not.
 */
const char *mirror_name_refusal(const char *name, size_t n) {
        if (n == 0)
                return "is empty";
        if ((n == 1 && name[0] == '.') || (n == 2 && memcmp(name, "..", 2) == 0))
                return "is a directory's name for itself or for the one above";
        if (memchr(name, '/', n))
                return "holds a slash";
        if (has_parent_part(name, n, '\\'))
                return "holds \"..\" beside a backslash, which leads out of a directory where backslashes separate";
        if (has_control(name, n))
                return "holds a control character";
        if (n > NAME_MAX)
                return "is longer than 255 bytes";
        return NULL;
}

static bool ends_with(const char *name, size_t n, const char *suffix) {
        size_t length = strlen(suffix);

        return n > length && streq(name + n - length, suffix);
}

static bool is_key(const char *text) {
        return strlen(text) == REMOTE_KEY_DIGITS && strspn(text, "0123456789abcdef") == REMOTE_KEY_DIGITS;
}

bool mirror_name_is_temporary(const char *name) {
        /* names.c, mirror-local.c, kftpd's then-local.c; all of them hidden */
        static const char *const local[] = {
                ".kftp-part", ".kftp-state", ".kftp-new", ".kftp-range", ".kftp-rsta", ".kftp-rnew", ".kftp-link", ".kftp-then",
        };
        size_t n = strlen(name);

        for (size_t i = 0; name[0] == '.' && i < ELEMENTS(local); i++)
                if (ends_with(name + 1, n - 1, local[i]))
                        return true;
        /* Not all servers bear a dot in front. */
        return n > strlen(REMOTE_SUFFIX) + REMOTE_KEY_DIGITS && is_key(name + n - REMOTE_KEY_DIGITS) &&
                memcmp(name + n - REMOTE_KEY_DIGITS - strlen(REMOTE_SUFFIX), REMOTE_SUFFIX, strlen(REMOTE_SUFFIX)) == 0;
}

/* In how many directories below the root path lies. */
static size_t count_directories(const char *path) {
        size_t n = 0;

        for (const char *p = path + strspn(path, "/"); *p; p++)
                if (p[0] == '/' && p[1] && p[1] != '/')
                        n++;
        return n;
}

/*
 * ".." is followed from the link's own directory, which is no link, as mirrors make it. Behind a name, however, ".." may
 * go up from somewhere else than it seems, as that name may be another link: two links, each of which stays in the tree
 * as it is written, may lead out together. So ".." is taken only at the begin of a target.
 */
static const char *check_parents(const char *path, const char *target) {
        size_t below = count_directories(path);
        bool named = false;

        for (const char *p = target; *p; p += strspn(p, "/")) {
                size_t n = strcspn(p, "/");

                if (n == 2 && memcmp(p, "..", 2) == 0) {
                        if (named)
                                return "has \"..\" behind a name, and may lead out of the tree by another link";
                        if (below-- == 0)
                                return "leads out of the tree";
                } else if (n != 1 || *p != '.')
                        named = true;
                p += n;
        }
        return NULL;
}

const char *mirror_link_refusal(const char *path, const char *target) {
        size_t n = strlen(target);

        if (n == 0)
                return "is empty";
        if (n >= PATH_MAX)
                return "is longer than 4095 bytes";
        if (has_control(target, n))
                return "holds a control character";
        if (target[0] == '/')
                return "is an absolute path, which leads out of the tree";
        return check_parents(path, target);
}

/* ---- Upper and lower case ------------------------------------------------------------------------ */

/*
 * The C library's C.UTF-8 has the mappings of the Unicode Character Database from one character to one, whatever locale
 * the program runs in: a table that others keep, in a library that is there. Down after up is simple case folding, but
 * for the Turkish letters i, which it leaves alone. Where that locale is not installed, ASCII has to do.
 */
static uint32_t fold(uint32_t c) {
        locale_t unicode;

        if (c < 0x80)
                return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
        unicode = kftp_utf8_locale();
        if (!unicode || c == 0x130 || c == 0x131)
                return c;
        return towlower_l(towupper_l(c, unicode), unicode);
}

/* The character at *p, folded, and on to the next one. A byte that is part of none is beyond all of them. */
static uint32_t next_folded(const char **p) {
        uint32_t c = (uint8_t) **p;
        size_t n = kftp_utf8_decode((const uint8_t *) *p, strnlen(*p, 4), &c);

        *p += MAX2(n, 1U);
        return n == 0 ? 0x110000 + c : fold(c);
}

int mirror_names_compare_folded(const char *a, const char *b) {
        while (*a && *b) {
                uint32_t x = next_folded(&a), y = next_folded(&b);

                if (x != y)
                        return x < y ? -1 : 1;
        }
        return !!*a - !!*b;
}
