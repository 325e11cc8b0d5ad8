/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The job parser's schedules: when a job runs, until when it has to have ended, and which units are started then. */

#include "job-text.h"

#include "util.h"

#define COPY "[Source]\nURL=ftp://ftp.example.com/pub/file\n[Target]\nPath=/srv/ftp/\n[Job]\n"

static void test_calendar(void **state) {
        KftpJob *j = parse_good_job(COPY);

        (void) state;
        assert_true(!j->calendar && !j->on_success && !j->on_failure && j->persistent && j->randomized_delay_usec == 0);
        kftp_job_free(j);

        j = parse_good_job(COPY "OnCalendar=daily\nOnCalendar=Mon..Fri *-*-* 06:00/15:00 Europe/Berlin\nPersistent=no\nRandomizedDelaySec=5min\n");
        assert_string_equal(j->calendar[0], "daily");
        assert_string_equal(j->calendar[1], "Mon..Fri *-*-* 06:00/15:00 Europe/Berlin");
        assert_null(j->calendar[2]);
        assert_false(j->persistent);
        assert_true(j->randomized_delay_usec == 300 * USEC_PER_SEC);
        kftp_job_free(j);

        j = parse_good_job(COPY "OnCalendar=daily\nOnCalendar=\nOnCalendar=*-*~1\nPersistent=off\nPersistent=\n");
        assert_string_equal(j->calendar[0], "*-*~1");
        assert_null(j->calendar[1]);
        assert_true(j->persistent);
        kftp_job_free(j);
        j = parse_good_job(COPY "OnCalendar=daily\nOnCalendar=\n");
        assert_null(j->calendar);
        kftp_job_free(j);
}

static void test_deadline(void **state) {
        KftpJob *j = parse_good_job(COPY "Deadline=00:00\n");

        (void) state;
        assert_int_equal(j->deadline, 0);
        kftp_job_free(j);
        j = parse_good_job(COPY "Deadline=23:59\n");
        assert_int_equal(j->deadline, 86340);
        kftp_job_free(j);
}

static void test_units(void **state) {
        KftpJob *j = parse_good_job(COPY "OnSuccess=import@%n.service  done.target\nOnSuccess=x-%n-%n.path\nOnFailure=a.service\nOnFailure=\nOnFailure=alert@kftp\\x2d1.service\n");

        (void) state;
        assert_string_equal(j->on_success[0], "import@acme.service");
        assert_string_equal(j->on_success[1], "done.target");
        assert_string_equal(j->on_success[2], "x-acme-acme.path");
        assert_null(j->on_success[3]);
        assert_string_equal(j->on_failure[0], "alert@kftp\\x2d1.service");
        assert_null(j->on_failure[1]);
        kftp_job_free(j);
}

#define NO_UNIT "not the name of a unit, such as \"notify@%n.service\"\n"

static const JobCase cases[] = {
        { COPY "OnCalendar=daily; rm\n", ":6:17: error: OnCalendar=\"daily; rm\": a character that no calendar event has: see systemd.time(7)\n", false },
        { COPY "OnCalendar=%i\n", ":6:12: error: OnCalendar=\"%i\": a character that no calendar event has: see systemd.time(7)\n", false },
        { COPY "Watch=yes\nOnCalendar=daily\n",
          ":6:7: error: Watch= contradicts OnCalendar=: a job either runs when something arrives, or at its times\n", false },
        { COPY "Persistent=yes\nRandomizedDelaySec=1\n", ":6:12: warning: Persistent= has no effect without OnCalendar=\n"
          ":7:20: warning: RandomizedDelaySec= has no effect without OnCalendar=\n", true },
        { COPY "Persistent=maybe\n", ":6:12: error: Persistent=\"maybe\": neither \"yes\" nor \"no\"\n", false },
        { COPY "PollSec=10ms\n", ":6:9: error: PollSec=\"10ms\": not from 1s to 1d\n", false },
        { COPY "Deadline=24:00\n", ":6:10: error: Deadline=\"24:00\": not a time of day from 00:00 to 23:59, such as \"06:00\"\n", false },
        { COPY "Deadline=6:00\n", ":6:10: error: Deadline=\"6:00\": not a time of day from 00:00 to 23:59, such as \"06:00\"\n", false },
        { COPY "Deadline=06:0x\n", ":6:10: error: Deadline=\"06:0x\": not a time of day from 00:00 to 23:59, such as \"06:00\"\n", false },
        { COPY "OnSuccess=a.service b\n", ":6:21: error: OnSuccess=\"a.service b\": " NO_UNIT, false },
        { COPY "OnSuccess=.service\n", ":6:11: error: OnSuccess=\".service\": " NO_UNIT, false },
        { COPY "OnFailure=a@.service\n", ":6:11: error: OnFailure=\"a@.service\": a template: it needs an instance, such as \"notify@%n.service\"\n", false },
        { COPY "OnFailure=a%i.service\n", ":6:12: error: OnFailure=\"a%i.service\": only %n is known here, which is the name of the job\n", false },
        { COPY "OnFailure=../a.service\n", ":6:13: error: OnFailure=\"../a.service\": a character that no name of a unit has\n", false },
};

static void test_diagnoses(void **state) {
        (void) state;
        check_job_cases(cases, ELEMENTS(cases));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_calendar),
                cmocka_unit_test(test_deadline),
                cmocka_unit_test(test_units),
                cmocka_unit_test(test_diagnoses),
        };

        return cmocka_run_group_tests_name("job-schedule", tests, NULL, NULL);
}
