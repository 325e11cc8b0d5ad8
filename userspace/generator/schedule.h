/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What systemd does not do by itself: a generator's units are read at a reload only, and a reload starts no new timer, nor does it
 * stop one whose unit has gone. Three sets of units are held against each other: those that are wanted now, those that systemd has
 * read, and those that were started by the last call.
 */

typedef struct Schedule {
        const char *directories;        /* of job files, as in job-load.h */
        const char *generated;          /* where systemd has the units from */
        const char *runtime;            /* a directory of our own, which stays until the next boot */
        const char *stamps;             /* by which systemd knows what a persistent timer has missed */
        const char *systemctl;
        void (*say)(const char *line);
} Schedule;

/* Brings systemd up to date; does nothing if it is. 0 or -errno; what has failed has been told. */
int schedule_apply(const Schedule *s);

/*
 * Takes away the file by which kftpd says that something has changed. Whatever the service has made under that name is taken for it,
 * and is not followed. 0, also if there was none, or -errno: a directory with something in it stays, for example.
 */
int schedule_take(const char *path);
