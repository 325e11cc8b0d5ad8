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

/* Without it nobody could tell later whether what is there is the new file. */
static int note_before(KftpUpload *u, KftpFailure *f) {
        struct kftp_submit mdtm = kftp_request(KFTP_OP_MDTM, u->final);
        KftpBefore before = {};
        KftpDone done;
        int r;

        if (u->before.known)
                return 0;
        r = kftp_remote_size(u->connection, u->final, &before.size, f);
        if (r < 0 && r != -ENOENT)
                return r;
        before.known = r != 0;
        before.there = r > 0;
        if (r > 0 && kftp_connection_request(u->connection, &mdtm, &done, NULL) >= 0) {
                before.has_mtime = done.has_mtime;
                before.mtime = done.mtime;
        }
        u->before = before;
        return 0;
}

/* Whether what is there now, of the right size, cannot be what was there before. */
static bool is_new(KftpUpload *u, uint64_t size) {
        struct kftp_submit mdtm = kftp_request(KFTP_OP_MDTM, u->final);
        KftpDone done;

        if (!u->before.known)
                return false;
        if (!u->before.there || u->before.size != size)
                return true;
        return u->before.has_mtime && kftp_connection_request(u->connection, &mdtm, &done, NULL) >= 0
                && done.has_mtime && done.mtime != u->before.mtime;
}

/* 1: the whole file is there under that name. 0: not, or the server does not tell. */
static int is_whole(KftpUpload *u, const char *path, KftpFailure *f) {
        uint64_t size;
        int r = kftp_remote_size(u->connection, path, &size, f);

        return r > 0 ? size == u->position : r == -ENOENT ? 0 : r;
}

static int look_for_delivered(KftpUpload *u, KftpFailure *f) {
        int r = is_whole(u, u->final, f);

        if (r < 0)
                return r;
        if (r > 0 && is_new(u, u->position)) {
                u->in_doubt = false;
                u->delivered = true;
                return 0;
        }
        return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, false,
                                "\"%s\" to %s: the connection was lost while it was renamed, and what is there now does not tell "
                                "whether that was done", u->final, kftp_connection_remote(u->connection));
}

int kftp_upload_look_again(KftpUpload *u, KftpFailure *f) {
        uint64_t size;
        int r;

        /* It was stored under that name, and has only no time or mode yet. */
        if (u->target == u->final)
                return 0;
        r = is_whole(u, u->target, f);
        if (r > 0)
                u->in_doubt = false;
        if (r != 0)
                return r;
        if (u->in_doubt)
                return look_for_delivered(u, f);
        r = is_whole(u, u->temporary[!u->chosen], f);
        if (r < 0)
                return r;
        if (r > 0) {
                u->chosen = !u->chosen;
                u->target = u->temporary[u->chosen];
                return 0;
        }
        r = kftp_remote_size(u->connection, u->target, &size, f);
        /* No server that does not tell sizes is any the worse for the attempt. */
        if (r == 0 || (r < 0 && r != -ENOENT))
                return r;
        u->begun = false;
        return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EREMOTEIO, false,
                                "\"%s\" to %s: all of it had arrived as \"%s\", but is not there any more", u->final,
                                kftp_connection_remote(u->connection), u->target);
}

static void note_rnfr(void *userdata, const char *text, size_t n) {
        bool *accepted = userdata;

        *accepted = *accepted || (n >= 3 && memcmp(text, "350", 3) == 0);
}

static int rename_to(KftpUpload *u, const char *to, bool *ret_accepted, KftpDone *d, KftpFailure *f) {
        struct kftp_submit request = kftp_request(KFTP_OP_RENAME, u->target);
        KftpWatch watch = { .line = note_rnfr, .userdata = ret_accepted };

        *ret_accepted = false;
        request.path2 = (__u64) (uintptr_t) to;
        request.path2_len = (__u32) strlen(to);
        return kftp_connection_transfer(u->connection, &request, NULL, &watch, d, f);
}

static int rename_once(KftpUpload *u, bool *ret_accepted, KftpDone *d, KftpFailure *f) {
        int r;

        u->in_doubt = true;
        r = rename_to(u, u->final, ret_accepted, d, f);
        /* A server that says goodbye may have said so instead of the reply. */
        u->in_doubt = r < 0 && !(d->error == -EREMOTEIO && d->reply != 421);
        return r;
}

static bool is_there(KftpUpload *u, const char *path) {
        uint64_t size;

        return kftp_remote_size(u->connection, path, &size, NULL) > 0;
}

/* Before anything is removed: the server does rename, as far as nothing is in the way. */
static int prove_rename(KftpUpload *u, KftpFailure *f) {
        const char *other = u->temporary[!u->chosen];
        bool accepted;
        KftpDone done;
        int r;

        r = rename_to(u, other, &accepted, &done, f);
        if (r < 0)
                return r;
        u->chosen = !u->chosen;
        u->target = other;
        return is_whole(u, other, f);
}

/* Not every server lets a file be renamed over another one. */
static int replace(KftpUpload *u, KftpFailure *f) {
        struct kftp_submit dele = kftp_request(KFTP_OP_DELE, u->final);
        _cleanup_free_ char *why = f->text ? strdup(f->text) : NULL;
        const KftpCallbacks *c = &u->options->callbacks;
        bool accepted;
        KftpDone done;
        int r;

        kftp_failure_done(f);
        r = prove_rename(u, f);
        if (r <= 0 && kftp_connection_usable(u->connection))
                return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EREMOTEIO, false,
                                        "%s; and another name cannot be given to it either, so the older file there stays; "
                                        "--in-place does without renaming", strempty(why));
        if (r <= 0)
                return r ?: -ECONNRESET;
        r = kftp_connection_request(u->connection, &dele, &done, f);
        if (r < 0 && kftp_connection_usable(u->connection))
                return kftp_failure_set(f, KFTP_CLASS_REMOTE, done.error, false,
                                        "%s; and the older file there cannot be removed either", strempty(why));
        if (r < 0)
                return r;
        u->before = (KftpBefore) { .known = true };
        if (c->note)
                c->note(c->userdata, "the server does not rename over an existing file: the older one is removed first");
        return rename_once(u, &accepted, &done, f);
}

/* What a server says that has something against the name, rather than against renaming. */
static bool is_in_the_way(const KftpDone *d, bool accepted) {
        return accepted && d->error == -EREMOTEIO && (d->reply == 550 || d->reply == 551 || d->reply == 553 || d->reply == 521);
}

/* From now on, nobody but the server may know whether it was delivered. */
static int tell_intent(KftpUpload *u, KftpFailure *f) {
        const KftpCallbacks *c = &u->options->callbacks;
        KftpIntent intent = {
                .temporary = u->target,
                .final = u->final,
                .size = u->position,
                .mtime = u->source.mtime,
                .twin = !u->before.known || (u->before.there && u->before.size == u->position),
                .twin_mtime = u->before.has_mtime ? u->before.mtime : KFTP_MTIME_UNKNOWN,
        };
        int r = c->intent && !u->intended ? c->intent(c->userdata, &intent) : 0;

        return r < 0 ? kftp_failure_local(f, r, "\"%s\" is complete on the server, but that could not be recorded", u->target) : 0;
}

static int take_final_name(KftpUpload *u, KftpFailure *f) {
        bool accepted;
        KftpDone done;
        int r;

        r = note_before(u, f);
        if (r >= 0)
                r = tell_intent(u, f);
        if (r < 0)
                return r;
        r = rename_once(u, &accepted, &done, f);
        if (r >= 0 || f->transient || !kftp_connection_usable(u->connection) || done.error != -EREMOTEIO)
                return r;
        /* The new one has to be seen before the old one is given up. */
        if (is_in_the_way(&done, accepted) && is_there(u, u->target) && is_there(u, u->final))
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
 * nothing. Such a file would not be found again. That it is not there, however, says nothing of most names: who waits for a file
 * may have taken it at once.
 */
static int check_name(KftpUpload *u, KftpFailure *f) {
        const char *name = kftp_remote_base(u->final);
        uint64_t size;
        int r;

        if (!kftp_put_name_is_odd(name))
                return 0;
        r = ask_name(u, name);
        if (r < 0)
                r = !kftp_put_name_is_fragile(name) || kftp_remote_size(u->connection, u->final, &size, NULL) != -ENOENT;
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
