/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The servers of the jobs: for each host and port the jobs that are queued for it, and how many connections it may be asked for:
 * as many as job files allow, the smallest number of all of them, and as many as the server itself was seen to let in. What was
 * learned is let go of by and by, for it may have been busy with others. Belongs to the main thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

typedef TAILQ_HEAD(JobQueue, Job) JobQueue;

/* How many jobs have given a number of connections. */
typedef struct ServerLimit {
        unsigned connections;
        unsigned jobs;
} ServerLimit;

typedef struct Server {
        char *name;                     /* "host:port" */
        unsigned jobs;                  /* that name it, and runs */
        JobQueue queue;                 /* those that are queued, in the order of arrival */

        ServerLimit *limits;            /* MaxConnections= of its jobs, the smallest first */
        size_t limits_n;
        unsigned learned;               /* the server lets in no more; 0: it has not refused */
        bool doubted;                   /* it has refused as many as it had let in before */
        uint64_t raise_usec;            /* monotonic clock, as all times here: when one more is tried */
        uint64_t not_before;            /* after a refusal: nothing is asked for until then */
        bool told;                      /* the journal knows that it refuses */

        unsigned used;                  /* connections that our runs may have there now */
        uint64_t left_usec;             /* when a run there has ended last that was let in */
        uint64_t refused_usec;          /* when it has refused last */

        bool idle;                      /* no job names it */
        bool ready;                     /* stands in the ring: something is queued, and may start */
        void *manager;                  /* the queue's, for its timer */
        sd_event_source *timer;         /* for the time when something may start again */
        TAILQ_ENTRY(Server) ring;
} Server;

TAILQ_HEAD(ServerRing, Server);

typedef struct Servers {
        void *by_name;                  /* tsearch(3) */
        struct ServerRing ring;         /* the next one whose turn it is comes first */
        struct ServerRing idle;         /* without jobs, but something was learned of them */
        uint64_t release_usec;          /* after so long without a refusal one connection more is tried */
        uint64_t forget_usec;           /* idle for so long, it may be asked for any number again */
} Servers;

void servers_init(Servers *all, uint64_t release_usec, uint64_t forget_usec);
void servers_done(Servers *all);

/* The server of that name, made if need be; NULL without memory. Each one that is named is to be left again. */
Server *server_join(Servers *all, const char *host, uint16_t port, unsigned max_connections);
/* Forgets servers that are no job's any more and of which nothing is known. */
void server_leave(Servers *all, Server *s, unsigned max_connections, uint64_t now);

/* How many connections it may be asked for at a time, 0: any number. */
unsigned server_limit(const Servers *all, Server *s, uint64_t now);
/* How many of those that are wanted it may be asked for now; 0: none. */
unsigned server_room(const Servers *all, Server *s, unsigned wanted, uint64_t now);
/* When there may be room again without any run's end; UINT64_MAX: never. */
uint64_t server_next(const Server *s, uint64_t now);

/* A run begins, and ends. It keeps the server known; false: it may be no longer. */
void server_take(Server *s, unsigned connections);
bool server_give_back(Servers *all, Server *s, unsigned connections, bool refused, uint64_t now);
/* It has refused a connection while we had so many others. */
void server_refused(const Servers *all, Server *s, unsigned connections, uint64_t now);
