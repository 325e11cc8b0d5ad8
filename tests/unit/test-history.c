/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kftp history, with journal files that systemd-journal-remote makes of records that are written down here. */

#include <jansson.h>
#include <stdlib.h>

#include "kftpd/catalog-ids.h"
#include "libkftp.h"
#include "mock-daemon.h"
#include "util.h"

#define REMOTE "/lib/systemd/systemd-journal-remote"
#define BEGIN UINT64_C(1764000000)      /* 2025-11-24 16:00:00 UTC, and a minute later for each record */

static const struct {
        const char *id, *unit, *job, *result, *more, *message;
} records[] = {
        { KFTP_MESSAGE_JOB_DONE, "kftpd.service", "acme", "done", "KFTP_FILES=14\nKFTP_BYTES=1288490189\nKFTP_USEC=80000000\nKFTP_ATTEMPT=1\n",
          "acme: done: 14 files, 1.2 GiB in 1min 20s, 3 unchanged, 0 failed" },
        /* a file is no run, nor is an attempt */
        { KFTP_MESSAGE_FILE_DONE, "kftpd.service", "acme", "done", "KFTP_BYTES=1\n", "acme: a -> b: 1 B in 0.1 s (1 B/s)" },
        { KFTP_MESSAGE_ATTEMPT_FAILED, "kftpd.service", "orders", "retry", "KFTP_ATTEMPT=1\n", "orders: attempt 1 of 6 failed: x" },
        { KFTP_MESSAGE_JOB_FAILED, "kftpd.service", "orders", "failed", "KFTP_CLASS=remote\nKFTP_USEC=400000\nKFTP_ATTEMPT=2\nKFTP_RUN=77\n",
          "orders: failed: 550 reports/x.csv: No such file (ftp.acme.example:21), not retried" },
        /* anybody may write such a record, but not in the name of the unit */
        { KFTP_MESSAGE_JOB_DONE, "evil.service", "acme", "done", "KFTP_FILES=1\nKFTP_BYTES=1\n", "acme: done: 1 file, 1 B in 0.1 s" },
        { KFTP_MESSAGE_JOB_CANCELLED, "kftpd.service", "acme-2", "cancelled", "KFTP_ATTEMPT=1\n", "acme-2: cancelled: its file was removed" },
        { KFTP_MESSAGE_JOB_DONE, "kftpd.service", "orders", "done", "KFTP_FILES=1\nKFTP_BYTES=512\nKFTP_USEC=100000\nKFTP_ATTEMPT=1\n",
          "orders: done: 1 file, 512 B in 0.1 s" },
};

static void write_journal(void) {
        FILE *f = popen(REMOTE " -o runs.journal - 2> remote.err", "w");

        assert_non_null(f);
        for (size_t i = 0; i < ELEMENTS(records); i++)
                fprintf(f, "__REALTIME_TIMESTAMP=%llu000000\n__MONOTONIC_TIMESTAMP=%zu000000\n_BOOT_ID=0123456789abcdef0123456789abcdef\n"
                        "_SYSTEMD_UNIT=%s\nMESSAGE_ID=%s\nKFTP_JOB=%s\nKFTP_RESULT=%s\n%sMESSAGE=%s\n\n",
                        (unsigned long long) (BEGIN + 60 * i), 60 * (i + 1), records[i].unit, records[i].id, records[i].job,
                        records[i].result, records[i].more, records[i].message);
        assert_int_equal(pclose(f), 0);
}


static void expect(const char *text, const char *part) {
        if (!strstr(text, part))
                fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void test_table(void **state) {
        (void) state;
        write_journal();
        assert_int_equal(mock_call("history --file=runs.journal"), 0);
        assert_string_equal(mock_out,
                            "ENDED                JOB     RESULT     FILES     SIZE      TOOK  TEXT\n"
                            "2025-11-24 16:00:00  acme    done          14  1.2 GiB  1min 20s  3 unchanged\n"
                            "2025-11-24 16:03:00  orders  failed         -        -     0.4 s  550 reports/x.csv: No such file "
                            "(ftp.acme.example:21), not retried\n"
                            "2025-11-24 16:05:00  acme-2  cancelled      -        -         -  its file was removed\n"
                            "2025-11-24 16:06:00  orders  done           1    512 B     0.1 s  -\n"
                            "\n4 runs, 1 failed.\n");
        assert_int_equal(mock_call("history --file=runs.journal --width=80"), 0);
        for (const char *line = mock_out; *line; line += strcspn(line, "\n") + 1)
                assert_true(strcspn(line, "\n") <= 80);
        expect(mock_out, "2025-11-24 16:03  orders");
        assert_int_equal(mock_call("history --directory=. --no-legend"), 0);
        assert_memory_equal(mock_out, "2025-11-24 16:00:00  acme ", 26);
}

static unsigned count_lines(const char *text) {
        unsigned n = 0;

        for (; *text; text++)
                n += *text == '\n';
        return n;
}

static void test_selection(void **state) {
        static const struct {
                const char *arguments, *first;
                unsigned lines;
        } cases[] = {
                { "acme",                                            "2025-11-24 16:00:00", 1 },
                { "acme*",                                           "2025-11-24 16:00:00", 2 },
                { "acme orders",                                     "2025-11-24 16:00:00", 3 },
                { "nosuch",                                          "",                    0 },
                { "--result=failed",                                 "2025-11-24 16:03:00", 1 },
                { "--result=cancelled",                              "2025-11-24 16:05:00", 1 },
                { "--result=done orders",                            "2025-11-24 16:06:00", 1 },
                { "-n2",                                             "2025-11-24 16:05:00", 2 },
                { "-n1 orders",                                      "2025-11-24 16:06:00", 1 },
                { "-n0",                                             "",                    0 },
                { "--since=@1764000180",                             "2025-11-24 16:03:00", 3 },
                { "--since=@1764000181",                             "2025-11-24 16:05:00", 2 },
                { "--until=@1764000180",                             "2025-11-24 16:00:00", 2 },
                { "--until=@1764000179",                             "2025-11-24 16:00:00", 1 },
                { "--since=2025-11-24 --until=2025-11-25",           "2025-11-24 16:00:00", 4 },
                { "--since=2025-11-25",                              "",                    0 },
                { "--since=-1h",                                     "",                    0 },
        };
        char line[200];

        (void) state;
        write_journal();
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                (void) snprintf(line, sizeof(line), "history --file=runs.journal --no-legend %s", cases[i].arguments);
                assert_int_equal(mock_call(line), 0);
                assert_int_equal(count_lines(mock_out), cases[i].lines);
                assert_memory_equal(mock_out, cases[i].first, strlen(cases[i].first));
        }
}

static void test_json(void **state) {
        json_error_t error;
        json_t *root, *run;

        (void) state;
        write_journal();
        assert_int_equal(mock_call("history --file=runs.journal --json orders"), 0);
        root = json_loads(mock_out, 0, &error);
        assert_int_equal(json_array_size(root), 2);
        run = json_array_get(root, 0);
        assert_string_equal(json_string_value(json_object_get(run, "job")), "orders");
        assert_int_equal(json_integer_value(json_object_get(run, "ended")), (BEGIN + 180) * 1000000);
        assert_int_equal(json_integer_value(json_object_get(run, "run")), 77);
        assert_string_equal(json_string_value(json_object_get(run, "result")), "failed");
        assert_string_equal(json_string_value(json_object_get(run, "class")), "remote");
        assert_true(json_is_null(json_object_get(run, "files")));
        run = json_array_get(root, 1);
        assert_int_equal(json_integer_value(json_object_get(run, "files")), 1);
        assert_int_equal(json_integer_value(json_object_get(run, "bytes")), 512);
        assert_string_equal(json_string_value(json_object_get(run, "class")), "done");
        json_decref(root);
}

static void test_no_journal(void **state) {
        (void) state;
        assert_int_equal(mock_call("history --file=nosuch.journal"), KFTP_CLASS_LOCAL);
        expect(mock_err, "kftp: cannot read the journal nosuch.journal: No such file");
        assert_int_equal(mock_call("history --directory=nosuch"), KFTP_CLASS_LOCAL);
        assert_string_equal(mock_out, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                ON_BUS(test_table),
                ON_BUS(test_selection),
                ON_BUS(test_json),
                ON_BUS(test_no_journal),
        };

        return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
