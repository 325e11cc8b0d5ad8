// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of a file that was received in parts: what is left of it, whether it is still the same on the server, and its
 * delivery. Or the way back to a download of the whole.
 */

#include <sys/stat.h>

#include "client-internal.h"
#include "failure.h"
#include "segments-internal.h"
#include "transfer.h"
#include "util.h"

typedef struct End {
        KftpSegments *segments;
        KftpClient *client;
        KftpResult *result;
        bool again;                     /* it is not the file that the parts are of, or not its content */
        bool complete;                  /* and on the disk: only the final name is missing */
} End;

/* ---- Whether it is the file ------------------------------------------------------------------ */

/*
 * It may have been replaced since the last part was begun. A server that does not answer this leaves us with what is complete by
 * all else that is known; if the connection is lost over it, the next attempt asks again.
 */
static int check_unchanged(End *end, KftpConnection *c, KftpFailure *f) {
        KftpSegments *s = end->segments;
        struct kftp_submit request = kftp_request(KFTP_OP_MDTM, s->url.path);
        KftpDone d;
        int r;

        r = kftp_connection_request(c, &request, &d, f);
        if (r < 0 && (f->class == KFTP_CLASS_INTERRUPTED || !kftp_connection_usable(c)))
                return r;
        kftp_failure_done(f);
        end->again = r >= 0 && d.has_mtime && d.mtime != s->map.mtime;
        return 0;
}

static int check_length(const KftpSegments *s, KftpFailure *f) {
        struct stat st;

        if (fstat(s->partial.fd, &st) < 0)
                return kftp_failure_local(f, -errno, "%s", s->partial.temporary);
        if ((uint64_t) st.st_size != s->map.size)
                return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, false, "another program has written to %s",
                                        s->partial.temporary);
        return 0;
}

static int verify(End *end, KftpConnection *c, KftpFailure *f) {
        KftpSegments *s = end->segments;
        KftpVerify v;
        int r;

        r = kftp_verify_begin(&v, c, kftp_client_options(end->client)->verify, f);
        if (r >= 0)
                r = kftp_verify_facts(&v, c, s->url.path, s->map.size, s->map.mtime, f);
        if (r >= 0)
                r = kftp_verify_file(&v, c, s->url.path, s->partial.fd, s->partial.temporary, &end->result->sha256, f);
        if (r >= 0 || f->class != KFTP_CLASS_INTEGRITY || !f->transient)
                return r;
        /* Nobody knows which part of it is wrong. */
        kftp_failure_done(f);
        end->again = true;
        return 0;
}

static int check(KftpConnection *c, void *userdata, KftpFailure *f) {
        End *end = userdata;
        int r;

        end->again = false;
        r = check_unchanged(end, c, f);
        if (r >= 0 && !end->again)
                r = check_length(end->segments, f);
        if (r >= 0 && !end->again)
                r = verify(end, c, f);
        return r;
}

/* ---- Delivery -------------------------------------------------------------------------------- */

static int tell_intent(const End *end, KftpFailure *f) {
        const KftpSegments *s = end->segments;
        const KftpCallbacks *c = &kftp_client_options(end->client)->callbacks;
        KftpIntent intent = {
                .temporary = s->partial.temporary,
                .final = s->partial.final,
                .size = s->map.size,
                .mtime = s->map.mtime,
        };
        int r = c->intent ? c->intent(c->userdata, &intent) : 0;

        return r < 0 ? kftp_failure_local(f, r, "%s is complete, but that could not be recorded", s->partial.temporary) : 0;
}

/* As after a download of the whole: a file that has not the time that it should have is worth having all the same. */
static int report_unset(const End *end, const KftpFailure *unset, KftpFailure *f) {
        end->result->complete = true;
        return kftp_failure_set(f, unset->class, unset->error, false, "%s is complete, but %s",
                                end->segments->partial.final, strempty(unset->text));
}

static int deliver(End *end, KftpFailure *f) {
        KftpSegments *s = end->segments;
        KftpFailure unset = {};
        int r;

        (void) kftp_fetch_set(&s->fetch, s->partial.fd, s->map.mtime, &unset);
        r = kftp_partial_sync(&s->partial, f);
        if (r >= 0) {
                end->complete = true;
                r = tell_intent(end, f);
        }
        if (r >= 0)
                r = kftp_partial_rename(&s->partial, f);
        if (r >= 0 && unset.class != KFTP_CLASS_OK)
                r = report_unset(end, &unset, f);
        kftp_failure_done(&unset);
        return r;
}

/* ---- What becomes of it ---------------------------------------------------------------------- */

static bool is_full(const KftpFailure *f) {
        return f->class == KFTP_CLASS_LOCAL && (f->error == -ENOSPC || f->error == -EDQUOT || f->error == -EFBIG);
}

/* As after a download of the whole: what a later call can go on from is kept, a full file system gets its space back. */
static void leave(End *end, const KftpFailure *f) {
        KftpSegments *s = end->segments;
        uint64_t sum;

        if (f->class != KFTP_CLASS_LOCAL || end->complete)
                (void) kftp_segments_checkpoint(s, NULL);
        sum = is_full(f) && !end->complete ? 0 : kftp_segments_map_sum(&s->map);
        end->result->bytes = sum;
        end->result->resumed_from = MIN2(s->resumed_from, sum);
        if (sum == 0 && !end->complete)
                kftp_partial_remove(&s->partial);
}

/* Its parts are thrown away first, durably: a later call must not go on from them either. */
static int fetch_whole(End *end) {
        KftpSegments *s = end->segments;
        KftpFetch fetch = s->fetch;
        KftpTransfer t = { .url = &s->url, .fetch = &fetch, .options = kftp_client_options(end->client), .result = end->result };
        unsigned attempts = s->result.attempts;
        int r;

        r = kftp_partial_empty(&s->partial);
        if (r < 0)
                return kftp_failure_local(&end->result->failure, r, "cannot write %s", s->partial.temporary);
        if (!s->no_restart) {
                fetch.size = KFTP_SIZE_UNKNOWN;
                fetch.mtime = KFTP_MTIME_UNKNOWN;
        }
        *end->result = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN, .local = strdup(s->partial.final) };
        /* The temporary file goes along, so that nobody else can have it meanwhile. */
        t.partial = s->partial;
        s->partial = (KftpPartial) KFTP_PARTIAL_INIT;
        r = kftp_transfer_run(&t, end->client);
        end->result->attempts = MAX2(end->result->attempts, attempts);
        return r;
}

/* The parts that a client has left whose connection failed. */
static int fetch_rest(End *end, KftpFailure *f) {
        KftpSegments *s = end->segments;

        if (kftp_segments_is_complete(s) || kftp_segments_is_whole(s))
                return 0;
        if (s->failed != end->client && !s->stopped && s->failure.class != KFTP_CLASS_INTERRUPTED)
                return kftp_segments_fetch(s, end->client, f);
        *f = s->failure;
        s->failure = (KftpFailure) {};
        return f->error < 0 ? f->error : -EREMOTEIO;
}

static int conclude(End *end, KftpFailure *f) {
        KftpTask task = { .work = check, .userdata = end };
        KftpSegments *s = end->segments;
        unsigned attempts = 0;
        int r;

        r = kftp_client_run(end->client, &s->url, &task, &attempts, f);
        end->result->attempts = MAX2(end->result->attempts, attempts);
        if (r < 0 || end->again)
                return r;
        kftp_failure_done(f);
        return deliver(end, f);
}

static void fill_in(End *end) {
        KftpSegments *s = end->segments;
        KftpResult *ret = end->result;

        *ret = s->result;
        s->result = (KftpResult) { .attempts = ret->attempts };
        ret->local = s->partial.final ? strdup(s->partial.final) : NULL;
        ret->resumed_from = s->resumed_from;
        ret->transfer_usec = MAX2(now_usec() - s->begin_usec, UINT64_C(1));
        ret->rate = (uint64_t) ((double) (s->map.size - s->resumed_from) * (double) USEC_PER_SEC / (double) ret->transfer_usec);
        ret->bytes = s->map.size;
}

int kftp_segments_finish(KftpSegments *s, KftpClient *c, KftpResult *ret) {
        End end = { .segments = s, .client = c, .result = ret };
        KftpFailure f = {};
        int r;

        r = fetch_rest(&end, &f);
        fill_in(&end);
        if (r >= 0 && kftp_segments_is_complete(s) && !kftp_segments_is_whole(s))
                r = conclude(&end, &f);
        s->changed = s->changed || end.again;
        if (r >= 0 && kftp_segments_is_whole(s)) {
                kftp_result_done(ret);
                r = fetch_whole(&end);
        } else if (r < 0) {
                if (!ret->complete)
                        leave(&end, &f);
                ret->failure = f;
        }
        ret->usec = now_usec() - s->begin_usec;
        return r < 0 ? r : 0;
}
