/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "libkftp.h"

/*
 * Whether so many bytes more fit into the file system of the directory, for the user that asks; what is for that is said in the
 * failure as "for WHAT". Returns 0, also if it cannot be found out, or -ENOSPC with *f, which may pass.
 */
int space_check(const char *directory, uint64_t needed, const char *what, KftpFailure *f);
/* What a file takes up already; 0 if it is not there. */
uint64_t space_taken(const char *path);
