/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One file of a run to a server: what is opened, where it goes, what is in the ledger before it gets its name, and what is made of
 * that by the next process. The server is fake-server.c's.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "kftpd/run-put.h"
#include "uploading.h"
#include "util.h"

#define REVISION "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static RunContext context = { .calls.client_new = kftp_client_new, .calls.client_free = kftp_client_free };
static KftpJob job;
static Run run;
static struct stat st;

static int set_up(void **state) {
        if (uploading_set_up(state) != 0 || ledger_open(".", &context.ledger) < 0)
                return -1;
        job = (KftpJob) { .name = (char *) "job", .upload = true, .set = true, .file_mode = KFTP_MODE_UNKNOWN };
        job.url = URL("ftp://h/in/");
        assert_true(asprintf(&job.path, "%s/out/", test_directory) > 0);
        assert_int_equal(mkdir("out", 0700), 0);
        test_write_file("out/a", "payment");
        assert_int_equal(stat("out/a", &st), 0);
        run = (Run) { .context = &context, .job = &job };
        run.entry = ledger_entry_new("job", REVISION, "ftp://h/in/");
        assert_non_null(run.entry);
        run.entry->upload = true;
        (void) pthread_mutex_init(&run.lock, NULL);
        return kftp_control_new(&run.control);
}

static int tear_down(void **state) {
        run_end_session(&run);
        kftp_control_free(run.control);
        ledger_entry_free(run.entry);
        ledger_free(context.ledger);
        kftp_url_done(&job.url);
        free(run.progress.name);
        free(job.path);
        return uploading_tear_down(state);
}

static void use(const char *url, bool set, const char *path) {
        kftp_url_done(&job.url);
        job.url = URL(url);
        job.set = set;
        free(job.path);
        assert_true(asprintf(&job.path, "%s/%s", test_directory, path) > 0);
}

static int put_file(const char *name) {
        RunFile file = { .name = name, .size = (uint64_t) st.st_size, .mtime = st.st_mtim.tv_sec };
        int r;

        kftp_result_done(&result);
        run.file = &file;
        r = run_put_file(&run, &file, &result);
        run.file = NULL;
        if (r < 0)
                print_message("    %s\n", result.failure.text);
        return r;
}

/* ---- Where to ------------------------------------------------------------------------------------ */

static void test_set(void **state) {
        (void) state;
        assert_int_equal(put_file("a"), 0);
        assert_string_equal(fake_server_get("in/a"), "payment");
        assert_string_equal(result.remote, "in/a");
        assert_int_equal(run.entry->state, LEDGER_INTENT);
        assert_string_equal(run.entry->final, "in/a");
        assert_int_equal(run.entry->bytes, 7);
        assert_true(run.sent_mtime_nsec == (int64_t) st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec);
}

static void test_single(void **state) {
        (void) state;
        use("ftp://h/elsewhere/b", false, "out/a");
        assert_int_equal(put_file("a"), 0);
        assert_string_equal(fake_server_get("elsewhere/b"), "payment");
        fake_server_add_directory("d");
        use("ftp://h/d", false, "out/a");
        assert_int_equal(put_file("a"), 0);
        assert_string_equal(fake_server_get("d/a"), "payment");
}

static void test_mode(void **state) {
        (void) state;
        job.file_mode = 0640;
        assert_int_equal(put_file("a"), 0);
        assert_int_equal(fake_server_file("in/a")->mode, 0640);
}

static void test_time(void **state) {
        (void) state;
        job.verify = KFTP_VERIFY_MTIME;
        assert_int_equal(put_file("a"), 0);
        assert_int_equal(fake_server_file("in/a")->mtime, st.st_mtim.tv_sec);
        fake_server.no_mfmt = true;
        assert_true(put_file("a") < 0);
        assert_true(result.complete);
}

static void test_leave_alone(void **state) {
        (void) state;
        job.if_exists = KFTP_IF_EXISTS_SKIP;
        fake_server_add("in/a", "theirs");
        assert_int_equal(put_file("a"), 1);
        assert_string_equal(result.remote, "in/a");
        assert_string_equal(fake_server_get("in/a"), "theirs");
        use("ftp://h/in/b", false, "out/a");
        assert_int_equal(put_file("a"), 0);
        assert_string_equal(fake_server_get("in/b"), "payment");
        assert_int_equal(put_file("a"), 1);
        fake_server_add_directory("d");
        use("ftp://h/d", false, "out/a");
        assert_int_equal(put_file("a"), 0);
        assert_int_equal(put_file("a"), 1);
        assert_string_equal(result.remote, "d/a");
}

/* ---- What from ----------------------------------------------------------------------------------- */

static void test_no_file(void **state) {
        (void) state;
        assert_int_equal(unlink("out/a"), 0);
        assert_true(put_file("a") < 0);
        assert_int_equal(result.failure.class, KFTP_CLASS_LOCAL);
        assert_int_equal(symlink("/etc/passwd", "out/a"), 0);
        assert_true(put_file("a") < 0);
        expect_text("is a symbolic link, which is not followed");
        assert_int_equal(unlink("out/a"), 0);
        assert_int_equal(mkfifo("out/a", 0600), 0);
        assert_true(put_file("a") < 0);
        expect_text("is no regular file");
        assert_int_equal(fake_server_count(), 0);
}

static void test_changed(void **state) {
        (void) state;
        test_write_file("out/a", "payment and more");
        assert_true(put_file("a") < 0);
        expect_text("has changed since it was looked at");
        assert_true(result.failure.transient);
        assert_int_equal(fake_server.connections, 0);
}

/* As long, and of the same second. */
static void test_changed_at_once(void **state) {
        RunFile file = { .name = "a", .size = (uint64_t) st.st_size, .mtime = st.st_mtim.tv_sec };

        (void) state;
        file.mtime_nsec = (int64_t) st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec + 1;
        assert_int_equal(run_put_file(&run, &file, &result), -ESTALE);
        expect_text("has changed since it was looked at");
        file.mtime_nsec--;
        kftp_result_done(&result);
        run.file = &file;
        assert_int_equal(run_put_file(&run, &file, &result), 0);
        run.file = NULL;
}

static void write_more(void) {
        test_write_file("out/a", "another payment");
}

static void test_changed_while_it_is_sent(void **state) {
        (void) state;
        fake_server.while_storing = write_more;
        assert_true(put_file("a") < 0);
        assert_int_equal(result.failure.class, KFTP_CLASS_INTEGRITY);
        assert_true(result.failure.transient);
        assert_null(fake_server_get("in/a"));
}

/* ---- The next process ---------------------------------------------------------------------------- */

static void crash_in_rename(void) {
        fake_server.cut_in_rename = true;
        fake_server.busy_logins = 0;
        assert_true(put_file("a") < 0);
        run_end_session(&run);
        run.entry = ledger_entry_free(run.entry);
        assert_int_equal(ledger_read(context.ledger, "job", &run.entry), 0);
        assert_int_equal(run.entry->state, LEDGER_INTENT);
}

/* What the ledger has is what it is about, and stays. */
static void test_recover_before_rename(void **state) {
        KftpFailure f = {};

        (void) state;
        fake_server.cut_before_rename = true;
        assert_true(put_file("a") < 0);
        run_end_session(&run);
        assert_int_equal(run_put_recover(&run, &f), 1);
        assert_string_equal(fake_server_get("in/a"), "payment");
        assert_string_equal(run.entry->item, "a");
        assert_string_equal(run.entry->final, "in/a");
}

static void test_recover(void **state) {
        KftpFailure f = {};

        (void) state;
        crash_in_rename();
        assert_int_equal(run_put_recover(&run, &f), 1);
        assert_string_equal(fake_server_get("in/a"), "payment");
        assert_int_equal(fake_server_asked("STOR"), 1);
        assert_int_equal(fake_server_asked("RNTO"), 1);
}

static void test_recover_nothing(void **state) {
        KftpFailure f = {};

        (void) state;
        fake_server.takes_renamed = true;
        crash_in_rename();
        assert_true(run_put_recover(&run, &f) < 0);
        assert_int_equal(f.class, KFTP_CLASS_INTEGRITY);
        assert_false(f.transient);
        assert_non_null(strstr(f.text, "it is not known whether \"in/a\" was delivered to fake:21"));
        kftp_failure_done(&f);
}

int main(void) {
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                TEST(test_set),
                TEST(test_single),
                TEST(test_mode),
                TEST(test_time),
                TEST(test_leave_alone),
                TEST(test_no_file),
                TEST(test_changed),
                TEST(test_changed_at_once),
                TEST(test_changed_while_it_is_sent),
                TEST(test_recover_before_rename),
                TEST(test_recover),
                TEST(test_recover_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
