/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Staying in step with the server: each reply is taken for what it answers, also when replies come
 * too early, too late or twice, when a request is given up between two commands, and when the
 * caller stays away.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define SIZE 200000

static void assert_download(Session *s, const char *path, uint64_t n) {
        int fd = local_file();

        session_retr(s, fd, path, 2);
        session_expect_done(s, 2, 0);
        assert_file_size(fd, n);
        assert_file_content(fd, 0, n);
}

/* ---- Replies twice, and late -------------------------------------------------------------------- */

/* The second 226 comes when the next command has gone out already; it does not answer that (C11). */
static void late_second_226(Conn *c) {
        const char *when = peer_userdata(c);

        peer_greet(c);
        peer_set_size(c, 200);
        peer_retr(c, "bytes-100", 0, 100);
        peer_strict(c);
        if (strcmp(when, "SIZE") == 0) {
                peer_expect(c, "SIZE bytes-200");
                peer_say(c, "226 Transfer complete\r\n213 200");
        }
        peer_expect(c, "EPSV");
        if (strcmp(when, "EPSV") == 0)
                peer_say(c, "226 Transfer complete");
        peer_say(c, "229 Here (|||%u|)", peer_data_listen(c));
        peer_expect(c, "RETR bytes-200");
        peer_deliver(c, 200);
        peer_goodbye(c);
}

static void test_late_second_226(void **state) {
        static const char *const moments[] = { "EPSV", "SIZE" };

        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                Session *s = session_with(late_second_226, (void *) moments[i], NULL);
                struct kftp_submit r = retr(local_file(), "bytes-200", 2);

                session_retr(s, local_file(), "bytes-100", 1);
                session_expect_done(s, 1, 0);
                r.flags = i == 1 ? KFTP_SUBMIT_ASK_SIZE : 0;
                assert_int_equal(session_submit(s, &r), 0);
                session_expect_done(s, 2, 0);
                assert_int_equal(s->event.bytes, 200);
                session_quit(s);
        }
}

/* What lies there before the next command is sent answers nothing that we ask then. */
static void bad_news_between(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_retr(c, "bytes-100", 0, 100);
        peer_say(c, "229 Here (|||1025|)");
        *(atomic_bool *) peer_userdata(c) = true;
        peer_retr(c, "bytes-200", 0, 200);
        peer_goodbye(c);
}

static void test_reply_before_its_command(void **state) {
        atomic_bool said = false;
        Session *s = session_with(bad_news_between, &said, NULL);

        (void) state;
        session_retr(s, local_file(), "bytes-100", 1);
        session_expect_done(s, 1, 0);
        while (!said)
                sleep_ms(5);
        assert_download(s, "bytes-200", 200);
        session_quit(s);
}

/* The same at the last moment: the command is made, and told as a LINE, but not yet sent. */
static void bad_news_at_last_moment(Conn *c) {
        atomic_bool *go = peer_userdata(c);

        peer_greet(c);
        peer_retr(c, "bytes-100", 0, 100);
        while (!*go)
                peer_sleep(5);
        peer_say(c, "229 Here (|||1025|)");
        peer_retr(c, "bytes-200", 0, 200);
        peer_goodbye(c);
}

static void run_lines_until(Session *s, const char *last) {
        do
                session_expect(s, KFTP_EVENT_LINE);
        while (strcmp(s->text, last) != 0);
}

static void test_reply_before_sending(void **state) {
        atomic_bool go = false;
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", bad_news_at_last_moment, &go));
        Session *s;

        (void) state;
        c.events = KFTP_WANT_LINE;
        s = session_armed(&c);
        session_retr(s, local_file(), "bytes-100", 1);
        session_retr(s, local_file(), "bytes-200", 2);
        do
                assert_int_equal(session_run(s), 0);
        while (s->event.type != KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        run_lines_until(s, "EPSV");
        go = true;
        sleep_ms(200);
        do
                assert_int_equal(session_run(s), 0);
        while (s->event.type == KFTP_EVENT_LINE);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.user_data, 2);
        assert_int_equal(s->event.error, 0);
}

/* ---- 226 before the end of the data --------------------------------------------------------------- */

typedef struct Ending {
        const char *replies;            /* said with the data still to come */
        bool close;                     /* and then the control connection ends */
} Ending;

static void replies_overtake_data(Conn *c) {
        const Ending *e = peer_userdata(c);

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_say(c, "%s", e->replies);
        if (e->close)
                peer_close(c);
        peer_sleep(400);
        peer_data_send(c, 1000, SIZE - 1000);
        peer_data_close(c);
        peer_until_closed(c);
}

/* The 226 is the last word on this request, whatever becomes of the session. */
static void test_overtaken(void **state) {
        static const Ending rows[] = {
                { "226 Done", false },
                { "226 Done", true },
                { "226 Done\r\n421 And goodbye", false },
                { "226 Done\r\n421 And goodbye", true },
                { "226 Done\r\n226 Done", false },
        };

        (void) state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                Session *s = session_with(replies_overtake_data, (void *) (rows + i), NULL);

                assert_download(s, "file", SIZE);
                assert_int_equal(s->event.reply, 226);
                session_run_with(s, KFTP_RUN_NONBLOCK, 0);
                if (rows[i].close || strstr(rows[i].replies, "421")) {
                        session_assert_event(s, KFTP_EVENT_CLOSED);
                        assert_int_equal(s->event.error, -ECONNRESET);
                } else
                        assert_int_equal(s->result, -EAGAIN);
                session_close(s);
        }
}

/* All that SIZE has promised and a 226 are there; only the data connection is never closed. */
static void never_closes_data(Conn *c) {
        peer_greet(c);
        peer_set_size(c, 1000);
        peer_retr_begin(c, "file", 0, 1000);
        peer_say(c, "226 Done");
        peer_data_until_closed(c);
        peer_set_size(c, 777);
        peer_retr(c, "bytes-777", 0, 777);
        peer_goodbye(c);
}

static void test_data_never_closed(void **state) {
        Peer *p = test_peer("127.0.0.1", never_closes_data, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_submit r = retr(local_file(), "file", 1);
        Session *s;

        (void) state;
        c.data_ms = 1000;
        s = session_ready(&c);
        r.flags = KFTP_SUBMIT_ASK_SIZE;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, 0);
        assert_download(s, "bytes-777", 777);
        session_quit(s);
}

/* ---- Given up between two commands ----------------------------------------------------------------- */

/* Cancelled while the answer to REST is due: it may be in force, so the next file says REST 0. */
static void silent_at_rest(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "REST 1000");
        while (!*(atomic_bool *) peer_userdata(c))
                peer_sleep(5);
        peer_say(c, "350 Go on");
        peer_passive(c);
        peer_expect(c, "REST 0");
        peer_say(c, "350 From the begin");
        peer_expect(c, "RETR bytes-777");
        peer_deliver(c, 777);
        /* and only the next one */
        peer_retr(c, "bytes-778", 0, 778);
        peer_goodbye(c);
}

static void wait_for_command(Peer *p, const char *command) {
        uint64_t until = now_ms() + PEER_PATIENCE_MS;
        bool there = false;

        while (!there && now_ms() < until) {
                char *commands = peer_commands(p);

                there = strstr(commands, command) != NULL;
                free(commands);
                sleep_ms(10);
        }
        assert_true(there);
}

static void test_cancel_at_rest(void **state) {
        atomic_bool cancelled = false;
        Peer *p;
        Session *s = session_with(silent_at_rest, &cancelled, &p);
        struct kftp_submit r = retr(local_file(), "file", 1);
        Runner *runner;

        (void) state;
        r.offset = 1000;
        assert_int_equal(session_submit(s, &r), 0);
        runner = runner_start(s);
        wait_for_command(p, "REST 1000\n");
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        cancelled = true;
        assert_int_equal(runner_join(runner), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ECANCELED);
        assert_download(s, "bytes-777", 777);
        assert_download(s, "bytes-778", 778);
        session_quit(s);
}

/* ---- A caller who stays away ------------------------------------------------------------------------ */

/*
 * With LINE events RUN returns between making a command and sending it. However long the caller then
 * takes, the server's time for the answer begins when the command goes out.
 */
static void test_slow_reader_of_lines(void **state) {
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", peer_serve, NULL));
        int fd = local_file();
        Session *s;

        (void) state;
        c.events = KFTP_WANT_LINE;
        c.reply_ms = c.data_ms = c.connect_ms = c.idle_ms = 800;
        s = session_armed(&c);
        session_retr(s, fd, "bytes-777", 1);
        do {
                if (session_run(s) != 0)
                        break;
                if (s->event.type == KFTP_EVENT_LINE && s->event.event_flags & KFTP_EVENT_SENT)
                        sleep_ms(1000);
        } while (s->event.type == KFTP_EVENT_LINE || s->event.type == KFTP_EVENT_CONNECTED);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_file_content(fd, 0, 777);
}

/* ---- Paths that are commands -------------------------------------------------------------------------- */

/*
 * "MDTM 20240101000000 name" sets the time of "name" on some servers. Such a path is never asked
 * about; as for SIZE and RETR it is a path like others.
 */
static void test_mdtm_that_would_set(void **state) {
        static const char path[] = "20240101000000 name";
        Peer *p;
        Session *s = session_with(peer_serve, NULL, &p);
        struct kftp_submit r = retr(local_file(), path, 1);

        (void) state;
        r.flags = KFTP_SUBMIT_ASK_MTIME;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, -EREMOTEIO);
        assert_commanded(p, "RETR 20240101000000 name");
        r.flags = KFTP_SUBMIT_EXPECT_MTIME;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, -ESTALE);
        r = retr(-1, path, 2);
        r.op = KFTP_OP_MDTM;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 2, -EINVAL);
        assert_not_commanded(p, "MDTM *");
        /* Digits alone are a name. */
        r = retr(-1, "20240101000000", 3);
        r.op = KFTP_OP_MDTM;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 3, 0);
        assert_commanded(p, "MDTM 20240101000000");
        session_quit(s);
}

/* ---- Requests of one command --------------------------------------------------------------------------- */

static void one_command(Session *s, uint32_t op, const char *path, int error, unsigned reply) {
        struct kftp_submit r = retr(-1, path, op);

        r.op = op;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, op, error);
        assert_int_equal(s->event.reply, reply);
        assert_int_equal(s->event.bytes, 0);
}

static void test_one_command(void **state) {
        Session *s = session_with(peer_serve, NULL, NULL);

        (void) state;
        one_command(s, KFTP_OP_NOOP, "", 0, 200);
        one_command(s, KFTP_OP_SIZE, "bytes-4711", 0, 213);
        assert_int_equal(s->event.event_flags, KFTP_EVENT_HAS_SIZE);
        assert_int_equal(s->event.remote_size, 4711);
        one_command(s, KFTP_OP_SIZE, "nothing", -EREMOTEIO, 550);
        assert_int_equal(s->event.event_flags, 0);
        one_command(s, KFTP_OP_MDTM, "bytes-4711", 0, 213);
        assert_int_equal(s->event.event_flags, KFTP_EVENT_HAS_MTIME);
        assert_int_equal(s->event.remote_mtime, 1000000000);
        session_quit(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_late_second_226),
        DEVICE_TEST(test_reply_before_its_command),
        DEVICE_TEST(test_reply_before_sending),
        DEVICE_TEST(test_overtaken),
        DEVICE_TEST(test_data_never_closed),
        DEVICE_TEST(test_cancel_at_rest),
        DEVICE_TEST(test_slow_reader_of_lines),
        DEVICE_TEST(test_mdtm_that_would_set),
        DEVICE_TEST(test_one_command),
};

DEVICE_TESTS("step", tests)
