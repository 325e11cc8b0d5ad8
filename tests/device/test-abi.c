/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The form of the calls: sizes that may grow, what is unknown, reserved or not built, what INFO
 * says, and 32-bit programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define CANARY 0xa5

static int call(int fd, unsigned long request, void *arg) {
        return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

/* A page with nothing behind it: what is read beyond its end is noticed. */
static uint8_t *edge(void) {
        uint8_t *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        assert_ptr_not_equal(p, MAP_FAILED);
        assert_int_equal(munmap(p + 8192, 4096), 0);
        return p + 8192;
}

/* ---- Unknown calls --------------------------------------------------------------------------- */

static void test_unknown_ioctls(void **state) {
        static const unsigned long unknown[] = {
                _IO('k', 0), _IO('k', 0x3f), _IO('k', 0x47), _IO('k', 0xff), _IO('K', 0x40), _IO(0, 0x44), 0x5401 /* TCGETS */,
        };
        struct kftp_info info = { .size = sizeof(info) };
        Session *s = session_open();

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(unknown); i++)
                assert_int_equal(call(s->fd, unknown[i], &info), -ENOTTY);
}

/* Structures grow and their size is part of the number, so that is not what tells calls apart. */
static void test_dispatch_by_number(void **state) {
        struct kftp_info info = { .size = sizeof(info) };
        Session *s = session_open();

        (void) state;
        assert_int_equal(call(s->fd, _IOWR('k', 0x40, char[8]), &info), 0);
        assert_int_equal(call(s->fd, _IOWR('k', 0x40, char[4000]), &info), 0);
        assert_int_equal(info.abi, KFTP_ABI_VERSION);
}

static void test_bad_pointers(void **state) {
        static const unsigned long calls[] = {
                KFTP_INFO, KFTP_CONNECT, KFTP_ADOPT, KFTP_SUBMIT, KFTP_RUN, KFTP_TLS, KFTP_CANCEL,
        };
        Session *s = session_open();
        uint8_t *end = edge();

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(calls); i++) {
                uint32_t size = _IOC_SIZE(calls[i]);

                assert_int_equal(call(s->fd, calls[i], NULL), -EFAULT);
                assert_int_equal(call(s->fd, calls[i], end - 2), -EFAULT);
                if (calls[i] == KFTP_INFO || calls[i] == KFTP_RUN)
                        continue;       /* their end only goes out */
                memcpy(end - size + 8, &size, sizeof(size));
                assert_int_equal(call(s->fd, calls[i], end - size + 8), -EFAULT);
        }
        /* Nothing of this has armed the session. */
        assert_int_equal(session_run(s), -ENOTCONN);
}

/* ---- Sizes ------------------------------------------------------------------------------------ */

/* Each structure that goes in, filled so that the call gets beyond its form; what it then returns. */
typedef struct Input {
        unsigned long call;
        size_t size;
        int result;
        union {
                uint32_t head[2];
                struct kftp_connect connect;
                struct kftp_adopt adopt;
                struct kftp_submit submit;
                struct kftp_tls tls;
                struct kftp_cancel cancel;
        } arg;
} Input;

static size_t make_inputs(Input *in) {
        struct kftp_addr a = address_of("127.0.0.1", 21);

        in[0] = (Input) { KFTP_CONNECT, sizeof(struct kftp_connect), 0, { .connect = connect_to(&a) } };
        in[1] = (Input) { KFTP_SUBMIT, sizeof(struct kftp_submit), -ENOTCONN, { .submit = quit_request(1) } };
        in[2] = (Input) { KFTP_CANCEL, sizeof(struct kftp_cancel), -ENOENT, { .cancel = { .user_data = 1 } } };
        in[3] = (Input) { KFTP_ADOPT, sizeof(struct kftp_adopt), -ENOTCONN, { .adopt = { .fd = -1 } } };
        in[4] = (Input) { KFTP_TLS, sizeof(struct kftp_tls), -ENOTCONN, { .tls = { .channel = 0 } } };
        return 5;
}

static int call_sized(const Input *in, uint32_t size, uint8_t trailing) {
        static uint8_t buffer[16384];
        Session *s = session_open();
        int r;

        memset(buffer, 0, sizeof(buffer));
        memcpy(buffer, &in->arg, in->size);
        memcpy(buffer, &size, sizeof(size));
        if (size > in->size && size <= sizeof(buffer))
                buffer[size - 1] = trailing;
        r = call(s->fd, in->call, buffer);
        session_close(s);
        return r;
}

static void test_input_sizes(void **state) {
        Input in[8];
        size_t n = make_inputs(in);

        (void) state;
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(call_sized(in + i, in[i].size, 0), in[i].result);
                /* Smaller than it ever was. */
                assert_int_equal(call_sized(in + i, 0, 0), -EINVAL);
                assert_int_equal(call_sized(in + i, 4, 0), -EINVAL);
                assert_int_equal(call_sized(in + i, in[i].size - 8, 0), -EINVAL);
                assert_int_equal(call_sized(in + i, in[i].size - 1, 0), -EINVAL);
                /* From a program that knows more members than the module. */
                assert_int_equal(call_sized(in + i, in[i].size + 8, 0), in[i].result);
                assert_int_equal(call_sized(in + i, 4096, 0), in[i].result);
                assert_int_equal(call_sized(in + i, in[i].size + 8, 1), -E2BIG);
                assert_int_equal(call_sized(in + i, in[i].size + 1, 1), -E2BIG);
                assert_int_equal(call_sized(in + i, 4096, 1), -E2BIG);
                assert_int_equal(call_sized(in + i, 16384, 0), -E2BIG);
                assert_int_equal(call_sized(in + i, UINT32_MAX / 2, 0), -E2BIG);
        }
}

static void test_info_sizes(void **state) {
        struct kftp_info full = { .size = sizeof(full) };
        uint8_t buffer[sizeof(full) + 64];
        Session *s = session_open();

        (void) state;
        assert_int_equal(call(s->fd, KFTP_INFO, &full), 0);
        assert_int_equal(full.size, sizeof(full));
        for (uint32_t size = 0; size <= sizeof(buffer); size += 4) {
                uint32_t filled = size < sizeof(full) ? size : sizeof(full);
                uint32_t head[2] = { size, 0 };

                memset(buffer, CANARY, sizeof(buffer));
                memcpy(buffer, head, sizeof(head));
                if (size < 8) {
                        assert_int_equal(call(s->fd, KFTP_INFO, buffer), -EINVAL);
                        continue;
                }
                assert_int_equal(call(s->fd, KFTP_INFO, buffer), 0);
                assert_memory_equal(buffer, &filled, sizeof(filled));
                assert_memory_equal(buffer + 4, (uint8_t *) &full + 4, filled - 4);
                for (size_t i = filled; i < sizeof(buffer); i++)
                        assert_int_equal(buffer[i], CANARY);
        }
}

/* RUN: the part that goes in is needed, of the rest as much as the caller knows is filled in. */
static void test_run_sizes(void **state) {
        static const uint32_t sizes[] = {
                offsetof(struct kftp_run, type),        offsetof(struct kftp_run, event_flags),
                offsetof(struct kftp_run, remote_size), sizeof(struct kftp_run) - 1,
                sizeof(struct kftp_run),                sizeof(struct kftp_run) + 48,
        };
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        uint8_t buffer[sizeof(struct kftp_run) + 96];

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
                uint32_t filled = sizes[i] < sizeof(struct kftp_run) ? sizes[i] : sizeof(struct kftp_run);
                struct kftp_run in = { .size = sizes[i] };
                Session *s = session_armed(&c);

                memset(buffer, CANARY, sizeof(buffer));
                memcpy(buffer, &in, offsetof(struct kftp_run, type));
                assert_int_equal(call(s->fd, KFTP_RUN, buffer), 0);
                assert_memory_equal(buffer, &filled, sizeof(filled));
                for (size_t k = filled; k < sizeof(buffer); k++)
                        assert_int_equal(buffer[k], CANARY);
                if (filled >= offsetof(struct kftp_run, event_flags)) {
                        uint32_t type = KFTP_EVENT_CONNECTED;

                        assert_memory_equal(buffer + offsetof(struct kftp_run, type), &type, sizeof(type));
                }
                session_close(s);
        }
}

static void test_run_too_small(void **state) {
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);
        Session *s = session_armed(&c);

        (void) state;
        for (uint32_t size = 0; size < offsetof(struct kftp_run, type); size += 4) {
                struct kftp_run run = { .size = size };

                assert_int_equal(call(s->fd, KFTP_RUN, &run), -EINVAL);
        }
}

/* ---- Flags and reserved members --------------------------------------------------------------- */

static int connect_with(void (*change)(struct kftp_connect *c, uint32_t bit), uint32_t bit) {
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);
        Session *s = session_open();
        int r;

        change(&c, bit);
        r = session_connect(s, &c);
        session_close(s);
        return r;
}

static void set_flags(struct kftp_connect *c, uint32_t bit) {
        c->flags = bit;
}

static void set_events(struct kftp_connect *c, uint32_t bit) {
        c->events = bit;
}

static void set_reserved_0(struct kftp_connect *c, uint32_t bit) {
        c->reserved[0] = bit;
}

static void set_reserved_1(struct kftp_connect *c, uint32_t bit) {
        c->reserved[1] = bit;
}

/* The control connection comes from elsewhere: then no address may be given. */
static void set_adopt_and_flags(struct kftp_connect *c, uint32_t bit) {
        memset(&c->peer, 0, sizeof(c->peer));
        c->flags = bit | KFTP_CONNECT_ADOPT;
}

static void set_methods_off(struct kftp_connect *c, uint32_t bit) {
        c->methods_off = bit;
}

static void test_connect_unknown_bits(void **state) {
        const uint32_t flags = KFTP_CONNECT_LOW_PORTS | KFTP_CONNECT_RAW;
        const uint32_t events = KFTP_WANT_LINE | KFTP_WANT_PROGRESS | KFTP_WANT_DATA;
        const uint32_t methods = KFTP_METHOD_EPSV | KFTP_METHOD_PASV | KFTP_METHOD_EPRT | KFTP_METHOD_PORT;

        (void) state;
        for (unsigned i = 0; i < 32; i++) {
                uint32_t bit = 1U << i;

                assert_int_equal(connect_with(set_flags, bit), bit & flags ? 0 : -EINVAL);
                assert_int_equal(connect_with(set_adopt_and_flags, bit), bit & (flags | KFTP_CONNECT_ADOPT) ? 0 : -EINVAL);
                assert_int_equal(connect_with(set_events, bit), bit & events ? 0 : -EINVAL);
                assert_int_equal(connect_with(set_methods_off, bit), bit & methods ? 0 : -EINVAL);
                assert_int_equal(connect_with(set_reserved_0, bit), -EINVAL);
                assert_int_equal(connect_with(set_reserved_1, bit), -EINVAL);
        }
}

static void test_submit_unknown_bits(void **state) {
        const uint32_t known = KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_ASK_MTIME | KFTP_SUBMIT_EXPECT_SIZE | KFTP_SUBMIT_EXPECT_MTIME;
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);
        Session *s = session_armed(&c);
        int fd = local_file();

        (void) state;
        for (unsigned i = 0; i < 32; i++) {
                struct kftp_submit r = retr(fd, "file", 1);

                r.flags = 1U << i;
                assert_int_equal(session_submit(s, &r), r.flags & known ? 0 : -EINVAL);
        }
        for (unsigned i = 0; i < 96; i++) {
                struct kftp_submit r = retr(fd, "file", 1);

                r.reserved[i / 32] = 1U << i % 32;
                assert_int_equal(session_submit(s, &r), -EINVAL);
        }
}

static void test_other_unknown_bits(void **state) {
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);
        Session *s = session_armed(&c);

        (void) state;
        for (unsigned i = 0; i < 32; i++) {
                struct kftp_info info = { .size = sizeof(info), .flags = 1U << i };
                struct kftp_cancel flags = { .size = sizeof(flags), .flags = 1U << i };
                struct kftp_cancel reserved = { .size = sizeof(reserved), .reserved = 1U << i };
                struct kftp_run run = { .size = sizeof(run), .reserved_in = 1U << i };

                assert_int_equal(call(s->fd, KFTP_INFO, &info), -EINVAL);
                assert_int_equal(call(s->fd, KFTP_CANCEL, &flags), -EINVAL);
                assert_int_equal(call(s->fd, KFTP_CANCEL, &reserved), -EINVAL);
                assert_int_equal(call(s->fd, KFTP_RUN, &run), -EINVAL);
                if (1U << i != KFTP_RUN_NONBLOCK)
                        assert_int_equal(session_run_with(s, 1U << i, 0), -EINVAL);
        }
        for (uint32_t what = KFTP_CANCEL_SESSION + 1; what != 0; what <<= 1) {
                struct kftp_cancel unknown = { .size = sizeof(unknown), .what = what };

                assert_int_equal(call(s->fd, KFTP_CANCEL, &unknown), -EINVAL);
        }
        /* It was never begun. */
        assert_int_equal(session_info(s).state, KFTP_STATE_ARMED);
        assert_int_equal(session_info(s).runs, 0);
}

/* ---- Not built yet ---------------------------------------------------------------------------- */

static void set_tls(struct kftp_connect *c, uint32_t value) {
        c->tls = value;
}

static void set_pipelining(struct kftp_connect *c, uint32_t value) {
        c->pipelining = value;
}

static void set_data_mode(struct kftp_connect *c, uint32_t value) {
        c->data_mode = value;
}

static void test_connect_not_built(void **state) {
        /* not in every kernel */
        int tls = tls_supported() ? 0 : -EOPNOTSUPP;

        (void) state;
        assert_int_equal(connect_with(set_tls, KFTP_TLS_NONE), 0);
        assert_int_equal(connect_with(set_tls, KFTP_TLS_OPPORTUNISTIC), tls);
        assert_int_equal(connect_with(set_tls, KFTP_TLS_REQUIRED), tls);
        assert_int_equal(connect_with(set_tls, KFTP_TLS_IMPLICIT), tls);
        assert_int_equal(connect_with(set_tls, KFTP_TLS_IMPLICIT + 1), -EINVAL);
        assert_int_equal(connect_with(set_pipelining, 1), -EOPNOTSUPP);
        assert_int_equal(connect_with(set_pipelining, 2), -EOPNOTSUPP);
        assert_int_equal(connect_with(set_pipelining, 3), -EINVAL);
        assert_int_equal(connect_with(set_data_mode, KFTP_DATA_PASSIVE), 0);
        assert_int_equal(connect_with(set_data_mode, KFTP_DATA_ACTIVE), 0);
        assert_int_equal(connect_with(set_data_mode, KFTP_DATA_ACTIVE_FIRST), 0);
        assert_int_equal(connect_with(set_data_mode, KFTP_DATA_ACTIVE_FIRST + 1), -EINVAL);
}

static void test_submit_not_built(void **state) {
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);
        Session *s = session_armed(&c);
        int fd = local_file();

        (void) state;
        for (uint32_t op = KFTP_OP_QUIT + 1; op != 0; op <<= 1) {
                struct kftp_submit r = retr(fd, "file", 1);

                r.op = op;
                assert_int_equal(session_submit(s, &r), -EINVAL);
        }
        for (uint32_t i = 1; i <= KFTP_DIGEST_CRC32 + 1; i++) {
                struct kftp_submit digest = retr(fd, "file", 1), cache = digest;

                digest.digest = i;
                assert_int_equal(session_submit(s, &digest), i <= KFTP_DIGEST_CRC32 ? -EOPNOTSUPP : -EINVAL);
                cache.cache = i;
                assert_int_equal(session_submit(s, &cache), i <= KFTP_CACHE_DIRECT ? -EOPNOTSUPP : -EINVAL);
        }
}

/* ---- INFO -------------------------------------------------------------------------------------- */

/* Asked of the kernel itself, which loads what it has. */
static bool kernel_has_tls(void) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int listener = test_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        int fd = test_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        socklen_t len = sizeof(in);

        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *) &in, &len), 0);
        in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(connect(fd, (struct sockaddr *) &in, len), 0);
        return tls_layer(fd) == 0;
}

static void test_info_of_new_session(void **state) {
        struct kftp_info info = session_info(session_open());

        (void) state;
        assert_int_equal(info.abi, KFTP_ABI_VERSION);
        assert_int_equal(info.state, KFTP_STATE_NEW);
        assert_int_equal(info.features, KFTP_FEATURE_PASSIVE | KFTP_FEATURE_ACTIVE | KFTP_FEATURE_RETR | KFTP_FEATURE_STOR |
                                                KFTP_FEATURE_LIST | KFTP_FEATURE_ADOPT | KFTP_FEATURE_RANGE | KFTP_FEATURE_PIPE |
                                                KFTP_FEATURE_RAW | (kernel_has_tls() ? KFTP_FEATURE_TLS : 0));
        assert_int_equal(info.tls_version | info.tls_cipher | info.tls_flags, 0);
        assert_int_equal(info.feat, 0);
        assert_int_equal(info.max_queue, KFTP_MAX_QUEUE);
        assert_int_equal(info.max_path, KFTP_MAX_PATH);
        assert_int_equal(info.max_credential, KFTP_MAX_CREDENTIAL);
        assert_int_equal(info.queued, 0);
        assert_int_equal(info.local.family, 0);
        assert_int_equal(info.peer.family, 0);
        assert_int_equal(info.commands + info.replies + info.runs + info.sleeps + info.bytes_in + info.bytes_out, 0);
        assert_int_equal(info.banner_len, 0);
}

static void long_banner(Conn *c) {
        peer_say(c, "220-%0150d", 7);
        peer_say(c, "220 second line");
        peer_goodbye(c);
}

static void test_info_of_ready_session(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_addr peer = peer_address(p);
        static const char banner[] = "220 The peer is at your service";
        Session *s = session_ready(&c);
        struct kftp_info info = session_info(s);

        (void) state;
        assert_int_equal(info.state, KFTP_STATE_READY);
        assert_same_address(&info.peer, &peer);
        assert_int_equal(info.local.family, AF_INET);
        assert_memory_equal(info.local.addr, peer.addr, 4);
        assert_int_not_equal(info.local.port, 0);
        assert_int_equal(info.banner_len, strlen(banner));
        assert_memory_equal(info.banner, banner, strlen(banner));
        /* FEAT as the peer answers it. */
        assert_int_equal(info.feat, KFTP_FEAT_ASKED | KFTP_FEAT_EPSV | KFTP_FEAT_EPRT | KFTP_FEAT_MDTM | KFTP_FEAT_SIZE |
                                            KFTP_FEAT_REST | KFTP_FEAT_UTF8);
        /* USER PASS FEAT OPTS TYPE, and the greeting. */
        assert_int_equal(info.commands, 5);
        assert_int_equal(info.replies, 6);
        assert_int_equal(info.runs, 1);
        session_retr(s, local_file(), "bytes-1000", 1);
        session_retr(s, local_file(), "bytes-0", 2);
        assert_int_equal(session_info(s).queued, 2);
        session_expect_done(s, 1, 0);
        assert_int_equal(session_info(s).queued, 1);
        session_expect_done(s, 2, 0);
        assert_int_equal(session_info(s).queued, 0);
        assert_int_equal(session_info(s).bytes_in, 1000);
        assert_int_equal(session_info(s).bytes_out, 0);
        session_quit(s);
        assert_int_equal(session_info(s).state, KFTP_STATE_CLOSED);
}

static void test_info_of_long_banner(void **state) {
        Peer *p = test_peer("127.0.0.1", long_banner, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_info info = session_info(session_ready(&c));

        (void) state;
        assert_int_equal(info.banner_len, KFTP_MAX_BANNER);
        assert_memory_equal(info.banner, "220-00000", 9);
        assert_int_equal(info.banner[KFTP_MAX_BANNER - 1], '0');
}

/* ---- 32-bit programs --------------------------------------------------------------------------- */

static void test_compat(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        char self[PATH_MAX] = "", program[PATH_MAX + 16], port[8];
        int fd = local_file(), status;
        pid_t pid;

        (void) state;
#ifndef __x86_64__
        skip();
#endif
        if (getenv("KFTP_NO_COMPAT")) {
                print_message("skipped: %s\n", getenv("KFTP_NO_COMPAT"));
                skip();
        }
        assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
        snprintf(program, sizeof(program), "%s/compat32", dirname(self));
        snprintf(port, sizeof(port), "%u", ntohs(peer_address(p).port));
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if ((fd == 3 ? fcntl(fd, F_SETFD, 0) : dup2(fd, 3)) < 0)
                        _exit(98);
                execl(program, program, port, "bytes-100000", NULL);
                _exit(99);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_file_size(fd, 100000);
        assert_file_content(fd, 0, 100000);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_unknown_ioctls),
        DEVICE_TEST(test_dispatch_by_number),
        DEVICE_TEST(test_bad_pointers),
        DEVICE_TEST(test_input_sizes),
        DEVICE_TEST(test_info_sizes),
        DEVICE_TEST(test_run_sizes),
        DEVICE_TEST(test_run_too_small),
        DEVICE_TEST(test_connect_unknown_bits),
        DEVICE_TEST(test_submit_unknown_bits),
        DEVICE_TEST(test_other_unknown_bits),
        DEVICE_TEST(test_connect_not_built),
        DEVICE_TEST(test_submit_not_built),
        DEVICE_TEST(test_info_of_new_session),
        DEVICE_TEST(test_info_of_ready_session),
        DEVICE_TEST(test_info_of_long_banner),
        DEVICE_TEST(test_compat),
};

DEVICE_TESTS("abi", tests)
