/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Uploads of a file that is open already, to a URL that is known to be of a file. The server is fake-server.c's. */

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "uploading.h"
#include "util.h"

static void lend(const char *path) {
        put_options.source_fd = open(path, O_RDONLY | O_CLOEXEC);
        put_options.has_source_fd = true;
        assert_true(put_options.source_fd >= 0);
}

/* The descriptor is what counts, from the begin of the file on, and stays as it was. */
static void test_open_file(void **state) {
        char byte;

        (void) state;
        test_write_file("a", "content");
        lend("a");
        assert_int_equal(lseek(put_options.source_fd, 3, SEEK_SET), 3);
        assert_int_equal(rename("a", "moved"), 0);
        test_write_file("a", "another file");
        assert_int_equal(put("a", "ftp://h/b"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("b"), "content");
        assert_int_equal(result.local[0], '/');
        assert_string_equal(strrchr(result.local, '/'), "/a");
        assert_int_equal(result.bytes, 7);
        assert_int_equal(read(put_options.source_fd, &byte, 1), 1);
        assert_int_equal(byte, 't');
        assert_int_equal(close(put_options.source_fd), 0);
}

/* "-" is a name like others then. */
static void test_any_name(void **state) {
        (void) state;
        test_write_file("a", "content");
        lend("a");
        fake_server_add_directory("d");
        assert_int_equal(put("-", "ftp://h/d/"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("d/-"), "content");
        close(put_options.source_fd);
}

static void test_open_file_again(void **state) {
        (void) state;
        test_write_file("a", "0123456789");
        lend("a");
        fake_server.cuts = 2;
        fake_server.cut_after = 4;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(result.attempts, 3);
        assert_string_equal(fake_server_get("a"), "0123456789");
        close(put_options.source_fd);
}

static void test_no_regular_file(void **state) {
        (void) state;
        lend(".");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_LOCAL);
        expect_text("/a is not a regular file");
        close(put_options.source_fd);
        put_options.source_fd = filled_pipe("pipe");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_LOCAL);
        close(put_options.source_fd);
        put_options.source_fd = -1;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_LOCAL);
        assert_int_equal(result.failure.error, -EBADF);
        assert_int_equal(fake_server.connections, 0);
}

/* The lock against another upload of the file is given back with it. */
static void test_lock(void **state) {
        int other;

        (void) state;
        test_write_file("a", "content");
        other = open("a", O_RDONLY | O_CLOEXEC);
        lend("a");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
        close(other);
        close(put_options.source_fd);
}

static void test_not_asked_whether_it_is_a_directory(void **state) {
        (void) state;
        test_write_file("a", "content");
        fake_server_add("b", "old");
        assert_int_equal(put("a", "ftp://h/b"), KFTP_CLASS_OK);
        assert_int_equal(fake_server_asked("CWD b"), 1);
        free(fake_server.log);
        fake_server.log = strdup("");
        put_options.file = true;
        assert_int_equal(put("a", "ftp://h/b"), KFTP_CLASS_OK);
        assert_int_equal(fake_server_asked("CWD"), 0);
        assert_string_equal(fake_server_get("b"), "content");
        /* one that is a directory all the same is not replaced */
        fake_server_add_directory("d");
        assert_int_not_equal(put("a", "ftp://h/d"), KFTP_CLASS_OK);
        assert_true(fake_server_file("d")->directory);
}

static void expect_requests(const char *requests) {
        free(fake_server.log);
        fake_server.log = strdup("");
        assert_int_equal(put("a", "ftp://h/b"), KFTP_CLASS_OK);
        for (char *p; (p = strstr(fake_server.log, ".kftp-"));)
                memmove(p, p + strlen(".kftp-0123456789abcdef"), strlen(p) - strlen(".kftp-0123456789abcde"));
        assert_string_equal(fake_server.log, requests);
        assert_string_equal(fake_server_get("b"), "content");
}

/* What a listing has told need not be asked for each file. */
static void test_asks_only_what_is_not_known(void **state) {
        (void) state;
        test_write_file("a", "content");
        put_options.file = true;
        options.resume = true;
        expect_requests("SIZE .b\nSIZE b\nSTOR .b\nSIZE .b\nSIZE b\nRNTO b\n");
        put_options.no_part = true;
        expect_requests("STOR .b\nSIZE .b\nSIZE b\nMDTM b\nRNTO b\n");
        put_options.absent = true;
        expect_requests("STOR .b\nSIZE .b\nRNTO b\n");
}

/* What this very call has sent it goes on with, whatever was not there before. */
static void test_goes_on_though_there_was_no_part(void **state) {
        (void) state;
        test_write_file("a", "0123456789");
        put_options.no_part = put_options.absent = put_options.file = true;
        fake_server.cuts = 1;
        fake_server.cut_after = 4;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "0123456789");
        assert_int_equal(fake_server_asked("SIZE .a"), 2);
        /* and what has got a name that nothing had has been delivered, though the reply is lost */
        fake_server.cut_in_rename = true;
        assert_int_equal(put("a", "ftp://h/new"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("new"), "0123456789");
        assert_int_equal(fake_server_count(), 2);
}

static void test_complete_without_its_time(void **state) {
        (void) state;
        test_write_file("a", "content");
        put_options.mtime = true;
        fake_server.no_mfmt = true;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_REMOTE);
        assert_true(result.complete);
        assert_string_equal(fake_server_get("a"), "content");
        fake_server.no_mfmt = false;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_false(result.complete);
        fake_server.rnto_reply = 553;
        options.retries = 0;
        assert_int_not_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_false(result.complete);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                WITH_SERVER(test_open_file),
                WITH_SERVER(test_any_name),
                WITH_SERVER(test_open_file_again),
                WITH_SERVER(test_no_regular_file),
                WITH_SERVER(test_lock),
                WITH_SERVER(test_not_asked_whether_it_is_a_directory),
                WITH_SERVER(test_asks_only_what_is_not_known),
                WITH_SERVER(test_goes_on_though_there_was_no_part),
                WITH_SERVER(test_complete_without_its_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
