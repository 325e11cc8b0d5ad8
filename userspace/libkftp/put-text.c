// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A text on its way to a server: its lines end in CR LF there. It is translated into a file without a name before
 * anything is sent, so that it has a size, which can be compared, and can be sent again after a failure.
 */

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "control.h"
#include "failure.h"
#include "put-source.h"
#include "text.h"
#include "util.h"

#define PIECE_SIZE (64 * 1024)

static int write_all(int fd, const char *p, size_t n) {
        while (n > 0) {
                ssize_t k = write(fd, p, n);

                if (k < 0 && errno != EINTR)
                        return -errno;
                if (k > 0) {
                        p += k;
                        n -= (size_t) k;
                }
        }
        return 0;
}

static int interrupted(const KftpPutSource *s, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, -ECANCELED, false, "interrupted while %s was read", s->name);
}

/* The next piece; a pipe may bring it late. */
static ssize_t read_piece(const KftpPutSource *s, const KftpControl *control, char *buffer, KftpFailure *f) {
        struct pollfd p[] = {
                { .fd = s->fd,                    .events = POLLIN },
                { .fd = kftp_control_fd(control), .events = POLLIN },
        };

        for (;;) {
                ssize_t n;

                if (poll(p, ELEMENTS(p), -1) < 0 && errno != EINTR)
                        return kftp_failure_local(f, -errno, "cannot read %s", s->name);
                if (kftp_control_cancelled(control))
                        return interrupted(s, f);
                n = read(s->fd, buffer, PIECE_SIZE);
                if (n >= 0)
                        return n;
                if (errno != EAGAIN && errno != EINTR)
                        return kftp_failure_local(f, -errno, "cannot read %s", s->name);
        }
}

static int translate(const KftpPutSource *s, const KftpControl *control, int fd, KftpFailure *f) {
        _cleanup_free_ char *in = malloc(PIECE_SIZE), *out = malloc(2 * PIECE_SIZE);
        KftpText text = {};
        ssize_t n;

        if (!in || !out)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        if (!s->pipe && lseek(s->fd, (off_t) s->begin, SEEK_SET) < 0)
                return kftp_failure_local(f, -errno, "cannot read %s", s->name);
        while ((n = read_piece(s, control, in, f)) > 0) {
                int r = write_all(fd, out, kftp_text_send(&text, in, (size_t) n, out));

                if (r < 0)
                        return kftp_failure_local(f, r, "cannot write a temporary file in " P_tmpdir);
        }
        return (int) n;
}

int kftp_put_source_translate(KftpPutSource *s, const KftpControl *control, KftpFailure *f) {
        _cleanup_fclose_ FILE *temporary = tmpfile();
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        if (temporary)
                fd = fcntl(fileno(temporary), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (fd < 0)
                return kftp_failure_local(f, -errno, "cannot create a temporary file in " P_tmpdir);
        r = translate(s, control, fd, f);
        if (r >= 0)
                r = kftp_put_source_check(s, f);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return kftp_failure_local(f, -errno, "cannot read a temporary file in " P_tmpdir);
        if (s->restore)
                (void) fcntl(s->fd, F_SETFL, s->flags);
        if (s->locked)
                (void) flock(s->fd, LOCK_UN);
        safe_close(s->fd);
        s->fd = STEAL_FD(fd);
        s->pipe = s->restore = s->locked = false;
        s->begin = 0;
        s->size = (uint64_t) st.st_size;
        s->mtime_nsec = (int64_t) st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
        return 0;
}
