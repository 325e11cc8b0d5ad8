/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client.h"
#include "libkftp.h"
#include "put-source.h"

/* What was there under the final name before the upload took it. */
typedef struct KftpBefore {
        bool known;
        bool there;
        bool has_mtime;
        uint64_t size;
        int64_t mtime;
} KftpBefore;

/* One upload, over all its attempts. */
typedef struct KftpUpload {
        const char *name;               /* of the source, as the caller has it */
        const KftpUrl *url;
        const KftpPutOptions *put;
        const KftpOptions *options;
        KftpResult *result;
        KftpPutSource source;
        KftpConnection *connection;     /* of the attempt under way */

        bool into_directory;            /* the URL names one */
        char *final;                    /* paths on the server; NULL: not yet known */
        char *temporary[2];             /* the hidden one, and one for servers that refuse those */
        unsigned chosen;
        const char *target;             /* what is written to: a temporary one, or final */

        uint64_t offset;                /* where the running request began */
        uint64_t position;              /* bytes that were sent, offset included */
        bool begun;                     /* some of them may be on the server, by this call */
        bool afresh;                    /* what is there is not to be gone on from */
        bool gone;                      /* it was removed there */
        bool no_restart;                /* REST was refused: APPE */
        bool complete;                  /* target is there as a whole; nothing is sent any more */
        bool in_doubt;                  /* whether it was renamed to final: the reply did not come */
        KftpBefore before;
        bool intended;                  /* the caller knows what is about to be renamed */
        bool delivered;                 /* under its final name */
        KftpFailure attribute;          /* time or mode could not be set */
} KftpUpload;

/* The request, its progress told, its end noted in the result. target is where it goes. */
int kftp_upload_request(KftpUpload *u, enum kftp_op op, const char *target, uint64_t flags, KftpWatch *watch, KftpDone *ret, KftpFailure *f);

/* The size of a remote file. 1: *ret is it. 0: the server does not tell. -ENOENT: it is not there. Else -errno with *f. */
int kftp_remote_size(KftpConnection *c, const char *path, uint64_t *ret, KftpFailure *f);

/* Everything is sent: whether the server has as many bytes as expected, as far as it tells. */
int kftp_upload_verify(KftpUpload *u, const char *target, uint64_t expected, KftpFailure *f);

/* The ways of KftpPutOptions: one attempt each. */
int kftp_upload_whole(KftpUpload *u, KftpFailure *f);   /* TEMPORARY and IN_PLACE */
int kftp_upload_append(KftpUpload *u, KftpFailure *f);
int kftp_upload_unique(KftpUpload *u, KftpFailure *f);

/* Time and mode of the complete target; a refusal is noted in u->attribute. < 0: the connection failed. */
int kftp_upload_set_attributes(KftpUpload *u, const char *target, KftpFailure *f);
/* Of what is complete, but was not delivered by an earlier attempt: whether it was, or still can be. */
int kftp_upload_look_again(KftpUpload *u, KftpFailure *f);
/* From the temporary name to the final one. */
int kftp_upload_deliver(KftpUpload *u, KftpFailure *f);

/* Adds to the failure's text. Allocation failures leave it as it is. */
void kftp_failure_add(KftpFailure *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
