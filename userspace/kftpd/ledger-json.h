/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A ledger entry as text, and back. */

#include "ledger.h"

/* Allocated; NULL without memory. */
char *ledger_entry_format(const LedgerEntry *e);
/* Returns 0, -ENOMEM, or -EBADMSG if it is not the text of an entry for that job. */
int ledger_entry_parse(const char *text, size_t n, const char *job, LedgerEntry **ret);

/* Bytes other than printable ASCII as %XX; and back, NULL also if it is no such text. Allocated. */
char *ledger_path_encode(const char *path);
char *ledger_path_decode(const char *text);
