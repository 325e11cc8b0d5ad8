// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names to addresses. getaddrinfo knows no deadline and cannot be interrupted, so it runs in a
 * thread of its own; whoever gives up first leaves the look-up to the other, the last one frees it.
 */

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "address.h"
#include "control.h"
#include "failure.h"
#include "util.h"

#define ADDRESSES_MAX 32

typedef struct Lookup {
        atomic_int references;
        char *host;
        int family;
        int done_fd;                    /* readable when the answer is there */
        int error;                      /* EAI_* */
        int system_error;
        struct addrinfo *list;
} Lookup;

static void lookup_unref(Lookup *l) {
        if (atomic_fetch_sub(&l->references, 1) > 1)
                return;
        if (l->list)
                freeaddrinfo(l->list);
        safe_close(l->done_fd);
        free(l->host);
        free(l);
}
DEFINE_CLEANUP(Lookup *, lookup_unref)

static void lookup_perform(Lookup *l) {
        struct addrinfo hints = { .ai_family = l->family, .ai_socktype = SOCK_STREAM };

        for (const char *p = l->host; *p; p++)
                if (*p & 0x80)
                        hints.ai_flags |= AI_IDN;
        l->error = getaddrinfo(l->host, NULL, &hints, &l->list);
        l->system_error = errno;
}

static void *lookup_thread(void *userdata) {
        Lookup *l = userdata;

        lookup_perform(l);
        (void) !write(l->done_fd, &(uint64_t) { 1 }, sizeof(uint64_t));
        lookup_unref(l);
        return NULL;
}

static Lookup *lookup_new(const char *host, int family) {
        _cleanup_(lookup_unrefp) Lookup *l = calloc(1, sizeof(*l));

        if (!l)
                return NULL;
        atomic_init(&l->references, 1);
        l->family = family;
        l->done_fd = eventfd(0, EFD_CLOEXEC);
        l->host = strdup(host);
        if (l->done_fd < 0 || !l->host)
                return NULL;
        return STEAL_PTR(l);
}

/* The thread gets no signals: their handlers are to interrupt the caller. */
static int lookup_start(Lookup *l) {
        pthread_attr_t attributes;
        sigset_t all, old;
        pthread_t thread;
        int r;

        r = pthread_attr_init(&attributes);
        if (r != 0)
                return -r;
        (void) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &old);
        atomic_fetch_add(&l->references, 1);
        r = pthread_create(&thread, &attributes, lookup_thread, l);
        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        (void) pthread_attr_destroy(&attributes);
        if (r != 0)
                atomic_fetch_sub(&l->references, 1);
        return -r;
}

static int lookup_wait(const Lookup *l, const KftpControl *control, uint64_t timeout_usec) {
        uint64_t end = timeout_usec > 0 ? now_usec() + timeout_usec : UINT64_MAX;
        struct pollfd p[] = {
                { .fd = l->done_fd,                .events = POLLIN },
                { .fd = kftp_control_fd(control),  .events = POLLIN },
        };

        for (;;) {
                uint64_t now = now_usec(), left = now < end ? MIN2(end - now, 3600 * USEC_PER_SEC) : 0;
                int r = poll(p, ELEMENTS(p), (int) ((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC));

                if (kftp_control_cancelled(control))
                        return -ECANCELED;
                if (r < 0 && errno != EINTR)
                        return -errno;
                if (r > 0 && p[0].revents != 0)
                        return 0;
                if (r == 0 && now_usec() >= end)
                        return -ETIMEDOUT;
        }
}

static int lookup_failure(const Lookup *l, KftpFailure *f) {
        const char *family = l->family == AF_INET ? "IPv4 " : l->family == AF_INET6 ? "IPv6 " : "";

        switch (l->error) {
        case EAI_NONAME:
        case EAI_NODATA:
        case EAI_ADDRFAMILY:
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -EHOSTUNREACH, false,
                                        "%s: no such host, or it has no %saddress; check the name", l->host, family);
        case EAI_AGAIN:
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -EAGAIN, true,
                                        "%s: the name server does not answer", l->host);
        case EAI_MEMORY:
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "%s: not enough memory to resolve the name", l->host);
        case EAI_SYSTEM:
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -l->system_error, true,
                                        "%s: cannot resolve the name: %s", l->host, strerror(l->system_error));
        default:
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -EHOSTUNREACH, false,
                                        "%s: cannot resolve the name: %s", l->host, gai_strerror(l->error));
        }
}

static int lookup_addresses(const Lookup *l, uint16_t port, struct kftp_addr **ret, size_t *n_ret) {
        struct kftp_addr *addresses = calloc(ADDRESSES_MAX, sizeof(*addresses));
        size_t n = 0;

        if (!addresses)
                return -ENOMEM;
        for (const struct addrinfo *i = l->list; i && n < ADDRESSES_MAX; i = i->ai_next)
                if (kftp_address_from_sockaddr(i->ai_addr, &addresses[n]) >= 0)
                        addresses[n++].port = htons(port);
        *ret = addresses;
        *n_ret = n;
        return 0;
}

int kftp_resolve_bounded(
                const char *host,
                uint16_t port,
                int family,
                KftpControl *control,
                uint64_t timeout_usec,
                struct kftp_addr **ret,
                size_t *n_ret,
                KftpFailure *f) {
        _cleanup_(lookup_unrefp) Lookup *l = lookup_new(host, family);
        int r = l ? 0 : -ENOMEM;

        if (r >= 0 && (control || timeout_usec > 0)) {
                r = lookup_start(l);
                if (r >= 0)
                        r = lookup_wait(l, control, timeout_usec);
        } else if (r >= 0)
                lookup_perform(l);

        if (r == -ETIMEDOUT)
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, r, true, "%s: the name server does not answer in time", host);
        if (r == -ECANCELED)
                return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, r, false, "interrupted while resolving %s", host);
        if (r >= 0 && l->error != 0)
                return lookup_failure(l, f);
        if (r >= 0)
                r = lookup_addresses(l, port, ret, n_ret);
        if (r < 0)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, r, true, "%s: cannot resolve the name: %s", host, strerror(-r));
        return 0;
}

int kftp_resolve(const char *host, uint16_t port, int family, struct kftp_addr **ret, size_t *n_ret, KftpFailure *f) {
        return kftp_resolve_bounded(host, port, family, NULL, 0, ret, n_ret, f);
}
