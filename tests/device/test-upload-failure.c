/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Uploads that do not come to their end: servers that refuse in the middle, hang up, stop reading or
 * read slowly; local files that cannot be read. Never is a part taken for the whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
/* More than all buffers between the two hold. */
#define BIG (40 << 20)

static struct kftp_connect quick(const Peer *p) {
        struct kftp_connect c = connect_to_peer(p);

        c.reply_ms = c.data_ms = c.abort_ms = 8000;
        return c;
}

static Session *begin(PeerScript script, const void *userdata, int fd) {
        struct kftp_connect c = quick(test_peer("127.0.0.1", script, (void *) userdata));
        struct kftp_submit r = request(KFTP_OP_STOR, fd, "f", 1);
        Session *s = session_ready(&c);

        assert_int_equal(session_submit(s, &r), 0);
        return s;
}

/* How many TCP sockets there are. */
static unsigned sockets_in_use(void) {
        unsigned n = 9999;
        char line[256];
        FILE *f;

        f = fopen("/proc/net/sockstat", "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                (void) sscanf(line, "TCP: inuse %u", &n);
        fclose(f);
        return n;
}

static void assert_sockets_gone(unsigned before) {
        uint64_t until = now_ms() + 5000;

        while (sockets_in_use() > before) {
                if (now_ms() > until)
                        fail_msg("%u sockets, %u before", sockets_in_use(), before);
                sleep_ms(20);
        }
}

/* ---- The server speaks in the middle ------------------------------------------------------------- */

/* Some bytes, then this reply; the data connection stays open. It must then be reset, not ended. */
static void reply_in_the_middle(Conn *c) {
        const char *reply = peer_userdata(c);
        uint64_t n;
        int r;

        peer_greet(c);
        peer_stor_begin(c, "STOR f");
        (void) peer_data_take(c, 0, 100000, &n);
        peer_say(c, "%s", reply);
        r = peer_data_take(c, n, UINT64_MAX, &n);
        if (r != -ECONNRESET)
                peer_fail(c, "the client does not reset the data connection, but: %s", strerror(-r));
        peer_data_close(c);
        peer_serve_on(c);
}

static void test_reply_in_the_middle(void **state) {
        static const struct {
                const char *reply;
                int error;
        } rows[] = {
                { "552 Quota", -EREMOTEIO },
                { "426 Enough", -EREMOTEIO },
                /* content with a part */
                { "226 Done", -EBADMSG },
                { "250 Done", -EBADMSG },
        };

        int fd = filled_file(BIG);

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                Session *s = begin(reply_in_the_middle, rows[i].reply, fd);

                session_expect_done(s, 1, rows[i].error);
                assert_int_equal(s->event.reply, atoi(rows[i].reply));
                assert_in_range(s->event.bytes, 1, BIG - 1);
                assert_int_equal(s->event.local_file, 0);
                session_assert_usable(s);
        }
}

/* ---- The server hangs up in the middle ------------------------------------------------------------ */

typedef struct HangUp {
        bool reset;                     /* RST at once; else FIN, and RST for what comes then */
        const char *reply;              /* NULL: the control connection ends too */
} HangUp;

static void hang_up(Conn *c) {
        const HangUp *how = peer_userdata(c);
        uint64_t n;

        peer_greet(c);
        peer_stor_begin(c, "STOR f");
        (void) peer_data_take(c, 0, 100000, &n);
        if (how->reset)
                peer_data_reset(c);
        else {
                peer_data_half_close(c);
                peer_sleep(200);
                peer_data_close(c);
        }
        if (!how->reply)
                return;
        peer_say(c, "%s", how->reply);
        peer_serve_on(c);
}

/* Nobody is killed by it, as long as SIGPIPE is blocked. */
static void block_sigpipe(bool block) {
        struct timespec no_time = {};
        sigset_t pipe_only;

        sigemptyset(&pipe_only);
        sigaddset(&pipe_only, SIGPIPE);
        if (block) {
                pthread_sigmask(SIG_BLOCK, &pipe_only, NULL);
                signal(SIGPIPE, SIG_DFL);
                return;
        }
        (void) sigtimedwait(&pipe_only, NULL, &no_time);
        signal(SIGPIPE, SIG_IGN);
        pthread_sigmask(SIG_UNBLOCK, &pipe_only, NULL);
}

static void test_hang_up(void **state) {
        static const HangUp rows[] = {
                { false, "426 Broken" }, { true, "426 Broken" }, { false, "226 Done" }, { true, "226 Done" },
                { false, NULL },         { true, NULL },
        };
        int fd = filled_file(BIG);

        (void) state;
        block_sigpipe(true);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                Session *s = begin(hang_up, rows + i, fd);
                int error;

                session_expect(s, KFTP_EVENT_DONE);
                error = s->event.error;
                if (rows[i].reply && *rows[i].reply == '4')
                        assert_int_equal(error, -EREMOTEIO);
                else if (error != -ECONNRESET && error != -EPIPE && error != -EBADMSG)
                        fail_msg("row %zu: %s", i, strerror(-error));
                assert_in_range(s->event.bytes, 1, BIG - 1);
                assert_int_equal(s->event.local_file, 0);
                if (rows[i].reply)
                        session_assert_usable(s);
                else
                        session_expect_closed(s, -ECONNRESET);
                session_close(s);
        }
        block_sigpipe(false);
}

/* What a session has had of sockets is gone with it. */
static void test_sockets_gone(void **state) {
        static const HangUp reset = { true, "426 Broken" };
        Peer *p = test_peer("127.0.0.1", hang_up, (void *) &reset);
        struct kftp_submit r = request(KFTP_OP_STOR, filled_file(BIG), "f", 1);
        struct kftp_connect c = quick(p);
        unsigned before = sockets_in_use();
        Session *s = session_ready(&c);

        (void) state;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, -EREMOTEIO);
        session_close(s);
        assert_sockets_gone(before);
}

/* ---- The server reads slowly, or not at all ------------------------------------------------------- */

static void stop_reading(Conn *c) {
        peer_greet(c);
        peer_stor_begin(c, "STOR f");
        peer_until_closed(c);
}

static void expect_timeout(uint64_t size) {
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", stop_reading, NULL));
        struct kftp_submit r = request(KFTP_OP_STOR, filled_file(size), "f", 1);
        uint64_t begun = now_ms();
        Session *s;

        c.data_ms = c.reply_ms = 1500;
        s = session_ready(&c);
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, -ETIMEDOUT);
        session_expect_closed(s, -ETIMEDOUT);
        assert_in_range(now_ms() - begun, 1500, 15000);
}

/* Before all could be sent, and after it: then it is the reply that is missing. */
static void test_stops_reading(void **state) {
        (void) state;
        expect_timeout(BIG);
        expect_timeout(10000);
}

/* Reads a little now and then: for whoever sends, most of the time nothing moves. */
static void read_slowly(Conn *c) {
        uint64_t size = *(uint64_t *) peer_userdata(c), at = 0, n;

        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "STOR f");
        peer_say(c, "150 Let it come");
        peer_data_open(c);
        do {
                peer_sleep(250);
                if (peer_data_take(c, at, size / 16, &n) < 0)
                        peer_fail(c, "the client hangs up after %llu bytes", (unsigned long long) at);
                at += n;
        } while (n > 0);
        if (at != size)
                peer_fail(c, "%llu bytes", (unsigned long long) at);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

/* It takes much longer than any deadline; in the end all is there. */
static void test_reads_slowly(void **state) {
        /* One does not fit into the buffers; the other does, so that it is read after our FIN. */
        static const uint64_t sizes[] = { BIG, 800000 };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
                struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", read_slowly, (void *) (sizes + i)));
                struct kftp_submit r = request(KFTP_OP_STOR, filled_file(sizes[i]), "f", 1);
                uint64_t begun = now_ms();
                Session *s;

                c.data_ms = c.reply_ms = 2500;
                s = session_ready(&c);
                assert_int_equal(session_submit(s, &r), 0);
                session_expect_done(s, 1, 0);
                assert_in_range(now_ms() - begun, c.data_ms, 100000);
                session_assert_usable(s);
        }
}

/* All is in our socket, not all has arrived; then it is reset. Whatever the server says, that is no file. */
static void reset_the_rest(Conn *c) {
        int small = 4096;

        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "STOR f");
        peer_data_open(c);
        if (setsockopt(peer_data_socket(c), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) < 0)
                peer_fail(c, "the receive buffer cannot be made small: %s", strerror(errno));
        peer_say(c, "150 Let it come");
        while (!*(atomic_bool *) peer_userdata(c))
                peer_sleep(5);
        peer_data_reset(c);
        peer_sleep(200);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_reset_behind_the_end(void **state) {
        atomic_bool finishing = false;
        Session *s = begin(reset_the_rest, &finishing, filled_file(300000));
        Runner *r = runner_start(s);

        (void) state;
        session_wait_state(s, KFTP_STATE_FINISHING);
        finishing = true;
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -EBADMSG);
        assert_int_equal(s->event.reply, 226);
        session_assert_usable(s);
}

/* ---- The local file ------------------------------------------------------------------------------- */

static void take_part(Conn *c) {
        uint64_t n;
        int r;

        peer_greet(c);
        peer_stor_begin(c, "STOR f");
        r = peer_data_take(c, 0, UINT64_MAX, &n);
        if (r != -ECONNRESET)
                peer_fail(c, "the client does not reset the data connection, but: %s", strerror(-r));
        peer_data_close(c);
        peer_say(c, "426 You have hung up");
        peer_expect(c, "ABOR");
        peer_say(c, "226 Abort successful");
        peer_serve_on(c);
}

/* An error of the file is told as its own, whatever it would mean from the network. */
static void test_unreadable(void **state) {
        static const int errors[] = { EIO, EAGAIN, EINVAL, ECONNRESET, EPIPE, ETIMEDOUT, EINTR };
        SlowFile *slow;
        int fd;

        (void) state;
        slow = test_slow_file(&fd);
        slowfs_fill(slow, 1 << 20);
        fd = test_fd(slowfs_open_direct(slow));
        for (size_t i = 0; i < N_ELEMENTS(errors); i++)
                for (unsigned good = 0; good <= 5; good += 5) {
                        Session *s;

                        slowfs_fail(slow, good, errors[i]);
                        s = begin(take_part, NULL, fd);
                        session_expect_done(s, 1, errors[i] == EINTR ? -EIO : -errors[i]);
                        assert_int_equal(s->event.local_file, 1);
                        assert_in_range(s->event.bytes, 0, good * 16384);
                        session_assert_usable(s);
                        session_close(s);
                }
}

/* The file shrinks meanwhile: its end is its end. */
static void take_less(Conn *c) {
        uint64_t n;

        peer_greet(c);
        peer_stor_begin(c, "STOR f");
        if (peer_data_take(c, 0, UINT64_MAX, &n) < 0 || n != 20000)
                peer_fail(c, "%llu bytes", (unsigned long long) n);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_shrinking(void **state) {
        int fd = filled_file(50000);
        Session *s = begin(take_less, NULL, fd);

        (void) state;
        assert_int_equal(session_run_with(s, 0, 10000), 0);
        session_assert_event(s, KFTP_EVENT_YIELD);
        assert_int_equal(ftruncate(fd, 20000), 0);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.bytes, 20000);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_reply_in_the_middle),
        DEVICE_TEST(test_hang_up),
        DEVICE_TEST(test_sockets_gone),
        DEVICE_TEST(test_stops_reading),
        DEVICE_TEST(test_reads_slowly),
        DEVICE_TEST(test_reset_behind_the_end),
        DEVICE_TEST(test_unreadable),
        DEVICE_TEST(test_shrinking),
};

DEVICE_TESTS("upload-failure", tests)
