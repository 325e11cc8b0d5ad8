/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* The new name in full: beside path if name has no slash, else name. Allocated; NULL: no memory. */
char *kftp_rename_target(const char *path, const char *name);
/* path without the slashes at its end, except the one that is the root. Allocated; NULL: no memory. */
char *kftp_path_strip(const char *path);
/* How long the first n parts of path are; 0 if it has fewer, or is complete with them. */
size_t kftp_path_parents(const char *path, unsigned n);
