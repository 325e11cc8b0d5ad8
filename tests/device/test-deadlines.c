/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every state has a deadline, and it is for the network only. Times are asserted from below (it did
 * wait) and loosely from above (it did not wait for ever): guests are slow.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* Ten times any deadline here, and far less than the defaults and the peers' patience. */
#define LIMIT_MS 10000

/* The guest's ticks may lag behind its clock: half of the time must have passed at least. */
static void assert_took(uint64_t begun, uint64_t at_least) {
        assert_in_range(now_ms() - begun, at_least / 2, LIMIT_MS);
}

/* Everything long, so that the one that a test sets is what ends it. */
static struct kftp_connect patient(const struct kftp_addr *a) {
        struct kftp_connect c = connect_to(a);

        c.connect_ms = c.reply_ms = c.data_ms = c.idle_ms = c.abort_ms = 100000;
        return c;
}

static struct kftp_connect patient_with(PeerScript script) {
        struct kftp_addr a = peer_address(test_peer("127.0.0.1", script, NULL));

        return patient(&a);
}

/* ---- Before the session is ready ------------------------------------------------------------------ */

static void test_connect(void **state) {
        struct kftp_addr a = blackhole_address();
        struct kftp_connect c = patient(&a);
        uint64_t begun;
        Session *s;

        (void) state;
        c.connect_ms = 500;
        s = session_armed(&c);
        begun = now_ms();
        session_expect_closed(s, -ETIMEDOUT);
        assert_took(begun, 500);
}

static void silent(Conn *c) {
        peer_until_closed(c);
}

static void test_greeting(void **state) {
        struct kftp_connect c = patient_with(silent);
        uint64_t begun = now_ms();

        (void) state;
        c.reply_ms = 500;
        session_expect_closed(session_armed(&c), -ETIMEDOUT);
        assert_took(begun, 500);
}

/* A byte now and then, never a line: the deadline is for the whole reply. */
static void drip_bytes(Conn *c) {
        peer_may_leave(c);
        peer_say(c, "220-A long story");
        for (;;) {
                peer_send(c, "x", 1);
                peer_sleep(50);
        }
}

static void drip_lines(Conn *c) {
        peer_may_leave(c);
        for (;;) {
                peer_say(c, "220-A long story");
                peer_sleep(50);
        }
}

/* 120 means "soon", not "wait for ever". */
static void drip_preliminary(Conn *c) {
        peer_may_leave(c);
        for (;;) {
                peer_say(c, "120 Ready in a minute");
                peer_sleep(50);
        }
}

static void drip_empty_lines(Conn *c) {
        peer_may_leave(c);
        for (;;) {
                peer_send(c, "\r\n", 2);
                peer_sleep(50);
        }
}

static void test_dripped_greeting(void **state) {
        const PeerScript scripts[] = { drip_bytes, drip_lines, drip_preliminary, drip_empty_lines };

        (void) state;
        for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
                struct kftp_connect c = patient_with(scripts[i]);
                uint64_t begun = now_ms();

                c.reply_ms = 600;
                session_expect_closed(session_armed(&c), -ETIMEDOUT);
                assert_took(begun, 600);
        }
}

static void silent_at_pass(Conn *c) {
        peer_strict(c);
        peer_greet(c);
        peer_expect(c, "USER *");
        peer_say(c, "331 Password");
        peer_expect(c, "PASS *");
        peer_until_closed(c);
}

static void test_login(void **state) {
        struct kftp_connect c = patient_with(silent_at_pass);
        uint64_t begun = now_ms();

        (void) state;
        c.reply_ms = 500;
        session_expect_closed(session_armed(&c), -ETIMEDOUT);
        assert_took(begun, 500);
}

/* Each command has its own time: a login of many slow replies is no reason to give up. */
static void slow_login(Conn *c) {
        peer_strict(c);
        peer_sleep(900);
        peer_greet(c);
        peer_expect(c, "USER *");
        peer_sleep(900);
        peer_say(c, "331 Password");
        peer_expect(c, "PASS *");
        peer_sleep(900);
        peer_say(c, "230 Hello");
        peer_expect(c, "FEAT");
        peer_sleep(900);
        peer_say(c, "500 What?");
        peer_expect(c, "TYPE I");
        peer_sleep(900);
        peer_say(c, "200 Image");
        peer_until_closed(c);
}

static void test_slow_login(void **state) {
        struct kftp_connect c = patient_with(slow_login);

        (void) state;
        c.reply_ms = 4000;
        session_ready(&c);
}

/* ---- Idle ------------------------------------------------------------------------------------------ */

/* A blocking RUN with nothing to do comes back. */
static void test_idle(void **state) {
        struct kftp_connect c = patient_with(peer_friendly);
        uint64_t begun;
        Session *s;

        (void) state;
        c.idle_ms = 500;
        s = session_ready(&c);
        begun = now_ms();
        session_expect_closed(s, -ETIMEDOUT);
        assert_took(begun, 500);
}

/* Nobody looked while it passed, and then there is something to do: that is done. */
static void test_idle_unnoticed(void **state) {
        struct kftp_connect c = patient_with(peer_serve);
        Session *s;

        (void) state;
        c.idle_ms = 300;
        s = session_ready(&c);
        sleep_ms(900);
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect_done(s, 1, 0);
        session_quit(s);
}

/* ---- Requests -------------------------------------------------------------------------------------- */

static void silent_at_epsv(Conn *c) {
        peer_greet(c);
        peer_expect(c, "EPSV");
        peer_until_closed(c);
}

static void test_reply(void **state) {
        struct kftp_connect c = patient_with(silent_at_epsv);
        uint64_t begun;
        Session *s;

        (void) state;
        c.reply_ms = 1500;
        s = session_ready(&c);
        session_retr(s, local_file(), "file", 1);
        begun = now_ms();
        session_expect_done(s, 1, -ETIMEDOUT);
        assert_took(begun, 1500);
        session_expect_closed(s, -ETIMEDOUT);
}

static void dripping_at_size(Conn *c) {
        peer_may_leave(c);
        peer_strict(c);
        peer_greet(c);
        peer_expect(c, "USER *");
        peer_say(c, "230 Hello");
        peer_expect(c, "FEAT");
        peer_say(c, "500 What?");
        peer_expect(c, "TYPE I");
        peer_say(c, "200 Image");
        peer_expect(c, "SIZE file");
        peer_send(c, "213 ", 4);
        for (;;) {
                peer_send(c, "0", 1);
                peer_sleep(50);
        }
}

static void test_dripped_reply(void **state) {
        struct kftp_connect c = patient_with(dripping_at_size);
        struct kftp_submit r = retr(local_file(), "file", 1);
        uint64_t begun;
        Session *s;

        (void) state;
        c.reply_ms = 1500;
        s = session_ready(&c);
        r.flags = KFTP_SUBMIT_ASK_SIZE;
        assert_int_equal(session_submit(s, &r), 0);
        begun = now_ms();
        session_expect_done(s, 1, -ETIMEDOUT);
        assert_took(begun, 1500);
        session_expect_closed(s, -ETIMEDOUT);
}

/* ---- Data ------------------------------------------------------------------------------------------ */

static void stall(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_until_closed(c);
}

static void test_data_stalls(void **state) {
        struct kftp_connect c = patient_with(stall);
        int fd = local_file();
        uint64_t begun;
        Session *s;

        (void) state;
        c.data_ms = 1500;
        c.abort_ms = 500;
        s = session_ready(&c);
        session_retr(s, fd, "file", 1);
        begun = now_ms();
        session_expect_done(s, 1, -ETIMEDOUT);
        assert_took(begun, 1500);
        assert_int_equal(s->event.bytes, 1000);
        assert_file_content(fd, 0, 1000);
}

/* Bytes on the control connection are no data. */
static void stall_but_talk(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        for (;;) {
                peer_say(c, "150 Any moment now");
                peer_sleep(100);
        }
}

static void test_data_stalls_with_talk(void **state) {
        struct kftp_connect c = patient_with(stall_but_talk);
        uint64_t begun;
        Session *s;

        (void) state;
        c.data_ms = 600;
        c.abort_ms = 500;
        s = session_ready(&c);
        session_retr(s, local_file(), "file", 1);
        begun = now_ms();
        session_expect_done(s, 1, -ETIMEDOUT);
        assert_took(begun, 600);
}

/* Slow but moving is well: any byte counts. */
static void drip_data(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 0);
        for (unsigned i = 0; i < 40; i++) {
                peer_sleep(100);
                peer_data_send(c, i, 1);
        }
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_goodbye(c);
}

static void test_data_drips(void **state) {
        struct kftp_connect c = patient_with(drip_data);
        int fd = local_file();
        Session *s;

        (void) state;
        c.data_ms = 3000;
        c.reply_ms = 3000;
        s = session_ready(&c);
        session_retr(s, fd, "file", 1);
        session_expect_done(s, 1, 0);
        assert_file_content(fd, 0, 40);
}

static void no_226(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_close(c);
        peer_until_closed(c);
}

static void test_final_reply(void **state) {
        struct kftp_connect c = patient_with(no_226);
        uint64_t begun;
        Session *s;

        (void) state;
        c.reply_ms = 1500;
        s = session_ready(&c);
        session_retr(s, local_file(), "file", 1);
        begun = now_ms();
        session_expect_done(s, 1, -ETIMEDOUT);
        assert_took(begun, 1500);
        session_expect_closed(s, -ETIMEDOUT);
}

/* Active: the server says 150 and never dials. */
static void never_dial(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_active(c);
        peer_expect(c, "RETR file");
        peer_say(c, "150 Any moment now");
        peer_until_closed(c);
}

static void test_never_dialled(void **state) {
        struct kftp_connect c = patient_with(never_dial);
        uint64_t begun;
        Session *s;

        (void) state;
        c.data_mode = KFTP_DATA_ACTIVE;
        c.data_ms = 500;
        c.abort_ms = 500;
        s = session_ready(&c);
        session_retr(s, local_file(), "file", 1);
        begun = now_ms();
        session_expect_done(s, 1, -ETIMEDOUT);
        assert_took(begun, 500);
}

/* ---- Abort ----------------------------------------------------------------------------------------- */

static void test_abort(void **state) {
        struct kftp_connect c = patient_with(stall);
        uint64_t begun;
        Session *s;
        Runner *r;

        (void) state;
        c.abort_ms = 500;
        s = session_ready(&c);
        session_retr(s, local_file(), "file", 1);
        session_retr(s, local_file(), "file", 2);
        r = runner_start(s);
        session_wait_bytes(s, 1000);
        begun = now_ms();
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        runner_join(r);
        /* Given up for the reason it was given up for; the session ends because it cannot go on. */
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.user_data, 1);
        assert_int_equal(s->event.error, -ECANCELED);
        assert_took(begun, 500);
        session_expect_done(s, 2, -ECANCELED);
        session_expect_closed(s, -ETIMEDOUT);
}

/* ---- Network only ------------------------------------------------------------------------------------ */

/* The local file may take as long as it wants. */
static void test_file_may_be_slow(void **state) {
        struct kftp_connect c = patient_with(peer_serve);
        SlowFile *slow;
        Session *s;
        Runner *r;
        int fd;

        (void) state;
        slow = test_slow_file(&fd);
        c.data_ms = c.reply_ms = 1500;
        s = session_ready(&c);
        slowfs_close_gate(slow);
        session_retr(s, fd, "bytes-5000", 1);
        r = runner_start(s);
        assert_true(slowfs_wait_stuck(slow));
        sleep_ms(4000);
        slowfs_open_gate(slow);
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_int_equal(s->event.bytes, 5000);
}

/* So may the caller, between two RUNs: what has come meanwhile counts, however late it is looked at. */
static void test_slow_caller(void **state) {
        struct kftp_connect c = patient_with(peer_serve);
        struct pollfd p = { .events = POLLIN };
        int fd = local_file();
        Session *s;

        (void) state;
        c.data_ms = c.reply_ms = c.connect_ms = 1000;
        s = session_armed(&c);
        p.fd = s->fd;
        session_retr(s, fd, "bytes-100000", 1);
        for (unsigned i = 0; i < 200; i++) {
                int r = session_run_with(s, KFTP_RUN_NONBLOCK, 30000);

                if (r == 0 && s->event.type == KFTP_EVENT_DONE)
                        break;
                if (r == -EAGAIN)
                        assert_int_equal(poll(&p, 1, PEER_PATIENCE_MS), 1);
                if (r == -EAGAIN || s->event.type == KFTP_EVENT_YIELD)
                        sleep_ms(1100);
        }
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_file_content(fd, 0, 100000);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_connect),
        DEVICE_TEST(test_greeting),
        DEVICE_TEST(test_dripped_greeting),
        DEVICE_TEST(test_login),
        DEVICE_TEST(test_slow_login),
        DEVICE_TEST(test_idle),
        DEVICE_TEST(test_idle_unnoticed),
        DEVICE_TEST(test_reply),
        DEVICE_TEST(test_dripped_reply),
        DEVICE_TEST(test_data_stalls),
        DEVICE_TEST(test_data_stalls_with_talk),
        DEVICE_TEST(test_data_drips),
        DEVICE_TEST(test_final_reply),
        DEVICE_TEST(test_never_dialled),
        DEVICE_TEST(test_abort),
        DEVICE_TEST(test_file_may_be_slow),
        DEVICE_TEST(test_slow_caller),
};

DEVICE_TESTS("deadlines", tests)
