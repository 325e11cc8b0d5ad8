// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is compared with the server when a file has been moved, beyond the number of bytes. */

#include "control.h"
#include "failure.h"
#include "util.h"
#include "verify.h"

int kftp_verify_begin(KftpVerify *v, KftpConnection *c, unsigned what, KftpFailure *f) {
        struct kftp_info info;
        int r;

        *v = (KftpVerify) { .what = what };
        if (!(what & KFTP_VERIFY_HASH))
                return 0;
        r = kftp_connection_info(c, &info);
        if (r < 0)
                return kftp_failure_device(f, r, "KFTP_INFO");
        v->digest = kftp_digest_choose(info.feat);
        if (v->digest == KFTP_DIGEST_NONE)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -EOPNOTSUPP, false,
                                        "%s offers no command that tells a file's hash (HASH, XSHA256, XCRC, ...): --verify=hash is not possible there",
                                        kftp_connection_remote(c));
        return 0;
}

static int unknown(KftpConnection *c, const char *path, const char *what, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EOPNOTSUPP, false, "\"%s\" cannot be verified: %s does not tell its %s",
                                path, kftp_connection_remote(c), what);
}

static int verify_mtime(KftpConnection *c, const char *path, int64_t mtime, KftpFailure *f) {
        struct kftp_submit ask = kftp_request(KFTP_OP_MDTM, path);
        KftpDone done;
        int r;

        if (mtime == KFTP_MTIME_UNKNOWN)
                return unknown(c, path, "modification time", f);
        r = kftp_connection_request(c, &ask, &done, f);
        if (r < 0)
                return r;
        if (!done.has_mtime)
                return unknown(c, path, "modification time", f);
        if (done.mtime != mtime)
                return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -ESTALE, true, "\"%s\" at %s has another modification time than it should have: "
                                        "it was changed meanwhile", path, kftp_connection_remote(c));
        return 0;
}

int kftp_verify_facts(const KftpVerify *v, KftpConnection *c, const char *path, uint64_t size, int64_t mtime, KftpFailure *f) {
        if ((v->what & KFTP_VERIFY_SIZE) && size == KFTP_SIZE_UNKNOWN)
                return unknown(c, path, "size", f);
        return v->what & KFTP_VERIFY_MTIME ? verify_mtime(c, path, mtime, f) : 0;
}

/* ---- Hashes ---------------------------------------------------------------------------------- */

static int ask_hash(const KftpVerify *v, KftpConnection *c, const char *path, uint8_t ret[KFTP_DIGEST_MAX], KftpFailure *f) {
        struct kftp_submit ask = kftp_request(KFTP_OP_HASH, path);
        _cleanup_free_ char *words = NULL;
        KftpDone done;
        int r;

        ask.digest = v->digest;
        r = kftp_connection_request(c, &ask, &done, f);
        if (r < 0)
                return r;
        r = kftp_hash_parse(done.text, done.text_len, path, v->digest, ret);
        if (r >= 0)
                return 0;
        words = kftp_escape(done.text, done.text_len);
        return kftp_failure_set(f, KFTP_CLASS_OTHER, r, false, "no %s of \"%s\" can be found in what %s says of it: \"%s\"",
                                kftp_digest_name(v->digest), path, kftp_connection_remote(c), strempty(words));
}

int kftp_verify_hash(const KftpVerify *v, KftpConnection *c, const char *path, const uint8_t local[KFTP_DIGEST_MAX], char **sha256, KftpFailure *f) {
        _cleanup_free_ char *here = NULL, *there = NULL;
        uint8_t remote[KFTP_DIGEST_MAX];
        int r;

        r = ask_hash(v, c, path, remote, f);
        if (r < 0)
                return r;
        here = kftp_hash_format(v->digest, local);
        there = kftp_hash_format(v->digest, remote);
        if (!here || !there)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        if (!streq(here, there))
                return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, -EBADMSG, true, "\"%s\" at %s differs from what is here: its %s is %s there, %s here",
                                        path, kftp_connection_remote(c), kftp_digest_name(v->digest), there, here);
        if (v->digest == KFTP_DIGEST_SHA256) {
                free(*sha256);
                *sha256 = STEAL_PTR(here);
        }
        return 0;
}

int kftp_verify_file(const KftpVerify *v, KftpConnection *c, const char *path, int fd, const char *name, char **sha256, KftpFailure *f) {
        uint8_t hash[KFTP_DIGEST_MAX];
        int r;

        if (v->digest == KFTP_DIGEST_NONE)
                return 0;
        r = kftp_hash_file(fd, v->digest, kftp_connection_options(c)->control, hash);
        if (r == -ECANCELED)
                return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, r, false, "interrupted while %s was being verified", name);
        if (r < 0)
                return kftp_failure_local(f, r, "cannot read %s", name);
        return kftp_verify_hash(v, c, path, hash, sha256, f);
}
