/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "partial.h"

/*
 * What is recorded of a file that is received in parts: which remote file, and for each of the equal parts (the last one may
 * be shorter) how many of its first bytes are on the disk.
 */
typedef struct KftpSegmentsMap {
        uint64_t size;                  /* of the remote file; not 0 */
        int64_t mtime;
        uint64_t part_size;
        size_t parts;
        uint64_t *synced;               /* bytes of each part */
} KftpSegmentsMap;

#define KFTP_SEGMENTS_PARTS_MAX 512U

/*
 * A map of which nothing is there, for a file of size bytes that is not empty: the parts are a multiple of segments, as far
 * as they can be of segment_size or more.
 */
int kftp_segments_map_begin(KftpSegmentsMap *m, uint64_t size, int64_t mtime, unsigned segments, uint64_t segment_size);
void kftp_segments_map_done(KftpSegmentsMap *m);

/* Where a part begins, and how long it is. */
uint64_t kftp_segments_map_offset(const KftpSegmentsMap *m, size_t part);
uint64_t kftp_segments_map_length(const KftpSegmentsMap *m, size_t part);
uint64_t kftp_segments_map_sum(const KftpSegmentsMap *m);       /* of synced */

/* Takes the first bytes of the file, received by a download of the whole, for those of the first parts. */
void kftp_segments_map_take_prefix(KftpSegmentsMap *m, uint64_t bytes);

/*
 * The map beside p's temporary file, in the place of the state of a download of the whole: 1 if it is about this remote
 * file and this temporary file, 0 if not or if there is none, -errno if it cannot be read.
 */
int kftp_segments_map_load(KftpSegmentsMap *ret, const KftpPartial *p);
/* Replaces it atomically. What it says is synced has to be. */
int kftp_segments_map_save(const KftpSegmentsMap *m, const KftpPartial *p);
