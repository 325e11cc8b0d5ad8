/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of a run's script that is a download's: whether there is room for one file, whether it is there already, and its transfer. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "failure.h"
#include "mirror-names.h"
#include "names.h"
#include "put-names.h"
#include "runner-internal.h"
#include "source.h"
#include "space.h"

static int no_memory(KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}

/* What is received already needs no more room. */
static int check_space(const Run *run, const char *directory, const char *temporary, const RunFile *file, uint64_t size, KftpFailure *f) {
        uint64_t there = run->job->if_exists == KFTP_IF_EXISTS_OVERWRITE ? 0 : space_taken(temporary);
        _cleanup_free_ char *shown = kftp_escape(file->name, strlen(file->name));

        if (size == KFTP_SIZE_UNKNOWN || size <= there)
                return 0;
        return space_check(directory, size - there, strempty(shown), f);
}

static bool is_skipped(const Run *run, const char *final) {
        struct stat st;

        return run->job->if_exists == KFTP_IF_EXISTS_SKIP && lstat(final, &st) >= 0;
}

/*
 * A file that is known not to have got its name is not waited for in that form: whoever tidies its temporary file up later, or has
 * done so, has not delivered it. What has failed behind the rename stays an intent.
 */
static void withdraw_intent(Run *run, const KftpResult *result) {
        LedgerEntry *e = run->entry;

        if (e->state != LEDGER_INTENT || result->complete || run->error < 0)
                return;
        if (result->failure.class != KFTP_CLASS_BUSY && (!e->temporary || access(e->temporary, F_OK) < 0))
                return;
        e->state = LEDGER_RUNNING;
        e->pending = false;
        (void) run_record(run);
}

/* ---- The one file of a job ------------------------------------------------------------------------ */

static int get_single(Run *run, const RunFile *file, const char *final, const char *temporary, KftpResult *ret) {
        const RunCalls *calls = &run->context->calls;
        const KftpJob *job = run->job;
        _cleanup_free_ char *directory = strdup(final);
        uint64_t size = file->size;
        KftpClient *client;
        int r;

        if (!directory)
                return no_memory(&ret->failure);
        directory[MAX2(strrchr(directory, '/') - directory, 1)] = '\0';
        r = run_client(run, &client, &ret->failure);
        if (r >= 0 && size == KFTP_SIZE_UNKNOWN)
                r = calls->size(client, &job->url, &size, &ret->failure);
        if (r >= 0)
                r = check_space(run, directory, temporary, file, size, &ret->failure);
        if (r < 0)
                return r;
        kftp_result_done(ret);
        r = calls->get(client, &job->url, job->path, ret);
        if (r < 0)
                withdraw_intent(run, ret);
        return r;
}

int run_get_single(Run *run, const RunFile *file, KftpResult *ret) {
        _cleanup_free_ char *final = NULL, *temporary = NULL;
        int r;

        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        r = kftp_get_names(&run->job->url, run->job->path, &final, &temporary, &ret->failure);
        if (r < 0) {
                final = temporary = NULL;
                return r;
        }
        if (is_skipped(run, final)) {
                ret->local = STEAL_PTR(final);
                return 1;
        }
        return get_single(run, file, final, temporary, ret);
}

/* ---- A file of a set ------------------------------------------------------------------------------ */

/* Makes it, if need be, as a mirror does. */
static int open_target(const char *directory, KftpFailure *f) {
        int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 && errno == ENOENT && mkdir(directory, 0777) >= 0)
                fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? kftp_failure_local(f, -errno, "%s", directory) : fd;
}

/* Whether the directory has an entry of exactly that name: it may find others as well. */
static bool has_exactly(int directory_fd, const char *name) {
        int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_closedir_ DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *entry;

        if (!d) {
                safe_close(fd);
                return false;
        }
        while ((entry = readdir(d)))
                if (streq(entry->d_name, name))
                        return true;
        return false;
}

/* On a file system that does not tell upper from lower case, two files of the source would take each other's place. */
static int check_case(int directory_fd, const char *final, const RunFile *file, KftpFailure *f) {
        struct stat st;

        if (!file->ambiguous || fstatat(directory_fd, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || has_exactly(directory_fd, file->name))
                return 0;
        return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EEXIST, false,
                                "%s would replace another file, whose name differs in upper and lower case only, as its file system does not "
                                "tell them apart", final);
}

static int get_in(Run *run, const RunFile *file, int directory_fd, const char *directory, KftpResult *ret) {
        _cleanup_free_ char *final = kftp_path_join(directory, file->name), *place = NULL, *path = NULL, *unused = NULL, *temporary = NULL, *beside = NULL;
        const RunCalls *calls = &run->context->calls;
        const KftpFetch fetch = {
                .directory_fd = directory_fd,
                .directory = directory,
                .name = file->name,
                .size = file->size,
                .mtime = file->mtime,
                .mode = run->job->file_mode,
                .durable = true,
        };
        KftpUrl url = run->job->url;
        KftpClient *client;
        int r;

        if (!final || source_place(run->job, &place, &unused) < 0 || !(path = kftp_remote_join(place, file->name)) ||
            !(beside = kftp_name_beside(file->name, ".kftp-part", NAME_MAX)) || !(temporary = kftp_path_join(directory, beside)))
                return no_memory(&ret->failure);
        if (is_skipped(run, final)) {
                ret->local = STEAL_PTR(final);
                return 1;
        }
        url.path = path;
        url.base = (char *) kftp_remote_base(path);
        r = check_case(directory_fd, final, file, &ret->failure);
        if (r >= 0)
                r = check_space(run, directory, temporary, file, file->size, &ret->failure);
        if (r >= 0)
                r = run_client(run, &client, &ret->failure);
        if (r < 0)
                return r;
        r = calls->fetch(client, &url, &fetch, ret);
        if (r < 0)
                withdraw_intent(run, ret);
        return r;
}

int run_get_file(Run *run, const RunFile *file, KftpResult *ret) {
        _cleanup_free_ char *directory = strdup(run->job->path);
        const char *refusal = mirror_name_refusal(file->name, strlen(file->name));
        _cleanup_close_ int fd = -1;
        int r;

        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        if (refusal || mirror_name_is_temporary(file->name))
                return kftp_failure_set(&ret->failure, KFTP_CLASS_OTHER, -EPERM, false, "refused: its name %s", refusal ?: "is one of our temporary ones");
        if (!directory)
                return no_memory(&ret->failure);
        for (size_t n = strlen(directory); n > 1 && directory[n - 1] == '/'; n--)
                directory[n - 1] = '\0';
        fd = open_target(directory, &ret->failure);
        if (fd < 0)
                return fd;
        r = get_in(run, file, fd, directory, ret);
        if (r >= 0 || !ret->complete)
                return r;
        /* It has its name, if not the permissions that it should have: it is delivered, whatever is said of that. */
        report_event(&run->context->report, LOG_WARNING, KFTP_MESSAGE_RUN_WARNING, run->job->name, ret->failure.error, "%s: %s", run->job->name,
                     strempty(ret->failure.text));
        kftp_failure_done(&ret->failure);
        return 0;
}
