// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * kftp_client_list: a listing is fetched whole into a memfd, by whatever way the server has, and only then
 * handed out, so that an attempt that fails half-way has told of no entry.
 */

#include <sys/mman.h>

#include "client.h"
#include "failure.h"
#include "format.h"
#include "listing-internal.h"
#include "url.h"
#include "util.h"

/* Millions of entries. More is not a listing but an attack on the memory. */
#define MAX_BYTES (UINT64_C(256) << 20)

/* ---- What the ways of asking share ----------------------------------------------------------- */

/* Only the reply says that a listing is not complete, in a line that need not be its last one. */
static void note_line(void *userdata, const char *text, size_t n) {
        Listing *l = userdata;

        if (!l->truncated && kftp_reply_says_truncated(text, n))
                l->truncated = kftp_escape(text, n);
}

int kftp_listing_receive(Listing *l, enum kftp_op op, const char *path, KftpDone *done, KftpFailure *f) {
        struct kftp_submit request = kftp_request(op, path && *path ? path : NULL);
        bool data = op != KFTP_OP_MLST && op != KFTP_OP_STAT;
        KftpWatch watch = { .line = data ? note_line : NULL, .userdata = l };
        KftpDone own;
        int r;

        done = done ?: &own;
        *done = (KftpDone) {};
        l->bytes = 0;
        free(l->truncated);
        l->truncated = NULL;
        if (ftruncate(l->fd, 0) < 0)
                return kftp_failure_local(f, -errno, "cannot empty the listing's memory");
        request.fd = l->fd;
        request.length = MAX_BYTES;
        r = kftp_connection_transfer(l->connection, &request, "the memory for the listing", &watch, done, f);
        if (r < 0 && done->error == -EMSGSIZE && done->bytes >= MAX_BYTES) {
                char limit[KFTP_FORMAT_MAX];

                return kftp_failure_set(f, KFTP_CLASS_OTHER, -EMSGSIZE, false, "the listing from %s is longer than %s",
                                        kftp_connection_remote(l->connection), kftp_format_bytes(limit, MAX_BYTES));
        }
        l->bytes = r < 0 ? 0 : done->bytes;
        return r;
}

typedef struct Delivery {
        const Listing *listing;
        KftpEntryCallback callback;     /* NULL: only counted */
        void *userdata;
        uint64_t entries, directories;
} Delivery;

/* LIST of a file may name it as it was asked for, MLST by its whole path. */
static void strip_directory(KftpEntry *e) {
        const char *slash = memrchr(e->name, '/', e->name_len);

        if (!slash || slash + 1 == e->name + e->name_len)
                return;
        e->name_len -= (size_t) (slash + 1 - e->name);
        e->name = slash + 1;
}

static int deliver(void *userdata, const KftpEntry *entry) {
        Delivery *d = userdata;
        const Listing *l = d->listing;
        KftpEntry e = *entry;

        if (l->only && (e.name_len != strlen(l->only) || memcmp(e.name, l->only, e.name_len) != 0))
                return 0;
        if (l->file)
                strip_directory(&e);
        d->entries++;
        d->directories += e.type == KFTP_ENTRY_DIR;
        return d->callback ? d->callback(d->userdata, &e) : 0;
}

/* What a server's LIST is in stays as it is; MLSD, and nothing but names, need not be LIST. */
static void remember(const Listing *l, const KftpListSummary *s) {
        if (!s->format || s->entries == 0 || s->format == &kftp_list_mlsd || s->format == &kftp_list_names)
                return;
        l->learnt->list_format = s->format;
        l->learnt->list_order = s->order;
}

static int read_listing(const Listing *l, KftpEntryCallback callback, void *userdata, KftpListSummary *ret) {
        Delivery d = { .listing = l, .callback = callback, .userdata = userdata };
        KftpListKnown known = {
                .now = (int64_t) time(NULL),
                .utc_offset = l->options->utc_offset,
                .format = l->format,
                .order = l->learnt->list_order,
        };
        int r;

        if (l->bytes == 0) {
                *ret = (KftpListSummary) {};
                return 0;
        }
        r = kftp_list_read(l->fd, l->source, &known, deliver, &d, ret);
        remember(l, ret);
        ret->entries = d.entries;
        ret->directories = d.directories;
        return r;
}

int kftp_listing_summary(const Listing *l, KftpListSummary *ret) {
        return read_listing(l, NULL, NULL, ret);
}

/* ---- An attempt ------------------------------------------------------------------------------ */

static bool has_mlsd(const Listing *l) {
        struct kftp_info info;

        return !l->learnt->no_mlsd && kftp_connection_info(l->connection, &info) >= 0 && (info.feat & KFTP_FEAT_MLST);
}

static int fetch(KftpConnection *c, void *userdata, KftpFailure *f) {
        Listing *l = userdata;
        int r;

        l->connection = c;
        l->learnt = kftp_connection_learnt(c);
        l->source = KFTP_LIST_FROM_DATA;
        l->format = l->learnt->list_format;
        l->only = NULL;
        l->file = false;
        if (l->options->stat)
                return kftp_listing_by_stat(l, f);
        r = !l->options->list && has_mlsd(l) ? kftp_listing_by_mlsd(l, f) : 0;
        if (r == 0)
                return kftp_listing_by_list(l, f);
        /* To vote about it among all formats would cost more than to read it. */
        l->format = &kftp_list_mlsd;
        return r;
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* Lines, and none that could be read: an error message of the server's ls, a sentence, or an unknown format. */
static int not_understood(const Listing *l, const KftpListSummary *s, KftpFailure *f) {
        const char *line = strempty(s->bad_line);

        if (kftp_reply_says_missing(line, strlen(line)))
                return kftp_failure_set(f, KFTP_CLASS_REMOTE, 0, false, "\"%s\" not listed by %s: \"%s\"", l->path, l->remote, line);
        if (kftp_reply_says_empty(line, strlen(line)))
                return 0;
        return kftp_failure_set(f, KFTP_CLASS_OTHER, -EBADMSG, false,
                                "the listing of \"%s\" from %s is in a format that kftp does not know: \"%s\"", l->path, l->remote, line);
}

static int hand_out(Listing *l, KftpEntryCallback callback, void *userdata, KftpListing *ret) {
        _cleanup_(kftp_list_summary_done) KftpListSummary s = {};
        int r;

        r = read_listing(l, callback, userdata, &s);
        ret->format = s.format ? s.format->name : NULL;
        ret->utc = s.format && s.format->utc;
        ret->entries = s.entries;
        ret->file = l->file;
        ret->truncated = l->bytes > 0 ? STEAL_PTR(l->truncated) : NULL;
        if (r < 0) {
                ret->failure.class = KFTP_CLASS_LOCAL;
                ret->failure.error = r;
                return r;
        }
        if (s.bad > 0 && s.bad == s.lines)
                return not_understood(l, &s, &ret->failure);
        ret->bad = s.bad;
        ret->bad_line = STEAL_PTR(s.bad_line);
        return 0;
}

int kftp_client_list(
                KftpClient *c,
                const KftpUrl *url,
                const KftpListOptions *options,
                KftpEntryCallback callback,
                void *userdata,
                KftpListing *ret) {
        static const KftpListOptions usual = {};
        _cleanup_close_ int fd = memfd_create("kftp-listing", MFD_CLOEXEC);
        _cleanup_free_ char *remote = kftp_url_host_port(url);
        Listing l = { .path = url->path, .remote = remote, .options = options ?: &usual, .fd = fd };
        int r;

        *ret = (KftpListing) {};
        if (fd < 0 || !remote)
                return kftp_failure_local(&ret->failure, fd < 0 ? -errno : -ENOMEM, "no memory for the listing");
        r = kftp_client_do(c, url, fetch, &l, &ret->attempts, &ret->failure);
        if (r >= 0) {
                kftp_failure_done(&ret->failure);
                r = hand_out(&l, callback, userdata, ret);
        }
        free(l.truncated);
        return r < 0 ? r : 0;
}

void kftp_listing_done(KftpListing *l) {
        free(l->bad_line);
        free(l->truncated);
        kftp_failure_done(&l->failure);
        *l = (KftpListing) {};
}
