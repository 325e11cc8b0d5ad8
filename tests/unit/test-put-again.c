/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Uploads whose failure leaves a doubt about what was done: nothing is sent or delivered twice, and no older file is
 * lost or taken for the new one. The server is fake-server.c's.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "uploading.h"
#include "util.h"

/* ---- What has arrived is not sent again ------------------------------------------------------ */

static void test_pipe_is_only_delivered(void **state) {
        (void) state;
        fake_server_add("a", "yesterday");
        fake_server.cut_before_rename = true;
        assert_int_equal(put_stdin(filled_pipe("precious"), "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "precious");
        assert_int_equal(fake_server_asked("STOR"), 1);
        fake_server.rnto_busy = 2;
        assert_int_equal(put_stdin(filled_pipe("precious too"), "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "precious too");
        fake_server.cut_in_rename = true;
        assert_int_equal(put_stdin(filled_pipe("precious three"), "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "precious three");
        assert_int_equal(fake_server_asked("STOR"), 3);
        assert_int_equal(fake_server_count(), 1);
}

static void test_delivered_once(void **state) {
        (void) state;
        fake_server.cut_in_rename = fake_server.takes_renamed = true;
        test_write_file("a", "payment");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_INTEGRITY);
        expect_text("not known whether it was delivered");
        assert_int_equal(fake_server_asked("STOR"), 1);
        assert_int_equal(fake_server_asked("RNTO"), 1);
        assert_int_equal(result.bytes, 0);
}

/* Somebody waits for it: that it is gone when it is looked for is no fault of the server's. */
static void test_taken_at_once(void **state) {
        (void) state;
        fake_server.takes_renamed = true;
        test_write_file("a", "payment");
        for (unsigned mlst = 0; mlst < 2; mlst++) {
                fake_server.feat = mlst ? KFTP_FEAT_MLST : 0;
                assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
                assert_int_equal(put("a", "ftp://h/of%20today%20(2).csv"), KFTP_CLASS_OK);
                assert_int_equal(put("a", "ftp://h/gr%C3%BCn.csv"), KFTP_CLASS_OK);
        }
        assert_int_equal(fake_server_count(), 0);
}

/* Neither does a later call go on as if nothing was. */
static void test_lost_reply_without_a_second_attempt(void **state) {
        (void) state;
        options.retries = 0;
        fake_server.cut_in_rename = true;
        test_write_file("a", "payment");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_NETWORK);
        expect_text("not known whether it was delivered");
        assert_int_equal(result.bytes, 0);
}

static void test_lost_reply_without_size(void **state) {
        (void) state;
        fake_server.cut_in_rename = fake_server.no_size = true;
        test_write_file("a", "payment");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_INTEGRITY);
        assert_int_equal(fake_server_asked("STOR"), 1);
}

static void test_an_older_file_of_the_same_size(void **state) {
        static const unsigned replies[] = { 550, 450 };

        (void) state;
        test_write_file("a", "NEWFIXED");
        for (size_t i = 0; i < ELEMENTS(replies); i++) {
                fake_server.connections = 0;
                fake_server_add("a", "OLDFIXED");
                fake_server.hidden_size_reply = replies[i];
                fake_server.cut_before_rename = true;
                assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_INTEGRITY);
                expect_text("not known whether it was delivered");
                assert_string_equal(fake_server_get("a"), "OLDFIXED");
        }
}

static void test_in_place_begins_anew(void **state) {
        (void) state;
        put_options.way = KFTP_PUT_IN_PLACE;
        fake_server.keeps_old = true;
        fake_server.cuts = 1;
        fake_server.cut_after = 5;
        fake_server_add("a", "old");
        test_write_file("a", "0123456789");
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("a"), "0123456789");
}

static void test_gone_after_the_reply(void **state) {
        (void) state;
        fake_server.forgets_size = true;
        test_write_file("a", "content");
        put_options.way = KFTP_PUT_IN_PLACE;
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_INTEGRITY);
        expect_text("no such file");
        put_options.way = KFTP_PUT_APPEND;
        assert_int_equal(put("a", "ftp://h/b"), KFTP_CLASS_INTEGRITY);
}

/* ---- The older file -------------------------------------------------------------------------- */

static void test_renaming_refused(void **state) {
        static const struct {
                unsigned rnfr, rnto;
        } rows[] = { { 502, 0 }, { 550, 0 }, { 530, 0 }, { 0, 502 }, { 0, 503 }, { 0, 532 }, { 0, 550 }, { 0, 553 } };

        (void) state;
        test_write_file("a", "new");
        fake_server_add("a", "old good file");
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                fake_server.rnfr_reply = rows[i].rnfr;
                fake_server.rnto_reply = rows[i].rnto;
                assert_int_not_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
                expect_text("--in-place");
                assert_string_equal(fake_server_get("a"), "old good file");
        }
        assert_int_equal(fake_server_asked("DELE"), 0);
}

static void test_standard_input_is_not_appended_to_the_older_file(void **state) {
        int fd;

        (void) state;
        test_write_file("from", "skipped and sent");
        fd = open("from", O_RDONLY | O_CLOEXEC);
        assert_int_equal(lseek(fd, 8, SEEK_SET), 8);
        fake_server.no_dele = true;
        put_options.way = KFTP_PUT_IN_PLACE;
        fake_server_add("b", "old content ");
        assert_int_equal(put_stdin(fd, "ftp://h/b"), KFTP_CLASS_REMOTE);
        assert_string_equal(fake_server_get("b"), "old content ");
}

/* ---- A session used again -------------------------------------------------------------------- */

static void put_two(enum kftp_put_way way, enum kftp_class expected) {
        KftpClient *c;

        put_options = (KftpPutOptions) { .way = way, .directory = true };
        test_write_file("a", "AAAA");
        test_write_file("b", "BBBBBBBB");
        assert_int_equal(kftp_client_new(&c, &options), 0);
        assert_int_equal(put_over(c, "a", "ftp://h/"), KFTP_CLASS_OK);
        fake_server.cuts = 1;
        fake_server.cut_after = 3;
        assert_int_equal(put_over(c, "b", "ftp://h/"), expected);
        kftp_client_free(c);
}

static void test_append_once(void **state) {
        (void) state;
        fake_server_add("b", "first-");
        put_two(KFTP_PUT_APPEND, KFTP_CLASS_NETWORK);
        assert_string_equal(fake_server_get("b"), "first-BBB");
        assert_int_equal(fake_server_asked("APPE b"), 1);
}

static void test_unique_once(void **state) {
        (void) state;
        put_two(KFTP_PUT_UNIQUE, KFTP_CLASS_NETWORK);
        assert_int_equal(fake_server_asked("STOU"), 2);
}

static void test_broken_off_is_an_attempt(void **state) {
        (void) state;
        put_two(KFTP_PUT_IN_PLACE, KFTP_CLASS_OK);
        assert_int_equal(result.attempts, 2);
}

/* The name was told and taken, though no byte had flowed; it belongs to the file of that attempt. */
static void test_unique_name_taken(void **state) {
        (void) state;
        put_options.way = KFTP_PUT_UNIQUE;
        test_write_file("a", "content");
        fake_server.stou_refused = 2;
        assert_int_not_equal(put("a", "ftp://h/"), KFTP_CLASS_OK);
        assert_int_equal(fake_server_asked("STOU"), 1);
}

static void test_directory_that_cannot_be_left(void **state) {
        (void) state;
        fake_server.no_pwd = true;
        fake_server_add_directory("d");
        test_write_file("a", "content");
        assert_int_equal(put("a", "ftp://h/d"), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("d/a"), "content");
}

/* ---- The source ------------------------------------------------------------------------------ */

/* Where the last upload went at first. */
static char *temporary_name(void) {
        const char *last = NULL;

        for (const char *p = fake_server.log; p && (p = strstr(p, "STOR ")); p++)
                last = p + strlen("STOR ");
        assert_non_null(last);
        return strndup(last, strcspn(last, "\n"));
}

static void test_one_at_a_time(void **state) {
        char *first, *second;
        int fd;

        (void) state;
        test_write_file("a", "content");
        fd = open("a", O_RDONLY | O_CLOEXEC);
        assert_int_equal(flock(fd, LOCK_EX), 0);
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        first = temporary_name();
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        second = temporary_name();
        assert_string_not_equal(first, second);
        assert_int_equal(flock(fd, LOCK_UN), 0);
        free(first);
        free(second);
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        first = temporary_name();
        assert_int_equal(put("a", "ftp://h/a"), KFTP_CLASS_OK);
        second = temporary_name();
        assert_string_equal(first, second);
        free(first);
        free(second);
        close(fd);
        /* whoever has lent the standard input can lock it afterwards */
        fd = open("a", O_RDONLY | O_CLOEXEC);
        assert_int_equal(put_stdin(dup(fd), "ftp://h/b"), KFTP_CLASS_OK);
        assert_int_equal(put("a", "ftp://h/b"), KFTP_CLASS_OK);
        close(fd);
}

static KftpControl *control;

static void on_alarm(int signal) {
        (void) signal;
        kftp_control_cancel(control);
}

/* Nobody writes to it. Two signals: the first may come before open() waits. */
static void test_interrupted_while_a_pipe_is_opened(void **state) {
        struct sigaction action = { .sa_handler = on_alarm };
        struct itimerval often = { .it_value.tv_usec = 100000, .it_interval.tv_usec = 100000 }, never = {};

        (void) state;
        assert_int_equal(mkfifo("fifo", 0600), 0);
        assert_int_equal(kftp_control_new(&control), 0);
        assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
        options.control = control;
        assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
        assert_int_equal(put("fifo", "ftp://h/a"), KFTP_CLASS_INTERRUPTED);
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
        assert_int_equal(fake_server.connections, 0);
        kftp_control_free(control);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_SERVER(test_pipe_is_only_delivered),
                WITH_SERVER(test_delivered_once),
                WITH_SERVER(test_taken_at_once),
                WITH_SERVER(test_lost_reply_without_a_second_attempt),
                WITH_SERVER(test_lost_reply_without_size),
                WITH_SERVER(test_an_older_file_of_the_same_size),
                WITH_SERVER(test_in_place_begins_anew),
                WITH_SERVER(test_gone_after_the_reply),
                WITH_SERVER(test_renaming_refused),
                WITH_SERVER(test_standard_input_is_not_appended_to_the_older_file),
                WITH_SERVER(test_append_once),
                WITH_SERVER(test_unique_once),
                WITH_SERVER(test_broken_off_is_an_attempt),
                WITH_SERVER(test_unique_name_taken),
                WITH_SERVER(test_directory_that_cannot_be_left),
                WITH_SERVER(test_one_at_a_time),
                WITH_SERVER(test_interrupted_while_a_pipe_is_opened),
        };

        return cmocka_run_group_tests_name("put-again", tests, NULL, NULL);
}
