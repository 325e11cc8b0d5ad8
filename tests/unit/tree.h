/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Tests of the local tree of a mirror. In the test's directory there are "tree", of which local is, with file, a/file, a/b/file
 * and a/b/c/file, and "outside" with file and below/file.
 */

#include "directory.h"
#include "libkftp/mirror-local.h"

#include <sys/stat.h>

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, tree_set_up, tree_tear_down)

extern MirrorLocal local;

int tree_set_up(void **state);
int tree_tear_down(void **state);

/* Below the tree. */
void make_file(const char *path, const char *text);
void make_link(const char *target, const char *path);
/* A chain of directories that have the same name. */
void remove_deep(int fd, const char *name);

bool is_there(const char *path);
unsigned count_entries(const char *path);

/* In a process of a user who owns "tree", "file" in it, and may not write to "tree". check returns 0, or what has failed. */
void expect_as_user(int (*check)(void));

/* What doubles stand before. */
long real_syscall(long number, const long a[6]);
int real_fstatat(int fd, const char *path, struct stat *st, int flags);
