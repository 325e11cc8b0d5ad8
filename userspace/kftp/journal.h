/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The daemon's records in the journal. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-journal.h>

#include "util.h"

#define _cleanup_journal_ _cleanup_(sd_journal_closep)

/*
 * Opens this machine's journal, or the files in a directory, or one file, for what kftpd has written. 0 or -errno: -EACCES
 * if there is a journal that this user may not read.
 */
int journal_open(const char *directory, const char *file, sd_journal **ret);

/* What to do about -EACCES. Allocated; NULL: no memory. */
char *journal_advice(void);

/* A field of the current record, fit to be shown. Allocated; NULL: it has none, or no memory. */
char *journal_text(sd_journal *j, const char *field);

/* 0 if it has none, or no number. */
uint64_t journal_number(sd_journal *j, const char *field);
