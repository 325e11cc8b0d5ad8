/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs that are asked for: by somebody, or by a timer. They are recorded before they are queued, so that a restart does not lose
 * them.
 */

#include <errno.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "deadline.h"
#include "queue.h"

/* The job of that name, if it is one that can run. */
static int find(Manager *m, const char *name, Job **ret) {
        Job *j = job_find(m, name);

        if (!j || j->gone)
                return -ENOENT;
        if (m->stopping)
                return -ESHUTDOWN;
        *ret = j;
        if (j->state == JOB_MASKED)
                return -ERFKILL;
        if (j->state == JOB_REJECTED && !j->definition && !j->run)
                return -EBADMSG;
        return j->state == JOB_UNKNOWN ? -ENOENT : 0;
}

/* Whether a run is queued, waiting or under way; of a rejected job, one that waits for its target. */
static bool has_run(const Job *j) {
        return j->definition || j->run;
}

static LedgerEntry *new_entry(const Job *j, const KftpJob *definition, LedgerEntry *last) {
        LedgerEntry *e = ledger_entry_new(j->name, definition->revision, definition->remote);

        if (!e)
                return NULL;
        e->state = LEDGER_INTERRUPTED;
        e->number = j->number;
        e->trigger = j->trigger;
        e->again = j->again;
        e->mirror = definition->mirror;
        if (last) {
                e->succeeded_usec = last->succeeded_usec;
                ledger_entry_inherit(e, last);
        }
        return e;
}

/* On a disk that is full the run is queued all the same: it finds out by itself, and waits. */
static int record(Manager *m, Job *j, const LedgerEntry *e) {
        if (!e)
                return -ENOMEM;
        j->begun = true;
        (void) ledger_write(m->context.ledger, e);
        return 0;
}

static int queue(Manager *m, Job *j, KftpJob *definition) {
        int r = job_note_definition(m, j, definition);

        if (r < 0)
                return r;
        j->definition = definition;
        j->arrival = ++m->arrivals;
        job_set_state(m, j, JOB_QUEUED);
        queue_dispatch(m);
        return 0;
}

/* ---- Run ------------------------------------------------------------------------------------------ */

static int begin(Manager *m, Job *j, RunTrigger trigger, bool again) {
        KftpJob *definition = NULL;
        LedgerEntry *last = NULL, *e = NULL;
        int r;

        r = job_read_definition(m, j, &definition);
        if (r < 0)
                return r;
        r = ledger_read(m->context.ledger, j->name, &last);
        if (r == -ENOENT)
                r = 0;
        if (r >= 0) {
                job_settle(m, last);
                job_number(m, j, trigger, again);
                e = new_entry(j, definition, last);
                r = record(m, j, e);
        }
        if (r >= 0)
                r = queue(m, j, definition);
        if (r < 0)
                kftp_job_free(definition);
        ledger_entry_free(last);
        ledger_entry_free(e);
        return r;
}

/* With dates a later run is not the same: what only that would have transferred is left out. */
static void tell_joined(Manager *m, const Job *j) {
        const KftpJob *definition = j->definition ?: j->run->job;
        char due[64];

        if (!definition->dated)
                return;
        format_local_time(j->number, due, sizeof(due));
        report_event(&m->context.report, LOG_WARNING, KFTP_MESSAGE_RUN_JOINED, j->name, 0,
                     "%s: its timer has elapsed, but the run that was due on %s has not ended: there is no other run for the later date",
                     j->name, due);
}

/* What waits for its source looks at once, and is what was asked for from now on. */
static int join(Manager *m, Job *j, RunTrigger trigger, bool again) {
        bool waits = j->state == JOB_WAITING && !j->begun;
        LedgerEntry *last = NULL, *e;
        int r;

        if (trigger == RUN_CALENDAR && !waits)
                tell_joined(m, j);
        j->again = j->again || (again && !j->run);
        if (!waits)
                return 0;
        job_number(m, j, trigger, again);
        (void) ledger_read(m->context.ledger, j->name, &last);
        job_settle(m, last);
        e = new_entry(j, j->definition, last);
        r = record(m, j, e);
        ledger_entry_free(e);
        ledger_entry_free(last);
        job_wait_no_longer(m, j);
        return r;
}

int manager_run(Manager *m, const char *name, RunTrigger trigger, bool again, uint64_t *ret_number) {
        Job *j;
        int r = find(m, name, &j);

        if (r < 0)
                return r;
        r = has_run(j) ? join(m, j, trigger, again) : begin(m, j, trigger, again);
        *ret_number = j->number;
        return r;
}

/* ---- Cancel --------------------------------------------------------------------------------------- */

int manager_cancel(Manager *m, const char *name) {
        Job *j;
        int r = find(m, name, &j);

        if (r < 0)
                return r;
        if (!has_run(j))
                return -EALREADY;
        if (j->run) {
                queue_cancel(j, BY_HAND);
                j->by_hand = true;
                return 0;
        }
        queue_conclude(m, j, STEAL_PTR(j->entry), BY_HAND, true);
        j->definition = kftp_job_free(j->definition);
        job_set_state(m, j, JOB_FAILED);
        bus_job_changed(m, j, true);
        return 0;
}

/* ---- Retry ---------------------------------------------------------------------------------------- */

/* The same run once more, with all its attempts; it takes up what is there. */
static void renew(LedgerEntry *e) {
        e->state = LEDGER_INTERRUPTED;
        e->attempt = 1;
        e->ended_usec = 0;
        e->class = KFTP_CLASS_OK;
        e->retried = true;
        e->reported = e->recovered = e->permanent = false;
        free(STEAL_PTR(e->text));
}

/* With another file than when it failed it is a run of its own. */
static int again(Manager *m, Job *j) {
        KftpJob *definition = NULL;
        LedgerEntry *e = NULL;
        int r = job_read_definition(m, j, &definition);

        if (r >= 0)
                r = ledger_read(m->context.ledger, j->name, &e);
        if (r >= 0 && (e->number == 0 || !streq(e->revision, definition->revision))) {
                ledger_entry_free(e);
                kftp_job_free(definition);
                return begin(m, j, RUN_HAND, false);
        }
        if (r >= 0) {
                job_settle(m, e);
                renew(e);
                j->number = e->number;
                j->trigger = e->trigger < RUN_TRIGGERS ? (RunTrigger) e->trigger : RUN_HAND;
                j->again = e->again;
                r = record(m, j, e);
        }
        if (r >= 0)
                r = queue(m, j, definition);
        if (r < 0)
                kftp_job_free(definition);
        ledger_entry_free(e);
        return r;
}

int manager_retry(Manager *m, const char *name, uint64_t *ret_number) {
        Job *j;
        int r = find(m, name, &j);

        if (r < 0)
                return r;
        if (j->state == JOB_RUNNING)
                return -EBUSY;
        if (has_run(j))
                job_wait_no_longer(m, j);
        else
                r = j->state == JOB_FAILED ? again(m, j) : -EALREADY;
        *ret_number = j->number;
        return r;
}
