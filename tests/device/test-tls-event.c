/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TLS event and the descriptor that it lends: what the descriptor is, that neither it nor the event is ever
 * lost, what RUN and poll() do until the answer, and how long that may take.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

/* ---- The descriptor --------------------------------------------------------------------------------------- */

static uint64_t cookie_of(int fd) {
        uint64_t cookie = 0;
        socklen_t len = sizeof(cookie);

        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
        return cookie;
}

static void assert_lent(int fd) {
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDWR);
}

static uint16_t port_of(int fd, bool peer) {
        struct sockaddr_storage ss = {};
        socklen_t len = sizeof(ss);

        assert_int_equal((peer ? getpeername : getsockname)(fd, (struct sockaddr *) &ss, &len), 0);
        return ((uint16_t *) &ss)[1];
}

static void test_descriptor(void **state) {
        Peer *p;
        Session *s = tls_armed(KFTP_TLS_REQUIRED, peer_secure_serve, NULL, &p);
        Lent *l = lent_expect(s, KFTP_ROLE_CONTROL);
        int control = test_fd(dup(l->fd)), data;

        (void) state;
        assert_lent(l->fd);
        assert_int_equal(port_of(l->fd, true), peer_address(p).port);
        assert_int_equal(port_of(l->fd, false), session_info(s).local.port);
        assert_int_equal(lent_serve(l), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_retr(s, local_file(), "bytes-1000", 77);
        l = lent_expect(s, KFTP_ROLE_DATA);
        assert_lent(l->fd);
        assert_int_equal(s->event.user_data, 77);
        assert_int_equal(s->event.peer.port, port_of(l->fd, true));
        data = test_fd(dup(l->fd));
        assert_true(cookie_of(data) != cookie_of(control));
        assert_int_equal(lent_serve(l), 0);
        session_expect_done(s, 77, 0);
        /* The next one has another, whoever still holds the last. */
        session_retr(s, local_file(), "bytes-1000", 78);
        l = lent_expect(s, KFTP_ROLE_DATA);
        assert_true(l->fd != data && l->fd != control);
        assert_true(cookie_of(l->fd) != cookie_of(data));
        assert_int_equal(lent_serve(l), 0);
        session_expect_done(s, 78, 0);
        session_quit(s);
}

/* The number that comes next; one that was taken and given to nobody is missing, too. */
static int next_descriptor(void) {
        int fd = dup(0);

        close(fd);
        return fd;
}

/* RUN finds no place for its event until there is one: EFAULT. */
static void fail_to_fetch(Session *s) {
        struct kftp_run *run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        assert_ptr_not_equal(run, MAP_FAILED);
        *run = (struct kftp_run) { .size = sizeof(*run) };
        assert_int_equal(mprotect(run, 4096, PROT_READ), 0);
        assert_int_equal(ioctl(s->fd, KFTP_RUN, run), -1);
        assert_int_equal(errno, EFAULT);
        munmap(run, 4096);
}

/* The event cannot be copied out, and then it can. */
static void event_at_last(Session *s, enum kftp_role channel) {
        struct kftp_run narrow = { .size = offsetof(struct kftp_run, fd) };
        struct rlimit limit, none;
        int before, refused;

        fail_to_fetch(s);
        sleep_ms(300);  /* the server's own descriptors are all there now */
        before = next_descriptor();
        for (unsigned i = 0; i < 3; i++)
                fail_to_fetch(s);
        /* Nor is it for whoever has no room for the descriptor's number. */
        assert_int_equal(ioctl(s->fd, KFTP_RUN, &narrow), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(next_descriptor(), before);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none = limit;
        none.rlim_cur = 0;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        refused = session_run_with(s, 0, 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(refused, -EMFILE);
        assert_int_equal(next_descriptor(), before);
        assert_int_equal(lent_serve(lent_expect(s, channel)), 0);
}

static void test_not_lost(void **state) {
        Session *s = tls_armed(KFTP_TLS_REQUIRED, peer_secure_serve, NULL, NULL);

        (void) state;
        event_at_last(s, KFTP_ROLE_CONTROL);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_retr(s, local_file(), "bytes-1000", 1);
        event_at_last(s, KFTP_ROLE_DATA);
        session_expect_done(s, 1, 0);
        session_quit(s);
}

static void serve_who_leaves(Conn *c) {
        peer_may_leave(c);
        peer_secure_serve(c);
}

/* And it may never be. */
static void test_never_fetched(void **state) {
        Session *s = tls_armed(KFTP_TLS_REQUIRED, serve_who_leaves, NULL, NULL);

        (void) state;
        fail_to_fetch(s);
        session_close(s);
        s = tls_session(serve_who_leaves, NULL, NULL);
        session_retr(s, local_file(), "bytes-1000", 1);
        fail_to_fetch(s);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        session_run(s);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ECANCELED);
        session_close(s);
}

/* ---- Until the answer ------------------------------------------------------------------------------------------ */

static bool readable(Session *s, int timeout) {
        struct pollfd p = { .fd = s->fd, .events = POLLIN };

        assert_true(poll(&p, 1, timeout) >= 0);
        return p.revents;
}

/* Polls and runs until poll() says that there is nothing. */
static void settle(Session *s) {
        while (readable(s, 0))
                session_run_until_idle(s);
}

static uint64_t cpu_us(void) {
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return t.tv_sec * UINT64_C(1000000) + t.tv_nsec / 1000;
}

/* For so long poll() says nothing, and a RUN that has nothing to do sleeps, and does not turn. */
static void assert_quiet(Session *s, unsigned ms) {
        struct kftp_info before, after;
        uint64_t cpu, until;
        Runner *r;

        settle(s);
        assert_false(readable(s, ms));
        r = runner_start(s);
        runner_wait_running(r);
        before = session_info(s);
        cpu = cpu_us();
        until = now_ms() + ms;
        while (now_ms() < until)
                sleep_ms(50);
        cpu = cpu_us() - cpu;
        after = session_info(s);
        if (after.sleeps - before.sleeps > 2 || after.runs != before.runs || cpu > ms * 500)
                fail_msg("RUN has woken %llu times, and used %llu us in %u ms",
                         (unsigned long long) (after.sleeps - before.sleeps), (unsigned long long) cpu, ms);
        pthread_kill(runner_thread(r), SIGUSR1);
        assert_int_equal(runner_join(r), -EINTR);
}

static void agree_and_wait(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_say(c, "234 Go ahead");
        peer_until_closed(c);
}

/* An event that cannot be fetched holds up neither who cancels nor the deadline. */
static void test_not_fetched(void **state) {
        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                Peer *p = test_peer("127.0.0.1", agree_and_wait, NULL);
                struct kftp_connect c = tls_connect_to(p, KFTP_TLS_REQUIRED);
                Session *s;

                c.connect_ms = i == 0 ? 60000 : 1000;
                s = session_armed(&c);
                fail_to_fetch(s);
                if (i == 0)
                        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
                else
                        sleep_ms(1500);
                session_expect_closed(s, i == 0 ? -ECANCELED : -ETIMEDOUT);
                test_peer_finish(p);
        }
}

static void speak_in_clear(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_say(c, "234 Go ahead");
        peer_expect_silence(c, 300);
        peer_say(c, "230 You are in, believe me");
        peer_until_closed(c);
}

/* RUN leaves a lent control connection alone: whatever comes is the caller's. */
static void test_control_is_left_alone(void **state) {
        Session *s = tls_armed(KFTP_TLS_REQUIRED, speak_in_clear, NULL, NULL);
        Lent *l = lent_expect(s, KFTP_ROLE_CONTROL);
        struct pollfd p = { .fd = l->fd, .events = POLLIN };
        char text[64] = {};

        (void) state;
        settle(s);
        assert_int_equal(poll(&p, 1, PEER_PATIENCE_MS), 1);
        settle(s);
        assert_quiet(s, 300);
        assert_int_equal(recv(l->fd, text, sizeof(text), MSG_DONTWAIT), 28);
        assert_string_equal(text, "230 You are in, believe me\r\n");
        assert_int_equal(lent_answer(l, -EPROTO), 0);
        session_expect_closed(s, -EPROTO);
}

/* The answer wakes a RUN, and a poll(). */
static void test_answer_wakes(void **state) {
        Session *s = tls_armed(KFTP_TLS_REQUIRED, peer_secure_serve, NULL, NULL);
        Lent *l = lent_expect(s, KFTP_ROLE_CONTROL);
        Runner *r = runner_start(s);

        (void) state;
        runner_wait_running(r);
        assert_false(readable(s, 0));
        assert_int_equal(lent_serve(l), 0);
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_CONNECTED);
        session_retr(s, local_file(), "bytes-1000", 1);
        l = lent_expect(s, KFTP_ROLE_DATA);
        lent_shake(l);
        while (session_run_with(s, KFTP_RUN_NONBLOCK, 0) == 0)
                ;
        assert_int_equal(s->result, -EAGAIN);
        /* 150 may come yet; nothing else does. */
        sleep_ms(200);
        settle(s);
        assert_int_equal(lent_answer(l, 0), 0);
        assert_true(readable(s, 0));
        session_expect_done(s, 1, 0);
        tls_agreed(s);
        session_assert_usable(s);
}

static void say_much(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "RETR file");
        peer_sleep(500);
        peer_say(c, "150-I am about");
        peer_say(c, " to send it");
        peer_say(c, "150 Here it comes");
        peer_data_open(c);
        peer_data_send(c, 0, 1000);
        peer_data_close(c);
        peer_say(c, "226 That was it");
        peer_goodbye(c);
}

/* While a data connection is lent RUN goes on with the control connection. */
static void test_control_goes_on(void **state) {
        Peer *p = test_peer("127.0.0.1", say_much, NULL);
        struct kftp_connect c = tls_connect_to(p, KFTP_TLS_REQUIRED);
        static const char *const lines[] = { "150-I am about", " to send it", "150 Here it comes" };
        Session *s;
        Lent *l;

        (void) state;
        c.events = KFTP_WANT_LINE;
        s = tls_agreed(session_armed(&c));
        do
                session_run(s);
        while (s->result == 0 && s->event.type == KFTP_EVENT_LINE);
        session_assert_event(s, KFTP_EVENT_CONNECTED);
        session_retr(s, local_file(), "file", 1);
        s->agent = false;
        do
                session_run(s);
        while (s->result == 0 && s->event.type == KFTP_EVENT_LINE && !strstr(s->text, "150"));
        /* RETR was sent: the descriptor does not wait for what may never come, the 150. */
        l = lent_take(s, KFTP_ROLE_DATA);
        for (unsigned i = 0; i < 3; i++) {
                while (session_run_with(s, KFTP_RUN_NONBLOCK, 0) == -EAGAIN)
                        assert_true(readable(s, PEER_PATIENCE_MS));
                session_assert_event(s, KFTP_EVENT_LINE);
                assert_int_equal(s->event.channel, KFTP_ROLE_CONTROL);
                assert_string_equal(s->text, lines[i]);
        }
        settle(s);
        assert_int_equal(session_info(s).state, KFTP_STATE_TRANSFER);
        assert_int_equal(lent_serve(l), 0);
        do
                session_run(s);
        while (s->result == 0 && s->event.type == KFTP_EVENT_LINE);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_int_equal(s->event.bytes, 1000);
}

/* ---- Half a record ------------------------------------------------------------------------------------------------ */

/* To poll(), a part of a record looks like something to read, on old kernels: whoever asks again and again turns. */
static void half_a_reply(Conn *c) {
        const char reply[] = "200 At last\r\n";
        uint8_t record[100];
        size_t n;

        peer_greet(c);
        peer_expect(c, "DELE file");
        n = peer_seal(c, KFTP_ROLE_CONTROL, TLS_DATA, reply, strlen(reply), 0, record);
        peer_raw(c, KFTP_ROLE_CONTROL, record, n / 2);
        peer_sleep(2500);
        peer_raw(c, KFTP_ROLE_CONTROL, record + n / 2, n - n / 2);
        peer_goodbye(c);
}

static void test_half_a_reply(void **state) {
        Peer *p;
        Session *s = tls_session(half_a_reply, NULL, &p);
        struct kftp_submit r = request(KFTP_OP_DELE, -1, "file", 1);

        (void) state;
        assert_int_equal(session_submit(s, &r), 0);
        session_run_until_idle(s);
        sleep_ms(300);
        assert_quiet(s, 500);
        session_expect_done(s, 1, 0);
        session_quit(s);
}

static void half_a_record(Conn *c) {
        uint8_t content[TLS_MAX_PLAIN], record[TLS_MAX_PLAIN + TLS_OVERHEAD];
        size_t n;

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        for (unsigned i = 0; i < sizeof(content); i++)
                content[i] = peer_byte(1000 + i);
        n = peer_seal(c, KFTP_ROLE_DATA, TLS_DATA, content, sizeof(content), 0, record);
        peer_raw(c, KFTP_ROLE_DATA, record, 10000);
        peer_sleep(2500);
        peer_raw(c, KFTP_ROLE_DATA, record + 10000, n - 10000);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_goodbye(c);
}

static void test_half_a_record(void **state) {
        Session *s = tls_session(half_a_record, NULL, NULL);
        int fd = local_file();

        (void) state;
        session_retr(s, fd, "file", 1);
        assert_int_equal(lent_serve(lent_expect(s, KFTP_ROLE_DATA)), 0);
        while (session_info(s).bytes_in < 1000)
                session_run_until_idle(s);
        assert_quiet(s, 500);
        session_expect_done(s, 1, 0);
        assert_file_size(fd, 1000 + TLS_MAX_PLAIN);
        assert_file_content(fd, 0, 1000 + TLS_MAX_PLAIN);
        session_quit(s);
}

/* ---- Deadlines ----------------------------------------------------------------------------------------------------- */

static void auth_and_wait(Conn *c) {
        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_say(c, "234 Go ahead");
        peer_until_closed(c);
}

static Session *short_of_time(PeerScript script, enum kftp_tls_mode mode) {
        Peer *p = test_peer("127.0.0.1", script, NULL);
        struct kftp_connect c = tls_connect_to(p, mode);

        c.connect_ms = 600;
        c.abort_ms = 900;
        return session_armed(&c);
}

static void assert_took(uint64_t since, unsigned least) {
        uint64_t took = now_ms() - since;

        if (took < least || took > 10000)
                fail_msg("that took %llu ms", (unsigned long long) took);
}

static void test_control_deadline(void **state) {
        static const enum kftp_tls_mode modes[] = { KFTP_TLS_REQUIRED, KFTP_TLS_IMPLICIT };

        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                Session *s = short_of_time(i == 0 ? auth_and_wait : peer_until_closed, modes[i]);
                uint64_t since = now_ms();
                Lent *l = lent_expect(s, KFTP_ROLE_CONTROL);
                char byte;

                session_expect_closed(s, -ETIMEDOUT);
                assert_took(since, 500);
                assert_int_equal(recv(l->fd, &byte, 1, 0), 0);
                assert_int_equal(lent_answer(l, 0), -ESRCH);
        }
}

static void test_control_deadline_polled(void **state) {
        Session *s = short_of_time(auth_and_wait, KFTP_TLS_REQUIRED);
        uint64_t since = now_ms();

        (void) state;
        (void) lent_expect(s, KFTP_ROLE_CONTROL);
        settle(s);
        while (session_run_with(s, KFTP_RUN_NONBLOCK, 0) == -EAGAIN)
                assert_true(readable(s, PEER_PATIENCE_MS));
        session_assert_event(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, -ETIMEDOUT);
        assert_took(since, 500);
}

/* Nobody shakes hands with the server: in the end it says so, or it does not. */
static void wait_for_the_client(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_protect(c, false);
        peer_expect(c, "RETR file");
        peer_say(c, "150 Here it comes");
        peer_data_open(c);
        peer_data_until_closed(c);
        if (peer_userdata(c)) {
                peer_data_close(c);
                peer_say(c, "%s", (char *) peer_userdata(c));
                peer_protect(c, true);
                peer_serve_on(c);
        }
        peer_until_closed(c);
}

static void test_data_deadline(void **state) {
        static char *const replies[] = { "425 No TLS", NULL };

        (void) state;
        for (unsigned i = 0; i < 4; i++) {
                Peer *p = test_peer("127.0.0.1", wait_for_the_client, replies[i % 2]);
                struct kftp_connect c = tls_connect_to(p, KFTP_TLS_REQUIRED);
                uint64_t since;
                Session *s;

                c.connect_ms = 700;
                c.abort_ms = 900;
                s = tls_agreed(session_armed(&c));
                session_expect(s, KFTP_EVENT_CONNECTED);
                session_retr(s, local_file(), "file", 1);
                since = now_ms();
                (void) lent_expect(s, KFTP_ROLE_DATA);
                if (i >= 2)
                        while (session_run_with(s, KFTP_RUN_NONBLOCK, 0) == -EAGAIN)
                                assert_true(readable(s, PEER_PATIENCE_MS));
                else
                        session_run(s);
                session_assert_event(s, KFTP_EVENT_DONE);
                assert_took(since, 600);
                if (replies[i % 2]) {
                        assert_int_equal(s->event.error, -EREMOTEIO);
                        assert_int_equal(s->event.reply, 425);
                        session_assert_usable(s);
                } else {
                        assert_int_equal(s->event.error, -ETIMEDOUT);
                        session_expect(s, KFTP_EVENT_CLOSED);
                }
        }
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_descriptor),
        DEVICE_TEST(test_not_lost),
        DEVICE_TEST(test_not_fetched),
        DEVICE_TEST(test_never_fetched),
        DEVICE_TEST(test_control_is_left_alone),
        DEVICE_TEST(test_answer_wakes),
        DEVICE_TEST(test_control_goes_on),
        DEVICE_TEST(test_half_a_reply),
        DEVICE_TEST(test_half_a_record),
        DEVICE_TEST(test_control_deadline),
        DEVICE_TEST(test_control_deadline_polled),
        DEVICE_TEST(test_data_deadline),
};

TLS_DEVICE_TESTS("tls-event", tests)
