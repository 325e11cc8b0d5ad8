/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The units that a job's file stands for, as text. What comes from the file is put in so that systemd reads it as a value, whatever
 * it is: a specifier, the end of a line or a backslash in it begins nothing of its own.
 */

#include "job.h"

/*
 * The timer kftp@NAME.timer. Returns 0, -ENOMEM, or -EINVAL with a sentence in *reason if a value is not one that systemd could be
 * given.
 */
int unit_text_timer(const KftpJob *j, char **ret, const char **reason);

/* The drop-in for kftp-success@NAME.service, or kftp-failure@NAME.service, that names the units to be started; likewise. */
int unit_text_end(const KftpJob *j, bool success, char **ret, const char **reason);

/* The name of a unit, from the job file: %n becomes the name of the job, %% a percent sign. NULL if that is none. Allocated. */
char *unit_text_expand(const char *unit, const char *job);
