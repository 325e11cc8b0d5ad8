/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of a job when its file has changed: decides by the ledger whether there is something to be run, and lets go of what is
 * not to run any more.
 */

#include <errno.h>
#include <syslog.h>

#include "arrival.h"
#include "catalog-ids.h"
#include "queue.h"
#include "source-looks.h"
#include "units.h"

/* ---- States --------------------------------------------------------------------------------------- */

void job_set_state(Manager *m, Job *j, JobState state) {
        if (j->state == JOB_QUEUED)
                queue_remove(m, j);
        if (j->timer || j->not_before > 0) {
                j->timer = sd_event_source_disable_unref(j->timer);
                j->not_before = 0;
        }
        m->count[j->state]--;
        if (j->state != state)
                j->since_usec = realtime_usec();
        j->state = state;
        m->count[state]++;
        if (state == JOB_QUEUED)
                queue_add(m, j);
        bus_job_changed(m, j, false);
}

void job_number(Manager *m, Job *j, RunTrigger trigger, bool again) {
        m->last_number = j->number = MAX2(realtime_usec(), m->last_number + 1);
        j->trigger = trigger;
        j->again = again;
        j->begun = false;
}

bool job_is_pending(const Job *j) {
        return j->definition && !j->run;
}

/* ---- What a job holds ----------------------------------------------------------------------------- */

static void leave_server(Manager *m, Job *j) {
        Server *s = STEAL_PTR(j->server);
        bool known = s && s->jobs > 1;

        if (!s)
                return;
        server_leave(&m->servers, s, j->max_connections, now_usec());
        if (known)
                queue_update(m, s);             /* it may be asked for more, now */
}

/* What there was of a schedule, and what there is, is for the generator. */
static void tell_generator(Manager *m, Job *j, bool has_units) {
        int r = j->has_units || has_units ? units_tell_schedule() : 0;

        j->has_units = has_units;
        if (r < 0 && !m->units_reported)
                report_event(&m->context.report, LOG_WARNING, KFTP_MESSAGE_JOB_WARNING, j->name, r,
                             "%s: what its file says for systemd may not be known there: %s; after changes of schedules type: "
                             "systemctl daemon-reload", j->name, strerror(-r));
        m->units_reported = r < 0;
}

int job_note_definition(Manager *m, Job *j, const KftpJob *definition) {
        Server *s = server_join(&m->servers, definition->url.host, definition->url.port, definition->max_connections);

        if (!s)
                return -ENOMEM;
        leave_server(m, j);
        j->server = s;
        queue_update(m, s);
        j->max_connections = definition->max_connections;
        j->scheduled = definition->calendar;
        j->watch = definition->watch;
        j->fails_units = definition->on_failure;
        tell_generator(m, j, definition->calendar || definition->on_success || definition->on_failure);
        deadline_set(m, j, definition->deadline);
        memcpy(j->revision, definition->revision, sizeof(j->revision));
        return 0;
}

void job_settle(Manager *m, LedgerEntry *e) {
        if (!e)
                return;
        (void) ledger_entry_recover(e);
        if (!ledger_entry_is_settled(e))
                report_conclusion(&m->context.report, e);
}

/* Lets go of a revision; what was concluded about it and could not be recorded is told at least. */
static void drop(Manager *m, Job *j) {
        j->definition = kftp_job_free(j->definition);
        job_settle(m, j->entry);
        j->entry = ledger_entry_free(j->entry);
        j->revision[0] = '\0';
        free(STEAL_PTR(j->complaint));
        free(STEAL_PTR(j->waited));
        arrival_forget(j);
}

void job_forget(Manager *m, Job *j) {
        kftp_job_free(j->definition);
        ledger_entry_free(j->entry);
        free(j->complaint);
        free(j->waited);
        arrival_forget(j);
        leave_server(m, j);
        sd_event_source_disable_unref(j->deadline_timer);
}

/* What waits, or was interrupted, has begun, so that its end is told like that of a run. */
static void tell_waiting(Manager *m, const Job *j, const char *why) {
        if (job_is_pending(j) && j->begun)
                report_event(&m->context.report, LOG_NOTICE, KFTP_MESSAGE_JOB_CANCELLED, j->name, 0,
                             "%s: cancelled: %s", j->name, why);
}

void job_withdraw(Manager *m, Job *j, JobState state, const char *why) {
        bool pending = job_is_pending(j);

        tell_waiting(m, j, why);
        drop(m, j);
        j->withdrawn = state;
        if (j->run)
                queue_cancel(j, why);
        else
                job_set_state(m, j, state);
        leave_server(m, j);
        tell_generator(m, j, false);
        deadline_set(m, j, KFTP_DEADLINE_NONE);
        source_looks_forget(m->context.looks, j->name);
        if (pending)
                bus_job_changed(m, j, true);
}

/* ---- What the ledger knows ------------------------------------------------------------------------ */

/* Goes on with the run that was interrupted. */
static JobState adopt(Manager *m, Job *j, const LedgerEntry *e) {
        job_number(m, j, e->trigger < RUN_TRIGGERS ? (RunTrigger) e->trigger : RUN_REVISION, e->again);
        if (e->number > 0)
                j->number = e->number;
        j->begun = true;
        return JOB_QUEUED;
}

static JobState begin(Manager *m, Job *j, RunTrigger trigger) {
        job_number(m, j, trigger, false);
        return JOB_QUEUED;
}

/* What ran before has ended, in whatever way. A hot folder that somebody has told to stop does. */
static JobState ended(Manager *m, Job *j, const LedgerEntry *e) {
        queue_remember(j, e);
        if (j->watch && e->class != KFTP_CLASS_INTERRUPTED)
                return begin(m, j, RUN_WATCH);
        if (e->state == LEDGER_FAILED)
                return JOB_FAILED;
        return j->scheduled ? JOB_SCHEDULED : JOB_DONE;
}

/* What another revision of the job's file has done; of a scheduled job what was interrupted will not be taken up again. */
static JobState look_back(Manager *m, Job *j, LedgerEntry **e) {
        if (!j->scheduled)
                return begin(m, j, RUN_REVISION);
        if (ledger_entry_is_settled(*e)) {
                queue_remember(j, *e);
                return JOB_SCHEDULED;
        }
        (void) ledger_entry_recover(*e);
        if ((*e)->state != LEDGER_DONE && (*e)->state != LEDGER_FAILED)
                report_stopped(&m->context.report, *e, "its file was changed");
        j->number = (*e)->number;
        queue_conclude(m, j, STEAL_PTR(*e), "cancelled: its file was changed", false);
        return JOB_SCHEDULED;
}

/* Asks the ledger what has become of the job: JOB_QUEUED if it has to run, or a run to be concluded. */
static JobState look_up(Manager *m, Job *j) {
        LedgerEntry *e;
        JobState state;
        int r = ledger_read(m->context.ledger, j->name, &e);

        if (r == -ENOENT) {
                units_forget(j->name);
                return j->scheduled ? JOB_SCHEDULED : begin(m, j, RUN_REVISION);
        }
        if (r < 0) {
                report_event(&m->context.report, LOG_ERR, KFTP_MESSAGE_LEDGER_DAMAGED, j->name, r,
                             "%s: not run: its ledger entry %s/%s.json cannot be read (%s), so it is not known whether the "
                             "job has run already; to run it, remove the entry and type: systemctl reload kftpd",
                             j->name, ledger_path(m->context.ledger), j->name,
                             r == -EBADMSG ? "damaged" : strerror(-r));
                return JOB_REJECTED;
        }

        m->last_number = MAX2(m->last_number, e->number);
        j->succeeded_usec = e->succeeded_usec;
        if (!streq(e->revision, j->revision))
                state = look_back(m, j, &e);
        else if (ledger_entry_is_settled(e))
                state = ended(m, j, e);
        else
                state = adopt(m, j, e);
        ledger_entry_free(e);
        return state;
}

void job_admit(Manager *m, Job *j) {
        JobState state = look_up(m, j);

        if (state != JOB_QUEUED)
                j->definition = kftp_job_free(j->definition);
        job_set_state(m, j, state);
}

/* The file was loaded again: what is known to be wrong with the target is looked at, and said, again. */
static void check_again(Manager *m, Job *j) {
        if (j->state != JOB_REJECTED)
                return;
        free(STEAL_PTR(j->complaint));
        job_wait_no_longer(m, j);
}

/* The same file, but what it shares with others may have changed: the server, and how to log in. What runs goes on as it began. */
static void refresh(Manager *m, Job *j, KftpJob *definition) {
        bool queued = j->state == JOB_QUEUED;

        if (queued)
                queue_remove(m, j);
        if (job_note_definition(m, j, definition) >= 0 && j->definition) {
                kftp_job_free(j->definition);
                j->definition = STEAL_PTR(definition);
        }
        if (queued)
                queue_add(m, j);
        kftp_job_free(definition);
        check_again(m, j);
}

void job_accept(Manager *m, Job *j, KftpJob *definition) {
        bool pending = job_is_pending(j);

        if (streq(j->revision, definition->revision) && (j->state != JOB_REJECTED || pending || j->run)) {
                refresh(m, j, definition);
                return;
        }
        tell_waiting(m, j, "its file was changed");
        if (pending && j->begun)
                queue_conclude(m, j, NULL, "cancelled: its file was changed", false);
        drop(m, j);
        if (!j->run)
                job_set_state(m, j, JOB_UNKNOWN);       /* out of the queue of its server, which may become another one */
        if (pending)
                bus_job_changed(m, j, true);
        if (job_note_definition(m, j, definition) < 0) {
                kftp_job_free(definition);
                job_withdraw(m, j, JOB_REJECTED, "not enough memory");
                return;
        }
        source_looks_forget(m->context.looks, j->name);
        j->definition = definition;
        j->arrival = ++m->arrivals;
        if (j->run)             /* it ends first, then the new definition is admitted */
                queue_cancel(j, "its file was changed");
        else
                job_admit(m, j);
}
