/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the files of a job in several directories, and makes a job of them. */

#include <fcntl.h>

#include "job-file.h"
#include "job-load.h"
#include "util.h"

/* ---- Directories ---------------------------------------------------------------------------------- */

int kftp_job_directories_open(const char *paths, KftpJobDirectories *ret) {
        KftpJobDirectories d = { .items = calloc(KFTP_JOB_DIRECTORIES_MAX, sizeof(KftpJobDirectory)) };
        int r = d.items ? 0 : -ENOMEM;

        for (size_t length; *paths && r >= 0; paths += length + (paths[length] == ':')) {
                KftpJobDirectory *item = d.items + d.n;

                length = strcspn(paths, ":");
                if (length == 0)
                        continue;
                if (*paths != '/' || d.n == KFTP_JOB_DIRECTORIES_MAX) {
                        r = -EINVAL;
                        break;
                }
                item->path = strndup(paths, length);
                if (!item->path) {
                        r = -ENOMEM;
                        break;
                }
                item->fd = open(item->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (item->fd < 0)
                        item->fd = -errno;
                d.n++;
        }
        if (r >= 0 && d.n == 0)
                r = -EINVAL;
        if (r < 0)
                kftp_job_directories_done(&d);
        *ret = d;
        return r;
}

void kftp_job_directories_done(KftpJobDirectories *d) {
        for (size_t i = 0; i < d->n; i++) {
                safe_close(d->items[i].fd);
                free(d->items[i].path);
        }
        free(d->items);
        *d = (KftpJobDirectories) {};
}

/* ---- Drop-ins ------------------------------------------------------------------------------------- */

typedef struct DropIn {
        char *name;
        size_t directory;
} DropIn;

/* While they are collected. */
typedef struct DropIns {
        char *subdirectory;             /* NAME.job.d */
        DIR *open[KFTP_JOB_DIRECTORIES_MAX];
        DropIn items[KFTP_JOB_DROP_INS_MAX];
        size_t n;
} DropIns;

static void drop_ins_done(DropIns *all) {
        for (size_t i = 0; i < ELEMENTS(all->open); i++)
                if (all->open[i])
                        (void) closedir(all->open[i]);
        for (size_t i = 0; i < all->n; i++)
                free(all->items[i].name);
        free(all->subdirectory);
}

static bool is_drop_in(const char *filename) {
        size_t n = strlen(filename), suffix = strlen(KFTP_JOB_DROP_IN_SUFFIX);

        return filename[0] != '.' && n > suffix && streq(filename + n - suffix, KFTP_JOB_DROP_IN_SUFFIX);
}

static bool overridden(const DropIns *all, const char *name) {
        for (size_t i = 0; i < all->n; i++)
                if (streq(all->items[i].name, name))
                        return true;
        return false;
}

/* Opens the directory of drop-ins in one directory of jobs: 0 with NULL if there is none. */
static int open_subdirectory(const KftpJobDirectory *parent, const char *subdirectory, const char *path, kftp_diagnosis_t sink, void *userdata,
                             DIR **ret) {
        _cleanup_close_ int fd = openat(parent->fd, subdirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        const char *why;
        struct stat st;

        *ret = NULL;
        if (fd < 0 && (errno == ENOENT || errno == ENAMETOOLONG))
                return 0;
        if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
                return job_file_reject(path, sink, userdata, "not a directory, and links are not followed: make a directory of it, or remove it");
        if (fd < 0 || fstat(fd, &st) < 0)
                return job_file_reject_errno(path, sink, userdata, errno);
        why = job_directory_distrust(&st);
        if (why)
                return job_file_reject(path, sink, userdata, why);
        *ret = fdopendir(fd);
        if (!*ret)
                return -ENOMEM;
        fd = -1;
        return 0;
}

static int collect_from(DropIns *all, const KftpJobDirectories *d, size_t i, kftp_diagnosis_t sink, void *userdata) {
        _cleanup_free_ char *path = NULL;
        struct dirent *entry;
        int r;

        if (asprintf(&path, "%s/%s", d->items[i].path, all->subdirectory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = open_subdirectory(d->items + i, all->subdirectory, path, sink, userdata, all->open + i);
        if (r < 0 || !all->open[i])
                return r;
        for (errno = 0; (entry = readdir(all->open[i])); errno = 0) {
                if (!is_drop_in(entry->d_name) || overridden(all, entry->d_name))
                        continue;
                if (all->n == KFTP_JOB_DROP_INS_MAX)
                        return job_file_reject(path, sink, userdata, "more than 64 drop-ins, which no job needs");
                all->items[all->n].name = strdup(entry->d_name);
                if (!all->items[all->n].name)
                        return -ENOMEM;
                all->items[all->n++].directory = i;
        }
        return errno > 0 ? job_file_reject_errno(path, sink, userdata, errno) : 0;
}

static int compare_drop_ins(const void *a, const void *b) {
        return strcmp(((const DropIn *) a)->name, ((const DropIn *) b)->name);
}

/* ---- The files of a job --------------------------------------------------------------------------- */

static int add_file(KftpJobFiles *f, int fd, const char *filename, const char *directory, const char *subdirectory, kftp_diagnosis_t sink,
                    void *userdata) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        KftpJobFragment *more;
        size_t n;
        int r;

        if (asprintf(&path, "%s/%s%s%s", directory, strempty(subdirectory), subdirectory ? "/" : "", filename) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = job_file_read(fd, filename, path, sink, userdata, &text, &n);
        if (r < 0)
                return r;
        more = reallocarray(f->items, f->n + 1, sizeof(*more));
        if (!more)
                return -ENOMEM;
        f->items = more;
        more[f->n++] = (KftpJobFragment) { .file = STEAL_PTR(path), .text = STEAL_PTR(text), .n = n };
        return 0;
}

/* All of them are read, so that all are diagnosed. */
static int add_drop_ins(KftpJobFiles *f, const KftpJobDirectories *d, const char *filename, kftp_diagnosis_t sink, void *userdata) {
        _cleanup_(drop_ins_done) DropIns all = {};
        int r = 0;

        if (asprintf(&all.subdirectory, "%s" KFTP_JOB_DROP_IN_DIRECTORY_SUFFIX, filename) < 0) {
                all.subdirectory = NULL;
                return -ENOMEM;
        }
        for (size_t i = 0; i < d->n && r >= 0; i++)
                if (d->items[i].fd >= 0)
                        r = collect_from(&all, d, i, sink, userdata);
        if (r < 0 || all.n == 0)
                return r;
        qsort(all.items, all.n, sizeof(*all.items), compare_drop_ins);
        for (size_t i = 0; i < all.n; i++) {
                size_t from = all.items[i].directory;
                int k = add_file(f, dirfd(all.open[from]), all.items[i].name, d->items[from].path, all.subdirectory, sink, userdata);

                if (k < 0 && k != -ENOENT && k != -ERFKILL)
                        r = k;
        }
        return r;
}

/* A directory that is there, but cannot be opened, may have what overrides the others. */
static int add_first(KftpJobFiles *f, const KftpJobDirectories *d, const char *filename, kftp_diagnosis_t sink, void *userdata) {
        for (size_t i = 0; i < d->n; i++) {
                int r = -ENOENT;

                f->directory = i;
                if (d->items[i].fd >= 0)
                        r = add_file(f, d->items[i].fd, filename, d->items[i].path, NULL, sink, userdata);
                else if (d->items[i].fd != -ENOENT)
                        r = job_file_reject_errno(d->items[i].path, sink, userdata, -d->items[i].fd);
                if (r != -ENOENT)
                        return r;
        }
        return -ENOENT;
}

int kftp_job_files_read(const KftpJobDirectories *d, const char *name, const char *suffix, kftp_diagnosis_t sink, void *userdata,
                        KftpJobFiles *ret) {
        _cleanup_free_ char *filename = NULL;
        int r;

        *ret = (KftpJobFiles) {};
        if (asprintf(&filename, "%s%s", name, suffix) < 0) {
                filename = NULL;
                return -ENOMEM;
        }
        r = add_first(ret, d, filename, sink, userdata);
        return r < 0 ? r : add_drop_ins(ret, d, filename, sink, userdata);
}

void kftp_job_files_done(KftpJobFiles *f) {
        for (size_t i = 0; i < f->n; i++) {
                free((char *) f->items[i].file);
                free((void *) f->items[i].text);
        }
        free(f->items);
        *f = (KftpJobFiles) {};
}

/* ---- Jobs ----------------------------------------------------------------------------------------- */

/* For the parser, which learns in the middle of its work which remote is wanted. */
typedef struct Remotes {
        const KftpJobDirectories *directories;
        kftp_diagnosis_t sink;
        void *userdata;
        char *name;
        KftpJobRemote *remote;
} Remotes;

static int find_remote(void *userdata, const char *name, const KftpJobRemote **ret) {
        _cleanup_(kftp_job_files_done) KftpJobFiles files = {};
        Remotes *all = userdata;
        int r;

        if (!kftp_job_name_valid(name, strlen(name)))
                return -ENOENT;
        free(all->name);
        all->name = strdup(name);
        if (!all->name)
                return -ENOMEM;
        r = kftp_job_files_read(all->directories, name, KFTP_REMOTE_SUFFIX, all->sink, all->userdata, &files);
        if (r < 0)
                return r;
        all->remote = kftp_remote_free(all->remote);
        r = kftp_remote_parse(name, files.items, files.n, all->sink, all->userdata, &all->remote);
        *ret = all->remote;
        return r;
}

void kftp_job_origin_done(KftpJobOrigin *o) {
        free(o->remote);
        *o = (KftpJobOrigin) {};
}

int kftp_job_load(const KftpJobDirectories *d, const char *name, kftp_diagnosis_t sink, void *userdata, KftpJobOrigin *origin,
                  KftpJob **ret) {
        Remotes remotes = { .directories = d, .sink = sink, .userdata = userdata };
        _cleanup_(kftp_job_files_done) KftpJobFiles files = {};
        int r;

        *ret = NULL;
        if (origin)
                *origin = (KftpJobOrigin) {};
        r = kftp_job_files_read(d, name, KFTP_JOB_SUFFIX, sink, userdata, &files);
        if (origin)
                origin->directory = files.directory;
        if (r >= 0 && origin)
                r = kftp_job_revision_of(files.items, files.n, origin->revision);
        if (r >= 0)
                r = kftp_job_parse_fragments(name, files.items, files.n, find_remote, &remotes, sink, userdata, ret);
        if (origin)
                origin->remote = STEAL_PTR(remotes.name);
        free(remotes.name);
        kftp_remote_free(remotes.remote);
        return r;
}
