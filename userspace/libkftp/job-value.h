/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The values of a job file that need more than a comparison, and the nearest word to a misspelt one. */

#include <stddef.h>
#include <stdint.h>

/* A decimal number from min to max without sign: 0, -EINVAL if it is none, -ERANGE. */
int job_parse_unsigned(const char *text, unsigned min, unsigned max, unsigned *ret);

/*
 * A time span as in systemd.time(7): "30s", "5min", "1h 30m", "1.5h"; a number alone is in seconds.
 * Returns 0, -EINVAL with *ret_at at the first byte that does not fit, or -ERANGE.
 */
int job_parse_timespan(const char *text, uint64_t *ret_usec, size_t *ret_at);

/* The word of words (n of them, NULL entries skipped) that text was probably meant to be, or NULL. */
const char *job_nearest(const char *text, const char *const *words, size_t n);
