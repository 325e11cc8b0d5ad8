/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads one file of a job: decides whether it can be trusted. And what the revision of a text is. */

#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "job-file.h"
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

static const char *distrust_owner(const struct stat *st) {
        if (st->st_uid != 0 && st->st_uid != geteuid())
                return "owned neither by root nor by the service: type chown root";
        if (st->st_mode & S_IWOTH)
                return "writable by everybody: type chmod o-w";
        return NULL;
}

const char *job_directory_distrust(const struct stat *st) {
        return distrust_owner(st);
}

/* Why a file with this status is not taken; NULL if it is. */
static const char *distrust(const struct stat *st) {
        if (S_ISLNK(st->st_mode))
                return "a symbolic link: put the file itself here (only a link to /dev/null is understood: it masks)";
        if (!S_ISREG(st->st_mode))
                return "not a regular file";
        return distrust_owner(st);
}

int job_file_reject(const char *path, kftp_diagnosis_t sink, void *userdata, const char *message) {
        if (sink)
                sink(userdata, &(KftpDiagnosis) { .error = true, .file = path, .message = message });
        return -EBADMSG;
}

int job_file_reject_errno(const char *path, kftp_diagnosis_t sink, void *userdata, int error) {
        _cleanup_free_ char *message = NULL;

        if (asprintf(&message, "cannot be read: %s", strerror(error)) < 0) {
                message = NULL;
                return -ENOMEM;
        }
        return job_file_reject(path, sink, userdata, message);
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

/* Allocated, and no larger than what was read: as many as there are files may be kept. */
static int read_text(int fd, const char *path, kftp_diagnosis_t sink, void *userdata, char **ret, size_t *ret_n) {
        _cleanup_free_ char *text = malloc(KFTP_JOB_SIZE_MAX + 1);
        ssize_t n;

        if (!text)
                return -ENOMEM;
        n = read_all(fd, text, KFTP_JOB_SIZE_MAX + 1);
        if (n < 0)
                return job_file_reject_errno(path, sink, userdata, (int) -n);
        if (n > (ssize_t) KFTP_JOB_SIZE_MAX)
                return job_file_reject(path, sink, userdata, "larger than 64 KiB, which no job needs");
        *ret = realloc(text, (size_t) n + 1);
        if (*ret)
                text = NULL;
        *ret_n = (size_t) n;
        return *ret ? 0 : -ENOMEM;
}

int job_file_read(int dir_fd, const char *filename, const char *path, kftp_diagnosis_t sink, void *userdata, char **ret, size_t *ret_n) {
        _cleanup_close_ int fd = -1;
        const char *why;
        struct stat st;

        /* Looked at before it is opened: opening a device may already do something. */
        if (fstatat(dir_fd, filename, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT || errno == ENAMETOOLONG ? -ENOENT : job_file_reject_errno(path, sink, userdata, errno);
        if (S_ISLNK(st.st_mode) && is_mask(dir_fd, filename))
                return -ERFKILL;
        why = distrust(&st);
        if (why)
                return job_file_reject(path, sink, userdata, why);

        fd = openat(dir_fd, filename, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return errno == ENOENT ? -ENOENT : job_file_reject_errno(path, sink, userdata, errno);
        why = distrust(&st);
        if (why)
                return job_file_reject(path, sink, userdata, why);
        return read_text(fd, path, sink, userdata, ret, ret_n);
}
