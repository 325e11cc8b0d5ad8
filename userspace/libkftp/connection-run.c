// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Requests over a connection: one at a time, each driven to its end, which is judged. The one place where
 * the session is run: what concerns every request (the dialogue shown, methods that fell back) is seen to
 * in kftp_connection_step.
 */

#include <ctype.h>

#include "connection-internal.h"
#include "control.h"
#include "failure.h"
#include "format.h"
#include "methods.h"

void kftp_connection_note_line(KftpConnection *c, const KftpWatch *watch) {
        const KftpSession *s = &c->session;

        kftp_session_tell_line(s, &c->options->callbacks);
        kftp_connection_tls_line(c);
        if (s->event.event_flags & KFTP_EVENT_SENT)
                return;
        c->preliminary = c->preliminary || (s->text_len > 3 && s->text[0] == '1' && isdigit((unsigned char) s->text[1]));
        if (watch && watch->line)
                watch->line(watch->userdata, s->text, s->text_len);
}

int kftp_connection_step(KftpConnection *c, const KftpWatch *watch, uint64_t max_bytes, KftpFailure *f) {
        KftpSession *s = &c->session;
        bool have_event = false;

        for (;;) {
                int r = 0;

                /* Whether or not the pause was cut short: RUN says how the request ends. */
                if (s->event.type == KFTP_EVENT_PROGRESS || s->event.type == KFTP_EVENT_YIELD)
                        (void) kftp_rate_pause(&c->rate, s->event.bytes, c->options->control);
                if (!have_event)
                        r = kftp_session_run(s, kftp_rate_slice(&c->rate, max_bytes));
                have_event = false;
                if (r < 0 && kftp_control_cancelled(c->options->control))
                        return -ECANCELED;
                if (r < 0)
                        return kftp_failure_set(f, KFTP_CLASS_OTHER, r, false, KFTP_DEVICE ": KFTP_RUN: %s", strerror(-r));
                switch (s->event.type) {
                case KFTP_EVENT_LINE:
                        kftp_connection_note_line(c, watch);
                        break;
                case KFTP_EVENT_TLS:
                        r = kftp_connection_tls_event(c, watch, f);
                        if (r < 0)
                                return r;
                        have_event = r > 0;
                        break;
                case KFTP_EVENT_DATA_WANTED:
                        r = kftp_dial_data(&c->dial, s->fd, &s->event, f);
                        if (r < 0)
                                return r;
                        break;
                case KFTP_EVENT_CONNECTED:
                case KFTP_EVENT_PROGRESS:
                case KFTP_EVENT_YIELD:
                case KFTP_EVENT_DONE:
                case KFTP_EVENT_CLOSED:
                        return 0;
                default:
                        return kftp_failure_set(f, KFTP_CLASS_DEVICE, -EPROTO, false,
                                                KFTP_DEVICE ": the module reports an event of unknown type %u", s->event.type);
                }
        }
}

/* ---- How it ended ---------------------------------------------------------------------------- */

/* What DONE says; a CLOSED that follows it tells the cause only. */
static void note_ending(KftpConnection *c, KftpDone *d) {
        const KftpSession *s = &c->session;
        const struct kftp_run *e = &s->event;

        d->error = e->error;
        d->reply = e->reply;
        d->text_len = MIN2(s->text_len, sizeof(d->text) - 1);
        memcpy(d->text, s->text, d->text_len);
        d->text[d->text_len] = '\0';
        d->alert = e->alert;
        if (e->type != KFTP_EVENT_DONE)
                return;
        d->local_file = e->local_file;
        d->bytes = e->bytes;
        d->nsec = e->nsec;
        d->has_size = e->event_flags & KFTP_EVENT_HAS_SIZE;
        d->has_mtime = e->event_flags & KFTP_EVENT_HAS_MTIME;
        d->active = e->event_flags & KFTP_EVENT_ACTIVE;
        d->size = e->remote_size;
        d->mtime = e->remote_mtime;
        d->local = e->local;
        d->peer = e->peer;
        d->unclean = e->event_flags & KFTP_EVENT_UNCLEAN;
        if (e->event_flags & KFTP_EVENT_ENCRYPTED)
                d->tls = c->tls.data;
}

static bool is_upload(const struct kftp_submit *request) {
        return request->op == KFTP_OP_STOR || request->op == KFTP_OP_APPE || request->op == KFTP_OP_STOU;
}

static int judge(
                const KftpConnection *c,
                const struct kftp_submit *request,
                const char *local,
                const KftpWatch *watch,
                const KftpDone *d,
                KftpFailure *f) {

        _cleanup_free_ char *path = strndup(request->path ? (const char *) (uintptr_t) request->path : "", request->path_len);
        KftpEnding ending = {
                .op = (enum kftp_op) request->op,
                .remote = c->remote,
                .path = watch && watch->path ? watch->path : path,
                .local = local,
                .address = c->address,
                .source = c->options->source,
                .connected = true,
                .logged_in = true,
                .timeout_usec = c->options->timeout_usec ?: KFTP_TIMEOUT_DEFAULT_USEC,
                .error = d->error,
                .reply = d->reply,
                .local_file = d->local_file,
                .text = d->text,
                .text_len = d->text_len,
                /* An upload may be under way when it is refused. */
                .bytes = d->preliminary || !is_upload(request) ? d->bytes : 0,
                .position = request->offset + d->bytes,
                .remote_size = d->has_size ? d->size : KFTP_SIZE_UNKNOWN,
                .encrypted = c->tls.control.version != 0,
                .unclean = d->unclean,
                .alert = d->alert,
                .interrupted = d->error == -ECANCELED && kftp_control_cancelled(c->options->control),
        };
        int r;

        if (!ending.interrupted && kftp_connection_tls_explains(c, d->error, d->reply, f))
                return f->error;
        /* The module knows only that there was no data connection, the proxy may have said why. */
        if (d->error == -EHOSTUNREACH && c->dial.failure.text)
                return kftp_failure_set(f, c->dial.failure.class, d->error, c->dial.failure.transient,
                                        "no data connection to %s: %s", c->remote, c->dial.failure.text);
        r = kftp_failure_from_ending(f, &ending);
        if (!ending.interrupted && d->error == -EREMOTEIO)
                kftp_connection_tls_add(c, f);
        return r;
}

/* A method that was turned off and another one that worked instead: the next session begins with that one. */
static void note_methods(KftpConnection *c, const struct kftp_submit *request, const KftpDone *d) {
        const KftpCallbacks *callbacks = &c->options->callbacks;
        struct kftp_info info;
        uint32_t fresh;

        if (request->fd < 0 || d->error < 0 || kftp_connection_info(c, &info) < 0)
                return;
        fresh = info.methods_off & ~c->methods_off;
        c->methods_off |= fresh;
        kftp_methods_remember(c->remote, fresh);
        for (; fresh != 0 && callbacks->note; fresh &= fresh - 1) {
                _cleanup_free_ char *text = NULL;

                if (asprintf(&text, "%s does not work with %s: not used any more", kftp_method_name(fresh), c->remote) >= 0)
                        callbacks->note(callbacks->userdata, text);
                else
                        text = NULL;
        }
}

/* ---- Requests -------------------------------------------------------------------------------- */

static int submit(KftpConnection *c, const struct kftp_submit *request, KftpFailure *f) {
        int r = kftp_session_submit(&c->session, request, f);

        /* What is told is why it has ended, not that it has. */
        if ((r == -ENOTCONN || r == -ESHUTDOWN) && c->end.text)
                return kftp_failure_set(f, c->end.class, c->end.error, c->end.transient, "%s", c->end.text);
        if (r == -EINVAL && request->fd < 0 && !kftp_control_cancelled(c->options->control))
                return kftp_failure_set(f, KFTP_CLASS_USAGE, r, false,
                                        KFTP_DEVICE ": the module refuses the request: a path that is empty or too long or holds control characters");
        return r;
}

static void tell_progress(const KftpConnection *c, const struct kftp_submit *request) {
        const KftpCallbacks *callbacks = &c->options->callbacks;
        const struct kftp_run *e = &c->session.event;
        KftpProgress p = {
                .bytes = request->offset + e->bytes,
                .resumed_from = request->offset,
                .total = e->event_flags & KFTP_EVENT_HAS_SIZE ? e->remote_size : KFTP_SIZE_UNKNOWN,
                .usec = e->nsec / NSEC_PER_USEC,
        };

        if (callbacks->progress)
                callbacks->progress(callbacks->userdata, &p);
}

static int moved(KftpConnection *c, const struct kftp_submit *request, KftpWatch *watch, KftpFailure *f) {
        int r;

        if (!watch || !watch->moved) {
                tell_progress(c, request);
                return 0;
        }
        r = watch->moved(watch->userdata, &c->session.event, f);
        c->given_up = c->given_up || r < 0;
        return r;
}

/* A request that was cancelled by the end of its session does not know why: CLOSED, which follows, does. */
static bool cause_follows(const KftpConnection *c) {
        return c->session.event.type == KFTP_EVENT_DONE && c->session.event.error == -ECANCELED
                && !kftp_control_cancelled(c->options->control);
}

static int drive(KftpConnection *c, const struct kftp_submit *request, KftpWatch *watch, KftpDone *d, KftpFailure *f) {
        for (;;) {
                int r = kftp_connection_step(c, watch, watch ? watch->yield_bytes : 0, f);

                if (r == -ECANCELED && kftp_control_cancelled(c->options->control)) {
                        d->error = r;
                        return 0;
                }
                if (r < 0)
                        return r;
                switch (c->session.event.type) {
                case KFTP_EVENT_DONE:
                case KFTP_EVENT_CLOSED:
                        note_ending(c, d);
                        if (!cause_follows(c))
                                return 0;
                        break;
                default:
                        r = moved(c, request, watch, f);
                        if (r < 0)
                                return r;
                        d->bytes = c->session.event.bytes;
                }
        }
}

int kftp_connection_transfer(
                KftpConnection *c,
                const struct kftp_submit *request,
                const char *local,
                KftpWatch *watch,
                KftpDone *ret,
                KftpFailure *f) {
        KftpDone own, *d = ret ?: &own;
        KftpFailure own_failure = {};
        int r;

        *d = (KftpDone) {};
        f = f ?: &own_failure;
        c->preliminary = false;
        kftp_failure_done(&c->tls.failure);
        kftp_rate_begin(&c->rate, c->options->limit_rate);
        r = submit(c, request, f);
        if (r >= 0) {
                r = drive(c, request, watch, d, f);
                c->given_up = c->given_up || r < 0;
                d->preliminary = c->preliminary;
        }
        c->requests++;
        c->was_dead = c->was_dead || (kftp_connection_finds_dead(c, d) && !kftp_connection_usable(c));
        c->used_usec = now_usec();
        if (r >= 0)
                note_methods(c, request, d);
        if (r >= 0 && d->error == 0 && d->unclean && request->fd >= 0 && !is_upload(request))
                kftp_connection_tls_unclean(c, request);
        if (r >= 0 && (d->error < 0 || c->session.closed))
                r = judge(c, request, local, watch, d, f);
        if (r < 0 && !c->end.text && f->text && !kftp_connection_usable(c))
                kftp_failure_set(&c->end, f->class, f->error, f->transient, "%s", f->text);
        kftp_failure_done(&own_failure);
        return r;
}
