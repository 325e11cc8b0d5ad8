/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map of a file that is received in parts: how it is divided, and which records are believed. */

#include "directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "libkftp/partial-state.h"
#include "libkftp/segments-map.h"
#include "util.h"

#define IDENTITY "ftp://anonymous@h:21/pub/x.bin"
#define MIB (UINT64_C(1) << 20)
#define STATE ".x.bin.kftp-state"

static KftpUrl url = { .host = (char *) "h", .port = 21, .path = (char *) "pub/x.bin", .base = (char *) "x.bin" };

static void open_at_length(KftpPartial *p, off_t length) {
        KftpFailure f = {};

        *p = (KftpPartial) KFTP_PARTIAL_INIT;
        if (kftp_partial_open(p, &url, NULL, IDENTITY, false, &f) < 0)
                fail_msg("kftp_partial_open: %s", f.text);
        assert_int_equal(ftruncate(p->fd, length), 0);
}

/* ---- Parts ----------------------------------------------------------------------------------- */

static void test_division(void **state) {
        static const struct {
                uint64_t size, segment_size;
                unsigned segments;
                size_t parts;
                uint64_t part_size;
        } cases[] = {
                { 32 * MIB,             16 * MIB,       4,      2,      16 * MIB },             /* not smaller than that */
                { 80 * MIB,             16 * MIB,       4,      4,      20 * MIB },             /* rather than five */
                { 127 * MIB,            16 * MIB,       4,      4,      127 * MIB / 4 },
                { 128 * MIB,            16 * MIB,       4,      8,      16 * MIB },
                { 1024 * MIB,           16 * MIB,       4,      32,     32 * MIB },             /* not any number of them */
                { 1024 * MIB,           16 * MIB,       1,      8,      128 * MIB },
                { 7,                    1,              3,      4,      2 },
                { 1,                    1,              64,     1,      1 },
                { 10,                   0,              4,      5,      2 },
                { UINT64_C(1) << 62,    1,              64,     512,    UINT64_C(1) << 53 },
                { INT64_MAX,            1,              1000,   512,    UINT64_C(1) << 54 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                KftpSegmentsMap m;
                uint64_t next = 0;

                assert_int_equal(kftp_segments_map_begin(&m, cases[i].size, 0, cases[i].segments, cases[i].segment_size), 0);
                assert_int_equal(m.parts, cases[i].parts);
                assert_int_equal(m.part_size, cases[i].part_size);
                assert_true(m.parts <= KFTP_SEGMENTS_PARTS_MAX);
                /* one after the other, none empty, and together the file */
                for (size_t part = 0; part < m.parts; part++) {
                        assert_int_equal(kftp_segments_map_offset(&m, part), next);
                        assert_true(kftp_segments_map_length(&m, part) > 0);
                        next += kftp_segments_map_length(&m, part);
                }
                assert_int_equal(next, cases[i].size);
                assert_int_equal(kftp_segments_map_sum(&m), 0);
                kftp_segments_map_done(&m);
        }
}

static void test_no_division(void **state) {
        KftpSegmentsMap m = {};

        (void) state;
        assert_int_equal(kftp_segments_map_begin(&m, 0, 0, 4, 1), -EINVAL);
        assert_int_equal(kftp_segments_map_begin(&m, KFTP_SIZE_UNKNOWN, 0, 4, 1), -EINVAL);
}

static void test_prefix(void **state) {
        static const struct {
                uint64_t prefix, synced[3];
        } cases[] = {
                { 0,    { 0, 0, 0 } },
                { 3,    { 3, 0, 0 } },
                { 4,    { 4, 0, 0 } },
                { 9,    { 4, 4, 1 } },
                { 10,   { 4, 4, 2 } },
                { 99,   { 4, 4, 2 } },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                KftpSegmentsMap m;

                assert_int_equal(kftp_segments_map_begin(&m, 10, 0, 3, 3), 0);
                assert_int_equal(m.parts, 3);
                kftp_segments_map_take_prefix(&m, cases[i].prefix);
                assert_memory_equal(m.synced, cases[i].synced, sizeof(cases[i].synced));
                kftp_segments_map_done(&m);
        }
}

/* ---- Records --------------------------------------------------------------------------------- */

static void leave_map(KftpPartial *p) {
        KftpSegmentsMap m;

        open_at_length(p, 10);
        assert_int_equal(kftp_segments_map_begin(&m, 10, 1700000000, 3, 3), 0);
        m.synced[0] = 4;
        m.synced[2] = 1;
        assert_int_equal(kftp_segments_map_save(&m, p), 0);
        kftp_segments_map_done(&m);
}

static void test_recorded(void **state) {
        static const uint64_t synced[] = { 4, 0, 1 };
        KftpSegmentsMap m;
        KftpPartial p;

        (void) state;
        leave_map(&p);
        assert_int_equal(kftp_segments_map_load(&m, &p), 1);
        assert_int_equal(m.size, 10);
        assert_int_equal(m.mtime, 1700000000);
        assert_int_equal(m.part_size, 4);
        assert_int_equal(m.parts, 3);
        assert_memory_equal(m.synced, synced, sizeof(synced));
        assert_int_equal(kftp_segments_map_sum(&m), 5);
        kftp_segments_map_done(&m);

        /* another program has shortened the file, or added to it */
        assert_int_equal(ftruncate(p.fd, 9), 0);
        assert_int_equal(kftp_segments_map_load(&m, &p), 0);
        assert_int_equal(ftruncate(p.fd, 11), 0);
        assert_int_equal(kftp_segments_map_load(&m, &p), 0);
        assert_int_equal(ftruncate(p.fd, 10), 0);

        /* another remote file */
        free(p.identity);
        p.identity = strdup("ftp://anonymous@h:21/pub/y.bin");
        assert_int_equal(kftp_segments_map_load(&m, &p), 0);
        kftp_partial_close(&p);
}

/* Neither takes the other for its own: parts are no beginning, and a beginning is no map. */
static void test_not_of_the_whole(void **state) {
        KftpSegmentsMap m;
        KftpPartial p;

        (void) state;
        leave_map(&p);
        assert_int_equal(kftp_partial_state_load(&p), 0);
        assert_int_equal(p.synced, 0);
        kftp_partial_describe(&p, 10, 1700000000);
        assert_int_equal(kftp_partial_checkpoint(&p, 10), 0);
        assert_int_equal(kftp_partial_state_load(&p), 1);
        assert_int_equal(kftp_segments_map_load(&m, &p), 0);
        kftp_partial_close(&p);
}

#define MAP(size, part, synced) \
        "{\"version\":2,\"url\":\"" IDENTITY "\",\"size\":" size ",\"mtime\":1700000000,\"part\":" part ",\"synced\":" synced "}"

static void test_bad_maps(void **state) {
        static const char *const maps[] = {
                "", "{", "[]", "{}", "null", "\xff\xfe", "{\"version\":2}",
                MAP("10", "4", "[4,0"),                         /* cut off */
                MAP("10", "4", "[4,0]"), MAP("10", "4", "[4,0,1,0]"), MAP("10", "4", "[]"),
                MAP("10", "4", "[5,0,0]"), MAP("10", "4", "[0,0,3]"),
                MAP("10", "4", "[-1,0,0]"), MAP("10", "4", "[4,0,\"1\"]"), MAP("10", "4", "[4,0,1.0]"), MAP("10", "4", "[4,0,null]"),
                MAP("10", "4", "{}"), MAP("10", "4", "5"), MAP("10", "4", "[[4],0,1]"),
                MAP("10", "0", "[4,0,1]"), MAP("10", "-4", "[4,0,1]"), MAP("10", "9223372036854775807", "[11]"),
                MAP("10", "1", "[1,1,1]"),
                MAP("0", "4", "[]"), MAP("-10", "4", "[4,0,1]"), MAP("9", "4", "[4,0,1]"), MAP("12", "4", "[4,0,1]"),
                MAP("9223372036854775807", "1", "[1]"), MAP("18446744073709551615", "4", "[4,0,1]"),
                "{\"version\":3,\"url\":\"" IDENTITY "\",\"size\":10,\"mtime\":1700000000,\"part\":4,\"synced\":[4,0,1]}",
                "{\"version\":1,\"url\":\"" IDENTITY "\",\"size\":10,\"mtime\":1700000000,\"part\":4,\"synced\":[4,0,1]}",
                "{\"version\":2,\"url\":\"" IDENTITY "#tls\",\"size\":10,\"mtime\":1700000000,\"part\":4,\"synced\":[4,0,1]}",
                "{\"version\":2,\"url\":\"" IDENTITY "\",\"size\":10,\"part\":4,\"synced\":[4,0,1]}",
        };
        KftpSegmentsMap m;
        KftpPartial p;

        (void) state;
        open_at_length(&p, 10);
        test_write_file(STATE, MAP("10", "4", "[4,0,1]"));
        assert_int_equal(kftp_segments_map_load(&m, &p), 1);
        kftp_segments_map_done(&m);
        for (size_t i = 0; i < ELEMENTS(maps); i++) {
                test_write_file(STATE, maps[i]);
                if (kftp_segments_map_load(&m, &p) != 0)
                        fail_msg("believed: %s", maps[i]);
        }
        kftp_partial_close(&p);
}

static void test_largest_map(void **state) {
        KftpSegmentsMap m, again;
        KftpPartial p;

        (void) state;
        open_at_length(&p, 512);
        assert_int_equal(kftp_segments_map_begin(&m, 512, INT64_MAX, 64, 1), 0);
        assert_int_equal(m.parts, 512);
        kftp_segments_map_take_prefix(&m, 300);
        assert_int_equal(kftp_segments_map_save(&m, &p), 0);
        assert_int_equal(kftp_segments_map_load(&again, &p), 1);
        assert_int_equal(kftp_segments_map_sum(&again), 300);
        kftp_segments_map_done(&m);
        kftp_segments_map_done(&again);
        kftp_partial_close(&p);
}

/* A session in which a request was given up may have it open for longer. */
static void test_lock_is_let_go(void **state) {
        KftpPartial p, next;
        int fd;

        (void) state;
        open_at_length(&p, 10);
        fd = dup(p.fd);
        kftp_partial_close(&p);
        open_at_length(&next, 10);
        kftp_partial_close(&next);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_division),
                cmocka_unit_test(test_no_division),
                cmocka_unit_test(test_prefix),
                IN_DIRECTORY(test_recorded),
                IN_DIRECTORY(test_not_of_the_whole),
                IN_DIRECTORY(test_bad_maps),
                IN_DIRECTORY(test_largest_map),
                IN_DIRECTORY(test_lock_is_let_go),
        };

        return cmocka_run_group_tests_name("segments-map", tests, NULL, NULL);
}
