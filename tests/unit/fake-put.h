/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The double of an upload: see daemon.h for what it does. */

#include "kftpd/runner.h"

int fake_put(Run *run, const RunFile *file, KftpResult *ret);
int fake_put_recover(Run *run, KftpFailure *f);
