/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What 10,000 jobs that have run cost kftpd, and one more. It is the program itself that is measured, as it is installed:
 * what the sanitizers need is left out of account.
 */

#include "directory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "kftpd/ledger.h"
#include "util.h"

#define JOBS 10000U
#define SERVERS 500U
#define CPU_USEC_MAX (5 * USEC_PER_SEC)
#define MEMORY_KIB_MAX (32U * 1024U)
#define PATIENCE_USEC (120 * USEC_PER_SEC)
#define STILL_USEC (400 * USEC_PER_MSEC)        /* twice the debounce */

static pid_t pid;
static int notify_fd;

/* ---- Files ---------------------------------------------------------------------------------------- */

static void put_many(void) {
        Ledger *ledger;

        assert_int_equal(mkdir("jobs", 0755) | mkdir("state", 0755), 0);
        assert_int_equal(ledger_open("state", &ledger), 0);
        for (unsigned i = 0; i < JOBS; i++) {
                char name[32], path[64], text[300], revision[KFTP_REVISION_SIZE];
                LedgerEntry *e;

                (void) snprintf(name, sizeof(name), "feed-%05u", i);
                (void) snprintf(path, sizeof(path), "jobs/%s.job", name);
                (void) snprintf(text, sizeof(text), "[Job]\nDescription=Feed %u of a provider\nRetries=3\n[Source]\n"
                                "URL=ftp://ftp%u.example.com/pub/feed-%u.csv\nUser=feeds\nPasswordFile=/etc/kftp/secret\n"
                                "[Target]\nPath=/srv/ftp/feeds/\n", i, i % SERVERS, i);
                test_write_file(path, text);
                assert_int_equal(kftp_job_revision(text, strlen(text), revision), 0);
                e = ledger_entry_new(name, revision, "ftp://ftp.example.com/pub/feed.csv");
                assert_non_null(e);
                e->state = LEDGER_DONE;
                e->reported = true;
                e->number = e->ended_usec = 1000 + i;
                assert_int_equal(ledger_write_lazily(ledger, e), 0);
                ledger_entry_free(e);
        }
        ledger_free(ledger);
}

/* The kftpd beside the unit tests' directory. */
static char *find_program(void) {
        char self[PATH_MAX] = "", *path;

        assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
        assert_true(asprintf(&path, "%s/userspace/kftpd", dirname(dirname(self))) > 0);
        return path;
}

/* ---- The program ---------------------------------------------------------------------------------- */

static void start(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_free_ char *program = find_program(), *config = NULL, *state = NULL;

        assert_true(asprintf(&config, "--config-dir=%s/jobs", test_directory) > 0);
        assert_true(asprintf(&state, "--state-dir=%s/state", test_directory) > 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", test_directory);
        notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(notify_fd, (struct sockaddr *) &address, sizeof(address)), 0);

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) setenv("NOTIFY_SOCKET", address.sun_path, 1);
                (void) setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1);
                (void) unsetenv("WATCHDOG_USEC");
                if (freopen("said", "w", stderr))
                        execl(program, program, config, state, NULL);
                _exit(127);
        }
}

static void stop(void) {
        int status;

        assert_int_equal(kill(pid, SIGTERM), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        close(notify_fd);
}

/* Waits until the program has told the service manager this. */
static void await(const char *part) {
        const struct timeval limit = { .tv_sec = 1 };

        assert_int_equal(setsockopt(notify_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
        for (uint64_t end = now_usec() + PATIENCE_USEC; now_usec() < end;) {
                char text[1000];
                ssize_t n = recv(notify_fd, text, sizeof(text) - 1, 0);

                assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
                text[MAX2(n, 0)] = '\0';
                if (strstr(text, part))
                        return;
        }
        fail_msg("kftpd has not said \"%s\"", part);
}

/* The number behind the word in a file of /proc/PID. */
static uint64_t read_number(const char *file, const char *word) {
        _cleanup_fclose_ FILE *f = NULL;
        char path[64], text[4000], *p;

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, file);
        f = fopen(path, "re");
        assert_non_null(f);
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        p = strstr(text, word);
        assert_non_null(p);
        return strtoull(p + strlen(word), NULL, 10);
}

static uint64_t spent_usec(void) {
        struct timespec spent;
        clockid_t clock;

        assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
        assert_int_equal(clock_gettime(clock, &spent), 0);
        return (uint64_t) spent.tv_sec * USEC_PER_SEC + (uint64_t) spent.tv_nsec / NSEC_PER_USEC;
}

/* The time on a processor by now, when it has been idle for a while. */
static uint64_t await_idle(void) {
        uint64_t before, spent = spent_usec();

        do {
                before = spent;
                (void) usleep(STILL_USEC);
                spent = spent_usec();
        } while (spent != before);
        return spent;
}

/* ---- Tests ---------------------------------------------------------------------------------------- */

static void test_many_jobs(void **state) {
        uint64_t started, reads, one, reads_of_one;

        (void) state;
        put_many();
        start();
        await("READY=1");
        started = await_idle();
        reads = read_number("io", "syscr: ");
        print_message("%u jobs: %" PRIu64 " ms, %" PRIu64 " KiB, %" PRIu64 " reads\n", JOBS, started / USEC_PER_MSEC,
                      read_number("status", "VmHWM:"), reads);
        assert_true(reads > JOBS);                      /* it has looked at all of them */
        assert_true(started < CPU_USEC_MAX);
        assert_true(read_number("status", "VmHWM:") < MEMORY_KIB_MAX);

        test_write_file("jobs/one-more.job", "nonsense");
        await(" 1 rejected");
        one = await_idle() - started;
        reads_of_one = read_number("io", "syscr: ") - reads;
        print_message("one more: %" PRIu64 " us, %" PRIu64 " reads\n", one, reads_of_one);
        assert_true(reads_of_one < reads / 100);
        assert_true(one < started / 20);
        stop();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                IN_DIRECTORY(test_many_jobs),
        };

        return cmocka_run_group_tests_name("many-jobs", tests, NULL, NULL);
}
