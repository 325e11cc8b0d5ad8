/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See tree.h. */

#include "tree.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "util.h"

MirrorLocal local;

static int make_directory(const char *path) {
        _cleanup_free_ char *file = NULL;

        if (mkdir(path, 0755) < 0 || asprintf(&file, "%s/file", path) < 0)
                return -1;
        test_write_file(file, path);
        return 0;
}

int tree_set_up(void **state) {
        static const char *const directories[] = { "tree", "tree/a", "tree/a/b", "tree/a/b/c", "outside", "outside/below" };

        if (test_directory_set_up(state) < 0)
                return -1;
        for (size_t i = 0; i < ELEMENTS(directories); i++)
                if (make_directory(directories[i]) < 0)
                        return -1;
        local = (MirrorLocal) MIRROR_LOCAL_INIT;
        return mirror_local_open(&local, "tree", false, NULL);
}

int tree_tear_down(void **state) {
        mirror_local_close(&local);
        return test_directory_tear_down(state);
}

void make_file(const char *path, const char *text) {
        int fd = openat(local.root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

void make_link(const char *target, const char *path) {
        assert_int_equal(symlinkat(target, local.root_fd, path), 0);
}

void remove_deep(int fd, const char *name) {
        int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (below < 0)
                return;
        remove_deep(below, name);
        close(below);
        assert_int_equal(unlinkat(fd, name, AT_REMOVEDIR), 0);
}

bool is_there(const char *path) {
        return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

unsigned count_entries(const char *path) {
        DIR *d = opendir(path);
        unsigned n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n - 2;
}

void expect_as_user(int (*check)(void)) {
        pid_t pid;
        int status;

        assert_int_equal(chmod(".", 0755), 0);
        if (geteuid() == 0) {
                assert_int_equal(chown("tree", 65534, 65534), 0);
                assert_int_equal(chown("tree/file", 65534, 65534), 0);
        }
        assert_int_equal(chmod("tree", 0555), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(geteuid() == 0 && seteuid(65534) < 0 ? 100 : check());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(chmod("tree", 0755), 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

long real_syscall(long number, const long a[6]) {
        static long (*function)(long, ...);

        if (!function)
                *(void **) &function = dlsym(RTLD_NEXT, "syscall");
        return function(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int real_fstatat(int fd, const char *path, struct stat *st, int flags) {
        static int (*function)(int, const char *, struct stat *, int);

        if (!function)
                *(void **) &function = dlsym(RTLD_NEXT, "fstatat");
        return function(fd, path, st, flags);
}
