/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of a source's file here: removed, renamed, or copied where another file system is. */

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "failure.h"
#include "names.h"
#include "then-internal.h"

#define ASIDE_SUFFIX ".kftp-then"       /* mirror-names.c knows it */
#define COPY_SUFFIX ".kftp-part"        /* as what kftp receives: no source takes such a name */
#define COMPARE_SIZE 65536U

/* A file that is moved, and the directories that it is moved between. */
typedef struct ThenMove {
        const ThenPlace *place;
        const char *name;
        const char *source;             /* what it is called while it is dealt with */
        int from;
        int to;
        char *taken;                    /* the name that it has got there */
} ThenMove;

static int no_memory(KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}

static int failed(int error, const char *what, const char *directory, const char *name, KftpFailure *f) {
        return kftp_failure_local(f, error, "cannot %s %s/%s", what, directory, name);
}

/* ---- The version --------------------------------------------------------------------------------- */

static bool is_same(const ThenFile *file, const struct stat *st) {
        if (!S_ISREG(st->st_mode) || (file->size != KFTP_SIZE_UNKNOWN && (uint64_t) st->st_size != file->size))
                return false;
        if (file->mtime_nsec != 0 && (int64_t) st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec != file->mtime_nsec)
                return false;
        return file->mtime == KFTP_MTIME_UNKNOWN || st->st_mtim.tv_sec == file->mtime;
}

static int changed(const ThenPlace *p, const ThenFile *file, char **ret_text) {
        if (asprintf(ret_text, "%s/%s was changed after it had been sent: it stays, and is sent again", p->directory, file->name) < 0)
                *ret_text = NULL;
        return THEN_CHANGED;
}

int then_local_check(const ThenPlace *p, const ThenFile *file, char **ret_text, KftpFailure *f) {
        _cleanup_free_ char *path = kftp_path_join(p->directory, file->name);
        struct stat st;

        if (!path)
                return no_memory(f);
        if (lstat(path, &st) < 0)
                return errno == ENOENT ? THEN_DONE : kftp_failure_local(f, -errno, "%s", path);
        return is_same(file, &st) ? THEN_KEPT : changed(p, file, ret_text);
}

/* ---- Copied -------------------------------------------------------------------------------------- */

/* Several calls, as one copies at most 2 GiB; 0 bytes end it. */
static int copy_bytes(int from, int to) {
        for (;;) {
                ssize_t n = sendfile(to, from, NULL, 1U << 24);

                if (n == 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
        }
}

static int copy_to(int from, int to, const struct stat *st) {
        const struct timespec times[2] = { st->st_atim, st->st_mtim };
        int r = copy_bytes(from, to);

        if (r < 0)
                return r;
        /* Owner and group are the service's own. */
        if (fchmod(to, st->st_mode & 0777) < 0 || futimens(to, times) < 0 || fsync(to) < 0)
                return -errno;
        return 0;
}

/* 1: both have the same bytes. */
static int has_same_bytes(int a, int b) {
        _cleanup_free_ char *x = malloc(COMPARE_SIZE), *y = malloc(COMPARE_SIZE);

        if (!x || !y)
                return -ENOMEM;
        for (off_t at = 0;;) {
                ssize_t n = pread(a, x, COMPARE_SIZE, at), m;

                if (n < 0)
                        return -errno;
                m = pread(b, y, COMPARE_SIZE, at);
                if (m < 0)
                        return -errno;
                if (n != m || memcmp(x, y, (size_t) n) != 0)
                        return 0;
                if (n == 0)
                        return 1;
                at += n;
        }
}

/* A copy that was complete when its maker crashed is not made a second time. 1: name is one. */
static int is_our_copy(const ThenMove *m, int source, const struct stat *st, const char *name) {
        _cleanup_close_ int fd = openat(m->to, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat there;

        if (fd < 0)
                return errno == ELOOP || errno == EACCES || errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &there) < 0)
                return -errno;
        if (!S_ISREG(there.st_mode) || there.st_size != st->st_size || there.st_mtim.tv_sec != st->st_mtim.tv_sec ||
            there.st_mtim.tv_nsec != st->st_mtim.tv_nsec)
                return 0;
        return has_same_bytes(source, fd);
}

/* ---- Moved --------------------------------------------------------------------------------------- */

char *then_numbered(const char *name, unsigned n) {
        char *numbered;

        if (n == 0)
                return strdup(name);
        return asprintf(&numbered, "%s.%u", name, n) < 0 ? NULL : numbered;
}

/* Some file systems know no RENAME_NOREPLACE; a hard link replaces nothing either. */
static int rename_new(int from_fd, const char *from, int to_fd, const char *to) {
        if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) >= 0)
                return 0;
        if (errno != EINVAL && errno != ENOSYS)
                return -errno;
        if (linkat(from_fd, from, to_fd, to, 0) < 0)
                return -errno;
        return unlinkat(from_fd, from, 0) < 0 ? -errno : 0;
}

/* Renames to the first name that is not taken. source: of a copy, what it is a copy of; -1: none. */
static int rename_numbered(ThenMove *m, int from_fd, const char *from, int source, const struct stat *st) {
        for (unsigned n = 0; n < THEN_COLLISIONS_MAX; n++) {
                _cleanup_free_ char *name = then_numbered(m->name, n);
                int r;

                if (!name)
                        return -ENOMEM;
                r = rename_new(from_fd, from, m->to, name);
                if (r == -EEXIST && source >= 0) {
                        r = is_our_copy(m, source, st, name);
                        if (r == 1)
                                (void) unlinkat(from_fd, from, 0);
                        r = r == 0 ? -EEXIST : MIN2(r, 0);
                }
                if (r >= 0)
                        m->taken = STEAL_PTR(name);
                if (r != -EEXIST)
                        return r;
        }
        return -EEXIST;
}

/* ---- Set aside ----------------------------------------------------------------------------------- */

/*
 * Whoever writes the next version may rename it into place at any moment, also between a look at the file and its end. Under a name
 * that nobody else knows it stays what it is when it is looked at.
 */
char *then_name_aside(const char *name) {
        return strlen(name) + strlen(ASIDE_SUFFIX) + 1 > 255 ? strdup("") : kftp_name_beside(name, ASIDE_SUFFIX, 255);
}

/* Under its own name, or where there is another version of it by now under one like it. */
static int put_back(int directory_fd, const char *aside, const char *name, char **ret) {
        for (unsigned n = 0; n < THEN_COLLISIONS_MAX; n++) {
                _cleanup_free_ char *numbered = then_numbered(name, n);
                int r = numbered ? rename_new(directory_fd, aside, directory_fd, numbered) : -ENOMEM;

                if (r >= 0 && ret)
                        *ret = STEAL_PTR(numbered);
                if (r != -EEXIST)
                        return r;
        }
        return -EEXIST;
}

int then_restore(int directory_fd, const char *name, char **ret) {
        size_t n = strlen(name), suffix = strlen(ASIDE_SUFFIX);
        _cleanup_free_ char *own = NULL;
        int r;

        if (name[0] != '.' || n <= suffix + 1 || !streq(name + n - suffix, ASIDE_SUFFIX))
                return 0;
        own = strndup(name + 1, n - suffix - 1);
        r = own ? put_back(directory_fd, name, own, ret) : -ENOMEM;
        return r < 0 ? r : 1;
}

/* 1: it is there as aside, and is the one that was sent. 0: it is gone, or another version; *ret says which. */
static int set_aside(ThenMove *m, const ThenFile *file, const char *aside, ThenDone *ret) {
        struct stat st;
        int r = rename_new(m->from, m->name, m->from, aside);

        if (r == -EEXIST) {
                (void) then_restore(m->from, aside, NULL);
                r = rename_new(m->from, m->name, m->from, aside);
        }
        *ret = THEN_DONE;
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (fstatat(m->from, aside, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (is_same(file, &st)) {
                m->source = aside;
                return 1;
        }
        *ret = THEN_CHANGED;
        r = put_back(m->from, aside, m->name, NULL);
        return MIN2(r, 0);
}

/* ---- To another file system ---------------------------------------------------------------------- */

/* The copy is durable under its name before the original goes. */
static int move_copy(ThenMove *m) {
        _cleanup_close_ int source = openat(m->from, m->source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), copy = -1;
        _cleanup_free_ char *temporary = kftp_name_beside(m->name, COPY_SUFFIX, 255);
        struct stat st;
        int r;

        if (!temporary)
                return -ENOMEM;
        if (source < 0 || fstat(source, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        (void) unlinkat(m->to, temporary, 0);
        copy = openat(m->to, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (copy < 0)
                return -errno;
        r = copy_to(source, copy, &st);
        if (r >= 0)
                r = rename_numbered(m, m->to, temporary, source, &st);
        if (r < 0) {
                (void) unlinkat(m->to, temporary, 0);
                /* Of the copy: that the original is not there is something else. */
                return r == -ENOENT ? -ESTALE : r;
        }
        if (fsync(m->to) < 0)
                return -errno;
        return unlinkat(m->from, m->source, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* With those above it, as far as they are missing. */
static int make_directory(const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                (void) mkdir(copy, 0777);
                *slash = '/';
        }
        return mkdir(copy, 0777) < 0 && errno != EEXIST ? -errno : 0;
}

static int open_both(ThenMove *m, KftpFailure *f) {
        const ThenPlace *p = m->place;
        int r;

        m->from = open(p->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (m->from < 0)
                return kftp_failure_local(f, -errno, "%s", p->directory);
        if (!p->to)
                return 0;
        m->to = open(p->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (m->to < 0 && errno == ENOENT) {
                r = make_directory(p->to);
                if (r < 0)
                        return kftp_failure_local(f, r, "cannot make the directory %s", p->to);
                m->to = open(p->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        return m->to < 0 ? kftp_failure_local(f, -errno, "%s", p->to) : 0;
}

static void move_done(ThenMove *m) {
        safe_close(m->from);
        safe_close(m->to);
        free(m->taken);
}

/* What is not there has been moved already. */
static int move(ThenMove *m, char **ret_text, KftpFailure *f) {
        const ThenPlace *p = m->place;
        int r = rename_numbered(m, m->from, m->source, -1, NULL);

        if (r == -EXDEV)
                r = move_copy(m);
        else if (r >= 0 && fsync(m->to) < 0)
                r = -errno;
        if (r == -ENOENT && m->source == m->name)
                return 0;
        if (r < 0)
                return kftp_failure_local(f, r, "cannot move %s/%s to %s", p->directory, m->name, p->to);
        if (asprintf(ret_text, "%s/%s was moved to %s/%s", p->directory, m->name, p->to, m->taken) < 0)
                *ret_text = NULL;
        return 0;
}

static int delete(ThenMove *m, KftpFailure *f) {
        if (unlinkat(m->from, m->source, 0) >= 0 || (errno == ENOENT && m->source == m->name))
                return 0;
        return failed(-errno, "delete", m->place->directory, m->name, f);
}

static int act(ThenMove *m, char **ret_text, KftpFailure *f) {
        int r = m->place->to ? move(m, ret_text, f) : delete(m, f);

        if (r < 0 && m->source != m->name)
                (void) put_back(m->from, m->source, m->name, NULL);
        if (r < 0)
                return r;
        return fsync(m->from) < 0 ? failed(-errno, "delete", m->place->directory, m->name, f) : THEN_DONE;
}

/* Whoever brings the next version may have brought its marker, too: that goes only when it is known that the file is the one that was sent. */
static int drop_marker(const ThenPlace *p, KftpFailure *f) {
        ThenPlace place = *p;
        _cleanup_free_ char *text = NULL;

        place.marker = NULL;
        return then_local(&place, &(ThenFile) { .name = p->marker, .size = KFTP_SIZE_UNKNOWN, .mtime = KFTP_MTIME_UNKNOWN }, &text, f);
}

int then_local(const ThenPlace *p, const ThenFile *file, char **ret_text, KftpFailure *f) {
        _cleanup_(move_done) ThenMove m = { .place = p, .name = file->name, .source = file->name, .from = -1, .to = -1 };
        _cleanup_free_ char *aside = NULL;
        ThenDone done;
        int r = open_both(&m, f);

        if (r < 0)
                return r;
        /* A marker is whatever it is. */
        if (file->size == KFTP_SIZE_UNKNOWN)
                return act(&m, ret_text, f);
        aside = then_name_aside(file->name);
        if (!aside)
                return no_memory(f);
        r = *aside ? set_aside(&m, file, aside, &done) : 1;
        if (r < 0)
                return failed(r, "rename", p->directory, file->name, f);
        if (r == 0 && done == THEN_CHANGED)
                return changed(p, file, ret_text);
        if (p->marker) {
                int marker = drop_marker(p, f);

                if (marker < 0 && m.source != m.name)
                        (void) put_back(m.from, m.source, m.name, NULL);
                if (marker < 0)
                        return marker;
        }
        return r == 0 ? THEN_DONE : act(&m, ret_text, f);
}
