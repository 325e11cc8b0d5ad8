/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the listings of the two sides have of what they have in common. */

#include "source.h"

/* One listing, while entries are added. */
typedef struct SourceCollector {
        const SourceQuery *query;
        const KftpJob *job;
        SourceListing *listing;
        int64_t now;
        char *directory;
        int directory_fd;               /* of a source here, if it is there; else -1 */
        char *name;                     /* of a single file; NULL: all of them */
        char *marker_head;              /* of markers for each file: what stands before and behind the file's name */
        char *marker_tail;
        MirrorList markers;             /* those that are there */
        bool marker_seen;               /* that of the whole directory */
        char *first_link;
        char *first_refused;            /* escaped, and why */
} SourceCollector;

/* How to look at a name that may be a file's (or only may, by its name, if it is a marker's). */
bool source_wants(SourceCollector *c, const char *name, size_t n);
/* Adds an entry. Returns 0, 1 if no more are taken, or -ENOMEM. mtime is in seconds. */
int source_add(SourceCollector *c, const MirrorEntry *e, size_t name_len);

/* The whole listing, -errno with *f. */
int source_list_local(SourceCollector *c, KftpFailure *f);
int source_list_remote(SourceCollector *c, KftpFailure *f);
