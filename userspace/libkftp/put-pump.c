// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is neither a regular file nor a pipe, brought into a pipe. read() of a terminal or a socket cannot be
 * bounded, so nobody waits for the thread: whoever lets go last, it or the upload, frees what they share.
 */

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "put-source.h"
#include "util.h"

#define CHUNK 65536

struct KftpPump {
        atomic_int references;
        atomic_int error;
        int from;
        int to;
};

static void pump_unref(KftpPump *p) {
        if (atomic_fetch_sub(&p->references, 1) > 1)
                return;
        safe_close(p->from);
        safe_close(p->to);
        free(p);
}

static int write_all(int fd, const char *data, size_t n) {
        while (n > 0) {
                ssize_t k = write(fd, data, n);

                if (k < 0)
                        return -errno;
                data += k;
                n -= (size_t) k;
        }
        return 0;
}

/* The source may have been set not to block by whoever else has it open. */
static ssize_t read_some(int fd, char *buffer) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        for (;;) {
                ssize_t n = read(fd, buffer, CHUNK);

                if (n >= 0)
                        return n;
                if (errno != EAGAIN || poll(&p, 1, -1) < 0)
                        return -errno;
        }
}

static void *pump_thread(void *userdata) {
        KftpPump *p = userdata;
        _cleanup_free_ char *buffer = malloc(CHUNK);
        ssize_t n = buffer ? 1 : -ENOMEM;

        while (buffer && n > 0) {
                n = read_some(p->from, buffer);
                if (n > 0 && write_all(p->to, buffer, (size_t) n) < 0)
                        break;
        }
        /* Before the reader sees the end. */
        atomic_store(&p->error, n < 0 ? (int) n : 0);
        p->to = safe_close(p->to);
        pump_unref(p);
        return NULL;
}

/* The thread gets no signals, SIGPIPE among them. */
static int start_thread(KftpPump *p) {
        sigset_t all, old;
        pthread_t thread;
        int r;

        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &old);
        atomic_fetch_add(&p->references, 1);
        r = pthread_create(&thread, NULL, pump_thread, p);
        if (r == 0)
                (void) pthread_detach(thread);
        else
                atomic_fetch_sub(&p->references, 1);
        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        return -r;
}

int kftp_pump_start(KftpPump **ret, int from, int *ret_fd) {
        KftpPump *p = calloc(1, sizeof(*p));
        int ends[2] = { -1, -1 }, r = 0;

        if (!p)
                return -ENOMEM;
        p->from = p->to = -1;
        atomic_init(&p->references, 1);
        p->from = fcntl(from, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (p->from < 0 || pipe2(ends, O_CLOEXEC) < 0)
                r = -errno;
        p->to = ends[1];
        if (r >= 0)
                r = start_thread(p);
        if (r < 0) {
                safe_close(ends[0]);
                pump_unref(p);
                return r;
        }
        *ret = p;
        *ret_fd = ends[0];
        return 0;
}

int kftp_pump_error(const KftpPump *p) {
        return atomic_load(&p->error);
}

void kftp_pump_free(KftpPump *p) {
        if (p)
                pump_unref(p);
}
