/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KFTP_CANCEL: of a request that runs or waits, of all, of the session; what is left is usable.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* Sends without end until the client hangs up; then says what servers say, and goes on. */
static void flood(Conn *c) {
        const char *farewell = peer_userdata(c);

        peer_greet(c);
        peer_retr_flood(c, "endless");
        peer_data_close(c);
        peer_say(c, "%s", farewell);
        peer_retr(c, "next", 0, 1000);
        peer_goodbye(c);
}

/* Sends a little, then nothing; notices by the data connection's end that it is not wanted. */
static void stall(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "endless", 0, 1000);
        peer_data_until_closed(c);
        peer_data_close(c);
        peer_say(c, "426 You have hung up");
        peer_retr(c, "next", 0, 1000);
        peer_goodbye(c);
}

static Session *begin(PeerScript script, void *userdata, int fd) {
        Peer *p = test_peer("127.0.0.1", script, userdata);
        struct kftp_connect c = connect_to_peer(p);
        Session *s;

        c.abort_ms = 20000;
        s = session_ready(&c);
        session_retr(s, fd, "endless", 1);
        return s;
}

static void assert_usable(Session *s) {
        int fd = local_file();

        session_retr(s, fd, "next", 100);
        session_expect_done(s, 100, 0);
        assert_file_content(fd, 0, 1000);
}

/* ---- The running request ------------------------------------------------------------------------ */

static void cancel_running(PeerScript script, void *userdata) {
        int fd = local_file();
        Session *s = begin(script, userdata, fd);
        Runner *r = runner_start(s);
        uint64_t bytes, begun;

        session_wait_bytes(s, 1);
        begun = now_ms();
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        assert_int_equal(runner_join(r), 0);
        /* The server must come to know at once, not by the abort deadline: that is four times this. */
        assert_in_range(now_ms() - begun, 0, 5000);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ECANCELED);
        assert_int_equal(s->event.user_data, 1);
        assert_int_equal(s->event.local_file, 0);
        /* What was counted is in the file: it is where a later attempt goes on. */
        bytes = s->event.bytes;
        assert_true(bytes > 0);
        assert_file_size(fd, bytes);
        assert_file_content(fd, 0, bytes);
        assert_usable(s);
}

/* What servers say to that varies: one reply, two, a good one. */
static void test_running(void **state) {
        static const char *const farewells[] = {
                "426 You have hung up",
                "226 You have hung up",
                "451-You have\r\n451 hung up",
                "426 You have hung up\r\n226 Abort successful",
        };

        (void) state;
        for (size_t i = 0; i < sizeof(farewells) / sizeof(farewells[0]); i++)
                cancel_running(flood, (void *) farewells[i]);
}

static void test_running_stalled(void **state) {
        (void) state;
        cancel_running(stall, NULL);
}

/* Until it is told to go on. */
static void wait_for(atomic_bool *go) {
        while (!*go)
                peer_sleep(5);
}

static void silent_at_epsv(Conn *c) {
        peer_greet(c);
        peer_expect(c, "EPSV");
        wait_for(peer_userdata(c));
        peer_say(c, "229 Here (|||%u|)", peer_data_listen(c));
        peer_retr(c, "next", 0, 1000);
        peer_goodbye(c);
}

/* While a reply is owed it is waited for: nothing may be mistaken for the answer to something else. */
static void test_before_data(void **state) {
        atomic_bool go = false;
        Session *s = begin(silent_at_epsv, &go, local_file());
        Runner *r = runner_start(s);

        (void) state;
        session_wait_state(s, KFTP_STATE_COMMAND);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        sleep_ms(100);
        go = true;
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ECANCELED);
        assert_usable(s);
}

/* A request that nobody has begun: CANCEL takes it out of the queue at once. */
static void test_never_begun(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);

        (void) state;
        session_retr(s, local_file(), "bytes-1", 1);
        session_retr(s, local_file(), "bytes-2", 2);
        session_retr(s, local_file(), "bytes-3", 3);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 2), 0);
        session_expect_done(s, 2, -ECANCELED);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_expect_done(s, 1, 0);
        session_expect_done(s, 3, 0);
        assert_not_commanded(p, "RETR bytes-2");
}

/* ---- Queued requests ----------------------------------------------------------------------------- */

/* A queued one is told while the other goes on, by the RUN that is in progress. */
static void test_queued(void **state) {
        Session *s = begin(stall, NULL, local_file());
        Runner *r;

        (void) state;
        session_retr(s, local_file(), "never", 2);
        r = runner_start(s);
        session_wait_bytes(s, 1000);
        sleep_ms(100);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 2), 0);
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.user_data, 2);
        assert_int_equal(s->event.error, -ECANCELED);
        assert_int_equal(session_info(s).state, KFTP_STATE_TRANSFER);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        session_expect_done(s, 1, -ECANCELED);
        assert_usable(s);
}

/* All that match: running and queued. */
static void test_same_number(void **state) {
        Session *s = begin(stall, NULL, local_file());
        unsigned done = 0;
        Runner *r;

        (void) state;
        session_retr(s, local_file(), "never", 1);
        session_retr(s, local_file(), "next", 7);
        session_retr(s, local_file(), "never", 1);
        r = runner_start(s);
        session_wait_bytes(s, 1000);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        runner_join(r);
        for (; done < 3; done++, session_run(s)) {
                session_assert_event(s, KFTP_EVENT_DONE);
                assert_int_equal(s->event.user_data, 1);
                assert_int_equal(s->event.error, -ECANCELED);
        }
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.user_data, 7);
        assert_int_equal(s->event.error, 0);
}

static void test_all(void **state) {
        Session *s = begin(stall, NULL, local_file());
        bool seen[5] = {};
        Runner *r;

        (void) state;
        for (unsigned i = 2; i <= 4; i++)
                session_retr(s, local_file(), "never", i);
        r = runner_start(s);
        session_wait_bytes(s, 1000);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_ALL, 4711), 0);
        runner_join(r);
        for (unsigned i = 0; i < 4; i++) {
                session_assert_event(s, KFTP_EVENT_DONE);
                assert_int_equal(s->event.error, -ECANCELED);
                assert_in_range(s->event.user_data, 1, 4);
                assert_false(seen[s->event.user_data]);
                seen[s->event.user_data] = true;
                if (i < 3)
                        session_run(s);
        }
        assert_usable(s);
}

/* ---- The session ---------------------------------------------------------------------------------- */

static void stall_for_good(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "endless", 0, 1000);
        peer_until_closed(c);
}

static void test_session(void **state) {
        Session *s = begin(stall_for_good, NULL, local_file());
        Runner *r;

        (void) state;
        session_retr(s, local_file(), "never", 2);
        r = runner_start(s);
        session_wait_bytes(s, 1000);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0) == 0, 0);
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.user_data, 1);
        assert_int_equal(s->event.error, -ECANCELED);
        session_expect_done(s, 2, -ECANCELED);
        session_expect_closed(s, -ECANCELED);
}

/* ---- What it returns ------------------------------------------------------------------------------ */

static void test_nothing_to_cancel(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);

        (void) state;
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), -ENOENT);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_ALL, 0), -ENOENT);
        session_retr(s, local_file(), "bytes-10", 1);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 2), -ENOENT);
        session_expect_done(s, 1, 0);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), -ENOENT);
        /* None of this was kept for later. */
        session_retr(s, local_file(), "bytes-10", 2);
        session_expect_done(s, 2, 0);
}

static void slow_to_give_up(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "endless", 0, 1000);
        peer_data_until_closed(c);
        peer_data_close(c);
        wait_for(peer_userdata(c));
        peer_say(c, "426 You have hung up");
        peer_retr(c, "next", 0, 1000);
        peer_goodbye(c);
}

static void test_already(void **state) {
        atomic_bool go = false;
        Session *s = begin(slow_to_give_up, &go, local_file());
        Runner *r = runner_start(s);

        (void) state;
        session_wait_bytes(s, 1000);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        session_wait_state(s, KFTP_STATE_ABORTING);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), -EALREADY);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_ALL, 1), -EALREADY);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 2), -ENOENT);
        go = true;
        runner_join(r);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ECANCELED);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), -ENOENT);
        assert_usable(s);
}

/* A request queued while another is being given up has nothing to do with that. */
static void test_submit_while_aborting(void **state) {
        atomic_bool go = false;
        Session *s = begin(slow_to_give_up, &go, local_file());
        Runner *r = runner_start(s);
        int fd = local_file();

        (void) state;
        session_wait_bytes(s, 1000);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_ALL, 0), 0);
        session_retr(s, fd, "next", 2);
        go = true;
        runner_join(r);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.user_data, 1);
        session_expect_done(s, 2, 0);
        assert_file_content(fd, 0, 1000);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_running),
        DEVICE_TEST(test_running_stalled),
        DEVICE_TEST(test_before_data),
        DEVICE_TEST(test_never_begun),
        DEVICE_TEST(test_queued),
        DEVICE_TEST(test_same_number),
        DEVICE_TEST(test_all),
        DEVICE_TEST(test_session),
        DEVICE_TEST(test_nothing_to_cancel),
        DEVICE_TEST(test_already),
        DEVICE_TEST(test_submit_while_aborting),
};

DEVICE_TESTS("cancel", tests)
