// SPDX-License-Identifier: LGPL-2.1-or-later
/* Symbolic links in what a server lists: where they lead, as far as it says, and whether that is a loop. */

#include "failure.h"
#include "mirror.h"
#include "util.h"

#define PARTS_MAX 512U

/* ---- Loops ----------------------------------------------------------------------------------- */

typedef struct Part {
        const char *text;
        size_t n;
} Part;

/* Goes on from the first *n parts as path says. false: above the begin, or too deep. */
static bool go(Part *parts, size_t *n, const char *path) {
        while (*path) {
                size_t length = strcspn(path, "/");
                bool up = length == 2 && path[0] == '.' && path[1] == '.';

                if (up && *n == 0)
                        return false;
                if (up)
                        --*n;
                else if (length > 0 && !(length == 1 && path[0] == '.')) {
                        if (*n >= PARTS_MAX)
                                return false;
                        parts[(*n)++] = (Part) { path, length };
                }
                path += length;
                path += *path == '/';
        }
        return true;
}

static bool is_begin(const Part *a, size_t n, const Part *b, size_t b_n) {
        if (n > b_n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (a[i].n != b[i].n || memcmp(a[i].text, b[i].text, a[i].n) != 0)
                        return false;
        return true;
}

bool mirror_link_leads_up(const Mirror *m, const MirrorDirectory *d, const char *target) {
        _cleanup_free_ char *here = mirror_path_there(m, d->path);
        Part from[PARTS_MAX], to[PARTS_MAX];
        size_t from_n = 0, to_n = 0;

        /* Where an absolute one leads can be told only if we know where we are. */
        if (!here || (target[0] == '/' && here[0] != '/'))
                return false;
        if (!go(from, &from_n, here) || (target[0] != '/' && !go(to, &to_n, here)) || !go(to, &to_n, target))
                return true;
        return is_begin(to, to_n, from, from_n);
}

/* ---- Targets --------------------------------------------------------------------------------- */

typedef struct Targets {
        MirrorList *list;
        int error;
} Targets;

static int note_target(void *userdata, const KftpEntry *e) {
        Targets *t = userdata;
        _cleanup_free_ char *name = e->target ? strndup(e->name, e->name_len) : NULL;
        const MirrorEntry *found = name ? mirror_list_find(t->list, name) : NULL;

        if (!found || found->type != KFTP_ENTRY_LINK || found->target)
                return 0;
        return mirror_list_set_target(t->list, (size_t) (found - t->list->entries), e->target, e->target_len);
}

/* MLSD need not tell where links lead (RFC 3659 knows none): the lines of LIST do. */
int mirror_find_targets(MirrorSession *s, char *path, MirrorList *list, KftpFailure *f) {
        KftpUrl url = mirror_url(s->mirror, path);
        Targets t = { .list = list };
        KftpListing listing;
        bool missing = false;
        int r;

        for (size_t i = 0; i < list->n && !missing; i++)
                missing = list->entries[i].type == KFTP_ENTRY_LINK && !list->entries[i].target;
        if (!missing)
                return 0;
        r = kftp_client_list(s->client, &url, &(KftpListOptions) { .all = true, .list = true }, note_target, &t, &listing);
        /* A refusal of it leaves the links without their targets, which is told of each. */
        if (r < 0 && (listing.failure.class == KFTP_CLASS_REMOTE || listing.failure.class == KFTP_CLASS_OTHER))
                r = 0;
        if (r < 0) {
                *f = listing.failure;
                listing.failure = (KftpFailure) {};
        }
        kftp_listing_done(&listing);
        return r;
}
