/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "libkftp.h"

/* The progress of one transfer on stderr. */
typedef struct Progress {
        bool shown;
        bool tty;                       /* one line, redrawn; otherwise a line now and then */
        bool drawn;                     /* that line is on the screen */
        char *name;                     /* fit to be shown */
        uint64_t begun_usec;
        uint64_t told_usec;             /* when the last line was written */
        uint64_t sample_usec;           /* of the rate: begin of the running sample */
        uint64_t sample_bytes;
        double rate;                    /* bytes per second, of late */
} Progress;

void progress_begin(Progress *p, const char *name, bool shown);
void progress_update(Progress *p, const KftpProgress *now);
/* Takes the line off the screen, so that another one can be written. */
void progress_clear(Progress *p);
void progress_end(Progress *p);

/* "12 s", "3:07", "1:02:03"; buffer as in format.h. */
char *progress_format_left(char *buffer, double seconds);

/* The line, at most width columns wide. Allocated. */
char *progress_render(const char *name, const KftpProgress *now, double rate, unsigned width);
