/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shards: numbers that are the same on every machine and in every version, and how a share is written. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libkftp/mirror-filter.h"
#include "util.h"

/*
 * Computed by a program in Python, whose FNV-1a was held against the published values for "a" and "foobar". If one of
 * these fails, then machines of two versions would leave files out or fetch them twice: it is not the test that is wrong.
 */
static void test_numbers_stay(void **state) {
        static const struct {
                const char *path;
                unsigned of_2, of_7, of_1000, of_1000000, of_most;
        } cases[] = {
                { "",                       0, 1, 342, 514342, 2859026567U },
                { "a",                      1, 1, 315, 828315, 744585140U  },
                { "A",                      1, 3, 717, 694717, 7280202U    },
                { "b",                      0, 2, 704, 826704, 3836872024U },
                { "a/b",                    0, 1, 444, 94444,  4255522274U },
                { "foobar",                 1, 3, 275, 447275, 1324580980U },
                { "\xc3\xa4/\xc3\xb6.csv",  0, 3, 648, 218648, 1546431968U },
                { "\xff\xfe",               0, 4, 552, 411552, 663600847U  },
                { "reports/2026-11-21.csv", 0, 5, 204, 396204, 4113992294U },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                assert_int_equal(kftp_shard(cases[i].path, 0), 0);
                assert_int_equal(kftp_shard(cases[i].path, 1), 0);
                assert_int_equal(kftp_shard(cases[i].path, 2), cases[i].of_2);
                assert_int_equal(kftp_shard(cases[i].path, 7), cases[i].of_7);
                assert_int_equal(kftp_shard(cases[i].path, 1000), cases[i].of_1000);
                assert_int_equal(kftp_shard(cases[i].path, 1000000), cases[i].of_1000000);
                assert_int_equal(kftp_shard(cases[i].path, UINT32_MAX), cases[i].of_most);
        }
}

/* Names that are counted up, as those of real trees are: no share is a tenth larger or smaller than the others. */
static void test_shares_are_even(void **state) {
        static const unsigned shards[] = { 2, 3, 7, 8, 16, 100 };

        (void) state;
        for (size_t k = 0; k < ELEMENTS(shards); k++) {
                unsigned count[100] = {}, n = shards[k] * 2000;

                for (unsigned i = 0; i < n; i++) {
                        char path[64];

                        (void) snprintf(path, sizeof(path), "data/%03u/file-%06u.csv", i / 1000, i);
                        count[kftp_shard(path, shards[k])]++;
                }
                for (unsigned i = 0; i < shards[k]; i++)
                        assert_in_range(count[i], 1800, 2200);
        }
}

static void test_each_path_is_of_one_share(void **state) {
        (void) state;
        for (unsigned i = 0; i < 1000; i++) {
                unsigned owners = 0;
                char path[32];

                (void) snprintf(path, sizeof(path), "%u", i);
                for (unsigned shard = 0; shard < 7; shard++)
                        owners += mirror_filter_is_ours(&(KftpMirrorOptions) { .shard = shard, .shards = 7 }, path);
                assert_int_equal(owners, 1);
                assert_true(mirror_filter_is_ours(&(KftpMirrorOptions) {}, path));
        }
}

static void test_written(void **state) {
        static const struct {
                const char *text;
                unsigned shard, shards;
        } good[] = {
                { "0/1",            0,      1       },
                { "0/7",            0,      7       },
                { "6/7",            6,      7       },
                { "03/10",          3,      10      },
                { "999999/1000000", 999999, 1000000 },
        };
        static const struct {
                const char *text, *reason;
        } bad[] = {
                { "",                       "I/N"              },
                { "1",                      "I/N"              },
                { "1/",                     "I/N"              },
                { "/7",                     "I/N"              },
                { "1/7 ",                   "I/N"              },
                { " 1/7",                   "I/N"              },
                { "+1/7",                   "I/N"              },
                { "-1/7",                   "I/N"              },
                { "1/7/9",                  "I/N"              },
                { "1:7",                    "I/N"              },
                { "0x1/7",                  "I/N"              },
                { "a\033/7",                "a\\x1b/7"         },
                { "0/0",                    "1 or more"        },
                { "7/7",                    "6/7"              },
                { "18446744073709551617/7", "6/7"              },
                { "0/1000001",              "1000000 at most"  },
                { "0/18446744073709551617", "1000000 at most"  },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(good); i++) {
                unsigned shard = 77, shards = 77;
                char *reason;

                assert_int_equal(kftp_shard_parse(good[i].text, &shard, &shards, &reason), 0);
                assert_null(reason);
                assert_int_equal(shard, good[i].shard);
                assert_int_equal(shards, good[i].shards);
        }
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                _cleanup_free_ char *reason = NULL;
                unsigned shard = 77, shards = 77;

                assert_int_equal(kftp_shard_parse(bad[i].text, &shard, &shards, &reason), -EINVAL);
                assert_int_equal(kftp_shard_parse(bad[i].text, &shard, &shards, NULL), -EINVAL);
                assert_int_equal(shard, 77);
                if (!strstr(strempty(reason), bad[i].reason))
                        fail_msg("\"%s\": %s", bad[i].text, strempty(reason));
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers_stay),
                cmocka_unit_test(test_shares_are_even),
                cmocka_unit_test(test_each_path_is_of_one_share),
                cmocka_unit_test(test_written),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
