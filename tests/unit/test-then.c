/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of a source's files here. */

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "directory.h"
#include "kftpd/then-internal.h"
#include "util.h"

static KftpJob job;
static KftpFailure failure;
static char *said;
static char elsewhere[] = "/dev/shm/kftp-test-XXXXXX";

static int set_up(void **state) {
        if (test_directory_set_up(state) != 0)
                return -1;
        job = (KftpJob) { .name = (char *) "job", .upload = true, .set = true };
        assert_true(asprintf(&job.path, "%s/out/", test_directory) > 0);
        return mkdir("out", 0700);
}

static int tear_down(void **state) {
        kftp_failure_done(&failure);
        free(STEAL_PTR(said));
        free(job.path);
        return test_directory_tear_down(state);
}

static int then(enum kftp_then action, const char *directory, const char *name, uint64_t size) {
        KftpThen t = { .action = action, .directory = (char *) directory };
        int r;

        free(STEAL_PTR(said));
        kftp_failure_done(&failure);
        r = then_file(&job, &t, NULL, &(ThenFile) { .name = name, .size = size, .mtime = KFTP_MTIME_UNKNOWN }, &said, &failure);
        if (r < 0)
                print_message("    %s\n", failure.text);
        return r;
}

/* The content; NULL: there is no such file. */
static const char *content(const char *path) {
        static char text[100];
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

        if (n < 0)
                return NULL;
        text[n] = '\0';
        return text;
}

static void test_delete(void **state) {
        (void) state;
        job.marker = (char *) "%f.done";
        test_write_file("out/a", "1");
        test_write_file("out/a.done", "");
        test_write_file("out/b", "1");
        assert_int_equal(then(KFTP_THEN_KEEP, NULL, "a", 1), THEN_KEPT);
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 1), THEN_DONE);
        assert_null(content("out/a"));
        assert_null(content("out/a.done"));
        assert_string_equal(content("out/b"), "1");
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 1), THEN_DONE);
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "b", 1), THEN_DONE);
        assert_null(content("out/b"));
}

static void test_marker_without_its_file(void **state) {
        (void) state;
        job.marker = (char *) "%f.done";
        test_write_file("out/a.done", "");
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 1), THEN_DONE);
        assert_null(content("out/a.done"));
}

static void test_changed(void **state) {
        (void) state;
        job.marker = (char *) "%f.done";
        test_write_file("out/a", "12");
        test_write_file("out/a.done", "");
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 1), THEN_CHANGED);
        assert_non_null(strstr(said, "/out/a was changed after it had been sent"));
        assert_string_equal(content("out/a"), "12");
        assert_string_equal(content("out/a.done"), "");
        assert_int_equal(unlink("out/a"), 0);
        assert_int_equal(symlink("a.done", "out/a"), 0);
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 0), THEN_CHANGED);
}

/* Stand in for the C library's: the next version and its marker arrive right before the first change. */
static bool arrives;

static void arrive(void) {
        if (!arrives)
                return;
        arrives = false;
        test_write_file("out/a", "next");
        test_write_file("out/a.done", "next");
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
        arrive();
        return (int) syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

int unlinkat(int fd, const char *path, int flags) {
        arrive();
        return (int) syscall(SYS_unlinkat, fd, path, flags);
}

static void test_next_with_its_marker(void **state) {
        (void) state;
        job.marker = (char *) "%f.done";
        test_write_file("out/a", "1");
        test_write_file("out/a.done", "");
        arrives = true;
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 1), THEN_CHANGED);
        assert_false(arrives);
        assert_string_equal(content("out/a"), "next");
        assert_string_equal(content("out/a.done"), "next");
}

/* The marker cannot be removed, as it is a directory: the file is what it was. */
static void test_marker_stays(void **state) {
        (void) state;
        job.marker = (char *) "%f.done";
        test_write_file("out/a", "1");
        assert_int_equal(mkdir("out/a.done", 0700), 0);
        assert_true(then(KFTP_THEN_DELETE, NULL, "a", 1) < 0);
        assert_string_equal(content("out/a"), "1");
}

/* Of the next files, which have come meanwhile. */
static void test_next_marker_of_the_directory(void **state) {
        KftpThen t = { .action = KFTP_THEN_DELETE };
        ThenFile seen = { .name = "ALL", .size = 1, .mtime = KFTP_MTIME_UNKNOWN };

        (void) state;
        job.marker = (char *) "ALL";
        test_write_file("out/ALL", "12");
        assert_int_equal(then_marker(&job, &t, NULL, &seen, &failure), 0);
        assert_string_equal(content("out/ALL"), "12");
        seen.size = 2;
        assert_int_equal(then_marker(&job, &t, NULL, &seen, &failure), 0);
        assert_null(content("out/ALL"));
        assert_int_equal(then_marker(&job, &t, NULL, &seen, &failure), 0);
}

static void test_changed_in_time(void **state) {
        struct timespec times[2] = { { .tv_sec = 5 }, { .tv_sec = 5, .tv_nsec = 7 } };
        KftpThen t = { .action = KFTP_THEN_DELETE };
        ThenFile file = { .name = "a", .size = 1, .mtime = 6 };

        (void) state;
        test_write_file("out/a", "1");
        assert_int_equal(utimensat(AT_FDCWD, "out/a", times, 0), 0);
        assert_int_equal(then_file(&job, &t, NULL, &file, &said, &failure), THEN_CHANGED);
        free(STEAL_PTR(said));
        file = (ThenFile) { .name = "a", .size = 1, .mtime = 5, .mtime_nsec = INT64_C(5000000008) };
        assert_int_equal(then_file(&job, &t, NULL, &file, &said, &failure), THEN_CHANGED);
        free(STEAL_PTR(said));
        file.mtime_nsec = INT64_C(5000000007);
        assert_int_equal(then_file(&job, &t, NULL, &file, &said, &failure), THEN_DONE);
}

static void test_move(void **state) {
        _cleanup_free_ char *to = NULL;

        (void) state;
        job.marker = (char *) "%f.done";
        assert_true(asprintf(&to, "%s/sent/today", test_directory) > 0);
        for (unsigned n = 0; n < 3; n++) {
                test_write_file("out/a", n == 0 ? "0" : n == 1 ? "1" : "2");
                test_write_file("out/a.done", "mark");
                assert_int_equal(then(KFTP_THEN_MOVE, to, "a", 1), THEN_DONE);
                assert_null(content("out/a"));
                assert_null(content("out/a.done"));
        }
        assert_string_equal(content("sent/today/a"), "0");
        assert_string_equal(content("sent/today/a.1"), "1");
        assert_string_equal(content("sent/today/a.2"), "2");
        assert_string_equal(content("sent/today/a.done.2"), "mark");
        assert_non_null(strstr(said, "/out/a was moved to "));
        assert_non_null(strstr(said, "/sent/today/a.2"));
        assert_int_equal(then(KFTP_THEN_MOVE, to, "a", 1), THEN_DONE);
        assert_null(content("sent/today/a.3"));
}

static void test_move_below(void **state) {
        (void) state;
        test_write_file("out/a", "1");
        assert_int_equal(then(KFTP_THEN_MOVE, "sent", "a", 1), THEN_DONE);
        assert_string_equal(content("out/sent/a"), "1");
}

/* A crash has left the file under the other name, or somebody has written the next version meanwhile. */
static void test_set_aside(void **state) {
        _cleanup_free_ char *aside = then_name_aside("a"), *own = NULL, *numbered = NULL;
        int fd = open("out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        (void) state;
        assert_string_equal(aside, ".a.kftp-then");
        test_write_file("out/.a.kftp-then", "1");
        assert_int_equal(then_restore(fd, "a", &own), 0);
        assert_int_equal(then_restore(fd, ".kftp-then", &own), 0);
        assert_int_equal(then_restore(fd, aside, &own), 1);
        assert_string_equal(own, "a");
        assert_string_equal(content("out/a"), "1");

        assert_int_equal(rename("out/a", "out/.a.kftp-then"), 0);
        test_write_file("out/a", "next");
        assert_int_equal(then_restore(fd, aside, &numbered), 1);
        assert_string_equal(numbered, "a.1");
        assert_string_equal(content("out/a"), "next");
        assert_string_equal(content("out/a.1"), "1");

        test_write_file("out/.a.kftp-then", "2");
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 4), THEN_DONE);
        assert_null(content("out/a"));
        assert_string_equal(content("out/a.2"), "2");
        close(fd);
}

/* The next version has come after the look. */
static void test_too_late(void **state) {
        _cleanup_free_ char *directory = NULL, *to = NULL;
        KftpThen t = { .action = KFTP_THEN_DELETE };
        ThenPlace p = { .job = &job, .then = &t };

        (void) state;
        assert_true(asprintf(&directory, "%s/out", test_directory) > 0);
        assert_true(asprintf(&to, "%s/sent", test_directory) > 0);
        p.directory = directory;
        test_write_file("out/a", "next");
        for (unsigned n = 0; n < 2; n++) {
                assert_int_equal(then_local(&p, &(ThenFile) { .name = "a", .size = 1, .mtime = KFTP_MTIME_UNKNOWN }, &said, &failure),
                                 THEN_CHANGED);
                assert_non_null(strstr(said, "/out/a was changed"));
                assert_string_equal(content("out/a"), "next");
                assert_null(content("out/.a.kftp-then"));
                free(STEAL_PTR(said));
                p.to = to;
        }
}

/* What cannot be moved has its own name all the same. */
static void test_not_moved(void **state) {
        ThenPlace p = { .job = &job };
        _cleanup_free_ char *directory = NULL;

        (void) state;
        assert_true(asprintf(&directory, "%s/out", test_directory) > 0);
        p.directory = directory;
        p.to = (char *) "/proc/self";           /* where nobody makes files, and on another file system */
        test_write_file("out/a", "1");
        assert_true(then_local(&p, &(ThenFile) { .name = "a", .size = 1, .mtime = KFTP_MTIME_UNKNOWN }, &said, &failure) < 0);
        assert_string_equal(content("out/a"), "1");
        assert_null(content("out/.a.kftp-then"));
}

static void test_move_where_a_file_is(void **state) {
        _cleanup_free_ char *to = NULL;

        (void) state;
        assert_true(asprintf(&to, "%s/file", test_directory) > 0);
        test_write_file("file", "");
        test_write_file("out/a", "1");
        assert_true(then(KFTP_THEN_MOVE, to, "a", 1) < 0);
        assert_int_equal(failure.class, KFTP_CLASS_LOCAL);
        assert_string_equal(content("out/a"), "1");
}

/* ---- To another file system ---------------------------------------------------------------------- */

static int set_up_elsewhere(void **state) {
        memcpy(elsewhere + sizeof(elsewhere) - 7, "XXXXXX", 6);
        return set_up(state) != 0 || !mkdtemp(elsewhere) ? -1 : 0;
}

static int tear_down_elsewhere(void **state) {
        static const char *const names[] = { "a", "a.1", "a.2", ".a.kftp-part" };

        for (size_t i = 0; i < ELEMENTS(names); i++) {
                _cleanup_free_ char *path = NULL;

                assert_true(asprintf(&path, "%s/%s", elsewhere, names[i]) > 0);
                (void) unlink(path);
        }
        assert_int_equal(rmdir(elsewhere), 0);
        return tear_down(state);
}

static const char *content_elsewhere(const char *name) {
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "%s/%s", elsewhere, name) > 0);
        return content(path);
}

static void set_time(const char *directory, const char *name, time_t when) {
        struct timespec times[2] = { { .tv_sec = when }, { .tv_sec = when } };
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void write_elsewhere(const char *name, const char *text, time_t when) {
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "%s/%s", elsewhere, name) > 0);
        test_write_file(path, text);
        set_time(elsewhere, name, when);
}

static void expect_another_file_system(void) {
        struct stat here, there;

        assert_int_equal(stat(".", &here), 0);
        assert_int_equal(stat(elsewhere, &there), 0);
        if (here.st_dev == there.st_dev)
                skip();
}

static void test_copy(void **state) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        (void) state;
        expect_another_file_system();
        test_write_file("out/a", "content");
        assert_int_equal(chmod("out/a", 0640), 0);
        set_time("out", "a", 12345);
        write_elsewhere("a", "another", 12345);
        assert_int_equal(then(KFTP_THEN_MOVE, elsewhere, "a", 7), THEN_DONE);
        assert_null(content("out/a"));
        assert_string_equal(content_elsewhere("a"), "another");
        assert_string_equal(content_elsewhere("a.1"), "content");
        assert_null(content_elsewhere(".a.kftp-part"));
        assert_true(asprintf(&path, "%s/a.1", elsewhere) > 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mtim.tv_sec, 12345);
        assert_int_equal(st.st_mode & 07777, 0640);
}

/* A crash has left a copy without its name, or one that has it while the original is still there. */
static void test_copy_after_a_crash(void **state) {
        (void) state;
        expect_another_file_system();
        test_write_file("out/a", "content");
        set_time("out", "a", 12345);
        write_elsewhere("a", "content", 12345);
        write_elsewhere(".a.kftp-part", "cont", 1);
        assert_int_equal(then(KFTP_THEN_MOVE, elsewhere, "a", 7), THEN_DONE);
        assert_null(content("out/a"));
        assert_string_equal(content_elsewhere("a"), "content");
        assert_null(content_elsewhere("a.1"));
        assert_null(content_elsewhere(".a.kftp-part"));
}

int main(void) {
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
#define TEST_ELSEWHERE(t) cmocka_unit_test_setup_teardown(t, set_up_elsewhere, tear_down_elsewhere)
        static const struct CMUnitTest tests[] = {
                TEST(test_delete),
                TEST(test_marker_without_its_file),
                TEST(test_changed),
                TEST(test_changed_in_time),
                TEST(test_next_with_its_marker),
                TEST(test_marker_stays),
                TEST(test_next_marker_of_the_directory),
                TEST(test_move),
                TEST(test_move_below),
                TEST(test_set_aside),
                TEST(test_too_late),
                TEST(test_not_moved),
                TEST(test_move_where_a_file_is),
                TEST_ELSEWHERE(test_copy),
                TEST_ELSEWHERE(test_copy_after_a_crash),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
