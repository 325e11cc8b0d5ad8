/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/*
 * The names beside the final one in the same directory: hidden, derived from it, and short enough for
 * a directory whose names may have name_max bytes.
 */
typedef struct KftpNames {
        char *directory;                /* absolute */
        char *final;                    /* last parts of paths, all the rest */
        char *temporary;                /* the bytes received so far */
        char *state;                    /* what is known of them */
        char *state_new;                /* the next state while it is written */
} KftpNames;

/*
 * As kftp_get_names. Checks that the final name may be taken. part: for a part of the file, or for its text, which
 * must not take the place of what has been received of the whole.
 */
int kftp_names_choose(KftpNames *n, const KftpUrl *url, const char *dest, bool part, KftpFailure *f);
/* The same of a directory that is open: final is a single part, and may be there as a regular file or a link. 1: it is. */
int kftp_names_in(KftpNames *n, int directory_fd, const char *directory, const char *final, KftpFailure *f);
void kftp_names_done(KftpNames *n);

/* "." STEM SUFFIX with the whole of name as stem, or with its begin and a hash of it. Allocated. */
char *kftp_name_beside(const char *name, const char *suffix, size_t name_max);

/* "DIRECTORY/NAME". Allocated. */
char *kftp_path_join(const char *directory, const char *name);
