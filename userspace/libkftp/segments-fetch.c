// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What one client does for a file that is received in parts: one part after the other, as long as there is one
 * that nobody fetches. Several clients are here at the same time.
 */

#include "client-internal.h"
#include "failure.h"
#include "segments-internal.h"
#include "util.h"

#define CHECKPOINT_BYTES (UINT64_C(64) << 20)
#define CHECKPOINT_USEC (10 * USEC_PER_SEC)
#define YIELD_BYTES (UINT64_C(8) << 20)

typedef struct Fetcher {
        KftpSegments *segments;
        const KftpCallbacks *callbacks;
        KftpWatch watch;
        size_t part;
        uint64_t begin;                 /* bytes of the part that were there when the request began */
        uint64_t length;                /* of the part */
} Fetcher;

bool kftp_segments_is_complete(const KftpSegments *s) {
        for (size_t i = 0; i < s->map.parts; i++)
                if (!s->parts[i].done)
                        return false;
        return true;
}

bool kftp_segments_is_whole(const KftpSegments *s) {
        return s->changed || s->no_restart;
}

/* ---- What is on the disk --------------------------------------------------------------------- */

static void begin_checkpoint(KftpSegments *s) {
        s->syncing = true;
        s->unsynced = 0;
        s->sync_usec = now_usec();
        for (size_t i = 0; i < s->map.parts; i++)
                s->parts[i].syncing = s->parts[i].position;
}

static void end_checkpoint(KftpSegments *s) {
        bool more = false;

        for (size_t i = 0; i < s->map.parts; i++)
                if (s->parts[i].syncing > s->map.synced[i]) {
                        s->map.synced[i] = s->parts[i].syncing;
                        more = true;
                }
        /* Without a record a later call fetches more than it would have to; the file itself lacks nothing. */
        if (more)
                (void) kftp_segments_map_save(&s->map, &s->partial);
}

int kftp_segments_checkpoint(KftpSegments *s, KftpFailure *f) {
        int r;

        (void) pthread_mutex_lock(&s->lock);
        if (s->syncing || s->stopped) {
                (void) pthread_mutex_unlock(&s->lock);
                return 0;
        }
        begin_checkpoint(s);
        (void) pthread_mutex_unlock(&s->lock);

        /* The others go on meanwhile: what comes now is recorded the next time. */
        r = fdatasync(s->partial.fd) < 0 ? -errno : 0;

        (void) pthread_mutex_lock(&s->lock);
        if (r >= 0)
                end_checkpoint(s);
        /* The next sync would succeed: the kernel tells of what it could not write only once. */
        else
                s->stopped = true;
        s->syncing = false;
        (void) pthread_mutex_unlock(&s->lock);
        return r < 0 ? kftp_failure_local(f, r, "cannot write %s", s->partial.temporary) : 0;
}

/* Durably, before the first byte is overwritten. What lies behind the end of the file has come from the server, too. */
int kftp_segments_forget(KftpSegments *s, size_t part) {
        s->parts[part] = (SegmentsPart) { .taken = s->parts[part].taken };
        if (s->map.synced[part] > 0) {
                int r;

                s->map.synced[part] = 0;
                r = kftp_segments_map_save(&s->map, &s->partial);
                if (r < 0)
                        return r;
        }
        return ftruncate(s->partial.fd, (off_t) s->map.size) < 0 ? -errno : 0;
}

/* ---- Parts ----------------------------------------------------------------------------------- */

/* With the lock. */
static bool find_part(const KftpSegments *s, size_t *ret) {
        if (kftp_segments_is_whole(s) || s->stopped)
                return false;
        for (size_t i = 0; i < s->map.parts; i++)
                if (!s->parts[i].done && !s->parts[i].taken) {
                        *ret = i;
                        return true;
                }
        return false;
}

static bool take_part(Fetcher *fetcher) {
        KftpSegments *s = fetcher->segments;
        bool found;

        (void) pthread_mutex_lock(&s->lock);
        found = find_part(s, &fetcher->part);
        if (found) {
                s->parts[fetcher->part].taken = true;
                fetcher->begin = s->parts[fetcher->part].position;
                fetcher->length = kftp_segments_map_length(&s->map, fetcher->part);
        }
        (void) pthread_mutex_unlock(&s->lock);
        return found;
}

/* The last one is not cut off: its end is the file's, and the server has to say that it was. */
static bool is_last(const Fetcher *fetcher) {
        return fetcher->part == fetcher->segments->map.parts - 1;
}

/* So many bytes of the request are in the file. With the lock. */
static void note_bytes(Fetcher *fetcher, uint64_t bytes) {
        KftpSegments *s = fetcher->segments;
        SegmentsPart *part = &s->parts[fetcher->part];
        uint64_t position = MIN2(fetcher->begin + bytes, fetcher->length);

        if (position <= part->position)
                return;
        s->unsynced += position - part->position;
        part->position = position;
        part->done = position == fetcher->length && !is_last(fetcher);
}

static void tell_progress(const Fetcher *fetcher, uint64_t bytes, uint64_t nsec) {
        KftpProgress p = {
                .bytes = MIN2(fetcher->begin + bytes, fetcher->length),
                .resumed_from = fetcher->begin,
                .total = fetcher->length,
                .usec = nsec / NSEC_PER_USEC,
        };

        if (fetcher->callbacks->progress)
                fetcher->callbacks->progress(fetcher->callbacks->userdata, &p);
}

/* The next event at the latest when all is there, so that it is known before the server has said its last word. */
static uint64_t yield_bytes(const Fetcher *fetcher, uint64_t bytes) {
        uint64_t position = fetcher->begin + bytes;

        return position < fetcher->length ? MIN2(fetcher->length - position, YIELD_BYTES) : 0;
}

static int moved(void *userdata, const struct kftp_run *e, KftpFailure *f) {
        Fetcher *fetcher = userdata;
        KftpSegments *s = fetcher->segments;
        bool due, whole;
        int r = 0;

        (void) pthread_mutex_lock(&s->lock);
        note_bytes(fetcher, e->bytes);
        due = !s->syncing && (s->unsynced >= CHECKPOINT_BYTES || (s->unsynced > 0 && now_usec() - s->sync_usec >= CHECKPOINT_USEC));
        whole = kftp_segments_is_whole(s);
        (void) pthread_mutex_unlock(&s->lock);

        tell_progress(fetcher, e->bytes, e->nsec);
        if (whole)
                return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -ESTALE, false, "%s is not received in parts any more", s->partial.temporary);
        if (due)
                r = kftp_segments_checkpoint(s, f);
        fetcher->watch.yield_bytes = yield_bytes(fetcher, e->bytes);
        return r;
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void note_done(KftpSegments *s, const KftpDone *d, int r) {
        KftpResult *result = &s->result;

        if (r >= 0) {
                result->data_local = d->local;
                result->data_peer = d->peer;
                result->data_active = d->active;
                result->data_tls = d->tls;
        }
        if (d->reply == 0)
                return;
        result->reply = d->reply;
        free(result->reply_text);
        result->reply_text = strndup(d->text, d->text_len);
}

/*
 * What has come counts, also if the request failed; not so if the file could not be written, or if it is not what the
 * server says it is. 0: the failure is not one, another way will be gone. With the lock.
 */
static int judge_failure(Fetcher *fetcher, const KftpDone *d, int r, KftpFailure *f) {
        KftpSegments *s = fetcher->segments;
        SegmentsPart *part = &s->parts[fetcher->part];

        s->changed = s->changed || d->error == -ESTALE;
        s->no_restart = s->no_restart || d->error == -ESPIPE;
        if (kftp_segments_is_whole(s) && f->class != KFTP_CLASS_INTERRUPTED) {
                kftp_failure_done(f);
                return 0;
        }
        if (f->class == KFTP_CLASS_INTEGRITY) {
                int k = kftp_segments_forget(s, fetcher->part);

                return k < 0 ? kftp_failure_local(f, k, "cannot write %s", s->partial.temporary) : r;
        }
        if (f->class == KFTP_CLASS_LOCAL) {
                part->position = MAX2(fetcher->begin, s->map.synced[fetcher->part]);
                s->stopped = true;
        }
        /* Lost just before the end was told: there is nothing left to ask for. */
        part->done = part->position == fetcher->length;
        return r;
}

static int end_part(Fetcher *fetcher, const KftpDone *d, int r, KftpFailure *f) {
        KftpSegments *s = fetcher->segments;

        (void) pthread_mutex_lock(&s->lock);
        note_done(s, d, r);
        note_bytes(fetcher, d->bytes);
        if (r < 0)
                r = judge_failure(fetcher, d, r, f);
        else
                s->parts[fetcher->part].done = s->parts[fetcher->part].position == fetcher->length;
        s->parts[fetcher->part].taken = false;
        (void) pthread_mutex_unlock(&s->lock);
        return r;
}

static int fetch_part(Fetcher *fetcher, KftpConnection *c, KftpFailure *f) {
        KftpSegments *s = fetcher->segments;
        struct kftp_submit request = kftp_request(KFTP_OP_RETR, s->url.path);
        KftpDone done;
        int r;

        request.fd = s->partial.fd;
        request.flags = KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_ASK_MTIME | KFTP_SUBMIT_EXPECT_SIZE | KFTP_SUBMIT_EXPECT_MTIME;
        request.expect_size = s->map.size;
        request.expect_mtime = s->map.mtime;
        request.offset = kftp_segments_map_offset(&s->map, fetcher->part) + fetcher->begin;
        request.length = is_last(fetcher) ? 0 : fetcher->length - fetcher->begin;
        fetcher->watch = (KftpWatch) { .moved = moved, .yield_bytes = yield_bytes(fetcher, 0), .userdata = fetcher };
        r = kftp_connection_transfer(c, &request, s->partial.temporary, &fetcher->watch, &done, f);
        if (r >= 0)
                tell_progress(fetcher, done.bytes, done.nsec);
        return end_part(fetcher, &done, r, f);
}

/* ---- The task -------------------------------------------------------------------------------- */

/* No connection is made for nothing. */
static int prepare(void *userdata, KftpFailure *f) {
        Fetcher *fetcher = userdata;
        KftpSegments *s = fetcher->segments;
        size_t part;
        bool found;

        (void) pthread_mutex_lock(&s->lock);
        found = find_part(s, &part);
        (void) pthread_mutex_unlock(&s->lock);
        /* of an attempt before: others have done its work */
        if (!found)
                kftp_failure_done(f);
        return found ? 0 : -ENODATA;
}

static void note_connection(KftpSegments *s, const KftpConnection *c) {
        (void) pthread_mutex_lock(&s->lock);
        kftp_connection_addresses(c, &s->result.local_addr, &s->result.peer);
        s->result.tls = *kftp_connection_tls(c);
        (void) pthread_mutex_unlock(&s->lock);
}

static int work(KftpConnection *c, void *userdata, KftpFailure *f) {
        Fetcher *fetcher = userdata;
        int r = 0;

        note_connection(fetcher->segments, c);
        do {
                if (!take_part(fetcher))
                        break;
                r = fetch_part(fetcher, c, f);
        } while (r >= 0 && kftp_connection_usable(c));
        return r;
}

/* Which failure is that of the file: that it cannot be written, that it is not wanted any more, else the first one. */
static unsigned rank(enum kftp_class class) {
        return class == KFTP_CLASS_LOCAL ? 3 : class == KFTP_CLASS_INTERRUPTED ? 2 : class != KFTP_CLASS_OK;
}

/* With the lock. */
static void note_end(KftpSegments *s, const KftpClient *c, unsigned attempts, int r, const KftpFailure *f) {
        s->result.attempts = MAX2(s->result.attempts, attempts);
        if (r >= 0)
                return;
        s->failed = c;
        if (rank(f->class) <= rank(s->failure.class))
                return;
        kftp_failure_set(&s->failure, f->class, f->error, f->transient, "%s", strempty(f->text));
        s->failure.reply = f->reply;
}

int kftp_segments_fetch(KftpSegments *s, KftpClient *c, KftpFailure *f) {
        Fetcher fetcher = { .segments = s, .callbacks = &kftp_client_options(c)->callbacks };
        KftpTask task = { .prepare = prepare, .work = work, .userdata = &fetcher };
        unsigned attempts = 0;
        int r;

        /* Some servers hang up after a part that was cut off: then there is another connection for the next one. */
        do
                r = kftp_client_run(c, &s->url, &task, &attempts, f);
        while (r >= 0);
        if (r == -ENODATA && f->class == KFTP_CLASS_OK)
                r = 0;
        (void) pthread_mutex_lock(&s->lock);
        note_end(s, c, attempts, r, f);
        (void) pthread_mutex_unlock(&s->lock);
        return r < 0 ? r : 0;
}
