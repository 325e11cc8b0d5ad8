/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals: RUN can be interrupted everywhere, stopping and continuing go unnoticed, and the next
 * RUN goes on where the last one was.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static atomic_uint handled;

static void on_signal(int sig) {
        (void) sig;
        handled++;
}

static void handle(int sig, int flags) {
        struct sigaction a = { .sa_handler = on_signal, .sa_flags = flags };

        handled = 0;
        assert_int_equal(sigaction(sig, &a, NULL), 0);
}

/* Sends half, waits until it is told, sends the rest. */
static void in_two_halves(Conn *c) {
        atomic_bool *go = peer_userdata(c);

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 50000);
        while (!*go)
                peer_sleep(10);
        peer_data_send(c, 50000, 50000);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_goodbye(c);
}

static Session *in_the_middle(atomic_bool *go, int fd, Runner **ret_runner) {
        Peer *p = test_peer("127.0.0.1", in_two_halves, go);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);

        session_retr(s, fd, "file", 1);
        *ret_runner = runner_start(s);
        runner_wait_running(*ret_runner);
        session_wait_bytes(s, 50000);
        sleep_ms(100);
        return s;
}

/* ---- A handled signal -------------------------------------------------------------------------- */

/* EINTR, also with SA_RESTART (nobody should have to guess); nothing is lost by it. */
static void handled_signal(int flags) {
        atomic_bool go = false;
        int fd = local_file();
        Runner *r;
        Session *s = in_the_middle(&go, fd, &r);

        handle(SIGUSR2, flags);
        assert_int_equal(pthread_kill(runner_thread(r), SIGUSR2), 0);
        assert_int_equal(runner_join(r), -EINTR);
        assert_int_equal(handled, 1);
        assert_int_equal(session_info(s).state, KFTP_STATE_TRANSFER);
        go = true;
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.bytes, 100000);
        assert_file_size(fd, 100000);
        assert_file_content(fd, 0, 100000);
}

static void test_handled(void **state) {
        (void) state;
        handled_signal(0);
}

static void test_handled_restart(void **state) {
        (void) state;
        handled_signal(SA_RESTART);
}

static void slow_to_greet(Conn *c) {
        peer_sleep(300);
        peer_friendly(c);
}

/* Blocked signals do not count. */
static void test_blocked(void **state) {
        Peer *p = test_peer("127.0.0.1", slow_to_greet, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);
        sigset_t set, old;

        (void) state;
        handle(SIGUSR2, 0);
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
        assert_int_equal(raise(SIGUSR2), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(handled, 0);
        assert_int_equal(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
        assert_int_equal(handled, 1);
}

typedef struct Pesterer {
        pthread_t victim;
        atomic_bool stop;
} Pesterer;

static void *pester(void *userdata) {
        Pesterer *p = userdata;

        while (!p->stop) {
                pthread_kill(p->victim, SIGUSR2);
                sleep_ms(3);
        }
        return NULL;
}

/* A rain of signals over whole downloads changes no byte. */
static void test_rain(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Pesterer rain = { .victim = pthread_self() };
        unsigned interrupted = 0, done = 0;
        Session *s = session_armed(&c);
        int fds[4];
        pthread_t t;

        (void) state;
        handle(SIGUSR2, 0);
        for (unsigned i = 0; i < 4; i++) {
                fds[i] = local_file();
                session_retr(s, fds[i], "bytes-3000000", i);
        }
        assert_int_equal(pthread_create(&t, NULL, pester, &rain), 0);
        while (done < 4) {
                int r = session_run(s);

                if (r == -EINTR)
                        interrupted++;
                else if (r < 0 || (s->event.type == KFTP_EVENT_DONE && s->event.error != 0))
                        break;
                else if (s->event.type == KFTP_EVENT_DONE)
                        done++;
        }
        rain.stop = true;
        pthread_join(t, NULL);
        assert_int_equal(done, 4);
        assert_true(interrupted > 0);
        for (unsigned i = 0; i < 4; i++) {
                assert_file_size(fds[i], 3000000);
                assert_file_content(fds[i], 0, 3000000);
        }
}

/*
 * A signal while the local file holds RUN up. The file system may give up, before or in the middle
 * of what it was to write, or finish; the bytes that came from the network are written in the end.
 */
static void signal_in_file_io(unsigned good_writes, int error) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        static uint8_t content[200000];
        Session *s = session_ready(&c);
        SlowFile *slow;
        Runner *r;
        int fd;

        handle(SIGUSR2, 0);
        slow = test_slow_file(&fd);
        slowfs_close_gate(slow);
        slowfs_fail(slow, good_writes, error);
        session_retr(s, fd, "bytes-200000", 1);
        r = runner_start(s);
        assert_true(slowfs_wait_stuck(slow));
        assert_int_equal(pthread_kill(runner_thread(r), SIGUSR2), 0);
        sleep_ms(100);
        slowfs_open_gate(slow);
        if (error == 0 && runner_join(r) == 0)
                session_assert_event(s, KFTP_EVENT_DONE);
        else {
                if (error != 0)
                        assert_int_equal(runner_join(r), -EINTR);
                slowfs_fail(slow, 0, 0);
                session_run(s);
        }
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_int_equal(s->event.bytes, 200000);
        assert_int_equal(slowfs_content(slow, content, sizeof(content)), 200000);
        for (size_t i = 0; i < sizeof(content); i++)
                if (content[i] != peer_byte(i))
                        fail_msg("byte %zu is wrong", i);
}

static void test_in_file_io(void **state) {
        (void) state;
        signal_in_file_io(0, 0);
}

static void test_in_file_io_given_up(void **state) {
        (void) state;
        signal_in_file_io(0, EINTR);
}

static void test_in_file_io_short(void **state) {
        (void) state;
        signal_in_file_io(1, EINTR);
}

/* ---- Stop, continue, trace ----------------------------------------------------------------------- */

/* A child downloads; what its RUN returned is its exit status. */
static pid_t download_in_child(Peer *p, int fd) {
        struct kftp_connect c = connect_to_peer(p);
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        Session *s = session_open();
        struct kftp_submit r = retr(fd, "file", 1);

        c.reply_ms = c.data_ms = 2000;
        if (session_connect(s, &c) < 0 || session_submit(s, &r) < 0 || session_run(s) < 0 || session_run(s) < 0)
                _exit(-s->result);
        _exit(s->event.type == KFTP_EVENT_DONE && s->event.error == 0 ? 0 : 200);
}

static void wait_for_bytes(int fd, uint64_t n) {
        uint64_t until = now_ms() + PEER_PATIENCE_MS;

        while (lseek(fd, 0, SEEK_END) < (off_t) n && now_ms() < until)
                sleep_ms(5);
        sleep_ms(100);
}

static void assert_downloaded(pid_t pid, int fd) {
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_file_size(fd, 100000);
        assert_file_content(fd, 0, 100000);
}

/* RUN is restarted unseen. Being stopped for longer than a deadline does no harm if the bytes came. */
static void test_stop_and_continue(void **state) {
        atomic_bool go = false;
        Peer *p = test_peer("127.0.0.1", in_two_halves, &go);
        int fd = local_file();
        pid_t pid = download_in_child(p, fd);

        (void) state;
        wait_for_bytes(fd, 50000);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(kill(pid, SIGSTOP), 0);
                sleep_ms(50);
                assert_int_equal(kill(pid, SIGCONT), 0);
                sleep_ms(50);
        }
        assert_int_equal(kill(pid, SIGSTOP), 0);
        go = true;
        sleep_ms(3000);
        assert_int_equal(kill(pid, SIGCONT), 0);
        assert_downloaded(pid, fd);
}

/* So is being attached to and let go by a tracer. */
static void test_trace(void **state) {
        atomic_bool go = false;
        Peer *p = test_peer("127.0.0.1", in_two_halves, &go);
        int fd = local_file(), status;
        pid_t pid = download_in_child(p, fd);

        (void) state;
        wait_for_bytes(fd, 50000);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(ptrace(PTRACE_ATTACH, pid, NULL, NULL), 0);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFSTOPPED(status));
                assert_int_equal(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
                sleep_ms(50);
        }
        go = true;
        assert_downloaded(pid, fd);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_handled),
        DEVICE_TEST(test_handled_restart),
        DEVICE_TEST(test_blocked),
        DEVICE_TEST(test_rain),
        DEVICE_TEST(test_in_file_io),
        DEVICE_TEST(test_in_file_io_given_up),
        DEVICE_TEST(test_in_file_io_short),
        DEVICE_TEST(test_stop_and_continue),
        DEVICE_TEST(test_trace),
};

DEVICE_TESTS("signals", tests)
