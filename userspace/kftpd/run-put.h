/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The part of a run's script that is an upload's: one file to the server, and what has become of one after a crash. */

#include "runner-internal.h"

/*
 * Sends one file of the source, over the run's session. Just before the file gets its final name on the server run_note_intent() is
 * called with the names there. Returns 0, or -errno with ret->failure; ret is always filled, and freed by the caller.
 */
int run_put_file(Run *run, const RunFile *file, KftpResult *ret);

/*
 * The ledger has an intent that nobody knows the end of: looks both names up on the server. 1: it was delivered. 0: it was not, and
 * can be sent again. -errno with *f: it is not known; f->transient: it may be later (the server cannot be reached), otherwise the
 * file is not sent again.
 */
int run_put_recover(Run *run, KftpFailure *f);
