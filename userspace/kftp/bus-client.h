/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The command's side of the bus: calls of the daemon's manager, and what is said if they fail. These functions return 0, or
 * an exit code after a message.
 */

#include "job-info.h"
#include "util.h"

#define BUS_NAME "org.kftp1"
#define BUS_PATH "/org/kftp1"
#define BUS_INTERFACE "org.kftp1.Manager"
#define BUS_ERROR "org.kftp1.Error."

/* Flags of Run. */
#define BUS_RUN_AGAIN UINT64_C(1)
#define BUS_RUN_CALENDAR UINT64_C(2)

#define _cleanup_bus_ _cleanup_(sd_bus_flush_close_unrefp)
#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)

int bus_connect(sd_bus **ret);

/* job is the one that it is about, for messages; NULL: none. ret may be NULL. */
int bus_call(sd_bus *bus, const char *job, sd_bus_message **ret, const char *method, const char *types, ...);

/* As bus_call, but says nothing: -errno, with *error set. */
int bus_try(sd_bus *bus, sd_bus_error *error, sd_bus_message **ret, const char *method, const char *types, ...);

/* Says why a call of the method has failed, in one line with what to do. Returns the exit code. */
int bus_complain(sd_bus *bus, const sd_bus_error *error, int r, const char *method, const char *job);

/* Whether the call has failed because nobody has the daemon's name. */
bool bus_is_absent(const sd_bus_error *error, int r);

int bus_get_job(sd_bus *bus, const char *name, JobInfo *ret);
int bus_list_jobs(sd_bus *bus, JobList *ret);

/*
 * The jobs that the words name: names, and patterns as of glob(7), which the shell has to leave alone. Without words all
 * jobs if all is true. A name that no job has, and a pattern that fits none, are complained about, and the others taken:
 * the exit code is in *class then.
 */
int bus_select_jobs(sd_bus *bus, char *const *words, bool all, JobList *ret, int *class);

/* Whether the name is one of the words, or fits one of them that is a pattern. */
bool bus_fits_any(const char *name, char *const *words);

/* A property of the manager. */
int bus_get_string(sd_bus *bus, const char *property, char **ret);
int bus_get_number(sd_bus *bus, const char *property, unsigned *ret);
