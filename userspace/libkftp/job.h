/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The job file, NAME.job: systemd's unit-file syntax, described in kftp.job(5). A job copies a file or a set of files
 * between a server and this machine, or makes a tree like another one.
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
#define KFTP_JOB_POLL_USEC_DEFAULT (60U * UINT64_C(1000000))
#define KFTP_REVISION_SIZE 65U          /* SHA-256 in hexadecimal, and the terminator */

enum kftp_if_exists {
        KFTP_IF_EXISTS_RESUME = 0,      /* our partial file is gone on from, a file of the final name is replaced */
        KFTP_IF_EXISTS_SKIP,            /* a file of the final name is left alone */
        KFTP_IF_EXISTS_OVERWRITE,       /* begun anew, and replaced */
};

enum kftp_then {
        KFTP_THEN_KEEP = 0,
        KFTP_THEN_DELETE,
        KFTP_THEN_MOVE,
};

/* What becomes of a source's file. */
typedef struct KftpThen {
        enum kftp_then action;
        char *directory;                /* KFTP_THEN_MOVE: on the side of the source; otherwise NULL */
} KftpThen;

#define KFTP_DEADLINE_NONE UINT32_MAX

typedef struct KftpJob {
        char *name;                     /* of the file, without the suffix */
        char *file;                     /* its path */
        char revision[KFTP_REVISION_SIZE];
        char *description;              /* may be NULL */
        char *remote;                   /* URL=, as written, or of Remote=; it never holds a password */
        KftpUrl url;
        bool mirror;                    /* Transfer=mirror: url and path are trees; otherwise see set */
        bool upload;                    /* url is the target and path the source */
        char *user;                     /* NULL: the URL's, else anonymous */
        char *password_file;            /* absolute; may be NULL */
        enum kftp_data_mode data_mode;
        enum kftp_tls_mode tls_mode;    /* agrees with url */
        bool tls_given;                 /* by TLS= */
        char *ca_file;                  /* absolute, as the next two; each may be NULL */
        char *certificate_file;
        char *key_file;
        char *pin;                      /* may be NULL */
        char *path;                     /* absolute: a file, or a directory if one is there or it ends in a slash; of a mirror or a
                                         * set a directory; of the upload of a single file that file */
        char *path_file;                /* the drop-in that Path= stands in; NULL: file */
        unsigned path_line;             /* where in it, for what is found out later */
        unsigned path_column;
        unsigned retries;               /* after the first attempt */
        uint64_t retry_usec;            /* the first delay */
        KftpFilter *filter;             /* Match= and Exclude=; NULL: none */
        KftpMirrorOptions mirror_options;       /* what the file says about a mirror, filter and direction included; of a
                                         * set: its limits of size and age */

        /* When it runs. Lists are NULL-terminated, and NULL if empty. */
        char **calendar;                /* OnCalendar=: it runs then, and not because of its file */
        bool persistent;                /* what was missed while the machine was off is made up for; true if not given */
        uint64_t randomized_delay_usec;
        bool watch;                     /* after a run it waits for the next arrival in its source */
        uint64_t poll_usec;             /* between looks at a source on a server */
        uint32_t deadline;              /* seconds of the local day by which it has to have ended well, or KFTP_DEADLINE_NONE */

        /* What a copy takes, and how. */
        bool set;                       /* source and target are directories, and all files of the source's are taken that the
                                         * filter takes; the path of url is empty or ends in a slash. Otherwise it is of one
                                         * file; only that of an upload may be a directory then, for the file by its name */
        char *marker;                   /* name of the file that says that a file is complete; "%f" is that file's name. May be NULL */
        uint64_t stable_usec;           /* size and time have to be the same for so long; 0: not looked at */
        enum kftp_if_exists if_exists;
        uint32_t file_mode;             /* permissions of the file here or there, or KFTP_MODE_UNKNOWN */
        unsigned verify;                /* KFTP_VERIFY_* */
        KftpThen then;                  /* with the source of a file that was delivered */
        KftpThen then_on_failure;       /* with that of a file that has failed for good */
        bool if_empty_fail;             /* a run that found no file has failed */
        unsigned expect;                /* a run that delivered fewer files has failed; 0: none expected */

        /* Of the server, and of all its connections. */
        char *remote_name;              /* Remote=; may be NULL */
        char *credential;               /* name of a systemd credential; may be NULL */
        char *netrc_file;               /* absolute; may be NULL */
        unsigned max_connections;       /* to the server, of all jobs together; 0: no limit */
        uint64_t timeout_usec;          /* of each wait; 0: the default */
        uint64_t limit_rate;            /* bytes per second; 0: no limit */

        /* Units that are started when a run has ended; lists as above. */
        char **on_success;
        char **on_failure;

        bool dated;                     /* there are dates in it: kftp_job_set_date has to be called before it is run */
        struct KftpJobTemplates *templates;     /* what it takes for that */
} KftpJob;

/*
 * Puts the date of a moment (seconds since 1970; the local time of it) into URL, path, patterns, marker and directories;
 * before, they are as in the file, but url, filter and mirror_options, which are those of the moment when it was parsed.
 * May be called again with another moment, but not while something uses the job. Returns 0, -ENOMEM, or -EINVAL with an
 * allocated sentence in *reason (may be NULL) if what comes of it is no URL or path; the job is as before then.
 */
int kftp_job_set_date(KftpJob *j, int64_t when, char **reason);

KftpJob *kftp_job_free(KftpJob *j);     /* returns NULL; takes NULL */

typedef struct KftpDiagnosis {
        bool error;                     /* the job is rejected; otherwise a warning */
        const char *file;
        unsigned line;                  /* from 1; 0: the file as a whole */
        unsigned column;                /* from 1, in characters */
        const char *message;
        const char *text;               /* the line, text_n bytes of it; NULL if there is none */
        size_t text_n;
} KftpDiagnosis;

typedef void (*kftp_diagnosis_t)(void *userdata, const KftpDiagnosis *d);

/* "FILE:LINE:COLUMN: error: MESSAGE"; allocated, NULL without memory. */
char *kftp_diagnosis_format(const KftpDiagnosis *d);
/* The same, and if there is a line: that in the next one, and a caret below the column. No line end behind it. */
char *kftp_diagnosis_format_long(const KftpDiagnosis *d);

/* Whether NAME of NAME.job may name a job: letters, digits and ":-_.\@", at most KFTP_JOB_NAME_MAX
 * bytes, no leading dot: what systemd takes for an instance. */
bool kftp_job_name_valid(const char *name, size_t n);

/* The revision of a job is the SHA-256 of its file's bytes. */
int kftp_job_revision(const void *text, size_t n, char ret[static KFTP_REVISION_SIZE]);

/* One of the files that make a job: NAME.job, or behind it a drop-in, which adds to it and overrides it. */
typedef struct KftpJobFragment {
        const char *file;               /* its path, for diagnoses */
        const void *text;
        size_t n;
} KftpJobFragment;

/* The revision of a job that consists of several files is the SHA-256 of their bytes, one behind the other. */
int kftp_job_revision_of(const KftpJobFragment *fragments, size_t n, char ret[static KFTP_REVISION_SIZE]);

/* ---- Servers that several jobs share: NAME.remote ---- */

#define KFTP_REMOTE_SUFFIX ".remote"

typedef struct KftpJobRemote KftpJobRemote;

/* Parses the [Remote] of a file and its drop-ins, if any. Returns as kftp_job_parse. */
int kftp_remote_parse(const char *name, const KftpJobFragment *fragments, size_t n, kftp_diagnosis_t sink, void *userdata,
                      KftpJobRemote **ret);
KftpJobRemote *kftp_remote_free(KftpJobRemote *r);      /* returns NULL; takes NULL */

/*
 * Gives the remote that Remote=name means. Called at most once for a job, also if that is rejected in the end; what it gives
 * is used during the call of the parser only. Returns 0, -ENOENT, -ERFKILL if it is masked, -EBADMSG if it was rejected
 * (which has been diagnosed), or -ENOMEM.
 */
typedef int (*kftp_remote_find_t)(void *userdata, const char *name, const KftpJobRemote **ret);

/*
 * Parses a job that consists of n files: the first is NAME.job, and gives the job's file. find may be NULL: there are no
 * remotes then. The revision is that of all texts, one behind the other. Returns as kftp_job_parse.
 */
int kftp_job_parse_fragments(const char *name, const KftpJobFragment *fragments, size_t n, kftp_remote_find_t find,
                             void *find_userdata, kftp_diagnosis_t sink, void *userdata, KftpJob **ret);

/*
 * Parses the text of a job file that stands alone. file is its path: its last part gives the name, and it stands in
 * the diagnoses. Returns 0, -EBADMSG if the job was rejected (diagnosed), or -ENOMEM.
 */
int kftp_job_parse(const char *file, const void *text, size_t n, kftp_diagnosis_t sink, void *userdata, KftpJob **ret);
