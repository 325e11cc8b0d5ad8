/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the parts of a run's script have of each other: the script itself (runner.c), what it tells the ledger (run-entry.c), its
 * session (run-session.c), and what is done: a mirror (run-mirror.c), one file (run-single.c) or a set of files (run-set.c), which are
 * fetched (run-get.c) or sent (run-put.c).
 */

#include "delivered.h"
#include "mirror-list.h"
#include "runner.h"

/* One file of the source, which is a file or a directory. */
struct RunFile {
        const char *name;               /* in the source; a single part */
        uint64_t size;                  /* as listed; or KFTP_SIZE_UNKNOWN */
        int64_t mtime;                  /* as listed; or KFTP_MTIME_UNKNOWN */
        uint32_t mtime_precision;
        int64_t mtime_nsec;             /* of a file here: all of its time in nanoseconds; 0: not known */
        bool ambiguous;                 /* there is another one whose name differs in upper and lower case only */
};

/* ---- run-entry.c ---------------------------------------------------------------------------------- */

/* Finds out what is known of this run, or begins an entry. */
int run_load_entry(Run *run);
/* Records the entry; if that fails the run cannot go on, and is stopped if it is in mid-transfer. */
int run_record(Run *run);
/* The attempt begins: durably. */
int run_begin_attempt(Run *run);

bool run_is_concluded(const LedgerEntry *e);

/* Replaces a string of the entry by text that is made fit for display, and not too long for it. */
void run_set_text(char **field, const char *text);
void run_set_string(char **field, const char *text);
void run_set_address(char **field, const struct kftp_addr *a);

/*
 * Makes it durable that the file is about to get its final name. Returns 0, or -errno: then it must not get it. Is the intent
 * callback of run_options().
 */
int run_note_intent(void *userdata, const KftpIntent *i);

/* Whether trying again later may help. */
bool run_may_pass(const KftpFailure *f);
/* Whether it was not for the attempt itself that it ended. */
bool run_was_stopped(const Run *run, const KftpFailure *f);
/* Whether another attempt follows one that fails now. */
bool run_has_attempts(const Run *run);
/* Notes how an attempt has failed: whether another one follows, now or after a restart, or whether that was the end. */
void run_fail(Run *run, const KftpFailure *f, bool may_pass);
/* The same for what can only get worse by trying again. */
void run_fail_for_good(Run *run, const KftpFailure *f);
/* There is nothing to be done now: looked at again after delay_usec. text is what is missing. */
void run_wait(Run *run, const char *text, uint64_t delay_usec);

/* What is known of the transfer, whether it has succeeded or not. */
void run_note_result(Run *run, const KftpResult *result);
void run_note_success(Run *run, const KftpResult *result);

/* ---- run-session.c -------------------------------------------------------------------------------- */

/* What all transfers of a job have in common. */
KftpOptions run_options(Run *run);
/* The session of the run, made when it is first asked for. Returns 0, or -ENOMEM with *f. */
int run_client(Run *run, KftpClient **ret, KftpFailure *f);
void run_end_session(Run *run);

/* Whether the server has refused another session of ours, because there are too many. */
bool run_is_refused(const Run *run, const KftpFailure *f);

void run_progress_begin(Run *run);
/* A file is begun; NULL: none is under way. */
void run_progress_file(Run *run, const char *name, uint64_t total);
void run_progress_delivered(Run *run, uint64_t files, uint64_t bytes);
void run_progress_mirror(void *userdata, const KftpMirrorProgress *p);

/* ---- What is done --------------------------------------------------------------------------------- */

/* One attempt at a mirror, or at a copy. */
void run_mirror(Run *run);
void run_copy(Run *run);

/* Of a copy, in run-copy.c's order: listing is NULL for a file that is not looked for first. */
void run_single(Run *run, const SourceListing *listing);
void run_set(Run *run, const SourceListing *listing);

/*
 * Whether a run that has gone through what there was has failed as it found none (IfEmpty=), or delivered too few files (Expect=). Then it is
 * noted, and true.
 */
bool run_is_short(Run *run, bool found, uint64_t delivered);

/* The file of an entry of the source's listing. */
RunFile run_file_of(const Run *run, const MirrorEntry *e);
/* What the store knows of a file; DELIVERED_NOT without one. */
DeliveredState run_find_delivered(Run *run, const RunFile *file, uint64_t *ret_run);
/* Makes it durable what has become of a file; if that fails the run cannot go on. result: of its transfer, or NULL. */
int run_note_delivered(Run *run, DeliveredState state, const RunFile *file, const KftpResult *result);
/* Then= or ThenOnFailure= for the file; also tells the store when it is gone. Returns a ThenDone, or -errno with *f. */
int run_then(Run *run, const KftpThen *then, const RunFile *file, const KftpResult *result, KftpFailure *f);

/* run-get.c: fetches the file. 1: it was left alone, as the target has one of that name (IfExists=skip). */
int run_get_single(Run *run, const RunFile *file, KftpResult *ret);
int run_get_file(Run *run, const RunFile *file, KftpResult *ret);
