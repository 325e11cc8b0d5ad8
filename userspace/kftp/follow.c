// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Following the daemon: see follow.h. Anybody on the bus may send a signal to anybody: only those count that come from
 * whoever has the daemon's name.
 */

#include <signal.h>

#include "follow.h"
#include "libkftp.h"

static bool is_from_daemon(const Follow *f, sd_bus_message *m) {
        return f->owner && streq_ptr(sd_bus_message_get_sender(m), f->owner);
}

/* ---- Signals of the daemon ---------------------------------------------------------------------- */

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobInfo job = { .file_total = UINT64_MAX };
        Follow *f = userdata;
        const char *name;

        (void) error;
        if (is_from_daemon(f, m) && sd_bus_message_read(m, "s", &name) > 0 && job_info_read(m, &job) >= 0)
                f->calls->changed(f, name, &job);
        job_info_done(&job);
        return 0;
}

static int on_ended(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        JobInfo job = { .file_total = UINT64_MAX };
        Follow *f = userdata;
        const char *name;
        uint64_t run;

        (void) error;
        if (is_from_daemon(f, m) && sd_bus_message_read(m, "st", &name, &run) > 0 && job_info_read(m, &job) >= 0)
                f->calls->ended(f, name, run, &job);
        job_info_done(&job);
        return 0;
}

static int on_progress(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Follow *f = userdata;
        JobList running = {};
        int r;

        (void) error;
        if (!is_from_daemon(f, m))
                return 0;
        r = sd_bus_message_enter_container(m, 'a', "(sa{sv})");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sa{sv}")) > 0) {
                const char *name;
                JobInfo *job;

                r = sd_bus_message_read(m, "s", &name);
                job = r >= 0 ? job_list_add(&running, name) : NULL;
                r = job ? job_info_read(m, job) : -ENOMEM;
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                f->calls->progress(f, &running);
        job_list_done(&running);
        return 0;
}

/* ---- The daemon itself --------------------------------------------------------------------------- */

static int subscribe(Follow *f, sd_bus_error *error) {
        return bus_try(f->bus, error, NULL, "Subscribe", NULL);
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name, *old, *new;
        Follow *f = userdata;

        (void) error;
        if (sd_bus_message_read(m, "sss", &name, &old, &new) < 0 || !streq(name, BUS_NAME))
                return 0;
        free(f->owner);
        f->owner = *new ? strdup(new) : NULL;
        if (*old && f->calls->gone)
                f->calls->gone(f);
        /* if it goes again at once, that is told, too */
        if (f->owner && subscribe(f, NULL) >= 0 && f->calls->back)
                f->calls->back(f);
        return 0;
}

static int find_owner(Follow *f, sd_bus_error *error) {
        __attribute__((cleanup(sd_bus_creds_unrefp))) sd_bus_creds *creds = NULL;
        const char *owner;
        int r = sd_bus_get_name_creds(f->bus, BUS_NAME, SD_BUS_CREDS_UNIQUE_NAME, &creds);

        if (r == -ENXIO)
                return sd_bus_error_set_const(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER, NULL);
        if (r >= 0)
                r = sd_bus_creds_get_unique_name(creds, &owner);
        if (r >= 0)
                f->owner = strdup(owner);
        return r;
}

static int match(Follow *f, const char *member, sd_bus_message_handler_t handler, bool wanted) {
        return wanted ? sd_bus_match_signal(f->bus, NULL, NULL, BUS_PATH, BUS_INTERFACE, member, handler, f) : 0;
}

/* First heard, then asked for: nothing is missed. */
static int listen_to_daemon(Follow *f, sd_bus_error *error) {
        int r;

        r = sd_bus_match_signal(f->bus, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged",
                                on_owner, f);
        if (r >= 0)
                r = match(f, "JobChanged", on_changed, f->calls->changed);
        if (r >= 0)
                r = match(f, "RunEnded", on_ended, f->calls->ended);
        if (r >= 0)
                r = match(f, "Progress", on_progress, f->calls->progress);
        if (r >= 0)
                r = find_owner(f, error);
        return r < 0 ? r : subscribe(f, error);
}

/* ---- The loop ------------------------------------------------------------------------------------ */

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *info, void *userdata) {
        Follow *f = userdata;

        f->signal_number = (int) info->ssi_signo;
        if (f->calls->stopped)
                f->calls->stopped(f);
        return sd_event_exit(sd_event_source_get_event(s), KFTP_CLASS_INTERRUPTED);
}

static int make_loop(Follow *f) {
        static const int signals[] = { SIGINT, SIGTERM };
        sigset_t set;
        int r = sd_event_new(&f->event);

        (void) sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTS(signals); i++)
                (void) sigaddset(&set, signals[i]);
        if (r >= 0)
                r = -pthread_sigmask(SIG_BLOCK, &set, NULL);
        for (size_t i = 0; r >= 0 && i < ELEMENTS(signals); i++)
                r = sd_event_add_signal(f->event, NULL, signals[i], on_signal, f);
        return r;
}

int follow_begin(Follow *f, const FollowCalls *calls, void *userdata) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int class, r;

        *f = (Follow) { .calls = calls, .userdata = userdata };
        class = bus_connect(&f->bus);
        if (class != 0)
                return class;
        r = listen_to_daemon(f, &error);
        if (r >= 0)
                r = make_loop(f);
        if (r >= 0)
                r = sd_bus_attach_event(f->bus, f->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                class = bus_complain(f->bus, &error, r, "Subscribe", NULL);
        sd_bus_error_free(&error);
        return class;
}

int follow_run(Follow *f) {
        int r = sd_event_loop(f->event);

        if (r >= 0)
                return r;
        fprintf(stderr, "kftp: cannot go on: %s\n", strerror(-r));
        return KFTP_CLASS_OTHER;
}

void follow_die(const Follow *f) {
        sigset_t set;

        if (f->signal_number != SIGTERM)
                return;
        (void) fflush(NULL);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        (void) raise(SIGTERM);
}

void follow_end(Follow *f) {
        if (f->bus)
                (void) sd_bus_detach_event(f->bus);
        f->bus = sd_bus_flush_close_unref(f->bus);
        f->event = sd_event_unref(f->event);
        free(f->owner);
        f->owner = NULL;
}
