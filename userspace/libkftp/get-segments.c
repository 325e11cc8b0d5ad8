// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A large file over several sessions at a time: a thread for each, with a client and a control of its own. The caller's thread
 * looks after them: it passes on that the caller's control was cancelled, and ends those that nobody needs any more.
 */

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "client.h"
#include "control.h"
#include "failure.h"
#include "names.h"
#include "segments.h"
#include "util.h"

#define INSIST_MS 2000                  /* who was cancelled may take leave of the server for so long */

typedef struct Download Download;

typedef struct Session {
        Download *download;
        KftpOptions options;
        KftpControl *control;           /* its own; the first one's is the caller's */
        KftpClient *client;
        KftpFailure failure;
        pthread_t thread;
        bool started;
        bool ended;                     /* with the lock */
        int result;
} Session;

struct Download {
        const KftpUrl *url;
        const KftpOptions *options;
        KftpSegments *segments;
        pthread_mutex_t callbacks;      /* one at a time */
        pthread_mutex_t lock;
        int ended_fd;                   /* eventfd: a session has */
        unsigned n;
        Session sessions[KFTP_MIRROR_SESSIONS_MAX];
};

/* ---- Callbacks: the caller's, one at a time --------------------------------------------------- */

static const KftpCallbacks *begin_callback(Session *s) {
        (void) pthread_mutex_lock(&s->download->callbacks);
        return &s->download->options->callbacks;
}

static void end_callback(Session *s) {
        (void) pthread_mutex_unlock(&s->download->callbacks);
}

static void on_line(void *userdata, bool sent, const char *text, size_t n) {
        const KftpCallbacks *c = begin_callback(userdata);

        c->line(c->userdata, sent, text, n);
        end_callback(userdata);
}

static void on_connected(void *userdata, const struct kftp_addr *local, const struct kftp_addr *peer) {
        const KftpCallbacks *c = begin_callback(userdata);

        c->connected(c->userdata, local, peer);
        end_callback(userdata);
}

/* Of the whole file, whichever session has moved something. */
static void on_progress(void *userdata, const KftpProgress *p) {
        const KftpCallbacks *c = begin_callback(userdata);
        KftpSegments *segments = ((Session *) userdata)->download->segments;
        KftpProgress sum;

        c->progress(c->userdata, segments && kftp_segments_progress(segments, &sum) ? &sum : p);
        end_callback(userdata);
}

static void on_retry(void *userdata, const KftpAttempt *a) {
        const KftpCallbacks *c = begin_callback(userdata);

        c->retry(c->userdata, a);
        end_callback(userdata);
}

static int on_intent(void *userdata, const KftpIntent *i) {
        const KftpCallbacks *c = begin_callback(userdata);
        int r = c->intent(c->userdata, i);

        end_callback(userdata);
        return r;
}

static void on_tls(void *userdata, enum kftp_role channel, const KftpTlsState *state) {
        const KftpCallbacks *c = begin_callback(userdata);

        c->tls(c->userdata, channel, state);
        end_callback(userdata);
}

static void on_note(void *userdata, const char *text) {
        const KftpCallbacks *c = begin_callback(userdata);

        c->note(c->userdata, text);
        end_callback(userdata);
}

static void on_warning(void *userdata, const char *text) {
        const KftpCallbacks *c = begin_callback(userdata);

        c->warning(c->userdata, text);
        end_callback(userdata);
}

/* Only those that the caller has. */
static KftpCallbacks callbacks_for(Session *s, const KftpCallbacks *c) {
        return (KftpCallbacks) {
                .line = c->line ? on_line : NULL,
                .connected = c->connected ? on_connected : NULL,
                .progress = c->progress ? on_progress : NULL,
                .retry = c->retry ? on_retry : NULL,
                .intent = c->intent ? on_intent : NULL,
                .tls = c->tls ? on_tls : NULL,
                .note = c->note ? on_note : NULL,
                .warning = c->warning ? on_warning : NULL,
                .userdata = s,
        };
}

/* ---- Sessions -------------------------------------------------------------------------------- */

/* The first one is used before there are threads, too, so it has to hear of the caller's control by itself. */
static int session_begin(Download *d, unsigned i) {
        Session *s = &d->sessions[i];
        int r;

        s->download = d;
        s->options = *d->options;
        s->options.callbacks = callbacks_for(s, &d->options->callbacks);
        if (i > 0) {
                r = kftp_control_new(&s->control);
                if (r < 0)
                        return r;
                s->options.control = s->control;
        }
        return kftp_client_new(&s->client, &s->options);
}

/* Of the limit, which is for all of them. */
static uint64_t share_of_rate(const Download *d) {
        return d->options->limit_rate > 0 ? MAX2(d->options->limit_rate / d->n, UINT64_C(1)) : 0;
}

static void *session_main(void *userdata) {
        Session *s = userdata;
        Download *d = s->download;

        kftp_client_set_rate(s->client, share_of_rate(d));
        s->result = kftp_segments_fetch(d->segments, s->client, &s->failure);
        (void) pthread_mutex_lock(&d->lock);
        s->ended = true;
        (void) pthread_mutex_unlock(&d->lock);
        (void) !write(d->ended_fd, &(uint64_t) { 1 }, sizeof(uint64_t));
        return NULL;
}

static void start(Download *d) {
        for (unsigned i = 0; i < d->n; i++) {
                Session *s = &d->sessions[i];

                /* Those that there are do its work, too. */
                if (!s->client && session_begin(d, i) < 0)
                        continue;
                s->started = pthread_create(&s->thread, NULL, session_main, s) == 0;
        }
}

/* How many of the sessions that were started have not ended; with cancel they are told to. */
static unsigned count_running(Download *d, bool cancel) {
        unsigned n = 0;

        (void) pthread_mutex_lock(&d->lock);
        for (unsigned i = 0; i < d->n; i++) {
                Session *s = &d->sessions[i];

                if (!s->started || s->ended)
                        continue;
                n++;
                if (cancel && s->control)
                        kftp_control_cancel(s->control);
        }
        (void) pthread_mutex_unlock(&d->lock);
        return n;
}

/* Until all have ended. Who only waits for another attempt, or for a server's last word, is not waited for when all is there. */
static void look_after(Download *d) {
        bool cancelled = false;

        for (;;) {
                struct pollfd p[] = {
                        { .fd = d->ended_fd,                                                .events = POLLIN },
                        { .fd = cancelled ? -1 : kftp_control_fd(d->options->control),      .events = POLLIN },
                };
                bool needed = kftp_segments_wanted(d->segments);
                uint64_t n;

                cancelled = cancelled || kftp_control_cancelled(d->options->control);
                if (count_running(d, !needed || cancelled) == 0)
                        return;
                if (poll(p, ELEMENTS(p), !needed || cancelled ? INSIST_MS : -1) > 0 && p[0].revents)
                        (void) !read(d->ended_fd, &n, sizeof(n));
        }
}

/* Of those that have come back well one whose connection is there, if there is one. */
static KftpClient *end_threads(Download *d) {
        KftpClient *client = d->sessions[0].client;
        bool found = false;

        for (unsigned i = 0; i < d->n; i++) {
                Session *s = &d->sessions[i];

                if (!s->started)
                        continue;
                (void) pthread_join(s->thread, NULL);
                if (!found && s->result >= 0 && !kftp_control_cancelled(s->options.control)) {
                        client = s->client;
                        found = true;
                }
        }
        return client;
}

static void note_failures(Download *d, const KftpResult *ret) {
        const KftpCallbacks *c = &d->options->callbacks;

        for (unsigned i = 0; i < d->n && c->note && ret->failure.class == KFTP_CLASS_OK; i++) {
                _cleanup_free_ char *text = NULL;
                const KftpFailure *f = &d->sessions[i].failure;

                if (f->class == KFTP_CLASS_OK || f->class == KFTP_CLASS_INTERRUPTED)
                        continue;
                if (asprintf(&text, "the file was received with a session less: %s", strempty(f->text)) >= 0)
                        c->note(c->userdata, text);
                else
                        text = NULL;
        }
}

/* ---- The download ---------------------------------------------------------------------------- */

static int fetch(Download *d, KftpResult *ret) {
        KftpClient *client;
        int r;

        start(d);
        look_after(d);
        client = end_threads(d);
        kftp_client_set_rate(client, d->options->limit_rate);
        r = kftp_segments_finish(d->segments, client, ret);
        note_failures(d, ret);
        return r;
}

static int fetch_into(Download *d, const char *dest, const KftpNames *names, int directory_fd, unsigned segments, uint64_t segment_size, KftpResult *ret) {
        KftpFetch to = {
                .directory_fd = directory_fd,
                .directory = names->directory,
                .name = names->final,
                .size = KFTP_SIZE_UNKNOWN,
                .mtime = KFTP_MTIME_UNKNOWN,
                .mode = KFTP_MODE_UNKNOWN,
        };
        int r;

        r = kftp_segments_open(&d->segments, d->sessions[0].client, d->url, &to, segments, segment_size, &ret->failure);
        if (r == -EOPNOTSUPP) {
                kftp_failure_done(&ret->failure);
                return kftp_client_get(d->sessions[0].client, d->url, dest, ret);
        }
        if (r < 0)
                return r;
        r = fetch(d, ret);
        /* EINVAL: a file system that has nothing to sync; EBADF: a directory that may not be read. */
        if (r >= 0 && fsync(directory_fd) < 0 && errno != EINVAL && errno != EBADF)
                r = kftp_failure_local(&ret->failure, -errno, "cannot sync the directory %s", names->directory);
        return r;
}

static int open_directory(const char *path, KftpFailure *f) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 && errno == EACCES)
                fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? kftp_failure_local(f, -errno, "%s", path) : fd;
}

static int run(Download *d, const char *dest, unsigned segments, uint64_t segment_size, KftpResult *ret) {
        _cleanup_close_ int directory_fd = -1;
        KftpNames names = {};
        int r;

        r = kftp_names_choose(&names, d->url, dest, false, &ret->failure);
        if (r < 0)
                return r;
        directory_fd = open_directory(names.directory, &ret->failure);
        r = directory_fd < 0 ? directory_fd : fetch_into(d, dest, &names, directory_fd, segments, segment_size, ret);
        if (!ret->local)
                ret->local = kftp_path_join(names.directory, names.final);
        kftp_names_done(&names);
        return r;
}

static int download_begin(Download *d, KftpFailure *f) {
        int r = 0;

        (void) pthread_mutex_init(&d->callbacks, NULL);
        (void) pthread_mutex_init(&d->lock, NULL);
        d->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (d->ended_fd < 0)
                r = -errno;
        if (r >= 0)
                r = session_begin(d, 0);
        return r < 0 ? kftp_failure_local(f, r, "cannot begin") : 0;
}

static void download_done(Download *d) {
        kftp_segments_close(d->segments);
        for (unsigned i = 0; i < d->n; i++) {
                kftp_client_free(d->sessions[i].client);
                kftp_control_free(d->sessions[i].control);
                kftp_failure_done(&d->sessions[i].failure);
        }
        safe_close(d->ended_fd);
        (void) pthread_mutex_destroy(&d->callbacks);
        (void) pthread_mutex_destroy(&d->lock);
}

int kftp_get_segments(const KftpUrl *url, const char *dest, const KftpOptions *options, unsigned segments, uint64_t segment_size, KftpResult *ret) {
        unsigned n = MIN2(MAX2(segments, 1U), KFTP_MIRROR_SESSIONS_MAX);
        Download *d = calloc(1, sizeof(*d));
        uint64_t begin = now_usec();
        int r;

        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        if (!d)
                return kftp_failure_set(&ret->failure, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        d->url = url;
        d->options = options;
        d->n = n;
        r = download_begin(d, &ret->failure);
        if (r >= 0)
                r = run(d, dest, n, segment_size, ret);
        if (r >= 0)
                kftp_failure_done(&ret->failure);
        download_done(d);
        free(d);
        ret->usec = now_usec() - begin;
        return r < 0 ? r : 0;
}
