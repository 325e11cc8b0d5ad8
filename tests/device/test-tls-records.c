/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records that are not data, or not what they should be, and connections that end without saying so: what is passed
 * over, what ends the transfer or the session, and with which error.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define DATA KFTP_ROLE_DATA
#define CONTROL KFTP_ROLE_CONTROL

/* What a server does with one of its connections. */
typedef void (*Deed)(Conn *c, enum kftp_role role);

/* What comes of it. */
typedef struct Case {
        const char *name;
        Deed deed;
        int error;
        unsigned alert;
} Case;

/* ---- Passed over ------------------------------------------------------------------------------------------ */

/* NewSessionTicket (RFC 8446 section 4.6.1), as long as this in all. */
static void ticket(Conn *c, enum kftp_role role, size_t n) {
        uint8_t message[4096] = { 4, 0, (n - 4) >> 8, (n - 4) & 255 };

        memset(message + 4, 0x5a, n - 4);
        peer_record(c, role, TLS_HANDSHAKE, message, n);
}

static void one_ticket(Conn *c, enum kftp_role role) {
        ticket(c, role, 200);
}

/* Longer than what is read at once, by a little and by much. */
static void long_tickets(Conn *c, enum kftp_role role) {
        static const size_t sizes[] = { 255, 256, 257, 511, 512, 513, 4000 };

        for (size_t i = 0; i < N_ELEMENTS(sizes); i++)
                ticket(c, role, sizes[i]);
}

/* In one segment, so that one read finds them all. */
static void tickets_at_once(Conn *c, enum kftp_role role) {
        static const uint8_t message[200] = { 4, 0, 0, 196 };
        uint8_t records[20 * (sizeof(message) + TLS_OVERHEAD)];
        size_t n = 0;

        for (unsigned i = 0; i < 20; i++)
                n += peer_seal(c, role, TLS_HANDSHAKE, message, sizeof(message), 0, records + n);
        peer_raw(c, role, records, n);
}

/* Several messages in one record. */
static void tickets_in_one(Conn *c, enum kftp_role role) {
        uint8_t messages[400] = { 4, 0, 0, 196 };

        memcpy(messages + 200, messages, 4);
        peer_record(c, role, TLS_HANDSHAKE, messages, sizeof(messages));
}

static void hello_request(Conn *c, enum kftp_role role) {
        static const uint8_t message[] = { 0, 0, 0, 0 };

        peer_record(c, role, TLS_HANDSHAKE, message, sizeof(message));
}

static void warning(Conn *c, enum kftp_role role) {
        peer_alert(c, role, 1, 100 /* no_renegotiation */);
}

static void user_canceled(Conn *c, enum kftp_role role) {
        peer_alert(c, role, 1, 90);
}

/* ---- Fatal -------------------------------------------------------------------------------------------------- */

static void handshake_failure(Conn *c, enum kftp_role role) {
        peer_alert(c, role, 2, 40);
}

static void internal_error(Conn *c, enum kftp_role role) {
        peer_alert(c, role, 2, 80);
}

static void half_an_alert(Conn *c, enum kftp_role role) {
        peer_record(c, role, TLS_ALERT, "\2", 1);
}

static void key_update(Conn *c, enum kftp_role role) {
        static const uint8_t message[] = { 24, 0, 0, 1, 0 };

        peer_record(c, role, TLS_HANDSHAKE, message, sizeof(message));
}

static void client_hello(Conn *c, enum kftp_role role) {
        static const uint8_t message[] = { 1, 0, 0, 2, 3, 3 };

        peer_record(c, role, TLS_HANDSHAKE, message, sizeof(message));
}

static void empty_handshake(Conn *c, enum kftp_role role) {
        peer_record(c, role, TLS_HANDSHAKE, "", 0);
}

static void heartbeat(Conn *c, enum kftp_role role) {
        peer_record(c, role, 24, "\1\0\0", 3);
}

static void change_cipher_spec(Conn *c, enum kftp_role role) {
        peer_record(c, role, 20, "\1", 1);
}

/* One bit of a record, at this place from its end, or its begin. */
static void damaged(Conn *c, enum kftp_role role, int at) {
        uint8_t record[1000 + TLS_OVERHEAD], content[1000] = {};
        size_t n = peer_seal(c, role, TLS_DATA, content, sizeof(content), 0, record);

        record[at < 0 ? (int) n + at : at] ^= 0x10;
        peer_raw(c, role, record, n);
}

static void damaged_content(Conn *c, enum kftp_role role) {
        damaged(c, role, 300);
}

static void damaged_tag(Conn *c, enum kftp_role role) {
        damaged(c, role, -1);
}

static void replayed(Conn *c, enum kftp_role role) {
        uint8_t record[1000 + TLS_OVERHEAD], content[1000];
        size_t n;

        for (unsigned i = 0; i < sizeof(content); i++)
                content[i] = role == DATA ? peer_byte(1000 + i) : ' ';
        n = peer_seal(c, role, TLS_DATA, content, sizeof(content), 0, record);
        peer_raw(c, role, record, n);
        peer_raw(c, role, record, n);
}

/* As vsftpd does when it has come to grief. */
static void plain_text(Conn *c, enum kftp_role role) {
        static const char text[] = "500 OOPS: vsf_sysutil_recv_peek: no data\r\n";

        peer_raw(c, role, text, strlen(text));
}

static void wrong_version(Conn *c, enum kftp_role role) {
        peer_raw(c, role, "\x17\x02\x00\x00\x20                                ", 37);
}

static void too_long(Conn *c, enum kftp_role role) {
        static uint8_t record[TLS_HEADER + 0x5000] = { TLS_DATA, 3, 3, 0x50, 0 };

        peer_raw(c, role, record, sizeof(record));
}

static void nothing_in_it(Conn *c, enum kftp_role role) {
        peer_raw(c, role, "\x17\x03\x03\x00\x00", 5);
}

static const Case passed_over[] = {
        { "a ticket", one_ticket, 0, 0 },
        { "long tickets", long_tickets, 0, 0 },
        { "many tickets at once", tickets_at_once, 0, 0 },
        { "two tickets in one record", tickets_in_one, 0, 0 },
        { "HelloRequest", hello_request, 0, 0 },
        { "a warning", warning, 0, 0 },
        { "user_canceled", user_canceled, 0, 0 },
};

static const Case fatal[] = {
        { "handshake_failure", handshake_failure, -ECONNABORTED, 40 },
        { "internal_error", internal_error, -ECONNABORTED, 80 },
        { "half an alert", half_an_alert, -EPROTO, 0 },
        { "KeyUpdate", key_update, -EKEYEXPIRED, 0 },
        { "ClientHello", client_hello, -EPROTO, 0 },
        { "an empty handshake record", empty_handshake, -EPROTO, 0 },
        { "heartbeat", heartbeat, -EPROTO, 0 },
        { "ChangeCipherSpec", change_cipher_spec, -EPROTO, 0 },
        { "damaged content", damaged_content, -EILSEQ, 0 },
        { "a damaged tag", damaged_tag, -EILSEQ, 0 },
        { "a record sent twice", replayed, -EILSEQ, 0 },
        { "plain text", plain_text, -EPROTO, 0 },
        { "SSL 2", wrong_version, -EPROTO, 0 },
        { "a record too long", too_long, -EPROTO, 0 },
        { "a record without even a tag", nothing_in_it, -EILSEQ, 0 },
};

/* ---- On the data connection ------------------------------------------------------------------------------------ */

/* Before the data, in the middle of it, behind it. */
static void send_with(Conn *c) {
        const Case *row = peer_userdata(c);

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 0);
        row->deed(c, DATA);
        peer_data_send(c, 0, 1000);
        row->deed(c, DATA);
        peer_data_send(c, 1000, 50000);
        row->deed(c, DATA);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_passed_over(void **state) {
        (void) state;
        for (unsigned i = 0; i < 2 * N_ELEMENTS(passed_over); i++) {
                const Case *row = passed_over + i / 2;
                int fd = local_file();
                Session *s;
                Peer *p;

                tls_use(i % 2, GNUTLS_CIPHER_AES_128_GCM);
                s = tls_session(send_with, (void *) row, &p);
                session_retr(s, fd, "file", 1);
                session_expect(s, KFTP_EVENT_DONE);
                if (s->event.error != 0 || s->event.event_flags & KFTP_EVENT_UNCLEAN || s->event.alert)
                        fail_msg("%s: error %s, flags %x, alert %u", row->name, strerror(-s->event.error), s->event.event_flags, s->event.alert);
                assert_file_size(fd, 51000);
                assert_file_content(fd, 0, 51000);
                session_assert_usable(s);
                test_peer_finish(p);
        }
}

/* In the middle of the data; and the server goes on as if nothing had been. */
static void send_fatal(Conn *c) {
        const Case *row = peer_userdata(c);

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        row->deed(c, DATA);
        (void) peer_data_try_send(c, 1000, 50000);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_fatal_in_data(void **state) {
        (void) state;
        for (unsigned i = 0; i < 2 * N_ELEMENTS(fatal); i++) {
                const Case *row = fatal + i / 2;
                Session *s;
                Peer *p;

                tls_use(i % 2, GNUTLS_CIPHER_AES_128_GCM);
                s = tls_session(send_fatal, (void *) row, &p);
                session_retr(s, local_file(), "file", 1);
                session_expect(s, KFTP_EVENT_DONE);
                if (s->event.error != row->error || s->event.alert != row->alert)
                        fail_msg("%s, TLS 1.%u: error %s, alert %u", row->name, 3 - i % 2, strerror(-s->event.error), s->event.alert);
                session_assert_usable(s);
                /* It belonged to that request. */
                assert_int_equal(s->event.alert, 0);
                test_peer_finish(p);
        }
}

/* Not even a size that fits helps what was damaged: more may have been than what came. */
static void send_all_then_fatal(Conn *c) {
        const Case *row = peer_userdata(c);

        peer_greet(c);
        peer_set_size(c, 1000);
        peer_retr_begin(c, "file", 0, 1000);
        row->deed(c, DATA);
        peer_data_cut(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_fatal_after_size(void **state) {
        (void) state;
        for (unsigned i = 0; i < N_ELEMENTS(fatal); i++) {
                struct kftp_submit r = retr(local_file(), "file", 1);
                Session *s;
                Peer *p;

                if (fatal[i].deed == replayed)
                        continue;       /* brings data of its own */
                s = tls_session(send_all_then_fatal, (void *) (fatal + i), &p);
                r.flags = KFTP_SUBMIT_ASK_SIZE;
                assert_int_equal(session_submit(s, &r), 0);
                session_expect(s, KFTP_EVENT_DONE);
                if (s->event.error != fatal[i].error || s->event.alert != fatal[i].alert)
                        fail_msg("%s: error %s, alert %u", fatal[i].name, strerror(-s->event.error), s->event.alert);
                session_assert_usable(s);
                test_peer_finish(p);
        }
}

/* What may be passed over comes without end. */
static void flood(Conn *c, enum kftp_role role) {
        static const uint8_t ticket[] = { 4, 0, 0, 4, 1, 2, 3, 4 };
        int fd = role == DATA ? peer_data_socket(c) : peer_control_socket(c);
        uint8_t records[40 * (sizeof(ticket) + TLS_OVERHEAD)];
        ssize_t sent;

        do {
                size_t n = 0;

                for (unsigned i = 0; i < 40; i++)
                        n += peer_seal(c, role, TLS_HANDSHAKE, ticket, sizeof(ticket), 0, records + n);
                sent = send(fd, records, n, MSG_NOSIGNAL);
        } while (sent > 0);
}

static void flood_data(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        flood(c, DATA);
        peer_data_cut(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void flood_control(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "DELE file");
        flood(c, CONTROL);
}

static void test_flood(void **state) {
        Session *s = tls_session(flood_data, NULL, NULL);
        struct kftp_submit r = request(KFTP_OP_DELE, -1, "file", 1);

        (void) state;
        session_retr(s, local_file(), "file", 1);
        session_expect_done(s, 1, -EPROTO);
        session_assert_usable(s);
        s = tls_session(flood_control, NULL, NULL);
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, -EPROTO);
        session_expect_closed(s, -EPROTO);
}

/* ---- On the control connection ----------------------------------------------------------------------------------- */

static void say_with(Conn *c) {
        const Case *row = peer_userdata(c);

        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "DELE file");
        row->deed(c, CONTROL);
        peer_say(c, "250 Gone");
        if (row->error == 0)
                peer_serve_on(c);
        peer_until_closed(c);
}

static void test_control(void **state) {
        (void) state;
        for (unsigned i = 0; i < N_ELEMENTS(passed_over) + N_ELEMENTS(fatal); i++) {
                const Case *row = i < N_ELEMENTS(passed_over) ? passed_over + i : fatal + i - N_ELEMENTS(passed_over);
                struct kftp_submit r = request(KFTP_OP_DELE, -1, "file", 1);
                Peer *p;
                Session *s = tls_session(say_with, (void *) row, &p);

                assert_int_equal(session_submit(s, &r), 0);
                session_expect(s, KFTP_EVENT_DONE);
                if (s->event.error != row->error || s->event.alert != row->alert)
                        fail_msg("%s: error %s, alert %u", row->name, strerror(-s->event.error), s->event.alert);
                if (row->error == 0) {
                        session_assert_usable(s);
                } else {
                        session_expect(s, KFTP_EVENT_CLOSED);
                        assert_int_equal(s->event.error, row->error);
                        assert_int_equal(s->event.alert, row->alert);
                }
                test_peer_finish(p);
        }
}

/* When nothing is asked; and then something is. */
static void speak_when_idle(Conn *c) {
        const Case *row = peer_userdata(c);

        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "DELE file");
        peer_say(c, "250 Gone");
        row->deed(c, CONTROL);
        if (row->error == 0)
                peer_serve_on(c);
        peer_until_closed(c);
}

static void test_idle(void **state) {
        static const Case idle[] = {
                { "a ticket", long_tickets, 0, 0 },
                { "a warning", warning, 0, 0 },
                { "internal_error", internal_error, -ECONNABORTED, 80 },
                { "KeyUpdate", key_update, -EKEYEXPIRED, 0 },
                { "plain text", plain_text, -EPROTO, 0 },
        };

        (void) state;
        for (unsigned i = 0; i < N_ELEMENTS(idle); i++) {
                Session *s = tls_session(speak_when_idle, (void *) (idle + i), NULL);

                session_command(s, KFTP_OP_DELE, "file", 0);
                sleep_ms(200);
                if (idle[i].error == 0) {
                        session_run_until_idle(s);
                        session_assert_usable(s);
                        continue;
                }
                session_expect(s, KFTP_EVENT_CLOSED);
                if (s->event.error != idle[i].error || s->event.alert != idle[i].alert)
                        fail_msg("%s: error %s, alert %u", idle[i].name, strerror(-s->event.error), s->event.alert);
        }
}

/* The end of the control connection is its end, however it is said. */
static void notify(Conn *c, enum kftp_role role) {
        peer_notify(c, role);
}

static void cut(Conn *c, enum kftp_role role) {
        (void) role;
        shutdown(peer_control_socket(c), SHUT_WR);
}

static void reset(Conn *c, enum kftp_role role) {
        (void) role;
        peer_reset(c);
}

static void end_with(Conn *c) {
        const Case *row = peer_userdata(c);

        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "DELE file");
        row->deed(c, CONTROL);
        if (row->deed != reset)
                peer_until_closed(c);
}

static void test_control_ends(void **state) {
        static const Case ends[] = { { "notify", notify, 0, 0 }, { "cut", cut, 0, 0 }, { "reset", reset, 0, 0 } };

        (void) state;
        for (unsigned i = 0; i < N_ELEMENTS(ends); i++) {
                struct kftp_submit r = request(KFTP_OP_DELE, -1, "file", 1);
                Session *s = tls_session(end_with, (void *) (ends + i), NULL);

                assert_int_equal(session_submit(s, &r), 0);
                session_expect_done(s, 1, -ECONNRESET);
                session_expect_closed(s, -ECONNRESET);
        }
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_passed_over),
        DEVICE_TEST(test_fatal_in_data),
        DEVICE_TEST(test_fatal_after_size),
        DEVICE_TEST(test_flood),
        DEVICE_TEST(test_control),
        DEVICE_TEST(test_idle),
        DEVICE_TEST(test_control_ends),
};

TLS_DEVICE_TESTS("tls-records", tests)
