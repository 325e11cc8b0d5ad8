// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * TLS as a connection sees it: sockets that the module lends go to the agent (tls.h), what the server says about
 * encryption is kept for messages, and who only would have liked it is told what is not encrypted.
 */

#include <stdarg.h>

#include "connection-internal.h"
#include "control.h"
#include "failure.h"

const KftpTlsState *kftp_connection_tls(const KftpConnection *c) {
        return &c->tls.control;
}

/* ---- Before the session -------------------------------------------------------------------------- */

static _printf_(2, 3) void warn(const KftpConnection *c, const char *format, ...) {
        const KftpCallbacks *callbacks = &c->options->callbacks;
        _cleanup_free_ char *text = NULL, *escaped = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        escaped = text ? kftp_escape(text, strlen(text)) : NULL;
        if (callbacks->warning && escaped)
                callbacks->warning(callbacks->userdata, escaped);
}

void kftp_connection_tls_begin(KftpConnection *c) {
        kftp_failure_done(&c->tls.failure);
        c->tls.control = (KftpTlsState) {};
        c->auth_asked = c->prot_asked = false;
        free(STEAL_PTR(c->auth_reply));
}

int kftp_connection_tls_mode(const KftpConnection *c, enum kftp_tls_mode *ret, KftpFailure *f) {
        *ret = c->tls.mode;
        if (c->tls.mode == KFTP_TLS_NONE || c->session.features & KFTP_FEATURE_TLS)
                return 0;
        if (c->tls.mode != KFTP_TLS_OPPORTUNISTIC)
                return kftp_failure_set(f, KFTP_CLASS_TLS, -EOPNOTSUPP, false,
                                        "%s: this kernel has no kernel TLS, so FTPS is not possible here: it wants CONFIG_TLS "
                                        "(sudo modprobe tls) and Linux 6.1 or later", c->remote);
        warn(c, "%s: this kernel has no kernel TLS (CONFIG_TLS; sudo modprobe tls): going on in clear text", c->remote);
        *ret = KFTP_TLS_NONE;
        return 0;
}

/* ---- What is said about it ----------------------------------------------------------------------- */

void kftp_connection_tls_line(KftpConnection *c) {
        const KftpSession *s = &c->session;
        bool sent = s->event.event_flags & KFTP_EVENT_SENT;

        if (sent) {
                bool prot = s->text_len > 5 && strncmp(s->text, "PROT ", 5) == 0;

                c->auth_asked = prot || (s->text_len > 5 && strncmp(s->text, "AUTH ", 5) == 0);
                if (c->auth_asked)
                        c->prot_asked = prot;
                return;
        }
        if (!c->auth_asked)
                return;
        c->auth_asked = false;
        free(c->auth_reply);
        c->auth_reply = strndup(s->text, s->text_len);
}

void kftp_connection_tls_connected(KftpConnection *c) {
        const char *reply = strempty(c->auth_reply);

        if (c->tls.mode != KFTP_TLS_OPPORTUNISTIC || !(c->session.features & KFTP_FEATURE_TLS))
                return;
        if (c->tls.control.version == 0)
                warn(c, "%s has no TLS (%s): going on in clear text, the password included", c->remote, reply);
        else if (c->prot_asked && *reply != '2')
                warn(c, "%s does not encrypt data connections (%s): files and listings go in clear text", c->remote, reply);
}

void kftp_connection_tls_unclean(const KftpConnection *c, const struct kftp_submit *request) {
        _cleanup_free_ char *path = strndup(request->path ? (const char *) (uintptr_t) request->path : "", request->path_len);

        warn(c, "\"%s\" from %s ended without TLS's close_notify; its size is right, so it is taken", strempty(path), c->remote);
}

/* ---- A socket was lent --------------------------------------------------------------------------- */

/* For the agent, which knows no connections. */
typedef struct Serving {
        KftpConnection *connection;
        const KftpWatch *watch;
} Serving;

/* The device goes on meanwhile. What ends a request, or the session, ends the handshake. */
static int serve(void *userdata) {
        Serving *v = userdata;
        KftpSession *s = &v->connection->session;
        int r = kftp_session_run_now(s);

        if (r == -EAGAIN)
                return 0;
        if (r < 0)
                return r;
        switch (s->event.type) {
        case KFTP_EVENT_LINE:
                kftp_connection_note_line(v->connection, v->watch);
                return 0;
        case KFTP_EVENT_PROGRESS:
        case KFTP_EVENT_YIELD:
                return 0;
        default:
                return 1;
        }
}

/* The module's clock began to run first. */
static void note_deadline(KftpConnection *c) {
        KftpTls *t = &c->tls;

        if (c->session.event.error != -ETIMEDOUT)
                return;
        (void) kftp_failure_set(&t->failure, KFTP_CLASS_NETWORK, -ETIMEDOUT, true, "%s: the TLS handshake did not come to an end within %u s",
                                c->remote, (unsigned) ((t->timeout_usec + USEC_PER_SEC - 1) / USEC_PER_SEC));
}

static void tell(const KftpConnection *c, const struct kftp_tls *answer) {
        const KftpCallbacks *callbacks = &c->options->callbacks;

        if (answer->error == 0 && callbacks->tls)
                callbacks->tls(callbacks->userdata, answer->channel, answer->channel == KFTP_ROLE_CONTROL ? &c->tls.control : &c->tls.data);
}

int kftp_connection_tls_event(KftpConnection *c, const KftpWatch *watch, KftpFailure *f) {
        KftpSession *s = &c->session;
        Serving serving = { .connection = c, .watch = watch };
        KftpTlsWait wait = { .control = c->options->control, .device_fd = s->fd, .serve = serve, .userdata = &serving };
        struct kftp_tls answer;
        char pending[KFTP_MAX_LINE];
        int r;

        r = kftp_tls_serve(&c->tls, s->event.fd, s->event.channel, &wait, &answer, pending);
        if (r > 0) {
                note_deadline(c);
                return r;
        }
        if (r < 0 && !kftp_control_cancelled(c->options->control))
                return kftp_failure_set(f, KFTP_CLASS_OTHER, r, false, KFTP_DEVICE ": KFTP_RUN: %s", strerror(-r));
        if (r >= 0) {
                r = kftp_session_tls(s, &answer);
                tell(c, &answer);
        }
        /* nobody waits any more: the next event says why */
        if (r < 0 && r != -ESRCH && !kftp_control_cancelled(c->options->control))
                return kftp_failure_device(f, r, "KFTP_TLS");
        return 0;
}

/* ---- How it ended -------------------------------------------------------------------------------- */

bool kftp_connection_tls_explains(const KftpConnection *c, int error, unsigned reply, KftpFailure *f) {
        const KftpFailure *own = &c->tls.failure;

        if (error >= 0 || own->error >= 0)
                return false;
        /* What we have refused is no news to us, whatever the server says to that. */
        if (!c->tls.refused && error != own->error)
                return false;
        (void) kftp_failure_set(f, own->class, own->error, own->transient, "%s", strempty(own->text));
        f->reply = reply;
        return true;
}

void kftp_connection_tls_add(const KftpConnection *c, KftpFailure *f) {
        const KftpFailure *own = &c->tls.failure;
        unsigned reply = f->reply;

        /* That a server which refuses closes the connection, too, is no news. */
        if (own->error >= 0 || own->error == -ECONNRESET || !own->text || reply < 400)
                return;
        (void) kftp_failure_set(f, f->class, f->error, f->transient, "%s; and before that, %s", strempty(f->text), own->text);
        f->reply = reply;
}
