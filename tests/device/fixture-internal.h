/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What fixture.c and fixture-session.c share. */

#include <fnmatch.h>

#include "fixture.h"
#include "peer-internal.h"

#define KFTP_TEST_DEVICE "/dev/kftp"

static inline bool line_matches(const char *line, const char *pattern) {
        return fnmatch(pattern, line, FNM_EXTMATCH) == 0;
}

/* Ends the threads that are still in RUN; closes all sessions. */
void runners_stop(void);
void sessions_close(void);
/* Closes the descriptors that were lent and not answered. */
void lents_close(void);
