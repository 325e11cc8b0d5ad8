// SPDX-License-Identifier: GPL-2.0-or-later
/* MLSD and MLST, as servers answer them (RFC 3659 section 7). */

#include "listing.h"

static void expect(const char *text, const char *expected) {
        test_expect_listing("MLSD", text, expected);
}

static void test_proftpd(void **state) {
        (void) state;
        expect("modify=20240102030405;perm=flcdmpe;type=cdir;unique=801U2;UNIX.group=0;UNIX.mode=0755;UNIX.owner=0; .\r\n"
               "modify=20240102030405;perm=flcdmpe;type=pdir;unique=801U1;UNIX.group=0;UNIX.mode=0755;UNIX.owner=0; ..\r\n"
               "modify=20231231235959;perm=adfrw;size=1048576;type=file;unique=801U3;UNIX.group=0;UNIX.mode=0644;UNIX.owner=0; a.bin\r\n"
               "modify=20240229000000;perm=flcdmpe;type=dir;unique=801U4;UNIX.group=0;UNIX.mode=02775;UNIX.owner=0; sub\r\n"
               "modify=20240102030405;perm=adfrw;size=5;type=OS.unix=symlink;unique=801U5;UNIX.group=0;UNIX.mode=0777;UNIX.owner=0; link\r\n",
               "f 0644 1048576 2023-12-31T23:59:59<a.bin>\n"
               "d 2775 ? 2024-02-29T00:00:00<sub>\n"
               "l 0777 5 2024-01-02T03:04:05<link>\n");
}

static void test_pure_ftpd(void **state) {
        (void) state;
        expect("type=cdir;sizd=4096;modify=20240102030405;UNIX.mode=0755;UNIX.uid=1000;UNIX.gid=1000;unique=801g1; .\r\n"
               "type=dir;sizd=4096;modify=20240102030405;UNIX.mode=0755;UNIX.uid=1000;UNIX.gid=1000;unique=801g2; sub\r\n"
               "type=file;size=0;modify=20240102030405;UNIX.mode=0600;UNIX.uid=1000;UNIX.gid=1000;unique=801g3; empty\r\n",
               "d 0755 4096 2024-01-02T03:04:05<sub>\n"
               "f 0600 0 2024-01-02T03:04:05<empty>\n");
}

static void test_facts_in_any_case_and_order(void **state) {
        (void) state;
        expect("Size=12;Modify=20240102030405.678;Type=File; a\r\n"
               "TYPE=DIR;MODIFY=20240102030405; b\r\n"
               "unix.MODE=0100640;type=FILE; c\r\n",
               "f ? 12 2024-01-02T03:04:05<a>\n"
               "d ? ? 2024-01-02T03:04:05<b>\n"
               "f 0640 ? ?<c>\n");
}

static void test_links(void **state) {
        (void) state;
        expect("type=OS.unix=slink:/pub/target;size=11; a\n"
               "type=OS.unix=slink:two words; b\n"
               "Type=os.UNIX=SymLink:x; c\n"
               "type=OS.unix=slink; d\n"
               "type=OS.unix=slink:; e\n"
               "type=OS.unix=chr-1/3; f\n",
               "l ? 11 ?<a> -> </pub/target>\n"
               "l ? ? ?<b> -> <two words>\n"
               "l ? ? ?<c> -> <x>\n"
               "l ? ? ?<d>\n"
               "l ? ? ?<e>\n"
               "o ? ? ?<f>\n");
}

/* RFC 3659's grammar wants a semicolon after each fact; some leave out the last one. */
static void test_no_last_semicolon(void **state) {
        (void) state;
        expect("Type=file;Size=12 a; b.txt\r\n"
               "Type=file;Size=12 a b\r\n"
               "type=OS.unix=slink:two words;size=3; c; d\r\n",
               "f ? 12 ?<a; b.txt>\n"
               "f ? 12 ?<a b>\n"
               "l ? 3 ?<c; d> -> <two words>\n");
}

static void test_names_are_kept(void **state) {
        (void) state;
        expect("type=file;  leading\r\n"
               "type=file; two words\r\n"
               "type=file; a; type=dir; b\r\n"
               "type=file; -> \r\n"
               "type=file; trailing \r\n"
               "type=file; \xff\xfe\r\n"
               "type=file; \t\x1b[31m\r\n"
               "type=dir; a/\r\n"
               "type=file;   \r\n",
               "f ? ? ?< leading>\n"
               "f ? ? ?<two words>\n"
               "f ? ? ?<a; type=dir; b>\n"
               "f ? ? ?<-> >\n"
               "f ? ? ?<trailing >\n"
               "f ? ? ?<\xff\xfe>\n"
               "f ? ? ?<\t\x1b[31m>\n"
               "d ? ? ?<a>\n"
               "f ? ? ?<  >\n");
}

/* The last semicolon left out; unknown facts; values that make no sense; no type. */
static void test_sloppy_servers(void **state) {
        (void) state;
        expect("type=file;size=3 a\r\n"
               "x.secret=1;type=file;nonsense;=;size=; b\r\n"
               "type=file;size=-1;modify=yesterday;UNIX.mode=999; c\r\n"
               "type=file;size=99999999999999999999999;modify=20240231000000; d\r\n"
               "size=7;modify=20240102030405; e\r\n"
               "sizd=4096;type=;perm=; f\r\n"
               "perm=adfr; g\r\n",
               "f ? 3 ?<a>\n"
               "f ? ? ?<b>\n"
               "f ? ? ?<c>\n"
               "f ? ? ?<d>\n"
               "f ? 7 2024-01-02T03:04:05<e>\n"
               "f ? 4096 ?<f>\n"
               "o ? ? ?<g>\n");
}

/* Servers that print the years since 1900 after "19". */
static void test_years_after_1999(void **state) {
        (void) state;
        expect("type=file;modify=191240102030405; a\n"
               "type=file;modify=191030102030405.5; b\n",
               "f ? ? 2024-01-02T03:04:05<a>\n"
               "f ? ? 2003-01-02T03:04:05<b>\n");
}

/* The lines of MLST's reply, as they come on the control connection. */
static void test_reply(void **state) {
        static const char text[] =
                " Type=file;Size=12; /pub/a b\r\n"
                "type=dir; c\r\n"
                "250-type=file;  d\r\n";
        KftpListSummary summary;
        _cleanup_free_ char *result = test_listing(text, strlen(text), KFTP_LIST_FROM_REPLY, &summary);

        (void) state;
        assert_string_equal(result, "f ? 12 ?</pub/a b>\nd ? ? ?<c>\nf ? ? ?< d>\n");
        assert_int_equal(summary.bad, 0);
        kftp_list_summary_done(&summary);
}

static void test_not_mlsd(void **state) {
        static const char *const lines[] = {
                " name", "type=file;", "type=file; ", "type=file", ";; name", "a=b; name", "=; name",
                "-rw-r--r-- 1 a b 3 Jan  2 03:04 name",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(lines); i++) {
                KftpEntry e;

                assert_int_equal(test_parse_line(&kftp_list_mlsd, lines[i], &e), KFTP_LIST_NOT);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_proftpd),
                cmocka_unit_test(test_pure_ftpd),
                cmocka_unit_test(test_facts_in_any_case_and_order),
                cmocka_unit_test(test_links),
                cmocka_unit_test(test_names_are_kept),
                cmocka_unit_test(test_no_last_semicolon),
                cmocka_unit_test(test_sloppy_servers),
                cmocka_unit_test(test_years_after_1999),
                cmocka_unit_test(test_reply),
                cmocka_unit_test(test_not_mlsd),
        };

        return cmocka_run_group_tests_name("list-mlsd", tests, NULL, NULL);
}
