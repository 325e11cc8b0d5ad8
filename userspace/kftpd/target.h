/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/*
 * Whether the service can do its work where a job's Path= points. Each returns NULL if so (also without
 * memory: the transfer will tell), otherwise what is wrong and what to type; allocated.
 */

/* A file, or a directory that receives one. */
char *target_check(const char *path);
/* The target of a mirror: a directory that can be read and written, or made. */
char *target_check_tree(const char *path);
/* Makes what is missing of the directory that a file at path goes to, or of path itself if it is a tree; what cannot be made the check tells. */
void target_make(const char *path, bool tree);
/* The source of a mirror: a directory that can be read; removing: what has been sent is to be removed. */
char *source_check(const char *path, bool removing);
