/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source whose files are those of a directory of the test, and their download. See daemon.h. */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include "fake-set.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "control.h"
#include "fake-get.h"
#include "kftpd/source.h"
#include "names.h"
#include "util.h"

#define SOURCE "source"

static void _printf_(1, 2) tell(const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        struct iovec iov;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        if (!text)
                return;
        iov = (struct iovec) { text, strlen(text) };
        (void) sd_journal_sendv(&iov, 1);
}

/* Whether the marker is there, which is gone then. */
static bool take_marker(const char *name) {
        char path[200];

        (void) snprintf(path, sizeof(path), "%s/%s", fake_get_directory, name);
        return unlink(path) >= 0;
}

static void crash_if(const char *name) {
        if (take_marker(name))
                (void) kill(getpid(), SIGKILL);
}

static int fail(KftpFailure *f, enum kftp_class class, int error, unsigned reply, bool transient, const char *text) {
        *f = (KftpFailure) { .class = class, .error = error, .reply = reply, .transient = transient, .text = strdup(text) };
        return error < 0 ? error : -EREMOTEIO;
}

static char *path_of(const char *directory, const char *name) {
        char *path;

        return asprintf(&path, "%s/%s/%s", fake_get_directory, directory, name) < 0 ? NULL : path;
}

/* ---- The listing ---------------------------------------------------------------------------------- */

static int add(const SourceQuery *query, SourceListing *l, DIR *d, const char *name) {
        MirrorEntry e = { .name = name, .mtime_precision = 1, .mode = KFTP_MODE_UNKNOWN, .type = KFTP_ENTRY_FILE };
        struct stat st;

        if (fstatat(dirfd(d), name, &st, 0) < 0 || !S_ISREG(st.st_mode))
                return 0;
        if (startswith(name, "growing-")) {
                l->growing++;
                return 0;
        }
        e.size = (uint64_t) st.st_size;
        e.mtime = st.st_mtim.tv_sec;
        e.sent = query->is_settled(query->userdata, &e);
        l->settled += e.sent;
        if (e.sent && query->job->then.action == KFTP_THEN_KEEP)
                return 0;
        l->ready += !e.sent;
        return mirror_list_add(&l->files, &e, strlen(name), 0);
}

/* The one file that is sent. */
static int add_own(const SourceQuery *query, SourceListing *l, DIR *d) {
        const char *name = strrchr(query->job->path, '/') + 1;

        l->absent = !d || faccessat(dirfd(d), name, F_OK, 0) < 0;
        l->missing = strdup("it is not there");
        return l->absent ? 0 : add(query, l, d, name);
}

/* The one file of a job that fake_get knows. */
static int add_one(const SourceQuery *query, SourceListing *l) {
        MirrorEntry e = {
                .name = query->job->url.base,
                .size = 11,
                .mtime = 1000000000,
                .mtime_precision = 1,
                .mode = KFTP_MODE_UNKNOWN,
                .type = KFTP_ENTRY_FILE,
        };

        e.sent = query->is_settled(query->userdata, &e);
        l->settled = e.sent;
        l->ready = !e.sent;
        return e.sent && query->job->then.action == KFTP_THEN_KEEP ? 0 : mirror_list_add(&l->files, &e, strlen(e.name), 0);
}

int fake_source_list(const SourceQuery *query, SourceListing *ret, KftpFailure *f) {
        _cleanup_free_ char *path = path_of(SOURCE, "");
        _cleanup_closedir_ DIR *d = path ? opendir(path) : NULL;
        struct dirent *entry;

        *ret = (SourceListing) { .delay_usec = 100 * USEC_PER_MSEC };
        tell("LIST %s", query->job->url.path);
        if (startswith(query->job->url.path, "full/"))
                return fail(f, KFTP_CLASS_NETWORK, 0, 421, true, "421 \"too many connections\" (fake:21)");
        if (!query->job->set && query->job->upload)
                return add_own(query, ret, d);
        if (!query->job->set)
                return add_one(query, ret);
        if (!d)
                return fail(f, KFTP_CLASS_REMOTE, -ENOENT, 550, false, "550 no such directory (fake:21)");
        while ((entry = readdir(d)))
                if (add(query, ret, d, entry->d_name) < 0)
                        return -ENOMEM;
        mirror_list_sort(&ret->files);
        ret->missing = strdup("nothing that could be taken is there");
        return 0;
}

/* ---- The download --------------------------------------------------------------------------------- */

static bool copy(const char *from, const char *to) {
        _cleanup_fclose_ FILE *in = fopen(from, "re"), *out = fopen(to, "we");

        for (int c; in && out && (c = fgetc(in)) != EOF;)
                fputc(c, out);
        return in && out;
}

/* Its next version, as it comes after the listing. */
static void replace(const char *path) {
        _cleanup_fclose_ FILE *f = fopen(path, "we");

        if (f)
                fputs("the next version", f);
}

static int deliver(const KftpOptions *o, const KftpFetch *fetch, const char *from, KftpResult *ret) {
        _cleanup_free_ char *name = kftp_name_beside(fetch->name, ".kftp-part", 255), *final = kftp_path_join(fetch->directory, fetch->name);
        _cleanup_free_ char *temporary = name ? kftp_path_join(fetch->directory, name) : NULL;
        KftpIntent intent = { .temporary = temporary, .final = final };
        struct stat st;

        if (take_marker("replace"))
                replace(from);
        if (!temporary || !final || stat(from, &st) < 0 || !copy(from, temporary))
                return fail(&ret->failure, KFTP_CLASS_REMOTE, -ENOENT, 550, false, "550 no such file (fake:21)");
        intent.size = ret->bytes = (uint64_t) st.st_size;
        intent.mtime = ret->mtime = st.st_mtim.tv_sec;
        if (o->callbacks.intent(o->callbacks.userdata, &intent) < 0)
                return fail(&ret->failure, KFTP_CLASS_LOCAL, -EIO, 0, false, "the intent could not be recorded");
        crash_if("crash-before-rename");
        if (rename(temporary, final) < 0)
                return fail(&ret->failure, KFTP_CLASS_LOCAL, -errno, 0, false, "rename");
        crash_if("crash-after-rename");
        ret->local = strdup(final);
        return 0;
}

int fake_fetch(KftpClient *c, const KftpUrl *url, const KftpFetch *fetch, KftpResult *ret) {
        _cleanup_free_ char *from = path_of(SOURCE, fetch->name);
        const KftpOptions *o = fake_options(c);

        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN, .attempts = 1 };
        tell("FETCH %s resume=%d verify=%u rate=%llu timeout=%llu mode=%o durable=%d", url->path, o->resume, o->verify,
             (unsigned long long) o->limit_rate, (unsigned long long) o->timeout_usec, fetch->mode, fetch->durable);
        while (startswith(fetch->name, "hold-") && !fake_marker("go"))
                if (kftp_control_sleep(o->control, 10 * USEC_PER_MSEC) < 0)
                        return fail(&ret->failure, KFTP_CLASS_INTERRUPTED, -ECANCELED, 0, false, "interrupted");
        if (startswith(fetch->name, "bad-"))
                return fail(&ret->failure, KFTP_CLASS_REMOTE, 0, 550, false, "550 \"denied\" (fake:21)");
        if (startswith(fetch->name, "busy-") && !fake_marker("go"))
                return fail(&ret->failure, KFTP_CLASS_REMOTE, 0, 450, true, "450 \"busy\" (fake:21)");
        if (startswith(fetch->name, "down-") && !fake_marker("go"))
                return fail(&ret->failure, KFTP_CLASS_NETWORK, -ECONNRESET, 0, true, "fake:21: Connection reset");
        return deliver(o, fetch, from, ret);
}

/* ---- Then= ---------------------------------------------------------------------------------------- */

int fake_then_file(const KftpJob *job, const KftpThen *then, KftpClient *client, const ThenFile *file, char **ret_text, KftpFailure *f) {
        _cleanup_free_ char *from = path_of(SOURCE, file->name), *to = then->directory ? path_of(then->directory, file->name) : NULL;
        int r;

        (void) job;
        (void) client;
        *ret_text = NULL;
        tell("THEN %s %s size=%llu", then->action == KFTP_THEN_MOVE ? "move" : "delete", file->name, (unsigned long long) file->size);
        if (fake_marker("then-fails"))
                return fail(f, KFTP_CLASS_REMOTE, 0, 450, true, "450 \"not now\" (fake:21)");
        crash_if("crash-before-then");
        if (fake_marker("then-changed"))
                return THEN_CHANGED;
        if (take_marker("then-replaced")) {
                _cleanup_fclose_ FILE *next = fopen(from, "we");

                return next && fputs("another", next) >= 0 ? THEN_CHANGED : fail(f, KFTP_CLASS_LOCAL, -EIO, 0, false, "then");
        }
        r = to ? rename(from, to) : unlink(from);
        if (r < 0 && errno != ENOENT)
                return fail(f, KFTP_CLASS_LOCAL, -errno, 0, false, "then");
        crash_if("crash-after-then");
        return THEN_DONE;
}

int fake_then_directory(const KftpJob *job, const KftpThen *then, KftpClient *client, KftpFailure *f) {
        (void) then;
        (void) client;
        (void) f;
        tell("THEN-DIRECTORY %s", job->url.path);
        return 0;
}

int fake_then_marker(const KftpJob *job, const KftpThen *then, KftpClient *client, const ThenFile *marker, KftpFailure *f) {
        (void) marker;
        return fake_then_directory(job, then, client, f);
}
