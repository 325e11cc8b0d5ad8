/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An attempt at a copy, up to where it is known what there is to be transferred: the store is opened, what a crash has left
 * open is found out, and the source is looked at. What follows is in run-single.c and run-set.c.
 */

#include <errno.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "failure.h"
#include "put-names.h"
#include "runner-internal.h"
#include "source.h"

/* ---- The store ------------------------------------------------------------------------------------ */

/* Not before it is needed: a source in which there is nothing may be looked at every few seconds. */
static int need_store(Run *run) {
        if (!run->delivered && run->listed && run->store_error >= 0)
                run->store_error = delivered_open(ledger_delivered_fd(run->context->ledger), run->job->name, &run->delivered);
        return run->store_error;
}

static int open_store(Run *run, KftpFailure *f) {
        const Ledger *l = run->context->ledger;
        int r = need_store(run);

        if (r != -EBADMSG)
                return r < 0 ? kftp_failure_set(f, KFTP_CLASS_OTHER, r, true, "%s/%s: %s", ledger_delivered_path(l), run->job->name, strerror(-r)) : 0;
        report_event(&run->context->report, LOG_ERR, KFTP_MESSAGE_LEDGER_DAMAGED, run->job->name, r,
                     "%s: %s/%s is damaged, so it is not known what has been delivered; nothing is transferred", run->job->name,
                     ledger_delivered_path(l), run->job->name);
        return kftp_failure_set(f, KFTP_CLASS_OTHER, r, false,
                                "%s/%s is damaged, so it is not known what has been delivered; to have all files that are in the source now "
                                "transferred, also those that were before, remove it and type: kftp retry %s", ledger_delivered_path(l),
                                run->job->name, run->job->name);
}

RunFile run_file_of(const Run *run, const MirrorEntry *e) {
        int64_t nsec;

        if (!run->job->upload || __builtin_mul_overflow(e->mtime, INT64_C(1000000000), &nsec) || __builtin_add_overflow(nsec, e->mtime_nsec, &nsec))
                nsec = 0;
        return (RunFile) { .name = e->name, .size = e->size, .mtime = e->mtime, .mtime_precision = e->mtime_precision, .mtime_nsec = nsec };
}

static DeliveredFile of(const Run *run, const RunFile *file) {
        return (DeliveredFile) {
                .name = file->name,
                .size = file->size,
                .mtime = file->mtime,
                .precision = file->mtime_precision,
                .mtime_nsec = file->mtime_nsec,
                .run = run->request.number,
        };
}

static DeliveredState find(Run *run, const RunFile *file, uint64_t *ret_run) {
        const DeliveredFile key = of(run, file);

        return need_store(run) >= 0 && run->delivered ? delivered_find(run->delivered, &key, ret_run) : DELIVERED_NOT;
}

DeliveredState run_find_delivered(Run *run, const RunFile *file, uint64_t *ret_run) {
        DeliveredState state = find(run, file, ret_run);

        return state == DELIVERED_DOUBTFUL ? DELIVERED_FAILED : state;
}

int run_note_delivered(Run *run, DeliveredState state, const RunFile *file, const KftpResult *result) {
        DeliveredFile key = of(run, file);
        int r;

        if (!run->listed)
                return 0;
        if (result) {
                key.sha256 = result->sha256;
                key.fetched = !run->job->upload;
                key.fetched_size = result->bytes;
                key.fetched_mtime = result->mtime;
        }
        r = need_store(run);
        if (r >= 0)
                r = delivered_add(run->delivered, state, &key);
        if (r < 0)
                run->error = r;
        return r;
}

/* Whether what earlier runs have delivered is not to be delivered again. */
static bool asks_store(const Run *run) {
        return (run->job->set || run->job->watch || run->request.trigger == RUN_CALENDAR) && !run->request.again;
}

/* Somebody wants the run's files that have failed for good to be tried again: the store knows it before the ledger forgets it. */
static void forgive(Run *run, const RunFile *file) {
        DeliveredFile key = of(run, file);

        key.run = 0;
        (void) delivered_add(run->delivered, DELIVERED_FAILED, &key);
}

/*
 * A file that has failed for good is not tried again in the same run; one that waits for arrivals does not try it before it has
 * changed, and none does by itself what may have been done before. If what becomes of it then has not been done, it is listed.
 */
static bool is_failed_settled(Run *run, const RunFile *file, DeliveredState state, uint64_t failed_in) {
        RunTrigger trigger = run->request.trigger;
        bool settled;

        if (failed_in == 0)
                return false;
        if (failed_in == run->request.number && run->entry->retried) {
                forgive(run, file);
                return false;
        }
        if (failed_in == run->request.number)
                settled = run->job->then_on_failure.action == KFTP_THEN_KEEP;
        else
                settled = (trigger == RUN_WATCH || (trigger == RUN_CALENDAR && state == DELIVERED_DOUBTFUL)) && !run->request.again;
        run->passed_over += settled;
        return settled;
}

static bool is_settled(void *userdata, const MirrorEntry *e) {
        Run *run = userdata;
        const RunFile file = run_file_of(run, e);
        uint64_t by = 0;
        DeliveredState state = find(run, &file, &by);

        if (state == DELIVERED_FAILED || state == DELIVERED_DOUBTFUL)
                return is_failed_settled(run, &file, state, by);
        if (state == DELIVERED_NOT || (by != run->request.number && !asks_store(run)))
                return false;
        /* A time in seconds does not tell a file here from the next one of that name. */
        if (state == DELIVERED_GONE && run->job->upload)
                return false;
        run->unchanged += by != run->request.number;
        return true;
}

/* ---- What becomes of the source ------------------------------------------------------------------- */

/* What was sent or fetched; of what was neither, or is not known by now, what was listed. */
static ThenFile transferred(Run *run, const RunFile *file, const KftpResult *result) {
        const DeliveredFile key = of(run, file);
        ThenFile f = {
                .name = file->name,
                .size = file->size,
                .mtime = file->mtime,
                .mtime_precision = file->mtime_precision,
                .mtime_nsec = file->mtime_nsec,
        };

        if (run->job->upload) {
                if (result && result->mtime != KFTP_MTIME_UNKNOWN)
                        f.mtime = result->mtime;
                if (result)
                        f.mtime_nsec = run->sent_mtime_nsec;
        } else if (result) {
                f.size = result->bytes;
                f.mtime = result->mtime;
                f.mtime_precision = 1;
        } else if (need_store(run) >= 0 && run->delivered && delivered_fetched(run->delivered, &key, &f.size, &f.mtime))
                f.mtime_precision = 1;
        else
                f.listed = run->job->set;
        return f;
}

int run_then(Run *run, const KftpThen *then, const RunFile *file, const KftpResult *result, KftpFailure *f) {
        const ThenFile which = transferred(run, file, result);
        _cleanup_free_ char *text = NULL;
        KftpClient *client = NULL;
        int r = 0;

        if (then->action == KFTP_THEN_KEEP)
                return THEN_KEPT;
        if (!run->job->upload)
                r = run_client(run, &client, f);
        if (r >= 0)
                r = run->context->calls.then_file(run->job, then, client, &which, &text, f);
        if (text)
                report_event(&run->context->report, LOG_INFO, KFTP_MESSAGE_FILE_MOVED, run->job->name, 0, "%s: %s", run->job->name, text);
        if (r == THEN_DONE && run_find_delivered(run, file, NULL) == DELIVERED_SENT && run_note_delivered(run, DELIVERED_GONE, file, result) < 0)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, run->error, true, "%s", strerror(-run->error));
        return r;
}

/* ---- What a crash has left ------------------------------------------------------------------------ */

static bool is_delivered(Run *run, const RunFile *file) {
        uint64_t by = 0;
        DeliveredState state = run_find_delivered(run, file, &by);

        if (state != DELIVERED_SENT && state != DELIVERED_GONE)
                return false;
        return by == run->request.number || (by != 0 && by == run->entry->intent_number) || asks_store(run);
}

/* 1: the file that the intent is about was delivered. The intent stays behind the delivery: what the store knows is not asked again. */
static int look_after(Run *run, const RunFile *file, KftpFailure *f) {
        LedgerEntry *e = run->entry;

        if (e->state != LEDGER_INTENT)
                return 0;
        if (is_delivered(run, file))
                return 1;
        if (run->job->upload)
                return run->context->calls.put_recover(run, f);
        return ledger_entry_was_delivered(e);
}

/* It is recorded, and reported, as if the run before had come so far. */
static int note_recovery(Run *run, const RunFile *file) {
        LedgerEntry *e = run->entry;
        const KftpResult result = { .bytes = e->bytes, .mtime = e->mtime };

        if (is_delivered(run, file))
                return 0;
        if (run_note_delivered(run, DELIVERED_SENT, file, &result) < 0)
                return run->error;
        if (run->job->set)
                report_recovered(&run->context->report, e);
        return 0;
}

/* With a job's file, or the date, the one file that it is about may have become another one. */
static bool is_about(const Run *run, const RunFile *file) {
        const KftpJob *job = run->job;

        return !job->set && streq(file->name, job->upload ? kftp_remote_base(job->path) : strempty(job->url.base));
}

/* What was open is settled, which is not to be asked again; the source is looked at. */
static void go_on_behind(Run *run) {
        run->entry->state = LEDGER_RUNNING;
        run->entry->pending = false;
        run->begun = true;
        (void) run_record(run);
}

static void note_recovered(LedgerEntry *e) {
        e->state = LEDGER_DONE;
        e->class = KFTP_CLASS_OK;
        e->recovered = true;
        e->reported = e->pending = false;
        e->transferred = 1;
}

/* Of a set the next listing has the file that what follows a delivery is to be done with. */
static void finish_recovered(Run *run, const RunFile *file) {
        const KftpJob *job = run->job;
        KftpFailure f = {};
        int r = 0;

        if (is_about(run, file))
                r = run_then(run, &job->then, file, NULL, &f);
        if (!is_about(run, file) || r == THEN_CHANGED) {
                if (!job->set)
                        report_recovered(&run->context->report, run->entry);
                go_on_behind(run);
                return;
        }
        if (r >= 0 && job->marker)
                r = run->context->calls.then_directory(job, &job->then, run->client, &f);
        if (r < 0)
                run_fail(run, &f, run_may_pass(&f));
        else {
                note_recovered(run->entry);
                if (job->upload)
                        run_set_string(&run->entry->item, job->path);
        }
        kftp_failure_done(&f);
}

/* Nobody can tell whether it was delivered, or it cannot be: it is not sent again by itself. The others of a set are. */
static void fail_recovery(Run *run, const RunFile *file, const KftpFailure *f) {
        bool doubtful = f->class == KFTP_CLASS_INTEGRITY, of_file = doubtful || f->class == KFTP_CLASS_REMOTE;

        if (run->error < 0 || run_may_pass(f) || !of_file || !run->listed) {
                run_fail(run, f, run_may_pass(f));
                return;
        }
        if (run_note_delivered(run, doubtful ? DELIVERED_DOUBTFUL : DELIVERED_FAILED, file, NULL) < 0) {
                run_fail(run, f, false);
                return;
        }
        run->entry->pending = false;
        if (is_about(run, file)) {
                run_fail(run, f, false);
                return;
        }
        go_on_behind(run);
        report_file_failed(&run->context->report, run->entry, file->name, f);
}

/* Returns whether the attempt goes on. */
static bool recover(Run *run) {
        LedgerEntry *e = run->entry;
        const RunFile file = {
                .name = e->item ? kftp_remote_base(e->item) : run->job->url.base,      /* in the records it is a path */
                .size = e->item_size,
                .mtime = e->item_mtime,
                .mtime_precision = e->item_precision,
        };
        KftpFailure f = {};
        int r = look_after(run, &file, &f);

        if (r != 0)
                run->fresh = false;
        if (r < 0)
                fail_recovery(run, &file, &f);
        else if (r > 0) {
                if (note_recovery(run, &file) < 0)
                        run_fail(run, &f, true);
                else
                        finish_recovered(run, &file);
        }
        kftp_failure_done(&f);
        return run->outcome == RUN_CONCLUDED && !run_is_concluded(e);
}

/* ---- The source ----------------------------------------------------------------------------------- */

static int list(Run *run, SourceListing *ret, KftpFailure *f) {
        SourceQuery query = {
                .job = run->job,
                .looks = run->context->looks,
                .is_settled = is_settled,
                .userdata = run,
                .ret_directory = &run->source_fd,
        };
        int r = run->job->upload ? 0 : run_client(run, &query.client, f);

        run->unchanged = run->passed_over = 0;
        *ret = (SourceListing) {};
        return r < 0 ? r : run->context->calls.source_list(&query, ret, f);
}

/* Whether nothing is there that this run could be ended with. */
static bool is_awaited(Run *run, const SourceListing *l) {
        DeliveredCounts counts = {};

        if (l->ready > 0 || l->files.n > 0 || !source_is_awaited(run->job, run->request.trigger, l))
                return false;
        if (l->growing > 0 || (run->fresh && !run->delivered))
                return true;
        if (need_store(run) >= 0)       /* the rest of it may have gone meanwhile */
                delivered_count(run->delivered, run->request.number, &counts);
        return counts.sent + counts.failed == 0;
}

static void go_on(Run *run, const SourceListing *l) {
        if (l && l->left_out)
                report_event(&run->context->report, LOG_WARNING, KFTP_MESSAGE_RUN_WARNING, run->job->name, 0, "%s: %s", run->job->name, l->left_out);
        if (run->job->set)
                run_set(run, l);
        else
                run_single(run, l);
        if (l)                  /* what is in the source has been asked for */
                delivered_tidy(run->delivered);
}

static void copy_listed(Run *run) {
        SourceListing listing = {};
        KftpFailure f = {};

        run->listed = true;
        if (run->entry->state == LEDGER_INTENT && open_store(run, &f) < 0)
                run_fail(run, &f, f.transient);
        else if (!recover(run))
                ;
        else if (list(run, &listing, &f) < 0)
                run_fail(run, &f, run_may_pass(&f));
        else if (is_awaited(run, &listing))
                run_wait(run, listing.missing, listing.delay_usec);
        else if (open_store(run, &f) < 0)
                run_fail(run, &f, f.transient);
        else
                go_on(run, &listing);
        run->delivered = delivered_free(run->delivered);
        source_listing_done(&listing);
        kftp_failure_done(&f);
}

void run_copy(Run *run) {
        if (source_is_listed(run->job) || run->request.trigger == RUN_CALENDAR)
                copy_listed(run);
        else if (recover(run))
                go_on(run, NULL);
        run_end_session(run);
}
