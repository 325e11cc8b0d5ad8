// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One request driven to its end: the dialogue and the progress told, what has come made safe every
 * 64 MiB or 10 s and wherever it ends, and the end judged.
 */

#include <sys/stat.h>

#include "control.h"
#include "failure.h"
#include "format.h"
#include "transfer.h"
#include "util.h"

#define CHECKPOINT_BYTES (UINT64_C(64) << 20)
#define CHECKPOINT_USEC (10 * USEC_PER_SEC)

static int checkpoint(KftpTransfer *t, KftpFailure *f) {
        int r = kftp_partial_checkpoint(&t->partial, t->position);

        t->checkpoint_position = t->position;
        t->checkpoint_usec = now_usec();
        return r < 0 ? kftp_failure_local(f, r, "cannot write %s", t->partial.temporary) : 0;
}

static void note_connected(KftpTransfer *t) {
        const KftpCallbacks *c = &t->options->callbacks;
        const struct kftp_run *e = &t->session.event;

        t->logged_in = true;
        t->result->peer = e->peer;
        t->result->local_addr = e->local;
        if (c->connected)
                c->connected(c->userdata, &e->local, &e->peer);
}

/* The members that PROGRESS, YIELD and DONE have in common. */
static void note_moved(KftpTransfer *t) {
        const struct kftp_run *e = &t->session.event;
        bool has_size = e->event_flags & KFTP_EVENT_HAS_SIZE, has_mtime = e->event_flags & KFTP_EVENT_HAS_MTIME;

        t->position = MAX2(t->position, t->offset + e->bytes);
        if (has_size)
                t->remote_size = e->remote_size;
        if (has_mtime)
                t->result->mtime = e->remote_mtime;
        /* A request from an offset was let go on because they are what is recorded. */
        if (t->offset == 0 && has_size && has_mtime)
                kftp_partial_describe(&t->partial, e->remote_size, e->remote_mtime);
}

static void tell_progress(const KftpTransfer *t) {
        const KftpCallbacks *c = &t->options->callbacks;
        KftpProgress p = {
                .bytes = t->position,
                .resumed_from = t->offset,
                .total = t->remote_size,
                .usec = t->session.event.nsec / NSEC_PER_USEC,
        };

        if (c->progress)
                c->progress(c->userdata, &p);
}

static int moved(KftpTransfer *t, KftpFailure *f) {
        note_moved(t);
        tell_progress(t);
        if (t->position - t->checkpoint_position < CHECKPOINT_BYTES && now_usec() - t->checkpoint_usec < CHECKPOINT_USEC)
                return 0;
        return checkpoint(t, f);
}

static void note_reply(KftpTransfer *t) {
        const struct kftp_run *e = &t->session.event;

        if (e->reply == 0)
                return;
        t->result->reply = e->reply;
        free(t->result->reply_text);
        t->result->reply_text = strndup(t->session.text, t->session.text_len);
}

static int judge(const KftpTransfer *t, int error, KftpFailure *f) {
        const struct kftp_run *e = &t->session.event;
        KftpEnding ending = {
                .remote = t->remote,
                .path = t->url->path,
                .local = t->partial.temporary,
                .address = t->address,
                .source = t->options->source,
                .connected = kftp_session_connected(&t->session),
                .logged_in = t->logged_in,
                .timeout_usec = t->options->timeout_usec ?: KFTP_TIMEOUT_DEFAULT_USEC,
                .error = error,
                .reply = e->reply,
                .local_file = e->local_file,
                .text = t->session.text,
                .text_len = t->session.text_len,
                .bytes = t->position - t->offset,
                .position = t->position,
                .remote_size = t->remote_size,
        };

        return kftp_failure_from_ending(f, &ending);
}

static int interrupted(const KftpTransfer *t, KftpFailure *f) {
        _cleanup_free_ char *path = kftp_escape(t->url->path, strlen(t->url->path));
        char bytes[KFTP_FORMAT_MAX];

        return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, -ECANCELED, false, "\"%s\" from %s interrupted after %s",
                                strempty(path), t->remote, kftp_format_bytes(bytes, t->position));
}

/* The module has compared too; this is about what is in the file, whoever wrote it. */
static int succeeded(KftpTransfer *t, KftpFailure *f) {
        const struct kftp_run *e = &t->session.event;
        uint64_t usec = e->nsec / NSEC_PER_USEC;
        struct stat st;

        if (fstat(t->partial.fd, &st) < 0)
                return kftp_failure_local(f, -errno, "%s", t->partial.temporary);
        if (t->remote_size != KFTP_SIZE_UNKNOWN && t->position != t->remote_size)
                return judge(t, -EBADMSG, f);
        if ((uint64_t) st.st_size != t->position)
                return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, false, "another program has written to %s",
                                        t->partial.temporary);

        t->result->bytes = t->position;
        t->result->transfer_usec = usec;
        t->result->rate = (uint64_t) ((double) e->bytes * (double) USEC_PER_SEC / (double) MAX2(usec, UINT64_C(1)));
        t->result->data_local = e->local;
        t->result->data_peer = e->peer;
        t->result->data_active = e->event_flags & KFTP_EVENT_ACTIVE;
        return 0;
}

static int failed(KftpTransfer *t, KftpFailure *f) {
        int error = t->session.event.error, r;

        if ((error == -ESTALE || error == -ESPIPE) && t->offset > 0)
                return KFTP_START_OVER;
        if (error == -ECANCELED && kftp_control_cancelled(t->options->control))
                r = interrupted(t, f);
        else
                r = judge(t, error, f);
        /*
         * An orderly stop: what has come counts. Not so if the file could not be written, or if it is
         * not what the server says it is.
         */
        if (f->class != KFTP_CLASS_LOCAL && f->class != KFTP_CLASS_INTEGRITY && t->position > t->checkpoint_position) {
                int k = checkpoint(t, f);

                if (k < 0)
                        return k;
        }
        return r;
}

/* A request that was cancelled by the end of its session does not know why: CLOSED, which follows, does. */
static bool cause_follows(const KftpTransfer *t) {
        return t->session.event.error == -ECANCELED && !kftp_control_cancelled(t->options->control);
}

static int ended(KftpTransfer *t, KftpFailure *f) {
        note_reply(t);
        if (t->session.event.type == KFTP_EVENT_CLOSED || t->session.event.error < 0)
                return failed(t, f);
        tell_progress(t);
        return succeeded(t, f);
}

int kftp_transfer_receive(KftpTransfer *t, KftpFailure *f) {
        KftpSession *s = &t->session;
        int r;

        for (;;) {
                r = kftp_session_run(s, CHECKPOINT_BYTES - (t->position - t->checkpoint_position));
                if (r < 0 && kftp_control_cancelled(t->options->control))
                        return interrupted(t, f);
                if (r < 0)
                        return kftp_failure_set(f, KFTP_CLASS_OTHER, r, false, KFTP_DEVICE ": KFTP_RUN: %s", strerror(-r));

                switch (s->event.type) {
                case KFTP_EVENT_CONNECTED:
                        note_connected(t);
                        break;
                case KFTP_EVENT_LINE:
                        kftp_session_tell_line(s, &t->options->callbacks);
                        break;
                case KFTP_EVENT_PROGRESS:
                case KFTP_EVENT_YIELD:
                        r = moved(t, f);
                        if (r < 0)
                                return r;
                        break;
                case KFTP_EVENT_DONE:
                        note_moved(t);
                        if (cause_follows(t))
                                break;
                        return ended(t, f);
                case KFTP_EVENT_CLOSED:
                        return ended(t, f);
                default:
                        return kftp_failure_set(f, KFTP_CLASS_DEVICE, -EPROTO, false,
                                                KFTP_DEVICE ": the module reports an event of unknown type %u", s->event.type);
                }
        }
}
