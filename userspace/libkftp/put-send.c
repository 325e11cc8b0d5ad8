// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A whole file sent: from where, by which command, and whether it has arrived. A part of it that is on the server
 * is gone on from only under a name that says of which version of the source it is, or if this call has sent it.
 */

#include <inttypes.h>

#include "failure.h"
#include "put-names.h"
#include "put.h"
#include "util.h"
#include "verify.h"

#define REQUESTS_MAX 6                  /* in one attempt: other offset, other command, other name */

/* ---- One request ----------------------------------------------------------------------------- */

static int moved(void *userdata, const struct kftp_run *e, KftpFailure *f) {
        KftpUpload *u = userdata;
        const KftpCallbacks *c = &u->options->callbacks;
        KftpProgress p = {
                .bytes = u->offset + e->bytes,
                .resumed_from = u->offset,
                .total = u->source.size,
                .usec = e->nsec / NSEC_PER_USEC,
        };

        (void) f;
        u->position = p.bytes;
        if (c->progress)
                c->progress(c->userdata, &p);
        return 0;
}

/* What cannot be done twice: a name is taken with the server's consent, and bytes that it never answered may be kept. */
static bool may_be_there(const KftpUpload *u, const KftpDone *d) {
        if (u->put->way == KFTP_PUT_UNIQUE && d->preliminary)
                return true;
        return (u->put->way == KFTP_PUT_UNIQUE || u->put->way == KFTP_PUT_APPEND) && d->bytes > 0 && d->reply == 0;
}

static void note_done(KftpUpload *u, const KftpDone *d) {
        uint64_t usec = d->nsec / NSEC_PER_USEC;
        KftpResult *result = u->result;

        u->position = u->offset + (d->preliminary || d->error == 0 ? d->bytes : 0);
        u->afresh = u->afresh && (u->offset > 0 || u->position == 0);
        /* What was sent before the server had agreed is nowhere; but from a pipe it is gone. */
        u->gone = u->gone && u->position == 0;
        u->begun = u->begun || d->error == 0 || (d->bytes > 0 && (d->preliminary || u->source.pipe)) || may_be_there(u, d);
        if (d->reply != 0) {
                result->reply = d->reply;
                free(result->reply_text);
                result->reply_text = strndup(d->text, d->text_len);
        }
        if (d->error < 0)
                return;
        result->transfer_usec = usec;
        result->rate = (uint64_t) ((double) d->bytes * (double) USEC_PER_SEC / (double) MAX2(usec, UINT64_C(1)));
        result->data_local = d->local;
        result->data_peer = d->peer;
        result->data_active = d->active;
        result->data_tls = d->tls;
}

int kftp_upload_request(KftpUpload *u, enum kftp_op op, const char *target, uint64_t flags, KftpWatch *watch, KftpDone *ret, KftpFailure *f) {
        struct kftp_submit request = kftp_request(op, target);
        const KftpPutSource *s = &u->source;
        KftpWatch w = watch ? *watch : (KftpWatch) {};
        int r;

        w.path = u->final ?: kftp_remote_base(u->name);
        w.moved = moved;
        w.userdata = u;
        request.fd = s->fd;
        request.flags = (uint32_t) flags;
        request.offset = s->begin + u->offset;
        request.expect_size = flags & KFTP_SUBMIT_EXPECT_SIZE ? u->offset : 0;
        if (!s->pipe)
                request.length = s->size - u->offset;
        u->position = u->offset;
        r = kftp_connection_transfer(u->connection, &request, s->name, &w, ret, f);
        note_done(u, ret);
        return r;
}

/* ---- What is there --------------------------------------------------------------------------- */

/* About the file, rather than about the command or the connection. 450 is about one that is in use. */
static bool says_absent(const KftpDone *d) {
        return d->reply == 550 || d->reply == 553 || d->reply == 551;
}

int kftp_remote_size(KftpConnection *c, const char *path, uint64_t *ret, KftpFailure *f) {
        struct kftp_submit size = kftp_request(KFTP_OP_SIZE, path);
        KftpDone done;
        int r;

        r = kftp_connection_request(c, &size, &done, f);
        if (r >= 0) {
                *ret = done.size;
                return done.has_size;
        }
        if (!kftp_connection_usable(c) || done.reply == 421)
                return r;
        if (f)
                kftp_failure_done(f);
        return says_absent(&done) ? -ENOENT : 0;
}

/*
 * Whether what is left under a temporary name may be gone on from. Under the final name never: there are servers
 * that keep the older file until the new one is complete.
 */
static bool may_go_on(const KftpUpload *u) {
        if (u->put->way != KFTP_PUT_TEMPORARY || u->source.pipe || u->afresh || u->source.begin > 0)
                return false;
        return u->begun || (u->options->resume && !u->put->no_part);
}

/* Where to, and from which offset. */
static int choose_offset(KftpUpload *u, KftpFailure *f) {
        bool temporary = u->put->way == KFTP_PUT_TEMPORARY;
        uint64_t size = 0;
        int r = -ENOENT;

        u->offset = 0;
        u->target = temporary ? u->temporary[u->chosen] : u->final;
        if (u->afresh)
                u->result->resumed_from = 0;
        if (!may_go_on(u))
                return 0;
        r = kftp_remote_size(u->connection, u->target, &size, f);
        if (r == -ENOENT && !u->begun) {
                r = kftp_remote_size(u->connection, u->temporary[!u->chosen], &size, f);
                if (r > 0) {
                        u->chosen = !u->chosen;
                        u->target = u->temporary[u->chosen];
                }
        }
        if (r < 0 && r != -ENOENT)
                return r;
        /* Longer than the source: nobody knows what that is. */
        if (r > 0 && size <= u->source.size)
                u->offset = size;
        if (u->result->resumed_from == 0 && !u->begun)
                u->result->resumed_from = u->offset;
        return 0;
}

/* ---- Sent ------------------------------------------------------------------------------------ */

static void note(const KftpUpload *u, const char *text) {
        const KftpCallbacks *c = &u->options->callbacks;

        if (c->note)
                c->note(c->userdata, text);
}

/* A name that is refused before anything was sent: some servers want no hidden ones. */
static bool is_name_refused(const KftpUpload *u, const KftpDone *d) {
        return u->put->way == KFTP_PUT_TEMPORARY && u->chosen == 0 && !u->begun && d->error == -EREMOTEIO && !d->preliminary
                && (d->reply == 550 || d->reply == 553 || d->reply == 501 || d->reply == 551);
}

/* ProFTPD takes the REST, and then says 451 to STOR and APPE alike, unless AllowStoreRestart is on. */
static bool is_restart_refused(const KftpUpload *u, const KftpDone *d) {
        if (u->offset == 0)
                return false;
        if (d->error == -ESPIPE)
                return true;
        return d->error == -EREMOTEIO && !d->preliminary && (d->reply == 451 || (d->reply >= 500 && d->reply != 530 && d->reply != 552));
}

/* 1: another request may do better, for which u was changed. 0: f stands. */
static int try_otherwise(KftpUpload *u, enum kftp_op op, const KftpDone *d, unsigned n) {
        if (is_restart_refused(u, d) && op == KFTP_OP_STOR) {
                note(u, "the server does not restart uploads (REST): appending (APPE) instead");
                u->no_restart = true;
                return 1;
        }
        if (is_restart_refused(u, d)) {
                note(u, "the server does not append either: sending all of it again");
                u->afresh = true;
                return 1;
        }
        /* It has become longer or shorter since it was looked at. */
        if (d->error == -ESTALE) {
                u->afresh = n >= REQUESTS_MAX / 2;
                return 1;
        }
        if (is_name_refused(u, d)) {
                note(u, "the server refuses the temporary name: trying one that is not hidden");
                u->chosen = 1;
                return 1;
        }
        return 0;
}

/* APPE needs no REST, and is told where in the source to begin; but then nothing must be there. */
static int clear_for_append(KftpUpload *u, KftpFailure *f) {
        struct kftp_submit dele = kftp_request(KFTP_OP_DELE, u->target);
        _cleanup_free_ char *why = NULL;
        uint64_t size;
        int r;

        if (u->source.begin == 0 || u->offset > 0)
                return 0;
        r = kftp_connection_request(u->connection, &dele, NULL, f);
        if (r >= 0 || !kftp_connection_usable(u->connection))
                return r;
        why = f->text ? strdup(f->text) : NULL;
        kftp_failure_done(f);
        r = kftp_remote_size(u->connection, u->target, &size, f);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EREMOTEIO, false,
                                "%s; what is sent from the middle of %s on can only be appended, and an older \"%s\" may be there",
                                strempty(why), u->source.name, u->target);
}

static int send_once(KftpUpload *u, KftpDone *d, enum kftp_op *ret_op, KftpFailure *f) {
        enum kftp_op op = u->source.begin > 0 || (u->no_restart && u->offset > 0) ? KFTP_OP_APPE : KFTP_OP_STOR;
        int r;

        *d = (KftpDone) {};
        *ret_op = op;
        r = clear_for_append(u, f);
        if (r < 0)
                return r;
        return kftp_upload_request(u, op, u->target, u->offset > 0 ? KFTP_SUBMIT_EXPECT_SIZE : 0, NULL, d, f);
}

static int send(KftpUpload *u, KftpFailure *f) {
        for (unsigned n = 1;; n++) {
                enum kftp_op op;
                KftpDone done;
                int r;

                r = choose_offset(u, f);
                if (r < 0)
                        return r;
                u->position = u->offset;
                /* What an earlier attempt has left may be all of it. */
                if (u->offset > 0 && u->offset == u->source.size) {
                        u->begun = true;
                        return 0;
                }
                r = send_once(u, &done, &op, f);
                if (r >= 0)
                        return r;
                if (n >= REQUESTS_MAX || !try_otherwise(u, op, &done, n)) {
                        if (is_name_refused(u, &done) || (u->chosen == 1 && !u->begun && done.error == -EREMOTEIO))
                                kftp_failure_add(f, "; if it is the temporary name that it refuses: --in-place");
                        return r;
                }
                kftp_failure_done(f);
        }
}

/* ---- Arrived --------------------------------------------------------------------------------- */

static void discard(KftpUpload *u) {
        struct kftp_submit dele = kftp_request(KFTP_OP_DELE, u->target);

        u->afresh = true;
        if (u->put->way == KFTP_PUT_TEMPORARY)
                u->gone = kftp_connection_request(u->connection, &dele, NULL, NULL) >= 0;
}

int kftp_upload_verify(KftpUpload *u, const char *target, uint64_t expected, KftpFailure *f) {
        uint64_t size = 0;
        int r;

        r = kftp_remote_size(u->connection, target, &size, f);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == -ENOENT && (u->put->way == KFTP_PUT_IN_PLACE || u->put->way == KFTP_PUT_APPEND))
                return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, false,
                                        "\"%s\" to %s: all of it was sent, but the server says that there is no such file", u->final,
                                        kftp_connection_remote(u->connection));
        if (r <= 0 && u->options->verify & KFTP_VERIFY_SIZE)
                return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, false,
                                        "\"%s\" to %s: the server does not tell its size, so it cannot be verified", u->final,
                                        kftp_connection_remote(u->connection));
        if (r <= 0)
                note(u, "the server does not tell the size of what was sent");
        if (r <= 0 || size == expected)
                return 0;
        return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, !u->source.pipe,
                                "\"%s\" to %s: %" PRIu64 " bytes were sent, but the server has %" PRIu64, u->final,
                                kftp_connection_remote(u->connection), expected, size);
}

/* All was sent: of one version of the source, and all of it has arrived. */
static int check(KftpUpload *u, KftpFailure *f) {
        int r = kftp_put_source_check(&u->source, f);

        if (r >= 0 && !u->source.pipe && u->position != u->source.size)
                r = kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, false, "%s has become shorter while it was sent",
                                     u->source.name);
        if (r < 0 && u->put->way != KFTP_PUT_TEMPORARY)
                kftp_failure_add(f, ", and so \"%s\" is of no version of it", u->target);
        if (r >= 0)
                r = kftp_upload_verify(u, u->target, u->position, f);
        if (r < 0 && f->class == KFTP_CLASS_INTEGRITY)
                discard(u);
        return r;
}

/* The server's hash of what it has, if that is wanted. */
static int check_hash(KftpUpload *u, const KftpVerify *v, KftpFailure *f) {
        int r;

        if (v->digest == KFTP_DIGEST_NONE)
                return 0;
        free(u->result->sha256);
        u->result->sha256 = NULL;
        r = kftp_verify_file(v, u->connection, u->target, u->source.fd, u->source.name, &u->result->sha256, f);
        if (r < 0 && f->class == KFTP_CLASS_INTEGRITY)
                discard(u);
        return r;
}

/* A pipe gives what it has only once. */
static int no_second_time(KftpUpload *u, int r, KftpFailure *f) {
        if (!u->source.pipe || !u->begun)
                return r;
        f->transient = false;
        if (!u->afresh && kftp_connection_usable(u->connection))
                discard(u);
        return r;
}

int kftp_upload_whole(KftpUpload *u, KftpFailure *f) {
        KftpVerify verify = {};
        int r;

        if (u->delivered)
                return 0;
        if (u->complete) {
                r = kftp_upload_look_again(u, f);
                return r < 0 || u->delivered ? r : kftp_upload_deliver(u, f);
        }
        r = kftp_verify_begin(&verify, u->connection, u->options->verify, f);
        if (r < 0)
                return r;
        r = send(u, f);
        if (r < 0)
                return no_second_time(u, r, f);
        r = check(u, f);
        if (r >= 0)
                r = check_hash(u, &verify, f);
        if (r < 0)
                return no_second_time(u, r, f);
        u->complete = true;
        return kftp_upload_deliver(u, f);
}
