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

static bool begins_and_has(char *why, const char *target, const char *part) {
        _cleanup_free_ char *text = why, *begin = NULL;

        assert_true(asprintf(&begin, "Path=%s: ", target) > 0);
        return why && startswith(why, begin) && strstr(why, part);
}

static bool says(const char *target, const char *part) {
        return begins_and_has(target_check(target), target, part);
}

static bool tree_says(const char *target, const char *part) {
        return begins_and_has(target_check_tree(target), target, part);
}

static bool source_says(const char *source, bool removing, const char *part) {
        return begins_and_has(source_check(source, removing), source, part);
}

/* The target of a mirror is made if it is not there, below what is. */
static void test_tree(void **state) {
        static const char *const good[] = { "/dir", "/dir//", "/dir/new", "/dir/new/", "/new", "/" };
        _cleanup_free_ char *advice = NULL;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(good); i++)
                assert_null(target_check_tree(path(good[i])));
        assert_true(tree_says(path("/file"), "Not a directory"));
        assert_true(tree_says(path("/file/new"), "Not a directory"));
        assert_true(asprintf(&advice, "the directory %s/none does not exist", root) > 0);
        assert_true(tree_says(path("/none/new/"), advice));
        assert_null(target_check_tree("/"));
}

static void test_source(void **state) {
        _cleanup_free_ char *advice = NULL;

        (void) state;
        assert_null(source_check(path("/dir/"), true));
        assert_null(source_check(path("/dir"), false));
        assert_true(source_says(path("/file"), false, "the service cannot read"));
        assert_true(asprintf(&advice, "the directory %s/none does not exist, or is hidden from the service (ProtectHome=)", root) > 0);
        assert_true(source_says(path("/none/"), false, advice));
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

/* Read by all, written by nobody; then read by nobody. */
static int check_source_as_nobody(void) {
        if (chmod(root, 0755) < 0 || seteuid(NOBODY) < 0)
                return SKIPPED;
        if (source_check(path("/dir"), false) || !source_says(path("/dir"), true, ": type \"chown "))
                return 1;
        if (!tree_says(path("/dir"), ": type \"chown ") || !tree_says(path("/dir/new"), ": type \"chown "))
                return 2;
        if (!source_says("/root/none", false, "ProtectHome=") || source_says(path("/none"), true, "ProtectHome=read-only"))
                return 5;
        if (seteuid(0) < 0 || chmod(path("/dir"), 0700) < 0 || seteuid(NOBODY) < 0)
                return 3;
        return source_says(path("/dir"), false, "cannot read ") && source_says(path("/dir"), false, ": type \"setfacl -R -m u:") ? 0 : 4;
}

static void test_source_of_other_user(void **state) {
        (void) state;
        in_child(check_source_as_nobody);
        assert_int_equal(chmod(path("/dir"), 0755), 0);
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
        if (!tree_says(path("/dir"), advice) || source_check(path("/dir"), false) || !source_says(path("/dir"), true, advice))
                return 4;
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
                cmocka_unit_test(test_tree),
                cmocka_unit_test(test_source),
                cmocka_unit_test(test_source_of_other_user),
                cmocka_unit_test(test_other_user),
                cmocka_unit_test(test_read_only),
        };

        return cmocka_run_group_tests_name("target", tests, setup, teardown);
}
