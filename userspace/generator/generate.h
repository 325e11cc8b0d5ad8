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
        const char *const *directories; /* of job files, the most important first; ends with NULL */
        uint64_t until;                 /* CLOCK_MONOTONIC in microseconds: what is not done by then is left out, and told */
        void (*say)(const char *line);
        bool explain;                   /* why a job is rejected; otherwise that is left to kftpd */
        unsigned units;                 /* written */
} Generator;

/* 0, or -errno if nothing could be done at all. */
int generate(Generator *g);

/* The directories of this system. */
extern const char *const generate_directories[];
