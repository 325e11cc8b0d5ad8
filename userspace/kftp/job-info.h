/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A job as the daemon tells of it over the bus. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/* Strings are fit to be shown; NULL, or 0, where the daemon says nothing. Moments are of the realtime clock, in microseconds. */
typedef struct JobInfo {
        char *job;                      /* its name */
        char *state;
        char *description;
        char *trigger;
        char *direction;
        char *transfer;
        char *server;
        char *url;
        char *path;
        char *file;
        char *revision;
        char *calendar;                 /* all of it, with "; " between */
        uint64_t run;                   /* the number of the one that is queued, waits or is under way */
        uint64_t attempt;
        uint64_t retries;
        uint64_t since;
        uint64_t not_before;
        uint64_t next;                  /* when its timer elapses: not from the daemon, see timers.h */
        char *text;

        uint64_t last_run;
        uint64_t last_ended;
        char *last_result;
        char *last_text;
        uint64_t last_files;
        uint64_t last_bytes;
        uint64_t last_usec;

        /* while it runs */
        char *name;                     /* of the file under way */
        uint64_t file_bytes;
        uint64_t file_total;            /* UINT64_MAX: unknown */
        uint64_t bytes;
        uint64_t files;
        uint64_t rate;
        uint64_t started;

        char *told;                     /* what was said of it last: the reader's; not in its JSON */
} JobInfo;

/* Takes an a{sv} from the message: what it says replaces what was known, and all of it if it tells the state. -errno. */
int job_info_read(sd_bus_message *message, JobInfo *job);
void job_info_done(JobInfo *job);

bool job_info_is(const JobInfo *job, const char *state);

/* "SOURCE -> TARGET". Allocated; NULL: nothing is known, or no memory. */
char *job_info_what(const JobInfo *job);

/* NULL: no memory. */
json_t *job_info_json(const JobInfo *job);

/* Sorted by name; they own the jobs. */
typedef struct JobList {
        JobInfo *jobs;
        size_t n;
        size_t allocated;
} JobList;

/* A new one at the end, with a copy of the name; NULL: no memory. */
JobInfo *job_list_add(JobList *l, const char *name);
void job_list_remove(JobList *l, JobInfo *job);
JobInfo *job_list_find(JobList *l, const char *name);
void job_list_sort(JobList *l);
void job_list_done(JobList *l);
