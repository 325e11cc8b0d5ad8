/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which names and links of a listing are taken, and which names are the same where case does not count. */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>

#include "libkftp/mirror-names.h"
#include "libkftp/names.h"
#include "libkftp/put-names.h"
#include "util.h"

static void check_refusal(const char *what, const char *found, const char *expected) {
        if (!expected && found)
                fail_msg("\"%s\" is refused: %s", what, found);
        if (expected && (!found || !strstr(found, expected)))
                fail_msg("\"%s\": \"%s\" and not \"%s\"", what, strempty(found), expected);
}

static void test_names(void **state) {
        static const struct {
                const char *name, *refusal;
        } cases[] = {
                { "a",                          NULL                  },
                { "a b",                        NULL                  },
                { " ",                          NULL                  },
                { "...",                        NULL                  },
                { "..a",                        NULL                  },
                { "a..",                        NULL                  },
                { ".hidden",                    NULL                  },
                { "-rf",                        NULL                  },
                { "~root",                      NULL                  },
                { "C:",                         NULL                  },
                { "a\\b",                       NULL                  },
                { "\\",                         NULL                  },
                { "a\\..b",                     NULL                  },
                { "$(reboot)",                  NULL                  },
                { "\xc3\xbc",                   NULL                  },
                { "\xff\xfe",                   NULL                  },
                { "\x9b",                       NULL                  },
                { "a\xe2\x80\xae" "b",          NULL                  },
                { "",                           "is empty"            },
                { ".",                          "for itself"          },
                { "..",                         "for itself"          },
                { "/",                          "slash"               },
                { "a/b",                        "slash"               },
                { "/etc/passwd",                "slash"               },
                { "../a",                       "slash"               },
                { "..\\a",                      "beside a backslash"  },
                { "a\\..\\b",                   "beside a backslash"  },
                { "a\\..",                      "beside a backslash"  },
                { "\\..",                       "beside a backslash"  },
                { "a\nb",                       "control"             },
                { "a\r",                        "control"             },
                { "\t",                         "control"             },
                { "\x01",                       "control"             },
                { "\x1f",                       "control"             },
                { "a\033[31m",                  "control"             },
                { "\x7f",                       "control"             },
        };
        char name[257];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++)
                check_refusal(cases[i].name, mirror_name_refusal(cases[i].name, strlen(cases[i].name)), cases[i].refusal);
        memset(name, 'x', 256);
        name[256] = '\0';
        check_refusal(name, mirror_name_refusal(name, 255), NULL);
        check_refusal(name, mirror_name_refusal(name, 256), "longer than 255");
        /* What lies behind its end is not of the name. */
        check_refusal("a", mirror_name_refusal("a/b", 1), NULL);
        check_refusal("..", mirror_name_refusal("..x", 2), "for itself");
}

/* As get.c and put.c make them, also of names that have to be cut. */
static void test_temporary_names_are_known(void **state) {
        static const char *const names[] = { "a", ".a", "a.kftp-part", "\xc3\xbc b", "~" };
        char name[256];

        (void) state;
        memset(name, 'x', 255);
        name[255] = '\0';
        for (size_t i = 0; i <= ELEMENTS(names); i++) {
                const char *of = i < ELEMENTS(names) ? names[i] : name;

                for (unsigned hidden = 0; hidden < 2; hidden++) {
                        _cleanup_free_ char *temporary = kftp_put_temporary(of, kftp_put_key(of, i, 1, false), hidden);

                        assert_true(mirror_name_is_temporary(temporary));
                }
                for (unsigned cut = 0; cut < 2; cut++) {
                        _cleanup_free_ char *link = kftp_name_beside(of, ".kftp-link", cut ? 40 : NAME_MAX);

                        assert_true(mirror_name_is_temporary(link));
                }
                for (unsigned part = 0; part < 2; part++) {
                        KftpUrl url = { .base = (char *) of };
                        KftpNames n;

                        assert_int_equal(kftp_names_choose(&n, &url, "/", part, NULL), 0);
                        assert_true(mirror_name_is_temporary(n.temporary));
                        assert_true(mirror_name_is_temporary(n.state));
                        assert_true(mirror_name_is_temporary(n.state_new));
                        kftp_names_done(&n);
                }
        }
}

static void test_other_names_are_not_temporary(void **state) {
        static const char *const names[] = {
                "", ".", "a", ".kftp-part", "..kftp-part", ".kftp-", "a.kftp-part", "kftp-part", ".a.kftp-parts", ".a.kftp-notes", ".a.kftp_part",
                ".a.kftp-part.gz", ".kftp-0123456789abcdef", "a.kftp-0123456789abcde", "a.kftp-0123456789abcdeg",
                "a.kftp-0123456789ABCDEF", "a.kftp-0123456789abcdef0", "a-kftp-0123456789abcdef", "a.kftp-0123456789abcdef.txt",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(names); i++)
                if (mirror_name_is_temporary(names[i]))
                        fail_msg("%s is taken for a temporary name", names[i]);
}

static void test_links(void **state) {
        static const struct {
                const char *path, *target, *refusal;
        } cases[] = {
                { "l",        "a",               NULL           },
                { "l",        "a/b/c",           NULL           },
                { "l",        ".",               NULL           },
                { "l",        "./a",             NULL           },
                { "l",        "a\\..\\b",        NULL           },
                { "l",        "...",             NULL           },
                { "l",        "..a/b..",         NULL           },
                { "l",        "\xff",            NULL           },
                { "d/l",      "..",              NULL           },
                { "d/l",      "../a",            NULL           },
                { "d/l",      ".././a",          NULL           },
                { "d/l",      "./../a",          NULL           },
                { "d/l",      "..//a",           NULL           },
                { "d/e/f/l",  "../../../a",      NULL           },
                { "d//l",     "../a",            NULL           },
                { "l",        "..",              "out of"       },
                { "l",        "../l",            "out of"       },
                { "l",        "./../a",          "out of"       },
                { "l",        "../d/l",          "out of"       },
                { "d/l",      "../..",           "out of"       },
                { "d/l",      "../../d/a",       "out of"       },
                { "d//l",     "../../a",         "out of"       },
                { "/l",       "../a",            "out of"       },
                { "//l",      "../a",            "out of"       },
                { "d/l",      ".././../a",       "out of"       },
                { "d/e/f/l",  "../../../../a",   "out of"       },
                { "d/l",      "a/..",            "behind"       },
                { "d/e/l",    "../a/../b",       "behind"       },
                { "d/e/l",    ".//a/.././b",     "behind"       },
                { "l",        "/",               "absolute"     },
                { "d/l",      "/etc/passwd",     "absolute"     },
                { "l",        "//a",             "absolute"     },
                { "l",        "",                "is empty"     },
                { "l",        "a\nb",            "control"      },
                { "l",        "a\x7f",           "control"      },
        };
        char *target = malloc(PATH_MAX + 1);

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++)
                check_refusal(cases[i].target, mirror_link_refusal(cases[i].path, cases[i].target), cases[i].refusal);
        assert_non_null(target);
        memset(target, 'x', PATH_MAX);
        target[PATH_MAX] = '\0';
        check_refusal("4096", mirror_link_refusal("l", target), "longer than 4095");
        check_refusal("4095", mirror_link_refusal("l", target + 1), NULL);
        free(target);
}

static void check_collisions(void) {
        static const struct {
                const char *a, *b;
                bool collide;
        } cases[] = {
                { "a",                  "a",                    true  },
                { "",                   "",                     true  },
                { "ReadMe.TXT",         "README.txt",           true  },
                { "a",                  "b",                    false },
                { "a",                  "aa",                   false },
                { "AA",                 "a",                    false },
                { "[",                  "{",                    false },
                { "@",                  "`",                    false },
                /* Latin, Greek with its two small sigmas, Cyrillic, Deseret (four bytes) */
                { "\xc3\x84.csv",       "\xc3\xa4.CSV",         true  },
                { "\xce\xa3",           "\xcf\x83",             true  },
                { "\xcf\x82",           "\xcf\x83",             true  },
                { "\xd0\x96",           "\xd0\xb6",             true  },
                { "\xf0\x90\x90\x80",   "\xf0\x90\x90\xa8",     true  },
                /* of other lengths: Kelvin's sign, the long s, the capital sharp s */
                { "\xe2\x84\xaa",       "k",                    true  },
                { "\xc5\xbf",           "S",                    true  },
                { "\xe1\xba\x9e",       "\xc3\x9f",             true  },
                /* no simple folding: sharp s is not ss, the Turkish letters are not i */
                { "\xc3\x9f",           "ss",                   false },
                { "\xc4\xb0",           "i",                    false },
                { "\xc4\xb1",           "I",                    false },
                { "\xc4\xb1",           "i",                    false },
                { "\xc3\xa4",           "a",                    false },
                { "\xc3\x97",           "\xc3\xb7",             false },
                /* no UTF-8: it differs in the bytes that are none */
                { "A\xff",              "a\xff",                true  },
                { "A\xff",              "a\xfe",                false },
                { "\xc3\x84\xff",       "\xc3\xa4\xff",         true  },
                { "\xc3\xbf",           "\xff",                 false },
                { "\xe4",               "\xc4",                 false },
                { "\xe4",               "\xc3\xa4",             false },
        };

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                int order = mirror_names_compare_folded(cases[i].a, cases[i].b);

                if ((order == 0) != cases[i].collide)
                        fail_msg("%s and %s are%s to collide", cases[i].a, cases[i].b, cases[i].collide ? "" : " not");
                assert_int_equal(mirror_names_compare_folded(cases[i].b, cases[i].a), -order);
        }
}

/* Sorted, those that collide lie side by side. */
static void test_folded_order(void **state) {
        static const char *const names[] = { "", "a", "AB", "b", "\xc3\x84", "\xc3\xa5", "\xe2\x84\xab\xff", "\xf0\x90\x90\xa8", "\x80", "\xff" };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(names); i++)
                for (size_t j = 0; j < ELEMENTS(names); j++)
                        assert_int_equal(mirror_names_compare_folded(names[i], names[j]), i < j ? -1 : i > j);
}

/* Whatever locale the program has. */
static void test_collisions(void **state) {
        (void) state;
        check_collisions();
        assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
        check_collisions();
        assert_non_null(setlocale(LC_ALL, "C"));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_temporary_names_are_known),
                cmocka_unit_test(test_other_names_are_not_temporary),
                cmocka_unit_test(test_links),
                cmocka_unit_test(test_folded_order),
                cmocka_unit_test(test_collisions),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
