// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp cancel, retry, reload and show: one call of the daemon each, for each job. */

#include "bus-client.h"
#include "jobs-verb.h"
#include "terminal.h"
#include "verbs.h"

/* What a pattern takes: the others would only be complained about. */
static bool can_be_cancelled(const JobInfo *job) {
        return job_info_is(job, "running") || job_info_is(job, "queued") || job_info_is(job, "waiting");
}

static bool can_be_retried(const JobInfo *job) {
        return job_info_is(job, "failed") || job_info_is(job, "waiting") ||
                (job_info_is(job, "scheduled") && job->last_result && !streq(job->last_result, "done"));
}

static bool is_named(const JobInfo *job, char *const *words) {
        for (; *words; words++)
                if (streq(*words, job->job))
                        return true;
        return false;
}

static int act_on_each(const Arguments *a, const char *method, const char *done, bool (*fits)(const JobInfo *job)) {
        _cleanup_bus_ sd_bus *bus = NULL;
        JobList jobs = {};
        unsigned called = 0, failed = 0;
        int class, missing = 0, last = 0;

        class = bus_connect(&bus);
        if (class == 0)
                class = bus_select_jobs(bus, a->words, false, &jobs, &missing);
        for (size_t i = 0; class == 0 && i < jobs.n; i++) {
                const char *name = jobs.jobs[i].job;
                int c;

                if (!fits(&jobs.jobs[i]) && !is_named(&jobs.jobs[i], a->words))
                        continue;
                called++;
                c = bus_call(bus, name, NULL, method, "s", name);
                if (c == 0 && isatty(STDOUT_FILENO) && !a->quiet)
                        printf("%s: %s\n", name, done);
                failed += c != 0;
                last = c ?: last;
        }
        job_list_done(&jobs);
        if (class != 0)
                return class;
        return missing ?: failed > 0 && called > 1 ? KFTP_CLASS_SOME_FAILED : last;
}

static int cancel(const Arguments *a) {
        return act_on_each(a, "Cancel", "its run ends", can_be_cancelled);
}

static int retry(const Arguments *a) {
        return act_on_each(a, "Retry", "tried again", can_be_retried);
}

static int reload(const Arguments *a) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int class = bus_connect(&bus);

        (void) a;
        return class ?: bus_call(bus, NULL, NULL, "Reload", NULL);
}

/* The separator stands before it. */
static int show_one(sd_bus *bus, const char *name, FILE *f, const char *separator) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *shown = NULL;
        const char *text;
        int class = bus_call(bus, name, &reply, "Show", "s", name);

        if (class != 0)
                return class;
        if (sd_bus_message_read(reply, "s", &text) <= 0)
                return KFTP_CLASS_OTHER;
        fputs(separator, f);
        /* line by line: each is fit to be shown then */
        for (const char *end; *text; text = *end ? end + 1 : end) {
                end = strchrnul(text, '\n');
                free(shown);
                shown = kftp_escape(text, (size_t) (end - text));
                fprintf(f, "%s\n", strempty(shown));
        }
        return 0;
}

static int show(const Arguments *a) {
        _cleanup_bus_ sd_bus *bus = NULL;
        _cleanup_free_ char *text = NULL;
        int class = bus_connect(&bus), result = 0;
        size_t n;
        FILE *f;

        if (class != 0)
                return class;
        f = open_memstream(&text, &n);
        if (!f)
                return jobs_no_memory();
        for (unsigned i = 0; i < a->n_words; i++) {
                class = show_one(bus, a->words[i], f, ftello(f) > 0 ? "\n" : "");
                result = class == 0 ? result : a->n_words > 1 ? KFTP_CLASS_SOME_FAILED : class;
        }
        if (fclose(f) != 0)
                return jobs_no_memory();
        return terminal_write(text, !a->no_pager) ?: result;
}

int verb_cancel(int argc, char **argv) {
        return jobs_verb(argc, argv, VERB_CANCEL, 1, UINT_MAX, cancel);
}

int verb_retry(int argc, char **argv) {
        return jobs_verb(argc, argv, VERB_RETRY, 1, UINT_MAX, retry);
}

int verb_reload(int argc, char **argv) {
        return jobs_verb(argc, argv, VERB_RELOAD, 0, 0, reload);
}

int verb_show(int argc, char **argv) {
        return jobs_verb(argc, argv, VERB_SHOW, 1, UINT_MAX, show);
}
