/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the script of a run (runner.c) and the mirror in it (run-mirror.c) have of each other. */

#include "runner.h"

/* One file of the source, which is a file or a directory. */
typedef struct RunFile {
        const char *name;               /* in the source; a single part */
        uint64_t size;                  /* as listed; or KFTP_SIZE_UNKNOWN */
        int64_t mtime;                  /* as listed; or KFTP_MTIME_UNKNOWN */
        uint32_t mtime_precision;
} RunFile;

/* The session of the run, made when it is first asked for. Returns 0, or -ENOMEM with *f. */
int run_client(Run *run, KftpClient **ret, KftpFailure *f);

/*
 * Makes it durable that the file is about to get its final name. Returns 0, or -errno: then it must not get it. Is the intent
 * callback of run_options().
 */
int run_note_intent(void *userdata, const KftpIntent *i);

/* Replaces a string of the entry by text that is made fit for display, and not too long for it. */
void run_set_text(char **field, const char *text);
void run_set_address(char **field, const struct kftp_addr *a);

/* What all transfers of a job have in common. The password is borrowed. */
KftpOptions run_options(Run *run, const char *password);

/* Whether trying again later may help. */
bool run_may_pass(const KftpFailure *f);
/* Notes how an attempt has failed: whether another one follows, now or after a restart, or whether that was the end. */
void run_fail(Run *run, const KftpFailure *f, bool may_pass);

/* One attempt at a mirror. */
void run_mirror(Run *run, const char *password);
