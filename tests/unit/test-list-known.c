// SPDX-License-Identifier: GPL-2.0-or-later
/* What is known before a listing is read: the format and the order of dates of the one before, and the server's clock. */

#include "listing.h"

#include <inttypes.h>

#define UNIX_LINE "-rw-r--r-- 1 o g 5 Jan  2 03:04 a\r\n"
#define DOS_LINE "01-02-24  03:04AM  12 b\r\n"

static void expect_format(const char *text, const KftpListFormat *before, const KftpListFormat *expected) {
        KftpListKnown known = { .now = TEST_NOW, .format = before };

        assert_ptr_equal(kftp_list_guess(text, strlen(text), &known), expected);
}

static void test_the_format_stays(void **state) {
        (void) state;
        expect_format(UNIX_LINE DOS_LINE, NULL, &kftp_list_unix);
        expect_format(UNIX_LINE DOS_LINE, &kftp_list_dos, &kftp_list_dos);
        expect_format(DOS_LINE UNIX_LINE, &kftp_list_unix, &kftp_list_unix);
        expect_format("README\r\nLICENSE\r\n", &kftp_list_names, &kftp_list_names);
}

/* Another virtual host, or SITE DIRSTYLE. */
static void test_the_format_gives_way(void **state) {
        (void) state;
        expect_format(UNIX_LINE, &kftp_list_dos, &kftp_list_unix);
        expect_format(UNIX_LINE UNIX_LINE DOS_LINE, &kftp_list_dos, &kftp_list_unix);
        expect_format("what is this\r\n", &kftp_list_unix, NULL);
}

static char *read_with(const char *text, const KftpListKnown *known, KftpListSummary *ret) {
        return test_listing_in_full(text, strlen(text), KFTP_LIST_FROM_DATA, known, ret);
}

static void expect_order(const char *text, enum kftp_list_order before, enum kftp_list_order after, const char *expected) {
        KftpListKnown known = { .now = TEST_NOW, .format = &kftp_list_dos, .order = before };
        KftpListSummary summary;
        _cleanup_free_ char *result = read_with(text, &known, &summary);

        assert_string_equal(result, expected);
        assert_int_equal(summary.order, after);
        kftp_list_summary_done(&summary);
}

static void test_the_order_stays_until_a_date_speaks_against_it(void **state) {
        (void) state;
        expect_order("01/02/24  10:00  1 a\r\n", KFTP_LIST_MONTH_FIRST, KFTP_LIST_MONTH_FIRST, "f ? 1 2024-01-02T10:00:00/60 <a>\n");
        expect_order("01/02/24  10:00  1 a\r\n", KFTP_LIST_DAY_FIRST, KFTP_LIST_DAY_FIRST, "f ? 1 2024-02-01T10:00:00/60 <a>\n");
        expect_order("01/31/24  10:00  1 a\r\n", KFTP_LIST_DAY_FIRST, KFTP_LIST_MONTH_FIRST, "f ? 1 2024-01-31T10:00:00/60 <a>\n");
        expect_order("31/01/24  10:00  1 a\r\n01/02/24  10:00  1 b\r\n", KFTP_LIST_MONTH_FIRST, KFTP_LIST_DAY_FIRST,
                     "f ? 1 2024-01-31T10:00:00/60 <a>\nf ? 1 2024-02-01T10:00:00/60 <b>\n");
}

/* Another format's order is nothing to this one. */
static void test_the_order_belongs_to_the_format(void **state) {
        KftpListKnown known = { .now = TEST_NOW, .format = &kftp_list_as400, .order = KFTP_LIST_DAY_FIRST };
        KftpListSummary summary;
        _cleanup_free_ char *result = read_with("01/02/24  10:00  1 a\r\n", &known, &summary);

        (void) state;
        assert_string_equal(result, "f ? 1 2024-01-02T10:00:00/60 <a>\n");
        kftp_list_summary_done(&summary);
}

static void test_a_date_in_the_future_speaks_against_an_order(void **state) {
        (void) state;
        expect_order("05/02/24  10:00  1 a\r\n", KFTP_LIST_MONTH_FIRST, KFTP_LIST_DAY_FIRST, "f ? 1 2024-02-05T10:00:00/60 <a>\n");
        /* But less than one that is none. */
        expect_order("05/02/24  10:00  1 a\r\n01/31/24  10:00  1 b\r\n", KFTP_LIST_MONTH_FIRST, KFTP_LIST_MONTH_FIRST,
                     "f ? 1 2024-05-02T10:00:00/60 <a>\nf ? 1 2024-01-31T10:00:00/60 <b>\n");
}

static void test_the_server_s_clock(void **state) {
        static const struct {
                const char *text, *expected;
        } listings[] = {
                { "01-02-24  03:04AM  12 a\r\n",                            "f ? 12 2024-01-02T01:34:00/60 <a>\n"        },
                { "-rw-r--r-- 1 o g 5 2024-01-02 03:04:05 a\r\n",           "f 0644 5 2024-01-02T01:34:05/1 <a>\n"       },
                { "-rw-r--r-- 1 o g 5 2024-01-02 03:04:05 +0000 a\r\n",     "f 0644 5 2024-01-02T03:04:05/1 <a>\n"       },
                { "type=file;modify=20240102030405; a\r\n",                 "f ? ? 2024-01-02T03:04:05/1 <a>\n"          },
                { "+r,m1704164645,\ta\r\n",                                 "f ? ? 2024-01-02T03:04:05/1 <a>\n"          },
                { "A.TXT;1 1 2-JAN-2024 03:04:05 [A] (RWED)\r\n",           "f ? ? 2024-01-02T01:34:05/1 <A.TXT>\n"      },
                { "-rw-r--r-- 1 o g 5 Mar 11 13:29 now + 1 d\r\n",          "f 0644 5 2024-03-11T11:59:00/60 <now + 1 d>\n" },
                { "-rw-r--r-- 1 o g 5 Mar 11 13:31 now + 1 d\r\n",          "f 0644 5 2023-03-11T12:01:00/60 <now + 1 d>\n" },
        };
        KftpListKnown known = { .now = TEST_NOW, .utc_offset = 5400 };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(listings); i++) {
                KftpListSummary summary;
                _cleanup_free_ char *result = read_with(listings[i].text, &known, &summary);

                assert_string_equal(result, listings[i].expected);
                kftp_list_summary_done(&summary);
        }
}

static int count(void *userdata, const KftpEntry *e) {
        (*(uint64_t *) userdata)++;
        assert_int_equal(e->name_len, 20);
        assert_int_equal(e->mtime, 1704164645);
        return 0;
}

/* Entries of two lines across the borders of the buffer, and two versions of each. */
static void test_entries_of_two_lines(void **state) {
        KftpListKnown known = { .now = TEST_NOW };
        KftpListSummary summary;
        uint64_t entries = 0;
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        int fd;

        (void) state;
        assert_non_null(f);
        for (unsigned i = 0; i < 20000; i++)
                for (unsigned version = 2; version > 0; version--)
                        fprintf(f, "NAME_OF_%08u.TXT;%u\r\n%*s  2-JAN-2024 03:04:05  [A] (RWED)\r\n", i, version, (int) (i % 50) + 2, "1");
        assert_int_equal(fclose(f), 0);
        fd = test_listing_file(text, n);
        assert_int_equal(kftp_list_read(fd, KFTP_LIST_FROM_DATA, &known, count, &entries, &summary), 0);
        assert_int_equal(entries, 20000);
        assert_int_equal(summary.entries, 20000);
        assert_int_equal(summary.lines, 40000);
        assert_int_equal(summary.bad, 0);
        kftp_list_summary_done(&summary);
        close(fd);
        free(text);
}

/* No abbreviation may stand for two months: what is not English is looked up with and without a dot, in any case. */
static void test_months(void **state) {
        static const struct {
                const char *names;
                int month;
        } months[] = {
                { "Jan january JANU jan. janv. ene gen J\xc3\xa4n j\xe4n led \xd1\x8f\xd0\xbd\xd0\xb2",          1  },
                { "feb f\xe9v f\xc3\xa9vr. fev lut \xc3\xbano helmi",                                       2  },
                { "Mar mrz M\xc3\xa4r m\xe4rz mars mrt b\xc5\x99" "e",                                            3  },
                { "apr avr avril abr kwi dub",                                                                    4  },
                { "May mai mei maj mag m\xc3\xa1j kv\xc4\x9b",                                                    5  },
                { "Jun juin giu cze j\xc3\xban j\xfan \xc4\x8d" "en",                                             6  },
                { "Jul juil. lug lip j\xc3\xbal j\xfal \xc4\x8d" "ec",                                            7  },
                { "Aug ago ao\xfb ao\xc3\xbbt avg sie srp",                                                       8  },
                { "Sep sept. September set wrz szept",                                                            9  },
                { "Oct okt ott out pa\xc5\xba pa\xbc",                                                            10 },
                { "Nov nov. lis n\xc3\xb3v marras",                                                               11 },
                { "Dec dez dic d\xe9" "c. des gru pro",                                                           12 },
                { "ja Janvier x m r \xff \xc3\xa9 13 1 total root j?n m?r . ..",                                  0  },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(months); i++)
                for (const char *p = months[i].names; *p; ) {
                        size_t n = strcspn(p, " ");

                        if (months[i].month != kftp_list_month(p, n))
                                fail_msg("%.*s is read as month %d", (int) n, p, kftp_list_month(p, n));
                        p += n + strspn(p + n, " ");
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_format_stays),
                cmocka_unit_test(test_the_format_gives_way),
                cmocka_unit_test(test_the_order_stays_until_a_date_speaks_against_it),
                cmocka_unit_test(test_the_order_belongs_to_the_format),
                cmocka_unit_test(test_a_date_in_the_future_speaks_against_an_order),
                cmocka_unit_test(test_the_server_s_clock),
                cmocka_unit_test(test_entries_of_two_lines),
                cmocka_unit_test(test_months),
        };

        return cmocka_run_group_tests_name("list-known", tests, NULL, NULL);
}
