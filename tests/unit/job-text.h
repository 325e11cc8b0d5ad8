/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Texts of job files, what is made of them, and what is said about them: for tests of the job parser. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "job.h"

#define JOB_FILE "/etc/kftp.d/acme.job"

typedef struct JobDiagnoses {
        char *text;                     /* all of them, one a line */
        unsigned n;
} JobDiagnoses;

/* A kftp_diagnosis_t whose userdata is a JobDiagnoses. */
void collect_diagnosis(void *userdata, const KftpDiagnosis *d);

/* Parses a text, and returns what was said about it, which the caller frees. ret may be NULL. */
char *parse_job(const char *text, size_t n, int expected, KftpJob **ret);
/* A text about which there is nothing to be said. */
KftpJob *parse_good_job(const char *text);

/* A text, and the diagnoses that it gets, without the file's name before each line. */
typedef struct JobCase {
        const char *text;
        const char *said;
        bool accepted;
} JobCase;

void check_job_cases(const JobCase *cases, size_t n);
