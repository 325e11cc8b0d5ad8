/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of a run's script that is a mirror's: what the mirror tells of each file goes to the journal as it happens, what it
 * has done as a whole into the ledger. There is nothing to be recorded before a file gets its name: each is delivered as a
 * whole or not at all, and the next attempt finds those that are there.
 */

#include "report-mirror.h"
#include "runner-internal.h"

/* Within an attempt, for each file and each session: what passes quickly is not worth another attempt. */
#define FILE_RETRIES_MAX KFTP_RETRIES_DEFAULT

typedef struct MirrorRun {
        Run *run;
        uint64_t records;               /* of files, so far */
        bool permanent;                 /* a single file has failed for what does not pass */
} MirrorRun;

static void on_event(void *userdata, const KftpMirrorEvent *e) {
        MirrorRun *m = userdata;
        const KftpFailure *f = &e->result->failure;

        if (f->class == KFTP_CLASS_INTERRUPTED)         /* the run's own record says it */
                return;
        if (f->class != KFTP_CLASS_OK && !run_may_pass(f))
                m->permanent = true;
        if (report_mirror_event(&m->run->context->report, m->run->entry, e, m->run->job->upload, m->records))
                m->records++;
}

static void on_progress(void *userdata, const KftpMirrorProgress *p) {
        MirrorRun *m = userdata;

        run_progress_mirror(m->run, p);
}

/* What was done adds up over the attempts. */
static void note_result(LedgerEntry *e, const KftpMirrorResult *result) {
        e->transferred += result->transferred;
        e->deleted += result->deleted;
        e->moved += result->moved;
        e->bytes += result->bytes;
        e->usec += result->usec;
        e->unchanged = result->unchanged;
        e->failed = result->failed;
        run_set_address(&e->peer, &result->peer);
        free(e->tls);
        e->tls = result->tls.version != 0 ? kftp_tls_format(&result->tls) : NULL;
}

/* Single files that failed are worth another attempt only if each of them may pass then. */
static bool may_pass(const MirrorRun *m, const KftpFailure *f) {
        if (f->class == KFTP_CLASS_SOME_FAILED)
                return !m->permanent;
        return run_may_pass(f);
}

void run_mirror(Run *run) {
        const KftpJob *job = run->job;
        KftpMirrorOptions mirror = job->mirror_options;
        KftpOptions options = run_options(run);
        MirrorRun m = { .run = run };
        KftpMirrorResult result = {};
        int r;

        options.callbacks.intent = NULL;        /* each file is a transfer of its own */
        options.callbacks.progress = NULL;
        options.resume = true;
        options.retries = MIN2(job->retries, (unsigned) FILE_RETRIES_MAX);
        mirror.state_directory = run->context->mirror_directory;
        mirror.event = on_event;
        mirror.progress = on_progress;
        mirror.userdata = &m;
        if (run->request.connections > 0)
                mirror.parallel = MIN2(mirror.parallel ?: KFTP_PARALLEL_DEFAULT, run->request.connections);

        r = run->context->calls.mirror(&job->url, job->path, &options, &mirror, &result);
        note_result(run->entry, &result);
        if (r < 0)
                run_fail(run, &result.failure, may_pass(&m, &result.failure));
        else if (!run_is_short(run, result.files > 0, run->entry->transferred)) {
                run->entry->state = LEDGER_DONE;
                run->entry->class = KFTP_CLASS_OK;
        }
        kftp_mirror_result_done(&result);
}
