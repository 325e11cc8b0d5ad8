/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the verbs about jobs have in common: arguments, and how their results are written. */

#include <limits.h>

#include "job-info.h"
#include "options.h"
#include "table.h"

/* Takes the arguments, of which min to max are names, and calls act. Returns the exit code. */
int jobs_verb(int argc, char **argv, unsigned verb, unsigned min, unsigned max, int (*act)(const Arguments *a));

/* As the options and the terminal want it. */
TableStyle jobs_style(const Arguments *a);

/* These write to stdout: an exit code after a message, or 0. */
int jobs_write_json(const JobList *jobs);
int jobs_write_text(const Arguments *a, const JobList *jobs, int (*write)(const Arguments *a, const JobList *jobs, FILE *f));
int jobs_no_memory(void);
int jobs_cannot_write(void);
