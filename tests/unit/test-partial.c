/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Partial downloads: their names, who may have them, and what is gone on from. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "libkftp/partial-state.h"
#include "libkftp/partial.h"
#include "libkftp/transfer.h"
#include "util.h"

#define IDENTITY "ftp://anonymous@h:21/pub/x.bin"

/* Each test works in a directory of its own, which is also the current one. */
static char directory[64];

static int set_up(void **state) {
        (void) state;
        strcpy(directory, "/tmp/kftp-test-XXXXXX");
        return mkdtemp(directory) && chdir(directory) >= 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

static int tear_down(void **state) {
        (void) state;
        return chdir("/") < 0 ? -1 : nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static KftpUrl url = { .host = (char *) "h", .port = 21, .path = (char *) "pub/x.bin", .base = (char *) "x.bin" };

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

static void write_all(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static void test_name_beside(void **state) {
        char name[256];

        (void) state;
        for (size_t n = 1; n < sizeof(name); n++) {
                _cleanup_free_ char *beside = NULL;

                memset(name, 'x', n);
                name[n] = '\0';
                beside = kftp_name_beside(name, ".kftp-part", 255);
                assert_non_null(beside);
                assert_true(strlen(beside) <= 255);
                assert_int_equal(beside[0], '.');
                assert_string_equal(beside + strlen(beside) - 10, ".kftp-part");
                assert_int_equal(strchr(beside, '~') == NULL, n <= 243);
        }
}

/* Names that agree in all but their ends do not share a temporary file. */
static void test_long_names_differ(void **state) {
        char a[256], b[256];
        _cleanup_free_ char *of_a = NULL, *of_b = NULL;

        (void) state;
        memset(a, 'x', 255);
        a[255] = '\0';
        strcpy(b, a);
        b[254] = 'y';
        of_a = kftp_name_beside(a, ".kftp-part", 255);
        of_b = kftp_name_beside(b, ".kftp-part", 255);
        assert_string_not_equal(of_a, of_b);
        assert_memory_equal(of_a, of_b, 200);
}

/* A name is not cut in the middle of a character. */
static void test_long_names_stay_utf8(void **state) {
        char name[256] = "";

        (void) state;
        for (unsigned shift = 0; shift < 3; shift++) {
                _cleanup_free_ char *beside = NULL, *escaped = NULL;

                memset(name, 'x', shift);
                name[shift] = '\0';
                while (strlen(name) + 3 <= 255)
                        strcat(name, "\xe2\x82\xac");
                beside = kftp_name_beside(name, ".kftp-part", 255);
                escaped = kftp_escape(beside, strlen(beside));
                assert_string_equal(beside, escaped);
        }
}

static void expect_names(const char *dest, const char *final, const char *temporary) {
        _cleanup_free_ char *f = NULL, *t = NULL, *expected_final = NULL, *expected_temporary = NULL;
        KftpFailure failure = {};
        int r = kftp_get_names(&url, dest, &f, &t, &failure);

        if (r < 0)
                fail_msg("kftp_get_names: %s", failure.text);
        assert_true(asprintf(&expected_final, "%s/%s", directory, final) > 0);
        assert_true(asprintf(&expected_temporary, "%s/%s", directory, temporary) > 0);
        assert_string_equal(f, expected_final);
        assert_string_equal(t, expected_temporary);
}

static void test_destinations(void **state) {
        _cleanup_free_ char *absolute = NULL;

        (void) state;
        assert_int_equal(mkdir("sub", 0755), 0);
        write_all("old", "old");
        assert_int_equal(symlink("sub", "link"), 0);
        expect_names(NULL, "x.bin", ".x.bin.kftp-part");
        expect_names("", "x.bin", ".x.bin.kftp-part");
        expect_names(".", "x.bin", ".x.bin.kftp-part");
        expect_names("./", "x.bin", ".x.bin.kftp-part");
        expect_names("y", "y", ".y.kftp-part");
        expect_names("./y", "y", ".y.kftp-part");
        expect_names("old", "old", ".old.kftp-part");
        expect_names("sub", "sub/x.bin", "sub/.x.bin.kftp-part");
        expect_names("sub/", "sub/x.bin", "sub/.x.bin.kftp-part");
        expect_names("sub/y", "sub/y", "sub/.y.kftp-part");
        expect_names("link", "link/x.bin", "link/.x.bin.kftp-part");
        assert_true(asprintf(&absolute, "%s/sub/z", directory) > 0);
        expect_names(absolute, "sub/z", "sub/.z.kftp-part");
}

static void refuse_names(const KftpUrl *u, const char *dest, enum kftp_class class, int error) {
        char *f = NULL, *t = NULL;
        KftpFailure failure = {};

        assert_int_equal(kftp_get_names(u, dest, &f, &t, &failure), error);
        assert_int_equal(failure.class, class);
        assert_non_null(failure.text);
        assert_false(failure.transient);
        kftp_failure_done(&failure);
}

static void test_refused_destinations(void **state) {
        KftpUrl nameless = url, dots = url;
        char name[257];

        (void) state;
        nameless.base = (char *) "";
        dots.base = (char *) "..";
        memset(name, 'x', 256);
        name[256] = '\0';
        assert_int_equal(mkdir("x.bin", 0755), 0);
        refuse_names(&url, NULL, KFTP_CLASS_LOCAL, -EISDIR);
        refuse_names(&url, "/dev/null", KFTP_CLASS_LOCAL, -EEXIST);
        refuse_names(&url, "absent/", KFTP_CLASS_LOCAL, -ENOENT);
        refuse_names(&url, name, KFTP_CLASS_LOCAL, -ENAMETOOLONG);
        refuse_names(&nameless, "y", KFTP_CLASS_USAGE, -EINVAL);
        refuse_names(&dots, NULL, KFTP_CLASS_USAGE, -EINVAL);
        expect_names("y", "y", ".y.kftp-part");
}

/* ---- The temporary file ----------------------------------------------------------------------- */

static void test_delivery(void **state) {
        _cleanup_free_ char *text = NULL;
        KftpFailure f = {};
        KftpPartial p;
        struct stat st;
        mode_t mask = umask(027);

        (void) state;
        write_all("x.bin", "the old one");
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
        write_all(".x.bin.kftp-part", "another's");
        kftp_partial_remove(&p);
        assert_int_equal(size_of(".x.bin.kftp-part"), 9);
        kftp_partial_close(&p);
        umask(mask);
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

/* What somebody may have put there for us to write to. */
static void test_traps(void **state) {
        KftpPartial p;

        (void) state;
        write_all("victim", "victim");
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
                write_all(".x.bin.kftp-state", texts[i]);
                expect_fresh_start();
        }
        /* the form that these were derived from is good */
        leave_partial();
        write_all(".x.bin.kftp-state", "{\"version\":1,\"url\":\"" IDENTITY "\",\"size\":100,\"mtime\":1,\"synced\":6}");
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

/* ---- Passwords, attempts ----------------------------------------------------------------------- */

static void expect_password(const char *content, const char *password) {
        _cleanup_free_ char *got = NULL;
        KftpFailure f = {};
        int r;

        write_all("pw", content);
        r = kftp_read_password_file("pw", &got, &f);
        if (password) {
                assert_int_equal(r, 0);
                assert_string_equal(got, password);
        } else {
                assert_true(r < 0);
                assert_int_equal(f.class, KFTP_CLASS_USAGE);
        }
        kftp_failure_done(&f);
}

static void test_password_files(void **state) {
        char text[KFTP_MAX_CREDENTIAL + 8];
        KftpFailure f = {};
        char *got = NULL;

        (void) state;
        expect_password("secret", "secret");
        expect_password("secret\n", "secret");
        expect_password("secret\r\n", "secret");
        expect_password(" se cret \nnext\n", " se cret ");
        expect_password("", NULL);
        expect_password("\nsecret\n", NULL);
        expect_password("sec\tret\n", NULL);
        memset(text, 'x', sizeof(text));
        text[KFTP_MAX_CREDENTIAL] = '\0';
        expect_password(text, text);
        strcpy(text + KFTP_MAX_CREDENTIAL, "\r\n");
        write_all("pw", text);
        assert_int_equal(kftp_read_password_file("pw", &got, &f), 0);
        assert_int_equal(strlen(got), KFTP_MAX_CREDENTIAL);
        free(got);
        strcpy(text + KFTP_MAX_CREDENTIAL, "x");
        expect_password(text, NULL);

        write_all("pw", "secret\n");
        assert_int_equal(chmod("pw", 0640), 0);
        assert_int_equal(kftp_read_password_file("pw", &got, &f), -EPERM);
        assert_non_null(strstr(f.text, "chmod 0600 pw"));
        assert_int_equal(mkfifo("pipe", 0600), 0);
        assert_int_equal(kftp_read_password_file("pipe", &got, &f), -EINVAL);
        assert_int_equal(kftp_read_password_file("absent", &got, &f), -ENOENT);
        assert_int_equal(f.class, KFTP_CLASS_LOCAL);
        kftp_failure_done(&f);
}

static void test_backoff(void **state) {
        static const struct {
                uint64_t first;
                unsigned n;
                uint64_t expected;      /* without the jitter */
        } rows[] = {
                { 0, 1,   1 * USEC_PER_SEC  }, { 0, 2, 2 * USEC_PER_SEC },  { 0, 4,          8 * USEC_PER_SEC   },
                { 0, 9, 256 * USEC_PER_SEC  }, { 0, 10, 300 * USEC_PER_SEC }, { 0, UINT32_MAX, 300 * USEC_PER_SEC },
                { 30 * USEC_PER_SEC, 1, 30 * USEC_PER_SEC }, { 30 * USEC_PER_SEC, 3, 120 * USEC_PER_SEC },
                { 999 * USEC_PER_SEC, 1, 300 * USEC_PER_SEC }, { UINT64_MAX, 2, 300 * USEC_PER_SEC },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                uint64_t least = kftp_backoff_usec(rows[i].first, rows[i].n, 0), most = kftp_backoff_usec(rows[i].first, rows[i].n, UINT32_MAX);

                assert_int_equal(least, rows[i].expected * 3 / 4);
                assert_int_equal(most, rows[i].expected * 5 / 4);
        }
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_name_beside),
                cmocka_unit_test(test_long_names_differ),
                cmocka_unit_test(test_long_names_stay_utf8),
                IN_DIRECTORY(test_destinations),
                IN_DIRECTORY(test_refused_destinations),
                IN_DIRECTORY(test_delivery),
                IN_DIRECTORY(test_busy),
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
                IN_DIRECTORY(test_password_files),
                cmocka_unit_test(test_backoff),
        };

        return cmocka_run_group_tests_name("partial", tests, NULL, NULL);
}
