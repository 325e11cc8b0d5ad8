/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Quantities for people, and what of a result is told as one text. */

#include <stdint.h>

#include "libkftp.h"

#define KFTP_FORMAT_MAX 32

/* These fill a buffer of KFTP_FORMAT_MAX bytes and return it. */

char *kftp_format_bytes(char *buffer, uint64_t bytes);          /* "0 B", "48.2 MiB" */
char *kftp_format_rate(char *buffer, uint64_t bytes_per_sec);   /* "15.5 MiB/s" */
char *kftp_format_usec(char *buffer, uint64_t usec);            /* "0.1 s", "1min 20s", "2h 05min" */

/*
 * The TLS of a transfer: that of its data connection, as kftp_tls_format shows it; if only the control connection has
 * any, that with " control-only" behind it. Allocated; NULL: there was none.
 */
char *kftp_format_tls(const KftpResult *result);
