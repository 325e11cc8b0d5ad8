/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Asks the daemon of a test what its bus would: "run NAME", "run-again NAME", "elapse NAME" (its timer), "cancel NAME", "retry NAME".
 * "look NAME" is answered with the run that the bus shows of the job, 0 if there is none; "list -" with how many jobs it shows; "clock NAME"
 * sets the clock, as it were, to behind the deadline of the job. The answer
 * is a record, "ANSWER cancel NAME: -ENOENT", or "ANSWER run NAME: 0" with the field "RUN=" and the run's number. */

#include "daemon.h"

/* In the daemon. */
int asking_serve(Manager *m, const char *directory);

/* Returns when the daemon has been asked, maybe before it has answered. */
void daemon_ask(const Daemon *d, const char *question);
