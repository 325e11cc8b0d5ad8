/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's side of the bus: its connection, and signals. Methods and properties are in bus-manager.c, what a job looks
 * like in bus-job.c.
 *
 * Signals about jobs go to those who have subscribed, and nobody else: what a job is about is not for everybody who may
 * use the bus.
 */

#include <errno.h>
#include <search.h>
#include <syslog.h>

#include "bus.h"
#include "catalog-ids.h"

#define AGAIN_USEC (30 * USEC_PER_SEC)          /* between attempts to reach the bus */
#define PROGRESS_USEC (500 * USEC_PER_MSEC)
#define CALL_USEC (10 * USEC_PER_SEC)           /* for the bus to answer us: jobs wait meanwhile */

/* A job of which something has changed, until that is told. */
typedef struct Change {
        char *name;
        bool run_ended;
} Change;

static void disconnect(Bus *b);

/* ---- Signals -------------------------------------------------------------------------------------- */

static bool has_subscribers(const Bus *b) {
        return b && b->connection && sd_bus_track_count(b->subscribers) > 0;
}

/* Sends the signal to each subscriber; the message is used up. */
static void tell_subscribers(Bus *b, const char *member, int (*append)(sd_bus_message *m, Bus *b, void *userdata), void *userdata) {
        for (const char *name = sd_bus_track_first(b->subscribers); name; name = sd_bus_track_next(b->subscribers)) {
                __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *signal = NULL;

                if (sd_bus_message_new_signal(b->connection, &signal, BUS_PATH, BUS_INTERFACE, member) >= 0 &&
                    append(signal, b, userdata) >= 0 && sd_bus_message_set_destination(signal, name) >= 0)
                        (void) sd_bus_send(b->connection, signal, NULL);
        }
}

static int append_change(sd_bus_message *message, Bus *b, void *userdata) {
        const Change *c = userdata;
        Job *j = job_find(b->manager, c->name);
        int r = sd_bus_message_append(message, "s", c->name);

        if (r >= 0 && j)
                return bus_append_job(message, b->manager, j);
        return r < 0 ? r : sd_bus_message_append(message, "a{sv}", 1, "State", "s", "removed");
}

static int append_end(sd_bus_message *message, Bus *b, void *userdata) {
        const Change *c = userdata;
        Job *j = job_find(b->manager, c->name);
        int r = sd_bus_message_append(message, "st", c->name, j ? j->last_number : 0);

        if (r >= 0 && j)
                return bus_append_job(message, b->manager, j);
        return r < 0 ? r : sd_bus_message_append(message, "a{sv}", 1, "State", "s", "removed");
}

static int append_all_progress(sd_bus_message *message, Bus *b, void *userdata) {
        Job *j;
        int r = sd_bus_message_open_container(message, 'a', "(sa{sv})");

        (void) userdata;
        TAILQ_FOREACH(j, &b->manager->jobs, jobs) {
                if (j->state != JOB_RUNNING || !j->run || r < 0)
                        continue;
                r = sd_bus_message_open_container(message, 'r', "sa{sv}");
                if (r >= 0)
                        r = sd_bus_message_append(message, "s", j->name);
                if (r >= 0)
                        r = bus_append_progress(message, j);
                if (r >= 0)
                        r = sd_bus_message_close_container(message);
        }
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int arm_progress(Bus *b) {
        uint64_t now = 0;

        (void) sd_event_now(b->manager->event, CLOCK_MONOTONIC, &now);
        (void) sd_event_source_set_time(b->progress, now + PROGRESS_USEC);
        return sd_event_source_set_enabled(b->progress, SD_EVENT_ONESHOT);
}

static int on_progress(sd_event_source *s, uint64_t usec, void *userdata) {
        Bus *b = userdata;

        (void) s;
        (void) usec;
        if (!has_subscribers(b) || b->manager->count[JOB_RUNNING] == 0)
                return 0;
        tell_subscribers(b, "Progress", append_all_progress, NULL);
        return arm_progress(b);
}

static int compare_changes(const void *a, const void *b) {
        return strcmp(((const Change *) a)->name, ((const Change *) b)->name);
}

static void change_free(void *p) {
        Change *c = p;

        free(c->name);
        free(c);
}

void bus_job_changed(Manager *m, Job *j, bool run_ended) {
        Bus *b = m->bus;
        Change *c, **found;

        if (!b)
                return;
        b->counts_changed = true;
        if (!has_subscribers(b))
                return;
        c = calloc(1, sizeof(*c));
        if (!c || !(c->name = strdup(j->name))) {
                free(c);
                return;
        }
        found = tsearch(c, &b->changes, compare_changes);
        if (!found || *found != c)
                change_free(c);
        if (found && run_ended)
                (*found)->run_ended = true;
}

/* All that has changed in a round of events is told at its end, when it is as it is going to stay. */
static int on_post(sd_event_source *s, void *userdata) {
        Bus *b = userdata;

        (void) s;
        while (b->changes) {
                Change *c = *(Change **) b->changes;

                (void) tdelete(c, &b->changes, compare_changes);
                if (has_subscribers(b)) {
                        tell_subscribers(b, "JobChanged", append_change, c);
                        if (c->run_ended)
                                tell_subscribers(b, "RunEnded", append_end, c);
                }
                change_free(c);
        }
        if (!b->counts_changed || !b->connection)
                return 0;
        b->counts_changed = false;
        (void) sd_bus_emit_properties_changed(b->connection, BUS_PATH, BUS_INTERFACE, "Jobs", "Running", "Queued", "Waiting", "Scheduled",
                                              "Done", "Failed", "Rejected", "Masked", "Pause", NULL);
        if (has_subscribers(b) && b->manager->count[JOB_RUNNING] > 0)
                (void) arm_progress(b);
        return 0;
}

void bus_subscribed(Bus *b) {
        if (b->manager->count[JOB_RUNNING] > 0)
                (void) arm_progress(b);
}

/* ---- The connection ------------------------------------------------------------------------------- */

static void try_again(Bus *b) {
        uint64_t now = 0;

        (void) sd_event_now(b->manager->event, CLOCK_MONOTONIC, &now);
        (void) sd_event_source_set_time(b->again, now + AGAIN_USEC);
        (void) sd_event_source_set_enabled(b->again, SD_EVENT_ONESHOT);
}

static void complain(Bus *b, int error) {
        if (b->complained)
                return;
        b->complained = true;
        report_event(&b->manager->context.report, LOG_NOTICE, KFTP_MESSAGE_BUS_MISSING, NULL, error,
                     "the system bus cannot be used: %s; jobs run all the same, but \"kftp list\" and its kind do not work until it can",
                     strerror(-error));
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;

        (void) message;
        (void) error;
        disconnect(b);
        try_again(b);
        return 0;
}

/* Waits for the name: who is started after us may call at once. */
static int connect_bus(Bus *b) {
        int r = sd_bus_open_system_with_description(&b->connection, "kftpd");

        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(b->connection, false);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(b->connection, CALL_USEC);
        if (r >= 0)
                r = sd_bus_match_signal_async(b->connection, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                              "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, b);
        if (r >= 0)
                r = sd_bus_track_new(b->connection, &b->subscribers, NULL, NULL);
        if (r >= 0)
                r = sd_bus_add_object_vtable(b->connection, NULL, BUS_PATH, BUS_INTERFACE, bus_manager_vtable, b);
        if (r >= 0)
                r = sd_bus_request_name(b->connection, BUS_NAME, 0);
        if (r >= 0)
                r = sd_bus_attach_event(b->connection, b->manager->event, SD_EVENT_PRIORITY_NORMAL);
        return r;
}

static void disconnect(Bus *b) {
        b->subscribers = sd_bus_track_unref(b->subscribers);
        b->connection = sd_bus_close_unref(b->connection);
}

static void attempt(Bus *b) {
        int r = connect_bus(b);

        if (r >= 0) {
                b->complained = false;
                return;
        }
        disconnect(b);
        complain(b, r);
        try_again(b);
}

static int on_again(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s;
        (void) usec;
        attempt(userdata);
        return 0;
}

int bus_new(Manager *m, Bus **ret) {
        Bus *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        b->manager = m;
        r = sd_event_add_time(m->event, &b->again, CLOCK_MONOTONIC, UINT64_MAX, 0, on_again, b);
        if (r >= 0)
                r = sd_event_add_time(m->event, &b->progress, CLOCK_MONOTONIC, 0, 50 * USEC_PER_MSEC, on_progress, b);
        if (r >= 0)
                r = sd_event_source_set_enabled(b->progress, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_post(m->event, &b->post, on_post, b);
        if (r < 0) {
                bus_free(b);
                return r;
        }
        attempt(b);
        *ret = b;
        return 0;
}

Bus *bus_free(Bus *b) {
        if (!b)
                return NULL;
        sd_event_source_unref(b->again);
        sd_event_source_unref(b->progress);
        sd_event_source_unref(b->post);
        if (b->connection)
                (void) sd_bus_flush(b->connection);
        disconnect(b);
        tdestroy(b->changes, change_free);
        free(b);
        return NULL;
}
