// SPDX-License-Identifier: GPL-2.0-or-later
/* What a mirror says of its course: the texts and objects, but not where they go. */

#include <ctype.h>
#include <inttypes.h>
#include <strings.h>

#include "format.h"
#include "mirror-output.h"
#include "report.h"
#include "util.h"

/* ---- For people ------------------------------------------------------------------------------ */

static bool is_transfer(const KftpMirrorEvent *e) {
        return e->action == KFTP_MIRROR_GET || e->action == KFTP_MIRROR_PUT;
}

void mirror_count(MirrorCounts *c, const KftpMirrorEvent *e) {
        if (e->result->failure.class != KFTP_CLASS_OK)
                return;
        c->changes++;
        c->set += e->action == KFTP_MIRROR_SET;
        c->made += e->action == KFTP_MIRROR_MKDIR;
        if (e->planned && is_transfer(e) && e->size != KFTP_SIZE_UNKNOWN)
                c->planned_bytes += e->size;
}

static char *escape(const char *text) {
        return kftp_escape(text, strlen(text));
}

char *mirror_format_action(const KftpMirrorEvent *e) {
        _cleanup_free_ char *path = escape(*e->path ? e->path : "."), *target = e->target ? escape(e->target) : NULL;
        char *line = NULL, bytes[KFTP_FORMAT_MAX];
        size_t n;
        FILE *f = open_memstream(&line, &n);

        if (!f)
                return NULL;
        fprintf(f, "%s  %s", kftp_mirror_action_name(e->action), strempty(path));
        if (target)
                fprintf(f, " -> %s", target);
        if (is_transfer(e) && e->size != KFTP_SIZE_UNKNOWN)
                fprintf(f, "  %s", kftp_format_bytes(bytes, e->size));
        if (e->why)
                fprintf(f, "  (%s)", e->why);
        if (fclose(f) != 0) {
                free(line);
                return NULL;
        }
        return line;
}

/* "1 file", "2 files" */
static void put_files(FILE *f, uint64_t n) {
        fprintf(f, "%" PRIu64 " file%s", n, n == 1 ? "" : "s");
}

static void put_size(FILE *f, uint64_t bytes) {
        char text[KFTP_FORMAT_MAX];

        if (bytes > 0)
                fprintf(f, " (%s)", kftp_format_bytes(text, bytes));
}

static void put_time(FILE *f, const KftpMirrorResult *r) {
        char usec[KFTP_FORMAT_MAX], rate[KFTP_FORMAT_MAX];

        fprintf(f, " in %s", kftp_format_usec(usec, r->usec));
        if (r->bytes > 0 && r->usec > 0)
                fprintf(f, " (%s)", kftp_format_rate(rate, (uint64_t) ((double) r->bytes * (double) USEC_PER_SEC / (double) r->usec)));
}

static void put_nothing_to_do(FILE *f, const KftpMirrorResult *r) {
        fputs("nothing to do: ", f);
        put_files(f, r->unchanged);
        fputs(r->unchanged == 0 ? "" : " unchanged", f);
}

static void put_summary(FILE *f, const KftpMirrorResult *r, const MirrorCounts *c, bool dry_run) {
        put_files(f, r->transferred);
        put_size(f, dry_run ? c->planned_bytes : r->bytes);
        if (dry_run)
                fputs(" to transfer", f);
        else
                put_time(f, r);
        fprintf(f, ", %" PRIu64 " unchanged", r->unchanged);
        fprintf(f, ", %" PRIu64 " %s", r->deleted, dry_run ? "to delete" : "deleted");
        if (r->moved > 0)
                fprintf(f, ", %" PRIu64 " %s", r->moved, dry_run ? "to remove from the source" : "removed from the source");
        if (c->made > 0)
                fprintf(f, ", %" PRIu64 " director%s %s", c->made, c->made == 1 ? "y" : "ies", dry_run ? "to make" : "made");
        if (c->set > 0)
                fprintf(f, ", %" PRIu64 " %s", c->set, dry_run ? "to set" : "set");
        fprintf(f, ", %" PRIu64 " failed", r->failed);
        if (r->refused > 0)
                fprintf(f, " (%" PRIu64 " refused)", r->refused);
}

char *mirror_format_summary(const KftpMirrorResult *r, const MirrorCounts *c, bool dry_run) {
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        if (!f)
                return NULL;
        if (c->changes == 0 && r->failed == 0)
                put_nothing_to_do(f, r);
        else
                put_summary(f, r, c, dry_run);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

char *mirror_format_left(const KftpMirrorResult *r, bool dry_run) {
        char *text = NULL;
        size_t n;
        FILE *f;

        if (dry_run || (r->directories == 0 && r->transferred == 0))
                return strdup("");
        f = open_memstream(&text, &n);
        if (!f)
                return NULL;
        fputs("; ", f);
        put_files(f, r->transferred);
        put_size(f, r->bytes);
        fputs(" done", f);
        if (r->failed > 0)
                fprintf(f, ", %" PRIu64 " failed", r->failed);
        if (r->left > 0)
                fprintf(f, ", at least %" PRIu64 " left", r->left);
        fputs(": the next run goes on from there", f);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* ---- For programs ---------------------------------------------------------------------------- */

bool mirror_is_reported(const KftpMirrorEvent *e) {
        return e->result->failure.class != KFTP_CLASS_OK || (e->action != KFTP_MIRROR_MKDIR && e->action != KFTP_MIRROR_RMDIR);
}

/* Of one path in the tree. What ends in a slash, or is the root of the server, has one already. */
static char *make_url(const char *tree, const char *path) {
        const char *host = strstr(tree, "://");
        size_t length = strlen(tree), n;
        char *text = NULL;
        FILE *f;

        if (length >= 7 && strncasecmp(tree + length - 7, ";type=", 6) == 0)
                length -= 7;
        f = open_memstream(&text, &n);
        if (!f)
                return NULL;
        fwrite(tree, 1, length, f);
        if (*path && !(host && strchr(host + 3, '/') && (tree[length - 1] == '/' || (length > 3 && strncasecmp(tree + length - 3, "%2f", 3) == 0))))
                fputc('/', f);
        for (; *path; path++) {
                unsigned char c = (unsigned char) *path;

                fprintf(f, (c < 0x80 && isalnum(c)) || strchr("-._~/", c) ? "%c" : "%%%02X", c);
        }
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

json_t *mirror_json(const char *tree, const KftpMirrorEvent *e) {
        _cleanup_free_ char *url = make_url(tree, e->path);
        json_auto_t *root = url ? report_make_json(url, e->local, e->result) : NULL, *more = NULL;

        if (!root)
                return NULL;
        more = json_pack("{s:s, s:b, s:o, s:o, s:o, s:o}",
                         "action", kftp_mirror_action_name(e->action),
                         "planned", e->planned,
                         "why", report_text_or_null(e->why),
                         "name", report_text_or_null(e->path),
                         "size", e->size == KFTP_SIZE_UNKNOWN ? json_null() : json_integer((json_int_t) e->size),
                         "target", report_text_or_null(e->target));
        return more && json_object_update(root, more) == 0 ? json_incref(root) : NULL;
}
