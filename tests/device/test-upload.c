/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * STOR, APPE and STOU of files: what goes over the wire, how they restart, and what the server's
 * replies make of them. Broken connections are in test-upload-failure.c, pipes in test-pipe.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define MIB (1 << 20)

/* One upload: of a file of this size, so many bytes from an offset. */
typedef struct Upload {
        enum kftp_op op;
        const char *path;
        uint64_t size, offset, length;
        const char *rest;               /* the REST that must come, or NULL */
        const char *command;            /* NULL: the end of the list */
        uint64_t sent;
        const char *reply;              /* after all was sent; NULL: 226 */
        int error;
} Upload;

static void take_uploads(Conn *c) {
        peer_greet(c);
        for (const Upload *u = peer_userdata(c); u->command; u++) {
                peer_passive(c);
                if (u->rest) {
                        peer_expect(c, u->rest);
                        peer_say(c, "350 Go on");
                }
                peer_expect(c, u->command);
                peer_say(c, "150 Let it come");
                peer_data_open(c);
                peer_data_receive(c, u->offset, u->sent);
                peer_data_close(c);
                peer_say(c, "%s", u->reply ?: "226 Transfer complete");
        }
        peer_serve_on(c);
}

static Session *ready(PeerScript script, const void *userdata, Peer **ret_peer) {
        Peer *p = test_peer("127.0.0.1", script, (void *) userdata);
        struct kftp_connect c = connect_to_peer(p);

        if (ret_peer)
                *ret_peer = p;
        c.reply_ms = c.data_ms = c.abort_ms = 8000;
        return session_ready(&c);
}

static void submit(Session *s, const Upload *u, int fd, uint64_t user_data) {
        struct kftp_submit r = request(u->op, fd, u->path, user_data);

        r.offset = u->offset;
        r.length = u->length;
        assert_int_equal(session_submit(s, &r), 0);
}

static void play_uploads(const Upload *list) {
        Session *s = ready(take_uploads, list, NULL);

        for (const Upload *u = list; u->command; u++) {
                submit(s, u, filled_file(u->size), u - list);
                session_expect_done(s, u - list, u->error);
                assert_int_equal(s->event.bytes, u->sent);
                assert_int_equal(s->event.local_file, 0);
        }
        session_assert_usable(s);
}

/* ---- What goes over the wire ------------------------------------------------------------------- */

static void test_sizes(void **state) {
        static const Upload list[] = {
                { KFTP_OP_STOR, "a b", 0, 0, 0, NULL, "STOR a b", 0, NULL, 0 },
                { KFTP_OP_STOR, "one", 1, 0, 0, NULL, "STOR one", 1, NULL, 0 },
                { KFTP_OP_STOR, "odd", 65537, 0, 0, NULL, "STOR odd", 65537, NULL, 0 },
                { KFTP_OP_STOR, "big", MIB, 0, 0, NULL, "STOR big", MIB, NULL, 0 },
                { KFTP_OP_APPE, "zero", 0, 0, 0, NULL, "APPE zero", 0, NULL, 0 },
                { KFTP_OP_APPE, "one", 1, 0, 0, NULL, "APPE one", 1, NULL, 0 },
                { KFTP_OP_APPE, "big", MIB, 0, 0, NULL, "APPE big", MIB, NULL, 0 },
                { KFTP_OP_STOU, NULL, 0, 0, 0, NULL, "STOU", 0, NULL, 0 },
                { KFTP_OP_STOU, "near here", 1, 0, 0, NULL, "STOU near here", 1, NULL, 0 },
                { KFTP_OP_STOU, NULL, MIB, 0, 0, NULL, "STOU", MIB, NULL, 0 },
                {},
        };

        (void) state;
        play_uploads(list);
}

/* STOR restarts at the offset; APPE begins where the server's file ends, and has no REST. */
static void test_offsets(void **state) {
        static const Upload list[] = {
                { KFTP_OP_STOR, "f", 50000, 20000, 0, "REST 20000", "STOR f", 30000, NULL, 0 },
                { KFTP_OP_STOR, "f", 50000, 0, 0, NULL, "STOR f", 50000, NULL, 0 },
                { KFTP_OP_APPE, "f", 50000, 20000, 0, NULL, "APPE f", 30000, NULL, 0 },
                { KFTP_OP_STOU, NULL, 50000, 20000, 0, NULL, "STOU", 30000, NULL, 0 },
                /* length is where it ends, in the middle of the file and of a page */
                { KFTP_OP_STOR, "f", 50000, 0, 12345, NULL, "STOR f", 12345, NULL, 0 },
                { KFTP_OP_STOR, "f", 300000, 777, 200001, "REST 777", "STOR f", 200001, NULL, 0 },
                { KFTP_OP_APPE, "f", 50000, 20000, 1, NULL, "APPE f", 1, NULL, 0 },
                /* nothing is left of it */
                { KFTP_OP_STOR, "f", 50000, 50000, 0, "REST 50000", "STOR f", 0, NULL, 0 },
                {},
        };

        (void) state;
        play_uploads(list);
}

/* The file's own position is neither used nor moved. */
static void test_position(void **state) {
        static const Upload list[] = { { KFTP_OP_STOR, "f", 50000, 0, 0, NULL, "STOR f", 50000, NULL, 0 }, {} };
        Session *s = ready(take_uploads, list, NULL);
        int fd = filled_file(50000);

        (void) state;
        assert_int_equal(lseek(fd, 12345, SEEK_SET), 12345);
        submit(s, list, fd, 1);
        session_expect_done(s, 1, 0);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 12345);
        assert_int_equal(session_info(s).bytes_out, 50000);
        assert_int_equal(session_info(s).bytes_in, 0);
}

/* In bites: each RUN moves no more than it may, and not a byte is lost between them. */
static void test_yield(void **state) {
        static const Upload list[] = { { KFTP_OP_STOR, "f", 10000, 0, 0, NULL, "STOR f", 10000, NULL, 0 }, {} };
        Session *s = ready(take_uploads, list, NULL);

        (void) state;
        submit(s, list, filled_file(10000), 1);
        for (uint64_t n = 1000; n <= 10000; n += 1000) {
                assert_int_equal(session_run_with(s, 0, 1000), 0);
                session_assert_event(s, KFTP_EVENT_YIELD);
                assert_int_equal(s->event.bytes, n);
                assert_int_equal(s->event.user_data, 1);
        }
        session_expect_done(s, 1, 0);
}

/* ---- Expectations ------------------------------------------------------------------------------- */

static void has_1000(Conn *c) {
        peer_greet(c);
        peer_set_size(c, 1000);
        peer_passive(c);
        peer_expect(c, "REST 1000");
        peer_say(c, "350 Go on");
        peer_expect(c, "STOR f");
        peer_say(c, "150 Let it come");
        peer_data_open(c);
        peer_data_receive(c, 1000, 4000);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

/* What is there already must be what the caller believes, or nothing is sent. */
static void test_expect_size(void **state) {
        struct kftp_submit r = request(KFTP_OP_STOR, filled_file(5000), "f", 1);
        Peer *p;
        Session *s = ready(has_1000, NULL, &p);

        (void) state;
        r.flags = KFTP_SUBMIT_EXPECT_SIZE;
        r.offset = 1000;
        r.expect_size = 999;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, -ESTALE);
        assert_not_commanded(p, "STOR*");
        assert_not_commanded(p, "EPSV");
        assert_int_equal(s->event.remote_size, 1000);
        r.expect_size = 1000;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, 0);
        session_assert_usable(s);
}

static void no_rest(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "REST 1000");
        peer_say(c, "502 No");
        peer_serve_on(c);
}

static void test_restart_refused(void **state) {
        struct kftp_submit r = request(KFTP_OP_STOR, filled_file(5000), "f", 1);
        Peer *p;
        Session *s = ready(no_rest, NULL, &p);

        (void) state;
        r.offset = 1000;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, -ESPIPE);
        assert_not_commanded(p, "STOR*");
        session_assert_usable(s);
}

/* ---- Replies ------------------------------------------------------------------------------------- */

static void test_final_replies(void **state) {
        static const Upload list[] = {
                { KFTP_OP_STOR, "f", 5000, 0, 0, NULL, "STOR f", 5000, "250 Well done", 0 },
                { KFTP_OP_STOR, "f", 5000, 0, 0, NULL, "STOR f", 5000, "200 Fine", 0 },
                { KFTP_OP_STOR, "f", 5000, 0, 0, NULL, "STOR f", 5000, "150 Once more\r\n226 Done", 0 },
                { KFTP_OP_STOR, "f", 5000, 0, 0, NULL, "STOR f", 5000, "125 Hm\r\n150 Hm\r\n226-Done\r\n226 really", 0 },
                { KFTP_OP_STOR, "f", 5000, 0, 0, NULL, "STOR f", 5000, "226 Done\r\n226 Done", 0 },
                { KFTP_OP_STOR, "f", 5000, 0, 0, NULL, "STOR f", 5000, "426 Broken", -EREMOTEIO },
                { KFTP_OP_STOR, "f", 5000, 0, 0, NULL, "STOR f", 5000, "451 Disk error", -EREMOTEIO },
                { KFTP_OP_STOR, "f", 5000, 0, 0, NULL, "STOR f", 5000, "452 Full", -EREMOTEIO },
                { KFTP_OP_APPE, "f", 5000, 0, 0, NULL, "APPE f", 5000, "552 Quota", -EREMOTEIO },
                {},
        };

        (void) state;
        play_uploads(list);
}

/* Nothing is sent of what is refused. */
static void refuse(Conn *c) {
        uint64_t n = 0;

        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "STOR f");
        peer_data_open(c);
        peer_sleep(300);
        peer_say(c, "553 Not here");
        (void) peer_data_take(c, 0, UINT64_MAX, &n);
        if (n > 0)
                peer_fail(c, "the client sends %llu bytes that nobody has asked for", (unsigned long long) n);
        peer_serve_on(c);
}

static void test_refused(void **state) {
        Session *s = ready(refuse, NULL, NULL);
        struct kftp_submit r = request(KFTP_OP_STOR, filled_file(5000), "f", 1);

        (void) state;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, -EREMOTEIO);
        assert_int_equal(s->event.reply, 553);
        assert_int_equal(s->event.bytes, 0);
        session_assert_usable(s);
}

/* A server that never says 150. */
static void no_150(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "STOR f");
        peer_data_open(c);
        peer_data_receive(c, 0, 5000);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_no_150(void **state) {
        Session *s = ready(no_150, NULL, NULL);
        struct kftp_submit r = request(KFTP_OP_STOR, filled_file(5000), "f", 1);

        (void) state;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, 0);
        session_assert_usable(s);
}

/* The name that the server has chosen stands in the 1xx, which comes as a LINE. */
static void choose_name(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "STOU");
        peer_say(c, "150 FILE: unheard-of.17");
        peer_data_open(c);
        peer_data_receive(c, 0, 10);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_unique_name(void **state) {
        Peer *p = test_peer("127.0.0.1", choose_name, NULL);
        struct kftp_submit r = request(KFTP_OP_STOU, filled_file(10), NULL, 1);
        struct kftp_connect c = connect_to_peer(p);
        bool seen = false;
        Session *s;

        (void) state;
        c.events = KFTP_WANT_LINE;
        s = session_armed(&c);
        assert_int_equal(session_submit(s, &r), 0);
        do {
                assert_int_equal(session_run(s), 0);
                seen = seen || (s->event.type == KFTP_EVENT_LINE && strcmp(s->text, "150 FILE: unheard-of.17") == 0);
        } while (s->event.type != KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_true(seen);
}

/* The server dials. */
static void dial_and_take(Conn *c) {
        peer_greet(c);
        peer_active(c);
        peer_expect(c, "STOR f");
        peer_say(c, "150 I am coming");
        peer_sleep(200);
        peer_data_open(c);
        peer_data_receive(c, 0, MIB);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_serve_on(c);
}

static void test_active(void **state) {
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", dial_and_take, NULL));
        struct kftp_submit r = request(KFTP_OP_STOR, filled_file(MIB), "f", 1);
        Session *s;

        (void) state;
        c.data_mode = KFTP_DATA_ACTIVE;
        s = session_ready(&c);
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, 0);
        assert_true(s->event.event_flags & KFTP_EVENT_ACTIVE);
        session_assert_usable(s);
}

/* ---- The local file ------------------------------------------------------------------------------- */

static void test_sources(void **state) {
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);
        Session *s = session_armed(&c);
        static const struct {
                const char *path;
                int flags, result;
        } rows[] = {
                { "/etc/passwd", O_RDONLY, 0 },
                { "/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0 },
                { "/tmp", O_TMPFILE | O_WRONLY, -EBADF },
                { "/etc/passwd", O_PATH, -EBADF },
                { "/tmp", O_RDONLY | O_DIRECTORY, -EINVAL },
                { "/dev/zero", O_RDONLY, -EINVAL },
                { "/dev/kftp", O_RDWR, -EINVAL },
                { "/proc/self/comm", O_RDONLY, -EINVAL },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                int fd = test_fd(open(rows[i].path, rows[i].flags | O_CLOEXEC, 0600));
                struct kftp_submit r = request(KFTP_OP_STOR, fd, "f", 1);
                int result = session_submit(s, &r);

                if (result != rows[i].result)
                        fail_msg("%s: %d", rows[i].path, result);
        }
}

/* A file system without splice: huge pages have none. The bytes are copied, and as good. */
static void test_without_splice(void **state) {
        static const Upload list[] = {
                { KFTP_OP_STOR, "f", 0, 4321, MIB, "REST 4321", "STOR f", MIB, NULL, 0 }, {}
        };
        uint8_t *map;
        Session *s;
        FILE *f;
        int fd;

        (void) state;
        if (getenv("KFTP_NO_HUGE_PAGES")) {
                print_message("skipped: %s\n", getenv("KFTP_NO_HUGE_PAGES"));
                skip();
        }
        s = ready(take_uploads, list, NULL);
        f = fopen("/proc/sys/vm/nr_hugepages", "we");
        assert_non_null(f);
        fprintf(f, "4");
        fclose(f);
        fd = test_fd(memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB));
        assert_int_equal(ftruncate(fd, 2 * MIB), 0);
        map = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        assert_ptr_not_equal(map, MAP_FAILED);
        for (size_t i = 0; i < 2 * MIB; i++)
                map[i] = peer_byte(i);
        munmap(map, 2 * MIB);
        submit(s, list, fd, 1);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.bytes, MIB);
        session_assert_usable(s);
}

/* Past the page cache of a FUSE file system. */
static void test_fuse(void **state) {
        static const Upload list[] = { { KFTP_OP_STOR, "f", 0, 0, 0, NULL, "STOR f", 300001, NULL, 0 }, {} };
        Session *s = ready(take_uploads, list, NULL);
        SlowFile *slow;
        int fd;

        (void) state;
        slow = test_slow_file(&fd);
        slowfs_fill(slow, 300001);
        submit(s, list, test_fd(slowfs_open_direct(slow)), 1);
        session_expect_done(s, 1, 0);
        session_assert_usable(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_sizes),
        DEVICE_TEST(test_offsets),
        DEVICE_TEST(test_position),
        DEVICE_TEST(test_yield),
        DEVICE_TEST(test_expect_size),
        DEVICE_TEST(test_restart_refused),
        DEVICE_TEST(test_final_replies),
        DEVICE_TEST(test_refused),
        DEVICE_TEST(test_no_150),
        DEVICE_TEST(test_unique_name),
        DEVICE_TEST(test_active),
        DEVICE_TEST(test_sources),
        DEVICE_TEST(test_without_splice),
        DEVICE_TEST(test_fuse),
};

DEVICE_TESTS("upload", tests)
