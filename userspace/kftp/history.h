/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The runs of jobs as the journal has them. */

#include "journal.h"

/* Strings are fit to be shown. */
typedef struct PastRun {
        char *job;
        uint64_t number;                /* 0: not told */
        uint64_t ended;                 /* microseconds of the realtime clock */
        char *result;                   /* done, failed, cancelled */
        char *class;                    /* of the failure; "done" */
        char *trigger;                  /* NULL: not told */
        bool counted;                   /* files and bytes are told */
        uint64_t files;
        uint64_t bytes;
        uint64_t usec;
        uint64_t attempt;
        char *text;                     /* of a failure: what went wrong; else what is worth to be told beyond the numbers, or NULL */
} PastRun;

typedef struct History {
        PastRun *runs;                  /* by time */
        size_t n;
        size_t allocated;
        size_t failed;
} History;

typedef struct HistoryQuery {
        char *const *names;             /* of jobs, and patterns; ends with NULL; none: all jobs */
        uint64_t since, until;
        const char *result;             /* NULL: any */
        bool limited;
        size_t max;                     /* the last ones, if limited */
} HistoryQuery;

/* 0 or -errno. To be ended in any case. */
int history_read(sd_journal *j, const HistoryQuery *query, History *ret);
void history_done(History *h);
