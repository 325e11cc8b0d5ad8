// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Files, or parts of them, as streams. The module writes to files only, at the position that a byte has in the
 * remote one: here into a window, a file in memory of which only the piece is there that has just come. It is
 * copied out, and given back.
 *
 * What has been written out cannot be taken back. After a failure it is gone on from there, if the remote file is
 * the same by size and time; never from the start again.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "client-internal.h"
#include "failure.h"
#include "partial.h"
#include "sink.h"
#include "url.h"
#include "util.h"
#include "verify.h"

#define WINDOW_SIZE (UINT64_C(1) << 20)
#define BUFFER_SIZE (64 * 1024)

typedef struct Stream {
        const KftpUrl *url;
        const KftpOptions *options;
        const KftpPart *part;
        KftpResult *result;
        KftpVerify verify;
        KftpSink sink;
        char *buffer;
        int window;

        bool begun;                     /* begin is known */
        uint64_t begin, position;       /* in the remote file: of the part, and of what comes next */
        uint64_t offset;                /* where the running request began */
        uint64_t dropped;               /* what lies before position was dropped up to there */
        uint64_t resumed_from;          /* position when it began */
        bool no_restart;                /* REST was refused: all that comes before is fetched, too, and dropped */
        uint64_t size;                  /* of the remote file when the first byte of it came */
        int64_t mtime;
        uint64_t usec;                  /* that data moved */
} Stream;

static bool is_whole(const Stream *s) {
        return s->begin == 0 && s->part->range.length == 0;
}

/* Where the part ends, as far as it is known. */
static uint64_t end_of(const Stream *s) {
        uint64_t length = s->part->range.length;

        return length > 0 && length < s->size - MIN2(s->begin, s->size) ? s->begin + length : s->size;
}

/* ---- From the window to the sink ------------------------------------------------------------- */

static void give_back(const Stream *s, uint64_t from, uint64_t to) {
        if (to > from)
                (void) fallocate(s->window, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) from, (off_t) (to - from));
}

/* Everything up to end has come. */
static int flush(Stream *s, uint64_t end, KftpFailure *f) {
        uint64_t unwanted = MIN2(end, s->position);

        give_back(s, s->dropped, unwanted);
        s->dropped = MAX2(s->dropped, unwanted);
        while (s->position < end) {
                size_t n = (size_t) MIN2(end - s->position, (uint64_t) BUFFER_SIZE);
                ssize_t k = pread(s->window, s->buffer, n, (off_t) s->position);
                int r;

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return kftp_failure_local(f, k < 0 ? -errno : -EIO, "cannot read what was received");
                r = kftp_sink_write(&s->sink, s->buffer, (size_t) k, f);
                if (r < 0)
                        return r;
                give_back(s, s->position, s->position + (uint64_t) k);
                s->position += (uint64_t) k;
                s->dropped = s->position;
        }
        return 0;
}

/* What the server says of the file when the first byte comes is what it has to be for all others. */
static void note_facts(Stream *s, bool has_size, uint64_t size, bool has_mtime, int64_t mtime) {
        if (s->resumed_from > s->begin)
                return;
        if (has_size)
                s->size = size;
        if (has_mtime)
                s->mtime = mtime;
}

static void tell_progress(const Stream *s, uint64_t nsec) {
        const KftpCallbacks *c = &s->options->callbacks;
        KftpProgress p = {
                .bytes = s->position - s->begin,
                .resumed_from = s->resumed_from - s->begin,
                .total = s->size == KFTP_SIZE_UNKNOWN ? KFTP_SIZE_UNKNOWN : end_of(s) - MIN2(s->begin, end_of(s)),
                .usec = nsec / NSEC_PER_USEC,
        };

        if (c->progress)
                c->progress(c->userdata, &p);
}

static int moved(void *userdata, const struct kftp_run *e, KftpFailure *f) {
        Stream *s = userdata;
        int r;

        note_facts(s, e->event_flags & KFTP_EVENT_HAS_SIZE, e->remote_size, e->event_flags & KFTP_EVENT_HAS_MTIME, e->remote_mtime);
        r = flush(s, s->offset + e->bytes, f);
        if (r >= 0)
                tell_progress(s, e->nsec);
        return r;
}

/* ---- One attempt ----------------------------------------------------------------------------- */

static int changed(const Stream *s, KftpConnection *c, const char *why, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -ESTALE, false, "\"%s\" from %s cannot be gone on with after %" PRIu64 " bytes: %s; "
                                "what was written out so far is to be thrown away",
                                s->url->path, kftp_connection_remote(c), s->position - s->begin, why);
}

/* Where the part begins; only "the last N bytes" has to be asked for. */
static int find_begin(Stream *s, KftpConnection *c, KftpFailure *f) {
        struct kftp_submit ask = kftp_request(KFTP_OP_SIZE, s->url->path);
        const KftpRange *range = &s->part->range;
        KftpDone done;
        int r;

        if (s->begun)
                return 0;
        s->begin = range->from;
        if (range->last > 0) {
                r = kftp_connection_request(c, &ask, &done, f);
                /* 550 is about the file */
                if (r < 0 && (done.reply < 500 || done.reply == 550))
                        return r;
                if (r < 0 || !done.has_size)
                        return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EOPNOTSUPP, false,
                                                "%s does not tell the size of \"%s\", so where its last bytes begin is not known",
                                                kftp_connection_remote(c), s->url->path);
                s->begin = done.size - MIN2(done.size, range->last);
        }
        s->position = s->begin;
        s->begun = true;
        return 0;
}

static int make_request(Stream *s, KftpConnection *c, struct kftp_submit *ret, KftpFailure *f) {
        *ret = kftp_request(KFTP_OP_RETR, s->url->path);
        ret->fd = s->window;
        ret->flags = KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_ASK_MTIME;
        ret->offset = s->offset = s->dropped = s->no_restart ? 0 : s->position;
        s->resumed_from = s->position;
        if (s->part->range.length > 0)
                ret->length = s->begin + s->part->range.length - s->offset;
        if (s->position == s->begin)
                return 0;
        if (s->size == KFTP_SIZE_UNKNOWN || s->mtime == KFTP_MTIME_UNKNOWN)
                return changed(s, c, "the server does not tell size and time, so whether it is still the same file is not known", f);
        ret->flags |= KFTP_SUBMIT_EXPECT_SIZE | KFTP_SUBMIT_EXPECT_MTIME;
        ret->expect_size = s->size;
        ret->expect_mtime = s->mtime;
        return 0;
}

static void note_done(Stream *s, const KftpDone *d) {
        KftpResult *result = s->result;

        note_facts(s, d->has_size, d->size, d->has_mtime, d->mtime);
        s->usec += d->nsec / NSEC_PER_USEC;
        result->mtime = s->mtime;
        result->data_local = d->local;
        result->data_peer = d->peer;
        result->data_active = d->active;
        result->data_tls = d->tls;
        if (d->reply == 0)
                return;
        result->reply = d->reply;
        free(result->reply_text);
        result->reply_text = strndup(d->text, d->text_len);
}

/*
 * What has come counts, however it ended; unless it could not be written. Of a file longer than its size what was
 * written out may be wrong, and another attempt would find nothing missing.
 */
static int judge(Stream *s, KftpConnection *c, const KftpDone *d, int r, KftpFailure *f) {
        if (r < 0 && d->error == -ESTALE)
                return changed(s, c, "it is another file now", f);
        if (r < 0 && f->class == KFTP_CLASS_INTEGRITY && s->size != KFTP_SIZE_UNKNOWN && s->offset + d->bytes > s->size)
                f->transient = false;
        if (r >= 0 || f->class == KFTP_CLASS_NETWORK || (f->class == KFTP_CLASS_INTEGRITY && s->position < s->size)) {
                KftpFailure own = {};
                int k = flush(s, s->offset + d->bytes, &own);

                if (k < 0) {
                        kftp_failure_done(f);
                        *f = own;
                        return k;
                }
        }
        return r;
}

static int receive(Stream *s, KftpConnection *c, KftpFailure *f) {
        KftpWatch watch = { .moved = moved, .yield_bytes = WINDOW_SIZE, .userdata = s };
        struct kftp_submit request;
        KftpDone done;
        int r;

        r = make_request(s, c, &request, f);
        if (r < 0)
                return r;
        r = kftp_connection_transfer(c, &request, "memory", &watch, &done, f);
        if (r < 0 && done.error == -ESPIPE && !s->no_restart) {
                kftp_failure_done(f);
                s->no_restart = true;
                return receive(s, c, f);
        }
        note_done(s, &done);
        return judge(s, c, &done, r, f);
}

static int verify(Stream *s, KftpConnection *c, KftpFailure *f) {
        uint8_t hash[KFTP_DIGEST_MAX];
        int r;

        if (s->size != KFTP_SIZE_UNKNOWN && s->begin >= s->size && s->begin > 0)
                return kftp_failure_set(f, KFTP_CLASS_REMOTE, -ERANGE, false, "\"%s\" at %s has %" PRIu64 " bytes only, the range begins behind them",
                                        s->url->path, kftp_connection_remote(c), s->size);
        r = kftp_verify_facts(&s->verify, c, s->url->path, s->size, s->mtime, f);
        if (r >= 0 && s->sink.hash) {
                kftp_hash_end(s->sink.hash, hash);
                r = kftp_verify_hash(&s->verify, c, s->url->path, hash, &s->result->sha256, f);
        }
        /* It is written out already: another attempt mends nothing. */
        if (r < 0 && f->class == KFTP_CLASS_INTEGRITY)
                f->transient = false;
        return r;
}

static int begin_hash(Stream *s, KftpFailure *f) {
        if (s->verify.digest == KFTP_DIGEST_NONE || s->sink.hash)
                return 0;
        if (!is_whole(s))
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "a part of a file cannot be verified by its hash: leave --range or --verify=hash out");
        s->sink.hash = kftp_hash_new(s->verify.digest);
        return s->sink.hash ? 0 : kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "cannot compute %s here", kftp_digest_name(s->verify.digest));
}

static int work(KftpConnection *c, void *userdata, KftpFailure *f) {
        Stream *s = userdata;
        bool complete;
        int r;

        kftp_connection_addresses(c, &s->result->local_addr, &s->result->peer);
        s->result->tls = *kftp_connection_tls(c);
        r = s->sink.hash ? 0 : kftp_verify_begin(&s->verify, c, s->options->verify, f);
        if (r >= 0)
                r = find_begin(s, c, f);
        if (r >= 0)
                r = begin_hash(s, f);
        if (r < 0)
                return r;
        /* lost just before the end was told */
        complete = s->position > s->begin && s->size != KFTP_SIZE_UNKNOWN && s->position == end_of(s);
        if (!complete)
                r = receive(s, c, f);
        return r < 0 ? r : verify(s, c, f);
}

/* ---- The calls ------------------------------------------------------------------------------- */

static int prepare_window(Stream *s, KftpFailure *f) {
        s->window = memfd_create("kftp-window", MFD_CLOEXEC);
        if (s->window < 0)
                return kftp_failure_local(f, -errno, "cannot create a file in memory");
        s->buffer = malloc(BUFFER_SIZE);
        return s->buffer ? 0 : kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}

static int run(Stream *s, KftpClient *c, KftpFailure *f) {
        KftpTask task = { .work = work, .userdata = s };
        uint64_t usec;
        int r;

        r = prepare_window(s, f);
        if (r >= 0)
                r = kftp_client_run(c, s->url, &task, &s->result->attempts, f);
        if (r >= 0)
                r = kftp_sink_end(&s->sink, f);
        usec = MAX2(s->usec, UINT64_C(1));
        s->result->bytes = s->position - s->begin;
        s->result->transfer_usec = usec;
        if (r >= 0)
                s->result->rate = (uint64_t) ((double) s->result->bytes * (double) USEC_PER_SEC / (double) usec);
        safe_close(s->window);
        free(s->buffer);
        kftp_hash_free(s->sink.hash);
        return r;
}

static Stream stream_of(KftpClient *c, const KftpUrl *url, const KftpPart *part, int fd, const char *name, KftpResult *ret) {
        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        return (Stream) {
                .url = url,
                .options = kftp_client_options(c),
                .part = part,
                .result = ret,
                .sink = { .fd = fd, .name = name, .control = kftp_client_options(c)->control, .text = part->text },
                .window = -1,
                .size = KFTP_SIZE_UNKNOWN,
                .mtime = KFTP_MTIME_UNKNOWN,
        };
}

int kftp_client_cat(KftpClient *c, const KftpUrl *url, int fd, const KftpPart *part, KftpResult *ret) {
        Stream s = stream_of(c, url, part, fd, "the standard output", ret);
        uint64_t begin = now_usec();
        int r;

        r = run(&s, c, &ret->failure);
        if (r >= 0)
                kftp_failure_done(&ret->failure);
        ret->usec = now_usec() - begin;
        return r < 0 ? r : 0;
}

/* Nothing is recorded of such a file: it cannot be gone on with by a later call. */
static int receive_file(KftpClient *c, const KftpUrl *url, const char *dest, const KftpPart *part, KftpPartial *p, KftpResult *ret) {
        _cleanup_free_ char *identity = kftp_url_identity(url, kftp_client_options(c));
        Stream s = stream_of(c, url, part, -1, NULL, ret);
        int r;

        if (!identity)
                return kftp_failure_set(&ret->failure, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        p->part = true;
        r = kftp_partial_open(p, url, dest, identity, false, &ret->failure);
        if (r < 0)
                return r;
        ret->local = strdup(p->final);
        s.sink.fd = p->fd;
        s.sink.name = p->temporary;
        r = run(&s, c, &ret->failure);
        if (r >= 0)
                r = kftp_partial_sync(p, &ret->failure);
        if (r >= 0)
                r = kftp_partial_rename(p, &ret->failure);
        if (r < 0) {
                kftp_partial_remove(p);
                ret->bytes = 0;
        }
        return r;
}

int kftp_client_get_part(KftpClient *c, const KftpUrl *url, const char *dest, const KftpPart *part, KftpResult *ret) {
        KftpPartial partial = KFTP_PARTIAL_INIT;
        uint64_t begin = now_usec();
        int r;

        r = receive_file(c, url, dest, part, &partial, ret);
        if (r >= 0)
                kftp_failure_done(&ret->failure);
        kftp_partial_close(&partial);
        ret->usec = now_usec() - begin;
        return r < 0 ? r : 0;
}
