/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "libkftp.h"

/* One line of JSON on stdout, as kftp(1) describes it. -errno if it cannot be written. */
int report_json(const char *url, const KftpResult *result);

/* "NAME: 48.2 MiB in 3.1 s (15.5 MiB/s)" on stderr. */
void report_summary(const KftpResult *result);
