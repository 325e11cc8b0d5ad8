/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inotify watches on the directories of job files and of drop-ins, their debounce, and what to do when a directory goes, or
 * when another one is mounted over it: inotify stays with the one below and says nothing of that.
 *
 * A directory of drop-ins that cannot be watched, because there are too many, is looked at whenever something else has changed.
 */

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "job-load.h"
#include "util.h"
#include "watch.h"

#define QUIET_USEC (200 * USEC_PER_MSEC)        /* that long without an event */
#define PATIENCE_USEC (2 * USEC_PER_SEC)        /* but no longer after the first one */
#define MISSING_USEC (2 * USEC_PER_SEC)         /* between looks for a missing directory */
#define UNWATCHED_USEC (30 * USEC_PER_SEC)      /* between looks into one that there is no watch for */
#define NAMES_MAX 4096U                         /* more than that at once: look at everything */
#define EVENTS                                                                                          \
        (IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |  \
         IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define LOST (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF)
#define GONE (IN_MOVED_FROM | IN_DELETE)
#define CAME (IN_MOVED_TO | IN_CREATE)

unsigned watch_drop_ins_max = 16384;    /* directories of them: the kernel keeps an inode in memory for each watch */

typedef struct Place Place;

/* A directory of drop-ins. */
typedef struct DropIns {
        Place *place;                   /* that it is in */
        char *name;                     /* whose drop-ins: X.job */
        sd_event_source *inotify;       /* NULL: there was none left */
        LIST_ENTRY(DropIns) drop_ins;
} DropIns;

/* A directory of job files. */
struct Place {
        Watch *watch;
        char *path;
        sd_event_source *inotify;       /* NULL while the directory is missing */
        bool unwatched;                 /* it is not missing, but there was no watch left */
        dev_t device;                   /* of the directory that is watched */
        ino_t inode;
        LIST_HEAD(, DropIns) drop_ins;
        void *by_name;                  /* tsearch(3): the same */
};

struct Watch {
        sd_event *event;
        watch_handler_t handler;
        void *userdata;
        Place *places;
        size_t places_n;
        unsigned drop_ins;              /* that are watched */
        sd_event_source *mounts;        /* NULL where there is no mount table */
        sd_event_source *timer;
        uint64_t first_usec;            /* the first event that is not passed on yet; 0: there is none */
        bool all;                       /* what is to be passed on */
        void *names;                    /* tsearch(3) */
        size_t names_n;
};

static int arm(Watch *w, uint64_t usec) {
        int r = sd_event_source_set_time(w->timer, usec);

        return r < 0 ? r : sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static uint64_t now(const Watch *w) {
        uint64_t usec = 0;

        (void) sd_event_now(w->event, CLOCK_MONOTONIC, &usec);
        return usec;
}

/* ---- What has changed ----------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
        return strcmp(a, b);
}

static void forget_names(Watch *w) {
        tdestroy(w->names, free);
        w->names = NULL;
        w->names_n = 0;
}

static void note_all(Watch *w) {
        w->all = true;
        forget_names(w);
}

static void note_name(Watch *w, const char *name) {
        char *copy;
        void *node;

        if (w->all || tfind(name, &w->names, compare))
                return;
        copy = w->names_n < NAMES_MAX ? strdup(name) : NULL;
        node = copy ? tsearch(copy, &w->names, compare) : NULL;
        if (node)
                w->names_n++;
        else {
                free(copy);
                note_all(w);
        }
}

/* It will be passed on when it is quiet. */
static int schedule(Watch *w) {
        uint64_t usec = now(w);

        if (w->first_usec == 0)
                w->first_usec = usec;
        return arm(w, MIN2(usec + QUIET_USEC, w->first_usec + PATIENCE_USEC));
}

static bool ends_with(const char *name, size_t n, const char *suffix) {
        size_t length = strlen(suffix);

        return n > length && memcmp(name + n - length, suffix, length) == 0;
}

/* X.job and X.remote for themselves and for X.job.d and X.remote.d; NULL for what is of no interest. Allocated. */
static char *concerned(const char *name, bool *ret_drop_ins) {
        size_t n = strlen(name);

        *ret_drop_ins = ends_with(name, n, KFTP_JOB_DROP_IN_DIRECTORY_SUFFIX);
        if (*ret_drop_ins)
                n -= strlen(KFTP_JOB_DROP_IN_DIRECTORY_SUFFIX);
        return name[0] != '.' && (ends_with(name, n, KFTP_JOB_SUFFIX) || ends_with(name, n, KFTP_REMOTE_SUFFIX)) ? strndup(name, n) : NULL;
}

/* ---- Drop-ins ------------------------------------------------------------------------------------- */

static int compare_drop_ins(const void *a, const void *b) {
        return strcmp(((const DropIns *) a)->name, ((const DropIns *) b)->name);
}

static DropIns *drop_ins_free(DropIns *d) {
        if (d->inotify)
                d->place->watch->drop_ins--;
        (void) tdelete(d, &d->place->by_name, compare_drop_ins);
        LIST_REMOVE(d, drop_ins);
        sd_event_source_unref(d->inotify);
        free(d->name);
        free(d);
        return NULL;
}

static void add_drop_ins(Place *p, char *name);

/* What was watched is not there any more; there may be another directory in its place already. Takes the name. */
static void replace_drop_ins(Place *p, char *name) {
        const DropIns key = { .name = name };
        DropIns *const *found = tfind(&key, &p->by_name, compare_drop_ins);

        if (found)
                drop_ins_free(*found);
        add_drop_ins(p, name);
}

static int on_drop_in(sd_event_source *s, const struct inotify_event *event, void *userdata) {
        DropIns *d = userdata;
        Watch *w = d->place->watch;
        char *name;

        (void) s;
        if (event->mask & IN_Q_OVERFLOW)
                note_all(w);
        else
                note_name(w, d->name);
        name = event->mask & LOST ? strdup(d->name) : NULL;
        if (name)
                replace_drop_ins(d->place, name);
        else if (event->mask & LOST)
                drop_ins_free(d);
        return schedule(w);
}

/* Returns false if there is nothing to be watched. */
static bool attach_drop_ins(DropIns *d) {
        _cleanup_free_ char *path = NULL;
        Watch *w = d->place->watch;
        int r;

        if (w->drop_ins >= watch_drop_ins_max)
                return true;
        if (asprintf(&path, "%s/%s" KFTP_JOB_DROP_IN_DIRECTORY_SUFFIX, d->place->path, d->name) < 0) {
                path = NULL;
                return true;
        }
        r = sd_event_add_inotify(w->event, &d->inotify, path, EVENTS | IN_DONT_FOLLOW, on_drop_in, d);
        if (r >= 0)
                w->drop_ins++;
        else
                d->inotify = NULL;
        return r >= 0 || (r != -ENOENT && r != -ENOTDIR && r != -ELOOP);
}

/* Watches the drop-ins of X.job; does nothing if that is done already. Takes the name. */
static void add_drop_ins(Place *p, char *name) {
        const DropIns key = { .name = name };
        DropIns *d = tfind(&key, &p->by_name, compare_drop_ins) ? NULL : calloc(1, sizeof(*d));

        if (!d || !tsearch((d->name = name, d), &p->by_name, compare_drop_ins)) {
                free(name);
                free(d);
                return;
        }
        d->place = p;
        LIST_INSERT_HEAD(&p->drop_ins, d, drop_ins);
        if (!attach_drop_ins(d))
                drop_ins_free(d);
}

/* Those that there is no watch for may have changed as well: whether it can be had by now is tried again. */
static void note_unwatched(Place *p) {
        for (DropIns *d = LIST_FIRST(&p->drop_ins), *next; d; d = next) {
                next = LIST_NEXT(d, drop_ins);
                if (d->inotify)
                        continue;
                note_name(p->watch, d->name);
                if (!attach_drop_ins(d))
                        drop_ins_free(d);
        }
}

/* ---- Directories of job files --------------------------------------------------------------------- */

static void detach_drop_ins(Place *p) {
        while (!LIST_EMPTY(&p->drop_ins))
                drop_ins_free(LIST_FIRST(&p->drop_ins));
}

static void detach(Place *p) {
        p->inotify = sd_event_source_unref(p->inotify);
        detach_drop_ins(p);
        note_all(p->watch);
}

/* Whether the path still leads to the directory that is watched. */
static bool is_same(const Place *p) {
        struct stat st;

        return p->inotify && stat(p->path, &st) >= 0 && st.st_dev == p->device && st.st_ino == p->inode;
}

static int on_inotify(sd_event_source *s, const struct inotify_event *event, void *userdata) {
        _cleanup_free_ char *name = NULL;
        Place *p = userdata;
        Watch *w = p->watch;
        bool drop_ins;

        (void) s;
        if (event->mask & LOST)
                detach(p);
        else if (event->len == 0 || event->mask & IN_Q_OVERFLOW)        /* of the directory itself */
                note_all(w);
        else {
                name = concerned(event->name, &drop_ins);
                if (!name)
                        return 0;
                note_name(w, name);
                if (drop_ins && event->mask & CAME)
                        replace_drop_ins(p, STEAL_PTR(name));
                else if (drop_ins && !(event->mask & GONE))
                        add_drop_ins(p, STEAL_PTR(name));
        }
        return schedule(w);
}

/* What was there before the watch was. */
static void find_drop_ins(Place *p) {
        _cleanup_closedir_ DIR *d = opendir(p->path);
        struct dirent *entry;

        while (d && (entry = readdir(d))) {
                bool drop_ins = false;
                _cleanup_free_ char *name = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN ?
                        concerned(entry->d_name, &drop_ins) : NULL;

                if (name && drop_ins)
                        add_drop_ins(p, STEAL_PTR(name));
        }
}

/* Looked at before and after: what is mounted in between is found out by the next look. */
static void attach(Place *p) {
        struct stat st;
        int r;

        if (p->inotify)
                return;
        p->unwatched = false;
        if (stat(p->path, &st) < 0)
                return;
        r = sd_event_add_inotify(p->watch->event, &p->inotify, p->path, EVENTS, on_inotify, p);
        if (r < 0) {
                p->inotify = NULL;
                p->unwatched = r == -ENOSPC || r == -EMFILE || r == -ENFILE || r == -ENOMEM;
                if (p->unwatched)
                        note_all(p->watch);
                return;
        }
        p->device = st.st_dev;
        p->inode = st.st_ino;
        if (!is_same(p)) {
                p->inotify = sd_event_source_unref(p->inotify);
                return;
        }
        note_all(p->watch);
        find_drop_ins(p);
}

/* Events were lost: among them may be those of directories that came, or went. */
static void attach_anew(Place *p) {
        if (!is_same(p)) {
                detach(p);
                attach(p);
                return;
        }
        detach_drop_ins(p);
        find_drop_ins(p);
}

/* ---- All of them ---------------------------------------------------------------------------------- */

static void gather(const void *node, VISIT visit, void *userdata) {
        char ***next = userdata;

        if (visit == postorder || visit == leaf)
                *(*next)++ = *(char **) node;
}

static void pass_on(Watch *w) {
        WatchChanges changes = { .all = w->all, .n = w->names_n };
        void *names = w->names;

        if (w->names_n > 0) {
                char **next = changes.names = calloc(w->names_n, sizeof(char *));

                if (next)
                        twalk_r(w->names, gather, &next);
                else
                        changes = (WatchChanges) { .all = true };
        }
        w->all = false;
        w->names = NULL;
        w->names_n = 0;
        w->handler(w->userdata, &changes);
        free(changes.names);
        tdestroy(names, free);
}

/* For what cannot be watched there is nothing but looking again. */
static int arm_next_look(Watch *w) {
        uint64_t delay = UINT64_MAX;

        for (size_t i = 0; i < w->places_n; i++)
                if (!w->places[i].inotify)
                        delay = MIN2(delay, w->places[i].unwatched ? UNWATCHED_USEC : MISSING_USEC);
        return delay == UINT64_MAX ? 0 : arm(w, now(w) + delay);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Watch *w = userdata;

        (void) s;
        (void) usec;
        w->first_usec = 0;
        for (size_t i = 0; i < w->places_n; i++)
                attach(w->places + i);
        for (size_t i = 0; i < w->places_n; i++)
                if (w->all)
                        attach_anew(w->places + i);
                else if (w->names)
                        note_unwatched(w->places + i);
        if (w->all || w->names)
                pass_on(w);
        return arm_next_look(w);
}

/* Something was mounted or unmounted somewhere: polling has taken note of it, nothing is read. */
static int on_mounts(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Watch *w = userdata;
        bool lost = false;

        (void) s;
        (void) fd;
        (void) revents;
        for (size_t i = 0; i < w->places_n; i++) {
                Place *p = w->places + i;

                if (is_same(p))
                        continue;
                if (p->inotify)
                        detach(p);
                lost = true;            /* or there may be now what was missing */
        }
        return lost ? schedule(w) : 0;
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

static int add_places(Watch *w, const char *paths) {
        w->places = calloc(KFTP_JOB_DIRECTORIES_MAX, sizeof(Place));
        if (!w->places)
                return -ENOMEM;
        for (size_t length; *paths && w->places_n < KFTP_JOB_DIRECTORIES_MAX; paths += length + (paths[length] == ':')) {
                Place *p = w->places + w->places_n;

                length = strcspn(paths, ":");
                if (length == 0)
                        continue;
                p->watch = w;
                p->path = strndup(paths, length);
                if (!p->path)
                        return -ENOMEM;
                w->places_n++;
        }
        return 0;
}

int watch_new(sd_event *event, const char *paths, watch_handler_t handler, void *userdata, Watch **ret) {
        Watch *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        w->event = sd_event_ref(event);
        w->handler = handler;
        w->userdata = userdata;
        r = add_places(w, paths);
        if (r >= 0)
                r = sd_event_add_time(event, &w->timer, CLOCK_MONOTONIC, UINT64_MAX, 10 * USEC_PER_MSEC, on_timer, w);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
        if (r >= 0) {
                watch_mounts(w);
                for (size_t i = 0; i < w->places_n; i++)
                        attach(w->places + i);
                w->all = false;         /* whoever watches looks at everything to begin with */
                r = arm_next_look(w);
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
        for (size_t i = 0; i < w->places_n; i++) {
                detach(w->places + i);
                free(w->places[i].path);
        }
        free(w->places);
        forget_names(w);
        sd_event_source_unref(w->mounts);
        sd_event_source_unref(w->timer);
        sd_event_unref(w->event);
        free(w);
        return NULL;
}
