/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads one file of a job. Internal to the loader of jobs. */

#include <sys/stat.h>

#include "job.h"

/*
 * Reads filename, to which dir_fd leads; path stands in diagnoses. Returns 0 with an allocated text, -ENOENT, -ERFKILL if it is
 * a link to /dev/null, -EBADMSG if it cannot be trusted or read (diagnosed), or -ENOMEM.
 */
int job_file_read(int dir_fd, const char *filename, const char *path, kftp_diagnosis_t sink, void *userdata, char **ret, size_t *ret_n);

/* Why what is in a directory with this status is not taken; NULL if it is. */
const char *job_directory_distrust(const struct stat *st);

/* Tells of a file as a whole, and returns -EBADMSG. */
int job_file_reject(const char *path, kftp_diagnosis_t sink, void *userdata, const char *message);
/* The same for a file that cannot be read; error is an errno. */
int job_file_reject_errno(const char *path, kftp_diagnosis_t sink, void *userdata, int error);
