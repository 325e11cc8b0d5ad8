// SPDX-License-Identifier: GPL-2.0-or-later
/* How kftp ls writes entries, for people and for programs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "kftp/ls.h"
#include "util.h"

static const KftpEntry file = {
        .name = "a b", .name_len = 3, .type = KFTP_ENTRY_FILE, .size = 1234, .mtime = INT64_C(1704164645),
        .mtime_precision = 1, .mode = 0640,
};
static const KftpEntry unknown = {
        .name = "?", .name_len = 1, .type = KFTP_ENTRY_OTHER, .size = KFTP_SIZE_UNKNOWN, .mtime = KFTP_MTIME_UNKNOWN,
        .mode = KFTP_MODE_UNKNOWN,
};

static char *written(LsForm form, bool escape, const KftpEntry *entries, size_t n) {
        char *text = NULL;
        size_t length;
        LsOutput o = { .file = open_memstream(&text, &length), .form = form, .escape = escape };

        assert_non_null(o.file);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(ls_entry(&o, &entries[i]), 0);
        assert_int_equal(ls_end(&o), 0);
        assert_int_equal(fclose(o.file), 0);
        return text;
}

static void expect(LsForm form, bool escape, const KftpEntry *e, const char *expected) {
        _cleanup_free_ char *text = written(form, escape, e, 1);

        assert_string_equal(text, expected);
}

static void test_long(void **state) {
        KftpEntry e = file;

        (void) state;
        expect(LS_LONG, false, &file, "-rw-r-----           1234 2024-01-02 03:04 a b\n");
        expect(LS_LONG, false, &unknown, "??????????              - -                ?\n");
        e.type = KFTP_ENTRY_LINK;
        e.mode = 0777;
        e.target = "x y";
        e.target_len = 3;
        e.mtime_precision = 86400;
        expect(LS_LONG, false, &e, "lrwxrwxrwx           1234 2024-01-02       a b -> x y\n");
        e.target = NULL;
        e.type = KFTP_ENTRY_DIR;
        e.mode = 07777;
        expect(LS_LONG, false, &e, "drwsrwsrwt           1234 2024-01-02       a b\n");
        e.mode = 07000;
        expect(LS_LONG, false, &e, "d--S--S--T           1234 2024-01-02       a b\n");
}

/* A terminal obeys what stands in a name; a pipe is to have the bytes. */
static void test_names(void **state) {
        KftpEntry e = file;

        (void) state;
        expect(LS_NAMES, true, &file, "a b\n");
        e.name = "\033[2J\xff";
        e.name_len = 5;
        expect(LS_NAMES, true, &e, "\\x1b[2J\\xff\n");
        expect(LS_NAMES, false, &e, "\033[2J\xff\n");
        expect(LS_LONG, true, &e, "-rw-r-----           1234 2024-01-02 03:04 \\x1b[2J\\xff\n");
}

static void test_json(void **state) {
        _cleanup_free_ char *both = written(LS_JSON, true, (KftpEntry[]) { file, unknown }, 2);
        _cleanup_free_ char *none = written(LS_JSON, true, NULL, 0);
        KftpEntry e = file;

        (void) state;
        assert_string_equal(both,
                            "[{\"name\":\"a b\",\"type\":\"file\",\"size\":1234,\"mtime\":\"2024-01-02T03:04:05Z\",\"mode\":\"0640\",\"target\":null},"
                            "{\"name\":\"?\",\"type\":\"other\",\"size\":null,\"mtime\":null,\"mode\":null,\"target\":null}]\n");
        assert_string_equal(none, "[]\n");
        e.size = UINT64_C(1) << 63;
        e.mtime = -1;
        expect(LS_JSON, false, &e, "[{\"name\":\"a b\",\"type\":\"file\",\"size\":null,\"mtime\":\"1969-12-31T23:59:59Z\",\"mode\":\"0640\",\"target\":null}]\n");
}

/* A date of four digits for the year, as ISO 8601 has it. */
static void test_early_years(void **state) {
        KftpEntry e = file;
        _cleanup_free_ char *text = NULL, *before = NULL;

        (void) state;
        e.mtime = INT64_C(-62135596800);
        text = written(LS_JSON, false, &e, 1);
        assert_non_null(strstr(text, "\"0001-01-01T00:00:00Z\""));
        e.mtime -= 86400 * 400;
        before = written(LS_JSON, false, &e, 1);
        assert_non_null(strstr(before, "\"mtime\":null"));
}

static void test_json_of_bytes(void **state) {
        json_error_t error;
        KftpEntry e = file;
        json_t *root, *entry;
        char *text;

        (void) state;
        e.type = KFTP_ENTRY_LINK;
        e.name = "caf\xe9\xe2\x82\x1b\"";
        e.name_len = 8;
        e.target = "\xe2\x82\xac\xc0\x80";
        e.target_len = 5;
        text = written(LS_JSON, true, &e, 1);
        root = json_loads(text, 0, &error);
        assert_non_null(root);
        entry = json_array_get(root, 0);
        assert_string_equal(json_string_value(json_object_get(entry, "name")), "caf\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\x1b\"");
        assert_string_equal(json_string_value(json_object_get(entry, "name_b64")), "Y2Fm6eKCGyI=");
        assert_string_equal(json_string_value(json_object_get(entry, "target")), "\xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbd");
        assert_string_equal(json_string_value(json_object_get(entry, "target_b64")), "4oKswIA=");
        json_decref(root);
        free(text);
}

static void test_write_error(void **state) {
        LsOutput o = { .file = fopen("/dev/full", "w"), .form = LS_JSON };

        (void) state;
        assert_non_null(o.file);
        setvbuf(o.file, NULL, _IONBF, 0);
        assert_int_equal(ls_entry(&o, &file), -ENOSPC);
        assert_int_equal(ls_end(&o), -ENOSPC);
        (void) fclose(o.file);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_long),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_json_of_bytes),
                cmocka_unit_test(test_early_years),
                cmocka_unit_test(test_write_error),
        };

        return cmocka_run_group_tests_name("ls", tests, NULL, NULL);
}
