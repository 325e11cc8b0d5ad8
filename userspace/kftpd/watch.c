/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inotify watch on one directory, its debounce, and what to do when the directory goes, or when
 * another one is mounted over it: inotify stays with the one below and says nothing of that.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "util.h"
#include "watch.h"

#define QUIET_USEC (200 * USEC_PER_MSEC)        /* that long without an event */
#define PATIENCE_USEC (2 * USEC_PER_SEC)        /* but no longer after the first one */
#define MISSING_USEC (2 * USEC_PER_SEC)         /* between looks for a missing directory */
#define EVENTS                                                                                          \
        (IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |  \
         IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define LOST (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF)

struct Watch {
        sd_event *event;
        char *path;
        watch_handler_t handler;
        void *userdata;
        sd_event_source *inotify;       /* NULL while the directory is missing */
        dev_t device;                   /* of the directory that is watched */
        ino_t inode;
        sd_event_source *mounts;        /* NULL where there is no mount table */
        sd_event_source *timer;
        uint64_t first_usec;            /* the first event that is not passed on yet; 0: there is none */
};

static int on_inotify(sd_event_source *s, const struct inotify_event *event, void *userdata);

static int arm(Watch *w, uint64_t usec) {
        int r = sd_event_source_set_time(w->timer, usec);

        return r < 0 ? r : sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static uint64_t now(const Watch *w) {
        uint64_t usec = 0;

        (void) sd_event_now(w->event, CLOCK_MONOTONIC, &usec);
        return usec;
}

/* Whether the path still leads to the directory that is watched. */
static bool is_same(const Watch *w) {
        struct stat st;

        return w->inotify && stat(w->path, &st) >= 0 && st.st_dev == w->device && st.st_ino == w->inode;
}

/* Looked at before and after: what is mounted in between is found out by the next look. */
static void attach(Watch *w) {
        struct stat st;

        if (w->inotify)
                return;
        if (stat(w->path, &st) < 0 ||
            sd_event_add_inotify(w->event, &w->inotify, w->path, EVENTS, on_inotify, w) < 0) {
                w->inotify = NULL;
                return;
        }
        w->device = st.st_dev;
        w->inode = st.st_ino;
        if (!is_same(w))
                w->inotify = sd_event_source_unref(w->inotify);
}

static int on_inotify(sd_event_source *s, const struct inotify_event *event, void *userdata) {
        Watch *w = userdata;
        uint64_t usec = now(w);

        (void) s;
        if (event->mask & LOST)
                w->inotify = sd_event_source_unref(w->inotify);
        if (w->first_usec == 0)
                w->first_usec = usec;
        return arm(w, MIN2(usec + QUIET_USEC, w->first_usec + PATIENCE_USEC));
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Watch *w = userdata;

        (void) s;
        (void) usec;
        w->first_usec = 0;
        attach(w);
        w->handler(w->userdata);
        return w->inotify ? 0 : arm(w, now(w) + MISSING_USEC);
}

/* Something was mounted or unmounted somewhere: polling has taken note of it, nothing is read. */
static int on_mounts(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Watch *w = userdata;

        (void) s;
        (void) fd;
        (void) revents;
        if (is_same(w))
                return 0;
        w->inotify = sd_event_source_unref(w->inotify);
        return arm(w, now(w) + QUIET_USEC);
}

static void watch_mounts(Watch *w) {
        int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return;
        if (sd_event_add_io(w->event, &w->mounts, fd, EPOLLPRI, on_mounts, w) >= 0)
                (void) sd_event_source_set_io_fd_own(w->mounts, true);
        else
                safe_close(fd);
}

int watch_new(sd_event *event, const char *path, watch_handler_t handler, void *userdata, Watch **ret) {
        Watch *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        w->event = sd_event_ref(event);
        w->handler = handler;
        w->userdata = userdata;
        w->path = strdup(path);
        r = w->path ? 0 : -ENOMEM;
        if (r >= 0)
                r = sd_event_add_time(event, &w->timer, CLOCK_MONOTONIC, UINT64_MAX, 10 * USEC_PER_MSEC, on_timer, w);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
        if (r >= 0) {
                watch_mounts(w);
                attach(w);
                if (!w->inotify)
                        r = arm(w, now(w) + MISSING_USEC);
        }
        if (r < 0) {
                watch_free(w);
                return r;
        }
        *ret = w;
        return 0;
}

Watch *watch_free(Watch *w) {
        if (!w)
                return NULL;
        sd_event_source_unref(w->inotify);
        sd_event_source_unref(w->mounts);
        sd_event_source_unref(w->timer);
        sd_event_unref(w->event);
        free(w->path);
        free(w);
        return NULL;
}
