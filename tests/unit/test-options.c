/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arguments of the command's verbs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/if.h>

#include "kftp/get.h"
#include "kftp/options.h"
#include "kftp/put.h"
#include "util.h"

#define ARGUMENTS_MAX 16
#define PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* Splits "get -c URL" at its spaces, as a shell would. */
static int parse(const char *line, Arguments *ret, char **error) {
        static char words[512], *argv[ARGUMENTS_MAX + 1];
        char *rest = words, *word;
        int argc = 0, r;
        PutWords unused_put;
        GetWords unused;

        assert_true(strlen(line) < sizeof(words));
        strcpy(words, line);
        while ((word = strsep(&rest, " ")) && argc < ARGUMENTS_MAX)
                argv[argc++] = word;
        argv[argc] = NULL;
        r = arguments_parse(argc, argv, streq(argv[0], "put") ? VERB_PUT : VERB_GET, ret, error);
        if (r >= 0 && streq(argv[0], "put"))
                return put_words(ret, &unused_put, error);
        if (r >= 0 && streq(argv[0], "get"))
                r = get_words(ret, &unused, error);
        return r;
}

static Arguments parse_good(const char *line) {
        Arguments a;
        char *error;

        assert_int_equal(parse(line, &a, &error), 0);
        assert_null(error);
        return a;
}

static const char *dest_of(const Arguments *a) {
        GetWords w = {};
        char *error;

        assert_int_equal(get_words(a, &w, &error), 0);
        return w.dest;
}

static void test_defaults(void **state) {
        Arguments a = parse_good("get ftp://h/f");

        (void) state;
        assert_string_equal(a.words[0], "ftp://h/f");
        assert_null(dest_of(&a));
        assert_false(a.resume || a.json || a.verbose || a.quiet || a.no_progress);
        assert_int_equal(a.data_mode, KFTP_DATA_AUTO);
        assert_int_equal(a.source.family, 0);
        assert_int_equal(a.ifindex, 0);
        assert_null(a.user);
        assert_null(a.password_file);
        assert_int_equal(a.timeout_usec, 0);
        assert_int_equal(a.retries, KFTP_RETRIES_DEFAULT);
        assert_false(a.tls_mode.given || a.tls.insecure);
        assert_null(arguments_find_tls_option(&a));
}

static void test_everything(void **state) {
        Arguments a = parse_good("get -c --active --source=192.0.2.1 --interface=lo --user=u --password-file=/p --timeout=1.5 "
                                    "--retries=0 --json -v -q --no-progress ftp://h/f dest");

        (void) state;
        assert_true(a.resume && a.json && a.verbose && a.quiet && a.no_progress);
        assert_int_equal(a.data_mode, KFTP_DATA_ACTIVE_FIRST);
        assert_int_equal(a.source.family, AF_INET);
        assert_int_equal(a.ifindex, if_nametoindex("lo"));
        assert_string_equal(a.user, "u");
        assert_string_equal(a.password_file, "/p");
        assert_int_equal(a.timeout_usec, 1500000);
        assert_int_equal(a.retries, 0);
        assert_string_equal(dest_of(&a), "dest");
}

static void test_streams(void **state) {
        Arguments a = parse_good("get --range=5-9 --text --verify=size,hash --limit-rate=1.5K --netrc=/n --proxy=p:1 --proxy-password-file=/q ftp://h/f -");

        (void) state;
        assert_int_equal(a.part.range.from, 5);
        assert_int_equal(a.part.range.length, 5);
        assert_true(a.part.text);
        assert_int_equal(a.verify, KFTP_VERIFY_SIZE | KFTP_VERIFY_HASH);
        assert_int_equal(a.limit_rate, 1536);
        assert_string_equal(a.netrc, "/n");
        assert_string_equal(a.proxy, "p:1");
        assert_string_equal(a.proxy_password_file, "/q");
        assert_string_equal(dest_of(&a), "-");
        a = parse_good("get --verify=mtime --netrc= --proxy= ftp://h/f");
        assert_int_equal(a.verify, KFTP_VERIFY_MTIME);
        assert_string_equal(a.netrc, "");
        assert_string_equal(a.proxy, "");
        /* from the first byte to the last is the whole file, which can be resumed */
        a = parse_good("get -c --range=0- ftp://h/f");
        assert_true(a.resume);
}

static void test_tls(void **state) {
        static const struct {
                const char *word;
                enum kftp_tls_mode mode;
        } modes[] = {
                { "no",       KFTP_TLS_NONE          },
                { "auto",     KFTP_TLS_OPPORTUNISTIC },
                { "require",  KFTP_TLS_REQUIRED      },
                { "implicit", KFTP_TLS_IMPLICIT      },
        };
        static const char *const about[] = { "--ca=/c", "--cert=/c", "--pin=" PIN, "--tls-min=1.2", "--insecure" };
        Arguments a = parse_good("get --tls=require --ca=/ca --cert=/cert --key=/key --pin=" PIN ";" PIN " --tls-min=1.3 --insecure ftp://h/f");
        char line[200];

        (void) state;
        assert_true(a.tls_mode.given && a.tls_mode.mode == KFTP_TLS_REQUIRED);
        assert_string_equal(a.tls.ca_file, "/ca");
        assert_string_equal(a.tls.certificate_file, "/cert");
        assert_string_equal(a.tls.key_file, "/key");
        assert_string_equal(a.tls.pin, PIN ";" PIN);
        assert_int_equal(a.tls.min_version, 0x0304);
        assert_true(a.tls.insecure);
        for (size_t i = 0; i < ELEMENTS(modes); i++) {
                (void) snprintf(line, sizeof(line), "get --tls=%s ftp://h/f", modes[i].word);
                a = parse_good(line);
                assert_true(a.tls_mode.given && a.tls_mode.mode == modes[i].mode);
                assert_null(arguments_find_tls_option(&a));
        }
        for (size_t i = 0; i < ELEMENTS(about); i++) {
                (void) snprintf(line, sizeof(line), "get %s ftp://h/f", about[i]);
                a = parse_good(line);
                assert_non_null(arguments_find_tls_option(&a));
                assert_memory_equal(arguments_find_tls_option(&a), about[i], strcspn(about[i], "="));
        }
        assert_int_equal(a.tls.min_version, 0);
        assert_int_equal(parse_good("get --tls-min=1.2 ftp://h/f").tls.min_version, 0x0303);
}

static void test_order(void **state) {
        Arguments a = parse_good("get ftp://h/f -c dest --retries 7");

        (void) state;
        assert_true(a.resume);
        assert_int_equal(a.retries, 7);
        assert_string_equal(a.words[0], "ftp://h/f");
        assert_string_equal(dest_of(&a), "dest");

        a = parse_good("get -- ftp://h/f -c");
        assert_false(a.resume);
        assert_string_equal(dest_of(&a), "-c");
        /* the parser begins anew each time */
        a = parse_good("get -qv ftp://h/f");
        assert_true(a.quiet && a.verbose);
}

static const struct {
        const char *line, *error;
} bad[] = {
        { "get",                                "the URL is missing"                    },
        { "get -c",                             "the URL is missing"                    },
        { "get a b c",                          "'a' is no URL"                         },
        { "get ftp://h/f b ftp://h/g",          "'b' is no URL"                         },
        { "get --mtime a",                      "get has no option --mtime"             },
        { "put --range a b",                    "put has no option --range"             },
        { "put",                                "FILE and URL are missing"              },
        { "put a",                              "the URL is missing"                    },
        { "put ftp://h/",                       "FILE is missing"                       },
        { "put a b c",                          "'c', is no URL"                        },
        { "put a ftp://h/ ftp://h/",            "stands where a FILE has to"            },
        { "put a - ftp://h/",                   "cannot be one of several"              },
        { "put d/a b e/a ftp://h/",            "would have the same name"              },
        { "put --append --unique a ftp://h/",   "exclude each other"                    },
        { "put -c --in-place a ftp://h/",       "--resume needs the temporary name"     },
        { "put --mode=888 a b",                 "--mode=888:"                           },
        { "put --mode=10000 a b",               "--mode=10000:"                         },
        { "put --mode= a b",                    "--mode=:"                              },
        { "put --mode=-1 a b",                  "--mode=-1:"                            },
        { "get --range=9-5 a",                  "--range=9-5:"                          },
        { "get --verify= a",                    "--verify=:"                            },
        { "get --verify=size, a",               "--verify=size,:"                       },
        { "get --verify=sizes a",               "--verify=sizes:"                       },
        { "get --limit-rate=fast a",            "--limit-rate=fast:"                    },
        { "get -c --range=5- a",                "--resume goes together with whole"     },
        { "get -c --text a",                    "--resume goes together with whole"     },
        { "get -c ftp://h/f -",                 "--resume goes together with whole"     },
        { "get --segments=2 ftp://h/f -",       "--segments goes together with whole"   },
        { "get --segments=2 --range=5- a",      "--segments goes together with whole"   },
        { "get --segments=2 --text a",          "--segments goes together with whole"   },
        { "get --segments=65 a",                "--segments=65:"                        },
        { "get --segment-size=1M a",            "--segment-size without --segments"     },
        { "put --segments=2 a ftp://h/",        "put has no option --segments"          },
        { "get --json ftp://h/f -",             "--json and the file"                   },
        { "get --bogus a",                      "unknown option --bogus"                },
        { "get -x a",                           "unknown option -x"                     },
        { "get -cx a",                          "unknown option -x"                     },
        { "get --tls=on a",                     "--tls=on:"                             },
        { "get a --tls",                        "--tls needs a value"                   },
        { "get --tls-min=1.1 a",                "--tls-min=1.1: not 1.2 or 1.3"         },
        { "get --tls-min= a",                   "--tls-min=:"                           },
        { "get --key=/k a",                     "--key without --cert"                  },
        { "get --pin=sha1//AAAA a",             "--pin: \"sha1//AAAA\": "                  },
        { "get --pin= a",                       "--pin: there is no pin"                },
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
                Arguments a;

                print_message("%s\n", bad[i].line);
                assert_int_equal(parse(bad[i].line, &a, &error), -EINVAL);
                assert_non_null(error);
                print_message("    %s\n", error);
                assert_non_null(strstr(error, bad[i].error));
        }
}

static void test_several_urls(void **state) {
        Arguments a = parse_good("get ftp://h/f ftp://h/g");
        GetWords w;
        char *error;

        (void) state;
        assert_int_equal(get_words(&a, &w, &error), 0);
        assert_int_equal(w.n_urls, 2);
        assert_null(w.dest);
        a = parse_good("get ftp://h/f -q ftp://h/g dir");
        assert_int_equal(get_words(&a, &w, &error), 0);
        assert_int_equal(w.n_urls, 2);
        assert_string_equal(w.dest, "dir");
        /* what it says is wrong with a URL is the URL's parser's business */
        a = parse_good("get h/f");
        assert_int_equal(get_words(&a, &w, &error), 0);
        assert_int_equal(w.n_urls, 1);
        assert_null(w.dest);
}

static void test_segments(void **state) {
        Arguments a = parse_good("get -c --segments=4 --segment-size=1M ftp://h/f d");

        (void) state;
        assert_true(a.resume);
        assert_int_equal(a.segments, 4);
        assert_int_equal(a.segment_size, 1 << 20);
        /* one session fetches what anything may be done with */
        assert_int_equal(parse_good("get --segments=1 --range=5- ftp://h/f").segments, 1);
}

static void test_put(void **state) {
        Arguments a = parse_good("put -c --mtime --mode=0640 file ftp://h/d/");
        PutWords w;
        char *error;

        (void) state;
        assert_true(a.resume && a.mtime && a.mode.given);
        assert_false(a.in_place || a.append || a.unique);
        assert_int_equal(a.mode.mode, 0640);
        assert_int_equal(a.n_words, 2);
        assert_string_equal(a.words[1], "ftp://h/d/");
        assert_int_equal(put_words(&a, &w, &error), 0);
        assert_int_equal(w.n_files, 1);
        assert_string_equal(w.url, "ftp://h/d/");
        assert_int_equal(w.options.way, KFTP_PUT_TEMPORARY);
        assert_true(w.options.mtime && w.options.has_mode && w.options.mode == 0640 && !w.options.directory);
        assert_true(parse_good("put --in-place a b").in_place);
        assert_true(parse_good("put --no-temp a b").in_place);
        assert_true(parse_good("put --append a b").append);
        assert_true(parse_good("put --unique a b").unique);
        a = parse_good("put --append - ftp://h/f");
        assert_int_equal(put_words(&a, &w, &error), 0);
        assert_int_equal(w.options.way, KFTP_PUT_APPEND);
        a = parse_good("put x y ftp://h/d");
        assert_int_equal(put_words(&a, &w, &error), 0);
        assert_int_equal(w.n_files, 2);
        assert_true(w.options.directory);
        a = parse_good("put --append d/a e/a ftp://h/");
        assert_int_equal(put_words(&a, &w, &error), 0);
        a = parse_good("put --mode=0 a b");
        assert_true(a.mode.given && a.mode.mode == 0);
}

/* Each verb's help has each of its options, and no others. */
static void test_help(void **state) {
        char text[8192] = "";
        FILE *f = fmemopen(text, sizeof(text), "w");

        (void) state;
        assert_non_null(f);
        options_help(f, VERB_GET, false);
        fclose(f);
        assert_non_null(strstr(text, "  -c --resume "));
        assert_non_null(strstr(text, "     --timeout=SECONDS "));
        assert_null(strstr(text, "--mtime"));
        /* the sets that options belong to, from one to the next */
        assert_int_equal(options_next_set(VERB_ALL + 1), VERB_ALL);
        assert_int_equal(options_next_set(1), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_everything),
                cmocka_unit_test(test_streams),
                cmocka_unit_test(test_tls),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_several_urls),
                cmocka_unit_test(test_segments),
                cmocka_unit_test(test_put),
                cmocka_unit_test(test_help),
        };

        return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
