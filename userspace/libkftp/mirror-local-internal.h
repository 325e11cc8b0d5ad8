/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mirror-local.h"

/* Opens path, of which no part is "..", from directory_fd downwards, as far as l lets links be gone through. A descriptor or -errno. */
int mirror_local_resolve(const MirrorLocal *l, int directory_fd, const char *path, int flags);

/* The absolute path for messages; NULL: no memory. */
char *mirror_local_path(const MirrorLocal *l, const char *path);
