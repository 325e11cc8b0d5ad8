/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text and quantities as people see them: escapes, units, the progress line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "kftp/progress.h"
#include "libkftp/format.h"
#include "libkftp/libkftp.h"
#include "util.h"

#define E(in, out) { in, sizeof(in) - 1, out }

static const struct {
        const char *in;
        size_t n;
        const char *out;
} escapes[] = {
        E("",                           ""),
        E("226 Transfer complete.",     "226 Transfer complete."),
        E("C:\\pub",                    "C:\\pub"),
        E("a\r\nb",                     "a\\x0d\\x0ab"),
        E("a\0b",                       "a\\x00b"),
        E("\033[31m",                   "\\x1b[31m"),
        E("\177",                       "\\x7f"),
        E("\xc3\xbc",                   "\xc3\xbc"),
        E("\xe2\x82\xac",               "\xe2\x82\xac"),
        E("\xf0\x9f\x98\x80",           "\xf0\x9f\x98\x80"),
        /* C1 control characters, as bytes and in UTF-8 */
        E("\x9b" "31m",                 "\\x9b31m"),
        E("\xc2\x9b" "31m",             "\\xc2\\x9b31m"),
        /* not UTF-8: lone, truncated, overlong, surrogate, too large */
        E("\xff",                       "\\xff"),
        E("\xc3",                       "\\xc3"),
        E("\xc3x",                      "\\xc3x"),
        E("\xe2\x82",                   "\\xe2\\x82"),
        E("\xc0\xaf",                   "\\xc0\\xaf"),
        E("\xe0\x80\xaf",               "\\xe0\\x80\\xaf"),
        E("\xed\xa0\x80",               "\\xed\\xa0\\x80"),
        E("\xf4\x90\x80\x80",           "\\xf4\\x90\\x80\\x80"),
        /* an invalid byte does not swallow what follows */
        E("\xe2\xc3\xbc",               "\\xe2\xc3\xbc"),
        /* line separator, right-to-left override */
        E("\xe2\x80\xa8",               "\\xe2\\x80\\xa8"),
        E("gpj.\xe2\x80\xae",           "gpj.\\xe2\\x80\\xae"),
};

static void test_escape(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTS(escapes); i++) {
                /* a copy of exactly that length: the sanitizer sees a step beyond it */
                _cleanup_free_ char *copy = malloc(MAX2(escapes[i].n, 1U)), *out = NULL;

                assert_non_null(copy);
                memcpy(copy, escapes[i].in, escapes[i].n);
                out = kftp_escape(copy, escapes[i].n);
                assert_string_equal(out, escapes[i].out);
        }
}

static void test_quantities(void **state) {
        char b[KFTP_FORMAT_MAX];

        (void) state;
        assert_string_equal(kftp_format_bytes(b, 0), "0 B");
        assert_string_equal(kftp_format_bytes(b, 1023), "1023 B");
        assert_string_equal(kftp_format_bytes(b, 1024), "1.0 KiB");
        assert_string_equal(kftp_format_bytes(b, 1024 * 1024 - 1), "1.0 MiB");
        assert_string_equal(kftp_format_bytes(b, 50541363), "48.2 MiB");
        assert_string_equal(kftp_format_bytes(b, UINT64_MAX), "16.0 EiB");
        assert_string_equal(kftp_format_rate(b, 16252928), "15.5 MiB/s");
        assert_string_equal(kftp_format_usec(b, 0), "0.0 s");
        assert_string_equal(kftp_format_usec(b, 3100000), "3.1 s");
        assert_string_equal(kftp_format_usec(b, 59949999), "59.9 s");
        assert_string_equal(kftp_format_usec(b, 59950000), "1min 00s");
        assert_string_equal(kftp_format_usec(b, 80 * USEC_PER_SEC), "1min 20s");
        assert_string_equal(kftp_format_usec(b, 7500 * USEC_PER_SEC), "2h 05min");
        assert_string_equal(progress_format_left(b, 0.2), "1 s");
        assert_string_equal(progress_format_left(b, 187), "3:07");
        assert_string_equal(progress_format_left(b, 3723), "1:02:03");
        assert_string_equal(progress_format_left(b, 1e30), "99:59:59");
}

static unsigned columns(const char *text) {
        unsigned n = 0;

        for (; *text; text++)
                n += ((unsigned char) *text & 0xc0) != 0x80;
        return n;
}

/* Never wider than the terminal, whatever it is called and however narrow that is. */
static void test_progress_width(void **state) {
        static const char *const names[] = { "", "x", "a-rather-long-name-of-a-file-2026-11-21.csv.gz", "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc" };
        static const uint64_t totals[] = { KFTP_SIZE_UNKNOWN, 0, 1, 1000, UINT64_C(1) << 50 };

        (void) state;
        for (unsigned width = 1; width < 200; width++)
                for (size_t i = 0; i < ELEMENTS(names); i++)
                        for (size_t k = 0; k < ELEMENTS(totals); k++) {
                                KftpProgress now = { .bytes = 500, .total = totals[k] };
                                _cleanup_free_ char *line = progress_render(names[i], &now, 1234.5, width);

                                assert_non_null(line);
                                assert_true(columns(line) <= width);
                        }
}

static void test_progress_line(void **state) {
        KftpProgress now = { .bytes = 25 << 20, .total = 100 << 20 };
        _cleanup_free_ char *line = progress_render("big.iso", &now, 5 << 20, 79), *unknown = NULL, *narrow = NULL, *whole = NULL;

        (void) state;
        assert_string_equal(line, "big.iso               25% [====>              ]   25.0 MiB    5.0 MiB/s    15 s");
        assert_int_equal(columns(line), 79);

        narrow = progress_render("a-long-name.iso", &now, 5 << 20, 45);
        assert_non_null(strstr(narrow, "~ "));
        assert_non_null(strstr(narrow, " 25% "));
        assert_null(strchr(narrow, '['));

        now.total = KFTP_SIZE_UNKNOWN;
        unknown = progress_render("big.iso", &now, 5 << 20, 79);
        assert_null(strchr(unknown, '%'));
        assert_null(strchr(unknown, '['));
        assert_non_null(strstr(unknown, "25.0 MiB"));

        /* more than was promised */
        now.total = 1 << 20;
        whole = progress_render("big.iso", &now, 5 << 20, 79);
        assert_non_null(strstr(whole, "100% "));
}

/* Of a transfer: the file's protection, and whether there was one. */
static void test_tls(void **state) {
        KftpResult r = {};

        (void) state;
        assert_null(kftp_format_tls(&r));
        r.tls = (KftpTlsState) { .version = 0x0303, .cipher = 0xc030 };
        for (int i = 0; i < 3; i++) {
                static const char *const expected[] = {
                        "TLS1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                        "TLS1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 control-only",
                        "TLS1.3 TLS_CHACHA20_POLY1305_SHA256 resumed",
                };
                _cleanup_free_ char *text = NULL;

                if (i > 0)
                        r.data_peer.family = AF_INET;
                if (i > 1)
                        r.data_tls = (KftpTlsState) { .version = 0x0304, .cipher = 0x1303, .resumed = true };
                text = kftp_format_tls(&r);
                assert_string_equal(text, expected[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_escape),
                cmocka_unit_test(test_quantities),
                cmocka_unit_test(test_progress_width),
                cmocka_unit_test(test_tls),
                cmocka_unit_test(test_progress_line),
        };

        return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
