/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of a source's file on a server: DELE, or RNFR and RNTO into a directory that is made if it is missing. */

#include <inttypes.h>

#include "client.h"
#include "failure.h"
#include "put-names.h"
#include "put.h"
#include "remote.h"
#include "then-internal.h"

typedef struct Look {
        const char *path;
        KftpPresence presence;
        uint64_t size;                  /* or KFTP_SIZE_UNKNOWN */
        int64_t mtime;                  /* or KFTP_MTIME_UNKNOWN */
} Look;

static int no_memory(KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}

/* ---- What is there ------------------------------------------------------------------------------- */

static int lost(KftpConnection *c, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_NETWORK, -ECONNRESET, true, "%s: the connection was lost", kftp_connection_remote(c));
}

static int look_at(KftpConnection *c, void *userdata, KftpFailure *f) {
        Look *l = userdata;
        struct kftp_submit mdtm = kftp_request(KFTP_OP_MDTM, l->path);
        KftpDone done;
        int r;

        l->size = KFTP_SIZE_UNKNOWN;
        l->mtime = KFTP_MTIME_UNKNOWN;
        l->presence = kftp_remote_look(c, l->path);
        if (!kftp_connection_usable(c))
                return lost(c, f);
        if (l->presence != KFTP_PRESENT)
                return 0;
        r = kftp_remote_size(c, l->path, &l->size, f);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r <= 0)
                l->size = KFTP_SIZE_UNKNOWN;
        if (kftp_connection_request(c, &mdtm, &done, NULL) >= 0 && done.has_mtime)
                l->mtime = done.mtime;
        return kftp_connection_usable(c) ? 0 : lost(c, f);
}

static int presence_at(KftpConnection *c, void *userdata, KftpFailure *f) {
        Look *l = userdata;

        l->presence = kftp_remote_look(c, l->path);
        return kftp_connection_usable(c) ? 0 : lost(c, f);
}

static int look(const ThenPlace *p, KftpWork work, Look *l, KftpFailure *f) {
        int r = kftp_client_do(p->client, &p->job->url, work, l, NULL, f);

        if (r < 0)
                return r;
        kftp_failure_done(f);
        if (l->presence == KFTP_PRESENCE_UNKNOWN)
                return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EREMOTEIO, false, "the server does not tell whether \"%s\" is there", l->path);
        return 0;
}

static bool is_same(const ThenFile *file, const Look *l) {
        if (file->size != KFTP_SIZE_UNKNOWN && l->size != KFTP_SIZE_UNKNOWN && file->size != l->size)
                return false;
        return file->mtime == KFTP_MTIME_UNKNOWN || l->mtime == KFTP_MTIME_UNKNOWN || file->mtime_precision > 1 || file->mtime == l->mtime;
}

/* ---- What is listed ------------------------------------------------------------------------------ */

typedef struct Search {
        const ThenFile *file;
        bool same;
} Search;

static int compare(void *userdata, const KftpEntry *e) {
        Search *s = userdata;
        const ThenFile *f = s->file;
        int64_t span = (int64_t) MAX2(f->mtime_precision, 1U), its = (int64_t) MAX2(e->mtime_precision, 1U);

        if (e->name_len == strlen(f->name) && memcmp(e->name, f->name, e->name_len) == 0)
                s->same = e->size == f->size && (e->mtime == f->mtime || (e->mtime != KFTP_MTIME_UNKNOWN && f->mtime != KFTP_MTIME_UNKNOWN &&
                                                                         e->mtime < f->mtime + span && f->mtime < e->mtime + its));
        return 0;
}

/* 1: it is listed as it was. */
static int is_listed_same(const ThenPlace *p, const ThenFile *file, KftpFailure *f) {
        Search s = { .file = file };
        KftpUrl url = p->job->url;
        KftpListing listing;
        int r;

        url.path = p->directory;
        url.base = p->directory + strlen(p->directory);
        r = kftp_client_list(p->client, &url, &(KftpListOptions) {}, compare, &s, &listing);
        if (r < 0) {
                kftp_failure_done(f);
                *f = listing.failure;
                listing.failure = (KftpFailure) {};
        }
        kftp_listing_done(&listing);
        return r < 0 ? r : s.same;
}

int then_remote_check(const ThenPlace *p, const ThenFile *file, char **ret_text, KftpFailure *f) {
        _cleanup_free_ char *path = kftp_remote_join(p->directory, file->name);
        Look l = { .path = path };
        int r;

        if (!path)
                return no_memory(f);
        r = look(p, look_at, &l, f);
        if (r < 0)
                return r;
        if (l.presence == KFTP_ABSENT)
                return THEN_DONE;
        if (is_same(file, &l))
                return THEN_KEPT;
        r = file->listed ? is_listed_same(p, file, f) : 0;
        if (r != 0)
                return r < 0 ? r : THEN_KEPT;
        if (asprintf(ret_text, "\"%s\" on the server was changed after it had been fetched: it stays, and is fetched again", path) < 0)
                *ret_text = NULL;
        return THEN_CHANGED;
}

/* ---- What is done -------------------------------------------------------------------------------- */

static KftpUrl url_of(const ThenPlace *p, char *path) {
        KftpUrl url = p->job->url;

        url.path = path;
        url.base = path + (kftp_remote_base(path) - path);
        return url;
}

static int settle(KftpResult *result, int r, KftpFailure *f) {
        if (r < 0) {
                kftp_failure_done(f);
                *f = result->failure;
                result->failure = (KftpFailure) {};
        }
        kftp_result_done(result);
        return r;
}

static int delete(const ThenPlace *p, char *path, KftpFailure *f) {
        KftpUrl url = url_of(p, path);
        KftpResult result;
        int r = kftp_client_remove(p->client, &url, KFTP_REMOVE_MISSING_OK, &result);

        return settle(&result, r, f);
}

static int make_directory(const ThenPlace *p, KftpFailure *f) {
        KftpUrl url = url_of(p, p->to);
        KftpResult result;
        int r = kftp_client_mkdir(p->client, &url, true, &result);

        return settle(&result, r, f);
}

/* The first name that is not taken. Servers rename over what is there, and FTP has no way to forbid it: it is looked first. */
static int choose_name(const ThenPlace *p, const char *name, char **ret, KftpFailure *f) {
        for (unsigned n = 0; n < THEN_COLLISIONS_MAX; n++) {
                _cleanup_free_ char *numbered = then_numbered(name, n), *path = numbered ? kftp_remote_join(p->to, numbered) : NULL;
                Look l = { .path = path };
                int r;

                if (!path)
                        return no_memory(f);
                r = look(p, presence_at, &l, f);
                if (r < 0)
                        return r;
                if (l.presence == KFTP_ABSENT) {
                        *ret = STEAL_PTR(path);
                        return 0;
                }
        }
        return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EEXIST, false, "\"%s/%s\" and %u more names are taken", p->to, name, THEN_COLLISIONS_MAX);
}

static int rename_to(const ThenPlace *p, char *path, const char *to, KftpFailure *f) {
        KftpUrl url = url_of(p, path);
        KftpResult result;
        int r = kftp_client_rename(p->client, &url, to, &result);

        return settle(&result, r, f);
}

static bool is_gone(const ThenPlace *p, const char *path) {
        Look l = { .path = path };
        KftpFailure f = {};
        bool gone = look(p, presence_at, &l, &f) >= 0 && l.presence == KFTP_ABSENT;

        kftp_failure_done(&f);
        return gone;
}

static int move(const ThenPlace *p, char *path, const char *name, char **ret_text, KftpFailure *f) {
        _cleanup_free_ char *to = NULL;
        int r;

        r = make_directory(p, f);
        if (r >= 0)
                r = choose_name(p, name, &to, f);
        if (r < 0)
                return r;
        r = rename_to(p, path, to, f);
        if (r < 0) {
                /* Somebody else has taken it away, or a marker was never there. */
                if (f->class != KFTP_CLASS_REMOTE || !is_gone(p, path))
                        return r;
                kftp_failure_done(f);
                return THEN_DONE;
        }
        if (asprintf(ret_text, "\"%s\" on the server was moved to \"%s\"", path, to) < 0)
                *ret_text = NULL;
        return THEN_DONE;
}

int then_remote(const ThenPlace *p, const ThenFile *file, char **ret_text, KftpFailure *f) {
        _cleanup_free_ char *path = kftp_remote_join(p->directory, file->name);
        int r;

        if (!path)
                return no_memory(f);
        if (p->to)
                return move(p, path, file->name, ret_text, f);
        r = delete(p, path, f);
        return r < 0 ? r : THEN_DONE;
}
