/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many connections a server is asked for: what job files say, what it refuses, and what is forgotten of that. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kftpd/server.h"
#include "util.h"

#define SEC USEC_PER_SEC
#define BEGIN (100 * SEC)
#define RELEASE (300 * SEC)
#define FORGET (3600 * SEC)

static int setup(void **state) {
        Servers *all = calloc(1, sizeof(*all));

        servers_init(all, RELEASE, FORGET);
        *state = all;
        return 0;
}

static int teardown(void **state) {
        servers_done(*state);
        free(*state);
        return 0;
}

static void take(Server *s, unsigned n) {
        while (n-- > 0)
                server_take(s, 1);
}

static void test_same_server(void **state) {
        Servers *all = *state;
        Server *s = server_join(all, "FTP.example", 21, 0);

        assert_string_equal(s->name, "ftp.example:21");
        assert_ptr_equal(server_join(all, "ftp.Example", 21, 0), s);
        assert_ptr_not_equal(server_join(all, "ftp.example", 990, 0), s);
        assert_string_equal(server_join(all, "2001:db8::1", 21, 0)->name, "[2001:db8::1]:21");
}

static void test_smallest_number_holds(void **state) {
        Servers *all = *state;
        Server *s = server_join(all, "a", 21, 0);

        assert_int_equal(server_limit(all, s, BEGIN), 0);
        (void) server_join(all, "a", 21, 7);
        (void) server_join(all, "a", 21, 3);
        (void) server_join(all, "a", 21, 3);
        (void) server_join(all, "a", 21, 5);
        assert_int_equal(server_limit(all, s, BEGIN), 3);
        server_leave(all, s, 3, BEGIN);
        assert_int_equal(server_limit(all, s, BEGIN), 3);
        server_leave(all, s, 3, BEGIN);
        assert_int_equal(server_limit(all, s, BEGIN), 5);
        server_leave(all, s, 7, BEGIN);
        server_leave(all, s, 5, BEGIN);
        assert_int_equal(server_limit(all, s, BEGIN), 0);
}

static void test_room(void **state) {
        Servers *all = *state;
        Server *s = server_join(all, "a", 21, 5);

        assert_int_equal(server_room(all, s, 4, BEGIN), 4);
        server_take(s, 4);
        assert_int_equal(server_room(all, s, 4, BEGIN), 1);      /* fewer than a mirror would like, rather than none */
        server_take(s, 1);
        assert_int_equal(server_room(all, s, 1, BEGIN), 0);
        assert_true(server_next(s, BEGIN) == UINT64_MAX);
        assert_true(server_give_back(all, s, 4, false, BEGIN));
        assert_int_equal(server_room(all, s, 8, BEGIN), 4);
}

/* Twenty knock at once at one that lets in five: each refusal leaves those that are there. */
static void test_learned_from_many(void **state) {
        Servers *all = *state;
        Server *s = server_join(all, "a", 21, 0);

        take(s, 20);
        for (unsigned left = 19; left >= 5; left--) {
                server_refused(all, s, left, BEGIN);
                (void) server_give_back(all, s, 1, true, BEGIN);
                assert_int_equal(server_limit(all, s, BEGIN), left);
                assert_int_equal(server_room(all, s, 1, BEGIN + 10 * SEC), 0);
        }
        (void) server_give_back(all, s, 1, false, BEGIN);
        assert_int_equal(server_room(all, s, 1, BEGIN), 0);      /* a moment later */
        assert_int_equal(server_room(all, s, 1, server_next(s, BEGIN)), 1);
}

static void test_refused_without_others(void **state) {
        Servers *all = *state;
        Server *s = server_join(all, "a", 21, 0);

        server_take(s, 1);
        server_refused(all, s, 0, BEGIN);
        assert_int_equal(server_limit(all, s, BEGIN), 1);
}

static void test_given_and_learned(void **state) {
        Servers *all = *state;
        Server *s = server_join(all, "a", 21, 4);

        take(s, 3);
        server_refused(all, s, 2, BEGIN);
        assert_int_equal(server_limit(all, s, BEGIN), 2);
        assert_int_equal(server_limit(all, s, BEGIN + 10 * RELEASE), 4);
}

/* The server has not noticed yet that one of us has left: the number that it let in is not lowered for that, but once. */
static void test_left_just_now(void **state) {
        Servers *all = *state;
        Server *s = server_join(all, "a", 21, 0);

        take(s, 6);
        server_refused(all, s, 5, BEGIN);
        (void) server_give_back(all, s, 1, true, BEGIN);
        (void) server_give_back(all, s, 1, false, BEGIN + 5 * SEC);
        take(s, 1);
        server_refused(all, s, 4, BEGIN + 6 * SEC);
        assert_int_equal(server_limit(all, s, BEGIN + 6 * SEC), 5);
        server_refused(all, s, 4, BEGIN + 6 * SEC);
        assert_int_equal(server_limit(all, s, BEGIN + 6 * SEC), 4);
}

static void test_released_by_and_by(void **state) {
        Servers *all = *state;
        Server *s = server_join(all, "a", 21, 0);

        take(s, 3);
        server_refused(all, s, 2, BEGIN);
        assert_int_equal(server_limit(all, s, BEGIN + RELEASE - 1), 2);
        assert_true(server_next(s, BEGIN + 2 * SEC) == BEGIN + RELEASE);
        assert_int_equal(server_limit(all, s, BEGIN + RELEASE), 3);
        assert_int_equal(server_limit(all, s, BEGIN + 3 * RELEASE), 5);
        server_refused(all, s, 4, BEGIN + 3 * RELEASE);
        assert_int_equal(server_limit(all, s, BEGIN + 4 * RELEASE - 1), 4);
}

static void test_forgotten_when_idle(void **state) {
        Servers *all = *state;
        Server *s = server_join(all, "a", 21, 0);

        take(s, 2);
        server_refused(all, s, 1, BEGIN);
        (void) server_give_back(all, s, 1, true, BEGIN);
        assert_true(server_limit(all, s, BEGIN + FORGET) > 0);          /* one is still there */
        (void) server_give_back(all, s, 1, false, BEGIN + FORGET);
        assert_true(server_limit(all, s, BEGIN + 2 * FORGET - 1) > 0);
        assert_int_equal(server_limit(all, s, BEGIN + 2 * FORGET), 0);
}

/* Jobs that come and go, as in a spool, find what was learned. */
static void test_known_without_jobs(void **state) {
        Servers *all = *state;
        Server *s = server_join(all, "a", 21, 0);

        take(s, 2);
        server_refused(all, s, 1, BEGIN);
        server_leave(all, s, 0, BEGIN);
        assert_true(server_give_back(all, s, 1, false, BEGIN));
        assert_false(server_give_back(all, s, 1, false, BEGIN));
        assert_ptr_equal(server_join(all, "a", 21, 0), s);
        assert_int_equal(server_limit(all, s, BEGIN), 1);
        server_leave(all, s, 0, BEGIN);

        (void) server_join(all, "b", 21, 0);
        assert_false(TAILQ_EMPTY(&all->idle));
        server_leave(all, server_join(all, "c", 21, 0), 0, BEGIN + FORGET);
        assert_true(TAILQ_EMPTY(&all->idle));
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(test_same_server),
                test(test_smallest_number_holds),
                test(test_room),
                test(test_learned_from_many),
                test(test_refused_without_others),
                test(test_given_and_learned),
                test(test_left_just_now),
                test(test_released_by_and_by),
                test(test_forgotten_when_idle),
                test(test_known_without_jobs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
