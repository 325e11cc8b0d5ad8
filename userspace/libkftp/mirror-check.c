// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files of a mirror of which only the server can say whether they are the same; and times and modes that are set there. */

#include "digest.h"
#include "failure.h"
#include "mirror.h"
#include "util.h"
#include "verify.h"

static void fail(MirrorSession *s, MirrorItem *item, enum kftp_mirror_action action, const char *path, KftpFailure *f) {
        mirror_fail(s->mirror, item->directory);
        if (mirror_is_fatal(f))
                mirror_stop(s->mirror, f);
        else
                mirror_report_failure(s, action, path, item->source, f);
}

/* ---- Times ----------------------------------------------------------------------------------- */

static const MirrorEntry *remote_entry(const Mirror *m, const MirrorItem *item) {
        return m->options->upload ? item->target : item->source;
}

/* *exact_source gets the source as it is known now. */
static MirrorVerdict ask_time(MirrorSession *s, const MirrorItem *item, const char *remote, MirrorEntry *exact_source, const char **why, KftpFailure *f) {
        Mirror *m = s->mirror;
        const MirrorEntry *there = remote_entry(m, item);
        int64_t exact = KFTP_MTIME_UNKNOWN;
        MirrorRules rules;
        MirrorVerdict v;
        int r = mirror_remote_mtime(s, remote, &exact, f);

        if (r < 0)
                return MIRROR_IGNORE;
        pthread_mutex_lock(&m->lock);
        if (r == 0)
                m->rules.timeless = true;
        else
                mirror_clock_learn(&m->rules.clock, there->mtime, there->mtime_precision, exact);
        pthread_mutex_unlock(&m->lock);
        if (r > 0 && there == item->source) {
                exact_source->mtime = exact;
                exact_source->mtime_precision = 1;
        }
        rules = mirror_rules(m, item->directory);
        v = mirror_compare_exact(&rules, item->source, item->target, exact, why);
        if (v == MIRROR_TRANSFER && rules.upload && r > 0 && streq(strempty(*why), "time")
            && mirror_is_forgotten(s, item->directory, item->source, item->target, exact)) {
                rules = mirror_rules(m, item->directory);
                v = mirror_compare_exact(&rules, item->source, item->target, exact, why);
        }
        return v;
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

static MirrorVerdict ask_hash(MirrorSession *s, const MirrorItem *item, const char *path, const char *remote, const char **why, KftpFailure *f) {
        Mirror *m = s->mirror;
        _cleanup_free_ char *local = mirror_path_here(m, path);
        _cleanup_close_ int fd = mirror_local_file(&m->local, path, f);
        Hashing h = { .remote = remote, .local = strempty(local), .fd = fd };
        MirrorRules rules = mirror_rules(m, item->directory);

        if (fd < 0 || kftp_client_do(s->client, &m->url, compare_hash, &h, NULL, f) < 0)
                return MIRROR_IGNORE;
        kftp_failure_done(f);
        if (h.differs) {
                *why = "hash";
                return MIRROR_TRANSFER;
        }
        /* The content is the same; what the rest calls for is as if it had not been asked for. */
        rules.compare = KFTP_COMPARE_SIZE;
        return mirror_compare(&rules, item->source, item->target, why);
}

void mirror_check(MirrorSession *s, MirrorItem *item) {
        Mirror *m = s->mirror;
        _cleanup_free_ char *path = mirror_path(item->directory, item->source->name);
        _cleanup_free_ char *remote = path ? mirror_path_there(m, path) : NULL;
        MirrorRules rules = mirror_rules(m, item->directory);
        MirrorEntry source = *item->source;
        const char *why = item->why;
        KftpFailure f = {};
        /* What others have asked meanwhile may have settled it. */
        MirrorVerdict v = mirror_compare(&rules, item->source, item->target, &why);

        if (!remote) {
                kftp_failure_set(&f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
                mirror_stop(m, &f);
                return;
        }
        if (v == MIRROR_ASK_TIME)
                v = ask_time(s, item, remote, &source, &why, &f);
        else if (v == MIRROR_ASK_HASH)
                v = ask_hash(s, item, path, remote, &why, &f);
        if (f.class != KFTP_CLASS_OK)
                fail(s, item, m->options->upload ? KFTP_MIRROR_PUT : KFTP_MIRROR_GET, path, &f);
        else
                /* What becomes an item outlives this, and asks the server itself. */
                mirror_act(s, item->directory, v == MIRROR_SET && !m->options->upload ? &source : item->source, item->target, v, why);
}

/* ---- Setting --------------------------------------------------------------------------------- */

void mirror_set(MirrorSession *s, MirrorItem *item) {
        Mirror *m = s->mirror;
        const KftpMirrorOptions *o = m->options;
        _cleanup_free_ char *path = mirror_path(item->directory, item->source->name);
        _cleanup_free_ char *remote = path ? mirror_path_there(m, path) : NULL;
        KftpFailure f = {};
        int r = -ENOMEM;

        if (remote)
                r = mirror_remote_set(s, remote, o->no_times || m->rules.forgetful ? KFTP_MTIME_UNKNOWN : item->source->mtime,
                                      o->permissions ? item->source->mode : KFTP_MODE_UNKNOWN, &f);
        if (r < 0) {
                fail(s, item, KFTP_MIRROR_SET, strempty(path), &f);
                return;
        }
        mirror_report(s, &(MirrorNews) { .action = KFTP_MIRROR_SET, .path = path, .why = item->why, .entry = item->source });
        mirror_move(s, item->directory, item->source);
}
