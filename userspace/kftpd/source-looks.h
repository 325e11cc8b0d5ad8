/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the last look at each job's source has found: since when a file has had the same size and time. Kept in memory, a
 * few bytes for each file, as a restart may well wait that long again. Any thread may use it; the looks of one job are one
 * thread's at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct SourceLooks SourceLooks;

int source_looks_new(SourceLooks **ret);
SourceLooks *source_looks_free(SourceLooks *l);

/* A look at all files of a job: what the one before has seen is compared with, and forgotten at the end. */
typedef struct SourceLook SourceLook;

/* -ENOMEM. place: the directory; what was seen in another one says nothing. now: of the monotonic clock, in microseconds. */
int source_look_begin(SourceLooks *l, const char *job, const char *place, uint64_t now, SourceLook **ret);
/* *ret: since when the file has been like this. -ENOMEM. */
int source_look_at(SourceLook *look, const char *name, uint64_t size, int64_t mtime_nsec, uint64_t *ret);
/* What was looked at replaces what is remembered; NULL is fine. */
void source_look_end(SourceLook *look);

/* The job is gone, or another one. */
void source_looks_forget(SourceLooks *l, const char *job);
