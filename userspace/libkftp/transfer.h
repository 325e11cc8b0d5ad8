/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client.h"
#include "fetch.h"
#include "libkftp.h"
#include "partial.h"

/* One download, over all its attempts. */
typedef struct KftpTransfer {
        const KftpUrl *url;
        const char *dest;
        const KftpFetch *fetch;         /* says what dest does, and more; NULL: dest does */
        const KftpOptions *options;
        KftpResult *result;
        KftpPartial partial;
        KftpConnection *connection;     /* of the attempt under way */

        uint64_t offset;                /* where the running request began */
        uint64_t position;              /* bytes of the file that are there */
        uint64_t remote_size;
        bool believes;                  /* what the listing said is not asked again */
        uint64_t checkpoint_position;
        uint64_t checkpoint_usec;
        bool complete;                  /* and on the disk: only the final name is missing */
} KftpTransfer;

/* All its attempts, and what comes behind them. t->result has been zeroed; t->partial is closed. */
int kftp_transfer_run(KftpTransfer *t, KftpClient *c);

/*
 * One attempt over an open connection: the file received from where the partial says. 0: it is complete, not
 * yet synced.
 */
int kftp_transfer_attempt(KftpTransfer *t, KftpFailure *f);

/*
 * One request, to its end. KFTP_START_OVER, without a failure: not from this offset, the remote file is
 * another one now or the server cannot restart in the middle.
 */
#define KFTP_START_OVER 1
int kftp_transfer_receive(KftpTransfer *t, const struct kftp_submit *request, KftpFailure *f);
