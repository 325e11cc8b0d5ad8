// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Passwords of jobs: from the service's credentials (systemd.exec(5)), from a password file, from a netrc file. What is found is
 * moved to pages of its own, which are neither swapped out nor written to a core dump; the ways there are erased.
 */

#include <sys/mman.h>

#include "failure.h"
#include "secret.h"

/* Where the directories of the unit's LoadCredential= and LoadCredentialEncrypted= appear: as PREFIX_NAME. */
#define PLAIN_PREFIX "kftp_"
#define PLAIN_DIRECTORY "/etc/kftp/credentials"
#define ENCRYPTED_PREFIX "kftp-encrypted_"
#define ENCRYPTED_DIRECTORY "/etc/kftp/credentials.encrypted"
#define CREDENTIAL_NAME_MAX 200U        /* with a prefix it is the name of a file */

static int no_memory(KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}

/* ---- What is kept -------------------------------------------------------------------------------- */

static const char *put(char **p, const char *text) {
        const char *at = *p;

        if (!text)
                return NULL;
        *p = stpcpy(*p, text) + 1;
        return at;
}

static size_t size_of(const char *text) {
        return text ? strlen(text) + 1 : 0;
}

/* Takes the login over, erasing it. */
static int keep(KftpLogin *l, KftpSecret *ret, KftpFailure *f) {
        size_t size = size_of(l->user) + size_of(l->password) + size_of(l->account) + 1;
        char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED) {
                kftp_login_done(l);
                return no_memory(f);
        }
        /* There may be a limit to it (LimitMEMLOCK=): then it is without. */
        (void) mlock(p, size);
        (void) madvise(p, size, MADV_DONTDUMP);
        (void) madvise(p, size, MADV_WIPEONFORK);

        *ret = (KftpSecret) { .memory = p, .size = size };
        ret->user = put(&p, l->user);
        ret->password = put(&p, l->password);
        ret->account = put(&p, l->account);
        kftp_login_done(l);
        return 0;
}

void kftp_secret_done(KftpSecret *s) {
        if (s->memory) {
                explicit_bzero(s->memory, s->size);
                (void) munmap(s->memory, s->size);
        }
        *s = (KftpSecret) {};
}

/* ---- Credentials --------------------------------------------------------------------------------- */

bool kftp_credential_name_valid(const char *name) {
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@+");

        return n > 0 && n <= CREDENTIAL_NAME_MAX && name[n] == '\0' && name[0] != '.' && name[0] != '-';
}

/* What has to be typed depends on which of the two there is; that the service has to be started again is easily forgotten. */
static int missing(const char *name, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_USAGE, -ENOENT, false,
                                "Credential=%s: the service has no such credential; write it (systemd-ask-password -n | install -m 0600 "
                                "/dev/stdin " PLAIN_DIRECTORY "/%s), or encrypt it (systemd-ask-password -n | systemd-creds encrypt --name="
                                ENCRYPTED_PREFIX "%s - " ENCRYPTED_DIRECTORY "/%s), then: systemctl restart kftpd",
                                name, name, name, name);
}

static int read_credential(const char *directory, const char *prefix, const char *name, char **ret, KftpFailure *f) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s%s", directory, prefix, name) < 0) {
                path = NULL;
                return no_memory(f);
        }
        if (access(path, F_OK) < 0 && errno == ENOENT)
                return -ENOENT;
        return kftp_read_credential(path, ret, f);
}

static int find_credential(const char *name, KftpLogin *ret, KftpFailure *f) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        int r;

        if (!kftp_credential_name_valid(name))
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "Credential=: not the name of a credential");
        if (!directory || *directory != '/')
                return missing(name, f);
        r = read_credential(directory, ENCRYPTED_PREFIX, name, &ret->password, f);
        if (r == -ENOENT)
                r = read_credential(directory, PLAIN_PREFIX, name, &ret->password, f);
        return r == -ENOENT ? missing(name, f) : r;
}

/* ---- netrc --------------------------------------------------------------------------------------- */

/* Who has named the file wants to be somebody there, and not anonymous. */
static int find_in_netrc(const KftpJob *j, KftpLogin *ret, KftpFailure *f) {
        const char *user = j->user ?: j->url.user;
        int r = kftp_netrc_find(j->netrc_file, j->url.host, user, ret, f);

        if (r < 0)
                return r;
        if (r == 0 && user)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -ENOENT, false, "%s: has no login %s for the machine %s; add a line: "
                                        "machine %s login %s password ...", j->netrc_file, user, j->url.host, j->url.host, user);
        if (r == 0)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -ENOENT, false, "%s: has no entry for the machine %s; add a line: "
                                        "machine %s login ... password ...", j->netrc_file, j->url.host, j->url.host);
        if (user) {             /* the job's own holds */
                free(ret->user);
                ret->user = NULL;
        }
        return 0;
}

int kftp_secret_get(const KftpJob *j, KftpSecret *ret, KftpFailure *f) {
        KftpLogin login = {};
        int r = 0;

        *ret = (KftpSecret) {};
        if (j->credential)
                r = find_credential(j->credential, &login, f);
        else if (j->password_file)
                r = kftp_read_password_file(j->password_file, &login.password, f);
        else if (j->netrc_file)
                r = find_in_netrc(j, &login, f);
        else
                return 0;
        if (r < 0) {
                kftp_login_done(&login);
                return r;
        }
        return keep(&login, ret, f);
}
