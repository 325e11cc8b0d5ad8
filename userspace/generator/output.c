/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes units: under a name that systemd passes over, then by a rename. */

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "output.h"
#include "util.h"

#define TEMPORARY ".kftp-generator.new"

static int open_subdirectory(int dir_fd, const char *name) {
        int fd;

        if (mkdirat(dir_fd, name, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(dir_fd, name, O_DIRECTORY | O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int put(int dir_fd, const char *name, const char *text) {
        _cleanup_close_ int fd = -1;
        int r;

        (void) unlinkat(dir_fd, TEMPORARY, 0);
        fd = openat(dir_fd, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        r = write_whole(fd, text, strlen(text));
        if (r >= 0 && renameat(dir_fd, TEMPORARY, dir_fd, name) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(dir_fd, TEMPORARY, 0);
        return r;
}

int output_file(int dir_fd, const char *subdirectory, const char *name, const char *text) {
        _cleanup_close_ int fd = -1;

        if (!subdirectory)
                return put(dir_fd, name, text);
        fd = open_subdirectory(dir_fd, subdirectory);
        return fd < 0 ? fd : put(fd, name, text);
}

int output_link(int dir_fd, const char *subdirectory, const char *name, const char *target) {
        _cleanup_close_ int fd = open_subdirectory(dir_fd, subdirectory);

        if (fd < 0)
                return fd;
        if (symlinkat(target, fd, name) >= 0)
                return 0;
        return errno == EEXIST ? 0 : -errno;
}
