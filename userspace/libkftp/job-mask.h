/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where passwords may stand in the text of a job's file, whether or not it is one that is accepted: rather too much is found than too
 * little. Lines are joined as the parser joins them, and what is commented out counts, too.
 */

#include <stdbool.h>
#include <stddef.h>

/* Sets hidden[i] for the bytes of the text, n of them, that nobody is to see. 0 or -ENOMEM. */
int job_mask(const char *text, size_t n, bool *hidden);
