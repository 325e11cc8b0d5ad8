/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RUN that does not wait, poll and epoll: many sessions in one thread, deadlines without traffic,
 * and that nobody starves.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "fixture.h"

#define MANY 50

static void silent(Conn *c) {
        peer_until_closed(c);
}

static void set_nonblocking(Session *s) {
        assert_int_equal(fcntl(s->fd, F_SETFL, O_NONBLOCK), 0);
}

/* ---- EAGAIN -------------------------------------------------------------------------------------- */

static void test_flag(void **state) {
        Peer *p = test_peer("127.0.0.1", silent, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);
        uint64_t begun = now_ms();

        (void) state;
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(session_run_with(s, KFTP_RUN_NONBLOCK, 0), -EAGAIN);
        assert_in_range(now_ms() - begun, 0, 5000);
}

static void test_descriptor_flag(void **state) {
        Peer *p = test_peer("127.0.0.1", silent, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);

        (void) state;
        set_nonblocking(s);
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(session_run(s), -EAGAIN);
}

/* Sleeps in poll until there is something to do; what RUN then returns. Counts the rounds. */
static int run_by_poll(Session *s, unsigned *rounds) {
        struct pollfd p = { .fd = s->fd, .events = POLLIN };
        int r;

        for (*rounds = 0; (r = session_run_with(s, KFTP_RUN_NONBLOCK, 0)) == -EAGAIN; (*rounds)++)
                if (poll(&p, 1, PEER_PATIENCE_MS) != 1)
                        fail_msg("poll has forgotten the session");
        return r;
}

static void answer_late(Conn *c) {
        peer_sleep(600);
        peer_greet(c);
        peer_goodbye(c);
}

/* A whole session by poll alone; while nothing comes, poll sleeps. */
static void test_poll(void **state) {
        Peer *p = test_peer("127.0.0.1", answer_late, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);
        unsigned rounds;

        (void) state;
        assert_int_equal(run_by_poll(s, &rounds), 0);
        session_assert_event(s, KFTP_EVENT_CONNECTED);
        /* A reply may come in several pieces, but not in a hundred. */
        assert_in_range(rounds, 1, 100);
}

/* After an event, poll says that there may be more; after EAGAIN it says no. */
static void test_readiness(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);
        struct pollfd pfd = { .fd = s->fd, .events = POLLIN };

        (void) state;
        session_run_until_idle(s);
        assert_int_equal(poll(&pfd, 1, 0), 0);
        session_retr(s, local_file(), "bytes-10", 1);
        assert_int_equal(poll(&pfd, 1, 0), 1);
        assert_int_equal(pfd.revents, POLLIN);
        session_expect_done(s, 1, 0);
        session_run_until_idle(s);
        session_cancel(s, KFTP_CANCEL_SESSION, 0);
        assert_int_equal(poll(&pfd, 1, 0), 1);
}

/* The data connection is born after the descriptor was registered, and yet it wakes epoll. */
static void test_epoll_sees_later_sockets(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
        int ep = test_fd(epoll_create1(EPOLL_CLOEXEC)), fd = local_file();
        Session *s = session_open();

        (void) state;
        c.data_mode = KFTP_DATA_ACTIVE;
        assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev), 0);
        assert_int_equal(session_connect(s, &c), 0);
        session_retr(s, fd, "bytes-300000", 1);
        /* Edge-triggered: a wake-up that gets lost is a hang. */
        for (;;) {
                assert_int_equal(epoll_wait(ep, &ev, 1, PEER_PATIENCE_MS), 1);
                while (session_run_with(s, KFTP_RUN_NONBLOCK, 0) == 0 && s->event.type != KFTP_EVENT_DONE)
                        ;
                if (s->result == 0)
                        break;
                assert_int_equal(s->result, -EAGAIN);
        }
        assert_int_equal(s->event.error, 0);
        assert_file_content(fd, 0, 300000);
}

/* ---- Deadlines ------------------------------------------------------------------------------------ */

/* Nothing comes and nobody calls RUN: the deadline alone wakes epoll, once it has passed. */
static void test_deadline_wakes(void **state) {
        Peer *p = test_peer("127.0.0.1", silent, NULL);
        struct kftp_connect c = connect_to_peer(p);
        unsigned rounds;
        uint64_t begun;
        Session *s;

        (void) state;
        c.reply_ms = 700;
        s = session_armed(&c);
        begun = now_ms();
        assert_int_equal(run_by_poll(s, &rounds), 0);
        session_assert_event(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, -ETIMEDOUT);
        assert_in_range(now_ms() - begun, 350, 15000);
        assert_in_range(rounds, 1, 20);
}

static void stall_in_data(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_until_closed(c);
}

static void test_data_deadline_wakes(void **state) {
        Peer *p = test_peer("127.0.0.1", stall_in_data, NULL);
        struct kftp_connect c = connect_to_peer(p);
        unsigned rounds;
        Session *s;

        (void) state;
        c.data_ms = 500;
        c.abort_ms = 500;
        s = session_ready(&c);
        session_retr(s, local_file(), "file", 1);
        assert_int_equal(run_by_poll(s, &rounds), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ETIMEDOUT);
        assert_in_range(rounds, 1, 50);
}

static void test_idle_deadline_wakes(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        unsigned rounds;
        Session *s;

        (void) state;
        c.idle_ms = 500;
        s = session_ready(&c);
        assert_int_equal(run_by_poll(s, &rounds), 0);
        session_assert_event(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, -ETIMEDOUT);
        assert_in_range(rounds, 1, 20);
}

/* ---- Many ------------------------------------------------------------------------------------------ */

typedef struct Loop {
        int ep;
        Session *sessions[MANY + 1];
        unsigned left;                  /* of the first MANY */
        unsigned turns[MANY + 1];
} Loop;

static void loop_add(Loop *l, unsigned i, Peer *p, const char *path, int fd) {
        struct kftp_connect c = connect_to_peer(p);
        struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };
        Session *s = session_armed(&c);

        set_nonblocking(s);
        session_retr(s, fd, path, i);
        l->sessions[i] = s;
        assert_int_equal(epoll_ctl(l->ep, EPOLL_CTL_ADD, s->fd, &ev), 0);
}

static void loop_turn(Loop *l, unsigned i) {
        Session *s = l->sessions[i];

        l->turns[i]++;
        if (session_run_with(s, 0, 16384) == -EAGAIN)
                return;
        assert_int_equal(s->result, 0);
        if (s->event.type != KFTP_EVENT_DONE)
                return;
        assert_int_equal(s->event.error, 0);
        assert_int_equal(s->event.user_data, i);
        assert_true(i < MANY);
        l->left--;
        assert_int_equal(epoll_ctl(l->ep, EPOLL_CTL_DEL, s->fd, NULL), 0);
}

static void loop_run(Loop *l) {
        struct epoll_event events[MANY + 1];

        while (l->left > 0) {
                int n = epoll_wait(l->ep, events, MANY + 1, PEER_PATIENCE_MS);

                assert_true(n > 0);
                for (int i = 0; i < n; i++)
                        loop_turn(l, events[i].data.u32);
        }
}

static void flood(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_retr_flood(c, "endless");
        peer_until_closed(c);
}

/* 50 sessions, driven by one thread, all finish, with every byte. */
static void test_many(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        Loop l = { .left = MANY };
        int fds[MANY];
        char path[64];

        (void) state;
        l.ep = test_fd(epoll_create1(EPOLL_CLOEXEC));
        for (unsigned i = 0; i < MANY; i++) {
                snprintf(path, sizeof(path), "bytes-%u", 100000 + i);
                fds[i] = local_file();
                loop_add(&l, i, p, path, fds[i]);
        }
        loop_run(&l);
        for (unsigned i = 0; i < MANY; i++) {
                assert_file_size(fds[i], 100000 + i);
                assert_file_content(fds[i], 0, 100000 + i);
        }
}

/* One that always has data does not keep the thread from the others: max_bytes bounds its turn. */
static void test_greedy(void **state) {
        Peer *greedy = test_peer("127.0.0.1", flood, NULL), *p = test_peer("127.0.0.1", peer_serve, NULL);
        Loop l = { .left = MANY };

        (void) state;
        l.ep = test_fd(epoll_create1(EPOLL_CLOEXEC));
        loop_add(&l, MANY, greedy, "endless", local_file());
        while (session_info(l.sessions[MANY]).bytes_in < 100000)
                loop_turn(&l, MANY);
        for (unsigned i = 0; i < MANY; i++)
                loop_add(&l, i, p, "bytes-40000", local_file());
        loop_run(&l);
        /* And it has not starved either. */
        assert_true(l.turns[MANY] > 10);
        assert_true(session_info(l.sessions[MANY]).bytes_in > 100000);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_flag),
        DEVICE_TEST(test_descriptor_flag),
        DEVICE_TEST(test_poll),
        DEVICE_TEST(test_readiness),
        DEVICE_TEST(test_epoll_sees_later_sockets),
        DEVICE_TEST(test_deadline_wakes),
        DEVICE_TEST(test_data_deadline_wakes),
        DEVICE_TEST(test_idle_deadline_wakes),
        DEVICE_TEST(test_many),
        DEVICE_TEST(test_greedy),
};

DEVICE_TESTS("poll", tests)
