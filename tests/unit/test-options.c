/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arguments of kftp get. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/if.h>

#include "kftp/options.h"
#include "util.h"

#define ARGUMENTS_MAX 16

/* Splits "get -c URL" at its spaces, as a shell would. */
static int parse(const char *line, GetArguments *ret, char **error) {
        static char words[512];
        char *argv[ARGUMENTS_MAX + 1] = {}, *rest = words, *word;
        int argc = 0;

        assert_true(strlen(line) < sizeof(words));
        strcpy(words, line);
        while ((word = strsep(&rest, " ")) && argc < ARGUMENTS_MAX)
                argv[argc++] = word;
        return get_arguments_parse(argc, argv, ret, error);
}

static GetArguments parse_good(const char *line) {
        GetArguments a;
        char *error;

        assert_int_equal(parse(line, &a, &error), 0);
        assert_null(error);
        return a;
}

static void test_defaults(void **state) {
        GetArguments a = parse_good("get ftp://h/f");

        (void) state;
        assert_string_equal(a.url, "ftp://h/f");
        assert_null(a.dest);
        assert_false(a.resume || a.json || a.verbose || a.quiet || a.no_progress);
        assert_int_equal(a.data_mode, KFTP_DATA_AUTO);
        assert_int_equal(a.source.family, 0);
        assert_int_equal(a.ifindex, 0);
        assert_null(a.user);
        assert_null(a.password_file);
        assert_int_equal(a.timeout_usec, 0);
        assert_int_equal(a.retries, KFTP_RETRIES_DEFAULT);
}

static void test_everything(void **state) {
        GetArguments a = parse_good("get -c --active --source=192.0.2.1 --interface=lo --user=u --password-file=/p --timeout=1.5 "
                                    "--retries=0 --json -v -q --no-progress ftp://h/f dest");

        (void) state;
        assert_true(a.resume && a.json && a.verbose && a.quiet && a.no_progress);
        assert_int_equal(a.data_mode, KFTP_DATA_ACTIVE);
        assert_int_equal(a.source.family, AF_INET);
        assert_int_equal(a.ifindex, if_nametoindex("lo"));
        assert_string_equal(a.user, "u");
        assert_string_equal(a.password_file, "/p");
        assert_int_equal(a.timeout_usec, 1500000);
        assert_int_equal(a.retries, 0);
        assert_string_equal(a.dest, "dest");
}

static void test_order(void **state) {
        GetArguments a = parse_good("get ftp://h/f -c dest --retries 7");

        (void) state;
        assert_true(a.resume);
        assert_int_equal(a.retries, 7);
        assert_string_equal(a.url, "ftp://h/f");
        assert_string_equal(a.dest, "dest");

        a = parse_good("get -- ftp://h/f -c");
        assert_false(a.resume);
        assert_string_equal(a.dest, "-c");
        /* the parser begins anew each time */
        a = parse_good("get -qv ftp://h/f");
        assert_true(a.quiet && a.verbose);
}

static const struct {
        const char *line, *error;
} bad[] = {
        { "get",                                "the URL is missing"                    },
        { "get -c",                             "the URL is missing"                    },
        { "get a b c",                          "too many arguments: 'c'"               },
        { "get --bogus a",                      "unknown option --bogus"                },
        { "get -x a",                           "unknown option -x"                     },
        { "get -cx a",                          "unknown option -x"                     },
        { "get --tls=auto a",                   "unknown option --tls=auto"             },
        { "get a --user",                       "--user needs a value"                  },
        { "get --json=yes a",                   "takes no value"                        },
        { "get --timeout=0 a",                  "--timeout=0:"                          },
        { "get --timeout=-1 a",                 "--timeout=-1:"                         },
        { "get --timeout=1s a",                 "--timeout=1s:"                         },
        { "get --timeout=inf a",                "--timeout=inf:"                        },
        { "get --timeout=nan a",                "--timeout=nan:"                        },
        { "get --timeout=86401 a",              "--timeout=86401:"                      },
        { "get --retries=-1 a",                 "--retries=-1:"                         },
        { "get --retries= a",                   "--retries=:"                           },
        { "get --retries=x a",                  "--retries=x:"                          },
        { "get --retries=99999999999999999999 a", "--retries="                          },
        { "get --source=host a",                "not an IPv4 or IPv6 address"           },
        { "get --interface=nosuch0 a",          "no such network interface"             },
        { "get --user= a",                      "--user:"                               },
        { "get --user=a\rb a",                  "control character"                     },
};

static void test_bad(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                _cleanup_free_ char *error = NULL;
                GetArguments a;

                print_message("%s\n", bad[i].line);
                assert_int_equal(parse(bad[i].line, &a, &error), -EINVAL);
                assert_non_null(error);
                print_message("    %s\n", error);
                assert_non_null(strstr(error, bad[i].error));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_everything),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_bad),
        };

        return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
