/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has an uncertain end is delivered once, whatever run comes after: one by hand, by a timer, by an arrival, or a retry. */

#include <signal.h>
#include <sys/stat.h>

#include "asking.h"
#include "daemon.h"
#include "kftpd/catalog-ids.h"

#define FILE_DONE "MESSAGE_ID=" KFTP_MESSAGE_FILE_DONE
#define JOB_DONE "MESSAGE_ID=" KFTP_MESSAGE_JOB_DONE
#define JOB_FAILED "MESSAGE_ID=" KFTP_MESSAGE_JOB_FAILED
#define ATTEMPT_FAILED "MESSAGE_ID=" KFTP_MESSAGE_ATTEMPT_FAILED
#define CANCELLED "MESSAGE_ID=" KFTP_MESSAGE_JOB_CANCELLED
#define NO_RETRY "[Job]\nRetries=0\n"
#define DAILY "[Job]\nOnCalendar=daily\n"
#define HOT "[Job]\nWatch=yes\nRetries=0\n"

static int set_up(void **state) {
        Daemon *d;

        if (daemon_setup(state) < 0)
                return -1;
        d = *state;
        return mkdir(daemon_path(d, "source"), 0755);
}

static bool take(const Daemon *d, const char *name) {
        return unlink(daemon_path(d, "out/%s", name)) >= 0;
}

/* Asks once nothing runs any more: until then a run would be joined. */
static void ask(Daemon *d, const char *question) {
        daemon_expect_still(d, 0, "nothing", NULL);
        daemon_ask(d, question);
}

/* As what the daemon was killed behind. */
static void rewrite_ledger(Daemon *d, const char *job, const char *from, const char *to) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        char *at;

        assert_true(asprintf(&path, "state/ledger/%s.json", job) > 0);
        text = get_file(d, path);
        assert_non_null(text);
        at = strstr(text, from);
        assert_non_null(at);
        assert_int_equal(strlen(from), strlen(to));
        memcpy(at, to, strlen(to));
        put_file(d, path, text);
}

/* ---- The intent of the run before ----------------------------------------------------------------- */

static void lose_the_reply(Daemon *d, const char *name, const char *extra) {
        put_file(d, "source/a", "a");
        put_file(d, "reply-lost", "");
        daemon_start(d);
        put_upload(d, "acme", name, extra);
}

/* It has got its name, and is not sent once more. */
static void check_not_sent_again(Daemon *d) {
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        daemon_expect(d, 1, "RECOVER a", NULL);
        daemon_expect_still(d, 1, "PUT", NULL);
        assert_true(take(d, "a"));
        daemon_stop(d, SIGTERM);
}

static void test_by_hand_behind_a_lost_reply(void **state) {
        Daemon *d = *state;

        lose_the_reply(d, "", NO_RETRY);
        daemon_expect(d, 1, JOB_FAILED, "Connection reset");
        ask(d, "run acme");
        check_not_sent_again(d);
}

static void test_single_by_hand_behind_a_lost_reply(void **state) {
        Daemon *d = *state;

        lose_the_reply(d, "a", NO_RETRY);
        daemon_expect(d, 1, JOB_FAILED, "Connection reset");
        ask(d, "run acme");
        check_not_sent_again(d);
}

/* The URL of the runs that were asked for is as it is written, that of the others as it is meant. */
static void test_by_timer_behind_a_lost_reply(void **state) {
        Daemon *d = *state;

        lose_the_reply(d, "", DAILY "Retries=0\n[Target]\nURL=ftp://fake/in/{date:%Y}/\n");
        daemon_expect_still(d, 0, "PUT", NULL);
        ask(d, "elapse acme");
        daemon_expect(d, 1, JOB_FAILED, "Connection reset");
        ask(d, "elapse acme");
        check_not_sent_again(d);
}

/* With another server there is nobody to be asked, and --again says what is wanted. */
static void test_not_inherited(void **state) {
        Daemon *d = *state;

        lose_the_reply(d, "a", NO_RETRY);
        daemon_expect(d, 1, JOB_FAILED, "Connection reset");
        ask(d, "run-again acme");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        daemon_expect(d, 0, "RECOVER a", NULL);
        daemon_expect(d, 2, "PUT", NULL);
        daemon_clear(d);
        put_file(d, "reply-lost", "");
        put_upload(d, "acme", "a", NO_RETRY "# again\n");
        daemon_expect(d, 1, JOB_FAILED, NULL);
        put_upload(d, "acme", "a", NO_RETRY "[Target]\nURL=ftp://other/in/a\n");
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect(d, 0, "RECOVER a", NULL);
        daemon_stop(d, SIGTERM);
}

/* What has failed is to take it from the source. */
static void test_download_by_hand(void **state) {
        Daemon *d = *state;

        put_file(d, "then-fails", "");
        daemon_start(d);
        put_job(d, "acme", "ok", "[Job]\nRetries=0\n[Source]\nThen=delete\n");
        daemon_expect(d, 1, JOB_FAILED, "not now");
        assert_true(take(d, "acme.csv"));
        remove_file(d, "then-fails");
        ask(d, "run acme");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        daemon_expect(d, 1, "CALL", NULL);
        assert_false(file_exists(d, "out/acme.csv"));
        daemon_stop(d, SIGTERM);
}

/* ---- Hot folders ---------------------------------------------------------------------------------- */

static void test_hot_behind_a_lost_reply(void **state) {
        Daemon *d = *state;

        lose_the_reply(d, "a", HOT);
        daemon_expect(d, 1, JOB_FAILED, "Connection reset");
        check_not_sent_again(d);
}

/* Whoever it was for may have taken it: only somebody who knows may have it sent again. */
static void check_doubtful(Daemon *d, const char *extra, const char *question) {
        put_file(d, "source/a", "a");
        put_file(d, "crash-after-rename", "");
        daemon_start(d);
        put_upload(d, "acme", "a", extra);
        if (question) {
                daemon_expect_still(d, 0, "PUT", NULL);
                daemon_ask(d, question);
        }
        daemon_await_crash(d);
        assert_true(take(d, "a"));
        daemon_start(d);
        daemon_expect(d, 1, JOB_FAILED, "it is not known whether it was delivered, not retried");
        daemon_expect_still(d, 0, "PUT", NULL);
}

static void test_hot_and_doubtful(void **state) {
        Daemon *d = *state;

        check_doubtful(d, HOT, NULL);
        put_file(d, "source/a", "another one");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file, 11 B");
        daemon_expect(d, 1, "PUT", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_scheduled_and_doubtful(void **state) {
        Daemon *d = *state;

        check_doubtful(d, DAILY, "elapse acme");
        ask(d, "elapse acme");
        daemon_expect(d, 1, JOB_FAILED, "has failed for good before; to have it tried again type: kftp retry acme, not retried");
        daemon_expect(d, 0, "PUT", NULL);
        ask(d, "run acme");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        daemon_expect(d, 1, "PUT", NULL);
        daemon_stop(d, SIGTERM);
}

/* What has begun ends as one run, of all that it was about; and what is told of it is told also if it never ends. */
static void test_hot_goes_on(void **state) {
        Daemon *d = *state;

        put_file(d, "source/a", "a");
        daemon_start(d);
        put_set(d, "acme", "set", HOT "PollSec=1s\n");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        put_file(d, "source/growing-c", "");
        put_file(d, "source/b", "b");
        daemon_expect(d, 1, "FETCH set/dir/b", NULL);
        daemon_clear(d);
        for (unsigned i = 0; daemon_count(d, "LIST", NULL) < 2; i++) {
                assert_true(i < 2000);
                (void) usleep(10000);
        }
        put_file(d, "source/c", "c");
        remove_file(d, "source/growing-c");
        daemon_expect(d, 1, JOB_DONE, "done: 2 files");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_TRIGGER=watch");
        put_file(d, "source/growing-e", "");
        put_file(d, "source/d", "d");
        daemon_expect(d, 1, FILE_DONE, "dir/d");
        daemon_expect_still(d, 0, CANCELLED, NULL);
        put_set(d, "acme", "set", HOT "# another\n");
        daemon_expect(d, 1, CANCELLED, "its file was changed");
        daemon_stop(d, SIGTERM);
}

/* ---- Retries -------------------------------------------------------------------------------------- */

static void check_retry(Daemon *d, const char *name, const char *extra) {
        put_file(d, "source/full-a", "a");
        daemon_start(d);
        put_upload(d, "acme", name, extra);
        daemon_expect(d, 1, JOB_FAILED, NULL);
        put_file(d, "go", "");
        ask(d, "retry acme");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        daemon_expect(d, 2, "PUT", NULL);
        assert_true(take(d, "full-a"));
        daemon_stop(d, SIGTERM);
}

static void test_retry(void **state) {
        check_retry(*state, "full-a", NULL);
}

static void test_retry_of_set(void **state) {
        check_retry(*state, "", NULL);
}

/* And in no other attempt of the same run. */
static void test_retry_tries_once(void **state) {
        Daemon *d = *state;

        put_file(d, "source/full-a", "a");
        daemon_start(d);
        put_upload(d, "acme", "", "[Job]\nRetrySec=1ms\n");
        daemon_expect(d, 1, JOB_FAILED, NULL);
        put_file(d, "source/b", "b");
        put_file(d, "reply-lost", "");
        ask(d, "retry acme");
        daemon_expect(d, 1, ATTEMPT_FAILED, NULL);
        daemon_expect(d, 2, JOB_FAILED, "1 file failed");
        daemon_expect(d, 2, "PUT full-a", NULL);
        daemon_expect(d, 1, "PUT b", NULL);
        daemon_stop(d, SIGTERM);
}

/* The store has it that the file has failed, the ledger not that the run has. */
static void test_killed_before_it_has_failed(void **state) {
        Daemon *d = *state;

        put_file(d, "source/full-a", "a");
        daemon_start(d);
        put_upload(d, "acme", "full-a", NULL);
        daemon_expect(d, 1, JOB_FAILED, NULL);
        daemon_expect_still(d, 1, JOB_FAILED, NULL);
        daemon_stop(d, SIGKILL);
        rewrite_ledger(d, "acme", "\"state\": \"failed\"", "\"state\":\"running\"");
        rewrite_ledger(d, "acme", "\"reported\": true", "\"reported\":false");
        daemon_start(d);
        daemon_expect(d, 1, JOB_FAILED, "this version of the file has failed for good before");
        daemon_expect(d, 0, "PUT", NULL);
        daemon_stop(d, SIGTERM);
}

/* ---- What follows a delivery ---------------------------------------------------------------------- */

/* The store has to know of it, or the timer has it fetched again. */
static void test_scheduled_download(void **state) {
        Daemon *d = *state;

        put_file(d, "crash-after-rename", "");
        daemon_start(d);
        put_job(d, "acme", "ok", DAILY);
        daemon_expect_still(d, 0, "CALL", NULL);
        daemon_ask(d, "elapse acme");
        daemon_await_crash(d);
        assert_true(take(d, "acme.csv"));
        daemon_start(d);
        daemon_expect(d, 1, FILE_DONE, "KFTP_RECOVERED=1");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        ask(d, "elapse acme");
        daemon_expect(d, 2, JOB_DONE, NULL);
        daemon_expect(d, 0, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

/* Whom it was for has it by now: what is left is the source. */
static void test_then_of_upload(void **state) {
        Daemon *d = *state;

        put_file(d, "source/a", "a");
        put_file(d, "then-fails", "");
        daemon_start(d);
        put_upload(d, "acme", "a", "[Job]\nRetrySec=300ms\n[Source]\nThen=delete\n");
        daemon_expect(d, 1, ATTEMPT_FAILED, "not now");
        assert_true(take(d, "a"));
        remove_file(d, "then-fails");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        daemon_expect(d, 1, "PUT", NULL);
        daemon_expect(d, 0, "RECOVER a", NULL);
        assert_false(file_exists(d, "source/a"));
        daemon_stop(d, SIGTERM);
}

#define MARKED "[Source]\nMarker=ready\nThen=delete\n"

static void test_marker_after_a_crash(void **state) {
        Daemon *d = *state;

        put_file(d, "source/a", "a");
        put_file(d, "crash-after-rename", "");
        daemon_start(d);
        put_upload(d, "acme", "a", MARKED);
        daemon_await_crash(d);
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        daemon_expect(d, 1, "THEN-DIRECTORY", NULL);
        daemon_expect(d, 0, "PUT", NULL);
        daemon_stop(d, SIGTERM);
}

/* The next version is there: it is transferred, too, and the marker stays until then. */
static void test_changed(void **state) {
        Daemon *d = *state;

        put_file(d, "source/a", "a");
        put_file(d, "then-replaced", "");
        daemon_start(d);
        put_upload(d, "acme", "a", MARKED);
        daemon_expect(d, 1, FILE_DONE, "1 B in");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file, 7 B");
        daemon_expect(d, 2, "PUT", NULL);
        daemon_expect(d, 1, "THEN-DIRECTORY", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_changed_during_a_crash(void **state) {
        Daemon *d = *state;

        put_file(d, "source/a", "a");
        put_file(d, "crash-after-rename", "");
        put_file(d, "then-replaced", "");
        daemon_start(d);
        put_upload(d, "acme", "a", MARKED);
        daemon_await_crash(d);
        daemon_start(d);
        daemon_expect(d, 1, FILE_DONE, "KFTP_RECOVERED=1");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file, 7 B");
        daemon_expect(d, 1, "PUT", NULL);
        daemon_stop(d, SIGTERM);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, daemon_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(test_by_hand_behind_a_lost_reply),
                test(test_single_by_hand_behind_a_lost_reply),
                test(test_by_timer_behind_a_lost_reply),
                test(test_not_inherited),
                test(test_download_by_hand),
                test(test_hot_behind_a_lost_reply),
                test(test_hot_and_doubtful),
                test(test_scheduled_and_doubtful),
                test(test_hot_goes_on),
                test(test_retry),
                test(test_retry_of_set),
                test(test_retry_tries_once),
                test(test_killed_before_it_has_failed),
                test(test_scheduled_download),
                test(test_then_of_upload),
                test(test_marker_after_a_crash),
                test(test_changed),
                test(test_changed_during_a_crash),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
