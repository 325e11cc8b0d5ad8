/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "run.h"

/* Not the whole file. */
bool cat_is_part(const KftpRange *r);

/* Whether the options go together with where the file goes; dest NULL: a file of the URL's name. */
int cat_check(const Arguments *a, const char *dest, char **error);

/* One file to the standard output. 0, or an exit code after a message. */
int cat_url(Run *run, const KftpUrl *url);

/* Whether going on with further files makes sense after this exit code. */
bool cat_goes_on(int class);
