/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * From job files to units: looks at all jobs, one after the other, and writes the units of those that have any. What is wrong with
 * one is told, and keeps no other from having its units.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Generator {
        int dir_fd;                     /* where the units are written */
        const char *directories;        /* of job files, as in job-load.h */
        uint64_t until;                 /* CLOCK_MONOTONIC in microseconds: what is not done by then is left out, and told */
        void (*say)(const char *line);
        bool explain;                   /* why a job is rejected; otherwise that is left to kftpd */
        unsigned units;                 /* written */
} Generator;

/* 0, or -errno if there may be jobs that were not looked at; those that could be have their units all the same. */
int generate(Generator *g);
