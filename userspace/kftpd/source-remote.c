/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listing of a source on a server. */

#include "client.h"
#include "failure.h"
#include "put-names.h"
#include "put.h"
#include "remote.h"
#include "source-internal.h"

/* ---- One name ------------------------------------------------------------------------------------ */

typedef struct Question {
        const char *path;
        KftpPresence presence;
        uint64_t size;
        int64_t mtime;
} Question;

static int ask(KftpConnection *c, void *userdata, KftpFailure *f) {
        Question *q = userdata;
        struct kftp_submit mdtm = kftp_request(KFTP_OP_MDTM, q->path);
        KftpDone done;
        int r;

        q->size = KFTP_SIZE_UNKNOWN;
        q->mtime = KFTP_MTIME_UNKNOWN;
        q->presence = kftp_remote_look(c, q->path);
        if (q->presence == KFTP_PRESENCE_UNKNOWN && !kftp_connection_usable(c))
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -ECONNRESET, true, "%s: the connection was lost", kftp_connection_remote(c));
        if (q->presence != KFTP_PRESENT)
                return 0;
        r = kftp_remote_size(c, q->path, &q->size, f);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r <= 0)
                q->size = KFTP_SIZE_UNKNOWN;
        if (kftp_connection_request(c, &mdtm, &done, f) >= 0 && done.has_mtime)
                q->mtime = done.mtime;
        else if (!kftp_connection_usable(c))
                return f->error < 0 ? f->error : -ECONNRESET;
        kftp_failure_done(f);
        return 0;
}

/* Adds what is there under that name, if anything is. 1: it is. */
static int add_name(SourceCollector *c, const char *name, KftpFailure *f) {
        _cleanup_free_ char *path = kftp_remote_join(c->directory, name);
        Question q = { .path = path };
        int r;

        if (!path)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        r = kftp_client_do(c->query->client, &c->job->url, ask, &q, NULL, f);
        if (r < 0)
                return r;
        kftp_failure_done(f);
        if (q.presence == KFTP_PRESENCE_UNKNOWN)
                return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EREMOTEIO, false, "the server does not tell whether \"%s\" is there", path);
        if (q.presence == KFTP_ABSENT)
                return 0;
        r = source_add(c, &(MirrorEntry) {
                                .name = name,
                                .size = q.size,
                                .mtime = q.mtime,
                                .mtime_precision = 1,
                                .mode = KFTP_MODE_UNKNOWN,
                                .type = q.presence == KFTP_PRESENT_DIRECTORY ? KFTP_ENTRY_DIR : KFTP_ENTRY_FILE,
                        }, strlen(name));
        return r < 0 ? kftp_failure_set(f, KFTP_CLASS_OTHER, r, true, "not enough memory") : 1;
}

static int list_one(SourceCollector *c, KftpFailure *f) {
        _cleanup_free_ char *marker = c->job->marker ? source_marker(c->job, c->name) : NULL;
        int r;

        if (c->job->marker && !marker)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        r = add_name(c, c->name, f);
        if (r == 0)
                c->listing->absent = true;
        return r > 0 && marker ? add_name(c, marker, f) : r;
}

/* ---- A directory --------------------------------------------------------------------------------- */

typedef struct Collection {
        SourceCollector *collector;
        MirrorList unknown;             /* of which the server has told the name alone */
} Collection;

/* -ENOBUFS: it is enough. */
static int collect(void *userdata, const KftpEntry *entry) {
        Collection *l = userdata;
        MirrorEntry e = {
                .name = entry->name,
                .size = entry->size,
                .mtime = entry->mtime,
                .mtime_precision = entry->mtime_precision,
                .mode = entry->mode,
                .type = entry->type,
        };
        int r;

        if (e.type == KFTP_ENTRY_OTHER && e.size == KFTP_SIZE_UNKNOWN && e.mtime == KFTP_MTIME_UNKNOWN && e.mode == KFTP_MODE_UNKNOWN) {
                if (!source_wants(l->collector, e.name, entry->name_len) || memchr(e.name, '/', entry->name_len))
                        return 0;
                return l->unknown.n >= SOURCE_FILES_MAX ? -ENOBUFS : mirror_list_add(&l->unknown, &e, entry->name_len, 0);
        }
        r = source_add(l->collector, &e, entry->name_len);
        return r > 0 ? -ENOBUFS : r;
}

static int not_listed(SourceCollector *c, KftpListing *listing, int r, KftpFailure *f) {
        Question q = { .path = c->directory };
        KftpFailure ignored = {};

        if (!listing->failure.text)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, r, true, "not enough memory");
        kftp_failure_done(f);
        *f = listing->failure;
        listing->failure = (KftpFailure) {};
        if (f->class != KFTP_CLASS_REMOTE || !*c->directory)
                return r;
        if (kftp_client_do(c->query->client, &c->job->url, ask, &q, NULL, &ignored) >= 0 && q.presence == KFTP_ABSENT) {
                c->listing->absent = true;
                kftp_failure_done(f);
                r = 0;
        }
        kftp_failure_done(&ignored);
        return r;
}

static int add_unknown(Collection *l, KftpFailure *f) {
        for (size_t i = 0; i < l->unknown.n; i++) {
                int r = add_name(l->collector, l->unknown.entries[i].name, f);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* What a server has not told is not known to be missing: it is another time's. */
static int list_all(SourceCollector *c, KftpFailure *f) {
        Collection l = { .collector = c };
        KftpUrl url = c->job->url;
        KftpListing listing;
        int r;

        url.path = c->directory;
        url.base = c->directory + strlen(c->directory);
        r = kftp_client_list(c->query->client, &url, &(KftpListOptions) { .all = c->job->marker && c->job->marker[0] == '.' }, collect, &l,
                             &listing);
        if (r == -ENOBUFS)
                r = 0;
        else if (r < 0)
                r = not_listed(c, &listing, r, f);
        else if (listing.file)
                r = kftp_failure_set(f, KFTP_CLASS_REMOTE, -ENOTDIR, false, "\"%s\" is a file and not a directory", c->directory);
        c->listing->more = c->listing->more || listing.truncated;
        c->listing->bad = listing.bad;
        kftp_listing_done(&listing);
        if (r >= 0)
                r = add_unknown(&l, f);
        mirror_list_done(&l.unknown);
        return r;
}

int source_list_remote(SourceCollector *c, KftpFailure *f) {
        *f = (KftpFailure) {};
        return c->name ? list_one(c, f) : list_all(c, f);
}
