/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The settings a job file may have, one table of section, key and parser, and the state of a parse.
 * Internal to the job parser.
 */

#include <stddef.h>

#include "job-syntax.h"
#include "job.h"
#include "util.h"

typedef struct JobParser JobParser;
typedef struct JobSetting JobSetting;

/* Where a setting belongs. */
#define JOB_SERVER (1U << 0)            /* about the server: into the section with URL= or Remote= */
#define JOB_MIRROR (1U << 1)            /* needs Transfer=mirror */
#define JOB_COPY (1U << 2)              /* needs Transfer=copy */
#define JOB_SET (1U << 3)               /* of copies needs one of a set of files */
#define JOB_PASSWORD (1U << 4)          /* one of those that say where the password is */

/* What its field is. */
enum job_field {
        JOB_FIELD_NONE = 0,             /* its parser knows */
        JOB_FIELD_STRING,
        JOB_FIELD_LIST,
        JOB_FIELD_BOOL,
        JOB_FIELD_UNSIGNED,             /* or an enumeration */
        JOB_FIELD_U64,
};

struct JobSetting {
        const char *section;
        const char *key;
        void (*parse)(JobParser *p, const JobSetting *s, const JobItem *item);
        unsigned belongs;
        enum job_field field;
        size_t offset;                  /* in KftpJob */
        uint64_t min;
        uint64_t max;
        uint64_t fallback;              /* what holds if it is not given, unless that is 0 */
        const char *const *words;       /* of an enumeration, by value; NULL where a value has none */
        size_t words_n;
        const char *why;                /* of a number: what it looks like; of what is refused: why */
};

#define JOB_SECTIONS 4U                 /* the last one is that of a remote */
#define JOB_SETTINGS 84U

#define JOB_HOW_TO_GIVE_PASSWORD \
        "write it into a file of mode 0600 that belongs to the service's user, and name that with PasswordFile="

extern const char *const job_sections[JOB_SECTIONS];
extern const JobSetting job_settings[JOB_SETTINGS];

/* A word of Match= or Exclude=. */
typedef struct JobPattern {
        enum kftp_filter_kind kind;
        char *text;
        size_t at;
} JobPattern;

/* What cannot be judged before all is read: in some jobs it is an error. */
typedef struct JobUnknown {
        char *what;
        char *hint;
        size_t at;
} JobUnknown;

#define JOB_UNKNOWNS_MAX 20U

/*
 * Places are offsets in all texts, one behind the other, each with one byte more than it has. So none of a value is 0.
 */
struct JobParser {
        const KftpJobFragment *fragments;
        size_t fragments_n;
        kftp_diagnosis_t sink;
        void *userdata;
        kftp_remote_find_t find;
        void *find_userdata;
        bool is_remote;                 /* a NAME.remote, with one section */
        KftpJob *job;
        JobText text;                   /* the fragment that is read */
        const char *section;            /* the current one, NULL: before the first or in one that is ignored */
        bool ignoring;                  /* an unknown or X- section */
        size_t section_at[JOB_SECTIONS];        /* its name; 0: it did not occur */
        size_t set_at[JOB_SETTINGS];            /* where the value of each setting stands; 0: not set */
        size_t key_at[JOB_SETTINGS];            /* where it is set last: valid if set_at is not 0 */
        bool emptied[JOB_SETTINGS];             /* and whether to nothing */
        size_t url_end_at;                      /* where the last byte of URL= stands */
        JobPattern *patterns;
        size_t patterns_n;
        JobUnknown unknown[JOB_UNKNOWNS_MAX];
        size_t unknown_n;
        int64_t now;                    /* dates are tried with it */
        unsigned errors;
        unsigned diagnoses;
        bool no_memory;
};

#define JOB_WHOLE_FILE SIZE_MAX         /* instead of a place */

/* ---- job.c ---- */

/* Parses into p->job, which is NULL if it returns an error: as kftp_job_parse. check is called when all is read. */
int job_parser_run(JobParser *p, const char *name, void (*check)(JobParser *p));

/* ---- job-diagnose.c ---- */

/* Tells of a fault at a place; an error rejects the job. */
void _printf_(4, 5) job_diagnose(JobParser *p, bool error, size_t at, const char *format, ...);

/* The same, an error, of one of the files as a whole. */
void _printf_(3, 4) job_diagnose_file(JobParser *p, const KftpJobFragment *f, const char *format, ...);

/* The offending text as it can be shown: in quotes, short, and with nothing a terminal would obey.
 * What may be a password is left out. Allocated; NULL without memory. */
char *job_excerpt(const char *text);

/* A value that rejects the job; at is the offset in the value of what offends. */
void _printf_(4, 5) job_bad_value(JobParser *p, const JobItem *item, size_t at, const char *format, ...);

/* The fragment and the place in it of an offset, NULL for the whole. */
const KftpJobFragment *job_find_place(const JobParser *p, size_t at, JobPlace *ret);

/* ---- job-settings.c ---- */

const JobSetting *job_find_setting(const char *section, const char *key);
/* Where the value of a setting that there is stands; 0: it is not set. */
size_t job_value_at(const JobParser *p, const char *section, const char *key);
/* Where its key stands; 0: it is not set. */
size_t job_key_at(const JobParser *p, const char *section, const char *key);
/* Whether it has a value. */
bool job_is_given(const JobParser *p, const char *section, const char *key);
const char *job_server_section(const JobParser *p);
const char *job_our_section(const JobParser *p);

/* ---- job-read.c: sections and keys ---- */

/* Reads all fragments into p->job. False if one of them is no text. */
bool job_read(JobParser *p);
void job_forget_unknown(JobParser *p);

/* ---- job-scalar.c: values that need nothing but their setting ---- */

void job_set_string(JobParser *p, const JobSetting *s, const char *text);
void job_add_to_list(JobParser *p, char ***list, const char *text, size_t n);
char **job_free_list(char **list);      /* returns NULL */
void job_parse_text(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_number(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_size(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_span(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_word(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_switch(JobParser *p, const JobSetting *s, const JobItem *item);
void job_refuse(JobParser *p, const JobSetting *s, const JobItem *item);

/* ---- job-path.c: names, paths, and what has dates in it ---- */

/* Whether the dates in a value are well-formed; then what it is with the date of now, allocated. Diagnoses otherwise: NULL. */
char *job_try_dates(JobParser *p, const JobItem *item, size_t from);
bool job_has_dot_dot(const char *path);
bool job_check_path(JobParser *p, const JobItem *item, size_t from, const char *path);
void job_parse_file(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_path(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_marker(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_then(JobParser *p, const JobSetting *s, const JobItem *item);

/* ---- job-pattern.c ---- */

void job_parse_patterns(JobParser *p, const JobSetting *s, const JobItem *item);
void job_patterns_done(JobParser *p);
/* Makes the filter of the patterns. */
void job_make_filter(JobParser *p);

/* ---- job-server.c: what is about the server ---- */

void job_parse_url(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_user(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_pin(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_credential(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_remote_name(JobParser *p, const JobSetting *s, const JobItem *item);
/* Of the server, when all of it is known. */
void job_check_server(JobParser *p);
/* Where the fault of a value about the server is shown: that of Remote= if the key is not in the job. */
size_t job_server_at(const JobParser *p, const char *key);

/* ---- job-remote.c ---- */

/* Gets the remote of the job, if it names one, and takes from it what the job itself does not say. False if it cannot be had. */
bool job_apply_remote(JobParser *p);

/* ---- job-schedule.c: when a job runs, and what happens then ---- */

void job_parse_calendar(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_deadline(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_units(JobParser *p, const JobSetting *s, const JobItem *item);
void job_check_schedule(JobParser *p);

/* ---- job-copy.c: the settings that only copies have, and Verify= ---- */

void job_parse_verify(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_mode(JobParser *p, const JobSetting *s, const JobItem *item);
/* What kind of copy it is, which the URL depends on. */
void job_decide_set(JobParser *p);
void job_check_copy(JobParser *p);

/* ---- job-mirror.c: those that only mirrors have ---- */

void job_parse_shard(JobParser *p, const JobSetting *s, const JobItem *item);
void job_parse_age(JobParser *p, const JobSetting *s, const JobItem *item);
void job_check_limits(JobParser *p);
void job_check_mirror(JobParser *p);

/* ---- job-check.c: what must hold between settings ---- */

void job_check(JobParser *p);
