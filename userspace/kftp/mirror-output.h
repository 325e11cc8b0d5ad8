/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

#include "libkftp.h"

/* What a mirror says of its course, for people and for programs. */

/* How much of what the result does not count was done; made from the events. */
typedef struct MirrorCounts {
        uint64_t changes;               /* of all kinds, also those that were only planned */
        uint64_t planned_bytes;
        uint64_t set;                   /* times or permissions */
        uint64_t made;                  /* directories */
} MirrorCounts;

void mirror_count(MirrorCounts *c, const KftpMirrorEvent *e);

/* "get  reports/x.csv  12.3 MiB  (new)"; allocated. */
char *mirror_format_action(const KftpMirrorEvent *e);

/* "14 files (1.2 GiB) in 1min 20s (15.5 MiB/s), 4986 unchanged, 3 deleted, 0 failed"; allocated. */
char *mirror_format_summary(const KftpMirrorResult *r, const MirrorCounts *c, bool dry_run);

/* "; 14 files (1.2 GiB) are there, 120 are left: ...": goes behind what stopped the mirror; allocated. */
char *mirror_format_left(const KftpMirrorResult *r, bool dry_run);

/* Whether programs are told of it. */
bool mirror_is_reported(const KftpMirrorEvent *e);

/* url is that of the tree, as it was given. NULL: no memory. */
json_t *mirror_json(const char *url, const KftpMirrorEvent *e);
