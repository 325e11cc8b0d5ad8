/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

#include "libkftp.h"

/* One line of JSON on stdout, as kftp(1) describes it. -errno if it cannot be written. */
int report_json(const char *url, const KftpResult *result);

/* "NAME: 48.2 MiB in 3.1 s (15.5 MiB/s)" on stderr. */
void report_summary(const KftpResult *result);

/* The parts of report_json. Text from outside is escaped: JSON takes UTF-8 only. NULL: no memory, or no object. */
json_t *report_text_or_null(const char *text);
json_t *report_make_json(const char *url, const char *path, const KftpResult *result);
int report_write_json(const json_t *object);
