/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A directory that units are written into. Each file appears there as a whole; nothing is written outside of it, whatever is there
 * already.
 */

/* A file of that name in the directory, or in a subdirectory of it that is made if need be (NULL: none). 0 or -errno. */
int output_file(int dir_fd, const char *subdirectory, const char *name, const char *text);
/* A symbolic link in a subdirectory. */
int output_link(int dir_fd, const char *subdirectory, const char *name, const char *target);
