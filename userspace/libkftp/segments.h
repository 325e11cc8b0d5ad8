/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fetch.h"

/*
 * A large file received in parts, by several clients at a time, into one temporary file. A map of the parts that
 * are there is kept beside it, so that a later call goes on with the others. All calls but open and close may be
 * made by several threads at once, each with a client of its own.
 */
typedef struct KftpSegments KftpSegments;

/*
 * Asks c's server for size and time of the file, opens the temporary file and takes up what is there. What fetch and url
 * point to is copied, but directory_fd is to stay open. -EOPNOTSUPP, not a failure of the file: it cannot be fetched in
 * parts (the server does not tell its size and time, cannot restart, or it is too small). The parts are such that segments
 * clients end at the same time, and have segment_size or more (0: KFTP_SEGMENT_SIZE_DEFAULT).
 */
int kftp_segments_open(
                KftpSegments **ret,
                KftpClient *c,
                const KftpUrl *url,
                const KftpFetch *fetch,
                unsigned segments,
                uint64_t segment_size,
                KftpFailure *f);

/*
 * Fetches parts until none is left that nobody fetches. 0, or -errno with *f: others may go on with what it leaves. A part is
 * taken when there is a connection. What it tells as progress is that of the part.
 */
int kftp_segments_fetch(KftpSegments *s, KftpClient *c, KftpFailure *f);

/*
 * All that fetched have come back. Fetches what they have left, unless it was c that failed; compares, syncs, sets, renames; else
 * keeps what there is for a later call. If the file was changed meanwhile, or cannot be had in parts after all, it is
 * fetched whole. ret is as kftp_client_get's.
 */
int kftp_segments_finish(KftpSegments *s, KftpClient *c, KftpResult *ret);

/*
 * Of the whole file: what is there by now, and how much of it was there when it was opened. From any thread. false: it is fetched
 * whole instead, of which kftp_segments_finish tells as kftp_client_fetch does.
 */
bool kftp_segments_progress(KftpSegments *s, KftpProgress *ret);

/* Whether something is left to be fetched, by whomever: else what a client still waits for is not worth the time. */
bool kftp_segments_wanted(KftpSegments *s);
void kftp_segments_close(KftpSegments *s);      /* NULL is fine */
