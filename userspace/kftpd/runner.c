/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The script of a run. The ledger is written before anything that must not be forgotten: that an
 * attempt begins, that the file is about to get its final name, how the run ended. What an earlier
 * run left there decides where the script begins.
 */

#include <errno.h>
#include <sys/random.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "client.h"
#include "failure.h"
#include "format.h"
#include "runner-internal.h"
#include "target.h"
#include "utf8.h"

#define TEXT_MAX 2000                   /* bytes of what a server or a failure says: an entry stays small */

/* ---- The ledger ----------------------------------------------------------------------------------- */

/* Records the entry; if that fails the run cannot go on, and is stopped if it is in mid-transfer. */
static int record(Run *run) {
        int r = ledger_write(run->context->ledger, run->entry);

        if (r < 0) {
                run->error = r;
                kftp_control_cancel(run->control);
        }
        return r;
}

static bool is_concluded(const LedgerEntry *e) {
        return e->state == LEDGER_DONE || e->state == LEDGER_FAILED;
}

/* Says what was left unsaid of an earlier revision, and notes that, for this run may come to nothing. */
static void settle_earlier(Run *run, LedgerEntry *e) {
        (void) ledger_entry_recover(e);
        if (!is_concluded(e) || e->reported)
                return;
        report_conclusion(&run->context->report, e);
        e->reported = true;
        (void) ledger_write_lazily(run->context->ledger, e);
}

/*
 * Whether the entry is that of this run: an earlier attempt at it, maybe of the process before. One without a number is from a
 * version that had none.
 */
static bool is_of_run(const LedgerEntry *e, const Run *run) {
        return streq(e->revision, run->job->revision) && 
                (e->number == run->request.number || (e->number == 0 && !ledger_entry_is_settled(e)));
}

/* A run begins; of the one before it is kept when the job ended well last. */
static int new_entry(Run *run) {
        uint64_t succeeded = run->entry ? run->entry->succeeded_usec : 0;

        if (run->entry)
                settle_earlier(run, run->entry);
        ledger_entry_free(run->entry);
        run->entry = ledger_entry_new(run->job->name, run->job->revision, run->job->remote);
        if (!run->entry)
                return -ENOMEM;
        run->entry->succeeded_usec = succeeded;
        return 0;
}

/* Finds out what is known of this run. */
static int load_entry(Run *run) {
        int r = 0;

        if (!run->entry)
                r = ledger_read(run->context->ledger, run->job->name, &run->entry);
        if (r < 0 && r != -ENOENT)
                return r;
        r = run->entry && is_of_run(run->entry, run) ? 0 : new_entry(run);
        if (r < 0)
                return r;
        run->entry->number = run->request.number;
        run->entry->trigger = run->request.trigger;
        run->entry->again = run->request.again;
        run->entry->mirror = run->job->mirror;
        return 0;
}

/* Replaces a string of the entry by text that is made fit for display, and not too long for it. */
void run_set_text(char **field, const char *text) {
        free(*field);
        *field = text ? kftp_escape(text, strlen(text)) : NULL;
        if (*field)
                kftp_utf8_shorten(*field, TEXT_MAX);
}

static void set_string(char **field, const char *text) {
        free(*field);
        *field = text ? strdup(text) : NULL;
}

void run_set_address(char **field, const struct kftp_addr *a) {
        free(*field);
        *field = a->family != 0 ? kftp_address_format(a) : NULL;
}

static void begin_attempt(LedgerEntry *e) {
        e->state = LEDGER_RUNNING;
        e->recovered = e->reported = false;
        if (!e->mirror)
                e->bytes = 0;
}

/* ---- What the transfer tells ---------------------------------------------------------------------- */

static int on_intent(void *userdata, const KftpIntent *i) {
        Run *run = userdata;
        LedgerEntry *e = run->entry;

        set_string(&e->temporary, i->temporary);
        set_string(&e->final, i->final);
        if (!e->temporary || !e->final)
                return -ENOMEM;
        e->directory_inode = ledger_directory_inode(i->temporary);
        e->bytes = i->size;
        e->mtime = i->mtime;
        e->state = LEDGER_INTENT;
        return record(run);
}

static void on_warning(void *userdata, const char *text) {
        Run *run = userdata;

        report_event(&run->context->report, LOG_WARNING, KFTP_MESSAGE_RUN_WARNING, run->job->name, 0, "%s: %s", run->job->name, text);
}

/* ---- The transfer --------------------------------------------------------------------------------- */

/*
 * A host that is not known may be known later, too: when the machine starts, before its network does, some
 * resolvers say that there is no such host.
 */
bool run_may_pass(const KftpFailure *f) {
        return f->transient || (f->class == KFTP_CLASS_NETWORK && f->error == -EHOSTUNREACH);
}

static void note_failure(Run *run, const KftpFailure *f, bool permanent) {
        LedgerEntry *e = run->entry;

        e->state = LEDGER_FAILED;
        e->class = f->class;
        e->error = f->error;
        e->permanent = permanent;
        e->reply = f->reply;
        run_set_text(&e->text, f->text);
}

static void note_result(Run *run, const KftpResult *result) {
        LedgerEntry *e = run->entry;

        e->usec += result->usec;
        run_set_text(&e->reply_text, result->reply_text);
        free(e->tls);
        e->tls = kftp_format_tls(result);
        run_set_address(&e->peer, &result->peer);
        run_set_address(&e->local, &result->local_addr);
        run_set_address(&e->data_peer, &result->data_peer);
        run_set_address(&e->data_local, &result->data_local);
}

static void note_success(Run *run, const KftpResult *result) {
        LedgerEntry *e = run->entry;

        e->state = LEDGER_DONE;
        e->class = KFTP_CLASS_OK;
        e->mtime = result->mtime;
        e->resumed_from = result->resumed_from;
        e->transfer_usec = result->transfer_usec;
        e->rate = result->rate;
        e->reply = result->reply;
        if (result->local)
                set_string(&e->final, result->local);
}

/* The run ends without a conclusion: it will be taken up again where it stopped. */
static void note_interruption(Run *run, RunOutcome outcome) {
        run->outcome = outcome;
        run->entry->state = LEDGER_INTERRUPTED;
        if (outcome != RUN_NO_STATE)
                (void) ledger_write(run->context->ledger, run->entry);
}

/* Between attempts nothing runs: the job is put back into the queue for the time of the next one. */
static void put_off(Run *run, const KftpFailure *f) {
        LedgerEntry *e = run->entry;
        KftpAttempt attempt = { .attempt = e->attempt, .failure = f };
        uint32_t random = 0;

        (void) !getrandom(&random, sizeof(random), GRND_NONBLOCK);
        attempt.delay_usec = run->delay_usec = kftp_backoff_usec(run->job->retry_usec, e->attempt, random);
        report_attempt(&run->context->report, e, &attempt, run->job->retries + 1);
        e->attempt++;
        e->usec += run->delay_usec;
        e->state = LEDGER_INTERRUPTED;
        run->outcome = record(run) < 0 ? RUN_NO_STATE : RUN_PUT_OFF;
}

void run_fail(Run *run, const KftpFailure *f, bool may_pass) {
        if (run->error < 0)
                note_interruption(run, RUN_NO_STATE);
        else if (f->class == KFTP_CLASS_INTERRUPTED)
                note_interruption(run, RUN_STOPPED);
        else if (f->class == KFTP_CLASS_DEVICE) {
                run_set_text(&run->text, f->text);
                note_interruption(run, RUN_NO_DEVICE);
                run->error = f->error;
        } else if (may_pass && run->entry->attempt <= run->job->retries)
                put_off(run, f);
        else
                note_failure(run, f, !may_pass);
}

/* It was not for the attempt itself that it ended. */
static bool was_stopped(const Run *run, const KftpFailure *f) {
        return run->error < 0 || f->class == KFTP_CLASS_INTERRUPTED || f->class == KFTP_CLASS_DEVICE;
}

static void settle(Run *run, int r, KftpResult *result) {
        const KftpFailure *f = &result->failure;

        run->entry->bytes = result->bytes;      /* of a failure: what is left of it, to go on from */
        if (r >= 0 || !was_stopped(run, f))
                note_result(run, result);
        if (r >= 0)
                note_success(run, result);
        else
                run_fail(run, f, run_may_pass(f));
}

KftpOptions run_options(Run *run, const char *password) {
        const KftpJob *job = run->job;

        return (KftpOptions) {
                .user = job->user,
                .password = password,
                .data_mode = job->data_mode,
                .tls = {
                        .mode = job->tls_mode,
                        .ca_file = job->ca_file,
                        .certificate_file = job->certificate_file,
                        .key_file = job->key_file,
                        .pin = job->pin,
                },
                .resume = true,
                .callbacks = {
                        .warning = on_warning,
                        .userdata = run,
                },
                .control = run->control,
        };
}

static void fetch(Run *run, const char *password) {
        KftpOptions options = run_options(run, password);
        const KftpJob *job = run->job;
        KftpResult result = {};
        int r;

        options.callbacks.intent = on_intent;
        r = run->context->calls.get(&job->url, job->path, &options, &result);
        settle(run, r, &result);
        kftp_result_done(&result);
}

/* For the records; what cannot be named kftp_get will complain about. */
static void name_local_side(Run *run) {
        _cleanup_free_ char *final = NULL, *temporary = NULL;

        if (run->job->mirror)
                set_string(&run->entry->final, run->job->path);
        else if (kftp_get_names(&run->job->url, run->job->path, &final, &temporary, NULL) >= 0)
                set_string(&run->entry->final, final);
}

/*
 * An upload that deletes empties the server if its source is an empty mount point, which it may be when it is taken up again
 * after a restart. Says no if the source is another directory than when the first attempt began.
 */
static int check_source(Run *run, KftpFailure *f) {
        _cleanup_free_ char *inside = NULL;
        LedgerEntry *e = run->entry;
        uint64_t inode;

        if (!run->job->mirror || !run->job->upload || !run->job->mirror_options.delete)
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
        return record(run);
}

static void transfer(Run *run) {
        KftpFailure failure = {};
        char *password = NULL;

        name_local_side(run);
        if (check_source(run, &failure) < 0)
                run_fail(run, &failure, failure.transient);
        else if (run->job->password_file && kftp_read_password_file(run->job->password_file, &password, &failure) < 0)
                note_failure(run, &failure, true);
        else if (run->job->mirror)
                run_mirror(run, password);
        else
                fetch(run, password);

        kftp_failure_done(&failure);
        if (password)
                explicit_bzero(password, strlen(password));
        free(password);
}

/* ---- The script ----------------------------------------------------------------------------------- */

static void note_end(LedgerEntry *e) {
        if (e->ended_usec > 0)          /* it was concluded before, and could not be recorded or reported */
                return;
        e->ended_usec = realtime_usec();
        if (e->state == LEDGER_DONE)
                e->succeeded_usec = e->ended_usec;
}

/* First the ledger, then the journal: a crash between them repeats the report, never the transfer. */
static void conclude(Run *run) {
        note_end(run->entry);
        if (record(run) < 0) {
                run->outcome = RUN_NO_STATE;
                return;
        }
        report_conclusion(&run->context->report, run->entry);
        run->entry->reported = true;
        (void) ledger_write_lazily(run->context->ledger, run->entry);
        run->outcome = RUN_CONCLUDED;
}

static bool target_is_good(Run *run) {
        const KftpJob *job = run->job;

        run->text = !job->mirror ? target_check(job->path) :
                !job->upload ? target_check_tree(job->path) : source_check(job->path, job->mirror_options.move);
        run->outcome = run->text ? RUN_NO_TARGET : RUN_TARGET_GOOD;
        return !run->text;
}

static void script(Run *run) {
        run->error = load_entry(run);
        if (run->error < 0) {
                run->outcome = RUN_NO_STATE;
                return;
        }

        (void) ledger_entry_recover(run->entry);
        if (!is_concluded(run->entry)) {
                if (!target_is_good(run))
                        return;
                begin_attempt(run->entry);
                if (record(run) < 0) {
                        run->outcome = RUN_NO_STATE;
                        return;
                }
                transfer(run);
        }
        if (is_concluded(run->entry))
                conclude(run);
}

static void *thread_main(void *userdata) {
        Run *run = userdata;

        if (run->check_only)
                (void) target_is_good(run);
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
        run->context = context;
        run->userdata = userdata;
        run->check_only = !request;
        if (request)
                run->request = *request;
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
        free(run->text);
        free(run);
        return NULL;
}
