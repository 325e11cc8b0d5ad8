/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "libkftp.h"
#include "speed.h"

/* What one session was seen at, for its rate. */
typedef struct MirrorSpeed {
        char *path;
        Speed speed;
} MirrorSpeed;

/* The progress of a mirror on stderr. */
typedef struct MirrorProgress {
        bool shown;
        bool tty;                       /* several lines, redrawn; otherwise a line now and then */
        char *drawn;                    /* those that are on the screen; NULL: none */
        uint64_t told_usec;             /* when something was shown last */
        Speed speed;                    /* of all sessions */
        MirrorSpeed sessions[KFTP_MIRROR_SESSIONS_MAX];
} MirrorProgress;

void mirror_progress_begin(MirrorProgress *p, bool shown);
void mirror_progress_update(MirrorProgress *p, const KftpMirrorProgress *now);
/* Takes the lines off the screen, so that another one can be written. */
void mirror_progress_clear(MirrorProgress *p);
void mirror_progress_end(MirrorProgress *p);

/*
 * The lines as they are at the moment t, at most width columns wide and height of them, with line ends between: one of
 * totals, and one for each session that is at something. Allocated.
 */
char *mirror_progress_render(MirrorProgress *p, const KftpMirrorProgress *now, uint64_t t, unsigned width, unsigned height);

/* "12 of 345 files, 1.2 GiB of 3.4 GiB, 15.5 MiB/s, ...": the totals alone; allocated. */
char *mirror_progress_totals(const KftpMirrorProgress *now, double rate);

/* How many rows lines take on a terminal so many columns wide, which breaks those that are too long. */
unsigned mirror_progress_rows(const char *lines, unsigned terminal_width);
