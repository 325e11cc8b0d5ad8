/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies of sets: what is delivered and what is not, what becomes of the source, and that each file arrives once whenever kftpd crashes. */

#include <signal.h>
#include <sys/stat.h>

#include "asking.h"
#include "daemon.h"
#include "kftpd/catalog-ids.h"

#define FILE_DONE "MESSAGE_ID=" KFTP_MESSAGE_FILE_DONE
#define FILE_FAILED "MESSAGE_ID=" KFTP_MESSAGE_FILE_FAILED
#define JOB_DONE "MESSAGE_ID=" KFTP_MESSAGE_JOB_DONE
#define JOB_FAILED "MESSAGE_ID=" KFTP_MESSAGE_JOB_FAILED
#define ATTEMPT_FAILED "MESSAGE_ID=" KFTP_MESSAGE_ATTEMPT_FAILED

static int set_up(void **state) {
        Daemon *d;

        if (daemon_setup(state) < 0)
                return -1;
        d = *state;
        return mkdir(daemon_path(d, "source"), 0755);
}

static void put_source(const Daemon *d, const char *name) {
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "source/%s", name) > 0);
        put_file(d, path, name);
}

/* Takes what was delivered, as a consumer does; returns whether it was there. */
static bool take(const Daemon *d, const char *name) {
        return unlink(daemon_path(d, "out/%s", name)) >= 0;
}

/* ---- What is delivered ---------------------------------------------------------------------------- */

static void test_once(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_source(d, "b");
        daemon_start(d);
        put_set(d, "acme", "set", "FileMode=0640\nVerify=size hash\n[Job]\nLimitRate=1K\nTimeoutSec=7\n");
        daemon_expect(d, 1, JOB_DONE, "MESSAGE=acme: done: 2 files, 2 B in ");
        daemon_expect(d, 2, "FETCH set/dir/", "resume=1 verify=5 rate=1024 timeout=7000000 mode=640 durable=1");
        daemon_expect(d, 1, FILE_DONE, "MESSAGE=acme: set/dir/a -> ");
        daemon_check_field(d, FILE_DONE, "dir/a ->", "KFTP_REMOTE=ftp://fake/set/dir/a");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_FILES=2");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_TRIGGER=revision");
        assert_true(daemon_field(d, JOB_DONE, "KFTP_RUN=") > 0);

        /* what is new, or another version, also for another revision of the job, and after a restart */
        daemon_stop(d, SIGTERM);
        assert_true(take(d, "a") && take(d, "b"));
        put_file(d, "source/b", "bb");
        put_source(d, "c");
        put_set(d, "acme", "set", "IfExists=overwrite\n");
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "MESSAGE=acme: done: 2 files, 3 B in ");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_UNCHANGED=1");
        daemon_expect(d, 2, "FETCH set/dir/", "resume=0");
        assert_false(file_exists(d, "out/a"));

        /* with its file the job is forgotten, and all that it has delivered */
        remove_file(d, "conf/acme.job");
        daemon_await_gone(d, "state/ledger/acme.json");
        assert_false(file_exists(d, "state/delivered/acme"));
        put_set(d, "acme", "set", NULL);
        daemon_expect(d, 1, JOB_DONE, "MESSAGE=acme: done: 3 files");
        daemon_stop(d, SIGTERM);
}

static void test_if_exists_skip(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *text = NULL;

        put_source(d, "a");
        put_source(d, "b");
        put_file(d, "out/a", "ours");
        daemon_start(d);
        put_set(d, "acme", "set", "IfExists=skip\n[Source]\nThen=delete\n");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file, 1 B in ");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_UNCHANGED=1");
        text = get_file(d, "out/a");
        assert_string_equal(text, "ours");
        assert_true(file_exists(d, "source/a"));
        daemon_stop(d, SIGTERM);
}

/* What is there already has not arrived: it is looked at again and again, and is no run each time. */
static void test_watch_and_skip(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_file(d, "out/a", "ours");
        daemon_start(d);
        put_set(d, "acme", "set", "IfExists=skip\n[Job]\nWatch=yes\nPollSec=1s\n");
        daemon_expect(d, 1, JOB_DONE, "done: 0 files");
        for (unsigned i = 0; daemon_count(d, "LIST set/dir/", NULL) < 4; i++) {
                assert_true(i < 2000);
                (void) usleep(10000);
        }
        put_source(d, "b");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file, 1 B");
        daemon_expect(d, 1, JOB_DONE, "done: 0 files");
        daemon_stop(d, SIGTERM);
}

/* The rest is delivered at once; what grows is waited for, and the run goes on. */
static void test_growing(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_source(d, "growing-b");
        daemon_start(d);
        put_set(d, "acme", "set", NULL);
        daemon_expect(d, 1, FILE_DONE, NULL);
        daemon_expect(d, 0, JOB_DONE, NULL);
        put_source(d, "b");
        remove_file(d, "source/growing-b");
        daemon_expect(d, 1, JOB_DONE, "done: 2 files");
        daemon_expect(d, 1, "FETCH set/dir/a", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_nothing(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_set(d, "fine", "set", NULL);
        daemon_expect(d, 1, JOB_DONE, "done: 0 files");
        put_set(d, "empty", "set", "[Job]\nIfEmpty=fail\nRetries=1\nRetrySec=1ms\n");
        daemon_expect(d, 1, JOB_FAILED, "no file was found in ftp://fake/set/dir/, and the job says IfEmpty=fail, given up after 2 attempts");
        daemon_expect(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_RUN_EMPTY, "KFTP_JOB=empty");
        put_source(d, "a");
        put_set(d, "few", "set", "[Job]\nExpect=2\nRetries=0\n");
        daemon_expect(d, 1, JOB_FAILED, "1 file was delivered, and the job says Expect=2");
        daemon_expect(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_RUN_TOO_FEW, "KFTP_JOB=few");
        put_set(d, "enough", "set", "[Job]\nIfEmpty=fail\nExpect=1\n");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=enough");
        daemon_stop(d, SIGTERM);
}

/* The directory that a date is part of is made, and the URL of the records is the one that is meant. */
static void test_dated(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *text = NULL;

        put_source(d, "a");
        assert_true(asprintf(&text, "[Source]\nURL=ftp://fake/set/{date:%%Y}x/\n[Target]\nPath=%s/out/{date:%%Y}/deep/\n", d->directory) > 0);
        daemon_start(d);
        put_file(d, "conf/acme.job", text);
        daemon_expect(d, 1, JOB_DONE, "KFTP_REMOTE=ftp://fake/set/2");
        daemon_expect(d, 1, FILE_DONE, "/deep/a: 1 B in ");
        daemon_expect(d, 0, FILE_DONE, "{date");
        daemon_stop(d, SIGTERM);
}

/* ---- What fails ----------------------------------------------------------------------------------- */

/* One that fails for good stops no other one, and is not tried again with those that may pass. */
static void test_failures(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_source(d, "bad-b");
        put_source(d, "busy-c");
        put_source(d, "d");
        assert_int_equal(mkdir(daemon_path(d, "failed"), 0755), 0);
        daemon_start(d);
        put_set(d, "acme", "set", "[Job]\nRetries=3\nRetrySec=200ms\n[Source]\nThenOnFailure=move failed\n");
        daemon_expect(d, 1, ATTEMPT_FAILED, "attempt 1 of 4 failed: 2 files failed, the first: bad-b: 550");
        put_file(d, "go", "");
        daemon_expect(d, 1, JOB_FAILED, "1 file failed, not retried; 3 files");
        daemon_check_field(d, JOB_FAILED, NULL, "KFTP_CLASS=some-failed");
        daemon_check_field(d, JOB_FAILED, NULL, "KFTP_FAILED=1");
        daemon_expect(d, 1, "FETCH set/dir/a", NULL);
        daemon_expect(d, 1, "FETCH set/dir/bad-b", NULL);
        daemon_expect(d, 1, FILE_FAILED, NULL);
        daemon_check_field(d, FILE_FAILED, NULL, "KFTP_REMOTE=ftp://fake/set/dir/bad-b");
        daemon_expect(d, 1, "FETCH set/dir/d", NULL);
        assert_true(file_exists(d, "failed/bad-b") && file_exists(d, "out/busy-c") && file_exists(d, "source/a"));
        daemon_stop(d, SIGTERM);
}

/* A server that hangs up each time is not asked for all the others. */
static void test_server_down(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_source(d, "down-b");
        put_source(d, "down-c");
        put_source(d, "down-d");
        daemon_start(d);
        put_set(d, "acme", "set", "[Job]\nRetries=1\nRetrySec=200ms\n[Source]\nThenOnFailure=delete\n");
        daemon_expect(d, 1, ATTEMPT_FAILED, "Connection reset");
        daemon_expect(d, 1, JOB_FAILED, "given up after 2 attempts; 1 file");
        daemon_expect(d, 0, "FETCH set/dir/down-d", NULL);
        assert_true(file_exists(d, "source/down-b"));   /* it is not that file's fault */
        daemon_stop(d, SIGTERM);
}

/* Of others of ours: the attempt is not lost. Alone it counts. */
static void test_server_full(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_set(d, "alone", "full", "[Job]\nRetries=1\nRetrySec=1ms\n");
        daemon_expect(d, 1, JOB_FAILED, "too many connections\" (fake:21), given up after 2 attempts");
        daemon_stop(d, SIGTERM);
}

static void test_damaged_store(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        daemon_start(d);
        put_set(d, "acme", "set", NULL);
        daemon_expect(d, 1, JOB_DONE, NULL);
        put_file(d, "state/delivered/acme", "nonsense\n");
        put_set(d, "acme", "set", "# again\n");
        daemon_expect(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_LEDGER_DAMAGED, "delivered/acme is damaged");
        daemon_expect(d, 1, JOB_FAILED, "not known what has been delivered");
        daemon_expect(d, 1, "FETCH", NULL);
        remove_file(d, "state/delivered/acme");
        put_set(d, "acme", "set", "# and again\n");
        daemon_expect(d, 2, JOB_DONE, NULL);
        daemon_stop(d, SIGTERM);
}

static void test_interrupted(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_source(d, "hold-b");
        daemon_start(d);
        put_set(d, "acme", "set", NULL);
        daemon_expect(d, 1, "FETCH set/dir/hold-b", NULL);
        daemon_stop(d, SIGTERM);
        daemon_expect(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_JOB_INTERRUPTED, "interrupted after 1 file, 1 B");
        put_file(d, "go", "");
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "done: 2 files, 7 B in ");
        daemon_expect(d, 0, "FETCH set/dir/a", NULL);
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_UNCHANGED=0");
        daemon_stop(d, SIGTERM);
}

/* ---- What becomes of the source ------------------------------------------------------------------- */

static void test_then(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_source(d, "b");
        assert_int_equal(mkdir(daemon_path(d, "moved"), 0755), 0);
        put_file(d, "then-fails", "");
        daemon_start(d);
        put_set(d, "acme", "set", "[Job]\nRetrySec=200ms\n[Source]\nThen=move moved\n");
        daemon_expect(d, 1, ATTEMPT_FAILED, "2 files failed, the first: a: 450");
        remove_file(d, "then-fails");
        daemon_expect(d, 1, JOB_DONE, "done: 2 files");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_MOVED=2");
        daemon_expect(d, 1, "FETCH set/dir/a", NULL);
        daemon_expect(d, 1, "THEN-DIRECTORY", NULL);
        assert_true(file_exists(d, "moved/a") && file_exists(d, "moved/b") && !file_exists(d, "source/a"));
        daemon_stop(d, SIGTERM);
}

/* The version that was fetched is not fetched again, though it was another one that had been listed. */
static void test_replaced_meanwhile(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_file(d, "replace", "");
        daemon_start(d);
        put_set(d, "acme", "set", NULL);
        daemon_expect(d, 1, JOB_DONE, "done: 1 file, 16 B");
        put_set(d, "acme", "set", "# edited\n");
        daemon_expect(d, 1, JOB_DONE, "done: 0 files");
        daemon_check_field(d, JOB_DONE, "done: 0 files", "KFTP_UNCHANGED=1");
        daemon_expect(d, 1, "FETCH", NULL);
        daemon_stop(d, SIGTERM);
}

/* What was fetched is compared with what is there; and a difference that stays is not waited for for ever. */
static void test_changed_before_then(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_file(d, "replace", "");
        put_file(d, "crash-before-then", "");
        daemon_start(d);
        put_set(d, "acme", "set", "[Job]\nRetries=1\nRetrySec=1ms\n[Source]\nThen=delete\n");
        daemon_await_crash(d);
        put_file(d, "then-changed", "");
        daemon_start(d);
        daemon_expect(d, 1, JOB_FAILED, "1 file failed, the first: a: another version of it has come");
        daemon_expect(d, 2, "THEN delete a size=16", NULL);
        daemon_expect(d, 0, "FETCH", NULL);
        daemon_stop(d, SIGTERM);
}

/* A single file has no store: the ledger alone knows. */
static void test_then_of_one(void **state) {
        Daemon *d = *state;

        put_source(d, "acme.csv");
        put_file(d, "then-fails", "");
        daemon_start(d);
        put_job(d, "acme", "ok", "[Job]\nRetrySec=200ms\n[Source]\nThen=delete\n");
        daemon_expect(d, 1, ATTEMPT_FAILED, "not now");
        daemon_stop(d, SIGKILL);
        assert_true(take(d, "acme.csv"));
        remove_file(d, "then-fails");
        daemon_start(d);
        daemon_expect(d, 1, "THEN delete acme.csv size=11", NULL);
        daemon_expect(d, 1, FILE_DONE, "KFTP_RECOVERED=1");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        daemon_expect(d, 0, "CALL", NULL);
        assert_false(file_exists(d, "out/acme.csv") || file_exists(d, "source/acme.csv"));
        daemon_stop(d, SIGTERM);
}

/* Until the daemon has said so many times that nothing runs: what ended is put away then, and can be asked for again. */
static void await_idle(Daemon *d, unsigned n) {
        for (unsigned i = 0; daemon_count(d, "NOTIFY", "STATUS=0 running, 0 queued") < n; i++) {
                assert_true(i < 2000);
                (void) usleep(10000);
        }
}

/* The run has failed behind the delivery: to try it again by hand is not to deliver it again. */
static void test_retry_of_then(void **state) {
        Daemon *d = *state;

        put_source(d, "acme.csv");
        put_file(d, "then-fails", "");
        daemon_start(d);
        put_job(d, "acme", "ok", "[Job]\nRetries=0\n[Source]\nThen=delete\n");
        daemon_expect(d, 1, JOB_FAILED, "not now");
        assert_true(take(d, "acme.csv"));
        remove_file(d, "then-fails");
        await_idle(d, 2);
        daemon_ask(d, "retry acme");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        daemon_expect(d, 1, "CALL", NULL);
        assert_false(file_exists(d, "out/acme.csv") || file_exists(d, "source/acme.csv"));
        daemon_stop(d, SIGTERM);
}

/* Somebody has removed the file before it had its name, or afterwards: nobody has got it, and the source is the only copy there is. */
static void check_lost(Daemon *d, const char *how) {
        put_source(d, "acme.csv");
        put_file(d, how, "");
        daemon_start(d);
        put_job(d, "acme", "ok", "[Job]\nRetries=0\n[Source]\nThen=delete\n");
        daemon_expect(d, 1, JOB_FAILED, NULL);
        (void) unlink(daemon_path(d, "out/.acme.csv.kftp-part"));
        await_idle(d, 2);
        daemon_ask(d, "retry acme");
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        daemon_expect(d, 2, "CALL", NULL);
        assert_true(file_exists(d, "out/acme.csv"));
        daemon_stop(d, SIGTERM);
}

static void test_temporary_removed(void **state) {
        check_lost(*state, "lose-temporary");
}

static void test_temporary_left(void **state) {
        check_lost(*state, "rename-fails");
}

/* That another transfer has the file passes. */
static void test_busy(void **state) {
        Daemon *d = *state;

        put_file(d, "lose-temporary", "");
        daemon_start(d);
        put_job(d, "acme", "ok", "[Job]\nRetries=1\nRetrySec=1ms\n");
        daemon_expect(d, 1, JOB_DONE, "KFTP_ATTEMPT=2");
        daemon_expect(d, 1, ATTEMPT_FAILED, "KFTP_CLASS=busy");
        daemon_stop(d, SIGTERM);
}

/* What was delivered is so again if somebody says so, once. */
static void test_again(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        daemon_start(d);
        put_set(d, "acme", "set", NULL);
        daemon_expect(d, 1, JOB_DONE, "done: 1 file");
        await_idle(d, 2);
        daemon_ask(d, "run acme");
        daemon_expect(d, 1, JOB_DONE, "done: 0 files");
        daemon_check_field(d, JOB_DONE, "done: 0 files", "KFTP_TRIGGER=hand");
        await_idle(d, 3);
        daemon_ask(d, "run-again acme");
        daemon_expect(d, 2, JOB_DONE, "done: 1 file");
        daemon_expect(d, 2, "FETCH set/dir/a", NULL);
        daemon_stop(d, SIGTERM);
}

/* ---- Crashes -------------------------------------------------------------------------------------- */

static void crash_at(Daemon *d, const char *crash, bool delivered) {
        put_source(d, "a");
        put_source(d, "b");
        put_file(d, crash, "");
        daemon_start(d);
        put_set(d, "acme", "set", "[Source]\nThen=delete\n");
        daemon_await_crash(d);
        assert_int_equal(take(d, "a"), delivered);

        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "done: 2 files, 2 B");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_MOVED=2");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_UNCHANGED=0");
        daemon_expect(d, delivered ? 0 : 1, "FETCH set/dir/a", NULL);
        assert_int_equal(take(d, "a"), !delivered);
        assert_true(take(d, "b"));
        assert_false(file_exists(d, "source/a"));
        assert_false(file_exists(d, "source/b"));
}

static void test_crash_before_rename(void **state) {
        Daemon *d = *state;

        crash_at(d, "crash-before-rename", false);
        daemon_expect(d, 0, FILE_DONE, "KFTP_RECOVERED");
        daemon_stop(d, SIGTERM);
}

static void test_crash_after_rename(void **state) {
        Daemon *d = *state;

        crash_at(d, "crash-after-rename", true);
        daemon_expect(d, 1, FILE_DONE, "KFTP_RECOVERED=1");
        daemon_check_field(d, FILE_DONE, "KFTP_RECOVERED=1", "KFTP_REMOTE=ftp://fake/set/dir/a");
        daemon_stop(d, SIGTERM);
}

static void test_crash_before_then(void **state) {
        Daemon *d = *state;

        crash_at(d, "crash-before-then", true);
        daemon_expect(d, 0, FILE_DONE, "KFTP_RECOVERED");       /* the store knows it, and it was reported */
        daemon_stop(d, SIGTERM);
}

static void test_crash_after_then(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_file(d, "crash-after-then", "");
        daemon_start(d);
        put_set(d, "acme", "set", "[Source]\nThen=delete\n");
        daemon_await_crash(d);
        assert_true(take(d, "a"));
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "done: 1 file, 1 B");
        daemon_expect(d, 0, "FETCH", NULL);
        daemon_stop(d, SIGTERM);
}

/* The job was edited while kftpd was down: what the other revision has delivered is not delivered again. */
static void test_crash_then_edit(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_file(d, "crash-after-rename", "");
        daemon_start(d);
        put_set(d, "acme", "set", NULL);
        daemon_await_crash(d);
        assert_true(take(d, "a"));
        put_set(d, "acme", "set", "# edited\n");
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "done: 0 files");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_UNCHANGED=1");
        daemon_expect(d, 1, FILE_DONE, "KFTP_RECOVERED=1");
        daemon_expect(d, 0, "FETCH", NULL);
        daemon_stop(d, SIGTERM);
}

/* The store cannot be written: what has its name is delivered, and known to be, when it can. */
static void test_state_disk_full(void **state) {
        Daemon *d = *state;

        put_source(d, "a");
        put_source(d, "hold-b");
        daemon_start(d);
        put_set(d, "acme", "set", NULL);
        daemon_expect(d, 1, "FETCH set/dir/hold-b", NULL);
        daemon_fill_disk(d, true);
        put_file(d, "go", "");
        daemon_expect(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_QUEUE_STOPPED, NULL);
        daemon_fill_disk(d, false);
        daemon_expect(d, 1, JOB_DONE, "done: 2 files");
        daemon_expect(d, 1, "FETCH set/dir/a", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_no_room(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "huge", "[Job]\nRetries=0\n");
        daemon_expect(d, 1, JOB_FAILED, " are free on its file system, and 1.0 EiB are needed for acme.csv");
        daemon_expect(d, 0, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_once, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_if_exists_skip, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_watch_and_skip, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_growing, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_nothing, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_dated, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_failures, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_server_down, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_server_full, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_damaged_store, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_interrupted, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_then, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_replaced_meanwhile, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_changed_before_then, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_then_of_one, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_retry_of_then, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_temporary_removed, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_temporary_left, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_busy, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_again, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_crash_before_rename, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_crash_after_rename, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_crash_before_then, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_crash_after_then, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_crash_then_edit, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_state_disk_full, set_up, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_no_room, set_up, daemon_teardown),
        };

        return cmocka_run_group_tests_name("sets", tests, NULL, NULL);
}
