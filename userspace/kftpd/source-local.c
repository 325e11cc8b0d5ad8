/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listing of a source here. */

#include <fcntl.h>
#include <sys/stat.h>

#include "failure.h"
#include "source-internal.h"
#include "then.h"

static enum kftp_entry_type type_of(mode_t mode) {
        return S_ISREG(mode) ? KFTP_ENTRY_FILE : S_ISDIR(mode) ? KFTP_ENTRY_DIR : S_ISLNK(mode) ? KFTP_ENTRY_LINK : KFTP_ENTRY_OTHER;
}

static int add_name(SourceCollector *c, int directory_fd, const char *name) {
        struct stat st;

        if (!source_wants(c, name, strlen(name)))
                return 0;
        /* It may have gone since the directory was read. */
        if (fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
                return errno == ENOENT ? 0 : -errno;
        return source_add(c, &(MirrorEntry) {
                                .name = name,
                                .size = S_ISREG(st.st_mode) ? (uint64_t) st.st_size : KFTP_SIZE_UNKNOWN,
                                .mtime = st.st_mtim.tv_sec,
                                .mtime_precision = 1,
                                .mtime_nsec = (uint32_t) st.st_mtim.tv_nsec,
                                .mode = st.st_mode & 0777,
                                .type = type_of(st.st_mode),
                        }, strlen(name));
}

/* What gets its own name back may be read another time under that; the list has each name once. */
static int add(SourceCollector *c, int directory_fd, const char *name) {
        _cleanup_free_ char *own = NULL;
        int r = then_restore(directory_fd, name, &own);

        return r < 0 ? r : add_name(c, directory_fd, own ?: name);
}

static int add_all(SourceCollector *c, int directory_fd) {
        _cleanup_closedir_ DIR *d = NULL;
        int fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 3);

        d = fd >= 0 ? fdopendir(fd) : NULL;
        if (!d) {
                int r = -errno;

                safe_close(fd);
                return r;
        }
        for (;;) {
                const struct dirent *e;
                int r;

                errno = 0;
                e = readdir(d);
                if (!e)
                        return -errno;
                if (streq(e->d_name, ".") || streq(e->d_name, ".."))
                        continue;
                r = add(c, directory_fd, e->d_name);
                if (r != 0)
                        return MIN2(r, 0);
        }
}

/* A single file is asked for by its name, whatever else is there. */
static int add_one(SourceCollector *c, int directory_fd, KftpFailure *f) {
        _cleanup_free_ char *marker = c->job->marker ? source_marker(c->job, c->name) : NULL;
        _cleanup_free_ char *aside = then_name_aside(c->name);
        struct stat st;
        int r;

        if ((c->job->marker && !marker) || !aside)
                return -ENOMEM;
        if (*aside && faccessat(directory_fd, aside, F_OK, AT_SYMLINK_NOFOLLOW) >= 0) {
                r = then_restore(directory_fd, aside, NULL);
                if (r < 0)
                        return r;
        }
        if (fstatat(directory_fd, c->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                c->listing->absent = errno == ENOENT;
                return c->listing->absent ? 0 : -errno;
        }
        if (!S_ISREG(st.st_mode))
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, S_ISDIR(st.st_mode) ? -EISDIR : S_ISLNK(st.st_mode) ? -ELOOP : -EINVAL, false,
                                        "%s is %s; only regular files are sent", c->job->path, S_ISDIR(st.st_mode) ?
                                        "a directory (a slash at the end of Path= sends the files in it)" : S_ISLNK(st.st_mode) ?
                                        "a symbolic link, which is not followed" : "no regular file");
        r = add(c, directory_fd, c->name);
        return r >= 0 && marker ? add(c, directory_fd, marker) : r;
}

int source_list_local(SourceCollector *c, KftpFailure *f) {
        int r;

        /* One whose name is known may be in a directory that we cannot list. */
        c->directory_fd = open(c->directory, (c->name ? O_PATH : O_RDONLY) | O_DIRECTORY | O_CLOEXEC);
        if (c->directory_fd < 0 && (errno == ENOENT || (errno == ENOTDIR && c->name))) {
                c->listing->absent = true;
                return 0;
        }
        if (c->directory_fd < 0)
                return kftp_failure_local(f, -errno, "%s", c->directory);
        *f = (KftpFailure) {};
        r = c->name ? add_one(c, c->directory_fd, f) : add_all(c, c->directory_fd);
        return r < 0 && !f->text ? kftp_failure_local(f, r, "cannot read the directory %s", c->directory) : MIN2(r, 0);
}
