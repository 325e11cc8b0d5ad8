/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kftpd is stopped, killed, and loses its device or its disk: nothing is repeated, nothing forgotten. */

#include <signal.h>

#include "kftpd/catalog-ids.h"
#include "daemon.h"

#define FILE_DONE "MESSAGE_ID=" KFTP_MESSAGE_FILE_DONE
#define JOB_DONE "MESSAGE_ID=" KFTP_MESSAGE_JOB_DONE
#define JOB_FAILED "MESSAGE_ID=" KFTP_MESSAGE_JOB_FAILED
#define ATTEMPT_FAILED "MESSAGE_ID=" KFTP_MESSAGE_ATTEMPT_FAILED
#define INTERRUPTED "MESSAGE_ID=" KFTP_MESSAGE_JOB_INTERRUPTED
#define QUEUE_STOPPED "MESSAGE_ID=" KFTP_MESSAGE_QUEUE_STOPPED
#define QUEUE_RESUMED "MESSAGE_ID=" KFTP_MESSAGE_QUEUE_RESUMED

static void check_ledger(const Daemon *d, const char *job, const char *part) {
        _cleanup_free_ char *path = NULL, *text = NULL;

        assert_true(asprintf(&path, "state/ledger/%s.json", job) > 0);
        text = get_file(d, path);
        assert_non_null(text);
        assert_non_null(strstr(text, part));
}

static void test_sigterm(void **state) {
        Daemon *d = *state;
        uint64_t begin;

        daemon_start(d);
        put_job(d, "acme", "hold", NULL);
        daemon_expect(d, 1, "CALL", NULL);
        begin = now_usec();
        daemon_stop(d, SIGTERM);
        assert_true(now_usec() - begin < 4 * USEC_PER_SEC);
        daemon_expect(d, 1, "NOTIFY", "STOPPING=1");
        daemon_expect(d, 1, INTERRUPTED, "MESSAGE=acme: interrupted at 100 B, goes on when kftpd starts again");
        check_ledger(d, "acme", "\"state\": \"interrupted\"");

        put_file(d, "go", "");
        daemon_start(d);
        daemon_expect(d, 1, "CALL acme.csv", "resume=1");
        daemon_expect(d, 1, JOB_DONE, "KFTP_ATTEMPT=1");
        daemon_stop(d, SIGTERM);
        check_ledger(d, "acme", "\"state\": \"done\"");
        check_ledger(d, "acme", "\"reported\": true");
}

static void test_sigkill(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "hold", NULL);
        daemon_expect(d, 1, "CALL", NULL);
        check_ledger(d, "acme", "\"state\": \"running\"");
        daemon_stop(d, SIGKILL);

        put_file(d, "go", "");
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect(d, 1, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

/* The consumer takes the file away at once: only the ledger can tell that it was delivered. */
static void test_crash_after_rename(void **state) {
        Daemon *d = *state;

        put_file(d, "crash-after-rename", "");
        daemon_start(d);
        put_job(d, "acme", "ok", NULL);
        daemon_await_crash(d);
        daemon_expect(d, 0, FILE_DONE, NULL);
        remove_file(d, "out/acme.csv");

        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "KFTP_RECOVERED=1");
        daemon_expect(d, 1, FILE_DONE, "11 B, delivered just before kftpd was stopped");
        daemon_expect(d, 0, "CALL", NULL);
        daemon_stop(d, SIGTERM);

        daemon_start(d);
        daemon_expect_still(d, 0, FILE_DONE, NULL);
        daemon_expect(d, 0, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_crash_before_rename(void **state) {
        Daemon *d = *state;

        put_file(d, "crash-before-rename", "");
        daemon_start(d);
        put_job(d, "acme", "ok", NULL);
        daemon_await_crash(d);
        assert_false(file_exists(d, "out/acme.csv"));
        check_ledger(d, "acme", "\"state\": \"intent\"");

        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect(d, 1, "CALL", NULL);
        daemon_expect(d, 0, FILE_DONE, "KFTP_RECOVERED");
        assert_true(file_exists(d, "out/acme.csv"));
        daemon_stop(d, SIGTERM);
}

/* The job was edited, or its file removed, while kftpd was down after a delivery. */
static void test_crash_then_edit(void **state) {
        Daemon *d = *state;

        put_file(d, "crash-after-rename", "");
        daemon_start(d);
        put_job(d, "acme", "ok", NULL);
        daemon_await_crash(d);
        put_job(d, "acme", "ok", "# edited\n");
        daemon_start(d);
        daemon_expect(d, 2, FILE_DONE, NULL);
        daemon_expect(d, 1, FILE_DONE, "KFTP_RECOVERED=1");
        daemon_expect(d, 1, "CALL", NULL);

        put_file(d, "crash-after-rename", "");
        put_job(d, "acme", "ok", "# edited again\n");
        daemon_await_crash(d);
        remove_file(d, "conf/acme.job");
        daemon_start(d);                        /* without any job: it may not be mounted */
        daemon_expect_still(d, 0, FILE_DONE, NULL);
        assert_true(file_exists(d, "state/ledger/acme.json"));
        put_file(d, "conf/other.job", "");
        daemon_expect(d, 1, FILE_DONE, "KFTP_RECOVERED=1");
        daemon_await_gone(d, "state/ledger/acme.json");        /* the report comes first */
        daemon_stop(d, SIGTERM);
        daemon_start(d);
        daemon_expect_still(d, 0, FILE_DONE, NULL);
        daemon_stop(d, SIGTERM);
}

static void test_spent_attempts_count(void **state) {
        Daemon *d = *state;

        put_file(d, "crash-after-2", "");
        daemon_start(d);
        put_job(d, "down", "flaky", "[Job]\nRetries=3\nRetrySec=1ms\n");
        daemon_await_crash(d);
        daemon_expect(d, 2, ATTEMPT_FAILED, NULL);
        check_ledger(d, "down", "\"attempt\": 3");

        daemon_start(d);
        daemon_expect(d, 1, JOB_FAILED, "given up after 4 attempts");
        daemon_expect(d, 2, "CALL down.csv", "retries=0");
        daemon_expect(d, 1, ATTEMPT_FAILED, "attempt 3 of 4 failed");
        daemon_stop(d, SIGTERM);
}

static void test_no_device(void **state) {
        Daemon *d = *state;

        put_file(d, "no-device", "");
        daemon_start(d);
        put_job(d, "a", "ok", NULL);
        daemon_expect(d, 1, QUEUE_STOPPED, NULL);
        put_job(d, "b", "ok", NULL);
        daemon_expect(d, 1, QUEUE_STOPPED, "/dev/kftp: No such file or directory; jobs wait");
        daemon_expect(d, 1, "NOTIFY", "STATUS=0 running, 2 queued, 0 failed; waiting for the device");
        daemon_check_field(d, QUEUE_STOPPED, NULL, "KFTP_JOB=a");
        daemon_expect_still(d, 1, QUEUE_STOPPED, NULL);         /* once, though it is tried again and again */
        daemon_expect(d, 0, JOB_FAILED, NULL);

        remove_file(d, "no-device");
        daemon_expect(d, 2, JOB_DONE, "KFTP_ATTEMPT=1");
        daemon_expect(d, 1, QUEUE_RESUMED, NULL);
        daemon_stop(d, SIGTERM);
}

static void test_state_disk_full(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        daemon_fill_disk(d, true);
        put_job(d, "a", "ok", NULL);
        put_job(d, "b", "ok", NULL);
        daemon_expect(d, 1, QUEUE_STOPPED, "cannot be written: File too large; jobs wait in the queue");
        daemon_expect_still(d, 1, QUEUE_STOPPED, NULL);
        daemon_expect(d, 0, "CALL", NULL);      /* what cannot be recorded is not begun */

        daemon_fill_disk(d, false);
        daemon_expect(d, 2, JOB_DONE, NULL);
        daemon_expect(d, 2, "CALL", NULL);
        daemon_expect(d, 1, QUEUE_RESUMED, NULL);
        daemon_stop(d, SIGTERM);
}

/* Full when the intent is to be recorded: the file does not get its name. */
static void test_disk_full_at_intent(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "hold", NULL);
        daemon_expect(d, 1, "CALL", NULL);
        daemon_fill_disk(d, true);
        put_file(d, "go", "");
        daemon_expect(d, 1, QUEUE_STOPPED, NULL);
        daemon_expect(d, 0, JOB_FAILED, NULL);
        assert_false(file_exists(d, "out/acme.csv"));

        daemon_fill_disk(d, false);
        daemon_expect(d, 1, JOB_DONE, NULL);
        assert_true(file_exists(d, "out/acme.csv"));
        daemon_stop(d, SIGTERM);
}

/* Full when the end is to be recorded: that is made up for, and the transfer is not repeated. */
static void test_disk_full_at_the_end(void **state) {
        Daemon *d = *state;

        put_file(d, "linger", "");
        daemon_start(d);
        put_job(d, "acme", "ok", NULL);
        while (!file_exists(d, "out/acme.csv"))
                usleep(10000);
        daemon_fill_disk(d, true);
        remove_file(d, "linger");
        daemon_expect(d, 1, QUEUE_STOPPED, NULL);
        daemon_expect_still(d, 0, FILE_DONE, NULL);
        check_ledger(d, "acme", "\"state\": \"intent\"");

        daemon_fill_disk(d, false);
        daemon_expect(d, 1, FILE_DONE, "KFTP_USEC=3100000");
        daemon_expect_still(d, 1, "CALL", NULL);
        daemon_expect(d, 1, FILE_DONE, NULL);
        check_ledger(d, "acme", "\"reported\": true");
        daemon_stop(d, SIGTERM);
}

/* Killed between ledger and journal: the report is made up for, once. */
static void test_unreported_end(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *text = NULL;
        char *reported;

        daemon_start(d);
        put_job(d, "acme", "ok", NULL);
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_stop(d, SIGTERM);

        text = get_file(d, "state/ledger/acme.json");
        reported = strstr(text, "\"reported\": true");
        assert_non_null(reported);
        memcpy(reported, "\"reported\":false", strlen("\"reported\":false"));
        put_file(d, "state/ledger/acme.json", text);

        daemon_start(d);
        daemon_expect(d, 1, FILE_DONE, "KFTP_PEER=192.0.2.1:21");
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect(d, 0, "CALL", NULL);
        daemon_stop(d, SIGTERM);
        daemon_start(d);
        daemon_expect_still(d, 0, FILE_DONE, NULL);
        daemon_stop(d, SIGTERM);
}

/* Whether it has run cannot be known: it does not run, and the journal says what to do. */
static void test_damaged_ledger(void **state) {
        Daemon *d = *state;

        put_job(d, "acme", "ok", NULL);
        assert_int_equal(mkdir(daemon_path(d, "state/ledger"), 0700), 0);
        put_file(d, "state/ledger/acme.json", "{ \"job\": \"ac");
        daemon_start(d);
        daemon_expect(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_LEDGER_DAMAGED, "state/ledger/acme.json cannot be read (damaged)");
        daemon_expect_still(d, 0, "CALL", NULL);

        remove_file(d, "state/ledger/acme.json");
        assert_int_equal(kill(d->pid, SIGHUP), 0);
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_stop(d, SIGTERM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_sigterm, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_sigkill, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_crash_after_rename, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_crash_before_rename, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_crash_then_edit, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_spent_attempts_count, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_no_device, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_state_disk_full, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_disk_full_at_intent, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_disk_full_at_the_end, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_unreported_end, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_damaged_ledger, daemon_setup, daemon_teardown),
        };

        return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
