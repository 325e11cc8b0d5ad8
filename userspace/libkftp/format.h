/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Quantities for people. Each function fills a buffer of KFTP_FORMAT_MAX bytes and returns it. */

#include <stdint.h>

#define KFTP_FORMAT_MAX 32

char *kftp_format_bytes(char *buffer, uint64_t bytes);          /* "0 B", "48.2 MiB" */
char *kftp_format_rate(char *buffer, uint64_t bytes_per_sec);   /* "15.5 MiB/s" */
char *kftp_format_usec(char *buffer, uint64_t usec);            /* "0.1 s", "1min 20s", "2h 05min" */
