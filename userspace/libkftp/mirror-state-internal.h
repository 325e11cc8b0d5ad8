/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mirror-list.h"
#include "util.h"

/*
 * The records in the file of a mirror's state: one for each directory that was listed. It is written and read on one
 * machine by one version: numbers are as they are in memory. Not JSON: names are bytes, and a hundred thousand entries
 * as a tree of JSON would need more memory than the whole mirror may.
 */

#define MIRROR_STATE_RECORD_MAX (UINT64_C(64) << 20)

typedef struct MirrorStateRecord {
        uint64_t magic;
        uint64_t length;                /* of all of it: this, path, entries */
        uint64_t checksum;              /* of what is behind it */
        int64_t mtime;                  /* of the directory, as its own entry told */
        int64_t listed_at;
        uint32_t precision;
        uint32_t path_len;
        uint64_t entries;
        uint64_t utc;
} MirrorStateRecord;

/* Of bytes that have no interest in a collision. */
uint64_t mirror_state_checksum(const void *data, size_t n);

/* Makes the record of a listing; NULL: it is too long, or there is no memory for it. magic, length and checksum are set here. */
MirrorStateRecord *mirror_state_encode(const MirrorStateRecord *head, const char *path, const MirrorList *listing);
/* Whether what stands at the begin of a record can be one. */
bool mirror_state_is_record(const MirrorStateRecord *head);
const char *mirror_state_path(const MirrorStateRecord *r);
/* Takes the listing out of a record of r->length bytes. -EBADMSG: it is damaged. */
int mirror_state_decode(const MirrorStateRecord *r, MirrorList *ret);
