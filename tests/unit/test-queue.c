/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kftpd's jobs that wait: for a place, for their next attempt, for their target; and where they are from. */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "kftpd/catalog-ids.h"
#include "daemon.h"

#define JOB_DONE "MESSAGE_ID=" KFTP_MESSAGE_JOB_DONE
#define JOB_FAILED "MESSAGE_ID=" KFTP_MESSAGE_JOB_FAILED
#define ATTEMPT_FAILED "MESSAGE_ID=" KFTP_MESSAGE_ATTEMPT_FAILED
#define CANCELLED "MESSAGE_ID=" KFTP_MESSAGE_JOB_CANCELLED
#define REJECTED "MESSAGE_ID=" KFTP_MESSAGE_JOB_REJECTED

/* Drops the jobs a, b, c ... while nothing looks, each a second younger than the one before. */
static void put_in_order(const Daemon *d, const char *names) {
        for (time_t t = 1000000000; *names; names++, t++) {
                const char name[] = { *names, '\0' };
                const struct timespec times[] = { { .tv_sec = t }, { .tv_sec = t } };

                put_job(d, name, "hold", NULL);
                assert_int_equal(utimensat(AT_FDCWD, daemon_path(d, "conf/%s.job", name), times, 0), 0);
        }
}

static void test_several_at_once_in_order(void **state) {
        Daemon *d = *state;

        d->max_running = 2;
        put_in_order(d, "zyxw");
        daemon_start(d);
        daemon_expect(d, 1, "NOTIFY", "STATUS=2 running, 2 queued, 0 failed");
        daemon_expect(d, 1, "CALL z.csv", NULL);
        daemon_expect(d, 1, "CALL y.csv", NULL);
        daemon_expect_still(d, 2, "CALL", NULL);

        remove_file(d, "conf/z.job");           /* makes room for the next one */
        daemon_expect(d, 1, "CALL x.csv", NULL);
        daemon_expect_still(d, 0, "CALL w.csv", NULL);
        put_file(d, "go", "");
        daemon_expect(d, 3, JOB_DONE, NULL);
        daemon_expect(d, 1, "NOTIFY", "STATUS=0 running, 0 queued, 0 failed");
        daemon_stop(d, SIGTERM);
}

/* What waits for its next attempt takes no place; others run meanwhile, and it can be given up. */
static void test_waiting_job_holds_no_place(void **state) {
        Daemon *d = *state;

        d->max_running = 1;
        daemon_start(d);
        put_job(d, "down", "flaky", "[Job]\nRetrySec=5min\n");
        daemon_expect(d, 1, ATTEMPT_FAILED, "KFTP_JOB=down");
        daemon_expect(d, 1, "NOTIFY", "STATUS=0 running, 0 queued, 1 waiting, 0 failed");
        put_job(d, "gone", "flaky", "[Job]\nRetrySec=5min\n");
        daemon_expect(d, 1, ATTEMPT_FAILED, "KFTP_JOB=gone");
        put_job(d, "acme", "ok", NULL);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=acme");

        remove_file(d, "conf/gone.job");
        daemon_expect(d, 1, CANCELLED, "MESSAGE=gone: cancelled: its file was removed");
        daemon_expect(d, 1, "CALL down.csv", NULL);
        daemon_stop(d, SIGTERM);
        assert_false(file_exists(d, "state/ledger/gone.json"));
        assert_true(file_exists(d, "state/ledger/down.json"));

        daemon_start(d);                        /* does not wait, but the first attempt counts */
        daemon_expect(d, 1, ATTEMPT_FAILED, "attempt 2 of 6 failed");
        put_job(d, "down", "ok", NULL);
        daemon_expect(d, 1, CANCELLED, "MESSAGE=down: cancelled: its file was changed");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=down");
        daemon_stop(d, SIGTERM);
}

static void test_attempts_follow_each_other(void **state) {
        Daemon *d = *state;
        uint64_t begin;

        daemon_start(d);
        begin = now_usec();
        put_job(d, "down", "flaky", "[Job]\nRetries=2\nRetrySec=200ms\n");
        daemon_expect(d, 2, ATTEMPT_FAILED, NULL);
        daemon_expect(d, 1, JOB_FAILED, "given up after 3 attempts");
        /* Three attempts take 300 ms, says the double, which waits for nothing, and the waits 600 ms, more or less. */
        assert_in_range(daemon_field(d, JOB_FAILED, "KFTP_USEC="), 300000 + 600000 * 3 / 4, 300000 + now_usec() - begin);
        daemon_stop(d, SIGTERM);
}

/* When the machine starts its network may come later than kftpd. */
static void test_unknown_host_may_be_known_later(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "boot", "nohost", "[Job]\nRetries=1\nRetrySec=1ms\n");
        daemon_expect(d, 1, JOB_FAILED, "MESSAGE=boot: failed: fake: no such host, given up after 2 attempts");
        daemon_expect(d, 1, ATTEMPT_FAILED, NULL);
        daemon_stop(d, SIGTERM);
}

/* However much a server has to say, its job is known again. */
static void test_many_words(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "wordy", "");
        daemon_expect(d, 1, JOB_FAILED, "MESSAGE=acme: failed: \\x1b\\x1b");
        daemon_stop(d, SIGTERM);
        daemon_clear(d);
        daemon_start(d);
        daemon_expect_still(d, 0, REJECTED, NULL);
        put_job(d, "acme", "ok", "");
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_stop(d, SIGTERM);
}

static void test_target_that_cannot_be_written(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *text = NULL;

        assert_true(asprintf(&text, "[Target]\nPath=%s/missing/\n", d->directory) > 0);
        daemon_start(d);
        put_job(d, "acme", "ok", text);
        daemon_expect(d, 1, REJECTED, "does not exist, or is hidden from the service");
        daemon_check_field(d, REJECTED, NULL, "CONFIG_LINE=6");
        daemon_check_field(d, REJECTED, NULL, "CONFIG_COLUMN=6");
        daemon_expect_still(d, 0, "CALL", NULL);

        assert_int_equal(kill(d->pid, SIGHUP), 0);
        daemon_expect(d, 2, REJECTED, NULL);    /* said again when asked to */
        daemon_stop(d, SIGTERM);
}

/* A target that was missing is looked at again, and what is wrong with it said when it changes. */
static void test_target_that_comes_later(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *text = NULL;

        assert_true(asprintf(&text, "[Target]\nPath=%s/later/\n", d->directory) > 0);
        daemon_start(d);
        put_job(d, "acme", "ok", text);
        daemon_expect(d, 1, REJECTED, "does not exist");
        daemon_expect_still(d, 1, REJECTED, NULL);      /* it was looked at twice meanwhile */
        daemon_expect(d, 1, "NOTIFY", "STATUS=0 running, 0 queued, 0 failed, 1 rejected");

        put_file(d, "later", "");
        daemon_expect(d, 1, REJECTED, "Not a directory");
        remove_file(d, "later");
        daemon_expect(d, 2, REJECTED, "does not exist");
        assert_int_equal(mkdir(daemon_path(d, "later"), 0755), 0);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=acme");
        assert_true(file_exists(d, "later/acme.csv"));
        daemon_stop(d, SIGTERM);
}

static void test_rejected_job_can_go(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *text = NULL;

        assert_true(asprintf(&text, "[Target]\nPath=%s/later/\n", d->directory) > 0);
        daemon_start(d);
        put_job(d, "acme", "ok", text);
        put_job(d, "other", "ok", text);
        daemon_expect(d, 2, REJECTED, NULL);
        remove_file(d, "conf/acme.job");
        put_job(d, "other", "ok", "# elsewhere\n");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=other");
        assert_int_equal(mkdir(daemon_path(d, "later"), 0755), 0);
        daemon_expect_still(d, 1, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

static bool may_mount(void) {
        return geteuid() == 0 && unshare(CLONE_NEWNS) >= 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0;
}

/* A file system that nobody serves: whoever looks at it waits. It must not be the main thread. */
static void test_target_that_does_not_answer(void **state) {
        _cleanup_close_ int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        _cleanup_free_ char *text = NULL;
        Daemon *d = *state;
        char options[80];

        (void) snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
        assert_int_equal(mkdir(daemon_path(d, "dead"), 0755), 0);
        if (fuse < 0 || !may_mount() || mount("dead", daemon_path(d, "dead"), "fuse", 0, options) < 0)
                skip();
        assert_true(asprintf(&text, "[Target]\nPath=%s/dead/\n", d->directory) > 0);
        d->watchdog = true;
        daemon_start(d);
        put_job(d, "stuck", "ok", text);
        daemon_expect(d, 1, "NOTIFY", "STATUS=1 running, 0 queued, 0 failed");
        daemon_clear(d);
        put_job(d, "acme", "ok", NULL);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=acme");
        daemon_expect_watchdog(d, 2);
        daemon_expect(d, 0, "CALL stuck.csv", NULL);

        daemon_stop(d, SIGTERM);                /* does not wait for it for ever */
        daemon_expect(d, 1, "MESSAGE=stuck: interrupted, did not stop in time", NULL);
        (void) umount2(daemon_path(d, "dead"), MNT_DETACH);
}

/* The directory below stays where it is, and inotify has nothing to say. */
static void test_file_system_mounted_over_the_directory(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *other = NULL, *text = NULL;

        if (!may_mount())
                skip();
        put_job(d, "below", "ok", NULL);
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=below");
        other = strdup(daemon_path(d, "other"));
        assert_int_equal(mkdir(other, 0755), 0);
        assert_true(asprintf(&text, "[Source]\nURL=ftp://fake/ok/more.csv\n[Target]\nPath=%s/out/\n", d->directory) > 0);
        put_file(d, "other/bad.job", "[Source]\nURL=nonsense\n");

        assert_int_equal(mount(other, daemon_path(d, "conf"), NULL, MS_BIND, NULL), 0);
        daemon_expect(d, 1, REJECTED, "bad.job:2:");
        put_file(d, "other/more.job", text);    /* the mounted one is watched now */
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=more");

        assert_int_equal(umount(daemon_path(d, "conf")), 0);
        daemon_expect(d, 2, JOB_DONE, "KFTP_JOB=below");        /* forgotten meanwhile, like a file that was removed */
        daemon_stop(d, SIGTERM);
}

/* The event loop does not turn meanwhile. */
/* Job files come and go while others are in the queue: so many as they allow now. */
static void test_limit_that_comes_and_goes(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *elsewhere = NULL;

        assert_true(asprintf(&elsewhere, "[Source]\nURL=ftp://other/hold/x.csv\n[Target]\nPath=%s/out/\n", d->directory) > 0);
        d->max_running = 3;
        daemon_start(d);
        put_job(d, "a", "hold", NULL);
        put_job(d, "b", "hold", NULL);
        put_file(d, "conf/x.job", elsewhere);
        daemon_expect(d, 3, "CALL", NULL);
        put_job(d, "c", "hold", NULL);
        put_job(d, "limit", "hold", "[Job]\nOnCalendar=daily\n[Source]\nMaxConnections=2\n");
        put_file(d, "conf/bad.job", "nonsense");
        daemon_expect(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_JOB_REJECTED, "neither [Section]");
        remove_file(d, "conf/x.job");
        daemon_expect_still(d, 3, "CALL", NULL);
        remove_file(d, "conf/limit.job");
        daemon_expect(d, 1, "CALL c.csv", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_alive_while_files_are_read(void **state) {
        Daemon *d = *state;
        const char *begin, *end;
        char *alive;

        for (unsigned i = 0; i < 2000; i++) {
                char name[16];

                (void) snprintf(name, sizeof(name), "job%u", i);
                put_job(d, name, "ok", "[Job]\nOnCalendar=daily\n");
        }
        d->watchdog = true;
        daemon_start(d);
        daemon_clear(d);
        assert_int_equal(kill(d->pid, SIGHUP), 0);
        daemon_expect(d, 1, "NOTIFY", "READY=1");
        begin = strstr(d->records, "RELOADING=1");
        end = strstr(d->records, "READY=1");
        alive = begin ? strstr(begin, "WATCHDOG=1") : NULL;
        assert_true(begin && alive && alive < end);
        daemon_stop(d, SIGTERM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_several_at_once_in_order, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_waiting_job_holds_no_place, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_attempts_follow_each_other, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_unknown_host_may_be_known_later, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_many_words, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_target_that_cannot_be_written, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_target_that_comes_later, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_rejected_job_can_go, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_target_that_does_not_answer, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_file_system_mounted_over_the_directory, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_limit_that_comes_and_goes, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_alive_while_files_are_read, daemon_setup, daemon_teardown),
        };

        return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
