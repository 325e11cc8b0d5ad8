// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A control connection from the name of its server to the end of the log-in, and its end. Requests are
 * in connection-run.c.
 */

#include "address.h"
#include "connection-internal.h"
#include "control.h"
#include "failure.h"
#include "methods.h"
#include "url.h"

static int no_memory(KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}

static int resolve(const KftpConnection *c, struct kftp_addr **ret, size_t *n_ret, KftpFailure *f) {
        const KftpOptions *o = c->options;
        int family = o->source ? o->source->family : o->family;
        int r;

        r = kftp_resolve_bounded(c->host, c->port, family, o->control, o->timeout_usec ?: KFTP_TIMEOUT_DEFAULT_USEC, ret, n_ret, f);
        if (r >= 0 && *n_ret == 0)
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -EHOSTUNREACH, false, "%s has no usable address", c->host);
        return r;
}

static int interrupted(const KftpConnection *c, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, -ECANCELED, false, "interrupted while connecting to %s", c->remote);
}

static void connected(KftpConnection *c) {
        const KftpCallbacks *callbacks = &c->options->callbacks;

        c->logged_in = true;
        kftp_control_logged_in(c->options->control);
        kftp_connection_tls_connected(c);
        c->peer = c->session.event.peer;
        c->local = c->session.event.local;
        if (callbacks->connected)
                callbacks->connected(callbacks->userdata, &c->local, &c->peer);
}

static int refused(const KftpConnection *c, KftpFailure *f) {
        const struct kftp_run *e = &c->session.event;
        KftpEnding ending = {
                .remote = c->remote,
                .address = c->address,
                .source = c->options->source,
                .connected = kftp_session_connected(&c->session),
                .timeout_usec = c->options->timeout_usec ?: KFTP_TIMEOUT_DEFAULT_USEC,
                .error = e->error,
                .reply = e->reply,
                .text = c->session.text,
                .text_len = c->session.text_len,
                .encrypted = c->tls.control.version != 0,
                .alert = e->alert,
        };

        if (e->error == -ECANCELED && kftp_control_cancelled(c->options->control))
                return interrupted(c, f);
        if (kftp_connection_tls_explains(c, e->error, e->reply, f))
                return f->error;
        return kftp_failure_from_ending(f, &ending);
}

/* To the end of the log-in. */
static int log_in(KftpConnection *c, KftpFailure *f) {
        for (;;) {
                int r = kftp_connection_step(c, NULL, 0, f);

                if (r == -ECANCELED && kftp_control_cancelled(c->options->control))
                        return interrupted(c, f);
                if (r < 0)
                        return r;
                if (c->session.event.type == KFTP_EVENT_CLOSED)
                        return refused(c, f);
                if (c->session.event.type == KFTP_EVENT_CONNECTED) {
                        connected(c);
                        return 0;
                }
        }
}

static int arm(KftpConnection *c, const struct kftp_addr *peer, KftpFailure *f) {
        KftpSessionLogin login = {
                .host = c->host,
                .user = c->user,
                .methods_off = kftp_methods_known(c->remote, c->options->proxy ? KFTP_DATA_PASSIVE : c->options->data_mode),
        };
        int r;

        kftp_connection_tls_begin(c);
        r = kftp_connection_tls_mode(c, &login.tls, f);
        if (r < 0)
                return r;
        c->methods_off = login.methods_off;
        return kftp_session_connect(&c->session, &login, peer, c->options, f);
}

/* *next is set if the address does not answer, so that another one may. */
static int try_address(KftpConnection *c, const struct kftp_addr *peer, bool *next, KftpFailure *f) {
        int r;

        free(c->address);
        c->address = kftp_address_format(peer);
        *next = false;

        r = kftp_session_open(&c->session, c->options->control, f);
        if (r < 0)
                return r;
        r = arm(c, peer, f);
        if (r >= 0)
                r = log_in(c, f);
        if (r < 0) {
                *next = f->class == KFTP_CLASS_NETWORK && !kftp_session_connected(&c->session);
                kftp_session_close(&c->session);
        }
        return r;
}

/*
 * Each address until one answers. If none does, the first failure that may pass tells most: the last
 * address is often one of a kind that this machine has no route for at all.
 */
static int try_addresses(KftpConnection *c, const struct kftp_addr *addresses, size_t n, KftpFailure *f) {
        KftpFailure first = {};
        bool next = true;
        int r = 0;

        for (size_t i = 0; i < n && next; i++) {
                r = try_address(c, &addresses[i], &next, f);
                if (r < 0 && next && f->transient && !first.transient) {
                        first = *f;
                        *f = (KftpFailure) {};
                }
        }
        if (r < 0 && next && first.transient) {
                kftp_failure_done(f);
                *f = first;
                return first.error;
        }
        kftp_failure_done(&first);
        return r;
}

/* Through the proxy: it is us who connect, and the module that adopts. */
static int try_proxy(KftpConnection *c, KftpFailure *f) {
        _cleanup_close_ int fd = -1;
        int r;

        c->address = strdup(kftp_proxy_name(c->options->proxy));
        r = kftp_session_open(&c->session, c->options->control, f);
        if (r < 0)
                return r;
        r = kftp_dial_control(&c->dial, c->host, c->port, c->options, &fd, f);
        if (r >= 0)
                r = arm(c, &(struct kftp_addr) {}, f);
        if (r >= 0)
                r = kftp_dial_adopt(&c->dial, c->session.fd, fd, f);
        if (r >= 0)
                r = log_in(c, f);
        if (r < 0)
                kftp_session_close(&c->session);
        return r;
}

static int try_directly(KftpConnection *c, KftpFailure *f) {
        _cleanup_free_ struct kftp_addr *addresses = NULL;
        size_t n;
        int r;

        r = resolve(c, &addresses, &n, f);
        return r < 0 ? r : try_addresses(c, addresses, n, f);
}

static void connection_free(KftpConnection *c) {
        if (!c)
                return;
        kftp_session_close(&c->session);
        kftp_dial_done(&c->dial);
        kftp_tls_done(&c->tls);
        free(c->host);
        free(c->user);
        free(c->remote);
        free(c->address);
        free(c->auth_reply);
        free(c->learnt.directory);
        kftp_failure_done(&c->end);
        free(c);
}
DEFINE_CLEANUP(KftpConnection *, connection_free)

static KftpConnection *connection_new(const KftpUrl *url, const KftpOptions *o) {
        _cleanup_(connection_freep) KftpConnection *c = calloc(1, sizeof(*c));

        if (!c)
                return NULL;
        c->session.fd = -1;
        c->options = o;
        c->port = url->port;
        c->host = strdup(url->host);
        c->user = url->user ? strdup(url->user) : NULL;
        c->remote = kftp_url_host_port(url);
        if (!c->host || !c->remote || (url->user && !c->user))
                return NULL;
        return STEAL_PTR(c);
}

/* url's port and scheme are those that go with mode. */
static int begin(KftpConnection **ret, const KftpUrl *url, enum kftp_tls_mode mode, const KftpOptions *o, KftpFailure *f) {
        _cleanup_(connection_freep) KftpConnection *c = connection_new(url, o);
        int r;

        if (!c)
                return no_memory(f);
        r = kftp_tls_begin(&c->tls, o, mode, c->host, c->remote, f);
        if (r < 0)
                return r;
        *ret = STEAL_PTR(c);
        return 0;
}

int kftp_connection_open(KftpConnection **ret, const KftpUrl *url, const KftpOptions *o, KftpFailure *f) {
        _cleanup_(connection_freep) KftpConnection *c = NULL;
        _cleanup_free_ char *reason = NULL;
        enum kftp_tls_mode mode = o->tls.mode;
        KftpUrl agreed = *url;
        KftpFailure own = {};
        int r;

        if (kftp_tls_resolve(&agreed, &mode, false, &reason) < 0)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "%s", strempty(reason));
        r = begin(&c, &agreed, mode, o, f ?: &own);
        if (r >= 0)
                r = o->proxy ? try_proxy(c, f ?: &own) : try_directly(c, f ?: &own);
        kftp_failure_done(&own);
        if (r < 0)
                return r;
        c->used_usec = now_usec();
        *ret = STEAL_PTR(c);
        return 0;
}

int kftp_connection_info(KftpConnection *c, struct kftp_info *ret) {
        return kftp_session_info(&c->session, ret);
}

const KftpOptions *kftp_connection_options(const KftpConnection *c) {
        return c->options;
}

const char *kftp_connection_remote(const KftpConnection *c) {
        return c->remote;
}

void kftp_connection_addresses(const KftpConnection *c, struct kftp_addr *local, struct kftp_addr *peer) {
        *local = c->local;
        *peer = c->peer;
}

KftpLearnt *kftp_connection_learnt(KftpConnection *c) {
        return &c->learnt;
}

bool kftp_connection_usable(const KftpConnection *c) {
        struct kftp_info info;

        return !c->given_up && !c->session.closed && kftp_session_info(&c->session, &info) >= 0
                && info.state != KFTP_STATE_CLOSED;
}

void kftp_connection_reuse(KftpConnection *c) {
        c->reused = true;
        c->was_dead = false;
        c->requests = 0;
}

bool kftp_connection_was_dead(const KftpConnection *c) {
        return c->was_dead;
}

void kftp_connection_close(KftpConnection *c) {
        if (!c)
                return;
        if (!c->given_up)
                kftp_session_quit(&c->session, &c->options->callbacks);
        connection_free(c);
}
