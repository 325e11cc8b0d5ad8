/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The state of a mirror in the current directory, and the listings that tests put there. */

#include "directory.h"

#include "mirror-state.h"
#include "util.h"

#define DAY 86400
#define OLD (now() - 2 * DAY)           /* long before anything was listed */

static inline int64_t now(void) {
        return (int64_t) time(NULL);
}

MirrorState *test_open_named(const char *identity);
MirrorState *test_open_state(void);
void test_refuse_open(const char *directory, enum kftp_class class, int error);
/* The one file in the directory of states; NULL: there is none. */
const char *test_state_file(void);
off_t test_state_size(void);

#define TEST_SAMPLE 6
extern const MirrorEntry test_sample[TEST_SAMPLE];
/* The first n of the sample. */
MirrorList test_make_list(size_t n);
/* Remembers them for a directory of that time. */
void test_add(MirrorState *s, const char *path, int64_t mtime, size_t n);
/* Whether they are found under path: exactly those, or nothing at all. */
bool test_finds(MirrorState *s, const char *path, int64_t mtime, size_t n);
