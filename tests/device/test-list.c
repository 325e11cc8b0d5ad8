/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listings: by a data connection, in text or as they are, or as the lines of a reply; into a file,
 * and no more than its owner wants.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static int memory_file(void) {
        return test_fd(memfd_create("listing", MFD_CLOEXEC));
}

static Session *begin(PeerScript script, const void *userdata, Peer **ret_peer) {
        Peer *p = test_peer("127.0.0.1", script, (void *) userdata);
        struct kftp_connect c = connect_to_peer(p);

        if (ret_peer)
                *ret_peer = p;
        c.reply_ms = c.data_ms = c.abort_ms = 8000;
        return session_ready(&c);
}

static void list(Session *s, enum kftp_op op, const char *path, int fd, uint64_t length, int error) {
        struct kftp_submit r = request(op, fd, path, 5);

        r.length = length;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 5, error);
}

static void assert_content(int fd, const char *expected) {
        char content[1024] = "";

        assert_int_equal(pread(fd, content, sizeof(content) - 1, 0), strlen(expected));
        assert_string_equal(content, expected);
}

/* ---- By a data connection ------------------------------------------------------------------------- */

/* Sends n bytes of the file as the listing. */
static void answer(Conn *c, const char *command, uint64_t n) {
        peer_passive(c);
        peer_expect(c, command);
        peer_say(c, "150 Now");
        peer_data_open(c);
        peer_data_send(c, 0, n);
        peer_data_close(c);
        peer_say(c, "226 Done");
}

/* Text is asked for when it is wanted, and given up when it is not; not before, and not twice. */
static void mind_the_type(Conn *c) {
        peer_strict(c);
        peer_play(c, (const char *const[]) { "> 230 In", "< FEAT", "> 500 What?", "< TYPE I", "> 200 I", "< TYPE A", "> 200 A", NULL });
        answer(c, "LIST", 100);
        answer(c, "LIST -a", 100);
        answer(c, "NLST a b", 100);
        /* A command that does not care changes nothing. */
        peer_play(c, (const char *const[]) { "< DELE x", "> 250 Gone", NULL });
        answer(c, "LIST", 0);
        peer_play(c, (const char *const[]) { "< TYPE I", "> 200 I", NULL });
        answer(c, "MLSD", 200);
        answer(c, "MLSD a b", 200);
        answer(c, "RETR x", 300);
        peer_play(c, (const char *const[]) { "< TYPE A", "> 200 A", NULL });
        answer(c, "NLST", 100);
        peer_play(c, (const char *const[]) { "< TYPE I", "> 200 I", "< SIZE x", "> 213 5", NULL });
        peer_until_closed(c);
}

static void test_types(void **state) {
        static const struct {
                enum kftp_op op;
                const char *path;
                uint64_t size;
        } rows[] = {
                { KFTP_OP_LIST, NULL, 100 }, { KFTP_OP_LIST, "-a", 100 }, { KFTP_OP_NLST, "a b", 100 },
                { KFTP_OP_DELE, "x", 0 },    { KFTP_OP_LIST, NULL, 0 },   { KFTP_OP_MLSD, NULL, 200 },
                { KFTP_OP_MLSD, "a b", 200 }, { KFTP_OP_RETR, "x", 300 }, { KFTP_OP_NLST, NULL, 100 },
                { KFTP_OP_SIZE, "x", 0 },
        };
        Session *s = begin(mind_the_type, NULL, NULL);

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                int fd = memory_file();

                if (rows[i].op == KFTP_OP_DELE || rows[i].op == KFTP_OP_SIZE) {
                        session_command(s, rows[i].op, rows[i].path, 0);
                        continue;
                }
                list(s, rows[i].op, rows[i].path, fd, 0, 0);
                assert_int_equal(s->event.bytes, rows[i].size);
                assert_file_size(fd, rows[i].size);
                assert_file_content(fd, 0, rows[i].size);
        }
}

/* TYPE A refused is not taken for granted. */
static void no_text(Conn *c) {
        peer_strict(c);
        peer_play(c, (const char *const[]) { "> 230 In", "< FEAT", "> 500 What?", "< TYPE I", "> 200 I", "< TYPE A", "> 504 No", "< TYPE I", "> 200 I", NULL });
        answer(c, "RETR x", 10);
        peer_until_closed(c);
}

static void test_no_text(void **state) {
        Session *s = begin(no_text, NULL, NULL);

        (void) state;
        list(s, KFTP_OP_LIST, NULL, memory_file(), 0, -EREMOTEIO);
        assert_int_equal(s->event.reply, 504);
        list(s, KFTP_OP_RETR, "x", memory_file(), 0, 0);
}

static void list_endless(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "LIST");
        peer_say(c, "150 Now");
        peer_data_open(c);
        peer_data_flood(c);
        peer_data_close(c);
        peer_say(c, "426 You have hung up");
        peer_serve_on(c);
}

static void list_exactly(Conn *c) {
        peer_greet(c);
        answer(c, "LIST", 5000);
        peer_serve_on(c);
}

/* length is what its owner can bear; just as much is good. */
static void test_too_long(void **state) {
        Session *s = begin(list_endless, NULL, NULL);
        int fd = memory_file();

        (void) state;
        list(s, KFTP_OP_LIST, NULL, fd, 5000, -EMSGSIZE);
        assert_int_equal(s->event.local_file, 0);
        assert_in_range(s->event.bytes, 0, 5000 + 65536);
        session_assert_usable(s);
        s = begin(list_exactly, NULL, NULL);
        list(s, KFTP_OP_LIST, NULL, fd, 5000, 0);
        assert_int_equal(s->event.bytes, 5000);
        session_assert_usable(s);
}

static void nothing_there(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "NLST empty");
        peer_say(c, "450 No files");
        peer_passive(c);
        peer_expect(c, "LIST");
        peer_say(c, "226 Nothing");
        peer_serve_on(c);
}

static void test_nothing_there(void **state) {
        Session *s = begin(nothing_there, NULL, NULL);

        (void) state;
        list(s, KFTP_OP_NLST, "empty", memory_file(), 0, -EREMOTEIO);
        assert_int_equal(s->event.reply, 450);
        list(s, KFTP_OP_LIST, NULL, memory_file(), 0, 0);
        assert_int_equal(s->event.bytes, 0);
        session_assert_usable(s);
}

/* ---- By the reply ------------------------------------------------------------------------------------- */

typedef struct Reply {
        enum kftp_op op;
        const char *path, *command, *reply, *content;
        unsigned code;
        int error;
} Reply;

static void reply_with(Conn *c) {
        const Reply *r = peer_userdata(c);

        peer_greet(c);
        peer_expect(c, r->command);
        peer_send(c, r->reply, strlen(r->reply));
        peer_serve_on(c);
}

static void test_replies(void **state) {
        static const Reply rows[] = {
                { KFTP_OP_MLST, "a b", "MLST a b", "250-Listing\r\n type=file;size=5; /a b\r\n250 End\r\n",
                  " type=file;size=5; /a b\n", 250, 0 },
                { KFTP_OP_MLST, NULL, "MLST", "250-Listing\r\n type=dir; /\r\n250 End\r\n", " type=dir; /\n", 250, 0 },
                { KFTP_OP_STAT, "d", "STAT d", "213-Status\r\n-rw a\r\n213-b\r\n-rw c\r\n213 End\r\n",
                  "-rw a\n213-b\n-rw c\n", 213, 0 },
                { KFTP_OP_STAT, "d", "STAT d", "212-Status\r\n550 a\r\n\r\n421 b\r\n212 End\r\n", "550 a\n\n421 b\n", 212, 0 },
                /* ends of line as they come */
                { KFTP_OP_STAT, "d", "STAT d", "213-Status\n a\n b\r\n\n213 End\n", " a\n b\n\n", 213, 0 },
                /* an empty line before the reply is not of it */
                { KFTP_OP_STAT, "d", "STAT d", "\r\n213-Status\r\n a\r\n213 End\r\n", " a\n", 213, 0 },
                /* a stray reply before it neither */
                { KFTP_OP_STAT, "d", "STAT d", "226 Late\r\n213-Status\r\n a\r\n213 End\r\n", " a\n", 213, 0 },
                /* one line only */
                { KFTP_OP_STAT, NULL, "STAT", "211 All is well\r\n", "", 211, 0 },
                { KFTP_OP_STAT, "d", "STAT d", "213-Status\r\n213 End\r\n", "", 213, 0 },
                { KFTP_OP_STAT, "d", "STAT d", "550 Not there\r\n", "", 550, -EREMOTEIO },
                { KFTP_OP_MLST, "d", "MLST d", "500 What?\r\n", "", 500, -EREMOTEIO },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                Session *s = begin(reply_with, rows + i, NULL);
                int fd = memory_file();

                list(s, rows[i].op, rows[i].path, fd, 0, rows[i].error);
                assert_int_equal(s->event.reply, rows[i].code);
                assert_content(fd, rows[i].content);
                assert_int_equal(s->event.bytes, strlen(rows[i].content));
                session_assert_usable(s);
        }
}

#define LINES 3000
#define LINE_LEN 31     /* with its end in the file */

/* Much longer than any other reply may be: in lines and in bytes. */
static void long_status(Conn *c) {
        peer_greet(c);
        peer_expect(c, "STAT d");
        peer_say(c, "213-Status");
        for (unsigned i = 0; i < LINES; i++)
                peer_say(c, "-rw-r--r-- name %014u", i);
        peer_say(c, "213 End");
        peer_serve_on(c);
}

static void test_long_status(void **state) {
        Session *s = begin(long_status, NULL, NULL);
        char line[64] = "";
        int fd = memory_file();

        (void) state;
        list(s, KFTP_OP_STAT, "d", fd, 0, 0);
        assert_int_equal(s->event.bytes, LINES * LINE_LEN);
        assert_file_size(fd, LINES * LINE_LEN);
        assert_int_equal(pread(fd, line, LINE_LEN, 2999 * LINE_LEN), LINE_LEN);
        assert_string_equal(line, "-rw-r--r-- name 00000000002999\n");
        session_assert_usable(s);
}

/* Its limit is the caller's; or that of the file. Either way the rest is read and thrown away. */
static void test_long_status_refused(void **state) {
        Session *s = begin(long_status, NULL, NULL);
        int fd = memory_file();

        (void) state;
        list(s, KFTP_OP_STAT, "d", fd, 1000 * LINE_LEN + 5, -EMSGSIZE);
        assert_file_size(fd, 1000 * LINE_LEN);
        session_assert_usable(s);
        s = begin(long_status, NULL, NULL);
        fd = memory_file();
        list(s, KFTP_OP_STAT, "d", fd, LINES * LINE_LEN, 0);
        session_assert_usable(s);
}

static void test_unwritable(void **state) {
        static const int errors[] = { ENOSPC, EIO, EINTR, EAGAIN };
        SlowFile *slow;
        int fd;

        (void) state;
        slow = test_slow_file(&fd);
        for (size_t i = 0; i < N_ELEMENTS(errors); i++) {
                Session *s = begin(long_status, NULL, NULL);

                slowfs_fail(slow, 700, errors[i]);
                list(s, KFTP_OP_STAT, "d", fd, 0, errors[i] == EINTR ? -EIO : -errors[i]);
                assert_int_equal(s->event.local_file, 1);
                /* what was counted is there */
                assert_int_equal(s->event.bytes, slowfs_content(slow, NULL, 0));
                assert_in_range(s->event.bytes, 600 * LINE_LEN, 700 * LINE_LEN);
                slowfs_fill(slow, 0);
                session_assert_usable(s);
        }
}

/* Other replies are as short as ever. */
static void long_noop(Conn *c) {
        peer_greet(c);
        peer_expect(c, "STAT d");
        peer_say(c, "213-Status\r\n a\r\n213 End");
        peer_expect(c, "SYST");
        peer_may_leave(c);
        peer_say(c, "215-System");
        for (unsigned i = 0; i < 600; i++)
                peer_say(c, " and so on");
        peer_say(c, "215 End");
        peer_until_closed(c);
}

static void test_others_stay_short(void **state) {
        Session *s = begin(long_noop, NULL, NULL);

        (void) state;
        list(s, KFTP_OP_STAT, "d", memory_file(), 0, 0);
        session_command(s, KFTP_OP_SYST, NULL, -EMSGSIZE);
        session_expect_closed(s, -EMSGSIZE);
}

/* What does not belong to a listing; and it needs a file. */
static void test_members(void **state) {
        static const enum kftp_op ops[] = { KFTP_OP_LIST, KFTP_OP_NLST, KFTP_OP_MLSD, KFTP_OP_MLST, KFTP_OP_STAT };
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);
        Session *s = session_armed(&c);

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(ops); i++) {
                struct kftp_submit r = request(ops[i], -1, NULL, 1), good;

                assert_int_equal(session_submit(s, &r), -EBADF);
                r.fd = memory_file();
                good = r;
                r.offset = 1;
                assert_int_equal(session_submit(s, &r), -EINVAL);
                r = good;
                r.flags = KFTP_SUBMIT_ASK_SIZE;
                assert_int_equal(session_submit(s, &r), -EINVAL);
                r = good;
                r.path2 = (uintptr_t) "y";
                r.path2_len = 1;
                assert_int_equal(session_submit(s, &r), -EINVAL);
                assert_int_equal(session_submit(s, &good), 0);
        }
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_types),
        DEVICE_TEST(test_no_text),
        DEVICE_TEST(test_too_long),
        DEVICE_TEST(test_nothing_there),
        DEVICE_TEST(test_replies),
        DEVICE_TEST(test_long_status),
        DEVICE_TEST(test_long_status_refused),
        DEVICE_TEST(test_unwritable),
        DEVICE_TEST(test_others_stay_short),
        DEVICE_TEST(test_members),
};

DEVICE_TESTS("list", tests)
