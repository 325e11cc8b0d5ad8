/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads a job file from its directory: decides whether it can be trusted, and what its revision is.
 */

#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <sys/stat.h>

#include "job.h"
#include "util.h"

int kftp_job_revision_of(const KftpJobFragment *fragments, size_t n, char ret[static KFTP_REVISION_SIZE]) {
        unsigned char digest[32];
        gnutls_hash_hd_t hash;
        int r = gnutls_hash_init(&hash, GNUTLS_DIG_SHA256);

        if (r < 0)
                return -EIO;
        for (size_t i = 0; i < n && r >= 0; i++)
                if (fragments[i].n > 0)
                        r = gnutls_hash(hash, fragments[i].text, fragments[i].n);
        gnutls_hash_deinit(hash, digest);
        if (r < 0)
                return -EIO;
        for (size_t i = 0; i < sizeof(digest); i++)
                (void) snprintf(ret + 2 * i, 3, "%02x", digest[i]);
        return 0;
}

int kftp_job_revision(const void *text, size_t n, char ret[static KFTP_REVISION_SIZE]) {
        return kftp_job_revision_of(&(KftpJobFragment) { .text = text, .n = n }, 1, ret);
}

static bool is_mask(int dir_fd, const char *filename) {
        char target[sizeof("/dev/null") + 1];
        ssize_t n = readlinkat(dir_fd, filename, target, sizeof(target));

        return n == (ssize_t) strlen("/dev/null") && memcmp(target, "/dev/null", (size_t) n) == 0;
}

/* Why a file with this status is not taken as a job; NULL if it is. */
static const char *distrust(const struct stat *st) {
        if (S_ISLNK(st->st_mode))
                return "a symbolic link: put the file itself here (only a link to /dev/null is understood: it masks)";
        if (!S_ISREG(st->st_mode))
                return "not a regular file";
        if (st->st_uid != 0 && st->st_uid != geteuid())
                return "owned neither by root nor by the service: type chown root";
        if (st->st_mode & S_IWOTH)
                return "writable by everybody: type chmod o-w";
        return NULL;
}

/* Reads what is there, up to one byte more than is allowed. */
static ssize_t read_all(int fd, char *buffer, size_t size) {
        size_t n = 0;

        while (n < size) {
                ssize_t r = read(fd, buffer + n, size - n);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -errno;
                if (r == 0)
                        break;
                n += (size_t) r;
        }
        return (ssize_t) n;
}

static int reject(const char *file, kftp_diagnosis_t sink, void *userdata, const char *message) {
        if (sink)
                sink(userdata, &(KftpDiagnosis) { .error = true, .file = file, .message = message });
        return -EBADMSG;
}

static int reject_errno(const char *file, kftp_diagnosis_t sink, void *userdata, int error) {
        _cleanup_free_ char *message = NULL;

        if (error == ENOENT)
                return -ENOENT;
        if (asprintf(&message, "cannot be read: %s", strerror(error)) < 0)
                return -ENOMEM;
        return reject(file, sink, userdata, message);
}

int kftp_job_load(int dir_fd, const char *directory, const char *filename, kftp_diagnosis_t sink, void *userdata,
                  KftpJob **ret) {
        _cleanup_free_ char *file = NULL, *text = NULL;
        _cleanup_close_ int fd = -1;
        const char *why;
        struct stat st;
        ssize_t n;

        *ret = NULL;
        if (asprintf(&file, "%s/%s", directory, filename) < 0)
                return -ENOMEM;

        /* Looked at before it is opened: opening a device may already do something. */
        if (fstatat(dir_fd, filename, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return reject_errno(file, sink, userdata, errno);
        if (S_ISLNK(st.st_mode) && is_mask(dir_fd, filename))
                return -ERFKILL;
        why = distrust(&st);
        if (why)
                return reject(file, sink, userdata, why);

        fd = openat(dir_fd, filename, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return reject_errno(file, sink, userdata, errno);
        why = distrust(&st);
        if (why)
                return reject(file, sink, userdata, why);

        text = malloc(KFTP_JOB_SIZE_MAX + 1);
        if (!text)
                return -ENOMEM;
        n = read_all(fd, text, KFTP_JOB_SIZE_MAX + 1);
        if (n < 0)
                return reject_errno(file, sink, userdata, (int) -n);
        return kftp_job_parse(file, text, (size_t) n, sink, userdata, ret);
}
