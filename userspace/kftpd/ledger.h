/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The ledger: what has become of each job's revision, one small JSON file for each job in the state
 * directory. An entry is replaced as a whole and is durable when ledger_write returns.
 *
 * A Ledger may be used by several threads at once; an entry may not. While a job runs its entry
 * belongs to the job's worker, otherwise to the main thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job.h"

typedef enum LedgerState {
        LEDGER_RUNNING,                 /* attempt says which; also found after a crash */
        LEDGER_INTERRUPTED,             /* stopped at a resumable point */
        LEDGER_INTENT,                  /* about to give the file its final name */
        LEDGER_DONE,
        LEDGER_FAILED,
        LEDGER_STATES,
} LedgerState;

/* Strings are owned and may be NULL; those from a server are escaped already. */
typedef struct LedgerEntry {
        char *job;
        char revision[KFTP_REVISION_SIZE];
        LedgerState state;
        unsigned attempt;               /* the current or last one, from 1: attempts before it have failed */
        char *remote;
        uint64_t number;                /* of the run; see runner.h */
        unsigned trigger;               /* RunTrigger */
        bool retried;                   /* somebody wants what has failed for good in it to be tried again */
        bool again;                     /* the run takes what is delivered already, too */
        uint64_t ended_usec;            /* realtime clock, when the run was concluded; 0: it is not */
        uint64_t succeeded_usec;        /* when the last run was that ended well, of whatever revision; 0: none */

        /* What follows when a file has been delivered is the run's to do: an intent whose file has its name is not the end of it. */
        bool set;                       /* of several files: the store is told of each */
        bool upload;                    /* the names of the intent are the server's */
        bool then;                      /* the source is to be deleted or moved, or the store to be told */
        char *item;                     /* the name in the source of the file that the intent is about, */
        uint64_t item_size;             /* and size and time as listed there */
        int64_t item_mtime;
        uint32_t item_precision;

        bool pending;                   /* what became of the intent is not known to be settled, whatever the state is: the run may have failed
                                         * behind it, and be tried again by hand */
        uint64_t intent_number;         /* of the run whose intent it is; 0: of this one */
        char *temporary;                /* from LEDGER_INTENT on */
        char *final;
        uint64_t directory_inode;       /* of the directory of both; 0 before LEDGER_INTENT */
        bool twin;                      /* of an upload: see KftpIntent */
        int64_t twin_mtime;
        uint64_t bytes;                 /* size of the file; while it is not complete, what there is of it; of a mirror or a set all
                                         * that its attempts have moved */
        int64_t mtime;                  /* remote, or KFTP_MTIME_UNKNOWN */

        /* the result: LEDGER_DONE and LEDGER_FAILED */
        bool reported;                  /* the journal has been told */
        bool recovered;                 /* the delivery was found out after a crash */
        bool permanent;                 /* the failure: trying again would not have helped */
        enum kftp_class class;
        int error;                      /* negative errno or 0 */
        char *text;                     /* of the failure */
        uint64_t resumed_from;
        uint64_t usec;                  /* of the whole run */
        uint64_t transfer_usec;         /* of its last attempt */
        uint64_t rate;
        unsigned reply;
        char *reply_text;
        char *peer;
        char *local;
        char *data_peer;
        char *data_local;
        char *tls;                      /* as kftp_format_tls shows it; NULL: none */

        /* A mirror has no intent: each file is delivered by itself, and to run again does no harm. What was done is of all
         * attempts that came to an end, what was found of the last one. A set has counts, too. */
        bool mirror;
        uint64_t transferred;
        uint64_t deleted;
        uint64_t moved;                 /* removed from the source */
        uint64_t unchanged;
        uint64_t failed;
} LedgerEntry;

LedgerEntry *ledger_entry_new(const char *job, const char *revision, const char *remote);
LedgerEntry *ledger_entry_free(LedgerEntry *e);

/* Whether nothing is left to be done for the revision, the report included. */
bool ledger_entry_is_settled(const LedgerEntry *e);

/*
 * Intent present and temporary file gone means delivered. Says no if the directory is not the one of the intent: its file system
 * may not be mounted, and what is there is an empty mount point. Of an upload it says nothing.
 */
bool ledger_entry_was_delivered(const LedgerEntry *e);
/* Makes such an entry LEDGER_DONE, if nothing else is to be done for it. Returns whether it did. */
bool ledger_entry_recover(LedgerEntry *e);

/*
 * A run begins, and what became of the intent of the one before may not be known to be settled: then it is this one's to find out, and
 * what says so is moved to its entry. A file of a job that has neither a set nor a store behind it is transferred by each revision.
 */
void ledger_entry_inherit(LedgerEntry *e, LedgerEntry *earlier);

/* The inode of the directory that path is in, 0 if there is none: with it an intent is recorded. */
uint64_t ledger_directory_inode(const char *path);

typedef struct Ledger Ledger;

/* Opens the ledger below an existing state directory, and makes it if it is not there yet.
 * Returns -EBUSY if another process has it open, -EPERM if it is another user's. */
int ledger_open(const char *state_directory, Ledger **ret);
Ledger *ledger_free(Ledger *l);
const char *ledger_path(const Ledger *l);
/* The directory of the stores of what was delivered (delivered.h). What is removed from the ledger is so from there, too. */
int ledger_delivered_fd(const Ledger *l);
const char *ledger_delivered_path(const Ledger *l);

/* Returns 0, -ENOENT, -EBADMSG if the file is damaged, or another -errno if it cannot be read. */
int ledger_read(Ledger *l, const char *job, LedgerEntry **ret);
/* Returns once the entry would survive a power cut, or -errno: -EMSGSIZE if ledger_read would not take it. */
int ledger_write(Ledger *l, const LedgerEntry *e);
/* For what does no harm if a power cut undoes it: written in one piece, but not waited for. */
int ledger_write_lazily(Ledger *l, const LedgerEntry *e);
int ledger_remove(Ledger *l, const char *job);
/* For many at once: what was removed is durable when ledger_sync returns. */
int ledger_remove_lazily(Ledger *l, const char *job);
int ledger_sync(Ledger *l);

/* The names of all jobs with an entry; leftovers of interrupted writes are removed on the way. A
 * NULL-terminated array, freed with ledger_names_free. */
int ledger_list(Ledger *l, char ***ret);
char **ledger_names_free(char **names);
