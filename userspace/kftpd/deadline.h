/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Times of the local day as moments of the realtime clock, in microseconds. A time that the day does not have, because clocks were put
 * forward, is as much later; of one that it has twice the first is meant.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first moment after that one, and the last one that is not after it, when it is so many seconds of the local day. */
uint64_t deadline_after(uint32_t seconds, uint64_t usec);
uint64_t deadline_until(uint32_t seconds, uint64_t usec);

/* Whether what ended well last at that moment, 0: never, has not since the deadline before this one. */
bool deadline_is_missed(uint32_t seconds, uint64_t deadline, uint64_t succeeded_usec);

/* Such a moment for people, with the day of the week; 32 bytes are enough. */
void format_local_time(uint64_t usec, char *ret, size_t size);
