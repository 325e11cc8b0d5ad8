/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The data connections of the scripted FTP server. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "peer-internal.h"

static struct sockaddr_storage own_address(Conn *c, uint16_t port) {
        struct sockaddr_storage ss = {};
        socklen_t len = sizeof(ss);

        if (getsockname(c->fd, (struct sockaddr *) &ss, &len) < 0)
                peer_fail(c, "getsockname: %s", strerror(errno));
        if (ss.ss_family == AF_INET6)
                ((struct sockaddr_in6 *) &ss)->sin6_port = htons(port);
        else
                ((struct sockaddr_in *) &ss)->sin_port = htons(port);
        return ss;
}

bool peer_data_listen_on(Conn *c, uint16_t port) {
        struct sockaddr_storage ss = own_address(c, port);

        if (c->listener >= 0)
                close(c->listener);
        c->listener = peer_listen(&ss);
        return c->listener >= 0;
}

uint16_t peer_data_listen(Conn *c) {
        struct sockaddr_storage ss;
        socklen_t len = sizeof(ss);

        if (!peer_data_listen_on(c, 0) || getsockname(c->listener, (struct sockaddr *) &ss, &len) < 0)
                peer_fail(c, "cannot listen for the data connection: %s", strerror(errno));
        return ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &ss)->sin6_port
                                              : ((struct sockaddr_in *) &ss)->sin_port);
}

void peer_passive(Conn *c) {
        peer_expect(c, "EPSV");
        peer_say(c, "229 Entering Extended Passive Mode (|||%u|)", peer_data_listen(c));
}

void peer_passive_old(Conn *c) {
        struct sockaddr_storage ss = own_address(c, 0);
        const uint8_t *a = (const uint8_t *) &((struct sockaddr_in *) &ss)->sin_addr;
        uint16_t port;

        peer_expect(c, "EPSV");
        peer_say(c, "500 What is EPSV?");
        peer_expect(c, "PASV");
        port = peer_data_listen(c);
        peer_say(c, "227 Entering Passive Mode (%u,%u,%u,%u,%u,%u)", a[0], a[1], a[2], a[3], port >> 8, port & 255);
}

void peer_take_port(Conn *c, const char *command) {
        unsigned a[4], high, low, family, port;
        char address[64];

        if (sscanf(command, "PORT %u,%u,%u,%u,%u,%u", a, a + 1, a + 2, a + 3, &high, &low) == 6) {
                snprintf(address, sizeof(address), "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
                family = 1;
                port = high << 8 | low;
        } else if (sscanf(command, "EPRT |%u|%63[^|]|%u|", &family, address, &port) != 3)
                peer_fail(c, "cannot read '%s'", command);
        if (peer_parse_address(address, port, &c->port) < 0 || port == 0 || port > 65535 ||
            (c->port.ss_family == AF_INET6) != (family == 2))
                peer_fail(c, "'%s' names no address", command);
}

void peer_active(Conn *c) {
        peer_take_port(c, peer_expect(c, "EPRT *"));
        peer_say(c, "200 As you like");
}

void peer_active_old(Conn *c) {
        peer_expect(c, "EPRT *");
        peer_say(c, "500 What is EPRT?");
        peer_take_port(c, peer_expect(c, "PORT *"));
        peer_say(c, "200 As you like");
}

static int dial(Conn *c, const struct sockaddr_storage *from) {
        int fd, r;

        fd = socket(c->port.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (bind(fd, (const struct sockaddr *) from, address_len(from)) < 0 ||
            connect(fd, (const struct sockaddr *) &c->port, address_len(&c->port)) < 0) {
                r = -errno;
                close(fd);
                return r;
        }
        return fd;
}

int peer_dial(Conn *c, const char *from) {
        struct sockaddr_storage ss;

        if (peer_parse_address(from, 0, &ss) < 0)
                peer_fail(c, "'%s' is no address", from);
        return dial(c, &ss);
}

void peer_data_open(Conn *c) {
        peer_data_cut(c);
        if (c->listener >= 0) {
                peer_wait(c, c->listener, POLLIN, "the data connection");
                c->data = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
                close(c->listener);
                c->listener = -1;
        } else {
                struct sockaddr_storage ss = own_address(c, 0);

                c->data = dial(c, &ss);
                if (c->data < 0)
                        errno = -c->data;
        }
        if (c->data < 0)
                peer_fail(c, "no data connection: %s", strerror(errno));
        if (c->protect)
                peer_tls_begin(c, KFTP_ROLE_DATA);
}

void peer_data_expect_nobody(Conn *c, unsigned ms) {
        struct pollfd p = { .fd = c->listener, .events = POLLIN };

        if (poll(&p, 1, ms) > 0)
                peer_fail(c, "the client made a data connection that it should not have made");
        close(c->listener);
        c->listener = -1;
}

struct kftp_addr peer_data_address(Conn *c) {
        struct sockaddr_storage ss = {};
        socklen_t len = sizeof(ss);

        (void) getsockname(c->data, (struct sockaddr *) &ss, &len);
        return peer_to_kftp(&ss);
}

struct kftp_addr peer_data_client(Conn *c) {
        struct sockaddr_storage ss = {};
        socklen_t len = sizeof(ss);

        (void) getpeername(c->data, (struct sockaddr *) &ss, &len);
        return peer_to_kftp(&ss);
}

/* One piece of the file; 0 or -errno. */
static int send_piece(Conn *c, uint64_t offset, size_t n) {
        uint8_t piece[16384];

        for (size_t i = 0; i < n; i++)
                piece[i] = peer_byte(offset + i);
        return peer_push(c, c->data, piece, n);
}

static int send_all(Conn *c, uint64_t offset, uint64_t n) {
        while (n > 0) {
                size_t k = n < 16384 ? n : 16384;
                int r;

                r = send_piece(c, offset, k);
                if (r < 0)
                        return r;
                offset += k;
                n -= k;
        }
        return 0;
}

void peer_data_send(Conn *c, uint64_t offset, uint64_t n) {
        int r;

        r = send_all(c, offset, n);
        if (r < 0)
                peer_fail(c, "sending data: %s", strerror(-r));
}

bool peer_data_try_send(Conn *c, uint64_t offset, uint64_t n) {
        return send_all(c, offset, n) == 0;
}

void peer_data_flood(Conn *c) {
        uint64_t offset = 0;

        while (send_piece(c, offset, 4096) == 0)
                offset += 4096;
}

void peer_data_until_closed(Conn *c) {
        char byte;

        do
                peer_wait(c, c->data, POLLIN, "the client does not close the data connection");
        while (recv(c->data, &byte, 1, 0) > 0);
}

int peer_data_take(Conn *c, uint64_t offset, uint64_t max, uint64_t *ret) {
        uint8_t piece[16384];

        for (*ret = 0; *ret < max;) {
                size_t want = max - *ret < sizeof(piece) ? max - *ret : sizeof(piece);
                ssize_t n;

                n = peer_pull(c, c->data, piece, want, "the client does not send its data");
                if (n < 0)
                        return n;
                if (n == 0)
                        return 0;
                for (ssize_t i = 0; i < n; i++, ++*ret)
                        if (piece[i] != peer_byte(offset + *ret))
                                peer_fail(c, "byte %llu of what the client sends is wrong",
                                          (unsigned long long) (offset + *ret));
        }
        return 0;
}

void peer_data_receive(Conn *c, uint64_t offset, uint64_t n) {
        uint64_t got;
        int r;

        r = peer_data_take(c, offset, UINT64_MAX, &got);
        if (r < 0)
                peer_fail(c, "receiving data: %s", strerror(-r));
        if (got != n)
                peer_fail(c, "the client has sent %llu bytes instead of %llu", (unsigned long long) got,
                          (unsigned long long) n);
}

void peer_data_close(Conn *c) {
        peer_notify(c, KFTP_ROLE_DATA);
        peer_data_cut(c);
}

void peer_data_cut(Conn *c) {
        if (c->data >= 0)
                close(c->data);
        c->data = -1;
        peer_tls_forget(c, KFTP_ROLE_DATA);
}

void peer_data_half_close(Conn *c) {
        shutdown(c->data, SHUT_WR);
}

void peer_data_reset(Conn *c) {
        struct linger l = { .l_onoff = 1 };

        (void) setsockopt(c->data, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        peer_data_cut(c);
}

void peer_retr_begin(Conn *c, const char *path, uint64_t offset, uint64_t n) {
        char command[4200];

        snprintf(command, sizeof(command), "RETR %s", path);
        peer_passive(c);
        if (offset > 0) {
                char rest[64];

                snprintf(rest, sizeof(rest), "REST %llu", (unsigned long long) offset);
                peer_expect(c, rest);
                peer_say(c, "350 Go on");
        }
        peer_expect(c, command);
        peer_say(c, "150 Here it comes");
        peer_data_open(c);
        peer_data_send(c, offset, n);
}

void peer_retr(Conn *c, const char *path, uint64_t offset, uint64_t n) {
        peer_retr_begin(c, path, offset, n);
        peer_data_close(c);
        peer_say(c, "226 Transfer complete");
}

void peer_stor_begin(Conn *c, const char *command) {
        peer_passive(c);
        peer_expect(c, command);
        peer_say(c, "150 Let it come");
        peer_data_open(c);
}

void peer_stor(Conn *c, const char *command, uint64_t offset, uint64_t n) {
        peer_stor_begin(c, command);
        peer_data_receive(c, offset, n);
        peer_data_close(c);
        peer_say(c, "226 Transfer complete");
}

void peer_deliver(Conn *c, uint64_t n) {
        peer_say(c, "150 Here it comes");
        peer_data_open(c);
        peer_data_send(c, 0, n);
        peer_data_close(c);
        peer_say(c, "226 Transfer complete");
}

void peer_retr_flood(Conn *c, const char *path) {
        peer_retr_begin(c, path, 0, 0);
        peer_data_flood(c);
}
