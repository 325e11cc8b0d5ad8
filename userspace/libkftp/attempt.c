// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One attempt at a download: name, addresses, session, request. What happens while data moves is in
 * receive.c; whether there is another attempt is decided in get.c.
 */

#include "address.h"
#include "control.h"
#include "failure.h"
#include "transfer.h"
#include "util.h"

static int resolve(KftpTransfer *t, struct kftp_addr **ret, size_t *n_ret, KftpFailure *f) {
        const KftpOptions *o = t->options;
        int family = o->source ? o->source->family : o->family;
        int r;

        r = kftp_resolve_bounded(t->url->host, t->url->port, family, o->control, o->timeout_usec ?: KFTP_TIMEOUT_DEFAULT_USEC, ret, n_ret, f);
        if (r >= 0 && *n_ret == 0)
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -EHOSTUNREACH, false, "%s has no usable address", t->url->host);
        return r;
}

static int submit(KftpTransfer *t, KftpFailure *f) {
        KftpPartial *p = &t->partial;
        struct kftp_submit request = {
                .size = sizeof(request),
                .flags = KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_ASK_MTIME,
                .op = KFTP_OP_RETR,
                .fd = p->fd,
                .path = (__u64) (uintptr_t) t->url->path,
                .path_len = (__u32) strlen(t->url->path),
        };
        int r;

        r = kftp_partial_cut(p);
        if (r < 0)
                return kftp_failure_local(f, r, "cannot write %s", p->temporary);
        t->offset = t->position = t->checkpoint_position = kftp_partial_offset(p);
        t->checkpoint_usec = now_usec();
        t->remote_size = KFTP_SIZE_UNKNOWN;
        if (t->offset > 0) {
                request.flags |= KFTP_SUBMIT_EXPECT_SIZE | KFTP_SUBMIT_EXPECT_MTIME;
                request.offset = t->offset;
                request.expect_size = p->remote_size;
                request.expect_mtime = p->remote_mtime;
        }
        return kftp_session_submit(&t->session, &request, f);
}

static int forget(KftpTransfer *t, KftpFailure *f) {
        int r = kftp_partial_empty(&t->partial);

        t->result->resumed_from = 0;
        return r < 0 ? kftp_failure_local(f, r, "cannot write %s", t->partial.temporary) : 0;
}

/*
 * After a file that was gone on with: whether it is still the one whose first part we have. It was compared
 * before the data came, but it may have been replaced since by one of the same size. A server that does
 * not answer this leaves us with what is complete by all else that is known.
 */
static bool was_replaced(KftpTransfer *t) {
        KftpSession *s = &t->session;
        struct kftp_submit ask = {
                .size = sizeof(ask),
                .op = KFTP_OP_MDTM,
                .fd = -1,
                .path = (__u64) (uintptr_t) t->url->path,
                .path_len = (__u32) strlen(t->url->path),
        };

        if (kftp_session_submit(s, &ask, NULL) < 0)
                return false;
        do {
                if (kftp_session_run(s, 0) < 0)
                        return false;
                if (s->event.type == KFTP_EVENT_LINE)
                        kftp_session_tell_line(s, &t->options->callbacks);
        } while (s->event.type != KFTP_EVENT_DONE && s->event.type != KFTP_EVENT_CLOSED);
        return s->event.type == KFTP_EVENT_DONE && s->event.error == 0 && (s->event.event_flags & KFTP_EVENT_HAS_MTIME)
                && s->event.remote_mtime != t->partial.remote_mtime;
}

/*
 * The request, and if need be once more from the start, over the same session. A file of the wrong size
 * is not gone on from: nobody knows which part of it is wrong.
 */
static int request(KftpTransfer *t, KftpFailure *f) {
        int r;

        for (;;) {
                r = submit(t, f);
                if (r >= 0)
                        r = kftp_transfer_receive(t, f);
                if (r == 0 && t->offset > 0 && was_replaced(t))
                        r = KFTP_START_OVER;
                if (r < 0 && f->class == KFTP_CLASS_INTEGRITY)
                        (void) forget(t, NULL);
                if (r != KFTP_START_OVER)
                        return r;
                r = forget(t, f);
                if (r < 0)
                        return r;
        }
}

/* *next is set if the address does not answer, so that another one may. */
static int try_address(KftpTransfer *t, const struct kftp_addr *peer, bool *next, KftpFailure *f) {
        KftpSession *s = &t->session;
        int r;

        free(t->address);
        t->address = kftp_address_format(peer);
        t->logged_in = false;
        *next = false;

        r = kftp_session_open(s, t->options->control, f);
        if (r < 0)
                return r;
        r = kftp_session_connect(s, t->url, peer, t->options, f);
        if (r >= 0)
                r = request(t, f);
        if (r < 0) {
                *next = f->class == KFTP_CLASS_NETWORK && !kftp_session_connected(s);
                if (t->logged_in)
                        kftp_session_quit(s, &t->options->callbacks);
                kftp_session_close(s);
        }
        return r;
}

/*
 * Each address until one answers. If none does, the first failure that may pass tells most: the last
 * address is often one of a kind that this machine has no route for at all.
 */
static int try_addresses(KftpTransfer *t, const struct kftp_addr *addresses, size_t n, KftpFailure *f) {
        KftpFailure first = {};
        bool next = true;
        int r = 0;

        for (size_t i = 0; i < n && next; i++) {
                r = try_address(t, &addresses[i], &next, f);
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

int kftp_transfer_attempt(KftpTransfer *t, KftpFailure *f) {
        _cleanup_free_ struct kftp_addr *addresses = NULL;
        size_t n;
        int r;

        r = resolve(t, &addresses, &n, f);
        if (r < 0)
                return r;
        return try_addresses(t, addresses, n, f);
}
