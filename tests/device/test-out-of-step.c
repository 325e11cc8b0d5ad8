/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What could get a session out of step with its server: commands whose requests were cancelled, replies
 * that come twice, lines that belong to nothing. In the end a file is what it is called, or there is none.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"

#define LOGIN "> 230 In", "< FEAT", "> 500 What?", "< TYPE I", "> 200 I"

static int memory_file(void) {
        return test_fd(memfd_create("listing", MFD_CLOEXEC));
}

static void list(Session *s, enum kftp_op op, int fd, uint64_t length) {
        struct kftp_submit r = request(op, fd, NULL, 5);

        r.length = length;
        assert_int_equal(session_submit(s, &r), 0);
}

static atomic_bool cancelled;

static void until_cancelled(void) {
        while (!cancelled)
                peer_sleep(5);
}

/* Begins what is queued, and cancels it while the peer, which waits for that, owes the reply. */
static void cancel_running(Session *s, Peer *p, const char *command, uint64_t user_data) {
        Runner *r = runner_start(s);
        char *commands;
        bool seen;

        do {
                sleep_ms(20);
                commands = peer_commands(p);
                seen = strstr(commands, command);
                free(commands);
        } while (!seen);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, user_data), 0);
        cancelled = true;
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ECANCELED);
}

/* ---- TYPE ----------------------------------------------------------------------------------------- */

/* The server is in text mode, although nobody waited to hear so. */
static void type_cancelled(Conn *c) {
        peer_strict(c);
        peer_play(c, (const char *const[]) { LOGIN, "< TYPE A", NULL });
        until_cancelled();
        peer_play(c, (const char *const[]) { "> 200 A", "< TYPE I", "> 200 I", NULL });
        peer_retr(c, "bytes-777", 0, 777);
        peer_until_closed(c);
}

static void test_type_cancelled(void **state) {
        int fd = local_file();
        Peer *p;
        Session *s;

        (void) state;
        cancelled = false;
        s = session_with(type_cancelled, NULL, &p);
        list(s, KFTP_OP_LIST, memory_file(), 0);
        cancel_running(s, p, "TYPE A", 5);
        session_retr(s, fd, "bytes-777", 1);
        session_expect_done(s, 1, 0);
        assert_file_content(fd, 0, 777);
}

/* The 226 of the listing, once more, when TYPE has been sent. */
static void type_behind_226(Conn *c) {
        peer_strict(c);
        peer_play(c, (const char *const[]) { LOGIN, "< TYPE A", "> 200 A", NULL });
        peer_passive(c);
        peer_play(c, (const char *const[]) { "< LIST", "> 150 Now", NULL });
        peer_data_open(c);
        peer_data_send(c, 0, 10);
        peer_data_close(c);
        peer_play(c, (const char *const[]) { "> 226 Done", "< TYPE I", "> 226 Done", "> 200 I", "< SIZE x", "> 213 5",
                                             "< DELE y", "> 550 No", NULL });
        peer_until_closed(c);
}

static void test_type_behind_226(void **state) {
        Session *s = session_with(type_behind_226, NULL, NULL);

        (void) state;
        list(s, KFTP_OP_LIST, memory_file(), 0);
        session_expect_done(s, 5, 0);
        session_command(s, KFTP_OP_SIZE, "x", 0);
        assert_int_equal(s->event.remote_size, 5);
        session_command(s, KFTP_OP_DELE, "y", -EREMOTEIO);
}

/* ---- REST ----------------------------------------------------------------------------------------- */

/* An offset that is in force, and a REST 0 that is refused: it stays in force. */
static void restart_refused(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "REST 1000");
        until_cancelled();
        peer_say(c, "350 Go on");
        peer_passive(c);
        peer_expect(c, "REST 0");
        peer_say(c, "501 That is no place");
        peer_passive(c);
        peer_expect(c, "REST 0");
        peer_say(c, "350 From the begin");
        peer_expect(c, "RETR bytes-777");
        peer_deliver(c, 777);
        peer_goodbye(c);
}

static void test_restart_refused(void **state) {
        struct kftp_submit part = retr(local_file(), "bytes-777", 2);
        Peer *p;
        Session *s;

        (void) state;
        cancelled = false;
        s = session_with(restart_refused, NULL, &p);
        part.offset = 1000;
        assert_int_equal(session_submit(s, &part), 0);
        cancel_running(s, p, "REST 1000", 2);
        session_retr(s, local_file(), "bytes-777", 3);
        session_expect_done(s, 3, -ESPIPE);
        session_assert_usable(s);
}

/* ---- Lines ---------------------------------------------------------------------------------------- */

/* Of a listing in a reply only the lines of that reply, if it is a listing. */
static void stray_lines(Conn *c) {
        peer_greet(c);
        peer_expect(c, "STAT");
        peer_say(c, "226-Stray\r\n stray line\r\n226 End");
        peer_say(c, "213-Status\r\n real line\r\n213 End");
        peer_expect(c, "STAT");
        peer_say(c, "550-No\r\n not a listing\r\n550 No");
        peer_goodbye(c);
}

static void test_stray_lines(void **state) {
        Session *s = session_with(stray_lines, NULL, NULL);
        int fd = memory_file(), nothing = memory_file();
        char text[64] = "";

        (void) state;
        list(s, KFTP_OP_STAT, fd, 0);
        session_expect_done(s, 5, 0);
        assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), strlen(" real line\n"));
        assert_string_equal(text, " real line\n");
        list(s, KFTP_OP_STAT, nothing, 0);
        session_expect_done(s, 5, -EREMOTEIO);
        assert_file_size(nothing, 0);
        session_quit(s);
}

/* A listing that is given up, of a server that never stops talking: the abort deadline passes all the same. */
static void talk_for_ever(Conn *c) {
        char lines[4096];

        for (size_t i = 0; i < sizeof(lines); i++)
                lines[i] = i % 2 ? '\n' : 'a';
        peer_greet(c);
        peer_expect(c, "STAT");
        peer_may_leave(c);
        peer_say(c, "213-Status");
        for (;;)
                peer_send(c, lines, sizeof(lines));
}

static void test_talk_for_ever(void **state) {
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", talk_for_ever, NULL));
        uint64_t begun;
        Session *s;

        (void) state;
        c.abort_ms = 1000;
        s = session_ready(&c);
        begun = now_ms();
        list(s, KFTP_OP_STAT, memory_file(), 1000);
        session_expect_done(s, 5, -EMSGSIZE);
        session_expect_closed(s, -ETIMEDOUT);
        assert_in_range(now_ms() - begun, 900, 20000);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_type_cancelled),
        DEVICE_TEST(test_type_behind_226),
        DEVICE_TEST(test_restart_refused),
        DEVICE_TEST(test_stray_lines),
        DEVICE_TEST(test_talk_for_ever),
};

DEVICE_TESTS("out-of-step", tests)
