/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where streams end and texts begin: pipes that are full or have no reader, and sources that are translated. */

#include "directory.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include "libkftp/control.h"
#include "libkftp/put-source.h"
#include "libkftp/sink.h"
#include "util.h"

#define LENGTH (300 * 1024)             /* more than a pipe holds */

static char *pattern(void) {
        char *data = malloc(LENGTH + 1);

        assert_non_null(data);
        for (size_t i = 0; i < LENGTH; i++)
                data[i] = (char) ('a' + i % 23);
        data[LENGTH] = '\0';
        return data;
}

typedef struct Reader {
        int fd;
        char *data;
        size_t n;
} Reader;

static void *read_slowly(void *userdata) {
        Reader *r = userdata;
        ssize_t n;

        while ((n = read(r->fd, r->data + r->n, 10000)) > 0) {
                r->n += (size_t) n;
                (void) usleep(1000);
        }
        return NULL;
}

/* A pipe that does not block is waited for, as one is that does. */
static void check_pipe(int flags) {
        _cleanup_free_ char *data = pattern(), *got = malloc(LENGTH);
        KftpSink sink = { .name = "the pipe", .hash = kftp_hash_new(KFTP_DIGEST_MD5) };
        uint8_t hash[KFTP_DIGEST_MAX], expected[KFTP_DIGEST_MAX];
        Reader reader = { .data = got };
        KftpHash *h = kftp_hash_new(KFTP_DIGEST_MD5);
        KftpFailure f = {};
        pthread_t thread;
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC | flags), 0);
        assert_int_equal(fcntl(fds[0], F_SETFL, 0), 0);
        reader.fd = fds[0];
        sink.fd = fds[1];
        assert_int_equal(pthread_create(&thread, NULL, read_slowly, &reader), 0);
        assert_int_equal(kftp_sink_write(&sink, data, LENGTH, &f), 0);
        assert_int_equal(kftp_sink_end(&sink, &f), 0);
        close(fds[1]);
        pthread_join(thread, NULL);
        close(fds[0]);
        assert_int_equal(reader.n, LENGTH);
        assert_memory_equal(got, data, LENGTH);

        kftp_hash_end(sink.hash, hash);
        kftp_hash_free(sink.hash);
        kftp_hash_add(h, data, LENGTH);
        kftp_hash_end(h, expected);
        kftp_hash_free(h);
        assert_memory_equal(hash, expected, 16);
}

static void test_pipes(void **state) {
        (void) state;
        check_pipe(0);
        check_pipe(O_NONBLOCK);
}

static void test_no_reader(void **state) {
        KftpSink sink = { .name = "the pipe" };
        KftpFailure f = {};
        int fds[2];

        (void) state;
        (void) signal(SIGPIPE, SIG_IGN);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        close(fds[0]);
        sink.fd = fds[1];
        assert_int_equal(kftp_sink_write(&sink, "x", 1, &f), -EPIPE);
        assert_int_equal(f.error, -EPIPE);
        assert_int_equal(f.class, KFTP_CLASS_LOCAL);
        assert_non_null(strstr(f.text, "the pipe"));
        kftp_failure_done(&f);
        close(fds[1]);
}

/* Who waits for a reader that does not come can be stopped. */
static void test_cancelled(void **state) {
        _cleanup_free_ char *data = pattern();
        KftpSink sink = { .name = "the pipe" };
        KftpControl *control;
        KftpFailure f = {};
        int fds[2];

        (void) state;
        assert_int_equal(kftp_control_new(&control), 0);
        assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        sink.fd = fds[1];
        sink.control = control;
        assert_int_equal(kftp_sink_write(&sink, data, 1000, &f), 0);
        kftp_control_cancel(control);
        assert_int_equal(kftp_sink_write(&sink, data, LENGTH, &f), -ECANCELED);
        assert_int_equal(f.class, KFTP_CLASS_INTERRUPTED);
        kftp_failure_done(&f);
        close(fds[0]);
        close(fds[1]);
        kftp_control_free(control);
}

static void test_text_to_a_file(void **state) {
        char got[32] = "";
        KftpSink sink = { .name = "f", .text = true };
        KftpFailure f = {};

        (void) state;
        sink.fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(kftp_sink_write(&sink, "a\r", 2, &f), 0);
        assert_int_equal(kftp_sink_write(&sink, "\nb\r", 3, &f), 0);
        assert_int_equal(kftp_sink_end(&sink, &f), 0);
        assert_int_equal(pread(sink.fd, got, sizeof(got), 0), 4);
        assert_string_equal(got, "a\nb\r");
        close(sink.fd);
}

/* ---- Texts to be sent ------------------------------------------------------------------------ */

static void expect_translated(KftpPutSource *s, const char *text) {
        char got[64] = "";
        KftpFailure f = {};

        assert_int_equal(kftp_put_source_translate(s, NULL, &f), 0);
        assert_int_equal(s->size, strlen(text));
        assert_int_equal(s->begin, 0);
        assert_false(s->pipe);
        assert_int_equal(pread(s->fd, got, sizeof(got) - 1, 0), (ssize_t) strlen(text));
        assert_string_equal(got, text);
        /* what stands for the source does not change any more */
        assert_int_equal(kftp_put_source_check(s, &f), 0);
        kftp_put_source_close(s);
}

static void test_source_file(void **state) {
        KftpPutSource s = KFTP_PUT_SOURCE_INIT;
        KftpFailure f = {};
        int64_t mtime;

        (void) state;
        test_write_file("t", "one\ntwo\r\nthree");
        assert_int_equal(kftp_put_source_open(&s, "t", NULL, &f), 0);
        mtime = s.mtime;
        expect_translated(&s, "one\r\ntwo\r\nthree");
        assert_true(mtime > 0);

        assert_int_equal(kftp_put_source_open(&s, "t", NULL, &f), 0);
        s.begin = 4;
        s.size -= 4;
        expect_translated(&s, "two\r\nthree");
}

static void test_source_pipe(void **state) {
        KftpPutSource s = KFTP_PUT_SOURCE_INIT;
        int fds[2];

        (void) state;
        assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        assert_int_equal(write(fds[1], "one\n", 4), 4);
        close(fds[1]);
        s = (KftpPutSource) { .name = strdup("the pipe"), .fd = fds[0], .pipe = true, .size = KFTP_SIZE_UNKNOWN };
        expect_translated(&s, "one\r\n");
}

static void test_source_errors(void **state) {
        KftpPutSource s = KFTP_PUT_SOURCE_INIT;
        KftpControl *control;
        KftpFailure f = {};
        int fds[2];

        (void) state;
        assert_int_equal(kftp_control_new(&control), 0);
        assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        kftp_control_cancel(control);
        s = (KftpPutSource) { .name = strdup("the pipe"), .fd = fds[0], .pipe = true };
        assert_int_equal(kftp_put_source_translate(&s, control, &f), -ECANCELED);
        assert_int_equal(f.class, KFTP_CLASS_INTERRUPTED);
        kftp_put_source_close(&s);
        close(fds[1]);
        kftp_control_free(control);

        /* changed since it was opened */
        test_write_file("t", "one\n");
        assert_int_equal(kftp_put_source_open(&s, "t", NULL, &f), 0);
        test_write_file("t", "another\n");
        assert_int_equal(kftp_put_source_translate(&s, NULL, &f), -EBADMSG);
        assert_int_equal(f.class, KFTP_CLASS_INTEGRITY);
        kftp_put_source_close(&s);
        kftp_failure_done(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pipes),
                cmocka_unit_test(test_no_reader),
                cmocka_unit_test(test_cancelled),
                IN_DIRECTORY(test_text_to_a_file),
                IN_DIRECTORY(test_source_file),
                cmocka_unit_test(test_source_pipe),
                IN_DIRECTORY(test_source_errors),
        };

        return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
