/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Uploads whose sender has crashed around the rename: what is told of them before it, and what is made of that afterwards. The
 * server is fake-server.c's.
 */

#include "uploading.h"
#include "util.h"

/* What the last intent said. */
static KftpIntent intent;
static char temporary[300], final[300];
static unsigned intents;
static int refuse;
static bool named_temporary, final_there;

static int on_intent(void *userdata, const KftpIntent *i) {
        (void) userdata;
        intent = *i;
        (void) snprintf(temporary, sizeof(temporary), "%s", i->temporary);
        (void) snprintf(final, sizeof(final), "%s", i->final);
        intent.temporary = temporary;
        intent.final = final;
        named_temporary = fake_server_get(temporary);
        final_there = fake_server_get(final);
        intents++;
        return refuse;
}

static int set_up(void **state) {
        intent = (KftpIntent) {};
        intents = 0;
        refuse = 0;
        if (uploading_set_up(state) != 0)
                return -1;
        options.callbacks.intent = on_intent;
        test_write_file("a", "payment");
        return 0;
}

/* The sender is gone before it has renamed anything. */
static void crash_before_rename(void) {
        refuse = -EIO;
        assert_int_equal(put("a", "ftp://h/in/a"), KFTP_CLASS_LOCAL);
        expect_text("could not be recorded");
        assert_int_equal(intents, 1);
        assert_int_equal(fake_server_asked("RNTO"), 0);
        refuse = 0;
}

static int settle(void) {
        KftpUrl url = URL("ftp://h/in/");
        KftpClient *c;
        int r;

        kftp_result_done(&result);
        assert_int_equal(kftp_client_new(&c, &options), 0);
        r = kftp_client_put_settle(c, &url, &intent, &put_options, &result);
        kftp_client_free(c);
        kftp_url_done(&url);
        assert_int_equal(intents, 1);
        if (r < 0)
                print_message("    %s\n", result.failure.text);
        return r;
}

/* Stands for what the server did after the sender had gone. */
static void rename_there(const char *to) {
        _cleanup_free_ char *text = strdup(fake_server_get(temporary));
        FakeFile *f = (FakeFile *) fake_server_file(temporary);

        free(f->path);
        free(f->data);
        *f = (FakeFile) {};
        if (to)
                fake_server_add(to, text);
}

/* ---- What is told -------------------------------------------------------------------------------- */

static void test_intent(void **state) {
        (void) state;
        assert_int_equal(put("a", "ftp://h/in/a"), KFTP_CLASS_OK);
        assert_int_equal(intents, 1);
        assert_true(startswith(temporary, "in/.a.kftp-"));
        assert_string_equal(final, "in/a");
        assert_int_equal(intent.size, 7);
        assert_true(intent.mtime != KFTP_MTIME_UNKNOWN);
        assert_false(intent.twin);
        assert_true(named_temporary && !final_there);
}

static void test_twin(void **state) {
        (void) state;
        fake_server_add("in/a", "PAYMENT");
        assert_int_equal(put("a", "ftp://h/in/a"), KFTP_CLASS_OK);
        assert_true(intent.twin);
        fake_server_add("in/a", "longer than that");
        assert_int_equal(put("a", "ftp://h/in/a"), KFTP_CLASS_OK);
        assert_false(intent.twin);
        fake_server.no_size = true;
        assert_int_equal(put("a", "ftp://h/in/a"), KFTP_CLASS_OK);
        assert_true(intent.twin);
}

static void test_refused(void **state) {
        (void) state;
        fake_server_add("in/a", "older");
        crash_before_rename();
        assert_string_equal(fake_server_get("in/a"), "older");
}

/* ---- What is found ------------------------------------------------------------------------------- */

static void test_not_renamed(void **state) {
        (void) state;
        fake_server_add("in/a", "older");
        crash_before_rename();
        assert_int_equal(settle(), 1);
        assert_string_equal(fake_server_get("in/a"), "payment");
        assert_string_equal(result.remote, "in/a");
        assert_int_equal(result.bytes, 7);
        assert_int_equal(fake_server_count(), 1);
        assert_int_equal(fake_server_asked("STOR"), 1);
}

static void test_under_the_other_temporary_name(void **state) {
        _cleanup_free_ char *text = NULL;

        (void) state;
        crash_before_rename();
        rename_there(NULL);
        assert_true(asprintf(&text, "in/%s", temporary + strlen("in/.")) > 0);
        fake_server_add(text, "payment");
        fake_server.no_rename_over = true;
        assert_int_equal(settle(), 1);
        assert_string_equal(fake_server_get("in/a"), "payment");
        assert_int_equal(fake_server_count(), 1);
}

static void test_renamed(void **state) {
        (void) state;
        crash_before_rename();
        rename_there("in/a");
        assert_int_equal(settle(), 1);
        assert_int_equal(fake_server_asked("RNTO"), 0);
        assert_string_equal(fake_server_get("in/a"), "payment");
}

static void test_fetched_and_removed(void **state) {
        (void) state;
        crash_before_rename();
        rename_there(NULL);
        assert_true(settle() < 0);
        assert_int_equal(result.failure.class, KFTP_CLASS_INTEGRITY);
        assert_false(result.failure.transient);
        expect_text("not known whether \"in/a\" was delivered");
        assert_int_equal(fake_server_asked("STOR"), 1);
}

static void test_another_size(void **state) {
        (void) state;
        crash_before_rename();
        rename_there("in/x");
        fake_server_add("in/a", "somebody else's");
        assert_true(settle() < 0);
        expect_text("not known whether");
        assert_string_equal(fake_server_get("in/a"), "somebody else's");
}

static void test_older_twin(void **state) {
        FakeFile *f;

        (void) state;
        fake_server_add("in/a", "PAYMENT");
        crash_before_rename();
        assert_true(intent.twin);
        rename_there(NULL);
        assert_true(settle() < 0);
        expect_text("not known whether");
        /* It has another time than what was there before. */
        f = (FakeFile *) fake_server_file("in/a");
        f->mtime = intent.twin_mtime + 60;
        assert_int_equal(settle(), 1);
}

static void test_another_time(void **state) {
        FakeFile *f;

        (void) state;
        put_options.mtime = true;
        crash_before_rename();
        rename_there("in/a");
        f = (FakeFile *) fake_server_file("in/a");
        f->mtime = intent.mtime + 1;
        assert_true(settle() < 0);
        f = (FakeFile *) fake_server_file("in/a");
        f->mtime = intent.mtime;
        assert_int_equal(settle(), 1);
}

/* The server has crashed too, and lost what it had not written to its disk: nothing of it was delivered. */
static void test_a_part_of_it(void **state) {
        (void) state;
        crash_before_rename();
        fake_server_add(temporary, "pay");
        assert_int_equal(settle(), 0);
        assert_null(fake_server_get("in/a"));
}

static void test_no_size(void **state) {
        (void) state;
        crash_before_rename();
        fake_server.no_size = true;
        assert_true(settle() < 0);
        expect_text("not known whether");
        /* A name that is told is enough to know that it was not renamed. */
        fake_server.feat |= KFTP_FEAT_MLST;
        assert_int_equal(settle(), 0);
        rename_there("in/a");
        assert_true(settle() < 0);
        expect_text("not known whether");
}

static void test_nobody_to_ask(void **state) {
        (void) state;
        crash_before_rename();
        fake_server.busy_logins = 100;
        assert_true(settle() < 0);
        assert_true(result.failure.transient);
        fake_server.busy_logins = 0;
        assert_int_equal(settle(), 1);
}

/* The reply to the rename is lost, and the second look is the first one's. */
static void test_lost_reply(void **state) {
        (void) state;
        crash_before_rename();
        fake_server.cut_in_rename = true;
        assert_int_equal(settle(), 1);
        assert_string_equal(fake_server_get("in/a"), "payment");
        assert_int_equal(fake_server_asked("RNTO"), 1);
}

int main(void) {
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, uploading_tear_down)
        static const struct CMUnitTest tests[] = {
                TEST(test_intent),
                TEST(test_twin),
                TEST(test_refused),
                TEST(test_not_renamed),
                TEST(test_under_the_other_temporary_name),
                TEST(test_renamed),
                TEST(test_fetched_and_removed),
                TEST(test_another_size),
                TEST(test_older_twin),
                TEST(test_another_time),
                TEST(test_a_part_of_it),
                TEST(test_no_size),
                TEST(test_nobody_to_ask),
                TEST(test_lost_reply),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
