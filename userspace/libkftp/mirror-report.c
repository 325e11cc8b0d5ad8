// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a mirror tells: each thing that was done or failed, the counts, and how far it is. The counts are made here and
 * nowhere else, so that they are those of the events.
 */

#include <stdarg.h>

#include "failure.h"
#include "mirror.h"
#include "names.h"
#include "put-names.h"
#include "util.h"

/* ---- Paths ----------------------------------------------------------------------------------- */

static char *join(const char *directory, const char *name) {
        if (!*directory)
                return strdup(name);
        return *name ? kftp_path_join(directory, name) : strdup(directory);
}

char *mirror_path(const MirrorDirectory *d, const char *name) {
        return join(d->path, strempty(name));
}

char *mirror_path_there(const Mirror *m, const char *path) {
        return *path ? kftp_remote_join(m->url.path, path) : strdup(m->url.path);
}

char *mirror_path_here(const Mirror *m, const char *path) {
        return join(m->local.root, path);
}

KftpUrl mirror_url(const Mirror *m, char *remote) {
        KftpUrl url = m->url;

        url.path = remote;
        url.base = remote + (kftp_remote_base(remote) - remote);
        return url;
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void count_success(Mirror *m, const MirrorNews *news) {
        KftpMirrorResult *r = m->result;

        switch (news->action) {
        case KFTP_MIRROR_GET:
        case KFTP_MIRROR_PUT:
        case KFTP_MIRROR_LINK:
                r->transferred++;
                break;
        case KFTP_MIRROR_DELETE:
        case KFTP_MIRROR_RMDIR:
                r->deleted++;
                break;
        case KFTP_MIRROR_MOVED:
                r->moved++;
                break;
        default:
                break;
        }
}

static void count(Mirror *m, const MirrorNews *news, const KftpResult *result) {
        if (result->failure.class == KFTP_CLASS_OK)
                count_success(m, news);
        else {
                m->result->failed++;
                m->result->refused += news->action == KFTP_MIRROR_REFUSE;
        }
        if (result->peer.family != 0) {
                m->result->peer = result->peer;
                m->result->tls = result->tls;
        }
}

void mirror_report(MirrorSession *s, const MirrorNews *news) {
        static const KftpResult nothing = { .mtime = KFTP_MTIME_UNKNOWN };
        Mirror *m = s->mirror;
        const KftpResult *result = news->result ?: &nothing;
        _cleanup_free_ char *local = mirror_path_here(m, news->path), *remote = mirror_path_there(m, news->path);
        const MirrorEntry *entry = news->entry;
        KftpMirrorEvent event = {
                .action = news->action,
                .planned = news->planned,
                .session = s->number,
                .path = news->path,
                .local = strempty(local),
                .remote = strempty(remote),
                .why = news->why,
                .target = entry && entry->type == KFTP_ENTRY_LINK ? entry->target : NULL,
                .size = entry ? entry->size : KFTP_SIZE_UNKNOWN,
                .mtime = entry ? entry->mtime : KFTP_MTIME_UNKNOWN,
                .result = result,
        };

        pthread_mutex_lock(&m->lock);
        count(m, news, result);
        pthread_mutex_unlock(&m->lock);
        if (!m->options->event)
                return;
        pthread_mutex_lock(&m->callbacks);
        m->options->event(m->options->userdata, &event);
        pthread_mutex_unlock(&m->callbacks);
}

void mirror_report_failure(MirrorSession *s, enum kftp_mirror_action action, const char *path, const MirrorEntry *entry, KftpFailure *f) {
        KftpResult result = { .mtime = KFTP_MTIME_UNKNOWN, .failure = *f };

        mirror_report(s, &(MirrorNews) { .action = action, .path = path, .entry = entry, .result = &result });
        kftp_failure_done(f);
}

void mirror_report_refusal(MirrorSession *s, const MirrorDirectory *d, const MirrorEntry *entry, const char *reason) {
        _cleanup_free_ char *path = mirror_path(d, entry->name);
        KftpFailure f = {};

        kftp_failure_set(&f, KFTP_CLASS_OTHER, -EPERM, false, "refused: %s", reason);
        mirror_report_failure(s, KFTP_MIRROR_REFUSE, strempty(path), entry, &f);
}

void mirror_note(MirrorSession *s, const char *format, ...) {
        const KftpCallbacks *c = &s->mirror->session_options->callbacks;
        char text[KFTP_FAILURE_TEXT_MAX];
        va_list ap;

        if (!c->note)
                return;
        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        pthread_mutex_lock(&s->mirror->callbacks);
        c->note(c->userdata, text);
        pthread_mutex_unlock(&s->mirror->callbacks);
}

const char *kftp_mirror_action_name(enum kftp_mirror_action a) {
        static const char *const names[] = {
                [KFTP_MIRROR_LIST] = "list",
                [KFTP_MIRROR_GET] = "get",
                [KFTP_MIRROR_PUT] = "put",
                [KFTP_MIRROR_LINK] = "link",
                [KFTP_MIRROR_MKDIR] = "mkdir",
                [KFTP_MIRROR_SET] = "set",
                [KFTP_MIRROR_DELETE] = "delete",
                [KFTP_MIRROR_RMDIR] = "rmdir",
                [KFTP_MIRROR_MOVED] = "moved",
                [KFTP_MIRROR_REFUSE] = "refuse",
        };

        return (size_t) a < ELEMENTS(names) ? names[a] : "unknown";
}

/* ---- Progress -------------------------------------------------------------------------------- */

void mirror_show(MirrorSession *s, bool listing, const char *path) {
        KftpMirrorSession *shown = s->mirror->shown + s->number - 1;

        free(shown->path);
        *shown = (KftpMirrorSession) {
                .listing = listing,
                .path = path ? strdup(path) : NULL,
                .progress.total = KFTP_SIZE_UNKNOWN,
        };
        s->counted = 0;
        s->left = NULL;
}

static void take_snapshot(Mirror *m, KftpMirrorProgress *p, KftpMirrorSession *sessions) {
        pthread_mutex_lock(&m->lock);
        *p = m->progress;
        p->transferred = m->result->transferred;
        p->deleted = m->result->deleted;
        p->failed = m->result->failed;
        p->unchanged = m->result->unchanged;
        p->files = m->result->files;
        p->directories = m->result->directories;
        p->directories_left = m->directories.n + m->listing;
        p->transfers_left = m->transfers.n + m->active - m->listing;
        p->usec = now_usec() - m->begin_usec;
        p->sessions_n = m->sessions_n;
        p->sessions = sessions;
        for (unsigned i = 0; i < m->sessions_n; i++) {
                sessions[i] = m->shown[i];
                sessions[i].path = m->shown[i].path ? strdup(m->shown[i].path) : NULL;
        }
        pthread_mutex_unlock(&m->lock);
}

/* Whoever is told may take long over it, a terminal that was stopped for instance: nothing waits for that. */
void mirror_tell_progress(Mirror *m) {
        KftpMirrorSession sessions[KFTP_MIRROR_SESSIONS_MAX];
        KftpMirrorProgress p;

        if (!m->options->progress)
                return;
        take_snapshot(m, &p, sessions);
        pthread_mutex_lock(&m->callbacks);
        m->options->progress(m->options->userdata, &p);
        pthread_mutex_unlock(&m->callbacks);
        for (unsigned i = 0; i < p.sessions_n; i++)
                free(sessions[i].path);
}

/* What is moved twice, and what a file has grown by, was never left. */
static void take_off(MirrorSession *s, uint64_t moved) {
        uint64_t n = s->left ? MIN2(*s->left, moved) : 0;

        if (n == 0)
                return;
        *s->left -= n;
        s->mirror->progress.bytes_left -= n;
}

/* Bytes that were there before are not moved; those that an attempt has lost are not taken back. */
void mirror_note_progress(MirrorSession *s, const KftpProgress *p) {
        Mirror *m = s->mirror;
        uint64_t moved = p->bytes > p->resumed_from ? p->bytes - p->resumed_from : 0;

        pthread_mutex_lock(&m->lock);
        if (moved > s->counted && !m->shown[s->number - 1].listing) {
                m->progress.bytes += moved - s->counted;
                take_off(s, moved - s->counted);
                m->result->bytes += moved - s->counted;
        }
        s->counted = moved;
        m->shown[s->number - 1].progress = *p;
        pthread_mutex_unlock(&m->lock);
}
