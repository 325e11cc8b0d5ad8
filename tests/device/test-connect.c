/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KFTP_CONNECT: what it accepts, that it comes once and first, and what it makes of addresses and
 * credentials.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static int try_connect(const struct kftp_connect *c) {
        Session *s = session_open();
        int r;

        r = session_connect(s, c);
        /* Refused is as if it had not been. */
        assert_int_equal(session_info(s).state, r == 0 ? KFTP_STATE_ARMED : KFTP_STATE_NEW);
        session_close(s);
        return r;
}

static struct kftp_connect connect_anywhere(void) {
        struct kftp_addr a = address_of("127.0.0.1", 21);

        return connect_to(&a);
}

/* ---- Order ------------------------------------------------------------------------------------ */

static void test_once(void **state) {
        struct kftp_connect c = connect_anywhere();
        Session *s = session_armed(&c);

        (void) state;
        assert_int_equal(session_connect(s, &c), -EISCONN);
        c.tls = KFTP_TLS_REQUIRED + 100;
        assert_int_equal(session_connect(s, &c), -EINVAL);
        assert_int_equal(session_info(s).state, KFTP_STATE_ARMED);
}

static void test_once_also_when_closed(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_ready(&c);

        (void) state;
        session_quit(s);
        assert_int_equal(session_connect(s, &c), -EISCONN);
}

static void test_again_after_refusal(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect good = connect_to_peer(p), bad = good;
        Session *s = session_open();

        (void) state;
        bad.pipelining = 9;
        assert_int_equal(session_connect(s, &bad), -EINVAL);
        assert_int_equal(session_connect(s, &good), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
}

static void test_nothing_before_connect(void **state) {
        Session *s = session_open();
        struct kftp_submit r = retr(local_file(), "file", 1);

        (void) state;
        assert_int_equal(session_run(s), -ENOTCONN);
        assert_int_equal(session_run_with(s, KFTP_RUN_NONBLOCK, 0), -ENOTCONN);
        assert_int_equal(session_submit(s, &r), -ENOTCONN);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_ALL, 0), -ENOENT);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), -ENOENT);
}

/* It only stores: no connection is made before RUN. */
static void test_only_stores(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s = session_armed(&c);
        struct pollfd poll_run = { .fd = s->fd, .events = POLLIN };

        (void) state;
        sleep_ms(200);
        assert_int_equal(peer_connections(p), 0);
        assert_int_equal(session_info(s).commands, 0);
        /* There is something to do, and that is said. */
        assert_int_equal(poll(&poll_run, 1, 0), 1);
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(peer_connections(p), 1);
}

/* ---- Addresses -------------------------------------------------------------------------------- */

static void test_refused_peers(void **state) {
        static const struct {
                const char *address;
                uint16_t port;
        } rows[] = {
                { "127.0.0.1", 0 },
                { "::1", 0 },
                { "0.0.0.0", 21 },
                { "::", 21 },
                { "255.255.255.255", 21 },
                { "224.0.0.1", 21 },
                { "239.255.255.255", 21 },
                { "ff02::1", 21 },
                { "ff0e::1", 21 },
                /* The same in IPv6's clothes. */
                { "::ffff:0.0.0.0", 21 },
                { "::ffff:224.0.0.1", 21 },
                { "::ffff:255.255.255.255", 21 },
        };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct kftp_addr a = address_of(rows[i].address, rows[i].port);
                struct kftp_connect c = connect_to(&a);

                if (try_connect(&c) != -EINVAL)
                        fail_msg("%s port %u is not refused", rows[i].address, rows[i].port);
        }
}

static void test_refused_families(void **state) {
        static const uint16_t families[] = { 0, AF_UNIX, AF_NETLINK, AF_PACKET, 0xffff };

        (void) state;
        for (size_t i = 0; i < N_ELEMENTS(families); i++) {
                struct kftp_connect c = connect_anywhere();

                c.peer.family = families[i];
                assert_int_equal(try_connect(&c), -EAFNOSUPPORT);
        }
}

static void test_source_of_other_family(void **state) {
        struct kftp_connect c = connect_anywhere();

        (void) state;
        c.source = address_of("::1", 0);
        assert_int_equal(try_connect(&c), -EINVAL);
        c.peer = address_of("::1", 21);
        c.source = address_of("127.0.0.1", 0);
        assert_int_equal(try_connect(&c), -EINVAL);
        c.source.family = AF_UNIX;
        assert_int_equal(try_connect(&c), -EINVAL);
}

/* Control and data connections come from the source address; its port is the control one's. */
static void test_source(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_addr source = address_of("127.0.0.9", 34567), data;
        Session *s;

        (void) state;
        c.source = source;
        s = session_ready(&c);
        assert_same_address(&s->event.local, &source);
        session_retr(s, local_file(), "bytes-1000", 1);
        session_expect_done(s, 1, 0);
        data = s->event.local;
        assert_memory_equal(data.addr, source.addr, 4);
        assert_int_not_equal(data.port, source.port);
}

static void test_source_not_ours(void **state) {
        struct kftp_connect c = connect_anywhere();
        Session *s;

        (void) state;
        c.source = address_of("192.0.2.1", 0);
        s = session_armed(&c);
        session_expect_closed(s, -EADDRNOTAVAIL);
}

static void test_interface(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        Session *s;

        (void) state;
        c.ifindex = if_nametoindex("lo");
        s = session_ready(&c);
        session_retr(s, local_file(), "bytes-1000", 1);
        session_expect_done(s, 1, 0);

        c.ifindex = 99999;
        session_expect_closed(session_armed(&c), -ENODEV);
        c.ifindex = UINT32_MAX;
        assert_int_equal(try_connect(&c), -EINVAL);
}

static void test_ipv6(void **state) {
        Peer *p = test_peer("::1", peer_serve, NULL);
        struct kftp_connect c = connect_to_peer(p);
        struct kftp_addr peer = peer_address(p);
        Session *s = session_ready(&c);

        (void) state;
        assert_same_address(&s->event.peer, &peer);
        session_quit(s);
}

/* ---- Credentials ------------------------------------------------------------------------------ */

static void set_text(struct kftp_connect *c, unsigned which, const void *text, uint32_t n) {
        uint64_t *pointers[] = { (uint64_t *) &c->user, (uint64_t *) &c->password, (uint64_t *) &c->account };
        uint32_t *lengths[] = { &c->user_len, &c->password_len, &c->account_len };

        *pointers[which] = (uintptr_t) text;
        *lengths[which] = n;
}

static int try_text(unsigned which, const void *text, uint32_t n) {
        struct kftp_connect c = connect_anywhere();

        set_text(&c, which, text, n);
        return try_connect(&c);
}

static void test_control_bytes(void **state) {
        (void) state;
        for (unsigned which = 0; which < 3; which++)
                for (unsigned byte = 0; byte <= 0xff; byte++) {
                        char text[5] = { 'a', 'b', (char) byte, 'c', 'd' };
                        int expected = byte < 0x20 || byte == 0x7f ? -EINVAL : 0;

                        assert_int_equal(try_text(which, text, 5), expected);
                        assert_int_equal(try_text(which, text + 2, 1), expected);
                        assert_int_equal(try_text(which, text, 3), expected);
                }
}

static void test_credential_lengths(void **state) {
        static char text[KFTP_MAX_CREDENTIAL + 1];

        (void) state;
        memset(text, 'x', sizeof(text));
        for (unsigned which = 0; which < 3; which++) {
                assert_int_equal(try_text(which, text, KFTP_MAX_CREDENTIAL), 0);
                assert_int_equal(try_text(which, text, KFTP_MAX_CREDENTIAL + 1), -EINVAL);
                assert_int_equal(try_text(which, text, UINT32_MAX), -EINVAL);
                assert_int_equal(try_text(which, text, 0), 0);
                assert_int_equal(try_text(which, NULL, 0), 0);
                assert_int_equal(try_text(which, NULL, 1), -EINVAL);
                assert_int_equal(try_text(which, (void *) 8, 1), -EFAULT);
        }
}

/* They are copied: what happens to the caller's text afterwards does not matter. */
static void test_credentials_are_copied(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        char user[] = "somebody", password[] = "something";
        Session *s;

        (void) state;
        set_text(&c, 0, user, strlen(user));
        set_text(&c, 1, password, strlen(password));
        s = session_armed(&c);
        memset(user, 'x', sizeof(user));
        memset(password, 'x', sizeof(password));
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_commanded(p, "USER somebody");
        assert_commanded(p, "PASS something");
}

static void test_longest_credentials(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(p);
        char text[KFTP_MAX_CREDENTIAL], command[KFTP_MAX_CREDENTIAL + 8] = "PASS ";

        (void) state;
        memset(text, 'p', sizeof(text));
        memcpy(command + 5, text, sizeof(text));
        set_text(&c, 1, text, sizeof(text));
        session_ready(&c);
        assert_commanded(p, command);
}

/* Absent: anonymous, with something like a mail address (RFC 1635). Empty: sent as it is. */
static void test_absent_and_empty(void **state) {
        Peer *absent = test_peer("127.0.0.1", peer_friendly, NULL);
        Peer *empty = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_connect c = connect_to_peer(absent);

        (void) state;
        set_text(&c, 0, NULL, 0);
        set_text(&c, 1, NULL, 0);
        session_ready(&c);
        assert_commanded(absent, "USER anonymous");
        assert_commanded(absent, "PASS *@*");
        assert_not_commanded(absent, "ACCT*");

        c = connect_to_peer(empty);
        set_text(&c, 1, "", 0);
        session_ready(&c);
        assert_commanded(empty, "USER user");
        assert_commanded(empty, "PASS ");
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_once),
        DEVICE_TEST(test_once_also_when_closed),
        DEVICE_TEST(test_again_after_refusal),
        DEVICE_TEST(test_nothing_before_connect),
        DEVICE_TEST(test_only_stores),
        DEVICE_TEST(test_refused_peers),
        DEVICE_TEST(test_refused_families),
        DEVICE_TEST(test_source_of_other_family),
        DEVICE_TEST(test_source),
        DEVICE_TEST(test_source_not_ours),
        DEVICE_TEST(test_interface),
        DEVICE_TEST(test_ipv6),
        DEVICE_TEST(test_control_bytes),
        DEVICE_TEST(test_credential_lengths),
        DEVICE_TEST(test_credentials_are_copied),
        DEVICE_TEST(test_longest_credentials),
        DEVICE_TEST(test_absent_and_empty),
};

DEVICE_TESTS("connect", tests)
