/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kftp_mirror that needs neither device nor server nor files, and tells whatever is asked of it. See daemon.h. */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include "fake-mirror.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "control.h"
#include "fake-get.h"
#include "util.h"

#define MANY 150U

typedef struct Fake {
        const KftpUrl *url;
        const char *path;
        const KftpOptions *o;
        const KftpMirrorOptions *m;
        KftpMirrorResult *ret;
} Fake;

static void tell_call(const Fake *f) {
        const KftpMirrorOptions *m = f->m;
        const KftpOptions *o = f->o;
        _cleanup_free_ char *text = NULL;
        struct iovec iov;
        int n = asprintf(&text, "MIRROR %s path=%s upload=%d delete=%d newer=%d move=%d permissions=%d symlinks=%d compare=%d parallel=%u "
                         "segments=%u shard=%u/%u size=%llu-%llu age=%llu-%llu depth=%u filter=%d state=%s retries=%u resume=%d user=%s "
                         "password=%s mode=%d tls=%d ca=%s", f->url->path, f->path, m->upload, m->delete, m->newer, m->move, m->permissions,
                         (int) m->symlinks, (int) m->compare, m->parallel, m->segments, m->shard, m->shards,
                         (unsigned long long) m->min_size, (unsigned long long) m->max_size, (unsigned long long) m->min_age,
                         (unsigned long long) m->max_age, m->max_depth, m->filter != NULL, m->state_directory, o->retries, o->resume,
                         o->user ?: "-", o->password ?: "-", (int) o->data_mode, (int) o->tls.mode, o->tls.ca_file ?: "-");

        if (n > 0) {
                iov = (struct iovec) { text, (size_t) n };
                (void) sd_journal_sendv(&iov, 1);
        }
}

static void set_address(struct kftp_addr *a, const char *text, uint16_t port) {
        a->family = AF_INET;
        a->port = htons(port);
        (void) inet_pton(AF_INET, text, a->addr);
}

/* ---- Events --------------------------------------------------------------------------------------- */

static void event(const Fake *f, enum kftp_mirror_action action, const char *path, const char *target, const KftpResult *result) {
        _cleanup_free_ char *local = NULL, *remote = NULL;
        KftpMirrorEvent e = {
                .action = action,
                .session = 1,
                .path = path,
                .why = "new",
                .target = target,
                .size = 11,
                .mtime = 999993600,
                .result = result,
        };

        if (asprintf(&local, "%s/%s", f->path, path) < 0 || asprintf(&remote, "%s%s", f->url->path, path) < 0)
                return;
        e.local = local;
        e.remote = remote;
        f->m->event(f->m->userdata, &e);
}

static void transferred(const Fake *f, enum kftp_mirror_action action, const char *path) {
        KftpResult result = {
                .bytes = 11,
                .resumed_from = 4,
                .usec = 4100000,
                .transfer_usec = 3100000,
                .rate = 1024 * 1024,
                .mtime = 1000000000,
                .reply = 226,
                .reply_text = (char *) "226 Done\x1b[2J",
                .tls = { .version = 0x0304, .cipher = 0x1302 },
                .data_tls = { .version = 0x0304, .cipher = 0x1302, .resumed = true },
        };

        set_address(&result.peer, "192.0.2.1", 21);
        set_address(&result.local_addr, "192.0.2.2", 40000);
        set_address(&result.data_peer, "192.0.2.1", 20);
        set_address(&result.data_local, "192.0.2.2", 40001);
        event(f, action, path, NULL, &result);
        f->ret->transferred++;
        f->ret->bytes += 11;
}

static void done(const Fake *f, enum kftp_mirror_action action, const char *path, const char *target) {
        const KftpResult result = { .mtime = KFTP_MTIME_UNKNOWN };

        event(f, action, path, target, &result);
}

static void failed(const Fake *f, enum kftp_mirror_action action, const char *path, const KftpFailure *failure) {
        const KftpResult result = { .mtime = KFTP_MTIME_UNKNOWN, .failure = *failure };

        event(f, action, path, NULL, &result);
        f->ret->failed++;
}

/* ---- Ends ----------------------------------------------------------------------------------------- */

static int fail(const Fake *f, enum kftp_class class, int error, bool transient, const char *text) {
        f->ret->failure = (KftpFailure) { .class = class, .error = error, .transient = transient, .text = strdup(text) };
        return error < 0 ? error : -EREMOTEIO;
}

static int ok(const Fake *f) {
        transferred(f, f->m->upload ? KFTP_MIRROR_PUT : KFTP_MIRROR_GET, "sub/a b.csv");
        done(f, KFTP_MIRROR_LINK, "latest", "sub/a b.csv");
        f->ret->transferred++;
        done(f, KFTP_MIRROR_MKDIR, "made", NULL);
        done(f, KFTP_MIRROR_SET, "same.csv", NULL);
        done(f, KFTP_MIRROR_DELETE, "gone/old.csv", NULL);
        done(f, KFTP_MIRROR_RMDIR, "gone", NULL);
        f->ret->deleted = 2;
        f->ret->unchanged = 3;
        return 0;
}

static int move(const Fake *f) {
        transferred(f, f->m->upload ? KFTP_MIRROR_PUT : KFTP_MIRROR_GET, "a.csv");
        done(f, KFTP_MIRROR_MOVED, "a.csv", NULL);
        f->ret->moved = 1;
        return 0;
}

static int many(const Fake *f) {
        char path[20];

        for (unsigned i = 0; i < MANY; i++) {
                (void) snprintf(path, sizeof(path), "%u", i);
                transferred(f, KFTP_MIRROR_GET, path);
        }
        return 0;
}

/* A file of two; then it waits for "go". */
static int hold(const Fake *f) {
        const KftpFailure interrupted = { .class = KFTP_CLASS_INTERRUPTED, .error = -ECANCELED, .text = (char *) "interrupted" };

        if (!fake_marker("go"))
                transferred(f, KFTP_MIRROR_GET, "first.csv");
        else
                f->ret->unchanged = 1;
        while (!fake_marker("go"))
                if (kftp_control_sleep(f->o->control, 10 * USEC_PER_MSEC) < 0) {
                        failed(f, KFTP_MIRROR_GET, "second.csv", &interrupted);
                        return fail(f, KFTP_CLASS_INTERRUPTED, -ECANCELED, false, "interrupted");
                }
        transferred(f, KFTP_MIRROR_GET, "second.csv");
        return 0;
}

static int some(const Fake *f, bool for_good) {
        const KftpFailure gone = { .class = KFTP_CLASS_REMOTE, .error = -ENOENT, .reply = 550, .text = (char *) "550 \"gone\x1b\" (fake:21)" };
        const KftpFailure busy = { .class = KFTP_CLASS_REMOTE, .error = -EREMOTEIO, .reply = 450, .transient = true, .text = (char *) "450 \"busy\" (fake:21)" };
        const KftpFailure refused = { .class = KFTP_CLASS_OTHER, .error = -EPERM, .text = (char *) "refused: holds a slash" };

        transferred(f, KFTP_MIRROR_GET, "good.csv");
        failed(f, KFTP_MIRROR_GET, "busy.csv", &busy);
        if (for_good) {
                failed(f, KFTP_MIRROR_REFUSE, "../x\n", &refused);
                failed(f, KFTP_MIRROR_LIST, "", &gone);
        }
        return fail(f, KFTP_CLASS_SOME_FAILED, -EREMOTEIO, false, for_good ? "3 files failed" : "1 file failed");
}

static int warn(const Fake *f) {
        f->o->callbacks.warning(f->o->callbacks.userdata, "fake:21 has no TLS");
        return 0;
}

int fake_mirror(const KftpUrl *url, const char *path, const KftpOptions *o, const KftpMirrorOptions *m, KftpMirrorResult *ret) {
        const Fake f = { .url = url, .path = path, .o = o, .m = m, .ret = ret };

        *ret = (KftpMirrorResult) { .usec = 80000000, .tls = { .version = 0x0304, .cipher = 0x1302 } };
        if (fake_marker("no-device"))
                return fail(&f, KFTP_CLASS_DEVICE, -ENOENT, false, "/dev/kftp: No such file or directory");
        tell_call(&f);
        set_address(&ret->peer, "192.0.2.1", 21);
        if (startswith(url->path, "ok/"))
                return ok(&f);
        if (startswith(url->path, "move/"))
                return move(&f);
        if (startswith(url->path, "many/"))
                return many(&f);
        if (startswith(url->path, "hold/"))
                return hold(&f);
        if (startswith(url->path, "some/"))
                return some(&f, true);
        if (startswith(url->path, "passing/"))
                return some(&f, fake_marker("for-good"));
        if (startswith(url->path, "warn/"))
                return warn(&f);
        if (startswith(url->path, "busy/"))
                return fail(&f, KFTP_CLASS_BUSY, -EBUSY, false, "the same mirror runs already");
        if (startswith(url->path, "flaky/"))
                return fail(&f, KFTP_CLASS_NETWORK, -ECONNREFUSED, true, "fake:21: Connection refused");
        return fail(&f, KFTP_CLASS_REMOTE, -ENOENT, false, "550 no such directory (fake:21)");
}
