// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A download into a directory that is open, of a file that was listed: what it does otherwise than kftp_client_get. All else
 * is in get.c and attempt.c.
 */

#include <sys/stat.h>

#include "failure.h"
#include "fetch.h"
#include "transfer.h"
#include "util.h"

/* Beyond that two round trips are nothing, and what SIZE makes possible is worth them. */
#define BELIEVED_MAX (UINT64_C(16) << 20)

/* What a hash or a time is to be compared with has to come from the same moment. */
static bool is_believed(const KftpFetch *fetch, const KftpOptions *o) {
        return fetch->exact && fetch->size <= BELIEVED_MAX && fetch->mtime != KFTP_MTIME_UNKNOWN && o->verify == 0;
}

int kftp_fetch_set(const KftpFetch *fetch, int fd, int64_t mtime, KftpFailure *f) {
        int64_t time = mtime != KFTP_MTIME_UNKNOWN ? mtime : fetch->mtime;
        struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = time } };
        int r = 0;

        if (fetch->mode != KFTP_MODE_UNKNOWN && fchmod(fd, fetch->mode & 0777) < 0)
                r = kftp_failure_set(f, KFTP_CLASS_LOCAL, -errno, false, "its permissions could not be set: %s", strerror(errno));
        if (fetch->set_mtime && time != KFTP_MTIME_UNKNOWN && futimens(fd, times) < 0)
                r = kftp_failure_set(f, KFTP_CLASS_LOCAL, -errno, false, "its time could not be set: %s", strerror(errno));
        return r;
}

int kftp_client_fetch(KftpClient *c, const KftpUrl *url, const KftpFetch *fetch, KftpResult *ret) {
        KftpTransfer t = {
                .url = url,
                .fetch = fetch,
                .options = kftp_client_options(c),
                .result = ret,
                .partial = KFTP_PARTIAL_INIT,
        };

        t.believes = is_believed(fetch, t.options);
        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        return kftp_transfer_run(&t, c);
}
