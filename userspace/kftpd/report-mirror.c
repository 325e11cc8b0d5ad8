/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes journal records of what a mirror, or the copy of a set, does to each file, and of all of it. */

#include <inttypes.h>
#include <strings.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "format.h"
#include "report-mirror.h"

/* ---- Names ---------------------------------------------------------------------------------------- */

static bool ends_in(const char *text, size_t n, const char *end) {
        return n >= strlen(end) && strncasecmp(text + n - strlen(end), end, strlen(end)) == 0;
}

char *report_url_of(const LedgerEntry *e, const char *path) {
        static const char kept[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
        const char *tree = strempty(e->remote);
        size_t n = strlen(tree);
        char *url, *out;

        if (ends_in(tree, n, ";type=i"))
                n -= strlen(";type=i");
        while (ends_in(tree, n, "/"))
                n--;
        url = malloc(n + 3 * strlen(path) + 2);
        if (!url)
                return NULL;
        out = mempcpy(url, tree, n);
        if (!ends_in(tree, n, "/%2f"))  /* the root, which has its slash */
                *out++ = '/';
        for (; *path; path++)
                out += strchr(kept, *path) ? sprintf(out, "%c", *path) : sprintf(out, "%%%02X", (unsigned char) *path);
        *out = '\0';
        return url;
}

static char *shown(const char *text) {
        return kftp_escape(text, strlen(text));
}

/* ---- Single files --------------------------------------------------------------------------------- */

static void add_address(Record *r, const char *name, const struct kftp_addr *a) {
        _cleanup_free_ char *text = a->family != 0 ? kftp_address_format(a) : NULL;

        record_add_text(r, name, text);
}

/* What is known of the connections that it was done over. */
static void add_connection(Record *r, const KftpResult *result) {
        _cleanup_free_ char *tls = kftp_format_tls(result);
        unsigned reply = result->failure.reply ?: result->reply;

        if (reply != 0)
                record_add(r, "KFTP_REPLY_CODE=%u", reply);
        record_add_shown(r, "KFTP_REPLY", result->reply_text);
        add_address(r, "KFTP_PEER", &result->peer);
        add_address(r, "KFTP_LOCAL_ADDR", &result->local_addr);
        add_address(r, "KFTP_DATA_PEER", &result->data_peer);
        add_address(r, "KFTP_DATA_LOCAL_ADDR", &result->data_local);
        record_add_text(r, "KFTP_TLS", tls);
}

static void add_file(Record *r, const LedgerEntry *e, const KftpMirrorEvent *event, const char *result) {
        _cleanup_free_ char *url = report_url_of(e, event->path);

        record_add_run(r, e, result);
        record_add_text(r, "KFTP_ACTION", kftp_mirror_action_name(event->action));
        record_add_text(r, "KFTP_WHY", event->why);
        record_add_text(r, "KFTP_REMOTE", url);
        record_add_shown(r, "KFTP_LOCAL", event->local);
}

static void report_transfer(const Report *report, const LedgerEntry *e, const KftpMirrorEvent *event, int priority) {
        char bytes[KFTP_FORMAT_MAX], usec[KFTP_FORMAT_MAX], rate[KFTP_FORMAT_MAX], offset[KFTP_FORMAT_MAX];
        _cleanup_free_ char *local = shown(event->local), *remote = shown(event->remote);
        const KftpResult *result = event->result;
        /* a listing may tell it by the day only */
        int64_t mtime = result->mtime != KFTP_MTIME_UNKNOWN ? result->mtime : event->mtime;
        bool put = event->action == KFTP_MIRROR_PUT;
        Record r;

        record_begin(&r, priority, KFTP_MESSAGE_FILE_DONE);
        record_add(&r, "MESSAGE=%s: %s -> %s: %s in %s (%s)%s%s", e->job, strempty(put ? local : remote), strempty(put ? remote : local),
                   kftp_format_bytes(bytes, result->bytes), kftp_format_usec(usec, result->transfer_usec),
                   kftp_format_rate(rate, result->rate), result->resumed_from > 0 ? ", resumed at " : "",
                   result->resumed_from > 0 ? kftp_format_bytes(offset, result->resumed_from) : "");
        add_file(&r, e, event, "done");
        record_add_u64(&r, "KFTP_BYTES", result->bytes);
        record_add_u64(&r, "KFTP_RESUMED_FROM", result->resumed_from);
        record_add_u64(&r, "KFTP_USEC", result->transfer_usec);
        record_add_u64(&r, "KFTP_RATE", result->rate);
        if (mtime != KFTP_MTIME_UNKNOWN)
                record_add(&r, "KFTP_MTIME=%" PRIi64, mtime);
        record_add_text(&r, "KFTP_SHA256", result->sha256);
        add_connection(&r, result);
        record_submit(report, &r);
}

static void report_link(const Report *report, const LedgerEntry *e, const KftpMirrorEvent *event, int priority) {
        _cleanup_free_ char *local = shown(event->local), *target = shown(strempty(event->target));
        Record r;

        record_begin(&r, priority, KFTP_MESSAGE_FILE_LINKED);
        record_add(&r, "MESSAGE=%s: %s: symbolic link to %s", e->job, strempty(local), strempty(target));
        add_file(&r, e, event, "done");
        record_add_text(&r, "KFTP_TARGET", target);
        record_submit(report, &r);
}

/* From the target what the source does not have, or from the source what has been transferred. */
static void report_removal(const Report *report, const LedgerEntry *e, const KftpMirrorEvent *event, bool upload, int priority) {
        bool moved = event->action == KFTP_MIRROR_MOVED;
        _cleanup_free_ char *what = shown(upload != moved ? event->remote : event->local);
        Record r;

        record_begin(&r, priority, moved ? KFTP_MESSAGE_FILE_MOVED : KFTP_MESSAGE_FILE_DELETED);
        record_add(&r, "MESSAGE=%s: %s: %s", e->job, strempty(what),
                   moved ? "removed from the source, the target has it" :
                   event->action == KFTP_MIRROR_RMDIR ? "directory deleted, the source does not have it" :
                   "deleted, the source does not have it");
        add_file(&r, e, event, "done");
        add_connection(&r, event->result);
        record_submit(report, &r);
}

static void report_fault(const Report *report, const LedgerEntry *e, const KftpMirrorEvent *event) {
        bool refused = event->action == KFTP_MIRROR_REFUSE;
        const KftpFailure *f = &event->result->failure;
        _cleanup_free_ char *path = shown(event->path), *text = shown(strempty(f->text));
        Record r;

        record_begin(&r, LOG_WARNING, refused ? KFTP_MESSAGE_FILE_REFUSED : KFTP_MESSAGE_FILE_FAILED);
        /* a refusal's text says that it is one */
        record_add(&r, "MESSAGE=%s: %s: %s%s", e->job, path && *path ? path : ".", refused ? "" : "failed: ", strempty(text));
        add_file(&r, e, event, refused ? "refused" : "failed");
        record_add_class(&r, f->class);
        record_add_error(&r, f->error);
        add_connection(&r, event->result);
        record_submit(report, &r);
}

bool report_mirror_event(const Report *report, const LedgerEntry *e, const KftpMirrorEvent *event, bool upload, uint64_t before) {
        int priority = before < REPORT_MIRROR_FILES ? LOG_INFO : LOG_DEBUG;

        if (event->result->failure.class != KFTP_CLASS_OK) {
                report_fault(report, e, event);
                return true;
        }
        switch (event->action) {
        case KFTP_MIRROR_GET:
        case KFTP_MIRROR_PUT:
                report_transfer(report, e, event, priority);
                return true;
        case KFTP_MIRROR_LINK:
                report_link(report, e, event, priority);
                return true;
        case KFTP_MIRROR_DELETE:
        case KFTP_MIRROR_RMDIR:
        case KFTP_MIRROR_MOVED:
                report_removal(report, e, event, upload, priority);
                return true;
        default:
                return false;
        }
}

/* ---- The run -------------------------------------------------------------------------------------- */

void report_mirror_add_counts(Record *r, const LedgerEntry *e) {
        record_add_u64(r, "KFTP_FILES", e->transferred);
        record_add_u64(r, "KFTP_UNCHANGED", e->unchanged);
        record_add_u64(r, "KFTP_DELETED", e->deleted);
        record_add_u64(r, "KFTP_MOVED", e->moved);
        record_add_u64(r, "KFTP_FAILED", e->failed);
}

char *report_mirror_summary(const LedgerEntry *e) {
        char bytes[KFTP_FORMAT_MAX], usec[KFTP_FORMAT_MAX], deleted[50] = "", moved[60] = "", *text;

        if (e->deleted > 0)
                (void) snprintf(deleted, sizeof(deleted), ", %" PRIu64 " deleted", e->deleted);
        if (e->moved > 0)
                (void) snprintf(moved, sizeof(moved), ", %" PRIu64 " removed from the source", e->moved);
        return asprintf(&text, "%" PRIu64 " file%s, %s in %s, %" PRIu64 " unchanged%s%s, %" PRIu64 " failed", e->transferred,
                        e->transferred == 1 ? "" : "s", kftp_format_bytes(bytes, e->bytes), kftp_format_usec(usec, e->usec), e->unchanged,
                        deleted, moved, e->failed) < 0 ? NULL : text;
}

void report_mirror_done(const Report *report, const LedgerEntry *e) {
        _cleanup_free_ char *summary = report_mirror_summary(e);
        Record r;

        record_begin(&r, LOG_INFO, KFTP_MESSAGE_JOB_DONE);
        if (e->attempt > 1)
                record_add(&r, "MESSAGE=%s: done: %s, at attempt %u", e->job, strempty(summary), e->attempt);
        else
                record_add(&r, "MESSAGE=%s: done: %s", e->job, strempty(summary));
        record_add_run(&r, e, "done");
        record_add_text(&r, "KFTP_REMOTE", e->remote);
        record_add_text(&r, "KFTP_LOCAL", e->final);
        record_add_u64(&r, "KFTP_BYTES", e->bytes);
        record_add_u64(&r, "KFTP_USEC", e->usec);
        report_mirror_add_counts(&r, e);
        record_add_text(&r, "KFTP_PEER", e->peer);
        record_add_text(&r, "KFTP_TLS", e->tls);
        record_submit(report, &r);
}
