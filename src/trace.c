// SPDX-License-Identifier: GPL-2.0-only
/* The tracepoints themselves. */
#include <linux/module.h>

#include "kftp.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
