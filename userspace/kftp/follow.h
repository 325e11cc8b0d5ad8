/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Following the daemon: its signals about jobs, in an event loop that SIGINT and SIGTERM end. The daemon may go and come
 * back meanwhile.
 */

#include <systemd/sd-event.h>

#include "bus-client.h"

typedef struct Follow Follow;

/* All may be NULL. job is the callee's to read; of a progress it has only what that tells. */
typedef struct FollowCalls {
        void (*changed)(Follow *f, const char *name, JobInfo *job);     /* also of a removed one: its state is "removed" */
        void (*ended)(Follow *f, const char *name, uint64_t run, JobInfo *job);
        void (*progress)(Follow *f, JobList *running);
        void (*gone)(Follow *f);                /* the daemon */
        void (*back)(Follow *f);                /* and it tells again what happens */
        void (*stopped)(Follow *f);             /* by a signal; the loop ends after it */
} FollowCalls;

struct Follow {
        sd_bus *bus;
        sd_event *event;
        char *owner;                    /* the daemon's unique name; NULL: it is not there */
        const FollowCalls *calls;
        void *userdata;
        int signal_number;              /* that has ended it; 0: none */
};

/* Connects, and asks the daemon to tell. 0, or an exit code after a message. To be ended in any case. */
int follow_begin(Follow *f, const FollowCalls *calls, void *userdata);
void follow_end(Follow *f);

/* Until a signal comes, or somebody calls sd_event_exit with an exit code: that is returned. */
int follow_run(Follow *f);

/*
 * To be called after follow_end: if SIGTERM has ended the loop the process ends by it, as without a loop. So the service manager can
 * tell that a service was stopped from a run that was cancelled, whose exit code is the same as that of an interruption.
 */
void follow_die(const Follow *f);
