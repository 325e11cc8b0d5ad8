/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a job that waits for its source here looks again: as soon as something happens there, else after a long while. */

#include <fcntl.h>
#include <sys/stat.h>

#include "directory.h"
#include "kftpd/arrival.h"
#include "util.h"

#define SECOND UINT64_C(1000000)

static Manager manager;
static Job job;
static int fd;

static int set_up(void **state) {
        manager = (Manager) {};
        job = (Job) { .name = (char *) "job", .state = JOB_WAITING };
        if (test_directory_set_up(state) != 0 || mkdir("out", 0700) < 0 || sd_event_new(&manager.event) < 0)
                return -1;
        TAILQ_INIT(&manager.jobs);
        manager.count[JOB_WAITING] = 1;
        fd = open("out", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return 0;
}

static int tear_down(void **state) {
        arrival_forget(&job);
        sd_event_source_disable_unref(job.timer);
        sd_event_unref(manager.event);
        safe_close(fd);
        return test_directory_tear_down(state);
}

/* The job has looked, and waits: for how many seconds. */
static uint64_t look(int directory_fd) {
        uint64_t delay = arrival_await(&manager, &job, directory_fd, 5 * SECOND);

        job_wait(&manager, &job, JOB_WAITING, delay);
        return delay / SECOND;
}

static void handle_events(void) {
        while (sd_event_run(manager.event, 0) > 0)
                ;
}

static bool is_soon(void) {
        return job.not_before < now_usec() + SECOND;
}

static void test_something_happens(void **state) {
        (void) state;
        assert_int_equal(look(fd), 5);          /* it may have happened before it is told */
        assert_int_equal(look(fd), 60);
        handle_events();
        assert_false(is_soon());
        test_write_file("out/a", "1");
        handle_events();
        assert_true(is_soon());
        /* That look may have been too early. */
        assert_int_equal(look(fd), 0);
        assert_int_equal(look(fd), 60);
        assert_int_equal(rename("out/a", "a"), 0);
        handle_events();
        assert_false(is_soon());
        assert_int_equal(rename("a", "out/b"), 0);
        handle_events();
        assert_true(is_soon());
}

static void test_while_it_looks(void **state) {
        (void) state;
        assert_int_equal(look(fd), 5);
        job.state = JOB_RUNNING;
        test_write_file("out/a", "1");
        handle_events();
        assert_int_equal(job.state, JOB_RUNNING);
        job.state = JOB_WAITING;
        assert_int_equal(look(fd), 0);
}

static void test_growing(void **state) {
        (void) state;
        assert_int_equal(look(-1), 5);
        assert_int_equal(look(-1), 5);
        assert_int_equal(look(fd), 5);
        assert_int_equal(look(-1), 5);
}

static void test_another_directory(void **state) {
        (void) state;
        assert_int_equal(look(fd), 5);
        assert_int_equal(look(fd), 60);
        assert_int_equal(rename("out", "old"), 0);
        handle_events();
        assert_true(is_soon());
        assert_int_equal(mkdir("out", 0700), 0);
        safe_close(fd);
        fd = open("out", O_PATH | O_DIRECTORY | O_CLOEXEC);
        (void) look(fd);
        handle_events();
        test_write_file("old/a", "1");
        handle_events();
        assert_int_equal(look(fd), 60);
        test_write_file("out/a", "1");
        handle_events();
        assert_true(is_soon());
}

static void test_forgotten(void **state) {
        (void) state;
        assert_int_equal(look(fd), 5);
        assert_int_equal(look(fd), 60);
        arrival_forget(&job);
        test_write_file("out/a", "1");
        handle_events();
        assert_false(is_soon());
}

int main(void) {
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                TEST(test_something_happens),
                TEST(test_while_it_looks),
                TEST(test_growing),
                TEST(test_another_directory),
                TEST(test_forgotten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
