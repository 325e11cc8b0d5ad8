/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs kftpd's manager in a child process and collects what it tells. See daemon.h. */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include "daemon.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-journal.h>

#include "asking.h"
#include "fake-get.h"
#include "fake-mirror.h"
#include "fake-put.h"
#include "fake-set.h"

#define RECORD_END "\x1e"
#define FIELD_END "\x1f"
#define PATIENCE_USEC (20 * USEC_PER_SEC)
#define STILL_USEC (700 * USEC_PER_MSEC)        /* the debounce, and a run */
#define PAUSE_USEC (300 * USEC_PER_MSEC)
#define CHILD_FAILED 99
#define NOBODY 65534

static int journal_fd = -1;             /* in the daemon only */

/* Stands in for libsystemd's: one record, one write, which a pipe keeps in one piece. */
int sd_journal_sendv(const struct iovec *iov, int n) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        for (int i = 0; i < n; i++) {
                fwrite(iov[i].iov_base, iov[i].iov_len, 1, f);
                fputs(FIELD_END, f);
        }
        fputs(RECORD_END, f);
        if (fclose(f) != 0 || size > PIPE_BUF)
                return -ENOBUFS;
        if (journal_fd >= 0 && write(journal_fd, text, size) < 0)
                return -errno;
        return 0;
}

/* ---- Files ---------------------------------------------------------------------------------------- */

const char *daemon_path(const Daemon *d, const char *format, ...) {
        static char path[400];
        va_list ap;
        int n = snprintf(path, sizeof(path), "%s/", d->directory);

        va_start(ap, format);
        (void) vsnprintf(path + n, sizeof(path) - (size_t) n, format, ap);
        va_end(ap);
        return path;
}

void put_file(const Daemon *d, const char *path, const char *text) {
        FILE *f = fopen(daemon_path(d, "new"), "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
        {
                _cleanup_free_ char *from = strdup(daemon_path(d, "new"));

                assert_int_equal(rename(from, daemon_path(d, "%s", path)), 0);
        }
}

void remove_file(const Daemon *d, const char *path) {
        assert_int_equal(unlink(daemon_path(d, "%s", path)), 0);
}

bool file_exists(const Daemon *d, const char *path) {
        return access(daemon_path(d, "%s", path), F_OK) >= 0;
}

void daemon_await_gone(const Daemon *d, const char *path) {
        for (unsigned i = 0; file_exists(d, path); i++) {
                assert_true(i < 2000);
                (void) usleep(10000);
        }
}

char *get_file(const Daemon *d, const char *path) {
        _cleanup_fclose_ FILE *f = fopen(daemon_path(d, "%s", path), "re");
        char *text = NULL;
        size_t size = 0;

        if (f && getdelim(&text, &size, '\0', f) >= 0)
                return text;
        free(text);
        return NULL;
}

void put_job(const Daemon *d, const char *name, const char *kind, const char *extra) {
        _cleanup_free_ char *text = NULL, *path = NULL;

        assert_true(asprintf(&text, "[Source]\nURL=ftp://fake/%s/%s.csv\n[Target]\nPath=%s/out/\n%s", kind, name,
                             d->directory, strempty(extra)) > 0);
        assert_true(asprintf(&path, "conf/%s.job", name) > 0);
        put_file(d, path, text);
}

void put_mirror(const Daemon *d, const char *name, const char *kind, bool upload, const char *extra) {
        _cleanup_free_ char *text = NULL, *path = NULL, *server = NULL, *ours = NULL;

        assert_true(asprintf(&server, "URL=ftp://fake/%s/tree/\n", kind) > 0);
        assert_true(asprintf(&ours, "Path=%s/out\n", d->directory) > 0);
        assert_true(asprintf(&text, "[Job]\nTransfer=mirror\n[Source]\n%s[Target]\n%s%s", upload ? ours : server, upload ? server : ours,
                             strempty(extra)) > 0);
        assert_true(asprintf(&path, "conf/%s.job", name) > 0);
        put_file(d, path, text);
}

void put_upload(const Daemon *d, const char *job, const char *name, const char *extra) {
        _cleanup_free_ char *path = NULL, *text = NULL;

        assert_true(asprintf(&path, "conf/%s.job", job) > 0);
        assert_true(asprintf(&text, "[Source]\nPath=%s/source/%s\n[Target]\nURL=ftp://fake/in/%s\n%s", d->directory, name, name,
                             strempty(extra)) > 0);
        put_file(d, path, text);
}

void put_set(const Daemon *d, const char *name, const char *kind, const char *extra) {
        _cleanup_free_ char *text = NULL, *path = NULL;

        assert_true(asprintf(&text, "[Source]\nURL=ftp://fake/%s/dir/\n[Target]\nPath=%s/out/\n%s", kind, d->directory, strempty(extra)) > 0);
        assert_true(asprintf(&path, "conf/%s.job", name) > 0);
        put_file(d, path, text);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

/* ---- The child ------------------------------------------------------------------------------------ */

static int chown_all(const Daemon *d) {
        static const char *const paths[] = { "", "conf", "state", "out", "notify" };

        for (size_t i = 0; i < ELEMENTS(paths); i++)
                if (chown(daemon_path(d, "%s", paths[i]), NOBODY, (gid_t) -1) < 0)
                        return -errno;
        return 0;
}

static _Noreturn void be_daemon(const Daemon *d) {
        _cleanup_free_ char *config = NULL, *state = strdup(daemon_path(d, "state"));
        ManagerOptions options = {
                .state_directory = state,
                .max_running = d->max_running,
                .pause_usec = PAUSE_USEC,
                .check_usec = PAUSE_USEC,
                .calls = {
                        .mirror = fake_mirror,
                        .client_new = fake_client_new,
                        .client_free = fake_client_free,
                        .get = fake_get,
                        .size = fake_size,
                        .fetch = fake_fetch,
                        .put = fake_put,
                        .put_recover = fake_put_recover,
                        .source_list = fake_source_list,
                        .then_file = fake_then_file,
                        .then_marker = fake_then_marker,
                        .then_directory = fake_then_directory,
                },
        };
        Manager *m = NULL;
        int r = -1;

        if (asprintf(&config, "%s/conf:%s/run:%s/lib", d->directory, d->directory, d->directory) < 0)
                _exit(CHILD_FAILED);
        options.config_directories = config;
        watch_drop_ins_max = d->drop_in_watches;
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) signal(SIGXFSZ, SIG_IGN);
        if (d->unprivileged && (chown_all(d) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
                _exit(CHILD_FAILED);
        if (!freopen(daemon_path(d, "stderr"), "a", stderr))
                _exit(CHILD_FAILED);
        journal_fd = d->records_fd[1];
        fake_get_directory = d->directory;
        (void) setenv("NOTIFY_SOCKET", daemon_path(d, "notify"), 1);
        (void) unsetenv("WATCHDOG_PID");
        (void) (d->watchdog ? setenv("WATCHDOG_USEC", "400000", 1) : unsetenv("WATCHDOG_USEC"));

        if (config && state && manager_new(&options, &m) >= 0 && asking_serve(m, d->directory) >= 0) {
                manager_start(m);
                r = sd_event_loop(m->event);
                manager_free(m);
        }
        free(STEAL_PTR(config));
        free(STEAL_PTR(state));
        /* The sanitizers look for leaks here. */
        exit(r < 0 ? CHILD_FAILED : EXIT_SUCCESS);
}

void daemon_start(Daemon *d) {
        assert_int_equal(d->pid, 0);
        daemon_clear(d);
        d->pid = fork();
        assert_true(d->pid >= 0);
        if (d->pid == 0)
                be_daemon(d);
        daemon_expect(d, 1, "NOTIFY", "READY=1");
}

static int await_end(Daemon *d) {
        int status = 0;

        for (uint64_t end = now_usec() + PATIENCE_USEC; now_usec() < end; usleep(5000)) {
                pid_t pid = waitpid(d->pid, &status, WNOHANG);

                (void) daemon_count(d, "", NULL);       /* so that it never waits for us */
                assert_true(pid >= 0);
                if (pid > 0) {
                        d->pid = 0;
                        return status;
                }
        }
        fail_msg("the daemon does not end");
        return -1;
}

static void check_end(const Daemon *d, bool good) {
        _cleanup_free_ char *text = NULL;

        if (good)
                return;
        text = get_file(d, "stderr");
        fail_msg("the daemon ended badly; it said: %s", strempty(text));
}

void daemon_stop(Daemon *d, int signal) {
        int status;

        assert_int_equal(kill(d->pid, signal), 0);
        status = await_end(d);
        check_end(d, signal == SIGKILL ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL :
                                         WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void daemon_await_crash(Daemon *d) {
        int status = await_end(d);

        check_end(d, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void daemon_fill_disk(const Daemon *d, bool full) {
        struct rlimit limit;

        assert_int_equal(prlimit(d->pid, RLIMIT_FSIZE, NULL, &limit), 0);
        limit.rlim_cur = full ? 0 : limit.rlim_max;
        assert_int_equal(prlimit(d->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* ---- Records -------------------------------------------------------------------------------------- */

static void append(Daemon *d, const char *prefix, const char *text, const char *end) {
        char *all;

        assert_true(asprintf(&all, "%s%s%s%s", strempty(d->records), prefix, text, end) >= 0);
        free(d->records);
        d->records = all;
}

static void collect(Daemon *d) {
        char buffer[65536];
        ssize_t n;

        while ((n = read(d->records_fd[0], buffer, sizeof(buffer) - 1)) > 0) {
                buffer[n] = '\0';
                append(d, "", buffer, "");
        }
        while ((n = recv(d->notify_fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT)) > 0) {
                buffer[n] = '\0';
                append(d, "NOTIFY" FIELD_END, buffer, FIELD_END RECORD_END);
        }
}

/* The next record after *p that holds both strings, as a range; false at the end. */
static bool next_match(const char **p, const char *a, const char *b, const char **ret, size_t *ret_n) {
        for (const char *end; *p && (end = strstr(*p, RECORD_END)); ) {
                size_t n = (size_t) (end - *p);

                *ret = *p;
                *ret_n = n;
                *p = end + 1;
                if (memmem(*ret, n, a, strlen(a)) && (!b || memmem(*ret, n, b, strlen(b))))
                        return true;
        }
        return false;
}

unsigned daemon_count(Daemon *d, const char *a, const char *b) {
        const char *p, *record;
        unsigned count = 0;
        size_t n;

        collect(d);
        for (p = d->records; next_match(&p, a, b, &record, &n);)
                count++;
        return count;
}

void daemon_clear(Daemon *d) {
        collect(d);
        free(STEAL_PTR(d->records));
}

static void complain(Daemon *d, unsigned n, unsigned expected, const char *a, const char *b) {
        for (char *c = d->records; c && *c; c++)
                if (*c == *RECORD_END || *c == *FIELD_END)
                        *c = *c == *RECORD_END ? '\n' : ' ';
        fail_msg("%u records with %s and %s instead of %u:\n%s", n, a, b ?: "anything", expected, strempty(d->records));
}

void daemon_expect(Daemon *d, unsigned n, const char *a, const char *b) {
        uint64_t end = now_usec() + PATIENCE_USEC;
        unsigned count;

        while ((count = daemon_count(d, a, b)) < n && now_usec() < end) {
                struct pollfd fds[] = {
                        { .fd = d->records_fd[0], .events = POLLIN },
                        { .fd = d->notify_fd, .events = POLLIN },
                };

                (void) poll(fds, ELEMENTS(fds), 100);
        }
        if (count != n)
                complain(d, count, n, a, b);
}

void daemon_expect_watchdog(Daemon *d, unsigned n) {
        uint64_t end = now_usec() + PATIENCE_USEC;

        for (n += daemon_count(d, "NOTIFY", "WATCHDOG=1"); daemon_count(d, "NOTIFY", "WATCHDOG=1") < n; usleep(20000))
                if (now_usec() >= end)
                        fail_msg("the watchdog hears nothing more");
}

void daemon_expect_still(Daemon *d, unsigned n, const char *a, const char *b) {
        uint64_t end = now_usec() + STILL_USEC;

        while (now_usec() < end) {
                collect(d);
                usleep(20000);
        }
        daemon_expect(d, n, a, b);
}

void daemon_check_field(const Daemon *d, const char *a, const char *b, const char *field) {
        _cleanup_free_ char *whole = NULL;
        const char *p = d->records, *record;
        size_t n;

        assert_true(asprintf(&whole, "%s" FIELD_END, field) > 0);
        assert_true(next_match(&p, a, b, &record, &n));
        if (!memmem(record, n, whole, strlen(whole)))
                fail_msg("no field %s in: %.*s", field, (int) n, record);
}

unsigned long long daemon_field(const Daemon *d, const char *a, const char *field) {
        const char *p = d->records, *record, *found;
        size_t n;

        assert_true(next_match(&p, a, field, &record, &n));
        found = memmem(record, n, field, strlen(field));
        return strtoull(found + strlen(field), NULL, 10);
}

/* ---- Life ----------------------------------------------------------------------------------------- */

int daemon_setup(void **state) {
        static const char *const directories[] = { "conf", "run", "lib", "state", "out" };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        Daemon *d = calloc(1, sizeof(*d));

        strcpy(d->directory, "/tmp/test-kftpd-XXXXXX");
        d->max_running = 4;
        d->drop_in_watches = 100;
        if (!mkdtemp(d->directory) || pipe2(d->records_fd, O_CLOEXEC) < 0)
                return -1;
        (void) fcntl(d->records_fd[0], F_SETFL, O_NONBLOCK);
        (void) fcntl(d->records_fd[0], F_SETPIPE_SZ, 1 << 20);
        for (size_t i = 0; i < ELEMENTS(directories); i++)
                if (mkdir(daemon_path(d, "%s", directories[i]), 0755) < 0)
                        return -1;
        d->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        strcpy(address.sun_path, daemon_path(d, "notify"));
        if (d->notify_fd < 0 || bind(d->notify_fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -1;
        *state = d;
        return 0;
}

int daemon_teardown(void **state) {
        Daemon *d = *state;

        if (d->pid > 0) {
                (void) kill(d->pid, SIGKILL);
                (void) waitpid(d->pid, NULL, 0);
        }
        safe_close(d->notify_fd);
        safe_close(d->records_fd[0]);
        safe_close(d->records_fd[1]);
        (void) nftw(d->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(d->records);
        free(d);
        return 0;
}
