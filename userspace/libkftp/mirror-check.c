// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files of a mirror of which only the server can say whether they are the same; and times and modes that are set there. */

#include "digest.h"
#include "failure.h"
#include "mirror.h"
#include "util.h"
#include "verify.h"

/* -errno with *f: for another session. */
static int fail(MirrorSession *s, MirrorItem *item, enum kftp_mirror_action action, const char *path, KftpFailure *own, KftpFailure *f) {
        if (mirror_is_for_others(s, item, own)) {
                *f = *own;
                return own->error < 0 ? own->error : -EIO;
        }
        mirror_fail(s->mirror, item->directory);
        if (mirror_is_fatal(own))
                mirror_stop(s->mirror, own);
        else
                mirror_report_failure(s, action, path, item->source, own);
        return 0;
}

/* ---- Times ----------------------------------------------------------------------------------- */

static const MirrorEntry *remote_entry(const Mirror *m, const MirrorItem *item) {
        return m->options->upload ? item->target : item->source;
}

static int ask_time(MirrorSession *s, const MirrorItem *item, const char *remote, int64_t *ret, KftpFailure *f) {
        Mirror *m = s->mirror;
        const MirrorEntry *there = remote_entry(m, item);
        int r;

        *ret = KFTP_MTIME_UNKNOWN;
        r = mirror_remote_mtime(s, remote, ret, f);
        if (r < 0)
                return r;
        pthread_mutex_lock(&m->lock);
        if (r == 0)
                m->rules.timeless = true;
        else
                mirror_clock_learn(&m->rules.clock, there->mtime, there->mtime_precision, *ret);
        pthread_mutex_unlock(&m->lock);
        return 0;
}

/* ---- Hashes ---------------------------------------------------------------------------------- */

typedef struct Hashing {
        const char *remote;
        const char *local;
        int fd;
        bool differs;
} Hashing;

static int compare_hash(KftpConnection *c, void *userdata, KftpFailure *f) {
        _cleanup_free_ char *sha256 = NULL;
        Hashing *h = userdata;
        KftpVerify v;
        int r;

        r = kftp_verify_begin(&v, c, KFTP_VERIFY_HASH, f);
        if (r >= 0)
                r = kftp_verify_file(&v, c, h->remote, h->fd, h->local, &sha256, f);
        h->differs = r < 0 && f->class == KFTP_CLASS_INTEGRITY;
        if (h->differs)
                kftp_failure_done(f);
        return h->differs ? 0 : r;
}

/* 1: it differs. */
static int ask_hash(MirrorSession *s, const char *path, const char *remote, KftpFailure *f) {
        Mirror *m = s->mirror;
        _cleanup_free_ char *local = mirror_path_here(m, path);
        _cleanup_close_ int fd = mirror_local_file(&m->local, path, f);
        Hashing h = { .remote = remote, .local = strempty(local), .fd = fd };
        int r = fd;

        if (r >= 0)
                r = kftp_client_do(s->client, &m->url, compare_hash, &h, NULL, f);
        if (r < 0)
                return r;
        kftp_failure_done(f);
        return h.differs;
}

/* ---- Both ------------------------------------------------------------------------------------ */

/*
 * Each of the two is asked once, in the order in which they are needed: an answer that settles nothing would be asked for
 * again without end. *exact gets the time if that was asked for.
 */
static MirrorVerdict ask(MirrorSession *s, const MirrorItem *item, const char *path, const char *remote, int64_t *exact, const char **why, KftpFailure *f) {
        bool has_time = false, has_hash = false;

        for (;;) {
                /* What others have asked meanwhile may have settled it. */
                MirrorRules rules = mirror_rules(s->mirror, item->directory);
                MirrorVerdict v;
                int r;

                /* The content is the same; what the rest calls for is as if the hash had not been asked for. */
                if (has_hash)
                        rules.compare = KFTP_COMPARE_SIZE;
                v = has_time ? mirror_compare_exact(&rules, item->source, item->target, *exact, why)
                        : mirror_compare(&rules, item->source, item->target, why);
                if (v == MIRROR_TRANSFER && rules.upload && *exact != KFTP_MTIME_UNKNOWN && streq(strempty(*why), "time")
                    && mirror_is_forgotten(s, item->directory, item->source, item->target, *exact))
                        continue;
                if (v == MIRROR_ASK_TIME && !has_time) {
                        r = ask_time(s, item, remote, exact, f);
                        has_time = true;
                } else if (v == MIRROR_ASK_HASH && !has_hash) {
                        r = ask_hash(s, path, remote, f);
                        has_hash = true;
                        if (r > 0) {
                                *why = "hash";
                                return MIRROR_TRANSFER;
                        }
                } else
                        return v;
                if (r < 0)
                        return MIRROR_IGNORE;
        }
}

int mirror_check(MirrorSession *s, MirrorItem *item, KftpFailure *ret) {
        Mirror *m = s->mirror;
        _cleanup_free_ char *path = mirror_path(item->directory, item->source->name);
        _cleanup_free_ char *remote = path ? mirror_path_there(m, path) : NULL;
        int64_t exact = KFTP_MTIME_UNKNOWN;
        MirrorEntry source = *item->source;
        const char *why = item->why;
        KftpFailure f = {};
        MirrorVerdict v;

        if (!remote) {
                kftp_failure_set(&f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
                mirror_stop(m, &f);
                return 0;
        }
        v = ask(s, item, path, remote, &exact, &why, &f);
        if (exact != KFTP_MTIME_UNKNOWN && !m->options->upload) {
                source.mtime = exact;
                source.mtime_precision = 1;
        }
        if (f.class != KFTP_CLASS_OK)
                return fail(s, item, m->options->upload ? KFTP_MIRROR_PUT : KFTP_MIRROR_GET, path, &f, ret);
        /* What becomes an item outlives this, and asks the server itself. */
        mirror_act(s, item->directory, v == MIRROR_SET && !m->options->upload ? &source : item->source, item->target, v, why);
        return 0;
}

/* ---- Setting --------------------------------------------------------------------------------- */

/* The server has no command for times, and the content is the same: as after an upload, that has to do. */
static void forgive(MirrorSession *s, MirrorItem *item, KftpFailure *f) {
        Mirror *m = s->mirror;

        if (f->class != KFTP_CLASS_OK)
                mirror_note(s, "%s", strempty(f->text));
        kftp_failure_done(f);
        pthread_mutex_lock(&m->lock);
        m->rules.forgetful = true;
        m->result->unchanged++;
        pthread_mutex_unlock(&m->lock);
        mirror_move(s, item->directory, item->source);
}

int mirror_set(MirrorSession *s, MirrorItem *item, KftpFailure *ret) {
        Mirror *m = s->mirror;
        const KftpMirrorOptions *o = m->options;
        _cleanup_free_ char *path = mirror_path(item->directory, item->source->name);
        _cleanup_free_ char *remote = path ? mirror_path_there(m, path) : NULL;
        KftpFailure f = {};
        bool forgetful;
        int r = -ENOMEM;

        pthread_mutex_lock(&m->lock);
        forgetful = m->rules.forgetful;
        pthread_mutex_unlock(&m->lock);
        if (forgetful && !o->permissions) {
                forgive(s, item, &f);
                return 0;
        }
        if (remote)
                r = mirror_remote_set(s, remote, o->no_times || forgetful ? KFTP_MTIME_UNKNOWN : item->source->mtime,
                                      o->permissions ? item->source->mode : KFTP_MODE_UNKNOWN, &f);
        if (r == -EOPNOTSUPP && !o->permissions) {
                forgive(s, item, &f);
                return 0;
        }
        if (r < 0)
                return fail(s, item, KFTP_MIRROR_SET, strempty(path), &f, ret);
        mirror_report(s, &(MirrorNews) { .action = KFTP_MIRROR_SET, .path = path, .why = item->why, .entry = item->source });
        mirror_move(s, item->directory, item->source);
        return 0;
}
