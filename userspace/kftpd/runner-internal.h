/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the script of a run (runner.c) and the mirror in it (run-mirror.c) have of each other. */

#include "runner.h"

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
