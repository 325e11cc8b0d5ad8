/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/*
 * One control connection, logged in, and the requests over it. Knows nothing of retries (client.h) and of
 * what a request is good for.
 */
typedef struct KftpConnection KftpConnection;

/* What a DONE said. */
typedef struct KftpDone {
        int error;                      /* 0, or a negative errno as in struct kftp_run */
        bool local_file;                /* the error came from the local file */
        unsigned reply;                 /* 0: there was none */
        char text[KFTP_MAX_TEXT + 1];   /* the reply line, terminated; may hold NUL before its end */
        size_t text_len;
        uint64_t bytes;                 /* moved by the request */
        uint64_t nsec;
        bool has_size;
        bool has_mtime;
        bool active;                    /* the server connected to us */
        bool preliminary;               /* the server has agreed to the transfer: 1xx */
        uint64_t size;
        int64_t mtime;
        struct kftp_addr local;         /* of the data connection */
        struct kftp_addr peer;
        KftpTlsState tls;               /* of the data connection */
        bool unclean;                   /* it ended without close_notify */
        unsigned alert;                 /* from the server; 0: none */
} KftpDone;

/*
 * What a caller wants to know while its request runs. moved is told each PROGRESS and YIELD, event->bytes being
 * those of this request; a negative value gives the request up with the failure it has filled in, and leaves the
 * connection unusable. line is told the server's lines, besides the callbacks. Both may be NULL.
 */
typedef struct KftpWatch {
        int (*moved)(void *userdata, const struct kftp_run *event, KftpFailure *f);
        void (*line)(void *userdata, const char *text, size_t n);
        const char *path;               /* of the remote file, for messages, if not the request's */
        uint64_t yield_bytes;           /* moved is called when so many more have moved; 0: by time only */
        void *userdata;
} KftpWatch;

/*
 * Resolves, tries the addresses, logs in. No retries. o and what it points to, and url's host and user, are used
 * until the connection is closed; the strings of url are copied.
 */
int kftp_connection_open(KftpConnection **ret, const KftpUrl *url, const KftpOptions *o, KftpFailure *f);

/*
 * One request, synchronously; lines of the dialogue and progress go to the callbacks of the options. size, and
 * fd = -1 where there is no file, are to be set in the request. Returns 0, or -errno with *f (may be NULL) filled
 * in; *ret (may be NULL) is filled in whenever there was a DONE, and zero otherwise.
 */
int kftp_connection_request(KftpConnection *c, const struct kftp_submit *request, KftpDone *ret, KftpFailure *f);

/* The same, watched (watch may be NULL, and may change itself meanwhile). local is the name of the file behind request->fd, for messages. */
int kftp_connection_transfer(
                KftpConnection *c,
                const struct kftp_submit *request,
                const char *local,
                KftpWatch *watch,
                KftpDone *ret,
                KftpFailure *f);

/* A request without a local file: op on path (NULL: none). The caller may add to it. */
struct kftp_submit kftp_request(enum kftp_op op, const char *path);

int kftp_connection_info(KftpConnection *c, struct kftp_info *ret);     /* FEAT bits, banner, methods */
const KftpOptions *kftp_connection_options(const KftpConnection *c);
const char *kftp_connection_remote(const KftpConnection *c);            /* "host:port" */
void kftp_connection_addresses(const KftpConnection *c, struct kftp_addr *local, struct kftp_addr *peer);
const KftpTlsState *kftp_connection_tls(const KftpConnection *c);       /* of the control connection */

/* What was learnt of the server in this session. */
typedef struct KftpLearnt {
        bool no_mlsd;                   /* refused */
        bool no_mlst;
        bool list_a;                    /* LIST -a works */
        bool no_list_a;
        bool directory_asked;
        char *directory;                /* of the log-in; NULL: not asked, or not to be had */
        const struct KftpListFormat *list_format;       /* in which its listings by LIST are; NULL: not known yet */
        unsigned list_order;            /* of the numbers of a date such as 01/02/24 in them: enum kftp_list_order */
} KftpLearnt;
KftpLearnt *kftp_connection_learnt(KftpConnection *c);

/* The server has not hung up, and no request was given up. */
bool kftp_connection_usable(const KftpConnection *c);

/* Takes leave of the server, briefly; NULL is fine. */
void kftp_connection_close(KftpConnection *c);
