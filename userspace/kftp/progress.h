/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "libkftp.h"
#include "speed.h"

/* How often something is shown: on a terminal, and elsewhere. */
#define PROGRESS_DRAW_USEC UINT64_C(100000)
#define PROGRESS_LINE_USEC UINT64_C(10000000)

/* The progress of one transfer on stderr. */
typedef struct Progress {
        bool shown;
        bool tty;                       /* one line, redrawn; otherwise a line now and then */
        bool drawn;                     /* that line is on the screen */
        char *name;                     /* fit to be shown */
        uint64_t begun_usec;
        uint64_t told_usec;             /* when the last line was written */
        Speed speed;
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

/* Of stderr: how wide a line may be, and how many there are. */
void progress_terminal_size(unsigned *ret_width, unsigned *ret_height);
