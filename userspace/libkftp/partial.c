// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The temporary file of a download: made, locked, cut to what is known to be on the disk, and in the
 * end renamed to its final name. The rules of resuming (what the state file must say) are in
 * partial-state.c.
 */

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "failure.h"
#include "partial-state.h"
#include "partial.h"
#include "util.h"

#define OPEN_TRIES 20

static int open_directory(KftpPartial *p, KftpFailure *f) {
        p->directory_fd = open(p->names.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        /* Files may be made in a directory that may not be read; it cannot be synced then. */
        if (p->directory_fd < 0 && errno == EACCES)
                p->directory_fd = open(p->names.directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (p->directory_fd < 0)
                return kftp_failure_local(f, -errno, "%s", p->names.directory);
        return 0;
}

/* Whether the temporary name is that of this file: another program may have put another one there. */
static bool is_name_of(const KftpPartial *p, const struct stat *opened) {
        struct stat named;

        return fstatat(p->directory_fd, p->names.temporary, &named, AT_SYMLINK_NOFOLLOW) >= 0
                && named.st_ino == opened->st_ino && named.st_dev == opened->st_dev;
}

static bool is_named(const KftpPartial *p) {
        struct stat opened;

        return fstat(p->fd, &opened) >= 0 && is_name_of(p, &opened);
}

static int remove_unfit(KftpPartial *p) {
        int r = unlinkat(p->directory_fd, p->names.temporary, 0) < 0 && errno != ENOENT ? -errno : 0;

        p->fd = safe_close(p->fd);
        return r;
}

static int open_either(KftpPartial *p, bool *ret_made) {
        p->fd = openat(p->directory_fd, p->names.temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        *ret_made = p->fd >= 0 || errno != EEXIST;
        if (!*ret_made)
                p->fd = openat(p->directory_fd, p->names.temporary, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        return p->fd < 0 ? -errno : 0;
}

/* One that was complete, killed before its rename, has its final permissions, by which it may be not for us to open. */
static int make_writable(KftpPartial *p) {
        _cleanup_close_ int fd = openat(p->directory_fd, p->names.temporary, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        char path[40];
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink > 1 || (st.st_mode & 0600) == 0600)
                return -EACCES;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return chmod(path, st.st_mode | 0600) < 0 ? -errno : 0;
}

/*
 * One try at having the temporary file open, locked, and under its name: 0 if it was removed or
 * renamed meanwhile, or was not fit to be used and has been removed. In a directory where others may
 * write, a file of theirs must not be taken for ours: they could go on changing it. It is judged under
 * the lock only: as long as somebody receives into it, it is not to be taken away.
 */
static int try_open_temporary(KftpPartial *p) {
        struct stat st;
        int r;

        r = open_either(p, &p->made);
        if (r == -ENOENT && !p->made)
                return 0;
        if (r == -ELOOP && !p->made)
                return remove_unfit(p);
        if (r == -EACCES && !p->made)
                return make_writable(p);
        if (r < 0)
                return r;
        if (fstat(p->fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return remove_unfit(p);
        if (flock(p->fd, LOCK_EX | LOCK_NB) < 0)
                return -errno;
        if (!is_name_of(p, &st)) {
                p->fd = safe_close(p->fd);
                return 0;
        }
        if (!p->made && (st.st_uid != geteuid() || st.st_nlink > 1))
                return remove_unfit(p);
        return 1;
}

static int open_temporary(KftpPartial *p, KftpFailure *f) {
        for (unsigned i = 0; i < OPEN_TRIES; i++) {
                int r = try_open_temporary(p);

                if (r > 0)
                        return 0;
                if (r < 0) {
                        p->fd = safe_close(p->fd);
                        if (r == -EWOULDBLOCK)
                                return kftp_failure_set(f, KFTP_CLASS_BUSY, -EBUSY, false,
                                                        "another transfer to %s is under way (it holds %s)", p->final, p->temporary);
                        return kftp_failure_local(f, r, "cannot create %s", p->temporary);
                }
        }
        return kftp_failure_set(f, KFTP_CLASS_BUSY, -EBUSY, false, "other transfers keep replacing %s", p->temporary);
}

/* With its names chosen. */
static int set_paths(KftpPartial *p, const char *identity, KftpFailure *f) {
        p->temporary = kftp_path_join(p->names.directory, p->names.temporary);
        p->final = kftp_path_join(p->names.directory, p->names.final);
        p->identity = strdup(identity);
        if (!p->temporary || !p->final || !p->identity)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        return 0;
}

int kftp_partial_open(KftpPartial *p, const KftpUrl *url, const char *dest, const char *identity, bool resume, KftpFailure *f) {
        int r;

        r = kftp_names_choose(&p->names, url, dest, p->part, f);
        if (r >= 0)
                r = set_paths(p, identity, f);
        if (r >= 0)
                r = open_directory(p, f);
        if (r >= 0)
                r = open_temporary(p, f);
        return r < 0 ? r : kftp_partial_begin(p, resume, f);
}

static int exists(const KftpPartial *p, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EEXIST, false, "%s has come into being meanwhile, so it is not replaced", p->final);
}

int kftp_partial_open_at(KftpPartial *p, const KftpFetch *fetch, const char *identity, KftpFailure *f) {
        int r, there;

        p->directory_fd = fetch->directory_fd;
        p->borrowed = true;
        p->must_be_new = fetch->must_be_new;
        p->durable = fetch->durable;
        r = there = kftp_names_in(&p->names, p->directory_fd, fetch->directory, fetch->name, f);
        if (r >= 0)
                r = set_paths(p, identity, f);
        if (r >= 0 && there > 0 && p->must_be_new)
                r = exists(p, f);
        return r < 0 ? r : open_temporary(p, f);
}

int kftp_partial_begin(KftpPartial *p, bool resume, KftpFailure *f) {
        int r;

        if (resume && !p->made && kftp_partial_state_load(p) > 0)
                return 0;
        /* The record of one that has got its name may have been left, by a power cut. */
        r = p->made ? kftp_partial_state_remove(p) : kftp_partial_empty(p);
        p->emptied = r >= 0;
        return r < 0 ? kftp_failure_local(f, r, "cannot write %s", p->temporary) : 0;
}

uint64_t kftp_partial_offset(const KftpPartial *p) {
        if (p->remote_size == KFTP_SIZE_UNKNOWN || p->remote_mtime == KFTP_MTIME_UNKNOWN || p->synced > p->remote_size)
                return 0;
        return p->synced;
}

int kftp_partial_empty(KftpPartial *p) {
        int r;

        p->synced = 0;
        p->remote_size = KFTP_SIZE_UNKNOWN;
        p->remote_mtime = KFTP_MTIME_UNKNOWN;
        r = kftp_partial_state_remove(p);
        if (r >= 0 && ftruncate(p->fd, 0) < 0)
                r = -errno;
        p->emptied = r >= 0;
        return r;
}

int kftp_partial_cut(KftpPartial *p) {
        bool emptied = p->emptied;

        p->emptied = false;
        if (kftp_partial_offset(p) == 0) {
                int r = emptied ? 0 : kftp_partial_empty(p);

                /* There is a request about to be made. */
                p->emptied = false;
                return r;
        }
        return ftruncate(p->fd, (off_t) p->synced) < 0 ? -errno : 0;
}

void kftp_partial_describe(KftpPartial *p, uint64_t remote_size, int64_t remote_mtime) {
        p->remote_size = remote_size;
        p->remote_mtime = remote_mtime;
}

int kftp_partial_checkpoint(KftpPartial *p, uint64_t position) {
        /* A file that could not be recognised again is not gone on from. */
        if (position <= p->synced || p->remote_size == KFTP_SIZE_UNKNOWN || p->remote_mtime == KFTP_MTIME_UNKNOWN)
                return 0;
        if (fdatasync(p->fd) < 0)
                return -errno;
        p->synced = position;
        /* Without a record the next call begins at an earlier offset; the file itself lacks nothing. */
        if (kftp_partial_offset(p) > 0)
                (void) kftp_partial_state_save(p);
        return 0;
}

/* The lock does not bind other programs. What they put there is theirs, and nothing of it was checked. */
static int check_name(KftpPartial *p, KftpFailure *f) {
        if (is_named(p))
                return 0;
        p->fd = safe_close(p->fd);
        return kftp_failure_set(f, KFTP_CLASS_BUSY, -EBUSY, false,
                                "another program has removed or replaced %s: the file received was lost; see what it is, then try again",
                                p->temporary);
}

int kftp_partial_sync(KftpPartial *p, KftpFailure *f) {
        if (fsync(p->fd) < 0)
                return kftp_failure_local(f, -errno, "cannot write %s", p->temporary);
        /* Whoever records that it is about to get its name takes the lack of the temporary one for that it has got it. */
        return check_name(p, f);
}

/* Where a rename cannot be kept from replacing: a second name can. A file system with neither has to be looked at first. */
static int rename_new_otherwise(const KftpPartial *p) {
        struct stat st;

        if (linkat(p->directory_fd, p->names.temporary, p->directory_fd, p->names.final, 0) >= 0)
                return unlinkat(p->directory_fd, p->names.temporary, 0) < 0 ? -errno : 0;
        if (errno == EEXIST)
                return -EEXIST;
        if (fstatat(p->directory_fd, p->names.final, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                return -EEXIST;
        return renameat(p->directory_fd, p->names.temporary, p->directory_fd, p->names.final) < 0 ? -errno : 0;
}

static int give_final_name(const KftpPartial *p) {
        unsigned flags = p->must_be_new ? RENAME_NOREPLACE : 0;

        if (renameat2(p->directory_fd, p->names.temporary, p->directory_fd, p->names.final, flags) >= 0)
                return 0;
        return p->must_be_new && (errno == EINVAL || errno == ENOSYS) ? rename_new_otherwise(p) : -errno;
}

/* After a rename. A directory opened with O_PATH cannot be synced: then the file, whose sync takes its name along. */
static int sync_directory(KftpPartial *p, KftpFailure *f) {
        int r = fsync(p->directory_fd) < 0 ? -errno : 0;

        if (r == -EBADF)
                r = fsync(p->fd) < 0 ? -errno : 0;
        /* EINVAL: a file system that has nothing to sync. */
        if (r < 0 && r != -EINVAL)
                return kftp_failure_local(f, r, "cannot sync the directory %s", p->names.directory);
        return 0;
}

int kftp_partial_rename(KftpPartial *p, KftpFailure *f) {
        int r = check_name(p, f);

        if (r < 0)
                return r;
        r = give_final_name(p);
        if (r == -EEXIST && p->must_be_new)
                return exists(p, f);
        if (r < 0)
                return kftp_failure_local(f, r, "cannot rename %s to %s", p->temporary, p->final);
        /* From here on the temporary name may be another transfer's. */
        (void) unlinkat(p->directory_fd, p->names.state, 0);
        r = p->borrowed && !p->durable ? 0 : sync_directory(p, f);
        p->fd = safe_close(p->fd);
        return r;
}

void kftp_partial_remove(KftpPartial *p) {
        if (p->fd < 0 || !is_named(p))
                return;
        (void) kftp_partial_state_remove(p);
        (void) unlinkat(p->directory_fd, p->names.temporary, 0);
}

void kftp_partial_close(KftpPartial *p) {
        /* A session in which a request was given up has the file open until it is ended itself. */
        if (p->fd >= 0)
                (void) flock(p->fd, LOCK_UN);
        p->fd = safe_close(p->fd);
        if (!p->borrowed)
                p->directory_fd = safe_close(p->directory_fd);
        kftp_names_done(&p->names);
        free(p->temporary);
        free(p->final);
        free(p->identity);
        *p = (KftpPartial) KFTP_PARTIAL_INIT;
}
