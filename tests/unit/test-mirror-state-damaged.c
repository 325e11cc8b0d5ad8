/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of a mirror's state that are torn, damaged, made to do harm, or not ours: nothing of them is believed, and no harm is done. */

#include "remembering.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "mirror-state-internal.h"

static size_t load(char *buffer, size_t size) {
        _cleanup_close_ int fd = open(test_state_file(), O_RDONLY);
        ssize_t n = read(fd, buffer, size);

        assert_true(n > 0 && (size_t) n < size);
        return (size_t) n;
}

static void store(const char *path, const char *buffer, size_t n) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, buffer, n), n);
}

static char file[8192], path_of_file[300];
static size_t file_size, ends[3];
static int64_t file_old;

/* A file with three records; ends[i] is where record i ends. */
static void make_file(void) {
        MirrorState *s = test_open_state();

        file_old = OLD;
        for (size_t i = 0; i < 3; i++) {
                char path[] = "dir 0";

                path[4] = (char) ('0' + i);
                test_add(s, path, file_old, i + 1);
                ends[i] = (size_t) test_state_size();
        }
        mirror_state_close(s, false);
        file_size = load(file, sizeof(file));
        strcpy(path_of_file, test_state_file());
}

/* Opens what was made of it: how many of the three are found, each as it was. Then it can be gone on with. */
static unsigned open_damaged(void) {
        MirrorState *s = test_open_state();
        unsigned found = 0;

        for (size_t i = 0; i < 3; i++) {
                char path[] = "dir 0";

                path[4] = (char) ('0' + i);
                if (test_finds(s, path, file_old, i + 1))
                        found |= 1U << i;
        }
        test_add(s, "more", file_old, 2);
        mirror_state_close(s, false);
        s = test_open_state();
        assert_true(test_finds(s, "more", file_old, 2));
        mirror_state_close(s, true);
        return found;
}

static void test_torn(void **state) {
        (void) state;
        make_file();
        for (size_t n = 0; n <= file_size; n++) {
                unsigned whole = (n >= ends[0]) + (n >= ends[1]) + (n >= ends[2]);

                store(path_of_file, file, n);
                assert_int_equal(open_damaged(), (1U << whole) - 1);
        }
}

/* The length was written, the data was not: after a power cut. */
static void test_torn_to_zeros(void **state) {
        char zeros[4096] = "";

        (void) state;
        make_file();
        for (size_t n = 0; n < file_size; n += 7) {
                unsigned whole = (n >= ends[0]) + (n >= ends[1]) + (n >= ends[2]);

                memset(zeros, 0, sizeof(zeros));
                memcpy(zeros, file, n);
                store(path_of_file, zeros, sizeof(zeros));
                /* What lacks only zeros is whole. */
                if (memcmp(zeros, file, file_size) != 0)
                        assert_int_equal(open_damaged() & ~((1U << (whole + 1)) - 1), 0);
        }
}

static void test_damaged(void **state) {
        unsigned survived = 0;

        (void) state;
        make_file();
        for (size_t i = 0; i < file_size; i++) {
                unsigned hit = (i >= ends[0]) + (i >= ends[1]), found;

                file[i] ^= 0x40;
                store(path_of_file, file, file_size);
                file[i] ^= 0x40;
                found = open_damaged();
                /* That one never, whatever was hit; those before it always, unless it is the head. */
                assert_int_equal(found & (1U << hit), 0);
                if (hit > 0)
                        assert_int_equal(found & ((1U << hit) - 1), (1U << hit) - 1);
                survived += found != 0;
        }
        assert_true(survived > file_size / 2);
}

/* What a file would be that somebody had made to do harm: its checksum is right. */
typedef struct Hostile {
        MirrorStateRecord head;
        char path[4];
        char body[100];
} Hostile;

typedef struct HostileEntry {
        uint64_t size, mtime;
        uint32_t precision, mode, name_len, target_len, type, link;
        char name[8];
} HostileEntry;

static bool hostile_is_found(Hostile h, size_t body) {
        const size_t before = offsetof(MirrorStateRecord, mtime);
        MirrorList found = {};
        MirrorState *s;
        bool utc;
        int r;

        if (h.head.length == 0)
                h.head.length = sizeof(h.head) + sizeof(h.path) + body;
        h.head.checksum = mirror_state_checksum((char *) &h + before, sizeof(h.head) + sizeof(h.path) + body - before);
        memcpy(file + ends[2], &h, sizeof(h.head) + sizeof(h.path) + body);
        store(path_of_file, file, ends[2] + sizeof(h.head) + sizeof(h.path) + body);
        s = test_open_state();
        assert_true(test_finds(s, "dir 0", file_old, 1));
        r = mirror_state_find(s, "evil", file_old, 1, &found, &utc);
        mirror_state_close(s, false);
        mirror_list_done(&found);
        return r > 0;
}

static bool entry_is_found(const HostileEntry *e) {
        Hostile h = { .head = { .mtime = file_old, .listed_at = now(), .precision = 1, .path_len = 4, .entries = 1, .utc = 1 }, .path = "evil" };

        memcpy(&h.head.magic, file + ends[0], sizeof(h.head.magic));
        memcpy(h.body, e, 48);
        return hostile_is_found(h, 48);
}

static void test_hostile_entries(void **state) {
        const HostileEntry good = { .name_len = 5, .target_len = 3, .type = KFTP_ENTRY_LINK, .name = "namet/t" };
        HostileEntry e = good;

        (void) state;
        make_file();
        e.name[7] = 't';
        e.name_len = 8;
        e.target_len = 0;
        assert_true(entry_is_found(&e));
        e.target_len = UINT32_MAX;
        assert_true(entry_is_found(&e));
        e.target_len = 1;
        assert_false(entry_is_found(&e));
        e.target_len = UINT32_MAX - 1;
        assert_false(entry_is_found(&e));
        e = good;
        e.name_len = UINT32_MAX;
        assert_false(entry_is_found(&e));
        e.name_len = 9;
        assert_false(entry_is_found(&e));
        e.name_len = 0;
        e.target_len = 8;
        assert_false(entry_is_found(&e));
        e = (HostileEntry) { .name_len = 8, .target_len = UINT32_MAX, .name = "na\0me" };
        assert_false(entry_is_found(&e));
        e = (HostileEntry) { .name_len = 2, .target_len = 6, .name = "..target" };
        memcpy(e.name, "..target", 8);
        assert_false(entry_is_found(&e));
        memcpy(e.name, ".xtarget", 8);
        assert_true(entry_is_found(&e));
        e.name_len = 1;
        e.target_len = 7;
        assert_false(entry_is_found(&e));
        memcpy(e.name, "xxtarget", 8);
        assert_true(entry_is_found(&e));
        e.type = KFTP_ENTRY_OTHER + 1;
        assert_false(entry_is_found(&e));
        e.type = UINT32_MAX;
        assert_false(entry_is_found(&e));
}

static void test_hostile_records(void **state) {
        Hostile good = { .head = { .listed_at = now(), .precision = 1, .path_len = 4, .utc = 1 }, .path = "evil" }, h;

        (void) state;
        make_file();
        good.head.mtime = file_old;
        memcpy(&good.head.magic, file + ends[0], sizeof(good.head.magic));
        assert_true(hostile_is_found(good, 0));
        h = good;
        h.head.entries = 1;
        assert_false(hostile_is_found(h, 0));
        h.head.entries = UINT64_MAX;
        assert_false(hostile_is_found(h, 0));
        h.head.entries = 0;
        assert_false(hostile_is_found(h, 1));
        for (uint64_t length = 1; length < sizeof(h.head) + 4; length++) {
                h.head.length = length;
                assert_false(hostile_is_found(h, 100));
        }
        h.head.length = UINT64_MAX;
        assert_false(hostile_is_found(h, 0));
        h.head.length = MIRROR_STATE_RECORD_MAX;
        assert_false(hostile_is_found(h, 0));
        h.head.length = 0;
        h.head.path_len = UINT32_MAX;
        assert_false(hostile_is_found(h, 0));
        h.head.path_len = 5;
        assert_false(hostile_is_found(h, 0));
}

/* ---- Files of others ------------------------------------------------------------------------- */

static void expect_fresh_file(void) {
        MirrorState *s = test_open_state();
        struct stat st;

        for (size_t i = 0; i < 3; i++) {
                char path[] = "dir 0";

                path[4] = (char) ('0' + i);
                assert_false(test_finds(s, path, file_old, i + 1));
        }
        assert_int_equal(lstat(path_of_file, &st), 0);
        assert_true(S_ISREG(st.st_mode));
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(st.st_uid, geteuid());
        assert_int_equal(st.st_nlink, 1);
        test_add(s, "dir", file_old, 1);
        mirror_state_close(s, false);
        s = test_open_state();
        assert_true(test_finds(s, "dir", file_old, 1));
        mirror_state_close(s, true);
}

static void test_modes(void **state) {
        struct stat st;
        mode_t mask = umask(0);

        (void) state;
        make_file();
        (void) umask(mask);
        assert_int_equal(stat(path_of_file, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(stat("state", &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
}

static void test_files_that_others_may_write(void **state) {
        (void) state;
        for (mode_t mode = 0620; mode != 0; mode = mode == 0620 ? 0602 : 0) {
                make_file();
                assert_int_equal(chmod(path_of_file, mode), 0);
                expect_fresh_file();
        }
        make_file();
        assert_int_equal(chmod(path_of_file, 0644), 0);
        assert_int_equal(open_damaged(), 7);
}

static void test_file_of_another_user(void **state) {
        (void) state;
        if (geteuid() != 0)
                skip();
        make_file();
        assert_int_equal(chown(path_of_file, 65534, 65534), 0);
        expect_fresh_file();
}

static void test_links(void **state) {
        struct stat st;

        (void) state;
        make_file();
        assert_int_equal(rename(path_of_file, "elsewhere"), 0);
        assert_int_equal(symlink("../elsewhere", path_of_file), 0);
        expect_fresh_file();
        assert_int_equal(link("elsewhere", path_of_file), 0);
        expect_fresh_file();
        assert_int_equal(stat("elsewhere", &st), 0);
        assert_int_equal(st.st_size, file_size);
}

static void test_other_things(void **state) {
        (void) state;
        make_file();
        assert_int_equal(unlink(path_of_file), 0);
        assert_int_equal(mkfifo(path_of_file, 0600), 0);
        expect_fresh_file();
        assert_int_equal(mkdir(path_of_file, 0700), 0);
        test_refuse_open("state", KFTP_CLASS_LOCAL, -EISDIR);
        assert_int_equal(rmdir(path_of_file), 0);
        test_write_file("file", "x");
        test_refuse_open("file", KFTP_CLASS_LOCAL, -ENOTDIR);
        test_refuse_open("absent/state", KFTP_CLASS_LOCAL, -ENOENT);
}

static void test_too_long(void **state) {
        (void) state;
        make_file();
        assert_int_equal(truncate(path_of_file, (off_t) 256 << 20), 0);
        assert_int_equal(open_damaged(), 7);
        make_file();
        assert_int_equal(truncate(path_of_file, ((off_t) 256 << 20) + 1), 0);
        expect_fresh_file();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                IN_DIRECTORY(test_torn),
                IN_DIRECTORY(test_torn_to_zeros),
                IN_DIRECTORY(test_damaged),
                IN_DIRECTORY(test_hostile_entries),
                IN_DIRECTORY(test_hostile_records),
                IN_DIRECTORY(test_modes),
                IN_DIRECTORY(test_files_that_others_may_write),
                IN_DIRECTORY(test_file_of_another_user),
                IN_DIRECTORY(test_links),
                IN_DIRECTORY(test_other_things),
                IN_DIRECTORY(test_too_long),
        };

        return cmocka_run_group_tests_name("mirror-state-damaged", tests, NULL, NULL);
}
