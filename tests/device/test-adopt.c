/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KFTP_ADOPT: connections that the caller has made, for control and for data; what is refused, when
 * nobody waits for one, and that nothing of it is left behind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static int adopt(Session *s, enum kftp_role role, int fd, uint64_t user_data) {
        struct kftp_adopt a = { .size = sizeof(a), .role = role, .fd = fd, .user_data = user_data };

        return ioctl(s->fd, KFTP_ADOPT, &a) < 0 ? -errno : 0;
}

/* A TCP connection to this address, as KFTP_ADOPT wants it. */
static int dial(const struct kftp_addr *to) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = to->port };
        int fd = test_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

        memcpy(&in.sin_addr, to->addr, 4);
        assert_int_equal(connect(fd, (struct sockaddr *) &in, sizeof(in)), 0);
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        return fd;
}

static int dial_port(__be16 port) {
        struct kftp_addr a = address_of("127.0.0.1", ntohs(port));

        return dial(&a);
}

/* What CONNECT gets for a session whose connections all come from elsewhere. */
static struct kftp_connect adopted(void) {
        struct kftp_addr none = {};
        struct kftp_connect c = connect_to(&none);

        c.flags = KFTP_CONNECT_ADOPT;
        c.events = KFTP_WANT_DATA;
        c.reply_ms = c.data_ms = c.abort_ms = 8000;
        return c;
}

static Session *adopt_control(const struct kftp_connect *c, const struct kftp_addr *to) {
        Session *s = session_armed(c);

        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, dial(to), 0), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
        return s;
}

static Session *ready(PeerScript script, void *userdata, Peer **ret_peer) {
        Peer *p = test_peer("127.0.0.1", script, userdata);
        struct kftp_addr a = peer_address(p);
        struct kftp_connect c = adopted();

        if (ret_peer)
                *ret_peer = p;
        return adopt_control(&c, &a);
}

/* Gives what is asked for, until DONE. */
static void serve_wants(Session *s, uint64_t user_data, int error) {
        for (;;) {
                assert_int_equal(session_run(s), 0);
                if (s->event.type == KFTP_EVENT_DONE)
                        break;
                session_assert_event(s, KFTP_EVENT_DATA_WANTED);
                assert_int_equal(s->event.user_data, user_data);
                assert_int_equal(adopt(s, KFTP_ROLE_DATA, dial_port(s->event.peer.port), user_data), 0);
        }
        assert_int_equal(s->event.error, error);
        assert_int_equal(s->event.user_data, user_data);
}

static void assert_works(Session *s) {
        int fd = local_file();

        session_retr(s, fd, "bytes-100000", 7);
        serve_wants(s, 7, 0);
        assert_file_size(fd, 100000);
        assert_file_content(fd, 0, 100000);
}

/* ---- Both connections ------------------------------------------------------------------------------ */

static void test_both(void **state) {
        Peer *p;
        Session *s = ready(peer_serve, NULL, &p);
        struct kftp_addr a = peer_address(p);
        struct kftp_info info = session_info(s);
        struct kftp_submit r;

        (void) state;
        assert_same_address(&info.peer, &a);
        assert_true(info.local.port != 0);
        assert_works(s);
        assert_works(s);
        r = request(KFTP_OP_STOR, filled_file(100000), "f", 8);
        assert_int_equal(session_submit(s, &r), 0);
        serve_wants(s, 8, 0);
        session_quit(s);
        assert_int_equal(peer_connections(p), 1);
}

/* RUN may have been waiting for long, or not have begun; a stranger to poll() comes to know as well. */
static void test_while_running(void **state) {
        struct kftp_addr a = peer_address(test_peer("127.0.0.1", peer_serve, NULL));
        struct kftp_connect c = adopted();
        Session *s = session_armed(&c);
        Runner *r = runner_start(s);

        (void) state;
        runner_wait_running(r);
        assert_int_equal(session_info(s).state, KFTP_STATE_CONNECTING);
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, dial(&a), 0), 0);
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_CONNECTED);
        assert_works(s);
}

/* The caller connects for the data only. */
static void test_data_only(void **state) {
        struct kftp_connect c = connect_to_peer(test_peer("127.0.0.1", peer_serve, NULL));

        (void) state;
        c.events = KFTP_WANT_DATA;
        assert_works(session_ready(&c));
}

/* Or for the control connection only. */
static void test_control_only(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_addr a = peer_address(p);
        struct kftp_connect c = adopted();

        (void) state;
        c.events = 0;
        session_assert_usable(adopt_control(&c, &a));
}

/* The socket is shared: the caller's close is not its end, the session's is. */
static void test_shared(void **state) {
        struct kftp_addr a = peer_address(test_peer("127.0.0.1", peer_serve, NULL));
        struct kftp_connect c = adopted();
        Session *s = session_armed(&c);
        int fd = dial(&a), copy = dup(fd);
        char byte;

        (void) state;
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, copy, 0), 0);
        close(copy);
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_works(s);
        session_close(s);
        assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

/* ---- DATA_WANTED -------------------------------------------------------------------------------------- */

static void say_pasv(Conn *c) {
        uint16_t port;

        peer_greet(c);
        peer_passive_old(c);
        peer_expect(c, "RETR a");
        peer_say(c, "550 Not there");
        peer_expect(c, "PASV");
        port = peer_data_listen(c);
        /* not our own address: the one who knows the network decides */
        peer_say(c, "227 Entering Passive Mode (192,0,2,77,%u,%u)", port >> 8, port & 255);
        peer_expect(c, "RETR b");
        peer_say(c, "550 Not there");
        peer_goodbye(c);
}

static void test_wanted_by_pasv(void **state) {
        Session *s = ready(say_pasv, NULL, NULL);
        struct kftp_addr expected = address_of("127.0.0.1", 0);

        (void) state;
        session_retr(s, local_file(), "a", 1);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        assert_int_equal(s->event.user_data, 1);
        expected.port = s->event.peer.port;
        assert_same_address(&s->event.peer, &expected);
        assert_int_equal(session_info(s).state, KFTP_STATE_OPENING);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, dial(&s->event.peer), 1), 0);
        session_expect_done(s, 1, -EREMOTEIO);
        session_retr(s, local_file(), "b", 2);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        expected = address_of("192.0.2.77", ntohs(s->event.peer.port));
        assert_same_address(&s->event.peer, &expected);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, dial_port(s->event.peer.port), 2), 0);
        session_expect_done(s, 2, -EREMOTEIO);
}

static void test_wanted_by_epsv(void **state) {
        Session *s = ready(peer_serve, NULL, NULL);

        (void) state;
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        /* 229 has a port only */
        assert_int_equal(s->event.peer.family, 0);
        assert_true(s->event.peer.port != 0);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, dial_port(s->event.peer.port), 1), 0);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.peer.family, AF_INET);
        session_quit(s);
}

/* It cannot be connected to: the next method, and then no other. */
static void test_cannot(void **state) {
        Peer *p;
        Session *s = ready(peer_serve, NULL, &p);

        (void) state;
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        assert_commanded(p, "EPSV");
        assert_not_commanded(p, "PASV");
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, -1, 1), 0);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        assert_commanded(p, "PASV");
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, -1, 1), 0);
        session_expect_done(s, 1, -EHOSTUNREACH);
        assert_not_commanded(p, "@(EPRT|PORT|RETR)*");
        assert_works(s);
        session_quit(s);
}

/* ---- Descriptors that are refused ------------------------------------------------------------------------ */

static int tcp(int flags) {
        return test_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
}

static void assert_refused(Session *s, int fd, int error) {
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, fd, 0), error);
        /* and for the other role, where nobody waits anyway */
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, fd, 1), error);
}

static void test_wrong_descriptors(void **state) {
        struct kftp_addr a = peer_address(test_peer("127.0.0.1", peer_serve, NULL));
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = a.port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct kftp_connect c = adopted();
        Session *s = session_armed(&c);
        int pair[2], fd;

        (void) state;
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, -1, 0), -EINVAL);
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, -2, 0), -EINVAL);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, -2, 0), -EINVAL);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA + 1, 0, 0), -EINVAL);
        assert_refused(s, 12345, -EBADF);
        assert_refused(s, local_file(), -ENOTSOCK);
        assert_refused(s, s->fd, -ENOTSOCK);
        assert_refused(s, session_open()->fd, -ENOTSOCK);
        assert_refused(s, test_fd(open("/dev/null", O_RDWR | O_CLOEXEC)), -ENOTSOCK);
        /* It could carry the session's own descriptor. */
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        test_fd(pair[1]);
        assert_refused(s, test_fd(pair[0]), -EPROTOTYPE);
        fd = test_fd(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        assert_int_equal(connect(fd, (struct sockaddr *) &in, sizeof(in)), 0);
        assert_refused(s, fd, -EPROTOTYPE);
        /* TCP, but not connected. */
        assert_refused(s, tcp(SOCK_NONBLOCK), -ENOTCONN);
        fd = tcp(SOCK_NONBLOCK);
        assert_int_equal(listen(fd, 1), 0);
        assert_refused(s, fd, -ENOTCONN);
        fd = dial(&a);
        assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
        assert_refused(s, fd, -ENOTCONN);
        /* One that would block RUN. */
        fd = dial(&a);
        assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
        assert_refused(s, fd, -EINVAL);
        /* None was taken. */
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, dial(&a), 0), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
}

/* TLS on top of it is not there in every kernel. */
static void test_upper_layer(void **state) {
        struct kftp_addr a = peer_address(test_peer("127.0.0.1", peer_serve, NULL));
        struct kftp_connect c = adopted();
        Session *s = session_armed(&c);
        int fd = dial(&a);

        (void) state;
        if (setsockopt(fd, SOL_TCP, TCP_ULP, "tls", sizeof("tls")) < 0 &&
            setsockopt(fd, SOL_TCP, TCP_ULP, "smc", sizeof("smc")) < 0)
                print_message("no upper layer in this kernel: %s\n", strerror(errno));
        else
                assert_refused(s, fd, -EINVAL);
        /* As it is, it is good. */
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, dial(&a), 0), 0);
}

/* A connection inside another network, made by a thread that has gone there. */
static void *connect_elsewhere(void *userdata) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(in);
        int *ret = userdata;
        struct ifreq {
                char name[16];
                short flags;
                char rest[64];
        } up = { "lo", 1 /* IFF_UP */, "" };

        if (unshare(CLONE_NEWNET) < 0)
                return NULL;
        ret[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        *ret = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (ioctl(ret[1], 0x8914 /* SIOCSIFFLAGS */, &up) < 0 || bind(ret[1], (struct sockaddr *) &in, len) < 0 ||
            listen(ret[1], 1) < 0 || getsockname(ret[1], (struct sockaddr *) &in, &len) < 0 ||
            connect(*ret, (struct sockaddr *) &in, len) < 0 || fcntl(*ret, F_SETFL, O_NONBLOCK) < 0) {
                close(*ret);
                *ret = -1;
        }
        return NULL;
}

static void test_other_network(void **state) {
        struct kftp_connect c = adopted();
        Session *s = session_armed(&c);
        pthread_t t;
        int fds[2] = { -1, -1 };        /* connected, and who listens for it */

        (void) state;
        assert_int_equal(pthread_create(&t, NULL, connect_elsewhere, fds), 0);
        pthread_join(t, NULL);
        test_fd(fds[0]);
        test_fd(fds[1]);
        assert_refused(s, fds[0], -EXDEV);
}

/* ---- Nobody waits ---------------------------------------------------------------------------------------- */

static void test_nobody_waits(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL), *other = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_addr a = peer_address(p), elsewhere = peer_address(other);
        struct kftp_connect c = adopted();
        Session *s = session_armed(&c);
        int spare = dial(&elsewhere), data;

        (void) state;
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, spare, 0), -ESRCH);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, -1, 0), -ESRCH);
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, dial(&a), 0), 0);
        /* Twice. */
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, spare, 0), -ESRCH);
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, spare, 0), -ESRCH);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, spare, 1), -ESRCH);
        session_retr(s, local_file(), "bytes-10", 1);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, spare, 1), -ESRCH);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        data = dial_port(s->event.peer.port);
        /* Another request's; another role's. */
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, data, 2), -ESRCH);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, -1, 2), -ESRCH);
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, data, 1), -ESRCH);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, data, 1), 0);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, spare, 1), -ESRCH);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, -1, 1), -ESRCH);
        session_expect_done(s, 1, 0);
        session_quit(s);
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, spare, 0), -ESRCH);
}

/* Whoever did not ask for adoption gets none; nor one who has not armed the session. */
static void test_not_asked_for(void **state) {
        struct kftp_addr a = peer_address(test_peer("127.0.0.1", peer_serve, NULL));
        struct kftp_connect c = connect_to(&a);
        Session *s = session_armed(&c), *unarmed = session_open();
        int fd = dial(&a);

        (void) state;
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, fd, 0), -ESRCH);
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(adopt(unarmed, KFTP_ROLE_CONTROL, fd, 0), -ENOTCONN);
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect_done(s, 1, 0);
}

/* ---- It does not come ------------------------------------------------------------------------------------- */

static void test_control_deadline(void **state) {
        struct kftp_connect c = adopted();
        Session *s;

        (void) state;
        c.connect_ms = 300;
        s = session_armed(&c);
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect_done(s, 1, -ECANCELED);
        session_expect_closed(s, -ETIMEDOUT);
}

static void test_data_deadline(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL), *other = test_peer("127.0.0.1", peer_friendly, NULL);
        struct kftp_addr a = peer_address(p), elsewhere = peer_address(other);
        struct kftp_connect c = adopted();
        Session *s;

        (void) state;
        c.connect_ms = 700;
        s = adopt_control(&c, &a);
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        assert_commanded(p, "PASV");
        session_expect_done(s, 1, -ETIMEDOUT);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, dial(&elsewhere), 1), -ESRCH);
        session_quit(s);
}

static void test_cancel_while_waiting(void **state) {
        Session *s = ready(peer_serve, NULL, NULL);
        Runner *r;

        (void) state;
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        r = runner_start(s);
        runner_wait_running(r);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        assert_int_equal(runner_join(r), 0);
        session_assert_event(s, KFTP_EVENT_DONE);
        assert_int_equal(s->event.error, -ECANCELED);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, -1, 1), -ESRCH);
        assert_works(s);
        session_quit(s);
}

/* The peer sees the end of a connection when nobody holds it any more. */
static void see_the_end(Conn *c) {
        peer_strict(c);
        peer_until_closed(c);
}

/* Posted, and never taken out: the session lets go of it when it ends. */
static void test_posted_and_closed(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL), *other = test_peer("127.0.0.1", see_the_end, NULL);
        struct kftp_addr a = peer_address(p), elsewhere = peer_address(other);
        struct kftp_connect c = adopted();
        Session *s = session_armed(&c);
        int fd = dial(&elsewhere);

        (void) state;
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, fd, 0), 0);
        session_close(s);
        s = adopt_control(&c, &a);
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, dial_port(s->event.peer.port), 1), 0);
        session_close(s);
        s = adopt_control(&c, &a);
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, dial_port(s->event.peer.port), 1), 0);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_SESSION, 0), 0);
        session_expect_done(s, 1, -ECANCELED);
        session_expect_closed(s, -ECANCELED);
}

/* ---- What else can be done to a socket that is shared ----------------------------------------------------- */

static void do_not_read(Conn *c) {
        peer_greet(c);
        peer_retr_begin(c, "file", 0, 1000);
        peer_data_until_closed(c);
        peer_may_leave(c);
        peer_until_closed(c);
}

/* The control connection is stuffed when ABOR is due: it cannot be sent, and the session is lost. */
static void test_no_room_for_abort(void **state) {
        struct kftp_addr a = peer_address(test_peer("127.0.0.1", do_not_read, NULL));
        struct kftp_connect c = adopted();
        Session *s = session_armed(&c);
        static char nothing[65536];
        int fd = dial(&a);

        (void) state;
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, fd, 0), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_retr(s, local_file(), "file", 1);
        session_expect(s, KFTP_EVENT_DATA_WANTED);
        assert_int_equal(adopt(s, KFTP_ROLE_DATA, dial_port(s->event.peer.port), 1), 0);
        while (session_info(s).bytes_in < 1000)
                session_run_until_idle(s);
        while (send(fd, nothing, sizeof(nothing), MSG_DONTWAIT) > 0)
                ;
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(session_cancel(s, KFTP_CANCEL_REQUEST, 1), 0);
        session_expect_done(s, 1, -ECANCELED);
        session_expect_closed(s, -ECONNRESET);
}

/* The caller shuts down what the session uses: that is its end, and nothing worse. */
static void test_shut_down(void **state) {
        struct kftp_addr a = peer_address(test_peer("127.0.0.1", peer_serve, NULL));
        struct kftp_connect c = adopted();
        Session *s = session_armed(&c);
        int fd = dial(&a);

        (void) state;
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, fd, 0), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
        session_retr(s, local_file(), "bytes-10", 1);
        session_expect(s, KFTP_EVENT_DONE);
        assert_true(s->event.error == -ECONNRESET || s->event.error == -EPIPE || s->event.error == -ECANCELED);
        session_expect(s, KFTP_EVENT_CLOSED);
}

/* ---- Those who may not connect ------------------------------------------------------------------------------ */

static void set_connect(const char *value) {
        FILE *f = fopen("/sys/module/kftp/parameters/connect", "we");

        assert_non_null(f);
        fputs(value, f);
        assert_int_equal(fclose(f), 0);
}

static void test_connect_forbidden(void **state) {
        Peer *p = test_peer("127.0.0.1", peer_serve, NULL);
        struct kftp_addr a = peer_address(p);
        struct kftp_connect c = connect_to(&a), both = adopted(), control = both, data = connect_to(&a);
        int plain, control_only, data_only;
        Session *s = session_open();

        (void) state;
        control.events = 0;
        data.events = KFTP_WANT_DATA;
        set_connect("0");
        plain = session_connect(s, &c);
        control_only = session_connect(s, &control);
        data_only = session_connect(s, &data);
        set_connect("1");
        assert_int_equal(plain, -EPERM);
        assert_int_equal(control_only, -EPERM);
        assert_int_equal(data_only, -EPERM);
        set_connect("0");
        plain = session_connect(s, &both);
        set_connect("1");
        assert_int_equal(plain, 0);
        assert_int_equal(adopt(s, KFTP_ROLE_CONTROL, dial(&a), 0), 0);
        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_works(s);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_both),
        DEVICE_TEST(test_while_running),
        DEVICE_TEST(test_data_only),
        DEVICE_TEST(test_control_only),
        DEVICE_TEST(test_shared),
        DEVICE_TEST(test_wanted_by_pasv),
        DEVICE_TEST(test_wanted_by_epsv),
        DEVICE_TEST(test_cannot),
        DEVICE_TEST(test_wrong_descriptors),
        DEVICE_TEST(test_upper_layer),
        DEVICE_TEST(test_other_network),
        DEVICE_TEST(test_nobody_waits),
        DEVICE_TEST(test_not_asked_for),
        DEVICE_TEST(test_control_deadline),
        DEVICE_TEST(test_data_deadline),
        DEVICE_TEST(test_cancel_while_waiting),
        DEVICE_TEST(test_posted_and_closed),
        DEVICE_TEST(test_no_room_for_abort),
        DEVICE_TEST(test_shut_down),
        DEVICE_TEST(test_connect_forbidden),
};

DEVICE_TESTS("adopt", tests)
