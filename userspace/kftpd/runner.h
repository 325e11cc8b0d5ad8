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

#include "ledger.h"
#include "report.h"

/* What transfers: kftp_get and kftp_mirror, or a test's doubles. */
typedef struct RunCalls {
        int (*get)(const KftpUrl *url, const char *dest, const KftpOptions *options, KftpResult *ret);
        int (*mirror)(const KftpUrl *url, const char *path, const KftpOptions *options, const KftpMirrorOptions *mirror, KftpMirrorResult *ret);
} RunCalls;

typedef enum RunOutcome {
        RUN_CONCLUDED,                  /* done or failed, recorded and reported */
        RUN_PUT_OFF,                    /* failed, but that may pass: again after delay_usec */
        RUN_NO_TARGET,                  /* the target cannot be written, or the source not be read: text says why */
        RUN_TARGET_GOOD,                /* of a check: it can */
        RUN_STOPPED,                    /* by the control, at a resumable point */
        RUN_NO_DEVICE,                  /* /dev/kftp cannot be used: error and text say why */
        RUN_NO_STATE,                   /* the ledger cannot be written: error says why */
} RunOutcome;

/* What all runs have in common; outlives them. */
typedef struct RunContext {
        Ledger *ledger;
        Report report;
        RunCalls calls;
        const char *mirror_directory;   /* for what mirrors remember of themselves */
        int done_fd;                    /* the pipe to the main thread */
} RunContext;

typedef struct Run {
        const RunContext *context;
        KftpJob *job;                   /* owned */
        KftpControl *control;
        void *userdata;
        pthread_t thread;

        bool check_only;                /* of the target; the ledger is not asked */
        LedgerEntry *entry;             /* from the ledger, if not given */
        RunOutcome outcome;
        uint64_t delay_usec;
        int error;                      /* of the ledger, or the device: negative errno */
        char *text;                     /* what is wrong with the device, or the target */
} Run;

/*
 * Starts a run. Takes job and entry over, if it succeeds; entry may be NULL, or what an earlier run
 * could not record.
 */
int run_start(const RunContext *context, KftpJob *job, LedgerEntry *entry, void *userdata, Run **ret);
/* The same for a run that does nothing but look whether the target can be written. */
int run_start_check(const RunContext *context, KftpJob *job, void *userdata, Run **ret);

/* Any thread may ask; the run ends soon after. */
void run_cancel(Run *run);

/* Waits for the end of a run that has announced it. */
void run_join(Run *run);
Run *run_free(Run *run);
