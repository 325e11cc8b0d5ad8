/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files segments*.c share. */

#include <pthread.h>

#include "partial.h"
#include "segments-map.h"
#include "segments.h"
#include "verify.h"

/* One part. What is on the disk of it is in the map. */
typedef struct SegmentsPart {
        uint64_t position;              /* bytes of it that are in the file */
        uint64_t syncing;               /* as many as that when the sync began that is under way */
        bool taken;                     /* somebody fetches it */
        bool done;
} SegmentsPart;

struct KftpSegments {
        KftpUrl url;                    /* both with strings of their own */
        KftpFetch fetch;
        KftpPartial partial;            /* its file is written to by all at once, each at the offsets of its part */
        uint64_t begin_usec;
        uint64_t resumed_from;          /* bytes that were there when it was opened */

        pthread_mutex_t lock;           /* for everything below */
        KftpSegmentsMap map;
        SegmentsPart *parts;
        uint64_t unsynced;              /* bytes that have come since the last sync began */
        uint64_t sync_usec;             /* when that was */
        bool syncing;
        bool changed;                   /* the remote file is another one now */
        bool no_restart;                /* the server cannot begin in the middle */
        bool stopped;                   /* the local file cannot be written to */
        KftpFailure failure;            /* of the clients' failures the one that tells most */
        const KftpClient *failed;       /* the last one */
        KftpResult result;              /* what was learnt on the way: addresses, the last reply */
};

/* With the lock. */
bool kftp_segments_is_complete(const KftpSegments *s);
bool kftp_segments_is_whole(const KftpSegments *s);     /* it is to be fetched whole */

/* Makes sure of what has come, then records it. Without the lock. */
int kftp_segments_checkpoint(KftpSegments *s, KftpFailure *f);

/* A part is not what the server says it should be: none of it is gone on from. With the lock. */
int kftp_segments_forget(KftpSegments *s, size_t part);

int kftp_segments_no_memory(KftpFailure *f);
