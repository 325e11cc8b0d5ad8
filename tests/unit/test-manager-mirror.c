/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kftpd's mirrors: what they are asked to do, what is told of each file and of the whole, how they fail and go on. */

#include <signal.h>
#include <sys/stat.h>

#include "kftpd/catalog-ids.h"
#include "kftpd/report-mirror.h"
#include "daemon.h"

#define FILE_DONE "MESSAGE_ID=" KFTP_MESSAGE_FILE_DONE
#define FILE_LINKED "MESSAGE_ID=" KFTP_MESSAGE_FILE_LINKED
#define FILE_DELETED "MESSAGE_ID=" KFTP_MESSAGE_FILE_DELETED
#define FILE_MOVED "MESSAGE_ID=" KFTP_MESSAGE_FILE_MOVED
#define FILE_REFUSED "MESSAGE_ID=" KFTP_MESSAGE_FILE_REFUSED
#define FILE_FAILED "MESSAGE_ID=" KFTP_MESSAGE_FILE_FAILED
#define JOB_DONE "MESSAGE_ID=" KFTP_MESSAGE_JOB_DONE
#define JOB_FAILED "MESSAGE_ID=" KFTP_MESSAGE_JOB_FAILED
#define ATTEMPT_FAILED "MESSAGE_ID=" KFTP_MESSAGE_ATTEMPT_FAILED
#define INTERRUPTED "MESSAGE_ID=" KFTP_MESSAGE_JOB_INTERRUPTED
#define CANCELLED "MESSAGE_ID=" KFTP_MESSAGE_JOB_CANCELLED
#define REJECTED "MESSAGE_ID=" KFTP_MESSAGE_JOB_REJECTED
#define RUN_WARNING "MESSAGE_ID=" KFTP_MESSAGE_RUN_WARNING

/* The field with text made of the daemon's directory. */
static void check_path_field(const Daemon *d, const char *id, const char *format) {
        _cleanup_free_ char *field = NULL;
        const char *at = strchr(format, '@');

        assert_true(asprintf(&field, "%.*s%s%s", (int) (at - format), format, d->directory, at + 1) > 0);
        daemon_check_field(d, id, NULL, field);
}

static void test_what_is_asked(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *call = NULL, *extra = NULL;
        struct stat st;

        put_file(d, "pw", "geheim\n");
        assert_int_equal(chmod(daemon_path(d, "pw"), 0600), 0);
        daemon_start(d);
        assert_int_equal(stat(daemon_path(d, "state/mirror"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);

        put_mirror(d, "plain", "ok", false, NULL);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=plain");
        assert_true(asprintf(&call, "MIRROR ok/tree/ path=%s/out upload=0 delete=0 newer=0 move=0 permissions=0 symlinks=0 compare=0 parallel=0 "
                             "segments=0 shard=0/0 size=0-0 age=0-0 depth=0 filter=0 state=%s/state/mirror retries=3 resume=1 user=- password=- "
                             "mode=0 tls=0 ca=-", d->directory, d->directory) > 0);
        daemon_expect(d, 1, call, NULL);

        assert_true(asprintf(&extra, "User=u\nPasswordFile=%s/pw\nDataConnection=active\nTLS=require\nCAFile=/ca\nDelete=yes\nPermissions=yes\n"
                             "Symlinks=skip\n[Source]\nMatch=*.csv\nMinSize=1\nMaxSize=2\nMinAge=3\nMaxAge=4\nMaxDepth=5\nNewer=yes\n"
                             "[Job]\nRetries=1\nCompare=hash\nParallel=6\nSegments=7\nShard=8/9\n", d->directory) > 0);
        put_mirror(d, "full", "ok", true, extra);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=full");
        free(call);
        assert_true(asprintf(&call, "MIRROR ok/tree/ path=%s/out upload=1 delete=1 newer=1 move=0 permissions=1 symlinks=1 compare=2 parallel=6 "
                             "segments=7 shard=8/9 size=1-2 age=3-4 depth=5 filter=1 state=%s/state/mirror retries=1 resume=1 user=u "
                             "password=geheim mode=3 tls=2 ca=/ca", d->directory, d->directory) > 0);
        daemon_expect(d, 1, call, NULL);
        daemon_expect(d, 0, "KFTP_JOB", "geheim");
        daemon_stop(d, SIGTERM);
}

static void test_download_fields(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_mirror(d, "acme", "ok", false, NULL);
        daemon_expect(d, 1, JOB_DONE, NULL);

        check_path_field(d, FILE_DONE, "MESSAGE=acme: ok/tree/sub/a b.csv -> @/out/sub/a b.csv: 11 B in 3.1 s (1.0 MiB/s), resumed at 4 B");
        check_path_field(d, FILE_DONE, "KFTP_LOCAL=@/out/sub/a b.csv");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_REMOTE=ftp://fake/ok/tree/sub/a%20b.csv");
        daemon_check_field(d, FILE_DONE, NULL, "PRIORITY=6");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_RESULT=done");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_JOB=acme");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_ACTION=get");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_WHY=new");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_BYTES=11");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_RESUMED_FROM=4");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_USEC=3100000");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_RATE=1048576");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_MTIME=1000000000");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_ATTEMPT=1");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_REPLY_CODE=226");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_REPLY=226 Done\\x1b[2J");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_PEER=192.0.2.1:21");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_LOCAL_ADDR=192.0.2.2:40000");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_DATA_PEER=192.0.2.1:20");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_DATA_LOCAL_ADDR=192.0.2.2:40001");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_TLS=TLS1.3 TLS_AES_256_GCM_SHA384 resumed");
        daemon_expect(d, 1, FILE_DONE, NULL);

        check_path_field(d, FILE_LINKED, "MESSAGE=acme: @/out/latest: symbolic link to sub/a b.csv");
        daemon_check_field(d, FILE_LINKED, NULL, "KFTP_ACTION=link");
        daemon_check_field(d, FILE_LINKED, NULL, "KFTP_TARGET=sub/a b.csv");
        check_path_field(d, FILE_DELETED, "MESSAGE=acme: @/out/gone/old.csv: deleted, the source does not have it");
        daemon_check_field(d, FILE_DELETED, NULL, "KFTP_ACTION=delete");
        daemon_check_field(d, FILE_DELETED, "KFTP_ACTION=rmdir", "KFTP_REMOTE=ftp://fake/ok/tree/gone");
        daemon_expect(d, 2, FILE_DELETED, NULL);
        daemon_expect(d, 0, "KFTP_ACTION=mkdir", NULL);
        daemon_expect(d, 0, "KFTP_ACTION=set", NULL);

        daemon_check_field(d, JOB_DONE, NULL, "MESSAGE=acme: done: 2 files, 11 B in 1min 20s, 3 unchanged, 2 deleted, 0 failed");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_REMOTE=ftp://fake/ok/tree/");
        check_path_field(d, JOB_DONE, "KFTP_LOCAL=@/out");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_FILES=2");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_UNCHANGED=3");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_DELETED=2");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_MOVED=0");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_FAILED=0");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_BYTES=11");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_USEC=80000000");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_PEER=192.0.2.1:21");
        daemon_check_field(d, JOB_DONE, NULL, "KFTP_TLS=TLS1.3 TLS_AES_256_GCM_SHA384");
        daemon_stop(d, SIGTERM);
}

/* The other way round: what was sent, and deleted there. */
static void test_upload_messages(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_mirror(d, "acme", "ok", true, NULL);
        daemon_expect(d, 1, JOB_DONE, NULL);
        check_path_field(d, FILE_DONE, "MESSAGE=acme: @/out/sub/a b.csv -> ok/tree/sub/a b.csv: 11 B in 3.1 s (1.0 MiB/s), resumed at 4 B");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_ACTION=put");
        daemon_check_field(d, FILE_DONE, NULL, "KFTP_REMOTE=ftp://fake/ok/tree/sub/a%20b.csv");
        daemon_check_field(d, FILE_DELETED, NULL, "MESSAGE=acme: ok/tree/gone/old.csv: deleted, the source does not have it");

        put_mirror(d, "up", "move", true, "[Source]\nMove=yes\n");
        put_mirror(d, "down", "move", false, "[Source]\nMove=yes\n");
        daemon_expect(d, 1, JOB_DONE, "up: done: 1 file, 11 B in 1min 20s, 0 unchanged, 1 removed from the source, 0 failed");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=down");
        daemon_expect(d, 1, FILE_MOVED, "/out/a.csv: removed from the source, the target has it");
        daemon_expect(d, 1, FILE_MOVED, "MESSAGE=down: move/tree/a.csv: removed from the source, the target has it");
        daemon_stop(d, SIGTERM);
}

/* Whatever the tree's URL looks like, a file's is one. */
static void test_urls(void **state) {
        static const char *const urls[][2] = {
                { "ftp://fake/ok/tree", "ftp://fake/ok/tree/sub/a%20b.csv" },
                { "ftp://fake/ok/%2f", "ftp://fake/ok/%2fsub/a%20b.csv" },
                { "ftp://fake/ok/tree//", "ftp://fake/ok/tree/sub/a%20b.csv" },
                { "ftp://u@fake:2121/ok/t%C3%A4/;type=i", "ftp://u@fake:2121/ok/t%C3%A4/sub/a%20b.csv" },
        };
        Daemon *d = *state;

        daemon_start(d);
        for (size_t i = 0; i < ELEMENTS(urls); i++) {
                _cleanup_free_ char *extra = NULL, *field = NULL;

                assert_true(asprintf(&extra, "[Source]\nURL=%s\n", urls[i][0]) > 0);
                assert_true(asprintf(&field, "KFTP_REMOTE=%s", urls[i][1]) > 0);
                put_mirror(d, "acme", "ok", false, extra);
                daemon_expect(d, 1, JOB_DONE, urls[i][0]);
                daemon_check_field(d, FILE_DONE, urls[i][1], field);
                daemon_clear(d);
        }
        daemon_stop(d, SIGTERM);
}

static void test_once_per_revision(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_mirror(d, "acme", "ok", false, NULL);
        daemon_expect(d, 1, JOB_DONE, NULL);
        put_mirror(d, "acme", "ok", false, NULL);
        daemon_expect_still(d, 1, "MIRROR", NULL);
        daemon_stop(d, SIGTERM);
        daemon_start(d);
        daemon_expect_still(d, 0, "MIRROR", NULL);
        put_mirror(d, "acme", "ok", false, "# edited\n");
        daemon_expect(d, 1, JOB_DONE, "KFTP_FILES=2");
        daemon_expect(d, 1, "MIRROR", NULL);
        daemon_stop(d, SIGTERM);
}

/* Each is told with its path, nothing in which is obeyed; none may pass by itself, so none is tried again. */
static void test_some_failed(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_mirror(d, "acme", "some", false, "[Job]\nRetrySec=1ms\n");
        daemon_expect(d, 1, JOB_FAILED, NULL);
        daemon_check_field(d, JOB_FAILED, NULL,
                           "MESSAGE=acme: failed: 3 files failed, not retried; 1 file, 11 B in 1min 20s, 0 unchanged, 3 failed");
        daemon_check_field(d, JOB_FAILED, NULL, "KFTP_CLASS=some-failed");
        daemon_check_field(d, JOB_FAILED, NULL, "KFTP_FAILED=3");
        daemon_check_field(d, JOB_FAILED, NULL, "KFTP_FILES=1");
        daemon_check_field(d, FILE_FAILED, "KFTP_ACTION=get", "MESSAGE=acme: busy.csv: failed: 450 \"busy\" (fake:21)");
        daemon_check_field(d, FILE_FAILED, "KFTP_ACTION=get", "PRIORITY=4");
        daemon_check_field(d, FILE_FAILED, "KFTP_ACTION=get", "KFTP_RESULT=failed");
        daemon_check_field(d, FILE_FAILED, "KFTP_ACTION=get", "KFTP_REPLY_CODE=450");
        daemon_check_field(d, FILE_FAILED, "KFTP_ACTION=list", "MESSAGE=acme: .: failed: 550 \"gone\\x1b\" (fake:21)");
        daemon_check_field(d, FILE_FAILED, "KFTP_ACTION=list", "KFTP_CLASS=remote");
        daemon_check_field(d, FILE_FAILED, "KFTP_ACTION=list", "ERRNO=2");
        daemon_check_field(d, FILE_REFUSED, NULL, "MESSAGE=acme: ../x\\x0a: refused: holds a slash");
        daemon_check_field(d, FILE_REFUSED, NULL, "KFTP_REMOTE=ftp://fake/some/tree/../x%0A");
        check_path_field(d, FILE_REFUSED, "KFTP_LOCAL=@/out/../x\\x0a");
        daemon_check_field(d, FILE_REFUSED, NULL, "KFTP_RESULT=refused");
        daemon_expect(d, 2, FILE_FAILED, NULL);
        daemon_expect_still(d, 1, "MIRROR", NULL);
        daemon_expect(d, 1, "NOTIFY", "STATUS=0 running, 0 queued, 1 failed");
        daemon_stop(d, SIGTERM);
}

/* What passes is tried again, and what was done adds up; in the end something fails for good. */
static void test_attempts(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_mirror(d, "acme", "passing", false, "[Job]\nRetrySec=500ms\n");
        daemon_expect(d, 1, ATTEMPT_FAILED, "MESSAGE=acme: attempt 1 of 6 failed: 1 file failed; the next one in 0.");
        put_file(d, "for-good", "");
        daemon_expect(d, 1, JOB_FAILED, "not retried; ");
        assert_int_equal(daemon_field(d, JOB_FAILED, "KFTP_FILES="), daemon_field(d, JOB_FAILED, "KFTP_ATTEMPT="));
        assert_int_equal(daemon_field(d, JOB_FAILED, "KFTP_BYTES="), 11 * daemon_field(d, JOB_FAILED, "KFTP_ATTEMPT="));
        daemon_check_field(d, JOB_FAILED, NULL, "KFTP_FAILED=3");       /* of the last one */

        put_mirror(d, "down", "flaky", false, "[Job]\nRetries=2\nRetrySec=1ms\n");
        daemon_expect(d, 1, JOB_FAILED, "failed: fake:21: Connection refused, given up after 3 attempts; 0 files");
        put_mirror(d, "twice", "busy", false, "[Job]\nRetries=1\nRetrySec=1ms\n");
        daemon_expect(d, 1, JOB_FAILED, "failed: the same mirror runs already, given up after 2 attempts");
        put_mirror(d, "gone", "none", false, NULL);
        daemon_expect(d, 1, JOB_FAILED, "gone: failed: 550 no such directory (fake:21), not retried");
        daemon_stop(d, SIGTERM);
}

static void test_interrupted(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_mirror(d, "acme", "hold", false, NULL);
        daemon_expect(d, 1, FILE_DONE, "first.csv");
        daemon_stop(d, SIGTERM);
        daemon_expect(d, 1, INTERRUPTED, "MESSAGE=acme: interrupted after 1 file, 11 B, goes on when kftpd starts again");
        daemon_expect(d, 0, FILE_FAILED, NULL);

        put_file(d, "go", "");
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "MESSAGE=acme: done: 2 files, 22 B in 2min 40s, 1 unchanged, 0 failed");
        daemon_expect(d, 1, "MIRROR", NULL);
        daemon_stop(d, SIGTERM);
}

/* A disk that is not mounted any more looks like a source in which nothing is left. */
static void test_another_source(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *out = strdup(daemon_path(d, "out")), *away = strdup(daemon_path(d, "away"));

        daemon_start(d);
        put_mirror(d, "acme", "hold", true, "Delete=yes\n");
        daemon_expect(d, 1, FILE_DONE, "first.csv");
        daemon_stop(d, SIGTERM);

        assert_int_equal(rename(out, away), 0);
        assert_int_equal(mkdir(out, 0755), 0);
        put_file(d, "go", "");
        daemon_start(d);
        daemon_expect(d, 1, JOB_FAILED, "another directory than when the job began (is it not mounted?)");
        daemon_expect_still(d, 0, "MIRROR", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_killed(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *text = NULL;

        daemon_start(d);
        put_mirror(d, "acme", "hold", false, NULL);
        daemon_expect(d, 1, FILE_DONE, "first.csv");
        text = get_file(d, "state/ledger/acme.json");
        assert_non_null(strstr(text, "\"state\": \"running\""));
        assert_non_null(strstr(text, "\"mirror\": true"));
        daemon_stop(d, SIGKILL);

        put_file(d, "go", "");
        daemon_start(d);
        daemon_expect(d, 1, JOB_DONE, "done: 1 file, 11 B");
        daemon_stop(d, SIGTERM);
        daemon_start(d);
        daemon_expect_still(d, 0, "MIRROR", NULL);
        daemon_stop(d, SIGTERM);
}

static void test_removed(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_mirror(d, "acme", "hold", false, NULL);
        daemon_expect(d, 1, FILE_DONE, "first.csv");
        remove_file(d, "conf/acme.job");
        daemon_expect(d, 1, CANCELLED, "MESSAGE=acme: cancelled: its file was removed");
        daemon_await_gone(d, "state/ledger/acme.json");
        daemon_stop(d, SIGTERM);
}

static void test_no_device(void **state) {
        Daemon *d = *state;

        put_file(d, "no-device", "");
        daemon_start(d);
        put_mirror(d, "acme", "ok", false, NULL);
        daemon_expect(d, 1, "MESSAGE_ID=" KFTP_MESSAGE_QUEUE_STOPPED, "/dev/kftp: No such file or directory; jobs wait");
        remove_file(d, "no-device");
        daemon_expect(d, 1, JOB_DONE, "KFTP_ATTEMPT=1");
        daemon_stop(d, SIGTERM);
}

/* journald drops what comes too fast, level by level: the run's own record is not to be among that. */
static void test_many_files(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_mirror(d, "acme", "many", false, NULL);
        daemon_expect(d, 1, JOB_DONE, "KFTP_FILES=150");
        daemon_expect(d, REPORT_MIRROR_FILES, FILE_DONE, "PRIORITY=6");
        daemon_expect(d, 150 - REPORT_MIRROR_FILES, FILE_DONE, "PRIORITY=7");
        daemon_stop(d, SIGTERM);
}

static void test_warning(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_mirror(d, "acme", "warn", false, NULL);
        daemon_expect(d, 1, JOB_DONE, NULL);
        daemon_expect(d, 1, RUN_WARNING, "MESSAGE=acme: fake:21 has no TLS");
        daemon_stop(d, SIGTERM);
}

/* A source or a target that is not there rejects the job until it is. */
static void test_places(void **state) {
        Daemon *d = *state;
        _cleanup_free_ char *from = NULL, *to = NULL;

        assert_true(asprintf(&from, "[Source]\nPath=%s/later\n", d->directory) > 0);
        assert_true(asprintf(&to, "Path=%s/later/below\n", d->directory) > 0);
        daemon_start(d);
        put_mirror(d, "up", "ok", true, from);
        put_mirror(d, "down", "ok", false, to);
        daemon_expect(d, 1, REJECTED, "up.job:8:6: error: Path=");
        daemon_expect(d, 1, REJECTED, "down.job:7:6: error: Path=");
        daemon_expect_still(d, 0, "MIRROR", NULL);
        assert_int_equal(mkdir(daemon_path(d, "later"), 0755), 0);
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=up");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=down");
        daemon_stop(d, SIGTERM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_what_is_asked, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_download_fields, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_upload_messages, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_urls, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_once_per_revision, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_some_failed, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_attempts, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_interrupted, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_another_source, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_killed, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_removed, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_no_device, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_many_files, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_warning, daemon_setup, daemon_teardown),
                cmocka_unit_test_setup_teardown(test_places, daemon_setup, daemon_teardown),
        };

        return cmocka_run_group_tests_name("manager-mirror", tests, NULL, NULL);
}
