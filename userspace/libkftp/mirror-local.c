// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The tree of a mirror here: how its directories and files are reached without leaving it, and the changes of single
 * names. What another process puts in the way meanwhile, a link above all, is found by the kernel on the way and not by
 * looking first. What a directory holds is in mirror-local-scan.c.
 */

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "failure.h"
#include "mirror-local-internal.h"
#include "names.h"
#include "util.h"

#define SUFFIX_LINK ".kftp-link"
#define RESOLVE_TRIES 16                /* the kernel gives up if there are renames on the way */
#define LINK_TRIES 3

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452               /* Linux 6.6; the same number on all architectures but alpha, which has none of kftp */
#endif

/* ---- The way down ---------------------------------------------------------------------------- */

int mirror_local_resolve(const MirrorLocal *l, int directory_fd, const char *path, int flags) {
        struct open_how how = {
                .flags = (uint64_t) (unsigned) flags | O_CLOEXEC,
                .resolve = RESOLVE_NO_MAGICLINKS,
        };

        if (!l->follow)
                how.resolve |= RESOLVE_NO_SYMLINKS;
        if (!l->follow || !l->follow_out)
                how.resolve |= RESOLVE_BENEATH;
        for (unsigned n = 0; n < RESOLVE_TRIES; n++) {
                long fd = syscall(SYS_openat2, directory_fd, *path ? path : ".", &how, sizeof(how));

                if (fd >= 0)
                        return (int) fd;
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
        }
        return -EAGAIN;
}

char *mirror_local_path(const MirrorLocal *l, const char *path) {
        return *path ? kftp_path_join(l->root, path) : strdup(l->root);
}

static int failed(const MirrorLocal *l, const char *path, int error, const char *what, KftpFailure *f) {
        _cleanup_free_ char *whole = mirror_local_path(l, path);

        return kftp_failure_local(f, error, "%s%s", what, strempty(whole));
}

static int not_reached(const MirrorLocal *l, const char *path, int error, KftpFailure *f) {
        _cleanup_free_ char *whole = mirror_local_path(l, path);

        switch (-error) {
        case ELOOP:
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, error, false, "%s is a symbolic link, or lies behind one%s", strempty(whole),
                                        l->follow ? " that leads to itself" : ", and is not gone through");
        case EXDEV:
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, error, false, "%s leads out of %s, and is not gone through", strempty(whole), l->root);
        case ENAMETOOLONG:
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, error, false,
                                        "the system takes no path of more than %d bytes, or a name in it is too long (it has %zu bytes): %s",
                                        PATH_MAX - 1, strlen(path), strempty(whole));
        case ENOSYS:
                return kftp_failure_set(f, KFTP_CLASS_OTHER, error, false,
                                        "%s: the system does not let openat2() be called, without which a mirror may leave its tree: Linux is older "
                                        "than 5.6, or a sandbox is in the way (RestrictSUIDSGID= of systemd is)", strempty(whole));
        case EAGAIN:
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, error, true, "%s: other programs keep renaming directories on the way to it",
                                        strempty(whole));
        default:
                return kftp_failure_local(f, error, "%s", strempty(whole));
        }
}

/* ---- Opened ---------------------------------------------------------------------------------- */

/* Without slashes at its end: it stands before paths. */
static char *absolute(const char *path) {
        _cleanup_free_ char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
        char *whole;
        size_t n;

        if (path[0] != '/' && !cwd)
                return NULL;
        if (!*path || streq(path, "."))
                return STEAL_PTR(cwd);
        whole = cwd ? kftp_path_join(cwd, path) : strdup(path);
        for (n = whole ? strlen(whole) : 0; n > 1 && whole[n - 1] == '/'; n--)
                whole[n - 1] = '\0';
        return whole;
}

int mirror_local_open(MirrorLocal *l, const char *path, bool create, KftpFailure *f) {
        l->root = absolute(path);
        if (!l->root)
                return kftp_failure_local(f, -errno, "%s", path);
        if (create && mkdir(l->root, 0777) < 0 && errno != EEXIST)
                return kftp_failure_local(f, -errno, "cannot make the directory %s", l->root);
        l->root_fd = open(l->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (l->root_fd < 0)
                return kftp_failure_local(f, -errno, "%s", l->root);
        return 0;
}

void mirror_local_close(MirrorLocal *l) {
        l->root_fd = safe_close(l->root_fd);
        free(l->root);
        l->root = NULL;
}

int mirror_local_directory(const MirrorLocal *l, const char *path, KftpFailure *f) {
        int fd = mirror_local_resolve(l, l->root_fd, path, O_RDONLY | O_DIRECTORY);

        return fd < 0 ? not_reached(l, path, fd, f) : fd;
}

int mirror_local_file(const MirrorLocal *l, const char *path, KftpFailure *f) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        /* A pipe that has taken the file's place is not waited for. */
        fd = mirror_local_resolve(l, l->root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return not_reached(l, path, fd, f);
        if (fstat(fd, &st) < 0 || fcntl(fd, F_SETFL, 0) < 0)
                return failed(l, path, -errno, "", f);
        if (S_ISDIR(st.st_mode))
                return failed(l, path, -EISDIR, "", f);
        if (!S_ISREG(st.st_mode)) {
                _cleanup_free_ char *whole = mirror_local_path(l, path);

                return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EINVAL, false, "%s is not a regular file any more", strempty(whole));
        }
        return STEAL_FD(fd);
}

/* ---- Changed --------------------------------------------------------------------------------- */

/* Of the tree itself, directory_fd being that of the tree: ".". */
static const char *base_of(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : *path ? path : ".";
}

static bool is_directory(int directory_fd, const char *name) {
        struct stat st;

        return fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISDIR(st.st_mode);
}

static int sync_names(const MirrorLocal *l, int directory_fd, const char *path, KftpFailure *f) {
        /* EINVAL: a file system that has nothing to sync. */
        if (!l->durable || fsync(directory_fd) >= 0 || errno == EINVAL)
                return 0;
        return failed(l, path, -errno, "cannot sync the directory of ", f);
}

int mirror_local_mkdir(const MirrorLocal *l, int directory_fd, const char *path, KftpFailure *f) {
        const char *name = base_of(path);

        if (mkdirat(directory_fd, name, 0777) >= 0)
                return sync_names(l, directory_fd, path, f);
        if (errno == EEXIST && is_directory(directory_fd, name))
                return 0;
        return failed(l, path, -errno, "cannot make the directory ", f);
}

static int set_time(int directory_fd, const char *name, int64_t mtime) {
        struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = mtime } };

        return utimensat(directory_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* What an earlier run has left under the temporary name was never anything's final state. */
static int make_link(int directory_fd, const char *temporary, const char *target) {
        for (unsigned n = 0; n < LINK_TRIES; n++) {
                if (symlinkat(target, directory_fd, temporary) >= 0)
                        return 0;
                if (errno != EEXIST)
                        return -errno;
                if (unlinkat(directory_fd, temporary, 0) < 0 && errno != ENOENT)
                        return -errno;
        }
        return -EEXIST;
}

int mirror_local_link(const MirrorLocal *l, int directory_fd, const char *path, const char *target, int64_t mtime, KftpFailure *f) {
        const char *name = base_of(path);
        _cleanup_free_ char *temporary = kftp_name_beside(name, SUFFIX_LINK, NAME_MAX);
        int r;

        if (!temporary)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        r = make_link(directory_fd, temporary, target);
        if (r == -EPERM) {
                _cleanup_free_ char *whole = mirror_local_path(l, path);

                return kftp_failure_set(f, KFTP_CLASS_LOCAL, r, false, "cannot make the link %s: the file system there has no symbolic links",
                                        strempty(whole));
        }
        if (r < 0)
                return failed(l, path, r, "cannot make the link ", f);
        if (mtime != KFTP_MTIME_UNKNOWN)
                r = set_time(directory_fd, temporary, mtime);
        /* Not every file system keeps times of links. */
        if (r == -EOPNOTSUPP)
                r = 0;
        if (r >= 0 && renameat(directory_fd, temporary, directory_fd, name) < 0)
                r = -errno;
        if (r >= 0)
                return sync_names(l, directory_fd, path, f);
        (void) unlinkat(directory_fd, temporary, 0);
        return failed(l, path, r, "cannot make the link ", f);
}

int mirror_local_remove(const MirrorLocal *l, int directory_fd, const char *path, bool directory, KftpFailure *f) {
        if (unlinkat(directory_fd, base_of(path), directory ? AT_REMOVEDIR : 0) >= 0 || errno == ENOENT)
                return 0;
        return failed(l, path, -errno, "cannot remove ", f);
}

/* fd was opened with O_PATH, so that the file need not be readable: fchmod() does not take it. */
static int change_mode(int fd, mode_t mode) {
        char path[40];

        if (syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH) >= 0)
                return 0;
        if (errno != ENOSYS && errno != EPERM)
                return -errno;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return chmod(path, mode) < 0 ? -errno : 0;
}

/* Never more than read, write, execute: a server is not to make anything setuid. What a directory here has of those stays. */
static int set_mode(int directory_fd, const char *name, uint32_t mode) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return change_mode(fd, (st.st_mode & 07000) | (mode & 0777));
        if (S_ISREG(st.st_mode))
                return change_mode(fd, mode & 0777);
        return S_ISLNK(st.st_mode) ? -ELOOP : -EINVAL;
}

int mirror_local_set(const MirrorLocal *l, int directory_fd, const char *path, int64_t mtime, uint32_t mode, KftpFailure *f) {
        const char *name = base_of(path);
        int r = 0;

        if (mode != KFTP_MODE_UNKNOWN)
                r = set_mode(directory_fd, name, mode);
        if (r == -ELOOP)
                return not_reached(l, path, r, f);
        if (r < 0)
                return failed(l, path, r, "cannot set the permissions of ", f);
        if (mtime != KFTP_MTIME_UNKNOWN)
                r = set_time(directory_fd, name, mtime);
        return r < 0 ? failed(l, path, r, "cannot set the time of ", f) : 0;
}
