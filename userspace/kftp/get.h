/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "options.h"

/* The arguments of get that are no options: URLs, and perhaps DEST. */
typedef struct GetWords {
        unsigned n_urls;                /* they are the first ones */
        const char *dest;               /* NULL: none given */
} GetWords;

/* -EINVAL: *error gets an allocated sentence. */
int get_words(const Arguments *a, GetWords *ret, char **error);
