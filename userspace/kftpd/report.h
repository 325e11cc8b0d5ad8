/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The journal is kftpd's report: one structured record for each file, each run of a job and each
 * thing that needs an operator. Where standard error is not the journal (kftpd run by hand) the same
 * lines go there as well. The fields are described in kftpd(8). Safe to use from several threads.
 */

#include <stdbool.h>

#include "job.h"
#include "ledger.h"
#include "util.h"

typedef struct Report {
        bool to_stderr;
} Report;

void report_init(Report *r);

/* The records of a concluded entry: for the file, if it was transferred, and for the run. */
void report_conclusion(const Report *r, const LedgerEntry *e);

/* The one file of an entry that is not concluded with it. */
void report_delivered(const Report *r, const LedgerEntry *e);

/* The file that the entry's intent is about was delivered just before a crash, and the entry is not concluded with it. */
void report_recovered(const Report *r, const LedgerEntry *e);
/* A file of a set has failed. */
void report_file_failed(const Report *r, const LedgerEntry *e, const char *name, const KftpFailure *f);

/* An attempt of so many has failed, and another one follows. */
void report_attempt(const Report *r, const LedgerEntry *e, const KftpAttempt *a, unsigned attempts);

/* A run was stopped before its end: why NULL means that it goes on when kftpd starts again, otherwise
 * it says what has become of the job file ("the job file was removed"). */
void report_stopped(const Report *r, const LedgerEntry *e, const char *why);

void report_diagnosis(const Report *r, const char *job, const KftpDiagnosis *d);

/* What belongs to no run. job may be NULL; error is a negative errno or 0. */
void report_event(const Report *r, int priority, const char *message_id, const char *job, int error,
                  const char *format, ...) _printf_(6, 7);
