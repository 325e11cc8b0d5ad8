// SPDX-License-Identifier: LGPL-2.1-or-later
/* The local side of an upload. */

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "control.h"
#include "failure.h"
#include "names.h"
#include "put-source.h"
#include "util.h"

#define STANDARD_INPUT "the standard input"

static int64_t nsec_of(const struct stat *st) {
        return (int64_t) st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec;
}

/*
 * The module takes pipes only without blocking, and that flag belongs to what others may have open too: who
 * writes to our shell's terminal or reads after us. So the pipe is opened anew; if that is not allowed (it is
 * another user's), the flag is set for as long as we use it.
 */
static int open_pipe(KftpPutSource *s, KftpFailure *f) {
        char path[40];
        int fd;

        s->pipe = true;
        s->size = KFTP_SIZE_UNKNOWN;
        s->mtime = KFTP_MTIME_UNKNOWN;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0) {
                safe_close(s->fd);
                s->fd = fd;
                return 0;
        }
        s->flags = fcntl(s->fd, F_GETFL);
        if (s->flags < 0 || fcntl(s->fd, F_SETFL, s->flags | O_NONBLOCK) < 0)
                return kftp_failure_local(f, -errno, "%s", s->name);
        s->restore = true;
        return 0;
}

static int open_pumped(KftpPutSource *s, KftpFailure *f) {
        int fd, r;

        r = kftp_pump_start(&s->pump, s->fd, &fd);
        if (r < 0)
                return kftp_failure_local(f, r, "%s", s->name);
        safe_close(s->fd);
        s->fd = fd;
        return open_pipe(s, f);
}

/*
 * Two uploads of one version of a file, to one place, would write to the same temporary name: whoever comes
 * second takes one of its own. Not every file system has locks; there it has to go without.
 */
static void lock(KftpPutSource *s) {
        s->locked = flock(s->fd, LOCK_EX | LOCK_NB) >= 0;
        s->shared = !s->locked && errno == EWOULDBLOCK;
}

static int open_regular(KftpPutSource *s, const struct stat *st, bool from_position, KftpFailure *f) {
        off_t position = from_position ? lseek(s->fd, 0, SEEK_CUR) : 0;

        if (position < 0)
                return kftp_failure_local(f, -errno, "%s", s->name);
        s->begin = (uint64_t) position;
        s->size = (uint64_t) MAX2(st->st_size - position, (off_t) 0);
        s->mtime = st->st_mtim.tv_sec;
        s->mtime_nsec = nsec_of(st);
        lock(s);
        return 0;
}

static int inspect(KftpPutSource *s, bool standard_input, KftpFailure *f) {
        struct stat st;

        if (fstat(s->fd, &st) < 0)
                return kftp_failure_local(f, -errno, "%s", s->name);
        if (S_ISREG(st.st_mode))
                return open_regular(s, &st, standard_input, f);
        if (S_ISFIFO(st.st_mode))
                return open_pipe(s, f);
        if (S_ISDIR(st.st_mode))
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EISDIR, false, "%s is a directory; only files can be sent", s->name);
        if (standard_input)
                return open_pumped(s, f);
        return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EINVAL, false, "%s is neither a regular file nor a pipe", s->name);
}

/* A pipe with a name is open only once somebody writes to it; that may be never. */
static int open_file(const char *path, const KftpControl *control) {
        for (;;) {
                int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);

                if (fd >= 0 || errno != EINTR)
                        return fd < 0 ? -errno : fd;
                if (kftp_control_cancelled(control))
                        return -ECANCELED;
        }
}

static char *absolute(const char *path) {
        _cleanup_free_ char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);

        return cwd ? kftp_path_join(cwd, path) : strdup(path);
}

int kftp_put_source_open(KftpPutSource *s, const char *path, const KftpControl *control, KftpFailure *f) {
        bool standard_input = streq(path, "-");
        int r;

        s->name = standard_input ? strdup(STANDARD_INPUT) : absolute(path);
        if (!s->name)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        if (standard_input)
                r = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        else
                r = open_file(path, control);
        if (standard_input && r < 0)
                r = -errno;
        if (r == -ECANCELED)
                return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, r, false, "interrupted while %s was opened", s->name);
        if (r < 0) {
                return r == -EACCES || r == -EPERM
                        ? kftp_failure_set(f, KFTP_CLASS_LOCAL, r, false, "cannot read %s: %s", s->name, strerror(-r))
                        : kftp_failure_local(f, r, "cannot read %s", s->name);
        }
        s->fd = r;
        return inspect(s, standard_input, f);
}

int kftp_put_source_open_fd(KftpPutSource *s, int fd, const char *name, KftpFailure *f) {
        struct stat st;

        s->name = absolute(name);
        if (!s->name)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        s->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (s->fd < 0 || fstat(s->fd, &st) < 0)
                return kftp_failure_local(f, -errno, "%s", s->name);
        if (!S_ISREG(st.st_mode))
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EINVAL, false, "%s is not a regular file", s->name);
        return open_regular(s, &st, false, f);
}

void kftp_put_source_close(KftpPutSource *s) {
        if (s->restore)
                (void) fcntl(s->fd, F_SETFL, s->flags);
        /* The standard input stays open elsewhere, and so does what was lent. */
        if (s->locked)
                (void) flock(s->fd, LOCK_UN);
        s->fd = safe_close(s->fd);
        kftp_pump_free(s->pump);
        free(s->name);
        *s = (KftpPutSource) KFTP_PUT_SOURCE_INIT;
}

int kftp_put_source_check(const KftpPutSource *s, KftpFailure *f) {
        struct stat st;
        int r = s->pump ? kftp_pump_error(s->pump) : 0;

        if (r < 0)
                return kftp_failure_local(f, r, "cannot read %s", s->name);
        if (s->pipe)
                return 0;
        if (fstat(s->fd, &st) < 0)
                return kftp_failure_local(f, -errno, "%s", s->name);
        if ((uint64_t) MAX2(st.st_size - (off_t) s->begin, (off_t) 0) == s->size && nsec_of(&st) == s->mtime_nsec)
                return 0;
        return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, false, "%s has changed while it was sent", s->name);
}
