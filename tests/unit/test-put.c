/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Uploads, and what is done when a server does not do what is wanted. The server is fake-server.c's. */

#include <fcntl.h>
#include <sys/stat.h>

#include "put-names.h"
#include "uploading.h"
#include "util.h"

/* ---- Where it goes --------------------------------------------------------------------------- */

static void test_file_and_directory(void **state) {
        (void) state;
        test_write_file("a", "content");
        fake_server_add_directory("d");
        assert_int_equal(put("a", "ftp://h/b"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("b"), "content");
        assert_string_equal(result.remote, "b");
        assert_int_equal(result.bytes, 7);
        assert_int_equal(result.attempts, 1);
        assert_int_equal(put("a", "ftp://h/"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "content");
        assert_int_equal(put("a", "ftp://h/d"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("d/a"), "content");
        assert_int_equal(put("a", "ftp://h/%2f"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("/a"), "content");
        put_options.directory = true;
        assert_int_equal(put("a", "ftp://h/e"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("e/a"), "content");
        /* nothing but these, and the directory */
        assert_int_equal(fake_server_count(), 6);
}

static void test_bad_sources(void **state) {
        (void) state;
        assert_int_equal(put("absent", "ftp://h/b"), KFTP_CLASS_LOCAL);
        expect_text("absent: No such file");
        assert_int_equal(put(".", "ftp://h/b"), KFTP_CLASS_LOCAL);
        expect_text("is a directory");
        assert_int_equal(put("/dev/null", "ftp://h/b"), KFTP_CLASS_LOCAL);
        assert_int_equal(put("a\nb", "ftp://h/"), KFTP_CLASS_USAGE);
        expect_text("control character");
        assert_int_equal(put("-", "ftp://h/"), KFTP_CLASS_USAGE);
        assert_int_equal(fake_server.connections, 0);
        assert_int_equal(result.attempts, 0);
}

static void test_empty_file(void **state) {
        (void) state;
        test_write_file("a", "");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "");
}

static void test_log_in_refused(void **state) {
        (void) state;
        test_write_file("a", "content");
        fake_server.refuses_login = true;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_AUTH);
        assert_int_equal(fake_server.connections, 1);
        fake_server.refuses_login = false;
        fake_server.busy_logins = 2;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(result.attempts, 3);
}

/* ---- Going on -------------------------------------------------------------------------------- */

static void test_retry_goes_on(void **state) {
        (void) state;
        test_write_file("a", "0123456789");
        fake_server.cuts = 2;
        fake_server.cut_after = 4;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "0123456789");
        assert_int_equal(result.attempts, 3);
        assert_int_equal(result.bytes, 10);
        assert_int_equal(result.resumed_from, 0);
        assert_int_equal(fake_server_asked("STOR"), 3);
        assert_int_equal(fake_server_count(), 1);
}

/* Leaves a part of "a" on the server. */
static void break_off(size_t after) {
        options.retries = 0;
        fake_server.cuts = 1;
        fake_server.cut_after = after;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_NETWORK);
        assert_int_equal(result.bytes, after);
        expect_text("a part of it is there as \".a.kftp-");
        assert_null(fake_server_get("a"));
        assert_int_equal(fake_server_count(), 1);
}

static void test_resume(void **state) {
        (void) state;
        test_write_file("a", "0123456789");
        break_off(4);
        options.resume = true;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(result.resumed_from, 4);
        assert_string_equal(fake_server_get("a"), "0123456789");
        assert_int_equal(fake_server_count(), 1);
}

static void test_no_resume_unless_asked(void **state) {
        (void) state;
        test_write_file("a", "0123456789");
        break_off(4);
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(result.resumed_from, 0);
        assert_string_equal(fake_server_get("a"), "0123456789");
        assert_int_equal(fake_server_count(), 1);
}

static void test_no_resume_of_another_version(void **state) {
        (void) state;
        test_write_file("a", "0123456789");
        break_off(4);
        test_write_file("a", "abcdefghij");
        options.resume = true;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(result.resumed_from, 0);
        assert_string_equal(fake_server_get("a"), "abcdefghij");
}

/* All of it had been sent: only the rename is missing. */
static void test_resume_of_what_is_complete(void **state) {
        (void) state;
        test_write_file("a", "0123456789");
        break_off(10);
        options.resume = true;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(fake_server_asked("STOR"), 1);
        assert_string_equal(fake_server_get("a"), "0123456789");
}

static void test_resume_by_append(void **state) {
        (void) state;
        fake_server.no_rest = true;
        test_write_file("a", "0123456789");
        break_off(4);
        options.resume = true;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(fake_server_asked("APPE"), 1);
        assert_string_equal(fake_server_get("a"), "0123456789");
}

static void test_resume_by_neither(void **state) {
        (void) state;
        fake_server.no_rest = fake_server.no_appe = true;
        test_write_file("a", "0123456789");
        break_off(4);
        options.resume = true;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(fake_server_asked("STOR"), 2);
        assert_string_equal(fake_server_get("a"), "0123456789");
}

static void test_resume_forbidden(void **state) {
        (void) state;
        fake_server.no_restart = true;
        test_write_file("a", "0123456789");
        break_off(4);
        options.resume = true;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(result.attempts, 1);
        assert_int_equal(fake_server_asked("STOR"), 3);
        assert_int_equal(fake_server_asked("APPE"), 1);
        assert_int_equal(result.resumed_from, 0);
        assert_string_equal(fake_server_get("a"), "0123456789");
}

/* It cannot be told how much is there. */
static void test_resume_without_size(void **state) {
        (void) state;
        fake_server.no_size = true;
        test_write_file("a", "0123456789");
        break_off(4);
        options.resume = true;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(result.resumed_from, 0);
        assert_string_equal(fake_server_get("a"), "0123456789");
}

/* A dead connection is found out with the first request; it is no attempt. */
static void test_dead_connection(void **state) {
        KftpUrl url = URL("ftp://h/b");
        KftpClient *c;

        (void) state;
        options.retries = 0;
        test_write_file("a", "content");
        assert_int_equal(kftp_client_new(&c, &options), 0);
        assert_int_equal(kftp_client_put(c, "a", &url, &put_options, &result), 0);
        kftp_result_done(&result);
        assert_int_equal(fake_server.connections, 1);
        assert_int_equal(kftp_client_put(c, "a", &url, &put_options, &result), 0);
        kftp_result_done(&result);
        assert_int_equal(fake_server.connections, 1);
        fake_server.hangs_up = true;
        assert_int_equal(kftp_client_put(c, "a", &url, &put_options, &result), 0);
        assert_int_equal(fake_server.connections, 2);
        assert_int_equal(result.attempts, 1);
        /* another user is another session */
        kftp_result_done(&result);
        kftp_client_set_login(c, "u", "p", NULL);
        assert_int_equal(kftp_client_put(c, "a", &url, &put_options, &result), 0);
        assert_int_equal(fake_server.connections, 3);
        kftp_client_free(c);
        kftp_url_done(&url);
}

static void test_get_over_the_same_session(void **state) {
        KftpUrl a = URL("ftp://h/a"), b = URL("ftp://h/b"), absent = URL("ftp://h/absent");
        struct stat st;
        KftpClient *c;

        (void) state;
        fake_server_add("a", "first");
        fake_server_add("b", "second one");
        assert_int_equal(kftp_client_new(&c, &options), 0);
        assert_int_equal(kftp_client_get(c, &a, NULL, &result), 0);
        kftp_result_done(&result);
        assert_true(kftp_client_get(c, &absent, NULL, &result) < 0);
        assert_int_equal(result.failure.class, KFTP_CLASS_REMOTE);
        kftp_result_done(&result);
        assert_int_equal(kftp_client_get(c, &b, "c", &result), 0);
        assert_int_equal(result.bytes, 10);
        assert_true(stat("a", &st) >= 0 && st.st_size == 5);
        assert_true(stat("c", &st) >= 0 && st.st_size == 10);
        assert_true(stat("absent", &st) < 0);
        assert_int_equal(fake_server.connections, 1);
        kftp_client_free(c);
        kftp_url_done(&a);
        kftp_url_done(&b);
        kftp_url_done(&absent);
}

/* ---- Servers that will not ------------------------------------------------------------------- */

static void test_hidden_names_refused(void **state) {
        (void) state;
        fake_server.no_hidden = true;
        test_write_file("a", "0123456789");
        assert_int_equal(put("a", "ftp://h/d/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("d/a"), "0123456789");
        assert_int_equal(fake_server_count(), 1);

        /* and it is found again under that name */
        fake_server.cuts = 1;
        fake_server.cut_after = 3;
        options.retries = 0;
        assert_int_equal(put("a", "ftp://h/d/b"), KFTP_CLASS_NETWORK);
        expect_text("\"d/b.kftp-");
        options.resume = true;
        assert_int_equal(put("a", "ftp://h/d/b"), KFTP_CLASS_OK);
        assert_int_equal(result.resumed_from, 3);
        assert_string_equal(fake_server_get("d/b"), "0123456789");
}

static void test_no_rename_over(void **state) {
        (void) state;
        fake_server.no_rename_over = true;
        fake_server_add("a", "old");
        test_write_file("a", "new one");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "new one");
        assert_int_equal(fake_server_count(), 1);
}

static void test_neither_rename_over_nor_delete(void **state) {
        (void) state;
        fake_server.no_rename_over = fake_server.no_dele = true;
        fake_server_add("a", "old");
        test_write_file("a", "new one");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_REMOTE);
        expect_text("cannot be removed");
        expect_text("the whole file is there as \"a.kftp-");
        assert_string_equal(fake_server_get("a"), "old");
        /* A later call needs not send it again. */
        fake_server.no_rename_over = false;
        options.resume = true;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(fake_server_asked("STOR"), 1);
        assert_string_equal(fake_server_get("a"), "new one");
}

/* What is not seen to be there does not cost the old one. */
static void test_the_old_one_stays_if_the_new_one_is_not_seen(void **state) {
        (void) state;
        fake_server.no_rename_over = fake_server.no_size = true;
        fake_server_add("a", "old");
        test_write_file("a", "new one");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_REMOTE);
        assert_string_equal(fake_server_get("a"), "old");
        assert_int_equal(fake_server_asked("DELE"), 0);
}

static void test_lost_reply_to_the_rename(void **state) {
        (void) state;
        fake_server.cut_in_rename = true;
        test_write_file("a", "content");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(result.attempts, 2);
        assert_int_equal(fake_server_asked("STOR"), 1);
        assert_string_equal(fake_server_get("a"), "content");
        assert_int_equal(fake_server_count(), 1);
}

static void test_wrong_size(void **state) {
        (void) state;
        fake_server.loses_last_byte = true;
        test_write_file("a", "content");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_INTEGRITY);
        expect_text("7 bytes were sent, but the server has 6");
        assert_int_equal(result.attempts, 4);
        assert_int_equal(fake_server_count(), 0);
}

static void test_size_demanded(void **state) {
        (void) state;
        fake_server.no_size = true;
        test_write_file("a", "content");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        options.verify = KFTP_VERIFY_SIZE;
        assert_int_equal(put("a", "ftp://h/b"), KFTP_CLASS_INTEGRITY);
        assert_null(fake_server_get("b"));
}

static void test_full_disk(void **state) {
        (void) state;
        fake_server.store_reply = 552;
        test_write_file("a", "content");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_REMOTE);
        assert_int_equal(result.attempts, 1);
        assert_null(fake_server_get("a"));
        expect_text("a part of it is there as");
}

static void test_name_changed(void **state) {
        (void) state;
        fake_server.changes_spaces = true;
        test_write_file("a", "content");
        assert_int_equal(put("a", "ftp://h/b%20"), KFTP_CLASS_REMOTE);
        expect_text("under another name");
}

static void grow(void) {
        int fd = open("a", O_WRONLY | O_APPEND | O_CLOEXEC);

        assert_int_equal(write(fd, "more", 4), 4);
        close(fd);
}

static void shrink(void) {
        assert_int_equal(truncate("a", 3), 0);
}

static void test_source_changes(void **state) {
        void (*const changes[])(void) = { grow, shrink };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(changes); i++) {
                test_write_file("a", "content");
                fake_server.while_storing = changes[i];
                assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_INTEGRITY);
                expect_text("has changed while it was sent");
                assert_int_equal(result.attempts, 1);
                assert_int_equal(fake_server_count(), 0);
        }
}

/* ---- Time and mode --------------------------------------------------------------------------- */

static void test_attributes(void **state) {
        const struct timespec times[] = { { .tv_sec = 5 }, { .tv_sec = 981173106 } };

        (void) state;
        test_write_file("a", "content");
        assert_int_equal(utimensat(AT_FDCWD, "a", times, 0), 0);
        put_options = (KftpPutOptions) { .mtime = true, .has_mode = true, .mode = 0640 };
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(fake_server_file("a")->mtime, 981173106);
        assert_int_equal(fake_server_file("a")->mode, 0640);
        assert_int_equal(result.mtime, 981173106);

        fake_server.no_mfmt = true;
        assert_int_equal(put("a", "ftp://h/b"), KFTP_CLASS_REMOTE);
        expect_text("\"b\" is complete, but its time could not be set");
        assert_string_equal(fake_server_get("b"), "content");
        assert_int_equal(fake_server_file("b")->mode, 0640);
}

/* ---- Other ways ------------------------------------------------------------------------------ */

static void test_in_place(void **state) {
        (void) state;
        put_options.way = KFTP_PUT_IN_PLACE;
        fake_server_add("a", "something longer than the file");
        test_write_file("a", "0123456789");
        fake_server.cuts = 1;
        fake_server.cut_after = 4;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(result.attempts, 2);
        assert_string_equal(fake_server_get("a"), "0123456789");
        assert_int_equal(fake_server_asked("RNTO"), 0);

        options.retries = 0;
        fake_server.cuts = 1;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_NETWORK);
        expect_text("\"a\" is incomplete now");
        assert_int_equal(result.bytes, 0);
}

static void test_append(void **state) {
        (void) state;
        put_options.way = KFTP_PUT_APPEND;
        test_write_file("a", "second");
        fake_server_add("a", "first ");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "first second");
        assert_int_equal(put("a", "ftp://h/new"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("new"), "second");
        /* Once something was appended it is not done again. */
        fake_server.cuts = 1;
        fake_server.cut_after = 2;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_NETWORK);
        assert_int_equal(result.attempts, 1);
        assert_string_equal(fake_server_get("a"), "first secondse");
}

static void test_unique(void **state) {
        (void) state;
        put_options.way = KFTP_PUT_UNIQUE;
        test_write_file("a", "content");
        fake_server_add_directory("d");
        assert_int_equal(put("a", "ftp://h/d/"), KFTP_CLASS_OK);
        assert_string_equal(result.remote, "d/unique.1");
        assert_string_equal(fake_server_get("unique.1"), "content");
        assert_int_equal(fake_server_asked("CWD"), 2);
        assert_int_equal(put("a", "ftp://h/absent/"), KFTP_CLASS_REMOTE);
        assert_int_equal(fake_server_asked("STOU"), 1);
}

/* ---- Standard input -------------------------------------------------------------------------- */

static void test_pipe(void **state) {
        (void) state;
        assert_int_equal(put_stdin(filled_pipe("from a pipe"), "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "from a pipe");
        assert_int_equal(result.bytes, 11);
        assert_int_equal(fake_server_count(), 1);
}

/* The flags belong to the shell's other programs too. */
static void test_pipe_keeps_its_flags(void **state) {
        int fd = filled_pipe("x"), copy = dup(fd);

        (void) state;
        assert_int_equal(put_stdin(fd, "ftp://h/a"), KFTP_CLASS_OK);
        assert_int_equal(fcntl(copy, F_GETFL) & O_NONBLOCK, 0);
        close(copy);
}

static void test_pipe_is_not_tried_again(void **state) {
        (void) state;
        fake_server.cuts = 1;
        fake_server.cut_after = 4;
        assert_int_equal(put_stdin(filled_pipe("from a pipe"), "ftp://h/a"), KFTP_CLASS_NETWORK);
        assert_int_equal(result.attempts, 1);
        assert_int_equal(result.bytes, 0);
        expect_text("it is not tried again");
        /* as long as nothing was read it is */
        fake_server.busy_logins = 1;
        assert_int_equal(put_stdin(filled_pipe("from a pipe"), "ftp://h/b"), KFTP_CLASS_OK);
        assert_int_equal(result.attempts, 2);
        assert_string_equal(fake_server_get("b"), "from a pipe");
        /* of a file that a server takes only in part nothing is left */
        fake_server.store_reply = 552;
        assert_int_equal(put_stdin(filled_pipe("from a pipe"), "ftp://h/c"), KFTP_CLASS_REMOTE);
        assert_int_equal(fake_server_count(), 2);
}

static void test_regular_standard_input(void **state) {
        int fd;

        (void) state;
        test_write_file("from", "skipped and sent");
        assert_int_equal(put_stdin(open("from", O_RDONLY | O_CLOEXEC), "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "skipped and sent");
        /* from where whoever has it open has read to */
        fd = open("from", O_RDONLY | O_CLOEXEC);
        assert_int_equal(lseek(fd, 8, SEEK_SET), 8);
        fake_server_add("b", "old");
        assert_int_equal(put_stdin(fd, "ftp://h/b"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("b"), "and sent");
}

static void test_device_as_standard_input(void **state) {
        (void) state;
        assert_int_equal(put_stdin(open("/dev/null", O_RDONLY | O_CLOEXEC), "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "");
        assert_int_equal(put_stdin(open(".", O_RDONLY | O_CLOEXEC), "ftp://h/b"), KFTP_CLASS_LOCAL);
        /* what cannot be read on is not the end */
        assert_int_equal(put_stdin(open("/dev/null", O_WRONLY | O_CLOEXEC), "ftp://h/c"), KFTP_CLASS_LOCAL);
        assert_null(fake_server_get("c"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_SERVER(test_file_and_directory),
                WITH_SERVER(test_bad_sources),
                WITH_SERVER(test_empty_file),
                WITH_SERVER(test_log_in_refused),
                WITH_SERVER(test_retry_goes_on),
                WITH_SERVER(test_resume),
                WITH_SERVER(test_no_resume_unless_asked),
                WITH_SERVER(test_no_resume_of_another_version),
                WITH_SERVER(test_resume_of_what_is_complete),
                WITH_SERVER(test_resume_by_append),
                WITH_SERVER(test_resume_by_neither),
                WITH_SERVER(test_resume_forbidden),
                WITH_SERVER(test_resume_without_size),
                WITH_SERVER(test_dead_connection),
                WITH_SERVER(test_get_over_the_same_session),
                WITH_SERVER(test_hidden_names_refused),
                WITH_SERVER(test_no_rename_over),
                WITH_SERVER(test_neither_rename_over_nor_delete),
                WITH_SERVER(test_the_old_one_stays_if_the_new_one_is_not_seen),
                WITH_SERVER(test_lost_reply_to_the_rename),
                WITH_SERVER(test_wrong_size),
                WITH_SERVER(test_size_demanded),
                WITH_SERVER(test_full_disk),
                WITH_SERVER(test_name_changed),
                WITH_SERVER(test_source_changes),
                WITH_SERVER(test_attributes),
                WITH_SERVER(test_in_place),
                WITH_SERVER(test_append),
                WITH_SERVER(test_unique),
                WITH_SERVER(test_pipe),
                WITH_SERVER(test_pipe_keeps_its_flags),
                WITH_SERVER(test_pipe_is_not_tried_again),
                WITH_SERVER(test_regular_standard_input),
                WITH_SERVER(test_device_as_standard_input),
        };

        return cmocka_run_group_tests_name("put", tests, NULL, NULL);
}
