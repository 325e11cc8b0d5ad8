/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS on the control connection: AUTH, PBSZ and PROT in each mode, what is refused, and that nothing is secret
 * that was said without it: no USER before the kernel's TLS was seen to be in use.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* Runs to CONNECTED, or to CLOSED with this error. */
static Session *connected(enum kftp_tls_mode mode, PeerScript script, void *userdata, Peer **ret_peer) {
        Session *s = tls_agreed(tls_armed(mode, script, userdata, ret_peer));

        session_expect(s, KFTP_EVENT_CONNECTED);
        return s;
}

static void assert_order(Peer *p, const char *first, const char *then) {
        char *commands = peer_commands(p), *a = strstr(commands, first), *b = strstr(commands, then);

        if (!a || !b || a > b)
                fail_msg("'%s' should come before '%s': %s", first, then, commands);
        free(commands);
}

static void assert_nothing_secret(Peer *p) {
        assert_not_commanded(p, "@(USER|PASS|ACCT)*");
}

/* ---- Agreed ----------------------------------------------------------------------------------------- */

static const struct {
        bool tls12;
        gnutls_cipher_algorithm_t cipher;
} kinds[] = {
        { false, GNUTLS_CIPHER_AES_128_GCM }, { false, GNUTLS_CIPHER_AES_256_GCM }, { false, GNUTLS_CIPHER_CHACHA20_POLY1305 },
        { true, GNUTLS_CIPHER_AES_128_GCM }, { true, GNUTLS_CIPHER_AES_256_GCM }, { true, GNUTLS_CIPHER_CHACHA20_POLY1305 },
};

static void assert_shown(Session *s, const char *expected) {
        char text[4096], *value;

        assert_int_equal(read_fdinfo(0, s->fd, text, sizeof(text)), 0);
        value = fdinfo_value(text, "kftp-tls");
        assert_non_null(value);
        assert_string_equal(value, expected);
        free(value);
}

static void test_explicit(void **state) {
        void *none = NULL;

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
                struct kftp_info info;
                Peer *p;
                Session *s;

                tls_use(kinds[i].tls12, kinds[i].cipher);
                s = tls_session(peer_secure_serve, NULL, &p);
                info = session_info(s);
                assert_int_equal(info.tls_version, kinds[i].tls12 ? 0x0303 : 0x0304);
                assert_int_equal(info.tls_cipher, 0x1301);
                assert_int_equal(info.tls_flags, 0);
                assert_shown(s, kinds[i].tls12 ? "0x0303 0x1301" : "0x0304 0x1301");
                session_assert_usable(s);
                assert_int_equal(s->lent[KFTP_ROLE_DATA], 1);
                assert_order(p, "AUTH TLS", "USER");
                assert_order(p, "PBSZ 0", "PROT P");
                assert_order(p, "PROT P", "EPSV");
                assert_int_equal(test_end(&none), 0);
                assert_int_equal(test_begin(&none), 0);
        }
}

/* The greeting itself is protected, and may come by way of the kernel. */
static void greet_in_tls(Conn *c) {
        peer_tls_begin(c, KFTP_ROLE_CONTROL);
        peer_serve(c);
}

static void test_implicit(void **state) {
        Peer *p;
        Session *s = connected(KFTP_TLS_IMPLICIT, greet_in_tls, NULL, &p);

        (void) state;
        assert_int_equal(s->lent[KFTP_ROLE_CONTROL], 1);
        assert_string_equal((char *) session_info(s).banner, "220 The peer is at your service");
        session_assert_usable(s);
        assert_int_equal(s->lent[KFTP_ROLE_DATA], 1);
        assert_not_commanded(p, "AUTH*");
}

/* Some servers have private data connections there and know no PROT. */
static void implicit_without_prot(Conn *c) {
        peer_tls_begin(c, KFTP_ROLE_CONTROL);
        peer_greet(c);
        peer_protect(c, true);
        peer_expect(c, "PBSZ 0");
        peer_say(c, "502 What?");
        if (peer_userdata(c)) {
                peer_expect(c, "PROT P");
                peer_say(c, "502 What?");
        }
        peer_serve_on(c);
}

static void test_implicit_without_prot(void **state) {
        (void) state;
        session_assert_usable(connected(KFTP_TLS_IMPLICIT, implicit_without_prot, "PROT", NULL));
}

/* 334 is from the time before RFC 4217, and AUTH SSL, too. */
static void take_ssl(Conn *c) {
        const char *reply = peer_userdata(c);

        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_say(c, "504 Not that");
        peer_expect(c, "AUTH SSL");
        peer_say(c, "%s", reply);
        peer_tls_begin(c, KFTP_ROLE_CONTROL);
        peer_serve_on(c);
}

static void test_auth_ssl(void **state) {
        (void) state;
        session_assert_usable(connected(KFTP_TLS_REQUIRED, take_ssl, "234 SSL", NULL));
        session_assert_usable(connected(KFTP_TLS_OPPORTUNISTIC, take_ssl, "334 Go on", NULL));
}

static void auth_with_334(Conn *c) {
        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_say(c, "334 [SSL]");
        peer_tls_begin(c, KFTP_ROLE_CONTROL);
        peer_serve_on(c);
}

static void test_auth_334(void **state) {
        (void) state;
        session_assert_usable(connected(KFTP_TLS_REQUIRED, auth_with_334, NULL, NULL));
}

/* "You are logged in already" is for whoever is in the middle to say: it is not believed. */
static void greet_230(Conn *c) {
        peer_say(c, "230 Come in");
        peer_serve_on(c);
}

static void test_greeting_230(void **state) {
        Peer *p;
        Session *s = connected(KFTP_TLS_REQUIRED, greet_230, NULL, &p);

        (void) state;
        assert_int_equal(s->lent[KFTP_ROLE_CONTROL], 1);
        assert_order(p, "AUTH TLS", "USER user");
        session_assert_usable(s);
}

/* Without TLS, it is what there is to go by: a server that wants no log-in gets no password in clear. */
static void welcome_without_tls(Conn *c) {
        peer_say(c, "230 Come in");
        peer_expect(c, "AUTH TLS");
        peer_say(c, "500 What?");
        peer_expect(c, "AUTH SSL");
        peer_say(c, "500 What?");
        peer_serve_on(c);
}

static void test_greeting_230_without_tls(void **state) {
        Peer *p;
        Session *s = tls_armed(KFTP_TLS_OPPORTUNISTIC, welcome_without_tls, NULL, &p);

        (void) state;
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_nothing_secret(p);
        session_assert_usable(s);
}

/* ---- The caller has said PBSZ and PROT ----------------------------------------------------------------- */

static const char *ask(Lent *l, const char *line) {
        lent_say(l, line);
        return lent_hear(l, NULL);
}

static void prot_once(Conn *c) {
        peer_strict(c);
        peer_greet(c);
        peer_auth(c);
        peer_play(c, (const char *const[]) { "< PBSZ 0", "> 200 0", "< PROT P", "> 200 P", "< USER user", "> 331 And?", "< PASS secret",
                                             "> 230 In", "< FEAT", "> 500 What?", "< TYPE I", "> 200 I", NULL });
        peer_protect(c, true);
        peer_serve_on(c);
}

static void test_prot_done(void **state) {
        Session *s = tls_armed(KFTP_TLS_REQUIRED, prot_once, NULL, NULL);
        Lent *l = lent_expect(s, KFTP_ROLE_CONTROL);
        TlsKeys keys;

        (void) state;
        assert_int_equal(lent_hello(l), 0);
        assert_string_equal(ask(l, "PBSZ 0\r\n"), "200 0\r\n");
        assert_string_equal(ask(l, "PROT P\r\n"), "200 P\r\n");
        keys = *tls_end_keys(l->end);
        assert_int_equal(keys.number[TLS_CLIENT], 2);
        assert_int_equal(lent_keys(l, TLS_KEYS_BOTH), 0);
        assert_int_equal(lent_answer_with(l, KFTP_TLS_PROT_DONE | KFTP_TLS_RESUMED, NULL, 0), 0);
        tls_agreed(s);
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(session_info(s).tls_flags & KFTP_TLS_RESUMED, KFTP_TLS_RESUMED);
        session_assert_usable(s);
        assert_int_equal(s->lent[KFTP_ROLE_DATA], 1);
}

/* ---- Refused ------------------------------------------------------------------------------------------------ */

static void refuse_auth(Conn *c) {
        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_say(c, "500 What is TLS?");
        peer_expect(c, "AUTH SSL");
        peer_say(c, "502 Nor that");
        peer_may_leave(c);
        peer_serve_on(c);
}

static void test_auth_refused(void **state) {
        Peer *p;
        Session *s = tls_armed(KFTP_TLS_REQUIRED, refuse_auth, NULL, &p);

        (void) state;
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect_done(s, 1, -ECANCELED);
        session_expect(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, -EPROTONOSUPPORT);
        assert_true(s->event.reply == 500 || s->event.reply == 502);
        assert_true(s->text[0] == '5');
        assert_nothing_secret(p);
}

static void test_auth_refused_opportunistic(void **state) {
        Peer *p;
        Session *s = tls_armed(KFTP_TLS_OPPORTUNISTIC, refuse_auth, NULL, &p);

        (void) state;
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(session_info(s).tls_version, 0);
        session_assert_usable(s);
        assert_not_commanded(p, "@(PBSZ|PROT)*");
}

/* No other 2xx means that TLS begins; what is neither yes nor no is no. */
static void odd_auth(Conn *c) {
        const char *const *replies = peer_userdata(c);

        peer_may_leave(c);
        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_say(c, "%s", replies[peer_number(c)]);
        if (peer_expect_or_end(c, "AUTH SSL"))
                peer_say(c, "%s", replies[peer_number(c)]);
        peer_until_closed(c);
}

static void test_odd_replies(void **state) {
        static const char *const replies[] = { "200 Fine", "230 In", "332 Account", "421 Gone", "534 Refused", "220 Hello" };
        Peer *p = test_peer("127.0.0.1", odd_auth, (void *) replies);
        struct kftp_connect c = tls_connect_to(p, KFTP_TLS_REQUIRED);

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(replies); i++) {
                Session *s = session_armed(&c);

                session_expect(s, KFTP_EVENT_CLOSED);
                assert_true(s->event.error < 0);
                assert_int_equal(s->event.reply, strtoul(replies[i], NULL, 10));
                assert_int_equal(s->lent[KFTP_ROLE_CONTROL], 0);
        }
        assert_nothing_secret(p);
}

static void refuse_prot(Conn *c) {
        peer_greet(c);
        peer_auth(c);
        peer_expect(c, "PROT P");
        peer_say(c, "536 Not here");
        peer_may_leave(c);
        peer_serve_on(c);
}

static void test_prot_refused(void **state) {
        Session *s = tls_agreed(tls_armed(KFTP_TLS_REQUIRED, refuse_prot, NULL, NULL));

        (void) state;
        session_expect_closed(s, -EPROTONOSUPPORT);
        s = tls_agreed(tls_armed(KFTP_TLS_REQUIRED, refuse_prot, NULL, NULL));
        session_expect(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.reply, 536);
        assert_string_equal(s->text, "536 Not here");
}

/* Then the files go in clear, the password did not. */
static void test_prot_refused_opportunistic(void **state) {
        Session *s = connected(KFTP_TLS_OPPORTUNISTIC, refuse_prot, NULL, NULL);

        (void) state;
        session_assert_usable(s);
        assert_int_equal(s->lent[KFTP_ROLE_DATA], 0);
}

/* ---- Nothing without TLS -------------------------------------------------------------------------------------- */

/* Whatever it were, in clear or in TLS. */
static void expect_no_byte(Conn *c) {
        char byte;

        if (recv(peer_control_socket(c), &byte, 1, 0) > 0)
                peer_fail(c, "the client should have said nothing more");
}

static void auth_and_wait(Conn *c) {
        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_say(c, "234 Go ahead");
        expect_no_byte(c);
}

static void test_handshake_fails(void **state) {
        /* Among them such as RUN itself has a use for. */
        static const int errors[] = { -EPROTO, -ETIMEDOUT, -EKEYREJECTED, -EAGAIN, -EINTR, -512 /* ERESTARTSYS */, -4095 };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(errors); i++) {
                enum kftp_tls_mode mode = i % 2 == 0 ? KFTP_TLS_OPPORTUNISTIC : KFTP_TLS_REQUIRED;
                Peer *p;
                Session *s = tls_armed(mode, auth_and_wait, NULL, &p);

                assert_int_equal(lent_answer(lent_expect(s, KFTP_ROLE_CONTROL), errors[i]), 0);
                session_expect_closed(s, errors[i]);
                assert_nothing_secret(p);
        }
}

static void shake_and_wait(Conn *c) {
        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_say(c, "234 Go ahead");
        peer_tls_begin(c, KFTP_ROLE_CONTROL);
        expect_no_byte(c);
}

/* The caller says that all is well; the kernel's TLS is not there, or only in one direction. */
static void test_no_keys(void **state) {
        static const TlsDirection which[] = { 0, TLS_KEYS_TX, TLS_KEYS_RX };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(which); i++) {
                Peer *p;
                Session *s = tls_armed(i == 0 ? KFTP_TLS_OPPORTUNISTIC : KFTP_TLS_REQUIRED, shake_and_wait, NULL, &p);
                Lent *l = lent_expect(s, KFTP_ROLE_CONTROL);

                assert_int_equal(lent_hello(l), 0);
                assert_int_equal(lent_keys(l, which[i]), 0);
                assert_int_equal(lent_answer(l, 0), 0);
                session_expect_closed(s, -ENOKEY);
                assert_nothing_secret(p);
        }
}

/* Not even the layer. */
static void test_no_layer(void **state) {
        Peer *p;
        Session *s = tls_armed(KFTP_TLS_REQUIRED, auth_and_wait, NULL, &p);

        (void) state;
        assert_int_equal(lent_answer(lent_expect(s, KFTP_ROLE_CONTROL), 0), 0);
        session_expect_closed(s, -ENOKEY);
        assert_nothing_secret(p);
}

static void greet_in_clear(Conn *c) {
        peer_greet(c);
        expect_no_byte(c);
}

static void test_implicit_without_tls(void **state) {
        Peer *p;
        Session *s = tls_armed(KFTP_TLS_IMPLICIT, greet_in_clear, NULL, &p);

        (void) state;
        assert_int_equal(lent_answer(lent_expect(s, KFTP_ROLE_CONTROL), 0), 0);
        session_expect_closed(s, -ENOKEY);
        assert_nothing_secret(p);
}

/* ---- Bytes in clear behind the answer to AUTH ------------------------------------------------------------------ */

/* In the same segment, or just behind. */
static void inject(Conn *c) {
        const char *text = peer_userdata(c);

        peer_greet(c);
        peer_expect(c, "AUTH TLS");
        peer_send(c, text, strlen(text));
        expect_no_byte(c);
}

static void test_injected(void **state) {
        static char *const texts[] = { "234 Go ahead\r\n230 You are in\r\n", "234 Go ahead\r\n2", "334 Go ahead\r\n\r\n",
                                       "234-Go\r\n234 ahead\r\n200 So\r\n" };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                Peer *p;
                Session *s = tls_armed(i % 2 ? KFTP_TLS_REQUIRED : KFTP_TLS_OPPORTUNISTIC, inject, texts[i], &p);

                session_expect(s, KFTP_EVENT_CLOSED);
                assert_int_equal(s->event.error, -EPROTO);
                assert_int_equal(s->event.reply, texts[i][0] == '2' ? 234 : 334);
                assert_nothing_secret(p);
        }
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_explicit),
        DEVICE_TEST(test_implicit),
        DEVICE_TEST(test_implicit_without_prot),
        DEVICE_TEST(test_auth_ssl),
        DEVICE_TEST(test_auth_334),
        DEVICE_TEST(test_greeting_230),
        DEVICE_TEST(test_greeting_230_without_tls),
        DEVICE_TEST(test_prot_done),
        DEVICE_TEST(test_auth_refused),
        DEVICE_TEST(test_auth_refused_opportunistic),
        DEVICE_TEST(test_odd_replies),
        DEVICE_TEST(test_prot_refused),
        DEVICE_TEST(test_prot_refused_opportunistic),
        DEVICE_TEST(test_handshake_fails),
        DEVICE_TEST(test_no_keys),
        DEVICE_TEST(test_no_layer),
        DEVICE_TEST(test_implicit_without_tls),
        DEVICE_TEST(test_injected),
};

TLS_DEVICE_TESTS("tls-control", tests)
