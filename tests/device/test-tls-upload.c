/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a protected upload: close_notify behind every byte and before the FIN, whoever reads slowly or not at
 * all, and servers that speak while they are sent to, or never answer.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define DATA KFTP_ROLE_DATA

static void upload(Session *s, uint64_t n) {
        struct kftp_submit r = request(KFTP_OP_STOR, filled_file(n), "file", 1);

        assert_int_equal(session_submit(s, &r), 0);
}

static void expect_stored(Session *s, uint64_t n) {
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.bytes, n);
        assert_int_equal(s->event.event_flags & (KFTP_EVENT_ENCRYPTED | KFTP_EVENT_UNCLEAN), KFTP_EVENT_ENCRYPTED);
}

/* ---- close_notify ----------------------------------------------------------------------------------------- */

/* Record by record: data only, then close_notify. */
static void read_to_notify(Conn *c, uint64_t n, unsigned pause) {
        uint8_t type = 0, content[TLS_MAX_PLAIN + 256];
        uint64_t got = 0;

        for (;;) {
                ssize_t k = peer_pull_record(c, DATA, &type, content, "the client does not send");

                if (k < 0)
                        peer_fail(c, "after %llu bytes: %s", (unsigned long long) got, strerror(-k));
                if (type != TLS_DATA) {
                        if (type != TLS_ALERT || k != 2 || content[0] != 1 || content[1] != 0)
                                peer_fail(c, "a record of type %u in the middle", type);
                        break;
                }
                for (ssize_t i = 0; i < k; i++, got++)
                        if (content[i] != peer_byte(got))
                                peer_fail(c, "byte %llu is wrong", (unsigned long long) got);
                if (pause)
                        peer_sleep(pause);
        }
        if (got != n)
                peer_fail(c, "close_notify came after %llu bytes", (unsigned long long) got);
}

/* And then the FIN, and nothing else. */
static void read_records(Conn *c, uint64_t n, unsigned pause) {
        char byte;

        read_to_notify(c, n, pause);
        if (recv(peer_data_socket(c), &byte, 1, 0) != 0)
                peer_fail(c, "close_notify was not the end");
}

static void store_records(Conn *c) {
        peer_greet(c);
        for (const uint64_t *n = peer_userdata(c); *n != UINT64_MAX; n++) {
                peer_stor_begin(c, "STOR file");
                read_records(c, *n, 0);
                peer_data_close(c);
                peer_say(c, "226 Stored");
        }
        peer_goodbye(c);
}

static void test_notified(void **state) {
        static uint64_t sizes[] = { 0, 1, 16384, 100000, 3000000, UINT64_MAX };

        (void) state;
        for (unsigned tls12 = 0; tls12 < 2; tls12++) {
                Session *s;

                tls_use(tls12, GNUTLS_CIPHER_AES_256_GCM);
                s = tls_session(store_records, sizes, NULL);
                for (unsigned i = 0; sizes[i] != UINT64_MAX; i++) {
                        upload(s, sizes[i]);
                        expect_stored(s, sizes[i]);
                }
                session_quit(s);
        }
}

/* ---- Tiny buffers, slow readers ---------------------------------------------------------------------------- */

#define SLOW_BYTES 400000

static void listen_narrow(Conn *c) {
        int small = 2048;
        unsigned port;

        peer_expect(c, "EPSV");
        port = peer_data_listen(c);
        /* before the client knows the port: its window is what it is when it connects */
        (void) setsockopt(peer_listening_socket(c), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        peer_say(c, "229 Here (|||%u|)", port);
}

static void read_slowly(Conn *c) {
        peer_greet(c);
        listen_narrow(c);
        peer_expect(c, "STOR file");
        peer_say(c, "150 Let it come");
        peer_data_open(c);
        peer_sleep(500);
        read_records(c, SLOW_BYTES, 20);
        peer_data_close(c);
        peer_say(c, "226 Stored");
        peer_goodbye(c);
}

/* What the caller does to the socket that it was lent: as little room as there can be. */
static void serve_narrow(Session *s) {
        Lent *l = lent_expect(s, DATA);
        int small = 1;

        assert_int_equal(setsockopt(l->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
        assert_int_equal(lent_serve(l), 0);
}

static void test_narrow(void **state) {
        (void) state;
        for (unsigned i = 0; i < 4; i++) {
                Peer *p;
                Session *s;

                tls_use(i % 2, GNUTLS_CIPHER_AES_128_GCM);
                s = tls_session(read_slowly, NULL, &p);
                upload(s, SLOW_BYTES);
                if (i / 2 == 0)
                        serve_narrow(s);
                expect_stored(s, SLOW_BYTES);
                session_quit(s);
                test_peer_finish(p);
        }
}

/* The same driven by poll(): each wait has to end by itself. */
static void test_narrow_polled(void **state) {
        Session *s = tls_session(read_slowly, NULL, NULL);

        (void) state;
        upload(s, SLOW_BYTES);
        serve_narrow(s);
        while (session_run_with(s, KFTP_RUN_NONBLOCK, 0) == -EAGAIN) {
                struct pollfd p = { .fd = s->fd, .events = POLLIN };

                assert_int_equal(poll(&p, 1, PEER_PATIENCE_MS), 1);
        }
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_int_equal(s->event.bytes, SLOW_BYTES);
        session_quit(s);
}

/* Everything is in the buffers, and nobody reads; the last record, and close_notify, must find their way later. */
static void read_late(Conn *c) {
        peer_greet(c);
        listen_narrow(c);
        peer_expect(c, "STOR file");
        peer_say(c, "150 Let it come");
        peer_data_open(c);
        peer_sleep(3500);
        read_records(c, SLOW_BYTES / 4, 0);
        peer_data_close(c);
        peer_say(c, "226 Stored");
        peer_goodbye(c);
}

static void test_read_late(void **state) {
        Session *s = tls_session(read_late, NULL, NULL);

        (void) state;
        upload(s, SLOW_BYTES / 4);
        serve_narrow(s);
        expect_stored(s, SLOW_BYTES / 4);
        session_quit(s);
}

/* Content with close_notify, and says so before it has seen the FIN. */
static void content_with_notify(Conn *c) {
        peer_greet(c);
        listen_narrow(c);
        peer_expect(c, "STOR file");
        peer_say(c, "150 Let it come");
        peer_data_open(c);
        peer_sleep(300);
        read_to_notify(c, SLOW_BYTES / 4, 5);
        peer_say(c, "226 Stored");
        peer_data_close(c);
        peer_serve_on(c);
}

/* A part of a file: its size does not tell that it is all. */
static void test_early_reply(void **state) {
        (void) state;
        for (unsigned i = 0; i < 4; i++) {
                struct kftp_submit r = request(KFTP_OP_STOR, filled_file(SLOW_BYTES), "file", 1);
                Peer *p;
                Session *s = tls_session(content_with_notify, NULL, &p);

                r.length = SLOW_BYTES / 4;
                assert_int_equal(session_submit(s, &r), 0);
                serve_narrow(s);
                expect_stored(s, SLOW_BYTES / 4);
                session_assert_usable(s);
                test_peer_finish(p);
        }
}

/* It has gone away before what the kernel holds could be sent, whatever it says then. */
static void reset_meanwhile(Conn *c) {
        peer_greet(c);
        listen_narrow(c);
        peer_expect(c, "STOR file");
        peer_say(c, "150 Let it come");
        peer_data_open(c);
        peer_sleep(700);
        peer_data_reset(c);
        peer_sleep(300);
        peer_say(c, "%s", (char *) peer_userdata(c));
        peer_serve_on(c);
}

static void test_reset_meanwhile(void **state) {
        static char *const replies[] = { "226 Fine", "426 Reset" };

        (void) state;
        for (unsigned i = 0; i < N_ELEMENTS(replies) * 2; i++) {
                Peer *p = test_peer("127.0.0.1", reset_meanwhile, replies[i / 2]);
                struct kftp_connect c = tls_connect_to(p, KFTP_TLS_REQUIRED);
                uint64_t since;
                Session *s;

                c.data_ms = c.reply_ms = 60000;
                s = tls_agreed(session_armed(&c));
                session_expect(s, KFTP_EVENT_CONNECTED);
                upload(s, i % 2 ? 16000 : 100000);
                serve_narrow(s);
                since = now_ms();
                session_expect(s, KFTP_EVENT_DONE);
                if (s->event.error >= 0)
                        fail_msg("%u: error %d, reply %u, %llu bytes", i, s->event.error, s->event.reply,
                                 (unsigned long long) s->event.bytes);
                assert_true(now_ms() - since < 20000);
                session_assert_usable(s);
                test_peer_finish(p);
        }
}

/* Nobody ever reads: given up, and the server is not told that this was the end. */
static void never_read(Conn *c) {
        uint8_t type = 0, content[TLS_MAX_PLAIN + 256];
        ssize_t k;

        peer_greet(c);
        listen_narrow(c);
        peer_expect(c, "STOR file");
        peer_say(c, "150 Let it come");
        peer_data_open(c);
        peer_until_closed(c);
        do
                k = peer_pull_record(c, DATA, &type, content, "the data connection is not closed");
        while (k >= 0 && type == TLS_DATA);
        if (k >= 0)
                peer_fail(c, "the client has said that an upload is over that it has given up");
}

static void test_never_read(void **state) {
        Peer *p = test_peer("127.0.0.1", never_read, NULL);
        struct kftp_connect c = tls_connect_to(p, KFTP_TLS_REQUIRED);
        Session *s;

        (void) state;
        c.data_ms = 1000;
        s = tls_agreed(session_armed(&c));
        session_expect(s, KFTP_EVENT_CONNECTED);
        upload(s, 20000000);
        session_expect_done(s, 1, -ETIMEDOUT);
}

/* ---- Servers that do not answer, or answer something else ---------------------------------------------------- */

/* No close_notify of its own, and no FIN: the 226 says that it has everything. */
static void never_notify(Conn *c) {
        peer_greet(c);
        peer_stor_begin(c, "STOR file");
        read_records(c, 50000, 0);
        peer_say(c, "226 Stored");
        peer_serve_on(c);
}

static void fin_only(Conn *c) {
        peer_greet(c);
        peer_stor_begin(c, "STOR file");
        read_records(c, 50000, 0);
        peer_data_cut(c);
        peer_say(c, "226 Stored");
        peer_serve_on(c);
}

/* Tickets that come late, all through the upload, and are read by nobody else. */
static void send_tickets(Conn *c) {
        static const uint8_t ticket[300] = { 4, 0, 1, 40 };

        peer_greet(c);
        peer_stor_begin(c, "STOR file");
        for (unsigned i = 0; i < 3; i++)
                peer_record(c, DATA, TLS_HANDSHAKE, ticket, sizeof(ticket));
        peer_sleep(300);
        read_records(c, 50000, 0);
        for (unsigned i = 0; i < 3; i++)
                peer_record(c, DATA, TLS_HANDSHAKE, ticket, sizeof(ticket));
        peer_data_close(c);
        peer_say(c, "226 Stored");
        peer_serve_on(c);
}

static void test_odd_servers(void **state) {
        static const PeerScript scripts[] = { never_notify, fin_only, send_tickets };

        (void) state;
        for (unsigned i = 0; i < N_ELEMENTS(scripts); i++) {
                Session *s = tls_session(scripts[i], NULL, NULL);

                upload(s, 50000);
                expect_stored(s, 50000);
                session_assert_usable(s);
        }
}

/* The server has had enough, in the words of TLS; then in FTP's. */
static void alert_and_451(Conn *c) {
        uint64_t got;

        peer_greet(c);
        peer_stor_begin(c, "STOR file");
        (void) peer_data_take(c, 0, 100000, &got);
        peer_alert(c, DATA, 2, 80);
        peer_data_cut(c);
        peer_say(c, "451 It broke");
        peer_serve_on(c);
}

static void test_alert(void **state) {
        Session *s = tls_session(alert_and_451, NULL, NULL);

        (void) state;
        upload(s, 20000000);
        session_expect(s, KFTP_EVENT_DONE);
        if (s->event.error != -EREMOTEIO && s->event.error != -ECONNABORTED)
                fail_msg("error %s, alert %u", strerror(-s->event.error), s->event.alert);
        assert_int_equal(s->event.reply, 451);
        session_assert_usable(s);
}

/* It closes in the middle, and is content: that is not an upload that went well. */
static void content_with_half(Conn *c) {
        uint64_t got;

        peer_greet(c);
        peer_stor_begin(c, "STOR file");
        (void) peer_data_take(c, 0, 100000, &got);
        peer_data_reset(c);
        peer_say(c, "226 Fine");
        peer_serve_on(c);
}

static void test_content_with_half(void **state) {
        Session *s = tls_session(content_with_half, NULL, NULL);

        (void) state;
        upload(s, 20000000);
        session_expect(s, KFTP_EVENT_DONE);
        assert_true(s->event.error < 0);
        session_assert_usable(s);
}

/* A file that is cancelled is not one that ends: no close_notify. */
static void test_cancelled(void **state) {
        Session *s = tls_session(never_read, NULL, NULL);

        (void) state;
        upload(s, 20000000);
        assert_int_equal(lent_serve(lent_expect(s, DATA)), 0);
        while (session_info(s).bytes_out < 100000)
                session_run_until_idle(s);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
        session_expect_done(s, 1, -ECANCELED);
        session_expect_closed(s, -ECANCELED);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_notified),
        DEVICE_TEST(test_narrow),
        DEVICE_TEST(test_narrow_polled),
        DEVICE_TEST(test_read_late),
        DEVICE_TEST(test_early_reply),
        DEVICE_TEST(test_reset_meanwhile),
        DEVICE_TEST(test_never_read),
        DEVICE_TEST(test_odd_servers),
        DEVICE_TEST(test_alert),
        DEVICE_TEST(test_content_with_half),
        DEVICE_TEST(test_cancelled),
};

TLS_DEVICE_TESTS("tls-upload", tests)
