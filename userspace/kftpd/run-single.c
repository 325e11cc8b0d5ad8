/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One attempt at a copy of one file. */

#include <errno.h>
#include <inttypes.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "failure.h"
#include "runner-internal.h"
#include "source.h"

/* ---- Nothing to be done, or too little ------------------------------------------------------------ */

/* That nothing comes is the failure that nobody sees: it has records of its own. */
static void say_short(Run *run, const char *message_id, KftpFailure *f) {
        if (!run_has_attempts(run))
                report_event(&run->context->report, LOG_ERR, message_id, run->job->name, 0, "%s: %s", run->job->name, strempty(f->text));
        run_fail(run, f, true);
        kftp_failure_done(f);
}

bool run_is_short(Run *run, bool found, uint64_t delivered) {
        enum kftp_class class = run->job->upload ? KFTP_CLASS_LOCAL : KFTP_CLASS_REMOTE;
        const KftpJob *job = run->job;
        KftpFailure f = {};

        if (!found && job->if_empty_fail) {
                (void) kftp_failure_set(&f, class, -ENOENT, true, "no file was found in %s, and the job says IfEmpty=fail",
                                        job->upload ? job->path : strempty(job->remote));
                say_short(run, KFTP_MESSAGE_RUN_EMPTY, &f);
                return true;
        }
        if (delivered < job->expect) {
                (void) kftp_failure_set(&f, KFTP_CLASS_SOME_FAILED, 0, true, "%" PRIu64 " file%s delivered, and the job says Expect=%u", delivered,
                                        delivered == 1 ? " was" : "s were", job->expect);
                say_short(run, KFTP_MESSAGE_RUN_TOO_FEW, &f);
                return true;
        }
        return false;
}

/* ---- The file ------------------------------------------------------------------------------------- */

static void conclude(Run *run, bool found) {
        LedgerEntry *e = run->entry;

        if (run_is_short(run, found, e->transferred))
                return;
        e->state = LEDGER_DONE;
        e->class = KFTP_CLASS_OK;
        e->pending = false;
}

/* Another version has taken the place of the one that was delivered, and is this run's, too. */
static void await_next(Run *run, const KftpResult *result) {
        const KftpJob *job = run->job;

        if (!result) {          /* not since this attempt has begun to transfer: the next one looks anew */
                KftpFailure f = {};

                (void) kftp_failure_set(&f, KFTP_CLASS_INTEGRITY, -ESTALE, true, "the file has changed since it was looked at");
                run_fail(run, &f, true);
                kftp_failure_done(&f);
                return;
        }
        report_delivered(&run->context->report, run->entry);
        run->entry->state = LEDGER_RUNNING;
        run->entry->pending = false;
        run_wait(run, "the file has changed while it was transferred", job->upload ? SOURCE_POLL_USEC : job->poll_usec ?: KFTP_JOB_POLL_USEC_DEFAULT);
}

/* It was delivered by this run or an earlier one. */
static void finish(Run *run, const RunFile *file, const KftpResult *result) {
        KftpFailure f = {};
        int r = run_then(run, &run->job->then, file, result, &f);

        if (r == THEN_CHANGED) {
                await_next(run, result);
                kftp_failure_done(&f);
                return;
        }
        if (r >= 0 && run->job->marker)
                r = run->context->calls.then_directory(run->job, &run->job->then, run->client, &f);
        if (r < 0)
                run_fail(run, &f, run_may_pass(&f));
        else
                conclude(run, true);
        kftp_failure_done(&f);
}

/* It is not to be tried again before it has changed, or somebody says so. */
static void fail_again(Run *run) {
        KftpFailure f = {};

        (void) kftp_failure_set(&f, KFTP_CLASS_OTHER, -EALREADY, false, "this version of the file has failed for good before; to have it tried "
                                "again type: kftp retry %s", run->job->name);
        run_fail(run, &f, false);
        kftp_failure_done(&f);
}

static void finish_known(Run *run, const RunFile *file) {
        uint64_t by = 0;
        DeliveredState state = run_find_delivered(run, file, &by);

        if (state == DELIVERED_FAILED) {
                fail_again(run);
                return;
        }
        run->entry->transferred = by == run->request.number;
        run->entry->unchanged = !run->entry->transferred;
        finish(run, file, NULL);
}

/* What fails for good goes where ThenOnFailure= says; that may fail too, which is told only. */
static void give_up(Run *run, const RunFile *file) {
        KftpFailure f = {};

        if (run_note_delivered(run, DELIVERED_FAILED, file, NULL) >= 0 && run_then(run, &run->job->then_on_failure, file, NULL, &f) < 0)
                report_event(&run->context->report, LOG_WARNING, KFTP_MESSAGE_RUN_WARNING, run->job->name, f.error, "%s: ThenOnFailure=: %s",
                             run->job->name, strempty(f.text));
        kftp_failure_done(&f);
}

static void note_failed(Run *run, const RunFile *file, const KftpResult *result) {
        const KftpFailure *f = &result->failure;
        bool may_pass = run_may_pass(f), of_file = f->class != KFTP_CLASS_NETWORK && f->class != KFTP_CLASS_AUTH && f->class != KFTP_CLASS_TLS;

        if (run->entry->state != LEDGER_INTENT)
                run->entry->bytes = result->bytes;      /* what is left of it, to go on from */
        if (!run_was_stopped(run, f)) {
                run_note_result(run, result);
                if (of_file && !run_is_refused(run, f) && (!may_pass || !run_has_attempts(run)))
                        give_up(run, file);
        }
        /* It is not in doubt: the server has said no. */
        if (run->job->upload && !may_pass && of_file && !result->complete)
                run->entry->pending = false;
        run_fail(run, f, may_pass);
}

static void note_done(Run *run, const RunFile *file, const KftpResult *result) {
        KftpFailure f = {};

        run->entry->bytes = result->bytes;
        run_note_result(run, result);
        if (run_note_delivered(run, DELIVERED_SENT, file, result) < 0) {
                (void) kftp_failure_set(&f, KFTP_CLASS_OTHER, run->error, true, "%s", strerror(-run->error));
                run_fail(run, &f, true);
                kftp_failure_done(&f);
                return;
        }
        run_progress_delivered(run, 1, result->bytes);
        run_note_success(run, result);
        /* Should Then= fail, the next attempt finds that the file was delivered. */
        run->entry->state = LEDGER_INTENT;
        finish(run, file, result);
}

static void note_skipped(Run *run, const KftpResult *result) {
        LedgerEntry *e = run->entry;

        e->unchanged = 1;
        run_set_string(&e->final, run->job->upload ? result->remote : result->local);
        conclude(run, true);
}

static void transfer(Run *run, const RunFile *file) {
        KftpResult result = { .mtime = KFTP_MTIME_UNKNOWN };
        int r;

        run->file = file;
        run_progress_file(run, file->name, file->size);
        r = run->job->upload ? run->context->calls.put(run, file, &result) : run_get_single(run, file, &result);
        if (r < 0)
                note_failed(run, file, &result);
        else if (r > 0)
                note_skipped(run, &result);
        else
                note_done(run, file, &result);
        run->file = NULL;
        kftp_result_done(&result);
}

/* ---- The attempt ---------------------------------------------------------------------------------- */

static void note_nothing(Run *run, const SourceListing *l) {
        DeliveredCounts counts;
        KftpFailure f = {};

        delivered_count(run->delivered, run->request.number, &counts);
        if (run->passed_over > 0) {
                fail_again(run);
                return;
        }
        if (l->settled + counts.sent > 0) {     /* and it stays in the source, or has gone meanwhile */
                run->entry->transferred = counts.sent;
                run->entry->unchanged = !counts.sent;
                conclude(run, true);
                return;
        }
        if (!l->absent) {
                conclude(run, false);
                return;
        }
        (void) kftp_failure_set(&f, run->job->upload ? KFTP_CLASS_LOCAL : KFTP_CLASS_REMOTE, -ENOENT, true, "%s", strempty(l->missing));
        run_fail(run, &f, true);
        kftp_failure_done(&f);
}

void run_single(Run *run, const SourceListing *listing) {
        const MirrorEntry *e = listing && listing->files.n > 0 ? listing->files.entries : NULL;
        const RunFile file = e ? run_file_of(run, e) : (RunFile) {
                .name = run->job->url.base,
                .size = KFTP_SIZE_UNKNOWN,
                .mtime = KFTP_MTIME_UNKNOWN,
                .mtime_precision = 1,
        };

        if (run_begin_attempt(run) < 0)
                run->outcome = RUN_NO_STATE;
        else if (listing && !e)
                note_nothing(run, listing);
        else if (e && e->sent)
                finish_known(run, &file);
        else
                transfer(run, &file);
}
