/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One attempt at a copy of a set: each file is delivered, recorded in the store and dealt with in the source, one after the other over
 * one session. A file that fails does not stop the others; what the store has is not delivered again.
 */

#include <errno.h>
#include <inttypes.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "failure.h"
#include "mirror-names.h"
#include "put-names.h"
#include "report-mirror.h"
#include "runner-internal.h"
#include "source.h"

/* A server that fails twice in a row is not asked for all the others. */
#define SESSION_FAILURES_MAX 2U

typedef struct Set {
        Run *run;
        const SourceListing *listing;
        DeliveredCounts counts;         /* of the run: what the store has */
        uint64_t records;               /* of files, so far */
        uint64_t skipped;               /* by IfExists= */
        uint64_t again;                 /* that have failed, and may be tried again */
        uint64_t failed;                /* that have not to be, and the store does not know */
        unsigned in_a_row;              /* failures of the session */
        bool changed;                   /* a file is another version by now, which is to be taken, too */
        char *first;                    /* the first failure */
} Set;

/* ---- What it comes to ----------------------------------------------------------------------------- */

static void note_counts(Set *s) {
        LedgerEntry *e = s->run->entry;

        e->transferred = s->counts.sent;
        e->moved = s->counts.gone;
        e->unchanged = s->run->unchanged + s->skipped;
        e->failed = s->counts.failed + s->failed + s->again + s->listing->refused;
        if (e->state != LEDGER_INTENT)  /* then it is about one file */
                e->bytes = s->counts.bytes;
}

static void tell_file(Set *s, const RunFile *file, const KftpResult *result) {
        const KftpJob *job = s->run->job;
        _cleanup_free_ char *place = NULL, *unused = NULL, *source = NULL;
        KftpMirrorEvent event = {
                .action = job->upload ? KFTP_MIRROR_PUT : KFTP_MIRROR_GET,
                .path = file->name,
                .why = "new",
                .size = file->size,
                .mtime = file->mtime,
                .local = result->local,
                .remote = result->remote,
                .result = result,
        };

        if (source_place(job, &place, &unused) >= 0)
                source = kftp_remote_join(place, file->name);
        if (job->upload && !event.local)
                event.local = source;
        else if (!job->upload)
                event.remote = source;
        event.local = strempty(event.local);
        event.remote = strempty(event.remote);
        if (report_mirror_event(&s->run->context->report, s->run->entry, &event, job->upload, s->records))
                s->records++;
}

static void note_first(Set *s, const RunFile *file, const KftpFailure *f) {
        if (!s->first && asprintf(&s->first, "%s: %s", file->name, strempty(f->text)) < 0)
                s->first = NULL;
}

/* ---- Then= ---------------------------------------------------------------------------------------- */

/* Of the session it is the run's failure, otherwise the file's. */
static bool is_of_session(const KftpFailure *f) {
        return f->class == KFTP_CLASS_NETWORK || f->class == KFTP_CLASS_AUTH || f->class == KFTP_CLASS_TLS;
}

/* Of one file. What the next attempt may mend is no news yet: the attempt's record tells of the first of them. */
static void note_failure(Set *s, const RunFile *file, const KftpResult *result, bool may_pass) {
        note_first(s, file, &result->failure);
        if (may_pass)
                s->again++;
        else
                s->failed++;
        if (!may_pass || !run_has_attempts(s->run))
                tell_file(s, file, result);
}

/*
 * < 0: the attempt ends with *f. What has changed while it was transferred is looked at again for as long as it does; what seems to
 * have changed since it was listed only as often as there are attempts.
 */
static int deal_with(Set *s, const KftpThen *then, const RunFile *file, const KftpResult *result, KftpFailure *f) {
        KftpResult failed = { .mtime = KFTP_MTIME_UNKNOWN };
        int r = run_then(s->run, then, file, result, f);

        s->counts.gone += r == THEN_DONE;
        s->changed |= r == THEN_CHANGED && result;
        if (r == THEN_CHANGED && !result)
                r = kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -ESTALE, true, "another version of it has come before the one that was dealt with was "
                                     "deleted or moved: it stays");
        if (r >= 0 || s->run->error < 0 || run_was_stopped(s->run, f) || is_of_session(f))
                return MIN2(r, 0);
        failed.failure = *f;
        *f = (KftpFailure) {};
        note_failure(s, file, &failed, run_may_pass(&failed.failure));
        kftp_result_done(&failed);
        return 0;
}

/* ---- One file ------------------------------------------------------------------------------------- */

static int note_delivered(Set *s, const RunFile *file, const KftpResult *result, KftpFailure *f) {
        Run *run = s->run;

        s->in_a_row = 0;
        if (run_note_delivered(run, DELIVERED_SENT, file, result) < 0)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, run->error, true, "%s", strerror(-run->error));
        s->counts.sent++;
        s->counts.bytes += result->bytes;
        run_progress_delivered(run, s->counts.sent, s->counts.bytes);
        tell_file(s, file, result);
        return deal_with(s, &run->job->then, file, result, f);
}

/* Whether the attempt ends with the failure, as it is not of the file alone. */
static bool ends_attempt(Set *s, const KftpFailure *f) {
        const Run *run = s->run;

        if (run_was_stopped(run, f) || run_is_refused(run, f))
                return true;
        /* whether it has got its name has to be found out before anything else is sent */
        if (run->job->upload && run->entry->state == LEDGER_INTENT && run_may_pass(f))
                return true;
        if (!is_of_session(f)) {
                s->in_a_row = 0;
                return false;
        }
        return f->class != KFTP_CLASS_NETWORK || ++s->in_a_row >= SESSION_FAILURES_MAX;
}

/* Takes the failure of the result. */
static int note_failed(Set *s, const RunFile *file, KftpResult *result, KftpFailure *f) {
        Run *run = s->run;
        bool may_pass = run_may_pass(&result->failure);

        if (ends_attempt(s, &result->failure)) {
                *f = result->failure;
                result->failure = (KftpFailure) {};
                return f->error < 0 ? f->error : -EREMOTEIO;
        }
        if (is_of_session(&result->failure) || (may_pass && run_has_attempts(run))) {
                note_failure(s, file, result, true);
                return 0;
        }
        note_first(s, file, &result->failure);
        tell_file(s, file, result);
        if (run_note_delivered(run, DELIVERED_FAILED, file, NULL) < 0)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, run->error, true, "%s", strerror(-run->error));
        s->counts.failed++;
        return deal_with(s, &run->job->then_on_failure, file, NULL, f);
}

static int transfer(Set *s, const RunFile *file, KftpFailure *f) {
        KftpResult result = { .mtime = KFTP_MTIME_UNKNOWN };
        Run *run = s->run;
        int r;

        run->file = file;
        run_progress_file(run, file->name, file->size);
        r = run->job->upload ? run->context->calls.put(run, file, &result) : run_get_file(run, file, &result);
        run->file = NULL;
        if (r < 0)
                r = note_failed(s, file, &result, f);
        else if (r > 0) {
                s->skipped++;
                r = 0;
        } else {
                run_note_result(run, &result);
                r = note_delivered(s, file, &result, f);
        }
        /* The store has it, or it has failed: the intent is settled. */
        if (r >= 0 && run->entry->state == LEDGER_INTENT) {
                run->entry->state = LEDGER_RUNNING;
                run->entry->pending = false;
        }
        kftp_result_done(&result);
        return r;
}

static int take(Set *s, const MirrorEntry *e, bool ambiguous, KftpFailure *f) {
        Run *run = s->run;
        RunFile file = run_file_of(run, e);
        uint64_t by = 0;
        DeliveredState state = run_find_delivered(run, &file, &by);

        file.ambiguous = ambiguous;
        if (state == DELIVERED_FAILED && by == run->request.number)
                return deal_with(s, &run->job->then_on_failure, &file, NULL, f);
        if (e->sent)
                return state == DELIVERED_FAILED ? 0 : deal_with(s, &run->job->then, &file, NULL, f);
        return transfer(s, &file, f);
}

/* ---- All of them ---------------------------------------------------------------------------------- */

static int compare_folded(const void *a, const void *b) {
        return mirror_names_compare_folded((*(const MirrorEntry *const *) a)->name, (*(const MirrorEntry *const *) b)->name);
}

/* Which names differ in upper and lower case only: one flag for each entry. NULL without memory. */
static bool *find_ambiguous(const MirrorList *l) {
        const MirrorEntry **sorted = calloc(l->n + 1, sizeof(*sorted));
        bool *flags = calloc(l->n + 1, sizeof(*flags));

        if (!sorted || !flags) {
                free(sorted);
                free(flags);
                return NULL;
        }
        for (size_t i = 0; i < l->n; i++)
                sorted[i] = l->entries + i;
        if (l->n > 0)
                qsort(sorted, l->n, sizeof(*sorted), compare_folded);
        for (size_t i = 1; i < l->n; i++)
                if (compare_folded(sorted + i - 1, sorted + i) == 0)
                        flags[sorted[i - 1] - l->entries] = flags[sorted[i] - l->entries] = true;
        free(sorted);
        return flags;
}

static int take_all(Set *s, KftpFailure *f) {
        const MirrorList *l = &s->listing->files;
        _cleanup_free_ bool *ambiguous = find_ambiguous(l);
        int r = ambiguous ? 0 : kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");

        for (size_t i = 0; r >= 0 && i < l->n; i++)
                r = take(s, l->entries + i, ambiguous[i], f);
        run_progress_file(s->run, NULL, KFTP_SIZE_UNKNOWN);
        return r;
}

static bool is_all_taken(const Set *s) {
        return s->again + s->failed + s->counts.failed + s->listing->refused + s->listing->growing + s->listing->unmarked == 0 && !s->changed &&
                !s->listing->more;
}

static void fail_some(Set *s) {
        uint64_t failed = s->run->entry->failed;
        KftpFailure f = {};

        (void) kftp_failure_set(&f, KFTP_CLASS_SOME_FAILED, 0, s->again > 0, "%" PRIu64 " file%s failed%s%s", failed, failed == 1 ? "" : "s",
                                s->first ? ", the first: " : "", strempty(s->first));
        run_fail(s->run, &f, s->again > 0);
        kftp_failure_done(&f);
}

/* Whoever waits for arrivals and finds nothing but what is there already has not had any: that is no run to be told of every few seconds. */
static bool has_skipped_all(const Set *s) {
        const LedgerEntry *e = s->run->entry;

        return s->run->request.trigger == RUN_WATCH && s->skipped > 0 && e->transferred + e->failed == 0;
}

/* All that there was has been tried. */
static void conclude(Set *s) {
        const SourceListing *l = s->listing;
        LedgerEntry *e = s->run->entry;

        if (s->again > 0 && run_has_attempts(s->run))
                fail_some(s);
        else if (l->growing > 0 || s->changed)
                run_wait(s->run, l->growing > 0 ? l->missing : "a file has changed while it was transferred", l->delay_usec);
        else if (e->failed > 0)
                fail_some(s);
        else if (has_skipped_all(s))
                run_wait(s->run, "all files are there already, and the job says IfExists=skip", l->delay_usec);
        else if (!run_is_short(s->run, l->ready + l->settled + s->counts.sent > 0, s->counts.sent)) {
                e->state = LEDGER_DONE;
                e->class = KFTP_CLASS_OK;
        }
}

void run_set(Run *run, const SourceListing *listing) {
        Set s = { .run = run, .listing = listing };
        uint64_t begin = now_usec(), before = run->entry->usec;
        KftpFailure f = {};
        int r;

        if (run_begin_attempt(run) < 0) {
                run->outcome = RUN_NO_STATE;
                return;
        }
        run_set_string(&run->entry->final, run->job->path);
        delivered_count(run->delivered, run->request.number, &s.counts);
        r = take_all(&s, &f);
        if (r >= 0 && is_all_taken(&s))
                r = run->context->calls.then_marker(run->job, &run->job->then, run->client, &listing->marker, &f);
        run->entry->usec = before + now_usec() - begin;
        note_counts(&s);
        if (r < 0)
                run_fail(run, &f, run_may_pass(&f));
        else
                conclude(&s);
        kftp_failure_done(&f);
        free(s.first);
}
