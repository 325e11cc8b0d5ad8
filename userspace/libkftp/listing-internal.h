/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A listing being fetched: what listing.c and the two ways of asking for one share. */

#include "connection.h"
#include "list.h"

typedef struct Listing {
        const char *path;
        const char *remote;             /* "host:port", for messages */
        const KftpListOptions *options;
        KftpConnection *connection;
        KftpLearnt *learnt;
        int fd;                         /* the listing as the server sent it */
        KftpListSource source;
        const KftpListFormat *format;   /* what it ought to be in, by what was asked; NULL: not known */
        uint64_t bytes;                 /* of it */
        char *truncated;                /* the server's line that says that it is not all, or NULL */
        const char *only;               /* the one name that is asked for, in the listing of its directory */
        bool file;                      /* path is no directory: the one entry is it */
} Listing;

/* The last part of a path. */
const char *kftp_listing_base(const char *path);

/* One operation into l->fd, which is emptied before. path NULL: where we are. */
int kftp_listing_receive(Listing *l, enum kftp_op op, const char *path, KftpDone *done, KftpFailure *f);

/* Reads what was received, and tells of nothing but its summary. */
int kftp_listing_summary(const Listing *l, KftpListSummary *ret);

/* The command is not there: RFC 959's 500 and 502, and 504. */
bool kftp_reply_unimplemented(unsigned reply);
/* A refusal that says "nothing in it", and not "not there": "550 No files found". */
bool kftp_reply_says_empty(const char *text, size_t n);
/* Says that something is not there. */
bool kftp_reply_says_missing(const char *text, size_t n);
/* It is there, but not for us, or not now. */
bool kftp_reply_says_denied(const char *text, size_t n);
/* A line of the final reply that tells of entries left out: Pure-FTPd's "226-Output truncated to 10000 matches". */
bool kftp_reply_says_truncated(const char *text, size_t n);
/* A path that some server's LIST takes for an option, a pattern or several words. */
bool kftp_path_is_special(const char *path, bool spaces);

/* 1: listed; 0: there is no MLSD here; -errno: failed. */
int kftp_listing_by_mlsd(Listing *l, KftpFailure *f);
int kftp_listing_by_list(Listing *l, KftpFailure *f);
int kftp_listing_by_stat(Listing *l, KftpFailure *f);
