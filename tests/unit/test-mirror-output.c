// SPDX-License-Identifier: GPL-2.0-or-later
/* What kftp mirror says: lines for people, objects for programs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kftp/mirror-output.h"
#include "util.h"

static const KftpResult good = {};
static const KftpResult bad = { .failure = { .class = KFTP_CLASS_REMOTE, .text = (char *) "\"a\" at h:21: \"550 No\"" }, .attempts = 1 };

static const KftpMirrorEvent get = {
        .action = KFTP_MIRROR_GET, .path = "reports/x.csv", .local = "/srv/reports/x.csv", .why = "new", .size = 12897484,
        .mtime = KFTP_MTIME_UNKNOWN, .result = &good,
};

/* ---- Planned actions ------------------------------------------------------------------------- */

static void expect_action(const KftpMirrorEvent *e, const char *expected) {
        _cleanup_free_ char *line = mirror_format_action(e);

        assert_string_equal(line, expected);
}

static void test_actions(void **state) {
        KftpMirrorEvent e = get;

        (void) state;
        expect_action(&e, "get  reports/x.csv  12.3 MiB  (new)");
        e.size = KFTP_SIZE_UNKNOWN;
        e.why = NULL;
        expect_action(&e, "get  reports/x.csv");
        e = (KftpMirrorEvent) { .action = KFTP_MIRROR_LINK, .path = "a", .target = "b\033[2J", .size = 5, .result = &good };
        expect_action(&e, "link  a -> b\\x1b[2J");
        e = (KftpMirrorEvent) { .action = KFTP_MIRROR_DELETE, .path = "evil\nget  fake", .size = 5, .result = &good };
        expect_action(&e, "delete  evil\\x0aget  fake");
        e = (KftpMirrorEvent) { .action = KFTP_MIRROR_SET, .path = "", .why = "time", .size = KFTP_SIZE_UNKNOWN, .result = &good };
        expect_action(&e, "set  .  (time)");
}

/* ---- The summary ----------------------------------------------------------------------------- */

static void expect_summary(const KftpMirrorResult *r, const MirrorCounts *c, bool dry_run, const char *expected) {
        _cleanup_free_ char *text = mirror_format_summary(r, c, dry_run);

        assert_string_equal(text, expected);
}

static void test_summary(void **state) {
        KftpMirrorResult r = {
                .transferred = 14, .bytes = UINT64_C(1300234240), .usec = 80 * USEC_PER_SEC, .unchanged = 4986, .deleted = 3,
        };
        MirrorCounts c = { .changes = 17 };

        (void) state;
        expect_summary(&r, &c, false, "14 files (1.2 GiB) in 1min 20s (15.5 MiB/s), 4986 unchanged, 3 deleted, 0 failed");
        r.transferred = 1;
        r.moved = 2;
        r.failed = 3;
        r.refused = 2;
        c.made = 1;
        c.set = 4;
        expect_summary(&r, &c, false, "1 file (1.2 GiB) in 1min 20s (15.5 MiB/s), 4986 unchanged, 3 deleted, 2 removed from the source, "
                       "1 directory made, 4 set, 3 failed (2 refused)");
        c.made = 2;
        c.planned_bytes = 2048;
        r.bytes = 0;
        expect_summary(&r, &c, true, "1 file (2.0 KiB) to transfer, 4986 unchanged, 3 to delete, 2 to remove from the source, "
                       "2 directories to make, 4 to set, 3 failed (2 refused)");
        /* empty files are transferred, too */
        r = (KftpMirrorResult) { .transferred = 2, .usec = USEC_PER_SEC };
        c = (MirrorCounts) { .changes = 2 };
        expect_summary(&r, &c, false, "2 files in 1.0 s, 0 unchanged, 0 deleted, 0 failed");
}

static void test_nothing_to_do(void **state) {
        KftpMirrorResult r = { .unchanged = 5000, .files = 5000, .usec = USEC_PER_SEC };
        MirrorCounts c = {};

        (void) state;
        expect_summary(&r, &c, false, "nothing to do: 5000 files unchanged");
        expect_summary(&r, &c, true, "nothing to do: 5000 files unchanged");
        r.unchanged = 1;
        expect_summary(&r, &c, false, "nothing to do: 1 file unchanged");
        r.unchanged = 0;
        expect_summary(&r, &c, false, "nothing to do: 0 files");
        /* what failed was to be done, and so was the one directory */
        r.failed = 1;
        expect_summary(&r, &c, false, "0 files in 1.0 s, 0 unchanged, 0 deleted, 1 failed");
        r.failed = 0;
        c = (MirrorCounts) { .changes = 1, .made = 1 };
        expect_summary(&r, &c, false, "0 files in 1.0 s, 0 unchanged, 0 deleted, 1 directory made, 0 failed");
}

static void test_counts(void **state) {
        KftpMirrorEvent e = get;
        MirrorCounts c = {};

        (void) state;
        mirror_count(&c, &e);
        e.planned = true;
        mirror_count(&c, &e);
        e.size = KFTP_SIZE_UNKNOWN;
        mirror_count(&c, &e);
        e.action = KFTP_MIRROR_DELETE;
        e.size = 99;
        mirror_count(&c, &e);
        e.action = KFTP_MIRROR_SET;
        mirror_count(&c, &e);
        e.action = KFTP_MIRROR_MKDIR;
        mirror_count(&c, &e);
        e.result = &bad;
        mirror_count(&c, &e);
        assert_int_equal(c.changes, 6);
        assert_int_equal(c.planned_bytes, 12897484);
        assert_int_equal(c.set, 1);
        assert_int_equal(c.made, 1);
}

static void test_left(void **state) {
        KftpMirrorResult r = { .directories = 3, .transferred = 14, .bytes = 2048, .left = 120, .failed = 1 };
        _cleanup_free_ char *some = mirror_format_left(&r, false), *planned = mirror_format_left(&r, true), *none = NULL;

        (void) state;
        assert_string_equal(some, "; 14 files (2.0 KiB) done, 1 failed, at least 120 left: the next run goes on from there");
        assert_string_equal(planned, "");
        r = (KftpMirrorResult) { .left = 1 };
        none = mirror_format_left(&r, false);
        assert_string_equal(none, "");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static const char *string(const json_t *o, const char *key) {
        return json_string_value(json_object_get(o, key));
}

static void test_json(void **state) {
        static const char *const keys[] = {
                "url", "path", "bytes", "resumed_from", "usec", "rate", "reply", "attempts", "sha256", "tls", "result", "error",
                "action", "planned", "why", "name", "size", "target",
        };
        KftpResult result = { .bytes = 12897484, .resumed_from = 5, .usec = 7, .rate = 8, .reply_text = (char *) "226 Done", .attempts = 2 };
        KftpMirrorEvent e = get;
        json_auto_t *o = NULL;

        (void) state;
        e.result = &result;
        o = mirror_json("ftp://h/out", &e);
        assert_int_equal(json_object_size(o), ELEMENTS(keys));
        for (size_t i = 0; i < ELEMENTS(keys); i++)
                assert_non_null(json_object_get(o, keys[i]));
        assert_string_equal(string(o, "url"), "ftp://h/out/reports/x.csv");
        assert_string_equal(string(o, "path"), "/srv/reports/x.csv");
        assert_string_equal(string(o, "name"), "reports/x.csv");
        assert_string_equal(string(o, "action"), "get");
        assert_string_equal(string(o, "why"), "new");
        assert_string_equal(string(o, "result"), "done");
        assert_string_equal(string(o, "reply"), "226 Done");
        assert_int_equal(json_integer_value(json_object_get(o, "bytes")), 12897484);
        assert_int_equal(json_integer_value(json_object_get(o, "resumed_from")), 5);
        assert_int_equal(json_integer_value(json_object_get(o, "attempts")), 2);
        assert_int_equal(json_integer_value(json_object_get(o, "size")), 12897484);
        assert_true(json_is_false(json_object_get(o, "planned")));
        assert_true(json_is_null(json_object_get(o, "error")));
        assert_true(json_is_null(json_object_get(o, "target")));
}

static void test_json_of_failures(void **state) {
        KftpMirrorEvent e = { .action = KFTP_MIRROR_REFUSE, .planned = true, .path = "a\xff", .target = "/etc", .size = KFTP_SIZE_UNKNOWN, .result = &bad };
        json_auto_t *o = mirror_json("ftp://h/", &e);

        (void) state;
        assert_string_equal(string(o, "url"), "ftp://h/a%FF");
        assert_string_equal(string(o, "name"), "a\\xff");
        assert_string_equal(string(o, "target"), "/etc");
        assert_string_equal(string(o, "action"), "refuse");
        assert_string_equal(string(o, "result"), "remote");
        assert_string_equal(string(o, "error"), "\"a\" at h:21: \"550 No\"");
        assert_true(json_is_true(json_object_get(o, "planned")));
        assert_true(json_is_null(json_object_get(o, "size")));
        assert_true(json_is_null(json_object_get(o, "why")));
        assert_true(json_is_null(json_object_get(o, "path")));
}

/* Each is the URL that kftp get would fetch. */
static void test_urls(void **state) {
        static const struct {
                const char *tree, *path, *url;
        } urls[] = {
                { "ftp://h",                    "a",            "ftp://h/a"             },
                { "ftp://h/",                   "a",            "ftp://h/a"             },
                { "ftp://h/d",                  "",             "ftp://h/d"             },
                { "ftp://h/d/",                 "a b/c;d%",     "ftp://h/d/a%20b/c%3Bd%25" },
                { "ftp://u@h:2121/d;type=i",    "a",            "ftp://u@h:2121/d/a"    },
                { "ftp://h/%2f",                "etc",          "ftp://h/%2fetc"        },
                { "ftp://h/%2Fd",               "a",            "ftp://h/%2Fd/a"        },
                { "ftps://h/\xc3\xbc",          "\xc3\xbc",     "ftps://h/\xc3\xbc/%C3%BC" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(urls); i++) {
                KftpMirrorEvent e = get;
                json_auto_t *o = NULL;

                e.path = urls[i].path;
                o = mirror_json(urls[i].tree, &e);
                assert_string_equal(string(o, "url"), urls[i].url);
        }
}

static void test_what_is_reported(void **state) {
        static const struct {
                enum kftp_mirror_action action;
                bool reported;
        } actions[] = {
                { KFTP_MIRROR_GET, true }, { KFTP_MIRROR_PUT, true }, { KFTP_MIRROR_LINK, true }, { KFTP_MIRROR_SET, true },
                { KFTP_MIRROR_DELETE, true }, { KFTP_MIRROR_MOVED, true }, { KFTP_MIRROR_MKDIR, false }, { KFTP_MIRROR_RMDIR, false },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(actions); i++) {
                KftpMirrorEvent e = { .action = actions[i].action, .path = "a", .result = &good };

                assert_int_equal(mirror_is_reported(&e), actions[i].reported);
                e.result = &bad;
                assert_true(mirror_is_reported(&e));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_actions),
                cmocka_unit_test(test_summary),
                cmocka_unit_test(test_nothing_to_do),
                cmocka_unit_test(test_counts),
                cmocka_unit_test(test_left),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_json_of_failures),
                cmocka_unit_test(test_urls),
                cmocka_unit_test(test_what_is_reported),
        };

        return cmocka_run_group_tests_name("mirror-output", tests, NULL, NULL);
}
