// SPDX-License-Identifier: GPL-2.0-or-later
/* What is asked of systemd when schedules of jobs change: only what is needed, and nothing is lost if it fails. */

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "generator/schedule.h"
#include "util.h"

static char top[] = "/tmp/test-schedule-XXXXXX";
static char said[1000];

static const char *at(const char *name) {
        static char path[8][PATH_MAX];
        static unsigned next;
        char *p = path[next++ % ELEMENTS(path)];

        snprintf(p, sizeof(path[0]), "%s/%s", top, name);
        return p;
}

static void write_file(const char *name, mode_t mode, const char *text) {
        int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        close(fd);
}

static void write_job(const char *name, const char *settings) {
        char file[100], text[1000];

        snprintf(file, sizeof(file), "jobs/%s.job", name);
        snprintf(text, sizeof(text), "[Job]\n%s\n[Source]\nURL=ftp://ftp.example/a\n[Target]\nPath=/srv/a\n", settings);
        write_file(file, 0644, text);
}

static char paths[3 * PATH_MAX];        /* of job files */

static void say(const char *line) {
        size_t n = strlen(said);

        snprintf(said + n, sizeof(said) - n, "%s\n", line);
}

static int apply(void) {
        const Schedule s = {
                .directories = paths,
                .generated = at("generated"),
                .runtime = at("run"),
                .stamps = at("stamps"),
                .systemctl = at("systemctl"),
                .say = say,
        };

        said[0] = '\0';
        snprintf(paths, sizeof(paths), "%s:%s:%s", at("none"), at("jobs"), at("neither"));
        return schedule_apply(&s);
}

/* What systemctl was called with since the last time, a line for each call. */
static void assert_asked(const char *expected) {
        char text[4000] = "";
        int fd = open(at("log"), O_RDONLY | O_CLOEXEC);

        if (fd >= 0) {
                ssize_t n = read(fd, text, sizeof(text) - 1);

                assert_true(n >= 0);
                text[n] = '\0';
                close(fd);
                assert_int_equal(unlink(at("log")), 0);
        }
        assert_string_equal(text, expected);
}

static bool exists(const char *name) {
        return access(at(name), F_OK) >= 0;
}

static void test_a_new_schedule(void **state) {
        (void) state;
        write_job("plain", "Description=without one");
        assert_int_equal(apply(), 0);
        assert_asked("");

        write_job("acme", "OnCalendar=daily");
        assert_int_equal(apply(), 0);
        assert_asked("daemon-reload\nrestart -- kftp@acme.timer\n");
        assert_true(exists("generated/kftp@acme.timer") && exists("generated/timers.target.wants/kftp@acme.timer"));
        assert_false(exists("generated/kftp@plain.timer"));
        assert_int_equal(apply(), 0);
        assert_asked("");
}

static void test_a_change(void **state) {
        (void) state;
        write_job("acme", "OnCalendar=daily");
        write_job("other", "OnCalendar=daily");
        assert_int_equal(apply(), 0);
        assert_asked("daemon-reload\nrestart -- kftp@acme.timer kftp@other.timer\n");
        write_job("acme", "OnCalendar=daily\nRetries=3");
        assert_int_equal(apply(), 0);
        assert_asked("");
        write_job("acme", "OnCalendar=weekly");
        assert_int_equal(apply(), 0);
        assert_asked("daemon-reload\nrestart -- kftp@acme.timer\n");
}

static void test_a_job_that_goes(void **state) {
        (void) state;
        write_job("acme", "OnCalendar=daily");
        write_job("other", "OnCalendar=daily");
        assert_int_equal(apply(), 0);
        assert_asked("daemon-reload\nrestart -- kftp@acme.timer kftp@other.timer\n");
        write_file("stamps/stamp-kftp@acme.timer", 0644, "");
        write_file("stamps/stamp-kftp@other.timer", 0644, "");

        /* What was missed is made up for when the mistake has been corrected. */
        write_file("jobs/acme.job", 0644, "[Job\n");
        assert_int_equal(apply(), 0);
        assert_asked("stop -- kftp@acme.timer\ndaemon-reload\nreset-failed -- kftp@acme.timer\n");
        assert_true(exists("stamps/stamp-kftp@acme.timer"));

        assert_int_equal(unlink(at("jobs/other.job")), 0);
        assert_int_equal(apply(), 0);
        assert_asked("stop -- kftp@other.timer\ndaemon-reload\nreset-failed -- kftp@other.timer\n");
        assert_false(exists("stamps/stamp-kftp@other.timer"));
}

static void test_somebody_else_has_reloaded(void **state) {
        (void) state;
        write_job("acme", "OnCalendar=daily");
        assert_int_equal(apply(), 0);
        assert_int_equal(system("rm -r $TOP/run/known"), 0);
        assert_asked("daemon-reload\nrestart -- kftp@acme.timer\n");
        assert_int_equal(apply(), 0);
        assert_asked("restart -- kftp@acme.timer\n");

        assert_int_equal(unlink(at("jobs/acme.job")), 0);
        assert_int_equal(system("rm -r $TOP/generated"), 0);
        assert_int_equal(apply(), 0);
        assert_asked("stop -- kftp@acme.timer\nreset-failed -- kftp@acme.timer\n");
}

static void test_units_of_others_are_left_alone(void **state) {
        (void) state;
        assert_int_equal(mkdir(at("generated"), 0755), 0);
        assert_int_equal(mkdir(at("generated/timers.target.wants"), 0755), 0);
        write_file("generated/backup.timer", 0644, "");
        write_file("generated/timers.target.wants/backup.timer", 0644, "");
        write_file("generated/kftpd.service", 0644, "");
        assert_int_equal(apply(), 0);
        assert_asked("");
}

static void test_a_reload_that_fails_is_made_up_for(void **state) {
        (void) state;
        write_job("acme", "OnCalendar=daily");
        write_file("fail", 0644, "");
        assert_true(apply() < 0);
        assert_non_null(strstr(said, "systemctl daemon-reload"));
        assert_asked("daemon-reload\n");
        assert_int_equal(unlink(at("fail")), 0);
        assert_int_equal(apply(), 0);
        assert_asked("daemon-reload\nrestart -- kftp@acme.timer\n");
}

static void test_units_of_ends(void **state) {
        (void) state;
        write_job("acme", "OnSuccess=import.service\nOnFailure=alarm@%n.service");
        assert_int_equal(apply(), 0);
        assert_asked("daemon-reload\nrestart -- kftp-failure@acme.path kftp-success@acme.path\n");
        assert_true(exists("generated/kftp-failure@acme.service.d/50-job.conf"));
        write_job("acme", "OnSuccess=import.service");
        assert_int_equal(apply(), 0);
        assert_asked("stop -- kftp-failure@acme.path\ndaemon-reload\nreset-failed -- kftp-failure@acme.path\n");
}

static void test_what_the_service_has_made_is_taken(void **state) {
        (void) state;
        assert_int_equal(schedule_take(at("changed")), 0);
        write_file("changed", 0644, "");
        assert_int_equal(schedule_take(at("changed")), 0);
        assert_false(exists("changed"));

        assert_int_equal(symlink("jobs", at("changed")), 0);
        assert_int_equal(schedule_take(at("changed")), 0);
        assert_true(exists("jobs") && !exists("changed"));
        assert_int_equal(mkdir(at("changed"), 0755), 0);
        assert_int_equal(schedule_take(at("changed")), 0);
        assert_false(exists("changed"));

        assert_int_equal(mkdir(at("changed"), 0755), 0);
        write_file("changed/precious", 0644, "");
        assert_int_equal(schedule_take(at("changed")), -ENOTEMPTY);
        assert_true(exists("changed/precious"));
}

static int make_all(void **state) {
        char script[500];

        (void) state;
        strcpy(top + strlen(top) - 6, "XXXXXX");
        if (!mkdtemp(top) || setenv("TOP", top, 1) < 0 || mkdir(at("jobs"), 0755) < 0 || mkdir(at("run"), 0755) < 0 || mkdir(at("stamps"), 0755) < 0)
                return -1;
        snprintf(script, sizeof(script), "#!/bin/sh\necho \"$*\" >> %s/log\n[ \"$1\" = daemon-reload ] || exit 0\n[ ! -e %s/fail ] || exit 1\n"
                 "rm -rf %s/generated\ncp -a %s/run/new %s/generated\n", top, top, top, top, top);
        write_file("systemctl", 0755, script);
        return 0;
}

static int remove_all(void **state) {
        (void) state;
        return system("rm -r \"$TOP\"");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_all, remove_all)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_new_schedule),
                TEST(test_a_change),
                TEST(test_a_job_that_goes),
                TEST(test_somebody_else_has_reloaded),
                TEST(test_units_of_others_are_left_alone),
                TEST(test_a_reload_that_fails_is_made_up_for),
                TEST(test_units_of_ends),
                TEST(test_what_the_service_has_made_is_taken),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
