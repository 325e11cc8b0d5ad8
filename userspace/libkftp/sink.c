// SPDX-License-Identifier: LGPL-2.1-or-later
/* Bytes written to a descriptor of any kind: a file, a terminal, a pipe that is full or has no reader. */

#include <poll.h>

#include "control.h"
#include "failure.h"
#include "sink.h"
#include "util.h"

#define PIECE_SIZE (64 * 1024)

static int interrupted(const KftpSink *s, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, -ECANCELED, false, "interrupted while writing %s", s->name);
}

/* Whoever reads may be slow, and somebody may have enough of waiting for him. */
static int wait_writable(const KftpSink *s, KftpFailure *f) {
        struct pollfd p[] = {
                { .fd = s->fd,                       .events = POLLOUT },
                { .fd = kftp_control_fd(s->control), .events = POLLIN  },
        };

        for (;;) {
                int r = poll(p, ELEMENTS(p), -1);

                if (kftp_control_cancelled(s->control))
                        return interrupted(s, f);
                if (r < 0 && errno != EINTR)
                        return kftp_failure_local(f, -errno, "cannot write %s", s->name);
                if (r > 0 && p[0].revents != 0)
                        return 0;
        }
}

static int write_all(const KftpSink *s, const char *p, size_t n, KftpFailure *f) {
        while (n > 0) {
                ssize_t k;
                int r = wait_writable(s, f);

                if (r < 0)
                        return r;
                k = write(s->fd, p, n);
                if (k < 0 && errno != EINTR && errno != EAGAIN)
                        return kftp_failure_local(f, -errno, "cannot write %s", s->name);
                if (k > 0) {
                        p += k;
                        n -= (size_t) k;
                }
        }
        return 0;
}

static int write_text(KftpSink *s, const char *p, size_t n, KftpFailure *f) {
        _cleanup_free_ char *out = malloc(MIN2(n, (size_t) PIECE_SIZE) + KFTP_TEXT_HELD);
        int r = 0;

        if (!out)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        while (n > 0 && r >= 0) {
                size_t k = MIN2(n, (size_t) PIECE_SIZE);

                r = write_all(s, out, kftp_text_receive(&s->lines, p, k, out), f);
                p += k;
                n -= k;
        }
        return r;
}

int kftp_sink_write(KftpSink *s, const char *data, size_t n, KftpFailure *f) {
        if (s->hash)
                kftp_hash_add(s->hash, data, n);
        return s->text ? write_text(s, data, n, f) : write_all(s, data, n, f);
}

int kftp_sink_end(KftpSink *s, KftpFailure *f) {
        char held[KFTP_TEXT_HELD];
        size_t n = kftp_text_finish(&s->lines, held);

        return write_all(s, held, n, f);
}
