/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mirror-list.h"

/*
 * Whether a file or link takes part: path is relative to the root, now in seconds since 1970. Sizes and times that are not
 * known pass; links that are copied have neither. Only for what lies in directories that are gone into.
 */
bool mirror_filter_takes(const KftpMirrorOptions *o, const char *path, const MirrorEntry *e, int64_t now);
/* Whether a directory is gone into; depth 1 is one in the root. Nothing is said by patterns of files to be included. */
bool mirror_filter_enters(const KftpMirrorOptions *o, const char *path, unsigned depth);
/* Whether a path is of our shard. */
bool mirror_filter_is_ours(const KftpMirrorOptions *o, const char *path);
