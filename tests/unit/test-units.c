// SPDX-License-Identifier: GPL-2.0-or-later
/* The files by which systemd is told of ends of runs: where they are made, and that nothing but them is touched. */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "kftpd/units.h"
#include "util.h"

static char top[] = "/tmp/test-units-XXXXXX";

static const char *at(const char *name) {
        static char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/%s", top, name);
        return path;
}

static bool exists(const char *name) {
        return access(at(name), F_OK) >= 0;
}

/* As systemd gives them: the one for all that is not about an end comes first. */
static int make_all(void **state) {
        static const char *const names[] = { "kftp", "kftp-failure", "kftp-success" };
        char directories[PATH_MAX] = "";

        (void) state;
        strcpy(top + strlen(top) - 6, "XXXXXX");
        if (!mkdtemp(top) || setenv("TOP", top, 1) < 0)
                return -1;
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                size_t n = strlen(directories);

                snprintf(directories + n, sizeof(directories) - n, "%s%s", i > 0 ? ":" : "", at(names[i]));
                if (mkdir(at(names[i]), 0755) < 0)
                        return -1;
        }
        return setenv("RUNTIME_DIRECTORY", directories, 1);
}

static int remove_all(void **state) {
        (void) state;
        return system("rm -r \"$TOP\"");
}

static void test_an_end_is_told_beside_the_first_directory(void **state) {
        (void) state;
        assert_int_equal(units_tell_end("acme", true), 0);
        assert_true(exists("kftp-success/acme"));
        assert_false(exists("kftp-failure/acme"));
        assert_int_equal(units_tell_end("acme", true), 0);
        assert_int_equal(units_tell_end("acme", false), 0);
        assert_true(exists("kftp-failure/acme"));
        assert_int_equal(rmdir(at("kftp")), 0);         /* nothing was made in it */

        units_forget("acme");
        assert_false(exists("kftp-success/acme"));
        assert_false(exists("kftp-failure/acme"));
}

static void test_a_change_of_schedules_is_told_in_the_first_directory(void **state) {
        (void) state;
        assert_int_equal(units_tell_schedule(), 0);
        assert_true(exists("kftp/schedule"));
}

static void test_what_cannot_be_told_is_said(void **state) {
        (void) state;
        assert_int_equal(units_tell_end("../acme", true), -EINVAL);
        assert_int_equal(symlink("elsewhere", at("kftp-success/acme")), 0);
        assert_int_equal(units_tell_end("acme", true), -ELOOP);
        assert_false(exists("kftp-success/elsewhere"));
        assert_int_equal(rmdir(at("kftp-failure")), 0);
        assert_int_equal(units_tell_end("acme", false), -ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_all, remove_all)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_an_end_is_told_beside_the_first_directory),
                TEST(test_a_change_of_schedules_is_told_in_the_first_directory),
                TEST(test_what_cannot_be_told_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
