// SPDX-License-Identifier: LGPL-2.1-or-later
/* Passwords from files that nobody else can read, and from credentials, whose directory is the service's own. */

#include <fcntl.h>
#include <sys/stat.h>

#include "failure.h"
#include "secret.h"
#include "util.h"

/* An access control list, by which systemd lets the service read its credentials, shows in the group's permissions. */
static int check_file(const char *what, const char *path, int fd, bool shared, KftpFailure *f) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return kftp_failure_local(f, -errno, "%s %s", what, path);
        if (!S_ISREG(st.st_mode))
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "%s %s: not a regular file", what, path);
        if (!shared && (st.st_mode & 077))
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EPERM, false,
                                        "%s %s: others may read or change it: chmod 0600 %s", what, path, path);
        return 0;
}

/* The first line, without its end. n: bytes in buffer. */
static int take_line(const char *what, const char *path, char *buffer, size_t n, char **ret, KftpFailure *f) {
        size_t length = 0;

        while (length < n && buffer[length] != '\n')
                length++;
        if (length > 0 && buffer[length - 1] == '\r')
                length--;
        if (length == 0)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "%s %s: its first line is empty", what, path);
        if (length > KFTP_MAX_CREDENTIAL)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "%s %s: its first line is longer than %d bytes",
                                        what, path, KFTP_MAX_CREDENTIAL);
        for (size_t i = 0; i < length; i++)
                if ((unsigned char) buffer[i] < 0x20 || buffer[i] == 0x7f)
                        return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                                "%s %s: control characters, which FTP cannot carry", what, path);
        *ret = strndup(buffer, length);
        return *ret ? 0 : kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}

static int read_file(const char *what, const char *path, bool shared, char **ret, KftpFailure *f) {
        char buffer[KFTP_MAX_CREDENTIAL + 3];   /* and "\r\n", and one more to tell that it is too long */
        _cleanup_close_ int fd = -1;
        ssize_t n;
        int r;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, -errno, false, "%s %s: %s", what, path, strerror(errno));
        r = check_file(what, path, fd, shared, f);
        if (r < 0)
                return r;
        n = read(fd, buffer, sizeof(buffer));
        if (n < 0)
                return kftp_failure_local(f, -errno, "%s %s", what, path);
        r = take_line(what, path, buffer, (size_t) n, ret, f);
        explicit_bzero(buffer, sizeof(buffer));
        return r;
}

int kftp_read_password_file(const char *path, char **ret, KftpFailure *f) {
        return read_file("password file", path, false, ret, f);
}

int kftp_read_credential(const char *path, char **ret, KftpFailure *f) {
        return read_file("credential", path, true, ret, f);
}
