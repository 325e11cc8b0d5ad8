/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small parts that streams are made of: rates, ranges, ends of lines. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libkftp/libkftp.h"
#include "libkftp/rate.h"
#include "libkftp/text.h"
#include "util.h"

/* ---- Rates ----------------------------------------------------------------------------------- */

static void test_rate_parse(void **state) {
        static const struct {
                const char *text;
                uint64_t rate;
        } rows[] = {
                { "0", 0 }, { "1", 1 }, { "100", 100 }, { "1K", 1024 }, { "1k", 1024 }, { "1.5M", 1536 * 1024 },
                { "2G", UINT64_C(2) << 30 }, { "1t", UINT64_C(1) << 40 }, { "0.5K", 512 },
        };
        static const char *const bad[] = {
                "", "K", "-1", "+1", " 1", "1KB", "1 K", "1x", "0x10", "inf", "nan", "1e30", "99999999T", "0.5", "1,5", "1K ", "1 ",
        };
        uint64_t rate;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                assert_int_equal(kftp_rate_parse(rows[i].text, &rate), 0);
                assert_int_equal(rate, rows[i].rate);
        }
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                print_message("%s\n", bad[i]);
                assert_int_equal(kftp_rate_parse(bad[i], &rate), -EINVAL);
        }
}

static void test_rate_slices(void **state) {
        KftpRate r = {};

        (void) state;
        assert_int_equal(kftp_rate_slice(&r, 0), 0);
        assert_int_equal(kftp_rate_slice(&r, 7), 7);
        kftp_rate_begin(&r, 1000);
        assert_int_equal(kftp_rate_slice(&r, 0), 100);
        assert_int_equal(kftp_rate_slice(&r, 7), 7);
        assert_int_equal(kftp_rate_slice(&r, 1000), 100);
        kftp_rate_begin(&r, 3);
        assert_int_equal(kftp_rate_slice(&r, 0), 1);
}

/* Seconds for n bytes at a limit, if each RUN takes run usec and each pause is late by late usec. */
static double simulate(uint64_t limit, uint64_t n, uint64_t run, uint64_t late) {
        uint64_t begin = 5 * USEC_PER_SEC, now = begin, moved = 0;
        KftpRate r = {};

        kftp_rate_begin(&r, limit);
        while (moved < n) {
                uint64_t wait;

                moved += MIN2(kftp_rate_slice(&r, 0), n - moved);
                now += run;
                wait = kftp_rate_account(&r, moved, now);
                if (wait > 0)
                        now += wait + late;
        }
        return (double) (now - begin) / (double) USEC_PER_SEC;
}

static void expect_seconds(double seconds, double expected) {
        print_message("%f s, expected %f s\n", seconds, expected);
        assert_true(seconds > expected * 0.95 && seconds < expected * 1.05);
}

static void test_rate_accuracy(void **state) {
        (void) state;
        expect_seconds(simulate(1000000, 3000000, 1000, 0), 3);
        expect_seconds(simulate(1000000, 3000000, 50000, 0), 3);
        /* a timer that is late: made up for */
        expect_seconds(simulate(1000000, 3000000, 1000, 20000), 3);
        expect_seconds(simulate(10000000000, 30000000000, 100, 100), 3);
        expect_seconds(simulate(10, 40, 1000, 1000), 4);
        expect_seconds(simulate(1, 4, 1000, 1000), 4);
        /* a network that is slower than the limit is not slowed down */
        expect_seconds(simulate(1000000, 3000000, 200000, 0), 6);
}

/* What was missed in a stall is not sent all at once afterwards. */
static void test_rate_after_a_stall(void **state) {
        uint64_t now = 5 * USEC_PER_SEC, wait;
        KftpRate r = {};

        (void) state;
        kftp_rate_begin(&r, 1000);
        assert_int_equal(kftp_rate_account(&r, 100, now), 100000);
        now += 60 * USEC_PER_SEC;
        wait = kftp_rate_account(&r, 200, now);
        wait += kftp_rate_account(&r, 300, now + wait);
        assert_int_equal(wait, 100000);
        /* the next request still waits for what this one moved too early */
        kftp_rate_begin(&r, 1000);
        now += wait;
        assert_int_equal(kftp_rate_account(&r, 100, now - 40000), 140000);
        /* news without data, such as PROGRESS, cost nothing */
        assert_int_equal(kftp_rate_account(&r, 100, now + 200000), 0);
}

/* ---- Ranges ---------------------------------------------------------------------------------- */

static void test_ranges(void **state) {
        static const struct {
                const char *text;
                KftpRange range;
        } rows[] = {
                { "0-0",                    { .from = 0, .length = 1 }                  },
                { "5-9",                    { .from = 5, .length = 5 }                  },
                { "7-",                     { .from = 7 }                               },
                { "-7",                     { .last = 7 }                               },
                { "4294967296-4294967297",  { .from = UINT64_C(1) << 32, .length = 2 }  },
        };
        static const char *const bad[] = {
                "", "-", "5", "9-5", "-0", "a-b", "1-2-3", "1-2,4-5", "+1-2", " 1-2", "1 -2", "0x1-2", "1--2", "99999999999999999999-", "-1-",
        };
        KftpRange range;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                assert_int_equal(kftp_range_parse(rows[i].text, &range), 0);
                assert_memory_equal(&range, &rows[i].range, sizeof(range));
        }
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                print_message("%s\n", bad[i]);
                assert_int_equal(kftp_range_parse(bad[i], &range), -EINVAL);
        }
}

/* ---- Text ------------------------------------------------------------------------------------ */

/* in pieces of n bytes; out has room for twice its size */
static void receive(const char *in, size_t n, char *out) {
        KftpText t = {};
        size_t length = strlen(in);

        for (size_t i = 0; i < length; i += n) {
                size_t k = MIN2(n, length - i);
                char *piece = malloc(k + KFTP_TEXT_HELD);       /* exactly the room that is asked for */
                size_t got = kftp_text_receive(&t, in + i, k, piece);

                out = mempcpy(out, piece, got);
                free(piece);
        }
        out += kftp_text_finish(&t, out);
        *out = '\0';
}

static void send_pieces(const char *in, size_t n, char *out) {
        KftpText t = {};
        size_t length = strlen(in);

        for (size_t i = 0; i < length; i += n) {
                size_t k = MIN2(n, length - i);
                char *piece = malloc(2 * k);
                size_t got = kftp_text_send(&t, in + i, k, piece);

                out = mempcpy(out, piece, got);
                free(piece);
        }
        *out = '\0';
}

static void test_text(void **state) {
        static const struct {
                const char *in, *received, *sent;
        } rows[] = {
                { "",                    "",                "",                       },
                { "a\r\nb\r\n",          "a\nb\n",          "a\r\nb\r\n",             },
                { "a\nb\n",              "a\nb\n",          "a\r\nb\r\n",             },
                { "\n\n",                "\n\n",            "\r\n\r\n",               },
                { "a\r\r\nb",            "a\nb",            "a\r\r\nb",               },
                { "a\r\r\r\nb",          "a\r\nb",          "a\r\r\r\nb",             },
                { "a\r\r\r\r\r\nb",      "a\r\r\r\nb",      "a\r\r\r\r\r\nb",         },
                { "a\rb",                "a\rb",            "a\rb",                   },
                { "a\r\rb\r",            "a\r\rb\r",        "a\r\rb\r",               },
                { "a\r\r\r",             "a\r\r\r",         "a\r\r\r",                },
                { "\r\n\r\n\r",          "\n\n\r",          "\r\n\r\n\r",             },
                { "no end",              "no end",          "no end",                 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++)
                for (size_t n = 1; n <= 5; n++) {
                        char out[64];

                        receive(rows[i].in, n, out);
                        assert_string_equal(out, rows[i].received);
                        send_pieces(rows[i].in, n, out);
                        assert_string_equal(out, rows[i].sent);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rate_parse),
                cmocka_unit_test(test_rate_slices),
                cmocka_unit_test(test_rate_accuracy),
                cmocka_unit_test(test_rate_after_a_stall),
                cmocka_unit_test(test_ranges),
                cmocka_unit_test(test_text),
        };

        return cmocka_run_group_tests_name("stream-parts", tests, NULL, NULL);
}
