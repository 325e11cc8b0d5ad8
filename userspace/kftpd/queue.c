/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs what is queued: from each server's jobs the first one, in turns, so many at a time in all and so many as the server takes. What
 * waits for a time has a timer, stands in no queue meanwhile, and keeps nobody from running.
 */

#include <errno.h>

#include "queue.h"

/* ---- Servers -------------------------------------------------------------------------------------- */

static int on_server(sd_event_source *source, uint64_t usec, void *userdata) {
        Server *s = userdata;
        Manager *m = s->manager;

        (void) source;
        (void) usec;
        queue_update(m, s);
        queue_dispatch(m);
        return 0;
}

/* A server that has no room is looked at again when it may have some; a run's end looks, too. */
static void arm_server(Manager *m, Server *s, uint64_t usec) {
        s->manager = m;
        if (usec == UINT64_MAX) {
                s->timer = sd_event_source_disable_unref(s->timer);
                return;
        }
        if (!s->timer && sd_event_add_time(m->event, &s->timer, CLOCK_MONOTONIC, usec, 10 * USEC_PER_MSEC, on_server, s) < 0)
                return;
        (void) sd_event_source_set_time(s->timer, usec);
        (void) sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

void queue_update(Manager *m, Server *s) {
        uint64_t now = now_usec();
        bool queued = !TAILQ_EMPTY(&s->queue), ready = queued && server_room(&m->servers, s, 1, now) > 0;

        if (ready && !s->ready)
                TAILQ_INSERT_TAIL(&m->servers.ring, s, ring);
        else if (!ready && s->ready)
                TAILQ_REMOVE(&m->servers.ring, s, ring);
        s->ready = ready;
        arm_server(m, s, queued && !ready ? server_next(s, now) : UINT64_MAX);
}

/* Keeps the order of arrival also for a job that comes back; it is mostly one of the first, then. */
void queue_add(Manager *m, Job *j) {
        JobQueue *queue = &j->server->queue;
        Job *after = TAILQ_LAST(queue, JobQueue), *first = TAILQ_FIRST(queue);

        if (first && first->arrival > j->arrival)
                after = NULL;
        while (after && after->arrival > j->arrival)
                after = TAILQ_PREV(after, JobQueue, queue);
        if (after)
                TAILQ_INSERT_AFTER(queue, after, j, queue);
        else
                TAILQ_INSERT_HEAD(queue, j, queue);
        queue_update(m, j->server);
}

void queue_remove(Manager *m, Job *j) {
        TAILQ_REMOVE(&j->server->queue, j, queue);
        queue_update(m, j->server);
}

/* ---- Runs ----------------------------------------------------------------------------------------- */

/* How many connections a job would have if it could. */
static unsigned weigh(const KftpJob *definition) {
        if (!definition->mirror)
                return 1;
        return definition->mirror_options.parallel > 0 ? definition->mirror_options.parallel : KFTP_PARALLEL_DEFAULT;
}

static int start(Manager *m, Server *s, Job *j, uint64_t now) {
        unsigned limit = server_limit(&m->servers, s, now), n = server_room(&m->servers, s, weigh(j->definition), now);
        RunRequest request = {
                .trigger = j->trigger,
                .again = j->again,
                .connections = limit > 0 ? n : 0,
                .alone = limit == 1 && s->used == 0,
        };
        int r;

        /* Nothing has come of it yet, so that it becomes due only now. */
        if (j->trigger == RUN_WATCH && !j->begun)
                job_number(m, j, RUN_WATCH, false);
        request.number = j->number;
        r = run_start(&m->context, &request, j->definition, j->entry, j, &j->run);
        if (r < 0)
                return r;
        m->runs++;
        j->definition = NULL;
        j->entry = NULL;
        j->cancelled = NULL;
        j->by_hand = false;
        j->held = s;
        j->held_connections = n;
        server_take(s, n);
        job_set_state(m, j, JOB_RUNNING);
        return 0;
}

static void start_due(Manager *m) {
        Server *s;

        while (m->pause == PAUSE_NONE && m->count[JOB_RUNNING] < m->max_running && (s = TAILQ_FIRST(&m->servers.ring))) {
                Job *j = TAILQ_FIRST(&s->queue);
                uint64_t now = now_usec();
                int r;

                if (server_room(&m->servers, s, 1, now) == 0) {         /* any more */
                        queue_update(m, s);
                        continue;
                }
                r = start(m, s, j, now);
                if (r < 0) {
                        queue_pause(m, PAUSE_RESOURCES, j->name, r, NULL);
                        return;
                }
                if (s->ready) {                 /* now it is the others' turn */
                        TAILQ_REMOVE(&m->servers.ring, s, ring);
                        TAILQ_INSERT_TAIL(&m->servers.ring, s, ring);
                }
        }
}

void queue_dispatch(Manager *m) {
        if (!m->stopping)
                start_due(m);
}

void queue_cancel(Job *j, const char *cancelled) {
        j->cancelled = cancelled;
        j->by_hand = false;
        run_cancel(j->run);
}

/* ---- Waiting -------------------------------------------------------------------------------------- */

/* Checks take no place of a running job's: a target that does not answer may hold one up for ever. */
static void check(Manager *m, Job *j) {
        if (run_start_check(&m->context, j->definition, j, &j->run) < 0) {
                job_wait(m, j, JOB_REJECTED, m->check_usec);
                return;
        }
        m->runs++;
        j->definition = NULL;
        j->cancelled = NULL;
        j->by_hand = false;
}

static void wait_over(Manager *m, Job *j) {
        j->timer = sd_event_source_disable_unref(j->timer);
        j->not_before = 0;
        if (m->stopping)
                return;
        if (j->state == JOB_REJECTED)
                check(m, j);
        else
                job_set_state(m, j, JOB_QUEUED);
}

static int on_wait_over(sd_event_source *s, uint64_t usec, void *userdata) {
        Job *j = userdata;
        Manager *m = j->manager;

        (void) s;
        (void) usec;
        wait_over(m, j);
        queue_dispatch(m);
        return 0;
}

void job_wait(Manager *m, Job *j, JobState state, uint64_t delay_usec) {
        job_set_state(m, j, state);
        j->manager = m;
        j->not_before = now_usec() + delay_usec;
        if (sd_event_add_time(m->event, &j->timer, CLOCK_MONOTONIC, j->not_before, 10 * USEC_PER_MSEC, on_wait_over, j) < 0 &&
            state == JOB_WAITING)
                job_set_state(m, j, JOB_QUEUED);
}

void job_wait_no_longer(Manager *m, Job *j) {
        if (j->not_before > 0)
                wait_over(m, j);
        queue_dispatch(m);
}
