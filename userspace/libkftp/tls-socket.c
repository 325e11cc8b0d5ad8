// SPDX-License-Identifier: LGPL-2.1-or-later
/* The one call by which keys get into a socket, apart from the rest so that tests can replace it. */

#include <sys/socket.h>

#include "tls-internal.h"

int kftp_tls_setsockopt(int fd, int level, int name, const void *value, size_t n) {
        return setsockopt(fd, level, name, value, (socklen_t) n) < 0 ? -errno : 0;
}
