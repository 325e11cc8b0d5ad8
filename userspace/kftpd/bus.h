/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * org.kftp1 on the system bus: the manager for "kftp list" and its kind. A bus that is not there is no failure:
 * it is tried again from time to time, and jobs run all the same.
 */

#include <systemd/sd-bus.h>

#include "manager.h"

#define BUS_NAME "org.kftp1"
#define BUS_PATH "/org/kftp1"
#define BUS_INTERFACE "org.kftp1.Manager"

#define BUS_ERROR_NO_SUCH_JOB "org.kftp1.Error.NoSuchJob"
#define BUS_ERROR_MASKED "org.kftp1.Error.Masked"
#define BUS_ERROR_REJECTED "org.kftp1.Error.Rejected"
#define BUS_ERROR_NOT_RUNNING "org.kftp1.Error.NotRunning"
#define BUS_ERROR_ALREADY_RUNNING "org.kftp1.Error.AlreadyRunning"
#define BUS_ERROR_STOPPING "org.kftp1.Error.Stopping"

struct Bus {
        Manager *manager;
        sd_bus *connection;             /* NULL while there is none */
        sd_bus_track *subscribers;
        sd_event_source *again;         /* the next attempt to connect */
        sd_event_source *progress;
        sd_event_source *post;
        void *changes;                  /* tsearch(3): of what is to be told at the end of a round of events */
        bool counts_changed;
        bool complained;                /* that there is no bus */
};

/* Offers the manager on the bus from now on. */
int bus_new(Manager *m, Bus **ret);
Bus *bus_free(Bus *b);

/* Somebody has subscribed just now. */
void bus_subscribed(Bus *b);

/* ---- bus-manager.c: methods and properties; their userdata is the bus ---- */

extern const sd_bus_vtable bus_manager_vtable[];

/* Appends the a(sa{sv}) of at most so many jobs, by name, after that name. A file whose name cannot be said is not listed. */
int bus_append_jobs(sd_bus_message *message, Manager *m, const char *after, unsigned max);

/* ---- bus-job.c ---- */

/* Whether the bus takes the text as a string: one that is no UTF-8 would spoil the message that it is in. */
bool bus_can_say(const char *text);
/* Appends a job's a{sv}. Returns 0 or -errno. */
int bus_append_job(sd_bus_message *message, Manager *m, Job *j);
/* Appends the a{sv} of how far a running job is. */
int bus_append_progress(sd_bus_message *message, Job *j);
