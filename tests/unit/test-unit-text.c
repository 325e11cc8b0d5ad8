// SPDX-License-Identifier: GPL-2.0-or-later
/* Units that are made from jobs: what they say, and that no value of a job gets out of its line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "generator/unit-text.h"
#include "util.h"

static KftpJob job(void) {
        return (KftpJob) {
                .name = (char *) "acme",
                .file = (char *) "/etc/kftp.d/acme.job",
                .description = (char *) "Reports from ACME",
                .persistent = true,
        };
}

#define LIST(...) ((char *[]) { __VA_ARGS__, NULL })

static void assert_text(int r, char *text, const char *expected) {
        assert_int_equal(r, 0);
        assert_string_equal(text, expected);
        free(text);
}

static void test_a_timer(void **state) {
        const char *reason = NULL;
        KftpJob j = job();
        char *text;
        int r;

        (void) state;
        j.calendar = LIST((char *) "Mon..Fri 02:30", (char *) "*-*-01 12:00\tEurope/Berlin");
        j.randomized_delay_usec = 90 * USEC_PER_SEC;
        r = unit_text_timer(&j, &text, &reason);
        assert_text(r, text,
                    "# Made by kftp-generator, see kftpd(8).\n"
                    "[Unit]\n"
                    "Description=Reports from ACME (schedule of the job %i)\n"
                    "Documentation=man:kftp.job(5) man:kftpd(8)\n"
                    "SourcePath=/etc/kftp.d/acme.job\n"
                    "\n"
                    "[Timer]\n"
                    "OnCalendar=Mon..Fri 02:30\n"
                    "OnCalendar=*-*-01 12:00 Europe/Berlin\n"
                    "Persistent=yes\n"
                    "AccuracySec=1s\n"
                    "RandomizedDelaySec=90000000us\n"
                    "Unit=kftp@%i.service\n");

        j.persistent = false;
        r = unit_text_timer(&j, &text, &reason);
        assert_int_equal(r, 0);
        assert_non_null(strstr(text, "\nPersistent=no\n"));
        free(text);
}

static void test_units_of_an_end(void **state) {
        const char *reason = NULL;
        KftpJob j = job();
        char *text;
        int r;

        (void) state;
        j.on_success = LIST((char *) "import.service", (char *) "kftp@next.service");
        j.on_failure = LIST((char *) "notify@%n.service");
        r = unit_text_end(&j, true, &text, &reason);
        assert_text(r, text,
                    "# Made by kftp-generator, see kftpd(8).\n[Unit]\nSourcePath=/etc/kftp.d/acme.job\n"
                    "OnSuccess=import.service\nOnSuccess=kftp@next.service\n");
        r = unit_text_end(&j, false, &text, &reason);
        assert_text(r, text,
                    "# Made by kftp-generator, see kftpd(8).\n[Unit]\nSourcePath=/etc/kftp.d/acme.job\n"
                    "OnSuccess=notify@acme.service\n");
}

static void test_a_description_stays_in_its_line(void **state) {
        static const char *const texts[][2] = {
                { "100%", "100%% (schedule" },
                { "%n %h", "%%n %%h (schedule" },
                { "x\nOnCalendar=minutely", "x OnCalendar=minutely (schedule" },
                { "x\r[Timer]", "x [Timer] (schedule" },
                { "ends in \\", "ends in \\ (schedule" },
                { "\"quotes' $HOME", "\"quotes' $HOME (schedule" },
        };
        char longer[1000];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                const char *reason = NULL, *line;
                KftpJob j = job();
                char *text;

                j.calendar = LIST((char *) "daily");
                j.description = (char *) texts[i][0];
                assert_int_equal(unit_text_timer(&j, &text, &reason), 0);
                line = strstr(text, "\nDescription=");
                assert_non_null(line);
                assert_true(startswith(line + strlen("\nDescription="), texts[i][1]));
                free(text);
        }

        memset(longer, 'x', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        {
                const char *reason = NULL;
                KftpJob j = job();
                char *text;

                j.calendar = LIST((char *) "daily");
                j.description = longer;
                assert_int_equal(unit_text_timer(&j, &text, &reason), 0);
                assert_true(strlen(text) < 600);
                free(text);
        }
}

static void test_calendars_that_are_none(void **state) {
        static const char *const bad[] = { "", "daily\nUnit=x.service", "%h", "daily\\", "\xc3\xa4", "daily;x", "\"daily\"", "a=b", "[Timer]" };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                const char *reason = NULL;
                KftpJob j = job();
                char *text;

                j.calendar = LIST((char *) "daily", (char *) bad[i]);
                assert_int_equal(unit_text_timer(&j, &text, &reason), -EINVAL);
                assert_non_null(strstr(reason, "OnCalendar="));
                assert_null(text);
        }
}

static void test_names_and_paths_that_are_none(void **state) {
        static const char *const names[] = { "", ".x", "a/b", "a b", "a%b", "a\nb" };
        static const char *const paths[] = { "", "x.job", "/etc/kftp.d/a b.job", "/etc/%h.job", "/etc/x\n.job", "/etc/x.job\\" };
        const char *reason = NULL;
        char *text;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                KftpJob j = job();

                j.calendar = j.on_success = LIST((char *) "x.service");
                j.name = (char *) names[i];
                assert_int_equal(unit_text_timer(&j, &text, &reason), -EINVAL);
                assert_int_equal(unit_text_end(&j, true, &text, &reason), -EINVAL);
        }
        for (size_t i = 0; i < ELEMENTS(paths); i++) {
                KftpJob j = job();

                j.calendar = j.on_success = LIST((char *) "x.service");
                j.file = (char *) paths[i];
                assert_int_equal(unit_text_timer(&j, &text, &reason), -EINVAL);
                assert_int_equal(unit_text_end(&j, true, &text, &reason), -EINVAL);
        }
}

static void test_names_of_units(void **state) {
        static const char *const texts[][2] = {
                { "a.service", "a.service" },
                { "notify@%n.service", "notify@x-y.service" },
                { "%n.target", "x-y.target" },
                { "a\\x2db.mount", "a\\x2db.mount" },
                { "", NULL },
                { ".service", NULL },
                { "@x.service", NULL },
                { "a", NULL },
                { "a.conf", NULL },
                { "a b.service", NULL },
                { "a.service\nWants=b.service", NULL },
                { "../a.service", NULL },
                { "%i.service", NULL },
                { "a%%.service", NULL },
                { "a.service%", NULL },
                { "%", NULL },
                { "\"a\".service", NULL },
        };
        char longer[257];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                char *name = unit_text_expand(texts[i][0], "x-y");

                assert_true(streq_ptr(name, texts[i][1]));
                free(name);
        }
        memset(longer, 'a', sizeof(longer));
        memcpy(longer + 248, ".service", sizeof(".service"));
        assert_null(unit_text_expand(longer, "x"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_timer),
                cmocka_unit_test(test_units_of_an_end),
                cmocka_unit_test(test_a_description_stays_in_its_line),
                cmocka_unit_test(test_calendars_that_are_none),
                cmocka_unit_test(test_names_and_paths_that_are_none),
                cmocka_unit_test(test_names_of_units),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
