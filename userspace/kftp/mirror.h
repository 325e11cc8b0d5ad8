/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "mirror-output.h"
#include "options.h"

/* What is between which two trees. */
typedef struct MirrorWords {
        const char *url;
        const char *path;
        bool upload;
} MirrorWords;

/* Tells the arguments apart, and looks whether the options make sense together. -EINVAL with *error. */
int mirror_words(const Arguments *a, MirrorWords *ret, char **error);

/* What the arguments say to the library; state_directory, events and progress are left to the caller. */
KftpMirrorOptions mirror_options(const Arguments *a, const MirrorWords *w);
