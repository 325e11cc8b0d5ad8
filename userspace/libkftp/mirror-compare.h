/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mirror-list.h"

#define MIRROR_ZONE_STEP 900            /* seconds: the clocks of two time zones differ by a multiple of it, */
#define MIRROR_ZONE_MAX (14 * 3600)     /* each by no more than that from UTC */

/*
 * How far the clock in a server's LIST is ahead of UTC, as found out by comparing with MDTM. In one listing there may be
 * two such distances: files of summer and of winter. For one thread at a time.
 */
#define MIRROR_OFFSETS 4U
typedef struct MirrorClock {
        int32_t offsets[MIRROR_OFFSETS];
        unsigned n;
} MirrorClock;

/* listed: a time as it stood in the listing, taken for UTC; exact: the same by MDTM. A difference that no time zone has is ignored. */
void mirror_clock_learn(MirrorClock *c, int64_t listed, uint32_t precision, int64_t exact);

typedef struct MirrorRules {
        bool upload;                    /* the source is here, the target on the server */
        bool newer;
        bool permissions;
        bool no_times;                  /* the target's times need not be the source's */
        enum kftp_compare compare;
        bool has_hash;                  /* the server does */
        bool delete;
        bool zoneless;                  /* the times of the server's listings are not in UTC: see clock */
        bool forgetful;                 /* the server was found not to keep the times that it is told */
        bool timeless;                  /* MDTM was found not to be there */
        MirrorClock clock;
} MirrorRules;

typedef enum MirrorVerdict {
        MIRROR_SAME,
        MIRROR_TRANSFER,                /* a file: get or put */
        MIRROR_LINK,                    /* make or replace a symbolic link */
        MIRROR_MAKE,                    /* a directory that is not there; then as DESCEND */
        MIRROR_DESCEND,                 /* a directory on both sides */
        MIRROR_SET,                     /* the content is the same, its time or its permissions (or both) are not */
        MIRROR_ASK_TIME,                /* MDTM has to say whether the time differs; then mirror_compare_exact() */
        MIRROR_ASK_HASH,                /* the server's hash has to; if it is the same, compare again by size */
        MIRROR_REMOVE_FIRST,            /* something of another type is in the way, and may be removed: then as if it was not there */
        MIRROR_IN_THE_WAY,              /* ... and may not be removed: without delete */
        MIRROR_IGNORE,                  /* neither file nor directory nor link */
} MirrorVerdict;

/* target: NULL if there is nothing of that name. *why gets a word: "new", "size", "time", "type", "mode", "unknown"; or NULL. */
MirrorVerdict mirror_compare(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, const char **why);
/* After MIRROR_ASK_TIME: exact is the remote file's time by MDTM, or KFTP_MTIME_UNKNOWN if it could not be had. Never asks for it again. */
MirrorVerdict mirror_compare_exact(const MirrorRules *rules, const MirrorEntry *source, const MirrorEntry *target, int64_t exact, const char **why);
