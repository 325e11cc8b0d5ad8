/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One file of a run to the server. It is opened by its name in the directory that was listed, as what it was then: a link, a
 * pipe or another version that has taken its place meanwhile is not sent.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "client.h"
#include "failure.h"
#include "names.h"
#include "put-names.h"
#include "put.h"
#include "remote.h"
#include "run-put.h"
#include "source.h"

/* ---- The source ---------------------------------------------------------------------------------- */

static int refuse(const char *path, mode_t mode, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EINVAL, false, "%s is %s; only regular files are sent", path,
                                S_ISDIR(mode) ? "a directory" : S_ISLNK(mode) ? "a symbolic link, which is not followed" : "no regular file");
}

/* Worth another attempt, which looks at the source anew. */
static int changed(const char *path, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -ESTALE, true,
                                "%s has changed since it was looked at: it is being written (StableSec= waits until it no longer is)", path);
}

static int64_t nsec_of(const struct stat *st) {
        int64_t nsec;

        if (__builtin_mul_overflow((int64_t) st->st_mtim.tv_sec, INT64_C(1000000000), &nsec) ||
            __builtin_add_overflow(nsec, (int64_t) st->st_mtim.tv_nsec, &nsec))
                return 0;
        return nsec;
}

static int check(const char *path, const RunFile *file, const struct stat *st, KftpFailure *f) {
        if (!S_ISREG(st->st_mode))
                return refuse(path, st->st_mode, f);
        if ((file->size != KFTP_SIZE_UNKNOWN && file->size != (uint64_t) st->st_size) ||
            (file->mtime != KFTP_MTIME_UNKNOWN && file->mtime != st->st_mtim.tv_sec) ||
            (file->mtime_nsec != 0 && file->mtime_nsec != nsec_of(st)))
                return changed(path, f);
        return 0;
}

/* The descriptor, or -errno with *f. */
static int open_source(const char *directory, const char *path, const RunFile *file, KftpFailure *f) {
        _cleanup_close_ int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
        struct stat st;
        int r;

        if (at < 0)
                return kftp_failure_local(f, -errno, "%s", directory);
        fd = openat(at, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 && errno == ELOOP)
                return refuse(path, S_IFLNK, f);
        if (fd < 0)
                return kftp_failure_local(f, -errno, "cannot read %s", path);
        if (fstat(fd, &st) < 0)
                return kftp_failure_local(f, -errno, "%s", path);
        r = check(path, file, &st, f);
        return r < 0 ? r : STEAL_FD(fd);
}

/* ---- What is there already ----------------------------------------------------------------------- */

typedef struct Look {
        char *path;
        KftpPresence presence;
} Look;

static int look(KftpConnection *c, void *userdata, KftpFailure *f) {
        Look *l = userdata;

        l->presence = kftp_remote_look(c, l->path);
        if (!kftp_connection_usable(c))
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -ECONNRESET, true, "%s: the connection was lost", kftp_connection_remote(c));
        if (l->presence == KFTP_PRESENCE_UNKNOWN)
                return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EREMOTEIO, false, "%s does not tell whether \"%s\" is there, and IfExists=skip "
                                        "has to know it", kftp_connection_remote(c), l->path);
        return 0;
}

static int look_up(KftpClient *c, const KftpJob *job, Look *l, KftpFailure *f) {
        int r = l->path ? kftp_client_do(c, &job->url, look, l, NULL, f) :
                kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");

        if (r >= 0)
                kftp_failure_done(f);
        return r;
}

/* 1: there is a file of the final name, *ret. */
static int is_there(KftpClient *c, const KftpJob *job, const RunFile *file, char **ret, KftpFailure *f) {
        const char *base = strempty(job->url.base);
        bool directory = job->set || !*base;
        Look l = { .path = directory ? kftp_remote_join(job->url.path, file->name) : strdup(job->url.path) };
        int r = look_up(c, job, &l, f);

        if (r >= 0 && l.presence == KFTP_PRESENT_DIRECTORY && !directory) {
                free(l.path);
                l.path = kftp_remote_join(job->url.path, file->name);
                r = look_up(c, job, &l, f);
        }
        *ret = l.path;
        return r < 0 ? r : l.presence != KFTP_ABSENT;
}

/* ---- The upload ---------------------------------------------------------------------------------- */

static KftpPutOptions put_options(const KftpJob *job) {
        return (KftpPutOptions) {
                .directory = job->set,
                .mtime = job->verify & KFTP_VERIFY_MTIME,
                .has_mode = job->file_mode != KFTP_MODE_UNKNOWN,
                .mode = job->file_mode != KFTP_MODE_UNKNOWN ? job->file_mode : 0,
        };
}

/* It is there as a whole: that its permissions are not those of FileMode= is no reason to call it not delivered. */
static int forgive(Run *run, int r, KftpResult *ret) {
        const KftpOptions *o = kftp_client_options(run->client);

        if (r >= 0 || !ret->complete || run->job->verify & KFTP_VERIFY_MTIME)
                return r;
        if (o->callbacks.warning)
                o->callbacks.warning(o->callbacks.userdata, strempty(ret->failure.text));
        kftp_failure_done(&ret->failure);
        return 0;
}

/* A directory that is another one each day need not be made by hand. True: it was not there, and is now. */
static bool make_directory(KftpClient *c, const KftpJob *job, const KftpResult *result) {
        Look l = { .path = job->set ? strdup(job->url.path) : kftp_remote_directory(job->url.path) };
        KftpFailure ignored = {};
        KftpUrl url = job->url;
        KftpResult made = {};
        bool done = false;

        if (job->dated && result->failure.class == KFTP_CLASS_REMOTE && !result->complete && l.path && *l.path &&
            look_up(c, job, &l, &ignored) >= 0 && l.presence == KFTP_ABSENT) {
                url.path = l.path;
                url.base = l.path + (kftp_remote_base(l.path) - l.path);
                done = kftp_client_mkdir(c, &url, true, &made) >= 0;
        }
        kftp_result_done(&made);
        kftp_failure_done(&ignored);
        free(l.path);
        return done;
}

static int send(Run *run, KftpClient *c, const RunFile *file, const char *path, int fd, KftpResult *ret) {
        KftpPutOptions put = put_options(run->job);
        struct stat before;
        int r;

        run->sent_mtime_nsec = fstat(fd, &before) < 0 ? 0 : nsec_of(&before);
        put.has_source_fd = true;
        put.source_fd = fd;
        r = kftp_client_put(c, path, &run->job->url, &put, ret);
        if (r < 0 && make_directory(c, run->job, ret)) {
                kftp_result_done(ret);
                r = kftp_client_put(c, path, &run->job->url, &put, ret);
        }
        /* What was written meanwhile can be sent as a whole another time. */
        if (r < 0 && ret->failure.class == KFTP_CLASS_INTEGRITY && !ret->complete) {
                KftpFailure now = {};
                struct stat st;

                if (fstat(fd, &st) >= 0 && check(path, file, &st, &now) < 0)
                        ret->failure.transient = true;
                kftp_failure_done(&now);
        }
        return forgive(run, r, ret);
}

int run_put_file(Run *run, const RunFile *file, KftpResult *ret) {
        _cleanup_free_ char *directory = NULL, *name = NULL, *path = NULL;
        KftpFailure *f = &ret->failure;
        _cleanup_close_ int fd = -1;
        KftpClient *c;
        int r;

        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        r = run_client(run, &c, f);
        if (r < 0)
                return r;
        if (source_place(run->job, &directory, &name) >= 0)
                path = kftp_path_join(directory, file->name);
        if (!path)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        fd = open_source(directory, path, file, f);
        if (fd < 0)
                return fd;
        if (run->job->if_exists == KFTP_IF_EXISTS_SKIP) {
                r = is_there(c, run->job, file, &ret->remote, f);
                if (r != 0)
                        return r;
                kftp_result_done(ret);
        }
        return send(run, c, file, path, fd, ret);
}

/* ---- After a crash ------------------------------------------------------------------------------- */

int run_put_recover(Run *run, KftpFailure *f) {
        const LedgerEntry *e = run->entry;
        KftpPutOptions put = put_options(run->job);
        KftpIntent intent = { .temporary = e->temporary, .final = e->final, .size = e->bytes, .mtime = e->mtime, .twin = e->twin, .twin_mtime = e->twin_mtime };
        KftpResult result = {};
        KftpClient *c;
        int r;

        if (!e->temporary || !e->final)
                return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, false, "the ledger does not name what was to be delivered");
        r = run_client(run, &c, f);
        if (r < 0)
                return r;
        r = kftp_client_put_settle(c, &run->job->url, &intent, &put, &result);
        if (r < 0) {
                kftp_failure_done(f);
                *f = result.failure;
                result.failure = (KftpFailure) {};
        }
        kftp_result_done(&result);
        return r;
}
