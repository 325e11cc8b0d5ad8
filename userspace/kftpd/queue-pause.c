/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When nothing can run at all - the device is missing, the ledger cannot be written - the queue rests, says so once, and tries again
 * by and by.
 */

#include <syslog.h>

#include "catalog-ids.h"
#include "queue.h"

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
void queue_pause(Manager *m, Pause why, const char *job, int error, const char *text) {
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
void queue_go_on(Manager *m) {
        if (m->reported_pause == PAUSE_NONE)
                return;
        m->reported_pause = PAUSE_NONE;
        report_event(&m->context.report, LOG_NOTICE, KFTP_MESSAGE_QUEUE_RESUMED, NULL, 0, "jobs are run again");
}
