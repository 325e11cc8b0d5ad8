/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kftp list, status, show, cancel, retry and reload, as a shell calls them, against a daemon that only talks. */

#include <stdlib.h>

#include "kftp/bus-client.h"
#include "kftp/when.h"
#include "libkftp.h"
#include "mock-daemon.h"

#define MINUTE (60 * USEC_PER_SEC)

/* What must be in a text, or must not. */
static void expect(const char *text, const char *part) {
        if (!strstr(text, part))
                fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void expect_not(const char *text, const char *part) {
        if (strstr(text, part))
                fail_msg("\"%s\" is in:\n%s", part, text);
}

static void expect_width(const char *text, unsigned max) {
        while (*text) {
                size_t n = strcspn(text, "\n");

                if (n > max)
                        fail_msg("wider than %u: %.*s", max, (int) n, text);
                text += n + (text[n] == '\n');
        }
}

/* A job of each kind. */
static void add_sample(void) {
        uint64_t now = when_now();

        mock_add("backup-of-a-rather-long-name-for-a-job", "rejected");
        mock_set_text("backup-of-a-rather-long-name-for-a-job", "Text", "/etc/kftp.d/backup.job:3:8: error: RetrySec=: not a time span: \"soon\"");
        mock_add("hello", "done");
        mock_set_number("hello", "Since", now - 2 * MINUTE - USEC_PER_SEC);
        mock_set_text("hello", "Direction", "download");
        mock_set_text("hello", "URL", "ftp://127.0.0.1:2121/hello.txt");
        mock_set_text("hello", "Path", "/srv/ftp/in/");
        mock_set_text("hello", "Server", "127.0.0.1:2121");
        mock_add("nightly", "scheduled");
        mock_set_text("nightly", "Description", "Nightly reports from ACME");
        mock_set_text("nightly", "Calendar", "Mon..Fri 02:30");
        mock_set_text("nightly", "Server", "ftp.acme.example:21");
        mock_set_number("nightly", "Since", now - 400 * MINUTE);
        mock_add("orders", "failed");
        mock_set_number("orders", "Since", now - 90 * MINUTE);
        mock_set_text("orders", "LastResult", "auth");
        mock_set_text("orders", "LastText", "login refused by ftp.acme.example:21: \"530 No.\"");
        mock_set_number("orders", "LastEnded", now - 90 * MINUTE);
        mock_add("stations", "waiting");
        mock_set_text("stations", "Text", "the marker stations.done is not there yet");
        mock_set_number("stations", "NotBefore", now + 30 * USEC_PER_SEC);
}

/* ---- list ---------------------------------------------------------------------------------------- */

static void test_list(void **state) {
        (void) state;
        add_sample();
        mock.timer = "nightly";
        mock.timer_next = when_now() + 60 * 60 * 24 * 30 * USEC_PER_SEC;
        mock_start();
        assert_int_equal(mock_call("list"), 0);
        /* all of it, where nothing limits the width */
        expect(mock_out, "JOB                                     STATE");
        expect(mock_out, "backup-of-a-rather-long-name-for-a-job  rejected");
        expect(mock_out, "  backup.job:3:8: error: RetrySec=: not a time span: \"soon\"\n");
        expect(mock_out, "hello                                   done       2min ago  -");
        expect(mock_out, "127.0.0.1:2121");
        expect(mock_out, "ftp://127.0.0.1:2121/hello.txt -> /srv/ftp/in/\n");
        expect(mock_out, "Nightly reports from ACME\n");
        expect(mock_out, "1h ago");
        expect(mock_out, "login refused by ftp.acme.example:21: \"530 No.\"\n");
        expect(mock_out, "the marker stations.done is not there yet\n");
        expect(mock_out, "\n5 jobs: 1 waiting, 1 scheduled, 1 done, 1 failed, 1 rejected.\n");
        expect_not(mock_out, "\033");
        assert_string_equal(mock_err, "");
}

static void test_list_fits(void **state) {
        static const unsigned widths[] = { 60, 80, 100 };
        char line[40];

        (void) state;
        add_sample();
        mock_start();
        for (size_t i = 0; i < ELEMENTS(widths); i++) {
                (void) snprintf(line, sizeof(line), "list --width=%u", widths[i]);
                assert_int_equal(mock_call(line), 0);
                expect_width(mock_out, widths[i]);
                expect(mock_out, "JOB");
                expect(mock_out, "STATE");
                expect(mock_out, "ABOUT");
                expect(mock_out, "rejected");
        }
        assert_int_equal(mock_call("list --no-legend --width=30"), 0);
        expect_width(mock_out, 30);
        assert_int_equal(mock_call("list --width=80"), 0);
        /* both ends of a name tell something */
        expect(mock_out, "backup-of");
        expect(mock_out, "-for-a-job");
        expect(mock_out, "...");
}

static void test_list_words(void **state) {
        (void) state;
        add_sample();
        mock_start();
        assert_int_equal(mock_call("list --no-legend h* orders"), 0);
        assert_memory_equal(mock_out, "hello ", 6);
        expect(mock_out, "\norders  failed");
        expect_not(mock_out, "JOB");
        expect_not(mock_out, "jobs");
        expect_not(mock_out, "nightly");
        assert_int_equal(mock_call("list --no-legend x* hello"), KFTP_CLASS_USAGE);
        expect(mock_out, "hello");
        expect(mock_err, "no job is like 'x*'");
        assert_int_equal(mock_call("list nightli"), KFTP_CLASS_USAGE);
        expect(mock_err, "there is no job 'nightli'; did you mean 'nightly'?");
        assert_string_equal(mock_out, "");
}

static void test_list_json(void **state) {
        json_error_t error;
        json_t *root, *job;

        (void) state;
        add_sample();
        mock_set_small("orders", "Attempt", 3);
        mock.timer = "nightly";
        mock.timer_next = UINT64_C(1800000000000000);
        mock_start();
        assert_int_equal(mock_call("list --json"), 0);
        root = json_loads(mock_out, 0, &error);
        assert_int_equal(json_array_size(root), 5);
        job = json_array_get(root, 2);
        assert_string_equal(json_string_value(json_object_get(job, "job")), "nightly");
        assert_string_equal(json_string_value(json_object_get(job, "state")), "scheduled");
        assert_string_equal(json_string_value(json_object_get(job, "calendar")), "Mon..Fri 02:30");
        assert_int_equal(json_integer_value(json_object_get(job, "next")), 1800000000000000);
        assert_true(json_is_null(json_object_get(job, "not_before")));
        assert_true(json_is_null(json_object_get(job, "text")));
        assert_true(json_is_null(json_object_get(job, "rate")));
        job = json_array_get(root, 3);
        assert_int_equal(json_integer_value(json_object_get(job, "attempt")), 3);
        assert_string_equal(json_string_value(json_object_get(job, "last_result")), "auth");
        json_decref(root);
        assert_int_equal(mock_call("list --json nightl?"), 0);
        assert_memory_equal(mock_out, "[{\"job\":\"nightly\",", 18);
}

static void test_list_none(void **state) {
        (void) state;
        mock_start();
        assert_int_equal(mock_call("list"), 0);
        expect(mock_out, "\n0 jobs.\n");
        assert_int_equal(mock_call("list --no-legend"), 0);
        assert_string_equal(mock_out, "");
        assert_int_equal(mock_call("list --json"), 0);
        assert_string_equal(mock_out, "[]\n");
}

/* More than an answer of the daemon holds. */
static void test_list_many(void **state) {
        static char names[2100][8];
        json_error_t error;
        json_t *root;

        (void) state;
        for (unsigned i = 0; i < ELEMENTS(names); i++) {
                (void) snprintf(names[i], sizeof(names[i]), "j%05u", i);
                mock_add(names[i], "done");
        }
        mock_start();
        assert_int_equal(mock_call("list --json"), 0);
        root = json_loads(mock_out, 0, &error);
        assert_int_equal(json_array_size(root), ELEMENTS(names));
        assert_string_equal(json_string_value(json_object_get(json_array_get(root, 2099), "job")), "j02099");
        json_decref(root);
        assert_int_equal(mock.lists, 4);
}

static void test_colours(void **state) {
        (void) state;
        add_sample();
        mock_start();
        (void) setenv("SYSTEMD_COLORS", "1", 1);
        assert_int_equal(mock_call("list --no-legend orders"), 0);
        expect(mock_out, "orders  \033[0;1;31mfailed\033[0m");
        (void) setenv("NO_COLOR", "1", 1);
        assert_int_equal(mock_call("list --no-legend orders"), 0);
        expect(mock_out, "\033");
        (void) setenv("SYSTEMD_COLORS", "no", 1);
        assert_int_equal(mock_call("list --no-legend orders"), 0);
        expect_not(mock_out, "\033");
        (void) unsetenv("SYSTEMD_COLORS");
        (void) unsetenv("NO_COLOR");
        /* what the daemon says is not obeyed by a terminal */
        mock_set_text("orders", "LastText", "\033[2Jgone");
        assert_int_equal(mock_call("list --no-legend orders"), 0);
        expect(mock_out, "\\x1b[2Jgone");
}

/* ---- What goes wrong ------------------------------------------------------------------------------- */

static void test_absent(void **state) {
        static const char *const lines[] = { "list", "status", "status a", "show a", "run a", "run --wait a", "cancel a", "retry a", "reload", "watch" };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(lines); i++) {
                assert_int_equal(mock_call(lines[i]), KFTP_CLASS_DEVICE);
                expect(mock_err, "kftp: kftpd is not running: sudo systemctl start kftpd");
                assert_string_equal(mock_out, "");
        }
        (void) setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1);
        assert_int_equal(mock_call("list"), KFTP_CLASS_DEVICE);
        expect(mock_err, "kftp: cannot reach the system bus: ");
}

static const struct {
        const char *error, *line, *said;
        int class;
} refusals[] = {
        { SD_BUS_ERROR_ACCESS_DENIED, "list", "not a member of group kftp-users: sudo usermod -aG kftp-users", KFTP_CLASS_DEVICE },
        { SD_BUS_ERROR_ACCESS_DENIED, "run a", "by root, or the user kftp: try sudo", KFTP_CLASS_DEVICE },
        { SD_BUS_ERROR_ACCESS_DENIED, "reload", "by root, or the user kftp: try sudo", KFTP_CLASS_DEVICE },
        { BUS_ERROR "Masked", "run a", "kftp: a is masked: its file is a link to /dev/null", KFTP_CLASS_OTHER },
        { BUS_ERROR "Rejected", "run a", "kftp: a cannot run: its file has errors: kftp status a", KFTP_CLASS_OTHER },
        { BUS_ERROR "Stopping", "run a", "kftp: a: The server's\\x1b words.", KFTP_CLASS_BUSY },
        { BUS_ERROR "Other", "run a", "kftp: a: kftpd refuses: The server's\\x1b words.", KFTP_CLASS_OTHER },
        { BUS_ERROR "NoSuchJob", "run ab", "there is no job 'ab'; did you mean 'abc'?", KFTP_CLASS_USAGE },
        { BUS_ERROR "NoSuchJob", "show \033zzzzz", "there is no job '\\x1bzzzzz'; kftp list", KFTP_CLASS_USAGE },
        { SD_BUS_ERROR_NO_REPLY, "list", "kftpd does not answer", KFTP_CLASS_NETWORK },
};

static void test_refusals(void **state) {
        (void) state;
        mock_add("abc", "done");
        mock_start();
        for (size_t i = 0; i < ELEMENTS(refusals); i++) {
                mock.error = refusals[i].error;
                assert_int_equal(mock_call(refusals[i].line), refusals[i].class);
                expect(mock_err, refusals[i].said);
        }
}

static void test_usage(void **state) {
        static const char *const lines[] = {
                "show", "run", "cancel", "retry", "reload x", "list --bogus", "list --width=3", "history --since=soon",
                "history --since=2026-13-01", "history --since=2026-02-30", "history --result=good", "history -n -1",
                "history --file=a --directory=b",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(lines); i++)
                assert_int_equal(mock_call(lines[i]), KFTP_CLASS_USAGE);
}

/* ---- status, show ----------------------------------------------------------------------------------- */

static void test_status(void **state) {
        (void) state;
        add_sample();
        mock_set_text("orders", "File", "/etc/kftp.d/orders.job");
        mock_set_text("orders", "Revision", "0123456789abcdef0123");
        mock_set_text("orders", "Direction", "upload");
        mock_set_text("orders", "URL", "ftp://ftp.acme.example/in/");
        mock_set_text("orders", "Path", "/srv/out/");
        mock_start();
        assert_int_equal(mock_call("status -n0 orders hello"), 0);
        expect(mock_out, "* hello\n");
        expect(mock_out, "What: ftp://127.0.0.1:2121/hello.txt -> /srv/ftp/in/\n");
        expect(mock_out, "2min 1s ago");
        expect(mock_out, "\n\n* orders\n");
        expect(mock_out, "File: /etc/kftp.d/orders.job (revision 0123456789ab)\n");
        expect(mock_out, "State: failed since ");
        expect(mock_out, "UTC; 1h 30min ago\n");
        expect(mock_out, "What: /srv/out/ -> ftp://ftp.acme.example/in/\n");
        expect(mock_out, "Last run: failed (auth) ");
        expect(mock_out, "Problem: login refused by ftp.acme.example:21: \"530 No.\"\n");
        expect(mock_out, "To do: see to User= and the password, then: kftp retry orders\n");
        assert_int_equal(mock_call("status -n0 --width=60 backup*"), 0);
        expect_width(mock_out, 60);
        expect(mock_out, "To do: mend its file");
        assert_int_equal(mock_call("status -n0 nightly"), 0);
        expect(mock_out, "Schedule: Mon..Fri 02:30\n");
        expect(mock_out, "Next: its timer is not active");
        assert_int_equal(mock_call("status nightlx hello"), KFTP_CLASS_USAGE);
        expect(mock_out, "* hello");
}

static void test_status_running(void **state) {
        (void) state;
        mock_add("big", "running");
        mock_set_text("big", "Name", "reports/x.csv");
        mock_set_number("big", "FileBytes", 1048576);
        mock_set_number("big", "FileTotal", 4194304);
        mock_set_number("big", "Rate", 524288);
        mock_set_number("big", "Files", 3);
        mock_set_number("big", "Bytes", 5242880);
        mock_set_number("big", "Run", 77);
        mock_set_small("big", "Attempt", 2);
        mock_set_small("big", "Retries", 5);
        mock_set_text("big", "Trigger", "calendar");
        mock_start();
        assert_int_equal(mock_call("status -n0 big"), 0);
        expect(mock_out, "Under way: reports/x.csv: 1.0 MiB of 4.0 MiB, 512.0 KiB/s\n");
        expect(mock_out, "So far: 3 files, 5.0 MiB\n");
        expect(mock_out, "Run: attempt 2 of 6, started by calendar\n");
        assert_int_equal(mock_call("status --json big"), 0);
        expect(mock_out, "\"file_bytes\":1048576,\"file_total\":4194304,");
}

static void test_status_of_daemon(void **state) {
        (void) state;
        add_sample();
        mock.pause = "device";
        mock_start();
        assert_int_equal(mock_call("status"), 0);
        expect(mock_out, "* kftpd 0.0.1\n");
        expect(mock_out, "Jobs: 5: 1 waiting, 1 scheduled, 1 done, 1 failed, 1 rejected\n");
        expect(mock_out, "Problem: no job is started: the device /dev/kftp");
        expect(mock_out, "To do: kftp doctor\n");
        expect(mock_out, "failed: orders: login refused");
        assert_int_equal(mock_call("status --json"), 0);
        expect(mock_out, "{\"version\":\"0.0.1\",\"pause\":\"device\",\"jobs\":5,\"max_running\":4,\"running\":0,");
}

static void test_show(void **state) {
        (void) state;
        mock_add("a", "done");
        mock_add("b", "done");
        mock.show = "# /etc/kftp.d/a.job\n[Source]\nURL=ftp://h/\033\n";
        mock_start();
        assert_int_equal(mock_call("show a"), 0);
        assert_string_equal(mock_out, "# /etc/kftp.d/a.job\n[Source]\nURL=ftp://h/\\x1b\n");
        assert_int_equal(mock_call("show a x"), KFTP_CLASS_SOME_FAILED);
        expect(mock_out, "[Source]");
}

/* ---- cancel, retry, reload --------------------------------------------------------------------------- */

static void test_actions(void **state) {
        (void) state;
        add_sample();
        mock_add("z-running", "running");
        mock_start();
        /* a name is asked for whatever it does, a pattern takes those that it can be done to */
        assert_int_equal(mock_call("cancel hello"), 0);
        assert_string_equal(mock.last, "hello");
        assert_int_equal(mock_call("cancel *"), 0);
        assert_int_equal(mock.cancels, 3);
        assert_int_equal(mock_call("retry *"), 0);
        assert_int_equal(mock.retries, 2);
        assert_int_equal(mock_call("retry orders nosuch"), KFTP_CLASS_USAGE);
        assert_int_equal(mock.retries, 3);
        assert_int_equal(mock_call("cancel y*"), KFTP_CLASS_USAGE);
        assert_int_equal(mock.cancels, 3);
        assert_int_equal(mock_call("reload"), 0);
        assert_int_equal(mock.reloads, 1);
        assert_string_equal(mock_out, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                ON_BUS(test_list),
                ON_BUS(test_list_fits),
                ON_BUS(test_list_words),
                ON_BUS(test_list_json),
                ON_BUS(test_list_none),
                ON_BUS(test_list_many),
                ON_BUS(test_colours),
                ON_BUS(test_absent),
                ON_BUS(test_refusals),
                ON_BUS(test_usage),
                ON_BUS(test_status),
                ON_BUS(test_status_running),
                ON_BUS(test_status_of_daemon),
                ON_BUS(test_show),
                ON_BUS(test_actions),
        };

        return cmocka_run_group_tests_name("job verbs", tests, NULL, NULL);
}
