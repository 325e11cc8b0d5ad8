/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The progress of jobs' runs: on a terminal a line for each that is drawn again and again, elsewhere one every ten seconds. */

#include "job-info.h"
#include "screen.h"

typedef struct RunView {
        bool shown;
        bool tty;
        bool colours;
        Screen screen;
        uint64_t told_usec;             /* when lines were written last, if it is no terminal */
} RunView;

void run_view_begin(RunView *v, FILE *file, bool shown);

/* The running ones, and below them on a terminal the tail, if there is one: lines of text. */
void run_view_draw(RunView *v, const JobList *running, const char *tail);

/* Makes room for a line that stays. */
void run_view_clear(RunView *v);
