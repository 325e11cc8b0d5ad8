// SPDX-License-Identifier: GPL-2.0-or-later
/* The format of IIS and of DOS's dir. */

#include "listing.h"

static void expect(const char *text, const char *expected) {
        test_expect_listing("DOS", text, expected);
}

static void test_iis(void **state) {
        (void) state;
        expect("01-02-24  03:04AM       <DIR>          sub\r\n"
               "12-31-99  11:59PM              1048576 a.bin\r\n"
               "01-02-2024  12:00AM       <DIR>          four digits\r\n"
               "01-02-2024  12:00PM                    0 noon\r\n",
               "d ? ? 2024-01-02T03:04:00<sub>\n"
               "f ? 1048576 1999-12-31T23:59:00<a.bin>\n"
               "d ? ? 2024-01-02T00:00:00<four digits>\n"
               "f ? 0 2024-01-02T12:00:00<noon>\n");
}

static void test_other_forms(void **state) {
        (void) state;
        expect("2024-01-02  03:04PM                 12 year first\n"
               "2024-01-02  15:04       <DIR>          24 hours\n"
               "01/02/2024  03:04 PM         1,234,567 separators\n"
               "02.01.2024  15:04         1.234.567 day first\n"
               "1-2-24 3:04am 7 one digit\n"
               "01-02-24  15:04:05             7 seconds\n"
               "13-13-24  15:04             7 no such day\n",
               "f ? 12 2024-01-02T15:04:00<year first>\n"
               "d ? ? 2024-01-02T15:04:00<24 hours>\n"
               "f ? 1234567 2024-01-02T15:04:00<separators>\n"
               "f ? 1234567 2024-01-02T15:04:00<day first>\n"
               "f ? 7 2024-01-02T03:04:00<one digit>\n"
               "f ? 7 2024-01-02T15:04:05<seconds>\n"
               "f ? 7 ?<no such day>\n");
}

static void test_links(void **state) {
        (void) state;
        expect("01-02-24  03:04AM       <JUNCTION>     Users [C:\\Users]\r\n"
               "01-02-24  03:04AM       <SYMLINKD>     a b [D:\\c d]\r\n"
               "01-02-24  03:04AM       <SYMLINK>      f\r\n",
               "l ? ? 2024-01-02T03:04:00<Users> -> <C:\\Users>\n"
               "l ? ? 2024-01-02T03:04:00<a b> -> <D:\\c d>\n"
               "l ? ? 2024-01-02T03:04:00<f>\n");
}

static void test_names_are_kept(void **state) {
        (void) state;
        expect("01-02-24  03:04AM       <DIR>           leading\r\n"
               "01-02-24  03:04AM                   12  leading\r\n"
               "01-02-24  03:04AM                   12 two  words \r\n"
               "01-02-24  03:04AM                   12 <DIR> x\r\n"
               "01-02-24  03:04AM       <DIR>          .\r\n"
               "01-02-24  03:04AM       <DIR>          ..\r\n"
               "01-02-24  03:04AM       <DIR> narrow\r\n",
               "d ? ? 2024-01-02T03:04:00< leading>\n"
               "f ? 12 2024-01-02T03:04:00< leading>\n"
               "f ? 12 2024-01-02T03:04:00<two  words >\n"
               "f ? 12 2024-01-02T03:04:00<<DIR> x>\n"
               "d ? ? 2024-01-02T03:04:00<narrow>\n");
}

static void test_not_dos(void **state) {
        static const char *const lines[] = {
                "01-02-24  03:04AM       <DIR>", "01-02-24  03:04AM  12", "01-02-24  03:04AM  12 ", "01-02-24", "01-02-24  name",
                "01-02/24  03:04AM  12 a", "01-02-024  03:04AM  12 a", "01-02-24  03:4AM  12 a", "01-02-24  03:04AM  a 12",
                "01-02-24  03:04AM  18446744073709551616 a", "-rw-r--r-- 1 a b 3 Jan  2 03:04 name", " ",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(lines); i++) {
                KftpEntry e;

                if (test_parse_line(&kftp_list_dos, lines[i], &e) != KFTP_LIST_NOT)
                        fail_msg("taken: %s", lines[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_iis),
                cmocka_unit_test(test_other_forms),
                cmocka_unit_test(test_links),
                cmocka_unit_test(test_names_are_kept),
                cmocka_unit_test(test_not_dos),
        };

        return cmocka_run_group_tests_name("list-dos", tests, NULL, NULL);
}
