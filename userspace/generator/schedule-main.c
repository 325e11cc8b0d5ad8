/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kftp-schedule: is run by kftp-schedule.service when job files may have changed. It waits until nothing changes any more, and looks
 * again if something has changed while it was at work. What comes still later the path unit sees.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "job-load.h"
#include "schedule.h"
#include "util.h"

#define QUIET_MSEC 300                  /* a change is rarely alone */
#define QUIET_MSEC_MAX 5000             /* but it must not be put off for ever */
#define ROUNDS_MAX 5U
#define RUNTIME_DIRECTORY "/run/kftp-schedule"
#define CHANGED_FILE "/run/kftp/schedule"       /* kftpd makes it */
#define PAUSE_MSEC 60000                /* before systemd looks again, if the file is there for ever */

static void say(const char *line) {
        fprintf(stderr, "%s\n", line);
}

static int watch(const char *paths) {
        _cleanup_(kftp_job_directories_done) KftpJobDirectories d = {};
        int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        if (fd < 0 || kftp_job_directories_open(paths, &d) < 0)
                return fd;
        for (size_t i = 0; i < d.n; i++)
                (void) inotify_add_watch(fd, d.items[i].path, IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_ONLYDIR);
        return fd;
}

/* Takes what there is of events; says whether there was something. */
static bool drain(int fd) {
        char buffer[4096];
        bool some = false;

        while (fd >= 0 && read(fd, buffer, sizeof(buffer)) > 0)
                some = true;
        return some;
}

static void wait_quiet(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        uint64_t until = now_usec() + QUIET_MSEC_MAX * USEC_PER_MSEC;

        while (now_usec() < until && poll(&p, 1, QUIET_MSEC) > 0)
                (void) drain(fd);
}

/*
 * Only a service that has been broken into makes something that cannot be removed. The path unit would start this over and over again:
 * so it stays for a while, unless there is something to be done.
 */
static void complain(int fd, int r) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        fprintf(stderr, "%s cannot be removed: %s: see what it is, and why, for only kftpd may write there\n", CHANGED_FILE, strerror(-r));
        (void) poll(&p, fd >= 0, PAUSE_MSEC);
}

int main(void) {
        const char *runtime = getenv("RUNTIME_DIRECTORY");
        const Schedule schedule = {
                .directories = KFTP_JOB_DIRECTORIES,
                .generated = "/run/systemd/generator",
                .runtime = runtime && *runtime == '/' ? runtime : RUNTIME_DIRECTORY,
                .stamps = "/var/lib/systemd/timers",
                .systemctl = "systemctl",
                .say = say,
        };
        _cleanup_close_ int fd = watch(schedule.directories);
        int r = 0, taken = 0;

        (void) umask(022);
        (void) setenv("SYSTEMD_LOG_TARGET", "console", 1);      /* of systemctl: that is the journal, where it is not to be quiet */
        for (unsigned round = 0; round < ROUNDS_MAX && r >= 0; round++) {
                wait_quiet(fd);
                /* First this: what is told from now on is told anew. */
                taken = schedule_take(CHANGED_FILE);
                r = schedule_apply(&schedule);
                if (!drain(fd) && (taken < 0 || access(CHANGED_FILE, F_OK) < 0))
                        break;
        }
        if (taken < 0)
                complain(fd, taken);
        return r < 0 || taken < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
