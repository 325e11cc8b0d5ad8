/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Dates in the values of a job file: "{date:%Y%m%d}", "{date-1d:%Y/%m}"; "{{" is a brace. Internal to the job parser.
 */

#include <stddef.h>
#include <stdint.h>

#include "job.h"

/*
 * Whether there are dates in text: 1, or 0. -EINVAL if what looks like one is none: *ret_at is where, *ret_why a sentence.
 */
int job_date_check(const char *text, size_t *ret_at, const char **ret_why);

/*
 * text with the dates of a moment in local time, and single braces. In a URL braces, and what the formats bring in that may
 * not stand there, are percent-encoded. Allocated; NULL without memory. The text has been checked.
 */
char *job_date_expand(const char *text, int64_t when, bool url);

/* What a job with dates keeps of its file. */
typedef struct KftpJobTemplates KftpJobTemplates;

enum job_template {
        JOB_TEMPLATE_URL,
        JOB_TEMPLATE_PATH,
        JOB_TEMPLATE_MARKER,
        JOB_TEMPLATE_THEN,
        JOB_TEMPLATE_THEN_ON_FAILURE,
        JOB_TEMPLATE_MATCH,
        JOB_TEMPLATE_EXCLUDE,
};

/* Adds one to *templates, which may be NULL; -ENOMEM. */
int job_template_add(KftpJobTemplates **templates, enum job_template what, const char *text);
KftpJobTemplates *job_templates_free(KftpJobTemplates *templates);      /* returns NULL; takes NULL */

/* Parses the URL of a job, without dates now: 0, -ENOMEM, or -EINVAL with *reason. TLS= has not been looked at. */
int job_make_url(const KftpJob *j, const char *text, KftpUrl *ret, char **reason);
