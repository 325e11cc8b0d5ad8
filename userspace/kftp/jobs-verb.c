// SPDX-License-Identifier: GPL-2.0-or-later
/* What the verbs about jobs have in common: see jobs-verb.h. */

#include "jobs-verb.h"
#include "report.h"
#include "terminal.h"
#include "util.h"
#include "verbs.h"

int jobs_verb(int argc, char **argv, unsigned verb, unsigned min, unsigned max, int (*act)(const Arguments *a)) {
        _cleanup_free_ char *error = NULL;
        Arguments a;
        int r;

        r = arguments_parse(argc, argv, verb, &a, &error);
        if (r < 0)
                return usage_error("%s", error ?: strerror(-r));
        if (a.n_words < min)
                r = usage_error("the job's name is missing");
        else if (a.n_words > max)
                r = usage_error("%s takes no arguments: '%s'", argv[0], a.words[max]);
        else
                r = act(&a);
        arguments_done(&a);
        return r;
}

TableStyle jobs_style(const Arguments *a) {
        return (TableStyle) {
                .width = a->width > 0 ? a->width : terminal_width(),
                .legend = !a->no_legend,
                .colours = terminal_has_colours(stdout),
                .utf8 = terminal_has_utf8(),
        };
}

int jobs_no_memory(void) {
        fprintf(stderr, "kftp: %s\n", strerror(ENOMEM));
        return KFTP_CLASS_OTHER;
}

int jobs_cannot_write(void) {
        fprintf(stderr, "kftp: cannot write to the standard output: %s\n", strerror(errno));
        return KFTP_CLASS_LOCAL;
}

int jobs_write_json(const JobList *jobs) {
        json_auto_t *array = json_array();

        for (size_t i = 0; i < jobs->n; i++)
                if (json_array_append_new(array, job_info_json(&jobs->jobs[i])) < 0)
                        return jobs_no_memory();
        return report_write_json(array) < 0 ? jobs_cannot_write() : 0;
}

int jobs_write_text(const Arguments *a, const JobList *jobs, int (*write)(const Arguments *a, const JobList *jobs, FILE *f)) {
        _cleanup_free_ char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        int r;

        if (!f)
                return jobs_no_memory();
        r = write(a, jobs, f);
        if (fclose(f) != 0 || r < 0)
                return jobs_no_memory();
        return terminal_write(text, !a->no_pager);
}
