/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One run of one job, in a thread of its own that reads like a script: look into the ledger, see
 * whether the target can be written, make one attempt at the transfer, record, report. Whatever may
 * touch the target's file system happens here: one that does not answer holds up this thread only.
 *
 * The thread has a job that nobody else changes, and owns the run's ledger entry until it has ended.
 * All it shares with others is the control, by which the main thread stops it, the ledger and the
 * report, which are made for that. At its end it writes the run's address to a pipe; the main
 * thread reads it there, joins the thread and owns everything again.
 */

#include <pthread.h>

#include "fetch.h"
#include "ledger.h"
#include "report.h"
#include "secret.h"
#include "source-looks.h"
#include "then.h"

typedef struct Run Run;
typedef struct RunFile RunFile;         /* runner-internal.h */
typedef struct SourceQuery SourceQuery; /* source.h */
typedef struct SourceListing SourceListing;

/* What transfers and looks for files: the library's functions and those beside this one, or a test's doubles. */
typedef struct RunCalls {
        int (*mirror)(const KftpUrl *url, const char *path, const KftpOptions *options, const KftpMirrorOptions *mirror, KftpMirrorResult *ret);
        int (*client_new)(KftpClient **ret, const KftpOptions *options);
        void (*client_free)(KftpClient *c);
        int (*get)(KftpClient *c, const KftpUrl *url, const char *dest, KftpResult *ret);
        int (*fetch)(KftpClient *c, const KftpUrl *url, const KftpFetch *fetch, KftpResult *ret);
        int (*size)(KftpClient *c, const KftpUrl *url, uint64_t *ret, KftpFailure *f);
        int (*put)(Run *run, const RunFile *file, KftpResult *ret);
        int (*put_recover)(Run *run, KftpFailure *f);
        int (*source_list)(const SourceQuery *query, SourceListing *ret, KftpFailure *f);
        int (*then_file)(const KftpJob *job, const KftpThen *then, KftpClient *client, const ThenFile *file, char **ret_text, KftpFailure *f);
        int (*then_marker)(const KftpJob *job, const KftpThen *then, KftpClient *client, const ThenFile *marker, KftpFailure *f);
        int (*then_directory)(const KftpJob *job, const KftpThen *then, KftpClient *client, KftpFailure *f);
} RunCalls;

extern const RunCalls run_calls;

typedef enum RunOutcome {
        RUN_CONCLUDED,                  /* done or failed, recorded and reported */
        RUN_PUT_OFF,                    /* failed, but that may pass: again after delay_usec */
        RUN_NOT_READY,                  /* there is nothing to be taken yet: looked at again after delay_usec; text says what is missing */
        RUN_SERVER_BUSY,                /* the server lets in no further connection now: again when it may, no attempt is lost */
        RUN_NO_TARGET,                  /* the target cannot be written, or the source not be read: text says why */
        RUN_TARGET_GOOD,                /* of a check: it can */
        RUN_STOPPED,                    /* by the control, at a resumable point */
        RUN_NO_DEVICE,                  /* /dev/kftp cannot be used: error and text say why */
        RUN_NO_STATE,                   /* the ledger cannot be written: error says why */
} RunOutcome;

/* Why a job runs. The ledger has these numbers. */
typedef enum RunTrigger {
        RUN_REVISION,                   /* its file is new, or was changed */
        RUN_CALENDAR,                   /* its timer has elapsed */
        RUN_HAND,                       /* somebody has asked for it */
        RUN_WATCH,                      /* something has arrived in its source */
        RUN_TRIGGERS,
} RunTrigger;

/* How far a run is; of all its files, and of the one under way. */
typedef struct RunProgress {
        char *name;                     /* of the file under way; may be NULL. The reader's to free */
        uint64_t file_bytes;
        uint64_t file_total;            /* or KFTP_SIZE_UNKNOWN */
        uint64_t bytes;                 /* of the whole run */
        uint64_t files;                 /* delivered by now */
        uint64_t rate;                  /* bytes per second, of late */
        uint64_t started_usec;          /* of the realtime clock */
} RunProgress;

/* What all runs have in common; outlives them. */
typedef struct RunContext {
        Ledger *ledger;
        Report report;
        RunCalls calls;
        const char *mirror_directory;   /* for what mirrors remember of themselves */
        SourceLooks *looks;
        int done_fd;                    /* the pipe to the main thread */
} RunContext;

/* What is asked of a run. */
typedef struct RunRequest {
        RunTrigger trigger;
        uint64_t number;                /* when it became due, microseconds of the realtime clock; no two are the same */
        bool again;                     /* what the store says is delivered, too */
        unsigned connections;           /* to the server, at most; 0: as many as the job wants */
        bool alone;                     /* no other run of ours is at the server: if that is too busy it is not because of us, and the
                                         * attempt has failed */
} RunRequest;

struct Run {
        const RunContext *context;
        KftpJob *job;                   /* owned */
        KftpControl *control;
        void *userdata;
        pthread_t thread;

        bool check_only;                /* of the target; the ledger is not asked */
        RunRequest request;
        LedgerEntry *entry;             /* from the ledger, if not given */
        RunOutcome outcome;
        uint64_t delay_usec;
        int error;                      /* of the ledger, or the device: negative errno */
        char *text;                     /* what is wrong with the device, or the target; what is waited for */
        int source_fd;                  /* RUN_NOT_READY: the directory in which something has to happen first; -1: none */

        /* ---- of the run's thread ---- */
        KftpSecret secret;
        KftpClient *client;             /* NULL: there is none yet */
        struct Delivered *delivered;    /* the store; NULL: it has not been needed yet */
        int store_error;                /* negative errno: why it cannot be read */
        bool listed;                    /* the source is looked at first, and the store knows what was delivered */
        bool fresh;                     /* this run has not come to anything before */
        int64_t sent_mtime_nsec;        /* of the file here that was sent last; 0: not known */
        const RunFile *file;            /* under way */
        uint64_t unchanged;             /* delivered by earlier runs */
        uint64_t passed_over;           /* of those that are listed: have failed for good, and are not tried again */
        uint64_t settled_bytes;         /* of the files of this run that are done */
        bool begun;                     /* the ledger has this attempt */
        bool logged_in;                 /* the session under way is */

        pthread_mutex_t lock;           /* for what follows */
        RunProgress progress;           /* owns its name */
};

const char *run_trigger_name(RunTrigger t);

/*
 * Starts a run, or goes on with that of this number. Takes job and entry over, if it succeeds; entry may be NULL, or what an
 * earlier run could not record.
 */
int run_start(const RunContext *context, const RunRequest *request, KftpJob *job, LedgerEntry *entry, void *userdata, Run **ret);
/* The same for a run that does nothing but look whether the target can be written. */
int run_start_check(const RunContext *context, KftpJob *job, void *userdata, Run **ret);

/* Any thread may ask: how far the run is. */
void run_get_progress(Run *run, RunProgress *ret);

/* Any thread may ask; the run ends soon after. */
void run_cancel(Run *run);

/* Waits for the end of a run that has announced it. */
void run_join(Run *run);
Run *run_free(Run *run);
