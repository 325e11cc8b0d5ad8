// SPDX-License-Identifier: LGPL-2.1-or-later
/* A TCP connection opened and talked over within a deadline, ended by whoever cancels. */

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "address.h"
#include "control.h"
#include "util.h"
#include "wire.h"

static int wait_for(const KftpWire *w, short events) {
        struct pollfd p[] = {
                { .fd = w->fd,                       .events = events },
                { .fd = kftp_control_fd(w->control), .events = POLLIN },
        };

        for (;;) {
                uint64_t now = now_usec(), left = now < w->deadline ? w->deadline - now : 0;
                int r;

                if (kftp_control_cancelled(w->control))
                        return -ECANCELED;
                if (left == 0)
                        return -ETIMEDOUT;
                r = poll(p, ELEMENTS(p), (int) MIN2((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC, (uint64_t) INT32_MAX));
                if (r < 0 && errno != EINTR)
                        return -errno;
                if (r > 0 && p[0].revents != 0 && !kftp_control_cancelled(w->control))
                        return 0;
        }
}

static socklen_t to_sockaddr(const struct kftp_addr *a, struct sockaddr_storage *ret) {
        *ret = (struct sockaddr_storage) { .ss_family = a->family };
        if (a->family == AF_INET) {
                struct sockaddr_in *in = (struct sockaddr_in *) ret;

                in->sin_port = a->port;
                memcpy(&in->sin_addr, a->addr, sizeof(in->sin_addr));
                return sizeof(*in);
        } else {
                struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) ret;

                in6->sin6_port = a->port;
                in6->sin6_scope_id = a->scope_id;
                memcpy(&in6->sin6_addr, a->addr, sizeof(in6->sin6_addr));
                return sizeof(*in6);
        }
}

static int bind_socket(int fd, const KftpOptions *o) {
        if (o->ifindex > 0) {
                int index = (int) o->ifindex;

                if (setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof(index)) < 0)
                        return -errno;
        }
        if (o->source) {
                struct sockaddr_storage source;
                socklen_t n = to_sockaddr(o->source, &source);

                if (bind(fd, (struct sockaddr *) &source, n) < 0)
                        return -errno;
        }
        return 0;
}

static int connect_socket(const KftpWire *w, const struct kftp_addr *peer) {
        struct sockaddr_storage address;
        socklen_t n = to_sockaddr(peer, &address);
        int error = 0, r;

        if (connect(w->fd, (struct sockaddr *) &address, n) >= 0)
                return 0;
        if (errno != EINPROGRESS && errno != EINTR)
                return -errno;
        r = wait_for(w, POLLOUT);
        if (r < 0)
                return r;
        n = sizeof(error);
        if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
                return -errno;
        return -error;
}

int kftp_wire_open(KftpWire *w, const struct kftp_addr *peer, const KftpOptions *o, uint64_t deadline) {
        int r;

        *w = (KftpWire) { .control = o->control, .deadline = deadline };
        w->fd = socket(peer->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (w->fd < 0)
                return -errno;
        r = bind_socket(w->fd, o);
        if (r >= 0)
                r = connect_socket(w, peer);
        if (r < 0)
                w->fd = safe_close(w->fd);
        return r;
}

int kftp_wire_write(const KftpWire *w, const void *data, size_t n) {
        const uint8_t *p = data;

        while (n > 0) {
                ssize_t k = send(w->fd, p, n, MSG_NOSIGNAL);

                if (k < 0 && errno == EAGAIN) {
                        int r = wait_for(w, POLLOUT);

                        if (r < 0)
                                return r;
                } else if (k < 0 && errno != EINTR)
                        return -errno;
                else if (k > 0) {
                        p += k;
                        n -= (size_t) k;
                }
        }
        return 0;
}

static ssize_t receive(const KftpWire *w, void *data, size_t n, int flags) {
        for (;;) {
                int r = wait_for(w, POLLIN);
                ssize_t k;

                if (r < 0)
                        return r;
                k = recv(w->fd, data, n, flags);
                if (k > 0)
                        return k;
                if (k == 0)
                        return -ECONNRESET;
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
        }
}

int kftp_wire_read(const KftpWire *w, void *data, size_t n) {
        uint8_t *p = data;

        while (n > 0) {
                ssize_t k = receive(w, p, n, 0);

                if (k < 0)
                        return (int) k;
                p += k;
                n -= (size_t) k;
        }
        return 0;
}

ssize_t kftp_wire_peek(const KftpWire *w, void *data, size_t n) {
        return receive(w, data, n, MSG_PEEK);
}
