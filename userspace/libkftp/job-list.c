/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists the job files in the directories, without reading them. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "job-list.h"
#include "util.h"

int kftp_job_list_add(KftpJobList *list, const char *name, size_t name_n, size_t directory, struct timespec mtime) {
        if (list->n == list->allocated) {
                size_t more = MAX2(2 * list->allocated, 16U);
                KftpJobListed *items = reallocarray(list->items, more, sizeof(*items));

                if (!items)
                        return -ENOMEM;
                list->items = items;
                list->allocated = more;
        }
        list->items[list->n] = (KftpJobListed) { .name = strndup(name, name_n), .directory = directory, .mtime = mtime };
        if (!list->items[list->n].name)
                return -ENOMEM;
        list->n++;
        return 0;
}

void kftp_job_list_done(KftpJobList *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->items[i].name);
        free(list->items);
        *list = (KftpJobList) {};
}

static int compare_names(const void *a, const void *b) {
        const KftpJobListed *x = a, *y = b;

        return strcmp(x->name, y->name) ?: (x->directory > y->directory) - (x->directory < y->directory);
}

void kftp_job_list_make_unique(KftpJobList *list) {
        size_t kept = 0;

        if (list->n == 0)
                return;
        qsort(list->items, list->n, sizeof(*list->items), compare_names);
        for (size_t i = 1; i < list->n; i++)
                if (streq(list->items[i].name, list->items[kept].name))
                        free(list->items[i].name);
                else
                        list->items[++kept] = list->items[i];
        list->n = kept + 1;
}

static int compare_arrival(const void *a, const void *b) {
        const KftpJobListed *x = a, *y = b;

        if (x->mtime.tv_sec != y->mtime.tv_sec)
                return x->mtime.tv_sec < y->mtime.tv_sec ? -1 : 1;
        if (x->mtime.tv_nsec != y->mtime.tv_nsec)
                return x->mtime.tv_nsec < y->mtime.tv_nsec ? -1 : 1;
        return strcmp(x->name, y->name);
}

void kftp_job_list_sort_by_arrival(KftpJobList *list) {
        if (list->n > 0)
                qsort(list->items, list->n, sizeof(*list->items), compare_arrival);
}

static bool is_job_file(const char *filename, size_t n) {
        size_t suffix = strlen(KFTP_JOB_SUFFIX);

        return filename[0] != '.' && n > suffix && streq(filename + n - suffix, KFTP_JOB_SUFFIX);
}

static int collect_from(KftpJobList *list, int directory_fd, size_t directory) {
        _cleanup_close_ int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_closedir_ DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *entry;

        if (!d)
                return -errno;
        fd = -1;
        for (errno = 0; (entry = readdir(d)); errno = 0) {
                size_t n = strlen(entry->d_name);
                struct stat st;
                int r;

                if (!is_job_file(entry->d_name, n))
                        continue;
                if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                        if (errno == ENOENT)
                                continue;
                        return -errno;  /* a file that cannot be looked at has not been removed */
                }
                r = kftp_job_list_add(list, entry->d_name, n - strlen(KFTP_JOB_SUFFIX), directory, st.st_mtim);
                if (r < 0)
                        return r;
        }
        return -errno;
}

int kftp_job_list_collect(KftpJobList *list, const KftpJobDirectories *d, const char **ret_path) {
        int r = 0;

        for (size_t i = 0; i < d->n && r >= 0; i++) {
                *ret_path = d->items[i].path;
                if (d->items[i].fd >= 0)
                        r = collect_from(list, d->items[i].fd, i);
                else if (i == 0 || d->items[i].fd != -ENOENT)
                        r = d->items[i].fd;
        }
        kftp_job_list_make_unique(list);
        return r;
}
