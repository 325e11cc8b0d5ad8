/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The script of a run. The ledger is written before anything that must not be forgotten: that an
 * attempt begins, that the file is about to get its final name, how the run ended. What an earlier
 * run left there decides where the script begins.
 */

#include <errno.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "failure.h"
#include "runner-internal.h"
#include "source.h"
#include "target.h"
#include "units.h"

/* ---- The transfer --------------------------------------------------------------------------------- */

/* For the records; what cannot be named kftp_get will complain about. */
static void name_local_side(Run *run) {
        _cleanup_free_ char *final = NULL, *temporary = NULL;
        const KftpJob *job = run->job;

        if (run->entry->state == LEDGER_INTENT)         /* which has them */
                return;
        if (job->mirror || job->set || job->upload)
                run_set_string(&run->entry->final, job->path);
        else if (kftp_get_names(&job->url, job->path, &final, &temporary, NULL) >= 0)
                run_set_string(&run->entry->final, final);
}

/*
 * An upload that deletes empties the server if its source is an empty mount point, which it may be when it is taken up again
 * after a restart. Says no if the source is another directory than when the first attempt began.
 */
static int check_source(Run *run, KftpFailure *f) {
        _cleanup_free_ char *inside = NULL;
        LedgerEntry *e = run->entry;
        uint64_t inode;

        if (!run->job->upload || !run->job->mirror_options.delete)
                return 0;
        if (asprintf(&inside, "%s/.", run->job->path) < 0) {
                inside = NULL;
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        }
        inode = ledger_directory_inode(inside);
        if (e->directory_inode != 0 && inode != e->directory_inode)
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, -ESTALE, false, "%s: another directory than when the job began (is it not mounted?), "
                                        "and Delete= would remove from the server what it does not have; change the job's file to run it all the same",
                                        run->job->path);
        e->directory_inode = inode;
        return run_record(run);
}

static void mirror(Run *run) {
        KftpFailure f = {};

        if (run_begin_attempt(run) < 0)
                run->outcome = RUN_NO_STATE;
        else if (check_source(run, &f) < 0)
                run_fail(run, &f, f.transient);
        else
                run_mirror(run);
        kftp_failure_done(&f);
}

static void transfer(Run *run) {
        KftpFailure f = {};

        run_progress_begin(run);
        name_local_side(run);
        if (kftp_secret_get(run->job, &run->secret, &f) < 0)
                run_fail_for_good(run, &f);
        else if (run->job->mirror)
                mirror(run);
        else
                run_copy(run);
        kftp_secret_done(&run->secret);
        kftp_failure_done(&f);
}

/* ---- The script ----------------------------------------------------------------------------------- */

static void note_end(LedgerEntry *e) {
        if (e->ended_usec > 0)          /* it was concluded before, and could not be recorded or reported */
                return;
        e->ended_usec = realtime_usec();
        if (e->state == LEDGER_DONE)
                e->succeeded_usec = e->ended_usec;
}

static void tell_units(Run *run) {
        bool success = run->entry->state == LEDGER_DONE;
        const KftpJob *job = run->job;
        int r;

        if (!(success ? job->on_success : job->on_failure))
                return;
        r = units_tell_end(job->name, success);
        if (r < 0)
                report_event(&run->context->report, LOG_WARNING, KFTP_MESSAGE_RUN_WARNING, job->name, r, "%s: the units of %s= are not started: %s",
                             job->name, success ? "OnSuccess" : "OnFailure", strerror(-r));
}

/* First the ledger, then the journal: a crash between them repeats the report, never the transfer. */
static void conclude(Run *run) {
        note_end(run->entry);
        if (run_record(run) < 0) {
                run->outcome = RUN_NO_STATE;
                return;
        }
        tell_units(run);
        report_conclusion(&run->context->report, run->entry);
        run->entry->reported = true;
        (void) ledger_write_lazily(run->context->ledger, run->entry);
        run->outcome = RUN_CONCLUDED;
}

/* The source of a copy need not be there yet. */
/* That it is not there is no fault: it is waited for. */
static char *check_source_of_copy(const KftpJob *job) {
        bool removing = job->then.action != KFTP_THEN_KEEP || job->then_on_failure.action != KFTP_THEN_KEEP;
        _cleanup_free_ char *directory = NULL, *name = NULL;

        if ((!job->set && !removing) || source_place(job, &directory, &name) < 0 || access(directory, F_OK) < 0)
                return NULL;
        return source_check(directory, removing);
}

static char *check_here(const KftpJob *job) {
        if (!job->upload)
                return job->mirror || job->set ? target_check_tree(job->path) : target_check(job->path);
        if (job->mirror)
                return source_check(job->path, job->mirror_options.move);
        return check_source_of_copy(job);
}

static bool target_is_good(Run *run) {
        const KftpJob *job = run->job;

        if (job->dated && !job->upload)       /* it is another directory each day */
                target_make(job->path, job->mirror || job->set);
        run->text = check_here(run->job);
        run->outcome = run->text ? RUN_NO_TARGET : RUN_TARGET_GOOD;
        return !run->text;
}

static int set_date(Run *run, KftpFailure *f) {
        _cleanup_free_ char *reason = NULL;
        int r;

        if (!run->job->dated)
                return 0;
        r = kftp_job_set_date(run->job, (int64_t) (run->request.number / USEC_PER_SEC), &reason);
        if (r == -ENOMEM)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, r, true, "not enough memory");
        return r < 0 ? kftp_failure_set(f, KFTP_CLASS_USAGE, r, false, "%s", reason ?: strerror(-r)) : 0;
}

static void script(Run *run) {
        KftpFailure f = {};
        /* The date is that of the run: the same at each attempt. */
        int r = set_date(run, &f);

        run->error = run_load_entry(run);
        if (run->error < 0) {
                run->outcome = RUN_NO_STATE;
                kftp_failure_done(&f);
                return;
        }

        (void) ledger_entry_recover(run->entry);
        if (!run_is_concluded(run->entry) && r < 0)
                run_fail(run, &f, f.transient);
        else if (!run_is_concluded(run->entry) && target_is_good(run)) {
                run->outcome = RUN_CONCLUDED;
                transfer(run);
        }
        if (run_is_concluded(run->entry))
                conclude(run);
        kftp_failure_done(&f);
}

static void *thread_main(void *userdata) {
        Run *run = userdata;

        if (run->check_only)
                (void) target_is_good(run);     /* the job has the date of the run that found the target wanting */
        else
                script(run);
        /* A pointer is written in one piece, and the pipe has room for thousands. */
        while (write(run->context->done_fd, &run, sizeof(run)) < 0 && errno == EINTR)
                ;
        return NULL;
}

static int start(const RunContext *context, const RunRequest *request, KftpJob *job, LedgerEntry *entry, void *userdata, Run **ret) {
        Run *run = calloc(1, sizeof(*run));
        int r;

        if (!run)
                return -ENOMEM;
        run->source_fd = -1;
        run->context = context;
        run->userdata = userdata;
        run->check_only = !request;
        if (request)
                run->request = *request;
        (void) pthread_mutex_init(&run->lock, NULL);
        r = kftp_control_new(&run->control);
        if (r < 0) {
                free(run);
                return r;
        }
        run->job = job;
        run->entry = entry;
        r = -pthread_create(&run->thread, NULL, thread_main, run);
        if (r < 0) {
                kftp_control_free(run->control);
                free(run);
                return r;
        }
        *ret = run;
        return 0;
}

const char *run_trigger_name(RunTrigger t) {
        static const char *const names[RUN_TRIGGERS] = {
                [RUN_REVISION] = "revision",
                [RUN_CALENDAR] = "calendar",
                [RUN_HAND] = "hand",
                [RUN_WATCH] = "watch",
        };

        return t < RUN_TRIGGERS ? names[t] : "unknown";
}

int run_start(const RunContext *context, const RunRequest *request, KftpJob *job, LedgerEntry *entry, void *userdata, Run **ret) {
        return start(context, request, job, entry, userdata, ret);
}

int run_start_check(const RunContext *context, KftpJob *job, void *userdata, Run **ret) {
        return start(context, NULL, job, NULL, userdata, ret);
}

void run_cancel(Run *run) {
        kftp_control_cancel(run->control);
}

void run_join(Run *run) {
        (void) pthread_join(run->thread, NULL);
}

Run *run_free(Run *run) {
        if (!run)
                return NULL;
        kftp_control_free(run->control);
        kftp_job_free(run->job);
        ledger_entry_free(run->entry);
        (void) pthread_mutex_destroy(&run->lock);
        free(run->progress.name);
        free(run->text);
        safe_close(run->source_fd);
        free(run);
        return NULL;
}
