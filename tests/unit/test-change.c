// SPDX-License-Identifier: GPL-2.0-or-later
/* What is worked out of paths and of servers' words before and after a command: nothing is sent here. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libkftp/change.h"
#include "libkftp/listing-internal.h"
#include "libkftp/working-directory.h"
#include "util.h"

/* ---- PWD (C16) ------------------------------------------------------------------------------- */

static void test_working_directory(void **state) {
        static const struct {
                const char *reply, *directory;
        } replies[] = {
                { "257 \"/\" is the current directory",               "/"                },
                { "257 \"/home/user\"",                               "/home/user"       },
                { "257 rubbish before \"/x\" and after",              "/x"               },
                { "257 \"/a \"\"b\"\" c\" is it",                     "/a \"b\" c"       },
                { "257 \"\"\"\" is it",                               "\""               },
                { "257 \"/quo\"te\" is your current location",        "/quo\"te"         },
                { "257 \"/not closed ",                               "/not closed"      },
                { "257 \"C:\\Users\\x\" is current directory.",       "C:\\Users\\x"     },
                { "257 \"PUB$DEV:[X.Y]\" is current directory",       "PUB$DEV:[X.Y]"    },
                { "257 \"QGPL\" is current library.",                 "QGPL"             },
                { "257 PUB$DEV:[X.Y] is current directory",           "PUB$DEV:[X.Y]"    },
                { "257 /home/user is the current directory",          "/home/user"       },
                { "257 \"/with spaces in it \" is it",                "/with spaces in it " },
                { "257 \"\" is the current directory",                NULL               },
                { "257 \"/a\tb\"",                                    NULL               },
                { "257 \"/a\x7f\"",                                   NULL               },
                { "257 there is none",                                NULL               },
                { "257",                                              NULL               },
                { "257 ",                                             NULL               },
                { "257 \"",                                           NULL               },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(replies); i++) {
                _cleanup_free_ char *copy = strdup(replies[i].reply);
                _cleanup_free_ char *directory = kftp_working_directory_parse(copy, strlen(copy));

                if (!streq_ptr(directory, replies[i].directory))
                        fail_msg("%s: %s", replies[i].reply, directory ?: "none");
        }
}

static void test_working_directory_with_nul(void **state) {
        static const char reply[] = "257 \"/a\0b\"";

        (void) state;
        assert_null(kftp_working_directory_parse(reply, sizeof(reply) - 1));
}

/* ---- Words (T15) ----------------------------------------------------------------------------- */

static void test_words(void **state) {
        static const struct {
                const char *text;
                bool empty, missing, denied;
        } replies[] = {
                { "550 No files found",                              true,  false, false },
                { "550 No members found.",                           true,  false, false },
                { "550 No data sets found.",                         true,  false, false },
                { "450 NO FILES FOUND",                              true,  false, false },
                { "550 Directory is empty.",                         true,  false, false },
                { "450 x: No such file or directory",                false, true,  false },
                { "550 File not found",                              false, true,  false },
                { "ls: cannot access 'x'",                           false, true,  false },
                { "550 The system cannot find the file specified.",  false, true,  false },
                { "550 Permission denied",                           false, false, true  },
                { "450 EPSV: data transfer in progress",             false, false, false },
                { "550 x: Access is denied.",                        false, false, true  },
                { "550 x is being used by another process",          false, false, true  },
                { "",                                                false, false, false },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(replies); i++) {
                size_t n = strlen(replies[i].text);

                assert_int_equal(kftp_reply_says_empty(replies[i].text, n), replies[i].empty);
                assert_int_equal(kftp_reply_says_missing(replies[i].text, n), replies[i].missing);
                assert_int_equal(kftp_reply_says_denied(replies[i].text, n), replies[i].denied);
        }
}

static void test_truncated(void **state) {
        static const char yes[] = "226-Output truncated to 10000 matches", no[] = "226 10000 matches total",
                name[] = "150 Output truncated to 10";

        (void) state;
        assert_true(kftp_reply_says_truncated(yes, strlen(yes)));
        assert_false(kftp_reply_says_truncated(no, strlen(no)));
        assert_false(kftp_reply_says_truncated(name, strlen(name)));
        assert_false(kftp_reply_says_truncated("", 0));
}

static void test_unimplemented(void **state) {
        (void) state;
        assert_true(kftp_reply_unimplemented(500));
        assert_true(kftp_reply_unimplemented(502));
        assert_true(kftp_reply_unimplemented(504));
        assert_false(kftp_reply_unimplemented(501));
        assert_false(kftp_reply_unimplemented(550));
        assert_false(kftp_reply_unimplemented(0));
}

/* ---- Paths ----------------------------------------------------------------------------------- */

static void test_special_paths(void **state) {
        static const char *const special[] = { "-a", "a*", "a?b", "x/[a]", "{a,b}", "~user", "a\\b" };
        static const char *const plain[] = { "", "a", "a/b", "/a", "a-b", "x/-a", "a~", "\xff", "a;b" };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(special); i++)
                assert_true(kftp_path_is_special(special[i], false));
        for (size_t i = 0; i < ELEMENTS(plain); i++)
                assert_false(kftp_path_is_special(plain[i], true));
        assert_true(kftp_path_is_special("two words", true));
        assert_false(kftp_path_is_special("two words", false));
}

static void test_strip(void **state) {
        static const struct {
                const char *path, *stripped;
        } paths[] = {
                { "a/", "a" }, { "a//", "a" }, { "/", "/" }, { "//", "/" }, { "", "" }, { "a/b", "a/b" }, { "/a/", "/a" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(paths); i++) {
                _cleanup_free_ char *stripped = kftp_path_strip(paths[i].path);

                assert_string_equal(stripped, paths[i].stripped);
        }
}

static void test_rename_target(void **state) {
        static const struct {
                const char *path, *name, *target;
        } names[] = {
                { "a",      "b",     "b"        },
                { "x/a",    "b",     "x/b"      },
                { "/a",     "b",     "/b"       },
                { "/x/a",   "b c",   "/x/b c"   },
                { "x/a",    "y/b",   "y/b"      },
                { "x/a",    "/b",    "/b"       },
                { "x/a",    "./b",   "./b"      },
                { "x/%41",  "%42",   "x/%42"    },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                _cleanup_free_ char *target = kftp_rename_target(names[i].path, names[i].name);

                assert_string_equal(target, names[i].target);
        }
}

/* The lengths of all parents, one after the other. */
static void expect_parents(const char *path, const char *expected) {
        char text[64] = "";

        for (unsigned n = 1;; n++) {
                size_t length = kftp_path_parents(path, n);

                if (length == 0)
                        break;
                assert_true(n < 9);
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s|", (int) length, path);
        }
        assert_string_equal(text, expected);
}

static void test_parents(void **state) {
        (void) state;
        expect_parents("a", "");
        expect_parents("a/b", "a|");
        expect_parents("a/b/c", "a|a/b|");
        expect_parents("/a/b/c", "/a|/a/b|");
        expect_parents("//a//b/", "//a|");
        expect_parents("/", "");
        expect_parents("", "");
        expect_parents("../a/b", "..|../a|");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_working_directory),
                cmocka_unit_test(test_working_directory_with_nul),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_truncated),
                cmocka_unit_test(test_unimplemented),
                cmocka_unit_test(test_special_paths),
                cmocka_unit_test(test_strip),
                cmocka_unit_test(test_rename_target),
                cmocka_unit_test(test_parents),
        };

        return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
