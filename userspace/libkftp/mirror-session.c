// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The sessions of a mirror: threads, each with a connection. The first one shows whether the server lets us in: only then
 * there are more, as many as there is work for. One that gets no connection leaves its work to the others.
 */

#include <poll.h>
#include <sys/eventfd.h>

#include "control.h"
#include "digest.h"
#include "failure.h"
#include "mirror.h"
#include "util.h"

#define TELL_MSEC 100

static __thread unsigned current_session;

unsigned kftp_mirror_current_session(void) {
        return current_session;
}

/* ---- The callbacks of a session's client: one at a time ---------------------------------------- */

#define CALL(s, member, ...) do {                                                       \
                const KftpCallbacks *_c = &(s)->mirror->session_options->callbacks;     \
                pthread_mutex_lock(&(s)->mirror->callbacks);                            \
                _c->member(_c->userdata, __VA_ARGS__);                                  \
                pthread_mutex_unlock(&(s)->mirror->callbacks);                          \
        } while (0)

static void on_line(void *userdata, bool sent, const char *text, size_t n) {
        MirrorSession *s = userdata;

        CALL(s, line, sent, text, n);
}

static void on_connected(void *userdata, const struct kftp_addr *local, const struct kftp_addr *peer) {
        MirrorSession *s = userdata;

        CALL(s, connected, local, peer);
}

static void on_retry(void *userdata, const KftpAttempt *a) {
        MirrorSession *s = userdata;

        CALL(s, retry, a);
}

static int on_intent(void *userdata, const KftpIntent *i) {
        MirrorSession *s = userdata;
        const KftpCallbacks *c = &s->mirror->session_options->callbacks;
        int r;

        pthread_mutex_lock(&s->mirror->callbacks);
        r = c->intent(c->userdata, i);
        pthread_mutex_unlock(&s->mirror->callbacks);
        return r;
}

static void on_tls(void *userdata, enum kftp_role channel, const KftpTlsState *state) {
        MirrorSession *s = userdata;

        CALL(s, tls, channel, state);
}

static void on_note(void *userdata, const char *text) {
        MirrorSession *s = userdata;

        CALL(s, note, text);
}

/* What is to be said of one session is to be said of all. */
static void on_warning(void *userdata, const char *text) {
        MirrorSession *s = userdata;
        Mirror *m = s->mirror;
        const KftpCallbacks *c = &m->session_options->callbacks;

        pthread_mutex_lock(&m->callbacks);
        if (!streq_ptr(m->warned, text)) {
                c->warning(c->userdata, text);
                free(m->warned);
                m->warned = strdup(text);
        }
        pthread_mutex_unlock(&m->callbacks);
}

static void on_progress(void *userdata, const KftpProgress *p) {
        mirror_note_progress(userdata, p);
}

static int make_client(MirrorSession *s, KftpFailure *f) {
        const KftpCallbacks *theirs = &s->mirror->session_options->callbacks;
        KftpOptions o = *s->mirror->session_options;
        int r;

        o.control = s->control;
        o.resume = true;
        o.callbacks = (KftpCallbacks) {
                .line = theirs->line ? on_line : NULL,
                .connected = theirs->connected ? on_connected : NULL,
                .progress = on_progress,
                .retry = theirs->retry ? on_retry : NULL,
                .intent = theirs->intent ? on_intent : NULL,
                .tls = theirs->tls ? on_tls : NULL,
                .note = theirs->note ? on_note : NULL,
                .warning = theirs->warning ? on_warning : NULL,
                .userdata = s,
        };
        r = kftp_client_new(&s->client, &o);
        return r < 0 ? kftp_failure_set(f, KFTP_CLASS_OTHER, r, true, "not enough memory") : 0;
}

/* A server that hangs up behind the last file is not connected to for nothing. */
static bool has_ended(Mirror *m) {
        bool ended;

        pthread_mutex_lock(&m->lock);
        ended = m->stopping || m->done;
        pthread_mutex_unlock(&m->lock);
        return ended;
}

/* ---- Its work -------------------------------------------------------------------------------- */

/* What the server can, as far as it matters to what is compared. */
static int note_features(KftpConnection *c, void *userdata, KftpFailure *f) {
        MirrorSession *s = userdata;
        Mirror *m = s->mirror;
        struct kftp_info info;

        (void) f;
        if (s->connected || m->options->compare != KFTP_COMPARE_HASH || kftp_connection_info(c, &info) < 0)
                return 0;
        pthread_mutex_lock(&m->lock);
        m->rules.has_hash = kftp_digest_choose(info.feat) != KFTP_DIGEST_NONE;
        pthread_mutex_unlock(&m->lock);
        return 0;
}

/* Has a connection, the one there is or a new one. */
static int connect_session(MirrorSession *s, KftpFailure *f) {
        Mirror *m = s->mirror;
        bool first = !s->connected;
        int r = kftp_client_do(s->client, &m->url, note_features, s, NULL, f);

        s->lost = r < 0;
        if (r < 0)
                return r;
        kftp_failure_done(f);
        if (!first)
                return 0;
        pthread_mutex_lock(&m->lock);
        s->connected = true;
        m->result->sessions++;
        pthread_mutex_unlock(&m->lock);
        if (m->options->compare == KFTP_COMPARE_HASH && !m->rules.has_hash && s->number == 1)
                mirror_note(s, "the server has no command that tells the hash of a file: files of the same size are compared by their times");
        (void) !write(m->wake_fd, &(uint64_t) { 1 }, sizeof(uint64_t));
        return 0;
}

bool mirror_is_lost(MirrorSession *s, const KftpFailure *f) {
        KftpFailure own = {};

        if ((f->class != KFTP_CLASS_NETWORK && f->class != KFTP_CLASS_AUTH) || mirror_is_stopping(s->mirror))
                return false;
        if (!s->lost)
                (void) connect_session(s, &own);
        kftp_failure_done(&own);
        return s->lost;
}

bool mirror_is_for_others(MirrorSession *s, const MirrorItem *item, const KftpFailure *f) {
        return !item->begun && mirror_is_lost(s, f);
}

/* What is to be told of a limit, all being moved at a time taken together. */
static void share_rate(MirrorSession *s) {
        Mirror *m = s->mirror;
        uint64_t limit = m->session_options->limit_rate;
        size_t n;

        if (limit == 0)
                return;
        pthread_mutex_lock(&m->lock);
        n = m->directories.n + m->listing > 0 ? m->sessions_max : m->active + m->transfers.n + m->joins.n;
        pthread_mutex_unlock(&m->lock);
        n = MAX2(MIN2(n, (size_t) m->sessions_max), (size_t) 1);
        kftp_client_set_rate(s->client, MAX2(limit / n, UINT64_C(1)));
}

/* -errno with *f: not by this session. */
static int work(MirrorSession *s, MirrorItem *item, KftpFailure *f) {
        share_rate(s);
        switch (item->kind) {
        case MIRROR_ITEM_DIRECTORY:
                return mirror_compare_directory(s, item, f);
        case MIRROR_ITEM_GET:
                return mirror_get(s, item, f);
        case MIRROR_ITEM_PUT:
                return mirror_put(s, item, f);
        case MIRROR_ITEM_CHECK:
                return mirror_check(s, item, f);
        case MIRROR_ITEM_SET:
                return mirror_set(s, item, f);
        case MIRROR_ITEM_MOVE:
                mirror_move(s, item->directory, item->source);
                return 0;
        case MIRROR_ITEM_SEGMENTS:
                mirror_join(s, item);
                return 0;
        default:
                return 0;
        }
}

static void run(MirrorSession *s, KftpFailure *f) {
        Mirror *m = s->mirror;
        MirrorItem *item;

        while (!has_ended(m) && connect_session(s, f) >= 0 && (item = mirror_take(s))) {
                if (work(s, item, f) < 0) {
                        mirror_give_back(m, item);
                        return;
                }
                mirror_item_done(s, item);
        }
}

/* A session that had to end early, and others go on: theirs is what it did not do. If there are none, that is the end. */
static void retire(MirrorSession *s, KftpFailure *f) {
        Mirror *m = s->mirror;
        bool last;

        pthread_mutex_lock(&m->lock);
        s->ended = true;
        last = --m->alive == 0;
        mirror_show(s, false, NULL);
        if (f->class != KFTP_CLASS_OK && !last)
                /* More than so many are not let in, or not any more. */
                m->sessions_max = MAX2(m->alive, 1U);
        pthread_mutex_unlock(&m->lock);

        if (f->class == KFTP_CLASS_OK || m->done) {
                kftp_failure_done(f);
                return;
        }
        if (last || f->class == KFTP_CLASS_DEVICE) {
                mirror_stop(m, f);
                return;
        }
        if (!mirror_is_stopping(m))
                mirror_note(s, "session %u ends, %s; the others go on", s->number, strempty(f->text));
        kftp_failure_done(f);
}

static void *session_main(void *userdata) {
        MirrorSession *s = userdata;
        KftpFailure f = {};

        current_session = s->number;
        if (make_client(s, &f) >= 0)
                run(s, &f);
        kftp_client_free(s->client);
        retire(s, &f);
        (void) !write(s->mirror->wake_fd, &(uint64_t) { 1 }, sizeof(uint64_t));
        return NULL;
}

/* ---- All of them ----------------------------------------------------------------------------- */

static int start_session(Mirror *m) {
        MirrorSession *s = m->sessions + m->sessions_n;
        int r;

        *s = (MirrorSession) { .mirror = m, .number = m->sessions_n + 1 };
        r = kftp_control_new(&s->control);
        if (r < 0)
                return r;
        m->sessions_n++;
        m->alive++;
        r = -pthread_create(&s->thread, NULL, session_main, s);
        if (r < 0) {
                m->alive--;
                s->ended = true;
                return r;
        }
        s->running = true;
        return 0;
}

/* Whether another one would find something to do. */
static bool is_wanted(const Mirror *m) {
        size_t waiting = m->directories.n + m->transfers.n + m->joins.n;

        if (m->stopping || m->done || m->alive >= m->sessions_max || m->sessions_n >= ELEMENTS(m->sessions))
                return false;
        if (m->joins.n == 0 && m->active >= m->parallel)
                return false;
        if (m->sessions_n == 0)
                return true;
        /* Those that are being connected take their share. */
        return m->sessions[0].connected && waiting > m->alive - MIN2(m->active, m->alive);
}

static void start_wanted(Mirror *m) {
        KftpFailure f = {};
        int r = 0;

        pthread_mutex_lock(&m->lock);
        while (r >= 0 && is_wanted(m))
                r = start_session(m);
        if (r < 0)
                m->sessions_max = MAX2(m->alive, 1U);
        pthread_mutex_unlock(&m->lock);
        if (r < 0 && m->alive == 0) {
                kftp_failure_set(&f, KFTP_CLASS_OTHER, r, true, "cannot start a session: %s", strerror(-r));
                mirror_stop(m, &f);
        }
}

static bool is_over(Mirror *m) {
        bool over;

        pthread_mutex_lock(&m->lock);
        over = m->alive == 0 && (m->stopping || m->done || m->sessions_n > 0);
        /* What is still being connected is not needed any more. */
        for (unsigned i = 0; m->done && i < m->sessions_n; i++)
                if (!m->sessions[i].ended && !m->sessions[i].connected)
                        kftp_control_cancel(m->sessions[i].control);
        pthread_mutex_unlock(&m->lock);
        return over;
}

/* By the caller. Of a mirror that has ended, or was cancelled before, the leave that sessions take is cut short. */
static void cancel(Mirror *m) {
        if (!has_ended(m)) {
                m->cancelled = true;
                mirror_stop(m, NULL);
                return;
        }
        pthread_mutex_lock(&m->lock);
        for (unsigned i = 0; i < m->sessions_n; i++)
                if (!m->sessions[i].ended)
                        kftp_control_cancel(m->sessions[i].control);
        pthread_mutex_unlock(&m->lock);
}

void mirror_run_sessions(Mirror *m) {
        const KftpControl *control = m->session_options->control;
        struct pollfd p[2] = {
                { .fd = m->wake_fd, .events = POLLIN },
                { .fd = kftp_control_fd(control), .events = POLLIN },
        };
        unsigned cancels = 0;
        uint64_t value;

        for (;;) {
                start_wanted(m);
                if (is_over(m))
                        break;
                if (poll(p, ELEMENTS(p), m->options->progress || cancels > 0 ? TELL_MSEC : -1) < 0)
                        continue;
                mirror_tell_progress(m);
                (void) !read(m->wake_fd, &value, sizeof(value));
                if (kftp_control_cancels(control) > cancels) {
                        cancels = kftp_control_cancels(control);
                        p[1].fd = -1;           /* it is readable for ever: what comes is looked for now and then */
                        cancel(m);
                }
        }
        for (unsigned i = 0; i < m->sessions_n; i++) {
                if (m->sessions[i].running)
                        (void) pthread_join(m->sessions[i].thread, NULL);
                kftp_control_free(m->sessions[i].control);
        }
}
