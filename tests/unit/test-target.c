/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a target can be written, and the advice if not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kftpd/target.h"
#include "util.h"

#define SKIPPED 77
#define NOBODY 65534

static char root[] = "/tmp/test-target-XXXXXX";

static const char *path(const char *below) {
        static char text[100];

        (void) snprintf(text, sizeof(text), "%s%s", root, below);
        return text;
}

static int setup(void **state) {
        (void) state;
        if (!mkdtemp(root))
                return -1;
        (void) mkdir(path("/dir"), 0755);
        return mknod(path("/file"), S_IFREG | 0644, 0);
}

static int teardown(void **state) {
        (void) state;
        (void) unlink(path("/file"));
        (void) rmdir(path("/dir"));
        return rmdir(root);
}

static void test_good(void **state) {
        static const char *const good[] = { "/dir", "/dir/", "/dir//", "/dir/new", "/file", "/new", "/" };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(good); i++)
                assert_null(target_check(path(good[i])));
}

static bool says(const char *target, const char *part) {
        _cleanup_free_ char *why = target_check(target), *begin = NULL;

        assert_true(asprintf(&begin, "Path=%s: ", target) > 0);
        return why && startswith(why, begin) && strstr(why, part);
}

static void test_missing(void **state) {
        _cleanup_free_ char *advice = NULL;

        (void) state;
        assert_true(asprintf(&advice, "the directory %s/none does not exist", root) > 0);
        assert_true(says(path("/none/"), advice));
        assert_true(says(path("/none/file"), advice));
        assert_true(says(path("/none/"), "type \"install -d -o "));
        assert_true(says(path("/file/"), "Not a directory"));
        assert_true(says(path("/file/below"), "Not a directory"));
}

/* Runs a check with rights or mounts of its own; skips where they cannot be had. */
static void in_child(int (*check)(void)) {
        int status;
        pid_t pid;

        if (geteuid() != 0)
                skip();
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(check());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == SKIPPED)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

static int check_as_nobody(void) {
        _cleanup_free_ char *advice = NULL;

        if (chmod(root, 0755) < 0 || seteuid(NOBODY) < 0)
                return SKIPPED;
        if (asprintf(&advice, "cannot write to %s/dir: type \"chown ", root) < 0)
                return 1;
        return says(path("/dir/"), advice) && says(path("/dir/x"), "systemctl reload kftpd") ? 0 : 1;
}

static void test_other_user(void **state) {
        (void) state;
        in_child(check_as_nobody);
}

static int check_read_only(void) {
        _cleanup_free_ char *advice = NULL, *bad = strdup(path("/dir/x"));

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(path("/dir"), path("/dir"), NULL, MS_BIND, NULL) < 0 ||
            mount(NULL, path("/dir"), NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
                return SKIPPED;
        if (!bad || asprintf(&advice, "type \"systemctl edit kftpd\", enter the two lines \"[Service]\" and \"ReadWritePaths=%s/dir\"",
                             root) < 0)
                return 1;
        if (!says(bad, advice) || says(bad, "its user"))
                return 2;
        /* Both are in the way: both are told */
        if (seteuid(NOBODY) < 0 || !says(bad, advice) || !says(bad, "its user must be allowed to write there, too"))
                return 3;
        return 0;
}

static void test_read_only(void **state) {
        (void) state;
        in_child(check_read_only);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_missing),
                cmocka_unit_test(test_other_user),
                cmocka_unit_test(test_read_only),
        };

        return cmocka_run_group_tests_name("target", tests, setup, teardown);
}
