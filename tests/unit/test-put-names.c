/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of an upload on the server. */

#include "fake-server.h"
#include "put-names.h"
#include "util.h"

static void check_free(char *found, const char *expected) {
        if (expected)
                assert_string_equal(found, expected);
        else
                assert_null(found);
        free(found);
}

static void test_paths(void **state) {
        (void) state;
        check_free(kftp_remote_join("", "a"), "a");
        check_free(kftp_remote_join("d", "a"), "d/a");
        check_free(kftp_remote_join("d/", "a"), "d/a");
        check_free(kftp_remote_join("/", "a"), "/a");
        check_free(kftp_remote_directory("a"), "");
        check_free(kftp_remote_directory("/a"), "/");
        check_free(kftp_remote_directory("d/e/a"), "d/e/");
        assert_string_equal(kftp_remote_base("d/e/a"), "a");
        assert_string_equal(kftp_remote_base("a"), "a");
}

static void test_temporary_names(void **state) {
        char name[256], *temporary;

        (void) state;
        check_free(kftp_put_temporary("a b", 0x12, true), ".a b.kftp-0000000000000012");
        check_free(kftp_put_temporary("a b", 0x12, false), "a b.kftp-0000000000000012");
        /* At most 255 bytes, and no half of a character. */
        for (unsigned hidden = 0; hidden < 2; hidden++)
                for (size_t begin = 0; begin < 3; begin++) {
                        memset(name, 'x', begin);
                        for (size_t i = begin; i + 3 <= 255; i += 3)
                                memcpy(name + i, "\xe2\x82\xac", 4);
                        temporary = kftp_put_temporary(name, 1, hidden);
                        assert_true(strlen(temporary) <= 255 && strlen(temporary) > 250);
                        check_free(kftp_escape(temporary, strlen(temporary)), temporary);
                        free(temporary);
                }
}

/* What differs in anything has another key; what does not has the same one on every machine. */
static void test_keys(void **state) {
        (void) state;
        assert_int_equal(kftp_put_key("a", 1, 2, false), kftp_put_key("a", 1, 2, false));
        assert_int_not_equal(kftp_put_key("a", 1, 2, false), kftp_put_key("b", 1, 2, false));
        assert_int_not_equal(kftp_put_key("a", 1, 2, false), kftp_put_key("a", 2, 2, false));
        assert_int_not_equal(kftp_put_key("a", 1, 2, false), kftp_put_key("a", 1, 3, false));
        assert_int_not_equal(kftp_put_key("a", 1, 12, false), kftp_put_key("a", 11, 2, false));
        assert_int_not_equal(kftp_put_key("a1", 1, 2, false), kftp_put_key("a", 11, 2, false));
        assert_int_not_equal(kftp_put_key("a", 1, 2, false), kftp_put_key("a", 1, 2, true));
        assert_int_equal(kftp_put_key("a", 1, 2, true), kftp_put_key("a", 1, 2, true));
}

static void test_unique_names(void **state) {
        static const struct {
                const char *line, *name;
        } rows[] = {
                { "150 FILE: a.1",                                    "a.1"   },
                { "125 FILE: two words\r",                            "two words" },
                { "150 Opening data connection. File: x",             "x"     },
                { "226 Transfer complete (unique file name:b.2).",    "b.2"   },
                { "250 Done, unique name: c",                         "c"     },
                { "226 Transfer complete",                            NULL    },
                { "150 FILE:",                                        NULL    },
                { "150 FILE:   ",                                     NULL    },
                { "150 FILE: a\tb",                                   NULL    },
                { "550 FILE: a",                                      NULL    },
                { "150",                                              NULL    },
                { "",                                                 NULL    },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                print_message("%s\n", rows[i].line);
                check_free(kftp_put_unique_name(rows[i].line, strlen(rows[i].line)), rows[i].name);
        }
}

static void test_odd_names(void **state) {
        (void) state;
        assert_false(kftp_put_name_is_odd("File-1_2.tar.gz"));
        assert_true(kftp_put_name_is_odd(" a"));
        assert_true(kftp_put_name_is_odd("a "));
        assert_true(kftp_put_name_is_odd("caf\xc3\xa9"));
        assert_true(kftp_put_name_is_odd("a\\b"));
        assert_true(kftp_put_name_is_odd("a b"));
}

static void test_fragile_names(void **state) {
        (void) state;
        assert_false(kftp_put_name_is_fragile("a b.csv"));
        assert_false(kftp_put_name_is_fragile("gr\xc3\xbc\xc3\x9f" "e (2).csv"));
        assert_false(kftp_put_name_is_fragile(".hidden"));
        assert_true(kftp_put_name_is_fragile(" a"));
        assert_true(kftp_put_name_is_fragile("a "));
        assert_true(kftp_put_name_is_fragile("a."));
        assert_true(kftp_put_name_is_fragile("a\\b"));
        assert_true(kftp_put_name_is_fragile("q?x"));
        assert_true(kftp_put_name_is_fragile("gr\xfc\xdf" "e"));
        assert_true(kftp_put_name_is_fragile("cafe\xcc\x81"));         /* that many systems store as "caf\xc3\xa9" */
}

static void test_mlst_names(void **state) {
        static const struct {
                const char *line, *name;
                bool is;
        } rows[] = {
                { " type=file;size=3; /home/u/a\r\n", "a",      true  },
                { " type=file;size=3; a",             "a",      true  },
                { " type=file; two words",            "two words", true },
                { " type=file; /x/two words",         "words",  false },
                { " type=file; aa",                   "a",      false },
                { " type=file; a_",                   "a ",     false },
                { " type=file; ",                     "a",      false },
                { "",                                 "a",      false },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                print_message("%s\n", rows[i].line);
                assert_int_equal(kftp_mlst_is_named(rows[i].line, strlen(rows[i].line), rows[i].name), rows[i].is);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_temporary_names),
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_unique_names),
                cmocka_unit_test(test_odd_names),
                cmocka_unit_test(test_fragile_names),
                cmocka_unit_test(test_mlst_names),
        };

        return cmocka_run_group_tests_name("put-names", tests, NULL, NULL);
}
