// SPDX-License-Identifier: GPL-2.0-or-later
/* What is drawn on a terminal while files are transferred. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kftp/columns.h"
#include "kftp/mirror-progress.h"
#include "kftp/progress.h"
#include "util.h"

#define MIB (UINT64_C(1) << 20)

/* ---- Columns --------------------------------------------------------------------------------- */

static void test_columns(void **state) {
        static const char *const mark = "a\xcc\x88z";           /* a, a combining diaeresis, z */
        static const char *const wide = "x\xe6\x97\xa5\xe6\x9c\xacz";   /* two letters of Japanese in the middle */

        (void) state;
        assert_int_equal(columns(""), 0);
        assert_int_equal(columns("abc"), 3);
        assert_int_equal(columns("gr\xc3\xbcn"), 4);
        assert_int_equal(columns(mark), 2);
        assert_int_equal(columns(wide), 6);

        assert_int_equal(columns_prefix("abc", 9), 3);
        assert_int_equal(columns_prefix("abc", 2), 2);
        assert_int_equal(columns_prefix(mark, 1), 3);
        assert_int_equal(columns_prefix(wide, 2), 1);           /* half a letter there is not */
        assert_int_equal(columns_prefix(wide, 3), 4);

        assert_int_equal(columns_suffix("abc", 9), 0);
        assert_int_equal(columns_suffix("abc", 2), 1);
        assert_int_equal(columns_suffix(wide, 1), 7);
        assert_int_equal(columns_suffix(wide, 2), 7);
        assert_int_equal(columns_suffix(wide, 3), 4);
        assert_int_equal(columns_suffix(mark, 1), 3);
}

/* ---- One file -------------------------------------------------------------------------------- */

static void expect_line(const char *name, const KftpProgress *p, unsigned width, const char *expected) {
        _cleanup_free_ char *line = progress_render(name, p, 1.5 * 1024 * 1024, width);

        assert_non_null(line);
        assert_true(columns(line) <= width);
        assert_string_equal(line, expected);
}

static void test_line(void **state) {
        KftpProgress p = { .bytes = 3 * MIB, .total = 12 * MIB };

        (void) state;
        expect_line("file", &p, 72, "file              25% [====>           ]    3.0 MiB    1.5 MiB/s     6 s");
        expect_line("a-name-that-is-too-long", &p, 50, "a-name-that-~  25%    3.0 MiB    1.5 MiB/s     6 s");
        expect_line("some/where/below/file", &p, 50, "~e/below/file  25%    3.0 MiB    1.5 MiB/s     6 s");
        expect_line("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac", &p, 50,
                    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e~  25%    3.0 MiB    1.5 MiB/s     6 s");
        expect_line("file", &p, 10, " 25%    3.");
        p.total = KFTP_SIZE_UNKNOWN;
        expect_line("file", &p, 50, "file                  3.0 MiB    1.5 MiB/s        ");
        p.total = 3 * MIB;
        expect_line("file", &p, 50, "file          100%    3.0 MiB    1.5 MiB/s        ");
}

/* ---- A mirror -------------------------------------------------------------------------------- */

static KftpMirrorSession sessions[] = {
        { .path = (char *) "a/one.csv", .progress = { .bytes = MIB, .total = 2 * MIB, .usec = USEC_PER_SEC } },
        {},
        { .path = (char *) "b", .listing = true },
        { .path = (char *) "", .listing = true },
};

static const KftpMirrorProgress begun = {
        .directories = 3, .directories_left = 2, .files = 400, .unchanged = 388, .transferred = 5, .transfers_left = 7,
        .bytes = 10 * MIB, .bytes_left = 30 * MIB, .usec = 5 * USEC_PER_SEC, .sessions_n = ELEMENTS(sessions), .sessions = sessions,
};

static void expect_totals(const KftpMirrorProgress *now, double rate, const char *expected) {
        _cleanup_free_ char *text = mirror_progress_totals(now, rate);

        assert_string_equal(text, expected);
}

static void test_totals(void **state) {
        KftpMirrorProgress p = begun;

        (void) state;
        expect_totals(&p, 2.0 * MIB, "5 of 12 files, 10.0 MiB of 40.0 MiB, 2.0 MiB/s, 15 s+ left, 388 unchanged, 3 of 5 directories");
        p.directories_left = 0;
        p.deleted = 1;
        p.failed = 2;
        expect_totals(&p, 2.0 * MIB, "5 of 12 files, 10.0 MiB of 40.0 MiB, 2.0 MiB/s, 15 s left, 388 unchanged, 1 deleted, 2 failed");
        /* of sizes nothing is known, or nothing moves */
        expect_totals(&p, 0, "5 of 12 files, 10.0 MiB of 40.0 MiB, 0 B/s, 388 unchanged, 1 deleted, 2 failed");
        p.bytes_left = 0;
        expect_totals(&p, 2.0 * MIB, "5 of 12 files, 10.0 MiB, 2.0 MiB/s, 388 unchanged, 1 deleted, 2 failed");
        p = (KftpMirrorProgress) { .unchanged = 7 };
        expect_totals(&p, 0, "0 of 0 files, 0 B, 7 unchanged");
        p.transfers_left = 1;
        expect_totals(&p, 0, "0 of 1 file, 0 B, 7 unchanged");
}

static void expect_lines(unsigned width, unsigned height, const char *expected) {
        MirrorProgress p = {};
        _cleanup_free_ char *lines = mirror_progress_render(&p, &begun, USEC_PER_SEC, width, height);

        assert_non_null(lines);
        assert_string_equal(lines, expected);
        mirror_progress_end(&p);
}

static void test_lines(void **state) {
        (void) state;
        expect_lines(79, 24,
                     "5 of 12 files, 10.0 MiB of 40.0 MiB, 2.0 MiB/s, 15 s+ left, 388 unchanged, 3 of\n"
                     "[1] a/one.csv           50% [========>        ]    1.0 MiB    1.0 MiB/s     1 s\n"
                     "[3] listing b\n"
                     "[4] listing .");
        /* one row is for the cursor of whatever comes next */
        expect_lines(79, 3,
                     "5 of 12 files, 10.0 MiB of 40.0 MiB, 2.0 MiB/s, 15 s+ left, 388 unchanged, 3 of\n"
                     "[1] a/one.csv           50% [========>        ]    1.0 MiB    1.0 MiB/s     1 s");
        expect_lines(30, 24, "5 of 12 files, 10.0 MiB of 40.\n[1]  50%    1.0 MiB    1.0 MiB\n[3] listing b\n[4] listing .");
        expect_lines(9, 24, "5 of 12 f");
        expect_lines(1, 1, "5");
}

/* Of a session it is the rate of the file that it is at, not of the one before. */
static void test_rates(void **state) {
        KftpMirrorSession s = { .path = (char *) "a", .progress = { .bytes = 8 * MIB, .total = 99 * MIB, .usec = USEC_PER_SEC } };
        KftpMirrorProgress now = { .bytes = 8 * MIB, .usec = USEC_PER_SEC, .sessions_n = 1, .sessions = &s };
        MirrorProgress p = {};

        (void) state;
        free(mirror_progress_render(&p, &now, USEC_PER_SEC, 79, 24));
        assert_true(p.sessions[0].speed.rate == 8.0 * MIB);
        s.progress.bytes += MIB;
        now.bytes += MIB;
        free(mirror_progress_render(&p, &now, 2 * USEC_PER_SEC, 79, 24));
        assert_true(p.sessions[0].speed.rate < 8.0 * MIB && p.sessions[0].speed.rate > 1.0 * MIB);
        assert_true(p.speed.rate < 8.0 * MIB && p.speed.rate > 1.0 * MIB);
        s = (KftpMirrorSession) { .path = (char *) "b", .progress = { .bytes = 50 * MIB, .resumed_from = 49 * MIB, .total = 99 * MIB, .usec = USEC_PER_SEC } };
        free(mirror_progress_render(&p, &now, 3 * USEC_PER_SEC, 79, 24));
        assert_true(p.sessions[0].speed.rate == 1.0 * MIB);
        mirror_progress_end(&p);
}

static void test_rows(void **state) {
        (void) state;
        assert_int_equal(mirror_progress_rows("abc", 3), 1);
        assert_int_equal(mirror_progress_rows("abcd", 3), 2);
        assert_int_equal(mirror_progress_rows("abcd\n\nabc", 3), 4);
        assert_int_equal(mirror_progress_rows("\xe6\x97\xa5\xe6\x9c\xac", 3), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_columns),
                cmocka_unit_test(test_line),
                cmocka_unit_test(test_totals),
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_rates),
                cmocka_unit_test(test_rows),
        };

        return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
