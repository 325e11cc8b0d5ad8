/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device's ABI as the compiler sees it: what programs that are built already rely on may not
 * change. uapi-layout.h asserts offsets and sizes at compile time, here and in 32-bit programs
 * (tests/device/compat32.c); this adds what can only be said of all of them together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <kftp/kftp.h>

#include "uapi-layout.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
        const char *type, *member;
        size_t offset, size;
} members[] = {
#define MEMBER(type, member, offset, size) { #type, #member, offset, size },
        KFTP_LAYOUT_MEMBERS(MEMBER)
};

static const struct {
        const char *type;
        size_t size;
} types[] = {
#define TYPE(type, size) { #type, size },
        KFTP_LAYOUT_SIZES(TYPE)
};

/* Bytes that no member has would leak kernel memory, or differ between compilers. */
static void test_no_padding(void **state) {
        (void) state;
        for (size_t t = 0; t < N_ELEMENTS(types); t++) {
                size_t end = 0;

                for (size_t m = 0; m < N_ELEMENTS(members); m++) {
                        if (strcmp(members[m].type, types[t].type) != 0)
                                continue;
                        if (members[m].offset != end)
                                fail_msg("there is a hole before %s.%s", members[m].type, members[m].member);
                        end = members[m].offset + members[m].size;
                }
                if (end != types[t].size)
                        fail_msg("there is a hole at the end of %s", types[t].type);
        }
}

/* An array of structures has to have the same stride everywhere, so sizes are multiples of 8. */
static void test_sizes(void **state) {
        (void) state;
        for (size_t t = 0; t < N_ELEMENTS(types); t++)
                assert_int_equal(types[t].size % 8, 0);
}

/* All begin with size and flags, so that they may grow. */
static void test_first_members(void **state) {
        (void) state;
        for (size_t m = 0; m < N_ELEMENTS(members); m++) {
                if (strcmp(members[m].type, "kftp_addr") == 0)
                        continue;
                if (members[m].offset == 0)
                        assert_string_equal(members[m].member, "size");
                if (members[m].offset == 4)
                        assert_string_equal(members[m].member, "flags");
        }
}

/* Numbers that programs have compiled in. */
static void test_numbers(void **state) {
        (void) state;
        assert_int_equal(KFTP_ABI_VERSION, 1);
        assert_int_equal(KFTP_OP_NOOP, 0);
        assert_int_equal(KFTP_OP_RETR, 1);
        assert_int_equal(KFTP_OP_STOR, 2);
        assert_int_equal(KFTP_OP_QUIT, 23);
        assert_int_equal(KFTP_EVENT_CONNECTED, 1);
        assert_int_equal(KFTP_EVENT_TLS, 2);
        assert_int_equal(KFTP_EVENT_DATA_WANTED, 3);
        assert_int_equal(KFTP_EVENT_LINE, 4);
        assert_int_equal(KFTP_EVENT_PROGRESS, 5);
        assert_int_equal(KFTP_EVENT_YIELD, 6);
        assert_int_equal(KFTP_EVENT_DONE, 7);
        assert_int_equal(KFTP_EVENT_CLOSED, 8);
        assert_int_equal(KFTP_STATE_NEW, 0);
        assert_int_equal(KFTP_STATE_READY, 5);
        assert_int_equal(KFTP_STATE_CLOSED, 12);
        assert_int_equal(KFTP_DATA_AUTO, 0);
        assert_int_equal(KFTP_DATA_ACTIVE, 2);
        assert_int_equal(KFTP_CANCEL_REQUEST, 0);
        assert_int_equal(KFTP_CANCEL_SESSION, 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_padding),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_first_members),
                cmocka_unit_test(test_numbers),
        };

        return cmocka_run_group_tests_name("unit-uapi", tests, NULL, NULL);
}
