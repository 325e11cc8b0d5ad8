/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the greeting to CONNECTED: what servers answer to USER, PASS, ACCT, FEAT, OPTS and TYPE, and
 * what is made of it; and the commands that only some servers know.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* This dialogue, then nothing more. */
static void play(Conn *c) {
        peer_strict(c);
        peer_play(c, peer_userdata(c));
        peer_until_closed(c);
}

#define REST_OF_LOGIN "< FEAT", "> 500 What?", "< TYPE I", "> 200 Image", NULL

static Session *begin(const char *const *dialogue, const char *account) {
        Peer *p = test_peer("127.0.0.1", play, (void *) dialogue);
        struct kftp_connect c = connect_to_peer(p);

        if (account) {
                c.account = (uintptr_t) account;
                c.account_len = strlen(account);
        }
        return session_armed(&c);
}

/* ---- What gets in ----------------------------------------------------------------------------- */

static void test_ways_in(void **state) {
        static const char *const dialogues[][16] = {
                { "> 220 Hello", "< USER user", "> 331 Password", "< PASS secret", "> 230 In", REST_OF_LOGIN },
                /* In at once (C6); no password wanted, with codes that mean it (C9). */
                { "> 230 Hello, you are in", REST_OF_LOGIN },
                { "> 220 Hello", "< USER user", "> 230 In", REST_OF_LOGIN },
                { "> 220 Hello", "< USER user", "> 232 In", REST_OF_LOGIN },
                { "> 220 Hello", "< USER user", "> 200 In", REST_OF_LOGIN },
                { "> 220 Hello", "< USER user", "> 331 Password", "< PASS secret", "> 202 Superfluous", REST_OF_LOGIN },
                /* An account, after the password or instead of it. */
                { "> 220 Hello", "< USER user", "> 331 Password", "< PASS secret", "> 332 Account", "< ACCT mine", "> 230 In",
                  REST_OF_LOGIN },
                { "> 220 Hello", "< USER user", "> 332 Account", "< ACCT mine", "> 202 In", REST_OF_LOGIN },
                /* Not yet ready (C6). */
                { "> 120 In a minute", "> 120 Really", "> 220 Hello", "< USER user", "> 230 In", REST_OF_LOGIN },
                /* 1xx is never the last word. */
                { "> 220 Hello", "< USER user", "> 100 Hm", "> 331 Password", "< PASS secret", "> 150 Hm", "> 230 In",
                  "< FEAT", "> 120 Hm", "> 500 What?", "< TYPE I", "> 110 Hm", "> 200 Image", NULL },
                /* TYPE answered 226 (C18). */
                { "> 220 Hello", "< USER user", "> 230 In", "< FEAT", "> 500 What?", "< TYPE I", "> 226 Image", NULL },
                /* Empty lines, a bare LF, Telnet (C2, C3, C4). */
                { "> \r\n220 Hello\n", "< USER user", "> 230-In\n230-\n230 In\n", REST_OF_LOGIN },
                { "> \xff\xfb\x01" "220 Hel\xff\xf1lo", "< USER user", "> 230 In", REST_OF_LOGIN },
                /* Several lines, with other codes in the middle (C1). */
                { "> 220-Hello\r\n530 no\r\n421 no\r\n 220 no\r\n220 Hello", "< USER user", "> 230 In", REST_OF_LOGIN },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(dialogues); i++) {
                Session *s = begin(dialogues[i], "mine");

                session_run(s);
                if (s->result < 0 || s->event.type != KFTP_EVENT_CONNECTED)
                        fail_msg("dialogue %zu: event %u, error %d, '%s'", i, s->event.type, s->event.error, s->text);
                session_close(s);
        }
}

/* ---- What does not ----------------------------------------------------------------------------- */

static void test_refusals(void **state) {
        static const struct {
                int error;
                unsigned reply;
                const char *account;
                const char *dialogue[16];
        } rows[] = {
                { -EKEYREJECTED, 530, NULL, { "> 220 Hello", "< USER user", "> 530 Not you", NULL } },
                { -EKEYREJECTED, 530, NULL, { "> 220 Hello", "< USER user", "> 331 P", "< PASS secret", "> 530 No", NULL } },
                { -EKEYREJECTED, 430, NULL, { "> 220 Hello", "< USER user", "> 331 P", "< PASS secret", "> 430 No", NULL } },
                { -EKEYREJECTED, 530, NULL, { "> 530 Too many users", NULL } },
                /* An account is wanted, and there is none. */
                { -EKEYREJECTED, 332, NULL, { "> 220 Hello", "< USER user", "> 331 P", "< PASS secret", "> 332 A", NULL } },
                { -EKEYREJECTED, 332, NULL, { "> 220 Hello", "< USER user", "> 332 A", NULL } },
                { -EKEYREJECTED, 530, "mine", { "> 220 Hello", "< USER user", "> 332 A", "< ACCT mine", "> 530 No", NULL } },
                /* Asked again and again: once is enough. */
                { -EKEYREJECTED, 331, NULL, { "> 220 Hello", "< USER user", "> 331 P", "< PASS secret", "> 331 P", NULL } },
                { -EKEYREJECTED, 332, "mine",
                  { "> 220 Hello", "< USER user", "> 332 A", "< ACCT mine", "> 332 Another", NULL } },
                /* The server does not want anybody. */
                { -EREMOTEIO, 500, NULL, { "> 500 No", NULL } },
                { -EREMOTEIO, 554, NULL, { "> 554 No", NULL } },
                { -EREMOTEIO, 504, NULL,
                  { "> 230 In", "< FEAT", "> 500 What?", "< TYPE I", "> 504 Only text here", NULL } },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                Session *s = begin(rows[i].dialogue, rows[i].account);

                session_run(s);
                if (s->result < 0 || s->event.type != KFTP_EVENT_CLOSED || s->event.error != rows[i].error ||
                    s->event.reply != rows[i].reply)
                        fail_msg("dialogue %zu: event %u, error %d, reply %u '%s'", i, s->event.type, s->event.error,
                                 s->event.reply, s->text);
                session_close(s);
        }
}

/* A user without a password gets none made up, unless it is the anonymous one. */
static void test_no_password(void **state) {
        static const char *const named[] = { "> 220 Hello", "< USER user", "> 331 Password", NULL };
        static const char *const nobody[] = {
                "> 220 Hello", "< USER anonymous", "> 331 Your address", "< PASS *@*", "> 230 In", REST_OF_LOGIN
        };
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", play, (void *) named));
        Session *s;

        (void) state;
        c.password = 0;
        c.password_len = 0;
        s = session_armed(&c);
        session_expect(s, KFTP_EVENT_CLOSED);
        assert_int_equal(s->event.error, -EKEYREJECTED);
        assert_int_equal(s->event.reply, 331);

        c.peer = peer_address(test_peer("127.0.0.1", play, (void *) nobody));
        c.user = (uintptr_t) "anonymous";
        c.user_len = strlen("anonymous");
        session_ready(&c);
}

/* ---- FEAT ----------------------------------------------------------------------------------------- */

static void test_feat(void **state) {
        static const struct {
                uint64_t feat;
                const char *dialogue[16];
        } rows[] = {
                { 0, { "> 230 In", "< FEAT", "> 500 What?", "< TYPE I", "> 200 I", NULL } },
                { 0, { "> 230 In", "< FEAT", "> 530-Not\r\n SIZE\r\n530 yet", "< TYPE I", "> 200 I", NULL } },
                { KFTP_FEAT_ASKED, { "> 230 In", "< FEAT", "> 211 None", "< TYPE I", "> 200 I", NULL } },
                { KFTP_FEAT_ASKED | KFTP_FEAT_SIZE | KFTP_FEAT_REST,
                  { "> 230 In", "< FEAT", "> 211-F\r\n SIZE\r\n REST STREAM\r\n211 End", "< TYPE I", "> 200 I", NULL } },
                { KFTP_FEAT_ASKED | KFTP_FEAT_SIZE | KFTP_FEAT_MDTM,
                  { "> 230 In", "< FEAT", "> 211-F\r\n211-SIZE\r\n211-MDTM\r\n211 End", "< TYPE I", "> 200 I", NULL } },
                /* UTF8 is switched on, whatever the answer. */
                { KFTP_FEAT_ASKED | KFTP_FEAT_UTF8,
                  { "> 230 In", "< FEAT", "> 211-F\r\n UTF8\r\n211 End", "< OPTS UTF8 ON", "> 200 On", "< TYPE I",
                    "> 200 I", NULL } },
                { KFTP_FEAT_ASKED | KFTP_FEAT_UTF8,
                  { "> 230 In", "< FEAT", "> 211-F\r\n UTF8\r\n211 End", "< OPTS UTF8 ON", "> 501 No", "< TYPE I",
                    "> 200 I", NULL } },
                { KFTP_FEAT_ASKED | KFTP_FEAT_UTF8,
                  { "> 230 In", "< FEAT", "> 211-F\r\n UTF8\r\n211 End", "< OPTS UTF8 ON", "> 202 Always", "< TYPE I",
                    "> 200 I", NULL } },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                Session *s = begin(rows[i].dialogue, NULL);

                session_expect(s, KFTP_EVENT_CONNECTED);
                if (session_info(s).feat != rows[i].feat)
                        fail_msg("dialogue %zu: FEAT as %llx", i, (unsigned long long) session_info(s).feat);
                session_close(s);
        }
}

/* ---- HOST, CLNT, LANG, and when FEAT is asked for -------------------------------------------------- */

/* What comes before USER needs FEAT before it; without a host's name nothing does. */
static void test_optional_commands(void **state) {
        static const struct {
                const char *host;
                const char *dialogue[24];
        } rows[] = {
                { NULL, { "> 220 Hello", "< USER user", "> 230 In", "< FEAT", "> 211-F\r\n HOST\r\n211 End", "< TYPE I",
                          "> 200 I", NULL } },
                { "ftp.example", { "> 220 Hello", "< FEAT", "> 211-F\r\n HOST\r\n211 End", "< HOST ftp.example", "> 220 Right",
                                   "< USER user", "> 230 In", "< TYPE I", "> 200 I", NULL } },
                /* Not known to be understood: not said. A refusal does no harm. */
                { "ftp.example", { "> 220 Hello", "< FEAT", "> 211-F\r\n SIZE\r\n211 End", "< USER user", "> 230 In", "< TYPE I",
                                   "> 200 I", NULL } },
                { "ftp.example", { "> 220 Hello", "< FEAT", "> 211-F\r\n HOST\r\n211 End", "< HOST ftp.example", "> 504 Who?",
                                   "< USER user", "> 230 In", "< TYPE I", "> 200 I", NULL } },
                /* FEAT may be refused before the login and granted after it. */
                { "ftp.example", { "> 220 Hello", "< FEAT", "> 530-Log\r\n CLNT\r\n530 in", "< USER user", "> 331 P", "< PASS secret",
                                   "> 230 In", "< FEAT", "> 211-F\r\n HOST\r\n CLNT\r\n211 End", "< CLNT kftp", "> 200 Good",
                                   "< TYPE I", "> 200 I", NULL } },
                { "ftp.example", { "> 220 Hello", "< FEAT", "> 500 What?", "< USER user", "> 230 In", "< FEAT", "> 500 What?",
                                   "< TYPE I", "> 200 I", NULL } },
                /* In at once: too late for HOST. */
                { "ftp.example", { "> 230 In", "< FEAT", "> 211-F\r\n HOST\r\n211 End", "< TYPE I", "> 200 I", NULL } },
                { NULL, { "> 230 In", "< FEAT", "> 211-F\r\n CLNT\r\n UTF8\r\n LANG EN;FR*\r\n211 End", "< CLNT kftp", "> 500 So?",
                          "< OPTS UTF8 ON", "> 202 Always", "< LANG EN", "> 200 Well", "< TYPE I", "> 200 I", NULL } },
                /* It speaks English already, or not at all. */
                { NULL, { "> 230 In", "< FEAT", "> 211-F\r\n LANG EN*;FR\r\n211 End", "< TYPE I", "> 200 I", NULL } },
                { NULL, { "> 230 In", "< FEAT", "> 211-F\r\n LANG FR*;DE\r\n211 End", "< TYPE I", "> 200 I", NULL } },
                /* NetWare 5 falls over FEAT. */
                { "ftp.example", { "> 220 host NW 5 FTP server (NetWare v5.00) ready", "< USER user", "> 230 In", "< TYPE I",
                                   "> 200 I", NULL } },
                { NULL, { "> 220-Novell NetWare\r\n220 ready", "< USER user", "> 230 In", "< TYPE I", "> 200 I", NULL } },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", play, (void *) rows[i].dialogue));
                Session *s;

                c.host = (uintptr_t) rows[i].host;
                c.host_len = rows[i].host ? strlen(rows[i].host) : 0;
                s = session_armed(&c);
                session_run(s);
                if (s->result < 0 || s->event.type != KFTP_EVENT_CONNECTED)
                        fail_msg("dialogue %zu: event %u, error %d, '%s'", i, s->event.type, s->event.error, s->text);
                session_close(s);
        }
}

static void test_host_form(void **state) {
        static char long_host[KFTP_MAX_HOST + 1];
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);

        (void) state;
        memset(long_host, 'h', sizeof(long_host));
        c.host = (uintptr_t) long_host;
        c.host_len = KFTP_MAX_HOST + 1;
        assert_int_equal(session_connect(session_open(), &c), -EINVAL);
        c.host_len = KFTP_MAX_HOST;
        assert_int_equal(session_connect(session_open(), &c), 0);
        c.host = (uintptr_t) "ftp\r\nQUIT";
        c.host_len = 9;
        assert_int_equal(session_connect(session_open(), &c), -EINVAL);
        c.host = 0;
        assert_int_equal(session_connect(session_open(), &c), -EINVAL);
        c.host = 8;
        assert_int_equal(session_connect(session_open(), &c), -EFAULT);
}

/* PRET before the data connection, where it is announced; Pure-FTPd announces it and has no use for it. */
static void test_pret(void **state) {
        static const char *const pret[] = {
                "> 230 In", "< FEAT", "> 211-F\r\n PRET\r\n211 End", "< TYPE I", "> 200 I", "< PRET RETR a b", "> 200 Good", "< EPSV",
                "> 500 No", "< PASV", "> 500 No", "< EPRT *", "> 500 No", "< PORT *", "> 500 No",
                "< PRET STOU", "> 501 So what", "< EPSV", "> 500 No", "< PASV", "> 500 No", "< EPRT *", "> 500 No", "< PORT *", "> 500 No",
                NULL
        };
        static const char *const pure[] = {
                "> 230-- Welcome to Pure-FTPd -\r\n230 In", "< FEAT", "> 211-F\r\n PRET\r\n211 End", "< TYPE I", "> 200 I", "< EPSV",
                "> 500 No", "< PASV", "> 500 No", "< EPRT *", "> 500 No", "< PORT *", "> 500 No", NULL
        };
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", play, (void *) pret));
        struct kftp_submit stou = request(KFTP_OP_STOU, local_file(), NULL, 2);
        Session *s = session_ready(&c);

        (void) state;
        session_retr(s, local_file(), "a b", 1);
        session_expect_done(s, 1, -EREMOTEIO);
        assert_int_equal(session_submit(s, &stou), 0);
        session_expect_done(s, 2, -EREMOTEIO);
        c = connect_to_peer(test_peer("127.0.0.1", play, (void *) pure));
        s = session_ready(&c);
        session_retr(s, local_file(), "a b", 1);
        session_expect_done(s, 1, -EREMOTEIO);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_ways_in),
        DEVICE_TEST(test_refusals),
        DEVICE_TEST(test_no_password),
        DEVICE_TEST(test_feat),
        DEVICE_TEST(test_optional_commands),
        DEVICE_TEST(test_host_form),
        DEVICE_TEST(test_pret),
};

DEVICE_TESTS("login", tests)
