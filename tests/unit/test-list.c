// SPDX-License-Identifier: GPL-2.0-or-later
/* Listings as a whole: lines, the choice of the format, bad lines, size, times, and rubbish. */

#include "listing.h"

#include <inttypes.h>
#include <sys/mman.h>

static const KftpListKnown known = { .now = TEST_NOW };

/* ---- Lines and formats ------------------------------------------------------------------------- */

static void expect_read(const char *text, size_t n, const char *expected, uint64_t lines, uint64_t bad) {
        KftpListSummary summary;
        _cleanup_free_ char *result = test_listing(text, n, KFTP_LIST_FROM_DATA, &summary);

        assert_string_equal(result, expected);
        assert_int_equal(summary.lines, lines);
        assert_int_equal(summary.bad, bad);
        assert_int_equal(summary.bad > 0, summary.bad_line != NULL);
        kftp_list_summary_done(&summary);
}
#define EXPECT_READ(text, expected, lines, bad) expect_read((text), sizeof(text) - 1, (expected), (lines), (bad))

static void test_line_ends(void **state) {
        (void) state;
        EXPECT_READ("type=file; a\r\ntype=file; b\ntype=file; c\r\r\n\r\n\ntype=file; d",
                    "f ? ? ?<a>\nf ? ? ?<b>\nf ? ? ?<c>\nf ? ? ?<d>\n", 4, 0);
        EXPECT_READ("", "", 0, 0);
        EXPECT_READ("\r\n\r\n", "", 0, 0);
}

static void test_bad_lines_are_counted(void **state) {
        (void) state;
        EXPECT_READ("Welcome to the listing\r\n"
                    "-rw-r--r-- 1 o g 5 Jan  2 03:04 a\r\n"
                    "-rw-r--r-- 1 o g 5 Jan  2 03:\r\n"
                    "-rw-r--r-- 1 o g 5 Jan  2 03:04 b\r\n",
                    "f 0644 5 2024-01-02T03:04:00<a>\nf 0644 5 2024-01-02T03:04:00<b>\n", 4, 2);
        EXPECT_READ("nothing that is known\r\nnor this\r\n", "", 2, 2);
        EXPECT_READ("type=file; a\0b\r\ntype=file; c\r\n", "f ? ? ?<c>\n", 2, 1);
}

static void test_bad_line_is_escaped(void **state) {
        KftpListSummary summary;
        _cleanup_free_ char *result = test_listing("\033[2J\xff x\r\n", 9, KFTP_LIST_FROM_DATA, &summary);

        (void) state;
        assert_string_equal(result, "");
        assert_null(summary.format);
        assert_string_equal(summary.bad_line, "\\x1b[2J\\xff x");
        kftp_list_summary_done(&summary);
}

/* Names that look like another format do not change the one that most lines are in. */
static void test_format_is_voted_for(void **state) {
        static const struct {
                const char *text;
                const KftpListFormat *format;
        } texts[] = {
                { "rubbish\r\n-rw-r--r-- 1 o g 5 Jan  2 03:04 type=file; a\r\n", &kftp_list_unix },
                { "type=file; -rw-r--r-- 1 o g 5 Jan  2 03:04 a\r\nx\r\ny\r\n", &kftp_list_mlsd },
                { "01-02-24  03:04AM  12 a\r\ntype=file; b\r\n01-02-24  03:04AM  12 c\r\n", &kftp_list_dos },
                { "total 0\r\n", &kftp_list_unix },
                { "total 0\r\ntype=file; b\r\n", &kftp_list_mlsd },
                { "total 3\r\n01-02-24  03:04AM  12 a\r\n", &kftp_list_dos },
                { "some rubbish\r\n", NULL },
                { "", NULL },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++)
                assert_ptr_equal(kftp_list_guess(texts[i].text, strlen(texts[i].text), &known), texts[i].format);
}

static void test_dots_are_left_out(void **state) {
        KftpListSummary summary;
        static const char text[] = "drwxr-xr-x 2 o g 1 Jan  2 03:04 ./\r\ndrwxr-xr-x 2 o g 1 Jan  2 03:04 ..\r\n"
                "-rw-r--r-- 2 o g 1 Jan  2 03:04 ...\r\n-rw-r--r-- 2 o g 1 Jan  2 03:04 .hidden\r\n";
        _cleanup_free_ char *result = test_listing(text, strlen(text), KFTP_LIST_FROM_DATA, &summary);

        (void) state;
        assert_string_equal(result, "f 0644 1 2024-01-02T03:04:00<...>\nf 0644 1 2024-01-02T03:04:00<.hidden>\n");
        assert_true(summary.dots);
        assert_int_equal(summary.entries, 2);
        kftp_list_summary_done(&summary);
}

/* ---- Size ------------------------------------------------------------------------------------ */

typedef struct Counter {
        uint64_t entries, stop_at;
        uint64_t name_bytes;
} Counter;

static int count(void *userdata, const KftpEntry *e) {
        Counter *c = userdata;

        c->entries++;
        c->name_bytes += e->name_len;
        return c->entries == c->stop_at ? -ECANCELED : 0;
}

/* Lines across the borders of the buffer, wherever these are. */
static void test_many_entries(void **state) {
        char *text = NULL;
        size_t length;
        FILE *f = open_memstream(&text, &length);
        uint64_t name_bytes = 0;
        KftpListSummary summary;
        Counter counter = {};
        int fd;

        (void) state;
        for (unsigned i = 0; i < 100000; i++)
                name_bytes += (uint64_t) fprintf(f, "type=file;size=%u; %0*u\r\n", i, (int) (i % 97) + 1, i) - 21
                        - (uint64_t) snprintf(NULL, 0, "%u", i) + 2;
        assert_int_equal(fclose(f), 0);
        fd = test_listing_file(text, length);
        assert_int_equal(kftp_list_read(fd, KFTP_LIST_FROM_DATA, &known, count, &counter, &summary), 0);
        assert_int_equal(counter.entries, 100000);
        assert_int_equal(summary.entries, 100000);
        assert_int_equal(summary.bad, 0);
        assert_int_equal(counter.name_bytes, name_bytes);
        kftp_list_summary_done(&summary);
        close(fd);
        free(text);
}

static void test_callback_stops(void **state) {
        _cleanup_close_ int fd = test_listing_file("type=file; a\ntype=file; b\ntype=file; c\n", 39);
        Counter counter = { .stop_at = 2 };
        KftpListSummary summary;

        (void) state;
        assert_int_equal(kftp_list_read(fd, KFTP_LIST_FROM_DATA, &known, count, &counter, &summary), -ECANCELED);
        assert_int_equal(counter.entries, 2);
        kftp_list_summary_done(&summary);
}

/* A line without an end is one bad line, and the lines after it are read, over several buffers. */
static void expect_overlong(size_t overlong) {
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        KftpListSummary summary;
        Counter counter = {};
        int fd;

        assert_non_null(f);
        fputs("type=file; a\r\n", f);
        for (size_t i = 0; i < overlong; i++)
                fputc('x', f);
        for (unsigned i = 0; i < 20000; i++)
                fputs("\r\ntype=file; b", f);
        assert_int_equal(fclose(f), 0);
        fd = test_listing_file(text, n);
        assert_int_equal(kftp_list_read(fd, KFTP_LIST_FROM_DATA, &known, count, &counter, &summary), 0);
        assert_int_equal(counter.entries, 20001);
        assert_int_equal(counter.name_bytes, 20001);
        assert_int_equal(summary.lines, 20002);
        assert_int_equal(summary.bad, 1);
        kftp_list_summary_done(&summary);
        close(fd);
        free(text);
}

static void test_overlong_lines(void **state) {
        static const size_t lengths[] = { 20000, 65535, 65536, 65537, 131072, 200001 };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(lengths); i++)
                expect_overlong(lengths[i]);
}

static void test_unreadable_file(void **state) {
        KftpListSummary summary;
        Counter counter = {};

        (void) state;
        assert_int_equal(kftp_list_read(-1, KFTP_LIST_FROM_DATA, &known, count, &counter, &summary), -EBADF);
        kftp_list_summary_done(&summary);
}

/* ---- Times ----------------------------------------------------------------------------------- */

static void test_calendar(void **state) {
        (void) state;
        for (int year = 1; year <= 9999; year += year > 1960 && year < 2110 ? 1 : 37)
                for (int month = 1; month <= 12; month++) {
                        KftpListTime t = { .year = year, .month = month, .day = 28, .hour = 1, .minute = 2, .second = 3 };
                        struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = 28, .tm_hour = 1, .tm_min = 2, .tm_sec = 3 };

                        assert_int_equal(kftp_list_time(&t), timegm(&tm));
                }
}

static void test_no_such_time(void **state) {
        static const KftpListTime times[] = {
                { 2023, 2, 29, 0, 0, 0 }, { 1900, 2, 29, 0, 0, 0 }, { 2024, 13, 1, 0, 0, 0 }, { 2024, 0, 1, 0, 0, 0 },
                { 2024, 1, 0, 0, 0, 0 },  { 2024, 4, 31, 0, 0, 0 }, { 2024, 1, 1, 24, 0, 0 }, { 2024, 1, 1, 0, 60, 0 },
                { 2024, 1, 1, 0, 0, 61 }, { 0, 1, 1, 0, 0, 0 },     { 10000, 1, 1, 0, 0, 0 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(times); i++)
                assert_int_equal(kftp_list_time(&times[i]), KFTP_MTIME_UNKNOWN);
}

/* Never more than a day ahead, never more than a year and a day behind, at any hour of four years. */
static void test_guessed_year(void **state) {
        static const KftpListTime date = { .month = 3, .day = 1, .hour = 12 };
        int64_t begin = INT64_C(1640995200);    /* 2022-01-01 */

        (void) state;
        for (int64_t now = begin; now < begin + 4 * 366 * INT64_C(86400); now += 3600) {
                int64_t t = kftp_list_time_guess_year(&date, now);

                assert_true(t <= now + 86400);
                assert_true(t > now + 86400 - 366 * INT64_C(86400));
        }
        assert_int_equal(kftp_list_time_guess_year(&(KftpListTime) { .month = 2, .day = 29 }, TEST_NOW - 60 * INT64_C(86400)),
                         INT64_C(1582934400)); /* 2020-02-29 */
        assert_int_equal(kftp_list_time_guess_year(&(KftpListTime) { .month = 2, .day = 30 }, TEST_NOW), KFTP_MTIME_UNKNOWN);
}

static void test_time_val(void **state) {
        static const struct {
                const char *text;
                int64_t time;
        } times[] = {
                { "20240310120000",        TEST_NOW           },
                { "20240310120000.123456", TEST_NOW           },
                { "20240310120000.",       TEST_NOW           },
                { "191240310120000",       TEST_NOW           },
                { "19700101000000",        0                  },
                { "2024031012000",         KFTP_MTIME_UNKNOWN },
                { "202403101200000",       KFTP_MTIME_UNKNOWN },
                { "20240310120000Z",       KFTP_MTIME_UNKNOWN },
                { "20240310 120000",       KFTP_MTIME_UNKNOWN },
                { "20240230120000",        KFTP_MTIME_UNKNOWN },
                { "",                      KFTP_MTIME_UNKNOWN },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(times); i++)
                assert_int_equal(kftp_list_time_val(times[i].text, strlen(times[i].text)), times[i].time);
}

/* ---- Rubbish --------------------------------------------------------------------------------- */

static const char *const seeds[] = {
        "type=file;size=12;modify=20240102030405.678;UNIX.mode=0644; a b\r\n",
        "type=OS.unix=slink:/a/b;perm=r; c\r\ntype=cdir; .\r\n",
        "total 12\r\ndrwxr-xr-x+ 2 1000 users 4096 Jan  2 03:04 sub\r\n",
        "4711 8 lrwxrwxrwx 1 o g 6 2024-01-02 03:04:05.6 +0100 a -> b -> c\r\n",
        "crw-rw-rw-. 1 root root 1, 3 2 Jan 2020 null\r\n",
        "01-02-24  03:04AM       <DIR>          sub\r\n01-02-2024  15:04       1,234 x\r\n",
        "01-02-24  03:04AM       <JUNCTION>     a [C:\\b]\r\n",
};

static uint64_t next_random(uint64_t *state) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

static size_t mutate(char *text, size_t n, size_t max, uint64_t *random) {
        static const char interesting[] = " \t;=:-.,<>[]/\r\n0123456789rwxld\0\xff";

        for (uint64_t i = next_random(random) % 6; i > 0 && n > 0; i--) {
                size_t at = next_random(random) % n, k;

                switch (next_random(random) % 5) {
                case 0:
                        text[at] = (char) next_random(random);
                        break;
                case 1:
                        text[at] = interesting[next_random(random) % (sizeof(interesting) - 1)];
                        break;
                case 2:
                        memmove(text + at, text + at + 1, n - at - 1);
                        n--;
                        break;
                case 3:
                        n = at + 1;
                        break;
                default:
                        k = MIN2(n - at, max - n);
                        memmove(text + at + k, text + at, n - at);
                        n += k;
                        break;
                }
        }
        return n;
}

static int check_entry(void *userdata, const KftpEntry *e) {
        (void) userdata;
        assert_true(e->name_len > 0);
        assert_null(memchr(e->name, '\n', e->name_len));
        assert_null(memchr(e->name, '\0', e->name_len));
        assert_true(e->mode == KFTP_MODE_UNKNOWN || e->mode <= 07777);
        assert_true(!e->target || e->target_len > 0);
        assert_true(e->type <= KFTP_ENTRY_OTHER);
        return 0;
}

/* Each format reads each mutation from memory of exactly its size, so that the sanitizer sees a byte too far. */
static void parse_exactly(const char *text, size_t n) {
        _cleanup_free_ char *copy = n > 0 ? malloc(n) : NULL;

        if (!copy || memchr(text, '\0', n) || memchr(text, '\n', n))
                return;
        memcpy(copy, text, n);
        for (size_t i = 0; test_list_formats[i]; i++) {
                KftpListContext context = { .now = TEST_NOW };
                KftpEntry e;

                if (test_list_formats[i]->parse(copy, n, &context, &e) <= 0)
                        continue;
                check_entry(NULL, &e);
                assert_true(e.name == context.name || (e.name >= copy && e.name + e.name_len <= copy + n));
                assert_true(!e.target || (e.target >= copy && e.target + e.target_len <= copy + n));
        }
}

static void test_rubbish(void **state) {
        uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
        _cleanup_close_ int fd = memfd_create("rubbish", MFD_CLOEXEC);

        (void) state;
        assert_true(fd >= 0);
        for (unsigned i = 0; i < 40000; i++) {
                KftpListSource source = i % 2 ? KFTP_LIST_FROM_REPLY : KFTP_LIST_FROM_DATA;
                const char *seed = seeds[next_random(&random) % ELEMENTS(seeds)];
                char text[512];
                size_t n = strlen(seed);
                KftpListSummary summary;

                memcpy(text, seed, n);
                n = mutate(text, n, sizeof(text), &random);
                parse_exactly(text, n);
                parse_exactly(text, strcspn(seed, "\r") < n ? strcspn(seed, "\r") : n);
                assert_int_equal(ftruncate(fd, 0), 0);
                assert_int_equal(pwrite(fd, text, n, 0), (ssize_t) n);
                assert_int_equal(kftp_list_read(fd, source, &known, check_entry, NULL, &summary), 0);
                assert_true(summary.entries + summary.bad <= summary.lines);
                kftp_list_summary_done(&summary);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_line_ends),
                cmocka_unit_test(test_bad_lines_are_counted),
                cmocka_unit_test(test_bad_line_is_escaped),
                cmocka_unit_test(test_format_is_voted_for),
                cmocka_unit_test(test_dots_are_left_out),
                cmocka_unit_test(test_many_entries),
                cmocka_unit_test(test_callback_stops),
                cmocka_unit_test(test_overlong_lines),
                cmocka_unit_test(test_unreadable_file),
                cmocka_unit_test(test_calendar),
                cmocka_unit_test(test_no_such_time),
                cmocka_unit_test(test_guessed_year),
                cmocka_unit_test(test_time_val),
                cmocka_unit_test(test_rubbish),
        };

        return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
