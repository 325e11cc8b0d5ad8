/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a session in each of its states: closed, killed, cancelled, stopped. Nothing outlives
 * it: after each the module is not in use (which every test of the device asserts at its end, too).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "states.h"

static void assert_unused(const StateCase *row) {
        for (uint64_t until = now_ms() + 10000; module_refcount() > 0; sleep_ms(10))
                if (now_ms() > until)
                        fail_msg("%s: the module is still in use", row->name);
}

static Session *reached(const StateCase *row, struct kftp_addr *ret_peer) {
        Session *s = session_open();
        int file = local_file();

        *ret_peer = state_peer(row);
        if (!state_reach(row, s->fd, ret_peer, file))
                fail_msg("%s: cannot be reached", row->name);
        return s;
}

/* Each state by itself, as a test of its own would do it. */
static void each_state(void (*test)(const StateCase *row)) {
        for (const StateCase *row = state_cases; row->name; row++) {
                void *none = NULL;

                if (!state_applies(row))
                        continue;
                test(row);
                assert_int_equal(test_end(&none), 0);
                assert_int_equal(test_begin(&none), 0);
        }
}

/* ---- Seen from outside ------------------------------------------------------------------------------ */

static void see(const StateCase *row) {
        struct kftp_addr peer;
        Session *s = reached(row, &peer);
        char text[4096], *value;

        assert_int_equal(session_info(s).state, row->state);
        assert_int_equal(read_fdinfo(0, s->fd, text, sizeof(text)), 0);
        value = fdinfo_value(text, "kftp-state");
        assert_non_null(value);
        assert_string_equal(value, row->name);
        free(value);
}

static void test_states_are_shown(void **state) {
        (void) state;
        each_state(see);
}

/* ---- Closed ------------------------------------------------------------------------------------------- */

static void close_it(const StateCase *row) {
        struct kftp_addr peer;
        Session *s = reached(row, &peer);

        assert_int_equal(module_refcount(), 1);
        session_close(s);
        assert_unused(row);
}

static void test_close(void **state) {
        (void) state;
        each_state(close_it);
}

/* ---- Killed -------------------------------------------------------------------------------------------- */

/* In a blocking RUN, as most programs are when they are killed. */
static void child_main(const StateCase *row, const struct kftp_addr *peer, int file, int told) {
        int session = open("/dev/kftp", O_RDWR | O_CLOEXEC);
        char byte = 'x';

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (session < 0 || !state_reach(row, session, peer, file) || write(told, &byte, 1) != 1)
                _exit(1);
        for (;;) {
                struct kftp_run run = { .size = sizeof(run) };

                if (ioctl(session, KFTP_RUN, &run) < 0)
                        pause();
        }
}

static void kill_it(const StateCase *row) {
        struct kftp_addr peer = state_peer(row);
        int pipefd[2], status, file = local_file();
        pid_t pid;
        char byte;

        assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
        test_fd(pipefd[0]);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                child_main(row, &peer, file, pipefd[1]);
        close(pipefd[1]);
        if (read(pipefd[0], &byte, 1) != 1)
                fail_msg("%s: cannot be reached", row->name);
        sleep_ms(50);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_unused(row);
}

static void test_kill(void **state) {
        (void) state;
        each_state(kill_it);
}

/* While the local file holds RUN up, too. */
static void send_much(Conn *c) {
        peer_may_leave(c);
        peer_serve(c);
}

static void test_kill_in_file_io(void **state) {
        Peer *p = test_peer("127.0.0.1", send_much, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_submit r;
        SlowFile *slow;
        int fd, status;
        pid_t pid;

        (void) state;
        slow = test_slow_file(&fd);
        slowfs_close_gate(slow);
        r = retr(fd, "bytes-1000000", 1);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct kftp_run run = { .size = sizeof(run) };
                int session = open("/dev/kftp", O_RDWR | O_CLOEXEC);

                if (ioctl(session, KFTP_CONNECT, &c) == 0 && ioctl(session, KFTP_SUBMIT, &r) == 0)
                        while (ioctl(session, KFTP_RUN, &run) == 0)
                                ;
                _exit(1);
        }
        assert_true(slowfs_wait_stuck(slow));
        assert_int_equal(kill(pid, SIGKILL), 0);
        sleep_ms(100);
        /* The write itself has to end: FUSE waits for its server, as for any program. */
        slowfs_open_gate(slow);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_unused(state_cases);
}

/* ---- Cancelled ------------------------------------------------------------------------------------------- */

static void cancel_it(const StateCase *row) {
        struct kftp_addr peer;
        Session *s = reached(row, &peer);
        int r = session_cancel(s, KFTP_CANCEL_SESSION, 0);
        unsigned requests = session_info(s).queued;

        if (row->state == KFTP_STATE_NEW || row->state == KFTP_STATE_CLOSED) {
                assert_int_equal(r, -ENOENT);
                return;
        }
        assert_int_equal(r, 0);
        for (unsigned i = 0; i < requests; i++)
                session_expect(s, KFTP_EVENT_DONE);
        session_expect_closed(s, -ECANCELED);
}

static void test_cancel(void **state) {
        (void) state;
        each_state(cancel_it);
}

/* ---- More than one session -------------------------------------------------------------------------------- */

/* A copy of the descriptor keeps it; the last one ends it. */
static void test_last_descriptor(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);
        int copy = dup(s->fd);

        (void) state;
        close(s->fd);
        assert_int_equal(module_refcount(), 1);
        s->fd = copy;
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect_done(s, 1, 0);
}

/* A process keeps it alive that may not use it. */
static void test_held_by_child(void **state) {
        Peer *p = test_peer("127.0.0.1", send_much, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);
        pid_t pid = fork();
        int status;

        (void) state;
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        pause();
        }
        session_close(s);
        assert_int_equal(module_refcount(), 1);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_unused(state_cases);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_states_are_shown),
        DEVICE_TEST(test_close),
        DEVICE_TEST(test_kill),
        DEVICE_TEST(test_kill_in_file_io),
        DEVICE_TEST(test_cancel),
        DEVICE_TEST(test_last_descriptor),
        DEVICE_TEST(test_held_by_child),
};

DEVICE_TESTS("lifetime", tests)
