// SPDX-License-Identifier: LGPL-2.1-or-later
/* The server's side of a mirror: its listings, and what is asked and changed there besides files. */

#include "failure.h"
#include "mirror-names.h"
#include "mirror.h"
#include "put.h"
#include "remote.h"
#include "util.h"

#define ENTRIES_MAX 1000000U            /* in one directory: more is not a directory but an attack on the memory */

/* ---- Listings -------------------------------------------------------------------------------- */

static int collect(void *userdata, const KftpEntry *e) {
        MirrorList *l = userdata;
        MirrorEntry entry = {
                .name = e->name,
                .target = e->target,
                .size = e->size,
                .mtime = e->mtime,
                .mtime_precision = e->mtime_precision,
                .mode = e->mode,
                .type = e->type,
        };

        return l->n >= ENTRIES_MAX ? -E2BIG : mirror_list_add(l, &entry, e->name_len, e->target_len);
}

static bool is_absent(MirrorSession *s, const KftpUrl *url);

static int fail(MirrorSession *s, const KftpUrl *url, KftpListing *listing, int r, KftpFailure *f) {
        if (r == -E2BIG)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, r, false, "the listing of \"%s\" has more than %u entries", url->path, ENTRIES_MAX);
        if (!listing->failure.text)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, r, true, "not enough memory");
        kftp_failure_done(f);
        *f = listing->failure;
        listing->failure = (KftpFailure) {};
        return f->class == KFTP_CLASS_REMOTE && is_absent(s, url) ? -ENOENT : r;
}

/* A name that servers list without saying what it is. */
static bool tells_names_only(const KftpListing *l) {
        return l->format && streq(l->format, "names");
}

/* It was listed, but that may not be all: then what is not in it need not be gone. */
static void check_whole(MirrorSession *s, MirrorDirectory *d, const KftpListing *l) {
        KftpFailure f = {};

        if (l->bad == 0 && !l->truncated)
                return;
        d->incomplete = true;
        mirror_fail(s->mirror, d);
        if (l->truncated)
                kftp_failure_set(&f, KFTP_CLASS_REMOTE, -EMSGSIZE, false, "the server has not listed everything in \"%s\": \"%s\"", d->path, l->truncated);
        else
                kftp_failure_set(&f, KFTP_CLASS_OTHER, -EBADMSG, false, "%llu lines of the listing of \"%s\" could not be read, the first: \"%s\"",
                                 (unsigned long long) l->bad, d->path, strempty(l->bad_line));
        mirror_report_failure(s, KFTP_MIRROR_LIST, d->path, NULL, &f);
}

static bool has_parts(const MirrorList *l) {
        for (size_t i = 0; i < l->n; i++)
                if (mirror_name_is_temporary(l->entries[i].name))
                        return true;
        return false;
}

static int fetch_listing(MirrorSession *s, MirrorDirectory *d, char *path, MirrorList *ret, KftpFailure *f) {
        KftpUrl url = mirror_url(s->mirror, path);
        KftpListing listing;
        int r;

        r = kftp_client_list(s->client, &url, &(KftpListOptions) { .all = true }, collect, ret, &listing);
        if (r < 0)
                r = fail(s, &url, &listing, r, f);
        else if (listing.file)
                r = kftp_failure_set(f, KFTP_CLASS_REMOTE, -ENOTDIR, false, "\"%s\" is a file and not a directory: kftp get fetches it", path);
        else {
                d->utc = listing.utc || !listing.format;
                d->nameless = tells_names_only(&listing);
                check_whole(s, d, &listing);
                d->no_parts = !d->incomplete && !has_parts(ret);
        }
        kftp_listing_done(&listing);
        mirror_list_sort(ret);
        if (r >= 0 && !s->mirror->options->upload && s->mirror->options->symlinks != KFTP_SYMLINKS_SKIP)
                r = mirror_find_targets(s, path, ret, f);
        return r;
}

int mirror_list_again(MirrorSession *s, const MirrorDirectory *d, MirrorList *ret, KftpFailure *f) {
        _cleanup_free_ char *path = mirror_path_there(s->mirror, d->path);
        KftpListing listing;
        KftpUrl url;
        int r;

        if (!path)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        url = mirror_url(s->mirror, path);
        r = kftp_client_list(s->client, &url, &(KftpListOptions) { .all = true }, collect, ret, &listing);
        if (r < 0)
                r = fail(s, &url, &listing, r, f);
        kftp_listing_done(&listing);
        mirror_list_sort(ret);
        return r;
}

int mirror_list_remote(MirrorSession *s, MirrorDirectory *d, MirrorList *ret, KftpFailure *f) {
        Mirror *m = s->mirror;
        _cleanup_free_ char *path = mirror_path_there(m, d->path);
        int64_t now = (int64_t) time(NULL);
        int r;

        if (!path)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        /* What was written in place meanwhile is not there: nothing may be removed from the source because of it. */
        if (m->state && !m->options->move && mirror_state_find(m->state, d->path, d->remote_mtime, d->remote_precision, ret, &d->utc) > 0) {
                d->remembered = true;
                return 0;
        }
        r = fetch_listing(s, d, path, ret, f);
        if (r >= 0 && m->state && !d->incomplete && !d->nameless)
                mirror_state_add(m->state, d->path, d->remote_mtime, d->remote_precision, now, ret, d->utc);
        return r;
}

/* ---- Questions ------------------------------------------------------------------------------- */

typedef struct Question {
        const char *path;
        int64_t mtime;
        uint32_t mode;
        KftpPresence presence;
        uint64_t size;
        bool told;
} Question;

static int look(KftpConnection *c, void *userdata, KftpFailure *f) {
        Question *q = userdata;

        q->presence = kftp_remote_look(c, q->path);
        if (q->presence != KFTP_PRESENCE_UNKNOWN || kftp_connection_usable(c))
                return 0;
        return kftp_failure_set(f, KFTP_CLASS_NETWORK, -ECONNRESET, true, "%s: the connection was lost", kftp_connection_remote(c));
}

static bool is_absent(MirrorSession *s, const KftpUrl *url) {
        Question q = { .path = url->path };

        return *url->path && kftp_client_do(s->client, &s->mirror->url, look, &q, NULL, NULL) >= 0 && q.presence == KFTP_ABSENT;
}

static int ask(MirrorSession *s, KftpWork work, Question *q, KftpFailure *f) {
        int r = kftp_client_do(s->client, &s->mirror->url, work, q, NULL, f);

        if (r >= 0)
                kftp_failure_done(f);
        return r;
}

static int ask_mtime(KftpConnection *c, void *userdata, KftpFailure *f) {
        Question *q = userdata;
        struct kftp_submit request = kftp_request(KFTP_OP_MDTM, q->path);
        KftpDone done;
        int r;

        r = kftp_connection_request(c, &request, &done, f);
        q->told = r >= 0 && done.has_mtime;
        q->mtime = done.mtime;
        /* A refusal is an answer. */
        return r == -EREMOTEIO && kftp_connection_usable(c) ? 0 : r;
}

int mirror_remote_mtime(MirrorSession *s, const char *path, int64_t *ret, KftpFailure *f) {
        Question q = { .path = path };
        int r = ask(s, ask_mtime, &q, f);

        if (r >= 0)
                *ret = q.told ? q.mtime : KFTP_MTIME_UNKNOWN;
        return r < 0 ? r : q.told;
}

static int ask_size(KftpConnection *c, void *userdata, KftpFailure *f) {
        Question *q = userdata;
        int r = kftp_remote_size(c, q->path, &q->size, f);

        q->told = r > 0;
        return r == -ENOENT ? 0 : r;
}

int mirror_remote_size(MirrorSession *s, const char *path, uint64_t *ret, KftpFailure *f) {
        Question q = { .path = path };
        int r = ask(s, ask_size, &q, f);

        *ret = r >= 0 && q.told ? q.size : KFTP_SIZE_UNKNOWN;
        return r;
}

int mirror_remote_look(MirrorSession *s, const char *path, MirrorEntry *entry, KftpFailure *f) {
        Question q = { .path = path };
        int r = ask(s, look, &q, f);

        if (r < 0)
                return r;
        entry->type = q.presence == KFTP_PRESENT_DIRECTORY ? KFTP_ENTRY_DIR : q.presence == KFTP_PRESENT ? KFTP_ENTRY_FILE : KFTP_ENTRY_OTHER;
        entry->size = KFTP_SIZE_UNKNOWN;
        entry->mtime = KFTP_MTIME_UNKNOWN;
        entry->mtime_precision = 1;
        if (entry->type != KFTP_ENTRY_FILE)
                return 0;
        r = ask(s, ask_size, &q, f);
        if (r >= 0 && q.told)
                entry->size = q.size;
        return r < 0 ? r : mirror_remote_mtime(s, path, &entry->mtime, f);
}

/* ---- Changes --------------------------------------------------------------------------------- */

static int set(KftpConnection *c, void *userdata, KftpFailure *f) {
        Question *q = userdata;
        struct kftp_submit mfmt = kftp_request(KFTP_OP_MFMT, q->path), chmod = kftp_request(KFTP_OP_CHMOD, q->path);
        KftpDone done = {};
        int r = 0;

        if (q->mtime != KFTP_MTIME_UNKNOWN) {
                mfmt.mtime = q->mtime;
                r = kftp_connection_request(c, &mfmt, &done, f);
        }
        if (r >= 0 && q->mode != KFTP_MODE_UNKNOWN) {
                chmod.mode = q->mode & 07777;
                r = kftp_connection_request(c, &chmod, &done, f);
        }
        return r < 0 && done.error == -EOPNOTSUPP ? -EOPNOTSUPP : r;
}

int mirror_remote_set(MirrorSession *s, const char *path, int64_t mtime, uint32_t mode, KftpFailure *f) {
        Question q = { .path = path, .mtime = mtime, .mode = mode };

        return ask(s, set, &q, f);
}

int mirror_remote_keeps_times(MirrorSession *s, const char *path) {
        KftpFailure f = {};
        int64_t mtime;
        int r;

        r = mirror_remote_mtime(s, path, &mtime, &f);
        if (r > 0)
                r = mirror_remote_set(s, path, mtime, KFTP_MODE_UNKNOWN, &f) < 0 ? -EREMOTEIO : 1;
        /* What the server says itself is an answer. */
        if (r < 0 && (f.class == KFTP_CLASS_REMOTE || f.error == -EOPNOTSUPP || f.class == KFTP_CLASS_OTHER))
                r = 0;
        kftp_failure_done(&f);
        return r;
}

/* What a call that has a result says of its failure. */
static int take_failure(KftpResult *result, int r, KftpFailure *f) {
        if (r < 0) {
                kftp_failure_done(f);
                *f = result->failure;
                result->failure = (KftpFailure) {};
        }
        kftp_result_done(result);
        return r;
}

int mirror_remote_mkdir(MirrorSession *s, const char *path, bool parents, KftpFailure *f) {
        _cleanup_free_ char *copy = strdup(path);
        KftpUrl url;
        KftpResult result = {};
        int r;

        if (!copy)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        url = mirror_url(s->mirror, copy);
        r = kftp_client_mkdir(s->client, &url, parents, &result);
        /* Somebody was faster: another shard of the same mirror, for example. */
        if (r == -EEXIST) {
                kftp_result_done(&result);
                return 0;
        }
        return take_failure(&result, r, f);
}

int mirror_remote_remove(MirrorSession *s, const char *path, bool directory, KftpFailure *f) {
        _cleanup_free_ char *copy = strdup(path);
        KftpResult result = {};
        KftpUrl url;
        int r;

        if (!copy)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        url = mirror_url(s->mirror, copy);
        r = kftp_client_remove(s->client, &url, KFTP_REMOVE_MISSING_OK | (directory ? KFTP_REMOVE_DIRECTORY : 0), &result);
        return take_failure(&result, r, f);
}
