/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Password files: what is taken from them, and which are refused. */

#include "directory.h"

#include <sys/stat.h>

#include "libkftp/libkftp.h"
#include "util.h"

static void expect_password(const char *content, const char *password) {
        _cleanup_free_ char *got = NULL;
        KftpFailure f = {};
        int r;

        test_write_file("pw", content);
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
        test_write_file("pw", text);
        assert_int_equal(kftp_read_password_file("pw", &got, &f), 0);
        assert_int_equal(strlen(got), KFTP_MAX_CREDENTIAL);
        free(got);
        strcpy(text + KFTP_MAX_CREDENTIAL, "x");
        expect_password(text, NULL);

        test_write_file("pw", "secret\n");
        assert_int_equal(chmod("pw", 0640), 0);
        assert_int_equal(kftp_read_password_file("pw", &got, &f), -EPERM);
        assert_non_null(strstr(f.text, "chmod 0600 pw"));
        assert_int_equal(mkfifo("pipe", 0600), 0);
        assert_int_equal(kftp_read_password_file("pipe", &got, &f), -EINVAL);
        assert_int_equal(kftp_read_password_file("absent", &got, &f), -ENOENT);
        assert_int_equal(f.class, KFTP_CLASS_LOCAL);
        kftp_failure_done(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                IN_DIRECTORY(test_password_files),
        };

        return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
