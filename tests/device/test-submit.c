/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KFTP_SUBMIT: what it accepts as path and local file, and the queue.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

static Session *armed(void) {
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);

        return session_armed(&c);
}

/* ---- Paths ------------------------------------------------------------------------------------ */

static void test_control_bytes(void **state) {
        Session *s = armed();
        int fd = local_file();

        (void) state;
        for (unsigned byte = 0; byte <= 0xff; byte++) {
                char path[] = { 'a', (char) byte, 'b' };
                struct kftp_submit r = retr(fd, "", 1);
                int expected = byte < 0x20 || byte == 0x7f ? -EINVAL : 0;

                r.path = (uintptr_t) path;
                r.path_len = 3;
                assert_int_equal(session_submit(s, &r), expected);
                if (expected == 0)
                        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
                while (session_info(s).queued > 0)
                        session_expect_done(s, 1, -ECANCELED);
        }
}

static void test_path_lengths(void **state) {
        static char path[KFTP_MAX_PATH + 1];
        struct kftp_submit r = retr(local_file(), "", 1);
        Session *s = armed();

        (void) state;
        memset(path, 'p', sizeof(path));
        r.path = (uintptr_t) path;
        r.path_len = 0;
        assert_int_equal(session_submit(s, &r), -EINVAL);
        r.path_len = KFTP_MAX_PATH;
        assert_int_equal(session_submit(s, &r), 0);
        r.path_len = KFTP_MAX_PATH + 1;
        assert_int_equal(session_submit(s, &r), -EINVAL);
        r.path_len = UINT32_MAX;
        assert_int_equal(session_submit(s, &r), -EINVAL);
        r.path = 0;
        r.path_len = 1;
        assert_int_equal(session_submit(s, &r), -EFAULT);
        r.path = 8;
        assert_int_equal(session_submit(s, &r), -EFAULT);
}

/* A path that the operation does not have, or a second one, is a mistake of the caller's. */
static void test_paths_that_do_not_belong(void **state) {
        struct kftp_submit two = retr(local_file(), "a", 1), quit = quit_request(1);
        Session *s = armed();

        (void) state;
        two.path2 = (uintptr_t) "b";
        two.path2_len = 1;
        assert_int_equal(session_submit(s, &two), -EINVAL);
        two.path2_len = KFTP_MAX_PATH + 1;
        assert_int_equal(session_submit(s, &two), -EINVAL);
        quit.path = (uintptr_t) "a";
        quit.path_len = 1;
        assert_int_equal(session_submit(s, &quit), -EINVAL);
}

static void serve_long(Conn *c) {
        char path[KFTP_MAX_PATH + 1] = "";

        memset(path, 'p', KFTP_MAX_PATH);
        peer_greet(c);
        peer_retr(c, path, 0, 10);
        peer_goodbye(c);
}

/* The longest path arrives whole, and as it is. */
static void test_longest_path(void **state) {
        Peer *p = test_peer("127.0.0.1", serve_long, NULL);
        struct kftp_connect c = connect_to_peer(p);
        char path[KFTP_MAX_PATH + 1] = "";
        Session *s = session_ready(&c);

        (void) state;
        memset(path, 'p', KFTP_MAX_PATH);
        session_retr(s, local_file(), path, 1);
        session_expect_done(s, 1, 0);
}

static void serve_odd(Conn *c) {
        peer_greet(c);
        peer_retr(c, " %s%n \xc3\xa4\xff'\" -R .. ", 0, 10);
        peer_goodbye(c);
}

static void test_odd_path(void **state) {
        Peer *p = test_peer("127.0.0.1", serve_odd, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);

        (void) state;
        session_retr(s, local_file(), " %s%n \xc3\xa4\xff'\" -R .. ", 1);
        session_expect_done(s, 1, 0);
}

/* It is copied. */
static void test_path_is_copied(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);
        char path[] = "bytes-10";

        (void) state;
        session_retr(s, local_file(), path, 1);
        memset(path, 'x', sizeof(path));
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_expect_done(s, 1, 0);
        assert_commanded(p, "RETR bytes-10");
}

static void test_offsets(void **state) {
        struct kftp_submit r = retr(local_file(), "file", 1);
        Session *s = armed();

        (void) state;
        r.offset = LLONG_MAX;
        assert_int_equal(session_submit(s, &r), 0);
        r.offset = (uint64_t) LLONG_MAX + 1;
        assert_int_equal(session_submit(s, &r), -EINVAL);
        r.offset = UINT64_MAX;
        assert_int_equal(session_submit(s, &r), -EINVAL);
}

/* ---- Local files ------------------------------------------------------------------------------ */

static int submit_fd(Session *s, int fd) {
        struct kftp_submit r = retr(fd, "file", 1);

        return session_submit(s, &r);
}

static void test_good_files(void **state) {
        Session *s = armed();

        (void) state;
        assert_int_equal(submit_fd(s, local_file()), 0);
        assert_int_equal(submit_fd(s, test_fd(memfd_create("listing", MFD_CLOEXEC))), 0);
        assert_int_equal(submit_fd(s, test_fd(open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600))), 0);
}

static void test_refused_files(void **state) {
        int pair[2], fifo[2], fd;
        Session *s = armed();

        (void) state;
        assert_int_equal(submit_fd(s, -1), -EBADF);
        assert_int_equal(submit_fd(s, 12345), -EBADF);
        fd = test_fd(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
        assert_int_equal(submit_fd(s, fd), -EBADF);
        fd = test_fd(open("/tmp", O_PATH | O_CLOEXEC));
        assert_int_equal(submit_fd(s, fd), -EBADF);
        fd = test_fd(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        assert_int_equal(submit_fd(s, fd), -EBADF);

        fd = test_fd(open("/tmp", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
        assert_int_equal(submit_fd(s, fd), -EINVAL);
        /* kftp's own device: this session's, and another's */
        assert_int_equal(submit_fd(s, s->fd), -EINVAL);
        assert_int_equal(submit_fd(s, session_open()->fd), -EINVAL);
        assert_int_equal(submit_fd(s, test_fd(open("/dev/null", O_RDWR | O_CLOEXEC))), -EINVAL);
        assert_int_equal(submit_fd(s, test_fd(open("/proc/self/comm", O_RDWR | O_CLOEXEC))), -EINVAL);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        test_fd(pair[1]);
        assert_int_equal(submit_fd(s, test_fd(pair[0])), -EINVAL);
        /* pipes are not built yet */
        assert_int_equal(pipe2(fifo, O_NONBLOCK | O_CLOEXEC), 0);
        test_fd(fifo[0]);
        assert_int_equal(submit_fd(s, test_fd(fifo[1])), -EOPNOTSUPP);
        /* None of them was queued. */
        assert_int_equal(session_info(s).queued, 0);
}

/* Where the file system knows O_DIRECT at all: the buffers would not be aligned for it. */
static void test_direct_refused(void **state) {
        int fd = local_file();
        Session *s = armed();

        (void) state;
        test_slow_file(&fd);
        assert_int_equal(submit_fd(s, fd), 0);
        assert_int_equal(fcntl(fd, F_SETFL, O_DIRECT), 0);
        assert_int_equal(submit_fd(s, fd), -EINVAL);
}

/* What an operation has no use for may mean something one day. */
static void test_unused_members(void **state) {
        static const uint32_t ops[] = { KFTP_OP_NOOP, KFTP_OP_SIZE, KFTP_OP_MDTM, KFTP_OP_QUIT };
        Session *s = armed();

        (void) state;
        for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
                bool path = ops[i] == KFTP_OP_SIZE || ops[i] == KFTP_OP_MDTM;
                struct kftp_submit good = retr(-1, path ? "file" : "", 1), flags, offset, mtime, path2;

                good.op = ops[i];
                flags = offset = mtime = path2 = good;
                flags.flags = KFTP_SUBMIT_ASK_SIZE;
                assert_int_equal(session_submit(s, &flags), -EINVAL);
                offset.offset = 1;
                assert_int_equal(session_submit(s, &offset), -EINVAL);
                mtime.mtime = 1;
                assert_int_equal(session_submit(s, &mtime), -EINVAL);
                path2.path2 = (uintptr_t) "x";
                assert_int_equal(session_submit(s, &path2), -EINVAL);
                assert_int_equal(session_submit(s, &good), 0);
        }
}

/* O_APPEND that is set later is no way round. */
static void test_append_set_later(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_submit r;
        int fd = local_file();
        Session *s = session_ready(&c);

        (void) state;
        assert_int_equal(pwrite(fd, "0123456789", 10, 0), 10);
        r = retr(fd, "bytes-100", 1);
        r.offset = 5;
        assert_int_equal(session_submit(s, &r), 0);
        assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
        session_expect(s, KFTP_EVENT_DONE);
        if (s->event.error == 0) {
                assert_file_size(fd, 100);
                assert_file_content(fd, 5, 95);
        } else {
                assert_int_equal(s->event.error, -EINVAL);
                assert_int_equal(s->event.local_file, 1);
                assert_file_size(fd, 10);
        }
}

static void test_quit_needs_no_file(void **state) {
        struct kftp_submit r = quit_request(1);
        Session *s = armed();

        (void) state;
        r.fd = local_file();
        assert_int_equal(session_submit(s, &r), -EINVAL);
        r.fd = -1;
        assert_int_equal(session_submit(s, &r), 0);
}

/* The session holds the file: closing the descriptor does not matter. */
static void test_descriptor_closed_after_submit(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        int fd = local_file(), copy = dup(fd);
        Session *s = session_ready(&c);

        (void) state;
        session_retr(s, copy, "bytes-5000", 1);
        close(copy);
        session_expect_done(s, 1, 0);
        assert_file_content(fd, 0, 5000);
}

/* ---- The queue -------------------------------------------------------------------------------- */

static void test_queue_is_bounded(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_submit r = retr(local_file(), "bytes-1", 0);
        Session *s = session_armed(&c);

        (void) state;
        for (unsigned i = 0; i < KFTP_MAX_QUEUE; i++) {
                r.user_data = i;
                assert_int_equal(session_submit(s, &r), 0);
        }
        assert_int_equal(session_submit(s, &r), -EAGAIN);
        assert_int_equal(session_info(s).queued, KFTP_MAX_QUEUE);
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(session_submit(s, &r), -EAGAIN);
        /* What was done and reported makes room. */
        session_expect_done(s, 0, 0);
        r.user_data = KFTP_MAX_QUEUE;
        assert_int_equal(session_submit(s, &r), 0);
        assert_int_equal(session_submit(s, &r), -EAGAIN);
        /* In order, each once. */
        for (unsigned i = 1; i <= KFTP_MAX_QUEUE; i++)
                session_expect_done(s, i, 0);
        assert_int_equal(session_info(s).queued, 0);
        session_run_until_idle(s);
}

/* What is done but not yet reported counts too. */
static void test_unreported_counts(void **state) {
        struct kftp_submit r = retr(local_file(), "file", 7);
        Session *s = armed();

        (void) state;
        for (unsigned i = 0; i < KFTP_MAX_QUEUE; i++)
                assert_int_equal(session_submit(s, &r), 0);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_ALL, 0), 0);
        assert_int_equal(session_info(s).queued, KFTP_MAX_QUEUE);
        assert_int_equal(session_submit(s, &r), -EAGAIN);
        session_expect_done(s, 7, -ECANCELED);
        assert_int_equal(session_submit(s, &r), 0);
}

static void test_before_connected(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);
        int a = local_file(), b = local_file();

        (void) state;
        session_retr(s, a, "bytes-3000", UINT64_MAX);
        session_retr(s, b, "bytes-4000", 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_expect_done(s, UINT64_MAX, 0);
        session_expect_done(s, 0, 0);
        assert_file_size(a, 3000);
        assert_file_size(b, 4000);
        assert_file_content(b, 0, 4000);
}

static void test_after_closed(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_submit r = retr(local_file(), "file", 1);
        Session *s = session_ready(&c);

        (void) state;
        session_quit(s);
        assert_int_equal(session_submit(s, &r), -ENOTCONN);
}

/* A request behind QUIT is not lost: it is told that it came too late. */
static void test_behind_quit(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_submit quit = quit_request(1);
        Session *s = session_ready(&c);

        (void) state;
        assert_int_equal(session_submit(s, &quit), 0);
        session_retr(s, local_file(), "file", 2);
        session_expect_done(s, 1, 0);
        session_expect_done(s, 2, -ECANCELED);
        session_expect_closed(s, 0);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_control_bytes),
        DEVICE_TEST(test_path_lengths),
        DEVICE_TEST(test_paths_that_do_not_belong),
        DEVICE_TEST(test_longest_path),
        DEVICE_TEST(test_odd_path),
        DEVICE_TEST(test_path_is_copied),
        DEVICE_TEST(test_offsets),
        DEVICE_TEST(test_good_files),
        DEVICE_TEST(test_refused_files),
        DEVICE_TEST(test_direct_refused),
        DEVICE_TEST(test_unused_members),
        DEVICE_TEST(test_append_set_later),
        DEVICE_TEST(test_quit_needs_no_file),
        DEVICE_TEST(test_descriptor_closed_after_submit),
        DEVICE_TEST(test_queue_is_bounded),
        DEVICE_TEST(test_unreported_counts),
        DEVICE_TEST(test_before_connected),
        DEVICE_TEST(test_after_closed),
        DEVICE_TEST(test_behind_quit),
};

DEVICE_TESTS("submit", tests)
