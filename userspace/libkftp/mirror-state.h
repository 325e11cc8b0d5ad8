/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mirror-list.h"

/*
 * How far a mirror came: the listings of the server's directories, in a file that is there only while the mirror runs, or
 * if it was interrupted. The next run of the same mirror takes a directory's listing from there instead of asking for
 * it again, if the directory has the time that it had when it was listed. Those with directories in them are not remembered:
 * only where they are listed anew is the time known that those have now. May be called by several threads at once.
 */
typedef struct MirrorState MirrorState;

/*
 * identity tells apart mirrors: URL, user, local path, direction. The directory is made if it is not there, but not its
 * parent. -EBUSY, class KFTP_CLASS_BUSY: the same mirror runs already, in this or another process. After other failures
 * there is no place to keep a state; the mirror can do without.
 */
int mirror_state_open(MirrorState **ret, const char *directory, const char *identity, KftpFailure *f);

/*
 * 1: *ret is the listing of the remote directory path, sorted, as it was when an earlier run listed it; its names are
 * checked no further than those of a listing. mtime is what the directory's own entry tells now, and how precisely.
 * 0: to be listed.
 */
int mirror_state_find(MirrorState *s, const char *path, int64_t mtime, uint32_t precision, MirrorList *ret, bool *utc);
/*
 * Remembers a listing that was fetched at the time listed_at (seconds since 1970), by the clock here and before it began.
 * Failures are of no consequence.
 */
void mirror_state_add(MirrorState *s, const char *path, int64_t mtime, uint32_t precision, int64_t listed_at, const MirrorList *listing, bool utc);

/*
 * complete: nothing is left to go on with, and the file is removed. What failed counts as done: it may have failed because
 * the listing is an old one. NULL is fine.
 */
void mirror_state_close(MirrorState *s, bool complete);
