/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handshakes that fail and transfers that are given up: what the server says about it is what counts, nothing goes in
 * clear instead, and the session is good for more.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define DATA KFTP_ROLE_DATA
#define CONTROL KFTP_ROLE_CONTROL

/* ---- The data connection's handshake fails ------------------------------------------------------------------ */

/* No byte but the beginning of a handshake comes over the data connection; then this is said. */
static void no_byte_of_data(Conn *c, const char *command) {
        char byte;
        ssize_t n;

        peer_greet(c);
        peer_passive(c);
        peer_expect(c, command);
        peer_protect(c, false);
        peer_say(c, "150 Go ahead");
        peer_data_open(c);
        n = recv(peer_data_socket(c), &byte, 1, 0);
        if (n == 1 && byte == 'H') {
                peer_raw(c, DATA, "S", 1);
                n = recv(peer_data_socket(c), &byte, 1, 0);
        }
        if (n > 0)
                peer_fail(c, "the client has sent something");
        peer_data_close(c);
        if (peer_userdata(c)) {
                peer_say(c, "%s", (char *) peer_userdata(c));
                peer_protect(c, true);
                peer_serve_on(c);
        } else
                peer_until_closed(c);
}

static void refuse_download(Conn *c) {
        no_byte_of_data(c, "RETR file");
}

static void refuse_upload(Conn *c) {
        no_byte_of_data(c, "STOR file");
}

/* How the caller comes to say that it is over, or does not notice. */
typedef struct Failure {
        int error;              /* of the answer */
        bool hello;
        TlsDirection keys;
        int expected;           /* if the server says nothing */
} Failure;

static const Failure failures[] = {
        { -EPROTO, false, 0, -EPROTO },
        { -EKEYREJECTED, true, 0, -EKEYREJECTED },
        { -ECONNRESET, false, 0, -ECONNRESET },
        /* such as RUN itself has a use for */
        { -EAGAIN, false, 0, -EAGAIN },
        { -EINTR, true, 0, -EINTR },
        { 0, false, 0, -ENOKEY },
        { 0, true, 0, -ENOKEY },
        { 0, true, TLS_KEYS_TX, -ENOKEY },
        { 0, true, TLS_KEYS_RX, -ENOKEY },
};

static void fail_handshake(Session *s, const Failure *f) {
        Lent *l = lent_expect(s, DATA);

        if (f->hello)
                assert_int_equal(lent_hello(l), 0);
        assert_int_equal(lent_keys(l, f->keys), 0);
        assert_int_equal(lent_answer(l, f->error), 0);
}

static void test_server_says_why(void **state) {
        static const struct {
                const char *reply;
                int error;
        } rows[] = {
                { "425 No session", -EREMOTEIO }, { "522 Reuse it", -EREMOTEIO }, { "550 Gone", -EREMOTEIO }, { "426 Closed", -EREMOTEIO },
                /* Whatever it is content with: nothing has come. */
                { "226 Fine", 0 },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows) * 2; i++) {
                const Failure *f = failures + (i * 3) % N_ELEMENTS(failures);
                const char *reply = rows[i / 2].reply;
                int expected = rows[i / 2].error ?: f->expected, fd = i % 2 ? filled_file(100000) : local_file();
                struct kftp_submit r = request(i % 2 ? KFTP_OP_STOR : KFTP_OP_RETR, fd, "file", 1);
                Peer *p;
                Session *s = tls_session(i % 2 ? refuse_upload : refuse_download, (void *) reply, &p);

                assert_int_equal(session_submit(s, &r), 0);
                fail_handshake(s, f);
                session_expect_done(s, 1, expected);
                assert_int_equal(s->event.reply, strtoul(reply, NULL, 10));
                assert_int_equal(s->event.event_flags & KFTP_EVENT_ENCRYPTED, 0);
                assert_int_equal(s->event.bytes, 0);
                if (i % 2 == 0)
                        assert_file_size(fd, 0);
                session_assert_usable(s);
                test_peer_finish(p);
        }
}

static void test_server_is_silent(void **state) {
        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(failures); i++) {
                struct kftp_submit r = request(KFTP_OP_STOR, filled_file(100000), "file", 1);
                Peer *p = test_peer("127.0.0.1", refuse_upload, NULL);
                struct kftp_connect c = tls_connect_to(p, KFTP_TLS_REQUIRED);
                Session *s;

                c.abort_ms = 400;
                s = tls_agreed(session_armed(&c));
                session_expect(s, KFTP_EVENT_CONNECTED);
                assert_int_equal(session_submit(s, &r), 0);
                fail_handshake(s, failures + i);
                session_expect_done(s, 1, failures[i].expected);
                assert_int_equal(s->event.reply, 0);
                session_expect(s, KFTP_EVENT_CLOSED);
                session_close(s);
                test_peer_finish(p);
        }
}

/* The server refuses before the caller has got anywhere: that is the end of the handshake. */
static void refuse_at_once(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_protect(c, false);
        peer_expect(c, "RETR file");
        peer_data_open(c);
        peer_sleep(300);
        peer_say(c, "%s", (char *) peer_userdata(c));
        peer_data_until_closed(c);
        peer_protect(c, true);
        peer_serve_on(c);
}

static void test_refused_meanwhile(void **state) {
        static char *const replies[] = { "550 No such file", "425 No data connection", "522 Data protection" };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(replies); i++) {
                Session *s = tls_session(refuse_at_once, replies[i], NULL);
                char byte;
                Lent *l;

                session_retr(s, local_file(), "file", 1);
                l = lent_expect(s, DATA);
                session_expect_done(s, 1, -EREMOTEIO);
                assert_int_equal(s->event.reply, strtoul(replies[i], NULL, 10));
                /* Whoever still waits there is told. */
                assert_true(recv(l->fd, &byte, 1, 0) <= 0);
                assert_int_equal(lent_answer(l, 0), -ESRCH);
                session_assert_usable(s);
        }
}

/*
 * The whole server goes away while the caller shakes hands. With a word for it that is the end; without, the data may
 * still come, as far as one can know, and the handshake has its time.
 */
static void leave_at_once(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_protect(c, false);
        peer_expect(c, "RETR file");
        peer_data_open(c);
        peer_sleep(100);
        if (peer_userdata(c))
                peer_say(c, "421 Shutting down");
        peer_close(c);
        peer_until_closed(c);
}

static void test_closed_meanwhile(void **state) {
        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                Peer *p = test_peer("127.0.0.1", leave_at_once, i ? "421" : NULL);
                struct kftp_connect c = tls_connect_to(p, KFTP_TLS_REQUIRED);
                Session *s;
                Lent *l;

                c.connect_ms = 1500;
                s = tls_agreed(session_armed(&c));
                session_expect(s, KFTP_EVENT_CONNECTED);
                session_retr(s, local_file(), "file", 1);
                l = lent_expect(s, DATA);
                session_expect(s, KFTP_EVENT_DONE);
                if (s->event.error != (i ? -ECONNRESET : -ETIMEDOUT))
                        fail_msg("%u: error %s, reply %u", i, strerror(-s->event.error), s->event.reply);
                session_expect(s, KFTP_EVENT_CLOSED);
                assert_int_equal(s->event.error, -ECONNRESET);
                assert_int_equal(lent_answer(l, 0), -ESRCH);
        }
}

/* ---- Cancelled -------------------------------------------------------------------------------------------------- */

/* ABOR in one record, in the control connection's place in line, and nothing of Telnet's. */
static void expect_abor(Conn *c) {
        uint8_t type = 0, content[TLS_MAX_PLAIN + 256];
        ssize_t n = peer_pull_record(c, CONTROL, &type, content, "ABOR does not come");

        if (n != 6 || type != TLS_DATA || memcmp(content, "ABOR\r\n", 6) != 0)
                peer_fail(c, "ABOR did not come as it should: %zd bytes of type %u", n, type);
}

static void be_aborted(Conn *c) {
        static const uint8_t nothing[1000];

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 100000);
        /* The client hangs up: what is sent then is nobody's. */
        expect_abor(c);
        peer_sleep(50);
        (void) send(peer_data_socket(c), nothing, sizeof(nothing), MSG_NOSIGNAL);
        peer_data_cut(c);
        peer_say(c, "426 Aborted");
        peer_say(c, "226 Abort successful");
        peer_serve_on(c);
}

static void test_abort(void **state) {
        (void) state;
        for (unsigned tls12 = 0; tls12 < 2; tls12++) {
                Session *s;

                tls_use(tls12, GNUTLS_CIPHER_CHACHA20_POLY1305);
                s = tls_session(be_aborted, NULL, NULL);
                session_retr(s, local_file(), "file", 1);
                assert_int_equal(lent_serve(lent_expect(s, DATA)), 0);
                while (session_info(s).bytes_in < 100000)
                        session_run_until_idle(s);
                assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
                session_expect_done(s, 1, -ECANCELED);
                session_assert_usable(s);
        }
}

static void be_aborted_in_handshake(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_protect(c, false);
        peer_expect(c, "RETR file");
        peer_say(c, "150 Here it comes");
        peer_data_open(c);
        expect_abor(c);
        peer_data_until_closed(c);
        peer_data_cut(c);
        peer_say(c, "426 Aborted");
        peer_say(c, "226 Abort successful");
        peer_protect(c, true);
        peer_serve_on(c);
}

/* While the caller shakes hands; or just after its answer; or by another thread, while RUN sleeps. */
static void test_abort_in_handshake(void **state) {
        (void) state;
        for (unsigned i = 0; i < 3; i++) {
                Session *s = tls_session(be_aborted_in_handshake, NULL, NULL);
                char byte;
                Runner *r;
                Lent *l;

                session_retr(s, local_file(), "file", 1);
                l = lent_expect(s, DATA);
                if (i < 2)
                        session_run_until_idle(s);
                if (i == 1)
                        assert_int_equal(session_answer(s, &(struct kftp_tls) { .size = sizeof(struct kftp_tls), .channel = DATA, .error = -EPROTO }), 0);
                if (i == 2) {
                        r = runner_start(s);
                        runner_wait_running(r);
                }
                assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
                if (i == 2) {
                        assert_int_equal(runner_join(r), 0);
                        session_assert_event(s, KFTP_EVENT_DONE);
                        assert_int_equal(s->event.error, -ECANCELED);
                } else
                        session_expect_done(s, 1, -ECANCELED);
                assert_true(recv(l->fd, &byte, 1, 0) <= 0);
                assert_int_equal(lent_answer(l, 0), -ESRCH);
                session_assert_usable(s);
        }
}

static void auth_and_wait(Conn *c) {
        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_say(c, "234 Go ahead");
        peer_until_closed(c);
}

static void test_cancel_control_handshake(void **state) {
        (void) state;
        for (unsigned i = 0; i < 3; i++) {
                Session *s = tls_armed(KFTP_TLS_REQUIRED, auth_and_wait, NULL, NULL);
                Lent *l = lent_expect(s, CONTROL);
                Runner *r = NULL;
                char byte;

                session_retr(s, local_file(), "file", 1);
                if (i == 0) {
                        /* One that waits behind it: the handshake goes on. */
                        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
                        session_expect_done(s, 1, -ECANCELED);
                        session_run_until_idle(s);
                }
                if (i == 1) {
                        r = runner_start(s);
                        runner_wait_running(r);
                }
                assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
                if (r) {
                        assert_int_equal(runner_join(r), 0);
                        session_assert_event(s, KFTP_EVENT_DONE);
                } else if (i == 2)
                        session_expect_done(s, 1, -ECANCELED);
                session_expect_closed(s, -ECANCELED);
                assert_true(recv(l->fd, &byte, 1, 0) <= 0);
                assert_int_equal(lent_answer(l, -EPROTO), -ESRCH);
        }
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_server_says_why),
        DEVICE_TEST(test_server_is_silent),
        DEVICE_TEST(test_refused_meanwhile),
        DEVICE_TEST(test_closed_meanwhile),
        DEVICE_TEST(test_abort),
        DEVICE_TEST(test_abort_in_handshake),
        DEVICE_TEST(test_cancel_control_handshake),
};

TLS_DEVICE_TESTS("tls-cancel", tests)
