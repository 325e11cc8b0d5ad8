/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"
#include "partial.h"
#include "session.h"

/* One download, over all its attempts. */
typedef struct KftpTransfer {
        const KftpUrl *url;
        const KftpOptions *options;
        KftpResult *result;
        KftpPartial partial;
        KftpSession session;            /* of the attempt under way; of the one that succeeded */
        char *remote;                   /* "host:port" */

        char *address;                  /* that is being tried, for messages */
        bool logged_in;
        uint64_t offset;                /* where the running request began */
        uint64_t position;              /* bytes of the file that are there */
        uint64_t remote_size;
        uint64_t checkpoint_position;
        uint64_t checkpoint_usec;
        bool complete;                  /* and on the disk: only the final name is missing */
} KftpTransfer;

/*
 * One attempt: the name resolved, each address tried until one answers, the file received from where
 * the partial says. 0: it is complete, not yet synced, and the session is still open.
 */
int kftp_transfer_attempt(KftpTransfer *t, KftpFailure *f);

/*
 * From a request's submission to its end. KFTP_START_OVER, without a failure: not from this offset,
 * the remote file is another one now or the server cannot restart in the middle.
 */
#define KFTP_START_OVER 1
int kftp_transfer_receive(KftpTransfer *t, KftpFailure *f);

/* How long to wait after the failed attempt n (from 1); random is any number. */
uint64_t kftp_backoff_usec(uint64_t first_usec, unsigned n, uint32_t random);
