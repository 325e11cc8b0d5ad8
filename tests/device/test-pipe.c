/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pipe as the source of an upload: writers that are slow, that stop, that go away; its readiness
 * wakes RUN and poll() as the sockets' does, and not a byte is lost or taken that was not asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

/* What the peer is to receive. */
static void take(Conn *c) {
        peer_greet(c);
        peer_stor(c, "STOR f", 0, *(const uint64_t *) peer_userdata(c));
        peer_serve_on(c);
}

/*
 * A session with an upload from a new pipe queued; its write end, which is not closed at the end.
 * Deadlines are longer than any test: a wake-up that is missing is noticed.
 */
static Session *begin_with(PeerScript script, const void *userdata, uint64_t length, unsigned data_ms, int *ret_writer) {
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", script, (void *) userdata));
        struct kftp_submit r = request(KFTP_OP_STOR, -1, "f", 1);
        int ends[2];
        Session *s;

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        c.data_ms = c.reply_ms = data_ms;
        s = session_ready(&c);
        r.fd = ends[0];
        r.length = length;
        assert_int_equal(session_submit(s, &r), 0);
        close(ends[0]);
        *ret_writer = ends[1];
        return s;
}

static Session *begin(PeerScript script, const void *userdata, uint64_t length, int *ret_writer) {
        return begin_with(script, userdata, length, 600000, ret_writer);
}

/* False if nobody reads any more. No assertion: a thread of its own may call it. */
static bool try_put(int fd, uint64_t from, uint64_t n) {
        uint8_t piece[4096];

        while (n > 0) {
                size_t k = n < sizeof(piece) ? n : sizeof(piece);

                for (size_t i = 0; i < k; i++)
                        piece[i] = peer_byte(from + i);
                if (write(fd, piece, k) != (ssize_t) k)
                        return false;
                from += k;
                n -= k;
        }
        return true;
}

static void put(int fd, uint64_t from, uint64_t n) {
        assert_true(try_put(fd, from, n));
}

/* ---- Writers --------------------------------------------------------------------------------------- */

typedef struct Writer {
        pthread_t thread;
        int fd;
        unsigned pieces, pause_ms;
        uint64_t piece;
} Writer;

static void *write_pieces(void *userdata) {
        Writer *w = userdata;

        for (unsigned i = 0; i < w->pieces; i++) {
                sleep_ms(w->pause_ms);
                if (!try_put(w->fd, i * w->piece, w->piece))
                        break;
        }
        close(w->fd);
        return NULL;
}

static void start(Writer *w) {
        assert_int_equal(pthread_create(&w->thread, NULL, write_pieces, w), 0);
}

/* Slower than any deadline: as long as he is there, he may take his time. */
static void test_slow_writer(void **state) {
        static const uint64_t size = 3 * 5000;
        Writer w = { .pieces = 3, .pause_ms = 2500, .piece = 5000 };
        Session *s = begin_with(take, &size, 0, 1500, &w.fd);

        (void) state;
        start(&w);
        session_expect_done(s, 1, 0);
        pthread_join(w.thread, NULL);
        assert_int_equal(s->event.bytes, size);
        session_assert_usable(s);
}

static void test_quick_writer(void **state) {
        static const uint64_t size = 40 * 50001;
        Writer w = { .pieces = 40, .pause_ms = 0, .piece = 50001 };
        Session *s = begin(take, &size, 0, &w.fd);

        (void) state;
        start(&w);
        session_expect_done(s, 1, 0);
        pthread_join(w.thread, NULL);
        assert_int_equal(s->event.bytes, size);
        session_assert_usable(s);
}

/* He writes nothing at all and goes: the file is empty. */
static void test_no_bytes(void **state) {
        static const uint64_t size = 0;
        int writer;
        Session *s = begin(take, &size, 0, &writer);

        (void) state;
        close(writer);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.bytes, 0);
        session_assert_usable(s);
}

/* ---- How much of it ---------------------------------------------------------------------------------- */

/* What was not asked for stays in the pipe. */
static void test_length(void **state) {
        static const uint64_t size = 5000;
        int writer, reader, left;
        Session *s = begin(take, &size, size, &writer);
        char path[64];

        (void) state;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", writer);
        reader = test_fd(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        put(writer, 0, 8000);
        session_expect_done(s, 1, 0);
        assert_int_equal(ioctl(reader, FIONREAD, &left), 0);
        assert_int_equal(left, 3000);
        close(writer);
        session_assert_usable(s);
}

/* In bites: each RUN takes no more out of the pipe than it may move. */
static void test_yield(void **state) {
        static const uint64_t size = 10000;
        int writer;
        Session *s = begin(take, &size, 0, &writer);

        (void) state;
        put(writer, 0, size);
        close(writer);
        for (uint64_t n = 1000; n <= size; n += 1000) {
                assert_int_equal(session_run_with(s, 0, 1000), 0);
                session_assert_event(s, KFTP_EVENT_YIELD);
                assert_int_equal(s->event.bytes, n);
        }
        session_expect_done(s, 1, 0);
        session_assert_usable(s);
}

/* A FIFO that is open for writing too has two wait queues, and no end: length is its end. */
static void test_fifo_both_ways(void **state) {
        static const uint64_t size = 5000;
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", take, (void *) &size));
        struct kftp_submit r = request(KFTP_OP_STOR, -1, "f", 1);
        Session *s = session_ready(&c);
        char path[128];
        uint64_t begun;
        Runner *runner;

        (void) state;
        snprintf(path, sizeof(path), "%s/fifo", test_directory());
        assert_int_equal(mkfifo(path, 0600), 0);
        r.fd = test_fd(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC));
        unlink(path);
        r.length = size;
        assert_int_equal(session_submit(s, &r), 0);
        put(r.fd, 0, 2000);
        runner = runner_start(s);
        session_wait_sent(s, 2000);
        runner_wait_running(runner);
        begun = now_ms();
        put(r.fd, 2000, 3000);
        assert_int_equal(runner_join(runner), 0);
        assert_in_range(now_ms() - begun, 0, 10000);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        session_assert_usable(s);
}

static void test_refused(void **state) {
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);
        struct kftp_submit r = request(KFTP_OP_STOR, -1, "f", 1);
        Session *s = session_armed(&c);
        int ends[2];

        (void) state;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        r.fd = test_fd(ends[0]);
        assert_int_equal(session_submit(s, &r), -EINVAL);       /* it would block RUN */
        r.fd = test_fd(ends[1]);
        assert_int_equal(session_submit(s, &r), -EBADF);
        assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
        r.fd = ends[0];
        assert_int_equal(session_submit(s, &r), 0);
        /* What is received cannot be put back. */
        r = request(KFTP_OP_RETR, ends[1], "f", 1);
        assert_int_equal(session_submit(s, &r), -EOPNOTSUPP);
        r.op = KFTP_OP_LIST;
        assert_int_equal(session_submit(s, &r), -EOPNOTSUPP);
}

/* ---- Waiting ------------------------------------------------------------------------------------------ */

/* A signal interrupts RUN, and no byte of the pipe. */
static void test_signal(void **state) {
        static const uint64_t size = 9000;
        int writer;
        Session *s = begin(take, &size, 0, &writer);

        (void) state;
        for (unsigned i = 0; i < 3; i++) {
                Runner *r;

                put(writer, i * 3000, 3000);
                r = runner_start(s);
                session_wait_sent(s, (i + 1) * 3000);
                runner_wait_running(r);
                pthread_kill(runner_thread(r), SIGUSR1);
                assert_int_equal(runner_join(r), -EINTR);
        }
        close(writer);
        session_expect_done(s, 1, 0);
        session_assert_usable(s);
}

/* One who does not block in RUN comes to know by poll() that the pipe has something. */
static void test_poll(void **state) {
        static const uint64_t size = 9000;
        int writer;
        Session *s = begin(take, &size, 0, &writer);
        struct pollfd p = { .fd = s->fd, .events = POLLIN };
        uint64_t until = now_ms() + PEER_PATIENCE_MS;

        (void) state;
        put(writer, 0, 1000);
        while (session_info(s).bytes_out < 1000 && now_ms() < until) {
                session_run_until_idle(s);
                (void) poll(&p, 1, 50);
        }
        /* Nothing more happens by itself. */
        sleep_ms(300);
        session_run_until_idle(s);
        session_run_until_idle(s);
        assert_int_equal(poll(&p, 1, 0), 0);
        put(writer, 1000, 8000);
        assert_int_equal(poll(&p, 1, 5000), 1);
        session_run_until_idle(s);
        assert_int_equal(session_info(s).bytes_out, 9000);
        close(writer);
        assert_int_equal(poll(&p, 1, 5000), 1);
        session_expect_done(s, 1, 0);
        session_assert_usable(s);
}

/* ---- The end ------------------------------------------------------------------------------------------- */

/* The server must not take what came for the file. */
static void be_interrupted(Conn *c) {
        uint64_t n;
        int r;

        peer_greet(c);
        peer_stor_begin(c, "STOR f");
        r = peer_data_take(c, 0, UINT64_MAX, &n);
        if (r != -ECONNRESET)
                peer_fail(c, "the client does not reset the data connection, but: %s", strerror(-r));
        peer_data_close(c);
        peer_say(c, "426 You have hung up");
        peer_serve_on(c);
}

static void test_cancel(void **state) {
        int writer;
        Session *s = begin(be_interrupted, NULL, 0, &writer);
        Runner *r = runner_start(s);

        (void) state;
        put(writer, 0, 1000);
        session_wait_sent(s, 1000);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ECANCELED);
        /* With DONE the session has let go of the pipe: its writer is told. */
        assert_int_equal(write(writer, "x", 1), -1);
        assert_int_equal(errno, EPIPE);
        close(writer);
        session_assert_usable(s);
}

/* The server hangs up while the pipe is empty: the reply is heard at once. */
static void hang_up(Conn *c) {
        uint64_t n;

        peer_greet(c);
        peer_stor_begin(c, "STOR f");
        (void) peer_data_take(c, 0, 1000, &n);
        peer_data_reset(c);
        if (peer_userdata(c))
                peer_say(c, "451 Disk error");
        else {
                peer_sleep(1000);
                peer_say(c, "426 Whatever");
        }
        peer_serve_on(c);
}

static void test_server_hangs_up(void **state) {
        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                int writer;
                Session *s = begin(hang_up, i ? NULL : "reply", 0, &writer);

                put(writer, 0, 1000);
                session_expect_done(s, 1, -EREMOTEIO);
                close(writer);
                session_assert_usable(s);
        }
}

/* FIN, and RST only for what comes then, with nothing in between to be told from. */
static void hang_up_softly(Conn *c) {
        uint64_t n;

        peer_greet(c);
        peer_stor_begin(c, "STOR f");
        (void) peer_data_take(c, 0, 1000, &n);
        peer_data_close(c);
        peer_expect_silence(c, 1000);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_server_closes(void **state) {
        int writer, error;
        Session *s = begin(hang_up_softly, NULL, 0, &writer);
        Runner *r = runner_start(s);

        (void) state;
        put(writer, 0, 1000);
        session_wait_sent(s, 1000);
        sleep_ms(100);
        put(writer, 1000, 1000);
        sleep_ms(200);
        (void) !write(writer, "x", 1);
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        error = s->event.error;
        assert_true(error == -EPIPE || error == -ECONNRESET || error == -EBADMSG);
        close(writer);
        session_assert_usable(s);
}

/* ---- Pipes of other kinds ---------------------------------------------------------------------------- */

/* A FIFO that nobody has opened for writing yet is not an empty file. */
static void test_fifo_before_its_writer(void **state) {
        static const uint64_t size = 1000;
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", take, (void *) &size));
        struct kftp_submit r = request(KFTP_OP_STOR, -1, "f", 1);
        char path[256];
        Runner *runner;
        Session *s;
        int writer;

        (void) state;
        (void) snprintf(path, sizeof(path), "%s/fifo", test_directory());
        assert_int_equal(mkfifo(path, 0600), 0);
        r.fd = test_fd(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        s = session_ready(&c);
        assert_int_equal(session_submit(s, &r), 0);
        runner = runner_start(s);
        session_wait_state(s, KFTP_STATE_TRANSFER);
        sleep_ms(500);
        writer = open(path, O_WRONLY | O_CLOEXEC);
        assert_true(writer >= 0);
        put(writer, 0, size);
        close(writer);
        assert_int_equal(runner_join(runner), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_int_equal(s->event.bytes, size);
        session_assert_usable(s);
}

/* What is not read of a packet at once is gone: small steps must not cut it. */
static void test_packets(void **state) {
        static const uint64_t size = 3 * 4000;
        int writer;
        Session *s = begin(take, &size, 0, &writer);

        (void) state;
        assert_int_equal(fcntl(writer, F_SETFL, O_DIRECT), 0);
        for (unsigned i = 0; i < 3; i++)
                put(writer, i * UINT64_C(4000), 4000);
        close(writer);
        do
                assert_int_equal(session_run_with(s, 0, 1000), 0);
        while (s->event.type == KFTP_EVENT_YIELD);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_int_equal(s->event.bytes, size);
        session_assert_usable(s);
}

/* Whoever shares it may make it block: RUN must not, since then nothing could end it. */
static void test_made_to_block(void **state) {
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", be_interrupted, NULL));
        struct kftp_submit r = request(KFTP_OP_STOR, -1, "f", 1);
        Runner *runner;
        int ends[2];
        Session *s;

        (void) state;
        assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        r.fd = test_fd(ends[0]);
        s = session_ready(&c);
        assert_int_equal(session_submit(s, &r), 0);
        runner = runner_start(s);
        session_wait_state(s, KFTP_STATE_TRANSFER);
        put(ends[1], 0, 1000);
        session_wait_sent(s, 1000);
        assert_int_equal(fcntl(ends[0], F_SETFL, 0), 0);
        put(ends[1], 1000, 1000);
        assert_int_equal(runner_join(runner), 0);
        close(ends[1]);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -EINVAL);
        assert_int_equal(s->event.local_file, 1);
        session_assert_usable(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_slow_writer),
        DEVICE_TEST(test_quick_writer),
        DEVICE_TEST(test_no_bytes),
        DEVICE_TEST(test_length),
        DEVICE_TEST(test_yield),
        DEVICE_TEST(test_fifo_both_ways),
        DEVICE_TEST(test_refused),
        DEVICE_TEST(test_signal),
        DEVICE_TEST(test_poll),
        DEVICE_TEST(test_cancel),
        DEVICE_TEST(test_server_hangs_up),
        DEVICE_TEST(test_server_closes),
        DEVICE_TEST(test_fifo_before_its_writer),
        DEVICE_TEST(test_packets),
        DEVICE_TEST(test_made_to_block),
};

DEVICE_TESTS("pipe", tests)
