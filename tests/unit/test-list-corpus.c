// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The corpus tests/listings: X.txt has listings as servers send them, each after a line "#### TITLE [reply] [bare]
 * [offset=SECONDS]", bare ones without the line feed before the next such line; X.expected has, after the same titles, the format in which each has to be read, its entries, and
 * how many lines are bad with the first of them. After a change that is meant to change them, KFTP_LISTINGS_WRITE=1
 * writes the expected ones anew, to be looked through.
 */

#include "listing.h"

#include <inttypes.h>

#define DIRECTORY "tests/listings"
#define MARK "#### "
#define LEAST 3                         /* listings of each format */

typedef struct Section {
        char *title;
        KftpListSource source;
        KftpListKnown known;
        const char *text;
        size_t n;
} Section;

static char *read_file(const char *name, const char *suffix, size_t *ret_n) {
        _cleanup_free_ char *path = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        char *text = NULL;
        size_t n;
        FILE *out;
        int c;

        assert_true(asprintf(&path, DIRECTORY "/%s.%s", name, suffix) >= 0);
        f = fopen(path, "re");
        if (!f)
                fail_msg("%s: %s (run it where the sources are)", path, strerror(errno));
        out = open_memstream(&text, &n);
        assert_non_null(out);
        while ((c = fgetc(f)) != EOF)
                fputc(c, out);
        assert_int_equal(fclose(out), 0);
        if (ret_n)
                *ret_n = n;
        return text;
}

static bool is_bare(const Section *s) {
        return strstr(s->title, " bare");
}

/* Splits off the next section; false at the end. */
static bool next_section(const char **p, const char *end, Section *ret) {
        const char *newline, *next, *option;

        if (*p == end)
                return false;
        assert_int_equal(strncmp(*p, MARK, strlen(MARK)), 0);
        newline = memchr(*p, '\n', (size_t) (end - *p));
        assert_non_null(newline);
        next = memmem(newline, (size_t) (end - newline), "\n" MARK, strlen("\n" MARK));
        next = next ? next + 1 : end;
        *ret = (Section) {
                .title = strndup(*p + strlen(MARK), (size_t) (newline - *p) - strlen(MARK)),
                .known.now = TEST_NOW,
                .text = newline + 1,
                .n = (size_t) (next - newline - 1),
        };
        assert_non_null(ret->title);
        ret->source = strstr(ret->title, " reply") ? KFTP_LIST_FROM_REPLY : KFTP_LIST_FROM_DATA;
        ret->n -= is_bare(ret);
        option = strstr(ret->title, " offset=");
        if (option)
                ret->known.utc_offset = (int32_t) strtol(option + strlen(" offset="), NULL, 10);
        *p = next;
        return true;
}

static const char *write_section(FILE *out, const Section *s) {
        KftpListSummary summary;
        _cleanup_free_ char *entries = test_listing_in_full(s->text, s->n, s->source, &s->known, &summary);
        const char *format = summary.format ? summary.format->name : "none";

        fprintf(out, MARK "%s\nformat %s\n%s", s->title, format, entries);
        if (summary.bad > 0)
                fprintf(out, "bad %" PRIu64 " <%s>\n", summary.bad, summary.bad_line);
        kftp_list_summary_done(&summary);
        return format;
}

/* Returns how many listings are in the format. */
static unsigned replay(const char *name, const char *format) {
        size_t n, length;
        _cleanup_free_ char *text = read_file(name, "txt", &n), *expected = NULL, *result = NULL;
        const char *p = text;
        unsigned listings = 0;
        FILE *out = open_memstream(&result, &length);
        Section s;

        assert_non_null(out);
        while (next_section(&p, text + n, &s)) {
                listings += streq(write_section(out, &s), format);
                free(s.title);
        }
        assert_int_equal(fclose(out), 0);
        if (getenv("KFTP_LISTINGS_WRITE")) {
                _cleanup_free_ char *path = NULL;
                _cleanup_fclose_ FILE *f = NULL;

                assert_true(asprintf(&path, DIRECTORY "/%s.expected", name) >= 0);
                f = fopen(path, "we");
                assert_non_null(f);
                fputs(result, f);
                return listings;
        }
        expected = read_file(name, "expected", NULL);
        assert_string_equal(result, expected);
        return listings;
}

/* A file for each format, by the name of its variable, and in it enough listings. */
static void test_formats(void **state) {
        static const struct {
                const char *name;
                const KftpListFormat *format;
        } files[] = {
                { "mlsd", &kftp_list_mlsd },       { "unix", &kftp_list_unix },         { "dos", &kftp_list_dos },
                { "eplf", &kftp_list_eplf },       { "netware", &kftp_list_netware },   { "vms", &kftp_list_vms },
                { "os2", &kftp_list_os2 },         { "as400", &kftp_list_as400 },       { "mvs", &kftp_list_mvs },
                { "jes", &kftp_list_jes },         { "zvm", &kftp_list_zvm },           { "nonstop", &kftp_list_nonstop },
                { "vxworks", &kftp_list_vxworks }, { "os9", &kftp_list_os9 },           { "wfftp", &kftp_list_wfftp },
                { "numeric", &kftp_list_numeric }, { "names", &kftp_list_names },
        };
        size_t n = 0;

        (void) state;
        while (test_list_formats[n])
                n++;
        assert_int_equal(n, ELEMENTS(files));
        for (size_t i = 0; i < ELEMENTS(files); i++)
                if (replay(files[i].name, files[i].format->name) < LEAST)
                        fail_msg("%s has too few listings", files[i].name);
}

static void test_hostile(void **state) {
        (void) state;
        replay("hostile", "");
}

/*
 * Whatever single line is put between the first lines of a listing of its own format, and of every other one, the
 * format stays. Two entries are enough to outvote it.
 */
static void expect_format_kept(const Section *s, const char *odd) {
        const char *newline = memchr(s->text, '\n', s->n);
        const KftpListFormat *before = kftp_list_guess(s->text, s->n, &s->known), *after;
        _cleanup_free_ char *text = NULL, *entries = NULL;
        KftpListSummary summary;
        size_t first, n;
        FILE *out;

        entries = test_listing(s->text, s->n, s->source, &summary);
        n = summary.entries;
        kftp_list_summary_done(&summary);
        if (n < 2)
                return;
        if (!newline || !before || s->source == KFTP_LIST_FROM_REPLY || is_bare(s))
                return;
        first = (size_t) (newline + 1 - s->text);
        out = open_memstream(&text, &n);
        assert_non_null(out);
        fwrite(s->text, 1, first, out);
        fprintf(out, "%s\r\n", odd);
        fwrite(s->text + first, 1, s->n - first, out);
        assert_int_equal(fclose(out), 0);
        after = kftp_list_guess(text, n, &s->known);
        if (after != before)
                fail_msg("%s: with \"%s\" it is read as %s", s->title, odd, after ? after->name : "nothing");
}

static void test_an_odd_line_does_no_harm(void **state) {
        static const char *const odd[] = {
                "total 0", "-rw-r--r-- 1 a b 5 Jan 15 12:30 unix", "type=file; MLSD", "01-02-24  03:04AM       12 DOS", "+r,\tEPLF",
                "V.TXT;1 1 2-JAN-2024 03:04:05 [A] (RWED,RWED,RE,RE)", "ls: an error message",
        };
        static const char *const names[] = {
                "mlsd", "unix", "dos", "eplf", "netware", "vms", "os2", "as400", "mvs", "jes", "zvm", "nonstop", "vxworks", "os9", "wfftp",
                "numeric",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                size_t n;
                _cleanup_free_ char *text = read_file(names[i], "txt", &n);
                const char *p = text;
                Section s;

                while (next_section(&p, text + n, &s)) {
                        for (size_t j = 0; j < ELEMENTS(odd); j++)
                                expect_format_kept(&s, odd[j]);
                        free(s.title);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_formats),
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_an_odd_line_does_no_harm),
        };

        return cmocka_run_group_tests_name("list-corpus", tests, NULL, NULL);
}
