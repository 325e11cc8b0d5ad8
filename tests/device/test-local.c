/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local file: where the bytes go, and what happens when it does not take them. Its errors are
 * told as its own, and the session goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixture.h"

#define SIZE 3000000

static void serve(Conn *c) {
        peer_may_leave(c);
        peer_serve(c);
}

static Session *ready(void) {
        Peer *p = test_peer("127.0.0.1", serve, NULL);
        struct kftp_connect c = connect_to_peer(p);

        c.abort_ms = 20000;
        return session_ready(&c);
}

static void expect_local_error(Session *s, int fd, uint64_t offset, int error) {
        struct kftp_submit r = retr(fd, "bytes-3000000", 1);

        r.offset = offset;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, error);
        assert_int_equal(s->event.local_file, 1);
        assert_in_range(s->event.bytes, 0, SIZE - 1);
}

/* ---- Where the bytes go --------------------------------------------------------------------------- */

/* The file's own position is neither used nor moved. */
static void test_position(void **state) {
        int fd = local_file();
        Session *s = ready();

        (void) state;
        assert_int_equal(lseek(fd, 12345, SEEK_SET), 12345);
        session_retr(s, fd, "bytes-50000", 1);
        session_expect_done(s, 1, 0);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 12345);
        assert_file_size(fd, 50000);
        assert_file_content(fd, 0, 50000);
}

/* What stands behind the bytes stays: truncating is the caller's business. */
static void test_longer_file(void **state) {
        int fd = local_file();
        Session *s = ready();
        char byte;

        (void) state;
        assert_int_equal(pwrite(fd, "#", 1, 99999), 1);
        session_retr(s, fd, "bytes-50000", 1);
        session_expect_done(s, 1, 0);
        assert_file_size(fd, 100000);
        assert_file_content(fd, 0, 50000);
        assert_int_equal(pread(fd, &byte, 1, 99999), 1);
        assert_int_equal(byte, '#');
}

/* Two descriptors, one file, two offsets: segments of it do not disturb each other. */
static void test_segments(void **state) {
        int fd = local_file();
        Session *s = ready();
        struct kftp_submit r = retr(fd, "bytes-50000", 1);

        (void) state;
        r.offset = 20000;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, 0);
        session_retr(s, fd, "bytes-20000", 2);
        session_expect_done(s, 2, 0);
        assert_file_size(fd, 50000);
        assert_file_content(fd, 0, 50000);
}

/* A listing goes to a memfd; that is a regular file like others. */
static void test_memfd(void **state) {
        int fd = test_fd(memfd_create("listing", MFD_CLOEXEC));
        Session *s = ready();

        (void) state;
        session_retr(s, fd, "bytes-50000", 1);
        session_expect_done(s, 1, 0);
        assert_file_content(fd, 0, 50000);
}

/* A tmpfs with a file in it, open; it cannot be unmounted while anybody holds the file. */
static int only_file(const char **ret_directory) {
        char path[128];
        int fd;

        *ret_directory = test_directory();
        assert_int_equal(mount("only", *ret_directory, "tmpfs", 0, NULL), 0);
        snprintf(path, sizeof(path), "%s/file", *ret_directory);
        fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        return fd;
}

static void assert_released(const char *directory) {
        uint64_t until = now_ms() + 5000;

        while (umount2(directory, 0) < 0) {
                if (errno != EBUSY || now_ms() > until)
                        fail_msg("somebody still holds the file: %s", strerror(errno));
                sleep_ms(10);
        }
}

/* When DONE is told, the session has let go of the file. */
static void test_released_when_done(void **state) {
        const char *directory;
        int fd = only_file(&directory);
        Session *s = ready();

        (void) state;
        session_retr(s, fd, "bytes-50000", 1);
        session_retr(s, fd, "nothing", 2);
        session_retr(s, fd, "bytes-50000", 3);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 3), 0);
        close(fd);
        session_expect_done(s, 3, -ECANCELED);
        session_expect_done(s, 1, 0);
        session_expect_done(s, 2, -EREMOTEIO);
        assert_released(directory);
        session_quit(s);
}

/* And when it is closed, of those of all requests. */
static void test_released_when_closed(void **state) {
        const char *directory;
        int fd = only_file(&directory);
        Session *s = ready();

        (void) state;
        session_retr(s, fd, "bytes-50000", 1);
        session_retr(s, fd, "bytes-50000", 2);
        session_retr(s, fd, "bytes-50000", 3);
        close(fd);
        assert_int_equal(session_run_with(s, 0, 1000), 0);
        session_assert_event(s, KFTP_EVENT_YIELD);
        session_close(s);
        assert_released(directory);
}

/* ---- Errors ------------------------------------------------------------------------------------------ */

static int small_file(void) {
        const char *directory = test_directory();
        char path[128];

        assert_int_equal(mount("small", directory, "tmpfs", 0, "size=256k"), 0);
        snprintf(path, sizeof(path), "%s/file", directory);
        return test_fd(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
}

static void test_disk_full(void **state) {
        Session *s = ready();
        int fd = small_file();

        (void) state;
        expect_local_error(s, fd, 0, -ENOSPC);
        /* What was counted is there. */
        assert_true(s->event.bytes > 0);
        assert_file_content(fd, 0, s->event.bytes);
        session_assert_usable(s);
}

/* Not a byte fits: the same. */
static void test_disk_full_at_once(void **state) {
        static char block[256 * 1024];
        Session *s = ready();
        int fd = small_file();

        (void) state;
        assert_int_equal(pwrite(fd, block, sizeof(block), 0), sizeof(block));
        expect_local_error(s, fd, sizeof(block), -ENOSPC);
        assert_int_equal(s->event.bytes, 0);
        session_assert_usable(s);
}

/* The caller's limits apply, as the bytes are written in its name. */
static void test_file_size_limit(void **state) {
        struct rlimit old, limit;
        int fd = local_file();
        Session *s = ready();

        (void) state;
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        limit = (struct rlimit) { .rlim_cur = 100000, .rlim_max = old.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        expect_local_error(s, fd, 0, -EFBIG);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_file_size(fd, 100000);
        assert_file_content(fd, 0, 100000);
        session_assert_usable(s);
}

static void test_sealed(void **state) {
        int fd = test_fd(memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        Session *s = ready();

        (void) state;
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
        expect_local_error(s, fd, 0, -EPERM);
        session_assert_usable(s);
}

static void send_at_end(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "REST 9223372036854775807");
        peer_say(c, "350 If you say so");
        peer_expect(c, "RETR file");
        peer_say(c, "150 Now");
        peer_data_open(c);
        peer_data_try_send(c, 0, 100);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_goodbye(c);
}

/* An offset where no file can have bytes. */
static void test_beyond_all_files(void **state) {
        Peer *p = test_peer("127.0.0.1", send_at_end, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);
        struct kftp_submit r = retr(local_file(), "file", 1);

        (void) state;
        r.offset = LLONG_MAX;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect(s, KFTP_EVENT_DONE);
        assert_true(s->event.error == -EFBIG || s->event.error == -EINVAL || s->event.error == -EOVERFLOW);
        assert_int_equal(s->event.local_file, 1);
        assert_int_equal(s->event.bytes, 0);
        session_quit(s);
}

/* A file system's own error, in the middle. */
static void test_io_error(void **state) {
        Session *s = ready();
        SlowFile *slow;
        int fd;

        (void) state;
        slow = test_slow_file(&fd);
        slowfs_fail(slow, 0, EIO);
        expect_local_error(s, fd, 0, -EIO);
        assert_int_equal(s->event.bytes, 0);
        session_assert_usable(s);
}

/* After some good writes: what was written is counted, and no more. */
static void test_io_error_later(void **state) {
        Session *s = ready();
        SlowFile *slow;
        int fd;

        (void) state;
        slow = test_slow_file(&fd);
        slowfs_fail(slow, 5, EIO);
        expect_local_error(s, fd, 0, -EIO);
        assert_int_equal(s->event.bytes, slowfs_content(slow, NULL, 0));
        assert_in_range(s->event.bytes, 1, 5 * 16384);
        session_assert_usable(s);
}

/* Its errno is the file's, whatever it would mean from the network. */
static void test_confusing_errors(void **state) {
        static const int errors[] = { EAGAIN, ETIMEDOUT, ECONNRESET, EPIPE, EINTR };
        SlowFile *slow;
        int fd;

        (void) state;
        slow = test_slow_file(&fd);
        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
                Session *s = ready();

                slowfs_fail(slow, 0, errors[i]);
                session_retr(s, fd, "bytes-3000000", 1);
                /* EINTR without a signal is no interruption: nobody could go on after it */
                session_expect_done(s, 1, errors[i] == EINTR ? -EIO : -errors[i]);
                assert_int_equal(s->event.local_file, 1);
                session_assert_usable(s);
        }
}

/* No local error where it was the server's. */
static void test_not_local(void **state) {
        Session *s = ready();

        (void) state;
        session_retr(s, local_file(), "nothing", 1);
        session_expect_done(s, 1, -EREMOTEIO);
        assert_int_equal(s->event.local_file, 0);
        session_assert_usable(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_position),
        DEVICE_TEST(test_longer_file),
        DEVICE_TEST(test_segments),
        DEVICE_TEST(test_memfd),
        DEVICE_TEST(test_released_when_done),
        DEVICE_TEST(test_released_when_closed),
        DEVICE_TEST(test_disk_full),
        DEVICE_TEST(test_disk_full_at_once),
        DEVICE_TEST(test_file_size_limit),
        DEVICE_TEST(test_sealed),
        DEVICE_TEST(test_beyond_all_files),
        DEVICE_TEST(test_io_error),
        DEVICE_TEST(test_io_error_later),
        DEVICE_TEST(test_confusing_errors),
        DEVICE_TEST(test_not_local),
};

DEVICE_TESTS("local", tests)
