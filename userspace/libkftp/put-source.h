/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/*
 * A thread that copies what the module cannot take (a terminal, a socket) into a pipe. Ends by itself with its source,
 * or when nobody reads any more.
 */
typedef struct KftpPump KftpPump;

int kftp_pump_start(KftpPump **ret, int from, int *ret_fd);
/* 0, or why it could not read on: the pipe has ended too early. */
int kftp_pump_error(const KftpPump *p);
void kftp_pump_free(KftpPump *p);       /* does not wait for it; NULL is fine */

/* What is uploaded: a regular file or a pipe, opened and looked at. */
typedef struct KftpPutSource {
        char *name;                     /* for messages: absolute, or "the standard input" */
        int fd;
        bool pipe;
        bool locked;                    /* against another upload of the same file */
        bool shared;                    /* another one has it locked */
        bool restore;                   /* the flags of descriptor 0, which it shares */
        int flags;
        KftpPump *pump;                 /* NULL: none */
        uint64_t begin;                 /* where in the file the upload begins */
        uint64_t size;                  /* of what is uploaded; KFTP_SIZE_UNKNOWN for a pipe */
        int64_t mtime;                  /* in seconds; KFTP_MTIME_UNKNOWN for a pipe */
        int64_t mtime_nsec;             /* the same in nanoseconds */
} KftpPutSource;

#define KFTP_PUT_SOURCE_INIT { .fd = -1 }

/* path "-": the standard input, from its position on. After a failure too it is to be closed. control may be NULL. */
int kftp_put_source_open(KftpPutSource *s, const char *path, const KftpControl *control, KftpFailure *f);
/* A regular file that is open already, from its begin on; fd stays open when the source is closed, name is for messages. */
int kftp_put_source_open_fd(KftpPutSource *s, int fd, const char *name, KftpFailure *f);
void kftp_put_source_close(KftpPutSource *s);

/* Takes the place of the source with its lines ended by CR LF. */
int kftp_put_source_translate(KftpPutSource *s, const KftpControl *control, KftpFailure *f);

/* Whether the file is still as it was when it was opened: class INTEGRITY if not. */
int kftp_put_source_check(const KftpPutSource *s, KftpFailure *f);
