// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One request of a download: the progress told, what has come made safe every 64 MiB or 10 s and wherever
 * it ends, and the end judged.
 */

#include <sys/stat.h>

#include "connection-internal.h"
#include "failure.h"
#include "transfer.h"
#include "util.h"

#define CHECKPOINT_BYTES (UINT64_C(64) << 20)
#define CHECKPOINT_USEC (10 * USEC_PER_SEC)

typedef struct Receive {
        KftpTransfer *transfer;
        KftpWatch watch;
} Receive;

static int checkpoint(KftpTransfer *t, KftpFailure *f) {
        int r = kftp_partial_checkpoint(&t->partial, t->position);

        t->checkpoint_position = t->position;
        t->checkpoint_usec = now_usec();
        return r < 0 ? kftp_failure_local(f, r, "cannot write %s", t->partial.temporary) : 0;
}

/* What the server has said of the file, and how much of it is there. */
static void note_moved(KftpTransfer *t, uint64_t bytes, bool has_size, uint64_t size, bool has_mtime, int64_t mtime) {
        t->position = MAX2(t->position, t->offset + bytes);
        if (has_size)
                t->remote_size = size;
        if (has_mtime)
                t->result->mtime = mtime;
        /* A request from an offset was let go on because they are what is recorded. */
        if (t->offset == 0 && has_size && has_mtime)
                kftp_partial_describe(&t->partial, size, mtime);
}

static void tell_progress(const KftpTransfer *t, uint64_t nsec) {
        const KftpCallbacks *c = &t->options->callbacks;
        KftpProgress p = {
                .bytes = t->position,
                .resumed_from = t->offset,
                .total = t->remote_size,
                .usec = nsec / NSEC_PER_USEC,
        };

        if (c->progress)
                c->progress(c->userdata, &p);
}

static int moved(void *userdata, const struct kftp_run *e, KftpFailure *f) {
        Receive *receive = userdata;
        KftpTransfer *t = receive->transfer;
        int r = 0;

        note_moved(t, e->bytes, e->event_flags & KFTP_EVENT_HAS_SIZE, e->remote_size,
                   e->event_flags & KFTP_EVENT_HAS_MTIME, e->remote_mtime);
        tell_progress(t, e->nsec);
        if (t->position - t->checkpoint_position >= CHECKPOINT_BYTES || now_usec() - t->checkpoint_usec >= CHECKPOINT_USEC)
                r = checkpoint(t, f);
        receive->watch.yield_bytes = CHECKPOINT_BYTES - (t->position - t->checkpoint_position);
        return r;
}

/* Size and time are those of the listing. If the file turns out to be another one, the server is asked after all. */
static bool is_believed(const KftpTransfer *t) {
        return t->believes && t->offset == 0;
}

static int wrong_size(const KftpTransfer *t, const KftpDone *d, KftpFailure *f) {
        KftpEnding ending = {
                .op = KFTP_OP_RETR,
                .remote = kftp_connection_remote(t->connection),
                .path = t->url->path,
                .connected = true,
                .logged_in = true,
                .error = -EBADMSG,
                .text = d->text,
                .text_len = d->text_len,
                .position = t->position,
                .remote_size = t->remote_size,
        };

        return kftp_failure_from_ending(f, &ending);
}

/* The module has compared too; this is about what is in the file, whoever wrote it. */
static int succeeded(KftpTransfer *t, const KftpDone *d, KftpFailure *f) {
        uint64_t usec = d->nsec / NSEC_PER_USEC;
        struct stat st;

        if (fstat(t->partial.fd, &st) < 0)
                return kftp_failure_local(f, -errno, "%s", t->partial.temporary);
        if (t->remote_size != KFTP_SIZE_UNKNOWN && t->position != t->remote_size)
                return is_believed(t) ? KFTP_START_OVER : wrong_size(t, d, f);
        if ((uint64_t) st.st_size != t->position)
                return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, false, "another program has written to %s",
                                        t->partial.temporary);

        t->result->bytes = t->position;
        t->result->transfer_usec = usec;
        t->result->rate = (uint64_t) ((double) d->bytes * (double) USEC_PER_SEC / (double) MAX2(usec, UINT64_C(1)));
        t->result->data_local = d->local;
        t->result->data_peer = d->peer;
        t->result->data_active = d->active;
        t->result->data_tls = d->tls;
        return 0;
}

/* The data has not ended properly, and the module knew no size to compare with; but the listing has one. */
static bool is_for_the_listing(const KftpTransfer *t, const KftpDone *d) {
        return is_believed(t) && d->error == -EBADMSG && kftp_connection_usable(t->connection);
}

static int failed(KftpTransfer *t, const KftpDone *d, int r, KftpFailure *f) {
        if ((d->error == -ESTALE || d->error == -ESPIPE) && t->offset > 0) {
                kftp_failure_done(f);
                return KFTP_START_OVER;
        }
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

static void note_reply(KftpTransfer *t, const KftpDone *d) {
        if (d->reply == 0)
                return;
        t->result->reply = d->reply;
        free(t->result->reply_text);
        t->result->reply_text = strndup(d->text, d->text_len);
}

int kftp_transfer_receive(KftpTransfer *t, const struct kftp_submit *request, KftpFailure *f) {
        Receive receive = {
                .transfer = t,
                .watch = { .moved = moved, .yield_bytes = CHECKPOINT_BYTES, .userdata = &receive },
        };
        KftpDone done;
        int r;

        r = kftp_connection_transfer(t->connection, request, t->partial.temporary, &receive.watch, &done, f);
        note_reply(t, &done);
        note_moved(t, done.bytes, done.has_size, done.size, done.has_mtime, done.mtime);
        if (r < 0 && is_for_the_listing(t, &done)) {
                kftp_failure_done(f);
                if (done.unclean && t->position == t->remote_size)
                        kftp_connection_tls_unclean(t->connection, request);
                r = 0;
        }
        if (r < 0)
                return failed(t, &done, r, f);
        tell_progress(t, done.nsec);
        return succeeded(t, &done, f);
}
