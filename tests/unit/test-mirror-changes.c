/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of single names in the local tree of a mirror. */

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tree.h"
#include "util.h"

/* ---- Doubles --------------------------------------------------------------------------------- */

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static bool is_old;                     /* the kernel has no fchmodat2() */
static bool folds_case;                 /* the file system finds names in lower case, too */

/* Stands in for the C library's. */
long syscall(long number, ...) {
        long a[6];
        va_list ap;

        va_start(ap, number);
        for (size_t i = 0; i < ELEMENTS(a); i++)
                a[i] = va_arg(ap, long);
        va_end(ap);
        if (number == SYS_fchmodat2 && is_old) {
                errno = ENOSYS;
                return -1;
        }
        return real_syscall(number, a);
}

int fstatat(int fd, const char *restrict path, struct stat *restrict st, int flags) {
        char lower[64];
        size_t n = 0;

        for (; folds_case && path[n] && n < sizeof(lower) - 1; n++)
                lower[n] = (char) (path[n] | 0x20);
        lower[n] = '\0';
        return real_fstatat(fd, folds_case ? lower : path, st, flags);
}

static bool has_no_links;               /* the file system has no symbolic links */

int symlinkat(const char *target, int fd, const char *path) {
        if (has_no_links) {
                errno = EPERM;
                return -1;
        }
        return (int) syscall(SYS_symlinkat, target, fd, path, 0L, 0L, 0L);
}

static int synced_fd = -1;              /* the last one */

int fsync(int fd) {
        synced_fd = fd;
        return 0;
}

/* ---- Made and removed -------------------------------------------------------------------------- */

static void test_directories_made(void **state) {
        KftpFailure f = {};

        (void) state;
        assert_int_equal(mirror_local_mkdir(&local, local.root_fd, "new", &f), 0);
        assert_true(is_there("tree/new"));
        assert_int_equal(mirror_local_mkdir(&local, local.root_fd, "new", &f), 0);
        assert_int_equal(mirror_local_mkdir(&local, local.root_fd, "file", &f), -EEXIST);
        assert_non_null(strstr(f.text, "cannot make the directory "));
        assert_non_null(strstr(f.text, "/tree/file"));
        kftp_failure_done(&f);
        make_link("../outside", "link");
        assert_int_equal(mirror_local_mkdir(&local, local.root_fd, "link", &f), -EEXIST);
        kftp_failure_done(&f);
}

static void expect_link(const char *name, const char *target, int64_t mtime) {
        char text[64] = "";
        struct stat st;

        assert_int_equal(fstatat(local.root_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_true(S_ISLNK(st.st_mode));
        assert_true(readlinkat(local.root_fd, name, text, sizeof(text) - 1) > 0);
        assert_string_equal(text, target);
        if (mtime != KFTP_MTIME_UNKNOWN)
                assert_int_equal(st.st_mtim.tv_sec, mtime);
}

static void test_links_made(void **state) {
        KftpFailure f = {};
        char name[NAME_MAX + 1];

        (void) state;
        assert_int_equal(mirror_local_link(&local, local.root_fd, "link", "one", 1000000000, &f), 0);
        expect_link("link", "one", 1000000000);
        assert_int_equal(mirror_local_link(&local, local.root_fd, "link", "two", KFTP_MTIME_UNKNOWN, &f), 0);
        expect_link("link", "two", KFTP_MTIME_UNKNOWN);
        assert_int_equal(mirror_local_link(&local, local.root_fd, "file", "three", 5, &f), 0);
        expect_link("file", "three", 5);
        assert_int_equal(mirror_local_link(&local, local.root_fd, "a", "four", 5, &f), -EISDIR);
        assert_non_null(strstr(f.text, "/tree/a: "));
        kftp_failure_done(&f);
        assert_true(is_there("tree/a/b"));
        memset(name, 'n', NAME_MAX);
        name[NAME_MAX] = '\0';
        assert_int_equal(mirror_local_link(&local, local.root_fd, name, "five", 5, &f), 0);
        expect_link(name, "five", 5);
        assert_int_equal(mirror_local_link(&local, local.root_fd, "six", "", 5, &f), -ENOENT);
        kftp_failure_done(&f);
        /* "a", "file", "link" and the long one: no temporary name is left */
        assert_int_equal(count_entries("tree"), 4);
        /* but one that was left before is no obstacle */
        make_link("stale", ".file.kftp-link");
        assert_int_equal(mirror_local_link(&local, local.root_fd, "file", "seven", 7, &f), 0);
        expect_link("file", "seven", 7);
        assert_int_equal(count_entries("tree"), 4);
}

static void test_no_links_there(void **state) {
        KftpFailure f = {};

        (void) state;
        has_no_links = true;
        assert_int_equal(mirror_local_link(&local, local.root_fd, "link", "target", 1, &f), -EPERM);
        has_no_links = false;
        assert_non_null(strstr(f.text, "/tree/link: the file system there has no symbolic links"));
        kftp_failure_done(&f);
}

static void test_made_durably(void **state) {
        KftpFailure f = {};

        (void) state;
        synced_fd = -1;
        assert_int_equal(mirror_local_mkdir(&local, local.root_fd, "d", &f), 0);
        assert_int_equal(mirror_local_link(&local, local.root_fd, "l", "target", 1, &f), 0);
        assert_int_equal(synced_fd, -1);
        local.durable = true;
        assert_int_equal(mirror_local_mkdir(&local, local.root_fd, "e", &f), 0);
        assert_int_equal(synced_fd, local.root_fd);
        synced_fd = -1;
        assert_int_equal(mirror_local_link(&local, local.root_fd, "l", "target", 1, &f), 0);
        assert_int_equal(synced_fd, local.root_fd);
}

static void *replace(void *stop) {
        for (unsigned n = 0; n < 300; n++)
                assert_int_equal(mirror_local_link(&local, local.root_fd, "link", n % 2 > 0 ? "odd" : "even", n, NULL), 0);
        __atomic_store_n((bool *) stop, true, __ATOMIC_RELAXED);
        return NULL;
}

/* Whoever looks finds the old or the new one. */
static void test_links_are_replaced_at_once(void **state) {
        bool stop = false;
        pthread_t thread;
        struct stat st;

        (void) state;
        make_link("even", "link");
        assert_int_equal(pthread_create(&thread, NULL, replace, &stop), 0);
        while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
                assert_int_equal(fstatat(local.root_fd, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        expect_link("link", "odd", 299);
}

static void test_removed(void **state) {
        KftpFailure f = {};

        (void) state;
        make_link("../outside", "link");
        assert_int_equal(mirror_local_remove(&local, local.root_fd, "link", false, &f), 0);
        assert_true(is_there("outside/file"));
        assert_int_equal(mirror_local_remove(&local, local.root_fd, "file", false, &f), 0);
        assert_int_equal(mirror_local_remove(&local, local.root_fd, "file", false, &f), 0);
        assert_int_equal(mirror_local_remove(&local, local.root_fd, "absent", true, &f), 0);
        assert_int_equal(mirror_local_remove(&local, local.root_fd, "a", false, &f), -EISDIR);
        kftp_failure_done(&f);
        assert_int_equal(mirror_local_remove(&local, local.root_fd, "a", true, &f), -ENOTEMPTY);
        assert_non_null(strstr(f.text, "cannot remove "));
        kftp_failure_done(&f);
        make_link("../outside", "link");
        assert_int_equal(mirror_local_remove(&local, local.root_fd, "link", true, &f), -ENOTDIR);
        kftp_failure_done(&f);
        assert_true(is_there("tree/a/b/c/file"));
}

/* ---- Times and permissions -------------------------------------------------------------------- */

static struct stat look(const char *path) {
        struct stat st;

        assert_int_equal(lstat(path, &st), 0);
        return st;
}

static void test_set(void **state) {
        KftpFailure f = {};

        (void) state;
        assert_int_equal(mirror_local_set(&local, local.root_fd, "file", 1000000000, KFTP_MODE_UNKNOWN, &f), 0);
        assert_int_equal(look("tree/file").st_mtim.tv_sec, 1000000000);
        assert_int_equal(look("tree/file").st_mtim.tv_nsec, 0);
        assert_int_equal(look("tree/file").st_mode & 07777, 0600);
        assert_int_equal(mirror_local_set(&local, local.root_fd, "file", KFTP_MTIME_UNKNOWN, 0, &f), 0);
        assert_int_equal(mirror_local_set(&local, local.root_fd, "file", 2, 0644, &f), 0);
        assert_int_equal(look("tree/file").st_mtim.tv_sec, 2);
        assert_int_equal(look("tree/file").st_mode & 07777, 0644);
        assert_int_equal(mirror_local_set(&local, local.root_fd, "a", -1, 0711, &f), 0);
        assert_int_equal(look("tree/a").st_mtim.tv_sec, -1);
        assert_int_equal(look("tree/a").st_mode & 07777, 0711);
        assert_int_equal(mirror_local_set(&local, local.root_fd, "", 3, 0750, &f), 0);
        assert_int_equal(look("tree").st_mtim.tv_sec, 3);
        assert_int_equal(look("tree").st_mode & 07777, 0750);
        is_old = true;
        assert_int_equal(mirror_local_set(&local, local.root_fd, "file", 2, 0604, &f), 0);
        is_old = false;
        assert_int_equal(look("tree/file").st_mode & 07777, 0604);
        assert_int_equal(mirror_local_set(&local, local.root_fd, "absent", 3, 0750, &f), -ENOENT);
        assert_non_null(strstr(f.text, "/tree/absent: "));
        kftp_failure_done(&f);
}

/* A server says what it likes. */
static void test_nothing_becomes_setuid(void **state) {
        KftpFailure f = {};

        (void) state;
        assert_int_equal(mirror_local_set(&local, local.root_fd, "file", 1, 07755, &f), 0);
        assert_int_equal(look("tree/file").st_mode & 07777, 0755);
        assert_int_equal(mirror_local_set(&local, local.root_fd, "a", 1, 07755, &f), 0);
        assert_int_equal(look("tree/a").st_mode & 07777, 0755);
        /* what somebody here has said of a directory stays */
        assert_int_equal(chmod("tree/a", 03700), 0);
        assert_int_equal(mirror_local_set(&local, local.root_fd, "a", 1, 0755, &f), 0);
        assert_int_equal(look("tree/a").st_mode & 07777, 03755);
}

static void test_set_through_no_link(void **state) {
        struct stat before = look("outside/file");
        KftpFailure f = {};

        (void) state;
        make_link("../outside/file", "link");
        assert_int_equal(mirror_local_set(&local, local.root_fd, "link", 5, KFTP_MODE_UNKNOWN, &f), 0);
        assert_int_equal(look("tree/link").st_mtim.tv_sec, 5);
        assert_int_equal(mirror_local_set(&local, local.root_fd, "link", 6, 0777, &f), -ELOOP);
        assert_non_null(strstr(f.text, "symbolic link"));
        kftp_failure_done(&f);
        assert_int_equal(look("tree/link").st_mtim.tv_sec, 5);
        assert_int_equal(look("outside/file").st_mtim.tv_nsec, before.st_mtim.tv_nsec);
        assert_int_equal(look("outside/file").st_mode, before.st_mode);
        assert_int_equal(mkfifoat(local.root_fd, "fifo", 0600), 0);
        assert_int_equal(mirror_local_set(&local, local.root_fd, "fifo", 6, 0777, &f), -EINVAL);
        kftp_failure_done(&f);
}

/* As a user who owns the tree, but may not write to its directories. */
static int change_read_only(void) {
        KftpFailure f = {};
        int r = 0;

        if (mirror_local_mkdir(&local, local.root_fd, "new", &f) != -EACCES || !strstr(f.text, "choose a place that you may write to"))
                r = 1;
        else if (mirror_local_link(&local, local.root_fd, "new", "target", 1, &f) != -EACCES)
                r = 2;
        else if (mirror_local_remove(&local, local.root_fd, "file", false, &f) != -EACCES)
                r = 3;
        /* a file that may not be read can be given its time and permissions */
        else if (mirror_local_set(&local, local.root_fd, "file", 7, 0200, &f) < 0 || mirror_local_set(&local, local.root_fd, "file", 8, 0, &f) < 0)
                r = 4;
        else if (mirror_local_set(&local, local.root_fd, "other", 7, 0200, &f) != -EPERM)
                r = 5;
        kftp_failure_done(&f);
        return r;
}

static void test_read_only_directory(void **state) {
        (void) state;
        make_file("other", "");
        expect_as_user(change_read_only);
        assert_int_equal(look("tree/file").st_mtim.tv_sec, 8);
        assert_int_equal(look("tree/file").st_mode & 07777, 0);
}

static void test_collisions(void **state) {
        (void) state;
        make_file("lower", "");
        assert_int_equal(mirror_local_collides(local.root_fd, "LOWER"), 0);
        folds_case = true;
        assert_int_equal(mirror_local_collides(local.root_fd, "LOWER"), 1);
        assert_int_equal(mirror_local_collides(local.root_fd, "lower"), 0);
        assert_int_equal(mirror_local_collides(local.root_fd, "absent"), 0);
        folds_case = false;
        assert_int_equal(mirror_local_collides(-1, "absent"), -EBADF);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                IN_TREE(test_directories_made),
                IN_TREE(test_links_made),
                IN_TREE(test_no_links_there),
                IN_TREE(test_made_durably),
                IN_TREE(test_links_are_replaced_at_once),
                IN_TREE(test_removed),
                IN_TREE(test_set),
                IN_TREE(test_nothing_becomes_setuid),
                IN_TREE(test_set_through_no_link),
                IN_TREE(test_read_only_directory),
                IN_TREE(test_collisions),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
