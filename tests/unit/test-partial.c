/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Partial downloads: who may have them, and what is gone on from. */

#include "directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "libkftp/partial-state.h"
#include "libkftp/partial.h"
#include "util.h"

#define IDENTITY "ftp://anonymous@h:21/pub/x.bin"

static KftpUrl url = { .host = (char *) "h", .port = 21, .path = (char *) "pub/x.bin", .base = (char *) "x.bin" };

static int synced_fd = -1;              /* the last one that could be */

/* Stands in for the C library's. */
int fsync(int fd) {
        int r = (int) syscall(SYS_fsync, fd);

        if (r >= 0)
                synced_fd = fd;
        return r;
}

static void open_good(KftpPartial *p, bool resume) {
        KftpFailure f = {};
        int r;

        *p = (KftpPartial) KFTP_PARTIAL_INIT;
        r = kftp_partial_open(p, &url, NULL, IDENTITY, resume, &f);
        if (r < 0)
                fail_msg("kftp_partial_open: %s", f.text);
}

static void put(KftpPartial *p, const char *text, off_t at) {
        assert_int_equal(pwrite(p->fd, text, strlen(text), at), strlen(text));
}

static off_t size_of(const char *path) {
        struct stat st;

        return lstat(path, &st) < 0 ? -1 : st.st_size;
}

static char *read_all(const char *path) {
        char *text = calloc(1, 4096);
        int fd = open(path, O_RDONLY);

        assert_non_null(text);
        assert_true(fd >= 0);
        assert_true(read(fd, text, 4095) >= 0);
        close(fd);
        return text;
}

/* ---- The temporary file ----------------------------------------------------------------------- */

static void test_delivery(void **state) {
        _cleanup_free_ char *text = NULL;
        KftpFailure f = {};
        KftpPartial p;
        struct stat st;
        mode_t mask = umask(027);

        (void) state;
        test_write_file("x.bin", "the old one");
        open_good(&p, false);
        put(&p, "new", 0);
        assert_int_equal(kftp_partial_sync(&p, &f), 0);
        text = read_all("x.bin");
        assert_string_equal(text, "the old one");
        assert_int_equal(kftp_partial_rename(&p, &f), 0);
        free(text);
        text = read_all("x.bin");
        assert_string_equal(text, "new");
        assert_int_equal(stat("x.bin", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(size_of(".x.bin.kftp-part"), -1);

        /* the name may be another transfer's by now */
        test_write_file(".x.bin.kftp-part", "another's");
        kftp_partial_remove(&p);
        assert_int_equal(size_of(".x.bin.kftp-part"), 9);
        kftp_partial_close(&p);
        umask(mask);
}

/*
 * In a directory where files may be made but which may not be read: it cannot be synced, so the file is,
 * once more after its rename.
 */
static int deliver_to_closed_directory(void) {
        KftpFailure f = {};
        KftpPartial p;
        int fd, r;

        if (chmod(".", 0333) < 0 || (geteuid() == 0 && seteuid(65534) < 0))
                return 1;
        open_good(&p, false);
        put(&p, "new", 0);
        fd = p.fd;
        if (kftp_partial_sync(&p, &f) < 0 || synced_fd != fd)
                return 2;
        synced_fd = -1;
        if (kftp_partial_rename(&p, &f) < 0)
                return 3;
        r = synced_fd == fd ? 0 : 4;
        kftp_partial_close(&p);
        return r;
}

static void test_delivery_to_closed_directory(void **state) {
        pid_t pid = fork();
        int status;

        (void) state;
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(deliver_to_closed_directory());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(chmod(".", 0700), 0);
        assert_int_equal(size_of("x.bin"), 3);
}

static void test_busy(void **state) {
        KftpPartial first, second = KFTP_PARTIAL_INIT;
        KftpFailure f = {};

        (void) state;
        open_good(&first, false);
        put(&first, "mine", 0);
        assert_int_equal(kftp_partial_open(&second, &url, NULL, IDENTITY, false, &f), -EBUSY);
        assert_int_equal(f.class, KFTP_CLASS_BUSY);
        assert_false(f.transient);
        kftp_failure_done(&f);
        /* who came second has touched nothing, and takes nothing away */
        kftp_partial_remove(&second);
        kftp_partial_close(&second);
        assert_int_equal(size_of(".x.bin.kftp-part"), 4);
        kftp_partial_remove(&first);
        kftp_partial_close(&first);
        assert_int_equal(size_of(".x.bin.kftp-part"), -1);
        open_good(&second, false);
        kftp_partial_close(&second);
}

/* A file that would not be fit to be taken over is no trap while somebody receives into it. */
static void test_busy_though_unfit(void **state) {
        KftpPartial first, second = KFTP_PARTIAL_INIT;
        KftpFailure f = {};

        (void) state;
        open_good(&first, false);
        put(&first, "mine", 0);
        assert_int_equal(link(".x.bin.kftp-part", "another-name"), 0);
        assert_int_equal(kftp_partial_open(&second, &url, NULL, IDENTITY, false, &f), -EBUSY);
        assert_int_equal(f.class, KFTP_CLASS_BUSY);
        kftp_failure_done(&f);
        kftp_partial_close(&second);
        assert_int_equal(size_of(".x.bin.kftp-part"), 4);
        assert_int_equal(kftp_partial_rename(&first, &f), 0);
        kftp_partial_close(&first);
        assert_int_equal(size_of("x.bin"), 4);
}

/* Another program that knows no lock has put its file under the temporary name. */
static void check_replaced(bool replaced_before_sync) {
        KftpFailure f = {};
        KftpPartial p;

        open_good(&p, false);
        put(&p, "mine", 0);
        assert_int_equal(unlink(".x.bin.kftp-part"), 0);
        test_write_file(".x.bin.kftp-part", "another's");
        assert_int_equal(replaced_before_sync ? kftp_partial_sync(&p, &f) : kftp_partial_rename(&p, &f), -EBUSY);
        assert_int_equal(f.class, KFTP_CLASS_BUSY);
        assert_non_null(strstr(f.text, "another program has removed or replaced"));
        kftp_failure_done(&f);
        assert_int_equal(size_of("x.bin"), -1);
        kftp_partial_remove(&p);
        kftp_partial_close(&p);
        assert_int_equal(size_of(".x.bin.kftp-part"), 9);
}

static void test_replaced_by_another(void **state) {
        (void) state;
        check_replaced(false);
        assert_int_equal(unlink(".x.bin.kftp-part"), 0);
        check_replaced(true);
}

/* What somebody may have put there for us to write to. */
static void test_traps(void **state) {
        KftpPartial p;

        (void) state;
        test_write_file("victim", "victim");
        assert_int_equal(symlink("victim", ".x.bin.kftp-part"), 0);
        open_good(&p, true);
        put(&p, "data", 0);
        assert_int_equal(size_of("victim"), 6);
        kftp_partial_remove(&p);
        kftp_partial_close(&p);

        assert_int_equal(link("victim", ".x.bin.kftp-part"), 0);
        open_good(&p, true);
        put(&p, "data", 0);
        assert_int_equal(size_of("victim"), 6);
        kftp_partial_remove(&p);
        kftp_partial_close(&p);

        assert_int_equal(mkfifo(".x.bin.kftp-part", 0666), 0);
        open_good(&p, true);
        put(&p, "data", 0);
        kftp_partial_close(&p);
        assert_int_equal(size_of(".x.bin.kftp-part"), 4);
}

static void test_no_directory(void **state) {
        KftpPartial p = KFTP_PARTIAL_INIT;
        KftpFailure f = {};

        (void) state;
        assert_int_equal(kftp_partial_open(&p, &url, "absent/y", IDENTITY, false, &f), -ENOENT);
        assert_int_equal(f.class, KFTP_CLASS_LOCAL);
        kftp_failure_done(&f);
        kftp_partial_close(&p);
}

/* ---- Resuming --------------------------------------------------------------------------------- */

/* Ten bytes, the first six of them on record. */
static void leave_partial(void) {
        KftpPartial p;

        open_good(&p, false);
        kftp_partial_describe(&p, 100, 1700000000);
        put(&p, "012345", 0);
        assert_int_equal(kftp_partial_checkpoint(&p, 6), 0);
        put(&p, "6789", 6);
        kftp_partial_close(&p);
        assert_int_equal(size_of(".x.bin.kftp-part"), 10);
}

static void test_resumed(void **state) {
        KftpPartial p;

        (void) state;
        leave_partial();
        open_good(&p, true);
        assert_int_equal(p.remote_size, 100);
        assert_int_equal(p.remote_mtime, 1700000000);
        assert_int_equal(kftp_partial_offset(&p), 6);
        /* what is beyond was never synced: it may be anything */
        assert_int_equal(kftp_partial_cut(&p), 0);
        assert_int_equal(size_of(".x.bin.kftp-part"), 6);
        kftp_partial_close(&p);
}

static void expect_fresh_start(void) {
        KftpPartial p;

        open_good(&p, true);
        assert_int_equal(kftp_partial_offset(&p), 0);
        assert_int_equal(p.remote_size, KFTP_SIZE_UNKNOWN);
        assert_int_equal(size_of(".x.bin.kftp-part"), 0);
        assert_int_equal(size_of(".x.bin.kftp-state"), -1);
        kftp_partial_close(&p);
}

static void test_not_without_leave(void **state) {
        KftpPartial p;

        (void) state;
        leave_partial();
        open_good(&p, false);
        assert_int_equal(kftp_partial_offset(&p), 0);
        assert_int_equal(size_of(".x.bin.kftp-part"), 0);
        assert_int_equal(size_of(".x.bin.kftp-state"), -1);
        kftp_partial_close(&p);
}

static void test_not_of_another_file(void **state) {
        KftpPartial p = KFTP_PARTIAL_INIT;
        KftpFailure f = {};

        (void) state;
        leave_partial();
        assert_int_equal(kftp_partial_open(&p, &url, NULL, "ftp://somebody@h:21/pub/x.bin", true, &f), 0);
        assert_int_equal(kftp_partial_offset(&p), 0);
        assert_int_equal(size_of(".x.bin.kftp-part"), 0);
        kftp_partial_close(&p);
}

/* After a power cut the file may be shorter than what was on record of an older one. */
static void test_not_of_a_shorter_partial(void **state) {
        (void) state;
        leave_partial();
        assert_int_equal(truncate(".x.bin.kftp-part", 5), 0);
        expect_fresh_start();
}

static void test_not_without_partial(void **state) {
        (void) state;
        leave_partial();
        assert_int_equal(unlink(".x.bin.kftp-part"), 0);
        expect_fresh_start();
}

static void test_not_by_size_alone(void **state) {
        (void) state;
        leave_partial();
        assert_int_equal(unlink(".x.bin.kftp-state"), 0);
        expect_fresh_start();
}

static void test_bad_states(void **state) {
        static const char *const texts[] = {
                "",
                "{",
                "[]",
                "{\"version\":1}",
                "{\"version\":2,\"url\":\"" IDENTITY "\",\"size\":100,\"mtime\":1,\"synced\":6}",
                "{\"version\":1,\"url\":\"" IDENTITY "\",\"size\":100,\"mtime\":1,\"synced\":0}",
                "{\"version\":1,\"url\":\"" IDENTITY "\",\"size\":100,\"mtime\":1,\"synced\":-6}",
                "{\"version\":1,\"url\":\"" IDENTITY "\",\"size\":100,\"mtime\":1,\"synced\":11}",
                "{\"version\":1,\"url\":\"" IDENTITY "\",\"size\":5,\"mtime\":1,\"synced\":6}",
                "{\"version\":1,\"url\":\"" IDENTITY "\",\"size\":-1,\"mtime\":1,\"synced\":6}",
                "{\"version\":1,\"url\":\"" IDENTITY "\",\"size\":\"100\",\"mtime\":1,\"synced\":6}",
                "{\"version\":1,\"url\":\"" IDENTITY "\",\"size\":100,\"synced\":6}",
                "{\"version\":1,\"url\":\"" IDENTITY "\",\"size\":1e300,\"mtime\":1,\"synced\":6}",
                "{\"version\":1,\"url\":7,\"size\":100,\"mtime\":1,\"synced\":6}",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                print_message("%s\n", texts[i]);
                leave_partial();
                test_write_file(".x.bin.kftp-state", texts[i]);
                expect_fresh_start();
        }
        /* the form that these were derived from is good */
        leave_partial();
        test_write_file(".x.bin.kftp-state", "{\"version\":1,\"url\":\"" IDENTITY "\",\"size\":100,\"mtime\":1,\"synced\":6}");
        KftpPartial p;
        open_good(&p, true);
        assert_int_equal(kftp_partial_offset(&p), 6);
        kftp_partial_close(&p);
}

static void test_strange_states(void **state) {
        (void) state;
        leave_partial();
        assert_int_equal(rename(".x.bin.kftp-state", "elsewhere"), 0);
        assert_int_equal(symlink("elsewhere", ".x.bin.kftp-state"), 0);
        expect_fresh_start();
        assert_true(size_of("elsewhere") > 0);

        leave_partial();
        assert_int_equal(unlink(".x.bin.kftp-state"), 0);
        assert_int_equal(mkfifo(".x.bin.kftp-state", 0600), 0);
        expect_fresh_start();

        leave_partial();
        assert_int_equal(truncate(".x.bin.kftp-state", 1 << 20), 0);
        expect_fresh_start();
}

/* A file that cannot be recognised again leaves no record, and is not gone on from. */
static void test_unknown_remote(void **state) {
        static const struct {
                uint64_t size;
                int64_t mtime;
        } unknown[] = {
                { KFTP_SIZE_UNKNOWN, 1700000000         },
                { 100,               KFTP_MTIME_UNKNOWN },
                { KFTP_SIZE_UNKNOWN, KFTP_MTIME_UNKNOWN },
        };
        KftpPartial p;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(unknown); i++) {
                open_good(&p, false);
                kftp_partial_describe(&p, unknown[i].size, unknown[i].mtime);
                put(&p, "012345", 0);
                assert_int_equal(kftp_partial_checkpoint(&p, 6), 0);
                assert_int_equal(kftp_partial_offset(&p), 0);
                assert_int_equal(size_of(".x.bin.kftp-state"), -1);
                kftp_partial_close(&p);
                expect_fresh_start();
        }
}

/* More than the server had promised is no part of it. */
static void test_too_long(void **state) {
        KftpPartial p;

        (void) state;
        open_good(&p, false);
        kftp_partial_describe(&p, 5, 1700000000);
        put(&p, "012345", 0);
        assert_int_equal(kftp_partial_checkpoint(&p, 6), 0);
        assert_int_equal(kftp_partial_offset(&p), 0);
        kftp_partial_close(&p);
        expect_fresh_start();
}

static void test_checkpoints_go_forward(void **state) {
        KftpPartial p;

        (void) state;
        leave_partial();
        open_good(&p, true);
        assert_int_equal(kftp_partial_cut(&p), 0);
        put(&p, "abcd", 6);
        assert_int_equal(kftp_partial_checkpoint(&p, 10), 0);
        assert_int_equal(kftp_partial_checkpoint(&p, 6), 0);
        assert_int_equal(kftp_partial_offset(&p), 10);
        kftp_partial_close(&p);
        open_good(&p, true);
        assert_int_equal(kftp_partial_offset(&p), 10);
        kftp_partial_remove(&p);
        kftp_partial_close(&p);
        assert_int_equal(size_of(".x.bin.kftp-part"), -1);
        assert_int_equal(size_of(".x.bin.kftp-state"), -1);
        assert_int_equal(size_of(".x.bin.kftp-new"), -1);
}

/* ---- Before anything is sent ------------------------------------------------------------------- */

static void test_credentials(void **state) {
        static const KftpOptions rows[] = {
                { .password = "a\r\nDELE x" },
                { .user = "a\tb" },
                { .account = "a\177" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                KftpResult result;

                assert_int_equal(kftp_get(&url, NULL, &rows[i], &result), -EINVAL);
                assert_int_equal(result.failure.class, KFTP_CLASS_USAGE);
                assert_null(strstr(result.failure.text, "DELE"));
                assert_int_equal(result.attempts, 0);
                assert_int_equal(size_of(".x.bin.kftp-part"), -1);
                kftp_result_done(&result);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                IN_DIRECTORY(test_delivery),
                IN_DIRECTORY(test_delivery_to_closed_directory),
                IN_DIRECTORY(test_busy),
                IN_DIRECTORY(test_busy_though_unfit),
                IN_DIRECTORY(test_replaced_by_another),
                IN_DIRECTORY(test_traps),
                IN_DIRECTORY(test_no_directory),
                IN_DIRECTORY(test_resumed),
                IN_DIRECTORY(test_not_without_leave),
                IN_DIRECTORY(test_not_of_another_file),
                IN_DIRECTORY(test_not_of_a_shorter_partial),
                IN_DIRECTORY(test_not_without_partial),
                IN_DIRECTORY(test_not_by_size_alone),
                IN_DIRECTORY(test_bad_states),
                IN_DIRECTORY(test_strange_states),
                IN_DIRECTORY(test_unknown_remote),
                IN_DIRECTORY(test_too_long),
                IN_DIRECTORY(test_checkpoints_go_forward),
                IN_DIRECTORY(test_credentials),
        };

        return cmocka_run_group_tests_name("partial", tests, NULL, NULL);
}
