// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp list: the jobs, one line each. */

#include "bus-client.h"
#include "job-view.h"
#include "jobs-verb.h"
#include "options.h"
#include "report.h"
#include "table.h"
#include "terminal.h"
#include "timers.h"
#include "verbs.h"
#include "when.h"

static const Column list_columns[] = {
        { .title = "JOB",    .shorten = SHORTEN_MIDDLE, .min = 8, .wanted = 18 },
        { .title = "STATE"                                                     },
        { .title = "SINCE",  .optional = 2                                     },
        { .title = "NEXT",   .optional = 1                                     },
        { .title = "SERVER", .shorten = SHORTEN_MIDDLE, .min = 8, .wanted = 24, .optional = 3 },
        { .title = "ABOUT",  .shorten = SHORTEN_END, .min = 8, .wanted = 22    },
};

/* What tells most about the job in the line's rest. */
static char *about(const JobInfo *job) {
        const char *problem = view_problem(job);
        size_t n = problem ? strcspn(problem, ":") : 0;
        const char *slash = n > 0 ? memrchr(problem, '/', n) : NULL;

        /* of the path of a job file with an error, its name is enough */
        if (problem)
                return strdup(job_info_is(job, "rejected") && slash ? slash + 1 : problem);
        if (job->description)
                return strdup(job->description);
        return job_info_what(job);
}

static void add_row(Table *t, const JobInfo *job, uint64_t now) {
        uint64_t next = view_next(job);
        char since[WHEN_MAX], clock[WHEN_MAX];

        table_add_copy(t, job->job, NULL);
        table_add_copy(t, job->state, view_state_colour(job->state));
        table_add_copy(t, job->since > 0 ? when_brief(since, job->since, now) : NULL, NULL);
        table_add_copy(t, next > 0 ? when_clock(clock, next, now) : NULL, NULL);
        table_add_copy(t, job->server, NULL);
        table_add(t, about(job), NULL);
}

/* "12 jobs: 1 running, 3 queued, 1 failed.", in several lines if it has to be. */
static void write_summary(FILE *f, const JobList *jobs, unsigned width) {
        static const char *const states[] = { "running", "queued", "waiting", "scheduled", "done", "failed", "rejected", "masked" };
        const char *separator = ": ";
        unsigned column = (unsigned) fprintf(f, "\n%zu job%s", jobs->n, jobs->n == 1 ? "" : "s");

        for (size_t i = 0; i < ELEMENTS(states); i++) {
                size_t n = 0;
                char part[40];

                for (size_t k = 0; k < jobs->n; k++)
                        n += job_info_is(&jobs->jobs[k], states[i]);
                if (n == 0)
                        continue;
                (void) snprintf(part, sizeof(part), "%s%zu %s", separator, n, states[i]);
                if (width > 0 && column + strlen(part) >= width) {
                        fputs(",\n  ", f);
                        column = 2;
                        memmove(part, part + strlen(separator), strlen(part) + 1 - strlen(separator));
                }
                column += (unsigned) fprintf(f, "%s", part);
                separator = ", ";
        }
        fputs(".\n", f);
}

static int write_table(const Arguments *a, const JobList *jobs, FILE *f) {
        Table t = { .columns = list_columns, .n_columns = ELEMENTS(list_columns) };
        TableStyle style = jobs_style(a);
        uint64_t now = when_now();
        int r;

        for (size_t i = 0; i < jobs->n; i++)
                add_row(&t, &jobs->jobs[i], now);
        r = jobs->n > 0 || style.legend ? table_write(&t, f, &style) : 0;
        if (style.legend)
                write_summary(f, jobs, style.width);
        table_done(&t);
        return r;
}

static int list(const Arguments *a) {
        _cleanup_bus_ sd_bus *bus = NULL;
        JobList jobs = {};
        int class, missing = 0;

        class = bus_connect(&bus);
        if (class == 0)
                class = bus_select_jobs(bus, a->words, true, &jobs, &missing);
        if (class == 0)
                timers_read(bus, &jobs);
        if (class == 0 && a->json)
                class = jobs_write_json(&jobs);
        else if (class == 0 && (jobs.n > 0 || missing == 0))
                class = jobs_write_text(a, &jobs, write_table);
        job_list_done(&jobs);
        return class ?: missing;
}

int verb_list(int argc, char **argv) {
        return jobs_verb(argc, argv, VERB_LIST, 0, UINT_MAX, list);
}
