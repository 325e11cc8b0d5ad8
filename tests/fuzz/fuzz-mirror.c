// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a mirror makes of names, links and patterns. The input is lines: a pattern, a path, and two names; libFuzzer
 * makes the rest. Globs are held against a matcher that tries one way after the other, which is slow and easily right;
 * and what is taken for safe has to be so by rules that are written another way here.
 */

#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "libkftp/mirror-filter.h"
#include "libkftp/mirror-glob.h"
#include "libkftp/mirror-names.h"
#include "libkftp/utf8.h"
#include "util.h"

#define STEPS_MAX 20000U

/* ---- Globs --------------------------------------------------------------------------------------------- */

static size_t character(const char *p, uint32_t *ret) {
        size_t n = kftp_utf8_decode((const uint8_t *) p, strlen(p), ret);

        if (n == 0)
                *ret = 0x110000 + (uint8_t) *p;
        return MAX2(n, 1U);
}

/* Whether the set at *p, behind its bracket, has c; *p is then behind it. Classes are not among what is tried. */
static bool set_has(const char **p, uint32_t c) {
        bool negated = **p == '!' || **p == '^', has = false;

        *p += negated;
        for (const char *first = *p; **p != ']' || *p == first; ) {
                uint32_t low, high;

                *p += **p == '\\';
                *p += character(*p, &low);
                high = low;
                if ((*p)[0] == '-' && (*p)[1] != ']') {
                        *p += (*p)[1] == '\\' ? 2 : 1;
                        *p += character(*p, &high);
                }
                has = has || (c >= low && c <= high);
        }
        (*p)++;
        return has != negated;
}

/* 1, 0, or -1: it would take too long. */
static int slowly_matches(const char *begin, const char *pattern, const char *text, unsigned *steps) {
        while (*pattern) {
                uint32_t c, wanted;
                size_t n;

                if (++*steps > STEPS_MAX)
                        return -1;
                if (*pattern == '*') {
                        size_t stars = strspn(pattern, "*");
                        bool directories = stars > 1 && pattern[stars] == '/' && (pattern == begin || pattern[-1] == '/');
                        const char *rest = pattern + stars + directories;

                        for (const char *t = text;; t++) {
                                if (!directories || t == text || t[-1] == '/') {
                                        int r = slowly_matches(begin, rest, t, steps);

                                        if (r != 0)
                                                return r;
                                }
                                if (!*t || (stars == 1 && *t == '/'))
                                        return 0;
                        }
                }
                if (!*text)
                        return 0;
                n = character(text, &c);
                if (*pattern == '?') {
                        pattern++;
                        if (c == '/')
                                return 0;
                } else if (*pattern == '[') {
                        pattern++;
                        if (!set_has(&pattern, c) || c == '/')
                                return 0;
                } else {
                        pattern += *pattern == '\\';
                        pattern += character(pattern, &wanted);
                        if (wanted != c)
                                return 0;
                }
                text += n;
        }
        return !*text;
}

/*
 * Only in ASCII: a star of the slow one may end within a character, where a "?" goes on with a byte. And not beside a
 * class.
 */
static bool may_be_compared(const char *text) {
        for (const char *p = text; *p; p++)
                if ((uint8_t) *p >= 0x80 || (p[0] == '[' && p[1] == ':'))
                        return false;
        return true;
}

static void check_glob(const char *pattern, const char *path) {
        _cleanup_free_ char *reason = NULL, *copy = NULL;
        MirrorGlob *g = NULL;
        bool whole, matches;
        unsigned steps = 0;
        int r;

        if (mirror_glob_compile(&g, pattern, &reason) < 0) {
                FUZZ_CHECK(!g && reason && *reason);
                return;
        }
        FUZZ_CHECK(g && !reason);
        matches = mirror_glob_matches(g, path, true);
        FUZZ_CHECK(mirror_glob_matches(g, path, false) == (matches && !mirror_glob_is_for_directories(g)));
        mirror_glob_free(g);
        if (!may_be_compared(pattern) || !may_be_compared(path))
                return;
        copy = strdup(pattern[0] == '/' ? pattern + 1 : pattern);
        FUZZ_CHECK(copy && *copy);
        if (copy[strlen(copy) - 1] == '/')
                copy[strlen(copy) - 1] = '\0';
        whole = pattern[0] == '/' || strchr(copy, '/');
        r = slowly_matches(copy, copy, whole || !strrchr(path, '/') ? path : strrchr(path, '/') + 1, &steps);
        FUZZ_CHECK(r < 0 || r == matches);
}

/* ---- Names and links ------------------------------------------------------------------------------------- */

static void check_name(const char *name, size_t n) {
        if (mirror_name_refusal(name, n))
                return;
        FUZZ_CHECK(n > 0 && n <= 255 && !memchr(name, '/', n));
        FUZZ_CHECK(n != 1 || name[0] != '.');
        FUZZ_CHECK(n < 2 || memcmp(name, "..", 2) != 0 || (n > 2 && name[2] != '\\'));
        for (size_t i = 0; i < n; i++)
                FUZZ_CHECK((uint8_t) name[i] >= 0x20 && name[i] != 0x7f);
}

/* Followed from the directory of the link, step by step, it never comes above the root. */
static void check_link(const char *path, const char *target) {
        long depth = 0;

        if (mirror_link_refusal(path, target))
                return;
        FUZZ_CHECK(*target && *target != '/');
        for (const char *p = path + strspn(path, "/"); strchr(p, '/'); depth += *p != '\0') {
                p = strchr(p, '/');
                p += strspn(p, "/");
        }
        for (const char *p = target; *p; p += strspn(p, "/")) {
                size_t n = strcspn(p, "/");

                if (n == 2 && memcmp(p, "..", 2) == 0)
                        depth--;
                else if (n != 1 || *p != '.')
                        depth++;
                FUZZ_CHECK(depth >= 0);
                p += n;
        }
}

static void check_collisions(const char *a, const char *b) {
        int order = mirror_names_compare_folded(a, b);

        FUZZ_CHECK(mirror_names_compare_folded(a, a) == 0 && mirror_names_compare_folded(b, b) == 0);
        FUZZ_CHECK(mirror_names_compare_folded(b, a) == -order);
        FUZZ_CHECK(order == 0 || strcasecmp(a, b) != 0);
        (void) mirror_name_is_temporary(a);
}

/* Short ones: what an expression is made of is up to the C library, and some cost it much. */
static void check_regex(const char *regex, const char *path) {
        static const MirrorEntry entry = { .name = "x", .type = KFTP_ENTRY_FILE };
        _cleanup_free_ char *reason = NULL;
        KftpMirrorOptions o = {};
        KftpFilter *f;

        if (strlen(regex) > 16 || strpbrk(regex, "{}\\*+"))
                return;
        FUZZ_CHECK(kftp_filter_new(&f) == 0);
        o.filter = f;
        if (kftp_filter_add(f, KFTP_FILTER_EXCLUDE_REGEX, regex, &reason) < 0)
                FUZZ_CHECK(reason && *reason);
        else {
                FUZZ_CHECK(!reason);
                FUZZ_CHECK(mirror_filter_takes(&o, path, &entry, 0) || !mirror_filter_enters(&o, path, 1));
        }
        kftp_filter_free(f);
}

static void check_shard(const char *text) {
        _cleanup_free_ char *reason = NULL;
        unsigned shard, shards;

        FUZZ_CHECK(kftp_shard(text, 7) < 7);
        if (kftp_shard_parse(text, &shard, &shards, &reason) < 0)
                FUZZ_CHECK(reason && *reason);
        else
                FUZZ_CHECK(!reason && shard < shards && shards <= 1000000);
}

/* The line at *p of what is left, terminated, in memory of its size. */
static char *take_line(const char **p, size_t *n) {
        const char *end = memchr(*p, '\n', *n), *begin = *p;
        size_t length = end ? (size_t) (end - begin) : *n;
        char *line = strndup(begin, length);

        FUZZ_CHECK(line);
        *p += MIN2(length + 1, *n);
        *n -= MIN2(length + 1, *n);
        return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        const char *p = (const char *) data;
        _cleanup_free_ char *pattern = NULL, *path = NULL, *a = NULL, *b = NULL;

        fuzz_spend();
        if (n == 0)
                return 0;
        check_name(p, strnlen(p, n));
        pattern = take_line(&p, &n);
        path = take_line(&p, &n);
        a = take_line(&p, &n);
        b = take_line(&p, &n);
        check_glob(pattern, path);
        check_regex(pattern, path);
        check_link(path, a);
        check_collisions(a, b);
        check_shard(b);
        return 0;
}
