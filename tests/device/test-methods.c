/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways to a data connection that do not work: told by INFO, and believed when CONNECT says so, so
 * that the next session with this server need not find out again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "fixture.h"

#define PASSIVE (KFTP_METHOD_EPSV | KFTP_METHOD_PASV)
#define ACTIVE (KFTP_METHOD_EPRT | KFTP_METHOD_PORT)

static Session *ready(PeerScript script, void *userdata, enum kftp_data_mode mode, uint32_t methods_off, Peer **ret_peer) {
        Peer *p = test_peer("127.0.0.1", script, userdata);
        struct kftp_connect c = connect_to_peer(p);

        if (ret_peer)
                *ret_peer = p;
        c.data_mode = mode;
        c.methods_off = methods_off;
        return session_ready(&c);
}

static void download(Session *s) {
        int fd = local_file();

        session_retr(s, fd, "bytes-777", 1);
        session_expect_done(s, 1, 0);
        assert_file_content(fd, 0, 777);
}

/* Refuses the commands whose first letters stand in userdata. */
static void refuse(Conn *c) {
        const char *const *refused = peer_userdata(c);

        peer_greet(c);
        for (const char *const *verb = refused; *verb; verb++) {
                peer_expect(c, *verb);
                peer_say(c, "502 Not here");
        }
        peer_serve_on(c);
}

/* What was refused is told; the caller who tells it to the next session saves the questions. */
static void test_learnt(void **state) {
        static const struct {
                const char *refused[5];
                uint32_t off;
                const char *used, *unused;
        } rows[] = {
                { { NULL }, 0, "EPSV", "@(PASV|EPRT*|PORT*)" },
                { { "EPSV", NULL }, KFTP_METHOD_EPSV, "PASV", "@(EPSV|EPRT*|PORT*)" },
                { { "EPSV", "PASV", NULL }, PASSIVE, "EPRT *", "@(EPSV|PASV|PORT*)" },
                { { "EPSV", "PASV", "EPRT *", NULL }, PASSIVE | KFTP_METHOD_EPRT, "PORT *", "@(EPSV|PASV|EPRT*)" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                Session *s = ready(refuse, (void *) rows[i].refused, KFTP_DATA_AUTO, 0, NULL);
                Peer *p;

                assert_int_equal(session_info(s).methods_off, 0);
                download(s);
                assert_int_equal(session_info(s).methods_off, rows[i].off);
                session_quit(s);
                s = ready(peer_serve, NULL, KFTP_DATA_AUTO, session_info(s).methods_off, &p);
                assert_int_equal(session_info(s).methods_off, rows[i].off);
                download(s);
                assert_commanded(p, rows[i].used);
                assert_not_commanded(p, rows[i].unused);
                assert_int_equal(session_info(s).methods_off, rows[i].off);
                session_quit(s);
        }
}

/* All of them off, or all that the mode allows: then nothing is known. */
static void test_none_left(void **state) {
        static const struct {
                enum kftp_data_mode mode;
                uint32_t off;
                const char *used;
        } rows[] = {
                { KFTP_DATA_AUTO, PASSIVE | ACTIVE, "EPSV" },
                { KFTP_DATA_PASSIVE, PASSIVE, "EPSV" },
                { KFTP_DATA_ACTIVE, ACTIVE, "EPRT *" },
                { KFTP_DATA_ACTIVE, PASSIVE, "EPRT *" },
                { KFTP_DATA_PASSIVE, KFTP_METHOD_EPSV, "PASV" },
                { KFTP_DATA_ACTIVE, KFTP_METHOD_EPRT, "PORT *" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                Peer *p;
                Session *s = ready(peer_serve, NULL, rows[i].mode, rows[i].off, &p);

                download(s);
                assert_commanded(p, rows[i].used);
                session_quit(s);
        }
}

/* Everything fails: the next request starts afresh. */
static void test_all_refused(void **state) {
        static const char *const refused[] = { "EPSV", "PASV", "EPRT *", "PORT *", NULL };
        Session *s = ready(refuse, (void *) refused, KFTP_DATA_AUTO, 0, NULL);

        (void) state;
        session_retr(s, local_file(), "bytes-777", 1);
        session_expect_done(s, 1, -EREMOTEIO);
        assert_int_equal(session_info(s).methods_off, 0);
        download(s);
        assert_int_equal(session_info(s).methods_off, 0);
        session_quit(s);
}

/* 425: what was believed is no longer good, but what the caller said is. */
static void no_connection(Conn *c) {
        peer_greet(c);
        peer_expect(c, "PASV");
        peer_say(c, "502 Not here");
        peer_active(c);
        peer_expect(c, "RETR *");
        peer_say(c, "425 Cannot connect");
        peer_expect(c, "PASV");
        peer_say(c, "502 Not here");
        peer_serve_on(c);
}

static void test_forgotten(void **state) {
        Session *s = ready(no_connection, NULL, KFTP_DATA_AUTO, KFTP_METHOD_EPSV, NULL);

        (void) state;
        session_retr(s, local_file(), "bytes-777", 1);
        session_expect_done(s, 1, -EREMOTEIO);
        assert_int_equal(s->event.reply, 425);
        assert_int_equal(session_info(s).methods_off, KFTP_METHOD_EPSV);
        download(s);
        assert_int_equal(session_info(s).methods_off, PASSIVE);
        session_quit(s);
}

/* Active first, passive if that does not work. */
static void test_active_first(void **state) {
        static const char *const refused[] = { "EPRT *", "PORT *", NULL };
        Session *s;
        Peer *p;

        (void) state;
        s = ready(peer_serve, NULL, KFTP_DATA_ACTIVE_FIRST, 0, &p);
        download(s);
        assert_commanded(p, "EPRT *");
        assert_not_commanded(p, "@(EPSV|PASV)");
        session_quit(s);
        s = ready(refuse, (void *) refused, KFTP_DATA_ACTIVE_FIRST, 0, &p);
        download(s);
        assert_commanded(p, "EPSV");
        assert_int_equal(session_info(s).methods_off, ACTIVE);
        session_quit(s);
}

/* A socket that can do both, of which the caller has made a connection to an IPv4 address: PASV it is. */
static void old_server(Conn *c) {
        peer_greet(c);
        peer_passive_old(c);
        peer_expect(c, "RETR bytes-777");
        peer_deliver(c, 777);
        peer_serve_on(c);
}

static void test_mapped_address(void **state) {
        struct kftp_addr none = {}, a = peer_address(test_peer("127.0.0.1", old_server, NULL));
        struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = a.port };
        struct kftp_connect c = connect_to(&none);
        struct kftp_adopt give = { .size = sizeof(give), .role = KFTP_ROLE_CONTROL };
        struct kftp_info info;
        Session *s;

        (void) state;
        assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.sin6_addr), 1);
        give.fd = test_fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
        assert_int_equal(connect(give.fd, (struct sockaddr *) &to, sizeof(to)), 0);
        assert_int_equal(fcntl(give.fd, F_SETFL, O_NONBLOCK), 0);
        c.flags = KFTP_CONNECT_ADOPT;
        s = session_armed(&c);
        assert_int_equal(ioctl(s->fd, KFTP_ADOPT, &give), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
        info = session_info(s);
        assert_same_address(&info.peer, &a);
        download(s);
        session_quit(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_learnt),
        DEVICE_TEST(test_none_left),
        DEVICE_TEST(test_all_refused),
        DEVICE_TEST(test_forgotten),
        DEVICE_TEST(test_active_first),
        DEVICE_TEST(test_mapped_address),
};

DEVICE_TESTS("methods", tests)
