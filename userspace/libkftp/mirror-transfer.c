// SPDX-License-Identifier: LGPL-2.1-or-later
/* The files of a mirror: received, also by several sessions at a time, and sent. */

#include "failure.h"
#include "mirror.h"
#include "put-names.h"
#include "util.h"

/* Where a file is, on both sides. */
typedef struct Places {
        char *path;
        char *remote;
        char *local_directory;
        int directory_fd;               /* of a download */
} Places;

static void places_done(Places *p) {
        free(p->path);
        free(p->remote);
        free(p->local_directory);
        safe_close(p->directory_fd);
}

static int find_places(MirrorSession *s, const MirrorItem *item, Places *ret, KftpFailure *f) {
        Mirror *m = s->mirror;

        *ret = (Places) { .directory_fd = -1 };
        ret->path = mirror_path(item->directory, item->source->name);
        ret->remote = ret->path ? mirror_path_there(m, ret->path) : NULL;
        ret->local_directory = mirror_path_here(m, item->directory->path);
        if (!ret->remote || !ret->local_directory)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        if (m->options->upload)
                return 0;
        ret->directory_fd = mirror_local_directory(&m->local, item->directory->path, f);
        return ret->directory_fd < 0 ? ret->directory_fd : 0;
}

static void show(MirrorSession *s, MirrorItem *item, const char *path) {
        pthread_mutex_lock(&s->mirror->lock);
        mirror_show(s, false, path);
        s->left = &item->left;
        pthread_mutex_unlock(&s->mirror->lock);
}

static void show_nothing(MirrorSession *s) {
        pthread_mutex_lock(&s->mirror->lock);
        mirror_show(s, false, NULL);
        pthread_mutex_unlock(&s->mirror->lock);
}

static bool is_large(const Mirror *m, const MirrorEntry *e) {
        uint64_t segment = m->options->segment_size ?: KFTP_SEGMENT_SIZE_DEFAULT;

        return m->options->segments > 1 && e->size != KFTP_SIZE_UNKNOWN && e->size / 2 >= segment;
}

/* What the file was listed with does not count as left any more; of what has moved not all need have been told. */
static void count_off(MirrorSession *s, MirrorItem *item, const KftpResult *result) {
        Mirror *m = s->mirror;
        uint64_t moved = result->failure.class == KFTP_CLASS_OK ? result->bytes - MIN2(result->bytes, result->resumed_from) : 0;

        pthread_mutex_lock(&m->lock);
        if (moved > s->counted && !is_large(m, item->source)) {
                m->progress.bytes += moved - s->counted;
                m->result->bytes += moved - s->counted;
        }
        m->progress.bytes_left -= item->left;
        item->left = 0;
        s->counted = 0;
        s->left = NULL;
        pthread_mutex_unlock(&m->lock);
}

/* The end of a transfer, whatever it was. -errno with *f: for another session. */
static int conclude(MirrorSession *s, MirrorItem *item, enum kftp_mirror_action action, const Places *p, KftpResult *result, KftpFailure *f) {
        Mirror *m = s->mirror;
        KftpFailure *own = &result->failure;
        MirrorEntry received;
        int r = 0;

        if (own->class != KFTP_CLASS_OK && mirror_is_for_others(s, item, own)) {
                r = own->error < 0 ? own->error : -EIO;
                *f = *own;
                *own = (KftpFailure) {};
                kftp_result_done(result);
                /* Another session may have it from now on. */
                show_nothing(s);
                return r;
        }
        count_off(s, item, result);
        if (own->class == KFTP_CLASS_OK) {
                mirror_report(s, &(MirrorNews) { .action = action, .path = p->path, .why = item->why, .entry = item->source, .result = result });
                if (m->options->upload)
                        item->directory->source.entries[item->source - item->directory->source.entries].sent = !item->target;
                received = *item->source;
                if (!m->options->upload)
                        received.size = result->bytes;
                mirror_move(s, item->directory, &received);
        } else {
                mirror_fail(m, item->directory);
                if (mirror_is_fatal(own)) {
                        KftpFailure why = *own;

                        *own = (KftpFailure) {};
                        pthread_mutex_lock(&m->lock);
                        m->result->left++;
                        pthread_mutex_unlock(&m->lock);
                        mirror_stop(m, &why);
                } else
                        mirror_report(s, &(MirrorNews) { .action = action, .path = strempty(p->path), .why = item->why, .entry = item->source, .result = result });
        }
        kftp_result_done(result);
        return 0;
}

/* ---- Receiving ------------------------------------------------------------------------------- */

static KftpFetch make_fetch(const Mirror *m, const MirrorItem *item, const Places *p) {
        const MirrorEntry *e = item->source;

        return (KftpFetch) {
                .directory_fd = p->directory_fd,
                .directory = p->local_directory,
                .name = e->name,
                .size = e->size,
                .mtime = e->mtime,
                /* A file that was written in place since an earlier run has listed it need not have changed its directory. */
                .exact = item->directory->utc && !item->directory->remembered && e->mtime_precision == 1 && e->size != KFTP_SIZE_UNKNOWN && e->mtime != KFTP_MTIME_UNKNOWN && !e->link,
                .set_mtime = !m->options->no_times,
                .mode = m->options->permissions ? e->mode : KFTP_MODE_UNKNOWN,
                .must_be_new = !item->target,
                .durable = m->options->move,
        };
}

/* What MDTM has said of a file teaches how far the listing's clock is off. */
static void learn(Mirror *m, const MirrorItem *item, int64_t mtime) {
        if (item->directory->utc || mtime == KFTP_MTIME_UNKNOWN || item->source->mtime == KFTP_MTIME_UNKNOWN)
                return;
        pthread_mutex_lock(&m->lock);
        mirror_clock_learn(&m->rules.clock, item->source->mtime, item->source->mtime_precision, mtime);
        pthread_mutex_unlock(&m->lock);
}

void mirror_join(MirrorSession *s, MirrorItem *item) {
        MirrorLarge *large = item->large;
        Mirror *m = s->mirror;
        KftpFailure f = {};

        pthread_mutex_lock(&m->lock);
        mirror_show(s, false, NULL);
        s->left = large->left;
        pthread_mutex_unlock(&m->lock);
        /* What it could not do is told at the end, if it is still missing then. */
        (void) kftp_segments_fetch(large->segments, s->client, &f);
        kftp_failure_done(&f);
        pthread_mutex_lock(&m->lock);
        mirror_show(s, false, NULL);
        if (--large->fetching == 0)
                pthread_cond_broadcast(&large->idle);
        pthread_mutex_unlock(&m->lock);
}

static void invite(MirrorSession *s, const MirrorItem *item, MirrorLarge *large) {
        Mirror *m = s->mirror;

        for (unsigned i = 1; i < m->options->segments; i++) {
                MirrorItem *join = mirror_item_new(s, MIRROR_ITEM_SEGMENTS, item->directory, item->source, item->target, NULL);

                if (!join)
                        return;
                join->large = large;
                mirror_push(m, join);
        }
}

/* Our own share, until there is nothing left to take; then the others', which they have begun. */
static void fetch_segments(MirrorSession *s, const MirrorItem *item, MirrorLarge *large) {
        Mirror *m = s->mirror;
        KftpFailure f = {};

        invite(s, item, large);
        (void) kftp_segments_fetch(large->segments, s->client, &f);
        kftp_failure_done(&f);
        mirror_remove_joins(m, large);
        pthread_mutex_lock(&m->lock);
        while (large->fetching > 0)
                pthread_cond_wait(&large->idle, &m->lock);
        pthread_mutex_unlock(&m->lock);
}

static int collided(const MirrorItem *item, KftpResult *result, int r) {
        if (r == -EEXIST && !item->target)
                return kftp_failure_set(&result->failure, KFTP_CLASS_LOCAL, -EEXIST, false,
                                        "%s: it came into being here meanwhile, or the file system takes this name for another one that is there", item->source->name);
        return r;
}

/* 1: done, or failed, as result says. 0: it has to be fetched whole. */
static int get_large(MirrorSession *s, MirrorItem *item, const KftpUrl *url, const KftpFetch *fetch, KftpResult *result) {
        const KftpMirrorOptions *o = s->mirror->options;
        MirrorLarge large = { .left = &item->left, .idle = PTHREAD_COND_INITIALIZER };
        int r;

        r = kftp_segments_open(&large.segments, s->client, url, fetch, o->segments, o->segment_size, &result->failure);
        if (r == -EOPNOTSUPP) {
                kftp_failure_done(&result->failure);
                return 0;
        }
        if (r < 0)
                return 1;
        fetch_segments(s, item, &large);
        (void) collided(item, result, kftp_segments_finish(large.segments, s->client, result));
        kftp_segments_close(large.segments);
        return 1;
}

int mirror_get(MirrorSession *s, MirrorItem *item, KftpFailure *f) {
        Mirror *m = s->mirror;
        KftpResult result = { .mtime = KFTP_MTIME_UNKNOWN };
        _cleanup_(places_done) Places p;
        KftpFetch fetch;
        KftpUrl url;
        int r;

        r = find_places(s, item, &p, &result.failure);
        if (r >= 0) {
                fetch = make_fetch(m, item, &p);
                url = mirror_url(m, p.remote);
                show(s, item, p.path);
                if (!is_large(m, item->source) || get_large(s, item, &url, &fetch, &result) == 0)
                        (void) collided(item, &result, kftp_client_fetch(s->client, &url, &fetch, &result));
                learn(m, item, result.mtime);
        }
        return conclude(s, item, KFTP_MIRROR_GET, &p, &result, f);
}

/* ---- Sending --------------------------------------------------------------------------------- */

/* The file is there, and only its time could not be set. That is no reason to send it again. */
static void forgive(MirrorSession *s, KftpResult *result) {
        Mirror *m = s->mirror;

        if (result->failure.class == KFTP_CLASS_OK || !result->complete || m->options->permissions)
                return;
        /* That it be kept was to be verified. */
        if (result->failure.class == KFTP_CLASS_INTEGRITY)
                return;
        mirror_note(s, "%s", strempty(result->failure.text));
        kftp_failure_done(&result->failure);
        pthread_mutex_lock(&m->lock);
        m->rules.forgetful = true;
        pthread_mutex_unlock(&m->lock);
}

int mirror_put(MirrorSession *s, MirrorItem *item, KftpFailure *f) {
        Mirror *m = s->mirror;
        const MirrorEntry *e = item->source;
        KftpResult result = { .mtime = KFTP_MTIME_UNKNOWN };
        _cleanup_(places_done) Places p;
        _cleanup_free_ char *local = NULL;
        _cleanup_close_ int fd = -1;
        KftpPutOptions put = {
                .file = true,
                .absent = !item->target && !item->directory->remembered && !item->directory->incomplete,
                .no_part = item->directory->no_parts || item->directory->empty_target,
                .has_source_fd = true,
                .mtime = !m->options->no_times,
                .has_mode = m->options->permissions && e->mode != KFTP_MODE_UNKNOWN,
                .mode = e->mode & 0777,
        };
        int r;

        r = find_places(s, item, &p, &result.failure);
        if (r >= 0)
                r = put.source_fd = fd = mirror_local_file(&m->local, p.path, &result.failure);
        if (r >= 0 && item->ambiguous)
                r = mirror_check_ambiguous(s, p.remote, &result.failure);
        local = r >= 0 ? mirror_path_here(m, p.path) : NULL;
        if (local) {
                KftpUrl url = mirror_url(m, p.remote);

                show(s, item, p.path);
                (void) kftp_client_put(s->client, local, &url, &put, &result);
                forgive(s, &result);
        } else if (r >= 0)
                kftp_failure_set(&result.failure, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        return conclude(s, item, KFTP_MIRROR_PUT, &p, &result, f);
}
