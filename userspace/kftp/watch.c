// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kftp watch: what the jobs do, as it happens. On a terminal the running ones with their progress, drawn again in their
 * place below a line for each event; elsewhere these lines alone, or JSON.
 */

#include <inttypes.h>

#include "follow.h"
#include "format.h"
#include "job-view.h"
#include "jobs-verb.h"
#include "report.h"
#include "run-view.h"
#include "terminal.h"
#include "verbs.h"
#include "when.h"

#define DRAW_USEC (200 * USEC_PER_MSEC)         /* what changes at once is drawn at once */

typedef struct Watching {
        const Arguments *arguments;
        Follow follow;
        JobList jobs;                   /* those that are watched, as they are known */
        RunView view;
        sd_event_source *draw;
        bool colours;
        int class;                      /* of names that no job has */
} Watching;

static bool is_watched(const Watching *w, const char *name) {
        return w->arguments->n_words == 0 || bus_fits_any(name, w->arguments->words);
}

/* ---- Events ---------------------------------------------------------------------------------------- */

static void write_json(const Watching *w, const char *event, const JobInfo *job) {
        json_auto_t *root = job ? job_info_json(job) : json_object();

        if (!w->arguments->json)
                return;
        (void) json_object_set_new(root, "event", json_string(event));
        (void) json_object_set_new(root, "time", json_integer((json_int_t) when_now()));
        /* nobody reads it any more */
        if (report_write_json(root) < 0)
                (void) sd_event_exit(w->follow.event, KFTP_CLASS_LOCAL);
}

static _printf_(4, 5) void write_event(Watching *w, const char *job, const char *colour, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        char stamp[WHEN_MAX];
        va_list ap;

        if (w->arguments->json)
                return;
        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        run_view_clear(&w->view);
        printf("%s %s%s%s%s%s\n", when_stamp(stamp, when_now()), strempty(job), job ? ": " : "", w->colours ? strempty(colour) : "",
               strempty(text), w->colours && colour ? COLOUR_OFF : "");
        if (fflush(stdout) != 0)
                (void) sd_event_exit(w->follow.event, KFTP_CLASS_LOCAL);
}

/* Whether the text is not what was said of the job last; it is from now on. */
static bool is_news(JobInfo *job, const char *text) {
        if (streq(strempty(job->told), text))
                return false;
        free(job->told);
        job->told = strdup(text);
        return true;
}

/* Once something moves: a look at a source where there is nothing is a run, too, and many of those are no events. */
static void tell_running(Watching *w, JobInfo *job) {
        if (is_news(job, "running"))
                write_event(w, job->job, view_state_colour(job->state), "running, attempt %" PRIu64 " of %" PRIu64,
                            MAX2(job->attempt, UINT64_C(1)), job->retries + 1);
}

static void tell_state(Watching *w, JobInfo *job) {
        const char *colour = view_state_colour(job->state), *text = view_problem(job);
        _cleanup_free_ char *all = NULL;

        /* what has ended is told with all that it has done */
        if (job_info_is(job, "running") || job_info_is(job, "done") || job_info_is(job, "failed"))
                return;
        if (asprintf(&all, "%s%s%s", strempty(job->state), text ? ": " : "", strempty(text)) < 0) {
                all = NULL;
                return;
        }
        if (!job_info_is(job, "queued") && is_news(job, all))
                write_event(w, job->job, colour, "%s", all);
}

static void tell_end(Watching *w, const JobInfo *job) {
        _cleanup_free_ char *amount = view_amount(job->last_files, job->last_bytes, job->last_usec);
        bool done = streq(strempty(job->last_result), "done");

        if (done)
                write_event(w, job->job, NULL, "done: %s", strempty(amount));
        else
                write_event(w, job->job, COLOUR_RED, "failed: %s", job->last_text ?: strempty(job->last_result));
}

/* ---- The screen ------------------------------------------------------------------------------------ */

/* "2 running, 3 queued, 1 failed of 12 jobs; 31.2 MiB/s" */
static char *make_tail(const Watching *w) {
        static const char *const states[] = { "running", "queued", "waiting", "scheduled", "done", "failed", "rejected" };
        char speed[KFTP_FORMAT_MAX], *text = NULL;
        const char *separator = "";
        uint64_t rate = 0;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        for (size_t i = 0; i < ELEMENTS(states); i++) {
                size_t n = 0;

                for (size_t k = 0; k < w->jobs.n; k++)
                        n += job_info_is(&w->jobs.jobs[k], states[i]);
                if (n == 0)
                        continue;
                fprintf(f, "%s%zu %s", separator, n, states[i]);
                separator = ", ";
        }
        for (size_t k = 0; k < w->jobs.n; k++)
                if (job_info_is(&w->jobs.jobs[k], "running"))
                        rate += w->jobs.jobs[k].rate;
        fprintf(f, "%s of %zu job%s", *separator ? "" : "none", w->jobs.n, w->jobs.n == 1 ? "" : "s");
        if (rate > 0)
                fprintf(f, "; %s", kftp_format_rate(speed, rate));
        fputs(w->follow.owner ? "\n" : "; kftpd is not running, waiting for it\n", f);
        if (fclose(f) == 0)
                return text;
        free(text);
        return NULL;
}

/* The running ones; they stay the list's. */
static JobList running_of(const Watching *w) {
        JobList running = {};

        for (size_t i = 0; i < w->jobs.n; i++)
                if (job_info_is(&w->jobs.jobs[i], "running"))
                        running.n++;
        running.jobs = calloc(running.n + 1, sizeof(*running.jobs));
        running.n = 0;
        for (size_t i = 0; running.jobs && i < w->jobs.n; i++)
                if (job_info_is(&w->jobs.jobs[i], "running"))
                        running.jobs[running.n++] = w->jobs.jobs[i];
        return running;
}

static void draw(Watching *w) {
        _cleanup_free_ char *tail = NULL;
        JobList running;

        if (!w->view.shown)
                return;
        running = running_of(w);
        tail = make_tail(w);
        run_view_draw(&w->view, &running, tail);
        free(running.jobs);
}

static int on_draw(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s;
        (void) usec;
        draw(userdata);
        return 0;
}

static void draw_soon(Watching *w) {
        int enabled;

        if (sd_event_source_get_enabled(w->draw, &enabled) >= 0 && enabled != SD_EVENT_OFF)
                return;
        (void) sd_event_source_set_time_relative(w->draw, DRAW_USEC);
        (void) sd_event_source_set_enabled(w->draw, SD_EVENT_ONESHOT);
}

/* ---- What happens ---------------------------------------------------------------------------------- */

static void on_changed(Follow *f, const char *name, JobInfo *news) {
        Watching *w = f->userdata;
        JobInfo *job = job_list_find(&w->jobs, name);

        if (!is_watched(w, name))
                return;
        if (!job)
                job = job_list_add(&w->jobs, name);
        if (!job)
                return;
        news->job = STEAL_PTR(job->job);
        news->told = STEAL_PTR(job->told);
        job_info_done(job);
        *job = *news;
        *news = (JobInfo) {};
        write_json(w, "changed", job);
        tell_state(w, job);
        if (job_info_is(job, "removed"))
                job_list_remove(&w->jobs, job);
        draw_soon(w);
}

static void on_ended(Follow *f, const char *name, uint64_t run, JobInfo *job) {
        Watching *w = f->userdata;
        JobInfo *known;

        if (!is_watched(w, name))
                return;
        free(job->job);
        job->job = strdup(name);
        known = job_list_find(&w->jobs, name);
        if (known) {
                free(known->told);
                known->told = NULL;
        }
        /* of a job that runs again already, the daemon tells of the new run */
        if (job->last_run != run || !job->job)
                return;
        write_json(w, "ended", job);
        tell_end(w, job);
        draw_soon(w);
}

static void take_progress(JobInfo *job, JobInfo *news) {
        free(job->name);
        job->name = STEAL_PTR(news->name);
        job->file_bytes = news->file_bytes;
        job->file_total = news->file_total;
        job->bytes = news->bytes;
        job->files = news->files;
        job->rate = news->rate;
        job->started = news->started;
}

static void on_progress(Follow *f, JobList *running) {
        Watching *w = f->userdata;

        for (size_t i = 0; i < running->n; i++) {
                JobInfo *job = job_list_find(&w->jobs, running->jobs[i].job);

                if (!job || !job_info_is(job, "running"))
                        continue;
                take_progress(job, &running->jobs[i]);
                write_json(w, "progress", job);
                tell_running(w, job);
        }
        draw(w);
}

static void on_gone(Follow *f) {
        Watching *w = f->userdata;

        write_json(w, "gone", NULL);
        write_event(w, NULL, COLOUR_YELLOW, "kftpd has ended");
        job_list_done(&w->jobs);
        draw_soon(w);
}

static int load(Watching *w) {
        job_list_done(&w->jobs);
        return bus_select_jobs(w->follow.bus, w->arguments->words, true, &w->jobs, &w->class);
}

static void on_back(Follow *f) {
        Watching *w = f->userdata;
        int class;

        write_json(w, "back", NULL);
        write_event(w, NULL, NULL, "kftpd is here again");
        class = load(w);
        if (class != 0)
                (void) sd_event_exit(f->event, class);
        draw_soon(w);
}

static void on_stopped(Follow *f) {
        Watching *w = f->userdata;

        run_view_clear(&w->view);
}

/* ---- The verb -------------------------------------------------------------------------------------- */

static int begin(Watching *w) {
        static const FollowCalls calls = {
                .changed = on_changed, .ended = on_ended, .progress = on_progress, .gone = on_gone, .back = on_back, .stopped = on_stopped,
        };
        int class = follow_begin(&w->follow, &calls, w);

        if (class != 0)
                return class;
        if (sd_event_add_time_relative(w->follow.event, &w->draw, CLOCK_MONOTONIC, 0, 0, on_draw, w) < 0)
                return jobs_no_memory();
        return load(w);
}

static int watch(const Arguments *a) {
        Watching w = { .arguments = a, .colours = terminal_has_colours(stdout) };
        int class;

        /* the lines of events say enough where nothing can be drawn */
        run_view_begin(&w.view, stdout, isatty(STDOUT_FILENO) && !a->json);
        class = begin(&w);
        /* patterns may fit what comes yet, names not */
        if (class == 0 && w.class != 0 && w.jobs.n == 0)
                class = w.class;
        else if (class == 0)
                class = follow_run(&w.follow);
        run_view_clear(&w.view);
        job_list_done(&w.jobs);
        sd_event_source_unref(w.draw);
        follow_end(&w.follow);
        /* that is how it ends */
        return class == KFTP_CLASS_INTERRUPTED ? 0 : class;
}

int verb_watch(int argc, char **argv) {
        return jobs_verb(argc, argv, VERB_WATCH, 0, UINT_MAX, watch);
}
