/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The records of mirrors and of sets: one for each file that was transferred, removed, refused or has failed, and one for the run. */

#include "record.h"

/* Of so many files a run tells at LOG_INFO, of the others at LOG_DEBUG: journald limits rates for each level. */
#define REPORT_MIRROR_FILES 100U

/*
 * What has become of one file; upload: the source is here; before: how many of this run's files there have been records
 * of. Returns whether there is one now. Directories that are made and times that are set are not worth one, unless that has failed.
 */
bool report_mirror_event(const Report *report, const LedgerEntry *e, const KftpMirrorEvent *event, bool upload, uint64_t before);

/* The URL of what is at path in the tree of the job's URL: it can be given to kftp(1). Allocated; NULL without memory. */
char *report_url_of(const LedgerEntry *e, const char *path);

/* The record of a concluded entry that is done. */
void report_mirror_done(const Report *report, const LedgerEntry *e);

/* The counts of a run: as fields, and as text "14 files, 1.2 GiB in 1min 20s, 3 unchanged, 0 failed" (allocated). */
void report_mirror_add_counts(Record *r, const LedgerEntry *e);
char *report_mirror_summary(const LedgerEntry *e);
