/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Servers that are mad or bad: lines and replies without bounds, NUL, garbage, replies that nobody
 * has asked for, commands smuggled in. Each ends in a clear error, in bounded time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

typedef struct Bytes {
        const char *name;
        const char *bytes;
        size_t n;
        int error;
} Bytes;

#define ROW(name, text, error) { name, text, sizeof(text) - 1, error }

static struct kftp_connect connect_quickly(Peer *p) {
        struct kftp_connect c = connect_to_peer(p);

        c.reply_ms = c.data_ms = c.abort_ms = c.idle_ms = 3000;
        return c;
}

/* ---- Greetings that are none ------------------------------------------------------------------- */

static void greet_with(Conn *c) {
        const Bytes *b = peer_userdata(c);

        peer_may_leave(c);
        peer_send(c, b->bytes, b->n);
        peer_until_closed(c);
}

static void test_bad_greetings(void **state) {
        static const Bytes rows[] = {
                ROW("another protocol", "SSH-2.0-OpenSSH_9.2p1\r\n", -EPROTO),
                ROW("HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", -EPROTO),
                ROW("TLS", "\x15\x03\x01\x00\x02\x02\x46\r\n", -EPROTO),
                ROW("two digits", "22 hello\r\n", -EPROTO),
                ROW("four digits", "2200 hello\r\n", -EPROTO),
                ROW("no digits", "hello\r\n", -EPROTO),
                ROW("a code out of range", "999 hello\r\n", -EPROTO),
                ROW("code 000", "000 hello\r\n", -EPROTO),
                ROW("NUL", "220 hel\0lo\r\n", -EPROTO),
                ROW("NUL in the code", "2\0" "20 hello\r\n", -EPROTO),
                ROW("NUL in a later line", "220-hello\r\nx\0x\r\n220 end\r\n", -EPROTO),
                ROW("3xx", "331 Password?\r\n", -EPROTO),
                ROW("nothing but NUL", "\0\0\0\0\0\0\0\0\r\n", -EPROTO),
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                Peer *p = test_peer("127.0.0.1", greet_with, (void *) (rows + i));
                struct kftp_connect c = connect_quickly(p);
                Session *s = session_armed(&c);

                session_run(s);
                if (s->result < 0 || s->event.type != KFTP_EVENT_CLOSED || s->event.error != rows[i].error)
                        fail_msg("%s: result %d, event %u, error %d", rows[i].name, s->result, s->event.type, s->event.error);
                session_close(s);
                test_peer_finish(p);
        }
}

/* ---- Too much ------------------------------------------------------------------------------------- */

/* A line of this length, its end included. */
static void long_line(Conn *c) {
        size_t n = *(size_t *) peer_userdata(c);
        char *line = malloc(n);

        peer_may_leave(c);
        memset(line, 'x', n);
        memcpy(line, "220 ", 4);
        memcpy(line + n - 2, "\r\n", 2);
        peer_send(c, line, n);
        free(line);
        peer_goodbye(c);
}

static void line_of(size_t n, int error) {
        Peer *p = test_peer("127.0.0.1", long_line, &n);
        struct kftp_connect c = connect_quickly(p);
        Session *s;

        c.events = KFTP_WANT_LINE;
        s = session_armed(&c);
        session_run(s);
        if (error == 0) {
                session_assert_event(s, KFTP_EVENT_LINE);
                assert_int_equal(s->event.text_len, n - 2);
        } else {
                session_assert_event(s, KFTP_EVENT_CLOSED);
                assert_int_equal(s->event.error, error);
        }
        session_close(s);
        test_peer_finish(p);
}

static void test_long_lines(void **state) {
        (void) state;
        line_of(1000, 0);
        line_of(KFTP_MAX_LINE, 0);
        line_of(KFTP_MAX_LINE + 1, -EMSGSIZE);
        line_of(5000, -EMSGSIZE);
        line_of(1000000, -EMSGSIZE);
}

/* A line that never ends is given up when it is too long, not when the time is over. */
static void endless_line(Conn *c) {
        char piece[1000];

        peer_may_leave(c);
        memset(piece, 'x', sizeof(piece));
        peer_say(c, "220-");
        for (;;)
                peer_send(c, piece, sizeof(piece));
}

static void endless_reply(Conn *c) {
        peer_may_leave(c);
        for (;;)
                peer_say(c, "220-one more line");
}

static void endless_empty_lines(Conn *c) {
        peer_may_leave(c);
        for (;;)
                peer_send(c, "\r\n", 2);
}

static void endless_preliminary(Conn *c) {
        peer_may_leave(c);
        for (;;)
                peer_say(c, "120 in a minute");
}

static void test_endless(void **state) {
        const PeerScript scripts[] = { endless_line, endless_reply, endless_empty_lines, endless_preliminary };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(scripts); i++) {
                Peer *p = test_peer("127.0.0.1", scripts[i], NULL);
                struct kftp_connect c = connect_quickly(p);
                Session *s;

                c.reply_ms = 60000;
                s = session_armed(&c);
                session_expect_closed(s, -EMSGSIZE);
                session_close(s);
                test_peer_finish(p);
        }
}

static void many_lines(Conn *c) {
        unsigned n = *(unsigned *) peer_userdata(c);

        peer_may_leave(c);
        for (unsigned i = 1; i < n; i++)
                peer_say(c, "220-line %u", i);
        peer_say(c, "220 line %u", n);
        peer_goodbye(c);
}

static void reply_of(unsigned n, int error) {
        Peer *p = test_peer("127.0.0.1", many_lines, &n);
        struct kftp_connect c = connect_quickly(p);
        Session *s = session_armed(&c);

        if (error == 0)
                session_expect(s, KFTP_EVENT_CONNECTED);
        else
                session_expect_closed(s, error);
        session_close(s);
        test_peer_finish(p);
}

static void test_many_lines(void **state) {
        (void) state;
        reply_of(100, 0);
        reply_of(512, 0);
        reply_of(513, -EMSGSIZE);
        reply_of(600, -EMSGSIZE);
}

/* Few lines, but long ones: 64 KiB is the most of one reply. */
static void fat_reply(Conn *c) {
        peer_may_leave(c);
        for (unsigned i = 0; i < 20; i++)
                peer_say(c, "220-%04000u", i);
        peer_say(c, "220 end");
        peer_goodbye(c);
}

static void test_fat_reply(void **state) {
        struct kftp_connect c = connect_quickly(test_peer("127.0.0.1", fat_reply, NULL));

        (void) state;
        session_expect_closed(session_armed(&c), -EMSGSIZE);
}

/* ---- In the middle of a request ------------------------------------------------------------------- */

static void answer_retr_with(Conn *c) {
        const Bytes *b = peer_userdata(c);

        peer_may_leave(c);
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "RETR file");
        peer_send(c, b->bytes, b->n);
        peer_data_open(c);
        peer_until_closed(c);
}

static void test_bad_replies(void **state) {
        static char lines[600 * 6 + 1];
        Bytes rows[] = {
                ROW("garbage", "what?\r\n", -EPROTO),
                ROW("garbage after 150", "150 Now\r\nwhat?\r\n", -EPROTO),
                ROW("NUL", "150 N\0w\r\n", -EPROTO),
                { "600 lines", lines, 600 * 6, -EMSGSIZE },
        };

        (void) state;
        for (unsigned i = 0; i < 600; i++)
                memcpy(lines + i * 6, "150-\r\n", 6);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                Peer *p = test_peer("127.0.0.1", answer_retr_with, rows + i);
                struct kftp_connect c = connect_quickly(p);
                Session *s = session_ready(&c);

                session_retr(s, local_file(), "file", 1);
                session_retr(s, local_file(), "file", 2);
                session_run(s);
                if (s->result < 0 || s->event.type != KFTP_EVENT_DONE || s->event.error != rows[i].error)
                        fail_msg("%s: result %d, event %u, error %d", rows[i].name, s->result, s->event.type, s->event.error);
                session_expect_done(s, 2, -ECANCELED);
                session_expect_closed(s, rows[i].error);
                session_close(s);
                test_peer_finish(p);
        }
}

/* ---- Replies that nobody has asked for ------------------------------------------------------------- */

static void say_unasked(Conn *c) {
        const char *reply = peer_userdata(c);

        peer_greet(c);
        peer_expect(c, "NOOP");
        peer_say(c, "200 Good");
        peer_sleep(100);
        peer_say(c, "%s", reply);
        peer_goodbye(c);
}

static int run_after_unasked(const char *reply) {
        Peer *p = test_peer("127.0.0.1", say_unasked, (void *) reply);
        struct kftp_connect c = connect_quickly(p);
        struct kftp_submit noop = { .size = sizeof(noop), .op = KFTP_OP_NOOP, .fd = -1, .user_data = 1 };
        Session *s = session_ready(&c);
        int r;

        assert_int_equal(session_submit(s, &noop), 0);
        session_expect_done(s, 1, 0);
        sleep_ms(300);
        r = session_run_with(s, KFTP_RUN_NONBLOCK, 0);
        if (r == 0) {
                session_assert_event(s, KFTP_EVENT_CLOSED);
                r = s->event.error;
        }
        session_close(s);
        test_peer_finish(p);
        return r;
}

/* Some servers say a good thing twice (C11); anything else means that we do not understand each other. */
static void test_unasked(void **state) {
        (void) state;
        assert_int_equal(run_after_unasked("226 Done, I said"), -EAGAIN);
        assert_int_equal(run_after_unasked("226 Done\r\n250 Done\r\n200 Done"), -EAGAIN);
        assert_int_equal(run_after_unasked("550 No"), -EPROTO);
        assert_int_equal(run_after_unasked("331 Password, again?"), -EPROTO);
        assert_int_equal(run_after_unasked("150 Data"), -EPROTO);
        assert_int_equal(run_after_unasked("what?"), -EPROTO);
        assert_int_equal(run_after_unasked("421 Goodbye"), -ECONNRESET);
}

/* Good things without end are not good. */
static void flood_unasked(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "NOOP");
        peer_say(c, "200 Good");
        for (;;)
                peer_say(c, "226 And again");
}

static void test_unasked_flood(void **state) {
        struct kftp_connect c = connect_quickly(test_peer("127.0.0.1", flood_unasked, NULL));
        struct kftp_submit noop = { .size = sizeof(noop), .op = KFTP_OP_NOOP, .fd = -1, .user_data = 1 };
        Session *s;

        (void) state;
        c.idle_ms = 60000;
        s = session_ready(&c);
        assert_int_equal(session_submit(s, &noop), 0);
        session_expect_done(s, 1, 0);
        session_expect_closed(s, -EMSGSIZE);
}

/*
 * All replies of a login in one piece, before anything was asked: that is not a dialogue. Whatever
 * comes of it, the password goes to nobody who has not asked for it, and no file is written.
 */
static void say_all_at_once(Conn *c) {
        peer_may_leave(c);
        peer_strict(c);
        peer_say(c, "220 Hello\r\n331 Password\r\n230 In\r\n500 What?\r\n200 Image\r\n229 (|||%u|)\r\n150 Now\r\n226 Done",
                 peer_data_listen(c));
        peer_until_closed(c);
}

static void test_all_at_once(void **state) {
        struct kftp_connect c = connect_quickly(test_peer("127.0.0.1", say_all_at_once, NULL));
        Session *s = session_armed(&c);
        int fd = local_file();

        (void) state;
        session_retr(s, fd, "file", 1);
        do
                assert_true(session_run(s) == 0);
        while (s->event.type != KFTP_EVENT_CLOSED);
        assert_true(s->event.error < 0);
        assert_file_size(fd, 0);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_bad_greetings),
        DEVICE_TEST(test_long_lines),
        DEVICE_TEST(test_endless),
        DEVICE_TEST(test_many_lines),
        DEVICE_TEST(test_fat_reply),
        DEVICE_TEST(test_bad_replies),
        DEVICE_TEST(test_unasked),
        DEVICE_TEST(test_unasked_flood),
        DEVICE_TEST(test_all_at_once),
};

DEVICE_TESTS("hostile", tests)
