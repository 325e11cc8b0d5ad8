/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parses job files for tests: see job-text.h. */

#include "job-text.h"

#include "util.h"

void collect_diagnosis(void *userdata, const KftpDiagnosis *d) {
        JobDiagnoses *all = userdata;
        _cleanup_free_ char *one = kftp_diagnosis_format(d), *before = all->text;

        assert_non_null(one);
        assert_true(asprintf(&all->text, "%s%s\n", strempty(before), one) >= 0);
        all->n++;
}

char *parse_job(const char *text, size_t n, int expected, KftpJob **ret) {
        JobDiagnoses all = {};
        KftpJob *job;
        int r = kftp_job_parse(JOB_FILE, text, n, collect_diagnosis, &all, &job);

        if (r != expected)
                fail_msg("%d instead of %d for:\n%s\n%s", r, expected, text, strempty(all.text));
        assert_true((job != NULL) == (expected == 0));
        if (ret)
                *ret = job;
        else
                kftp_job_free(job);
        return all.text ?: strdup("");
}

KftpJob *parse_good_job(const char *text) {
        KftpJob *job;
        _cleanup_free_ char *said = parse_job(text, strlen(text), 0, &job);

        assert_string_equal(said, "");
        return job;
}

static char *with_file(const char *said) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        while (*said) {
                const char *end = strchr(said, '\n');

                fprintf(f, JOB_FILE "%.*s", (int) (end + 1 - said), said);
                said = end + 1;
        }
        assert_int_equal(fclose(f), 0);
        return text;
}

void check_job_cases(const JobCase *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *said = parse_job(cases[i].text, strlen(cases[i].text), cases[i].accepted ? 0 : -EBADMSG, NULL);
                _cleanup_free_ char *expected = with_file(cases[i].said);

                assert_string_equal(said, expected);
                assert_null(strstr(said, "cret@"));
                assert_null(memchr(said, '\x1b', strlen(said)));
        }
}
