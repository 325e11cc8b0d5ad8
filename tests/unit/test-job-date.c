/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dates in job files: what they mean, also where clocks are changed, where they may stand, and what is no date. */

#include "job-text.h"

#include "job-date.h"
#include "mirror-filter.h"
#include "util.h"

#define ZONE "Europe/Berlin"
#define HOUR 3600

/* A moment in the zone of the tests. */
static int64_t at(int year, int month, int day, int hour, int minute) {
        struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_isdst = -1 };

        return mktime(&tm);
}

static void expect(const char *text, int64_t when, const char *expected) {
        _cleanup_free_ char *expanded = NULL;
        const char *why;
        size_t where;

        assert_true(job_date_check(text, &where, &why) >= 0);
        expanded = job_date_expand(text, when, false);
        assert_string_equal(expanded, expected);
}

static void test_formats(void **state) {
        int64_t when = at(2026, 1, 2, 3, 4) + 5;        /* a Friday */

        (void) state;
        expect("a{date:%Y-%m-%d}b{date:%H.%M.%S}", when, "a2026-01-02b03.04.05");
        expect("{date:%j %y %V %G %u}", when, "002 26 01 2026 5");
        expect("{date:100%%%Y}", when, "100%2026");
        expect("{{date:%Y}", when, "{date:%Y}");
        expect("a}b{{c}", when, "a}b{c}");
        expect("%Y", when, "%Y");
        /* the week that belongs to another year, and its Sunday */
        expect("{date:%G-W%V-%u}", at(2027, 1, 3, 12, 0), "2026-W53-7");
}

static void test_offsets(void **state) {
        int64_t when = at(2026, 3, 1, 0, 30);

        (void) state;
        expect("{date-1d:%Y%m%d}", when, "20260228");
        expect("{date+1d:%Y%m%d}", when, "20260302");
        expect("{date-1w 1d:%Y%m%d}", when, "20260221");
        expect("{date-2days 1h:%Y%m%d%H}", when, "2026022623");
        expect("{date-30min:%d %H:%M}", when, "01 00:00");
        expect("{date-31min:%d %H:%M}", when, "28 23:59");
        expect("{date+90s:%M%S}", when, "3130");
        expect("{date-1month:%Y%m}", when, "202602");
        expect("{date-3month:%Y%m%d}", when, "20251201");
        expect("{date-1y:%Y%m%d}", when, "20250301");
        expect("{date-1year 2months 1d:%Y%m%d}", when, "20241231");
        /* a month before its 31st is not in the month itself */
        expect("{date-1M:%Y%m%d}", at(2026, 3, 31, 12, 0), "20260228");
        expect("{date+1month:%Y%m%d}", at(2028, 1, 31, 12, 0), "20280229");
        expect("{date-12M:%Y%m%d}", at(2028, 2, 29, 12, 0), "20270228");
        expect("{date+10month:%Y%m%d}", when, "20270101");
}

/* Yesterday is yesterday on the days that have 23 and 25 hours; an hour is an hour. */
static void test_changed_clocks(void **state) {
        int64_t spring = at(2026, 3, 30, 0, 30), autumn = at(2026, 10, 26, 0, 30);

        (void) state;
        expect("{date-1d:%Y%m%d %H%M}", spring, "20260329 0030");
        expect("{date-24h:%Y%m%d %H%M}", spring, "20260328 2330");
        expect("{date-1d:%Y%m%d %H%M}", autumn, "20261025 0030");
        expect("{date-24h:%Y%m%d %H%M}", autumn, "20261025 0130");
        /* 02:30 comes twice, and an hour after the first one it is so again */
        expect("{date:%H%M}", autumn - 23 * HOUR, "0230");
        expect("{date-1h:%H%M}", autumn - 22 * HOUR, "0230");
}

/* The machine gets another time zone while the service runs. */
static void test_other_zone(void **state) {
        (void) state;
        expect("{date:%H}", 0, "01");
        setenv("TZ", "Asia/Tokyo", 1);
        expect("{date:%H}", 0, "09");
        setenv("TZ", ZONE, 1);
        expect("{date:%H}", 0, "01");
}

static void test_in_urls(void **state) {
        _cleanup_free_ char *a = job_date_expand("x/{date:%Y/a b#%%}?", at(2026, 1, 2, 3, 4), true);

        (void) state;
        assert_string_equal(a, "x/2026/a%20b%23%25?");
}

#define DATED                                                                                                           \
        "[Source]\nURL=ftp://h/{date-1d:%Y}/out/\nMatch=r{date:%Y%m%d}*.csv z\nExclude={{*\nMarker=%f.{date:%d}\n"      \
        "Then=move done/{date:%Y%m}/\nThenOnFailure=move /bad\n[Target]\nPath=/srv/{date:%m}/\n"

static bool takes(const KftpJob *j, const char *path) {
        const MirrorEntry e = { .name = path, .size = 1, .mtime = 1000000000, .type = KFTP_ENTRY_FILE };

        return mirror_filter_takes(&j->mirror_options, path, &e, 2000000000);
}

static void test_job(void **state) {
        KftpJob *j = parse_good_job(DATED);

        (void) state;
        assert_true(j->dated && j->set);
        assert_string_equal(j->remote, "ftp://h/{date-1d:%Y}/out/");
        assert_string_equal(j->url.host, "h");
        assert_string_equal(j->path, "/srv/{date:%m}/");

        for (unsigned round = 0; round < 2; round++) {          /* there and back */
                assert_int_equal(kftp_job_set_date(j, at(2026, 1, 1, 0, 30), NULL), 0);
                assert_string_equal(j->remote, "ftp://h/2025/out/");
                assert_string_equal(j->url.path, "2025/out/");
                assert_string_equal(j->path, "/srv/01/");
                assert_string_equal(j->marker, "%f.01");
                assert_string_equal(j->then.directory, "done/202601");
                assert_string_equal(j->then_on_failure.directory, "/bad");
                assert_ptr_equal(j->filter, j->mirror_options.filter);
                assert_true(takes(j, "r20260101x.csv") && takes(j, "z"));
                assert_false(takes(j, "r20260102x.csv") || takes(j, "{z"));

                assert_int_equal(kftp_job_set_date(j, at(2026, 2, 2, 0, 30), NULL), 0);
                assert_string_equal(j->url.path, "2026/out/");
                assert_string_equal(j->then.directory, "done/202602");
                assert_true(takes(j, "r20260202.csv"));
                assert_false(takes(j, "r20260101x.csv"));
        }
        kftp_job_free(j);

        /* no date, but braces */
        j = parse_good_job("[Source]\nURL=ftp://h/f\nMarker=a{{b\n[Target]\nPath=/srv/{{x}\n");
        assert_false(j->dated);
        assert_string_equal(j->path, "/srv/{x}");
        assert_string_equal(j->marker, "a{b");
        assert_int_equal(kftp_job_set_date(j, 0, NULL), 0);
        assert_string_equal(j->path, "/srv/{x}");
        kftp_job_free(j);

        /* what follows from TLS= holds for the new URL */
        j = parse_good_job("[Source]\nURL=ftp://h/{date:%Y}\nTLS=implicit\n[Target]\nPath=/srv/\n");
        assert_int_equal(kftp_job_set_date(j, at(2026, 1, 1, 0, 0), NULL), 0);
        assert_string_equal(j->url.path, "2026");
        assert_string_equal(j->url.base, "2026");
        assert_true(j->url.implicit_tls && j->url.port == 990);
        kftp_job_free(j);
}

#define URL(path) "[Source]\nURL=ftp://h/" path "\n[Target]\nPath=/srv/\n"
#define UNKNOWN "not one of %Y %m %d %H %M %S %j %y %V %G %u, which is what a date may have\n"

static const JobCase cases[] = {
        { URL("a{b}"), ":2:14: error: URL=\"ftp://h/a{b}\": a brace begins a date, as in {date:%Y%m%d}: write {{ for a brace\n", false },
        { URL("{date:%Y%q}"), ":2:21: error: URL=\"ftp://h/{date:%Y%q}\": " UNKNOWN, false },
        { URL("{date:%Y%}"), ":2:21: error: URL=\"ftp://h/{date:%Y%}\": " UNKNOWN, false },
        { URL("{date:%Y"), ":2:21: error: URL=\"ftp://h/{date:%Y\": the date has no end: close it with a brace\n", false },
        { URL("{date}"), ":2:18: error: URL=\"ftp://h/{date}\": a colon and a format are to follow, as in {date:%Y%m%d}\n", false },
        { URL("{date:x}"), ":2:19: error: URL=\"ftp://h/{date:x}\": the format of a date has something of it, such as %Y%m%d\n", false },
        { URL("{date-1:%Y}"), ":2:20: error: URL=\"ftp://h/{date-1:%Y}\": no unit of time: write s, min, h, d, w, month or y\n", false },
        { URL("{date-d:%Y}"), ":2:19: error: URL=\"ftp://h/{date-d:%Y}\": the offset of a date is a number with a unit, as in {date-1d:%Y%m%d}\n", false },
        { URL("{date-101y:%Y}"), ":2:19: error: URL=\"ftp://h/{date-101y:%Y}\": the offset of a date is at most a century\n", false },
        { URL("{date-123456d:%Y}"), ":2:19: error: URL=\"ftp://h/{date-123456d:%Y}\": the offset of a date is at most a century\n", false },
        { URL("{date:{%Y}"), ":2:19: error: URL=\"ftp://h/{date:{%Y}\": a brace within the format of a date\n", false },
        { "[Source]\nURL=ftp://h{date:%Y}/a\n[Target]\nPath=/srv/\n", ":2:12: error: URL=\"ftp://h{date:%Y}/a\": a brace cannot stand before the path\n", false },
        { "[Source]\nURL={date:%Y}://h/a\n[Target]\nPath=/srv/\n", ":2:5: error: URL=\"{date:%Y}://h/a\": only ftp:// and ftps:// URLs are supported\n", false },
        { "[Source]\nURL=ftp://h/a\n[Target]\nPath=/srv/{date:..}/\n",
          ":4:17: error: Path=\"/srv/{date:..}/\": the format of a date has something of it, such as %Y%m%d\n", false },
        { "[Source]\nURL=ftp://h/a\n[Target]\nPath=/srv/{date:%Y/../}x\n",
          ":4:6: error: Path=\"/srv/{date:%Y/../}x\": a path with \"..\" is not taken: write the directory that is meant\n", false },
        { "[Source]\nURL=ftp://h/a/\nMatch=a {date:%Q}\n[Target]\nPath=/srv/\n", ":3:15: error: Match=\"a {date:%Q}\": " UNKNOWN, false },
        { "[Source]\nURL=ftp://h/a/\nMarker={date:%Q}\n[Target]\nPath=/srv/\n", ":3:14: error: Marker=\"{date:%Q}\": " UNKNOWN, false },
        { "[Source]\nURL=ftp://h/a/\nThen=move \\\n  b/{date:%Q}\n[Target]\nPath=/srv/\n",
          ":4:11: error: Then=\"move  b/{date:%Q}\": " UNKNOWN, false },
};

static void test_diagnoses(void **state) {
        (void) state;
        check_job_cases(cases, ELEMENTS(cases));
}

static int set_zone(void **state) {
        (void) state;
        setenv("TZ", ZONE, 1);
        tzset();
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_formats),
                cmocka_unit_test(test_offsets),
                cmocka_unit_test(test_changed_clocks),
                cmocka_unit_test(test_other_zone),
                cmocka_unit_test(test_in_urls),
                cmocka_unit_test(test_job),
                cmocka_unit_test(test_diagnoses),
        };

        return cmocka_run_group_tests_name("job-date", tests, set_zone, NULL);
}
