// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a directory of the tree here holds, and what the links in it stand for if they are followed.
 */

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "failure.h"
#include "mirror-local-internal.h"
#include "mirror-names.h"
#include "names.h"
#include "util.h"

#define ADD_TRIES 8

typedef struct Identity {
        dev_t device;
        ino_t inode;
} Identity;

typedef struct Scan {
        const MirrorLocal *local;
        const char *path;               /* of the directory, in the tree */
        int fd;
        MirrorList *list;
        uint32_t precision;             /* of times, in seconds */
        Identity *above;                /* the directories that links here lie in */
        size_t above_n;
        size_t above_allocated;
} Scan;

/* ---- Loops ----------------------------------------------------------------------------------- */

static int add_above(Scan *s, int fd) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (s->above_n == s->above_allocated) {
                size_t n = s->above_allocated ? s->above_allocated * 2 : 32;
                Identity *above = reallocarray(s->above, n, sizeof(*above));

                if (!above)
                        return -ENOMEM;
                s->above = above;
                s->above_allocated = n;
        }
        s->above[s->above_n++] = (Identity) { st.st_dev, st.st_ino };
        return 0;
}

/* As the path goes: without these a way through links would have no end. */
static int collect_named(Scan *s) {
        _cleanup_free_ char *path = strdup(s->path);
        int r;

        if (!path)
                return -ENOMEM;
        r = add_above(s, s->local->root_fd);
        for (char *slash = strchr(path, '/'); r >= 0 && slash; slash = strchr(slash + 1, '/')) {
                _cleanup_close_ int fd = -1;

                *slash = '\0';
                fd = mirror_local_resolve(s->local, s->local->root_fd, path, O_PATH | O_DIRECTORY);
                *slash = '/';
                r = fd < 0 ? fd : add_above(s, fd);
        }
        return r;
}

/* As the directories lie on the disk, up to the uppermost. */
static int collect_real(Scan *s) {
        _cleanup_close_ int fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 3);
        int r;

        if (fd < 0)
                return -errno;
        for (;;) {
                const Identity *last;
                int parent;

                r = add_above(s, fd);
                if (r < 0)
                        return r;
                last = s->above + s->above_n - 1;
                if (s->above_n > 1 && last[-1].device == last->device && last[-1].inode == last->inode)
                        return 0;
                parent = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
                /* Who may not look there cannot be led there either. */
                if (parent < 0)
                        return errno == EACCES || errno == ENOENT ? 0 : -errno;
                safe_close(fd);
                fd = parent;
        }
}

/* 1: a link in this directory to the directory st leads back. */
static int leads_back(Scan *s, const struct stat *st) {
        if (s->above_n == 0) {
                int r = collect_real(s);

                if (r >= 0)
                        r = collect_named(s);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < s->above_n; i++)
                if (s->above[i].device == st->st_dev && s->above[i].inode == st->st_ino)
                        return 1;
        return 0;
}

/* ---- Entries --------------------------------------------------------------------------------- */

/* 1: *ret is of what the link stands for. 0: it stays a link. */
static int look_behind(Scan *s, const char *name, struct stat *ret) {
        _cleanup_free_ char *path = *s->path ? kftp_path_join(s->path, name) : strdup(name);
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        if (!path)
                return -ENOMEM;
        fd = mirror_local_resolve(s->local, s->local->root_fd, path, O_PATH);
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
                return fd;
        if (fd < 0)
                return 0;
        if (fstat(fd, &st) < 0)
                return -errno;
        r = S_ISDIR(st.st_mode) ? leads_back(s, &st) : 0;
        if (r != 0)
                return r < 0 ? r : 0;
        *ret = st;
        return 1;
}

static enum kftp_entry_type type_of(mode_t mode) {
        return S_ISREG(mode) ? KFTP_ENTRY_FILE : S_ISDIR(mode) ? KFTP_ENTRY_DIR : S_ISLNK(mode) ? KFTP_ENTRY_LINK : KFTP_ENTRY_OTHER;
}

static int add_entry(Scan *s, const char *name, const struct stat *st, bool link, const char *target, size_t target_len) {
        MirrorEntry e = {
                .name = name,
                .target = target,
                .size = S_ISREG(st->st_mode) ? (uint64_t) st->st_size : KFTP_SIZE_UNKNOWN,
                .mtime = st->st_mtim.tv_sec,
                .mtime_precision = s->precision,
                .mode = st->st_mode & 0777,
                .type = type_of(st->st_mode),
                .link = link,
        };

        return mirror_list_add(s->list, &e, strlen(name), target_len);
}

static int add_link(Scan *s, const char *name, const struct stat *st) {
        char target[PATH_MAX];
        struct stat behind;
        ssize_t n;
        int r;

        n = readlinkat(s->fd, name, target, sizeof(target));
        if (n < 0)
                return errno == EINVAL ? -EAGAIN : -errno;
        r = s->local->follow ? look_behind(s, name, &behind) : 0;
        if (r < 0)
                return r;
        return add_entry(s, name, r > 0 ? &behind : st, r > 0, target, (size_t) n);
}

/* -EAGAIN: it was replaced between two looks at it. */
static int try_add_name(Scan *s, const char *name) {
        struct stat st;

        if (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
                return -errno;
        return S_ISLNK(st.st_mode) ? add_link(s, name, &st) : add_entry(s, name, &st, false, NULL, 0);
}

static int add_name(Scan *s, const char *name) {
        int r = -EAGAIN;

        if (streq(name, ".") || streq(name, "..") || mirror_name_is_temporary(name))
                return 0;
        for (unsigned n = 0; n < ADD_TRIES && r == -EAGAIN; n++)
                r = try_add_name(s, name);
        /* It has gone since the directory was read. */
        return r == -ENOENT ? 0 : r;
}

/* A position of its own: the descriptor that was given may be read by others. */
static int open_directory(int directory_fd, DIR **ret) {
        _cleanup_close_ int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        *ret = fdopendir(fd);
        if (!*ret)
                return -errno;
        (void) STEAL_FD(fd);
        return 0;
}

static int read_names(Scan *s, DIR *d) {
        for (;;) {
                const struct dirent *e;
                int r;

                errno = 0;
                e = readdir(d);
                if (!e)
                        return -errno;
                r = add_name(s, e->d_name);
                if (r < 0)
                        return r;
        }
}

/* A time that is set on FAT is found again as the even second before it. */
static uint32_t precision_of(int directory_fd) {
        struct statfs fs;

        return fstatfs(directory_fd, &fs) >= 0 && fs.f_type == MSDOS_SUPER_MAGIC ? 2 : 1;
}

int mirror_local_scan(const MirrorLocal *l, const char *path, int directory_fd, MirrorList *ret, KftpFailure *f) {
        Scan s = { .local = l, .path = path, .fd = directory_fd, .list = ret, .precision = precision_of(directory_fd) };
        _cleanup_closedir_ DIR *d = NULL;
        int r;

        r = open_directory(directory_fd, &d);
        if (r >= 0)
                r = read_names(&s, d);
        free(s.above);
        if (r < 0) {
                _cleanup_free_ char *whole = mirror_local_path(l, path);

                return kftp_failure_local(f, r, "cannot read the directory %s", strempty(whole));
        }
        return 0;
}

int mirror_local_remove_temporaries(const MirrorLocal *l, const char *path, KftpFailure *f) {
        _cleanup_close_ int fd = mirror_local_directory(l, path, f);
        _cleanup_closedir_ DIR *d = NULL;
        const struct dirent *e;
        int n = 0, r;

        if (fd < 0)
                return fd;
        r = open_directory(fd, &d);
        if (r < 0)
                return kftp_failure_local(f, r, "cannot read the directory %s/%s", l->root, path);
        while ((e = readdir(d)))
                if (mirror_name_is_temporary(e->d_name) && unlinkat(fd, e->d_name, 0) >= 0)
                        n++;
        return n;
}

int mirror_local_collides(int directory_fd, const char *name) {
        _cleanup_closedir_ DIR *d = NULL;
        const struct dirent *e;
        struct stat st;
        int r;

        if (fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
                return errno == ENOENT ? 0 : -errno;
        r = open_directory(directory_fd, &d);
        if (r < 0)
                return r;
        for (errno = 0; (e = readdir(d)); errno = 0)
                if (streq(e->d_name, name))
                        return 0;
        return errno != 0 ? -errno : 1;
}
