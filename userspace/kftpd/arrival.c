/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens in the directories of sources while jobs wait for it. */

#include <sys/inotify.h>

#include "arrival.h"

#define SETTLE_USEC (200 * USEC_PER_MSEC)       /* files rarely come alone: one look is for all of them */
#define SAFETY_USEC (60 * USEC_PER_SEC)         /* network file systems tell nothing of what others do */

#define EVENTS (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
#define LOST (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)

void arrival_forget(Job *j) {
        j->source_watch = sd_event_source_disable_unref(j->source_watch);
        j->source_stirred = false;
}

static int on_event(sd_event_source *s, const struct inotify_event *e, void *userdata) {
        Job *j = userdata;
        uint64_t now = now_usec();

        (void) s;
        j->source_stirred = true;
        if (j->state == JOB_WAITING && j->not_before > now + SETTLE_USEC)
                job_wait(j->manager, j, JOB_WAITING, SETTLE_USEC);
        /* There may be another directory of that name by then. */
        if (e->mask & LOST)
                j->source_watch = sd_event_source_disable_unref(j->source_watch);
        return 0;
}

/* Whether it is told of this directory already, and was when it looked last. */
static bool is_told(const Job *j, const struct stat *st) {
        return j->source_watch && j->source_device == st->st_dev && j->source_inode == st->st_ino;
}

uint64_t arrival_await(Manager *m, Job *j, int directory_fd, uint64_t delay_usec) {
        bool stirred = j->source_stirred;
        struct stat st;

        j->source_stirred = false;
        j->manager = m;
        if (stirred)
                delay_usec = MIN2(delay_usec, (uint64_t) SETTLE_USEC);
        if (directory_fd < 0 || fstat(directory_fd, &st) < 0)
                return delay_usec;
        if (is_told(j, &st))
                return stirred ? delay_usec : MAX2(delay_usec, (uint64_t) SAFETY_USEC);
        arrival_forget(j);
        j->source_device = st.st_dev;
        j->source_inode = st.st_ino;
        /* Without it, there are the looks. */
        (void) sd_event_add_inotify_fd(m->event, &j->source_watch, directory_fd, EVENTS, on_event, j);
        return delay_usec;
}
