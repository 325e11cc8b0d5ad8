/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kftpd's runs that somebody asks for, or a timer: begun, joined, cancelled, retried, and not forgotten. */

#include <signal.h>
#include <sys/stat.h>

#include "asking.h"
#include "kftpd/catalog-ids.h"

#define JOB_DONE "MESSAGE_ID=" KFTP_MESSAGE_JOB_DONE
#define JOB_FAILED "MESSAGE_ID=" KFTP_MESSAGE_JOB_FAILED
#define ATTEMPT_FAILED "MESSAGE_ID=" KFTP_MESSAGE_ATTEMPT_FAILED
#define CANCELLED "MESSAGE_ID=" KFTP_MESSAGE_JOB_CANCELLED
#define JOINED "MESSAGE_ID=" KFTP_MESSAGE_RUN_JOINED
#define DAILY "[Job]\nOnCalendar=daily\n"

static void await_status(Daemon *d, const char *status) {
        _cleanup_free_ char *text = NULL;

        assert_true(asprintf(&text, "STATUS=%s\x1f", status) > 0);
        for (unsigned i = 0; daemon_count(d, "NOTIFY", text) == 0; i++) {
                assert_true(i < 2000);
                (void) usleep(10000);
        }
}

/* Asks, and returns the number of the run. */
static unsigned long long ask(Daemon *d, const char *question, const char *expected) {
        _cleanup_free_ char *answer = NULL;
        unsigned long long run;
        char *blank;

        assert_true(asprintf(&answer, "ANSWER %s: %s", question, expected) > 0);
        assert_int_equal(daemon_count(d, answer, NULL), 0);
        daemon_ask(d, question);
        daemon_expect(d, 1, answer, NULL);
        run = daemon_field(d, answer, "RUN=");
        while ((blank = strstr(d->records, answer)))     /* so that it can be asked again */
                *blank = '-';
        return run;
}

static unsigned long long number_in_ledger(const Daemon *d, const char *job) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        unsigned long long number;

        assert_true(asprintf(&path, "state/ledger/%s.json", job) > 0);
        text = get_file(d, path);
        assert_non_null(text);
        assert_int_equal(sscanf(strstr(text, "\"number\""), "\"number\": %llu", &number), 1);
        return number;
}

static void test_scheduled_job_runs_by_its_timer(void **state) {
        Daemon *d = *state;
        unsigned long long first, second;

        daemon_start(d);
        put_mirror(d, "acme", "ok", false, DAILY);
        daemon_expect_still(d, 0, "MIRROR ok/", NULL);
        first = ask(d, "elapse acme", "0");
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect_still(d, 1, "MIRROR ok/", NULL);        /* until then it would be joined */
        second = ask(d, "elapse acme", "0");
        daemon_expect(d, 2, JOB_DONE, NULL);
        assert_true(second > first);
        daemon_stop(d, SIGTERM);

        daemon_start(d);
        daemon_expect_still(d, 0, "MIRROR ok/", NULL);
        put_mirror(d, "acme", "ok", false, DAILY "# another revision\n");
        daemon_expect_still(d, 0, "MIRROR ok/", NULL);
        assert_true(ask(d, "elapse acme", "0") > second);
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_stop(d, SIGTERM);
}

static void test_asked_twice_runs_once(void **state) {
        Daemon *d = *state;
        unsigned long long run;

        daemon_start(d);
        put_job(d, "acme", "hold", DAILY);
        (void) daemon_count(d, "", NULL);
        daemon_expect_still(d, 0, "CALL", NULL);
        run = ask(d, "run acme", "0");
        daemon_expect(d, 1, "CALL", NULL);
        assert_true(ask(d, "elapse acme", "0") == run);
        put_file(d, "go", "");
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect_still(d, 1, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

/* A run for another date would transfer something else: that there is none is told. */
static void test_timer_elapses_before_the_end(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *dated = NULL;

        assert_true(asprintf(&dated, DAILY "[Source]\nURL=ftp://fake/hold/dated-{date:%%Y}.csv\n") > 0);
        daemon_start(d);
        put_job(d, "same", "hold", DAILY);
        put_job(d, "dated", "hold", dated);
        daemon_expect_still(d, 0, "CALL", NULL);
        (void) ask(d, "elapse same", "0");
        (void) ask(d, "elapse dated", "0");
        daemon_expect(d, 2, "CALL", NULL);
        assert_int_equal(daemon_count(d, JOINED, NULL), 0);
        (void) ask(d, "elapse same", "0");
        (void) ask(d, "run dated", "0");
        (void) ask(d, "elapse dated", "0");
        daemon_expect(d, 1, JOINED, "MESSAGE=dated: its timer has elapsed, but the run that was due on ");
        daemon_expect(d, 1, JOINED, NULL);
        daemon_check_field(d, JOINED, NULL, "PRIORITY=4");
        daemon_stop(d, SIGTERM);
}

/* What is in the queue, and what has begun, goes on as the same run. */
static void test_restart_forgets_no_run(void **state) {
        Daemon *d = *state;
        unsigned long long runs[2];

        d->max_running = 1;
        daemon_start(d);
        put_job(d, "a", "hold", DAILY);
        put_job(d, "b", "hold", DAILY);
        daemon_expect_still(d, 0, "CALL", NULL);
        runs[0] = ask(d, "run a", "0");
        runs[1] = ask(d, "run b", "0");
        daemon_expect(d, 1, "CALL a.csv", NULL);
        daemon_stop(d, SIGKILL);

        put_file(d, "go", "");
        daemon_start(d);
        daemon_expect(d, 2, JOB_DONE, NULL);
        assert_true(number_in_ledger(d, "a") == runs[0]);
        assert_true(number_in_ledger(d, "b") == runs[1]);
        daemon_stop(d, SIGTERM);
        daemon_start(d);
        daemon_expect_still(d, 0, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_cancel_under_way_and_retry(void **state) {
        Daemon *d = *state;
        unsigned long long run;

        daemon_start(d);
        put_job(d, "acme", "hold", NULL);
        daemon_expect(d, 1, "CALL acme.csv", NULL);
        (void) ask(d, "cancel acme", "0");
        daemon_expect(d, 1, JOB_FAILED, "MESSAGE=acme: failed: cancelled by hand");
        await_status(d, "0 running, 0 queued, 1 failed");
        run = number_in_ledger(d, "acme");
        daemon_stop(d, SIGTERM);

        daemon_start(d);
        daemon_expect_still(d, 0, "CALL", NULL);        /* it has not been forgotten that it was */
        put_file(d, "go", "");
        assert_true(ask(d, "retry acme", "0") == run);
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_stop(d, SIGTERM);
}

/* Drops a job and waits until it has run: whatever has changed before is known, then. */
static void let_notice(Daemon *d, const char *name) {
        _cleanup_free_ char *field = NULL;

        put_job(d, name, "ok", NULL);
        assert_true(asprintf(&field, "KFTP_JOB=%s", name) > 0);
        daemon_expect(d, 1, JOB_DONE, field);
}

/* A run that is told to end twice takes its time: first its file is changed or masked, then somebody cancels it. */
static void test_cancel_after_a_change(void **state) {
        Daemon *d = *state;
        unsigned long long run;

        daemon_start(d);
        put_file(d, "deaf", "");
        put_job(d, "edited", "hold", NULL);
        put_job(d, "masked", "hold", NULL);
        daemon_expect(d, 2, "CALL", NULL);
        put_job(d, "edited", "ok", NULL);
        remove_file(d, "conf/masked.job");
        assert_int_equal(symlink("/dev/null", daemon_path(d, "conf/masked.job")), 0);
        let_notice(d, "one");
        (void) ask(d, "cancel edited", "0");
        (void) ask(d, "cancel masked", "0");
        remove_file(d, "deaf");
        daemon_expect(d, 2, JOB_FAILED, "cancelled by hand");
        await_status(d, "0 running, 0 queued, 1 failed");
        (void) ask(d, "run masked", "ERFKILL");
        run = number_in_ledger(d, "edited");
        daemon_stop(d, SIGTERM);

        daemon_start(d);
        daemon_expect_still(d, 0, "CALL", NULL);        /* what was cancelled is what the file says now */
        assert_true(ask(d, "run edited", "0") > run);
        daemon_expect(d, 1, JOB_DONE, "KFTP_REMOTE=ftp://fake/ok/edited.csv");
        daemon_stop(d, SIGTERM);
}

/* The daemon that has seen it all forgets no run, either. */
static void test_run_after_a_cancelled_change(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_file(d, "deaf", "");
        put_job(d, "acme", "hold", NULL);
        daemon_expect(d, 1, "CALL", NULL);
        put_job(d, "acme", "ok", NULL);
        let_notice(d, "one");
        (void) ask(d, "cancel acme", "0");
        remove_file(d, "deaf");
        daemon_expect(d, 1, JOB_FAILED, "cancelled by hand");
        await_status(d, "0 running, 0 queued, 1 failed");
        (void) ask(d, "run acme", "0");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=acme");
        daemon_stop(d, SIGTERM);
}

static void test_cancel_what_waits(void **state) {
        Daemon *d = *state;

        d->max_running = 1;
        daemon_start(d);
        put_job(d, "down", "flaky", "[Job]\nRetrySec=5min\n");
        daemon_expect(d, 1, ATTEMPT_FAILED, NULL);
        put_job(d, "long", "hold", NULL);
        daemon_expect(d, 1, "CALL long.csv", NULL);
        put_job(d, "next", "hold", NULL);
        await_status(d, "1 running, 1 queued, 1 waiting, 0 failed");
        (void) ask(d, "cancel down", "0");
        (void) ask(d, "cancel next", "0");
        daemon_expect(d, 2, JOB_FAILED, "cancelled by hand");
        await_status(d, "1 running, 0 queued, 2 failed");
        put_file(d, "go", "");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=long");
        daemon_expect_still(d, 0, "CALL next.csv", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_retry_does_not_wait(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "down", "flaky", "[Job]\nRetries=3\nRetrySec=5min\n");
        daemon_expect(d, 1, ATTEMPT_FAILED, "attempt 1 of 4 failed");
        await_status(d, "0 running, 0 queued, 1 waiting, 0 failed");
        (void) ask(d, "retry down", "0");
        daemon_expect(d, 1, ATTEMPT_FAILED, "attempt 2 of 4 failed");
        daemon_stop(d, SIGTERM);
}

static void test_run_again_by_hand(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "ok", NULL);
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect_still(d, 1, "CALL", NULL);        /* until then it would be joined */
        (void) ask(d, "run acme", "0");
        daemon_expect(d, 2, JOB_DONE, NULL);
        daemon_stop(d, SIGTERM);
        daemon_start(d);
        daemon_expect_still(d, 0, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

/* A run that waits for its next try with a file that is no more is given up; its timer runs the new one. */
static void test_edit_of_a_scheduled_job(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "hold", DAILY);
        put_job(d, "down", "flaky", DAILY "RetrySec=5min\n");
        daemon_expect_still(d, 0, "CALL", NULL);
        (void) ask(d, "run acme", "0");
        (void) ask(d, "run down", "0");
        daemon_expect(d, 2, "CALL", NULL);
        daemon_expect(d, 1, ATTEMPT_FAILED, NULL);
        put_job(d, "acme", "ok", DAILY);
        daemon_expect(d, 1, CANCELLED, "MESSAGE=acme: cancelled: its file was changed");
        put_job(d, "down", "ok", DAILY);
        daemon_expect(d, 1, CANCELLED, "MESSAGE=down: cancelled: its file was changed");
        daemon_expect_still(d, 2, "CALL", NULL);
        daemon_stop(d, SIGTERM);
        daemon_start(d);
        daemon_expect_still(d, 0, "CALL", NULL);
        assert_int_equal(daemon_count(d, CANCELLED, NULL), 0);
        daemon_stop(d, SIGTERM);
}

static void test_edited_while_kftpd_was_off(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "hold", DAILY);
        daemon_expect_still(d, 0, "CALL", NULL);
        (void) ask(d, "run acme", "0");
        daemon_expect(d, 1, "CALL", NULL);
        daemon_stop(d, SIGKILL);
        put_job(d, "acme", "ok", DAILY);
        daemon_start(d);
        daemon_expect(d, 1, CANCELLED, "MESSAGE=acme: cancelled: its file was changed");
        daemon_expect_still(d, 0, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_what_cannot_be_asked(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "good", "ok", NULL);
        put_file(d, "conf/bad.job", "[Source]\n");
        assert_int_equal(symlink("/dev/null", daemon_path(d, "conf/masked.job")), 0);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=good");
        daemon_expect(d, 2, "MESSAGE_ID=" KFTP_MESSAGE_JOB_REJECTED, "KFTP_JOB=bad");
        await_status(d, "0 running, 0 queued, 0 failed, 1 rejected");
        daemon_expect_still(d, 1, "CALL", NULL);
        (void) ask(d, "run none", "ENOENT");
        (void) ask(d, "run bad", "EBADMSG");
        (void) ask(d, "run masked", "ERFKILL");
        (void) ask(d, "cancel good", "EALREADY");
        (void) ask(d, "retry good", "EALREADY");
        daemon_expect_still(d, 1, "CALL", NULL);

        put_job(d, "long", "hold", NULL);
        daemon_expect(d, 1, "CALL long.csv", NULL);
        (void) ask(d, "retry long", "EBUSY");
        daemon_stop(d, SIGTERM);
}

/* A missing target keeps the run that was asked for, and reading all files again looks at once. */
static void test_scheduled_job_waits_for_its_target(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *text = NULL;
        unsigned long long run;

        assert_true(asprintf(&text, DAILY "[Target]\nPath=%s/later/\n", d->directory) > 0);
        daemon_start(d);
        put_job(d, "acme", "ok", text);
        daemon_expect_still(d, 0, "CALL", NULL);
        run = ask(d, "run acme", "0");
        daemon_expect(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_JOB_REJECTED, "does not exist");
        assert_true(ask(d, "elapse acme", "0") == run);
        assert_true(ask(d, "look acme", "0") == run);   /* whoever waits for it is told that it has not ended */
        assert_int_equal(mkdir(daemon_path(d, "later"), 0755), 0);
        assert_int_equal(kill(d->pid, SIGHUP), 0);
        daemon_expect(d, 1, JOB_DONE, NULL);
        assert_true(number_in_ledger(d, "acme") == run);
        assert_int_equal(daemon_count(d, CANCELLED, NULL), 0);
        daemon_stop(d, SIGTERM);
}

/* Names and texts that are no UTF-8 spoil nobody's list. */
static void test_list_of_strange_names(void **state) {
        Daemon *d = *state;

        put_job(d, "good", "ok", NULL);
        put_job(d, "odd", "ok", "[Job]\nDescription=\xef\xbf\xbf\n");       /* U+FFFF */
        put_file(d, "conf/a name.job", "[Source]\n");
        put_file(d, "conf/b\xfcro.job", "[Source]\n");
        daemon_start(d);
        daemon_expect(d, 2, JOB_DONE, NULL);
        assert_true(ask(d, "list -", "0") == 3);
        daemon_stop(d, SIGTERM);
}

#define test(f) cmocka_unit_test_setup_teardown(f, daemon_setup, daemon_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(test_scheduled_job_runs_by_its_timer),
                test(test_asked_twice_runs_once),
                test(test_timer_elapses_before_the_end),
                test(test_restart_forgets_no_run),
                test(test_cancel_under_way_and_retry),
                test(test_cancel_after_a_change),
                test(test_run_after_a_cancelled_change),
                test(test_cancel_what_waits),
                test(test_retry_does_not_wait),
                test(test_run_again_by_hand),
                test(test_edit_of_a_scheduled_job),
                test(test_edited_while_kftpd_was_off),
                test(test_what_cannot_be_asked),
                test(test_scheduled_job_waits_for_its_target),
                test(test_list_of_strange_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
