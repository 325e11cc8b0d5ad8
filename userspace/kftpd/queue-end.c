/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of a job whose run has ended: it is done, waits for the time of its next attempt or for its source, goes back to its
 * place in the queue, or is rejected because its target cannot be written, which is looked at again from time to time.
 */

#include <syslog.h>

#include "arrival.h"
#include "catalog-ids.h"
#include "queue.h"
#include "units.h"

#define LOOK_APART_USEC (10 * USEC_PER_MSEC)    /* between two looks at sources, on average */

static bool is_concluded(const LedgerEntry *e) {
        return e && (e->state == LEDGER_DONE || e->state == LEDGER_FAILED);
}

void queue_remember(Job *j, const LedgerEntry *e) {
        j->last_number = e->number;
        j->last_usec = e->ended_usec;
        j->last_class = e->class;
        j->succeeded_usec = e->succeeded_usec;
}

/* What the job is between its runs. */
static JobState rest_of(const Job *j) {
        return j->last_class != KFTP_CLASS_OK ? JOB_FAILED : j->scheduled ? JOB_SCHEDULED : JOB_DONE;
}

/* Its file is gone, masked, or has an error. */
static bool is_withdrawn(const Job *j) {
        return j->revision[0] == '\0';
}

/* ---- Cancelled runs ------------------------------------------------------------------------------- */

/* The entry of the job's run, if it has one by now: that of an earlier run is only told what is left to be told. */
static LedgerEntry *own_entry(Manager *m, const Job *j, LedgerEntry *last) {
        LedgerEntry *e;

        if (!last)
                (void) ledger_read(m->context.ledger, j->name, &last);
        if (last && last->number == j->number)
                return last;
        job_settle(m, last);
        e = ledger_entry_new(j->name, j->revision, j->definition ? j->definition->remote : NULL);
        if (e) {
                e->number = j->number;
                e->trigger = j->trigger;
        }
        if (e && last) {
                e->succeeded_usec = last->succeeded_usec;
                ledger_entry_inherit(e, last);
        }
        ledger_entry_free(last);
        return e;
}

static void note_cancelled(LedgerEntry *e, const char *why) {
        free(e->text);
        e->text = strdup(why);
        e->state = LEDGER_FAILED;
        e->class = KFTP_CLASS_INTERRUPTED;
        e->error = 0;
        e->permanent = true;
        e->reported = false;
        e->ended_usec = realtime_usec();
}

void queue_conclude(Manager *m, Job *j, LedgerEntry *entry, const char *why, bool say) {
        LedgerEntry *e = own_entry(m, j, entry);

        if (!e)
                return;
        if (!is_concluded(e))
                note_cancelled(e, why);
        else
                say = !e->reported;
        /* If that cannot be recorded the run goes on after a restart, as if it had not been cancelled. */
        if (say) {
                report_conclusion(&m->context.report, e);
                if (e->state == LEDGER_FAILED && j->fails_units)
                        (void) units_tell_end(j->name, false);
        }
        e->reported = true;
        (void) ledger_write(m->context.ledger, e);
        queue_remember(j, e);
        ledger_entry_free(e);
}

/* The file was changed before somebody told the run to end: what it says now is not run either, nor after a restart. */
static void give_up_change(Manager *m, Job *j) {
        LedgerEntry *e = j->scheduled ? NULL : ledger_entry_new(j->name, j->definition->revision, j->definition->remote);

        if (e) {
                e->number = j->number;
                e->trigger = j->trigger;
                e->succeeded_usec = j->succeeded_usec;
                queue_conclude(m, j, e, BY_HAND, false);
        }
        j->definition = kftp_job_free(j->definition);
}

static void conclude_by_hand(Manager *m, Job *j, LedgerEntry *e) {
        queue_conclude(m, j, e, BY_HAND, true);
        if (j->definition)
                give_up_change(m, j);
        job_set_state(m, j, is_withdrawn(j) ? j->withdrawn : rest_of(j));
}

/* The run has ended because it was told to; the job has another definition by now, none, or the same again, which goes on. */
static void end_cancelled(Manager *m, Job *j, Run *run) {
        if (j->by_hand) {
                conclude_by_hand(m, j, STEAL_PTR(run->entry));
                return;
        }
        if (run->outcome == RUN_STOPPED || run->outcome == RUN_PUT_OFF)
                report_stopped(&m->context.report, run->entry, j->cancelled);
        if (j->gone)
                return;
        if (run->outcome == RUN_NO_STATE && is_concluded(run->entry))
                job_settle(m, run->entry);
        else if (j->definition && run->entry && !streq(run->entry->revision, j->definition->revision))
                queue_conclude(m, j, STEAL_PTR(run->entry), "cancelled: its file was changed", false);
        if (j->definition)
                job_admit(m, j);
        else
                job_set_state(m, j, j->withdrawn);
}

/* ---- Runs that have come to an end ---------------------------------------------------------------- */

/* A hot folder waits for what comes next. */
static void watch_on(Manager *m, Job *j, Run *run) {
        uint64_t delay = run->job->upload ? m->look_usec : run->job->poll_usec;

        j->definition = STEAL_PTR(run->job);
        job_number(m, j, RUN_WATCH, false);
        job_wait(m, j, JOB_WAITING, arrival_await(m, j, -1, delay));
}

static void end_concluded(Manager *m, Job *j, Run *run) {
        queue_remember(j, run->entry);
        free(STEAL_PTR(j->complaint));
        if (j->definition)
                job_admit(m, j);
        else if (is_withdrawn(j))
                job_set_state(m, j, j->withdrawn);
        else if (j->watch && !j->by_hand)
                watch_on(m, j, run);
        else {
                arrival_forget(j);
                job_set_state(m, j, rest_of(j));
        }
}

/* ---- Runs that are to go on ----------------------------------------------------------------------- */

/* Nothing is wrong with the file: it may be mounted, made or opened for us at any time. Said once. */
static void reject(Manager *m, Job *j, Run *run) {
        bool known = j->complaint && streq(j->complaint, run->text);

        job_wait(m, j, JOB_REJECTED, m->check_usec);
        if (known)
                return;
        report_diagnosis(&m->context.report, j->name,
                         &(KftpDiagnosis) {
                                 .error = true,
                                 .file = j->definition->path_file ?: j->definition->file,
                                 .line = j->definition->path_line,
                                 .column = j->definition->path_column,
                                 .message = run->text,
                         });
        free(j->complaint);
        j->complaint = STEAL_PTR(run->text);
}

/*
 * Looks that find nothing come every few seconds, and less often if very many jobs wait: what is missing is said when that is
 * news, and since when the job waits is not forgotten for a look.
 */
static void wait_for_source(Manager *m, Job *j, Run *run) {
        job_wait(m, j, JOB_WAITING, arrival_await(m, j, run->source_fd, MAX2(run->delay_usec, m->count[JOB_WAITING] * LOOK_APART_USEC)));
        if (j->waited && streq(j->waited, strempty(run->text)))
                j->since_usec = j->waited_since;
        else {
                j->waited_since = j->since_usec;
                report_event(&m->context.report, LOG_INFO, KFTP_MESSAGE_JOB_WAITS, j->name, 0, "%s: waits: %s", j->name,
                             strempty(run->text));
                free(j->waited);
                j->waited = strdup(strempty(run->text));
        }
        free(j->complaint);
        j->complaint = STEAL_PTR(run->text);
}

/* The revision that has run is still the one to run. */
static void go_on(Manager *m, Job *j, Run *run) {
        j->definition = STEAL_PTR(run->job);
        if (is_concluded(run->entry))           /* and could not be recorded */
                j->entry = STEAL_PTR(run->entry);
        if (run->outcome != RUN_NO_TARGET && run->outcome != RUN_NOT_READY)
                free(STEAL_PTR(j->complaint));
        switch (run->outcome) {
        case RUN_NO_TARGET:
                reject(m, j, run);
                return;
        case RUN_NOT_READY:
                j->begun = j->begun || run->begun;      /* what has begun ends as the run that it is */
                wait_for_source(m, j, run);
                return;
        case RUN_PUT_OFF:
                j->begun = true;
                arrival_forget(j);
                job_wait(m, j, JOB_WAITING, run->delay_usec);
                j->complaint = STEAL_PTR(run->text);
                return;
        case RUN_SERVER_BUSY:
        case RUN_STOPPED:
        case RUN_NO_DEVICE:
                j->begun = true;
                /* fall through */
        default:
                job_set_state(m, j, JOB_QUEUED);
        }
}

/* ---- All of them ---------------------------------------------------------------------------------- */

/* Makes room for others at the server. */
static void leave(Manager *m, Job *j, const Run *run) {
        bool refused = run->outcome == RUN_SERVER_BUSY;
        Server *s = STEAL_PTR(j->held);
        uint64_t now = now_usec();

        if (refused)
                server_refused(&m->servers, s, s->used - MIN2(s->used, j->held_connections), now);
        if (refused && !s->told) {
                s->told = true;
                report_event(&m->context.report, LOG_INFO, KFTP_MESSAGE_SERVER_BUSY, j->name, 0,
                             "%s: it lets in no further connection (%s); its jobs take turns at those that it does", s->name, strempty(run->text));
        }
        if (server_give_back(&m->servers, s, j->held_connections, refused, now))
                queue_update(m, s);
}

static void note_outcome(Manager *m, const Job *j, const Run *run) {
        switch (run->outcome) {
        case RUN_CONCLUDED:
        case RUN_PUT_OFF:
                queue_go_on(m);
                break;
        case RUN_NO_DEVICE:
                queue_pause(m, PAUSE_DEVICE, j->name, run->error, run->text);
                break;
        case RUN_NO_STATE:
                queue_pause(m, PAUSE_STATE, j->name, run->error, NULL);
                break;
        default:
                break;
        }
}

/* With its file a job is forgotten. */
static void remove_job(Manager *m, Job *j, Run *run) {
        if (run->outcome == RUN_NO_STATE && is_concluded(run->entry))
                job_settle(m, run->entry);
        (void) ledger_remove(m->context.ledger, j->name);
        bus_job_changed(m, j, true);
        job_free(m, j);
}

void queue_run_ended(Manager *m, Run *run) {
        bool ended = run->outcome == RUN_CONCLUDED;
        Job *j = run->userdata;

        run_join(run);
        j->run = NULL;
        m->runs--;
        if (j->held)
                leave(m, j, run);
        note_outcome(m, j, run);
        if (run->outcome == RUN_CONCLUDED && !j->gone)
                end_concluded(m, j, run);
        else if (j->cancelled) {
                ended = true;
                end_cancelled(m, j, run);
        } else if (run->outcome == RUN_STOPPED) {
                report_stopped(&m->context.report, run->entry, NULL);
                go_on(m, j, run);
        } else
                go_on(m, j, run);
        if (j->gone)
                remove_job(m, j, run);
        else if (ended)
                bus_job_changed(m, j, true);
        run_free(run);
}
