/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store of what was delivered: it remembers over restarts, tolerates what a power cut leaves and nothing else, and stays small. */

#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "kftpd/delivered-line.h"
#include "kftpd/delivered.h"
#include "libkftp.h"
#include "util.h"

#define JOB "acme"

static int directory_fd = -1;

static int set_up(void **state) {
        int r = test_directory_set_up(state);

        directory_fd = open(".", O_RDONLY | O_DIRECTORY);
        return directory_fd < 0 ? -1 : r;
}

static int tear_down(void **state) {
        directory_fd = safe_close(directory_fd);
        return test_directory_tear_down(state);
}

static Delivered *open_store(void) {
        Delivered *d = NULL;

        assert_int_equal(delivered_open(directory_fd, JOB, &d), 0);
        return d;
}

static DeliveredState find(Delivered *d, const char *name, uint64_t size, int64_t mtime, uint32_t precision) {
        const DeliveredFile file = { .name = name, .size = size, .mtime = mtime, .precision = precision };

        return delivered_find(d, &file, NULL);
}

static int add(Delivered *d, DeliveredState state, const char *name, uint64_t size, int64_t mtime, uint32_t precision, uint64_t run) {
        const DeliveredFile file = { .name = name, .size = size, .mtime = mtime, .precision = precision, .run = run };

        return delivered_add(d, state, &file);
}

static off_t size_of_store(void) {
        struct stat st;

        assert_int_equal(stat(JOB, &st), 0);
        return st.st_size;
}

static void put_bytes(const char *bytes, size_t n, off_t at) {
        _cleanup_close_ int fd = open(JOB, O_WRONLY);

        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, bytes, n, at), (ssize_t) n);
}

static void test_remembers(void **state) {
        const DeliveredFile hashed = { .name = "a b%\xe9.csv", .size = 5, .mtime = -3, .precision = 1, .sha256 = "abc", .run = 7 };
        uint64_t run = 0;
        Delivered *d = open_store();

        (void) state;
        assert_int_equal(find(d, "a", 1, 1, 1), DELIVERED_NOT);
        assert_int_equal(add(d, DELIVERED_SENT, "a", 1, 1000, 1, 6), 0);
        assert_int_equal(add(d, DELIVERED_FAILED, "bad", 2, 1000, 1, 7), 0);
        assert_int_equal(delivered_add(d, DELIVERED_SENT, &hashed), 0);
        assert_int_equal(add(d, DELIVERED_SENT, "names only", KFTP_SIZE_UNKNOWN, KFTP_MTIME_UNKNOWN, 0, 7), 0);

        for (int i = 0; i < 2; i++) {
                assert_int_equal(find(d, "a", 1, 1000, 1), DELIVERED_SENT);
                assert_int_equal(find(d, "a", 2, 1000, 1), DELIVERED_NOT);
                assert_int_equal(find(d, "a", 1, 1001, 1), DELIVERED_NOT);
                assert_int_equal(find(d, "bad", 2, 1000, 1), DELIVERED_FAILED);
                assert_int_equal(delivered_find(d, &hashed, &run), DELIVERED_SENT);
                assert_int_equal(run, 7);
                assert_int_equal(find(d, "names only", KFTP_SIZE_UNKNOWN, KFTP_MTIME_UNKNOWN, 0), DELIVERED_SENT);
                delivered_free(d);
                d = open_store();
        }
        /* of each name the last version */
        assert_int_equal(add(d, DELIVERED_SENT, "a", 3, 2000, 1, 8), 0);
        assert_int_equal(find(d, "a", 1, 1000, 1), DELIVERED_NOT);
        assert_int_equal(find(d, "a", 3, 2000, 1), DELIVERED_SENT);
        delivered_free(d);
}

/* A listing tells of a recent file the minute, and of the same file half a year later the day. */
static void test_imprecise_times(void **state) {
        Delivered *d = open_store();

        (void) state;
        assert_int_equal(add(d, DELIVERED_SENT, "a", 1, 86400 + 600, 60, 1), 0);
        assert_int_equal(find(d, "a", 1, 86400, 86400), DELIVERED_SENT);
        assert_int_equal(find(d, "a", 1, 86400 + 630, 1), DELIVERED_SENT);
        assert_int_equal(find(d, "a", 1, 86400 + 660, 60), DELIVERED_NOT);
        assert_int_equal(find(d, "a", 1, 2 * 86400, 86400), DELIVERED_NOT);
        assert_int_equal(find(d, "a", 1, KFTP_MTIME_UNKNOWN, 0), DELIVERED_NOT);

        /* It was taken away, and one that may be another one has come: that it is the same has to be certain. */
        assert_int_equal(add(d, DELIVERED_GONE, "a", 1, 86400 + 600, 60, 1), 0);
        assert_int_equal(find(d, "a", 1, 86400 + 600, 60), DELIVERED_NOT);
        assert_int_equal(add(d, DELIVERED_GONE, "b", 1, 1000, 1, 1), 0);
        assert_int_equal(find(d, "b", 1, 1000, 1), DELIVERED_GONE);
        delivered_free(d);
}

static void test_counts(void **state) {
        DeliveredCounts counts;
        Delivered *d = open_store();

        (void) state;
        assert_int_equal(add(d, DELIVERED_SENT, "earlier", 100, 1, 1, 1), 0);
        assert_int_equal(add(d, DELIVERED_SENT, "a", 10, 1, 1, 2), 0);
        assert_int_equal(add(d, DELIVERED_SENT, "b", 1, 1, 1, 2), 0);
        assert_int_equal(add(d, DELIVERED_GONE, "b", 1, 1, 1, 2), 0);
        assert_int_equal(add(d, DELIVERED_FAILED, "c", 5, 1, 1, 2), 0);
        delivered_free(d);
        d = open_store();
        delivered_count(d, 2, &counts);
        assert_int_equal(counts.sent, 2);
        assert_int_equal(counts.bytes, 11);
        assert_int_equal(counts.gone, 1);
        assert_int_equal(counts.failed, 1);
        delivered_free(d);
}

/* Whatever part of the last record has reached the disk: those before it count, and the next one can be read again. */
static void test_torn_tail(void **state) {
        static const char zeros[100] = "";
        Delivered *d = open_store();
        off_t first, second;

        (void) state;
        assert_int_equal(add(d, DELIVERED_SENT, "a", 1, 1000, 1, 1), 0);
        first = size_of_store();
        assert_int_equal(add(d, DELIVERED_SENT, "b", 2, 1000, 1, 1), 0);
        second = size_of_store();
        delivered_free(d);

        for (off_t cut = second - 1; cut >= first; cut--) {
                assert_int_equal(truncate(JOB, cut), 0);
                d = open_store();
                assert_int_equal(find(d, "a", 1, 1000, 1), DELIVERED_SENT);
                assert_int_equal(find(d, "b", 2, 1000, 1), DELIVERED_NOT);
                assert_int_equal(add(d, DELIVERED_SENT, "b", 2, 1000, 1, 1), 0);
                delivered_free(d);
                d = open_store();
                assert_int_equal(find(d, "b", 2, 1000, 1), DELIVERED_SENT);
                delivered_free(d);
                assert_int_equal(size_of_store(), second);
        }
        /* its length was recorded, its bytes were not */
        put_bytes(zeros, sizeof(zeros), second);
        d = open_store();
        assert_int_equal(find(d, "b", 2, 1000, 1), DELIVERED_SENT);
        delivered_free(d);
        assert_int_equal(size_of_store(), second);
}

static void assert_damaged(void) {
        Delivered *d = NULL;

        assert_int_equal(delivered_open(directory_fd, JOB, &d), -EBADMSG);
        assert_null(d);
}

/* Anything else is no power cut's work: it is not known what has been delivered. */
static void test_damage(void **state) {
        Delivered *d = open_store();
        off_t first, end;

        (void) state;
        assert_int_equal(add(d, DELIVERED_SENT, "a", 1, 1000, 1, 1), 0);
        first = size_of_store();
        assert_int_equal(add(d, DELIVERED_SENT, "b", 2, 1000, 1, 1), 0);
        end = size_of_store();
        delivered_free(d);

        put_bytes("X", 1, first - 3);
        assert_damaged();
        put_bytes("X", 1, 0);
        assert_damaged();
        assert_int_equal(truncate(JOB, 0), 0);
        assert_damaged();
        assert_int_equal(truncate(JOB, end), 0);
        assert_damaged();

        test_write_file(JOB, "kftp delivered 2\n");
        assert_int_equal(truncate(JOB, 3 * DELIVERED_LINE_MAX), 0);
        assert_damaged();
}

static void test_tidy(void **state) {
        Delivered *d = open_store();
        char name[20];
        off_t before;

        (void) state;
        for (unsigned i = 0; i < 30; i++) {
                (void) snprintf(name, sizeof(name), "%u", i);
                assert_int_equal(add(d, DELIVERED_SENT, name, i, 1000, 1, 1), 0);
        }
        delivered_free(d);
        d = open_store();
        before = size_of_store();
        delivered_tidy_to(d, 30);
        assert_int_equal(size_of_store(), before);

        /* the oldest, but for those that are still in the source */
        assert_int_equal(find(d, "0", 0, 1000, 1), DELIVERED_SENT);
        assert_int_equal(find(d, "1", 99, 1000, 1), DELIVERED_NOT);
        delivered_tidy_to(d, 20);
        assert_true(size_of_store() < before);
        for (int again = 0; again < 2; again++) {
                for (unsigned i = 0; i < 30; i++) {
                        (void) snprintf(name, sizeof(name), "%u", i);
                        assert_int_equal(find(d, name, i, 1000, 1), i < 2 || i >= 12 ? DELIVERED_SENT : DELIVERED_NOT);
                }
                assert_int_equal(add(d, DELIVERED_SENT, "more", 1, 1000, 1, 1), 0);
                delivered_free(d);
                d = open_store();
        }
        assert_int_equal(find(d, "more", 1, 1000, 1), DELIVERED_SENT);
        delivered_free(d);
}

/* A hot folder that gets the same few names again and again. */
static void test_stays_small(void **state) {
        Delivered *d = open_store();
        off_t before;

        (void) state;
        for (int i = 0; i < 1200; i++)
                assert_int_equal(add(d, DELIVERED_SENT, i % 2 ? "a" : "b", 1, i, 1, 1), 0);
        before = size_of_store();
        delivered_tidy(d);
        assert_true(size_of_store() < before / 100);
        assert_int_equal(find(d, "a", 1, 1199, 1), DELIVERED_SENT);
        delivered_free(d);
        d = open_store();
        assert_int_equal(find(d, "a", 1, 1199, 1), DELIVERED_SENT);
        assert_int_equal(find(d, "b", 1, 1198, 1), DELIVERED_SENT);
        delivered_free(d);
}

static void test_remove(void **state) {
        Delivered *d = open_store();

        (void) state;
        assert_int_equal(delivered_remove(directory_fd, JOB), 0);
        assert_int_equal(add(d, DELIVERED_SENT, "a", 1, 1000, 1, 1), 0);
        delivered_free(d);
        assert_int_equal(delivered_remove(directory_fd, JOB), 0);
        assert_int_equal(access(JOB, F_OK), -1);
}

/* Of a file here the next version may have the same size, in the same second. */
static void test_nanoseconds(void **state) {
        DeliveredFile file = { .name = "a", .size = 1, .mtime = 5, .precision = 1, .mtime_nsec = INT64_C(5000000007) };
        Delivered *d = open_store();

        (void) state;
        assert_int_equal(delivered_add(d, DELIVERED_SENT, &file), 0);
        delivered_free(d);
        d = open_store();
        assert_int_equal(delivered_find(d, &file, NULL), DELIVERED_SENT);
        assert_int_equal(find(d, "a", 1, 5, 1), DELIVERED_SENT);
        file.mtime_nsec++;
        assert_int_equal(delivered_find(d, &file, NULL), DELIVERED_NOT);
        delivered_free(d);
}

static void add_fetched(Delivered *d, uint64_t size, int64_t mtime, uint32_t precision, uint64_t fetched_size, int64_t fetched_mtime) {
        const DeliveredFile file = { .name = "a", .size = size, .mtime = mtime, .precision = precision, .fetched = true,
                                     .fetched_size = fetched_size, .fetched_mtime = fetched_mtime };

        assert_int_equal(delivered_add(d, DELIVERED_SENT, &file), 0);
}

/* It was replaced between its listing and its transfer: what was delivered is the version that is listed next. */
static void test_fetched(void **state) {
        Delivered *d = open_store();
        uint64_t size = 0;
        int64_t mtime = 0;

        (void) state;
        add_fetched(d, 100, 1000, 1, 150, 2001);
        delivered_free(d);
        d = open_store();
        assert_int_equal(find(d, "a", 150, 2001, 1), DELIVERED_SENT);
        assert_int_equal(find(d, "a", 100, 1000, 1), DELIVERED_SENT);
        assert_int_equal(find(d, "a", 150, 2002, 1), DELIVERED_NOT);
        assert_int_equal(find(d, "a", 100, 2001, 1), DELIVERED_NOT);
        assert_true(delivered_fetched(d, &(DeliveredFile) { .name = "a", .size = 100, .mtime = 1000, .precision = 1 }, &size, &mtime));
        assert_true(size == 150 && mtime == 2001);

        /* the same size, within the listing's precision, and behind it */
        add_fetched(d, 100, 960, 60, 100, 1001);
        assert_int_equal(find(d, "a", 100, 1001, 1), DELIVERED_SENT);
        assert_int_equal(find(d, "a", 100, 1020, 60), DELIVERED_NOT);
        add_fetched(d, 100, 960, 60, 100, 1070);
        assert_int_equal(find(d, "a", 100, 1020, 60), DELIVERED_SENT);

        /* five hours apart is where the server is: there a later version has that time */
        add_fetched(d, 100, 960, 60, 100, 960 + 5 * 3600 + 7);
        assert_int_equal(find(d, "a", 100, 960 + 5 * 3600, 60), DELIVERED_NOT);
        assert_false(delivered_fetched(d, &(DeliveredFile) { .name = "b" }, &size, &mtime));
        delivered_free(d);
}

#define STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                STORE(test_remembers),
                STORE(test_imprecise_times),
                STORE(test_nanoseconds),
                STORE(test_fetched),
                STORE(test_counts),
                STORE(test_torn_tail),
                STORE(test_damage),
                STORE(test_tidy),
                STORE(test_stays_small),
                STORE(test_remove),
        };

        return cmocka_run_group_tests_name("delivered", tests, NULL, NULL);
}
