/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kftpd and the files that make a job: in several directories, drop-ins, servers that jobs share; and whatever else may lie there. */

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "kftpd/catalog-ids.h"
#include "daemon.h"

#define JOB_DONE "MESSAGE_ID=" KFTP_MESSAGE_JOB_DONE
#define CANCELLED "MESSAGE_ID=" KFTP_MESSAGE_JOB_CANCELLED
#define REJECTED "MESSAGE_ID=" KFTP_MESSAGE_JOB_REJECTED
#define MISSING "MESSAGE_ID=" KFTP_MESSAGE_DIRECTORY_MISSING

#define ON_DAEMON(test) cmocka_unit_test_setup_teardown(test, daemon_setup, daemon_teardown)

/* A job in one of the directories, that logs in as that user. */
static void put_as(const Daemon *d, const char *directory, const char *name, const char *user) {
        _cleanup_free_ char *text = NULL, *path = NULL;

        assert_true(asprintf(&text, "[Source]\nURL=ftp://fake/ok/%s.csv\nUser=%s\n[Target]\nPath=%s/out/\n", name, user, d->directory) > 0);
        assert_true(asprintf(&path, "%s/%s.job", directory, name) > 0);
        put_file(d, path, text);
}

static void put_drop_in(const Daemon *d, const char *directory, const char *name, const char *user) {
        _cleanup_free_ char *text = NULL, *path = NULL;

        (void) mkdir(daemon_path(d, "%s/acme.job.d", directory), 0755);
        assert_true(asprintf(&text, "[Source]\nUser=%s\n", user) > 0);
        assert_true(asprintf(&path, "%s/acme.job.d/%s.conf", directory, name) > 0);
        put_file(d, path, text);
}

static void mask(const Daemon *d, const char *path) {
        assert_int_equal(symlink("/dev/null", daemon_path(d, "%s", path)), 0);
}

/* The job has run as the user, and nothing else has; begins anew. */
static void expect_run_as(Daemon *d, const char *user) {
        _cleanup_free_ char *word = NULL;

        assert_true(asprintf(&word, " user=%s ", user) > 0);
        daemon_expect(d, 1, "CALL", word);
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect(d, 1, "CALL", NULL);
        daemon_clear(d);
}

static void test_layers(void **state) {
        Daemon *d = *state;

        put_as(d, "lib", "acme", "vendor");
        daemon_start(d);
        expect_run_as(d, "vendor");
        put_as(d, "run", "acme", "transient");
        expect_run_as(d, "transient");
        put_as(d, "conf", "acme", "admin");
        expect_run_as(d, "admin");
        put_as(d, "lib", "acme", "hidden");
        daemon_expect_still(d, 0, "CALL", NULL);
        remove_file(d, "conf/acme.job");                /* what was below it comes to light */
        expect_run_as(d, "transient");
        mask(d, "conf/acme.job");
        put_as(d, "run", "acme", "masked");
        daemon_expect_still(d, 0, "CALL", NULL);
        assert_true(file_exists(d, "state/ledger/acme.json"));
        remove_file(d, "conf/acme.job");
        expect_run_as(d, "masked");
        remove_file(d, "lib/acme.job");
        remove_file(d, "run/acme.job");
        daemon_await_gone(d, "state/ledger/acme.json");
        daemon_stop(d, SIGTERM);
}

static void test_drop_ins(void **state) {
        Daemon *d = *state;

        put_as(d, "lib", "acme", "file");
        put_drop_in(d, "lib", "50", "lib");
        daemon_start(d);
        expect_run_as(d, "lib");
        put_drop_in(d, "conf", "60", "conf");           /* in a directory that was not there */
        expect_run_as(d, "conf");
        put_drop_in(d, "conf", "60", "edited");
        expect_run_as(d, "edited");
        put_drop_in(d, "run", "70", "run");
        expect_run_as(d, "run");
        mask(d, "conf/acme.job.d/70.conf");
        expect_run_as(d, "edited");
        put_drop_in(d, "lib", "70", "masked");
        daemon_expect_still(d, 0, "CALL", NULL);
        remove_file(d, "conf/acme.job.d/60.conf");
        expect_run_as(d, "lib");

        assert_int_equal(chmod(daemon_path(d, "lib/acme.job.d"), 0777), 0);
        daemon_expect(d, 1, REJECTED, "lib/acme.job.d: error: writable by everybody");
        daemon_expect(d, 1, REJECTED, "KFTP_JOB=acme");
        assert_int_equal(chmod(daemon_path(d, "lib/acme.job.d"), 0755), 0);
        daemon_expect_still(d, 0, "CALL", NULL);        /* that revision has run */
        daemon_stop(d, SIGTERM);
}

/* What a directory of drop-ins has is in effect wherever it comes from. */
static void test_drop_ins_moved(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *from = strdup(daemon_path(d, "ready")), *to = strdup(daemon_path(d, "run/acme.job.d"));

        put_as(d, "conf", "acme", "file");
        daemon_start(d);
        expect_run_as(d, "file");
        assert_int_equal(mkdir(from, 0755), 0);
        put_file(d, "ready/x.conf", "[Source]\nUser=moved\n");
        assert_int_equal(rename(from, to), 0);
        expect_run_as(d, "moved");
        put_file(d, "run/acme.job.d/x.conf", "[Source]\nUser=edited\n");
        expect_run_as(d, "edited");
        assert_int_equal(rename(to, from), 0);
        expect_run_as(d, "file");
        put_file(d, "ready/x.conf", "[Source]\nUser=elsewhere\n");
        daemon_expect_still(d, 0, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

/* Another directory takes the place of one that is empty, at once. */
static void test_drop_ins_replaced(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *from = strdup(daemon_path(d, "ready")), *to = strdup(daemon_path(d, "run/acme.job.d"));

        put_as(d, "conf", "acme", "file");
        assert_int_equal(mkdir(from, 0755) | mkdir(to, 0755), 0);
        put_file(d, "ready/x.conf", "[Source]\nUser=moved\n");
        daemon_start(d);
        expect_run_as(d, "file");
        assert_int_equal(rename(from, to), 0);
        expect_run_as(d, "moved");
        put_file(d, "run/acme.job.d/x.conf", "[Source]\nUser=edited\n");
        expect_run_as(d, "edited");
        daemon_stop(d, SIGTERM);
}

/* Without a watch of its own it is looked at when something else changes. */
static void test_no_watch_left(void **state) {
        Daemon *d = *state;

        d->drop_in_watches = 0;
        put_as(d, "conf", "acme", "file");
        put_drop_in(d, "conf", "x", "first");
        daemon_start(d);
        expect_run_as(d, "first");
        put_drop_in(d, "conf", "x", "second");
        daemon_expect_still(d, 0, "CALL", NULL);
        put_file(d, "conf/other.job", "nonsense");
        expect_run_as(d, "second");
        put_drop_in(d, "conf", "x", "third");
        assert_int_equal(kill(d->pid, SIGHUP), 0);
        expect_run_as(d, "third");
        daemon_stop(d, SIGTERM);
}

static void put_user_of_remote(const Daemon *d, const char *name, const char *kind) {
        _cleanup_free_ char *text = NULL, *path = NULL;

        assert_true(asprintf(&text, "[Source]\nRemote=shared\nURL=%s/%s.csv\n[Target]\nPath=%s/out/\n", kind, name, d->directory) > 0);
        assert_true(asprintf(&path, "conf/%s.job", name) > 0);
        put_file(d, path, text);
}

#define REMOTE "[Remote]\nURL=ftp://fake/\nUser="

static void test_remotes(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_user_of_remote(d, "acme", "ok");
        daemon_expect(d, 1, REJECTED, "KFTP_JOB=acme");
        put_file(d, "lib/shared.remote", REMOTE "vendor\n");
        expect_run_as(d, "vendor");
        put_file(d, "conf/shared.remote", REMOTE "admin\n");
        daemon_expect_still(d, 0, "CALL", NULL);        /* no other revision of the job */
        put_file(d, "conf/shared.remote", "[Remote]\nURL=gopher://x\n");
        daemon_expect(d, 1, REJECTED, "conf/shared.remote:2:5: error:");
        daemon_expect(d, 2, REJECTED, "KFTP_JOB=acme"); /* of both files */
        mask(d, "run/shared.remote");
        remove_file(d, "conf/shared.remote");
        daemon_expect(d, 3, REJECTED, "KFTP_JOB=acme");
        remove_file(d, "run/shared.remote");
        put_as(d, "conf", "other", "x");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=other");
        daemon_expect(d, 1, "CALL", NULL);

        put_user_of_remote(d, "third", "ok");
        daemon_expect(d, 1, "CALL third.csv", " user=vendor ");
        daemon_stop(d, SIGTERM);
}

/* What waits for its turn is run with what the remote says by then. */
static void test_remote_of_a_waiting_job(void **state) {
        Daemon *d = *state;

        d->max_running = 1;
        put_file(d, "lib/shared.remote", REMOTE "first\n");
        put_user_of_remote(d, "a", "hold");
        daemon_start(d);
        daemon_expect(d, 1, "CALL a.csv", " user=first ");
        put_user_of_remote(d, "b", "ok");
        daemon_expect(d, 1, "NOTIFY", "1 running, 1 queued");
        put_file(d, "lib/shared.remote", REMOTE "second\n");
        daemon_expect_still(d, 1, "CALL", NULL);
        put_file(d, "go", "");
        daemon_expect(d, 1, "CALL b.csv", " user=second ");
        daemon_expect(d, 2, JOB_DONE, NULL);
        daemon_stop(d, SIGTERM);
}

/* ---- What the watch does not say ------------------------------------------------------------------- */

static void test_overflow(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *limit = NULL;
        size_t size = 0;
        FILE *f;
        int a, b;

        put_as(d, "conf", "acme", "first");
        daemon_start(d);
        expect_run_as(d, "first");
        f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
        assert_non_null(f);
        assert_true(getline(&limit, &size, f) > 0);
        assert_int_equal(fclose(f), 0);

        a = open(daemon_path(d, "conf/a"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        b = open(daemon_path(d, "conf/b"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(a >= 0 && b >= 0);
        assert_int_equal(kill(d->pid, SIGSTOP), 0);
        for (unsigned long i = strtoul(limit, NULL, 10) + 10; i > 0; i--)       /* two in a row of one file become one */
                assert_int_equal(futimens(i % 2 > 0 ? a : b, NULL), 0);
        put_drop_in(d, "conf", "x", "second");          /* of which there is no event */
        close(a);
        close(b);
        assert_int_equal(kill(d->pid, SIGCONT), 0);
        expect_run_as(d, "second");
        put_drop_in(d, "conf", "x", "third");
        expect_run_as(d, "third");
        daemon_stop(d, SIGTERM);
}

static void test_lower_directory_comes_and_goes(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *lib = strdup(daemon_path(d, "lib")), *away = strdup(daemon_path(d, "away"));

        assert_int_equal(rename(lib, away), 0);
        put_as(d, "conf", "own", "admin");
        daemon_start(d);
        expect_run_as(d, "admin");                      /* a missing one is as good as an empty one */
        put_as(d, "away", "acme", "vendor");
        assert_int_equal(rename(away, lib), 0);
        expect_run_as(d, "vendor");
        put_as(d, "lib", "acme", "edited");
        expect_run_as(d, "edited");
        assert_int_equal(rename(lib, away), 0);
        daemon_await_gone(d, "state/ledger/acme.json");
        daemon_expect(d, 0, MISSING, NULL);
        assert_true(file_exists(d, "state/ledger/own.json"));
        daemon_stop(d, SIGTERM);
}

/* One that may have jobs, but cannot be read, is no empty one. */
static void test_lower_directory_that_cannot_be_read(void **state) {
        Daemon *d = *state;

        if (geteuid() != 0)
                skip();
        d->unprivileged = true;
        put_as(d, "lib", "acme", "vendor");
        daemon_start(d);
        expect_run_as(d, "vendor");
        assert_int_equal(chmod(daemon_path(d, "lib"), 0), 0);
        daemon_expect(d, 1, MISSING, "/lib: the directory of job files cannot be read: Permission denied");
        assert_true(file_exists(d, "state/ledger/acme.json"));
        assert_int_equal(chmod(daemon_path(d, "lib"), 0755), 0);
        daemon_expect_still(d, 0, "CALL", NULL);
        put_as(d, "lib", "other", "x");
        expect_run_as(d, "x");
        daemon_stop(d, SIGTERM);
}

/* The jobs of /etc are not forgotten for being on a file system that is not there, whatever packages bring. */
static void test_first_directory_not_mounted_yet(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *conf = strdup(daemon_path(d, "conf")), *away = strdup(daemon_path(d, "away"));

        put_as(d, "lib", "vendor", "v");
        put_as(d, "conf", "acme", "a");
        daemon_start(d);
        daemon_expect(d, 2, JOB_DONE, NULL);
        daemon_stop(d, SIGTERM);

        assert_int_equal(rename(conf, away), 0);
        assert_int_equal(mkdir(conf, 0755), 0);
        daemon_start(d);
        daemon_expect(d, 1, MISSING, "nothing is forgotten until there is one");
        assert_true(file_exists(d, "state/ledger/acme.json"));
        put_as(d, "lib", "other", "x");
        daemon_expect(d, 1, JOB_DONE, NULL);
        assert_true(file_exists(d, "state/ledger/acme.json"));
        assert_int_equal(rmdir(conf), 0);
        assert_int_equal(rename(away, conf), 0);
        daemon_expect_still(d, 1, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

/* ---- Garbage -------------------------------------------------------------------------------------- */

static void put_bytes(const Daemon *d, const char *name, size_t n, int (*byte)(void)) {
        FILE *f = fopen(daemon_path(d, "conf/%s", name), "we");

        assert_non_null(f);
        for (size_t i = 0; i < n; i++)
                assert_int_not_equal(fputc(byte(), f), EOF);
        assert_int_equal(fclose(f), 0);
}

static int nul(void) {
        return 0;
}

static int letter(void) {
        return 'x';
}

static int anything(void) {
        return rand() & 0xff;
}

static void make_socket(const Daemon *d, const char *name) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", daemon_path(d, "conf/%s", name));
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        close(fd);
}

static void put_garbage(Daemon *d) {
        _cleanup_free_ char *longest = malloc(NAME_MAX + 1);

        srand(1);
        put_bytes(d, "random.job", 60000, anything);
        put_bytes(d, "line.job", 1 << 20, letter);
        put_bytes(d, "nul.job", 60000, nul);
        put_bytes(d, "word.job", 60000, letter);
        put_bytes(d, "empty.job", 0, nul);
        assert_int_equal(symlink("/dev/zero", daemon_path(d, "conf/zero.job")), 0);
        assert_int_equal(symlink("loop.job", daemon_path(d, "conf/loop.job")), 0);
        assert_int_equal(mkfifo(daemon_path(d, "conf/fifo.job"), 0644), 0);
        make_socket(d, "socket.job");
        assert_int_equal(mkdir(daemon_path(d, "conf/directory.job"), 0755), 0);
        assert_int_equal(symlink(".", daemon_path(d, "conf/directory.job/directory.job")), 0);
        put_as(d, "conf", "self", "u");
        assert_int_equal(symlink("self.job.d", daemon_path(d, "conf/self.job.d")), 0);
        put_as(d, "conf", "up", "u");
        assert_int_equal(symlink("..", daemon_path(d, "conf/up.job.d")), 0);
        put_as(d, "conf", "file", "u");
        put_bytes(d, "file.job.d", 10, letter);
        put_as(d, "conf", "inner", "u");
        assert_int_equal(mkdir(daemon_path(d, "conf/inner.job.d"), 0755), 0);
        assert_int_equal(mkfifo(daemon_path(d, "conf/inner.job.d/fifo.conf"), 0644), 0);
        put_bytes(d, "inner.job.d/random.conf", 60000, anything);
        put_as(d, "conf", "unreadable", "u");
        assert_int_equal(chmod(daemon_path(d, "conf/unreadable.job"), 0600), 0);
        put_as(d, "conf", "control\033[2J\nbytes\377", "u");
        memset(longest, 'n', NAME_MAX);
        memcpy(longest + NAME_MAX - 4, ".job", 5);
        put_bytes(d, longest, 10, letter);
        put_bytes(d, "shared.remote", 60000, anything);
        put_user_of_remote(d, "user", "ok");
        put_as(d, "conf", "good", "u");
}

static void test_garbage(void **state) {
        static const char *const names[] = {
                "random", "line", "nul", "word", "empty", "zero", "loop", "fifo", "socket", "directory", "self", "up", "file", "inner", "user",
                "control\\x1b[2J\\x0abytes\\xff",
        };
        Daemon *d = *state;

        put_garbage(d);
        d->unprivileged = geteuid() == 0;
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=good");
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                _cleanup_free_ char *field = NULL;

                assert_true(asprintf(&field, "KFTP_JOB=%s\x1f", names[i]) > 0);
                if (daemon_count(d, REJECTED, field) == 0)
                        fail_msg("nothing is said about %s", names[i]);
        }
        daemon_expect(d, 1, REJECTED, "conf/self.job.d: error: not a directory");
        daemon_expect(d, 1, REJECTED, "conf/inner.job.d/fifo.conf: error: not a regular file");
        assert_true(daemon_count(d, REJECTED, "nnnnnnnn.job: error: the name of a job has") == 1);
        if (d->unprivileged)
                daemon_expect(d, 1, REJECTED, "unreadable.job: error: cannot be read: Permission denied");
        daemon_expect(d, 1, "CALL", NULL);

        daemon_clear(d);                                /* and later on */
        put_bytes(d, "late.job", 60000, anything);
        assert_int_equal(mkdir(daemon_path(d, "conf/good.job.d"), 0755), 0);
        daemon_expect_still(d, 0, "CALL", NULL);
        assert_true(daemon_count(d, REJECTED, "KFTP_JOB=late") > 0);
        assert_int_equal(kill(d->pid, SIGHUP), 0);
        daemon_expect(d, 1, "NOTIFY", "READY=1");
        daemon_stop(d, SIGTERM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                ON_DAEMON(test_layers),
                ON_DAEMON(test_drop_ins),
                ON_DAEMON(test_drop_ins_moved),
                ON_DAEMON(test_drop_ins_replaced),
                ON_DAEMON(test_no_watch_left),
                ON_DAEMON(test_remotes),
                ON_DAEMON(test_remote_of_a_waiting_job),
                ON_DAEMON(test_overflow),
                ON_DAEMON(test_lower_directory_comes_and_goes),
                ON_DAEMON(test_lower_directory_that_cannot_be_read),
                ON_DAEMON(test_first_directory_not_mounted_yet),
                ON_DAEMON(test_garbage),
        };

        return cmocka_run_group_tests_name("directories", tests, NULL, NULL);
}
