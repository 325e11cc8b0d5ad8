/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The events that RUN returns: which come, in which order, with what in them, and that none is lost.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static Session *armed_wanting(Peer *p, uint32_t events) {
        struct kftp_connect c = connect_to_peer(p);

        c.events = events;
        c.progress_ms = 50;
        return session_armed(&c);
}

/* ---- CONNECTED -------------------------------------------------------------------------------- */

static void test_connected(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_addr peer = peer_address(p);
        Session *s = session_armed(&c);
        struct kftp_info info;

        (void) state;
        session_expect(s, KFTP_EVENT_CONNECTED);
        info = session_info(s);
        assert_int_equal(s->event.size, sizeof(struct kftp_run));
        assert_int_equal(s->event.error, 0);
        assert_int_equal(s->event.fd, -1);
        assert_int_equal(s->event.event_flags, 0);
        assert_same_address(&s->event.peer, &peer);
        assert_same_address(&s->event.local, &info.local);
        assert_int_equal(info.state, KFTP_STATE_READY);
        /* Once. */
        session_run_until_idle(s);
}

/* ---- LINE ------------------------------------------------------------------------------------- */

typedef struct Line {
        bool sent, more;
        const char *text;
} Line;

static void expect_lines(Session *s, const Line *lines, size_t n) {
        for (size_t i = 0; i < n; i++) {
                session_expect(s, KFTP_EVENT_LINE);
                assert_string_equal(s->text, lines[i].text);
                assert_int_equal(s->event.text_len, strlen(lines[i].text));
                assert_int_equal(s->event.event_flags,
                                 (lines[i].sent ? KFTP_EVENT_SENT : 0) | (lines[i].more ? KFTP_EVENT_MORE : 0));
                assert_int_equal(s->event.channel, KFTP_ROLE_CONTROL);
        }
}

static void talkative(Conn *c) {
        peer_strict(c);
        peer_say(c, "220-Good morning");
        peer_say(c, "   in the middle");
        peer_say(c, "221 not the end");
        peer_say(c, "220 end");
        peer_expect(c, "USER user");
        peer_say(c, "331 Password");
        peer_expect(c, "PASS secret");
        peer_say(c, "332 Account");
        peer_expect(c, "ACCT hidden");
        peer_say(c, "230 Hello");
        peer_expect(c, "FEAT");
        peer_say(c, "211-F");
        peer_say(c, " UTF8");
        peer_say(c, "211 End");
        peer_expect(c, "OPTS UTF8 ON");
        peer_say(c, "200 On");
        peer_expect(c, "TYPE I");
        peer_say(c, "200 Image");
        peer_expect(c, "QUIT");
        peer_say(c, "221 Bye");
        peer_until_closed(c);
}

static void test_lines(void **state) {
        static const Line login[] = {
                { false, true, "220-Good morning" },
                { false, true, "   in the middle" },
                { false, true, "221 not the end" },
                { false, false, "220 end" },
                { true, false, "USER user" },
                { false, false, "331 Password" },
        };
        static const Line feat[] = {
                { false, false, "230 Hello" }, { true, false, "FEAT" },
                { false, true, "211-F" },      { false, true, " UTF8" },
                { false, false, "211 End" },   { true, false, "OPTS UTF8 ON" },
                { false, false, "200 On" },    { true, false, "TYPE I" },
                { false, false, "200 Image" },
        };
        static const Line quit[] = { { true, false, "QUIT" }, { false, false, "221 Bye" } };
        Peer *p = test_peer("127.0.0.1", talkative, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_submit r = quit_request(1);
        Session *s;

        (void) state;
        c.events = KFTP_WANT_LINE;
        c.account = (uintptr_t) "hidden";
        c.account_len = strlen("hidden");
        s = session_armed(&c);
        expect_lines(s, login, N_ELEMENTS(login));
        /* The secrets are neither there nor to be guessed by their length. */
        session_expect(s, KFTP_EVENT_LINE);
        assert_true(strncmp(s->text, "PASS ", 5) == 0);
        assert_null(strstr(s->text, "secret"));
        assert_int_not_equal(s->event.text_len, strlen("PASS secret"));
        assert_int_equal(s->event.event_flags, KFTP_EVENT_SENT);
        session_expect(s, KFTP_EVENT_LINE);
        assert_string_equal(s->text, "332 Account");
        session_expect(s, KFTP_EVENT_LINE);
        assert_true(strncmp(s->text, "ACCT ", 5) == 0);
        assert_null(strstr(s->text, "hidden"));
        expect_lines(s, feat, N_ELEMENTS(feat));
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(session_submit(s, &r), 0);
        expect_lines(s, quit, N_ELEMENTS(quit));
        session_expect_done(s, 1, 0);
        session_expect_closed(s, 0);
}

/* Not asked for, not told. */
static void test_no_lines_unasked(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        Session *s = armed_wanting(p, KFTP_WANT_PROGRESS);

        (void) state;
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_quit(s);
}

/* Lines that belong to a request carry its number. */
static void test_lines_of_request(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        Session *s = armed_wanting(p, KFTP_WANT_LINE);
        bool seen = false;

        (void) state;
        do
                session_run(s);
        while (s->result == 0 && s->event.type == KFTP_EVENT_LINE);
        session_assert_event(s, KFTP_EVENT_CONNECTED);
        session_retr(s, local_file(), "bytes-100", 4711);
        do {
                assert_int_equal(session_run(s), 0);
                assert_int_equal(s->event.user_data, 4711);
                seen = seen || strcmp(s->text, "RETR bytes-100") == 0;
        } while (s->event.type == KFTP_EVENT_LINE);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_true(seen);
}

/* ---- Text that does not fit --------------------------------------------------------------------- */

static void test_text_capacity(void **state) {
        static const char expected[] = "220 The peer is at your service";
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);

        (void) state;
        for (uint32_t cap = 0; cap < sizeof(expected) + 4; cap++) {
                Session *s = armed_wanting(p, KFTP_WANT_LINE);
                char text[64];
                struct kftp_run run = { .size = sizeof(run), .text = (uintptr_t) text, .text_cap = cap };
                uint32_t n = cap < strlen(expected) ? cap : strlen(expected);

                memset(text, '#', sizeof(text));
                assert_int_equal(ioctl(s->fd, KFTP_RUN, &run), 0);
                assert_int_equal(run.type, KFTP_EVENT_LINE);
                assert_int_equal(run.text_len, strlen(expected));
                assert_memory_equal(text, expected, n);
                for (size_t i = n; i < sizeof(text); i++)
                        assert_int_equal(text[i], '#');
                session_close(s);
        }
}

/* A buffer that cannot be written to is told, and the event comes again: nothing is lost. */
static void test_bad_buffers(void **state) {
        struct kftp_run *readonly = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        Session *s = armed_wanting(p, KFTP_WANT_LINE);
        unsigned lines = 0, done = 0;

        (void) state;
        assert_ptr_not_equal(readonly, MAP_FAILED);
        *readonly = (struct kftp_run) { .size = sizeof(*readonly) };
        assert_int_equal(mprotect(readonly, 4096, PROT_READ), 0);
        session_retr(s, local_file(), "bytes-100", 1);
        session_retr(s, local_file(), "nothing", 2);
        while (done < 2) {
                struct kftp_run bad_text = { .size = sizeof(bad_text), .text = 8, .text_cap = 100 };

                assert_int_equal(ioctl(s->fd, KFTP_RUN, readonly) < 0 ? errno : 0, EFAULT);
                if (session_info(s).queued == 2 - done && ioctl(s->fd, KFTP_RUN, &bad_text) < 0)
                        assert_int_equal(errno, EFAULT);
                else
                        fail_msg("an event without text, or one that was lost");
                assert_int_equal(session_run(s), 0);
                if (s->event.type == KFTP_EVENT_LINE)
                        lines++;
                if (s->event.type == KFTP_EVENT_DONE)
                        assert_int_equal(s->event.user_data, ++done);
        }
        /* 220; USER PASS FEAT(8) OPTS TYPE with replies; EPSV RETR 150 226; EPSV RETR 550 */
        assert_int_equal(lines, 1 + 2 + 2 + 9 + 2 + 2 + 5 + 4);
}

/* ---- PROGRESS and YIELD -------------------------------------------------------------------------- */

static void drip_data(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "slow", 0, 0);
        for (unsigned i = 0; i < 60; i++) {
                peer_data_send(c, i * 100, 100);
                peer_sleep(20);
        }
        peer_data_close(c);
        peer_say(c, "226 At last");
        peer_goodbye(c);
}

static void test_progress(void **state) {
        Peer *p = test_peer("127.0.0.1", drip_data, NULL);
        Session *s = armed_wanting(p, KFTP_WANT_PROGRESS);
        uint64_t bytes = 0, begun, last = 0;
        unsigned n = 0;

        (void) state;
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_retr(s, local_file(), "slow", 77);
        begun = now_ms();
        for (session_run(s); s->result == 0 && s->event.type == KFTP_EVENT_PROGRESS; session_run(s), n++) {
                assert_int_equal(s->event.user_data, 77);
                assert_true(s->event.bytes > bytes && s->event.bytes <= 6000);
                assert_true(s->event.nsec > last);
                bytes = s->event.bytes;
                last = s->event.nsec;
        }
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.bytes, 6000);
        /* Every 50 ms, so neither with each of the 60 pieces nor hardly ever. */
        assert_in_range(n, 2, (now_ms() - begun) / 50 + 1);
}

static void test_no_progress_unasked(void **state) {
        Peer *p = test_peer("127.0.0.1", drip_data, NULL);
        Session *s = armed_wanting(p, 0);

        (void) state;
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_retr(s, local_file(), "slow", 77);
        session_expect_done(s, 77, 0);
}

static void test_yield(void **state) {
        static const uint64_t limits[] = { 1, 1000, 65536, 100000 };
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(limits); i++) {
                uint64_t size = limits[i] * 4 + 3, moved = 0;
                char path[64];
                unsigned yields = 0;
                Session *s = armed_wanting(p, 0);
                int fd = local_file();

                snprintf(path, sizeof(path), "bytes-%llu", (unsigned long long) size);
                session_expect(s, KFTP_EVENT_CONNECTED);
                session_retr(s, fd, path, 5);
                while (session_run_with(s, 0, limits[i]) == 0 && s->event.type == KFTP_EVENT_YIELD) {
                        uint64_t now = session_info(s).bytes_in;

                        assert_in_range(now - moved, 1, limits[i]);
                        moved = now;
                        yields++;
                }
                session_assert_event(s, KFTP_EVENT_DONE);
                assert_int_equal(s->event.bytes, size);
                assert_true(yields >= 4);
                assert_file_content(fd, 0, size);
                session_close(s);
        }
}

/* ---- DONE ---------------------------------------------------------------------------------------- */

static struct kftp_addr server_data, client_data;

static void remember_addresses(Conn *c) {
        peer_greet(c);
        peer_set_size(c, 12345);
        peer_set_mtime(c, "20010909014640");
        peer_passive(c);
        peer_expect(c, "RETR file");
        peer_say(c, "150 Now");
        peer_data_open(c);
        server_data = peer_data_address(c);
        client_data = peer_data_client(c);
        peer_data_send(c, 0, 12345);
        peer_data_close(c);
        peer_say(c, "226-The last line counts:");
        peer_say(c, "226 Transfer complete, %s", "\xc3\xa4\x80");
        peer_goodbye(c);
}

static void test_done(void **state) {
        Peer *p = test_peer("127.0.0.1", remember_addresses, NULL);
        Session *s = armed_wanting(p, 0);
        struct kftp_submit r = retr(local_file(), "file", 0xdeadbeefcafe);
        uint64_t begun;

        (void) state;
        session_expect(s, KFTP_EVENT_CONNECTED);
        r.flags = KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_ASK_MTIME;
        assert_int_equal(session_submit(s, &r), 0);
        begun = now_ms();
        session_expect_done(s, 0xdeadbeefcafe, 0);
        assert_int_equal(s->event.size, sizeof(struct kftp_run));
        assert_int_equal(s->event.event_flags, KFTP_EVENT_HAS_SIZE | KFTP_EVENT_HAS_MTIME);
        assert_int_equal(s->event.reply, 226);
        assert_string_equal(s->text, "226 Transfer complete, \xc3\xa4\x80");
        assert_int_equal(s->event.text_len, strlen(s->text));
        assert_int_equal(s->event.fd, -1);
        assert_int_equal(s->event.local_file, 0);
        assert_int_equal(s->event.bytes, 12345);
        assert_in_range(s->event.nsec, 1, (now_ms() - begun + 1) * 1000000);
        assert_same_address(&s->event.peer, &server_data);
        assert_same_address(&s->event.local, &client_data);
        assert_int_equal(s->event.remote_size, 12345);
        assert_int_equal(s->event.remote_mtime, 1000000000);
        assert_int_equal(s->event.digest, KFTP_DIGEST_NONE);
        assert_int_equal(s->event.digest_len, 0);
}

/* Not asked, so not known; and nothing is left over from the request before. */
static void test_done_without_size(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        Session *s = armed_wanting(p, 0);
        struct kftp_submit r = retr(local_file(), "bytes-10", 1);

        (void) state;
        session_expect(s, KFTP_EVENT_CONNECTED);
        r.flags = KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_ASK_MTIME;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, 0);
        r = retr(local_file(), "bytes-11", 2);
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 2, 0);
        assert_int_equal(s->event.event_flags, 0);
        assert_int_equal(s->event.remote_size, 0);
        assert_int_equal(s->event.remote_mtime, 0);
        assert_int_equal(s->event.bytes, 11);
}

static void test_done_refused(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        Session *s = armed_wanting(p, 0);
        int fd = local_file();

        (void) state;
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_retr(s, fd, "nothing", 1);
        session_expect_done(s, 1, -EREMOTEIO);
        assert_int_equal(s->event.reply, 550);
        assert_string_equal(s->text, "550 nothing: no such file");
        assert_int_equal(s->event.bytes, 0);
        assert_int_equal(s->event.local_file, 0);
        assert_file_size(fd, 0);
        /* The session goes on. */
        session_retr(s, fd, "bytes-9", 2);
        session_expect_done(s, 2, 0);
}

static void long_reply(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "RETR file");
        peer_say(c, "550 %0900d", 1);
        peer_goodbye(c);
}

/* The text of DONE is cut at 512 bytes, and its length says so. */
static void test_done_long_text(void **state) {
        Peer *p = test_peer("127.0.0.1", long_reply, NULL);
        Session *s = armed_wanting(p, 0);

        (void) state;
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_retr(s, local_file(), "file", 1);
        session_expect_done(s, 1, -EREMOTEIO);
        assert_int_equal(s->event.text_len, KFTP_MAX_TEXT);
        assert_int_equal(strlen(s->text), KFTP_MAX_TEXT);
}

static void test_done_active(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_addr peer = peer_address(p);
        Session *s;

        (void) state;
        c.data_mode = KFTP_DATA_ACTIVE;
        s = session_ready(&c);
        session_retr(s, local_file(), "bytes-100", 1);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.event_flags, KFTP_EVENT_ACTIVE);
        assert_memory_equal(s->event.peer.addr, peer.addr, 4);
        assert_int_not_equal(s->event.peer.port, 0);
        assert_int_not_equal(s->event.local.port, 0);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_connected),
        DEVICE_TEST(test_lines),
        DEVICE_TEST(test_no_lines_unasked),
        DEVICE_TEST(test_lines_of_request),
        DEVICE_TEST(test_text_capacity),
        DEVICE_TEST(test_bad_buffers),
        DEVICE_TEST(test_progress),
        DEVICE_TEST(test_no_progress_unasked),
        DEVICE_TEST(test_yield),
        DEVICE_TEST(test_done),
        DEVICE_TEST(test_done_without_size),
        DEVICE_TEST(test_done_refused),
        DEVICE_TEST(test_done_long_text),
        DEVICE_TEST(test_done_active),
};

DEVICE_TESTS("events", tests)
