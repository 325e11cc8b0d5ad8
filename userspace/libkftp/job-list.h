/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The names of the jobs in the directories. */

#include <time.h>

#include "job-load.h"

typedef struct KftpJobListed {
        char *name;                     /* of the job: any bytes; kftp_job_load says whether they are one */
        size_t directory;               /* the first one that has the file */
        struct timespec mtime;          /* of the file there */
} KftpJobListed;

typedef struct KftpJobList {
        KftpJobListed *items;
        size_t n;
        size_t allocated;
} KftpJobList;

/*
 * Lists all job files of all directories, without reading them; each name once, sorted by name. Returns -errno, with the path in
 * question in *ret_path, if a directory cannot be read to its end; those behind the first may be missing. The list has to be
 * empty, and is to be freed in any case.
 */
int kftp_job_list_collect(KftpJobList *list, const KftpJobDirectories *d, const char **ret_path);

int kftp_job_list_add(KftpJobList *list, const char *name, size_t name_n, size_t directory, struct timespec mtime);
/* Sorts by name, and keeps of each name what is in the first directory. */
void kftp_job_list_make_unique(KftpJobList *list);
/* What is found at once arrived in the order in which it was written. */
void kftp_job_list_sort_by_arrival(KftpJobList *list);
void kftp_job_list_done(KftpJobList *list);
