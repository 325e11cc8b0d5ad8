/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kftpd from the outside: what happens when job files come, change and go, and what is told of it. */

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "kftpd/catalog-ids.h"
#include "daemon.h"

#define FILE_DONE "MESSAGE_ID=" KFTP_MESSAGE_FILE_DONE
#define JOB_DONE "MESSAGE_ID=" KFTP_MESSAGE_JOB_DONE
#define JOB_FAILED "MESSAGE_ID=" KFTP_MESSAGE_JOB_FAILED
#define ATTEMPT_FAILED "MESSAGE_ID=" KFTP_MESSAGE_ATTEMPT_FAILED
#define CANCELLED "MESSAGE_ID=" KFTP_MESSAGE_JOB_CANCELLED
#define REJECTED "MESSAGE_ID=" KFTP_MESSAGE_JOB_REJECTED
#define WARNING "MESSAGE_ID=" KFTP_MESSAGE_JOB_WARNING
#define RUN_WARNING "MESSAGE_ID=" KFTP_MESSAGE_RUN_WARNING

static void test_once_per_revision(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "ok", NULL);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=acme");
        daemon_expect(d, 1, FILE_DONE, "KFTP_JOB=acme");
        assert_true(file_exists(d, "out/acme.csv"));

        assert_int_equal(utimensat(AT_FDCWD, daemon_path(d, "conf/acme.job"), NULL, 0), 0);     /* touch */
        daemon_expect_still(d, 1, "CALL", NULL);
        put_job(d, "acme", "ok", NULL);                                                         /* the same bytes */
        daemon_expect_still(d, 1, "CALL", NULL);

        daemon_stop(d, SIGTERM);
        daemon_start(d);
        daemon_expect_still(d, 0, "CALL", NULL);
        daemon_expect(d, 0, JOB_DONE, NULL);

        put_job(d, "acme", "ok", "# edited\n");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=acme");
        daemon_expect(d, 1, "CALL acme.csv", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_fields(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *out = NULL, *text = NULL;

        daemon_start(d);
        put_job(d, "acme", "ok", "[Job]\nRetries=7\nRetrySec=2s\n[Source]\nUser=u\nDataConnection=active\n");
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect(d, 1, "CALL acme.csv retries=0 retry_usec=0 resume=1 user=u password=- mode=3", NULL);

        assert_true(asprintf(&out, "KFTP_LOCAL=%s/out/acme.csv", d->directory) > 0);
        assert_true(asprintf(&text, "MESSAGE=acme: ok/acme.csv -> %s/out/acme.csv: 11 B in 3.1 s (1.0 MiB/s), resumed at 4 B",
                             d->directory) > 0);
        daemon_check_field(d, FILE_DONE, NULL, text);
        daemon_check_field(d, FILE_DONE, NULL, out);
        daemon_check_field(d, FILE_DONE, NULL, "PRIORITY=6");
        daemon_check_field(d, FILE_DONE, NULL, "SYSLOG_IDENTIFIER=kftpd");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_RESULT=done");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_JOB=acme");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_REMOTE=ftp://fake/ok/acme.csv");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_BYTES=11");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_RESUMED_FROM=4");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_USEC=3100000");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_RATE=1048576");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_ATTEMPT=1");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_MTIME=1000000000");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_REPLY_CODE=226");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_REPLY=226 Done\\x1b[2J");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_PEER=192.0.2.1:21");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_LOCAL_ADDR=192.0.2.2:40000");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_DATA_PEER=192.0.2.1:20");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_DATA_LOCAL_ADDR=192.0.2.2:40001");
        daemon_check_field(d, JOB_DONE, NULL, "MESSAGE=acme: done: 1 file, 11 B in 4.1 s");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_FILES=1");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_USEC=4100000");

        daemon_stop(d, SIGTERM);
        free(text);
        text = get_file(d, "stderr");   /* which is not the journal here */
        assert_non_null(strstr(text, "\nacme: done: 1 file, 11 B in 4.1 s\n"));
}

static void test_rejected(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *message = NULL, *file = NULL;

        daemon_start(d);
        put_job(d, "acme", "ok", "[Job]\nRetries=x\nColour=blue\n");
        daemon_expect(d, 1, REJECTED, "KFTP_JOB=acme");
        daemon_expect(d, 1, WARNING, "KFTP_JOB=acme");
        assert_true(asprintf(&message, "MESSAGE=%s/conf/acme.job:6:9: error: Retries=\"x\": not a number from 0 to 1000",
                             d->directory) > 0);
        assert_true(asprintf(&file, "CONFIG_FILE=%s/conf/acme.job", d->directory) > 0);
        daemon_check_field(d, REJECTED, NULL, message);
        daemon_check_field(d, REJECTED, NULL, file);
        daemon_check_field(d, REJECTED, NULL, "CONFIG_LINE=6");
        daemon_check_field(d, REJECTED, NULL, "CONFIG_COLUMN=9");
        daemon_check_field(d, WARNING, NULL, "CONFIG_LINE=7");
        daemon_expect(d, 1, "NOTIFY", "STATUS=0 running, 0 queued, 0 failed, 1 rejected");
        daemon_expect_still(d, 0, "CALL", NULL);

        put_job(d, "other", "ok", NULL);        /* a scan says nothing twice */
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=other");
        daemon_expect(d, 1, REJECTED, NULL);

        put_job(d, "acme", "ok", "[Job]\nRetries=1\n");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=acme");
        daemon_stop(d, SIGTERM);
}

/* A warning is said once for each revision. */
static void test_warning(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "ok", "[Job]\nColour=blue\n");
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_check_field(d, WARNING, NULL, "PRIORITY=4");
        assert_int_equal(utimensat(AT_FDCWD, daemon_path(d, "conf/acme.job"), NULL, 0), 0);
        daemon_expect_still(d, 1, WARNING, "unknown key \"Colour\" in [Job] is ignored");
        put_job(d, "acme", "ok", "[Job]\nColour=green\n");
        daemon_expect(d, 2, WARNING, NULL);
        daemon_stop(d, SIGTERM);
}

static void test_removal_cancels(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "hold", NULL);
        daemon_expect(d, 1, "CALL", NULL);
        remove_file(d, "conf/acme.job");
        daemon_expect(d, 1, CANCELLED, "MESSAGE=acme: cancelled: its file was removed");
        daemon_await_gone(d, "state/ledger/acme.json");
        daemon_expect(d, 2, "NOTIFY", "STATUS=0 running, 0 queued, 0 failed");
        assert_false(file_exists(d, "out/acme.csv"));

        put_file(d, "go", "");
        put_job(d, "acme", "hold", NULL);       /* dropped again, it runs again */
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect(d, 2, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_edit_while_running(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "hold", NULL);
        daemon_expect(d, 1, "CALL", NULL);
        put_job(d, "acme", "ok", NULL);
        daemon_expect(d, 1, CANCELLED, "its file was changed");
        daemon_expect(d, 1, JOB_DONE, "KFTP_REMOTE=ftp://fake/ok/acme.csv");

        put_job(d, "acme", "hold", "# 2\n");
        daemon_expect(d, 3, "CALL", NULL);
        put_job(d, "acme", "hold", "[Source]\nURL=nonsense\n");
        daemon_expect(d, 2, CANCELLED, NULL);
        daemon_expect(d, 1, "NOTIFY", "STATUS=0 running, 0 queued, 0 failed, 1 rejected");
        daemon_expect_still(d, 3, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

/* Drops a job and waits until it has run: whatever has changed before is known, then. */
static void let_notice(Daemon *d, const char *name) {
        _cleanup_free_ char *field = NULL;

        put_job(d, name, "ok", NULL);
        assert_true(asprintf(&field, "KFTP_JOB=%s", name) > 0);
        daemon_expect(d, 1, JOB_DONE, field);
}

/* A run takes its time to end; until then the same file is there again. Nothing has failed, and the run goes on. */
static void test_same_file_back_before_the_end(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_file(d, "deaf", "");
        put_job(d, "moved", "hold", NULL);
        put_job(d, "edited", "hold", NULL);
        daemon_expect(d, 2, "CALL", NULL);
        remove_file(d, "conf/moved.job");
        put_job(d, "edited", "ok", NULL);
        let_notice(d, "one");
        put_job(d, "moved", "hold", NULL);
        put_job(d, "edited", "hold", NULL);
        let_notice(d, "two");
        put_file(d, "go", "");
        remove_file(d, "deaf");
        daemon_expect(d, 1, JOB_DONE, "KFTP_REMOTE=ftp://fake/hold/moved.csv");
        daemon_expect(d, 1, JOB_DONE, "KFTP_REMOTE=ftp://fake/hold/edited.csv");
        daemon_expect(d, 0, JOB_FAILED, NULL);
        daemon_stop(d, SIGTERM);
        daemon_start(d);
        daemon_expect_still(d, 0, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_mask(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "hold", NULL);
        daemon_expect(d, 1, "CALL", NULL);
        remove_file(d, "conf/acme.job");
        assert_int_equal(symlink("/dev/null", daemon_path(d, "conf/acme.job")), 0);
        daemon_expect(d, 1, CANCELLED, "its file was masked");
        daemon_expect_still(d, 1, "CALL", NULL);

        put_file(d, "go", "");
        put_job(d, "acme", "hold", NULL);
        daemon_expect(d, 1, JOB_DONE, NULL);
        remove_file(d, "conf/acme.job");
        assert_int_equal(symlink("/dev/null", daemon_path(d, "conf/acme.job")), 0);
        daemon_expect_still(d, 2, "CALL", NULL);
        put_job(d, "acme", "hold", NULL);       /* unmasked, it is still done */
        daemon_expect_still(d, 2, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_failures(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "gone", "fail", "[Job]\nRetries=5\n");
        daemon_expect(d, 1, JOB_FAILED, "KFTP_JOB=gone");
        daemon_check_field(d, JOB_FAILED, "KFTP_JOB=gone", "MESSAGE=gone: failed: 550 no such file (fake:21), not retried");
        daemon_check_field(d, JOB_FAILED, "KFTP_JOB=gone", "PRIORITY=3");
        daemon_check_field(d, JOB_FAILED, "KFTP_JOB=gone", "KFTP_RESULT=failed");
        daemon_check_field(d, JOB_FAILED, "KFTP_JOB=gone", "KFTP_CLASS=remote");
        daemon_check_field(d, JOB_FAILED, "KFTP_JOB=gone", "KFTP_REPLY_CODE=550");
        daemon_expect(d, 1, "CALL gone.csv", NULL);

        put_job(d, "down", "flaky", "[Job]\nRetries=2\nRetrySec=1ms\n");
        daemon_expect(d, 1, JOB_FAILED, "KFTP_JOB=down");
        daemon_expect(d, 2, ATTEMPT_FAILED, "KFTP_JOB=down");
        daemon_check_field(d, ATTEMPT_FAILED, "KFTP_ATTEMPT=1",
                           "MESSAGE=down: attempt 1 of 3 failed: fake:21: Connection refused; the next one in 0.0 s");
        daemon_expect(d, 2, ATTEMPT_FAILED, "KFTP_DELAY_USEC=");
        daemon_check_field(d, ATTEMPT_FAILED, "KFTP_ATTEMPT=2", "ERRNO=111");
        daemon_check_field(d, JOB_FAILED, "KFTP_JOB=down",
                           "MESSAGE=down: failed: fake:21: Connection refused, given up after 3 attempts");
        daemon_check_field(d, JOB_FAILED, "KFTP_JOB=down", "KFTP_ATTEMPT=3");
        daemon_expect(d, 1, "NOTIFY", "STATUS=0 running, 0 queued, 2 failed");

        daemon_stop(d, SIGTERM);
        daemon_start(d);                        /* what has failed is not tried again by itself */
        daemon_expect_still(d, 0, "CALL", NULL);
        daemon_expect(d, 1, "NOTIFY", "STATUS=0 running, 0 queued, 2 failed");
        daemon_stop(d, SIGTERM);
}

#define PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void test_tls(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "acme", "ok", "[Source]\nTLS=require\nCAFile=/ca\nCertificateFile=/cert\nKeyFile=/key\nPin=" PIN "\n");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=acme");
        daemon_expect(d, 1, "CALL acme.csv", "tls=2 ca=/ca cert=/cert key=/key pin=" PIN);
        daemon_check_field(d, FILE_DONE, "KFTP_JOB=acme", "KFTP_TLS=TLS1.3 TLS_AES_256_GCM_SHA384 resumed");

        put_job(d, "clear", "ok", NULL);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=clear");
        daemon_expect(d, 1, "CALL clear.csv", "tls=0 ca=- cert=- key=- pin=-");
        daemon_expect(d, 1, FILE_DONE, "KFTP_TLS=");

        put_job(d, "stripped", "ok", "[Source]\nTLS=auto\n");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=stripped");
        daemon_check_field(d, RUN_WARNING, "KFTP_JOB=stripped", "MESSAGE=stripped: fake:21 has no TLS");
        daemon_check_field(d, RUN_WARNING, NULL, "PRIORITY=4");
        daemon_expect(d, 1, FILE_DONE, "KFTP_TLS=");

        /* nothing that passes by itself */
        put_job(d, "forged", "untrusted", "[Job]\nRetries=5\nRetrySec=1ms\n[Source]\nTLS=require\n");
        daemon_expect(d, 1, JOB_FAILED, "KFTP_JOB=forged");
        daemon_check_field(d, JOB_FAILED, NULL, "MESSAGE=forged: failed: fake:990: the certificate is expired, not retried");
        daemon_check_field(d, JOB_FAILED, NULL, "KFTP_CLASS=tls");
        daemon_expect(d, 1, "CALL forged.csv", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_password_file(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *text = NULL;

        put_file(d, "pw", "geheim\n");
        assert_int_equal(chmod(daemon_path(d, "pw"), 0644), 0);
        assert_true(asprintf(&text, "[Source]\nUser=u\nPasswordFile=%s/pw\n", d->directory) > 0);
        daemon_start(d);
        put_job(d, "acme", "ok", text);
        daemon_expect(d, 1, JOB_FAILED, "not retried");
        daemon_expect(d, 0, "CALL", NULL);

        assert_int_equal(chmod(daemon_path(d, "pw"), 0600), 0);
        put_job(d, "other", "ok", text);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=other");
        daemon_expect(d, 1, "CALL other.csv", "user=u password=geheim");
        daemon_expect(d, 0, "KFTP_JOB", "geheim");
        daemon_stop(d, SIGTERM);
}

static void test_reload(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "bad", "ok", "[Target]\nPath=relative\n");
        daemon_expect(d, 1, REJECTED, NULL);
        put_job(d, "good", "hold", NULL);
        daemon_expect(d, 1, "CALL", NULL);
        assert_int_equal(kill(d->pid, SIGHUP), 0);
        daemon_expect(d, 1, "NOTIFY", "RELOADING=1\nMONOTONIC_USEC=");
        daemon_expect(d, 2, "NOTIFY", "READY=1");
        daemon_expect(d, 2, REJECTED, NULL);    /* said again */

        put_file(d, "go", "");                  /* the transfer did not notice */
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect(d, 1, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_directory_comes_and_goes(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *conf = strdup(daemon_path(d, "conf")), *away = strdup(daemon_path(d, "away"));

        put_job(d, "done", "ok", NULL);
        assert_int_equal(rename(conf, away), 0);
        daemon_start(d);
        daemon_expect(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_DIRECTORY_MISSING, "No such file or directory");
        assert_int_equal(rename(away, conf), 0);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=done");

        put_job(d, "held", "hold", NULL);
        daemon_expect(d, 2, "CALL", NULL);
        assert_int_equal(rename(conf, away), 0);
        daemon_expect(d, 1, CANCELLED, "KFTP_JOB=held");
        daemon_expect(d, 2, "MESSAGE_ID=" KFTP_MESSAGE_DIRECTORY_MISSING, NULL);
        put_file(d, "go", "");
        assert_int_equal(rename(away, conf), 0);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=held");
        daemon_expect_still(d, 3, "CALL", NULL);        /* what was done is not repeated */
        daemon_stop(d, SIGTERM);
}

/* Another directory is there, and it is empty: what is left where one was mounted. */
static void test_directory_replaced_by_an_empty_one(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *conf = strdup(daemon_path(d, "conf")), *away = strdup(daemon_path(d, "away"));

        put_job(d, "done", "ok", NULL);
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=done");
        assert_int_equal(rename(conf, away), 0);
        assert_int_equal(mkdir(conf, 0755), 0);
        daemon_expect_still(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_DIRECTORY_MISSING, NULL);
        daemon_check_field(d, "MESSAGE_ID=" KFTP_MESSAGE_DIRECTORY_MISSING, NULL, "ERRNO=19");
        assert_true(file_exists(d, "state/ledger/done.json"));

        assert_int_equal(rmdir(conf), 0);
        assert_int_equal(rename(away, conf), 0);
        daemon_expect_still(d, 1, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

/* Names can be read, but the files behind them cannot be looked at: they have not been removed for that. */
static void test_directory_that_may_not_be_searched(void **state) {
        Daemon *d = *state;

        if (geteuid() != 0)
                skip();
        d->unprivileged = true;
        put_job(d, "done", "ok", NULL);
        put_job(d, "held", "hold", NULL);
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=done");
        daemon_expect(d, 2, "CALL", NULL);
        assert_int_equal(chmod(daemon_path(d, "conf"), 0744), 0);
        assert_int_equal(chown(daemon_path(d, "conf"), 0, 0), 0);
        daemon_expect(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_DIRECTORY_MISSING, "Permission denied");
        daemon_expect(d, 1, CANCELLED, "KFTP_JOB=held");
        assert_true(file_exists(d, "state/ledger/done.json"));
        assert_true(file_exists(d, "state/ledger/held.json"));

        put_file(d, "go", "");
        assert_int_equal(chmod(daemon_path(d, "conf"), 0755), 0);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=held");
        daemon_expect_still(d, 3, "CALL", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_watchdog(void **state) {
        Daemon *d = *state;

        d->watchdog = true;
        daemon_start(d);
        put_job(d, "acme", "hold", NULL);
        daemon_expect(d, 1, "CALL", NULL);
        daemon_expect_watchdog(d, 2);
        daemon_stop(d, SIGTERM);
        daemon_expect(d, 1, "NOTIFY", "STOPPING=1");
}

/* Everything that is no job lies in the directory: each has its error, or is passed over. */
static void test_strange_files(void **state) {
        Daemon *d = *state;

        assert_int_equal(mkfifo(daemon_path(d, "conf/fifo.job"), 0644), 0);
        assert_int_equal(mkdir(daemon_path(d, "conf/dir.job"), 0755), 0);
        assert_int_equal(symlink("/dev/zero", daemon_path(d, "conf/zero.job")), 0);
        put_file(d, "conf/a name.job", "[Source]\n");
        put_file(d, "conf/good.job.dpkg-new", "[Source]\n");
        put_file(d, "conf/good.job~", "[Source]\n");
        put_file(d, "conf/.hidden.job", "[Source]\n");
        put_file(d, "conf/.job", "[Source]\n");
        put_job(d, "good", "ok", NULL);
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=good");
        daemon_expect(d, 4, REJECTED, NULL);
        daemon_expect(d, 1, REJECTED, "fifo.job: error: not a regular file");
        daemon_expect(d, 1, REJECTED, "dir.job: error: not a regular file");
        daemon_expect(d, 1, REJECTED, "zero.job: error: a symbolic link");
        daemon_expect(d, 1, REJECTED, "a name.job: error: the name of a job");
        daemon_stop(d, SIGTERM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_once_per_revision, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_fields, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_rejected, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_warning, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_removal_cancels, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_edit_while_running, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_same_file_back_before_the_end, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_mask, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_failures, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_tls, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_password_file, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_reload, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_directory_comes_and_goes, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_directory_replaced_by_an_empty_one, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_directory_that_may_not_be_searched, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_watchdog, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_strange_files, daemon_setup, daemon_teardown),
        };

        return cmocka_run_group_tests_name("manager", tests, NULL, NULL);
}
