/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of a mirror's state remember, and how they look whether it is there. */

#include "remembering.h"

#include <sys/stat.h>

MirrorState *test_open_named(const char *identity) {
        MirrorState *s = NULL;
        KftpFailure f = {};

        if (mirror_state_open(&s, "state", identity, &f) < 0)
                fail_msg("mirror_state_open: %s", f.text);
        return s;
}

MirrorState *test_open_state(void) {
        return test_open_named("ftp://h/ /x");
}

void test_refuse_open(const char *directory, enum kftp_class class, int error) {
        MirrorState *s = NULL;
        KftpFailure f = {};

        assert_int_equal(mirror_state_open(&s, directory, "ftp://h/ /x", &f), error);
        assert_null(s);
        assert_int_equal(f.class, class);
        assert_non_null(f.text);
        kftp_failure_done(&f);
}

const char *test_state_file(void) {
        static char path[300];
        _cleanup_closedir_ DIR *d = opendir("state");
        const struct dirent *e;

        path[0] = '\0';
        assert_non_null(d);
        while ((e = readdir(d)))
                if (e->d_name[0] != '.') {
                        assert_string_equal(path, "");
                        (void) snprintf(path, sizeof(path), "state/%s", e->d_name);
                }
        return *path ? path : NULL;
}

off_t test_state_size(void) {
        struct stat st;

        assert_int_equal(stat(test_state_file(), &st), 0);
        return st.st_size;
}

const MirrorEntry test_sample[TEST_SAMPLE] = {
        { .name = "file", .size = 5, .mtime = 1700000000, .mtime_precision = 60, .mode = 0644 },
        { .name = "link", .size = KFTP_SIZE_UNKNOWN, .mtime = KFTP_MTIME_UNKNOWN, .mode = KFTP_MODE_UNKNOWN,
          .type = KFTP_ENTRY_LINK, .target = "a/b" },
        { .name = "nowhere", .type = KFTP_ENTRY_LINK, .target = "" },
        { .name = "followed", .size = 7, .type = KFTP_ENTRY_FILE, .link = true },
        { .name = "\xff\xfe no UTF-8\n", .size = UINT64_C(1) << 40, .mtime = -1, .type = KFTP_ENTRY_OTHER },
        { .name = "a/slash", .size = 0 },
};

MirrorList test_make_list(size_t n) {
        MirrorList l = {};

        for (size_t i = 0; i < n; i++)
                assert_int_equal(mirror_list_add(&l, test_sample + i, strlen(test_sample[i].name), strlen(strempty(test_sample[i].target))), 0);
        mirror_list_sort(&l);
        return l;
}

void test_add(MirrorState *s, const char *path, int64_t mtime, size_t n) {
        MirrorList l = test_make_list(n);

        mirror_state_add(s, path, mtime, 1, now(), &l, true);
        mirror_list_done(&l);
}

static void assert_same_entry(const MirrorEntry *a, const MirrorEntry *b) {
        assert_string_equal(a->name, b->name);
        assert_true(streq_ptr(a->target, b->target));
        assert_true(a->size == b->size && a->mtime == b->mtime);
        assert_int_equal(a->mtime_precision, b->mtime_precision);
        assert_int_equal(a->mode, b->mode);
        assert_int_equal(a->type, b->type);
        assert_int_equal(a->link, b->link);
}

bool test_finds(MirrorState *s, const char *path, int64_t mtime, size_t n) {
        MirrorList found = {}, expected;
        bool utc = false;
        int r = mirror_state_find(s, path, mtime, 1, &found, &utc);

        if (r == 0) {
                assert_int_equal(found.n, 0);
                assert_null(found.entries);
                return false;
        }
        assert_int_equal(r, 1);
        assert_true(utc);
        expected = test_make_list(n);
        assert_int_equal(found.n, expected.n);
        for (size_t i = 0; i < expected.n; i++)
                assert_same_entry(found.entries + i, expected.entries + i);
        mirror_list_done(&expected);
        mirror_list_done(&found);
        return true;
}
