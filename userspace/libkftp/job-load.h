/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From directories to jobs. A job is NAME.job of the first directory that has one, with the drop-ins NAME.job.d/X.conf of
 * all directories behind it in the order of their names; of two drop-ins with one name that of the earlier directory is
 * taken. A server that jobs share, NAME.remote, is found in the same way. A link to /dev/null instead of a file masks it, in
 * its own directory and in all behind.
 */

#include "job.h"

/* Whoever administers the machine overrides what is there until the next boot, and that what packages bring. */
#define KFTP_JOB_DIRECTORIES "/etc/kftp.d:/run/kftp.d:/usr/lib/kftp.d"
#define KFTP_JOB_DIRECTORIES_MAX 16U
#define KFTP_JOB_DROP_IN_DIRECTORY_SUFFIX ".d"  /* behind the name of the file */
#define KFTP_JOB_DROP_IN_SUFFIX ".conf"
#define KFTP_JOB_DROP_INS_MAX 64U

typedef struct KftpJobDirectory {
        char *path;
        int fd;                         /* negative errno: it could not be opened */
} KftpJobDirectory;

/* Directories of job files, opened; the first one overrides the others. */
typedef struct KftpJobDirectories {
        KftpJobDirectory *items;
        size_t n;
} KftpJobDirectories;

/* Opens directories that are separated by colons. One that cannot be opened is no fault here. Returns -EINVAL if there is
 * none, too many, or one whose path is not absolute. */
int kftp_job_directories_open(const char *paths, KftpJobDirectories *ret);
void kftp_job_directories_done(KftpJobDirectories *d);

/* The files that make a job or a remote, read; items own what they point to. */
typedef struct KftpJobFiles {
        KftpJobFragment *items;         /* NAME.job first */
        size_t n;
        size_t directory;               /* that the first one is in */
} KftpJobFiles;

/*
 * Reads name with the suffix KFTP_JOB_SUFFIX or KFTP_REMOTE_SUFFIX, and its drop-ins. Each file must be regular, owned by root or
 * the effective user, not writable by everybody, and at most KFTP_JOB_SIZE_MAX; a directory of drop-ins likewise. A missing
 * directory is an empty one. Returns 0, -ENOENT if there is no such file, -ERFKILL if it is masked, -EBADMSG if it cannot be
 * trusted or read (diagnosed), or -ENOMEM.
 */
int kftp_job_files_read(const KftpJobDirectories *d, const char *name, const char *suffix, kftp_diagnosis_t sink, void *userdata,
                        KftpJobFiles *ret);
void kftp_job_files_done(KftpJobFiles *f);

/* What is known of a job's files, also if they were rejected. */
typedef struct KftpJobOrigin {
        size_t directory;               /* that its file is in, or was masked in */
        char revision[KFTP_REVISION_SIZE];      /* of what was read; "" if that could not be */
        char *remote;                   /* that it asked for, be there one or not; NULL: none */
} KftpJobOrigin;

void kftp_job_origin_done(KftpJobOrigin *o);

/* Reads and parses the job of that name. Returns as kftp_job_files_read; -EBADMSG also if it was rejected. origin may be NULL. */
int kftp_job_load(const KftpJobDirectories *d, const char *name, kftp_diagnosis_t sink, void *userdata, KftpJobOrigin *origin,
                  KftpJob **ret);

/*
 * The texts of a job's files and of its remote's, each below its path as a comment, and the defaults that hold besides; allocated.
 * What is not text is escaped, what may be a password left out. Returns as kftp_job_files_read.
 */
int kftp_job_show(const KftpJobDirectories *d, const char *name, char **ret);
