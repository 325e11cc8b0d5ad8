/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run tells the ledger: that it has begun, what a file is about to be called, how an attempt has ended and whether another one
 * follows. What an earlier run has left there is settled first.
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "client.h"
#include "control.h"
#include "format.h"
#include "put-names.h"
#include "runner-internal.h"
#include "source.h"
#include "utf8.h"

#define TEXT_MAX 2000                   /* bytes of what a server or a failure says: an entry stays small */

int run_record(Run *run) {
        int r = ledger_write(run->context->ledger, run->entry);

        if (r < 0) {
                run->error = r;
                kftp_control_cancel(run->control);
        }
        return r;
}

bool run_is_concluded(const LedgerEntry *e) {
        return e->state == LEDGER_DONE || e->state == LEDGER_FAILED;
}

/* ---- What was known before ------------------------------------------------------------------------ */

/* A file that an earlier run has delivered is not delivered again by this one, though that run was not concluded. */
static void settle_set(Run *run, LedgerEntry *e) {
        const DeliveredFile file = {
                .name = e->item ? kftp_remote_base(e->item) : NULL,
                .size = e->item_size,
                .mtime = e->item_mtime,
                .precision = e->item_precision,
                .run = e->number,
        };
        int fd = ledger_delivered_fd(run->context->ledger);
        Delivered *d;

        if (!e->item || !ledger_entry_was_delivered(e) || delivered_open(fd, e->job, &d) < 0)
                return;
        if (delivered_find(d, &file, NULL) == DELIVERED_NOT && delivered_add(d, DELIVERED_SENT, &file) >= 0 && e->set)
                report_conclusion(&run->context->report, e);
        delivered_free(d);
        if (!e->set)
                return;
        e->state = LEDGER_INTERRUPTED;
        e->pending = false;
}

/* Says what was left unsaid of an earlier run, and notes that, for this run may come to nothing. */
static void settle_earlier(Run *run, LedgerEntry *e) {
        if (e->set || source_is_listed(run->job))
                settle_set(run, e);
        e->then = false;        /* there is nothing to follow any more */
        (void) ledger_entry_recover(e);
        if (!run_is_concluded(e) || e->reported)
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

/* As it is written in the job's file, if it says all there. Allocated; NULL without memory. */
static char *remote_of(const KftpJob *job) {
        const KftpUrl *u = &job->url;
        bool bare = !strchr(u->host, ':');
        const char *path = u->path;
        char *text = NULL;
        size_t n;
        FILE *f;

        if (!job->dated && job->remote && strstr(job->remote, "://"))
                return strdup(job->remote);
        f = open_memstream(&text, &n);
        if (!f)
                return NULL;
        fprintf(f, "%s://%s%s%s", u->implicit_tls ? "ftps" : "ftp", bare ? "" : "[", u->host, bare ? "" : "]");
        if (u->has_port)
                fprintf(f, ":%u", u->port);
        fputs(path[0] == '/' ? "/%2F" : "/", f);
        for (path += path[0] == '/'; *path; path++)
                fprintf(f, isalnum((unsigned char) *path) || strchr("-._~/", *path) ? "%c" : "%%%02X", (unsigned char) *path);
        if (fclose(f) == 0)
                return text;
        free(text);
        return NULL;
}

static size_t server_length(const char *remote) {
        const char *scheme = strstr(remote, "://");

        return scheme ? (size_t) (strchrnul(scheme + 3, '/') - remote) : strlen(remote);
}

/* A directory that is another one each day, or of a set, is not what tells a file from another. */
static bool is_same_place(const KftpJob *job, const char *a, const char *b) {
        size_t n = server_length(a);

        if (!job->dated && !job->set)
                return streq(a, b);
        return server_length(b) == n && strncmp(a, b, n) == 0;
}

/* What became of the intent of an earlier run is this one's to find out, unless somebody wants all to be transferred, or it is about something else. */
static bool is_heir(const Run *run, const char *remote) {
        const LedgerEntry *e = run->entry;
        const KftpJob *job = run->job;

        if (run->request.again || job->mirror || e->set != job->set || e->upload != job->upload)
                return false;
        return !e->upload || is_same_place(job, strempty(e->remote), remote);
}

/* The entry of a run that was asked for has the URL as it is written. */
static int name_remote(Run *run) {
        char *remote = remote_of(run->job);
        LedgerEntry *e = run->entry;

        if (!remote)
                return -ENOMEM;
        if (e->intent_number != 0 && e->intent_number != run->request.number && !is_heir(run, remote)) {
                e->pending = false;
                e->intent_number = 0;
        }
        free(e->remote);
        e->remote = remote;
        return 0;
}

/* A run begins; of the one before it is kept when the job ended well last, and what it has left open. */
static int new_entry(Run *run) {
        LedgerEntry *earlier = run->entry;

        run->fresh = true;
        if (earlier)
                settle_earlier(run, earlier);
        run->entry = ledger_entry_new(run->job->name, run->job->revision, NULL);
        if (run->entry && earlier) {
                run->entry->succeeded_usec = earlier->succeeded_usec;
                ledger_entry_inherit(run->entry, earlier);
        }
        ledger_entry_free(earlier);
        return run->entry ? 0 : -ENOMEM;
}

int run_load_entry(Run *run) {
        const KftpJob *job = run->job;
        int r = 0;

        if (!run->entry)
                r = ledger_read(run->context->ledger, job->name, &run->entry);
        if (r < 0 && r != -ENOENT)
                return r;
        r = run->entry && is_of_run(run->entry, run) ? 0 : new_entry(run);
        if (r >= 0 && !run_is_concluded(run->entry))
                r = name_remote(run);
        if (r < 0)
                return r;
        if (run->entry->state == LEDGER_INTERRUPTED && run->entry->transferred + run->entry->failed == 0)
                run->fresh = true;
        if (run->entry->pending && !run_is_concluded(run->entry))       /* of an earlier run, or tried again by hand */
                run->entry->state = LEDGER_INTENT;
        run->entry->number = run->request.number;
        run->entry->trigger = run->request.trigger;
        run->entry->again = run->request.again;
        run->entry->mirror = job->mirror;
        run->entry->set = job->set;
        run->entry->upload = job->upload && !job->mirror;
        /* The store has to be told, too, or the next run takes it once more. */
        run->entry->then = job->then.action != KFTP_THEN_KEEP || source_is_listed(job) || run->request.trigger == RUN_CALENDAR;
        return 0;
}

int run_begin_attempt(Run *run) {
        LedgerEntry *e = run->entry;

        e->state = LEDGER_RUNNING;
        e->recovered = e->reported = e->pending = e->retried = false;
        e->ended_usec = 0;
        if (!e->mirror && !e->set)
                e->bytes = 0;
        run->begun = true;
        return run_record(run);
}

/* ---- Strings -------------------------------------------------------------------------------------- */

void run_set_text(char **field, const char *text) {
        free(*field);
        *field = text ? kftp_escape(text, strlen(text)) : NULL;
        if (*field)
                kftp_utf8_shorten(*field, TEXT_MAX);
}

void run_set_string(char **field, const char *text) {
        free(*field);
        *field = text ? strdup(text) : NULL;
}

void run_set_address(char **field, const struct kftp_addr *a) {
        free(*field);
        *field = a->family != 0 ? kftp_address_format(a) : NULL;
}

/* ---- The intent ----------------------------------------------------------------------------------- */

/* Before the file gets its name: from then on others may read it. Nobody else's file is touched. */
static int set_mode(const char *path, uint32_t mode) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink > 1)
                return -EPERM;
        return fchmod(fd, mode & 0777) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* As the listing has it, by which the store knows it; without one it is as the server says. */
static int note_item(Run *run, const KftpIntent *i) {
        const RunFile *file = run->file;
        LedgerEntry *e = run->entry;

        run_set_string(&e->item, file ? file->name : NULL);
        e->item_size = file && run->listed ? file->size : i->size;
        e->item_mtime = file && run->listed ? file->mtime : i->mtime;
        e->item_precision = file && run->listed ? file->mtime_precision : 1;
        return file && !e->item ? -ENOMEM : 0;
}

int run_note_intent(void *userdata, const KftpIntent *i) {
        Run *run = userdata;
        const KftpJob *job = run->job;
        LedgerEntry *e = run->entry;
        int r;

        if (!job->upload && job->file_mode != KFTP_MODE_UNKNOWN) {
                r = set_mode(i->temporary, job->file_mode);
                if (r < 0)
                        return r;
        }
        run_set_string(&e->temporary, i->temporary);
        run_set_string(&e->final, i->final);
        if (!e->temporary || !e->final || note_item(run, i) < 0)
                return -ENOMEM;
        e->directory_inode = job->upload ? 0 : ledger_directory_inode(i->temporary);
        e->bytes = i->size;
        e->mtime = i->mtime;
        e->twin = i->twin;
        e->twin_mtime = i->twin_mtime;
        e->intent_number = 0;
        e->state = LEDGER_INTENT;
        e->pending = true;
        return run_record(run);
}

/* ---- How it ends ---------------------------------------------------------------------------------- */

/*
 * A host that is not known may be known later, too: when the machine starts, before its network does, some
 * resolvers say that there is no such host. And another transfer of the same file will have come to its end.
 */
bool run_may_pass(const KftpFailure *f) {
        return f->transient || f->class == KFTP_CLASS_BUSY || (f->class == KFTP_CLASS_NETWORK && f->error == -EHOSTUNREACH);
}

bool run_has_attempts(const Run *run) {
        return run->entry->attempt <= run->job->retries;
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

/* What was delivered, or may be so, stays an intent: the next attempt begins with finding out. */
static void note_pause(LedgerEntry *e) {
        if (e->state != LEDGER_INTENT)
                e->state = LEDGER_INTERRUPTED;
}

/* The run ends without a conclusion: it will be taken up again where it stopped. */
static void note_interruption(Run *run, RunOutcome outcome) {
        run->outcome = outcome;
        note_pause(run->entry);
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
        note_pause(e);
        run->outcome = run_record(run) < 0 ? RUN_NO_STATE : RUN_PUT_OFF;
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
        } else if (run_is_refused(run, f)) {
                run_set_text(&run->text, f->text);
                note_interruption(run, RUN_SERVER_BUSY);
        } else if (may_pass && run_has_attempts(run))
                put_off(run, f);
        else
                note_failure(run, f, !may_pass);
}

void run_fail_for_good(Run *run, const KftpFailure *f) {
        note_failure(run, f, true);
}

void run_wait(Run *run, const char *text, uint64_t delay_usec) {
        run_set_text(&run->text, text);
        run->delay_usec = delay_usec;
        run->outcome = RUN_NOT_READY;
        if (!run->begun)        /* a look alone leaves no trace: there may be one every few seconds, for weeks */
                return;
        note_pause(run->entry);
        if (run_record(run) < 0)
                run->outcome = RUN_NO_STATE;
}

bool run_was_stopped(const Run *run, const KftpFailure *f) {
        return run->error < 0 || f->class == KFTP_CLASS_INTERRUPTED || f->class == KFTP_CLASS_DEVICE;
}

/* ---- What the transfer was like ------------------------------------------------------------------- */

void run_note_result(Run *run, const KftpResult *result) {
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

void run_note_success(Run *run, const KftpResult *result) {
        LedgerEntry *e = run->entry;

        e->state = LEDGER_DONE;
        e->class = KFTP_CLASS_OK;
        e->transferred = 1;
        e->mtime = result->mtime;
        e->resumed_from = result->resumed_from;
        e->transfer_usec = result->transfer_usec;
        e->rate = result->rate;
        e->reply = result->reply;
        if (result->local)
                run_set_string(run->job->upload ? &e->item : &e->final, result->local);
}
