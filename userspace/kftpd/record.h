/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One record of the journal while it is made: begin, add the message and the fields, submit. Without memory a field is
 * left out.
 */

#include <sys/uio.h>

#include "report.h"

#define RECORD_FIELDS_MAX 32U

typedef struct Record {
        struct iovec fields[RECORD_FIELDS_MAX];
        int n;
} Record;

/* The message follows as its first field. */
void record_begin(Record *r, int priority, const char *message_id);
/* "NAME=value" */
void record_vadd(Record *r, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
void record_add(Record *r, const char *format, ...) _printf_(2, 3);
void record_add_text(Record *r, const char *name, const char *value);   /* NULL: not at all */
void record_add_shown(Record *r, const char *name, const char *value);  /* escaped; NULL: not at all */
void record_add_u64(Record *r, const char *name, uint64_t value);
void record_add_error(Record *r, int error);    /* a negative errno; 0: not at all */
void record_add_class(Record *r, enum kftp_class class);
void record_submit(const Report *report, Record *r);

/* What all records of a run have: the job, what it is about, what has become of it. */
void record_add_run(Record *r, const LedgerEntry *e, const char *result);
