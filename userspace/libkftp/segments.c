// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A file that is received in parts by several clients: what the server says of it, the temporary file, and
 * which of the parts are there already. How parts are fetched is in segments-fetch.c, what comes when they all
 * are there in segments-finish.c.
 */

#include "client-internal.h"
#include "failure.h"
#include "partial-state.h"
#include "segments-internal.h"
#include "url.h"
#include "util.h"

int kftp_segments_no_memory(KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}

/* ---- What the server says -------------------------------------------------------------------- */

typedef struct Facts {
        const KftpUrl *url;
        const KftpOptions *options;
        KftpVerify verify;
        bool known;
        uint64_t size;
        int64_t mtime;
} Facts;

/* A server that says what it can do and has no REST among it. */
static bool restarts(KftpConnection *c) {
        struct kftp_info info;

        return kftp_connection_info(c, &info) < 0 || !(info.feat & KFTP_FEAT_ASKED) || (info.feat & KFTP_FEAT_REST);
}

/* 0, whether or not the server answers the question: if it does not, the file is fetched whole, and there it is told why. */
static int ask(KftpConnection *c, enum kftp_op op, const char *path, KftpDone *d, KftpFailure *f) {
        struct kftp_submit request = kftp_request(op, path);
        int r;

        r = kftp_connection_request(c, &request, d, f);
        if (r < 0 && (d->error == -EREMOTEIO || d->error == -EOPNOTSUPP) && kftp_connection_usable(c)) {
                kftp_failure_done(f);
                return 0;
        }
        return r < 0 ? r : 0;
}

static int ask_facts(KftpConnection *c, Facts *facts, KftpFailure *f) {
        KftpDone d;
        int r;

        facts->size = KFTP_SIZE_UNKNOWN;
        facts->mtime = KFTP_MTIME_UNKNOWN;
        r = ask(c, KFTP_OP_SIZE, facts->url->path, &d, f);
        if (r < 0 || !d.has_size)
                return r;
        facts->size = d.size;
        r = ask(c, KFTP_OP_MDTM, facts->url->path, &d, f);
        if (r >= 0 && d.has_mtime)
                facts->mtime = d.mtime;
        return r;
}

static int look(KftpConnection *c, void *userdata, KftpFailure *f) {
        Facts *facts = userdata;
        int r;

        r = kftp_verify_begin(&facts->verify, c, facts->options->verify, f);
        if (r < 0)
                return r;
        if (!restarts(c))
                return -EOPNOTSUPP;
        return facts->known ? 0 : ask_facts(c, facts, f);
}

/* Without a time nobody could tell whether all parts are of the same file. */
static bool can_be_split(const Facts *facts, uint64_t segment_size) {
        return facts->size != KFTP_SIZE_UNKNOWN && facts->mtime != KFTP_MTIME_UNKNOWN && facts->size <= INT64_MAX
                && facts->size / 2 >= MAX2(segment_size, UINT64_C(1));
}

/* ---- What is there --------------------------------------------------------------------------- */

/* 1: of the file that the facts are about. */
static int take_up(KftpSegments *s, const Facts *facts) {
        KftpPartial *p = &s->partial;
        int r;

        r = kftp_segments_map_load(&s->map, p);
        if (r > 0 && s->map.size == facts->size && s->map.mtime == facts->mtime)
                return 1;
        if (r > 0) {
                kftp_segments_map_done(&s->map);
                return 0;
        }
        return r;
}

/* The first bytes of the file, received by a download of the whole. */
static int take_up_prefix(KftpSegments *s, const Facts *facts) {
        KftpPartial *p = &s->partial;
        int r;

        r = kftp_partial_state_load(p);
        if (r <= 0)
                return r;
        r = p->remote_size == facts->size && p->remote_mtime == facts->mtime;
        if (r > 0)
                kftp_segments_map_take_prefix(&s->map, p->synced);
        /* From now on the map says what is there. */
        p->synced = 0;
        return r;
}

static int take_up_or_begin(KftpSegments *s, const Facts *facts, bool resume, unsigned segments, uint64_t segment_size) {
        int r = resume ? take_up(s, facts) : 0;

        if (r != 0)
                return r < 0 ? r : 0;
        r = kftp_segments_map_begin(&s->map, facts->size, facts->mtime, segments, segment_size);
        if (r >= 0 && resume)
                r = take_up_prefix(s, facts);
        if (r == 0)
                r = kftp_partial_empty(&s->partial);
        if (r < 0)
                return r;
        return ftruncate(s->partial.fd, (off_t) facts->size) < 0 ? -errno : 0;
}

static int begin_parts(KftpSegments *s) {
        s->parts = calloc(s->map.parts, sizeof(*s->parts));
        if (!s->parts)
                return -ENOMEM;
        for (size_t i = 0; i < s->map.parts; i++) {
                s->parts[i].position = s->map.synced[i];
                s->parts[i].done = s->map.synced[i] == kftp_segments_map_length(&s->map, i);
        }
        s->resumed_from = kftp_segments_map_sum(&s->map);
        s->sync_usec = now_usec();
        return 0;
}

static int open_file(KftpSegments *s, const Facts *facts, unsigned segments, uint64_t segment_size, KftpFailure *f) {
        _cleanup_free_ char *identity = kftp_url_identity(&s->url, facts->options);
        int r;

        if (!identity)
                return kftp_segments_no_memory(f);
        r = kftp_partial_open_at(&s->partial, &s->fetch, identity, f);
        if (r < 0)
                return r;
        r = take_up_or_begin(s, facts, facts->options->resume, segments, segment_size);
        if (r >= 0)
                r = begin_parts(s);
        return r < 0 ? kftp_failure_local(f, r, "cannot write %s", s->partial.temporary) : 0;
}

/* ---- The record of it ------------------------------------------------------------------------ */

static int copy_url(KftpUrl *ret, const KftpUrl *url) {
        *ret = *url;
        ret->user = url->user ? strdup(url->user) : NULL;
        ret->host = strdup(url->host);
        ret->path = strdup(url->path);
        ret->base = strdup(url->base);
        return ret->host && ret->path && ret->base && (ret->user || !url->user) ? 0 : -ENOMEM;
}

static int copy_fetch(KftpFetch *ret, const KftpFetch *fetch) {
        *ret = *fetch;
        ret->directory = strdup(fetch->directory);
        ret->name = strdup(fetch->name);
        return ret->directory && ret->name ? 0 : -ENOMEM;
}

static KftpSegments *segments_new(const KftpUrl *url, const KftpFetch *fetch) {
        KftpSegments *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        s->partial = (KftpPartial) KFTP_PARTIAL_INIT;
        s->begin_usec = now_usec();
        (void) pthread_mutex_init(&s->lock, NULL);
        if (copy_url(&s->url, url) >= 0 && copy_fetch(&s->fetch, fetch) >= 0)
                return s;
        kftp_segments_close(s);
        return NULL;
}

void kftp_segments_close(KftpSegments *s) {
        if (!s)
                return;
        kftp_partial_close(&s->partial);
        kftp_segments_map_done(&s->map);
        free(s->parts);
        kftp_failure_done(&s->failure);
        kftp_result_done(&s->result);
        kftp_url_done(&s->url);
        free((char *) s->fetch.directory);
        free((char *) s->fetch.name);
        (void) pthread_mutex_destroy(&s->lock);
        free(s);
}
DEFINE_CLEANUP(KftpSegments *, kftp_segments_close)

int kftp_segments_open(
                KftpSegments **ret,
                KftpClient *c,
                const KftpUrl *url,
                const KftpFetch *fetch,
                unsigned segments,
                uint64_t segment_size,
                KftpFailure *f) {

        _cleanup_(kftp_segments_closep) KftpSegments *s = segments_new(url, fetch);
        Facts facts = {
                .url = url,
                .options = kftp_client_options(c),
                .known = fetch->exact && fetch->size != KFTP_SIZE_UNKNOWN && fetch->mtime != KFTP_MTIME_UNKNOWN,
                .size = fetch->size,
                .mtime = fetch->mtime,
        };
        KftpTask task = { .work = look, .userdata = &facts };
        int r;

        if (!s)
                return kftp_segments_no_memory(f);
        segment_size = segment_size ?: KFTP_SEGMENT_SIZE_DEFAULT;
        r = kftp_client_run(c, url, &task, &s->result.attempts, f);
        if (r < 0)
                return r;
        kftp_failure_done(f);
        if (!can_be_split(&facts, segment_size))
                return -EOPNOTSUPP;
        r = open_file(s, &facts, segments, segment_size, f);
        if (r < 0)
                return r;
        s->result.mtime = facts.mtime;
        *ret = STEAL_PTR(s);
        return 0;
}

bool kftp_segments_progress(KftpSegments *s, KftpProgress *ret) {
        bool parts;

        (void) pthread_mutex_lock(&s->lock);
        *ret = (KftpProgress) { .resumed_from = s->resumed_from, .total = s->map.size, .usec = now_usec() - s->begin_usec };
        for (size_t i = 0; i < s->map.parts; i++)
                ret->bytes += s->parts[i].position;
        ret->resumed_from = MIN2(ret->resumed_from, ret->bytes);
        parts = !kftp_segments_is_whole(s);
        (void) pthread_mutex_unlock(&s->lock);
        return parts;
}

bool kftp_segments_wanted(KftpSegments *s) {
        bool wanted;

        (void) pthread_mutex_lock(&s->lock);
        wanted = !kftp_segments_is_complete(s) && !kftp_segments_is_whole(s) && !s->stopped;
        (void) pthread_mutex_unlock(&s->lock);
        return wanted;
}
