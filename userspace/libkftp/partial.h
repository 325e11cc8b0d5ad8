/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fetch.h"
#include "libkftp.h"
#include "names.h"

/*
 * A file on its way to its final name: the temporary file, held by a lock, and what is recorded of it
 * in the state file beside it. What was recorded, and only that, is gone on from.
 */
typedef struct KftpPartial {
        KftpNames names;
        char *temporary;                /* absolute paths, for messages */
        char *final;
        char *identity;                 /* kftp_url_identity */
        bool part;                      /* set before it is opened: it has names of its own, and is never gone on from */
        bool must_be_new;               /* the final name must not be there */
        bool borrowed;                  /* directory_fd is somebody else's, */
        bool durable;                   /* and is synced all the same */
        int directory_fd;
        int fd;
        bool made;                      /* by this call: nothing can be in it */
        bool emptied;                   /* and no request was made since */

        uint64_t remote_size;           /* of the remote file that the bytes are of */
        int64_t remote_mtime;
        uint64_t synced;                /* that many bytes are on the disk */
} KftpPartial;

#define KFTP_PARTIAL_INIT { .directory_fd = -1, .fd = -1, .remote_size = KFTP_SIZE_UNKNOWN, .remote_mtime = KFTP_MTIME_UNKNOWN }

/*
 * Opens and locks the temporary file; class BUSY if another transfer has it. With resume, what the
 * state file says is taken up, if it is about identity and holds true; else the partial is emptied.
 * p was set to KFTP_PARTIAL_INIT; after a failure too it is to be closed.
 */
int kftp_partial_open(KftpPartial *p, const KftpUrl *url, const char *dest, const char *identity, bool resume, KftpFailure *f);

/* The same in a directory that is open; what the temporary file holds, and what is recorded of it, is left as it is. */
int kftp_partial_open_at(KftpPartial *p, const KftpFetch *fetch, const char *identity, KftpFailure *f);

/* Takes up what is recorded, or forgets what is there. */
int kftp_partial_begin(KftpPartial *p, bool resume, KftpFailure *f);

/* From where a transfer may go on: 0 unless the remote file can be recognised by size and time. */
uint64_t kftp_partial_offset(const KftpPartial *p);

/* Forgets all that was received, durably, before the first byte is overwritten. */
int kftp_partial_empty(KftpPartial *p);

/* Cuts off what lies behind the offset: it was never synced. */
int kftp_partial_cut(KftpPartial *p);

/* What the server said of the file, when nothing of it had been received. */
void kftp_partial_describe(KftpPartial *p, uint64_t remote_size, int64_t remote_mtime);

/* Syncs the data, then records that the first position bytes are there. Fails only if the data does. */
int kftp_partial_checkpoint(KftpPartial *p, uint64_t position);

/* Syncs the complete file (class BUSY: its temporary name is not its own any more), gives it its final name (-EEXIST if that must be new), and syncs the directory unless it is borrowed
 * and need not be. */
int kftp_partial_sync(KftpPartial *p, KftpFailure *f);
int kftp_partial_rename(KftpPartial *p, KftpFailure *f);

/* Removes the temporary file and its state. */
void kftp_partial_remove(KftpPartial *p);
void kftp_partial_close(KftpPartial *p);
