/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ABOR (RFC 959 section 4.1.3): how a transfer that is given up is interrupted, and what servers
 * answer to that: two replies, one, the same twice, another, none. Afterwards nothing may be taken for
 * the answer to something else.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define ABORT_MS 4000
#define GRACE_MS 2000           /* after a 2xx that may have been both replies */
#define QUICK_MS (GRACE_MS - 10)        /* without it */

static Session *begin(PeerScript script, const void *userdata, Peer **ret_peer) {
        Peer *p = test_peer("127.0.0.1", script, (void *) userdata);
        struct kftp_connect c = connect_to_peer(p);
        Session *s;

        if (ret_peer)
                *ret_peer = p;
        c.abort_ms = ABORT_MS;
        s = session_ready(&c);
        session_retr(s, local_file(), "file", 1);
        return s;
}

/* Cancels when data has come; tells how long it took until DONE. */
static uint64_t cancel(Session *s) {
        Runner *r = runner_start(s);
        uint64_t begun;

        session_wait_bytes(s, 1000);
        begun = now_ms();
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ECANCELED);
        assert_int_equal(s->event.user_data, 1);
        return now_ms() - begun;
}

/* ---- What servers answer ----------------------------------------------------------------------- */

typedef struct Answers {
        const char *first, *second;     /* before ABOR is read, and after; or NULL */
        unsigned pause_ms;              /* before the second */
        uint64_t from_ms, to_ms;        /* until DONE */
        unsigned reply;
} Answers;

static void answer(Conn *c) {
        const Answers *a = peer_userdata(c);

        peer_strict(c);
        peer_play(c, (const char *const[]) { "> 230 In", "< FEAT", "> 500 What?", "< TYPE I", "> 200 Image", NULL });
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_until_closed(c);
        peer_data_close(c);
        if (a->first)
                peer_say(c, "%s", a->first);
        peer_expect(c, "ABOR");
        if (a->pause_ms > 0)
                peer_sleep(a->pause_ms);
        if (a->second)
                peer_say(c, "%s", a->second);
        if (a->from_ms >= GRACE_MS) {
                peer_expect(c, "NOOP");
                peer_say(c, "200 Zzz");
        }
        peer_serve_on(c);
}

static void test_answers(void **state) {
        static const Answers rows[] = {
                { "426 Interrupted", "226 Abort successful", 0, 0, QUICK_MS, 426 },
                { "426 Interrupted", "226 Abort successful", 700, 700, 700 + QUICK_MS, 426 },
                { "451-Local\r\n451 error", "226 Abort successful", 0, 0, QUICK_MS, 451 },
                { "550 Gone", "225 Nothing to abort", 0, 0, QUICK_MS, 550 },
                { "426 Interrupted", "500 What is ABOR?", 0, 0, QUICK_MS, 426 },
                { "426 Interrupted", "502 Not here", 0, 0, QUICK_MS, 426 },
                /* it was over before it was interrupted */
                { "226 Complete", "226 Abort successful", 0, 0, QUICK_MS, 226 },
                { "226 Complete", "225 Nothing to abort", 0, 0, QUICK_MS, 226 },
                { NULL, "426 Interrupted\r\n226 Abort successful", 0, 0, QUICK_MS, 426 },
                { NULL, "150 Late\r\n426 Interrupted\r\n226 Abort successful", 0, 0, QUICK_MS, 426 },
                /* one reply for both: the other one is given a moment, then a NOOP shows that there is none */
                { NULL, "226 Abort successful", 0, GRACE_MS, GRACE_MS + QUICK_MS, 226 },
                { NULL, "225 Nothing to abort", 0, GRACE_MS, GRACE_MS + QUICK_MS, 225 },
                { "226 Complete", NULL, 0, GRACE_MS, GRACE_MS + QUICK_MS, 226 },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                Peer *p;
                Session *s = begin(answer, rows + i, &p);
                uint64_t took = cancel(s);

                if (took < rows[i].from_ms || took > rows[i].to_ms || s->event.reply != rows[i].reply)
                        fail_msg("row %zu took %llu ms, reply %u", i, (unsigned long long) took, s->event.reply);
                session_assert_usable(s);
                session_close(s);
        }
}

/* The same twice, and more of it while the next requests run: none of it answers those. */
static void double_answers(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_until_closed(c);
        peer_data_close(c);
        peer_expect(c, "ABOR");
        peer_say(c, "426 Interrupted\r\n226 Abort successful\r\n226 Abort successful");
        peer_expect(c, "SIZE bytes-5");
        peer_say(c, "226 Abort successful");
        peer_sleep(200);
        peer_say(c, "213 5");
        peer_expect(c, "EPSV");
        peer_say(c, "225 Nothing to abort\r\n229 Here (|||%u|)", peer_data_listen(c));
        peer_expect(c, "RETR bytes-5");
        peer_say(c, "150 Now");
        peer_data_open(c);
        peer_data_send(c, 0, 5);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_doubled(void **state) {
        Session *s = begin(double_answers, NULL, NULL);
        int fd = local_file();

        (void) state;
        cancel(s);
        session_command(s, KFTP_OP_SIZE, "bytes-5", 0);
        assert_int_equal(s->event.remote_size, 5);
        session_retr(s, fd, "bytes-5", 2);
        session_expect_done(s, 2, 0);
        assert_file_size(fd, 5);
        session_assert_usable(s);
}

/* The reply to ABOR comes after the NOOP was sent that looks for it. */
static void answer_late(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_until_closed(c);
        peer_data_close(c);
        peer_expect(c, "ABOR");
        peer_say(c, "226 Complete");
        peer_sleep(GRACE_MS + 1000);
        peer_say(c, "226 Abort successful");
        peer_expect(c, "NOOP");
        peer_say(c, "200 Zzz");
        peer_expect(c, "SIZE bytes-5");
        peer_say(c, "213 5");
        peer_serve_on(c);
}

static void test_late(void **state) {
        Session *s = begin(answer_late, NULL, NULL);

        (void) state;
        cancel(s);
        sleep_ms(1500);
        session_command(s, KFTP_OP_SIZE, "bytes-5", 0);
        assert_int_equal(s->event.remote_size, 5);
        session_assert_usable(s);
}

static void answer_nothing(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_expect(c, "ABOR");
        if (peer_userdata(c))
                peer_say(c, "%s", (char *) peer_userdata(c));
        peer_until_closed(c);
}

/* No reply at all, or none to ABOR after a refusal: the abort deadline ends the session. */
static void test_nothing(void **state) {
        static const char *const first[] = { NULL, "426 Interrupted" };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(first); i++) {
                Session *s = begin(answer_nothing, first[i], NULL);

                assert_in_range(cancel(s), ABORT_MS, ABORT_MS + 3000);
                session_expect_closed(s, -ETIMEDOUT);
        }
}

/* ---- How it is sent ------------------------------------------------------------------------------ */

/* Reads what comes on the control connection, byte by byte, until the end of a line. */
static size_t read_raw(Conn *c, uint8_t *bytes, size_t max) {
        size_t n = 0;

        while (n < max && (n == 0 || bytes[n - 1] != '\n')) {
                struct pollfd p = { .fd = peer_control_socket(c), .events = POLLIN };

                if (poll(&p, 1, PEER_PATIENCE_MS) != 1 || recv(p.fd, bytes + n, 1, 0) != 1)
                        peer_fail(c, "the client sends no line");
                n++;
        }
        return n;
}

/* Inline: IAC IP, IAC and DM, of which the third byte or the fourth is urgent, then ABOR. */
static void see_inline(Conn *c) {
        static const uint8_t expected[] = "\xff\xf4\xff\xf2" "ABOR\r\n";
        uint8_t bytes[64];

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_until_closed(c);
        if (read_raw(c, bytes, sizeof(bytes)) != sizeof(expected) - 1 ||
            memcmp(bytes, expected, sizeof(expected) - 1) != 0)
                peer_fail(c, "not IAC IP IAC DM ABOR");
        peer_data_close(c);
        peer_say(c, "426 Interrupted\r\n226 Abort successful");
        peer_serve_on(c);
}

/* Out of band: a server that never reads while it sends is woken by it. */
static void see_urgent(Conn *c) {
        static const uint8_t expected[] = "\xff\xf4\xf2" "ABOR\r\n";
        struct pollfd p = { .fd = peer_control_socket(c), .events = POLLPRI };
        int zero = 0, one = 1;
        uint8_t bytes[64];

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        (void) setsockopt(p.fd, SOL_SOCKET, SO_OOBINLINE, &zero, sizeof(zero));
        if (poll(&p, 1, PEER_PATIENCE_MS) != 1 || !(p.revents & POLLPRI))
                peer_fail(c, "nothing urgent comes");
        if (recv(p.fd, bytes, 1, MSG_OOB) != 1 || bytes[0] != 0xff)
                peer_fail(c, "what is urgent is not IAC");
        if (read_raw(c, bytes, sizeof(bytes)) != sizeof(expected) - 1 ||
            memcmp(bytes, expected, sizeof(expected) - 1) != 0)
                peer_fail(c, "not IAC IP, DM ABOR");
        (void) setsockopt(p.fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
        peer_data_close(c);
        peer_say(c, "426 Interrupted\r\n226 Abort successful");
        peer_serve_on(c);
}

static void test_urgent(void **state) {
        static const PeerScript scripts[] = { see_inline, see_urgent };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(scripts); i++) {
                Session *s = begin(scripts[i], NULL, NULL);

                assert_in_range(cancel(s), 0, ABORT_MS - 10);
                session_assert_usable(s);
        }
}

/* Only what moves data is interrupted: a command's reply is just waited for. */
static void slow_size(Conn *c) {
        peer_strict(c);
        peer_play(c, (const char *const[]) { "> 230 In", "< FEAT", "> 500 What?", "< TYPE I", "> 200 I", "< SIZE file", NULL });
        peer_expect_silence(c, 700);
        peer_say(c, "213 5");
        peer_serve_on(c);
}

static void test_command_is_not_interrupted(void **state) {
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", slow_size, NULL));
        struct kftp_submit r = request(KFTP_OP_SIZE, -1, "file", 1);
        Session *s = session_ready(&c);
        Runner *runner;

        (void) state;
        assert_int_equal(session_submit(s, &r), 0);
        runner = runner_start(s);
        session_wait_state(s, KFTP_STATE_COMMAND);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        assert_int_equal(runner_join(runner), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ECANCELED);
        session_assert_usable(s);
}

/* ---- Why it is sent -------------------------------------------------------------------------------- */

static void flood(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_flood(c);
        peer_data_close(c);
        peer_say(c, "426 You have hung up");
        peer_expect(c, "ABOR");
        peer_say(c, "226 Abort successful");
        peer_serve_on(c);
}

/* A full disk, and a server that sends more than it has promised. */
static void test_disk_full(void **state) {
        const char *directory = test_directory();
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", flood, NULL));
        Session *s = session_ready(&c);
        char path[128];
        int fd;

        (void) state;
        assert_int_equal(mount("small", directory, "tmpfs", 0, "size=64k"), 0);
        snprintf(path, sizeof(path), "%s/file", directory);
        fd = test_fd(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
        session_retr(s, fd, "file", 1);
        session_expect_done(s, 1, -ENOSPC);
        assert_int_equal(s->event.local_file, 1);
        assert_int_equal(s->event.reply, 426);
        session_assert_usable(s);
}

static void too_much(Conn *c) {
        peer_set_size(c, 5000);
        flood(c);
}

static void test_too_much(void **state) {
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", too_much, NULL));
        struct kftp_submit r = retr(local_file(), "file", 1);
        Session *s = session_ready(&c);

        (void) state;
        r.flags = KFTP_SUBMIT_ASK_SIZE;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, -EBADMSG);
        session_assert_usable(s);
}

/* An upload is reset, or the server would take what has come for all of it; also if it ended its side. */
static void take_until_reset(Conn *c) {
        uint64_t n;
        int r;

        peer_greet(c);
        peer_stor_begin(c, "STOR file");
        if (peer_userdata(c))
                peer_data_half_close(c);
        (void) peer_data_take(c, 0, 1000, &n);
        peer_sleep(300);
        r = peer_data_take(c, n, UINT64_MAX, &n);
        if (r != -ECONNRESET)
                peer_fail(c, "the client does not reset the data connection, but: %s", strerror(-r));
        peer_data_close(c);
        peer_say(c, "426 You have hung up");
        peer_expect(c, "ABOR");
        peer_say(c, "226 Abort successful");
        peer_serve_on(c);
}

static void test_upload(void **state) {
        int fd = filled_file(1 << 20);

        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", take_until_reset, i ? "half" : NULL));
                struct kftp_submit r = request(KFTP_OP_STOR, fd, "file", 1);
                Session *s = session_ready(&c);

                assert_int_equal(session_submit(s, &r), 0);
                assert_int_equal(session_run_with(s, 0, 50000), 0);
                session_assert_event(s, KFTP_EVENT_YIELD);
                sleep_ms(200);  /* for the peer's FIN */
                assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
                session_expect_done(s, 1, -ECANCELED);
                assert_int_equal(s->event.bytes, 50000);
                session_assert_usable(s);
        }
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_answers),
        DEVICE_TEST(test_doubled),
        DEVICE_TEST(test_late),
        DEVICE_TEST(test_nothing),
        DEVICE_TEST(test_urgent),
        DEVICE_TEST(test_command_is_not_interrupted),
        DEVICE_TEST(test_disk_full),
        DEVICE_TEST(test_too_much),
        DEVICE_TEST(test_upload),
};

DEVICE_TESTS("abort", tests)
