/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local tree of a mirror: the tree is "tree", what must not be touched is in "outside" beside it. What is changed there
 * is in test-mirror-changes.c, what scans find in test-mirror-scan.c.
 */

#include "directory.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "libkftp/mirror-local.h"
#include "tree.h"
#include "util.h"

/* ---- Doubles --------------------------------------------------------------------------------- */

static unsigned renames;                /* so many openat2() are disturbed by one */
static bool is_forbidden;               /* there is no openat2() */

/* Stands in for the C library's. */
long syscall(long number, ...) {
        long a[6];
        va_list ap;

        va_start(ap, number);
        for (size_t i = 0; i < ELEMENTS(a); i++)
                a[i] = va_arg(ap, long);
        va_end(ap);
        if (number == SYS_openat2 && is_forbidden) {
                errno = ENOSYS;
                return -1;
        }
        if (number == SYS_openat2 && renames > 0) {
                renames--;
                errno = EAGAIN;
                return -1;
        }
        return real_syscall(number, a);
}

/* ---- The way down ---------------------------------------------------------------------------- */

static void expect_no_way(const char *path, int error) {
        KftpFailure f = {};

        print_message("    %s\n", path);
        assert_int_equal(mirror_local_directory(&local, path, &f), error);
        assert_int_equal(f.class, KFTP_CLASS_LOCAL);
        assert_non_null(f.text);
        kftp_failure_done(&f);
        assert_int_equal(mirror_local_file(&local, path, &f), error);
        kftp_failure_done(&f);
}

static void expect_way(const char *path) {
        struct stat here, there;
        KftpFailure f = {};
        int fd;

        print_message("    %s\n", path);
        assert_int_equal(fstatat(local.root_fd, *path ? path : ".", &there, 0), 0);
        fd = S_ISDIR(there.st_mode) ? mirror_local_directory(&local, path, &f) : mirror_local_file(&local, path, &f);
        if (fd < 0)
                fail_msg("%s", f.text);
        assert_int_equal(fstat(fd, &here), 0);
        assert_int_equal(here.st_ino, there.st_ino);
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        close(fd);
}

static void test_opened(void **state) {
        MirrorLocal l = MIRROR_LOCAL_INIT;
        KftpFailure f = {};

        (void) state;
        assert_int_equal(mirror_local_open(&l, "absent", false, &f), -ENOENT);
        assert_non_null(strstr(f.text, "absent"));
        kftp_failure_done(&f);
        mirror_local_close(&l);
        assert_int_equal(mirror_local_open(&l, "absent/below", true, &f), -ENOENT);
        kftp_failure_done(&f);
        mirror_local_close(&l);
        assert_int_equal(mirror_local_open(&l, "outside/file", true, &f), -ENOTDIR);
        kftp_failure_done(&f);
        mirror_local_close(&l);
        assert_int_equal(mirror_local_open(&l, "made//", true, &f), 0);
        assert_int_equal(l.root[0], '/');
        assert_string_equal(strrchr(l.root, '/'), "/made");
        mirror_local_close(&l);
        assert_int_equal(mirror_local_open(&l, "made", true, &f), 0);
        mirror_local_close(&l);
        assert_int_equal(symlink("made", "link"), 0);
        assert_int_equal(mirror_local_open(&l, "link", true, &f), 0);
        mirror_local_close(&l);
        assert_int_equal(mirror_local_open(&l, ".", false, &f), 0);
        assert_string_equal(l.root, test_directory);
        mirror_local_close(&l);
        assert_int_equal(l.root_fd, -1);
}

static void test_found(void **state) {
        (void) state;
        expect_way("");
        expect_way("file");
        expect_way("a");
        expect_way("a/b/c");
        expect_way("a/b/c/file");
        expect_no_way("absent", -ENOENT);
        expect_no_way("file/below", -ENOTDIR);
}

/* A link in each place of a path, to everything that it can lead to. */
static void test_links_are_no_way(void **state) {
        static const char *const targets[] = { "../outside", "a", "a/b", ".", "..", "/", "absent", "file", "../outside/file", "../../outside" };
        static const char *const places[] = { "link", "a/link", "a/b/c/link" };
        static const char *const behind[] = { "", "/file", "/b/c", "/.", "/../a" };
        _cleanup_free_ char *outside = NULL;

        (void) state;
        assert_true(asprintf(&outside, "%s/outside", test_directory) > 0);
        for (size_t i = 0; i < ELEMENTS(places); i++)
                for (size_t k = 0; k <= ELEMENTS(targets); k++) {
                        const char *target = k < ELEMENTS(targets) ? targets[k] : outside;

                        assert_int_equal(symlinkat(target, local.root_fd, places[i]), 0);
                        for (size_t n = 0; n < ELEMENTS(behind); n++) {
                                _cleanup_free_ char *path = NULL;

                                assert_true(asprintf(&path, "%s%s", places[i], behind[n]) > 0);
                                expect_no_way(path, -ELOOP);
                        }
                        assert_int_equal(unlinkat(local.root_fd, places[i], 0), 0);
                }
}

static void test_no_way_up(void **state) {
        (void) state;
        expect_no_way("..", -EXDEV);
        expect_no_way("../outside", -EXDEV);
        expect_no_way("../tree", -EXDEV);
        expect_no_way("a/../../outside", -EXDEV);
        expect_no_way("/", -EXDEV);
        expect_no_way("/etc", -EXDEV);
        local.follow = true;
        expect_no_way("..", -EXDEV);
        expect_no_way("/etc", -EXDEV);
        local.follow = false;
        local.follow_out = true;
        expect_no_way("..", -EXDEV);
}

static void test_links_followed(void **state) {
        _cleanup_free_ char *absolute = NULL;

        (void) state;
        assert_true(asprintf(&absolute, "%s/outside", test_directory) > 0);
        make_link("../b", "a/b/up");
        make_link("../../file", "a/b/link");
        make_link("../..", "a/b/top");
        make_link("../outside", "out");
        make_link("../../outside/file", "a/out");
        make_link(absolute, "absolute");
        make_link("loop", "loop");
        local.follow = true;
        expect_way("a/b/up/c");
        expect_way("a/b/up/up/up/c/file");
        expect_way("a/b/link");
        expect_way("a/b/top/a/b/top");
        expect_no_way("out", -EXDEV);
        expect_no_way("out/file", -EXDEV);
        expect_no_way("a/out", -EXDEV);
        expect_no_way("absolute", -EXDEV);
        expect_no_way("loop", -ELOOP);
        local.follow_out = true;
        expect_way("out");
        expect_way("out/file");
        expect_way("absolute/file");
        expect_no_way("loop", -ELOOP);
        /* a link that is none, but whatever the kernel says */
        make_link("/proc/self/cwd", "magic");
        expect_no_way("magic", -ELOOP);
        /* to follow out of the tree alone is to follow nothing */
        local.follow = false;
        expect_no_way("out", -ELOOP);
}

static void test_only_regular_files(void **state) {
        KftpFailure f = {};

        (void) state;
        assert_int_equal(mkfifoat(local.root_fd, "fifo", 0600), 0);
        assert_int_equal(mirror_local_file(&local, "fifo", &f), -EINVAL);
        assert_non_null(strstr(f.text, "tree/fifo is not a regular file"));
        kftp_failure_done(&f);
        assert_int_equal(mirror_local_file(&local, "a", &f), -EISDIR);
        kftp_failure_done(&f);
        assert_int_equal(mirror_local_directory(&local, "file", &f), -ENOTDIR);
        kftp_failure_done(&f);
}

static void test_long_paths(void **state) {
        char name[NAME_MAX + 1], path[2 * PATH_MAX] = "";
        KftpFailure f = {};
        int fd = dup(local.root_fd);
        size_t n = 0;

        (void) state;
        memset(name, 'n', NAME_MAX);
        name[NAME_MAX] = '\0';
        for (unsigned i = 0; i < 20; i++) {
                int below;

                assert_int_equal(mkdirat(fd, name, 0700), 0);
                below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                assert_true(below >= 0);
                close(fd);
                fd = below;
                n += (size_t) sprintf(path + n, "%s%s", i > 0 ? "/" : "", name);
                if (n < PATH_MAX)
                        expect_way(path);
                else
                        expect_no_way(path, -ENAMETOOLONG);
        }
        close(fd);
        assert_int_equal(mirror_local_directory(&local, path, &f), -ENAMETOOLONG);
        assert_non_null(strstr(f.text, "no path of more than 4095 bytes"));
        assert_non_null(strstr(f.text, "5119"));
        kftp_failure_done(&f);
        remove_deep(local.root_fd, name);
}

static void test_renames_on_the_way(void **state) {
        KftpFailure f = {};

        (void) state;
        renames = 3;
        expect_way("a/b");
        assert_int_equal(renames, 0);
        renames = UINT_MAX;
        assert_int_equal(mirror_local_directory(&local, "a/b", &f), -EAGAIN);
        renames = 0;
        assert_true(f.transient);
        kftp_failure_done(&f);
}

static void test_no_openat2(void **state) {
        KftpFailure f = {};

        (void) state;
        is_forbidden = true;
        assert_int_equal(mirror_local_directory(&local, "a", &f), -ENOSYS);
        is_forbidden = false;
        assert_int_equal(f.class, KFTP_CLASS_OTHER);
        assert_non_null(strstr(f.text, "does not let openat2() be called"));
        kftp_failure_done(&f);
}

/* ---- Races ----------------------------------------------------------------------------------- */

/* "x" is by turns a directory of the tree and a link to the one outside. */
static void *exchange(void *stop) {
        while (!__atomic_load_n((bool *) stop, __ATOMIC_RELAXED))
                assert_int_equal(renameat2(local.root_fd, "x", local.root_fd, "y", RENAME_EXCHANGE), 0);
        return NULL;
}

static void test_replaced_while_opened(void **state) {
        unsigned found = 0, refused = 0;
        struct stat outside, st;
        bool stop = false;
        pthread_t thread;

        (void) state;
        assert_int_equal(mkdirat(local.root_fd, "x", 0700), 0);
        assert_int_equal(mkdirat(local.root_fd, "x/below", 0700), 0);
        make_link("../outside", "y");
        assert_int_equal(stat("outside/below", &outside), 0);
        assert_int_equal(pthread_create(&thread, NULL, exchange, &stop), 0);
        /* as long as it takes to have seen both */
        for (unsigned n = 0; n < 500 || found == 0 || refused == 0; n++) {
                int fd = mirror_local_directory(&local, "x/below", NULL);

                if (fd >= 0) {
                        assert_int_equal(fstat(fd, &st), 0);
                        assert_int_not_equal(st.st_ino, outside.st_ino);
                        found++;
                } else
                        refused++;
                safe_close(fd);
        }
        __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
        assert_int_equal(pthread_join(thread, NULL), 0);
}

/* A directory that was opened stays that one, whatever takes its place. */
static void test_replaced_after_it_was_opened(void **state) {
        KftpFailure f = {};
        int fd = mirror_local_directory(&local, "a", &f);

        (void) state;
        assert_true(fd >= 0);
        assert_int_equal(renameat(local.root_fd, "a", local.root_fd, "moved"), 0);
        make_link("../outside", "a");
        assert_int_equal(mirror_local_mkdir(&local, fd, "a/new", &f), 0);
        assert_int_equal(mirror_local_link(&local, fd, "a/link", "t", 1, &f), 0);
        assert_int_equal(mirror_local_remove(&local, fd, "a/file", false, &f), 0);
        assert_int_equal(mirror_local_set(&local, fd, "a/b", 1, 0700, &f), 0);
        close(fd);
        assert_true(is_there("tree/moved/new"));
        assert_true(is_there("tree/moved/link"));
        assert_true(is_there("outside/file"));
        assert_false(is_there("outside/new"));
        assert_false(is_there("outside/link"));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                IN_TREE(test_opened),
                IN_TREE(test_found),
                IN_TREE(test_links_are_no_way),
                IN_TREE(test_no_way_up),
                IN_TREE(test_links_followed),
                IN_TREE(test_only_regular_files),
                IN_TREE(test_long_paths),
                IN_TREE(test_renames_on_the_way),
                IN_TREE(test_no_openat2),
                IN_TREE(test_replaced_while_opened),
                IN_TREE(test_replaced_after_it_was_opened),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
