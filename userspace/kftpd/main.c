/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kftpd: takes its arguments, and lets the manager run. */

#include <fcntl.h>
#include <getopt.h>
#include <kftp-version.h>
#include <signal.h>

#include "bus.h"
#include "job-load.h"
#include "job-value.h"
#include "manager.h"

#define STATE_DIRECTORY "/var/lib/kftp"
#define MAX_RUNNING 4U
#define MAX_RUNNING_MAX 1000U
#define PAUSE_USEC (10 * USEC_PER_SEC)
#define CHECK_USEC (60 * USEC_PER_SEC)

static void help(void) {
        printf("kftpd [OPTIONS...]\n\n"
               "Runs the jobs in /etc/kftp.d over FTP. See kftpd(8) and kftp.job(5).\n\n"
               "     --config-dir=DIR   Read job files from DIR instead of /etc/kftp.d, /run/kftp.d\n"
               "                        and /usr/lib/kftp.d; may be given several times, the first\n"
               "                        overrides the others\n"
               "     --state-dir=DIR    Keep what is known of jobs in DIR instead of " STATE_DIRECTORY "\n"
               "     --max-running=N    Run so many jobs at a time (default %u)\n"
               "  -h --help             Show this help\n"
               "     --version          Show the version\n",
               MAX_RUNNING);
}

#define EXIT_USAGE 2
#define GO_ON (-1)

static int usage(const char *text) {
        fprintf(stderr, "kftpd: %s\nTry: kftpd --help\n", text);
        return EXIT_USAGE;
}

/* The first one replaces those that are there without it. NULL without memory. */
static const char *add_directory(char **given, const char *path) {
        char *all;

        if (asprintf(&all, "%s%s%s", strempty(*given), *given ? ":" : "", path) < 0)
                return NULL;
        free(*given);
        return *given = all;
}

static bool are_absolute(const char *paths) {
        KftpJobDirectories directories;
        int r = kftp_job_directories_open(paths, &directories);

        kftp_job_directories_done(&directories);
        return r != -EINVAL;
}

/* Returns GO_ON, or the exit status when all is said. */
static int parse_arguments(int argc, char *argv[], ManagerOptions *o) {
        enum { ARG_CONFIG_DIR = 0x100, ARG_STATE_DIR, ARG_MAX_RUNNING, ARG_VERSION };
        static const struct option options[] = {
                { "config-dir", required_argument, NULL, ARG_CONFIG_DIR },
                { "state-dir", required_argument, NULL, ARG_STATE_DIR },
                { "max-running", required_argument, NULL, ARG_MAX_RUNNING },
                { "version", no_argument, NULL, ARG_VERSION },
                { "help", no_argument, NULL, 'h' },
                {},
        };

        static char *given;             /* lives as long as the options */

        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;)
                switch (c) {
                case ARG_CONFIG_DIR:
                        o->config_directories = add_directory(&given, optarg);
                        if (!o->config_directories)
                                return EXIT_FAILURE;
                        break;
                case ARG_STATE_DIR:
                        o->state_directory = optarg;
                        break;
                case ARG_MAX_RUNNING:
                        if (job_parse_unsigned(optarg, 1, MAX_RUNNING_MAX, &o->max_running) < 0)
                                return usage("--max-running= takes a number from 1 to 1000");
                        break;
                case ARG_VERSION:
                        puts("kftpd " KFTP_VERSION);
                        return EXIT_SUCCESS;
                case 'h':
                        help();
                        return EXIT_SUCCESS;
                default:
                        return usage("bad option");
                }
        if (optind < argc)
                return usage("takes no arguments");
        if (!are_absolute(o->config_directories) || o->state_directory[0] != '/')
                return usage("directories have to be absolute paths, and at most 16 of job files");
        return GO_ON;
}

/* A file opened where standard error was closed would receive what is meant for people. */
static int open_standard_fds(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
                        return -EBADF;
        return 0;
}

int main(int argc, char *argv[]) {
        ManagerOptions options = {
                .config_directories = getenv("KFTP_CONFIG_DIRECTORY") ?: KFTP_JOB_DIRECTORIES,
                .state_directory = getenv("STATE_DIRECTORY") ?: STATE_DIRECTORY,       /* systemd.exec(5) */
                .max_running = MAX_RUNNING,
                .pause_usec = PAUSE_USEC,
                .check_usec = CHECK_USEC,
                .calls = run_calls,
        };
        Manager *m;
        int r;

        if (open_standard_fds() < 0)
                return EXIT_FAILURE;
        /* With a limit to the size of files (LimitFSIZE=) writing fails, and does not kill all runs. */
        (void) signal(SIGXFSZ, SIG_IGN);

        r = parse_arguments(argc, argv, &options);
        if (r != GO_ON)
                return r;

        r = manager_new(&options, &m);          /* tells what is wrong */
        if (r < 0)
                return EXIT_FAILURE;
        (void) bus_new(m, &m->bus);             /* without it jobs run all the same */
        manager_start(m);
        r = sd_event_loop(m->event);
        manager_free(m);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
