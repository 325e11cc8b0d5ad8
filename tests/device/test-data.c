/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data connection: EPSV, PASV, EPRT, PORT, falling back, and that it leads to the control
 * connection's host and to nobody else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define SIZE 20000

static Session *ready_for(Peer *p, enum kftp_data_mode mode) {
        struct kftp_connect c = connect_to_peer(p);

        c.data_mode = mode;
        c.connect_ms = 4000;
        return session_ready(&c);
}

static void assert_download(Session *s, const char *path) {
        int fd = local_file();

        session_retr(s, fd, path, 1);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.bytes, SIZE);
        assert_file_size(fd, SIZE);
        assert_file_content(fd, 0, SIZE);
}

static void download(const char *address, PeerScript script, enum kftp_data_mode mode, unsigned times) {
        Session *s = ready_for(test_peer(address, script, NULL), mode);

        while (times-- > 0)
                assert_download(s, "file");
        session_quit(s);
}

/* The RETR part, once the data connection is arranged. */
static void send_file(Conn *c) {
        peer_expect(c, "RETR file");
        peer_deliver(c, SIZE);
}

/* ---- The four ways -------------------------------------------------------------------------------- */

static void by_epsv(Conn *c) {
        peer_greet(c);
        peer_passive(c);
        send_file(c);
        peer_passive(c);
        send_file(c);
        peer_goodbye(c);
}

static void test_epsv(void **state) {
        (void) state;
        download("127.0.0.1", by_epsv, KFTP_DATA_AUTO, 2);
        download("127.0.0.1", by_epsv, KFTP_DATA_PASSIVE, 2);
        download("::1", by_epsv, KFTP_DATA_AUTO, 2);
        download("::1", by_epsv, KFTP_DATA_PASSIVE, 2);
}

/* EPSV is asked for once: what the server has refused is remembered. */
static void by_pasv(Conn *c) {
        uint16_t port;

        peer_greet(c);
        peer_passive_old(c);
        send_file(c);
        peer_expect(c, "PASV");
        port = peer_data_listen(c);
        peer_say(c, "227 Entering Passive Mode (127,0,0,1,%u,%u)", port >> 8, port & 255);
        send_file(c);
        peer_goodbye(c);
}

static void test_pasv(void **state) {
        (void) state;
        download("127.0.0.1", by_pasv, KFTP_DATA_AUTO, 2);
        download("127.0.0.1", by_pasv, KFTP_DATA_PASSIVE, 2);
}

static void by_eprt(Conn *c) {
        peer_greet(c);
        peer_active(c);
        send_file(c);
        peer_active(c);
        send_file(c);
        peer_goodbye(c);
}

static void test_eprt(void **state) {
        (void) state;
        download("127.0.0.1", by_eprt, KFTP_DATA_ACTIVE, 2);
        download("::1", by_eprt, KFTP_DATA_ACTIVE, 2);
}

static void by_port(Conn *c) {
        peer_greet(c);
        peer_active_old(c);
        send_file(c);
        peer_take_port(c, peer_expect(c, "PORT 127,0,0,1,*"));
        peer_say(c, "200 Again");
        send_file(c);
        peer_goodbye(c);
}

static void test_port(void **state) {
        (void) state;
        download("127.0.0.1", by_port, KFTP_DATA_ACTIVE, 2);
}

/* ---- Falling back ---------------------------------------------------------------------------------- */

static void no_passive(Conn *c) {
        peer_greet(c);
        peer_expect(c, "EPSV");
        peer_say(c, "502 No");
        peer_expect(c, "PASV");
        peer_say(c, "502 No");
        peer_active(c);
        send_file(c);
        peer_goodbye(c);
}

static void no_passive_v6(Conn *c) {
        peer_greet(c);
        peer_expect(c, "EPSV");
        peer_say(c, "502 No");
        peer_active(c);
        send_file(c);
        peer_goodbye(c);
}

/* Passive refused: active, if the mode is auto. PASV cannot carry IPv6. */
static void test_auto_falls_to_active(void **state) {
        (void) state;
        download("127.0.0.1", no_passive, KFTP_DATA_AUTO, 1);
        download("::1", no_passive_v6, KFTP_DATA_AUTO, 1);
}

static void nothing_passive(Conn *c) {
        peer_greet(c);
        peer_expect(c, "EPSV");
        peer_say(c, "502 No EPSV");
        peer_expect(c, "PASV");
        peer_say(c, "502 No PASV");
        peer_goodbye(c);
}

static void nothing_active(Conn *c) {
        peer_greet(c);
        peer_expect(c, "EPRT *");
        peer_say(c, "502 No EPRT");
        peer_expect(c, "PORT *");
        peer_say(c, "502 No PORT");
        peer_goodbye(c);
}

/* Where the mode is given there is no falling over to the other; the session stays usable. */
static void test_modes_are_kept(void **state) {
        Session *s;

        (void) state;
        s = ready_for(test_peer("127.0.0.1", nothing_passive, NULL), KFTP_DATA_PASSIVE);
        session_retr(s, local_file(), "file", 1);
        session_expect_done(s, 1, -EREMOTEIO);
        assert_int_equal(s->event.reply, 502);
        assert_string_equal(s->text, "502 No PASV");
        session_quit(s);
        s = ready_for(test_peer("127.0.0.1", nothing_active, NULL), KFTP_DATA_ACTIVE);
        session_retr(s, local_file(), "file", 1);
        session_expect_done(s, 1, -EREMOTEIO);
        assert_string_equal(s->text, "502 No PORT");
        session_quit(s);
}

/* The port of the 229 cannot be reached: PASV on the same control connection (D4). */
static void dead_epsv(Conn *c) {
        uint16_t port;

        peer_greet(c);
        peer_expect(c, "EPSV");
        port = peer_data_listen(c);
        peer_data_expect_nobody(c, 0);          /* closes it */
        peer_say(c, "229 Entering Extended Passive Mode (|||%u|)", port);
        peer_expect(c, "PASV");
        port = peer_data_listen(c);
        peer_say(c, "227 Entering Passive Mode (127,0,0,1,%u,%u)", port >> 8, port & 255);
        send_file(c);
        peer_goodbye(c);
}

static void test_epsv_port_closed(void **state) {
        (void) state;
        download("127.0.0.1", dead_epsv, KFTP_DATA_AUTO, 1);
}

/* The same where a firewall swallows it: PASV in time, within the same deadline. */
static void swallowed_epsv(Conn *c) {
        const struct kftp_addr *blackhole = peer_userdata(c);
        uint16_t port;

        peer_greet(c);
        peer_expect(c, "EPSV");
        peer_say(c, "229 Entering Extended Passive Mode (|||%u|)", ntohs(blackhole->port));
        peer_expect(c, "PASV");
        port = peer_data_listen(c);
        peer_say(c, "227 Entering Passive Mode (127,0,0,1,%u,%u)", port >> 8, port & 255);
        send_file(c);
        peer_goodbye(c);
}

static void test_epsv_port_swallowed(void **state) {
        struct kftp_addr blackhole = blackhole_address();
        uint64_t begun = now_ms();

        (void) state;
        assert_download(ready_for(test_peer("127.0.0.1", swallowed_epsv, &blackhole), KFTP_DATA_PASSIVE), "file");
        assert_in_range(now_ms() - begun, 1000, 15000);
}

/* ---- Where it leads -------------------------------------------------------------------------------- */

/* A 227 with a foreign address: the connection goes to the server that we talk to (D2). */
static void foreign_pasv(Conn *c) {
        const char *address = peer_userdata(c);
        uint16_t port;

        peer_greet(c);
        peer_expect(c, "EPSV");
        peer_say(c, "500 What?");
        peer_expect(c, "PASV");
        port = peer_data_listen(c);
        peer_say(c, "227 Entering Passive Mode (%s,%u,%u)", address, port >> 8, port & 255);
        send_file(c);
        peer_goodbye(c);
}

static void test_foreign_address_in_227(void **state) {
        static const char *const addresses[] = { "10,9,8,7", "0,0,0,0", "224,0,0,1", "127,0,0,2", "255,255,255,255" };

        (void) state;
        for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
                Peer *p = test_peer("127.0.0.1", foreign_pasv, (void *) addresses[i]);
                struct kftp_addr control = peer_address(p);
                Session *s = ready_for(p, KFTP_DATA_PASSIVE);

                assert_download(s, "file");
                assert_memory_equal(s->event.peer.addr, control.addr, 4);
                session_quit(s);
        }
}

static void full_229(Conn *c) {
        peer_greet(c);
        peer_expect(c, "EPSV");
        peer_say(c, "229 Entering Extended Passive Mode (|1|10.9.8.7|%u|)", peer_data_listen(c));
        send_file(c);
        peer_goodbye(c);
}

static void test_foreign_address_in_229(void **state) {
        (void) state;
        download("127.0.0.1", full_229, KFTP_DATA_PASSIVE, 1);
}

/* ---- Ports that are not believed ------------------------------------------------------------------ */

static void low_port(Conn *c) {
        const bool *allowed = peer_userdata(c);
        uint16_t port = 1023;

        peer_greet(c);
        peer_expect(c, "EPSV");
        while (!peer_data_listen_on(c, port) && port > 600)
                port--;
        peer_say(c, "229 Entering Extended Passive Mode (|||%u|)", port);
        if (*allowed)
                send_file(c);
        else {
                peer_expect(c, "PASV");
                peer_say(c, "227 Entering Passive Mode (127,0,0,1,%u,%u)", port >> 8, port & 255);
                peer_data_expect_nobody(c, 1000);
        }
        peer_goodbye(c);
}

/* Below 1024 are other services: they are not connected to, unless CONNECT allows it. */
static void test_low_ports(void **state) {
        bool allowed = false;
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", low_port, &allowed));
        Session *s;

        (void) state;
        c.data_mode = KFTP_DATA_PASSIVE;
        s = session_ready(&c);
        session_retr(s, local_file(), "file", 1);
        session_expect_done(s, 1, -EPROTO);
        sleep_ms(1200);
        session_quit(s);
        session_close(s);

        allowed = true;
        c.flags = KFTP_CONNECT_LOW_PORTS;
        s = session_ready(&c);
        assert_download(s, "file");
        session_quit(s);
}

/* What the server answers to EPSV and to PASV, if it is nonsense. */
static void nonsense(Conn *c) {
        const char *const *replies = peer_userdata(c);

        peer_greet(c);
        peer_expect(c, "EPSV");
        peer_say(c, "%s", replies[0]);
        peer_expect(c, "PASV");
        peer_say(c, "%s", replies[1]);
        peer_goodbye(c);
}

static void test_nonsense(void **state) {
        static const char *const replies[][2] = {
                { "229 Here (|||0|)", "227 Here (127,0,0,1,0,0)" },
                { "229 Here (|||65536|)", "227 Here (127,0,0,1,256,1)" },
                { "229 Here (|||4294967376|)", "227 Here (127,0,0,1,4,1,9)" },
                { "229 Here (|||-80|)", "227 Here (1216,0,0,1,4,1)" },
                { "229 Here", "227 Here" },
                { "229 Here (||||)", "227 Here (127,0,0,1,4)" },
        };

        (void) state;
        for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
                Session *s = ready_for(test_peer("127.0.0.1", nonsense, (void *) replies[i]), KFTP_DATA_PASSIVE);

                session_retr(s, local_file(), "file", 1);
                session_expect_done(s, 1, -EPROTO);
                session_quit(s);
        }
}

/* ---- Active: who may dial ----------------------------------------------------------------------------- */

/* A stranger is quicker than the server, and has bytes too. */
static void with_stranger(Conn *c) {
        char byte;
        int fd;

        peer_greet(c);
        peer_active(c);
        peer_expect(c, "RETR file");
        fd = peer_dial(c, "127.0.0.2");
        if (fd < 0 && fd != -ECONNRESET)        /* hung up on before connect() was back, on another processor */
                peer_fail(c, "the stranger cannot even connect: %s", strerror(-fd));
        if (fd >= 0 && send(fd, "evil bytes", 10, MSG_NOSIGNAL) < 0)
                peer_sleep(1);          /* he was hung up on already */
        peer_sleep(300);
        peer_deliver(c, SIZE);
        /* hung up on: end, or reset */
        if (fd >= 0 && recv(fd, &byte, 1, 0) > 0)
                peer_fail(c, "somebody talks to the stranger");
        if (fd >= 0)
                close(fd);
        peer_goodbye(c);
}

static void test_stranger(void **state) {
        (void) state;
        download("127.0.0.1", with_stranger, KFTP_DATA_ACTIVE, 1);
}

/* Only a stranger comes: his bytes are never taken for the file's. */
static void only_stranger(Conn *c) {
        int fds[4];

        peer_greet(c);
        peer_active(c);
        peer_expect(c, "RETR file");
        peer_say(c, "150 Now");
        for (unsigned i = 0; i < 4; i++) {
                fds[i] = peer_dial(c, "127.0.0.2");
                if (fds[i] >= 0 && send(fds[i], "evil bytes", 10, MSG_NOSIGNAL) < 0)
                        peer_sleep(1);
                peer_sleep(100);
        }
        for (unsigned i = 0; i < 4; i++)
                if (fds[i] >= 0)
                        close(fds[i]);
        peer_say(c, "425 Cannot dial");
        peer_goodbye(c);
}

static void test_only_stranger(void **state) {
        Session *s = ready_for(test_peer("127.0.0.1", only_stranger, NULL), KFTP_DATA_ACTIVE);
        int fd = local_file();

        (void) state;
        session_retr(s, fd, "file", 1);
        session_expect_done(s, 1, -EREMOTEIO);
        assert_int_equal(s->event.reply, 425);
        assert_int_equal(s->event.bytes, 0);
        assert_file_size(fd, 0);
        session_quit(s);
}

/* The server dials before it says 200 to the PORT, and says 226 before all is read (T25, D11). */
static void hasty(Conn *c) {
        peer_greet(c);
        peer_take_port(c, peer_expect(c, "EPRT *"));
        peer_data_open(c);
        peer_say(c, "200 I am there already");
        peer_expect(c, "RETR file");
        peer_say(c, "150 Now");
        peer_data_send(c, 0, SIZE);
        peer_say(c, "226 Done");
        peer_sleep(200);
        peer_data_close(c);
        peer_goodbye(c);
}

static void test_hasty_server(void **state) {
        (void) state;
        download("127.0.0.1", hasty, KFTP_DATA_ACTIVE, 1);
}

/* After a request nobody listens any more. */
static void dial_again(Conn *c) {
        peer_greet(c);
        peer_active(c);
        send_file(c);
        peer_expect(c, "NOOP");
        if (peer_dial(c, "127.0.0.1") >= 0)
                peer_fail(c, "the client listens still");
        peer_say(c, "200 Good");
        peer_goodbye(c);
}

static void test_listener_goes(void **state) {
        Session *s = ready_for(test_peer("127.0.0.1", dial_again, NULL), KFTP_DATA_ACTIVE);
        struct kftp_submit noop = { .size = sizeof(noop), .op = KFTP_OP_NOOP, .fd = -1, .user_data = 2 };

        (void) state;
        assert_download(s, "file");
        assert_int_equal(session_submit(s, &noop), 0);
        session_expect_done(s, 2, 0);
        session_quit(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_epsv),
        DEVICE_TEST(test_pasv),
        DEVICE_TEST(test_eprt),
        DEVICE_TEST(test_port),
        DEVICE_TEST(test_auto_falls_to_active),
        DEVICE_TEST(test_modes_are_kept),
        DEVICE_TEST(test_epsv_port_closed),
        DEVICE_TEST(test_epsv_port_swallowed),
        DEVICE_TEST(test_foreign_address_in_227),
        DEVICE_TEST(test_foreign_address_in_229),
        DEVICE_TEST(test_low_ports),
        DEVICE_TEST(test_nonsense),
        DEVICE_TEST(test_stranger),
        DEVICE_TEST(test_only_stranger),
        DEVICE_TEST(test_hasty_server),
        DEVICE_TEST(test_listener_goes),
};

DEVICE_TESTS("data", tests)
