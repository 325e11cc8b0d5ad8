// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An upload that somebody else has begun, who has left his intent and nothing else: the temporary name says that it was not
 * delivered, the final one alone that it was. Whatever else is found proves nothing.
 */

#include "client-internal.h"
#include "failure.h"
#include "put-names.h"
#include "put.h"
#include "remote.h"
#include "util.h"

#define KEY_MARK ".kftp-"

typedef struct Settlement {
        KftpUpload upload;
        const KftpIntent *intent;
        bool again;                     /* it may be sent again */
} Settlement;

/* The rename may have been tried under both names: ".NAME.kftp-KEY" and "NAME.kftp-KEY". */
static int find_names(KftpUpload *u, const KftpIntent *i) {
        const char *base = kftp_remote_base(i->temporary), *mark = NULL;
        _cleanup_free_ char *directory = kftp_remote_directory(i->temporary);

        for (const char *p = strstr(base, KEY_MARK); p; p = strstr(p + 1, KEY_MARK))
                mark = p;
        if (!directory)
                return -ENOMEM;
        if (!mark)
                return -EINVAL;
        for (size_t n = 0; n < ELEMENTS(u->temporary); n++) {
                _cleanup_free_ char *name = kftp_put_temporary(kftp_remote_base(i->final), strtoull(mark + strlen(KEY_MARK), NULL, 16), n == 0);

                u->temporary[n] = name ? kftp_remote_join(directory, name) : NULL;
                if (!u->temporary[n])
                        return -ENOMEM;
        }
        u->final = strdup(i->final);
        return u->final ? 0 : -ENOMEM;
}

static int unknown(const KftpUpload *u, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, false,
                                "it is not known whether \"%s\" was delivered to %s: neither it nor \"%s\" is there as it was sent; look "
                                "there, and with whom it is for, before it is sent again", u->final, kftp_connection_remote(u->connection),
                                u->temporary[0]);
}

/* Servers that do not tell sizes may tell names. */
static bool is_there(const KftpUpload *u, const char *path) {
        KftpPresence p = kftp_remote_look(u->connection, path);

        return p == KFTP_PRESENT;
}

/* 1: it is there as a whole. 0: it is there. -ENOENT: it is not, as far as the server tells. */
static int look_at(const KftpUpload *u, const char *path, KftpFailure *f) {
        uint64_t size;
        int r = kftp_remote_size(u->connection, path, &size, f);

        if (r > 0)
                return size == u->position;
        if (r == 0)
                return is_there(u, path) ? 0 : -ENOENT;
        return r;
}

static int mtime_of(const KftpUpload *u, int64_t *ret) {
        struct kftp_submit mdtm = kftp_request(KFTP_OP_MDTM, u->final);
        KftpDone done;

        *ret = KFTP_MTIME_UNKNOWN;
        if (kftp_connection_request(u->connection, &mdtm, &done, NULL) >= 0 && done.has_mtime)
                *ret = done.mtime;
        return kftp_connection_usable(u->connection) ? 0 : -ECONNRESET;
}

/* The final name alone is there, and of the right size: whether that cannot be the file that was to be replaced. */
static int is_ours(const Settlement *s, KftpFailure *f) {
        const KftpIntent *i = s->intent;
        int64_t mtime;

        if (mtime_of(&s->upload, &mtime) < 0)
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -ECONNRESET, true, "%s: the connection was lost",
                                        kftp_connection_remote(s->upload.connection));
        if (s->upload.put->mtime && i->mtime != KFTP_MTIME_UNKNOWN && mtime != KFTP_MTIME_UNKNOWN && mtime != i->mtime)
                return 0;
        return !i->twin || (mtime != KFTP_MTIME_UNKNOWN && i->twin_mtime != KFTP_MTIME_UNKNOWN && mtime != i->twin_mtime);
}

static int look_for_final(Settlement *s, KftpFailure *f) {
        KftpUpload *u = &s->upload;
        int r = look_at(u, u->final, f);

        if (r > 0)
                r = is_ours(s, f);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r <= 0)
                return unknown(u, f);
        u->delivered = true;
        return 0;
}

static int work(KftpConnection *c, void *userdata, KftpFailure *f) {
        Settlement *s = userdata;
        KftpUpload *u = &s->upload;

        u->connection = c;
        kftp_connection_addresses(c, &u->result->local_addr, &u->result->peer);
        u->result->tls = *kftp_connection_tls(c);
        for (unsigned n = 0; n < ELEMENTS(u->temporary); n++) {
                int r = look_at(u, u->temporary[n], f);

                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                /* Not whole any more, as after a crash of the server: what is sent next begins or goes on there. */
                s->again = r == 0;
                u->chosen = n;
                u->target = u->temporary[n];
                return r == 0 ? 0 : kftp_upload_deliver(u, f);
        }
        return look_for_final(s, f);
}

static void settlement_done(Settlement *s) {
        kftp_failure_done(&s->upload.attribute);
        free(s->upload.final);
        for (size_t n = 0; n < ELEMENTS(s->upload.temporary); n++)
                free(s->upload.temporary[n]);
}

int kftp_client_put_settle(KftpClient *c, const KftpUrl *url, const KftpIntent *intent, const KftpPutOptions *put, KftpResult *ret) {
        _cleanup_(settlement_done) Settlement s = {
                .intent = intent,
                .upload = {
                        .name = intent->final,
                        .url = url,
                        .put = put,
                        .options = kftp_client_options(c),
                        .result = ret,
                        .source = KFTP_PUT_SOURCE_INIT,
                        .position = intent->size,
                        .intended = true,
                },
        };
        KftpTask task = { .work = work, .userdata = &s };
        int r;

        *ret = (KftpResult) { .mtime = intent->mtime };
        s.upload.source.size = intent->size;
        s.upload.source.mtime = intent->mtime;
        r = find_names(&s.upload, intent);
        if (r == -EINVAL)
                return kftp_failure_set(&ret->failure, KFTP_CLASS_INTEGRITY, r, false, "\"%s\" is no temporary name of an upload", intent->temporary);
        if (r < 0)
                return kftp_failure_set(&ret->failure, KFTP_CLASS_OTHER, r, true, "not enough memory");
        r = kftp_client_run(c, url, &task, &ret->attempts, &ret->failure);
        if (r < 0)
                return r;
        kftp_failure_done(&ret->failure);
        ret->remote = strdup(intent->final);
        ret->bytes = s.again ? 0 : intent->size;
        return !s.again;
}
