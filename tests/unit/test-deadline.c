/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deadlines: moments of local days of any length, and what kftpd says of those that were missed. */

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "asking.h"
#include "kftpd/catalog-ids.h"
#include "kftpd/deadline.h"

#define MISSED "MESSAGE_ID=" KFTP_MESSAGE_DEADLINE_MISSED
#define JOB_DONE "MESSAGE_ID=" KFTP_MESSAGE_JOB_DONE
#define HOURS(h) ((uint32_t) ((h) * 3600))

/* In Berlin clocks are put forward from 02:00 to 03:00 on 2026-03-29, and back from 03:00 to 02:00 on 2026-10-25, at 01:00 UTC both. */
static uint64_t utc(int month, int day, int hour, int minute) {
        struct tm tm = { .tm_year = 126, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute };

        return (uint64_t) timegm(&tm) * USEC_PER_SEC;
}

static int in_berlin(void **state) {
        (void) state;
        (void) setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
        tzset();
        return 0;
}

static void test_days(void **state) {
        (void) state;
        assert_true(deadline_after(HOURS(6), utc(1, 10, 4, 59)) == utc(1, 10, 5, 0));
        assert_true(deadline_after(HOURS(6), utc(1, 10, 5, 0)) == utc(1, 11, 5, 0));
        assert_true(deadline_until(HOURS(6), utc(1, 10, 5, 0)) == utc(1, 10, 5, 0));
        assert_true(deadline_until(HOURS(6), utc(1, 10, 4, 59)) == utc(1, 9, 5, 0));
        assert_true(deadline_after(0, utc(12, 31, 22, 59)) == utc(12, 31, 23, 0));
        assert_true(deadline_after(HOURS(6), utc(2, 28, 12, 0)) == utc(3, 1, 5, 0));
}

static void test_clocks_put_forward(void **state) {
        (void) state;
        assert_true(deadline_after(HOURS(6), utc(3, 28, 12, 0)) == utc(3, 29, 4, 0));   /* the day has 23 hours */
        assert_true(deadline_until(HOURS(6), utc(3, 29, 3, 59)) == utc(3, 28, 5, 0));
        assert_true(deadline_after(HOURS(2) + 1800, utc(3, 28, 12, 0)) == utc(3, 29, 1, 30));   /* there is no 02:30 */
        assert_true(deadline_after(HOURS(2) + 1800, utc(3, 29, 1, 30)) == utc(3, 30, 0, 30));
}

/* What comes twice that night is meant once, whatever was asked before. */
static void test_clocks_put_back(void **state) {
        const uint64_t first = utc(10, 25, 0, 30);

        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                assert_true(deadline_after(HOURS(2) + 1800, utc(10, 24, 12, 0)) == first);
                assert_true(deadline_after(HOURS(2) + 1800, first) == utc(10, 26, 1, 30));
                assert_true(deadline_until(HOURS(2) + 1800, utc(10, 25, 12, 0)) == first);
                (void) deadline_after(0, utc(12, 1, 0, 0));
        }
}

static void test_missed(void **state) {
        (void) state;
        assert_true(deadline_is_missed(HOURS(6), utc(3, 29, 4, 0), 0));
        assert_true(deadline_is_missed(HOURS(6), utc(3, 29, 4, 0), utc(3, 28, 5, 0)));
        assert_false(deadline_is_missed(HOURS(6), utc(3, 29, 4, 0), utc(3, 28, 5, 0) + 1));
        assert_false(deadline_is_missed(HOURS(6), utc(3, 29, 4, 0), utc(3, 29, 3, 59)));
}

/* ---- The daemon ----------------------------------------------------------------------------------- */

static void judged_days_ago(const Daemon *d, time_t days) {
        const struct timespec times[] = { { .tv_sec = time(NULL) - days * 86400 }, { .tv_sec = time(NULL) - days * 86400 } };

        assert_int_equal(utimensat(AT_FDCWD, daemon_path(d, "state/deadlines"), times, 0), 0);
}

/* As if the last success were long ago. */
static void age_success(const Daemon *d, const char *job) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        char *digits;

        assert_true(asprintf(&path, "state/ledger/%s.json", job) > 0);
        text = get_file(d, path);
        assert_non_null(text);
        digits = strstr(text, "\"succeeded_usec\": ");
        assert_non_null(digits);
        digits += strlen("\"succeeded_usec\": ");
        assert_true(*digits == '1');
        digits[1] = '0';                /* 1.0e15: 2001 */
        put_file(d, path, text);
}

static void test_missed_while_off(void **state) {
        Daemon *d = *state;

        daemon_start(d);
        put_job(d, "held", "hold", "[Job]\nDeadline=06:00\n");
        put_job(d, "once", "ok", "[Job]\nDeadline=06:00\n");
        put_job(d, "daily", "ok", "[Job]\nOnCalendar=daily\nDeadline=06:00\n");
        put_job(d, "fresh", "ok", "[Job]\nOnCalendar=daily\nDeadline=06:00\n");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=once");
        daemon_expect_still(d, 1, JOB_DONE, NULL);
        daemon_ask(d, "run daily");
        daemon_expect(d, 1, JOB_DONE, "KFTP_JOB=daily");
        daemon_stop(d, SIGTERM);

        daemon_start(d);                /* none has passed meanwhile, unless it is six o'clock just now */
        daemon_stop(d, SIGKILL);
        age_success(d, "daily");
        judged_days_ago(d, 2);
        daemon_start(d);
        daemon_expect(d, 1, MISSED, "KFTP_JOB=held");
        daemon_expect(d, 1, MISSED, "MESSAGE=daily: deadline missed: it was to have ended well by ");
        daemon_check_field(d, MISSED, "KFTP_JOB=daily", "PRIORITY=3");
        daemon_expect_still(d, 2, MISSED, NULL);
        daemon_stop(d, SIGKILL);
        daemon_start(d);
        daemon_expect_still(d, 0, MISSED, NULL);        /* it has been said */
        daemon_stop(d, SIGTERM);
}

/* It is told when the clock is set forward over it, or goes on after a sleep, and once although it may come again. */
static void test_clock_set_over_it(void **state) {
        Daemon *d = *state;
        char text[64];
        time_t t = time(NULL) + 12 * 3600;
        struct tm tm;

        assert_non_null(localtime_r(&t, &tm));
        assert_true(strftime(text, sizeof(text), "[Job]\nDeadline=%H:%M\n", &tm) > 0);
        daemon_start(d);
        put_job(d, "held", "hold", text);
        daemon_expect(d, 1, "CALL", NULL);
        daemon_ask(d, "clock held");
        daemon_expect(d, 1, "ANSWER clock held: 0", NULL);
        daemon_expect(d, 1, MISSED, "MESSAGE=held: deadline missed: ");
        daemon_ask(d, "clock held");
        daemon_expect(d, 2, "ANSWER clock held: 0", NULL);
        daemon_expect(d, 1, MISSED, NULL);
        daemon_stop(d, SIGTERM);
}

#define test(f) cmocka_unit_test_setup_teardown(f, daemon_setup, daemon_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_days, in_berlin),
                cmocka_unit_test_setup(test_clocks_put_forward, in_berlin),
                cmocka_unit_test_setup(test_clocks_put_back, in_berlin),
                cmocka_unit_test_setup(test_missed, in_berlin),
                test(test_missed_while_off),
                test(test_clock_set_over_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
