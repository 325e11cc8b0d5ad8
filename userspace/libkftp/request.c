// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Requests in their simplest form. By itself, so that it serves a connection that stands in for connection*.c, too.
 */

#include "connection.h"
#include "util.h"

struct kftp_submit kftp_request(enum kftp_op op, const char *path) {
        return (struct kftp_submit) {
                .size = sizeof(struct kftp_submit),
                .op = op,
                .fd = -1,
                .path = (__u64) (uintptr_t) path,
                .path_len = (__u32) strlen(strempty(path)),
        };
}

int kftp_connection_request(KftpConnection *c, const struct kftp_submit *request, KftpDone *ret, KftpFailure *f) {
        return kftp_connection_transfer(c, request, NULL, NULL, ret, f);
}
