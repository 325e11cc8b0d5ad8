/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a directory of the local tree of a mirror holds, and what links in it stand for. */

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include "tree.h"
#include "util.h"

static MirrorList list;

/* What another process does between two looks at an entry: its name becomes that of "other". */
static const char *replaced;

int fstatat(int fd, const char *restrict path, struct stat *restrict st, int flags) {
        int r = real_fstatat(fd, path, st, flags);

        if (replaced && streq(path, replaced)) {
                (void) unlinkat(fd, path, 0);
                (void) renameat(fd, "other", fd, path);
                replaced = NULL;
        }
        return r;
}

static long file_system;                /* that the tree is on */

int fstatfs(int fd, struct statfs *buffer) {
        (void) fd;
        *buffer = (struct statfs) { .f_type = file_system };
        return 0;
}

static void scan(const char *path) {
        KftpFailure f = {};
        int fd = mirror_local_directory(&local, path, &f);

        mirror_list_done(&list);
        if (fd < 0 || mirror_local_scan(&local, path, fd, &list, &f) < 0)
                fail_msg("%s", f.text);
        close(fd);
        mirror_list_sort(&list);
}

static const MirrorEntry *entry(const char *name) {
        const MirrorEntry *e = mirror_list_find(&list, name);

        if (!e)
                fail_msg("%s was not found", name);
        return e;
}

static int scan_tear_down(void **state) {
        mirror_list_done(&list);
        return tree_tear_down(state);
}

/* ---- Entries --------------------------------------------------------------------------------- */

static void give_time(const char *path, time_t seconds, long nsec) {
        struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { seconds, nsec } };

        assert_int_equal(utimensat(local.root_fd, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void make_socket(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        assert_true(fd >= 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "tree/%s", path);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        close(fd);
}

static void test_types(void **state) {
        const MirrorEntry *e;

        (void) state;
        make_file("five", "12345");
        assert_int_equal(fchmodat(local.root_fd, "five", 06640, 0), 0);
        give_time("five", 1000000000, 999999999);
        give_time("a", -5, 1);
        make_link("nowhere at all", "link");
        give_time("link", 77, 0);
        assert_int_equal(mkfifoat(local.root_fd, "fifo", 0600), 0);
        make_socket("socket");
        scan("");
        assert_int_equal(list.n, 6);

        e = entry("five");
        assert_int_equal(e->type, KFTP_ENTRY_FILE);
        assert_int_equal(e->size, 5);
        assert_int_equal(e->mtime, 1000000000);
        assert_int_equal(e->mtime_precision, 1);
        assert_int_equal(e->mode, 0640);
        assert_null(e->target);
        assert_false(e->link);
        e = entry("a");
        assert_int_equal(e->type, KFTP_ENTRY_DIR);
        assert_int_equal(e->size, KFTP_SIZE_UNKNOWN);
        assert_int_equal(e->mtime, -5);
        assert_int_equal(e->mode, 0755);
        e = entry("link");
        assert_int_equal(e->type, KFTP_ENTRY_LINK);
        assert_string_equal(e->target, "nowhere at all");
        assert_int_equal(e->mtime, 77);
        assert_false(e->link);
        assert_int_equal(entry("fifo")->type, KFTP_ENTRY_OTHER);
        assert_int_equal(entry("socket")->type, KFTP_ENTRY_OTHER);
}

static void test_precision(void **state) {
        (void) state;
        file_system = MSDOS_SUPER_MAGIC;
        scan("");
        assert_int_equal(entry("file")->mtime_precision, 2);
        file_system = TMPFS_MAGIC;
        scan("");
        assert_int_equal(entry("file")->mtime_precision, 1);
}

static void test_names(void **state) {
        static const char *const names[] = { ".hidden", "...", " ", "\n", "\xff\xfe", "-rf", "*", "\\", "umlaut-\xc3\xa4" };
        static const char *const temporary[] = { ".file.kftp-part", ".file.kftp-state", ".file.kftp-new", ".file.kftp-link" };
        char longest[NAME_MAX + 1];

        (void) state;
        memset(longest, 'n', NAME_MAX);
        longest[NAME_MAX] = '\0';
        make_file(longest, "");
        for (size_t i = 0; i < ELEMENTS(names); i++)
                make_file(names[i], "");
        for (size_t i = 0; i < ELEMENTS(temporary); i++)
                make_file(temporary[i], "");
        scan("");
        assert_int_equal(list.n, ELEMENTS(names) + 3);
        assert_string_equal(entry(longest)->name, longest);
        for (size_t i = 0; i < ELEMENTS(names); i++)
                assert_int_equal(entry(names[i])->type, KFTP_ENTRY_FILE);
}

static void test_long_target(void **state) {
        char target[PATH_MAX];

        (void) state;
        memset(target, 't', sizeof(target) - 1);
        target[sizeof(target) - 1] = '\0';
        make_link(target, "link");
        scan("");
        assert_string_equal(entry("link")->target, target);
}

static void test_many(void **state) {
        char name[16];

        (void) state;
        for (unsigned i = 0; i < 5000; i++) {
                (void) sprintf(name, "%u", i);
                make_link(name, name);
        }
        scan("");
        assert_int_equal(list.n, 5002);
        for (unsigned i = 0; i < 5000; i++) {
                (void) sprintf(name, "%u", i);
                assert_string_equal(entry(name)->target, name);
        }
}

/* The descriptor's own position is not used: twice the same. */
static void test_again(void **state) {
        KftpFailure f = {};
        MirrorList again = {};
        int fd = mirror_local_directory(&local, "a", &f);

        (void) state;
        for (unsigned n = 1; n <= 2; n++) {
                assert_int_equal(mirror_local_scan(&local, "a", fd, &again, &f), 0);
                assert_int_equal(again.n, 2 * n);
        }
        mirror_list_done(&again);
        close(fd);
}

/* Names could be read, but not what they are. */
static int scan_unsearchable(void) {
        KftpFailure f = {};
        int r = 0;

        if (chmod("tree", 0444) < 0)
                r = 1;
        else if (mirror_local_scan(&local, "", local.root_fd, &list, &f) != -EACCES)
                r = 2;
        else if (!strstr(f.text, "cannot read the directory") || !strstr(f.text, "/tree: "))
                r = 3;
        kftp_failure_done(&f);
        mirror_list_done(&list);
        return r;
}

static void test_unsearchable(void **state) {
        (void) state;
        expect_as_user(scan_unsearchable);
}

/* An entry that becomes another one while it is looked at is there all the same; one that goes is not. */
static void test_replaced_meanwhile(void **state) {
        (void) state;
        make_link("target", "link");
        make_file("other", "a file now");
        replaced = "link";
        scan("");
        assert_int_equal(entry("link")->type, KFTP_ENTRY_FILE);
        assert_int_equal(entry("link")->size, 10);
        assert_int_equal(unlinkat(local.root_fd, "link", 0), 0);
        make_link("target", "link");
        replaced = "link";
        scan("");
        assert_null(mirror_list_find(&list, "link"));
        assert_int_equal(list.n, 2);
}

/* ---- Links followed -------------------------------------------------------------------------- */

static void expect_behind(const char *name, enum kftp_entry_type type, uint64_t size) {
        const MirrorEntry *e = entry(name);

        print_message("    %s\n", name);
        assert_int_equal(e->type, type);
        assert_true(e->link);
        assert_int_equal(e->size, size);
        assert_non_null(e->target);
}

static void expect_kept(const char *name, const char *target) {
        const MirrorEntry *e = entry(name);

        print_message("    %s\n", name);
        assert_int_equal(e->type, KFTP_ENTRY_LINK);
        assert_false(e->link);
        assert_string_equal(e->target, target);
}

static void test_followed(void **state) {
        (void) state;
        make_file("five", "12345");
        give_time("five", 1000000000, 0);
        make_link("five", "to-file");
        make_link("to-file", "to-link");
        make_link("a/b", "to-directory");
        make_link("../five", "a/up");
        make_link("../outside/file", "out");
        make_link("../outside", "out-directory");
        make_link("/etc/passwd", "absolute");
        make_link("absent", "broken");
        make_link("self", "self");
        make_link("five/below", "no-directory");
        assert_int_equal(mkfifoat(local.root_fd, "fifo", 0600), 0);
        make_link("fifo", "to-fifo");
        local.follow = true;
        scan("");
        expect_behind("to-file", KFTP_ENTRY_FILE, 5);
        assert_int_equal(entry("to-file")->mtime, 1000000000);
        assert_int_equal(entry("to-file")->mode, 0600);
        assert_string_equal(entry("to-file")->target, "five");
        expect_behind("to-link", KFTP_ENTRY_FILE, 5);
        expect_behind("to-directory", KFTP_ENTRY_DIR, KFTP_SIZE_UNKNOWN);
        expect_behind("to-fifo", KFTP_ENTRY_OTHER, KFTP_SIZE_UNKNOWN);
        expect_kept("out", "../outside/file");
        expect_kept("out-directory", "../outside");
        expect_kept("absolute", "/etc/passwd");
        expect_kept("broken", "absent");
        expect_kept("self", "self");
        expect_kept("no-directory", "five/below");
        scan("a");
        expect_behind("up", KFTP_ENTRY_FILE, 5);

        local.follow_out = true;
        scan("");
        expect_behind("out", KFTP_ENTRY_FILE, strlen("outside"));
        expect_behind("out-directory", KFTP_ENTRY_DIR, KFTP_SIZE_UNKNOWN);
        assert_int_equal(entry("absolute")->type, KFTP_ENTRY_FILE);
        expect_kept("broken", "absent");
        expect_kept("self", "self");

        local.follow = local.follow_out = false;
        scan("");
        expect_kept("to-file", "five");
        expect_kept("to-directory", "a/b");
}

/* All directories that are found from here on downwards. */
static unsigned walk(const char *path) {
        MirrorList found = {};
        KftpFailure f = {};
        int fd = mirror_local_directory(&local, path, &f);
        unsigned n = 1;

        if (fd < 0 || mirror_local_scan(&local, path, fd, &found, &f) < 0)
                fail_msg("%s", f.text);
        close(fd);
        for (size_t i = 0; i < found.n; i++) {
                _cleanup_free_ char *below = NULL;

                assert_true(asprintf(&below, "%s%s%s", path, *path ? "/" : "", found.entries[i].name) > 0);
                /* far beyond what there is to be found, and far below where paths become too long */
                assert_true(strlen(below) < 200);
                if (found.entries[i].type == KFTP_ENTRY_DIR)
                        n += walk(below);
        }
        mirror_list_done(&found);
        return n;
}

static void test_loops(void **state) {
        static const char *const back[] = { ".", "..", "../..", "../../..", "../../../a", "../c" };

        (void) state;
        local.follow = true;
        assert_int_equal(walk(""), 4);
        for (size_t i = 0; i < ELEMENTS(back); i++) {
                make_link(back[i], "a/b/c/back");
                scan("a/b/c");
                expect_kept("back", back[i]);
                assert_int_equal(walk(""), 4);
                assert_int_equal(unlinkat(local.root_fd, "a/b/c/back", 0), 0);
        }
        make_link(".", "back");
        scan("");
        expect_kept("back", ".");
}

/* Two directories, each of which has a link to the other: each is found in the other once. */
static void test_loop_of_two(void **state) {
        (void) state;
        assert_int_equal(mkdirat(local.root_fd, "x", 0700), 0);
        assert_int_equal(mkdirat(local.root_fd, "y", 0700), 0);
        make_link("../y", "x/to-y");
        make_link("../x", "y/to-x");
        local.follow = true;
        /* the four that are there, x, x/to-y, y, y/to-x */
        assert_int_equal(walk(""), 8);
        scan("x/to-y");
        expect_kept("to-x", "../x");
}

static void test_loops_outside(void **state) {
        (void) state;
        make_link("../outside", "out");
        assert_int_equal(symlink("../tree", "outside/back"), 0);
        assert_int_equal(symlink("..", "outside/up"), 0);
        make_link("..", "a/parent");
        make_link("../../..", "a/above");
        make_link("/", "uppermost");
        local.follow = local.follow_out = true;
        scan("");
        expect_behind("out", KFTP_ENTRY_DIR, KFTP_SIZE_UNKNOWN);
        expect_kept("uppermost", "/");
        scan("a");
        expect_kept("parent", "..");
        /* the tree itself lies in it */
        expect_kept("above", "../../..");
        scan("out");
        expect_kept("back", "../tree");
        expect_kept("up", "..");
        assert_int_equal(walk(""), 6);
}

#define IN_SCANNED_TREE(test) cmocka_unit_test_setup_teardown(test, tree_set_up, scan_tear_down)

int main(void) {
        static const struct CMUnitTest tests[] = {
                IN_SCANNED_TREE(test_types),
                IN_SCANNED_TREE(test_precision),
                IN_SCANNED_TREE(test_names),
                IN_SCANNED_TREE(test_long_target),
                IN_SCANNED_TREE(test_many),
                IN_SCANNED_TREE(test_again),
                IN_SCANNED_TREE(test_unsearchable),
                IN_SCANNED_TREE(test_replaced_meanwhile),
                IN_SCANNED_TREE(test_followed),
                IN_SCANNED_TREE(test_loops),
                IN_SCANNED_TREE(test_loop_of_two),
                IN_SCANNED_TREE(test_loops_outside),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
