/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What becomes of a source's file when it was delivered (Then=), or has failed for good (ThenOnFailure=): it is deleted or
 * moved, and its marker with it, the marker first: a marker without its file would vouch for the next one of that name.
 *
 * All of it may be repeated after a crash, and finds out what has been done before. Only to be called when the store, or the
 * ledger, has durably what became of the file.
 */

#include "job.h"

/* A file as it was transferred, or listed. */
typedef struct ThenFile {
        const char *name;
        uint64_t size;                  /* or KFTP_SIZE_UNKNOWN */
        int64_t mtime;                  /* in seconds, of the local file or by MDTM; KFTP_MTIME_UNKNOWN: not compared */
        uint32_t mtime_precision;       /* 0 or 1: exactly; else not compared on a server */
        bool listed;                    /* on a server: size and time are those of a listing, which may be others than SIZE and MDTM tell */
        int64_t mtime_nsec;             /* of a local file, if known: all of it in nanoseconds; 0: not known */
} ThenFile;

typedef enum ThenDone {
        THEN_KEPT,                      /* nothing was to be done */
        THEN_DONE,                      /* now or before */
        THEN_CHANGED,                   /* it is another version by now and stays: to be transferred again; *ret_text says so */
} ThenDone;

/*
 * client: to the server, if the source is there; else NULL. Returns a ThenDone, or -errno with *f. *ret_text: what is worth a
 * line ("moved to ..."), or NULL; allocated.
 */
int then_file(const KftpJob *job, const KftpThen *then, KftpClient *client, const ThenFile *file, char **ret_text, KftpFailure *f);

/*
 * A crash may have left a file of a source here under another name, while it was found out whether it is still the one that was sent:
 * it gets its own name back. name is any that is in the directory. 0, or 1 if it was such a one, with the name that it has now in
 * *ret (allocated), or -errno.
 */
int then_restore(int directory_fd, const char *name, char **ret);
/* The name under which a file of that name would be found then. Allocated; NULL: no memory; "": under none. */
char *then_name_aside(const char *name);

/*
 * The marker of a whole directory goes last, when no file of it is left behind, if it is still the one that was seen when they were
 * listed; NULL, or without a name: whatever it is. Nothing to do for others.
 */
int then_marker(const KftpJob *job, const KftpThen *then, KftpClient *client, const ThenFile *marker, KftpFailure *f);
/* The same, whatever it is. */
int then_directory(const KftpJob *job, const KftpThen *then, KftpClient *client, KftpFailure *f);
