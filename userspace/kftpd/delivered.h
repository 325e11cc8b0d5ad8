/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The store of what a job has delivered: of each name in the job's source the last version that was delivered, or has failed for
 * good. One file for each job, to which records are appended; each is durable when delivered_add returns. It belongs to the one
 * run of the job that has it open.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of those that are not in the source any more the newest ones are kept, until there are so many in all. */
#define DELIVERED_MAX 100000U

typedef enum DeliveredState {
        DELIVERED_NOT = 0,              /* nothing is known of this version */
        DELIVERED_SENT,                 /* it has been delivered */
        DELIVERED_GONE,                 /* the same, and Then= has taken it out of the source */
        DELIVERED_FAILED,               /* for good */
        DELIVERED_DOUBTFUL,             /* the same, as nobody can tell whether it was delivered */
        DELIVERED_STATES,
} DeliveredState;

/* A version of a file, as the source's listing tells of it. */
typedef struct DeliveredFile {
        const char *name;
        uint64_t size;                  /* or KFTP_SIZE_UNKNOWN */
        int64_t mtime;                  /* or KFTP_MTIME_UNKNOWN */
        uint32_t precision;             /* of how many seconds mtime is the beginning */
        int64_t mtime_nsec;             /* of a file here: all of its time in nanoseconds; 0: not known */
        bool fetched;                   /* what follows is known, of a file of a server: */
        uint64_t fetched_size;          /* what was fetched, which may be another version than the one that was listed, */
        int64_t fetched_mtime;          /* and its time by MDTM, or KFTP_MTIME_UNKNOWN */
        const char *sha256;             /* may be NULL */
        uint64_t run;                   /* that delivered it, or in which it failed; 0: it failed, and is to be tried again all the same */
} DeliveredFile;

typedef struct Delivered Delivered;

/*
 * Reads the store of a job in the directory; there may be none yet. The end of a record that was being written when the power
 * failed is left out. -EBADMSG: it is damaged otherwise, and it is not known what has been delivered.
 */
int delivered_open(int directory_fd, const char *job, Delivered **ret);
Delivered *delivered_free(Delivered *d);

/* What is known of that version of the file, and of which run that is; ret_run may be NULL. */
DeliveredState delivered_find(Delivered *d, const DeliveredFile *file, uint64_t *ret_run);
/* What has been fetched of that version, if it was: true, into *ret. */
bool delivered_fetched(Delivered *d, const DeliveredFile *file, uint64_t *ret_size, int64_t *ret_mtime);
/* Durable when it returns 0; else -errno, and nothing was recorded. */
int delivered_add(Delivered *d, DeliveredState state, const DeliveredFile *file);

/* What a run has delivered so far, and how many have failed for good in it. */
typedef struct DeliveredCounts {
        uint64_t sent;
        uint64_t bytes;
        uint64_t gone;
        uint64_t failed;
} DeliveredCounts;

void delivered_count(const Delivered *d, uint64_t run, DeliveredCounts *ret);

/*
 * Forgets the oldest of what no delivered_find() has asked for, if there are too many, and writes the file anew if much of it is of no
 * use any more. If that fails all stays as it is.
 */
void delivered_tidy(Delivered *d);
/* The same with another limit than DELIVERED_MAX. */
void delivered_tidy_to(Delivered *d, size_t max);

/* 0 also if there is none. */
int delivered_remove(int directory_fd, const char *job);
