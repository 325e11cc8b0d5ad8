/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The source of a job that copies, as it is now: which files there are that may be taken, and what is missing or not
 * complete yet. Nothing here waits: a file that has to stay the same for a while is looked at by two calls, which may be of
 * different threads, and what the first one saw is remembered in between.
 *
 * Only regular files are taken, no links, and of a set none whose name begins with a dot, which is what many programs call
 * what is not complete. A name that a server lists and that would lead out of a directory is refused.
 */

#include "job.h"
#include "mirror-list.h"
#include "runner.h"
#include "source-looks.h"

#define SOURCE_FILES_MAX 100000U        /* in one listing; the rest is taken another time */
#define SOURCE_POLL_USEC (5U * UINT64_C(1000000))       /* between two looks at a source here */

typedef struct SourceQuery {
        const KftpJob *job;
        KftpClient *client;             /* of a source on a server; otherwise NULL */
        SourceLooks *looks;
        uint64_t monotonic_usec;        /* 0: now */
        int64_t now;                    /* seconds since 1970, for ages; 0: now */
        /* Whether the store has a file of this name, size and time, or one that has failed for good and is not to be tried
         * again; NULL: none. Such a file needs neither marker nor a second look. */
        bool (*is_settled)(void *userdata, const MirrorEntry *e);
        void *userdata;
        /* Where nothing is ready or growing in a source here, its directory, for the caller to close: until something happens there
         * it need not be looked at again. NULL: not wanted. */
        int *ret_directory;
} SourceQuery;

typedef struct SourceListing {
        /* Sorted by name. sent: is_settled() said so, and Then= wants something else than keeping it; it is not to be
         * transferred. Of a server size and mtime are as listed, with mtime_precision; time zone as the server has it. */
        MirrorList files;
        size_t ready;                   /* of files: to be transferred */
        size_t settled;                 /* is_settled() said so: those of files, and those that are kept and not listed */
        size_t growing;                 /* not the same for long enough yet */
        size_t unmarked;                /* whose marker is not there */
        size_t refused;                 /* whose names are not taken */
        size_t links;                   /* which are not followed */
        size_t bad;                     /* lines of a server that could not be read */
        bool absent;                    /* the file, or directory, is not there */
        ThenFile marker;                /* of the whole directory, as it was seen; its name is the job's */
        bool no_marker;                 /* the one of the whole directory is not there: files is empty */
        bool more;                      /* than SOURCE_FILES_MAX, or the server has not listed all */
        char *left_out;                 /* a sentence on what is refused, links, and more; NULL: nothing is */
        char *missing;                  /* if nothing is ready: what is being waited for, or what there is instead */
        uint64_t delay_usec;            /* after which it should be looked at again */
} SourceListing;

/* Returns 0, also if nothing is there, or -errno with *f. In both cases *ret is to be freed. */
int source_list(const SourceQuery *query, SourceListing *ret, KftpFailure *f);
void source_listing_done(SourceListing *l);

/*
 * Whether the run has to look again later rather than end with what there is (listing->missing says why, also once what
 * was ready has been transferred): scheduled and by hand, it waits for nothing but what is still growing.
 */
bool source_is_awaited(const KftpJob *job, RunTrigger trigger, const SourceListing *l);

/* Whether the job needs to be asked what its source holds before it runs; otherwise it is one file that is there or not. */
bool source_is_listed(const KftpJob *job);

/* The name of the marker of a file, or of the directory (name NULL, or a marker without "%f"). NULL: no memory. */
char *source_marker(const KftpJob *job, const char *name);
/* Whether the marker is one for each file. */
bool source_has_markers(const KftpJob *job);

/* The directory that the source's files are in, as a path here or on the server; of a single file *ret_name is its name, of a
 * set NULL. All are allocated. -ENOMEM. */
int source_place(const KftpJob *job, char **ret_directory, char **ret_name);
