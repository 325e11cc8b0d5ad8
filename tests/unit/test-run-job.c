/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kftp run, which waits for runs to end, and kftp watch, which sees them do so; against a daemon that only talks. */

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>

#include "libkftp.h"
#include "mock-daemon.h"
#include "util.h"

static uint64_t number;                 /* of the last run */
static const char *job;

static void expect(const char *text, const char *part) {
        if (!strstr(text, part))
                fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void remember(const char *name, uint64_t n) {
        job = name;
        number = n;
}

/* ---- How runs end ------------------------------------------------------------------------------------ */

static void end_well(void) {
        mock_end_run(job, number, "done", NULL);
        mock_tell_changed(job);
        mock_tell_ended(job, number);
}

static void end_well_later(const char *name, uint64_t n) {
        remember(name, n);
        mock_later(100, end_well);
}

/* Before the caller can look: no signal says so. */
static void end_at_once(const char *name, uint64_t n) {
        remember(name, n);
        mock_end_run(name, n, "done", NULL);
}

static void test_only_run(void **state) {
        (void) state;
        mock_add("a", "done");
        mock_add("b", "done");
        mock_start();
        assert_int_equal(mock_call("run a"), 0);
        assert_int_equal(mock.runs, 1);
        assert_int_equal(mock.flags, 0);
        assert_int_equal(mock.subscriptions, 0);
        assert_int_equal(mock_call("run --again --calendar b a"), 0);
        assert_int_equal(mock.runs, 3);
        assert_int_equal(mock.flags, 3);
        assert_string_equal(mock.last, "a");
        assert_int_equal(mock_call("run a nosuch b"), KFTP_CLASS_SOME_FAILED);
        assert_int_equal(mock.runs, 5);
}

static void test_wait(void **state) {
        (void) state;
        mock_add("a", "done");
        mock.on_run = end_well_later;
        mock_start();
        assert_int_equal(mock_call("run --wait a"), 0);
        assert_string_equal(mock_out, "a: done: 14 files, 1.2 GiB in 1min 20s\n");
        assert_string_equal(mock_err, "");
        assert_int_equal(mock_call("run --wait -q a"), 0);
        assert_string_equal(mock_out, "");
        assert_int_equal(mock_call("run --wait --json a"), 0);
        expect(mock_out, "{\"job\":\"a\",\"state\":\"done\",");
        mock.on_run = end_at_once;
        assert_int_equal(mock_call("run --wait a"), 0);
        assert_string_equal(mock_out, "a: done: 14 files, 1.2 GiB in 1min 20s\n");
}

static const char *result;

static void end_badly(void) {
        mock_end_run(job, number, result, "it went wrong");
        mock_tell_ended(job, number);
}

static void end_badly_later(const char *name, uint64_t n) {
        remember(name, n);
        mock_later(50, end_badly);
}

static void test_classes(void **state) {
        static const enum kftp_class classes[] = {
                KFTP_CLASS_SOME_FAILED, KFTP_CLASS_AUTH, KFTP_CLASS_REMOTE, KFTP_CLASS_NETWORK, KFTP_CLASS_LOCAL, KFTP_CLASS_INTEGRITY,
                KFTP_CLASS_TLS, KFTP_CLASS_INTERRUPTED, KFTP_CLASS_OTHER,
        };

        (void) state;
        mock_add("a", "done");
        mock.on_run = end_badly_later;
        mock_start();
        for (size_t i = 0; i < ELEMENTS(classes); i++) {
                result = kftp_class_name(classes[i]);
                assert_int_equal(mock_call("run --wait a"), (int) classes[i]);
                expect(mock_err, "kftp: a: failed: it went wrong; ");
                expect(mock_err, "kftp retry a");
                assert_string_equal(mock_out, "");
        }
        result = "a word of a newer daemon";
        assert_int_equal(mock_call("run --wait a"), KFTP_CLASS_OTHER);
}

/* The end of another run of the job, or of another job, is not the one that is waited for. */
static void end_others(void) {
        mock_end_run("a", number - 1, "done", NULL);
        mock_set_text("a", "State", "running");
        mock_set_number("a", "Run", number);
        mock_tell_ended("a", number - 1);
        mock_tell_ended("b", number);
        mock_tell_progress("a");
        mock_later(100, end_badly);
}

static void end_others_later(const char *name, uint64_t n) {
        remember(name, n);
        mock_later(50, end_others);
}

static void test_other_ends(void **state) {
        (void) state;
        mock_add("a", "done");
        mock_add("b", "done");
        mock.on_run = end_others_later;
        mock_start();
        result = "tls";
        assert_int_equal(mock_call("run --wait a"), KFTP_CLASS_TLS);
}

static void test_several(void **state) {
        (void) state;
        mock_add("a", "done");
        mock_add("b", "done");
        mock.on_run = end_at_once;
        mock_start();
        assert_int_equal(mock_call("run --wait a b"), 0);
        expect(mock_out, "a: done");
        expect(mock_out, "b: done");
        assert_int_equal(mock_call("run --wait a nosuch b"), KFTP_CLASS_SOME_FAILED);
        expect(mock_out, "b: done");
        expect(mock_err, "no job 'nosuch'");
}

/* It runs again at once: only the signal tells of the run that was waited for. */
static void end_and_begin_again(void) {
        mock_end_run(job, number, "done", NULL);
        mock_tell_ended(job, number);
        mock_end_run(job, number + 1, "network", NULL);
}

static void end_and_begin_again_later(const char *name, uint64_t n) {
        remember(name, n);
        mock_later(50, end_and_begin_again);
}

static void test_runs_again_at_once(void **state) {
        (void) state;
        mock_add("a", "done");
        mock.on_run = end_and_begin_again_later;
        mock_start();
        assert_int_equal(mock_call("run --wait a"), 0);
}

/* ---- The daemon goes, and comes back ------------------------------------------------------------------ */

static void *restart(void *unused) {
        (void) unused;
        while (mock.subscriptions == 0 || mock.runs == 0)
                usleep(10000);
        usleep(100000);
        mock_stop();
        mock_end_run("a", number, result, "it went wrong");
        usleep(100000);
        mock_start();
        return NULL;
}

static void test_daemon_restarts(void **state) {
        pthread_t other;
        sigset_t all, old;

        (void) state;
        mock_add("a", "done");
        mock.on_run = remember;
        mock_start();
        result = "integrity";
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        assert_int_equal(pthread_create(&other, NULL, restart, NULL), 0);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        assert_int_equal(mock_call("run --wait a"), KFTP_CLASS_INTEGRITY);
        pthread_join(other, NULL);
        expect(mock_err, "kftp: kftpd has ended; what it was doing goes on when it is back\n");
        expect(mock_err, "kftp: a: failed: it went wrong");
        /* it has to tell again what happens */
        assert_int_equal(mock.subscriptions, 2);
}

/* ---- Whoever waits does not want to any more ----------------------------------------------------------- */

static int signal_number;

static void interrupt(void) {
        kill(getpid(), signal_number);
}

static void interrupt_later(const char *name, uint64_t n) {
        remember(name, n);
        mock_later(100, interrupt);
}

static volatile sig_atomic_t terminations;

static void on_termination(int signo) {
        (void) signo;
        terminations++;
}

/* By SIGTERM the command would end as if it did not catch it: a service that was stopped has not failed. */
static void test_stop_waiting(void **state) {
        static const int signals[] = { SIGINT, SIGTERM };

        (void) state;
        assert_true(signal(SIGTERM, on_termination) != SIG_ERR);
        mock_add("a", "done");
        mock.on_run = interrupt_later;
        mock_start();
        for (size_t i = 0; i < ELEMENTS(signals); i++) {
                signal_number = signals[i];
                assert_int_equal(mock_call("run --wait a"), KFTP_CLASS_INTERRUPTED);
                expect(mock_err, "kftp: not waiting any more; what is under way goes on in kftpd (kftp cancel ends it)\n");
                assert_int_equal(terminations, signals[i] == SIGTERM);
        }
        assert_true(signal(SIGTERM, SIG_DFL) == on_termination);
        assert_int_equal(mock.cancels, 0);
}

/* ---- watch --------------------------------------------------------------------------------------------- */

static void finish_watch(void) {
        mock_end_run("a", 5, "remote", "no such file");
        mock_tell_changed("a");
        mock_tell_ended("a", 5);
        mock_set_text("b", "State", "removed");
        mock_tell_changed("b");
        signal_number = SIGINT;
        mock_later(100, interrupt);
}

static void begin_watch(void) {
        mock_set_text("a", "State", "running");
        mock_set_number("a", "Run", 5);
        mock_set_small("a", "Attempt", 2);
        mock_set_small("a", "Retries", 3);
        mock_tell_changed("a");
        mock_tell_progress("a");
        /* nothing new */
        mock_tell_changed("a");
        mock_set_text("b", "State", "waiting");
        mock_set_text("b", "Text", "not there yet");
        mock_tell_changed("b");
        mock_later(50, finish_watch);
}

/* Lines as they are without their times. */
static void test_watch(void **state) {
        (void) state;
        mock_add("a", "queued");
        mock_add("b", "queued");
        mock_start();
        mock.on_listed = begin_watch;
        assert_int_equal(mock_call("watch"), 0);
        expect(mock_out, " a: running, attempt 2 of 4\n");
        assert_null(strstr(strstr(mock_out, "attempt 2") + 1, "attempt 2"));
        expect(mock_out, " b: waiting: not there yet\n");
        expect(mock_out, " a: failed: no such file\n");
        expect(mock_out, " b: removed");
        assert_null(strchr(mock_out, '\033'));
}

static void test_watch_names(void **state) {
        (void) state;
        mock_add("a", "queued");
        mock_add("b", "queued");
        mock_start();
        mock.on_listed = begin_watch;
        assert_int_equal(mock_call("watch b*"), 0);
        expect(mock_out, " b: waiting");
        assert_null(strstr(mock_out, " a: "));
        assert_int_equal(mock_call("watch nosuch"), KFTP_CLASS_USAGE);
}

static void test_watch_json(void **state) {
        unsigned progress = 0, ended = 0;
        char *rest, *line;

        (void) state;
        mock_add("a", "queued");
        mock_add("b", "queued");
        mock_start();
        mock.on_listed = begin_watch;
        assert_int_equal(mock_call("watch --json"), 0);
        rest = mock_out;
        while ((line = strsep(&rest, "\n")) && *line) {
                json_error_t error;
                json_t *root = json_loads(line, 0, &error);
                const char *event = json_string_value(json_object_get(root, "event"));

                assert_non_null(event);
                assert_true(json_integer_value(json_object_get(root, "time")) > 0);
                if (streq(event, "progress")) {
                        progress++;
                        assert_string_equal(json_string_value(json_object_get(root, "job")), "a");
                        assert_int_equal(json_integer_value(json_object_get(root, "file_bytes")), 1048576);
                }
                if (streq(event, "ended")) {
                        ended++;
                        assert_string_equal(json_string_value(json_object_get(root, "last_result")), "remote");
                }
                json_decref(root);
        }
        assert_int_equal(progress, 1);
        assert_int_equal(ended, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                ON_BUS(test_only_run),
                ON_BUS(test_wait),
                ON_BUS(test_classes),
                ON_BUS(test_other_ends),
                ON_BUS(test_several),
                ON_BUS(test_runs_again_at_once),
                ON_BUS(test_daemon_restarts),
                ON_BUS(test_stop_waiting),
                ON_BUS(test_watch),
                ON_BUS(test_watch_names),
                ON_BUS(test_watch_json),
        };

        return cmocka_run_group_tests_name("run job", tests, NULL, NULL);
}
