/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts of files: length on RETR. Exactly so many bytes come, and whatever the server says to being
 * cut off, the part is there and the session goes on.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static Session *ready(PeerScript script, const void *userdata, Peer **ret_peer) {
        Peer *p = test_peer("127.0.0.1", script, (void *) userdata);
        struct kftp_connect c = connect_to_peer(p);

        if (ret_peer)
                *ret_peer = p;
        c.reply_ms = c.data_ms = c.abort_ms = 2000;
        return session_ready(&c);
}

static void get_part(Session *s, int fd, const char *path, uint64_t offset, uint64_t length, int error) {
        struct kftp_submit r = retr(fd, path, 3);

        r.offset = offset;
        r.length = length;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 3, error);
}

static void test_parts(void **state) {
        static const struct {
                uint64_t offset, length, bytes;
        } rows[] = {
                { 0, 1, 1 },       { 0, 4096, 4096 },        { 0, 65537, 65537 },      { 100, 1, 1 },
                { 12345, 1, 1 },   { 777, 500000, 500000 },  { 2999999, 1, 1 },        { 0, 3000000, 3000000 },
                /* it ends before */
                { 0, 3000001, 3000000 }, { 2999990, 100, 10 }, { 3000000, 5, 0 },       { 2000000, INT64_MAX, 1000000 },
        };
        Peer *p;
        Session *s = ready(peer_serve, NULL, &p);

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                int fd = local_file();

                get_part(s, fd, "bytes-3000000", rows[i].offset, rows[i].length, 0);
                assert_int_equal(s->event.bytes, rows[i].bytes);
                assert_file_size(fd, rows[i].bytes ? rows[i].offset + rows[i].bytes : 0);
                assert_file_content(fd, rows[i].offset, rows[i].bytes);
        }
        /* A part is no reason to abort: those who do not answer to that would cost time. */
        assert_not_commanded(p, "ABOR");
        session_assert_usable(s);
}

/* Past the part nothing of the file is touched. */
static void test_nothing_behind(void **state) {
        Session *s = ready(peer_serve, NULL, NULL);
        int fd = local_file();
        char marks[3000];

        (void) state;
        memset(marks, '#', sizeof(marks));
        assert_int_equal(pwrite(fd, marks, sizeof(marks), 0), sizeof(marks));
        get_part(s, fd, "bytes-3000000", 1000, 1000, 0);
        assert_file_size(fd, sizeof(marks));
        assert_file_content(fd, 1000, 1000);
        assert_int_equal(pread(fd, marks, sizeof(marks), 0), sizeof(marks));
        for (size_t i = 0; i < sizeof(marks); i++)
                if (i < 1000 || i >= 2000)
                        assert_int_equal(marks[i], '#');
}

/* The size before it tells how large the whole is, not the part. */
static void test_with_size(void **state) {
        Session *s = ready(peer_serve, NULL, NULL);
        struct kftp_submit r = retr(local_file(), "bytes-3000000", 1);

        (void) state;
        r.flags = KFTP_SUBMIT_EXPECT_SIZE;
        r.expect_size = 3000000;
        r.length = 1000;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.bytes, 1000);
        assert_int_equal(s->event.remote_size, 3000000);
        session_assert_usable(s);
}

static void test_in_bites(void **state) {
        Session *s = ready(peer_serve, NULL, NULL);
        struct kftp_submit r = retr(local_file(), "bytes-3000000", 1);

        (void) state;
        r.length = 2500;
        assert_int_equal(session_submit(s, &r), 0);
        for (unsigned i = 1; i <= 2; i++) {
                assert_int_equal(session_run_with(s, 0, 1000), 0);
                session_assert_event(s, KFTP_EVENT_YIELD);
                assert_int_equal(s->event.bytes, i * 1000);
        }
        assert_int_equal(session_run_with(s, 0, 1000), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_int_equal(s->event.bytes, 2500);
        session_assert_usable(s);
}

/* ---- What servers say when they are cut off ------------------------------------------------------- */

static void be_cut_off(Conn *c) {
        const char *reply = peer_userdata(c);

        peer_greet(c);
        peer_retr_flood(c, "file");
        peer_data_close(c);
        if (!reply)
                peer_until_closed(c);
        else {
                peer_say(c, "%s", reply);
                peer_serve_on(c);
        }
}

static void test_replies(void **state) {
        static const char *const replies[] = {
                "226 Done", "426 You have hung up", "451 Broken pipe", "550 Broken pipe", "250 Fine", "426 No\r\n226 Yes",
                "150 0.02 seconds (measured here)",     /* Pure-FTPd says no more than that */
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(replies); i++) {
                Session *s = ready(be_cut_off, replies[i], NULL);
                int fd = local_file();

                get_part(s, fd, "file", 0, 100000, 0);
                assert_int_equal(s->event.bytes, 100000);
                assert_file_size(fd, 100000);
                assert_file_content(fd, 0, 100000);
                session_assert_usable(s);
        }
}

/* It says nothing: the part is good, the session is over. */
static void test_no_reply(void **state) {
        Session *s = ready(be_cut_off, NULL, NULL);
        int fd = local_file();

        (void) state;
        get_part(s, fd, "file", 0, 100000, 0);
        assert_file_size(fd, 100000);
        session_expect_closed(s, -ETIMEDOUT);
}

/* A refusal is one, part or not; and a part that did not come is none. */
static void refuse(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "RETR file");
        peer_say(c, "550 Not there");
        peer_retr_begin(c, "file", 0, 500);
        peer_data_close(c);
        peer_say(c, "451 Disk error");
        peer_serve_on(c);
}

static void test_refused(void **state) {
        Session *s = ready(refuse, NULL, NULL);

        (void) state;
        get_part(s, local_file(), "file", 0, 1000, -EREMOTEIO);
        get_part(s, local_file(), "file", 0, 1000, -EREMOTEIO);
        /* The refusal may overtake what had come by then. */
        assert_true(s->event.bytes <= 500);
        session_assert_usable(s);
}

static void test_form(void **state) {
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);
        struct kftp_submit r = retr(local_file(), "file", 1);
        Session *s = session_armed(&c);

        (void) state;
        r.length = (uint64_t) INT64_MAX + 1;
        assert_int_equal(session_submit(s, &r), -EINVAL);
        r.length = INT64_MAX;
        assert_int_equal(session_submit(s, &r), 0);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_parts),
        DEVICE_TEST(test_nothing_behind),
        DEVICE_TEST(test_with_size),
        DEVICE_TEST(test_in_bites),
        DEVICE_TEST(test_replies),
        DEVICE_TEST(test_no_reply),
        DEVICE_TEST(test_refused),
        DEVICE_TEST(test_form),
};

DEVICE_TESTS("range", tests)
