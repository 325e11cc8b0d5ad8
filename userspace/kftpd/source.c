/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a source is taken now: by the filter, the marker, and the last look. The two sides' listings are in source-local.c
 * and source-remote.c.
 */

#include <inttypes.h>
#include <stdarg.h>

#include "failure.h"
#include "format.h"
#include "mirror-filter.h"
#include "mirror-names.h"
#include "put-names.h"
#include "source-internal.h"

/* ---- Names --------------------------------------------------------------------------------------- */

bool source_has_markers(const KftpJob *job) {
        return job->marker && strstr(job->marker, "%f");
}

char *source_marker(const KftpJob *job, const char *name) {
        const char *at = strstr(job->marker, "%f");
        char *marker;

        if (!at)
                return strdup(job->marker);
        return asprintf(&marker, "%.*s%s%s", (int) (at - job->marker), job->marker, name, at + strlen("%f")) < 0 ? NULL : marker;
}

static char *strip(const char *path) {
        size_t n = strlen(path);

        while (n > 1 && path[n - 1] == '/')
                n--;
        return strndup(path, n);
}

int source_place(const KftpJob *job, char **ret_directory, char **ret_name) {
        const char *path = job->upload ? job->path : strempty(job->url.path);
        _cleanup_free_ char *directory = NULL, *name = NULL;

        if (job->set)
                directory = strip(path);
        else {
                _cleanup_free_ char *before = kftp_remote_directory(path);

                directory = before ? strip(before) : NULL;
                name = strdup(kftp_remote_base(path));
        }
        if (!directory || (!job->set && !name))
                return -ENOMEM;
        *ret_directory = STEAL_PTR(directory);
        *ret_name = STEAL_PTR(name);
        return 0;
}

bool source_is_listed(const KftpJob *job) {
        return job->set || job->upload || job->watch || job->marker || job->stable_usec > 0;
}

static bool is_marker(const SourceCollector *c, const char *name, size_t n) {
        size_t head, tail;

        if (!c->marker_head)
                return c->job->marker && strlen(c->job->marker) == n && memcmp(c->job->marker, name, n) == 0;
        head = strlen(c->marker_head);
        tail = strlen(c->marker_tail);
        return head + tail > 0 && n > head + tail && memcmp(name, c->marker_head, head) == 0 &&
                memcmp(name + n - tail, c->marker_tail, tail) == 0;
}

/* ---- Entries ------------------------------------------------------------------------------------- */

static void note_refusal(SourceCollector *c, const char *name, size_t n, const char *why) {
        _cleanup_free_ char *shown = NULL;

        if (c->listing->refused++ > 0)
                return;
        shown = kftp_escape(name, MIN2(n, (size_t) 255));
        if (asprintf(&c->first_refused, "\"%s\" %s", strempty(shown), why) < 0)
                c->first_refused = NULL;
}

static void note_link(SourceCollector *c, const char *name, size_t n) {
        if (c->listing->links++ == 0)
                c->first_link = kftp_escape(name, n);
}

bool source_wants(SourceCollector *c, const char *name, size_t n) {
        if (c->name)
                return (strlen(c->name) == n && memcmp(c->name, name, n) == 0) || is_marker(c, name, n);
        return is_marker(c, name, n) || name[0] != '.';
}

static void note_marker(SourceCollector *c, const MirrorEntry *e) {
        ThenFile *m = &c->listing->marker;

        *m = (ThenFile) {
                .name = c->job->marker,
                .size = e->size,
                .mtime = e->mtime,
                .mtime_precision = e->mtime_precision,
                .listed = c->job->set && !c->job->upload,
        };
        if (!c->job->upload || __builtin_mul_overflow(e->mtime, INT64_C(1000000000), &m->mtime_nsec) ||
            __builtin_add_overflow(m->mtime_nsec, (int64_t) e->mtime_nsec, &m->mtime_nsec))
                m->mtime_nsec = 0;
}

static int add_marker(SourceCollector *c, const MirrorEntry *e, size_t n) {
        if (e->type == KFTP_ENTRY_DIR)
                return 0;
        if (!c->marker_head) {
                c->marker_seen = true;
                note_marker(c, e);
                return 0;
        }
        if (c->markers.n < SOURCE_FILES_MAX)
                return mirror_list_add(&c->markers, e, n, 0);
        c->listing->more = true;
        return 0;
}

static int add_file(SourceCollector *c, MirrorEntry *e, size_t n) {
        SourceListing *l = c->listing;

        e->target = NULL;
        e->sent = c->query->is_settled && c->query->is_settled(c->query->userdata, e);
        if (e->sent)
                l->settled++;
        if (e->sent && c->job->then.action == KFTP_THEN_KEEP)
                return 0;
        if (l->files.n < SOURCE_FILES_MAX)
                return mirror_list_add(&l->files, e, n, 0);
        l->more = true;
        return 1;
}

int source_add(SourceCollector *c, const MirrorEntry *entry, size_t n) {
        KftpMirrorOptions limits = c->job->mirror_options;
        const char *why = mirror_name_refusal(entry->name, n);
        _cleanup_free_ char *name = NULL;
        MirrorEntry e = *entry;

        if (why) {
                note_refusal(c, entry->name, n, why);
                return 0;
        }
        if (!source_wants(c, entry->name, n))
                return 0;
        if (is_marker(c, entry->name, n))
                return add_marker(c, entry, n);
        name = strndup(entry->name, n);
        if (!name)
                return -ENOMEM;
        e.name = name;
        limits.filter = c->job->filter;
        if (e.type == KFTP_ENTRY_DIR || mirror_name_is_temporary(name) || (!c->name && !mirror_filter_takes(&limits, name, &e, c->now)))
                return 0;
        if (e.type == KFTP_ENTRY_LINK)
                note_link(c, name, n);
        return e.type == KFTP_ENTRY_FILE ? add_file(c, &e, n) : 0;
}

/* ---- What of it is ready ------------------------------------------------------------------------- */

static int has_marker(SourceCollector *c, const MirrorEntry *e) {
        _cleanup_free_ char *marker = NULL;

        if (!c->marker_head)
                return 1;
        marker = source_marker(c->job, e->name);
        return marker ? !!mirror_list_find(&c->markers, marker) : -ENOMEM;
}

/* 1: it has been the same for long enough. 0: it will be, if nothing happens, at *first or later. */
static int is_stable(SourceCollector *c, SourceLook *look, const MirrorEntry *e, uint64_t now, uint64_t *first) {
        uint64_t since;
        int r;

        if (c->job->stable_usec == 0)
                return 1;
        r = source_look_at(look, e->name, e->size, (int64_t) ((uint64_t) e->mtime * 1000000000 + e->mtime_nsec), &since);
        if (r < 0)
                return r;
        if (now - since >= c->job->stable_usec)
                return 1;
        *first = MIN2(*first, since + c->job->stable_usec);
        return 0;
}

static void note_first(char **field, const char *name) {
        if (!*field)
                *field = kftp_escape(name, strlen(name));
}

typedef struct SourceWaits {
        char *growing;
        char *unmarked;
        uint64_t first;                 /* when the first one that grows may be ready */
} SourceWaits;

static void waits_done(SourceWaits *w) {
        free(w->growing);
        free(w->unmarked);
}

/* 1: the entry stays in the list. */
static int judge(SourceCollector *c, SourceLook *look, const MirrorEntry *e, uint64_t now, SourceWaits *waits) {
        SourceListing *l = c->listing;
        int r;

        if (e->sent)
                return 1;
        r = has_marker(c, e);
        if (r == 0) {
                l->unmarked++;
                note_first(&waits->unmarked, e->name);
        }
        if (r <= 0)
                return r;
        r = is_stable(c, look, e, now, &waits->first);
        if (r == 0) {
                l->growing++;
                note_first(&waits->growing, e->name);
        } else if (r > 0)
                l->ready++;
        return r;
}

static int sift(SourceCollector *c, uint64_t now, SourceWaits *waits) {
        SourceListing *l = c->listing;
        SourceLook *look = NULL;
        size_t kept = 0;
        int r;

        mirror_list_sort(&l->files);
        mirror_list_sort(&c->markers);
        l->no_marker = c->job->marker && !c->marker_head && !c->marker_seen;
        if (l->no_marker) {
                l->files.n = 0;
                return 0;
        }
        r = c->job->stable_usec > 0 ? source_look_begin(c->query->looks, c->job->name, c->directory, now, &look) : 0;
        for (size_t i = 0; r >= 0 && i < l->files.n; i++) {
                r = judge(c, look, l->files.entries + i, now, waits);
                if (r > 0)
                        l->files.entries[kept++] = l->files.entries[i];
        }
        source_look_end(look);
        l->files.n = kept;
        return r;
}

/* ---- What is said of it -------------------------------------------------------------------------- */

/* Adds a clause; without memory it is left out. */
static void _printf_(2, 3) say(char **text, const char *format, ...) {
        _cleanup_free_ char *more = NULL;
        char *whole;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&more, format, ap) < 0)
                more = NULL;
        va_end(ap);
        if (!more || asprintf(&whole, "%s%s%s", strempty(*text), *text ? "; " : "", more) < 0)
                return;
        free(*text);
        *text = whole;
}

static void tell_left_out(SourceCollector *c) {
        SourceListing *l = c->listing;

        if (l->refused > 0)
                say(&l->left_out, "%zu name%s refused, the first: %s", l->refused, l->refused == 1 ? " is" : "s are", strempty(c->first_refused));
        if (l->links > 0)
                say(&l->left_out, "%zu link%s not followed, the first: \"%s\"", l->links, l->links == 1 ? " is" : "s are", strempty(c->first_link));
        if (l->bad > 0)
                say(&l->left_out, "%zu line%s of the server's listing could not be read", l->bad, l->bad == 1 ? "" : "s");
        if (l->more)
                say(&l->left_out, "more than %u files are there, the rest is taken another time", SOURCE_FILES_MAX);
}

static void tell_missing(SourceCollector *c, const SourceWaits *w) {
        _cleanup_free_ char *place = *c->directory ? kftp_escape(c->directory, strlen(c->directory)) : strdup("the login directory");
        _cleanup_free_ char *marker = c->job->marker && !c->marker_head ? kftp_escape(c->job->marker, strlen(c->job->marker)) : NULL;
        const char *where = strempty(place);
        SourceListing *l = c->listing;

        if (l->absent)
                say(&l->missing, "%s%s%s is not there", where, c->name ? "/" : "", strempty(c->name));
        else if (l->no_marker)
                say(&l->missing, "the marker \"%s\" is not in %s", strempty(marker), where);
        if (l->growing > 0)
                say(&l->missing, "%zu file%s in %s, \"%s\" first, %s not been the same for %" PRIu64 " s yet", l->growing, l->growing == 1 ? "" : "s",
                    where, strempty(w->growing), l->growing == 1 ? "has" : "have", c->job->stable_usec / USEC_PER_SEC);
        if (l->unmarked > 0)
                say(&l->missing, "the marker of \"%s\"%s is not in %s", strempty(w->unmarked), l->unmarked == 1 ? "" : ", and of others,", where);
        if (!l->missing)
                say(&l->missing, "nothing that could be taken is in %s", where);
        if (l->left_out)
                say(&l->missing, "%s", l->left_out);
}

/* ---- The listing --------------------------------------------------------------------------------- */

static uint64_t delay(const KftpJob *job, const SourceListing *l, uint64_t first, uint64_t now) {
        uint64_t usec = job->upload ? SOURCE_POLL_USEC : job->poll_usec > 0 ? job->poll_usec : KFTP_JOB_POLL_USEC_DEFAULT;

        return l->growing > 0 && first > now ? MIN2(usec, first - now) : usec;
}

static int begin(SourceCollector *c) {
        const char *at = c->job->marker ? strstr(c->job->marker, "%f") : NULL;

        if (at) {
                c->marker_head = strndup(c->job->marker, (size_t) (at - c->job->marker));
                c->marker_tail = strdup(at + strlen("%f"));
                if (!c->marker_head || !c->marker_tail)
                        return -ENOMEM;
        }
        return source_place(c->job, &c->directory, &c->name);
}

static void collector_done(SourceCollector *c) {
        safe_close(c->directory_fd);
        free(c->directory);
        free(c->name);
        free(c->marker_head);
        free(c->marker_tail);
        free(c->first_link);
        free(c->first_refused);
        mirror_list_done(&c->markers);
}

int source_list(const SourceQuery *query, SourceListing *ret, KftpFailure *f) {
        _cleanup_(collector_done) SourceCollector c = {
                .query = query,
                .job = query->job,
                .listing = ret,
                .directory_fd = -1,
                .now = query->now != 0 ? query->now : (int64_t) time(NULL),
        };
        uint64_t now = query->monotonic_usec > 0 ? query->monotonic_usec : now_usec();
        _cleanup_(waits_done) SourceWaits waits = { .first = UINT64_MAX };
        int r;

        *ret = (SourceListing) {};
        r = begin(&c);
        if (r < 0)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, r, true, "not enough memory");
        r = query->job->upload ? source_list_local(&c, f) : source_list_remote(&c, f);
        if (r < 0)
                return r;
        if (sift(&c, now, &waits) < 0)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        tell_left_out(&c);
        if (ret->ready == 0 || ret->growing > 0)
                tell_missing(&c, &waits);
        ret->delay_usec = delay(query->job, ret, waits.first, now);
        if (query->ret_directory && ret->ready + ret->growing == 0) {
                safe_close(*query->ret_directory);
                *query->ret_directory = STEAL_FD(c.directory_fd);
        }
        return 0;
}

void source_listing_done(SourceListing *l) {
        mirror_list_done(&l->files);
        free(l->left_out);
        free(l->missing);
        *l = (SourceListing) {};
}

bool source_is_awaited(const KftpJob *job, RunTrigger trigger, const SourceListing *l) {
        if (l->growing > 0)
                return true;
        if (l->ready > 0 || trigger == RUN_CALENDAR || trigger == RUN_HAND)
                return false;
        return job->upload || job->watch || l->no_marker || l->unmarked > 0;
}
