// SPDX-License-Identifier: GPL-2.0-or-later
/* The password prompt. */

#include <fcntl.h>
#include <termios.h>

#include "libkftp.h"
#include "prompt.h"
#include "util.h"

static int read_line(int fd, char **ret) {
        char buffer[KFTP_MAX_CREDENTIAL + 2];
        ssize_t n = read(fd, buffer, sizeof(buffer));
        int r = n < 0 ? -errno : 0;

        if (n > 0 && buffer[n - 1] == '\n') {
                *ret = strndup(buffer, (size_t) n - 1);
                r = *ret ? 1 : -ENOMEM;
        } else if (n >= 0)
                r = n == 0 ? -ECANCELED : -E2BIG;
        explicit_bzero(buffer, sizeof(buffer));
        return r;
}

int prompt_password(const char *user, const char *host, char **ret) {
        _cleanup_free_ char *shown_user = kftp_escape(user, strlen(user)), *shown_host = kftp_escape(host, strlen(host));
        _cleanup_close_ int fd = -1;
        struct termios old, silent;
        int r;

        if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
                return 0;
        fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (fd < 0 || tcgetattr(fd, &old) < 0)
                return 0;
        silent = old;
        silent.c_lflag &= ~(tcflag_t) ECHO;
        silent.c_lflag |= ICANON | ISIG;
        if (tcsetattr(fd, TCSAFLUSH, &silent) < 0)
                return -errno;
        (void) dprintf(fd, "Password for %s at %s: ", strempty(shown_user), strempty(shown_host));
        r = read_line(fd, ret);
        (void) tcsetattr(fd, TCSAFLUSH, &old);
        (void) dprintf(fd, "\n");
        return r;
}
