/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is said of jobs that are not there; these return the exit code. */

#include "job-info.h"

int bus_complain_name(const char *name, JobList *jobs);
int bus_complain_pattern(const char *pattern);
