/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What systemd is told by files in the service's runtime directories, because the service may start no units itself: that a run
 * of a job has ended, for OnSuccess= and OnFailure=, and that what the generator writes for jobs may have changed. Path units wait
 * for these files (kftpd(8)), also later: a file stays until the unit that it is for has seen it.
 *
 * Any thread may call these. What cannot be told is told to the journal, by the caller, and is no reason for anything to fail.
 */

#include <stdbool.h>

/* A run of the job has been concluded; to be called for jobs that have units for that. Returns 0 or -errno. */
int units_tell_end(const char *job, bool success);

/*
 * Takes back what is left of an earlier job of that name whose units never came: to be called when a job is new, with nothing in
 * the ledger about it.
 */
void units_forget(const char *job);

/*
 * The generator has to be asked: to be called at the start, and when the old or the new definition of a job that was loaded, or has
 * gone, has OnCalendar=, OnSuccess= or OnFailure=. Costs little when it is called often. Returns 0 or -errno.
 */
int units_tell_schedule(void);
