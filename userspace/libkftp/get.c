// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A download from its URL to its final name, over as many attempts as it is worth.
 */

#include "client-internal.h"
#include "failure.h"
#include "transfer.h"
#include "url.h"
#include "util.h"

/* Before the first attempt: the place for the file. */
static int prepare(void *userdata, KftpFailure *f) {
        _cleanup_free_ char *identity = NULL;
        KftpTransfer *t = userdata;
        int r;

        if (t->partial.fd >= 0)
                return 0;
        identity = kftp_url_identity(t->url, t->options);
        if (!identity)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        r = kftp_partial_open(&t->partial, t->url, t->dest, identity, t->options->resume, f);
        if (t->partial.final) {
                free(t->result->local);
                t->result->local = strdup(t->partial.final);
        }
        if (r >= 0)
                t->result->resumed_from = kftp_partial_offset(&t->partial);
        else
                kftp_partial_close(&t->partial);
        return r;
}

static int work(KftpConnection *c, void *userdata, KftpFailure *f) {
        KftpTransfer *t = userdata;

        t->connection = c;
        return kftp_transfer_attempt(t, f);
}

static int tell_intent(const KftpTransfer *t, KftpFailure *f) {
        const KftpCallbacks *c = &t->options->callbacks;
        KftpIntent intent = {
                .temporary = t->partial.temporary,
                .final = t->partial.final,
                .size = t->position,
                .mtime = t->result->mtime,
        };
        int r = c->intent ? c->intent(c->userdata, &intent) : 0;

        return r < 0 ? kftp_failure_local(f, r, "%s is complete, but that could not be recorded", t->partial.temporary) : 0;
}

/* Everything is received: safe on the disk first, then under its name. */
static int deliver(KftpTransfer *t, KftpFailure *f) {
        int r;

        r = kftp_partial_sync(&t->partial, f);
        if (r >= 0) {
                t->complete = true;
                r = tell_intent(t, f);
        }
        if (r >= 0)
                r = kftp_partial_rename(&t->partial, f);
        return r;
}

/*
 * A partial is kept if a later call can go on from it; a full file system gets its space back. If the file
 * is complete, a later call has nothing to fetch, and it was not what filled the file system; it is never
 * removed, and if nothing is recorded of it, it can still be renamed by hand.
 */
static void leave_partial(KftpTransfer *t, const KftpFailure *f) {
        bool full = !t->complete && f->class == KFTP_CLASS_LOCAL
                && (f->error == -ENOSPC || f->error == -EDQUOT || f->error == -EFBIG);
        uint64_t offset;

        if (t->complete)
                (void) kftp_partial_checkpoint(&t->partial, t->position);
        offset = kftp_partial_offset(&t->partial);
        t->result->bytes = full || t->partial.fd < 0 ? 0 : offset;
        if (t->result->bytes == 0) {
                t->result->resumed_from = 0;
                if (!t->complete)
                        kftp_partial_remove(&t->partial);
        }
}

int kftp_client_get(KftpClient *c, const KftpUrl *url, const char *dest, KftpResult *ret) {
        uint64_t begin = now_usec();
        KftpTransfer t = {
                .url = url,
                .dest = dest,
                .options = kftp_client_options(c),
                .result = ret,
                .partial = KFTP_PARTIAL_INIT,
        };
        KftpTask task = { .prepare = prepare, .work = work, .userdata = &t };
        int r;

        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        r = kftp_client_run(c, url, &task, &ret->attempts, &ret->failure);
        if (r >= 0)
                r = deliver(&t, &ret->failure);
        if (r < 0)
                leave_partial(&t, &ret->failure);
        else
                kftp_failure_done(&ret->failure);
        ret->usec = now_usec() - begin;

        kftp_partial_close(&t.partial);
        return r < 0 ? r : 0;
}

int kftp_get(const KftpUrl *url, const char *dest, const KftpOptions *options, KftpResult *ret) {
        KftpClient *c;
        int r;

        r = kftp_client_new(&c, options);
        if (r < 0) {
                *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
                return kftp_failure_set(&ret->failure, KFTP_CLASS_OTHER, r, true, "not enough memory");
        }
        r = kftp_client_get(c, url, dest, ret);
        kftp_client_free(c);
        return r;
}

void kftp_result_done(KftpResult *r) {
        free(r->local);
        free(r->remote);
        free(r->reply_text);
        free(r->sha256);
        kftp_failure_done(&r->failure);
        *r = (KftpResult) {};
}
