/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KFTP_TLS: what is refused as an answer, when nobody waits for one, whose it may be, and what becomes of the
 * bytes that it brings along.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static int answer(Session *s, enum kftp_role channel, int error) {
        struct kftp_tls t = tls_answer(channel, error);

        return session_answer(s, &t);
}

/* ---- Form --------------------------------------------------------------------------------------------- */

static void test_refused(void **state) {
        static uint8_t bytes[KFTP_MAX_LINE + 1];
        void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        const struct {
                const char *what;
                uint32_t flags, channel;
                int error;
                const void *pending;
                uint32_t pending_len;
                int result;
        } rows[] = {
                { "an unknown flag", 1U << 2, 0, 0, NULL, 0, -EINVAL },
                { "all flags", UINT32_MAX, 0, 0, NULL, 0, -EINVAL },
                { "no such channel", 0, 2, 0, NULL, 0, -EINVAL },
                { "no such channel", 0, UINT32_MAX, 0, NULL, 0, -EINVAL },
                { "a positive error", 0, 0, EPROTO, NULL, 0, -EINVAL },
                { "no errno", 0, 0, -4096, NULL, 0, -EINVAL },
                { "no errno", 0, 0, INT32_MIN, NULL, 0, -EINVAL },
                { "too much pending", 0, 0, 0, bytes, KFTP_MAX_LINE + 1, -EINVAL },
                { "too much pending", 0, 0, 0, bytes, UINT32_MAX, -EINVAL },
                { "pending data", 0, 1, 0, bytes, 1, -EINVAL },
                { "pending at NULL", 0, 0, 0, NULL, 1, -EFAULT },
                { "pending nowhere", 0, 0, 0, nowhere, 1, -EFAULT },
        };
        Session *s = tls_armed(KFTP_TLS_REQUIRED, peer_secure_serve, NULL, NULL);
        Lent *l = lent_expect(s, KFTP_ROLE_CONTROL);

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct kftp_tls t = tls_answer(rows[i].channel, rows[i].error);
                int r;

                t.flags = rows[i].flags;
                t.pending = (uintptr_t) rows[i].pending;
                t.pending_len = rows[i].pending_len;
                r = session_answer(s, &t);
                if (r != rows[i].result)
                        fail_msg("%s: %s instead of %s", rows[i].what, strerror(-r), strerror(-rows[i].result));
        }
        /* None of them was an answer. */
        munmap(nowhere, 4096);
        assert_int_equal(lent_serve(l), 0);
        tls_agreed(s);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_assert_usable(s);
}

/* ---- Nobody waits ------------------------------------------------------------------------------------------ */

static void test_nobody_waits(void **state) {
        Session *s = tls_armed(KFTP_TLS_REQUIRED, peer_secure_serve, NULL, NULL), *unarmed = session_open();
        Lent *l;

        (void) state;
        assert_int_equal(answer(unarmed, KFTP_ROLE_CONTROL, 0), -ENOTCONN);
        assert_int_equal(answer(s, KFTP_ROLE_CONTROL, 0), -ESRCH);
        assert_int_equal(answer(s, KFTP_ROLE_CONTROL, -EPROTO), -ESRCH);
        l = lent_expect(s, KFTP_ROLE_CONTROL);
        assert_int_equal(answer(s, KFTP_ROLE_DATA, 0), -ESRCH);
        assert_int_equal(answer(s, KFTP_ROLE_DATA, -EPROTO), -ESRCH);
        lent_shake(l);
        assert_int_equal(lent_answer(l, 0), 0);
        /* Twice. */
        assert_int_equal(answer(s, KFTP_ROLE_CONTROL, 0), -ESRCH);
        assert_int_equal(answer(s, KFTP_ROLE_CONTROL, -EPROTO), -ESRCH);
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(answer(s, KFTP_ROLE_CONTROL, -EPROTO), -ESRCH);
        session_retr(s, local_file(), "bytes-100", 1);
        assert_int_equal(answer(s, KFTP_ROLE_DATA, 0), -ESRCH);
        l = lent_expect(s, KFTP_ROLE_DATA);
        assert_int_equal(answer(s, KFTP_ROLE_CONTROL, 0), -ESRCH);
        lent_shake(l);
        assert_int_equal(lent_answer(l, 0), 0);
        assert_int_equal(answer(s, KFTP_ROLE_DATA, 0), -ESRCH);
        session_expect_done(s, 1, 0);
        assert_int_equal(answer(s, KFTP_ROLE_DATA, 0), -ESRCH);
        session_quit(s);
        assert_int_equal(answer(s, KFTP_ROLE_CONTROL, 0), -ESRCH);
}

/* A session without TLS never waits for it. */
static void test_not_asked_for(void **state) {
        Session *s = session_with(peer_serve, NULL, NULL);

        (void) state;
        assert_int_equal(answer(s, KFTP_ROLE_CONTROL, 0), -ESRCH);
        session_retr(s, local_file(), "bytes-100", 1);
        session_expect_done(s, 1, 0);
        assert_int_equal(answer(s, KFTP_ROLE_DATA, 0), -ESRCH);
        session_assert_usable(s);
}

static void serve_who_leaves(Conn *c) {
        peer_may_leave(c);
        peer_secure_serve(c);
}

/* The request, or the session, is over before the answer comes. */
static void test_too_late(void **state) {
        Session *s = tls_session(serve_who_leaves, NULL, NULL);
        Lent *l;

        (void) state;
        session_retr(s, local_file(), "bytes-100", 1);
        l = lent_expect(s, KFTP_ROLE_DATA);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
        session_expect_done(s, 1, -ECANCELED);
        assert_int_equal(lent_answer(l, 0), -ESRCH);
        session_expect_closed(s, -ECANCELED);
        s = tls_armed(KFTP_TLS_REQUIRED, serve_who_leaves, NULL, NULL);
        l = lent_expect(s, KFTP_ROLE_CONTROL);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
        session_expect_closed(s, -ECANCELED);
        assert_int_equal(lent_answer(l, 0), -ESRCH);
}

/* A child has the descriptors, and may not answer with them. */
static void test_not_the_owner(void **state) {
        Session *s = tls_armed(KFTP_TLS_REQUIRED, peer_secure_serve, NULL, NULL);
        Lent *l = lent_expect(s, KFTP_ROLE_CONTROL);
        pid_t pid = fork();
        int status;

        (void) state;
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(answer(s, KFTP_ROLE_CONTROL, 0) == -EPERM && answer(s, KFTP_ROLE_CONTROL, -EPROTO) == -EPERM ? 0 : 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(lent_serve(l), 0);
        tls_agreed(s);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_assert_usable(s);
}

/* ---- What the caller has read already ------------------------------------------------------------------------ */

/* Userdata: what comes in TLS after what the caller says it has read. */
static void greet_the_rest(Conn *c) {
        const char *text = peer_userdata(c);

        peer_tls_begin(c, KFTP_ROLE_CONTROL);
        if (*text)
                peer_send(c, text, strlen(text));
        peer_serve_on(c);
}

static Session *implicit_with(const char *pending, size_t n, const char *rest) {
        Session *s = tls_armed(KFTP_TLS_IMPLICIT, greet_the_rest, (void *) rest, NULL);
        Lent *l = lent_expect(s, KFTP_ROLE_CONTROL);

        lent_shake(l);
        assert_int_equal(lent_answer_with(l, 0, pending, n), 0);
        return tls_agreed(s);
}

static void test_pending_greeting(void **state) {
        static const struct {
                const char *pending, *rest, *banner;
        } rows[] = {
                { "220 All of it\r\n", "", "220 All of it" },
                { "220-All of it\r\n in two\r\n220 lines\r\n", "", "220-All of it" },
                { "220-Half\r\n", "220 of it\r\n", "220-Half" },
                { "220 Ha", "lf of it\r\n", "220 Half of it" },
                { "2", "20 Much later\r\n", "220 Much later" },
                { "220 No feed yet\r", "\n", "220 No feed yet" },
                { "120 Wait\r\n220 Now\r\n", "", "120 Wait" },
                { "120 Wait\r\n2", "20 Now\r\n", "120 Wait" },
                { "", "220 None of it\r\n", "220 None of it" },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                Session *s = implicit_with(rows[i].pending, strlen(rows[i].pending), rows[i].rest);

                session_expect(s, KFTP_EVENT_CONNECTED);
                assert_string_equal((char *) session_info(s).banner, rows[i].banner);
                session_assert_usable(s);
        }
}

/* As long as it may be; whole, or with its end to come. */
static void test_pending_long(void **state) {
        static char line[KFTP_MAX_LINE + 1];
        Session *s;

        (void) state;
        memset(line, 'x', sizeof(line));
        memcpy(line, "220 ", 4);
        memcpy(line + KFTP_MAX_LINE - 2, "\r\n", 2);
        s = implicit_with(line, KFTP_MAX_LINE, "");
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_assert_usable(s);
        memset(line + KFTP_MAX_LINE - 2, 'x', 2);
        s = implicit_with(line, KFTP_MAX_LINE - 2, "\r\n");
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_assert_usable(s);
        /* One byte too many. */
        session_expect_closed(implicit_with(line, KFTP_MAX_LINE, ""), -EMSGSIZE);
}

static void test_pending_nonsense(void **state) {
        static const struct {
                const char *pending;
                size_t n;
                int error;
        } rows[] = {
                { "530 Go away\r\n", 13, -EKEYREJECTED },
                { "421 Full\r\n", 10, -ECONNRESET },
                { "HTTP/1.1 400 Bad Request\r\n", 26, -EPROTO },
                { "\x15\x03\x01\r\n", 5, -EPROTO },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                Session *s = implicit_with(rows[i].pending, rows[i].n, "");

                session_expect_closed(s, rows[i].error);
        }
}

/* The caller has read more than it has asked for: it answers nothing that was asked. */
static void test_pending_too_much(void **state) {
        Session *s = implicit_with("220 Hello\r\n331 And?\r\n230 In\r\n", 29, "");

        (void) state;
        session_run(s);
        /* Either it is taken for an answer to nothing, or the session ends: but no one is logged in by it. */
        if (s->event.type == KFTP_EVENT_CLOSED)
                assert_true(s->event.error < 0);
        else
                session_assert_usable(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_refused),
        DEVICE_TEST(test_nobody_waits),
        DEVICE_TEST(test_not_asked_for),
        DEVICE_TEST(test_too_late),
        DEVICE_TEST(test_not_the_owner),
        DEVICE_TEST(test_pending_greeting),
        DEVICE_TEST(test_pending_long),
        DEVICE_TEST(test_pending_nonsense),
        DEVICE_TEST(test_pending_too_much),
};

TLS_DEVICE_TESTS("tls-answer", tests)
