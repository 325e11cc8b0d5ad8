// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Connections through a proxy, made here and handed to the module, for the control connection and for each data
 * connection: the proxy resolves the server's name, and sees to it that both lead to the same place.
 */

#include <arpa/inet.h>
#include <sys/ioctl.h>

#include "address.h"
#include "dial.h"
#include "failure.h"
#include "proxy.h"
#include "util.h"

static uint64_t timeout(const KftpOptions *o) {
        return o->timeout_usec ?: KFTP_TIMEOUT_DEFAULT_USEC;
}

/* Whether it can be done through a proxy at all. */
static int check(const char *host, const KftpOptions *o, KftpFailure *f) {
        if (o->data_mode == KFTP_DATA_ACTIVE || o->data_mode == KFTP_DATA_ACTIVE_FIRST)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                        "active data connections cannot go through the proxy %s, the server would connect to us: "
                                        "leave --active out, or do without the proxy (--proxy=)", o->proxy->name);
        if (strchr(host, '%'))
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                        "%s: an address with a zone means nothing to the proxy %s", host, o->proxy->name);
        for (const char *p = host; *p; p++)
                if (*p & 0x80)
                        return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                                "%s: the proxy %s needs the name in its ASCII form (xn--...)", host, o->proxy->name);
        return 0;
}

/* Through the proxy at address to port of the server. *unreachable: the proxy did not even accept the connection. */
static int dial(const KftpDial *d, const struct kftp_addr *via, uint16_t port, int *ret, bool *unreachable, KftpFailure *f) {
        const KftpProxy *p = d->options->proxy;
        KftpWire w;
        int r;

        *unreachable = false;
        r = kftp_wire_open(&w, via, d->options, now_usec() + timeout(d->options));
        if (r < 0) {
                _cleanup_free_ char *address = kftp_address_format(via);

                *unreachable = r != -ECANCELED;
                if (r == -ECANCELED || r == -ETIMEDOUT)
                        return kftp_proxy_failed(p, r, f);
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, r, true, "cannot connect to the proxy %s (%s): %s",
                                        p->name, strempty(address), strerror(-r));
        }
        w.deadline = now_usec() + timeout(d->options);
        r = p->kind == KFTP_PROXY_HTTP ? kftp_http_connect(&w, p, d->host, port, f) : kftp_socks5_connect(&w, p, d->host, port, f);
        if (r < 0) {
                safe_close(w.fd);
                return r;
        }
        *ret = w.fd;
        return 0;
}

static int dial_first(KftpDial *d, const struct kftp_addr *addresses, size_t n, int *ret, KftpFailure *f) {
        bool next = true;
        int r = -EHOSTUNREACH;

        for (size_t i = 0; i < n && next; i++) {
                d->via = addresses[i];
                r = dial(d, &d->via, d->port, ret, &next, f);
                next = r < 0 && next;
        }
        return r;
}

int kftp_dial_control(KftpDial *d, const char *host, uint16_t port, const KftpOptions *o, int *ret, KftpFailure *f) {
        _cleanup_free_ struct kftp_addr *addresses = NULL;
        int family = o->source ? o->source->family : o->family, r;
        size_t n;

        *d = (KftpDial) { .host = host, .port = port, .options = o };
        r = check(host, o, f);
        if (r >= 0)
                r = kftp_resolve_bounded(o->proxy->host, o->proxy->port, family, o->control, timeout(o), &addresses, &n, f);
        if (r < 0)
                return r;
        if (n == 0)
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -EHOSTUNREACH, false, "the proxy %s has no usable address", o->proxy->name);
        return dial_first(d, addresses, n, ret, f);
}

static int adopt(int device_fd, int fd, enum kftp_role role, uint64_t user_data) {
        struct kftp_adopt argument = { .size = sizeof(argument), .fd = fd, .role = role, .user_data = user_data };

        return ioctl(device_fd, KFTP_ADOPT, &argument) < 0 ? -errno : 0;
}

int kftp_dial_adopt(const KftpDial *d, int device_fd, int fd, KftpFailure *f) {
        int r = adopt(device_fd, fd, KFTP_ROLE_CONTROL, 0);

        if (r == -ENOTCONN)
                return kftp_proxy_failed(d->options->proxy, -ECONNRESET, f);
        return r < 0 ? kftp_failure_device(f, r, "KFTP_ADOPT") : 0;
}

int kftp_dial_data(KftpDial *d, int device_fd, const struct kftp_run *event, KftpFailure *f) {
        _cleanup_close_ int fd = -1;
        bool unreachable;
        int r;

        kftp_failure_done(&d->failure);
        r = dial(d, &d->via, ntohs(event->peer.port), &fd, &unreachable, &d->failure);
        if (r < 0 && d->failure.class == KFTP_CLASS_INTERRUPTED) {
                kftp_failure_done(f);
                *f = d->failure;
                d->failure = (KftpFailure) {};
                return r;
        }
        r = adopt(device_fd, fd, KFTP_ROLE_DATA, event->user_data);
        if (r == -ENOTCONN) {
                (void) kftp_proxy_failed(d->options->proxy, -ECONNRESET, &d->failure);
                r = adopt(device_fd, -1, KFTP_ROLE_DATA, event->user_data);
        }
        /* nobody waits any more: the server has refused meanwhile, which the next event says */
        if (r < 0 && r != -ESRCH)
                return kftp_failure_device(f, r, "KFTP_ADOPT");
        return 0;
}

void kftp_dial_done(KftpDial *d) {
        kftp_failure_done(&d->failure);
}
