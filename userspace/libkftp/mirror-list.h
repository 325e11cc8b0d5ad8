/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/* One entry of a directory, on either side. Its texts belong to the list, are terminated, and end where a NUL would be. */
typedef struct MirrorEntry {
        const char *name;
        const char *target;             /* of a link, also of one that is followed; NULL: none, or not known */
        uint64_t size;                  /* or KFTP_SIZE_UNKNOWN */
        int64_t mtime;                  /* or KFTP_MTIME_UNKNOWN */
        uint32_t mtime_precision;       /* of how many seconds mtime is the beginning */
        uint32_t mode;                  /* permissions, or KFTP_MODE_UNKNOWN */
        enum kftp_entry_type type;
        uint32_t order;                 /* in which it was added */
        bool sent;                      /* it was not there, and is now */
        bool link;                      /* type and size are of what a link points to */
        uint32_t mtime_nsec;            /* of a file here, as far as whoever lists it tells: what mtime leaves out */
} MirrorEntry;

typedef struct MirrorChunk MirrorChunk;

/* The entries of one directory. Memory is what they need, and is freed as a whole. */
typedef struct MirrorList {
        MirrorEntry *entries;
        size_t n;
        size_t allocated;
        MirrorChunk *texts;
} MirrorList;

/* Adds a copy, with name_len bytes of name and target_len of target. -ENOMEM. */
int mirror_list_add(MirrorList *l, const MirrorEntry *entry, size_t name_len, size_t target_len);
/* Gives the entry of that index a target. */
int mirror_list_set_target(MirrorList *l, size_t index, const char *target, size_t target_len);
/* By the bytes of their names. Of those with the same name the first that was added stays. */
void mirror_list_sort(MirrorList *l);
/* In a sorted list; NULL: it is not there. */
const MirrorEntry *mirror_list_find(const MirrorList *l, const char *name);
void mirror_list_done(MirrorList *l);
