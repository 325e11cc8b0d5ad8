/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * Shell patterns for paths. "*" is any text without a slash, "?" and "[...]" are one character but no slash, "**" is any
 * text, "**" between slashes any number of directories, also none, "\" takes away the meaning of what is behind it. A
 * leading dot is nothing special. Characters are those of UTF-8, whatever the locale; a byte that is none is one too.
 *
 * A pattern without a slash is for the last part of a path, one with a slash for the whole; a slash at its begin is for
 * that alone. One at its end is for directories only.
 */
typedef struct MirrorGlob MirrorGlob;

#define MIRROR_GLOB_MAX 4096U           /* bytes of a pattern */

/* -EINVAL, with an allocated sentence in *reason (may be NULL), if it is no pattern. */
int mirror_glob_compile(MirrorGlob **ret, const char *pattern, char **reason);
void mirror_glob_free(MirrorGlob *g);           /* NULL is fine */
bool mirror_glob_is_for_directories(const MirrorGlob *g);

/* In time that is bounded by the product of both lengths. */
bool mirror_glob_matches(const MirrorGlob *g, const char *path, bool is_directory);
