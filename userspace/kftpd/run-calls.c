/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What runs are done with, other than in tests. */

#include "put.h"
#include "run-put.h"
#include "source.h"

typedef struct Question {
        const char *path;
        uint64_t size;
} Question;

static int ask_size(KftpConnection *c, void *userdata, KftpFailure *f) {
        Question *q = userdata;
        int r = kftp_remote_size(c, q->path, &q->size, f);

        if (r <= 0)
                q->size = KFTP_SIZE_UNKNOWN;
        return r == -ENOENT ? 0 : r;    /* who fetches it is told so */
}

static int size(KftpClient *c, const KftpUrl *url, uint64_t *ret, KftpFailure *f) {
        Question q = { .path = url->path, .size = KFTP_SIZE_UNKNOWN };
        int r = kftp_client_do(c, url, ask_size, &q, NULL, f);

        *ret = q.size;
        return r;
}

const RunCalls run_calls = {
        .mirror = kftp_mirror,
        .client_new = kftp_client_new,
        .client_free = kftp_client_free,
        .get = kftp_client_get,
        .fetch = kftp_client_fetch,
        .size = size,
        .put = run_put_file,
        .put_recover = run_put_recover,
        .source_list = source_list,
        .then_file = then_file,
        .then_marker = then_marker,
        .then_directory = then_directory,
};
