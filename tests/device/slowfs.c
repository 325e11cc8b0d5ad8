/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A FUSE file system by hand: the root of the mount is the file itself, so that a handful of
 * requests is all there is to answer. No library: it would want a directory, and a mount helper.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peer.h"
#include "slowfs.h"

#define CONTENT_MAX (16 << 20)
#define REQUEST_MAX (256 * 1024)

struct SlowFile {
        int fuse;
        char path[128];
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool closed, stuck, stopping, direct;
        unsigned good;                  /* reads and writes that will succeed before error */
        int error;
        uint8_t *content;
        uint64_t size;
};

static _Noreturn void give_up(const char *what) {
        perror(what);
        abort();
}

static void reply(SlowFile *f, uint64_t unique, int error, const void *bytes, size_t n) {
        struct {
                struct fuse_out_header head;
                uint8_t body[16384];
        } out = { .head = { .len = sizeof(struct fuse_out_header) + n, .error = -error, .unique = unique } };

        if (n > 0)
                memcpy(out.body, bytes, n);
        /* ENOENT: the one who asked was killed meanwhile */
        if (write(f->fuse, &out, out.head.len) < 0 && errno != ENOENT && !f->stopping)
                perror("slowfs: write");
}

static void reply_init(SlowFile *f, uint64_t unique, const struct fuse_init_in *in) {
        struct fuse_init_out out = {
                .major = FUSE_KERNEL_VERSION,
                .minor = FUSE_KERNEL_MINOR_VERSION < in->minor ? FUSE_KERNEL_MINOR_VERSION : in->minor,
                .max_readahead = in->max_readahead,
                .max_write = 16384,
        };

        reply(f, unique, 0, &out, sizeof(out));
}

static void reply_attr(SlowFile *f, uint64_t unique) {
        struct fuse_attr_out out = {
                .attr = { .ino = 1, .size = f->size, .mode = S_IFREG | 0600, .nlink = 1, .blksize = 4096 },
        };

        reply(f, unique, 0, &out, sizeof(out));
}

/* Waits for the gate, without the lock's being held for long. */
static int pass_gate(SlowFile *f) {
        int error;

        pthread_mutex_lock(&f->lock);
        while (f->closed && !f->stopping) {
                f->stuck = true;
                pthread_cond_broadcast(&f->changed);
                pthread_cond_wait(&f->changed, &f->lock);
        }
        f->stuck = false;
        error = f->good > 0 ? 0 : f->error;
        if (f->good > 0)
                f->good--;
        pthread_mutex_unlock(&f->lock);
        return error;
}

static void do_write(SlowFile *f, uint64_t unique, const struct fuse_write_in *in) {
        struct fuse_write_out out = { .size = in->size };
        int error;

        error = pass_gate(f);
        if (error == 0 && in->offset + in->size > CONTENT_MAX)
                error = EFBIG;
        if (error != 0) {
                reply(f, unique, error, NULL, 0);
                return;
        }
        pthread_mutex_lock(&f->lock);
        memcpy(f->content + in->offset, in + 1, in->size);
        if (in->offset + in->size > f->size)
                f->size = in->offset + in->size;
        pthread_mutex_unlock(&f->lock);
        reply(f, unique, 0, &out, sizeof(out));
}

static void do_read(SlowFile *f, uint64_t unique, const struct fuse_read_in *in) {
        size_t n = in->size < 16384 ? in->size : 16384;
        int error;

        error = pass_gate(f);
        if (error != 0) {
                reply(f, unique, error, NULL, 0);
                return;
        }
        if (in->offset >= f->size)
                n = 0;
        else if (n > f->size - in->offset)
                n = f->size - in->offset;
        reply(f, unique, 0, f->content + in->offset, n);
}

static void answer(SlowFile *f, const struct fuse_in_header *head) {
        struct fuse_open_out opened = { .open_flags = f->direct ? FOPEN_DIRECT_IO : 0 };

        switch (head->opcode) {
        case FUSE_INIT:
                return reply_init(f, head->unique, (const struct fuse_init_in *) (head + 1));
        case FUSE_GETATTR:
        case FUSE_SETATTR:
                return reply_attr(f, head->unique);
        case FUSE_OPEN:
                return reply(f, head->unique, 0, &opened, sizeof(opened));
        case FUSE_WRITE:
                return do_write(f, head->unique, (const struct fuse_write_in *) (head + 1));
        case FUSE_READ:
                return do_read(f, head->unique, (const struct fuse_read_in *) (head + 1));
        case FUSE_FLUSH:
        case FUSE_RELEASE:
        case FUSE_FSYNC:
                return reply(f, head->unique, 0, NULL, 0);
        case FUSE_FORGET:
        case FUSE_BATCH_FORGET:
        case FUSE_INTERRUPT:
                return;
        default:
                return reply(f, head->unique, ENOSYS, NULL, 0);
        }
}

static void *serve(void *userdata) {
        SlowFile *f = userdata;
        uint8_t *request;

        request = malloc(REQUEST_MAX);
        if (!request)
                give_up("slowfs");
        for (;;) {
                ssize_t n = read(f->fuse, request, REQUEST_MAX);

                if (n < 0 && (errno == EINTR || errno == ENOENT))
                        continue;
                if (n <= 0)
                        break;          /* unmounted */
                answer(f, (const struct fuse_in_header *) request);
        }
        free(request);
        return NULL;
}

static void start_thread(SlowFile *f) {
        sigset_t all, old;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        if (pthread_create(&f->thread, NULL, serve, f) != 0)
                give_up("slowfs: pthread_create");
        pthread_sigmask(SIG_SETMASK, &old, NULL);
}

SlowFile *slowfs_start(const char *directory, int *ret_fd) {
        char options[128];
        SlowFile *f;
        int fd;

        f = calloc(1, sizeof(*f));
        if (!f || !(f->content = calloc(1, CONTENT_MAX)))
                give_up("slowfs");
        pthread_mutex_init(&f->lock, NULL);
        pthread_cond_init(&f->changed, NULL);
        snprintf(f->path, sizeof(f->path), "%s/slow", directory);
        fd = open(f->path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        f->fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        if (fd < 0 || f->fuse < 0)
                give_up("slowfs: /dev/fuse");
        close(fd);
        snprintf(options, sizeof(options), "fd=%d,rootmode=100600,user_id=0,group_id=0,max_read=16384", f->fuse);
        if (mount("slowfs", f->path, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
                give_up("slowfs: mount");
        start_thread(f);
        *ret_fd = open(f->path, O_RDWR | O_CLOEXEC);
        if (*ret_fd < 0)
                give_up("slowfs: open");
        return f;
}

int slowfs_open_direct(SlowFile *f) {
        f->direct = true;
        return open(f->path, O_RDONLY | O_CLOEXEC);
}

void slowfs_fill(SlowFile *f, uint64_t n) {
        pthread_mutex_lock(&f->lock);
        for (uint64_t i = 0; i < n; i++)
                f->content[i] = peer_byte(i);
        f->size = n;
        pthread_mutex_unlock(&f->lock);
}

static void set_gate(SlowFile *f, bool closed) {
        pthread_mutex_lock(&f->lock);
        f->closed = closed;
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
}

void slowfs_close_gate(SlowFile *f) {
        set_gate(f, true);
}

void slowfs_open_gate(SlowFile *f) {
        set_gate(f, false);
}

void slowfs_fail(SlowFile *f, unsigned after, int error) {
        pthread_mutex_lock(&f->lock);
        f->good = after;
        f->error = error;
        pthread_mutex_unlock(&f->lock);
}

int slowfs_wait_stuck(SlowFile *f) {
        bool stuck = false;

        for (unsigned i = 0; i < PEER_PATIENCE_MS / 10 && !stuck; i++) {
                pthread_mutex_lock(&f->lock);
                stuck = f->stuck;
                pthread_mutex_unlock(&f->lock);
                if (!stuck)
                        peer_sleep(10);
        }
        return stuck;
}

uint64_t slowfs_content(SlowFile *f, void *bytes, size_t n) {
        uint64_t size;

        pthread_mutex_lock(&f->lock);
        size = f->size;
        if (n > 0)
                memcpy(bytes, f->content, n < size ? n : size);
        pthread_mutex_unlock(&f->lock);
        return size;
}

void slowfs_stop(SlowFile *f) {
        f->stopping = true;
        slowfs_open_gate(f);
        umount2(f->path, MNT_FORCE | MNT_DETACH);
        pthread_join(f->thread, NULL);
        close(f->fuse);
        unlink(f->path);
        free(f->content);
        free(f);
}
