/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"
#include "util.h"

#define KFTP_FAILURE_TEXT_MAX 2000      /* bytes: one line, however much others have to say */

/*
 * Replaces *f (which may be NULL) and returns what a failed function returns: error, or -EREMOTEIO if
 * that is 0. A text that is too long is cut.
 */
int kftp_failure_set(KftpFailure *f, enum kftp_class class, int error, bool transient, const char *format, ...) _printf_(5, 6);

/* Class LOCAL, "FORMATTED: strerror", with the advice that belongs to the error. */
int kftp_failure_local(KftpFailure *f, int error, const char *format, ...) _printf_(3, 4);

/* The device could not be opened or refused a call; what: "open", "KFTP_CONNECT", ... */
int kftp_failure_device(KftpFailure *f, int error, const char *what);

/* KFTP_CONNECT or KFTP_SUBMIT refused what it was given: the address, or the local file. */
int kftp_failure_connect(KftpFailure *f, int error, const char *remote);
int kftp_failure_submit(KftpFailure *f, int error);

/* How a session or a request ended, and what had been reached by then. */
typedef struct KftpEnding {
        enum kftp_op op;                /* what was requested; NOOP, that is 0: nothing in particular */
        bool interrupted;               /* by the caller */
        const char *remote;             /* "host:port" */
        const char *path;               /* on the server */
        const char *local;              /* the file that is written or, by an upload, read */
        const char *address;            /* of the peer: "192.0.2.1:21" */

        bool source;                    /* the caller chose the local address */
        bool connected;                 /* the control connection's TCP handshake is done */
        bool logged_in;
        uint64_t timeout_usec;

        int error;                      /* as in struct kftp_run */
        unsigned reply;
        bool local_file;
        const char *text;               /* the reply line, or NULL */
        size_t text_len;
        uint64_t bytes;                 /* moved by the request */
        uint64_t position;              /* bytes of the file that are there */
        uint64_t remote_size;
        bool encrypted;                 /* the control connection is */
        bool unclean;                   /* the data connection ended without close_notify */
        unsigned alert;                 /* of TLS, from the server; 0: none */
} KftpEnding;

int kftp_failure_from_ending(KftpFailure *f, const KftpEnding *e);
