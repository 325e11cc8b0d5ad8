/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests whose result is a reply: how each goes over the wire, what is made of the answers, and
 * which ways to do a thing are tried, believed and remembered.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define MTIME 1000000000        /* 20010909014640 */

/* Logged in by the first two lines; the rest is the test's. */
static void play(Conn *c) {
        peer_strict(c);
        peer_say(c, "230 In");
        peer_play(c, peer_userdata(c));
        peer_until_closed(c);
}

#define LOGIN "< FEAT", "> 500 What?", "< TYPE I", "> 200 Image"
/* With FEAT, of these features. */
#define LOGIN_FEAT(features) "< FEAT", "> 211-F\r\n" features "211 End", "< TYPE I", "> 200 Image"

static Session *begin(const char *const *dialogue, uint32_t flags) {
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", play, (void *) dialogue));

        c.flags = flags;
        c.reply_ms = 10000;
        return session_ready(&c);
}

static void expect(Session *s, struct kftp_submit r, int error, unsigned reply) {
        assert_int_equal(session_submit(s, &r), 0);
        session_run(s);
        session_assert_event(s, KFTP_EVENT_DONE);
        if (s->event.error != error || s->event.reply != reply)
                fail_msg("op %u, '%s': error %d instead of %d, reply %u '%s'", r.op, (const char *) (uintptr_t) r.path,
                         s->event.error, error, s->event.reply, s->text);
        assert_int_equal(s->event.user_data, r.user_data);
        assert_int_equal(s->event.local_file, 0);
        assert_int_equal(session_info(s).state, KFTP_STATE_READY);
}

static struct kftp_submit operation(enum kftp_op op, const char *path) {
        return request(op, -1, path, 17);
}

/* ---- One command, one reply ---------------------------------------------------------------------- */

typedef struct Row {
        enum kftp_op op;
        const char *path;
        const char *command, *reply;
        int error;
        unsigned code;
} Row;

static void test_simple(void **state) {
        static const Row rows[] = {
                { KFTP_OP_NOOP, NULL, "NOOP", "200 Zzz", 0, 200 },
                { KFTP_OP_NOOP, NULL, "NOOP", "500 What?", -EREMOTEIO, 500 },
                { KFTP_OP_DELE, " odd name", "DELE  odd name", "250 Gone", 0, 250 },
                { KFTP_OP_DELE, "a", "DELE a", "550 Not there", -EREMOTEIO, 550 },
                { KFTP_OP_DELE, "a", "DELE a", "450 Busy", -EREMOTEIO, 450 },
                { KFTP_OP_MKD, "\xc3\xa4\xff", "MKD \xc3\xa4", "257 \"x\" made", 0, 257 },
                { KFTP_OP_MKD, "a", "MKD a", "521 There", -EREMOTEIO, 521 },
                { KFTP_OP_RMD, "-rf", "RMD -rf", "250 Gone", 0, 250 },
                { KFTP_OP_CWD, "/", "CWD /", "250 There", 0, 250 },
                { KFTP_OP_CWD, "..", "CWD ..", "550 No", -EREMOTEIO, 550 },
                { KFTP_OP_PWD, NULL, "PWD", "257 \"/a \"\"b\"\"\" is it", 0, 257 },
                { KFTP_OP_SYST, NULL, "SYST", "215 UNIX Type: L8", 0, 215 },
                { KFTP_OP_SYST, NULL, "SYST", "502 No", -EREMOTEIO, 502 },
                { KFTP_OP_SYST, NULL, "SYST", "350 More?", -EREMOTEIO, 350 },
                /* Several lines, a 1xx before it, a stray one. */
                { KFTP_OP_DELE, "a", "DELE a", "250-Are you\r\n550 sure\r\n250 Gone", 0, 250 },
                { KFTP_OP_DELE, "a", "DELE a", "150 Hm\r\n250 Gone", 0, 250 },
                { KFTP_OP_DELE, "a", "DELE a", "226 Late\r\n550 Not there", -EREMOTEIO, 550 },
        };
        /* the peer's thread reads it for longer than this function runs */
        static const char *dialogue[2 * N_ELEMENTS(rows) + 8] = { LOGIN };
        static char lines[2 * N_ELEMENTS(rows)][128];
        Session *s;

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                snprintf(lines[2 * i], sizeof(lines[0]), "< %s", rows[i].command);
                if (strstr(rows[i].command, "\xc3\xa4"))       /* no text for fnmatch(3) */
                        strcpy(lines[2 * i], "< MKD *");
                snprintf(lines[2 * i + 1], sizeof(lines[0]), "> %s", rows[i].reply);
                dialogue[4 + 2 * i] = lines[2 * i];
                dialogue[5 + 2 * i] = lines[2 * i + 1];
        }
        s = begin(dialogue, 0);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                expect(s, operation(rows[i].op, rows[i].path), rows[i].error, rows[i].code);
                assert_int_equal(s->event.bytes, 0);
        }
        /* The text is the last line, as sent. */
        assert_string_equal(s->text, "550 Not there");
}

/* What belongs to another operation is a mistake of the caller's. */
static void test_members(void **state) {
        static const char *const dialogue[] = { LOGIN, NULL };
        Session *s = begin(dialogue, KFTP_CONNECT_RAW);
        struct kftp_submit r;

        (void) state;
        for (enum kftp_op op = KFTP_OP_NOOP; op <= KFTP_OP_QUIT; op++) {
                bool transfers = op >= KFTP_OP_RETR && op <= KFTP_OP_STAT;
                bool any_path = op == KFTP_OP_STOU || (op >= KFTP_OP_LIST && op <= KFTP_OP_STAT);
                bool no_path = op == KFTP_OP_NOOP || op == KFTP_OP_PWD || op == KFTP_OP_SYST || op == KFTP_OP_QUIT;
                int fd = local_file();

                if (transfers)
                        continue;
                r = operation(op, no_path ? "x" : NULL);
                assert_int_equal(session_submit(s, &r), any_path ? 0 : -EINVAL);
                r = operation(op, no_path ? NULL : "x");
                r.digest = op == KFTP_OP_HASH ? KFTP_DIGEST_SHA256 : 0;
                if (op == KFTP_OP_RENAME) {
                        assert_int_equal(session_submit(s, &r), -EINVAL);
                        r.path2 = (uintptr_t) "y";
                        r.path2_len = 1;
                } else {
                        r.path2 = (uintptr_t) "y";
                        r.path2_len = 1;
                        assert_int_equal(session_submit(s, &r), -EINVAL);
                        r.path2 = r.path2_len = 0;
                }
                r.fd = fd;
                assert_int_equal(session_submit(s, &r), -EINVAL);
                r.fd = -1;
                r.offset = 1;
                assert_int_equal(session_submit(s, &r), -EINVAL);
                r.offset = 0;
                r.length = 1;
                assert_int_equal(session_submit(s, &r), -EINVAL);
                r.length = 0;
                r.flags = KFTP_SUBMIT_ASK_SIZE;
                assert_int_equal(session_submit(s, &r), -EINVAL);
                r.flags = 0;
                r.mtime = 1;
                assert_int_equal(session_submit(s, &r), op == KFTP_OP_MFMT ? 0 : -EINVAL);
                r.mtime = 0;
                r.mode = 0644;
                assert_int_equal(session_submit(s, &r), op == KFTP_OP_CHMOD ? 0 : -EINVAL);
                r.mode = 010000;
                assert_int_equal(session_submit(s, &r), -EINVAL);
        }
        r = operation(KFTP_OP_HASH, "x");
        assert_int_equal(session_submit(s, &r), -EINVAL);       /* which digest? */
}

static struct kftp_submit rename_request(const char *from, const char *to) {
        struct kftp_submit r = operation(KFTP_OP_RENAME, from);

        r.path2 = (uintptr_t) to;
        r.path2_len = strlen(to);
        return r;
}

static void test_rename(void **state) {
        static const char *const dialogue[] = {
                LOGIN, "< RNFR a b", "> 350 To what?", "< RNTO c d", "> 250 Done",
                "< RNFR a", "> 350 To what?", "< RNTO b", "> 553 No",
                /* some need no asking */
                "< RNFR a", "> 250 Ready", "< RNTO b", "> 250 Done",
                "< RNFR a", "> 550 Not there",
                "< NOOP", "> 200 Zzz", NULL
        };
        Session *s = begin(dialogue, 0);
        char long_name[KFTP_MAX_PATH + 1] = "";
        struct kftp_submit r;

        (void) state;
        expect(s, rename_request("a b", "c d"), 0, 250);
        expect(s, rename_request("a", "b"), -EREMOTEIO, 553);
        expect(s, rename_request("a", "b"), 0, 250);
        expect(s, rename_request("a", "b"), -EREMOTEIO, 550);
        expect(s, operation(KFTP_OP_NOOP, NULL), 0, 200);
        r = rename_request("a", "b\n");
        assert_int_equal(session_submit(s, &r), -EINVAL);
        memset(long_name, 'n', KFTP_MAX_PATH);
        r = rename_request("a", long_name);
        r.path2_len++;
        assert_int_equal(session_submit(s, &r), -EINVAL);
        r = rename_request("a", "b");
        r.path2 = 8;
        assert_int_equal(session_submit(s, &r), -EFAULT);
}

static void test_chmod(void **state) {
        static const char *const dialogue[] = {
                LOGIN, "< SITE CHMOD 644 a b", "> 200 Done", "< SITE CHMOD 4755 a", "> 200 Done",
                "< SITE CHMOD 000 a", "> 550 No", NULL
        };
        Session *s = begin(dialogue, 0);
        struct kftp_submit r = operation(KFTP_OP_CHMOD, "a b");

        (void) state;
        r.mode = 0644;
        expect(s, r, 0, 200);
        r = operation(KFTP_OP_CHMOD, "a");
        r.mode = 04755;
        expect(s, r, 0, 200);
        r.mode = 0;
        expect(s, r, -EREMOTEIO, 550);
}

/* ---- The time of a file ---------------------------------------------------------------------------- */

static struct kftp_submit set_mtime(int64_t mtime) {
        struct kftp_submit r = operation(KFTP_OP_MFMT, "a b");

        r.mtime = mtime;
        return r;
}

#define NOW "20010909014640"

static void test_mtime_forms(void **state) {
        static const char *const dialogue[] = {
                LOGIN, "< MFMT " NOW " a b", "> 500 What?", "< MFF modify=" NOW "; a b", "> 502 Not here",
                "< SITE UTIME " NOW " a b", "> 504 Not so", "< SITE UTIME a b " NOW " " NOW " " NOW " UTC",
                "> 501 Not so", "< MDTM " NOW " a b", "> 213 Done",
                /* What was refused is not tried again. */
                "< MDTM " NOW " a b", "> 253 Done",
                "< MDTM " NOW " a b", "> 550 No such file",
                /* In the end there is none left; nothing more is sent. */
                "< MDTM " NOW " a b", "> 501 No", "< NOOP", "> 200 Zzz", NULL
        };
        Session *s = begin(dialogue, 0);

        (void) state;
        expect(s, set_mtime(MTIME), 0, 213);
        expect(s, set_mtime(MTIME), 0, 253);
        expect(s, set_mtime(MTIME), -EREMOTEIO, 550);
        expect(s, set_mtime(MTIME), -EOPNOTSUPP, 501);
        expect(s, set_mtime(MTIME), -EOPNOTSUPP, 0);
        expect(s, operation(KFTP_OP_NOOP, NULL), 0, 200);
}

/* A refusal of this file, or for now, is none of the form. */
static void test_mtime_refused(void **state) {
        static const char *const dialogue[] = {
                LOGIN, "< MFMT *", "> 550 No such file", "< MFMT *", "> 503 Not now", "< MFMT *", "> 450 Busy",
                "< MFMT *", "> 213 Modify=" NOW "; a b", NULL
        };
        Session *s = begin(dialogue, 0);

        (void) state;
        expect(s, set_mtime(MTIME), -EREMOTEIO, 550);
        expect(s, set_mtime(MTIME), -EREMOTEIO, 503);
        expect(s, set_mtime(MTIME), -EREMOTEIO, 450);
        expect(s, set_mtime(MTIME), 0, 213);
}

/* What FEAT has to list is not tried where it does not. */
static void test_mtime_announced(void **state) {
        static const char *const none[] = { LOGIN_FEAT(" SIZE\r\n"), "< SITE UTIME " NOW " a b", "> 200 Done", NULL };
        static const char *const mff[] = { LOGIN_FEAT(" MFF modify;UNIX.mode;\r\n"), "< MFF *", "> 213 Done", NULL };
        static const char *const mfmt[] = { LOGIN_FEAT(" MFMT\r\n"), "< MFMT *", "> 213 Done", NULL };

        (void) state;
        expect(begin(none, 0), set_mtime(MTIME), 0, 200);
        expect(begin(mff, 0), set_mtime(MTIME), 0, 213);
        expect(begin(mfmt, 0), set_mtime(MTIME), 0, 213);
}

static void test_mtime_range(void **state) {
        static const char *const dialogue[] = {
                LOGIN, "< MFMT 19691231235959 a b", "> 213 Done", "< MFMT 20240229000000 a b", "> 213 Done",
                "< MFMT 99991231235959 a b", "> 213 Done", "< MFMT 19700101000000 a b", "> 213 Done", NULL
        };
        static const int64_t unspeakable[] = { INT64_MAX, INT64_MIN, 253402300800 /* the year 10000 */, -62167219201 };
        Session *s = begin(dialogue, 0);

        (void) state;
        expect(s, set_mtime(-1), 0, 213);
        expect(s, set_mtime(1709164800), 0, 213);
        expect(s, set_mtime(253402300799), 0, 213);
        for (size_t i = 0; i < N_ELEMENTS(unspeakable); i++)
                expect(s, set_mtime(unspeakable[i]), -EOPNOTSUPP, 0);
        expect(s, set_mtime(0), 0, 213);
}

/* ---- Digests ------------------------------------------------------------------------------------------ */

static struct kftp_submit hash(enum kftp_digest digest) {
        struct kftp_submit r = operation(KFTP_OP_HASH, "a b");

        r.digest = digest;
        return r;
}

static void test_hash(void **state) {
        static const char *const hash_only[] = {
                LOGIN_FEAT(" HASH SHA-1;SHA-256*\r\n"), "< OPTS HASH SHA-256", "> 200 Good", "< HASH a b",
                "> 213 SHA-256 0-5 00 a b", "< OPTS HASH SHA-1", "> 504 No", NULL
        };
        static const char *const kin[] = {
                LOGIN_FEAT(" XSHA256\r\n XSHA512\r\n XSHA\r\n XMD5\r\n XCRC\r\n"), "< XSHA256 a b", "> 250 00",
                "< XSHA512 a b", "> 250 00", "< XSHA a b", "> 250 00", "< XMD5 a b", "> 250 00", "< XCRC a b",
                "> 550 Too large", NULL
        };
        static const char *const none[] = { LOGIN_FEAT(" SIZE\r\n"), NULL };
        Session *s = begin(hash_only, 0);

        (void) state;
        expect(s, hash(KFTP_DIGEST_SHA256), 0, 213);
        assert_string_equal(s->text, "213 SHA-256 0-5 00 a b");
        expect(s, hash(KFTP_DIGEST_SHA1), -EREMOTEIO, 504);
        /* What was not announced is not asked for. */
        expect(s, hash(KFTP_DIGEST_SHA512), -EOPNOTSUPP, 0);
        expect(s, hash(KFTP_DIGEST_MD5), -EOPNOTSUPP, 0);
        expect(s, hash(KFTP_DIGEST_CRC32), -EOPNOTSUPP, 0);
        s = begin(kin, 0);
        expect(s, hash(KFTP_DIGEST_SHA256), 0, 250);
        expect(s, hash(KFTP_DIGEST_SHA512), 0, 250);
        expect(s, hash(KFTP_DIGEST_SHA1), 0, 250);
        expect(s, hash(KFTP_DIGEST_MD5), 0, 250);
        expect(s, hash(KFTP_DIGEST_CRC32), -EREMOTEIO, 550);
        s = begin(none, 0);
        for (enum kftp_digest digest = KFTP_DIGEST_SHA256; digest <= KFTP_DIGEST_CRC32; digest++)
                expect(s, hash(digest), -EOPNOTSUPP, 0);
}

/* ---- Lines as they are ---------------------------------------------------------------------------------- */

static void test_raw(void **state) {
        static const char *const dialogue[] = {
                LOGIN, "< SITE HELP", "> 214-SITE\r\n UTIME\r\n214 End", "< RNFR x", "> 350 To what?", "< XFOO",
                "> 500 What?", "< STAT", "> 211 Fine", NULL
        };
        Session *s = begin(dialogue, KFTP_CONNECT_RAW);

        (void) state;
        expect(s, operation(KFTP_OP_RAW, "SITE HELP"), 0, 214);
        expect(s, operation(KFTP_OP_RAW, "RNFR x"), 0, 350);
        expect(s, operation(KFTP_OP_RAW, "XFOO"), -EREMOTEIO, 500);
        expect(s, operation(KFTP_OP_RAW, "STAT"), 0, 211);
}

/* What would change what the session relies on: login, protection, data, type. */
static void test_raw_refused(void **state) {
        static const char *const lines[] = {
                "USER x", "PASS x", "ACCT x", "REIN", "QUIT", "HOST x", "AUTH TLS", "ADAT x", "PBSZ 0", "PROT P", "CCC",
                "PORT 1,2,3,4,5,6", "PASV", "EPRT x", "EPSV", "EPSV ALL", "SPSV", "LPRT x", "LPSV", "CPSV", "SSCN ON",
                "TYPE A", "STRU R", "MODE Z", "REST 5", "RANG 0 5", "PRET RETR x", "RETR x", "STOR x", "STOU", "APPE x",
                "LIST", "NLST x", "MLSD", "ABOR", "MIC x", "CONF x", "ENC x",
                /* in any case */
                "user x", "Type a", "pAsV", "rEtR x", "abor",
                /* what does not begin with a word */
                " USER x", " NOOP", "", "\"USER\" x", "4", "NOOP\r\nDELE x", "NOOP\nDELE x", "NO\tOP",
                /* nor what Telnet makes one of ours of */
                "\xff\xf4" "ABOR", "U\xff\xf1" "SER x", "\xe9", "NOOP\x7f", "-NOOP", "USER,x", "TYPE=A", "ABOR;", "AB1", "A/B",
        };
        static const char *const dialogue[] = { LOGIN, "< NOOP x", "> 200 Zzz", NULL };
        static const char *const login[] = { LOGIN, NULL };
        Session *s = begin(dialogue, KFTP_CONNECT_RAW), *without;
        struct kftp_submit r;

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(lines); i++) {
                r = operation(KFTP_OP_RAW, lines[i]);
                if (session_submit(s, &r) != -EINVAL)
                        fail_msg("'%s' is not refused", lines[i]);
        }
        r = operation(KFTP_OP_RAW, "NOOP");
        r.path_len++;
        assert_int_equal(session_submit(s, &r), -EINVAL);       /* a NUL */
        expect(s, operation(KFTP_OP_RAW, "NOOP x"), 0, 200);
        without = begin(login, 0);
        assert_int_equal(session_submit(without, &r), -EPERM);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_simple),
        DEVICE_TEST(test_members),
        DEVICE_TEST(test_rename),
        DEVICE_TEST(test_chmod),
        DEVICE_TEST(test_mtime_forms),
        DEVICE_TEST(test_mtime_refused),
        DEVICE_TEST(test_mtime_announced),
        DEVICE_TEST(test_mtime_range),
        DEVICE_TEST(test_hash),
        DEVICE_TEST(test_raw),
        DEVICE_TEST(test_raw_refused),
};

DEVICE_TESTS("command", tests)
