/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Says which jobs have not ended well by the time of day that they should have. Each has a timer of the realtime clock; when that is set
 * all timers are planned anew. Up to when deadlines have been judged is the time of a file, so that one that passes while
 * kftpd does not run is told at the next start, and none twice.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <syslog.h>
#include <time.h>

#include "catalog-ids.h"
#include "deadline.h"
#include "queue.h"

/* ---- Up to when they have been judged ------------------------------------------------------------- */

int deadlines_open(Manager *m, const char *state_directory) {
        struct stat st;

        if (asprintf(&m->deadlines_path, "%s/deadlines", state_directory) < 0) {
                m->deadlines_path = NULL;
                return -ENOMEM;
        }
        if (lstat(m->deadlines_path, &st) >= 0)
                m->judged_usec = (uint64_t) st.st_mtim.tv_sec * USEC_PER_SEC + (uint64_t) st.st_mtim.tv_nsec / NSEC_PER_USEC;
        return 0;
}

void deadlines_judged(Manager *m) {
        _cleanup_close_ int fd = open(m->deadlines_path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        m->judged_usec = realtime_usec();
        if (fd >= 0)
                (void) futimens(fd, NULL);
}

/* ---- One of them ---------------------------------------------------------------------------------- */

static bool is_missed(const Job *j, uint64_t deadline) {
        if (j->scheduled || j->watch)
                return deadline_is_missed(j->deadline, deadline, j->succeeded_usec);
        return j->state != JOB_DONE && j->state != JOB_UNKNOWN;
}

static const char *condition(const Job *j) {
        switch (j->state) {
        case JOB_RUNNING:
                return "it is still running";
        case JOB_QUEUED:
                return "it is still in the queue";
        case JOB_WAITING:
                return j->complaint ?: "it waits for its next attempt";
        case JOB_REJECTED:
                return j->complaint ?: "its target cannot be written";
        case JOB_FAILED:
                return "its last run has failed";
        default:
                return "nothing has run it since";
        }
}

/* Once, also if the clock is put back behind it. */
static void judge(Manager *m, Job *j, uint64_t deadline) {
        bool known = j->deadline_judged == deadline;
        char when[64], last[64] = "never";

        j->deadline_judged = deadline;
        if (known || !is_missed(j, deadline))
                return;
        format_local_time(deadline, when, sizeof(when));
        if (j->succeeded_usec > 0)
                format_local_time(j->succeeded_usec, last, sizeof(last));
        report_event(&m->context.report, LOG_ERR, KFTP_MESSAGE_DEADLINE_MISSED, j->name, -ETIME,
                     "%s: deadline missed: it was to have ended well by %s, but %s; it has ended well last: %s", j->name, when, condition(j), last);
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata);

static void plan(Manager *m, Job *j) {
        uint64_t next = deadline_after(j->deadline, realtime_usec());

        j->manager = m;
        if (!j->deadline_timer)
                (void) sd_event_add_time(m->event, &j->deadline_timer, CLOCK_REALTIME, next, 10 * USEC_PER_MSEC, on_deadline, j);
        else {
                (void) sd_event_source_set_time(j->deadline_timer, next);
                (void) sd_event_source_set_enabled(j->deadline_timer, SD_EVENT_ONESHOT);
        }
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata) {
        Job *j = userdata;

        (void) s;
        judge(j->manager, j, usec);
        deadlines_judged(j->manager);
        plan(j->manager, j);
        return 0;
}

void deadline_set(Manager *m, Job *j, uint32_t seconds) {
        j->deadline = seconds;
        if (seconds == KFTP_DEADLINE_NONE)
                j->deadline_timer = sd_event_source_disable_unref(j->deadline_timer);
        else
                plan(m, j);
}

/* ---- All of them ---------------------------------------------------------------------------------- */

/* What there was nothing known of may be new, and have had no deadline yet. */
void deadlines_catch_up(Manager *m) {
        uint64_t now = realtime_usec();
        Job *j;

        TAILQ_FOREACH(j, &m->jobs, jobs) {
                uint64_t deadline;

                if (!j->deadline_timer || m->judged_usec == 0 || (j->last_number == 0 && !j->begun))
                        continue;
                deadline = deadline_until(j->deadline, now);
                if (deadline > m->judged_usec)
                        judge(m, j, deadline);
        }
        deadlines_judged(m);
}

static int wait_for_the_clock(int fd) {
        const struct itimerspec far = { .it_value.tv_sec = (time_t) UINT32_MAX };

        return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL) < 0 ? -errno : 0;
}

/* If it is behind several of them, the last one. */
static bool is_passed(const Job *j, uint64_t now) {
        uint64_t planned;

        return sd_event_source_get_time(j->deadline_timer, &planned) >= 0 && planned <= now;
}

void deadlines_clock_set(Manager *m) {
        uint64_t now = realtime_usec();
        Job *j;

        TAILQ_FOREACH(j, &m->jobs, jobs) {
                if (!j->deadline_timer)
                        continue;
                if (is_passed(j, now))
                        judge(m, j, deadline_until(j->deadline, now));
                plan(m, j);
        }
        deadlines_judged(m);
}

static int on_clock_set(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Manager *m = userdata;
        uint64_t n;

        (void) s;
        (void) revents;
        if (read(fd, &n, sizeof(n)) >= 0 || errno != ECANCELED)
                return 0;
        deadlines_clock_set(m);
        return wait_for_the_clock(fd);
}

int deadlines_watch_clock(Manager *m) {
        _cleanup_close_ int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        sd_event_source *s;
        int r;

        if (fd < 0)
                return -errno;
        r = wait_for_the_clock(fd);
        if (r >= 0)
                r = sd_event_add_io(m->event, &s, fd, EPOLLIN, on_clock_set, m);
        if (r < 0)
                return r;
        (void) sd_event_source_set_io_fd_own(s, true);
        fd = -1;
        r = sd_event_source_set_floating(s, true);
        sd_event_source_unref(s);
        return r;
}
