/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs what is queued, in the order of arrival and so many at a time. What waits for its next attempt
 * waits here, and keeps nobody from running. When nothing can run at all - the device is missing, the
 * ledger cannot be written - the queue rests, says so once, and tries again; what was running when that
 * was found out goes back to its place. A job whose target cannot be written is rejected, and its target
 * looked at again from time to time.
 */

#include <errno.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "manager.h"

/* ---- The pause ------------------------------------------------------------------------------------ */

static int on_pause_over(sd_event_source *s, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        (void) s;
        (void) usec;
        m->pause = PAUSE_NONE;
        queue_dispatch(m);
        return 0;
}

static int arm_pause(Manager *m) {
        uint64_t now = 0;
        int r = 0;

        (void) sd_event_now(m->event, CLOCK_MONOTONIC, &now);
        if (!m->pause_timer)
                r = sd_event_add_time(m->event, &m->pause_timer, CLOCK_MONOTONIC, 0, 0, on_pause_over, m);
        if (r >= 0)
                r = sd_event_source_set_time(m->pause_timer, now + m->pause_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->pause_timer, SD_EVENT_ONESHOT);
        return r;
}

/* Several runs may find out at once: the first one says it. Without a timer the queue does not rest. */
static void pause_queue(Manager *m, Pause why, const char *job, int error, const char *text) {
        if (m->pause == PAUSE_NONE && arm_pause(m) >= 0)
                m->pause = why;
        if (m->reported_pause == why)
                return;
        m->reported_pause = why;

        if (why == PAUSE_DEVICE)
                report_event(&m->context.report, LOG_ERR, KFTP_MESSAGE_QUEUE_STOPPED, job, error,
                             "%s; jobs wait in the queue until the device can be used (found by %s)", strempty(text), job);
        else if (why == PAUSE_STATE)
                report_event(&m->context.report, LOG_ERR, KFTP_MESSAGE_QUEUE_STOPPED, job, error,
                             "%s: cannot be written: %s; jobs wait in the queue until it can, because a run that cannot be "
                             "recorded would be repeated (found by %s)", ledger_path(m->context.ledger), strerror(-error), job);
        else
                report_event(&m->context.report, LOG_ERR, KFTP_MESSAGE_QUEUE_STOPPED, job, error,
                             "no job can be started: %s; jobs wait in the queue (found by %s)", strerror(-error), job);
}

/* A run has got through. */
static void note_progress(Manager *m) {
        if (m->reported_pause == PAUSE_NONE)
                return;
        m->reported_pause = PAUSE_NONE;
        report_event(&m->context.report, LOG_NOTICE, KFTP_MESSAGE_QUEUE_RESUMED, NULL, 0, "jobs are run again");
}

/* ---- Runs ----------------------------------------------------------------------------------------- */

static Job *first_due(const Manager *m, uint64_t now) {
        Job *j;

        TAILQ_FOREACH(j, &m->queue, queue)
                if (j->not_before <= now)
                        return j;
        return NULL;
}

static void start_due(Manager *m, uint64_t now) {
        Job *j;

        while (m->pause == PAUSE_NONE && m->count[JOB_RUNNING] < m->max_running && (j = first_due(m, now))) {
                const RunRequest request = { .trigger = j->trigger, .number = j->number, .again = j->again };
                int r = run_start(&m->context, &request, j->definition, j->entry, j, &j->run);

                if (r < 0) {
                        pause_queue(m, PAUSE_RESOURCES, j->name, r, NULL);
                        return;
                }
                m->runs++;
                j->definition = NULL;
                j->entry = NULL;
                j->cancelled = NULL;
                j->not_before = 0;
                job_set_state(m, j, JOB_RUNNING);
        }
}

static bool waits_for_check(const Job *j) {
        return j->state == JOB_REJECTED && j->definition && !j->run;
}

/* Checks take no place of a running job's: a target that does not answer may hold one up for ever. */
static void check_due(Manager *m, uint64_t now) {
        Job *j;

        TAILQ_FOREACH(j, &m->jobs, jobs) {
                if (!waits_for_check(j) || j->not_before > now)
                        continue;
                if (run_start_check(&m->context, j->definition, j, &j->run) < 0) {
                        j->not_before = now + m->check_usec;
                        continue;
                }
                m->runs++;
                j->definition = NULL;
                j->cancelled = NULL;
        }
}

static int on_wake(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s;
        (void) usec;
        queue_dispatch(userdata);
        return 0;
}

static int set_wake(Manager *m, uint64_t usec) {
        if (!m->wake_timer)
                return usec == UINT64_MAX ? 0 :
                        sd_event_add_time(m->event, &m->wake_timer, CLOCK_MONOTONIC, usec, 10 * USEC_PER_MSEC, on_wake, m);
        if (usec == UINT64_MAX)
                return sd_event_source_set_enabled(m->wake_timer, SD_EVENT_OFF);
        (void) sd_event_source_set_time(m->wake_timer, usec);
        return sd_event_source_set_enabled(m->wake_timer, SD_EVENT_ONESHOT);
}

/* What is due already waits for something else: a place, or the end of the pause. */
static void arm_wake(Manager *m, uint64_t now) {
        uint64_t first = UINT64_MAX;
        Job *j;

        TAILQ_FOREACH(j, &m->jobs, jobs)
                if ((j->state == JOB_QUEUED || waits_for_check(j)) && j->not_before > now)
                        first = MIN2(first, j->not_before);
        (void) set_wake(m, first);
}

void queue_dispatch(Manager *m) {
        uint64_t now = now_usec();

        if (m->stopping)
                return;
        check_due(m, now);
        start_due(m, now);
        arm_wake(m, now);
}

void queue_cancel(Job *j, const char *cancelled) {
        j->cancelled = cancelled;
        run_cancel(j->run);
}

static bool is_concluded(const LedgerEntry *e) {
        return e && (e->state == LEDGER_DONE || e->state == LEDGER_FAILED);
}

/* The revision that has run is still the one to run: it goes back to where it was in the queue. */
static void put_back(Manager *m, Job *j, Run *run) {
        j->definition = STEAL_PTR(run->job);
        if (is_concluded(run->entry))
                j->entry = STEAL_PTR(run->entry);
        job_set_state(m, j, JOB_QUEUED);
}

/* Nothing is wrong with the file: it may be mounted, made or opened for us at any time. Said once. */
static void reject(Manager *m, Job *j, Run *run) {
        j->definition = STEAL_PTR(run->job);
        j->not_before = now_usec() + m->check_usec;
        job_set_state(m, j, JOB_REJECTED);
        if (j->complaint && streq(j->complaint, run->text))
                return;
        report_diagnosis(&m->context.report,
                         &(KftpDiagnosis) {
                                 .error = true,
                                 .file = j->definition->file,
                                 .line = j->definition->path_line,
                                 .column = j->definition->path_column,
                                 .message = run->text,
                         });
        free(j->complaint);
        j->complaint = STEAL_PTR(run->text);
}

/* What becomes of the job, now that its run has ended. */
static void dispose(Manager *m, Job *j, Run *run) {
        bool unrecorded = run->outcome == RUN_NO_STATE && is_concluded(run->entry);

        if (unrecorded && (j->cancelled || j->gone))
                job_settle(m, run->entry);
        if (j->gone) {
                (void) ledger_remove(m->context.ledger, j->name);
                job_free(m, j);
        } else if (j->definition)
                job_admit(m, j);
        else if (j->cancelled)
                job_set_state(m, j, j->withdrawn);
        else if (run->outcome == RUN_CONCLUDED)
                job_set_state(m, j, run->entry->state == LEDGER_DONE ? JOB_DONE : JOB_FAILED);
        else if (run->outcome == RUN_NO_TARGET)
                reject(m, j, run);
        else {
                if (run->outcome == RUN_TARGET_GOOD)
                        free(STEAL_PTR(j->complaint));
                j->not_before = run->outcome == RUN_PUT_OFF ? now_usec() + run->delay_usec : 0;
                put_back(m, j, run);
        }
}

void queue_run_ended(Manager *m, Run *run) {
        Job *j = run->userdata;

        run_join(run);
        j->run = NULL;
        m->runs--;
        switch (run->outcome) {
        case RUN_CONCLUDED:
                note_progress(m);
                break;
        case RUN_PUT_OFF:
                note_progress(m);
                if (j->cancelled)
                        report_stopped(&m->context.report, run->entry, j->cancelled);
                break;
        case RUN_NOT_READY:
        case RUN_SERVER_BUSY:
        case RUN_NO_TARGET:
        case RUN_TARGET_GOOD:
                break;
        case RUN_STOPPED:
                report_stopped(&m->context.report, run->entry, j->cancelled);
                break;
        case RUN_NO_DEVICE:
                pause_queue(m, PAUSE_DEVICE, j->name, run->error, run->text);
                break;
        case RUN_NO_STATE:
                pause_queue(m, PAUSE_STATE, j->name, run->error, NULL);
                break;
        }
        dispose(m, j, run);
        run_free(run);
}
