/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protected data connections, when all goes well: both directions, every way to a data connection, and records of
 * every size.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* DONE of a transfer that was protected to its end. */
static void expect_protected(Session *s, uint64_t user_data) {
        session_expect_done(s, user_data, 0);
        assert_int_equal(s->event.event_flags & KFTP_EVENT_ENCRYPTED, KFTP_EVENT_ENCRYPTED);
        assert_int_equal(s->event.event_flags & KFTP_EVENT_UNCLEAN, 0);
        assert_int_equal(s->event.alert, 0);
        assert_int_equal(s->event.fd, -1);
}

static void download(Session *s, uint64_t n) {
        char path[32];
        int fd = local_file();

        snprintf(path, sizeof(path), "bytes-%llu", (unsigned long long) n);
        session_retr(s, fd, path, n);
        expect_protected(s, n);
        assert_int_equal(s->event.bytes, n);
        assert_file_size(fd, n);
        assert_file_content(fd, 0, n);
}

/* ---- Sizes, versions and ciphers ------------------------------------------------------------------------ */

static const uint64_t sizes[] = { 0, 1, 16383, 16384, 16385, 65536, 1000000 };

/* Receives each size, to the byte and with its end. */
static void receive_all(Conn *c) {
        peer_greet(c);
        for (size_t i = 0; i < N_ELEMENTS(sizes); i++)
                peer_stor(c, "STOR file", 0, sizes[i]);
        peer_goodbye(c);
}

static void move_all_sizes(bool tls12, gnutls_cipher_algorithm_t cipher) {
        void *none = NULL;
        Session *s;

        tls_use(tls12, cipher);
        s = tls_session(peer_secure_serve, NULL, NULL);
        for (size_t i = 0; i < N_ELEMENTS(sizes); i++)
                download(s, sizes[i]);
        assert_int_equal(s->lent[KFTP_ROLE_DATA], N_ELEMENTS(sizes));
        session_quit(s);
        s = tls_session(receive_all, NULL, NULL);
        for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
                struct kftp_submit r = request(KFTP_OP_STOR, filled_file(sizes[i]), "file", i);

                assert_int_equal(session_submit(s, &r), 0);
                expect_protected(s, i);
                assert_int_equal(s->event.bytes, sizes[i]);
        }
        session_quit(s);
        assert_int_equal(test_end(&none), 0);
        assert_int_equal(test_begin(&none), 0);
}

static void test_aes_128(void **state) {
        (void) state;
        move_all_sizes(false, GNUTLS_CIPHER_AES_128_GCM);
        move_all_sizes(true, GNUTLS_CIPHER_AES_128_GCM);
}

static void test_aes_256(void **state) {
        (void) state;
        move_all_sizes(false, GNUTLS_CIPHER_AES_256_GCM);
        move_all_sizes(true, GNUTLS_CIPHER_AES_256_GCM);
}

static void test_chacha20(void **state) {
        (void) state;
        move_all_sizes(false, GNUTLS_CIPHER_CHACHA20_POLY1305);
        move_all_sizes(true, GNUTLS_CIPHER_CHACHA20_POLY1305);
}

/* ---- Odd records ------------------------------------------------------------------------------------------- */

#define BYTES 1500

/* A byte a record; in the middle some that have none. */
static void send_crumbs(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 0);
        for (unsigned i = 0; i < BYTES; i++) {
                peer_data_send(c, i, 1);
                if (i % 100 == 50)
                        peer_record(c, KFTP_ROLE_DATA, TLS_DATA, "", 0);
        }
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_goodbye(c);
}

static void test_crumbs(void **state) {
        (void) state;
        for (unsigned tls12 = 0; tls12 < 2; tls12++) {
                int fd = local_file();
                Session *s;

                tls_use(tls12, GNUTLS_CIPHER_AES_128_GCM);
                s = tls_session(send_crumbs, NULL, NULL);
                session_retr(s, fd, "file", 1);
                expect_protected(s, 1);
                assert_file_size(fd, BYTES);
                assert_file_content(fd, 0, BYTES);
                session_quit(s);
        }
}

/* Records that are longer than what they carry, also where the kernel was told that there are none. */
static void send_padded(Conn *c) {
        uint8_t record[TLS_MAX_PLAIN + TLS_OVERHEAD], content[1000];

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 0);
        for (unsigned i = 0; i < 100; i++) {
                size_t n;

                for (unsigned k = 0; k < sizeof(content); k++)
                        content[k] = peer_byte(i * sizeof(content) + k);
                n = peer_seal(c, KFTP_ROLE_DATA, TLS_DATA, content, sizeof(content), i * 150, record);
                peer_raw(c, KFTP_ROLE_DATA, record, n);
        }
        /* Nothing but padding. */
        peer_raw(c, KFTP_ROLE_DATA, record, peer_seal(c, KFTP_ROLE_DATA, TLS_DATA, "", 0, 5000, record));
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_goodbye(c);
}

static void test_padding(void **state) {
        (void) state;
        for (unsigned padded = 0; padded < 2; padded++) {
                int fd = local_file();
                Session *s = tls_agreed(tls_armed(KFTP_TLS_REQUIRED, send_padded, NULL, NULL));

                s->padded = padded;
                session_expect(s, KFTP_EVENT_CONNECTED);
                session_retr(s, fd, "file", 1);
                expect_protected(s, 1);
                assert_file_size(fd, 100000);
                assert_file_content(fd, 0, 100000);
                session_quit(s);
        }
}

/* Replies, too, come in pieces: a byte a record, or many in one. */
static void speak_in_crumbs(Conn *c) {
        static const char reply[] = "226-It is done\r\n226 So it is\r\n";

        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_close(c);
        for (const char *at = reply; *at; at++)
                peer_record(c, KFTP_ROLE_CONTROL, TLS_DATA, at, 1);
        peer_goodbye(c);
}

static void test_replies_in_crumbs(void **state) {
        Session *s = tls_session(speak_in_crumbs, NULL, NULL);

        (void) state;
        session_retr(s, local_file(), "file", 1);
        expect_protected(s, 1);
        assert_int_equal(s->event.reply, 226);
        assert_string_equal(s->text, "226 So it is");
        session_quit(s);
}

/* ---- What else can be asked for ------------------------------------------------------------------------------ */

static const char listing[] = "-rw-r--r-- 1 u g 5 Jan 1 2001 one\r\n-rw-r--r-- 1 u g 5 Jan 1 2001 two\r\n";

static void send_listing(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        peer_expect(c, "LIST");
        peer_say(c, "150 Here");
        peer_data_open(c);
        peer_record(c, KFTP_ROLE_DATA, TLS_DATA, listing, strlen(listing));
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_goodbye(c);
}

static void test_listing(void **state) {
        Session *s = tls_session(send_listing, NULL, NULL);
        int fd = test_fd(memfd_create("listing", MFD_CLOEXEC));
        struct kftp_submit r = request(KFTP_OP_LIST, fd, NULL, 1);
        char text[sizeof(listing)] = {};

        (void) state;
        assert_int_equal(session_submit(s, &r), 0);
        expect_protected(s, 1);
        assert_file_size(fd, strlen(listing));
        assert_int_equal(pread(fd, text, sizeof(text), 0), strlen(listing));
        assert_string_equal(text, listing);
        session_quit(s);
}

/* From an offset; and only a part, after which whoever sends more is not listened to. */
static void test_range(void **state) {
        Session *s = tls_session(peer_secure_serve, NULL, NULL);
        struct kftp_submit r;
        int fd = local_file();

        (void) state;
        r = retr(fd, "bytes-100000", 1);
        r.offset = 70000;
        assert_int_equal(session_submit(s, &r), 0);
        expect_protected(s, 1);
        assert_file_size(fd, 100000);
        assert_file_content(fd, 70000, 30000);
        fd = local_file();
        r = retr(fd, "bytes-5000000", 2);
        r.offset = 500;
        r.length = 100001;
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 2, 0);
        assert_int_equal(s->event.event_flags & KFTP_EVENT_UNCLEAN, 0);
        assert_int_equal(s->event.bytes, 100001);
        assert_file_size(fd, 100501);
        assert_file_content(fd, 500, 100001);
        session_assert_usable(s);
}

static void test_steps(void **state) {
        Session *s = tls_session(peer_secure_serve, NULL, NULL);
        int fd = local_file();
        unsigned yields = 0;

        (void) state;
        session_retr(s, fd, "bytes-1000000", 1);
        for (;;) {
                assert_int_equal(session_run_with(s, 0, 100000), 0);
                if (s->event.type == KFTP_EVENT_TLS)
                        assert_int_equal(lent_serve(lent_take(s, KFTP_ROLE_DATA)), 0);
                else if (s->event.type == KFTP_EVENT_YIELD)
                        yields++;
                else
                        break;
        }
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, 0);
        assert_true(yields >= 8);
        assert_file_content(fd, 0, 1000000);
        session_assert_usable(s);
}

static void store_it(Conn *c) {
        peer_greet(c);
        peer_stor(c, "STOR file", 0, 200000);
        peer_goodbye(c);
}

/* A pipe cannot be spliced to where it is encrypted: its bytes are sent as the others are. */
static void test_pipe(void **state) {
        Session *s = tls_session(store_it, NULL, NULL);
        struct kftp_submit r;
        int ends[2];
        pid_t pid;

        (void) state;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                for (unsigned i = 0; i < 200000; i++) {
                        uint8_t byte = peer_byte(i);

                        if (write(ends[1], &byte, 1) != 1)
                                _exit(1);
                }
                _exit(0);
        }
        close(ends[1]);
        assert_int_equal(fcntl(test_fd(ends[0]), F_SETFL, O_NONBLOCK), 0);
        r = request(KFTP_OP_STOR, ends[0], "file", 1);
        assert_int_equal(session_submit(s, &r), 0);
        expect_protected(s, 1);
        assert_int_equal(s->event.bytes, 200000);
        session_quit(s);
}

/* ---- Other ways to a connection -------------------------------------------------------------------------------- */

static void test_active(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_secure_serve, NULL);
        struct kftp_connect c = tls_connect_to(p, KFTP_TLS_REQUIRED);
        Session *s;

        (void) state;
        c.data_mode = KFTP_DATA_ACTIVE;
        s = tls_agreed(session_armed(&c));
        session_expect(s, KFTP_EVENT_CONNECTED);
        download(s, 100000);
        assert_int_equal(s->event.event_flags & KFTP_EVENT_ACTIVE, KFTP_EVENT_ACTIVE);
        session_assert_usable(s);
        assert_commanded(p, "EPRT *");
        assert_not_commanded(p, "EPSV");
}

static void test_many_files(void **state) {
        Session *s = tls_session(peer_secure_serve, NULL, NULL);
        int fds[20];

        (void) state;
        for (unsigned i = 0; i < N_ELEMENTS(fds); i++)
                session_retr(s, fds[i] = local_file(), "bytes-30000", i);
        for (unsigned i = 0; i < N_ELEMENTS(fds); i++) {
                expect_protected(s, i);
                assert_file_content(fds[i], 0, 30000);
        }
        assert_int_equal(s->lent[KFTP_ROLE_DATA], N_ELEMENTS(fds));
        session_assert_usable(s);
}

static int adopt(Session *s, enum kftp_role role, const struct kftp_addr *to, uint64_t user_data) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = to->port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct kftp_adopt a = { .size = sizeof(a), .role = role, .user_data = user_data };
        int r;

        a.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(a.fd, (struct sockaddr *) &in, sizeof(in)), 0);
        assert_int_equal(fcntl(a.fd, F_SETFL, O_NONBLOCK), 0);
        r = ioctl(s->fd, KFTP_ADOPT, &a) < 0 ? -errno : 0;
        close(a.fd);
        return r;
}

/* Sockets that came from the caller are lent to him as others are. */
static void test_adopted(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_secure_serve, NULL);
        struct kftp_connect c = tls_connect_to(p, KFTP_TLS_REQUIRED);
        struct kftp_addr a = peer_address(p);
        int fd = local_file();
        Session *s;

        (void) state;
        c.peer = (struct kftp_addr) {};
        c.flags = KFTP_CONNECT_ADOPT;
        c.events = KFTP_WANT_DATA;
        s = tls_agreed(session_armed(&c));
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, &a, 0), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_retr(s, fd, "bytes-100000", 1);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, &s->event.peer, 1), 0);
        expect_protected(s, 1);
        assert_int_equal(s->lent[KFTP_ROLE_DATA], 1);
        assert_file_content(fd, 0, 100000);
        session_quit(s);
}

/* In clear nothing is called protected. */
static void test_in_clear(void **state) {
        Session *s = session_with(peer_serve, NULL, NULL);

        (void) state;
        session_retr(s, local_file(), "bytes-1000", 1);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.event_flags & (KFTP_EVENT_ENCRYPTED | KFTP_EVENT_UNCLEAN), 0);
        session_quit(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_aes_128),
        DEVICE_TEST(test_aes_256),
        DEVICE_TEST(test_chacha20),
        DEVICE_TEST(test_crumbs),
        DEVICE_TEST(test_padding),
        DEVICE_TEST(test_replies_in_crumbs),
        DEVICE_TEST(test_listing),
        DEVICE_TEST(test_range),
        DEVICE_TEST(test_steps),
        DEVICE_TEST(test_pipe),
        DEVICE_TEST(test_active),
        DEVICE_TEST(test_many_files),
        DEVICE_TEST(test_adopted),
        DEVICE_TEST(test_in_clear),
};

TLS_DEVICE_TESTS("tls-data", tests)
