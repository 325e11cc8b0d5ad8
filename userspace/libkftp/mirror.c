// SPDX-License-Identifier: LGPL-2.1-or-later
/* kftp_mirror: what has to hold before it begins, and what is said of it when it ends. */

#include <sys/eventfd.h>

#include "failure.h"
#include "mirror.h"
#include "url.h"
#include "util.h"

/* ---- The begin ------------------------------------------------------------------------------- */

static int check(const KftpMirrorOptions *o, KftpFailure *f) {
        if (o->upload && o->symlinks == KFTP_SYMLINKS_COPY)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "links cannot be copied to a server: FTP has no command that makes one; follow or skip them");
        if (o->shards > 0 && o->shard >= o->shards)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "there is no shard %u of %u: they are counted from 0", o->shard, o->shards);
        if (MAX2(o->parallel, o->segments) > KFTP_MIRROR_SESSIONS_MAX)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "more than %u sessions at a time", KFTP_MIRROR_SESSIONS_MAX);
        return 0;
}

/* The same URL as it goes with the mode of TLS that was asked for; what it points to is the caller's. */
static int agree(Mirror *m, const KftpUrl *url, KftpFailure *f) {
        enum kftp_tls_mode mode = m->session_options->tls.mode;
        _cleanup_free_ char *reason = NULL;

        m->url = *url;
        if (kftp_tls_resolve(&m->url, &mode, false, &reason) < 0)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "%s", strempty(reason));
        return 0;
}

static int open_local(Mirror *m, const char *path, KftpFailure *f) {
        const KftpMirrorOptions *o = m->options;
        int r;

        m->local.follow = o->upload && o->symlinks != KFTP_SYMLINKS_SKIP;
        m->local.follow_out = o->upload && o->symlinks == KFTP_SYMLINKS_FOLLOW;
        m->local.durable = o->move && !o->upload;
        m->made_root = !o->upload && !o->dry_run && access(path, F_OK) < 0;
        r = mirror_local_open(&m->local, path, !o->upload && !o->dry_run, f);
        if (r != -ENOENT || o->upload || !o->dry_run)
                return r;
        if (!m->local.root)
                return r;
        kftp_failure_done(f);
        m->no_local_root = true;
        return 0;
}

/* Where it is to be kept how far it came. Without that place the next run lists everything again, no more. */
static int open_state(Mirror *m, KftpFailure *f) {
        const KftpMirrorOptions *o = m->options;
        _cleanup_free_ char *url = NULL, *identity = NULL;
        KftpFailure own = {};
        int r;

        if (!o->state_directory || o->dry_run || o->upload)
                return 0;
        url = kftp_url_identity(&m->url, m->session_options);
        if (!url || asprintf(&identity, "%s %s", url, m->local.root) < 0)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        r = mirror_state_open(&m->state, o->state_directory, identity, &own);
        if (r < 0 && own.class == KFTP_CLASS_BUSY) {
                *f = own;
                return r;
        }
        if (r < 0) {
                MirrorSession s = { .mirror = m };

                mirror_note(&s, "%s; if this mirror is interrupted, the next run lists everything again", strempty(own.text));
                m->state = NULL;
        }
        kftp_failure_done(&own);
        return 0;
}

static int push_root(Mirror *m, KftpFailure *f) {
        MirrorSession s = { .mirror = m };
        MirrorDirectory *root = mirror_directory_new(&s, NULL, NULL);
        MirrorItem *item = root ? mirror_item_new(&s, MIRROR_ITEM_DIRECTORY, root, NULL, NULL, NULL) : NULL;

        if (!item) {
                if (root)
                        mirror_directory_free(m, root);
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        }
        root->has_source = true;
        root->has_target = !m->no_local_root;
        mirror_push(m, item);
        return 0;
}

static int begin(Mirror *m, const KftpUrl *url, const char *path, KftpFailure *f) {
        const KftpMirrorOptions *o = m->options;
        int r;

        r = check(o, f);
        if (r >= 0)
                r = agree(m, url, f);
        if (r >= 0)
                r = open_local(m, path, f);
        if (r >= 0)
                r = open_state(m, f);
        if (r < 0)
                return r;
        m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (m->wake_fd < 0)
                return kftp_failure_local(f, -errno, "cannot begin");
        m->parallel = o->parallel ?: KFTP_PARALLEL_DEFAULT;
        m->sessions_max = MAX2(m->parallel, o->segments);
        m->rules = (MirrorRules) {
                .upload = o->upload,
                .newer = o->newer,
                .permissions = o->permissions,
                .no_times = o->no_times,
                .compare = o->compare,
                .delete = o->delete,
        };
        return push_root(m, f);
}

/* ---- The end --------------------------------------------------------------------------------- */

static int conclude(Mirror *m) {
        KftpMirrorResult *r = m->result;

        if (m->fatal.class != KFTP_CLASS_OK) {
                r->failure = m->fatal;
                return m->fatal.error < 0 ? m->fatal.error : -EIO;
        }
        if (m->cancelled)
                return kftp_failure_set(&r->failure, KFTP_CLASS_INTERRUPTED, -ECANCELED, false, "interrupted; the next run goes on where this one has stopped");
        if (r->failed > 0)
                return kftp_failure_set(&r->failure, KFTP_CLASS_SOME_FAILED, -EIO, false, "%llu of the mirror's files or directories failed",
                                        (unsigned long long) r->failed);
        return 0;
}

static void mirror_done(Mirror *m) {
        bool whole = m->done && !m->stopping;

        /* The source was not there, or the server. It has to be empty for that. */
        if (m->made_root && m->result->directories == 0 && m->local.root)
                (void) rmdir(m->local.root);

        mirror_free_items(m);
        mirror_state_close(m->state, whole);
        mirror_local_close(&m->local);
        safe_close(m->wake_fd);
        for (unsigned i = 0; i < m->sessions_n; i++)
                free(m->shown[i].path);
        free(m->warned);
        pthread_mutex_destroy(&m->lock);
        pthread_mutex_destroy(&m->callbacks);
        pthread_cond_destroy(&m->work);
        free(m);
}

int kftp_mirror(const KftpUrl *url, const char *path, const KftpOptions *options, const KftpMirrorOptions *mirror, KftpMirrorResult *ret) {
        Mirror *m = malloc(sizeof(*m));
        int r;

        *ret = (KftpMirrorResult) {};
        if (!m)
                return kftp_failure_set(&ret->failure, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        *m = (Mirror) {
                .options = mirror,
                .session_options = options,
                .local = MIRROR_LOCAL_INIT,
                .now = (int64_t) time(NULL),
                .begin_usec = now_usec(),
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .callbacks = PTHREAD_MUTEX_INITIALIZER,
                .work = PTHREAD_COND_INITIALIZER,
                .wake_fd = -1,
                .result = ret,
        };
        r = begin(m, url, path, &ret->failure);
        if (r >= 0) {
                mirror_run_sessions(m);
                r = conclude(m);
        }
        mirror_tell_progress(m);
        ret->usec = now_usec() - m->begin_usec;
        mirror_done(m);
        return r < 0 ? r : 0;
}

void kftp_mirror_result_done(KftpMirrorResult *r) {
        kftp_failure_done(&r->failure);
        *r = (KftpMirrorResult) {};
}
