/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RUN is exclusive, polling beside it does not spin, CANCEL and INFO wait for nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fixture.h"

/* Sends some bytes, then nothing until the client hangs up; then it can be used again. */
static void stall(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_retr_flood(c, "file");
        peer_say(c, "426 You have hung up");
        peer_retr(c, "second", 0, 5000);
        peer_goodbye(c);
}

static Session *in_transfer(PeerScript script, int fd, Runner **ret_runner) {
        Peer *p = test_peer("127.0.0.1", script, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);

        session_retr(s, fd, "file", 1);
        *ret_runner = runner_start(s);
        runner_wait_running(*ret_runner);
        session_wait_state(s, KFTP_STATE_TRANSFER);
        return s;
}

static void send_little(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_until_closed(c);
}

/* ---- One RUN at a time ------------------------------------------------------------------------- */

static void test_second_run(void **state) {
        Runner *r;
        Session *s = in_transfer(send_little, local_file(), &r);
        Session other = { .fd = s->fd };
        struct pollfd p = { .fd = s->fd, .events = POLLIN };

        (void) state;
        assert_int_equal(session_run(&other), -EBUSY);
        assert_int_equal(session_run_with(&other, KFTP_RUN_NONBLOCK, 1), -EBUSY);
        assert_int_equal(poll(&p, 1, 0), 0);
        /* The one in progress has not noticed. */
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(poll(&p, 1, 0), 1);
        session_expect(s, KFTP_EVENT_CLOSED);
}

/* ---- epoll beside a RUN -------------------------------------------------------------------------- */

typedef struct Watcher {
        int fd;
        atomic_bool stop;
        atomic_uint wakeups;
        atomic_bool closed;             /* it was it that got this event */
} Watcher;

/* An epoll loop as programs have it: woken, it tries RUN. */
static void *watch(void *userdata) {
        struct epoll_event ev = { .events = EPOLLIN };
        Watcher *w = userdata;
        int ep = epoll_create1(EPOLL_CLOEXEC);

        epoll_ctl(ep, EPOLL_CTL_ADD, w->fd, &ev);
        while (!w->stop) {
                struct kftp_run run = { .size = sizeof(run), .flags = KFTP_RUN_NONBLOCK };

                if (epoll_wait(ep, &ev, 1, 50) != 1)
                        continue;
                w->wakeups++;
                if (ioctl(w->fd, KFTP_RUN, &run) == 0 && run.type == KFTP_EVENT_CLOSED)
                        w->closed = true;
        }
        close(ep);
        return NULL;
}

/* RUN writes the local file, and that does not go on. */
static Session *stuck_in_file_io(SlowFile **ret_slow, Runner **ret_runner) {
        int fd;
        Session *s;

        *ret_slow = test_slow_file(&fd);
        slowfs_close_gate(*ret_slow);
        s = in_transfer(stall, fd, ret_runner);
        assert_true(slowfs_wait_stuck(*ret_slow));
        return s;
}

/*
 * A RUN that is stuck in writing the local file, while data comes and comes: the loop beside it
 * sleeps. Without the rule that poll answers 0 then, it spins a hundred thousand times.
 */
static void test_epoll_beside_file_io(void **state) {
        Watcher w = {};
        SlowFile *slow;
        pthread_t t;
        Session *s;
        Runner *r;

        (void) state;
        s = stuck_in_file_io(&slow, &r);
        w.fd = s->fd;
        assert_int_equal(pthread_create(&t, NULL, watch, &w), 0);
        sleep_ms(1500);
        w.stop = true;
        pthread_join(t, NULL);
        assert_in_range(w.wakeups, 0, 20);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
        slowfs_open_gate(slow);
        assert_int_equal(runner_join(r), 0);
}

/* The same beside a RUN that sleeps; and when it returns, the loop is woken. */
static void test_epoll_beside_sleep(void **state) {
        Watcher w = {};
        pthread_t t;
        Runner *r;
        Session *s = in_transfer(send_little, local_file(), &r);

        (void) state;
        w.fd = s->fd;
        assert_int_equal(pthread_create(&t, NULL, watch, &w), 0);
        sleep_ms(500);
        assert_in_range(w.wakeups, 0, 20);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        sleep_ms(300);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
        assert_int_equal(runner_join(r), 0);
        /* CLOSED is left for the loop, and it must come to know. */
        for (uint64_t until = now_ms() + 10000; !w.closed && now_ms() < until;)
                sleep_ms(5);
        w.stop = true;
        pthread_join(t, NULL);
        assert_true(w.closed);
}

/* ---- Calls that wait for nobody ------------------------------------------------------------------ */

/* INFO, fdinfo, CANCEL and SUBMIT while RUN is stuck in file I/O. */
static void test_nothing_waits_for_run(void **state) {
        char text[4096], *value;
        SlowFile *slow;
        uint64_t begun;
        Session *s;
        Runner *r;

        (void) state;
        s = stuck_in_file_io(&slow, &r);
        begun = now_ms();
        assert_int_equal(session_info(s).state, KFTP_STATE_TRANSFER);
        assert_int_equal(read_fdinfo(0, s->fd, text, sizeof(text)), 0);
        value = fdinfo_value(text, "kftp-state");
        assert_non_null(value);
        assert_string_equal(value, "transfer");
        free(value);
        session_retr(s, local_file(), "second", 2);
        session_retr(s, local_file(), "third", 3);
        assert_int_equal(session_info(s).queued, 3);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 3), 0);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        assert_in_range(now_ms() - begun, 0, 5000);
        /* All that was posted is acted on when the file lets RUN go. */
        slowfs_open_gate(slow);
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ECANCELED);
        assert_int_equal(s->event.user_data, 3);
        session_expect_done(s, 1, -ECANCELED);
        session_expect_done(s, 2, 0);
}

static void test_fdinfo(void **state) {
        Runner *r;
        Session *s = in_transfer(send_little, local_file(), &r);
        char text[4096], *value;

        (void) state;
        session_wait_bytes(s, 1000);
        assert_int_equal(read_fdinfo(0, s->fd, text, sizeof(text)), 0);
        value = fdinfo_value(text, "kftp-state");
        assert_string_equal(value, "transfer");
        free(value);
        value = fdinfo_value(text, "kftp-bytes-in");
        assert_string_equal(value, "1000");
        free(value);
        value = fdinfo_value(text, "kftp-requests");
        assert_string_equal(value, "1");
        free(value);
        value = fdinfo_value(text, "kftp-peer");
        assert_true(strncmp(value, "127.0.0.1:", 10) == 0);
        free(value);
        assert_null(strstr(text, "secret"));
        session_cancel(s, KFTP_CANCEL_SESSION, 0);
        runner_join(r);
}

/* ---- The descriptor goes while RUN is in progress ----------------------------------------------- */

static void send_on_demand(Conn *c) {
        atomic_bool *go = peer_userdata(c);

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        while (!*go)
                peer_sleep(10);
        peer_data_send(c, 1000, 1000);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_until_closed(c);
}

static void test_close_during_run(void **state) {
        atomic_bool go = false;
        Peer *p = test_peer("127.0.0.1", send_on_demand, &go);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);
        int fd = local_file();
        Runner *r;

        (void) state;
        session_retr(s, fd, "file", 1);
        r = runner_start(s);
        runner_wait_running(r);
        session_wait_state(s, KFTP_STATE_TRANSFER);
        close(s->fd);
        s->fd = -1;
        go = true;
        /* It goes on to its event; then the session ends. */
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_file_content(fd, 0, 2000);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_second_run),
        DEVICE_TEST(test_epoll_beside_file_io),
        DEVICE_TEST(test_epoll_beside_sleep),
        DEVICE_TEST(test_nothing_waits_for_run),
        DEVICE_TEST(test_fdinfo),
        DEVICE_TEST(test_close_during_run),
};

DEVICE_TESTS("running", tests)
