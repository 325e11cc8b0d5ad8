// SPDX-License-Identifier: GPL-2.0-or-later
/* "ls -l" and its imitations. Now is 2024-03-10 12:00 UTC. */

#include "listing.h"

static void expect(const char *text, const char *expected) {
        test_expect_listing("unix", text, expected);
}

static void test_vsftpd(void **state) {
        (void) state;
        expect("drwxr-xr-x    2 1000     1000         4096 Jan 02 03:04 sub\r\n"
               "-rw-r--r--    1 1000     1000      1048576 Dec 31  2022 a.bin\r\n"
               "-rw-------    1 1000     1000            0 Mar 10 11:59 new\r\n",
               "d 0755 4096 2024-01-02T03:04:00<sub>\n"
               "f 0644 1048576 2022-12-31T00:00:00<a.bin>\n"
               "f 0600 0 2024-03-10T11:59:00<new>\n");
}

static void test_gnu_ls(void **state) {
        (void) state;
        expect("total 12\n"
               "drwxr-xr-x  3 root  root    4096 Jan  2 03:04 .\n"
               "drwxr-xr-x 18 root  root    4096 Jan  2 03:04 ..\n"
               "-rw-r--r--  1 ftp   Domain Users 12 Jan  2  2020 group of two words\n"
               "lrwxrwxrwx  1 root  root       6 Jan  2 03:04 link -> target\n",
               "f 0644 12 2020-01-02T00:00:00<group of two words>\n"
               "l 0777 6 2024-01-02T03:04:00<link> -> <target>\n");
}

static void test_only_a_total(void **state) {
        (void) state;
        expect("total 0\r\n", "");
        expect("insgesamt 4\n", "");
        expect("total 1.2M\n", "");
}

/* Columns that are missing, too many, or stuck together. */
static void test_columns(void **state) {
        (void) state;
        expect("-rw-r--r-- 1 owner 123 Jan 2 03:04 no group\n"
               "-rw-r--r-- 123 Jan 2 03:04 neither\n"
               "-rw-r--r-- owner group 123 Jan 2 03:04 no links\n"
               "-rw-r--r--1024 owner group 123 Jan 2 03:04 stuck to the links\n"
               "-rw-r--r-- 1 1000 1000 123 Jan 2 03:04 numbers\n"
               "  4711 -rw-r--r-- 1 o g 123 Jan 2 03:04 inode\n"
               "4711    8 -rw-r--r-- 1 o g 123 Jan 2 03:04 inode and blocks\n"
               "-rw-r--r-- 1 o g 18446744073709551614 Jan 2 03:04 large\n"
               "-rw-r--r--\t1\to\tg\t123\tJan 2 03:04\ttabs\n",
               "f 0644 123 2024-01-02T03:04:00<no group>\n"
               "f 0644 123 2024-01-02T03:04:00<neither>\n"
               "f 0644 123 2024-01-02T03:04:00<no links>\n"
               "f 0644 123 2024-01-02T03:04:00<stuck to the links>\n"
               "f 0644 123 2024-01-02T03:04:00<numbers>\n"
               "f 0644 123 2024-01-02T03:04:00<inode>\n"
               "f 0644 123 2024-01-02T03:04:00<inode and blocks>\n"
               "f 0644 18446744073709551614 2024-01-02T03:04:00<large>\n"
               "f 0644 123 2024-01-02T03:04:00<tabs>\n");
}

static void test_permissions(void **state) {
        (void) state;
        expect("-rwsr-sr-t  1 o g 1 Jan 2 03:04 special\n"
               "-rwSr-Sr-T  1 o g 1 Jan 2 03:04 special without x\n"
               "-rw-r--r--+ 1 o g 1 Jan 2 03:04 ACL\n"
               "-rw-r--r--. 1 o g 1 Jan 2 03:04 context\n"
               "-rw-r--r--@ 1 o g 1 Jan 2 03:04 attributes\n"
               "d---------  1 o g 1 Jan 2 03:04 none\n"
               "-?????????  1 o g 1 Jan 2 03:04 unknown\n",
               "f 7755 1 2024-01-02T03:04:00<special>\n"
               "f 7644 1 2024-01-02T03:04:00<special without x>\n"
               "f 0644 1 2024-01-02T03:04:00<ACL>\n"
               "f 0644 1 2024-01-02T03:04:00<context>\n"
               "f 0644 1 2024-01-02T03:04:00<attributes>\n"
               "d 0000 1 2024-01-02T03:04:00<none>\n"
               "f ? 1 2024-01-02T03:04:00<unknown>\n");
}

static void test_devices(void **state) {
        (void) state;
        expect("crw-rw-rw- 1 root root 1, 3 Jan 2 03:04 null\n"
               "brw-rw---- 1 root disk 8,16 Jan 2 03:04 sdb\n"
               "prw-r--r-- 1 root root 0 Jan 2 03:04 fifo\n"
               "srwxr-xr-x 1 root root 0 Jan 2 03:04 socket\n",
               "o 0666 ? 2024-01-02T03:04:00<null>\n"
               "o 0660 ? 2024-01-02T03:04:00<sdb>\n"
               "o 0644 ? 2024-01-02T03:04:00<fifo>\n"
               "o 0755 ? 2024-01-02T03:04:00<socket>\n");
}

static void test_dates(void **state) {
        (void) state;
        expect("-rw-r--r-- 1 o g 5 Jan  2 2024 a\n"
               "-rw-r--r-- 1 o g 5  2 Jan 2024 b\n"
               "-rw-r--r-- 1 o g 5 02. Jan 03:04 c\n"
               "-rw-r--r-- 1 o g 5 2024-01-02 03:04 d\n"
               "-rw-r--r-- 1 o g 5 2024-01-02 03:04:05.678901234 +0100 e\n"
               "-rw-r--r-- 1 o g 5 2024-01-02 03:04:05 -0230 f\n"
               "-rw-r--r-- 1 o g 5 2024-01-02 g\n"
               "-rw-r--r-- 1 o g 5 01-02 03:04 h\n"
               "-rw-r--r-- 1 o g 5 Jan  2 03:04:05 2023 i\n"
               "-rw-r--r-- 1 o g 5 JAN 2 3:04 j\n"
               "-rw-r--r-- 1 o g 5 January 2, 2024 k\n"
               "-rw-r--r-- 1 o g 5 Feb 31 2024 no such day\n"
               "-rw-r--r-- 1 o g 5 Feb 29 10:00 leap\n",
               "f 0644 5 2024-01-02T00:00:00<a>\n"
               "f 0644 5 2024-01-02T00:00:00<b>\n"
               "f 0644 5 2024-01-02T03:04:00<c>\n"
               "f 0644 5 2024-01-02T03:04:00<d>\n"
               "f 0644 5 2024-01-02T02:04:05<e>\n"
               "f 0644 5 2024-01-02T05:34:05<f>\n"
               "f 0644 5 2024-01-02T00:00:00<g>\n"
               "f 0644 5 2024-01-02T03:04:00<h>\n"
               "f 0644 5 2023-01-02T03:04:05<i>\n"
               "f 0644 5 2024-01-02T03:04:00<j>\n"
               "f 0644 5 2024-01-02T00:00:00<k>\n"
               "f 0644 5 ?<no such day>\n"
               "f 0644 5 2024-02-29T10:00:00<leap>\n");
}

/* A date without a year is of the last twelve months, or of tomorrow: the server's clock may be elsewhere. */
static void test_year_guessed(void **state) {
        (void) state;
        expect("-rw-r--r-- 1 o g 5 Mar 10 11:00 before\n"
               "-rw-r--r-- 1 o g 5 Mar 11 12:00 a day ahead\n"
               "-rw-r--r-- 1 o g 5 Mar 11 12:01 more than a day ahead\n"
               "-rw-r--r-- 1 o g 5 Dec 31 23:59 last year\n",
               "f 0644 5 2024-03-10T11:00:00<before>\n"
               "f 0644 5 2024-03-11T12:00:00<a day ahead>\n"
               "f 0644 5 2023-03-11T12:01:00<more than a day ahead>\n"
               "f 0644 5 2023-12-31T23:59:00<last year>\n");
}

static void test_precision(void **state) {
        static const struct {
                const char *line;
                uint32_t precision;
        } lines[] = {
                { "-rw-r--r-- 1 o g 5 Jan 2 2024 a",           86400 },
                { "-rw-r--r-- 1 o g 5 Jan 2 03:04 a",          60    },
                { "-rw-r--r-- 1 o g 5 2024-01-02 a",           86400 },
                { "-rw-r--r-- 1 o g 5 2024-01-02 03:04 a",     60    },
                { "-rw-r--r-- 1 o g 5 2024-01-02 03:04:05 a",  1     },
                { "-rw-r--r-- 1 o g 5 Jan 2 03:04:05 2023 a",  1     },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(lines); i++) {
                KftpEntry e;

                assert_int_equal(test_parse_line(&kftp_list_unix, lines[i].line, &e), KFTP_LIST_ENTRY);
                assert_int_equal(e.mtime_precision, lines[i].precision);
        }
}

static void test_names_are_kept(void **state) {
        (void) state;
        expect("-rw-r--r-- 1 o g 5 Jan  2 03:04  leading\r\n"
               "-rw-r--r-- 1 o g 5 Jan  2 03:04 two  words \r\n"
               "-rw-r--r-- 1 o g 5 Jan  2 03:04 7 Jan  3 04:05 x\r\n"
               "-rw-r--r-- 1 o g 5 Jan  2 03:04 a -> b\r\n"
               "-rw-r--r-- 1 o g 5 Jan  2 03:04 *?[]\\\"\r\n"
               "-rw-r--r-- 1 o g 5 Jan  2 03:04 \xe4\xff\r\n"
               "-rw-r--r-- 1 o g 5 Jan  2 03:04   \r\n"
               "drwxr-xr-x 1 o g 5 Jan  2 03:04 marked/\r\n",
               "f 0644 5 2024-01-02T03:04:00< leading>\n"
               "f 0644 5 2024-01-02T03:04:00<two  words >\n"
               "f 0644 5 2024-01-02T03:04:00<7 Jan  3 04:05 x>\n"
               "f 0644 5 2024-01-02T03:04:00<a -> b>\n"
               "f 0644 5 2024-01-02T03:04:00<*?[]\\\">\n"
               "f 0644 5 2024-01-02T03:04:00<\xe4\xff>\n"
               "f 0644 5 2024-01-02T03:04:00<  >\n"
               "d 0755 5 2024-01-02T03:04:00<marked>\n");
}

/* Two arrows: the length of the target, which is the link's size, tells which one is meant. */
static void test_links(void **state) {
        (void) state;
        expect("lrwxrwxrwx 1 o g 1 Jan 2 03:04 a -> b -> c\n"
               "lrwxrwxrwx 1 o g 6 Jan 2 03:04 a -> b -> c\n"
               "lrwxrwxrwx 1 o g 0 Jan 2 03:04 a -> b -> c\n"
               "lrwxrwxrwx 1 o g 9 Jan 2 03:04 a -> /b c/../d\n"
               "lrwxrwxrwx 1 o g 3 Jan 2 03:04 no arrow\n"
               "lrwxrwxrwx 1 o g 3 Jan 2 03:04 no target -> \n",
               "l 0777 1 2024-01-02T03:04:00<a -> b> -> <c>\n"
               "l 0777 6 2024-01-02T03:04:00<a> -> <b -> c>\n"
               "l 0777 0 2024-01-02T03:04:00<a> -> <b -> c>\n"
               "l 0777 9 2024-01-02T03:04:00<a> -> </b c/../d>\n"
               "l 0777 3 2024-01-02T03:04:00<no arrow>\n"
               "l 0777 3 2024-01-02T03:04:00<no target -> >\n");
}

/* The unix mode of IIS. */
static void test_iis(void **state) {
        (void) state;
        expect("drwxrwxrwx   1 owner    group               0 Jan  2  3:04 sub\r\n"
               "-rwxrwxrwx   1 owner    group            1234 Dec 31  2019 Report 1.doc\r\n",
               "d 0777 0 2024-01-02T03:04:00<sub>\n"
               "f 0777 1234 2019-12-31T00:00:00<Report 1.doc>\n");
}

static void test_not_unix(void **state) {
        static const char *const lines[] = {
                "-rw-r--r-- 1 o g 5 Jan 2 03:04", "-rw-r--r-- 1 o g 5 Jan 2 03:04 ", "-rw-r--r--", "-rw-r--r-- 1 o g 5",
                "-rw-r--r-- 1 o g five Jan 2 03:04 a", "-rw-r--r-- 1 o g 5 Jan 32 03:04 a", "-rw-r--r-- 1 o g 5 Jan 2 24:04 a",
                "xrw-r--r-- 1 o g 5 Jan 2 03:04 a", "-rwzr--r-- 1 o g 5 Jan 2 03:04 a", "total", "total twelve", "1 2 3 4 5",
                "01-02-24  03:04AM       <DIR>          name", "ls: cannot access 'x': No such file or directory", " ",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(lines); i++) {
                KftpEntry e;

                if (test_parse_line(&kftp_list_unix, lines[i], &e) != KFTP_LIST_NOT)
                        fail_msg("taken: %s", lines[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_vsftpd),
                cmocka_unit_test(test_gnu_ls),
                cmocka_unit_test(test_only_a_total),
                cmocka_unit_test(test_columns),
                cmocka_unit_test(test_permissions),
                cmocka_unit_test(test_devices),
                cmocka_unit_test(test_dates),
                cmocka_unit_test(test_year_guessed),
                cmocka_unit_test(test_precision),
                cmocka_unit_test(test_names_are_kept),
                cmocka_unit_test(test_links),
                cmocka_unit_test(test_iis),
                cmocka_unit_test(test_not_unix),
        };

        return cmocka_run_group_tests_name("list-unix", tests, NULL, NULL);
}
