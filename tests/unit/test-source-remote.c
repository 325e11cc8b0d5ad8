/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is taken of a source on a server, and what becomes of it there afterwards. The server is fake-server.c's.
 */

#include "fake-server.h"
#include "kftpd/source.h"
#include "kftpd/then.h"
#include "put-names.h"
#include "util.h"

#define SECOND UINT64_C(1000000)

static KftpJob job;
static KftpOptions options;
static KftpClient *client;
static SourceLooks *looks;
static SourceListing listing;
static KftpFailure failure;
static uint64_t now;
static char *said;

static void use(const char *text, bool set) {
        kftp_url_done(&job.url);
        assert_int_equal(kftp_url_parse(text, &job.url, NULL), 0);
        job.set = set;
}

static int set_up(void **state) {
        if (fake_server_set_up(state) != 0 || source_looks_new(&looks) < 0)
                return -1;
        options = (KftpOptions) { .retries = 3, .retry_usec = 1 };
        job = (KftpJob) { .name = (char *) "job", .poll_usec = 60 * SECOND };
        use("ftp://h/in/", true);
        now = 1000 * SECOND;
        fake_server.feat = KFTP_FEAT_MLST;
        fake_server_add_directory("in");
        return kftp_client_new(&client, &options);
}

static int tear_down(void **state) {
        source_listing_done(&listing);
        kftp_failure_done(&failure);
        kftp_client_free(client);
        kftp_url_done(&job.url);
        source_looks_free(looks);
        free(STEAL_PTR(said));
        return fake_server_tear_down(state);
}

static const char *look(void) {
        SourceQuery query = { .job = &job, .client = client, .looks = looks, .monotonic_usec = now };
        static char names[1000];
        size_t n = 0;

        source_listing_done(&listing);
        kftp_failure_done(&failure);
        if (source_list(&query, &listing, &failure) < 0)
                return failure.text;
        names[0] = '\0';
        for (size_t i = 0; i < listing.files.n; i++)
                n += (size_t) snprintf(names + n, sizeof(names) - n, "%s%s", i > 0 ? " " : "", listing.files.entries[i].name);
        return names;
}

/* ---- What is taken ------------------------------------------------------------------------------- */

static void test_files(void **state) {
        (void) state;
        fake_server_add("in/b.csv", "bb");
        fake_server_add("in/a.csv", "a");
        fake_server_add("in/.hidden.csv", "");
        fake_server_add("in/.c.csv.kftp-0123456789abcdef", "");
        fake_server_add_directory("in/d.csv");
        fake_server_add("in/d.csv/e.csv", "");
        assert_string_equal(look(), "a.csv b.csv");
        assert_int_equal(listing.ready, 2);
        assert_int_equal(listing.files.entries[1].size, 2);
        assert_int_equal(fake_server_asked("SIZE"), 0);
}

static void test_hostile_names(void **state) {
        (void) state;
        fake_server_add("in/ok", "");
        fake_server_add("in/x\\..\\..\\evil", "");
        fake_server_add("in/bell\a", "");
        assert_string_equal(look(), "ok");
        assert_int_equal(listing.refused, 2);
        assert_non_null(strstr(listing.left_out, "2 names are refused, the first: "));
        assert_null(strchr(listing.left_out, '\a'));
}

static void test_no_directory(void **state) {
        (void) state;
        use("ftp://h/elsewhere/", true);
        assert_string_equal(look(), "");
        assert_true(listing.absent);
        assert_string_equal(listing.missing, "elsewhere is not there");
        assert_int_equal(listing.delay_usec, 60 * SECOND);
}

static void test_server_away(void **state) {
        (void) state;
        fake_server.busy_logins = 100;
        assert_string_equal(look(), "421 too many");
        assert_true(failure.transient);
        assert_false(listing.absent);
}

static void test_markers(void **state) {
        (void) state;
        job.marker = (char *) "%f.done";
        job.stable_usec = 10 * SECOND;
        fake_server_add("in/a", "");
        fake_server_add("in/b", "1");
        fake_server_add("in/b.done", "");
        assert_string_equal(look(), "");
        assert_int_equal(listing.unmarked, 1);
        assert_int_equal(listing.growing, 1);
        assert_int_equal(listing.delay_usec, 10 * SECOND);
        now += 10 * SECOND;
        assert_string_equal(look(), "b");
        fake_server_add("in/b", "12");
        assert_string_equal(look(), "");
}

static void test_single_file(void **state) {
        (void) state;
        use("ftp://h/in/a", false);
        job.marker = (char *) "%f.done";
        fake_server_add("in/other", "");
        assert_string_equal(look(), "");
        assert_true(listing.absent);
        assert_string_equal(listing.missing, "in/a is not there");
        fake_server_add("in/a", "abc");
        assert_string_equal(look(), "");
        assert_int_equal(listing.unmarked, 1);
        fake_server_add("in/a.done", "");
        assert_string_equal(look(), "a");
        assert_int_equal(listing.files.entries[0].size, 3);
        assert_int_equal(fake_server_asked("MLSD"), 0);
}

static void test_login_directory(void **state) {
        (void) state;
        use("ftp://h/", true);
        fake_server_add("top", "");
        assert_string_equal(look(), "top");
}

/* ---- What becomes of it -------------------------------------------------------------------------- */

static int then(enum kftp_then action, const char *directory, const char *name, uint64_t size) {
        KftpThen t = { .action = action, .directory = (char *) directory };
        int r;

        free(STEAL_PTR(said));
        kftp_failure_done(&failure);
        r = then_file(&job, &t, client, &(ThenFile) { .name = name, .size = size, .mtime = KFTP_MTIME_UNKNOWN }, &said, &failure);
        if (r < 0)
                print_message("    %s\n", failure.text);
        return r;
}

static void test_keep(void **state) {
        (void) state;
        fake_server_add("in/a", "1");
        assert_int_equal(then(KFTP_THEN_KEEP, NULL, "a", 1), THEN_KEPT);
        assert_string_equal(fake_server_get("in/a"), "1");
        assert_int_equal(fake_server.connections, 0);
}

static void test_delete(void **state) {
        (void) state;
        fake_server_add("in/a", "1");
        fake_server_add("in/a.done", "");
        fake_server_add("in/b", "1");
        job.marker = (char *) "%f.done";
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 1), THEN_DONE);
        assert_null(fake_server_get("in/a"));
        assert_null(fake_server_get("in/a.done"));
        assert_string_equal(fake_server_get("in/b"), "1");
        /* The marker is not there before the file is not. */
        assert_true(strstr(fake_server.log, "DELE in/a.done\n") < strstr(fake_server.log, "DELE in/a\n"));
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 1), THEN_DONE);
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "b", 1), THEN_DONE);
        assert_null(fake_server_get("in/b"));
}

static void test_changed(void **state) {
        (void) state;
        fake_server_add("in/a", "12");
        fake_server_add("in/a.done", "");
        job.marker = (char *) "%f.done";
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 1), THEN_CHANGED);
        assert_string_equal(fake_server_get("in/a"), "12");
        assert_string_equal(fake_server_get("in/a.done"), "");
        assert_non_null(strstr(said, "was changed"));
}

static void test_changed_in_time(void **state) {
        KftpThen t = { .action = KFTP_THEN_DELETE };
        ThenFile file = { .name = "a", .size = 1 };

        (void) state;
        fake_server_add("in/a", "1");
        file.mtime = fake_server_file("in/a")->mtime + 1;
        assert_int_equal(then_file(&job, &t, client, &file, &said, &failure), THEN_CHANGED);
        free(STEAL_PTR(said));
        file.mtime--;
        assert_int_equal(then_file(&job, &t, client, &file, &said, &failure), THEN_DONE);
}

/* What has not been fetched is compared with what is listed: SIZE may count otherwise. */
static void test_changed_in_listing(void **state) {
        KftpThen t = { .action = KFTP_THEN_DELETE };
        ThenFile file = { .name = "a", .size = 2, .mtime = KFTP_MTIME_UNKNOWN, .listed = true };       /* the listing tells no time */

        (void) state;
        fake_server_add("in/a", "1");
        fake_server.size_off = 5;
        assert_int_equal(then_file(&job, &t, client, &file, &said, &failure), THEN_CHANGED);
        free(STEAL_PTR(said));
        file.size = 1;
        assert_int_equal(then_file(&job, &t, client, &file, &said, &failure), THEN_DONE);
        assert_null(fake_server_get("in/a"));
}

static void test_move(void **state) {
        (void) state;
        fake_server_add("in/a", "new");
        fake_server_add("in/a.done", "mark");
        fake_server_add("old/a", "older");
        fake_server_add("old/a.1", "oldest");
        job.marker = (char *) "%f.done";
        assert_int_equal(then(KFTP_THEN_MOVE, "old", "a", 3), THEN_DONE);
        assert_null(fake_server_get("in/a"));
        assert_null(fake_server_get("in/a.done"));
        assert_string_equal(fake_server_get("old/a"), "older");
        assert_string_equal(fake_server_get("old/a.1"), "oldest");
        assert_string_equal(fake_server_get("old/a.2"), "new");
        assert_string_equal(fake_server_get("old/a.done"), "mark");
        assert_string_equal(said, "\"in/a\" on the server was moved to \"old/a.2\"");
        assert_int_equal(then(KFTP_THEN_MOVE, "old", "a", 3), THEN_DONE);
        assert_null(fake_server_get("old/a.3"));
}

static void test_move_into_a_new_directory(void **state) {
        (void) state;
        fake_server_add("in/a", "1");
        assert_int_equal(then(KFTP_THEN_MOVE, "x/y", "a", 1), THEN_DONE);
        assert_string_equal(fake_server_get("x/y/a"), "1");
}

/* The reply to the rename is lost: it is not done again, and nothing else either. */
static void test_move_over_a_lost_connection(void **state) {
        (void) state;
        fake_server_add("in/a", "1");
        fake_server_add_directory("old");
        fake_server.cut_in_rename = true;
        assert_int_equal(then(KFTP_THEN_MOVE, "old", "a", 1), THEN_DONE);
        assert_string_equal(fake_server_get("old/a"), "1");
        assert_int_equal(fake_server_asked("RNTO"), 1);
}

static void test_refused(void **state) {
        (void) state;
        fake_server_add("in/a", "1");
        fake_server.no_dele = true;
        fake_server.rnto_reply = 550;
        assert_true(then(KFTP_THEN_DELETE, NULL, "a", 1) < 0);
        assert_true(then(KFTP_THEN_MOVE, "old", "a", 1) < 0);
        assert_int_equal(failure.class, KFTP_CLASS_REMOTE);
        assert_string_equal(fake_server_get("in/a"), "1");
}

static void test_marker_of_the_directory(void **state) {
        KftpThen t = { .action = KFTP_THEN_DELETE };

        (void) state;
        fake_server_add("in/a", "1");
        fake_server_add("in/READY", "");
        job.marker = (char *) "READY";
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 1), THEN_DONE);
        assert_string_equal(fake_server_get("in/READY"), "");
        assert_int_equal(then_directory(&job, &t, client, &failure), 0);
        assert_null(fake_server_get("in/READY"));
        assert_int_equal(then_directory(&job, &t, client, &failure), 0);
}

static void test_single(void **state) {
        (void) state;
        use("ftp://h/in/a", false);
        fake_server_add("in/a", "1");
        assert_int_equal(then(KFTP_THEN_DELETE, NULL, "a", 1), THEN_DONE);
        assert_null(fake_server_get("in/a"));
}

int main(void) {
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                TEST(test_files),
                TEST(test_hostile_names),
                TEST(test_no_directory),
                TEST(test_server_away),
                TEST(test_markers),
                TEST(test_single_file),
                TEST(test_login_directory),
                TEST(test_keep),
                TEST(test_delete),
                TEST(test_changed),
                TEST(test_changed_in_time),
                TEST(test_changed_in_listing),
                TEST(test_move),
                TEST(test_move_into_a_new_directory),
                TEST(test_move_over_a_lost_connection),
                TEST(test_refused),
                TEST(test_marker_of_the_directory),
                TEST(test_single),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
