// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The certificates and keys that are ours: whom to trust, and who we are. A system's roots take tens of milliseconds
 * to load, so they are loaded once for all connections of the process that name the same files, from any thread. GnuTLS
 * only reads them once they are there.
 */

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "tls-internal.h"

#define FRESH_USEC (60 * USEC_PER_SEC)  /* the system's roots may change under a daemon */

/* A file that was named. Another one in its place is another one. */
typedef struct Source {
        char *path;                     /* NULL: none was named */
        struct stat stat;
} Source;

struct KftpTlsTrust {
        KftpTlsTrust *next;
        unsigned references;
        uint64_t loaded_usec;
        bool insecure;
        Source ca, certificate, key;
        gnutls_certificate_credentials_t credentials;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static KftpTlsTrust *all;               /* under lock; what nobody refers to is kept while it is fresh */

gnutls_certificate_credentials_t kftp_tls_trust_credentials(const KftpTlsTrust *t) {
        return t->credentials;
}

static void trust_free(KftpTlsTrust *t) {
        if (t->credentials)
                gnutls_certificate_free_credentials(t->credentials);
        free(t->ca.path);
        free(t->certificate.path);
        free(t->key.path);
        free(t);
}
DEFINE_CLEANUP(KftpTlsTrust *, trust_free)

/* ---- Loading --------------------------------------------------------------------------------- */

static int bad_file(const char *path, const char *why, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EINVAL, false, "%s: %s", path, why);
}

static int note_source(Source *s, const char *path, KftpFailure *f) {
        _cleanup_close_ int fd = -1;

        if (!path)
                return 0;
        s->path = strdup(path);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (!s->path || fd < 0 || fstat(fd, &s->stat) < 0)
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, -errno, false, "cannot read %s: %s", path, strerror(errno));
        return 0;
}

static int load_roots(KftpTlsTrust *t, KftpFailure *f) {
        const char *path = t->ca.path;
        int n;

        if (!path) {
                n = gnutls_certificate_set_x509_system_trust(t->credentials);
                if (n > 0 || t->insecure)
                        return 0;
                return kftp_failure_set(f, KFTP_CLASS_TLS, -ENOKEY, false,
                                        "no certificate authorities are known to this system, so no server can be told from an impostor: install the "
                                        "package ca-certificates, or name yours with --ca=FILE (in a job file CAFile=)");
        }
        if (S_ISDIR(t->ca.stat.st_mode))
                n = gnutls_certificate_set_x509_trust_dir(t->credentials, path, GNUTLS_X509_FMT_PEM);
        else
                n = gnutls_certificate_set_x509_trust_file(t->credentials, path, GNUTLS_X509_FMT_PEM);
        return n > 0 ? 0 : bad_file(path, "there is no certificate in it (PEM is wanted: \"-----BEGIN CERTIFICATE-----\")", f);
}

/* As with password files: what others may read is no secret. */
static int check_secrecy(const Source *key, KftpFailure *f) {
        if ((key->stat.st_mode & 077) == 0)
                return 0;
        return kftp_failure_set(f, KFTP_CLASS_USAGE, -EPERM, false, "key file %s: others may read or change it: chmod 0600 %s", key->path, key->path);
}

static int load_ours(KftpTlsTrust *t, KftpFailure *f) {
        const char *certificate = t->certificate.path, *key = t->key.path ?: certificate;
        int r;

        if (!certificate)
                return 0;
        r = check_secrecy(t->key.path ? &t->key : &t->certificate, f);
        if (r < 0)
                return r;
        r = gnutls_certificate_set_x509_key_file2(t->credentials, certificate, key, GNUTLS_X509_FMT_PEM, NULL, 0);
        switch (r) {
        case GNUTLS_E_SUCCESS:
                return 0;
        case GNUTLS_E_CERTIFICATE_KEY_MISMATCH:
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EINVAL, false, "%s: this key does not belong to the certificate in %s", key, certificate);
        case GNUTLS_E_DECRYPTION_FAILED:
                return bad_file(key, "the key is protected by a passphrase, which nobody is there to type", f);
        case GNUTLS_E_NO_CERTIFICATE_FOUND:
                return bad_file(certificate, "there is no certificate in it (PEM is wanted: \"-----BEGIN CERTIFICATE-----\")", f);
        case GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR:
        case GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE:
                return bad_file(key, "there is no private key in it (PEM is wanted: \"-----BEGIN PRIVATE KEY-----\"), "
                                     "or no certificate in the other file", f);
        default:
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EINVAL, false, "cannot use the certificate in %s with the key in %s: %s",
                                        certificate, key, gnutls_strerror(r));
        }
}

static int load(const KftpTlsOptions *o, KftpTlsTrust **ret, KftpFailure *f) {
        _cleanup_(trust_freep) KftpTlsTrust *t = calloc(1, sizeof(*t));
        int r;

        if (!t || gnutls_certificate_allocate_credentials(&t->credentials) < 0)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        t->insecure = o->insecure;
        t->loaded_usec = now_usec();
        r = note_source(&t->ca, o->ca_file, f);
        if (r >= 0)
                r = note_source(&t->certificate, o->certificate_file, f);
        if (r >= 0)
                r = note_source(&t->key, o->key_file, f);
        if (r >= 0)
                r = load_roots(t, f);
        if (r >= 0)
                r = load_ours(t, f);
        if (r < 0)
                return r;
        *ret = STEAL_PTR(t);
        return 0;
}

/* ---- What is there already --------------------------------------------------------------------- */

static bool is_source(const Source *s, const char *path) {
        struct stat st;

        if (!s->path || !path)
                return !s->path && !path;
        return streq(s->path, path) && stat(path, &st) >= 0 && st.st_dev == s->stat.st_dev && st.st_ino == s->stat.st_ino
                && st.st_ctim.tv_sec == s->stat.st_ctim.tv_sec && st.st_ctim.tv_nsec == s->stat.st_ctim.tv_nsec;
}

static bool is_fresh(const KftpTlsTrust *t) {
        return now_usec() - t->loaded_usec < FRESH_USEC;
}

static void drop_stale(void) {
        for (KftpTlsTrust **p = &all; *p;) {
                KftpTlsTrust *t = *p;

                if (t->references == 0 && !is_fresh(t)) {
                        *p = t->next;
                        trust_free(t);
                } else
                        p = &t->next;
        }
}

static KftpTlsTrust *find(const KftpTlsOptions *o) {
        for (KftpTlsTrust *t = all; t; t = t->next)
                if (is_fresh(t) && t->insecure == o->insecure && is_source(&t->ca, o->ca_file)
                    && is_source(&t->certificate, o->certificate_file) && is_source(&t->key, o->key_file))
                        return t;
        return NULL;
}

int kftp_tls_trust_get(const KftpTlsOptions *o, KftpTlsTrust **ret, KftpFailure *f) {
        KftpTlsTrust *t;
        int r = 0;

        /* Held while loading, too: whoever comes meanwhile wants the same. */
        (void) pthread_mutex_lock(&lock);
        drop_stale();
        t = find(o);
        if (!t) {
                r = load(o, &t, f);
                if (r >= 0) {
                        t->next = all;
                        all = t;
                }
        }
        if (r >= 0) {
                t->references++;
                *ret = t;
        }
        (void) pthread_mutex_unlock(&lock);
        return r;
}

void kftp_tls_trust_put(KftpTlsTrust *t) {
        if (!t)
                return;
        (void) pthread_mutex_lock(&lock);
        t->references--;
        drop_stale();
        (void) pthread_mutex_unlock(&lock);
}
