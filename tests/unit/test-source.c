/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is taken of a source here, what it waits for, and what is remembered from one look to the next. */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "directory.h"
#include "kftpd/source.h"
#include "util.h"

#define SECOND UINT64_C(1000000)

static KftpJob job;
static SourceQuery query;
static SourceListing listing;
static KftpFailure failure;
static uint64_t now;

static int set_up(void **state) {
        if (test_directory_set_up(state) != 0 || source_looks_new(&query.looks) < 0)
                return -1;
        job = (KftpJob) { .name = (char *) "job", .upload = true, .set = true };
        assert_true(asprintf(&job.path, "%s/out/", test_directory) > 0);
        assert_int_equal(mkdir("out", 0700), 0);
        now = 1000 * SECOND;
        return 0;
}

static int tear_down(void **state) {
        source_listing_done(&listing);
        kftp_failure_done(&failure);
        kftp_filter_free(job.filter);
        free(job.path);
        source_looks_free(query.looks);
        query = (SourceQuery) {};
        return test_directory_tear_down(state);
}

/* What is ready, in one line: "a b". */
static const char *look(void) {
        static char names[1000];
        size_t n = 0;
        int r;

        source_listing_done(&listing);
        kftp_failure_done(&failure);
        query.job = &job;
        query.monotonic_usec = now;
        r = source_list(&query, &listing, &failure);
        if (r < 0)
                return failure.text;
        names[0] = '\0';
        for (size_t i = 0; i < listing.files.n; i++)
                n += (size_t) snprintf(names + n, sizeof(names) - n, "%s%s%s", i > 0 ? " " : "", listing.files.entries[i].sent ? "-" : "",
                                       listing.files.entries[i].name);
        return names;
}

static void expect_missing(const char *text) {
        assert_non_null(listing.missing);
        if (!strstr(listing.missing, text))
                fail_msg("%s: not in: %s", text, listing.missing);
}

static void match(const char *include, const char *exclude) {
        assert_int_equal(kftp_filter_new(&job.filter), 0);
        if (include)
                assert_int_equal(kftp_filter_add(job.filter, KFTP_FILTER_INCLUDE, include, NULL), 0);
        if (exclude)
                assert_int_equal(kftp_filter_add(job.filter, KFTP_FILTER_EXCLUDE, exclude, NULL), 0);
}

/* ---- What is taken ------------------------------------------------------------------------------- */

static void test_files(void **state) {
        (void) state;
        test_write_file("out/b.csv", "b");
        test_write_file("out/a.csv", "aa");
        test_write_file("out/c.tmp", "c");
        test_write_file("out/.hidden.csv", "");
        test_write_file("out/.d.csv.kftp-part", "");
        test_write_file("out/no.csv", "");
        assert_int_equal(mkdir("out/directory.csv", 0700), 0);
        test_write_file("out/directory.csv/e.csv", "");
        assert_int_equal(symlink("a.csv", "out/link.csv"), 0);
        assert_int_equal(symlink("a.csv", "out/link.other"), 0);
        assert_int_equal(mkfifo("out/pipe.csv", 0600), 0);
        match("*.csv", "no*");
        assert_string_equal(look(), "a.csv b.csv");
        assert_int_equal(listing.ready, 2);
        assert_int_equal(listing.files.entries[0].size, 2);
        assert_int_equal(listing.links, 1);
        assert_string_equal(listing.left_out, "1 link is not followed, the first: \"link.csv\"");
}

static void test_limits(void **state) {
        (void) state;
        test_write_file("out/small", "1");
        test_write_file("out/middle", "12345");
        test_write_file("out/large", "1234567890");
        job.mirror_options.min_size = 2;
        job.mirror_options.max_size = 9;
        assert_string_equal(look(), "middle");
        job.mirror_options = (KftpMirrorOptions) { .min_age = 100 };
        assert_string_equal(look(), "");
        query.now = (int64_t) time(NULL) + 1000;
        assert_string_equal(look(), "large middle small");
}

static void test_names_ftp_cannot_carry(void **state) {
        (void) state;
        test_write_file("out/a\nb", "");
        test_write_file("out/ok", "");
        assert_string_equal(look(), "ok");
        assert_int_equal(listing.refused, 1);
        assert_non_null(strstr(listing.left_out, "\\x0ab\" holds a control character"));
}

/* A crash has left it so: it has its own name again, and is taken. */
static void test_set_aside(void **state) {
        (void) state;
        test_write_file("out/.a.csv.kftp-then", "1");
        test_write_file("out/b.csv", "1");
        assert_string_equal(look(), "a.csv b.csv");
        assert_string_equal(look(), "a.csv b.csv");
        assert_int_equal(rename("out/a.csv", "out/.a.csv.kftp-then"), 0);
        job.set = false;
        free(job.path);
        assert_true(asprintf(&job.path, "%s/out/a.csv", test_directory) > 0);
        assert_string_equal(look(), "a.csv");
}

static void test_nothing(void **state) {
        (void) state;
        assert_string_equal(look(), "");
        expect_missing("nothing that could be taken is in ");
        assert_false(listing.absent);
        assert_int_equal(rmdir("out"), 0);
        assert_string_equal(look(), "");
        assert_true(listing.absent);
        expect_missing("/out is not there");
        assert_int_equal(listing.delay_usec, SOURCE_POLL_USEC);
}

static void test_single_file(void **state) {
        (void) state;
        job.set = false;
        job.path[strlen(job.path) - 1] = '\0';
        assert_non_null(strstr(look(), "is a directory (a slash at the end"));
        assert_int_equal(rmdir("out"), 0);
        assert_string_equal(look(), "");
        assert_true(listing.absent);
        expect_missing("/out is not there");
        test_write_file("out", "x");
        assert_string_equal(look(), "out");
        assert_int_equal(unlink("out"), 0);
        assert_int_equal(symlink("/etc/passwd", "out"), 0);
        assert_non_null(strstr(look(), "is a symbolic link, which is not followed"));
        assert_int_equal(failure.class, KFTP_CLASS_LOCAL);
}

/* Whatever its name is, and whatever else there is. */
static void test_hidden_single_file(void **state) {
        (void) state;
        job.set = false;
        free(job.path);
        assert_true(asprintf(&job.path, "%s/out/.hidden", test_directory) > 0);
        test_write_file("out/.hidden", "x");
        test_write_file("out/other", "x");
        assert_string_equal(look(), ".hidden");
}

/* ---- Markers ------------------------------------------------------------------------------------- */

static void test_marker_of_each(void **state) {
        (void) state;
        job.marker = (char *) "%f.done";
        test_write_file("out/a", "");
        test_write_file("out/b", "");
        test_write_file("out/b.done", "");
        test_write_file("out/c.done", "");
        assert_int_equal(mkdir("out/a.done", 0700), 0);
        assert_string_equal(look(), "b");
        assert_int_equal(listing.unmarked, 1);
        assert_int_equal(rmdir("out/a.done"), 0);
        test_write_file("out/a.done", "");
        assert_string_equal(look(), "a b");
}

static void test_hidden_marker(void **state) {
        _cleanup_free_ char *marker = NULL;

        (void) state;
        job.marker = (char *) ".ok_%f_";
        test_write_file("out/a", "");
        assert_string_equal(look(), "");
        expect_missing("the marker of \"a\" is not in ");
        test_write_file("out/.ok_a_", "");
        assert_string_equal(look(), "a");
        marker = source_marker(&job, "a");
        assert_string_equal(marker, ".ok_a_");
}

static void test_marker_of_the_directory(void **state) {
        (void) state;
        job.marker = (char *) "READY";
        test_write_file("out/a", "");
        assert_string_equal(look(), "");
        assert_true(listing.no_marker);
        expect_missing("the marker \"READY\" is not in ");
        test_write_file("out/READY", "123");
        assert_string_equal(look(), "a");
        assert_false(listing.no_marker);
        assert_string_equal(listing.marker.name, "READY");
        assert_true(listing.marker.size == 3 && listing.marker.mtime_nsec / 1000000000 == listing.marker.mtime);
}

static void test_marker_of_a_single_file(void **state) {
        (void) state;
        job.set = false;
        job.marker = (char *) "%f.done";
        free(job.path);
        assert_true(asprintf(&job.path, "%s/out/a", test_directory) > 0);
        test_write_file("out/a", "");
        test_write_file("out/b.done", "");
        assert_string_equal(look(), "");
        assert_int_equal(listing.unmarked, 1);
        test_write_file("out/a.done", "");
        assert_string_equal(look(), "a");
}

/* ---- Looks --------------------------------------------------------------------------------------- */

static void test_stable(void **state) {
        (void) state;
        job.stable_usec = 30 * SECOND;
        test_write_file("out/a", "1");
        assert_string_equal(look(), "");
        assert_int_equal(listing.growing, 1);
        expect_missing("\"a\" first, has not been the same for 30 s yet");
        assert_int_equal(listing.delay_usec, SOURCE_POLL_USEC);
        now += 28 * SECOND;
        test_write_file("out/b", "1");
        assert_string_equal(look(), "");
        assert_int_equal(listing.growing, 2);
        assert_int_equal(listing.delay_usec, 2 * SECOND);
        now += 2 * SECOND;
        assert_string_equal(look(), "a");
        assert_int_equal(listing.growing, 1);
        /* It grows: everything begins anew. */
        test_write_file("out/a", "12");
        now += 28 * SECOND;
        assert_string_equal(look(), "b");
        now += 30 * SECOND;
        assert_string_equal(look(), "a b");
}

static void test_what_is_the_same_elsewhere_is_not_stable(void **state) {
        struct timespec times[2] = { { .tv_sec = 5 }, { .tv_sec = 5 } };

        (void) state;
        job.stable_usec = 30 * SECOND;
        assert_int_equal(mkdir("other", 0700), 0);
        test_write_file("out/a", "1");
        test_write_file("other/a", "1");
        assert_int_equal(utimensat(AT_FDCWD, "out/a", times, 0), 0);
        assert_int_equal(utimensat(AT_FDCWD, "other/a", times, 0), 0);
        assert_string_equal(look(), "");
        now += 30 * SECOND;
        free(job.path);
        assert_true(asprintf(&job.path, "%s/other", test_directory) > 0);
        assert_string_equal(look(), "");
        now += 30 * SECOND;
        assert_string_equal(look(), "a");
}

static void test_forgotten(void **state) {
        (void) state;
        job.stable_usec = SECOND;
        test_write_file("out/a", "1");
        assert_string_equal(look(), "");
        now += SECOND;
        source_looks_forget(query.looks, "another job");
        assert_string_equal(look(), "a");
        source_looks_forget(query.looks, "job");
        assert_string_equal(look(), "");
}

/* ---- What was delivered -------------------------------------------------------------------------- */

static bool is_settled(void *userdata, const MirrorEntry *e) {
        return strchr(userdata, e->name[0]);
}

static void test_delivered(void **state) {
        (void) state;
        job.marker = (char *) "%f.done";
        job.stable_usec = SECOND;
        query.is_settled = is_settled;
        query.userdata = (char *) "ab";
        test_write_file("out/a", "");
        test_write_file("out/b", "");
        assert_string_equal(look(), "");
        assert_int_equal(listing.settled, 2);
        /* There is still something to be done for them, without marker and second look. */
        job.then.action = KFTP_THEN_DELETE;
        assert_string_equal(look(), "-a -b");
        assert_int_equal(listing.ready, 0);
        assert_int_equal(listing.unmarked + listing.growing, 0);
}

/* ---- Whether it is waited for -------------------------------------------------------------------- */

static void test_awaited(void **state) {
        static const struct {
                SourceListing listing;
                bool upload, watch;
                RunTrigger trigger;
                bool awaited;
        } cases[] = {
                { { .ready = 1 },                true,  false, RUN_REVISION, false },
                { { .ready = 1, .growing = 1 },  true,  false, RUN_REVISION, true  },
                { { .growing = 1 },              false, false, RUN_CALENDAR, true  },
                { {},                            true,  false, RUN_REVISION, true  },
                { {},                            true,  false, RUN_CALENDAR, false },
                { {},                            true,  false, RUN_HAND,     false },
                { {},                            false, false, RUN_REVISION, false },
                { {},                            false, true,  RUN_REVISION, true  },
                { {},                            false, true,  RUN_WATCH,    true  },
                { { .no_marker = true },         false, false, RUN_REVISION, true  },
                { { .no_marker = true },         false, false, RUN_CALENDAR, false },
                { { .unmarked = 2 },             false, false, RUN_REVISION, true  },
                { { .unmarked = 2, .ready = 1 }, false, false, RUN_REVISION, false },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                KftpJob j = { .upload = cases[i].upload, .watch = cases[i].watch };

                if (source_is_awaited(&j, cases[i].trigger, &cases[i].listing) != cases[i].awaited)
                        fail_msg("case %zu", i);
        }
}

int main(void) {
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                TEST(test_files),
                TEST(test_limits),
                TEST(test_names_ftp_cannot_carry),
                TEST(test_set_aside),
                TEST(test_nothing),
                TEST(test_single_file),
                TEST(test_hidden_single_file),
                TEST(test_marker_of_each),
                TEST(test_hidden_marker),
                TEST(test_marker_of_the_directory),
                TEST(test_marker_of_a_single_file),
                TEST(test_stable),
                TEST(test_what_is_the_same_elsewhere_is_not_stable),
                TEST(test_forgotten),
                TEST(test_delivered),
                cmocka_unit_test(test_awaited),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
