/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RETR from its first command to its last reply: restarting, expectations, sizes, and the order in
 * which servers send what.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define SIZE 20000
#define MTIME 1000000000        /* 20010909014640 */

static void submit(Session *s, int fd, const char *path, uint32_t flags, uint64_t offset, uint64_t size, int64_t mtime) {
        struct kftp_submit r = retr(fd, path, 1);

        r.flags = flags;
        r.offset = offset;
        r.expect_size = size;
        r.expect_mtime = mtime;
        assert_int_equal(session_submit(s, &r), 0);
}

/* ---- Sizes --------------------------------------------------------------------------------------- */

static void test_sizes(void **state) {
        static const uint64_t sizes[] = { 0, 1, 2, 4095, 4096, 4097, 65535, 65536, 65537, 1048576, 5000001 };
        Session *s = session_with(peer_serve, NULL, NULL);

        (void) state;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                int fd = local_file();
                char path[64];

                snprintf(path, sizeof(path), "bytes-%llu", (unsigned long long) sizes[i]);
                submit(s, fd, path, KFTP_SUBMIT_ASK_SIZE, 0, 0, 0);
                session_expect_done(s, 1, 0);
                assert_int_equal(s->event.bytes, sizes[i]);
                assert_int_equal(s->event.remote_size, sizes[i]);
                assert_file_size(fd, sizes[i]);
                assert_file_content(fd, 0, sizes[i]);
        }
        session_quit(s);
}

/* TYPE I comes before anything whose answer depends on it (T13, T18). */
static void test_image_first(void **state) {
        Peer *p;
        Session *s = session_with(peer_serve, NULL, &p);
        char *commands, *type;

        (void) state;
        submit(s, local_file(), "bytes-10", KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_ASK_MTIME, 0, 0, 0);
        session_expect_done(s, 1, 0);
        commands = peer_commands(p);
        type = strstr(commands, "TYPE I\n");
        assert_non_null(type);
        assert_true(type < strstr(commands, "SIZE "));
        assert_true(type < strstr(commands, "RETR "));
        free(commands);
}

/* ---- Restarting ------------------------------------------------------------------------------------ */

static void test_restart(void **state) {
        Peer *p;
        Session *s = session_with(peer_serve, NULL, &p);
        int fd = local_file();
        char before[1000];

        (void) state;
        memset(before, '#', sizeof(before));
        assert_int_equal(pwrite(fd, before, sizeof(before), 0), sizeof(before));
        submit(s, fd, "bytes-20000", KFTP_SUBMIT_ASK_SIZE, 1000, 0, 0);
        session_expect_done(s, 1, 0);
        assert_commanded(p, "REST 1000");
        assert_int_equal(s->event.bytes, SIZE - 1000);
        assert_file_size(fd, SIZE);
        assert_file_content(fd, 1000, SIZE - 1000);
        assert_int_equal(pread(fd, before, sizeof(before), 0), sizeof(before));
        for (size_t i = 0; i < sizeof(before); i++)
                assert_int_equal(before[i], '#');
        /* It is not carried over to the next one. */
        session_assert_usable(s);
}

/* At the very end nothing is missing; a file longer than 4 GiB is no matter. */
static void far_away(Conn *c) {
        peer_greet(c);
        peer_set_size(c, 5000000100);
        peer_retr(c, "file", 5000000000, 100);
        peer_goodbye(c);
}

static void test_restart_far_away(void **state) {
        Session *s = session_with(far_away, NULL, NULL);
        int fd = local_file();

        (void) state;
        submit(s, fd, "file", KFTP_SUBMIT_EXPECT_SIZE, 5000000000, 5000000100, 0);
        session_expect_done(s, 1, 0);
        assert_file_size(fd, 5000000100);
        assert_file_content(fd, 5000000000, 100);
}

static void test_restart_at_end(void **state) {
        Session *s = session_with(peer_serve, NULL, NULL);
        int fd = local_file();

        (void) state;
        submit(s, fd, "bytes-500", KFTP_SUBMIT_EXPECT_SIZE, 500, 500, 0);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.bytes, 0);
        session_assert_usable(s);
}

static void no_rest(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "REST 1000");
        peer_say(c, "%s", (char *) peer_userdata(c));
        peer_retr(c, "bytes-777", 0, 777);
        peer_goodbye(c);
}

/* Nothing is sent as if from the begin; the caller decides. */
static void test_restart_refused(void **state) {
        static char *const replies[] = { "501 No", "504 No", "554 Too far", "451 Not now" };

        (void) state;
        for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
                Peer *p;
                Session *s = session_with(no_rest, replies[i], &p);
                int fd = local_file();

                submit(s, fd, "bytes-20000", 0, 1000, 0, 0);
                session_expect_done(s, 1, -ESPIPE);
                assert_int_equal(s->event.reply, atoi(replies[i]));
                assert_not_commanded(p, "RETR bytes-20000");
                assert_file_size(fd, 0);
                session_assert_usable(s);
        }
}

/* REST is taken, RETR is refused: the offset must not stick to the next file (T11). */
static void sticky_rest(Conn *c) {
        const char *command;

        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "REST 1000");
        peer_say(c, "350 Go on");
        peer_expect(c, "RETR missing");
        peer_say(c, "550 Missing");
        peer_expect(c, "EPSV");
        peer_say(c, "229 Here (|||%u|)", peer_data_listen(c));
        command = peer_expect(c, "@(REST 0|RETR bytes-777)");
        if (strcmp(command, "REST 0") == 0) {
                peer_say(c, "350 From the begin");
                peer_expect(c, "RETR bytes-777");
        }
        peer_deliver(c, 777);
        peer_goodbye(c);
}

static void test_restart_does_not_stick(void **state) {
        Session *s = session_with(sticky_rest, NULL, NULL);

        (void) state;
        submit(s, local_file(), "missing", 0, 1000, 0, 0);
        session_expect_done(s, 1, -EREMOTEIO);
        session_assert_usable(s);
}

/* ---- Expectations ----------------------------------------------------------------------------------- */

/* What is not as expected, or not known, is not fetched: no REST, no RETR, not a byte. */
static void test_stale(void **state) {
        static const struct {
                uint32_t flags;
                uint64_t size;
                int64_t mtime;
                int error;
        } rows[] = {
                { KFTP_SUBMIT_EXPECT_SIZE, SIZE, 0, 0 },
                { KFTP_SUBMIT_EXPECT_SIZE, SIZE + 1, 0, -ESTALE },
                { KFTP_SUBMIT_EXPECT_SIZE, 0, 0, -ESTALE },
                { KFTP_SUBMIT_EXPECT_MTIME, 0, MTIME, 0 },
                { KFTP_SUBMIT_EXPECT_MTIME, 0, MTIME + 1, -ESTALE },
                { KFTP_SUBMIT_EXPECT_MTIME, 0, 0, -ESTALE },
                { KFTP_SUBMIT_EXPECT_SIZE | KFTP_SUBMIT_EXPECT_MTIME, SIZE, MTIME, 0 },
                { KFTP_SUBMIT_EXPECT_SIZE | KFTP_SUBMIT_EXPECT_MTIME, SIZE, MTIME - 1, -ESTALE },
                { KFTP_SUBMIT_EXPECT_SIZE | KFTP_SUBMIT_EXPECT_MTIME, SIZE - 1, MTIME, -ESTALE },
                /* Without the flags the numbers mean nothing. */
                { KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_ASK_MTIME, 1, 1, 0 },
        };

        (void) state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                Peer *p;
                Session *s = session_with(peer_serve, NULL, &p);
                int fd = local_file();

                submit(s, fd, "bytes-20000", rows[i].flags, 1000, rows[i].size, rows[i].mtime);
                session_expect_done(s, 1, rows[i].error);
                if (rows[i].error == 0)
                        assert_file_size(fd, SIZE);
                else {
                        assert_not_commanded(p, "RE[ST][TR]*");
                        assert_file_size(fd, 0);
                        assert_int_equal(s->event.bytes, 0);
                }
                session_assert_usable(s);
        }
}

/* The server does not say: not known is not the same. */
static void knows_nothing(Conn *c) {
        peer_greet(c);
        peer_retr(c, "bytes-777", 0, 777);
        peer_goodbye(c);
}

static void test_stale_if_unknown(void **state) {
        static const uint32_t flags[] = { KFTP_SUBMIT_EXPECT_SIZE, KFTP_SUBMIT_EXPECT_MTIME };

        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                Session *s = session_with(knows_nothing, NULL, NULL);

                submit(s, local_file(), "bytes-20000", flags[i], 0, SIZE, MTIME);
                session_expect_done(s, 1, -ESTALE);
                assert_int_equal(s->event.event_flags, 0);
                session_assert_usable(s);
        }
}

/* Merely asked, a refusal is no matter. */
static void test_asked_in_vain(void **state) {
        Session *s = session_with(knows_nothing, NULL, NULL);

        (void) state;
        submit(s, local_file(), "bytes-777", KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_ASK_MTIME, 0, 0, 0);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.event_flags, 0);
        session_quit(s);
}

/* ---- Too few, too many ------------------------------------------------------------------------------- */

typedef struct Wrong {
        uint64_t promised, sent;
} Wrong;

static void wrong_size(Conn *c) {
        const Wrong *w = peer_userdata(c);
        bool complete;

        peer_greet(c);
        peer_set_size(c, w->promised);
        peer_retr_begin(c, "file", 0, 0);
        complete = peer_data_try_send(c, 0, w->sent);
        peer_data_close(c);
        peer_say(c, complete ? "226 Done" : "426 You have hung up");
        peer_set_size(c, 777);
        peer_retr(c, "bytes-777", 0, 777);
        peer_goodbye(c);
}

static void test_wrong_size(void **state) {
        static const Wrong rows[] = { { 20000, 19999 }, { 20000, 0 }, { 20000, 20001 }, { 1000, 10000000 } };

        (void) state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                Session *s = session_with(wrong_size, (void *) (rows + i), NULL);

                submit(s, local_file(), "file", KFTP_SUBMIT_ASK_SIZE, 0, 0, 0);
                session_expect_done(s, 1, -EBADMSG);
                assert_int_equal(s->event.remote_size, rows[i].promised);
                /* A server that sends more and more does not fill the disk. */
                assert_in_range(s->event.bytes, 0, rows[i].promised + 65536);
                session_assert_usable(s);
        }
}

/* Without SIZE the 226 decides; a data connection that was reset is not the end of a file (T5). */
static void reset_data(Conn *c) {
        peer_greet(c);
        if (peer_userdata(c))
                peer_set_size(c, 1000);
        peer_retr_begin(c, "file", 0, 1000);
        peer_sleep(300);
        peer_data_reset(c);
        peer_say(c, "226 Done");
        peer_set_size(c, 777);
        peer_retr(c, "bytes-777", 0, 777);
        peer_goodbye(c);
}

static void test_data_reset(void **state) {
        Session *s = session_with(reset_data, NULL, NULL);

        (void) state;
        submit(s, local_file(), "file", 0, 0, 0, 0);
        session_expect_done(s, 1, -ECONNRESET);
        session_assert_usable(s);
        /* All that was promised is there: then it is. */
        s = session_with(reset_data, "with size", NULL);
        submit(s, local_file(), "file", KFTP_SUBMIT_ASK_SIZE, 0, 0, 0);
        session_expect_done(s, 1, 0);
        session_assert_usable(s);
}

/* ---- The final reply ----------------------------------------------------------------------------------- */

/* The control connection is lost after the data (T2): good if all bytes are known to be there. */
static void lost_at_end(Conn *c) {
        peer_greet(c);
        if (peer_userdata(c))
                peer_set_size(c, 1000);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_close(c);
        peer_sleep(300);
}

static void test_lost_final_reply(void **state) {
        Session *s = session_with(lost_at_end, NULL, NULL);

        (void) state;
        submit(s, local_file(), "file", KFTP_SUBMIT_ASK_SIZE, 0, 0, 0);
        session_expect_done(s, 1, -ECONNRESET);
        session_expect_closed(s, -ECONNRESET);
        s = session_with(lost_at_end, "with size", NULL);
        submit(s, local_file(), "file", KFTP_SUBMIT_ASK_SIZE, 0, 0, 0);
        session_expect_done(s, 1, 0);
        session_expect_closed(s, -ECONNRESET);
}

static void final_reply(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_close(c);
        peer_say(c, "%s", (char *) peer_userdata(c));
        peer_retr(c, "bytes-777", 0, 777);
        peer_goodbye(c);
}

/* 4xx and 5xx after all data is a failure all the same (T4). */
static void test_final_replies(void **state) {
        static const struct {
                char *reply;
                int error;
        } rows[] = {
                { "226 Done", 0 },
                { "250 Done", 0 },
                { "200 Done", 0 },
                { "226-Done\r\n226 really", 0 },
                { "150 Again\r\n226 Done", 0 },
                { "426 Broken", -EREMOTEIO },
                { "451 Disk error", -EREMOTEIO },
                { "550 No", -EREMOTEIO },
                /* Twice (C11). */
                { "226 Done\r\n226 Done", 0 },
                { "226 Done\r\n226-Done\r\n226 again", 0 },
        };

        (void) state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                Session *s = session_with(final_reply, rows[i].reply, NULL);

                session_retr(s, local_file(), "file", 1);
                session_expect_done(s, 1, rows[i].error);
                assert_int_equal(s->event.bytes, 1000);
                session_assert_usable(s);
        }
}

/* The server waits for us to close the data connection before it says 226 (T1). */
static void after_our_close(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_half_close(c);
        peer_data_until_closed(c);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_goodbye(c);
}

static void test_close_before_226(void **state) {
        Session *s = session_with(after_our_close, NULL, NULL);

        (void) state;
        session_retr(s, local_file(), "file", 1);
        session_expect_done(s, 1, 0);
        session_quit(s);
}

/* ---- Order ---------------------------------------------------------------------------------------------- */

/* 226 before the data's end: all of it is waited for (D11). */
static void early_226(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 100);
        peer_say(c, "226 Done, as far as I am concerned");
        peer_sleep(300);
        peer_data_send(c, 100, SIZE - 100);
        peer_data_close(c);
        peer_goodbye(c);
}

/* No 150 at all (D12). */
static void no_150(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "RETR file");
        peer_data_open(c);
        peer_data_send(c, 0, SIZE);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_goodbye(c);
}

/* 125 instead of 150; the data before it. */
static void late_125(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "RETR file");
        peer_data_open(c);
        peer_data_send(c, 0, SIZE);
        peer_data_close(c);
        peer_sleep(300);
        peer_say(c, "125 Now");
        peer_sleep(300);
        peer_say(c, "226 Done");
        peer_goodbye(c);
}

static void test_order(void **state) {
        const PeerScript scripts[] = { early_226, no_150, late_125 };

        (void) state;
        for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
                Session *s = session_with(scripts[i], NULL, NULL);
                int fd = local_file();

                session_retr(s, fd, "file", 1);
                session_expect_done(s, 1, 0);
                assert_int_equal(s->event.reply, 226);
                assert_file_size(fd, SIZE);
                assert_file_content(fd, 0, SIZE);
                session_quit(s);
        }
}

/* An empty file: 226 at once, and no data connection was ever made use of (D12). */
static void empty_passive(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "RETR file");
        peer_say(c, "226 It is empty");
        peer_retr(c, "bytes-777", 0, 777);
        peer_goodbye(c);
}

static void empty_active(Conn *c) {
        peer_greet(c);
        peer_active(c);
        peer_expect(c, "RETR file");
        peer_say(c, "226 It is empty");
        peer_active(c);
        peer_expect(c, "RETR bytes-777");
        peer_deliver(c, 777);
        peer_goodbye(c);
}

static void test_empty_without_data(void **state) {
        Session *s = session_with(empty_passive, NULL, NULL);
        struct kftp_connect c;

        (void) state;
        session_retr(s, local_file(), "file", 1);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.bytes, 0);
        session_assert_usable(s);

        c = connect_to_peer(test_peer("127.0.0.1", empty_active, NULL));
        c.data_mode = KFTP_DATA_ACTIVE;
        c.data_ms = c.reply_ms = 5000;
        s = session_ready(&c);
        session_retr(s, local_file(), "file", 1);
        session_expect_done(s, 1, 0);
        session_assert_usable(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_sizes),
        DEVICE_TEST(test_image_first),
        DEVICE_TEST(test_restart),
        DEVICE_TEST(test_restart_far_away),
        DEVICE_TEST(test_restart_at_end),
        DEVICE_TEST(test_restart_refused),
        DEVICE_TEST(test_restart_does_not_stick),
        DEVICE_TEST(test_stale),
        DEVICE_TEST(test_stale_if_unknown),
        DEVICE_TEST(test_asked_in_vain),
        DEVICE_TEST(test_wrong_size),
        DEVICE_TEST(test_data_reset),
        DEVICE_TEST(test_lost_final_reply),
        DEVICE_TEST(test_final_replies),
        DEVICE_TEST(test_close_before_226),
        DEVICE_TEST(test_order),
        DEVICE_TEST(test_empty_without_data),
};

DEVICE_TESTS("transfer", tests)
