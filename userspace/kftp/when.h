/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Moments as systemctl shows them, and as they are typed. All are microseconds of the realtime clock since 1970; local
 * time. The formatting functions fill a buffer of WHEN_MAX bytes and return it.
 */

#include <stdint.h>

#define WHEN_MAX 64

uint64_t when_now(void);

char *when_relative(char *buffer, uint64_t t, uint64_t now);    /* "2min 3s ago", "1 day 3h left" */
char *when_brief(char *buffer, uint64_t t, uint64_t now);       /* "2min ago", "in 17h": its largest unit only */
char *when_clock(char *buffer, uint64_t t, uint64_t now);       /* "Tue 06:00", "2027-01-01" if that is not of these days */
char *when_stamp(char *buffer, uint64_t t);                     /* "2026-11-24 06:00:00" */
char *when_full(char *buffer, uint64_t t);                      /* "Tue 2026-11-24 06:00:00 UTC" */

/*
 * "2026-11-24", "2026-11-24 06:00[:00]", "06:00[:00]" (of today), "now", "today", "yesterday", "tomorrow", "2h ago" and "-2h", "@SECONDS".
 * Returns 0 or -EINVAL.
 */
int when_parse(const char *text, uint64_t now, uint64_t *ret);
