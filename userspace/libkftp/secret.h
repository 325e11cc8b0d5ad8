/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How a job logs in: its password, from where the job file says it is. Secrets are read anew for each run, are kept in
 * memory that is not swapped out, and are erased when they are let go.
 */

#include "job.h"

/* All strings live in memory of their own; NULL: not given. */
typedef struct KftpSecret {
        const char *user;               /* from netrc, only if the job names none */
        const char *password;
        const char *account;            /* from netrc */
        void *memory;
        size_t size;
} KftpSecret;

/*
 * Finds what Credential=, PasswordFile= or NetrcFile= of the job names; in this order, if there are several. A job with none of
 * them has no secret, which is no failure. Returns 0, or a negative errno with *f filled in: what is missing, and what to type.
 */
int kftp_secret_get(const KftpJob *job, KftpSecret *ret, KftpFailure *f);

/* Erases it; takes an empty one, too. */
void kftp_secret_done(KftpSecret *s);

/* Whether a credential may be named so: as a file is, and with nothing a shell would take for something else. */
bool kftp_credential_name_valid(const char *name);

/* The password in the first line of a credential's file; as kftp_read_password_file, but whoever may read it is systemd's business. */
int kftp_read_credential(const char *path, char **ret, KftpFailure *f);
