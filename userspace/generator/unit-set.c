/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads units from a directory. A generator's directory has those of others, too, which are passed over. */

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "unit-set.h"
#include "util.h"

#define FILE_MAX (256U * 1024U)         /* what a job file of 64 KiB can become */
#define WANTS_PATHS "paths.target.wants/"

static bool is_ours(const char *name) {
        return startswith(name, "kftp@") || startswith(name, "kftp-success@") || startswith(name, "kftp-failure@");
}

static bool is_shared_directory(const char *name) {
        return streq(name, "timers.target.wants") || streq(name, "paths.target.wants");
}

const char *unit_to_start(const char *path) {
        size_t n = strlen(path), k = strlen(".timer");

        if (startswith(path, WANTS_PATHS))
                return path + strlen(WANTS_PATHS);
        return !strchr(path, '/') && n > k && streq(path + n - k, ".timer") ? path : NULL;
}

/* ---- One file ------------------------------------------------------------------------------------- */

static int read_link(int dir_fd, const char *name, char **ret) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(dir_fd, name, target, sizeof(target));

        if (n < 0)
                return -errno;
        *ret = strndup(target, (size_t) n);
        return *ret ? 0 : -ENOMEM;
}

static int read_file(int dir_fd, const char *name, char **ret) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -1;
        size_t n = 0;

        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        text = fd < 0 ? NULL : malloc(FILE_MAX + 1);
        if (!text)
                return fd < 0 ? -errno : -ENOMEM;
        while (n < FILE_MAX) {
                ssize_t k = read(fd, text + n, FILE_MAX - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t) k;
        }
        text[n] = '\0';
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int add(UnitSet *s, int dir_fd, const char *prefix, const char *name, bool link) {
        UnitFile file = {}, *more;
        int r;

        more = reallocarray(s->files, s->n + 1, sizeof(*more));
        if (!more)
                return -ENOMEM;
        s->files = more;
        r = link ? read_link(dir_fd, name, &file.content) : read_file(dir_fd, name, &file.content);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (asprintf(&file.path, "%s%s%s", prefix, *prefix ? "/" : "", name) < 0) {
                free(file.content);
                return -ENOMEM;
        }
        s->files[s->n++] = file;
        return 0;
}

/* ---- Directories ---------------------------------------------------------------------------------- */

static int read_entries(UnitSet *s, int fd, const char *prefix);

static int read_entry(UnitSet *s, int fd, const char *prefix, const char *name) {
        _cleanup_close_ int sub = -1;
        struct stat st;

        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISDIR(st.st_mode))
                return S_ISREG(st.st_mode) || S_ISLNK(st.st_mode) ? add(s, fd, prefix, name, S_ISLNK(st.st_mode)) : 0;
        if (*prefix)
                return 0;
        sub = openat(fd, name, O_DIRECTORY | O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        return sub < 0 ? -errno : read_entries(s, sub, name);
}

static int read_entries(UnitSet *s, int fd, const char *prefix) {
        _cleanup_closedir_ DIR *d = NULL;
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), r = 0;
        struct dirent *entry;

        d = copy < 0 ? NULL : fdopendir(copy);
        if (!d) {
                safe_close(copy);
                return -errno;
        }
        while (r >= 0 && (entry = readdir(d))) {
                bool wanted = *prefix && !is_shared_directory(prefix) ? entry->d_name[0] != '.' : is_ours(entry->d_name);

                if (wanted || (!*prefix && is_shared_directory(entry->d_name)))
                        r = read_entry(s, fd, prefix, entry->d_name);
        }
        return r;
}

static int compare(const void *a, const void *b) {
        return strcmp(((const UnitFile *) a)->path, ((const UnitFile *) b)->path);
}

int unit_set_read(const char *directory, UnitSet *ret) {
        _cleanup_close_ int fd = open(directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        int r;

        *ret = (UnitSet) {};
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        r = read_entries(ret, fd, "");
        if (r < 0)
                unit_set_done(ret);
        else if (ret->n > 0)
                qsort(ret->files, ret->n, sizeof(*ret->files), compare);
        return r;
}

void unit_set_done(UnitSet *s) {
        for (size_t i = 0; i < s->n; i++) {
                free(s->files[i].path);
                free(s->files[i].content);
        }
        free(s->files);
        *s = (UnitSet) {};
}

/* ---- Comparing ------------------------------------------------------------------------------------ */

bool unit_set_equal(const UnitSet *a, const UnitSet *b) {
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (!streq(a->files[i].path, b->files[i].path) || !streq(a->files[i].content, b->files[i].content))
                        return false;
        return true;
}

const UnitFile *unit_set_find(const UnitSet *s, const char *path) {
        const UnitFile key = { .path = (char *) path };

        return s->n > 0 ? bsearch(&key, s->files, s->n, sizeof(key), compare) : NULL;
}
