/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a session ends: one DONE for each request, in order, then CLOSED once, then nothing more.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fixture.h"

/* Nothing comes any more: RUN says so at once, poll too, and it stays so. */
static void assert_over(Session *s) {
        struct pollfd p = { .fd = s->fd, .events = POLLIN };
        struct kftp_submit r = quit_request(1);

        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(session_run(s), -ENOTCONN);
                assert_int_equal(session_run_with(s, KFTP_RUN_NONBLOCK, 0), -ENOTCONN);
                assert_int_equal(poll(&p, 1, 0), 1);
                assert_true(p.revents & POLLHUP);
        }
        assert_int_equal(session_submit(s, &r), -ENOTCONN);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_ALL, 0), -ENOENT);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), -ENOENT);
        assert_int_equal(session_info(s).state, KFTP_STATE_CLOSED);
        assert_int_equal(session_info(s).queued, 0);
}

static void die_in_data(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_reset(c);
}

/* The running one has the cause, those behind it were cancelled. */
static void test_cause_first(void **state) {
        Peer *p = test_peer("127.0.0.1", die_in_data, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);

        (void) state;
        for (unsigned i = 1; i <= 5; i++)
                session_retr(s, local_file(), "file", i * 11);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_expect_done(s, 11, -ECONNRESET);
        for (unsigned i = 2; i <= 5; i++)
                session_expect_done(s, i * 11, -ECANCELED);
        session_expect(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, -ECONNRESET);
        assert_over(s);
}

static void close_in_data(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
}

/* FIN instead of RST is the same. */
static void test_closed_by_server(void **state) {
        Peer *p = test_peer("127.0.0.1", close_in_data, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);

        (void) state;
        session_retr(s, local_file(), "file", 1);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_expect_done(s, 1, -ECONNRESET);
        session_expect(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, -ECONNRESET);
        assert_over(s);
}

static void refuse(Conn *c) {
        peer_strict(c);
        peer_greet(c);
        peer_expect(c, "USER user");
        peer_say(c, "331 Password");
        peer_expect(c, "PASS secret");
        peer_say(c, "530-So not");
        peer_say(c, "530 Login incorrect");
        peer_until_closed(c);
}

/* No request was running: none of them has the cause, CLOSED has it. */
static void test_login_refused(void **state) {
        Peer *p = test_peer("127.0.0.1", refuse, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);

        (void) state;
        session_retr(s, local_file(), "file", 1);
        session_retr(s, local_file(), "file", 2);
        session_expect_done(s, 1, -ECANCELED);
        session_expect_done(s, 2, -ECANCELED);
        session_expect(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, -EKEYREJECTED);
        assert_int_equal(s->event.reply, 530);
        assert_string_equal(s->text, "530 Login incorrect");
        assert_over(s);
}

static void test_connection_refused(void **state) {
        struct kftp_addr a = address_of("127.0.0.1", 9);
        struct kftp_connect c = connect_to(&a);
        Session *s = session_armed(&c);

        (void) state;
        session_retr(s, local_file(), "file", 1);
        session_expect_done(s, 1, -ECANCELED);
        session_expect(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, -ECONNREFUSED);
        assert_int_equal(s->event.reply, 0);
        assert_over(s);
}

static void test_unreachable(void **state) {
        struct kftp_addr a = address_of("2001:db8::1", 21);
        struct kftp_connect c = connect_to(&a);
        Session *s = session_armed(&c);

        (void) state;
        session_expect(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, -ENETUNREACH);
        assert_over(s);
}

/* 421 ends the session in every state, and its text is told. */
static void go_away(Conn *c) {
        unsigned when = *(unsigned *) peer_userdata(c);

        if (when > 0)
                peer_greet(c);
        if (when > 1)
                peer_expect(c, "EPSV");
        if (when > 2) {
                peer_say(c, "229 Here (|||%u|)", peer_data_listen(c));
                peer_expect(c, "RETR file");
                peer_data_open(c);
        }
        if (when > 3) {
                peer_say(c, "150 Now");
                peer_data_send(c, 0, 100);
        }
        peer_say(c, "421 Shutting down");
        peer_until_closed(c);
}

static void test_421(void **state) {
        (void) state;
        for (unsigned when = 0; when <= 4; when++) {
                Peer *p = test_peer("127.0.0.1", go_away, &when);
                struct kftp_connect c = connect_to_peer(p);
                Session *s = session_armed(&c);

                if (when > 1)
                        session_retr(s, local_file(), "file", 1);
                session_run(s);
                if (when > 0 && s->result == 0 && s->event.type == KFTP_EVENT_CONNECTED)
                        session_run(s);
                if (when > 1) {
                        session_assert_event(s, KFTP_EVENT_DONE);
                        assert_true(s->event.error < 0);
                        assert_int_equal(s->event.reply, 421);
                        session_run(s);
                }
                session_assert_event(s, KFTP_EVENT_CLOSED);
                assert_int_equal(s->event.error, -ECONNRESET);
                assert_int_equal(s->event.reply, 421);
                assert_string_equal(s->text, "421 Shutting down");
                assert_over(s);
                session_close(s);
                test_peer_finish(p);
        }
}

/* Good order: QUIT's own DONE, then CLOSED without an error. */
static void test_quit(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_submit r = quit_request(5);
        Session *s = session_ready(&c);

        (void) state;
        session_retr(s, local_file(), "bytes-10", 4);
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 4, 0);
        session_expect_done(s, 5, 0);
        assert_string_equal(s->text, "221 Goodbye");
        session_expect(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, 0);
        assert_over(s);
}

/* close() says nothing to the server. */
static void test_close_sends_no_quit(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);

        (void) state;
        session_close(s);
        sleep_ms(200);
        assert_not_commanded(p, "QUIT");
}

/* epoll sees the hang-up once CLOSED was fetched, not before. */
static void test_hang_up(void **state) {
        Peer *p = test_peer("127.0.0.1", refuse, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);
        struct epoll_event ev = { .events = EPOLLIN };
        int ep = test_fd(epoll_create1(EPOLL_CLOEXEC));

        (void) state;
        assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev), 0);
        for (;;) {
                assert_int_equal(epoll_wait(ep, &ev, 1, 30000), 1);
                assert_false(ev.events & EPOLLHUP);
                if (session_run_with(s, KFTP_RUN_NONBLOCK, 0) == 0)
                        break;
                assert_int_equal(s->result, -EAGAIN);
        }
        session_assert_event(s, KFTP_EVENT_CLOSED);
        assert_int_equal(epoll_wait(ep, &ev, 1, 30000), 1);
        assert_true(ev.events & EPOLLHUP);
        assert_over(s);
}

/* A session that is cancelled ends like one that fails. */
static void test_cancel_session(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);

        (void) state;
        session_retr(s, local_file(), "file", 1);
        session_retr(s, local_file(), "file", 2);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
        session_expect_done(s, 1, -ECANCELED);
        session_expect_done(s, 2, -ECANCELED);
        session_expect(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, -ECANCELED);
        assert_over(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_cause_first),
        DEVICE_TEST(test_closed_by_server),
        DEVICE_TEST(test_login_refused),
        DEVICE_TEST(test_connection_refused),
        DEVICE_TEST(test_unreachable),
        DEVICE_TEST(test_421),
        DEVICE_TEST(test_quit),
        DEVICE_TEST(test_close_sends_no_quit),
        DEVICE_TEST(test_hang_up),
        DEVICE_TEST(test_cancel_session),
};

DEVICE_TESTS("failure", tests)
