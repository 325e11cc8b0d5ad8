/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "options.h"

/* The arguments of put that are no options: files, and a URL. */
typedef struct PutWords {
        unsigned n_files;               /* they are the first ones */
        const char *url;
        KftpPutOptions options;
} PutWords;

/* -EINVAL: *error gets an allocated sentence. */
int put_words(const Arguments *a, PutWords *ret, char **error);
