/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The units of jobs in a directory, to be held against those in another: what systemd has, what was started, what is wanted. */

#include <stdbool.h>
#include <stddef.h>

typedef struct UnitFile {
        char *path;                     /* below the directory */
        char *content;                  /* of a file; of a link, where it points to */
} UnitFile;

typedef struct UnitSet {
        UnitFile *files;                /* by path */
        size_t n;
} UnitSet;

/* Reads what belongs to jobs in the directory; one that is not there has nothing. 0 or -errno. */
int unit_set_read(const char *directory, UnitSet *ret);
void unit_set_done(UnitSet *s);

bool unit_set_equal(const UnitSet *a, const UnitSet *b);
const UnitFile *unit_set_find(const UnitSet *s, const char *path);

/* The unit that is to be started for a file: itself, for a timer; the path unit, for a link of one. NULL: none. */
const char *unit_to_start(const char *path);
