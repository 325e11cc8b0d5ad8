/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A file whose writing and reading takes as long as a test wants: a FUSE file system of one regular
 * file, served by a thread of the test. While its gate is closed, whoever reads or writes it is stuck.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct SlowFile SlowFile;

/* Mounts it on a new file in this directory, gate open. *ret_fd is open for writing. */
SlowFile *slowfs_start(const char *directory, int *ret_fd);
/* Opens the file once more, for reading past the page cache, so that every read comes here. */
int slowfs_open_direct(SlowFile *f);
/* The file has the first n bytes of the peer's. */
void slowfs_fill(SlowFile *f, uint64_t n);
void slowfs_close_gate(SlowFile *f);
void slowfs_open_gate(SlowFile *f);
/* Waits until a read or write is stuck at the gate; false if none comes. */
int slowfs_wait_stuck(SlowFile *f);
/* After so many more reads or writes (of at most 16 KiB) all fail with this error (positive; 0: none do). */
void slowfs_fail(SlowFile *f, unsigned after, int error);
/* The bytes written so far: as many as size says, at most n are copied. */
uint64_t slowfs_content(SlowFile *f, void *bytes, size_t n);
/* Unmounts and frees. Descriptors should be closed, and the gate is opened. */
void slowfs_stop(SlowFile *f);
