/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* When jobs with a calendar run next: systemd knows, which has their timers, kftp@NAME.timer. */

#include "job-info.h"

/* Fills in next; where there is no systemd, or no such timer, it stays 0. */
void timers_read(sd_bus *bus, JobList *jobs);
