/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets that were lent stay shared: with the caller, who can do to them what he likes, and with whoever has got a
 * descriptor from him. It is their transfer that suffers, and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define DATA KFTP_ROLE_DATA
#define CONTROL KFTP_ROLE_CONTROL

/* A process that has got hold of a lent descriptor, and reads from it, or only sits there. */
static pid_t stranger(Lent *l, bool reads) {
        pid_t pid = fork();
        char bytes[1000];

        assert_true(pid >= 0);
        if (pid > 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(l->session->fd);
        while (reads) {
                struct pollfd p = { .fd = l->fd, .events = POLLIN };

                (void) poll(&p, 1, 10);
                (void) recv(l->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        }
        for (;;)
                pause();
}

static void end_stranger(pid_t pid) {
        int status;

        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void send_and_say(Conn *c) {
        peer_greet(c);
        peer_set_size(c, 3000000);
        peer_retr_begin(c, "file", 0, 0);
        if (peer_data_try_send(c, 0, 3000000))
                peer_data_close(c);
        else
                peer_data_cut(c);
        peer_say(c, "226 Sent");
        peer_goodbye(c);
}

/* Records that he has taken are missing, which nobody may take for a file. */
static void test_stranger_reads(void **state) {
        Session *s = tls_session(send_and_say, NULL, NULL);
        struct kftp_submit r = retr(local_file(), "file", 1);
        pid_t pid;
        Lent *l;

        (void) state;
        r.flags = KFTP_SUBMIT_ASK_SIZE;
        assert_int_equal(session_submit(s, &r), 0);
        l = lent_expect(s, DATA);
        lent_shake(l);
        pid = stranger(l, true);
        assert_int_equal(lent_answer(l, 0), 0);
        session_expect(s, KFTP_EVENT_DONE);
        if (s->event.bytes < 3000000)
                assert_true(s->event.error < 0);
        else
                assert_int_equal(s->event.error, 0);
        end_stranger(pid);
        session_quit(s);
}

/* He holds it, and that keeps nothing alive: neither the connections, nor the module. */
static void see_the_end(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_until_closed(c);
        peer_until_closed(c);
}

static void test_stranger_holds(void **state) {
        Session *s = tls_armed(KFTP_TLS_REQUIRED, see_the_end, NULL, NULL);
        pid_t pids[2];
        Lent *l;

        (void) state;
        l = lent_expect(s, CONTROL);
        pids[0] = stranger(l, false);
        assert_int_equal(lent_serve(l), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_retr(s, local_file(), "file", 1);
        l = lent_expect(s, DATA);
        pids[1] = stranger(l, false);
        assert_int_equal(lent_serve(l), 0);
        while (session_info(s).bytes_in < 1000)
                session_run_until_idle(s);
        session_close(s);
        /* The strangers still have theirs. */
        for (uint64_t until = now_ms() + 5000; module_refcount() > 0; sleep_ms(20))
                assert_true(now_ms() < until);
        end_stranger(pids[0]);
        end_stranger(pids[1]);
}

/*
 * He makes the socket block: his own calls then do, as everybody's who asks for it, and a signal ends them. Or he takes
 * it away from its server. Nothing comes of either but his own failure.
 */
static void never_read(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_stor_begin(c, "STOR file");
        peer_until_closed(c);
}

static void test_made_to_block(void **state) {
        Session *s = tls_session(never_read, NULL, NULL);
        struct kftp_submit r = request(KFTP_OP_STOR, filled_file(20000000), "file", 1);
        Runner *runner;
        Lent *l;
        int copy;

        (void) state;
        assert_int_equal(session_submit(s, &r), 0);
        l = lent_expect(s, DATA);
        lent_shake(l);
        copy = test_fd(dup(l->fd));
        assert_int_equal(fcntl(copy, F_SETFL, 0), 0);
        assert_int_equal(lent_answer(l, 0), 0);
        runner = runner_start(s);
        runner_wait_running(runner);
        sleep_ms(500);
        pthread_kill(runner_thread(runner), SIGUSR1);
        assert_int_equal(runner_join(runner), -EINTR);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
        session_expect_done(s, 1, -ECANCELED);
        session_expect_closed(s, -ECANCELED);
}

static void be_left(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_until_closed(c);
        peer_until_closed(c);
}

static void test_disconnected(void **state) {
        struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

        (void) state;
        for (unsigned i = 0; i < 3; i++) {
                Session *s = tls_session(be_left, NULL, NULL);
                Lent *l;

                session_retr(s, local_file(), "file", 1);
                l = lent_expect(s, DATA);
                if (i > 0)
                        assert_int_equal(lent_hello(l), 0);
                if (i > 1)
                        assert_int_equal(lent_keys(l, TLS_KEYS_BOTH), 0);
                (void) connect(l->fd, &nowhere, sizeof(nowhere));
                assert_int_equal(lent_answer(l, 0), 0);
                assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
                session_expect(s, KFTP_EVENT_DONE);
                assert_true(s->event.error < 0);
                session_expect(s, KFTP_EVENT_CLOSED);
                session_close(s);
        }
}

/* The caller itself pulls the rug from under what it has lent and got back. */
static void test_shut_down(void **state) {
        Session *s = tls_session(send_and_say, NULL, NULL);
        int copy;
        Lent *l;

        (void) state;
        session_retr(s, local_file(), "file", 1);
        l = lent_expect(s, DATA);
        copy = test_fd(dup(l->fd));
        lent_shake(l);
        assert_int_equal(lent_answer(l, 0), 0);
        assert_int_equal(shutdown(copy, SHUT_RDWR), 0);
        session_expect(s, KFTP_EVENT_DONE);
        assert_true(s->event.error < 0);
        session_quit(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_stranger_reads),
        DEVICE_TEST(test_stranger_holds),
        DEVICE_TEST(test_made_to_block),
        DEVICE_TEST(test_disconnected),
        DEVICE_TEST(test_shut_down),
};

TLS_DEVICE_TESTS("tls-strangers", tests)
