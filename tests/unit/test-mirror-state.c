/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a mirror remembers of the server's directories: what comes back, what is believed, and by how many at a time. */

#include "remembering.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "mirror-compare.h"

static void test_comes_back(void **state) {
        MirrorState *s = test_open_state();
        int64_t old = OLD;

        (void) state;
        test_add(s, "dir", old, TEST_SAMPLE);
        test_add(s, "dir/\xff", old + 1, 1);
        test_add(s, "empty", old + 2, 0);
        test_add(s, "", old + 3, 2);
        mirror_state_close(s, false);

        s = test_open_state();
        assert_true(test_finds(s, "dir", old, TEST_SAMPLE));
        assert_true(test_finds(s, "dir/\xff", old + 1, 1));
        assert_true(test_finds(s, "empty", old + 2, 0));
        assert_true(test_finds(s, "", old + 3, 2));
        assert_true(test_finds(s, "dir", old, TEST_SAMPLE));
        assert_false(test_finds(s, "di", old, 0));
        assert_false(test_finds(s, "dir/", old, 0));
        mirror_state_close(s, false);
}

/* An interrupted run that goes on with an older one's leaves both to the next. */
static void test_is_gone_on_with(void **state) {
        int64_t old = OLD;

        (void) state;
        for (int run = 0; run < 3; run++) {
                char path[] = "run 0";
                MirrorState *s = test_open_state();

                for (int before = 0; before < run; before++) {
                        path[4] = (char) ('0' + before);
                        assert_true(test_finds(s, path, old, (size_t) before));
                }
                path[4] = (char) ('0' + run);
                test_add(s, path, old, (size_t) run);
                /* By this run it was listed already. */
                assert_false(test_finds(s, path, old, (size_t) run));
                mirror_state_close(s, false);
        }
}

static void test_newest_counts(void **state) {
        MirrorState *s;
        int64_t old = OLD;

        (void) state;
        for (size_t n = 1; n <= 3; n++) {
                s = test_open_state();
                test_add(s, "dir", old + (int64_t) n, n);
                test_add(s, "other", old, 0);
                mirror_state_close(s, false);
        }
        s = test_open_state();
        assert_false(test_finds(s, "dir", old + 1, 1));
        assert_false(test_finds(s, "dir", old + 2, 2));
        assert_true(test_finds(s, "dir", old + 3, 3));
        mirror_state_close(s, true);
}

static void test_is_removed_when_complete(void **state) {
        MirrorState *s = test_open_state();

        (void) state;
        test_add(s, "dir", OLD, 1);
        mirror_state_close(s, false);
        assert_non_null(test_state_file());
        s = test_open_state();
        mirror_state_close(s, true);
        assert_null(test_state_file());

        /* And when there is nothing in it. */
        s = test_open_state();
        assert_non_null(test_state_file());
        mirror_state_close(s, false);
        assert_null(test_state_file());
        mirror_state_close(NULL, true);
}

/* ---- Listings that are not believed --------------------------------------------------------------- */

typedef struct Told {
        int64_t mtime;
        uint32_t precision;
        int64_t listed_at;
        bool utc;
} Told;

/* Whether a directory that told so is found when it tells mtime and precision now. */
static bool believed(Told then, int64_t mtime, uint32_t precision) {
        MirrorState *s = test_open_state();
        MirrorList l = test_make_list(2), found = {};
        bool utc = !then.utc;
        int r;

        mirror_state_add(s, "dir", then.mtime, then.precision, then.listed_at, &l, then.utc);
        mirror_state_close(s, false);
        mirror_list_done(&l);

        s = test_open_state();
        r = mirror_state_find(s, "dir", mtime, precision, &found, &utc);
        if (r > 0) {
                assert_int_equal(utc, then.utc);
                assert_int_equal(found.n, 2);
        }
        mirror_list_done(&found);
        mirror_state_close(s, true);
        return r > 0;
}

static void test_changed_directories(void **state) {
        int64_t t = now() - 100, old = OLD;

        (void) state;
        assert_true(believed((Told) { old, 1, t, true }, old, 1));
        assert_false(believed((Told) { old, 1, t, true }, old + 1, 1));
        assert_false(believed((Told) { old, 1, t, true }, old - 1, 1));
        assert_false(believed((Told) { old, 1, t, true }, KFTP_MTIME_UNKNOWN, 1));
        assert_false(believed((Told) { KFTP_MTIME_UNKNOWN, 1, t, true }, KFTP_MTIME_UNKNOWN, 1));
        assert_false(believed((Told) { old, 60, t, true }, old, 1));
        assert_true(believed((Told) { old, 60, t, true }, old, 60));
}

/* It was changed so short a time before it was listed that it could be changed again and keep its time. */
static void test_racy_directories(void **state) {
        const int64_t t = now() - 100, zone = MIRROR_ZONE_MAX;

        (void) state;
        assert_true(believed((Told) { t - 2, 1, t, true }, t - 2, 1));
        assert_false(believed((Told) { t - 1, 1, t, true }, t - 1, 1));
        assert_false(believed((Told) { t, 1, t, true }, t, 1));
        assert_false(believed((Told) { t + 5, 1, t, true }, t + 5, 1));
        assert_true(believed((Told) { t - 120, 60, t, true }, t - 120, 60));
        assert_false(believed((Told) { t - 119, 60, t, true }, t - 119, 60));
        assert_false(believed((Told) { t - 1, 0, t, true }, t - 1, 0));
        assert_true(believed((Told) { t - 2 * DAY, DAY, t, true }, t - 2 * DAY, DAY));
        /* In no zone that the server may have. */
        assert_true(believed((Told) { t - zone - 120, 60, t, false }, t - zone - 120, 60));
        assert_false(believed((Told) { t - zone - 119, 60, t, false }, t - zone - 119, 60));
        assert_true(believed((Told) { INT64_MIN + 1, UINT32_MAX, t, false }, INT64_MIN + 1, UINT32_MAX));
}

static void test_old_listings(void **state) {
        int64_t old = now() - 10 * DAY;

        (void) state;
        assert_true(believed((Told) { old, 1, now() - DAY + 60, true }, old, 1));
        assert_false(believed((Told) { old, 1, now() - DAY, true }, old, 1));
        /* The clock here was set back. */
        assert_false(believed((Told) { old, 1, now() + 60, true }, old, 1));
}

/* What is changed in them does not change the time of the directory that they are in. */
static void test_directories_in_directories(void **state) {
        MirrorList l = test_make_list(2), found = {};
        MirrorState *s = test_open_state();
        int64_t old = OLD;
        bool utc;

        (void) state;
        mirror_state_add(s, "leaf", old, 1, now(), &l, true);
        assert_int_equal(mirror_list_add(&l, &(MirrorEntry) { .name = "dir", .type = KFTP_ENTRY_DIR, .mtime = old }, 3, 0), 0);
        mirror_state_add(s, "inner", old, 1, now(), &l, true);
        mirror_list_done(&l);
        mirror_state_close(s, false);

        s = test_open_state();
        assert_int_equal(mirror_state_find(s, "inner", old, 1, &found, &utc), 0);
        assert_true(test_finds(s, "leaf", old, 2));
        mirror_state_close(s, true);
}

/* Of a file all of which is too old nothing stays. */
static void test_old_files(void **state) {
        MirrorState *s = test_open_state();
        MirrorList l = test_make_list(TEST_SAMPLE);

        (void) state;
        mirror_state_add(s, "dir", OLD, 1, now() - DAY, &l, true);
        mirror_state_close(s, false);
        assert_true(test_state_size() > 300);
        s = test_open_state();
        assert_true(test_state_size() < 100);
        mirror_state_close(s, false);
        mirror_list_done(&l);
}

static void test_other_mirrors(void **state) {
        MirrorState *s = test_open_named("ftp://h/ /x"), *other;
        int64_t old = OLD;

        (void) state;
        test_add(s, "dir", old, 1);
        /* At the same time. */
        other = test_open_named("ftp://h/ /y");
        assert_false(test_finds(other, "dir", old, 1));
        mirror_state_close(other, true);
        mirror_state_close(s, false);

        s = test_open_named("ftp://h/ /x");
        assert_true(test_finds(s, "dir", old, 1));
        mirror_state_close(s, true);
        assert_null(test_state_file());
}

/* ---- Several at a time ------------------------------------------------------------------------ */

static void test_excludes(void **state) {
        MirrorState *s = test_open_state();

        (void) state;
        test_add(s, "dir", OLD, 1);
        test_refuse_open("state", KFTP_CLASS_BUSY, -EBUSY);
        mirror_state_close(s, false);
        s = test_open_state();
        test_refuse_open("state", KFTP_CLASS_BUSY, -EBUSY);
        mirror_state_close(s, true);
        mirror_state_close(test_open_state(), true);
}

/* What was killed holds no lock, and leaves what it had. */
static void test_processes(void **state) {
        int64_t old = OLD;
        MirrorState *s;
        int pipefd[2];
        pid_t pid;
        char c;

        (void) state;
        assert_int_equal(pipe(pipefd), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                s = test_open_state();
                test_add(s, "dir", old, 3);
                (void) !write(pipefd[1], "x", 1);
                for (;;)
                        pause();
        }
        close(pipefd[1]);
        assert_int_equal(read(pipefd[0], &c, 1), 1);
        test_refuse_open("state", KFTP_CLASS_BUSY, -EBUSY);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(pipefd[0]);

        s = test_open_state();
        assert_true(test_finds(s, "dir", old, 3));
        mirror_state_close(s, true);
}

/* Many that begin and end at the same time: never two at once, and never one whose file is not there. */
#define ROUNDS 300
typedef struct Coming {
        pthread_mutex_t *alone;
        unsigned opened, failed;
} Coming;

static void *come_and_go(void *arg) {
        Coming *c = arg;

        for (int i = 0; i < ROUNDS; i++) {
                MirrorState *s;
                KftpFailure f = {};

                if (mirror_state_open(&s, "state", "ftp://h/ /x", &f) < 0) {
                        c->failed += f.class != KFTP_CLASS_BUSY;
                        kftp_failure_done(&f);
                        continue;
                }
                if (pthread_mutex_trylock(c->alone) == 0) {
                        c->failed += !test_state_file();
                        pthread_mutex_unlock(c->alone);
                } else
                        c->failed++;
                mirror_state_close(s, true);
                c->opened++;
        }
        return NULL;
}

static void test_come_and_go(void **state) {
        pthread_mutex_t alone = PTHREAD_MUTEX_INITIALIZER;
        Coming coming[3];
        pthread_t threads[3];

        (void) state;
        assert_int_equal(mkdir("state", 0700), 0);
        for (int i = 0; i < 3; i++) {
                coming[i] = (Coming) { .alone = &alone };
                assert_int_equal(pthread_create(threads + i, NULL, come_and_go, coming + i), 0);
        }
        for (int i = 0; i < 3; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(coming[i].failed, 0);
        assert_true(coming[0].opened + coming[1].opened + coming[2].opened > 0);
        assert_null(test_state_file());
}

#define THREADS 4
#define DIRECTORIES 5000

typedef struct Adding {
        MirrorState *state;
        int thread;
        int64_t mtime;
} Adding;

static void *add_many(void *arg) {
        const Adding *a = arg;

        for (int i = a->thread; i < DIRECTORIES; i += THREADS) {
                char path[32];

                (void) snprintf(path, sizeof(path), "dir/%d", i);
                test_add(a->state, path, a->mtime + i, (size_t) i % TEST_SAMPLE);
        }
        return NULL;
}

static void test_many(void **state) {
        pthread_t threads[THREADS];
        Adding adding[THREADS];
        int64_t old = OLD - DIRECTORIES;
        MirrorState *s = test_open_state();

        (void) state;
        for (int i = 0; i < THREADS; i++) {
                adding[i] = (Adding) { .state = s, .thread = i, .mtime = old };
                assert_int_equal(pthread_create(threads + i, NULL, add_many, adding + i), 0);
        }
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        mirror_state_close(s, false);

        s = test_open_state();
        for (int i = 0; i < DIRECTORIES; i++) {
                char path[32];

                (void) snprintf(path, sizeof(path), "dir/%d", i);
                assert_true(test_finds(s, path, old + i, (size_t) i % TEST_SAMPLE));
        }
        mirror_state_close(s, true);
}

/* A directory of so many entries that its record would be too long is listed again, no more. */
static void test_huge(void **state) {
        MirrorList l = {}, found = {};
        char name[256];
        MirrorState *s = test_open_state();
        int64_t old = OLD;
        bool utc;

        (void) state;
        memset(name, 'x', sizeof(name));
        for (unsigned i = 0; i < 300000; i++) {
                (void) snprintf(name + 240, sizeof(name) - 240, "%u", i);
                assert_int_equal(mirror_list_add(&l, &(MirrorEntry) { .name = name }, strlen(name), 0), 0);
        }
        mirror_state_add(s, "huge", old, 1, now(), &l, true);
        test_add(s, "small", old, 1);
        l.n = 200000;
        mirror_state_add(s, "large", old, 1, now(), &l, true);
        mirror_state_close(s, false);
        mirror_list_done(&l);

        s = test_open_state();
        assert_false(test_finds(s, "huge", old, 0));
        assert_true(test_finds(s, "small", old, 1));
        assert_int_equal(mirror_state_find(s, "large", old, 1, &found, &utc), 1);
        assert_int_equal(found.n, 200000);
        mirror_list_done(&found);
        mirror_state_close(s, true);
}

static void test_full(void **state) {
        struct rlimit before, limit;
        int64_t old = OLD;
        MirrorState *s = test_open_state();

        (void) state;
        test_add(s, "before", old, 2);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        limit = before;
        limit.rlim_cur = (rlim_t) test_state_size() + 50;
        assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        test_add(s, "torn", old, 2);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        test_add(s, "after", old, 2);
        mirror_state_close(s, false);
        assert_true(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);

        s = test_open_state();
        assert_true(test_finds(s, "before", old, 2));
        assert_false(test_finds(s, "torn", old, 2));
        assert_false(test_finds(s, "after", old, 2));
        mirror_state_close(s, true);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                IN_DIRECTORY(test_comes_back),
                IN_DIRECTORY(test_is_gone_on_with),
                IN_DIRECTORY(test_newest_counts),
                IN_DIRECTORY(test_is_removed_when_complete),
                IN_DIRECTORY(test_changed_directories),
                IN_DIRECTORY(test_racy_directories),
                IN_DIRECTORY(test_old_listings),
                IN_DIRECTORY(test_directories_in_directories),
                IN_DIRECTORY(test_old_files),
                IN_DIRECTORY(test_other_mirrors),
                IN_DIRECTORY(test_excludes),
                IN_DIRECTORY(test_processes),
                IN_DIRECTORY(test_come_and_go),
                IN_DIRECTORY(test_many),
                IN_DIRECTORY(test_huge),
                IN_DIRECTORY(test_full),
        };

        return cmocka_run_group_tests_name("mirror-state", tests, NULL, NULL);
}
