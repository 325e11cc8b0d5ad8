/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a tree takes part: patterns, expressions, sizes, ages, depths. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>

#include "libkftp/mirror-filter.h"
#include "libkftp/mirror-glob.h"
#include "util.h"

#define NOW INT64_C(1800000000)

static MirrorGlob *compile(const char *pattern) {
        _cleanup_free_ char *reason = NULL;
        MirrorGlob *g = NULL;

        if (mirror_glob_compile(&g, pattern, &reason) < 0)
                fail_msg("%s: %s", pattern, strempty(reason));
        assert_null(reason);
        return g;
}

static const struct {
        const char *pattern, *path;
        bool matches;
} globs[] = {
        /* the last part only */
        { "a",              "a",                true  },
        { "a",              "b",                false },
        { "a",              "aa",               false },
        { "aa",             "a",                false },
        { "a",              "d/e/a",            true  },
        { "a",              "a/b",              false },
        { "A",              "a",                false },
        { "*",              "a",                true  },
        { "*",              ".hidden",          true  },
        { "*",              "d/e/a",            true  },
        { "*.csv",          "a.csv",            true  },
        { "*.csv",          ".csv",             true  },
        { "*.csv",          "d.csv/a.txt",      false },
        { "*.csv",          "a.csv.gz",         false },
        { "a*b*c",          "abc",              true  },
        { "a*b*c",          "aXbXbXc",          true  },
        { "a*b*c",          "acb",              false },
        { "**",             "d/a",              true  },
        { "a**",            "d/ab",             true  },
        { "?",              "a",                true  },
        { "?",              "",                 false },
        { "?",              "ab",               false },
        { "a?c",            "abc",              true  },
        { "a?c",            "d/abc",            true  },
        /* the whole path */
        { "d/a",            "d/a",              true  },
        { "d/a",            "e/d/a",            false },
        { "/a",             "a",                true  },
        { "/a",             "d/a",              false },
        { "/*.csv",         "a.csv",            true  },
        { "/*.csv",         "d/a.csv",          false },
        { "d/*",            "d/a",              true  },
        { "d/*",            "d/e/a",            false },
        { "d/*",            "d",                false },
        { "*/a",            "d/a",              true  },
        { "*/a",            "d/e/a",            false },
        { "*/a",            "a",                false },
        { "d?a",            "d/a",              false },
        { "d/e?a/b",        "d/e/a/b",          false },
        { "d[!x]a/b",       "d/a/b",            false },
        { "d[.-0]a/b",      "d/a/b",            false },
        { "d/**",           "d/a",              true  },
        { "d/**",           "d/e/f/a",          true  },
        { "d/**",           "d",                false },
        { "d/**",           "da/b",             false },
        { "**/a",           "a",                true  },
        { "**/a",           "d/a",              true  },
        { "**/a",           "d/e/f/a",          true  },
        { "**/a",           "d/ba",             false },
        { "**/a",           "ba",               false },
        { "d/**/a",         "d/a",              true  },
        { "d/**/a",         "d/e/f/a",          true  },
        { "d/**/a",         "d/e/fa",           false },
        { "d/**/a",         "da",               false },
        { "d/**/a",         "da/a",             false },
        { "**/**/a",        "a",                true  },
        { "**/**/**/a",     "d/a",              true  },
        { "**/d/**/a",      "x/d/y/z/a",        true  },
        { "**/d/**/a",      "x/e/y/z/a",        false },
        { "**/*.o",         "a.o",              true  },
        { "**/*.o",         "d/e/a.o",          true  },
        { "d**/a",          "dx/y/a",           true  },
        { "d**/a",          "da",               false },
        { "d**a/b",         "d/x/a/b",          true  },
        { "*/**/*",         "d/a",              true  },
        { "*/**/*",         "a",                false },
        { "d*/a",           "d/x/a",            false },
        /* sets */
        { "[abc]",          "b",                true  },
        { "[abc]",          "d",                false },
        { "[a-c]",          "b",                true  },
        { "[a-c]",          "-",                false },
        { "[a-]",           "-",                true  },
        { "[-a]",           "-",                true  },
        { "[!a]",           "b",                true  },
        { "[!a]",           "a",                false },
        { "[^a]",           "b",                true  },
        { "[^a]",           "a",                false },
        { "[a^]",           "^",                true  },
        { "[a!]",           "!",                true  },
        { "[]]",            "]",                true  },
        { "[]a]",           "a",                true  },
        { "[!]a]",          "]",                false },
        { "[!]a]",          "b",                true  },
        { "[\\]]",          "]",                true  },
        { "[\\!a]",         "!",                true  },
        { "[a\\-c]",        "b",                false },
        { "[a\\-c]",        "-",                true  },
        { "[[]",            "[",                true  },
        { "[[:digit:]]",    "7",                true  },
        { "[[:digit:]]",    "a",                false },
        { "[[:digit:]]",    ":",                false },
        { "[![:digit:]]",   "a",                true  },
        { "[![:digit:]]",   "7",                false },
        { "[[:upper:]_0-3]", "_",               true  },
        { "[[:upper:]_0-3]", "Z",               true  },
        { "[[:upper:]_0-3]", "3",               true  },
        { "[[:upper:]_0-3]", "z",               false },
        { "[[:punct:]]",    "~",                true  },
        { "[[:alpha:]]",    "\xc3\xbc",         false },
        { "[0-9]*.csv",     "2026.csv",         true  },
        /* what has no meaning */
        { "\\*",            "*",                true  },
        { "\\*",            "a",                false },
        { "\\?",            "?",                true  },
        { "\\[a]",          "[a]",              true  },
        { "\\a",            "a",                true  },
        { "\\\\",           "\\",               true  },
        { "{a,b}",          "a",                false },
        { "{a,b}",          "{a,b}",            true  },
        { "]",              "]",                true  },
        { "a-b",            "a-b",              true  },
        /* characters of several bytes, and bytes that are none */
        { "?",              "\xe2\x82\xac",     true  },
        { "??",             "\xc3\xbc",         false },
        { "[\xc3\xa4-\xc3\xbc]", "\xc3\xb6",    true  },
        { "[\xc3\xa4-\xc3\xbc]", "\xc3",        false },
        { "[!\xc3\xa4]",    "\xc3\xa5",         true  },
        { "?",              "\xff",             true  },
        { "*\xff*",         "a\xff" "b",        true  },
        { "\xff",           "\xfe",             false },
        { "\xff",           "\xc3\xbf",         false },
        { "[\xff]",         "\xff",             true  },
        { "*",              "\xff\xfe",         true  },
};

static void test_globs(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTS(globs); i++) {
                MirrorGlob *g = compile(globs[i].pattern);

                for (unsigned is_directory = 0; is_directory < 2; is_directory++)
                        if (mirror_glob_matches(g, globs[i].path, is_directory) != globs[i].matches)
                                fail_msg("%s is%s to match %s", globs[i].pattern, globs[i].matches ? "" : " not", globs[i].path);
                assert_false(mirror_glob_is_for_directories(g));
                mirror_glob_free(g);
        }
}

static void test_globs_for_directories(void **state) {
        MirrorGlob *g = compile("tmp*/");

        (void) state;
        assert_true(mirror_glob_is_for_directories(g));
        assert_true(mirror_glob_matches(g, "tmp1", true));
        assert_true(mirror_glob_matches(g, "d/tmp1", true));
        assert_false(mirror_glob_matches(g, "tmp1", false));
        mirror_glob_free(g);
        g = compile("/tmp/");
        assert_true(mirror_glob_matches(g, "tmp", true));
        assert_false(mirror_glob_matches(g, "d/tmp", true));
        mirror_glob_free(g);
        g = compile("d/**/");
        assert_true(mirror_glob_matches(g, "d/a/b", true));
        assert_false(mirror_glob_matches(g, "d/a/b", false));
        mirror_glob_free(g);
}

static void test_what_is_no_glob(void **state) {
        static const struct {
                const char *pattern, *reason;
        } cases[] = {
                { "",               "nothing that could be the name"            },
                { "/",              "nothing that could be the name"            },
                { "//",             "nothing that could be the name"            },
                { "///",            "two slashes"                               },
                { "a//b",           "two slashes"                               },
                { "a//",            "two slashes"                               },
                { "./a",            "\"./a\" has \".\" between slashes"         },
                { "a/../b",         "has \"..\" between slashes"                },
                { "a/.",            "has \".\" between slashes"                 },
                { "[",              "there is no \"]\" for the \"[\" at byte 1" },
                { "a*[b-c",         "\"a*[b-c\": there is no \"]\" for the \"[\" at byte 3" },
                { "[]",             "at byte 1"                                 },
                { "[!]",            "at byte 1"                                 },
                { "[a-",            "at byte 1"                                 },
                { "[a\\",           "at byte 1"                                 },
                { "[a\\]",          "at byte 1"                                 },
                { "[[:alpha:]",     "at byte 1"                                 },
                { "a/[b/c]",        "no slash, and there is one at byte 5"      },
                { "[z-a]",          "ends before it begins at byte 2"           },
                { "[ab-a]",         "ends before it begins at byte 3"           },
                { "[[:letter:]]",   "no such class of characters as the one at byte 2" },
                { "[[:alpha]]",     "at byte 2"                                 },
                { "[[.a.]]",        "\"[.\" is not supported, and stands at byte 2" },
                { "[[=a=]]",        "at byte 2"                                 },
                { "a\\",            "behind the backslash at byte 2"            },
                { "a\033[",         "\"a\\x1b[\": "                             },
        };
        char *text = malloc(MIRROR_GLOB_MAX + 2), *reason;
        MirrorGlob *g = NULL;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                assert_int_equal(mirror_glob_compile(&g, cases[i].pattern, &reason), -EINVAL);
                assert_int_equal(mirror_glob_compile(&g, cases[i].pattern, NULL), -EINVAL);
                if (!strstr(strempty(reason), cases[i].reason))
                        fail_msg("%s: %s", cases[i].pattern, strempty(reason));
                free(reason);
        }
        assert_non_null(text);
        memset(text, '?', MIRROR_GLOB_MAX + 1);
        text[MIRROR_GLOB_MAX + 1] = '\0';
        assert_int_equal(mirror_glob_compile(&g, text, &reason), -EINVAL);
        assert_non_null(strstr(reason, "too long"));
        free(reason);
        assert_null(g);
        mirror_glob_free(compile(text + 1));
        free(text);
}

/* A matcher that tries one way after the other would not come to an end with any of these. */
static void test_hostile_names_take_no_time(void **state) {
        static const char *const patterns[] = {
                "*a*a*a*a*a*a*a*a*a*a*a*a*b", "**/*a*/**/*a*/**/*a*/**/*a*/**/b", "**a**a**a**a**a**a**a**a**a**b/c",
        };
        char path[4096];

        (void) state;
        for (unsigned slashes = 0; slashes < 2; slashes++) {
                for (size_t i = 0; i < sizeof(path) - 1; i++)
                        path[i] = slashes && i % 2 ? '/' : 'a';
                path[sizeof(path) - 1] = '\0';
                for (size_t i = 0; i < ELEMENTS(patterns); i++) {
                        MirrorGlob *g = compile(patterns[i]);

                        assert_false(mirror_glob_matches(g, path, false));
                        mirror_glob_free(g);
                }
        }
}

/* ---- Filters ------------------------------------------------------------------------------------------- */

static void add(KftpFilter *f, enum kftp_filter_kind kind, const char *text) {
        _cleanup_free_ char *reason = NULL;

        if (kftp_filter_add(f, kind, text, &reason) < 0)
                fail_msg("%s: %s", text, strempty(reason));
        assert_null(reason);
}

static KftpFilter *new_filter(enum kftp_filter_kind kind, const char *text) {
        KftpFilter *f = NULL;

        assert_int_equal(kftp_filter_new(&f), 0);
        if (text)
                add(f, kind, text);
        return f;
}

static const MirrorEntry some_file = { .name = "a", .type = KFTP_ENTRY_FILE, .size = 1, .mtime = NOW, .mtime_precision = 1 };
static const MirrorEntry some_link = { .name = "a", .type = KFTP_ENTRY_LINK, .size = 1, .mtime = NOW, .mtime_precision = 1 };

static bool takes(const KftpFilter *f, const char *path) {
        KftpMirrorOptions o = { .filter = f };
        bool file = mirror_filter_takes(&o, path, &some_file, NOW);

        assert_int_equal(mirror_filter_takes(&o, path, &some_link, NOW), file);
        return file;
}

static bool enters(const KftpFilter *f, const char *path) {
        return mirror_filter_enters(&(KftpMirrorOptions) { .filter = f }, path, 1);
}

static void test_without_rules(void **state) {
        KftpFilter *f = new_filter(0, NULL);

        (void) state;
        assert_true(takes(NULL, "a"));
        assert_true(enters(NULL, "a"));
        assert_true(takes(f, "a"));
        assert_true(enters(f, "a"));
        kftp_filter_free(f);
        kftp_filter_free(NULL);
}

static void test_includes(void **state) {
        KftpFilter *f = new_filter(KFTP_FILTER_INCLUDE, "*.csv");

        (void) state;
        assert_true(takes(f, "d/a.csv"));
        assert_false(takes(f, "d/a.txt"));
        /* What is below may match. */
        assert_true(enters(f, "d"));
        add(f, KFTP_FILTER_INCLUDE, "/log/**");
        assert_true(takes(f, "log/a.txt"));
        assert_true(takes(f, "a.csv"));
        assert_false(takes(f, "a.txt"));
        add(f, KFTP_FILTER_INCLUDE_REGEX, "^README$");
        assert_true(takes(f, "README"));
        assert_true(takes(f, "a.csv"));
        assert_false(takes(f, "d/README"));
        kftp_filter_free(f);
}

static void test_excludes(void **state) {
        KftpFilter *f = new_filter(KFTP_FILTER_EXCLUDE, "*.tmp");

        (void) state;
        assert_false(takes(f, "d/a.tmp"));
        assert_true(takes(f, "d/a.txt"));
        assert_false(enters(f, "d/a.tmp"));
        assert_true(enters(f, "d"));
        add(f, KFTP_FILTER_EXCLUDE, "cache/");
        assert_false(enters(f, "d/cache"));
        assert_true(takes(f, "d/cache"));
        add(f, KFTP_FILTER_EXCLUDE, "/old/**");
        assert_true(enters(f, "old"));
        assert_false(enters(f, "old/a"));
        assert_false(takes(f, "old/a"));
        kftp_filter_free(f);
}

static void test_exclusion_wins(void **state) {
        (void) state;
        for (unsigned order = 0; order < 2; order++) {
                KftpFilter *f = new_filter(order ? KFTP_FILTER_INCLUDE : KFTP_FILTER_EXCLUDE, order ? "*.csv" : "a*");

                add(f, order ? KFTP_FILTER_EXCLUDE : KFTP_FILTER_INCLUDE, order ? "a*" : "*.csv");
                assert_true(takes(f, "b.csv"));
                assert_false(takes(f, "a.csv"));
                assert_false(takes(f, "b.txt"));
                kftp_filter_free(f);
        }
}

static const struct {
        const char *regex, *path;
        bool excluded, excluded_directory;
} regexes[] = {
        { "a",              "bab",              true,  true  },
        { "^a",             "ba",               false, false },
        { "^d/.*\\.o$",     "d/a.o",            true,  true  },
        { "^d/.*\\.o$",     "d/a.oo",           false, false },
        { "^(a|b)+$",       "abba",             true,  true  },
        { "^(a|b)+$",       "abc",              false, false },
        { "^tmp/",          "tmp",              false, true  },
        { "^tmp/",          "tmp/a",            true,  true  },
        { "^tmp$",          "tmp",              true,  true  },
        { "\\.o$",          "d/a.o",            true,  true  },
        { "^.$",            "\xc3\xbc",         true,  true  },
        { "^[\xc3\xa4\xc3\xbc]$", "\xc3\xbc",   true,  true  },
        { "^[\xc3\xa4\xc3\xbc]$", "\xc3\xb6",   false, false },
        { "^[[:alpha:]]$",  "\xc3\xbc",         true,  true  },
        /* bytes that are no UTF-8 are characters, too, and equal to themselves only */
        { "^a.*b$",         "a\xff\xfe" "b",    true,  true  },
        { "^a.b$",          "a\xff" "b",        true,  true  },
        { "^a\xff" "b$",    "a\xff" "b",        true,  true  },
        { "^a\xff" "b$",    "a\xfe" "b",        false, false },
        { "^a\x80\xbf\xc0\xff$", "a\x80\xbf\xc0\xff", true, true },
        { "^[\xe4\xfc]$",   "\xe4",             true,  true  },
        { "^[\xe4\xfc]$",   "\xf6",             false, false },
        { "^a\x80$",        "a\xc0",            false, false },
        { "^\xc3\xbc\xff$", "\xc3\xbc\xff",     true,  true  },
        { "\xff",           "",                 false, false },
};

static void check_regexes(void) {
        for (size_t i = 0; i < ELEMENTS(regexes); i++) {
                KftpFilter *f = new_filter(KFTP_FILTER_EXCLUDE_REGEX, regexes[i].regex);

                if (takes(f, regexes[i].path) == regexes[i].excluded || enters(f, regexes[i].path) == regexes[i].excluded_directory)
                        fail_msg("%s and %s", regexes[i].regex, regexes[i].path);
                kftp_filter_free(f);
        }
}

/* In each locale that the program may have. */
static void test_regexes(void **state) {
        (void) state;
        check_regexes();
        assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
        check_regexes();
        assert_non_null(setlocale(LC_ALL, "C"));
}

static void test_what_is_no_rule(void **state) {
        static const struct {
                enum kftp_filter_kind kind;
                const char *text, *reason;
        } cases[] = {
                { KFTP_FILTER_INCLUDE,       "[",      "\"[\": there is no \"]\""                           },
                { KFTP_FILTER_EXCLUDE,       "",       "nothing that could be"                              },
                { KFTP_FILTER_INCLUDE,       "d/",     "\"d/\" is for directories, but"                     },
                { KFTP_FILTER_INCLUDE,       "d/",     "\"d/**\" is all below"                              },
                { KFTP_FILTER_INCLUDE_REGEX, "(",      "the regular expression \"(\": Unmatched ( or \\("   },
                { KFTP_FILTER_EXCLUDE_REGEX, "a[b\n",  "the regular expression \"a[b\\x0a\": Unmatched ["   },
                /* the C library's C.UTF-8 has no order of other characters */
                { KFTP_FILTER_EXCLUDE_REGEX, "[\xc3\xa4-\xc3\xbc]", "a range can only be of ASCII characters" },
        };
        KftpFilter *f = new_filter(KFTP_FILTER_EXCLUDE, "b");

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_free_ char *reason = NULL;

                assert_int_equal(kftp_filter_add(f, cases[i].kind, cases[i].text, &reason), -EINVAL);
                assert_int_equal(kftp_filter_add(f, cases[i].kind, cases[i].text, NULL), -EINVAL);
                if (!strstr(strempty(reason), cases[i].reason))
                        fail_msg("%s: %s", cases[i].text, strempty(reason));
        }
        /* It is what it was. */
        assert_true(takes(f, "a"));
        assert_false(takes(f, "b"));
        kftp_filter_free(f);
}

static bool takes_entry(const KftpMirrorOptions *o, uint64_t size, int64_t mtime, uint32_t precision) {
        MirrorEntry e = { .name = "a", .type = KFTP_ENTRY_FILE, .size = size, .mtime = mtime, .mtime_precision = precision };

        return mirror_filter_takes(o, "a", &e, NOW);
}

static void test_sizes(void **state) {
        KftpMirrorOptions o = { .min_size = 10, .max_size = 20 };

        (void) state;
        assert_false(takes_entry(&o, 9, NOW, 1));
        assert_true(takes_entry(&o, 10, NOW, 1));
        assert_true(takes_entry(&o, 20, NOW, 1));
        assert_false(takes_entry(&o, 21, NOW, 1));
        assert_true(takes_entry(&o, KFTP_SIZE_UNKNOWN, NOW, 1));
        assert_true(mirror_filter_takes(&o, "a", &some_link, NOW));
        o.max_size = 0;
        assert_true(takes_entry(&o, UINT64_MAX - 1, NOW, 1));
        o.min_size = 0;
        assert_true(takes_entry(&o, 0, NOW, 1));
}

static void test_ages(void **state) {
        KftpMirrorOptions old = { .min_age = 100 }, young = { .max_age = 100 };

        (void) state;
        assert_true(takes_entry(&old, 1, NOW - 100, 1));
        assert_false(takes_entry(&old, 1, NOW - 99, 1));
        assert_false(takes_entry(&old, 1, NOW + 1000, 1));
        assert_true(takes_entry(&old, 1, KFTP_MTIME_UNKNOWN, 1));
        assert_true(takes_entry(&young, 1, NOW - 100, 1));
        assert_false(takes_entry(&young, 1, NOW - 101, 1));
        assert_true(takes_entry(&young, 1, NOW + 1000, 1));
        assert_true(takes_entry(&young, 1, KFTP_MTIME_UNKNOWN, 1));
        assert_true(mirror_filter_takes(&old, "a", &some_link, NOW));
        /* Somewhere within a day it was old, and young, enough. */
        assert_true(takes_entry(&young, 1, NOW - 100 - 86399, 86400));
        assert_false(takes_entry(&young, 1, NOW - 100 - 86400, 86400));
        assert_true(takes_entry(&old, 1, NOW - 100, 86400));
        /* Times that no clock ever showed */
        assert_false(takes_entry(&young, 1, INT64_MIN + 1, 1));
        assert_true(takes_entry(&old, 1, INT64_MIN + 1, 1));
        assert_true(takes_entry(&young, 1, INT64_MAX, 86400));
        assert_false(takes_entry(&old, 1, INT64_MAX, 86400));
        assert_true(takes_entry(&(KftpMirrorOptions) { .max_age = UINT64_MAX }, 1, INT64_MIN + 1, 0));
}

static void test_depths(void **state) {
        KftpMirrorOptions o = {};

        (void) state;
        assert_true(mirror_filter_enters(&o, "a/b/c/d", 4));
        o.max_depth = 1;
        assert_false(mirror_filter_enters(&o, "a", 1));
        o.max_depth = 2;
        assert_true(mirror_filter_enters(&o, "a", 1));
        assert_false(mirror_filter_enters(&o, "a/b", 2));
        /* What is in a directory is of no depth of its own. */
        assert_true(mirror_filter_takes(&o, "a/b/c", &some_file, NOW));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_globs),
                cmocka_unit_test(test_globs_for_directories),
                cmocka_unit_test(test_what_is_no_glob),
                cmocka_unit_test(test_hostile_names_take_no_time),
                cmocka_unit_test(test_without_rules),
                cmocka_unit_test(test_includes),
                cmocka_unit_test(test_excludes),
                cmocka_unit_test(test_exclusion_wins),
                cmocka_unit_test(test_regexes),
                cmocka_unit_test(test_what_is_no_rule),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_ages),
                cmocka_unit_test(test_depths),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
