// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The certificates and keys that are ours: whom to trust, and who we are. A system's roots take tens of milliseconds
 * to load, so they are loaded once for all connections of the process that name the same files, from any thread. GnuTLS
 * only reads them once they are there. Who names a file may keep his own connections waiting by what it is, not others.
 */

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "tls-internal.h"

#define FRESH_USEC (60 * USEC_PER_SEC)  /* the system's roots may change under a daemon */
#define FILE_SIZE_MAX (16 << 20)        /* bytes; a system's roots are 200 KiB */

/* A file that was named. Another one in its place is another one. */
typedef struct Source {
        char *path;                     /* NULL: none was named */
        int fd;                         /* until it is loaded; else -1 */
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

static void source_done(Source *s) {
        safe_close(s->fd);
        free(s->path);
}

static void trust_free(KftpTlsTrust *t) {
        if (t->credentials)
                gnutls_certificate_free_credentials(t->credentials);
        source_done(&t->ca);
        source_done(&t->certificate);
        source_done(&t->key);
        free(t);
}
DEFINE_CLEANUP(KftpTlsTrust *, trust_free)

/* ---- Loading --------------------------------------------------------------------------------- */

static int bad_file(const char *path, const char *why, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EINVAL, false, "%s: %s", path, why);
}

/* Does not wait for a writer, as opening a FIFO would, and lets nothing in that may have no end. */
static int open_source(Source *s, const char *path, bool directory_too, KftpFailure *f) {
        if (!path)
                return 0;
        s->path = strdup(path);
        s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (!s->path || s->fd < 0 || fstat(s->fd, &s->stat) < 0)
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, -errno, false, "cannot read %s: %s", path, strerror(errno));
        if (directory_too && S_ISDIR(s->stat.st_mode))
                return 0;
        if (!S_ISREG(s->stat.st_mode))
                return bad_file(path, directory_too ? "neither a file nor a directory" : "not a file", f);
        if (s->stat.st_size > FILE_SIZE_MAX)
                return bad_file(path, "too large for what should be in it", f);
        return 0;
}

static void wipe(gnutls_datum_t *data) {
        if (data->data)
                explicit_bzero(data->data, data->size);
        free(data->data);
}

/* The regular file as it is, which is of n bytes or has just been cut. -errno. */
static int read_file(int fd, off_t n, gnutls_datum_t *ret) {
        ssize_t k = 1;

        *ret = (gnutls_datum_t) { .data = malloc((size_t) n + 1) };
        if (!ret->data)
                return -ENOMEM;
        while (k > 0 && ret->size < n) {
                k = pread(fd, ret->data + ret->size, (size_t) n - ret->size, ret->size);
                if (k < 0)
                        return -errno;
                ret->size += (unsigned) k;
        }
        return 0;
}

static int read_source(const Source *s, gnutls_datum_t *ret, KftpFailure *f) {
        int r = read_file(s->fd, s->stat.st_size, ret);

        return r >= 0 ? 0 : kftp_failure_set(f, KFTP_CLASS_LOCAL, r, false, "cannot read %s: %s", s->path, strerror(-r));
}

/* How many certificates of the file are trusted from now on; a file of a directory that cannot be used is passed over. */
static int trust_file(KftpTlsTrust *t, int fd, const struct stat *st) {
        _cleanup_(wipe) gnutls_datum_t data = {};

        if (!S_ISREG(st->st_mode) || st->st_size > FILE_SIZE_MAX || read_file(fd, st->st_size, &data) < 0 || data.size == 0)
                return 0;
        return MAX2(gnutls_certificate_set_x509_trust_mem(t->credentials, &data, GNUTLS_X509_FMT_PEM), 0);
}

static int trust_directory(KftpTlsTrust *t, const Source *s) {
        int copy = fcntl(s->fd, F_DUPFD_CLOEXEC, 3), n = 0;
        _cleanup_closedir_ DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
        struct dirent *entry;

        if (!d)
                safe_close(copy);
        while (d && (entry = readdir(d))) {
                _cleanup_close_ int fd = openat(s->fd, entry->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
                struct stat st;

                if (fd >= 0 && fstat(fd, &st) >= 0)
                        n += trust_file(t, fd, &st);
        }
        return n;
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
        n = S_ISDIR(t->ca.stat.st_mode) ? trust_directory(t, &t->ca) : trust_file(t, t->ca.fd, &t->ca.stat);
        return n > 0 ? 0 : bad_file(path, "there is no certificate in it (PEM is wanted: \"-----BEGIN CERTIFICATE-----\")", f);
}

/* As with password files: what others may read is no secret. */
static int check_secrecy(const Source *key, KftpFailure *f) {
        if ((key->stat.st_mode & 077) == 0)
                return 0;
        return kftp_failure_set(f, KFTP_CLASS_USAGE, -EPERM, false, "key file %s: others may read or change it: chmod 0600 %s", key->path, key->path);
}

static int load_ours(KftpTlsTrust *t, KftpFailure *f) {
        const Source *key_source = t->key.path ? &t->key : &t->certificate;
        const char *certificate = t->certificate.path, *key = key_source->path;
        _cleanup_(wipe) gnutls_datum_t certificate_data = {}, key_data = {};
        int r;

        if (!certificate)
                return 0;
        r = check_secrecy(key_source, f);
        if (r >= 0)
                r = read_source(&t->certificate, &certificate_data, f);
        if (r >= 0)
                r = read_source(key_source, &key_data, f);
        if (r < 0)
                return r;
        r = gnutls_certificate_set_x509_key_mem2(t->credentials, &certificate_data, &key_data, GNUTLS_X509_FMT_PEM, NULL, 0);
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

/* What will be loaded, and as a key to what is loaded already. */
static int prepare(const KftpTlsOptions *o, KftpTlsTrust **ret, KftpFailure *f) {
        _cleanup_(trust_freep) KftpTlsTrust *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        t->insecure = o->insecure;
        t->ca.fd = t->certificate.fd = t->key.fd = -1;
        r = open_source(&t->ca, o->ca_file, true, f);
        if (r >= 0)
                r = open_source(&t->certificate, o->certificate_file, false, f);
        if (r >= 0)
                r = open_source(&t->key, o->key_file, false, f);
        if (r < 0)
                return r;
        *ret = STEAL_PTR(t);
        return 0;
}

static int load(KftpTlsTrust *t, KftpFailure *f) {
        int r;

        if (gnutls_certificate_allocate_credentials(&t->credentials) < 0)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        t->loaded_usec = now_usec();
        r = load_roots(t, f);
        if (r >= 0)
                r = load_ours(t, f);
        t->ca.fd = safe_close(t->ca.fd);
        t->certificate.fd = safe_close(t->certificate.fd);
        t->key.fd = safe_close(t->key.fd);
        return r;
}

/* ---- What is there already --------------------------------------------------------------------- */

static bool is_same(const Source *a, const Source *b) {
        if (!a->path || !b->path)
                return !a->path && !b->path;
        return streq(a->path, b->path) && a->stat.st_dev == b->stat.st_dev && a->stat.st_ino == b->stat.st_ino
                && a->stat.st_ctim.tv_sec == b->stat.st_ctim.tv_sec && a->stat.st_ctim.tv_nsec == b->stat.st_ctim.tv_nsec;
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

static KftpTlsTrust *find(const KftpTlsTrust *wanted) {
        for (KftpTlsTrust *t = all; t; t = t->next)
                if (is_fresh(t) && t->insecure == wanted->insecure && is_same(&t->ca, &wanted->ca)
                    && is_same(&t->certificate, &wanted->certificate) && is_same(&t->key, &wanted->key))
                        return t;
        return NULL;
}

/* Named files may be where reading takes its time, or has no end: nobody else waits for that. */
static int load_unlocked(KftpTlsTrust *t, KftpFailure *f) {
        int r;

        (void) pthread_mutex_unlock(&lock);
        r = load(t, f);
        (void) pthread_mutex_lock(&lock);
        return r;
}

int kftp_tls_trust_get(const KftpTlsOptions *o, KftpTlsTrust **ret, KftpFailure *f) {
        _cleanup_(trust_freep) KftpTlsTrust *own = NULL;
        KftpTlsTrust *t;
        int r = prepare(o, &own, f);

        if (r < 0)
                return r;
        (void) pthread_mutex_lock(&lock);
        drop_stale();
        t = find(own);
        if (!t) {
                /* The system's roots are loaded under the lock: whoever comes meanwhile wants the same. */
                r = own->ca.path || own->certificate.path ? load_unlocked(own, f) : load(own, f);
                t = r >= 0 ? find(own) : NULL;
        }
        if (r >= 0 && !t) {
                t = STEAL_PTR(own);
                t->next = all;
                all = t;
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
