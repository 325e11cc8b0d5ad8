/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The settings a job file may have, one table of section, key and parser, and the state of a parse.
 * Internal to the job parser.
 */

#include "job-syntax.h"
#include "job.h"
#include "util.h"

typedef struct JobParser JobParser;
typedef struct JobSetting JobSetting;

struct JobSetting {
        const char *section;
        const char *key;
        void (*parse)(JobParser *p, const JobSetting *s, const JobItem *item);
        size_t offset;                  /* in KftpJob, for strings */
        const char *why;                /* if the key is refused: why */
        bool server;                    /* about the server: belongs into the section with URL= */
        bool mirror;                    /* needs Transfer=mirror */
};

#define JOB_SECTIONS 3U
#define JOB_SETTINGS 48U

extern const char *const job_sections[JOB_SECTIONS];
extern const JobSetting job_settings[JOB_SETTINGS];

/* A word of Match= or Exclude=. */
typedef struct JobPattern {
        enum kftp_filter_kind kind;
        char *text;
        size_t at;
} JobPattern;

struct JobParser {
        const char *file;
        JobText text;
        kftp_diagnosis_t sink;
        void *userdata;
        KftpJob *job;
        const char *section;            /* the current one, NULL: before the first or in one that is ignored */
        bool ignoring;                  /* an unknown or X- section */
        size_t section_at[JOB_SECTIONS];        /* its name; 0: it did not occur */
        size_t set_at[JOB_SETTINGS];            /* where the value of each setting stands; 0: not set */
        size_t key_at[JOB_SETTINGS];            /* where it is set last: valid if set_at is not 0 */
        size_t url_end_at;                      /* where the last byte of URL= stands */
        JobPattern *patterns;
        size_t patterns_n;
        unsigned errors;
        unsigned diagnoses;
        bool no_memory;
};

#define JOB_WHOLE_FILE SIZE_MAX         /* instead of an offset in the text */

/* Tells of a fault at an offset in the file; an error rejects the job. */
void _printf_(4, 5) job_diagnose(JobParser *p, bool error, size_t at, const char *format, ...);

/* The offending text as it can be shown: in quotes, short, and with nothing a terminal would obey.
 * What may be a password is left out. Allocated; NULL without memory. */
char *job_excerpt(const char *text);

const JobSetting *job_find_setting(const char *section, const char *key);
/* Where the value of a setting that there is stands; 0: it is not set. */
size_t job_value_at(const JobParser *p, const char *section, const char *key);

/* A value that rejects the job; at is the offset in the value of what offends. */
void _printf_(4, 5) job_bad_value(JobParser *p, const JobItem *item, size_t at, const char *format, ...);

/* ---- job-mirror.c: the values of those settings that only mirrors have ---- */

void job_parse_parallel(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_segments(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_shard(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_compare(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_patterns(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_size(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_age(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_depth(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_switch(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_symlinks(JobParser *p, const JobSetting *s, const JobItem *item);

/* What must hold between them; makes the filter. */
void job_check_mirror(JobParser *p);
void job_patterns_done(JobParser *p);
