// SPDX-License-Identifier: GPL-2.0-or-later
/* The arguments of kftp mirror, and where it keeps its state. */

#include <sys/stat.h>

#include "directory.h"
#include "kftp/mirror.h"
#include "kftp/state-directory.h"
#include "mirror-filter.h"
#include "util.h"

#define ARGUMENTS_MAX 24

/* ---- Arguments ------------------------------------------------------------------------------- */

/* Splits "mirror -n SRC DST" at its spaces, as a shell would. */
static int parse(const char *line, Arguments *ret, MirrorWords *words, char **error) {
        static char text[512], *argv[ARGUMENTS_MAX + 1];
        char *rest = text, *word;
        int argc = 0, r;

        assert_true(strlen(line) < sizeof(text));
        strcpy(text, line);
        while ((word = strsep(&rest, " ")) && argc < ARGUMENTS_MAX)
                argv[argc++] = word;
        argv[argc] = NULL;
        r = arguments_parse(argc, argv, VERB_MIRROR, ret, error);
        if (r >= 0)
                r = mirror_words(ret, words, error);
        if (r < 0)
                arguments_done(ret);
        return r;
}

/* The caller frees what the filter takes. */
static KftpMirrorOptions parse_good(const char *line) {
        MirrorWords words;
        Arguments a = {};
        char *error = NULL;

        print_message("%s\n", line);
        assert_int_equal(parse(line, &a, &words, &error), 0);
        assert_null(error);
        return mirror_options(&a, &words);
}

static void test_directions(void **state) {
        Arguments a = {};
        MirrorWords w;
        char *error;

        (void) state;
        assert_int_equal(parse("mirror ftp://h/d here", &a, &w, &error), 0);
        assert_false(w.upload);
        assert_string_equal(w.url, "ftp://h/d");
        assert_string_equal(w.path, "here");
        assert_int_equal(parse("mirror here ftp://h/d", &a, &w, &error), 0);
        assert_true(w.upload && mirror_options(&a, &w).upload);
        assert_string_equal(w.url, "ftp://h/d");
        assert_string_equal(w.path, "here");
}

static void test_defaults(void **state) {
        KftpMirrorOptions o = parse_good("mirror ftp://h/d here"), none = {};

        (void) state;
        assert_memory_equal(&o, &none, sizeof(o));
}

static void test_everything(void **state) {
        KftpMirrorOptions o = parse_good("mirror -c -n --delete --newer -p --no-times --symlinks=follow --compare=hash --min-size=1K --max-size=1.5M "
                                         "--min-age=30s --max-age=7d --max-depth=3 --shard=2/5 -P 7 --segments=3 --segment-size=1G ftp://h/d here");

        (void) state;
        assert_true(o.dry_run && o.delete && o.newer && o.permissions && o.no_times && !o.move);
        assert_int_equal(o.symlinks, KFTP_SYMLINKS_FOLLOW);
        assert_int_equal(o.compare, KFTP_COMPARE_HASH);
        assert_int_equal(o.min_size, 1024);
        assert_int_equal(o.max_size, 3 << 19);
        assert_int_equal(o.min_age, 30);
        assert_int_equal(o.max_age, 7 * 86400);
        assert_int_equal(o.max_depth, 3);
        assert_int_equal(o.shard, 2);
        assert_int_equal(o.shards, 5);
        assert_int_equal(o.parallel, 7);
        assert_int_equal(o.segments, 3);
        assert_int_equal(o.segment_size, 1 << 30);
        o = parse_good("mirror --move --permissions --dry-run --parallel=2 here ftp://h/d");
        assert_true(o.move && o.permissions && o.dry_run && o.upload);
        assert_int_equal(o.parallel, 2);
}

static void test_values(void **state) {
        static const struct {
                const char *text;
                enum kftp_compare compare;
        } compares[] = {
                { "time", KFTP_COMPARE_TIME }, { "size", KFTP_COMPARE_SIZE }, { "hash", KFTP_COMPARE_HASH },
                { "size+time", KFTP_COMPARE_TIME }, { "size,time", KFTP_COMPARE_TIME }, { "time,size", KFTP_COMPARE_TIME },
                { "size,hash", KFTP_COMPARE_HASH }, { "hash,time", KFTP_COMPARE_HASH }, { "time+hash", KFTP_COMPARE_HASH },
        };
        static const struct {
                const char *text;
                uint64_t seconds;
        } ages[] = { { "90", 90 }, { "0", 0 }, { "30s", 30 }, { "5min", 300 }, { "5m", 300 }, { "2h", 7200 }, { "7d", 604800 }, { "2w", 1209600 } };
        char line[100];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(compares); i++) {
                (void) snprintf(line, sizeof(line), "mirror --compare=%s ftp://h/d here", compares[i].text);
                assert_int_equal(parse_good(line).compare, compares[i].compare);
        }
        for (size_t i = 0; i < ELEMENTS(ages); i++) {
                (void) snprintf(line, sizeof(line), "mirror --min-age=%s ftp://h/d here", ages[i].text);
                assert_int_equal(parse_good(line).min_age, ages[i].seconds);
        }
        assert_int_equal(parse_good("mirror --symlinks=skip ftp://h/d here").symlinks, KFTP_SYMLINKS_SKIP);
        assert_int_equal(parse_good("mirror --symlinks=copy ftp://h/d here").symlinks, KFTP_SYMLINKS_COPY);
}

/* Each of them counts, not the last alone. */
static void test_patterns(void **state) {
        static const MirrorEntry file = { .type = KFTP_ENTRY_FILE, .size = 1, .mtime = 1 };
        Arguments a = {};
        KftpMirrorOptions o;
        MirrorWords w;
        char *error;

        (void) state;
        assert_int_equal(parse("mirror --include=*.csv --exclude=b* --include=*.gz --exclude-regex=^c[0-9] --include-regex=x$ --exclude=d* ftp://h/d here",
                               &a, &w, &error), 0);
        o = mirror_options(&a, &w);
        assert_non_null(o.filter);
        assert_true(mirror_filter_takes(&o, "a.csv", &file, 0));
        assert_true(mirror_filter_takes(&o, "a.gz", &file, 0));
        assert_true(mirror_filter_takes(&o, "ax", &file, 0));
        assert_false(mirror_filter_takes(&o, "a.txt", &file, 0));
        assert_false(mirror_filter_takes(&o, "b.csv", &file, 0));
        assert_false(mirror_filter_takes(&o, "c1.csv", &file, 0));
        assert_true(mirror_filter_takes(&o, "c.csv", &file, 0));
        assert_false(mirror_filter_takes(&o, "d.csv", &file, 0));
        arguments_done(&a);
        assert_null(a.filter);
}

static const struct {
        const char *line, *error;
} bad[] = {
        { "mirror",                                             "SRC and DST are missing"       },
        { "mirror ftp://h/d",                                   "DST is missing"                },
        { "mirror ftp://h/d a b",                               "too many arguments"            },
        { "mirror a b",                                         "neither SRC nor DST is a URL"  },
        { "mirror ftp://h/d ftp://h/e",                         "are both URLs"                 },
        { "mirror ftp://h/d ",                                  "DST is empty"                  },
        { "mirror ftp://h/d -",                                 "a mirror needs a directory"    },
        { "mirror --mtime a ftp://h",                           "mirror has no option --mtime"  },
        { "mirror --text a ftp://h",                            "mirror has no option --text"   },
        { "mirror -f a ftp://h",                                "unknown option -f"             },
        { "mirror --move --delete ftp://h/d a",                 "--move empties SRC"            },
        { "mirror --min-size=2 --max-size=1 ftp://h/d a",       "no file is both"               },
        { "mirror --min-age=2 --max-age=1 ftp://h/d a",         "no file is both"               },
        { "mirror --segments=2 a ftp://h/d",                    "--segments is for fetching"    },
        { "mirror --segment-size=1M ftp://h/d a",               "--segment-size without"        },
        { "mirror --no-times --verify=mtime a ftp://h/d",       "does not go together"          },
        { "mirror --symlinks=yes a ftp://h",                    "--symlinks=yes:"               },
        { "mirror --symlinks= a ftp://h",                       "--symlinks=:"                  },
        { "mirror --compare= a ftp://h",                        "--compare=:"                   },
        { "mirror --compare=size, a ftp://h",                   "--compare=size,:"              },
        { "mirror --compare=date a ftp://h",                    "--compare=date:"               },
        { "mirror --min-size=-1 a ftp://h",                     "--min-size=-1:"                },
        { "mirror --min-size=1KB a ftp://h",                    "--min-size=1KB:"               },
        { "mirror --max-size=0 a ftp://h",                      "--max-size=0: has to be"       },
        { "mirror --max-size=x a ftp://h",                      "--max-size=x: not a number"    },
        { "mirror --segment-size=0 ftp://h a",                  "--segment-size=0:"             },
        { "mirror --min-age=soon a ftp://h",                    "--min-age=soon:"               },
        { "mirror --min-age=-1 a ftp://h",                      "--min-age=-1:"                 },
        { "mirror --max-age=0 a ftp://h",                       "--max-age=0: has to be"        },
        { "mirror --max-age=1fortnight a ftp://h",              "--max-age=1fortnight:"         },
        { "mirror --max-depth=0 a ftp://h",                     "--max-depth=0:"                },
        { "mirror --max-depth=x a ftp://h",                     "--max-depth=x:"                },
        { "mirror --parallel=0 a ftp://h",                      "--parallel=0:"                 },
        { "mirror -P65 a ftp://h",                              "--parallel=65:"                },
        { "mirror --segments=0 ftp://h a",                      "--segments=0:"                 },
        { "mirror --shard=1 a ftp://h",                         "--shard:"                      },
        { "mirror --shard=3/3 a ftp://h",                       "--shard:"                      },
        { "mirror --shard=0/0 a ftp://h",                       "--shard:"                      },
        { "mirror --include=a --exclude-regex=[ a ftp://h",     "--exclude-regex:"              },
        { "mirror --include=a --include= a ftp://h",            "--include:"                    },
        { "mirror --include=a --bogus a ftp://h",               "unknown option --bogus"        },
};

static void test_bad(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                _cleanup_free_ char *error = NULL;
                Arguments a = {};
                MirrorWords w;

                print_message("%s\n", bad[i].line);
                assert_int_equal(parse(bad[i].line, &a, &w, &error), -EINVAL);
                assert_non_null(error);
                print_message("    %s\n", error);
                assert_non_null(strstr(error, bad[i].error));
        }
}

/* ---- The state directory --------------------------------------------------------------------- */

static void expect_directory(const char *expected) {
        _cleanup_free_ char *path = state_directory(), *full = NULL;
        struct stat st;

        assert_true(asprintf(&full, "%s/%s", test_directory, expected) >= 0);
        assert_non_null(path);
        assert_string_equal(path, full);
        assert_int_equal(stat(path, &st), 0);
        assert_true(S_ISDIR(st.st_mode));
        assert_int_equal(st.st_mode & 0777, 0700);
}

static void set(const char *name, const char *part) {
        _cleanup_free_ char *value = NULL;

        assert_true(asprintf(&value, "%s/%s", test_directory, part) >= 0);
        assert_int_equal(setenv(name, value, 1), 0);
}

static void test_state_directory(void **state) {
        _cleanup_free_ char *none = NULL;
        struct stat st;

        (void) state;
        assert_int_equal(unsetenv("STATE_DIRECTORY") | unsetenv("XDG_STATE_HOME"), 0);
        set("HOME", "home");
        expect_directory("home/.local/state/kftp");
        assert_int_equal(stat("home/.local", &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
        expect_directory("home/.local/state/kftp");
        set("XDG_STATE_HOME", "x/y");
        expect_directory("x/y/kftp");
        set("STATE_DIRECTORY", "one:/two");
        expect_directory("one");
        /* what is not absolute leads to somewhere else each time */
        assert_int_equal(setenv("STATE_DIRECTORY", "relative", 1) | setenv("XDG_STATE_HOME", "relative", 1), 0);
        expect_directory("home/.local/state/kftp");
        assert_int_equal(unsetenv("HOME"), 0);
        none = state_directory();
        assert_null(none);
        assert_int_equal(access("relative", F_OK), -1);
}

static void test_no_state_directory(void **state) {
        _cleanup_free_ char *none = NULL;

        (void) state;
        test_write_file("file", "x");
        set("STATE_DIRECTORY", "file/below");
        none = state_directory();
        assert_null(none);
        set("STATE_DIRECTORY", "file");
        none = state_directory();
        assert_null(none);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_directions),
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_everything),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_patterns),
                cmocka_unit_test(test_bad),
                IN_DIRECTORY(test_state_directory),
                IN_DIRECTORY(test_no_state_directory),
        };

        return cmocka_run_group_tests_name("mirror-command", tests, NULL, NULL);
}
