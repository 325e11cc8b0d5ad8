// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The last steps of an upload: time and mode of the complete file, and its final name. Nothing is removed that
 * could not be replaced by what is known to be there.
 */

#include <sys/mman.h>

#include "failure.h"
#include "put-names.h"
#include "put.h"
#include "util.h"
#include "verify.h"

/* ---- Time and mode --------------------------------------------------------------------------- */

static int set_attribute(KftpUpload *u, const struct kftp_submit *request, const char *what, KftpFailure *f) {
        KftpDone done;
        int r;

        r = kftp_connection_request(u->connection, request, &done, f);
        if (r >= 0 || !kftp_connection_usable(u->connection))
                return r;
        if (done.error == -EOPNOTSUPP)
                kftp_failure_set(&u->attribute, KFTP_CLASS_REMOTE, -EOPNOTSUPP, false, "its %s could not be set: %s has no command for that",
                                 what, kftp_connection_remote(u->connection));
        else if (u->attribute.class == KFTP_CLASS_OK)
                kftp_failure_set(&u->attribute, KFTP_CLASS_REMOTE, done.error, false, "its %s could not be set: %s", what, strempty(f->text));
        kftp_failure_done(f);
        return 0;
}

int kftp_upload_set_attributes(KftpUpload *u, const char *target, KftpFailure *f) {
        struct kftp_submit mfmt = kftp_request(KFTP_OP_MFMT, target), chmod = kftp_request(KFTP_OP_CHMOD, target);
        int r = 0;

        kftp_failure_done(&u->attribute);
        if (u->put->mtime && u->source.mtime != KFTP_MTIME_UNKNOWN) {
                mfmt.mtime = u->source.mtime;
                r = set_attribute(u, &mfmt, "time", f);
        }
        if (r >= 0 && u->put->mtime && u->attribute.class == KFTP_CLASS_OK && u->options->verify & KFTP_VERIFY_MTIME) {
                KftpVerify v = { .what = KFTP_VERIFY_MTIME };

                if (kftp_verify_facts(&v, u->connection, target, u->source.size, u->source.mtime, f) < 0) {
                        if (!kftp_connection_usable(u->connection))
                                return f->error;
                        u->attribute = *f;
                        *f = (KftpFailure) {};
                }
        }
        if (r >= 0 && u->put->has_mode) {
                chmod.mode = u->put->mode;
                r = set_attribute(u, &chmod, "mode", f);
        }
        return r;
}

/* ---- The final name -------------------------------------------------------------------------- */

static int rename_once(KftpUpload *u, KftpDone *d, KftpFailure *f) {
        struct kftp_submit request = kftp_request(KFTP_OP_RENAME, u->target);

        request.path2 = (__u64) (uintptr_t) u->final;
        request.path2_len = (__u32) strlen(u->final);
        u->rename_sent = true;
        return kftp_connection_request(u->connection, &request, d, f);
}

static bool is_there(KftpUpload *u, const char *path) {
        uint64_t size;

        return kftp_remote_size(u->connection, path, &size, NULL) > 0;
}

/* Not every server lets a file be renamed over another one. */
static int replace(KftpUpload *u, KftpFailure *f) {
        struct kftp_submit dele = kftp_request(KFTP_OP_DELE, u->final);
        _cleanup_free_ char *why = f->text ? strdup(f->text) : NULL;
        const KftpCallbacks *c = &u->options->callbacks;
        KftpDone done;
        int r;

        r = kftp_connection_request(u->connection, &dele, &done, f);
        if (r < 0 && kftp_connection_usable(u->connection))
                return kftp_failure_set(f, KFTP_CLASS_REMOTE, done.error, false,
                                        "%s; and the older file there cannot be removed either", strempty(why));
        if (r < 0)
                return r;
        if (c->note)
                c->note(c->userdata, "the server does not rename over an existing file: the older one is removed first");
        return rename_once(u, &done, f);
}

static int take_final_name(KftpUpload *u, KftpFailure *f) {
        KftpDone done;
        int r;

        r = rename_once(u, &done, f);
        if (r >= 0 || f->transient || !kftp_connection_usable(u->connection) || done.error != -EREMOTEIO)
                return r;
        /* The new one has to be seen before the old one is given up. */
        if (is_there(u, u->target) && is_there(u, u->final))
                return replace(u, f);
        kftp_failure_add(f, "; --in-place does without renaming");
        return r;
}

/* ---- Whether the server has left the name alone ---------------------------------------------- */

/* What MLST calls the file: 1 if it is name, 0 if not, -EOPNOTSUPP if it does not say. */
static int ask_name(KftpUpload *u, const char *name) {
        _cleanup_close_ int fd = memfd_create("kftp-mlst", MFD_CLOEXEC);
        struct kftp_submit mlst = kftp_request(KFTP_OP_MLST, u->final);
        char line[KFTP_MAX_LINE];
        struct kftp_info info;
        ssize_t n;

        if (fd < 0 || kftp_connection_info(u->connection, &info) < 0 || !(info.feat & KFTP_FEAT_MLST))
                return -EOPNOTSUPP;
        mlst.fd = fd;
        if (kftp_connection_request(u->connection, &mlst, NULL, NULL) < 0)
                return -EOPNOTSUPP;
        n = pread(fd, line, sizeof(line), 0);
        return n > 0 ? kftp_mlst_is_named(line, (size_t) n, name) : -EOPNOTSUPP;
}

/*
 * Some servers change a name that they do not like (a space at its end, a character they do not know) and say
 * nothing. Such a file would not be found again.
 */
static int check_name(KftpUpload *u, KftpFailure *f) {
        const char *name = kftp_remote_base(u->final);
        uint64_t size;
        int r;

        if (!kftp_put_name_is_odd(name))
                return 0;
        r = ask_name(u, name);
        if (r < 0)
                r = kftp_remote_size(u->connection, u->final, &size, NULL) != -ENOENT;
        if (r > 0)
                return 0;
        return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EREMOTEIO, false,
                                "\"%s\" is complete at %s, but the server has stored it under another name: it does not keep such "
                                "names; choose another one", u->final, kftp_connection_remote(u->connection));
}

int kftp_upload_deliver(KftpUpload *u, KftpFailure *f) {
        int r;

        r = kftp_upload_set_attributes(u, u->target, f);
        if (r < 0)
                return r;
        if (u->target != u->final) {
                r = take_final_name(u, f);
                if (r < 0)
                        return r;
        }
        u->delivered = true;
        return check_name(u, f);
}
