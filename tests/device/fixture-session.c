/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions as the tests use them, and threads that drive one. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "fixture-internal.h"

#define RUNNER_PATIENCE_S 60

struct Runner {
        pthread_t thread;
        Session *session;
        int result;
        uint64_t runs_before;
        Runner *next;
};

static Session *sessions;
static Runner *runners;

/* ---- Sessions -------------------------------------------------------------------------------- */

Session *session_open(void) {
        Session *s;

        s = calloc(1, sizeof(*s));
        assert_non_null(s);
        s->fd = open(KFTP_TEST_DEVICE, O_RDWR | O_CLOEXEC);
        if (s->fd < 0)
                fail_msg("%s: %s", KFTP_TEST_DEVICE, strerror(errno));
        s->next = sessions;
        sessions = s;
        return s;
}

void session_close(Session *s) {
        for (Session **p = &sessions; *p; p = &(*p)->next)
                if (*p == s) {
                        *p = s->next;
                        break;
                }
        close(s->fd);
        free(s);
}

void sessions_close(void) {
        while (sessions)
                session_close(sessions);
}

static int result_of(int r) {
        return r < 0 ? -errno : r;
}

struct kftp_connect connect_to(const struct kftp_addr *peer) {
        return (struct kftp_connect) {
                .size = sizeof(struct kftp_connect),
                .peer = *peer,
                .user = (uintptr_t) "user",
                .user_len = strlen("user"),
                .password = (uintptr_t) "secret",
                .password_len = strlen("secret"),
        };
}

struct kftp_connect connect_to_peer(const Peer *p) {
        struct kftp_addr a = peer_address(p);

        return connect_to(&a);
}

int session_connect(Session *s, const struct kftp_connect *c) {
        return result_of(ioctl(s->fd, KFTP_CONNECT, c));
}

Session *session_armed(const struct kftp_connect *c) {
        Session *s = session_open();

        assert_int_equal(session_connect(s, c), 0);
        return s;
}

Session *session_ready(const struct kftp_connect *c) {
        Session *s = session_armed(c);

        session_expect(s, KFTP_EVENT_CONNECTED);
        return s;
}

Session *session_with(PeerScript script, void *userdata, Peer **ret_peer) {
        Peer *p = test_peer("127.0.0.1", script, userdata);
        struct kftp_connect c = connect_to_peer(p);

        if (ret_peer)
                *ret_peer = p;
        c.reply_ms = c.data_ms = c.abort_ms = 5000;
        return session_ready(&c);
}

int session_run_with(Session *s, uint32_t flags, uint64_t max_bytes) {
        s->event = (struct kftp_run) {
                .size = sizeof(struct kftp_run),
                .flags = flags,
                .max_bytes = max_bytes,
                .text = (uintptr_t) s->text,
                .text_cap = sizeof(s->text) - 1,
        };
        memset(s->text, 0, sizeof(s->text));
        s->result = result_of(ioctl(s->fd, KFTP_RUN, &s->event));
        return s->result;
}

int session_run(Session *s) {
        int r;

        for (;;) {
                r = session_run_with(s, 0, 0);
                if (r < 0 || !s->agent || s->event.type != KFTP_EVENT_TLS)
                        return r;
                /* ESRCH: the next RUN says why */
                (void) lent_serve(lent_take(s, s->event.channel));
        }
}

static const char *event_name(unsigned type) {
        static const char *const names[] = { "NONE", "CONNECTED", "TLS", "DATA_WANTED", "LINE", "PROGRESS",
                                             "YIELD", "DONE", "CLOSED" };

        return type < sizeof(names) / sizeof(names[0]) ? names[type] : "an unknown event";
}

void session_assert_event(Session *s, enum kftp_event_type type) {
        if (s->result < 0)
                fail_msg("RUN should have returned %s, but failed: %s", event_name(type), strerror(-s->result));
        if (s->event.type != type)
                fail_msg("RUN should have returned %s, but returned %s, error %d (%s), reply %u '%s'", event_name(type),
                         event_name(s->event.type), s->event.error, strerror(-s->event.error), s->event.reply, s->text);
}

void session_expect(Session *s, enum kftp_event_type type) {
        session_run(s);
        session_assert_event(s, type);
}

static void assert_error(Session *s, int error) {
        if (s->event.error != error)
                fail_msg("%s of request %llu should have error %d (%s), but has %d (%s), reply %u '%s'",
                         event_name(s->event.type), (unsigned long long) s->event.user_data, error, strerror(-error), s->event.error, strerror(-s->event.error), s->event.reply, s->text);
}

void session_expect_done(Session *s, uint64_t user_data, int error) {
        session_expect(s, KFTP_EVENT_DONE);
        assert_error(s, error);
        assert_int_equal(s->event.user_data, user_data);
}

void session_expect_closed(Session *s, int error) {
        Session again = { .fd = s->fd };

        session_expect(s, KFTP_EVENT_CLOSED);
        assert_error(s, error);
        assert_int_equal(session_run(&again), -ENOTCONN);
}

void session_run_until_idle(Session *s) {
        if (session_run_with(s, KFTP_RUN_NONBLOCK, 0) != -EAGAIN)
                fail_msg("RUN should have had nothing to do, but returned %s",
                         s->result < 0 ? strerror(-s->result) : event_name(s->event.type));
}

struct kftp_info session_info(Session *s) {
        struct kftp_info info = { .size = sizeof(info) };

        assert_int_equal(result_of(ioctl(s->fd, KFTP_INFO, &info)), 0);
        return info;
}

void session_wait_state(Session *s, enum kftp_state state) {
        uint64_t until = now_ms() + PEER_PATIENCE_MS;

        while (session_info(s).state != state) {
                if (now_ms() > until)
                        fail_msg("the session should come into state %d, but is in %u", state, session_info(s).state);
                sleep_ms(5);
        }
}

static void wait_moved(Session *s, uint64_t in, uint64_t out) {
        uint64_t until = now_ms() + PEER_PATIENCE_MS;
        struct kftp_info info;

        while (info = session_info(s), info.bytes_in < in || info.bytes_out < out) {
                if (now_ms() > until)
                        fail_msg("only %llu bytes have come, %llu have gone", (unsigned long long) info.bytes_in,
                                 (unsigned long long) info.bytes_out);
                sleep_ms(5);
        }
}

void session_wait_bytes(Session *s, uint64_t n) {
        wait_moved(s, n, 0);
}

void session_wait_sent(Session *s, uint64_t n) {
        wait_moved(s, 0, n);
}

int session_cancel(Session *s, enum kftp_cancel_what what, uint64_t user_data) {
        struct kftp_cancel c = { .size = sizeof(c), .what = what, .user_data = user_data };

        return result_of(ioctl(s->fd, KFTP_CANCEL, &c));
}

int session_submit(Session *s, const struct kftp_submit *r) {
        return result_of(ioctl(s->fd, KFTP_SUBMIT, r));
}

struct kftp_submit request(enum kftp_op op, int fd, const char *path, uint64_t user_data) {
        return (struct kftp_submit) {
                .size = sizeof(struct kftp_submit),
                .op = op,
                .fd = fd,
                .path = (uintptr_t) path,
                .path_len = path ? strlen(path) : 0,
                .user_data = user_data,
        };
}

struct kftp_submit retr(int fd, const char *path, uint64_t user_data) {
        return request(KFTP_OP_RETR, fd, path, user_data);
}

struct kftp_submit quit_request(uint64_t user_data) {
        return request(KFTP_OP_QUIT, -1, NULL, user_data);
}

void session_retr(Session *s, int fd, const char *path, uint64_t user_data) {
        struct kftp_submit r = retr(fd, path, user_data);

        assert_int_equal(session_submit(s, &r), 0);
}

void session_command(Session *s, enum kftp_op op, const char *path, int error) {
        struct kftp_submit r = request(op, -1, path, 8888);

        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 8888, error);
}

void session_assert_usable(Session *s) {
        int fd = local_file();

        session_retr(s, fd, "bytes-777", 7777);
        session_expect_done(s, 7777, 0);
        assert_int_equal(s->event.local_file, 0);
        assert_file_size(fd, 777);
        assert_file_content(fd, 0, 777);
        session_quit(s);
}

void session_quit(Session *s) {
        struct kftp_submit r = quit_request(9999);

        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 9999, 0);
        assert_int_equal(s->event.reply, 221);
        session_expect_closed(s, 0);
}

/* ---- Threads --------------------------------------------------------------------------------- */

static void *runner_main(void *userdata) {
        Runner *r = userdata;
        sigset_t alarm_only;

        sigemptyset(&alarm_only);
        sigaddset(&alarm_only, SIGALRM);
        pthread_sigmask(SIG_BLOCK, &alarm_only, NULL);
        r->result = session_run(r->session);
        return NULL;
}

Runner *runner_start(Session *s) {
        Runner *r;

        r = calloc(1, sizeof(*r));
        assert_non_null(r);
        r->session = s;
        r->runs_before = session_info(s).runs;
        assert_int_equal(pthread_create(&r->thread, NULL, runner_main, r), 0);
        r->next = runners;
        runners = r;
        return r;
}

pthread_t runner_thread(Runner *r) {
        return r->thread;
}

void runner_wait_running(Runner *r) {
        uint64_t until = now_ms() + PEER_PATIENCE_MS;

        while (session_info(r->session).runs == r->runs_before) {
                if (now_ms() > until)
                        fail_msg("the thread does not come to RUN");
                sleep_ms(5);
        }
        sleep_ms(100);
}

static void runner_forget(Runner *r) {
        for (Runner **p = &runners; *p; p = &(*p)->next)
                if (*p == r) {
                        *p = r->next;
                        break;
                }
        free(r);
}

static int join(Runner *r, unsigned seconds) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += seconds;
        return pthread_timedjoin_np(r->thread, NULL, &until);
}

int runner_join(Runner *r) {
        int result;

        if (join(r, RUNNER_PATIENCE_S) != 0)
                fail_msg("a RUN does not return");
        result = r->result;
        runner_forget(r);
        return result;
}

void runners_stop(void) {
        while (runners) {
                Runner *r = runners;

                (void) session_cancel(r->session, KFTP_CANCEL_SESSION, 0);
                do
                        pthread_kill(r->thread, SIGUSR1);
                while (join(r, 1) != 0);
                runner_forget(r);
        }
}
