/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of a job when its file has changed: decides by the ledger whether a revision has to run, and lets go of what is
 * not to run any more.
 */

#include <errno.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "manager.h"

/* Keeps the order of arrival also for a job that comes back. */
static void enqueue(Manager *m, Job *j) {
        Job *after;

        TAILQ_FOREACH_REVERSE(after, &m->queue, JobList, queue)
                if (after->arrival <= j->arrival) {
                        TAILQ_INSERT_AFTER(&m->queue, after, j, queue);
                        return;
                }
        TAILQ_INSERT_HEAD(&m->queue, j, queue);
}

void job_set_state(Manager *m, Job *j, JobState state) {
        if (j->state == JOB_QUEUED)
                TAILQ_REMOVE(&m->queue, j, queue);
        m->count[j->state]--;
        if (j->state != state)
                j->since_usec = realtime_usec();
        j->state = state;
        m->count[state]++;
        if (state == JOB_QUEUED)
                enqueue(m, j);
}

/* ---- One job -------------------------------------------------------------------------------------- */

void job_number(Manager *m, Job *j, RunTrigger trigger, bool again) {
        m->last_number = j->number = MAX2(realtime_usec(), m->last_number + 1);
        j->trigger = trigger;
        j->again = again;
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
        j->not_before = 0;
        free(STEAL_PTR(j->complaint));
}

/* What waits for its next attempt has begun, so that its end is told like that of a run. */
static void tell_waiting(Manager *m, const Job *j, const char *why) {
        if (j->state == JOB_QUEUED && j->not_before > 0)
                report_event(&m->context.report, LOG_NOTICE, KFTP_MESSAGE_JOB_CANCELLED, j->name, 0,
                             "%s: cancelled: %s", j->name, why);
}

void job_withdraw(Manager *m, Job *j, JobState state, const char *why) {
        tell_waiting(m, j, why);
        drop(m, j);
        j->withdrawn = state;
        if (j->run)
                queue_cancel(j, why);
        else
                job_set_state(m, j, state);
}

/* Goes on with the run that was interrupted. */
static void adopt(Manager *m, Job *j, const LedgerEntry *e) {
        job_number(m, j, e->trigger < RUN_TRIGGERS ? (RunTrigger) e->trigger : RUN_REVISION, e->again);
        if (e->number > 0)
                j->number = e->number;
}

/* Asks the ledger what has become of a revision: JOB_QUEUED if it has to run, or to be concluded. */
static JobState look_up(Manager *m, Job *j) {
        const KftpJob *definition = j->definition;
        LedgerEntry *e;
        JobState state = JOB_QUEUED;
        int r = ledger_read(m->context.ledger, definition->name, &e);

        if (r == -ENOENT) {
                job_number(m, j, RUN_REVISION, false);
                return JOB_QUEUED;
        }
        if (r < 0) {
                report_event(&m->context.report, LOG_ERR, KFTP_MESSAGE_LEDGER_DAMAGED, definition->name, r,
                             "%s: not run: its ledger entry %s/%s.json cannot be read (%s), so it is not known whether the "
                             "job has run already; to run it, remove the entry and type: systemctl reload kftpd",
                             definition->name, ledger_path(m->context.ledger), definition->name,
                             r == -EBADMSG ? "damaged" : strerror(-r));
                return JOB_REJECTED;
        }

        m->last_number = MAX2(m->last_number, e->number);
        if (!streq(e->revision, definition->revision))
                job_number(m, j, RUN_REVISION, false);
        else if (ledger_entry_is_settled(e)) {
                state = e->state == LEDGER_DONE ? JOB_DONE : JOB_FAILED;
                j->last_number = e->number;
        } else
                adopt(m, j, e);
        ledger_entry_free(e);
        return state;
}

void job_admit(Manager *m, Job *j) {
        JobState state = look_up(m, j);

        job_set_state(m, j, state);
        if (state != JOB_QUEUED)
                j->definition = kftp_job_free(j->definition);
}

void job_accept(Manager *m, Job *j, KftpJob *definition) {
        if (streq(j->revision, definition->revision) && j->state != JOB_REJECTED) {
                kftp_job_free(definition);
                return;
        }
        tell_waiting(m, j, "its file was changed");
        drop(m, j);
        memcpy(j->revision, definition->revision, sizeof(j->revision));
        j->definition = definition;
        j->arrival = ++m->arrivals;
        if (j->run)             /* it ends first, then the new definition is admitted */
                queue_cancel(j, "its file was changed");
        else
                job_admit(m, j);
}
