/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a download goes: its final name, the name it has until then, and what it may not replace. */

#include "directory.h"

#include <sys/stat.h>

#include "libkftp/names.h"
#include "util.h"

static KftpUrl url = { .host = (char *) "h", .port = 21, .path = (char *) "pub/x.bin", .base = (char *) "x.bin" };

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
        assert_true(asprintf(&expected_final, "%s/%s", test_directory, final) > 0);
        assert_true(asprintf(&expected_temporary, "%s/%s", test_directory, temporary) > 0);
        assert_string_equal(f, expected_final);
        assert_string_equal(t, expected_temporary);
}

static void test_destinations(void **state) {
        _cleanup_free_ char *absolute = NULL;

        (void) state;
        assert_int_equal(mkdir("sub", 0755), 0);
        test_write_file("old", "old");
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
        assert_true(asprintf(&absolute, "%s/sub/z", test_directory) > 0);
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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_name_beside),
                cmocka_unit_test(test_long_names_differ),
                cmocka_unit_test(test_long_names_stay_utf8),
                IN_DIRECTORY(test_destinations),
                IN_DIRECTORY(test_refused_destinations),
        };

        return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
