// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A download from its URL to its final name, over as many attempts as it is worth. What is different in a directory that
 * is open is in fetch.c.
 */

#include "client-internal.h"
#include "failure.h"
#include "transfer.h"
#include "url.h"
#include "util.h"

static int open_partial(KftpTransfer *t, const char *identity, KftpFailure *f) {
        int r;

        if (!t->fetch)
                return kftp_partial_open(&t->partial, t->url, t->dest, identity, t->options->resume, f);
        r = kftp_partial_open_at(&t->partial, t->fetch, identity, f);
        return r < 0 ? r : kftp_partial_begin(&t->partial, t->options->resume, f);
}

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
        r = open_partial(t, identity, f);
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

/* A file that has not the time or the permissions that it should have is worth having all the same. */
static int report_unset(KftpTransfer *t, const KftpFailure *unset, KftpFailure *f) {
        t->result->complete = true;
        return kftp_failure_set(f, unset->class, unset->error, false, "%s is complete, but %s", strempty(t->result->local), strempty(unset->text));
}

/* Everything is received: safe on the disk first, then under its name. */
static int deliver(KftpTransfer *t, KftpFailure *f) {
        KftpFailure unset = {};
        int r;

        if (t->fetch)
                (void) kftp_fetch_set(t->fetch, t->partial.fd, t->result->mtime, &unset);
        r = kftp_partial_sync(&t->partial, f);
        if (r >= 0) {
                t->complete = true;
                r = tell_intent(t, f);
        }
        if (r >= 0)
                r = kftp_partial_rename(&t->partial, f);
        if (r >= 0 && unset.class != KFTP_CLASS_OK)
                r = report_unset(t, &unset, f);
        kftp_failure_done(&unset);
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

int kftp_transfer_run(KftpTransfer *t, KftpClient *c) {
        KftpTask task = { .prepare = prepare, .work = work, .userdata = t };
        KftpResult *ret = t->result;
        uint64_t begin = now_usec();
        int r;

        r = kftp_client_run(c, t->url, &task, &ret->attempts, &ret->failure);
        if (r >= 0) {
                kftp_failure_done(&ret->failure);
                r = deliver(t, &ret->failure);
        }
        if (r < 0 && !ret->complete)
                leave_partial(t, &ret->failure);
        ret->usec = now_usec() - begin;

        kftp_partial_close(&t->partial);
        return r < 0 ? r : 0;
}

int kftp_client_get(KftpClient *c, const KftpUrl *url, const char *dest, KftpResult *ret) {
        KftpTransfer t = {
                .url = url,
                .dest = dest,
                .options = kftp_client_options(c),
                .result = ret,
                .partial = KFTP_PARTIAL_INIT,
        };

        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        return kftp_transfer_run(&t, c);
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
