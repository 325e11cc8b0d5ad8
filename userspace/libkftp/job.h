/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The job file, NAME.job: systemd's unit-file syntax, described in kftp.job(5). A job fetches a file, or makes a tree
 * like another one.
 *
 * A job is accepted whole or rejected whole. What is wrong is told through a callback, one
 * diagnosis for each fault, with the place in the file and the offending text.
 */

#include "libkftp.h"

#define KFTP_JOB_SUFFIX ".job"
#define KFTP_JOB_SIZE_MAX (64U * 1024U)
#define KFTP_JOB_NAME_MAX 200U
#define KFTP_JOB_RETRIES_DEFAULT 5U
#define KFTP_JOB_RETRY_USEC_DEFAULT (30U * UINT64_C(1000000))
#define KFTP_REVISION_SIZE 65U          /* SHA-256 in hexadecimal, and the terminator */

typedef struct KftpJob {
        char *name;                     /* of the file, without the suffix */
        char *file;                     /* its path */
        char revision[KFTP_REVISION_SIZE];
        char *description;              /* may be NULL */
        char *remote;                   /* URL=, as written; it never holds a password */
        KftpUrl url;
        bool mirror;                    /* Transfer=mirror: url and path are trees; otherwise url is a file */
        bool upload;                    /* url is the target and path the source; mirrors only */
        char *user;                     /* NULL: the URL's, else anonymous */
        char *password_file;            /* absolute; may be NULL */
        enum kftp_data_mode data_mode;
        enum kftp_tls_mode tls_mode;    /* agrees with url */
        bool tls_given;                 /* by TLS= */
        char *ca_file;                  /* absolute, as the next two; each may be NULL */
        char *certificate_file;
        char *key_file;
        char *pin;                      /* may be NULL */
        char *path;                     /* absolute: a file, or a directory if one is there or it ends in a slash; of a mirror a directory */
        unsigned path_line;             /* where Path= stands, for what is found out later */
        unsigned path_column;
        unsigned retries;               /* after the first attempt */
        uint64_t retry_usec;            /* the first delay */
        KftpFilter *filter;             /* Match= and Exclude= of a mirror; NULL: none */
        KftpMirrorOptions mirror_options;       /* what the file says about a mirror, filter and direction included */
} KftpJob;

KftpJob *kftp_job_free(KftpJob *j);     /* returns NULL; takes NULL */

typedef struct KftpDiagnosis {
        bool error;                     /* the job is rejected; otherwise a warning */
        const char *file;
        unsigned line;                  /* from 1; 0: the file as a whole */
        unsigned column;                /* from 1, in characters */
        const char *message;
} KftpDiagnosis;

typedef void (*kftp_diagnosis_t)(void *userdata, const KftpDiagnosis *d);

/* "FILE:LINE:COLUMN: error: MESSAGE"; allocated, NULL without memory. */
char *kftp_diagnosis_format(const KftpDiagnosis *d);

/* Whether NAME of NAME.job may name a job: letters, digits and ":-_.\@", at most KFTP_JOB_NAME_MAX
 * bytes, no leading dot: what systemd takes for an instance. */
bool kftp_job_name_valid(const char *name, size_t n);

/* The revision of a job is the SHA-256 of its file's bytes. */
int kftp_job_revision(const void *text, size_t n, char ret[static KFTP_REVISION_SIZE]);

/*
 * Parses the text of a job file. file is its path: its last part gives the name, and it stands in
 * the diagnoses. Returns 0, -EBADMSG if the job was rejected (diagnosed), or -ENOMEM.
 */
int kftp_job_parse(const char *file, const void *text, size_t n, kftp_diagnosis_t sink, void *userdata, KftpJob **ret);

/*
 * Reads and parses directory/filename; dir_fd is open on the directory. The file must be regular,
 * owned by root or the effective user, not writable by everybody, and at most KFTP_JOB_SIZE_MAX.
 * Returns as kftp_job_parse, -ENOENT if there is no such file, -ERFKILL if it is masked by a link
 * to /dev/null; -EBADMSG covers also a file that could not be read.
 */
int kftp_job_load(int dir_fd, const char *directory, const char *filename, kftp_diagnosis_t sink, void *userdata,
                  KftpJob **ret);
