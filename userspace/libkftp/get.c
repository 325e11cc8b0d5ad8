// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A download from its URL to its final name, over as many attempts as it is worth.
 */

#include <sys/random.h>

#include "control.h"
#include "failure.h"
#include "format.h"
#include "transfer.h"
#include "url.h"
#include "util.h"

#define BACKOFF_FIRST (1 * USEC_PER_SEC)
#define BACKOFF_MAX (300 * USEC_PER_SEC)

uint64_t kftp_backoff_usec(uint64_t first_usec, unsigned n, uint32_t random) {
        uint64_t delay = MIN2(first_usec ?: BACKOFF_FIRST, BACKOFF_MAX);

        while (n-- > 1 && delay < BACKOFF_MAX)
                delay = MIN2(delay * 2, BACKOFF_MAX);
        /* A quarter up or down: those who were thrown out together do not come back together. */
        return delay - delay / 4 + (delay / 2) * (random & 0xffff) / 0xffff;
}

/* They stand in command lines: no control byte may end one. */
static int check_credential(const char *what, const char *text, KftpFailure *f) {
        if (strlen(strempty(text)) > KFTP_MAX_CREDENTIAL)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "the %s is longer than %d bytes", what, KFTP_MAX_CREDENTIAL);
        for (const char *p = strempty(text); *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                                "the %s contains a control character, which FTP cannot carry", what);
        return 0;
}

static int check_credentials(const KftpUrl *url, const KftpOptions *o, KftpFailure *f) {
        int r = check_credential("user name", o->user ?: url->user, f);

        if (r >= 0)
                r = check_credential("password", o->password, f);
        if (r >= 0)
                r = check_credential("account", o->account, f);
        return r;
}

static int check(const KftpUrl *url, const KftpOptions *o, KftpFailure *f) {
        if (url->implicit_tls)
                return kftp_failure_set(f, KFTP_CLASS_TLS, -EPROTONOSUPPORT, false,
                                        "ftps:// is not supported by this version of kftp; ftp:// is, but it is not encrypted");
        if (kftp_control_cancelled(o->control))
                return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, -ECANCELED, false, "interrupted before it began");
        return check_credentials(url, o, f);
}

static int prepare(KftpTransfer *t, const char *dest, KftpFailure *f) {
        _cleanup_free_ char *identity = NULL;
        int r;

        r = check(t->url, t->options, f);
        if (r < 0)
                return r;
        identity = kftp_url_identity(t->url, t->options->user);
        free(t->remote);
        t->remote = kftp_url_host_port(t->url);
        if (!identity || !t->remote)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        r = kftp_partial_open(&t->partial, t->url, dest, identity, t->options->resume, f);
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

static void tell_retry(const KftpTransfer *t, const KftpFailure *f, uint64_t delay) {
        const KftpCallbacks *c = &t->options->callbacks;
        KftpAttempt a = { .attempt = t->result->attempts, .failure = f, .delay_usec = delay };

        if (c->retry)
                c->retry(c->userdata, &a);
}

static int attempts(KftpTransfer *t, const char *dest, KftpFailure *f) {
        const KftpOptions *o = t->options;

        for (unsigned n = 1;; n++) {
                uint64_t delay;
                uint32_t random = 0;
                int r;

                r = t->partial.fd < 0 ? prepare(t, dest, f) : 0;
                /* What fails for good before anything is sent is no attempt. */
                if (r >= 0 || f->transient)
                        t->result->attempts = n;
                if (r >= 0)
                        r = kftp_transfer_attempt(t, f);
                if (r >= 0 || !f->transient || n > o->retries)
                        return r;

                (void) !getrandom(&random, sizeof(random), GRND_NONBLOCK);
                delay = kftp_backoff_usec(o->retry_usec, n, random);
                tell_retry(t, f, delay);
                if (kftp_control_sleep(o->control, delay) < 0)
                        return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, -ECANCELED, false,
                                                "interrupted before another attempt; the last one: %s", strempty(f->text));
        }
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
        kftp_session_quit(&t->session, &t->options->callbacks);
        kftp_session_close(&t->session);
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

int kftp_get(const KftpUrl *url, const char *dest, const KftpOptions *options, KftpResult *ret) {
        uint64_t begin = now_usec();
        KftpTransfer t = {
                .url = url,
                .options = options,
                .result = ret,
                .partial = KFTP_PARTIAL_INIT,
                .session = { .fd = -1 },
        };
        int r;

        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        r = attempts(&t, dest, &ret->failure);
        if (r >= 0)
                r = deliver(&t, &ret->failure);
        if (r < 0)
                leave_partial(&t, &ret->failure);
        else
                kftp_failure_done(&ret->failure);
        ret->usec = now_usec() - begin;

        kftp_partial_close(&t.partial);
        free(t.remote);
        free(t.address);
        return r < 0 ? r : 0;
}

void kftp_result_done(KftpResult *r) {
        free(r->local);
        free(r->reply_text);
        free(r->sha256);
        kftp_failure_done(&r->failure);
        *r = (KftpResult) {};
}
