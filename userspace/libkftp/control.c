// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The handle by which a transfer is stopped from another thread or from a signal handler.
 *
 * Three things are told: the flag, for whoever looks; the eventfd, for whoever polls (a name being
 * resolved, the pause before another attempt); the device, for the thread inside KFTP_RUN. The
 * canceller must not reach for a descriptor that the transfer has closed meanwhile, its number may
 * belong to somebody else's session. A lock is out of the question in a signal handler, so
 * cancellers are counted, and detach waits until none is left that may have seen the descriptor. A
 * handler never waits for the thread it interrupted: it only counts up, calls the device, and counts
 * down.
 */

#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "control.h"
#include "util.h"

struct KftpControl {
        atomic_uint cancels;            /* how often it was cancelled */
        atomic_int device_fd;
        atomic_uint cancellers;
        atomic_bool logged_in;          /* the session on device_fd is, and so knows what to do about its requests */
        int event_fd;
};

int kftp_control_new(KftpControl **ret) {
        KftpControl *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (c->event_fd < 0) {
                int r = -errno;

                free(c);
                return r;
        }
        atomic_init(&c->device_fd, -1);
        *ret = c;
        return 0;
}

void kftp_control_free(KftpControl *c) {
        if (!c)
                return;
        safe_close(c->event_fd);
        free(c);
}

static void cancel(int device_fd, enum kftp_cancel_what what) {
        struct kftp_cancel request = { .size = sizeof(request), .what = what };

        /* Nothing to cancel, or being cancelled already: both are as wished. */
        (void) ioctl(device_fd, KFTP_CANCEL, &request);
}

/* A transfer is taken leave of (ABOR); if that takes too long for somebody, the session just ends. */
void kftp_control_cancel(KftpControl *c) {
        int saved = errno, fd;
        bool again;

        /* First the flag, then the descriptor: attach does it the other way round, so one sees the other. */
        again = atomic_fetch_add(&c->cancels, 1) > 0;
        (void) !write(c->event_fd, &(uint64_t) { 1 }, sizeof(uint64_t));

        atomic_fetch_add(&c->cancellers, 1);
        fd = atomic_load(&c->device_fd);
        if (fd >= 0)
                cancel(fd, !again && atomic_load(&c->logged_in) ? KFTP_CANCEL_ALL : KFTP_CANCEL_SESSION);
        atomic_fetch_sub(&c->cancellers, 1);
        errno = saved;
}

bool kftp_control_cancelled(const KftpControl *c) {
        return kftp_control_cancels(c) > 0;
}

unsigned kftp_control_cancels(const KftpControl *c) {
        return c ? atomic_load(&c->cancels) : 0;
}

int kftp_control_fd(const KftpControl *c) {
        return c ? c->event_fd : -1;
}

void kftp_control_attach(KftpControl *c, int device_fd) {
        if (!c)
                return;
        atomic_store(&c->logged_in, false);
        atomic_store(&c->device_fd, device_fd);
        if (atomic_load(&c->cancels) > 0)
                cancel(device_fd, KFTP_CANCEL_SESSION);
}

void kftp_control_logged_in(KftpControl *c) {
        if (c)
                atomic_store(&c->logged_in, true);
}

void kftp_control_submitted(const KftpControl *c) {
        int fd = c ? atomic_load(&c->device_fd) : -1;

        if (fd >= 0 && atomic_load(&c->cancels) > 0)
                cancel(fd, KFTP_CANCEL_ALL);
}

void kftp_control_detach(KftpControl *c) {
        if (!c)
                return;
        atomic_store(&c->device_fd, -1);
        while (atomic_load(&c->cancellers) > 0)
                (void) sched_yield();
}

int kftp_control_sleep(const KftpControl *c, uint64_t usec) {
        uint64_t now = now_usec(), end = now + usec;
        struct pollfd p = { .fd = kftp_control_fd(c), .events = POLLIN };

        for (; now < end; now = now_usec()) {
                struct timespec left = {
                        .tv_sec = (time_t) ((end - now) / USEC_PER_SEC),
                        .tv_nsec = (long) ((end - now) % USEC_PER_SEC * NSEC_PER_USEC),
                };

                if (kftp_control_cancelled(c))
                        return -ECANCELED;
                if (ppoll(&p, 1, &left, NULL) < 0 && errno != EINTR)
                        return -errno;
        }
        return kftp_control_cancelled(c) ? -ECANCELED : 0;
}
