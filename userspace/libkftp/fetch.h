/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/* A download into a directory that is open already, of a file of which a listing has told. */
typedef struct KftpFetch {
        int directory_fd;               /* borrowed */
        const char *directory;          /* absolute path, for messages */
        const char *name;               /* the final one, a single part */
        uint64_t size;                  /* as listed; or KFTP_SIZE_UNKNOWN */
        int64_t mtime;                  /* as listed; or KFTP_MTIME_UNKNOWN */
        bool exact;                     /* they are what SIZE and MDTM would say: these need not be asked */
        bool set_mtime;                 /* the file gets the remote one's time: MDTM's, else the listed one */
        uint32_t mode;                  /* permissions of the file, or KFTP_MODE_UNKNOWN */
        bool must_be_new;               /* the final name must not be there: -EEXIST */
        bool durable;                   /* the directory is synced: the remote file may be removed then */
} KftpFetch;

/*
 * As kftp_client_get; what is to be set is so before the file gets its name. The directory is not synced, unless the file is to
 * be durable. A symbolic link of that name is replaced, and not gone through.
 */
int kftp_client_fetch(KftpClient *c, const KftpUrl *url, const KftpFetch *fetch, KftpResult *ret);

/*
 * Gives the received file fd its time and permissions, as far as fetch says; mtime is MDTM's, or unknown. Of the permissions
 * read, write and execute alone: a server is not to make a file setuid. f says "its time could not be set: ...".
 */
int kftp_fetch_set(const KftpFetch *fetch, int fd, int64_t mtime, KftpFailure *f);
