// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The state file of a partial download, JSON: which remote file, of which size and modification time,
 * and how many bytes of it were on the disk when this was written. It may be older than the partial,
 * never newer: it is written after the data was synced and removed before the partial is overwritten.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "partial-state.h"
#include "util.h"

#define STATE_VERSION 1                 /* 2: a map of segments, which is none of this */
#define STATE_MAX (64 * 1024)

/* A state that somebody else left there could make us go on behind a hole. */
static bool is_ours(const KftpPartial *p, int fd) {
        struct stat state, temporary;

        return fstat(fd, &state) >= 0 && fstat(p->fd, &temporary) >= 0 && S_ISREG(state.st_mode)
                && state.st_uid == temporary.st_uid && state.st_size <= STATE_MAX;
}

int kftp_partial_state_read(const KftpPartial *p, json_t **ret) {
        _cleanup_free_ char *buffer = NULL;
        _cleanup_close_ int fd = -1;
        ssize_t n;

        fd = openat(p->directory_fd, p->names.state, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT || errno == ELOOP ? 0 : -errno;
        if (!is_ours(p, fd))
                return 0;
        buffer = malloc(STATE_MAX);
        if (!buffer)
                return -ENOMEM;
        n = read(fd, buffer, STATE_MAX);
        if (n < 0)
                return -errno;
        *ret = json_loadb(buffer, (size_t) n, 0, NULL);
        return !!*ret;
}

int kftp_partial_state_load(KftpPartial *p) {
        json_auto_t *root = NULL;
        json_int_t size, mtime, synced;
        const char *url;
        int r, version;
        struct stat st;

        r = kftp_partial_state_read(p, &root);
        if (r <= 0)
                return r;
        if (json_unpack(root, "{s:i, s:s, s:I, s:I, s:I}", "version", &version, "url", &url,
                        "size", &size, "mtime", &mtime, "synced", &synced) < 0)
                return 0;
        if (version != STATE_VERSION || !streq(url, p->identity) || synced <= 0 || size < synced)
                return 0;
        if (fstat(p->fd, &st) < 0)
                return -errno;
        if (st.st_size < synced)
                return 0;
        p->remote_size = (uint64_t) size;
        p->remote_mtime = mtime;
        p->synced = (uint64_t) synced;
        return 1;
}

int kftp_partial_state_write(const KftpPartial *p, const json_t *root) {
        _cleanup_close_ int fd = -1;
        int r;

        /* What is left of an earlier attempt at writing it was never looked at. */
        (void) unlinkat(p->directory_fd, p->names.state_new, 0);
        fd = openat(p->directory_fd, p->names.state_new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        if (json_dumpfd(root, fd, JSON_COMPACT) < 0)
                r = -EIO;
        else if (fsync(fd) < 0 || renameat(p->directory_fd, p->names.state_new, p->directory_fd, p->names.state) < 0)
                r = -errno;
        else {
                /* After a power cut, too: names are durable only with their directory. */
                (void) fsync(p->directory_fd);
                return 0;
        }
        (void) unlinkat(p->directory_fd, p->names.state_new, 0);
        return r;
}

int kftp_partial_state_save(const KftpPartial *p) {
        json_auto_t *root = NULL;

        root = json_pack("{s:i, s:s, s:I, s:I, s:I}", "version", STATE_VERSION, "url", p->identity,
                         "size", (json_int_t) p->remote_size, "mtime", (json_int_t) p->remote_mtime,
                         "synced", (json_int_t) p->synced);
        return root ? kftp_partial_state_write(p, root) : -ENOMEM;
}

int kftp_partial_state_remove(const KftpPartial *p) {
        (void) unlinkat(p->directory_fd, p->names.state_new, 0);
        if (unlinkat(p->directory_fd, p->names.state, 0) < 0)
                return errno == ENOENT ? 0 : -errno;
        return fsync(p->directory_fd) < 0 && errno != EINVAL && errno != EBADF ? -errno : 0;
}
