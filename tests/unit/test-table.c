/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables that are fitted into a width, and moments as they are shown and typed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kftp/columns.h"
#include "kftp/table.h"
#include "kftp/when.h"
#include "util.h"

#define NOW (UINT64_C(1795428000) * USEC_PER_SEC)       /* Mon 2026-11-23 10:00:00 UTC */
#define MINUTE (60 * USEC_PER_SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* ---- Tables ------------------------------------------------------------------------------------------ */

static const Column sample[] = {
        { .title = "NAME",  .shorten = SHORTEN_MIDDLE, .min = 4, .wanted = 8 },
        { .title = "N",     .right = true },
        { .title = "EXTRA", .optional = 1 },
        { .title = "TEXT",  .shorten = SHORTEN_END, .min = 4, .wanted = 10 },
};

static void expect_table(const TableStyle *style, const char *expected) {
        Table t = { .columns = sample, .n_columns = ELEMENTS(sample) };
        _cleanup_free_ char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        table_add_copy(&t, "/srv/ftp/reports/x.csv", NULL);
        table_add_copy(&t, "12345", NULL);
        table_add_copy(&t, "more", "<red>");
        table_add_copy(&t, "gr\xc3\xbcn und gelb", NULL);
        table_add_copy(&t, "b", NULL);
        table_add_copy(&t, "6", NULL);
        table_add(&t, NULL, NULL);
        table_add_copy(&t, "", NULL);
        assert_int_equal(table_write(&t, f, style), 0);
        table_done(&t);
        assert_int_equal(fclose(f), 0);
        assert_string_equal(text, expected);
}

static void test_tables(void **state) {
        (void) state;
        expect_table(&(TableStyle) { .legend = true },
                     "NAME                        N  EXTRA  TEXT\n"
                     "/srv/ftp/reports/x.csv  12345  more   gr\xc3\xbcn und gelb\n"
                     "b                           6  -      -\n");
        expect_table(&(TableStyle) { .width = 40 },
                     "/srv...x.csv  12345  more  gr\xc3\xbcn und gelb\n"
                     "b                 6  -     -\n");
        /* what may be left out is, and is so if it says nothing */
        expect_table(&(TableStyle) { .width = 30, .colours = true },
                     "/sr....csv  12345  gr\xc3\xbcn und...\n"
                     "b               6  -\n");
}

/* The same, with what is expected counted rather than written down. */
static void test_widths(void **state) {
        (void) state;
        for (unsigned width = 20; width < 60; width++) {
                Table t = { .columns = sample, .n_columns = ELEMENTS(sample) };
                _cleanup_free_ char *text = NULL;
                size_t n;
                FILE *f = open_memstream(&text, &n);
                char *rest, *line;

                table_add_copy(&t, "/srv/ftp/reports/x.csv", NULL);
                table_add_copy(&t, "12345", NULL);
                table_add_copy(&t, "more", NULL);
                table_add_copy(&t, "gr\xc3\xbcn und gelb", NULL);
                assert_int_equal(table_write(&t, f, &(TableStyle) { .width = width, .legend = true, .utf8 = true }), 0);
                table_done(&t);
                assert_int_equal(fclose(f), 0);
                /* it takes as much as there is */
                rest = text;
                (void) strsep(&rest, "\n");
                line = strsep(&rest, "\n");
                assert_true(columns(line) <= width);
                assert_true(columns(line) + 6 >= MIN2(width, 48U));
                /* what may be left out is, before anything gets too narrow */
                assert_int_equal(strstr(text, "EXTRA") != NULL, width >= 8 + 2 + 5 + 2 + 5 + 2 + 10);
                assert_non_null(strstr(line, "12345"));
        }
}

static void test_shorten(void **state) {
        static const struct {
                unsigned width;
                Shorten how;
                bool utf8;
                const char *expected;
        } cases[] = {
                { 9,  SHORTEN_END,    true,  "abcdefghi"             },
                { 8,  SHORTEN_END,    true,  "abcdefg\xe2\x80\xa6"   },
                { 8,  SHORTEN_END,    false, "abcde..."              },
                { 8,  SHORTEN_MIDDLE, true,  "abc\xe2\x80\xa6" "fghi" },
                { 8,  SHORTEN_MIDDLE, false, "ab...ghi"              },
                { 8,  SHORTEN_NOT,    false, "abcdefghi"             },
                { 2,  SHORTEN_END,    false, "ab"                    },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_free_ char *text = text_shorten("abcdefghi", cases[i].width, cases[i].how, cases[i].utf8);

                assert_string_equal(text, cases[i].expected);
        }
}

/* ---- Moments ----------------------------------------------------------------------------------------- */

static void test_shown(void **state) {
        static const struct {
                int64_t distance;       /* from now */
                const char *relative, *brief, *clock;
        } cases[] = {
                { 0,                          "now",                 "now",      "Mon 10:00"  },
                { -(int64_t) USEC_PER_SEC,    "1s ago",              "1s ago",   "Mon 09:59"  },
                { -(int64_t) (123 * USEC_PER_SEC), "2min 3s ago",    "2min ago", "Mon 09:57"  },
                { -(int64_t) (10 * MINUTE + 5 * USEC_PER_SEC), "10min ago", "10min ago", "Mon 09:49" },
                { -(int64_t) (90 * MINUTE),   "1h 30min ago",        "1h ago",   "Mon 08:30"  },
                { (int64_t) (17 * HOUR),      "17h left",            "in 17h",   "Tue 03:00"  },
                { -(int64_t) (DAY + 3 * HOUR), "1 day 3h ago",       "1d ago",   "Sun 07:00"  },
                { -(int64_t) (3 * DAY + HOUR), "3 days ago",         "3d ago",   "Fri 09:00"  },
                { (int64_t) (15 * DAY),       "2 weeks 1 day left",  "in 2w",    "2026-12-08" },
                { -(int64_t) (800 * DAY),     "2 years 2 months ago", "2y ago",  "2024-09-14" },
        };
        char buffer[WHEN_MAX];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                uint64_t t = NOW + (uint64_t) cases[i].distance;

                assert_string_equal(when_relative(buffer, t, NOW), cases[i].relative);
                assert_string_equal(when_brief(buffer, t, NOW), cases[i].brief);
                assert_string_equal(when_clock(buffer, t, NOW), cases[i].clock);
        }
        assert_string_equal(when_full(buffer, NOW), "Mon 2026-11-23 10:00:00 UTC");
        assert_string_equal(when_stamp(buffer, NOW), "2026-11-23 10:00:00");
}

static void test_typed(void **state) {
        static const struct {
                const char *text;
                uint64_t t;             /* 0: it is none */
        } cases[] = {
                { "now",                 NOW              },
                { "today",               NOW - 10 * HOUR  },
                { "yesterday",           NOW - 34 * HOUR  },
                { "tomorrow",            NOW + 14 * HOUR  },
                { "06:00",               NOW - 4 * HOUR   },
                { "06:00:30",            NOW - 4 * HOUR + 30 * USEC_PER_SEC },
                { "2026-11-22",          NOW - 34 * HOUR  },
                { "2026-11-22 06:30",    NOW - 27 * HOUR - 30 * MINUTE },
                { "2026-11-22 06:30:01", NOW - 27 * HOUR - 30 * MINUTE + USEC_PER_SEC },
                { "-2h",                 NOW - 2 * HOUR   },
                { "2h ago",              NOW - 2 * HOUR   },
                { "@1795428000",         NOW              },
                { "",                    0                },
                { "2h",                  0                },
                { " ago",                0                },
                { "-",                   0                },
                { "@",                   0                },
                { "@-1",                 0                },
                { "@99999999999999999999", 0              },
                { "2026-02-30",          0                },
                { "2026-11-22x",         0                },
                { "25:00",               0                },
                { "soon",                0                },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                uint64_t t = 0;

                print_message("%s\n", cases[i].text);
                assert_int_equal(when_parse(cases[i].text, NOW, &t), cases[i].t > 0 ? 0 : -EINVAL);
                if (cases[i].t > 0)
                        assert_int_equal(t, cases[i].t);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tables),
                cmocka_unit_test(test_widths),
                cmocka_unit_test(test_shorten),
                cmocka_unit_test(test_shown),
                cmocka_unit_test(test_typed),
        };

        (void) setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
