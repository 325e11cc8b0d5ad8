/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The last lines of the journal about a job. */

#include "table.h"

/* As systemctl status does it: a blank line and the lines, or why there are none. */
void journal_tail(FILE *f, const char *job, unsigned lines, const TableStyle *style);
