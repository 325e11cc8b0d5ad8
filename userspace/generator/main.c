/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kftp-generator NORMAL-DIRECTORY [EARLY LATE]: systemd.generator(7). It exits with 0 whatever happens, and soon: a boot waits
 * for it.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "generate.h"
#include "job-load.h"
#include "util.h"

#define SECONDS_MAX 20U                 /* for all jobs */
#define SECONDS_LAST 30U                /* then it ends, whatever it waits for */
#define MEMORY_MAX (256U << 20)
#define LINES_MAX 20U                   /* that it says: the kernel's log is small */

/* There is no journal yet. */
static void say(const char *line) {
        static unsigned lines;
        _cleanup_close_ int fd = -1;
        char text[512];
        int n;

        if (lines++ >= LINES_MAX)
                return;
        n = snprintf(text, sizeof(text), "<4>kftp-generator: %.400s\n", line);
        fd = open("/dev/kmsg", O_WRONLY | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || write(fd, text, (size_t) n) < 0)
                fputs(text + strlen("<4>"), stderr);
}

static void on_alarm(int signal_number) {
        static const char text[] = "kftp-generator: it takes too long, and is given up\n";

        (void) signal_number;
        (void) !write(STDERR_FILENO, text, sizeof(text) - 1);
        _exit(EXIT_SUCCESS);
}

static void bound(void) {
        const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };

        (void) setrlimit(RLIMIT_AS, &memory);
        (void) signal(SIGALRM, on_alarm);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) alarm(SECONDS_LAST);
        (void) umask(022);
}

int main(int argc, char *argv[]) {
        Generator g = {
                .directories = KFTP_JOB_DIRECTORIES,
                .until = now_usec() + SECONDS_MAX * USEC_PER_SEC,
                .say = say,
                .explain = true,
        };

        if (argc != 2 && argc != 4) {
                fputs("kftp-generator NORMAL-DIRECTORY [EARLY-DIRECTORY LATE-DIRECTORY]\n"
                      "Is run by systemd, see systemd.generator(7) and kftpd(8).\n", stderr);
                return EXIT_SUCCESS;
        }
        bound();
        g.dir_fd = open(argv[1], O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (g.dir_fd < 0)
                say("the directory for units cannot be opened");
        else
                (void) generate(&g);
        return EXIT_SUCCESS;
}
