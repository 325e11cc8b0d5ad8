/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How protected data connections end: close_notify, or somebody who has cut them off. What came is only good if the
 * end is the server's, or if the SIZE shows that it is all.
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

#define UNCLEAN KFTP_EVENT_UNCLEAN

typedef enum Ending {
        NOTIFIED,               /* close_notify, FIN */
        NOTIFIED_OPEN,          /* close_notify; the client has to close first */
        NOTIFIED_MORE,          /* close_notify, and more data, which is none */
        CUT,                    /* FIN */
        CUT_IN_RECORD,          /* FIN in the middle of a record */
        CUT_IN_HEADER,
        RESET,
} Ending;

typedef struct Row {
        Ending ending;
        uint64_t size;          /* that SIZE says; 0: nothing */
        int error;
        uint32_t flags;
        const char *reply;      /* default: 226 */
} Row;

/* 1000 bytes came. */
static const Row rows[] = {
        { NOTIFIED, 0, 0, 0, NULL },
        { NOTIFIED, 1000, 0, 0, NULL },
        { NOTIFIED, 2000, -EBADMSG, 0, NULL },
        { NOTIFIED_OPEN, 0, 0, 0, NULL },
        { NOTIFIED_MORE, 0, 0, 0, NULL },
        { CUT, 0, -EBADMSG, UNCLEAN, NULL },
        { CUT, 1000, 0, UNCLEAN, NULL },
        { CUT, 2000, -EBADMSG, UNCLEAN, NULL },
        { CUT, 500, -EBADMSG, 0, NULL },
        { CUT, 0, -EREMOTEIO, UNCLEAN, "426 Cut" },
        { NOTIFIED, 0, -EREMOTEIO, 0, "451 Disk" },
};

static void end_so(Conn *c, Ending ending) {
        uint8_t record[2000 + TLS_OVERHEAD];
        char nothing[2000] = {};
        size_t n;

        switch (ending) {
        case NOTIFIED:
                peer_data_close(c);
                return;
        case NOTIFIED_OPEN:
                peer_notify(c, KFTP_ROLE_DATA);
                peer_data_until_closed(c);
                break;
        case NOTIFIED_MORE:
                peer_notify(c, KFTP_ROLE_DATA);
                (void) peer_data_try_send(c, 1000, 1000);
                peer_sleep(100);
                break;
        case CUT_IN_RECORD:
        case CUT_IN_HEADER:
                n = peer_seal(c, KFTP_ROLE_DATA, TLS_DATA, nothing, sizeof(nothing), 0, record);
                peer_raw(c, KFTP_ROLE_DATA, record, ending == CUT_IN_HEADER ? 3 : n / 2);
                break;
        case RESET:
                peer_sleep(100);
                peer_data_reset(c);
                return;
        case CUT:
                break;
        }
        peer_data_cut(c);
}

static void send_and_end(Conn *c) {
        const Row *row = peer_userdata(c);

        peer_greet(c);
        if (row->size)
                peer_set_size(c, row->size);
        peer_retr_begin(c, "file", 0, 1000);
        end_so(c, row->ending);
        peer_say(c, "%s", row->reply ?: "226 Done");
        peer_serve_on(c);
}

static void assert_ending(Session *s, size_t i, int error, uint32_t flags) {
        session_expect(s, KFTP_EVENT_DONE);
        if (s->event.error != error || (s->event.event_flags & UNCLEAN) != flags)
                fail_msg("row %zu: error %s, flags %x", i, strerror(-s->event.error), s->event.event_flags);
        assert_int_equal(s->event.event_flags & KFTP_EVENT_ENCRYPTED, KFTP_EVENT_ENCRYPTED);
}

static void test_download(void **state) {
        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                for (unsigned tls12 = 0; tls12 < 2; tls12++) {
                        struct kftp_submit r = retr(local_file(), "file", 1);
                        Session *s;
                        Peer *p;

                        tls_use(tls12, GNUTLS_CIPHER_AES_128_GCM);
                        s = tls_session(send_and_end, (void *) (rows + i), &p);
                        if (rows[i].size)
                                r.flags = KFTP_SUBMIT_ASK_SIZE;
                        assert_int_equal(session_submit(s, &r), 0);
                        assert_ending(s, i, rows[i].error, rows[i].flags);
                        assert_int_equal(s->event.bytes, 1000);
                        session_assert_usable(s);
                        test_peer_finish(p);
                }
        }
}

/* A part of a record is nobody's word for anything, but for the bytes before it. */
static void test_cut_in_record(void **state) {
        static const Row cut[] = {
                { CUT_IN_RECORD, 0, 0, 0, NULL }, { CUT_IN_HEADER, 0, 0, 0, NULL }, { CUT_IN_RECORD, 3000, 0, 0, NULL },
                { RESET, 0, 0, 0, "426 Reset" }, { RESET, 3000, 0, 0, "426 Reset" },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(cut); i++) {
                struct kftp_submit r = retr(local_file(), "file", 1);
                Session *s = tls_session(send_and_end, (void *) (cut + i), NULL);

                if (cut[i].size)
                        r.flags = KFTP_SUBMIT_ASK_SIZE;
                assert_int_equal(session_submit(s, &r), 0);
                session_expect(s, KFTP_EVENT_DONE);
                if (s->event.error >= 0)
                        fail_msg("row %zu: error %s, flags %x", i, strerror(-s->event.error), s->event.event_flags);
                assert_int_equal(s->event.bytes, 1000);
                session_assert_usable(s);
        }
}

static void send_listing(Conn *c) {
        const Row *row = peer_userdata(c);

        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "NLST");
        peer_say(c, "150 Here");
        peer_data_open(c);
        peer_record(c, KFTP_ROLE_DATA, TLS_DATA, "one\r\ntwo\r\n", 10);
        end_so(c, row->ending);
        peer_say(c, "226 Done");
        peer_goodbye(c);
}

/* Of a listing no SIZE shows that it is all. */
static void test_listing(void **state) {
        static const Row lists[] = { { NOTIFIED, 0, 0, 0, NULL }, { CUT, 0, -EBADMSG, UNCLEAN, NULL } };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(lists); i++) {
                Session *s = tls_session(send_listing, (void *) (lists + i), NULL);
                struct kftp_submit r = request(KFTP_OP_NLST, test_fd(memfd_create("listing", MFD_CLOEXEC)), NULL, 1);

                assert_int_equal(session_submit(s, &r), 0);
                assert_ending(s, i, lists[i].error, lists[i].flags);
                session_quit(s);
        }
}

/* Nothing at all, and not even that is said. */
static void send_nothing(Conn *c) {
        const Row *row = peer_userdata(c);

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 0);
        end_so(c, row->ending);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_empty(void **state) {
        static const Row empty[] = { { NOTIFIED, 0, 0, 0, NULL }, { CUT, 0, -EBADMSG, UNCLEAN, NULL } };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(empty); i++) {
                Session *s = tls_session(send_nothing, (void *) (empty + i), NULL);

                session_retr(s, local_file(), "file", 1);
                assert_ending(s, i, empty[i].error, empty[i].flags);
                assert_int_equal(s->event.bytes, 0);
                session_assert_usable(s);
        }
}

/* What was asked for is all there, whatever happened behind it. */
static void test_range_is_not_unclean(void **state) {
        static const Row row = { CUT, 0, 0, 0, NULL };
        Session *s = tls_session(send_and_end, (void *) &row, NULL);
        struct kftp_submit r = retr(local_file(), "file", 1);

        (void) state;
        r.length = 1000;
        assert_int_equal(session_submit(s, &r), 0);
        assert_ending(s, 0, 0, 0);
        session_assert_usable(s);
}

/* Our own word that nothing follows: the server of a download hears it, too. */
static void hear_the_end(Conn *c) {
        uint8_t type = 0, content[TLS_MAX_PLAIN + 256];
        ssize_t n;

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_notify(c, KFTP_ROLE_DATA);
        n = peer_pull_record(c, KFTP_ROLE_DATA, &type, content, "the client does not close");
        if (n != 2 || type != TLS_ALERT || content[0] != 1 || content[1] != 0)
                peer_fail(c, "the client has sent %zd, type %u, instead of close_notify", n, type);
        peer_data_cut(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_we_notify(void **state) {
        Session *s = tls_session(hear_the_end, NULL, NULL);

        (void) state;
        session_retr(s, local_file(), "file", 1);
        assert_ending(s, 0, 0, 0);
        session_assert_usable(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_download),
        DEVICE_TEST(test_cut_in_record),
        DEVICE_TEST(test_listing),
        DEVICE_TEST(test_empty),
        DEVICE_TEST(test_range_is_not_unclean),
        DEVICE_TEST(test_we_notify),
};

TLS_DEVICE_TESTS("tls-end", tests)
