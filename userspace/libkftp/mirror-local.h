/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mirror-list.h"

/*
 * The tree here. Whatever is opened or changed is reached from root_fd, step by step downwards (openat2: RESOLVE_BENEATH),
 * and by no symbolic link unless links are followed: nothing outside of the tree is ever touched.
 */
typedef struct MirrorLocal {
        int root_fd;
        char *root;                     /* absolute path, for messages */
        bool follow;                    /* links that stay in the tree are gone through: of a source; absolute ones never stay */
        bool follow_out;                /* and those that lead out of it */
        bool durable;                   /* what is made is there after a power cut: what it is made of is going to be removed */
} MirrorLocal;

#define MIRROR_LOCAL_INIT { .root_fd = -1 }

/* create: makes the last part of path if it is not there. After a failure too it is to be closed. */
int mirror_local_open(MirrorLocal *l, const char *path, bool create, KftpFailure *f);
void mirror_local_close(MirrorLocal *l);

/* The directory path of the tree ("" is the root), open for reading; the caller closes it. */
int mirror_local_directory(const MirrorLocal *l, const char *path, KftpFailure *f);
/* The regular file path of the tree, open for reading. */
int mirror_local_file(const MirrorLocal *l, const char *path, KftpFailure *f);

/*
 * What is in a directory, unsorted. path is of the directory in the tree, for messages and loops. With follow, entries that
 * are links have type and size of what they point to, and link set; a link that leads nowhere, out of the tree, or back
 * to a directory that it lies in stays of type KFTP_ENTRY_LINK. Both have the link's target.
 */
int mirror_local_scan(const MirrorLocal *l, const char *path, int directory_fd, MirrorList *ret, KftpFailure *f);

/*
 * Changes of one name in an open directory; path is that of the entry in the tree, for messages. A directory that is there
 * already is made.
 */
int mirror_local_mkdir(const MirrorLocal *l, int directory_fd, const char *path, KftpFailure *f);
/* Takes the place of what is there, unless that is a directory. mtime may be unknown. */
int mirror_local_link(const MirrorLocal *l, int directory_fd, const char *path, const char *target, int64_t mtime, KftpFailure *f);
/* A file or link, or an empty directory. What is not there is removed. */
int mirror_local_remove(const MirrorLocal *l, int directory_fd, const char *path, bool directory, KftpFailure *f);
/* What transfers that were given up have left in the directory path: how many of them. */
int mirror_local_remove_temporaries(const MirrorLocal *l, const char *path, KftpFailure *f);
/* Of a file or a directory ("": the tree itself, in which case directory_fd is that), never of what a link points to. mtime and
 * mode may be unknown; of mode read, write and execute alone are set. */
int mirror_local_set(const MirrorLocal *l, int directory_fd, const char *path, int64_t mtime, uint32_t mode, KftpFailure *f);
/* Whether the file system takes the name for another one that is there: it is found, but no entry is called so. 1, 0, -errno. */
int mirror_local_collides(int directory_fd, const char *name);
