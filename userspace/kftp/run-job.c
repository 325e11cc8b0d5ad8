// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kftp run: has the daemon run jobs, and waits for the end of the runs if told to. Signals only say that there is something
 * to look at: how the run stands is asked, by its number, so that it does not matter what was missed, be it that the daemon
 * was started anew meanwhile.
 */

#include <inttypes.h>

#include "follow.h"
#include "job-view.h"
#include "jobs-verb.h"
#include "report.h"
#include "run-view.h"
#include "verbs.h"

#define ABSENT_USEC (90 * USEC_PER_SEC)         /* for the daemon to come back */
#define LOOK_USEC USEC_PER_SEC                  /* between looks at a run that is neither under way nor ended */
#define LOOKS_MAX 10

typedef struct Waited {
        const char *name;
        uint64_t number;                /* 0: it was not begun */
        bool ended;
        int class;
        unsigned looks;                 /* in vain */
        JobInfo job;                    /* as it was seen last */
} Waited;

typedef struct Waiting {
        const Arguments *arguments;
        Follow follow;
        Waited *runs;
        unsigned n;
        sd_event_source *absent;
        sd_event_source *look;
        RunView view;
} Waiting;

/* ---- What is told ------------------------------------------------------------------------------- */

static void tell_end(const Waiting *w, const Waited *run) {
        _cleanup_free_ char *amount = view_amount(run->job.last_files, run->job.last_bytes, run->job.last_usec);
        _cleanup_free_ char *advice = run->class != 0 ? view_advice(&run->job) : NULL;

        if (w->arguments->json) {
                json_auto_t *root = job_info_json(&run->job);

                (void) report_write_json(root);
        } else if (run->class == 0 && !w->arguments->quiet) {
                printf("%s: done: %s%s%s\n", run->name, strempty(amount), run->job.last_text ? ", " : "", strempty(run->job.last_text));
                (void) fflush(stdout);
        } else if (run->class != 0)
                fprintf(stderr, "kftp: %s: failed: %s%s%s\n", run->name, run->job.last_text ?: "kftpd does not say why",
                        advice ? "; " : "", strempty(advice));
}

static void finish(Waiting *w, Waited *run, int class) {
        run->ended = true;
        run->class = class;
        for (unsigned i = 0; i < w->n; i++)
                if (!w->runs[i].ended)
                        return;
        (void) sd_event_exit(w->follow.event, 0);
}

static void conclude(Waiting *w, Waited *run) {
        run->class = (int) view_class(strempty(run->job.last_result));
        run_view_clear(&w->view);
        tell_end(w, run);
        finish(w, run, run->class);
}

static void lose(Waiting *w, Waited *run, const char *why) {
        run_view_clear(&w->view);
        fprintf(stderr, "kftp: %s: %s\n", run->name, why);
        finish(w, run, KFTP_CLASS_OTHER);
}

/* ---- How the runs stand -------------------------------------------------------------------------- */

static void look_again_later(Waiting *w, Waited *run, const char *why) {
        if (++run->looks >= LOOKS_MAX) {
                lose(w, run, why);
                return;
        }
        (void) sd_event_source_set_time_relative(w->look, LOOK_USEC);
        (void) sd_event_source_set_enabled(w->look, SD_EVENT_ONESHOT);
}

static void look_at(Waiting *w, Waited *run) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = bus_try(w->follow.bus, &error, &reply, "GetJob", "s", run->name);

        if (r >= 0)
                r = job_info_read(reply, &run->job);
        if (r < 0) {
                /* of a daemon that has just started, or is gone, which is told in another way */
                if (!bus_is_absent(&error, r))
                        look_again_later(w, run, "its file was removed while the run was waited for");
                sd_bus_error_free(&error);
                return;
        }
        if (run->job.last_run == run->number)
                conclude(w, run);
        else if (run->job.run == run->number)
                run->looks = 0;
        else
                look_again_later(w, run, "the run has ended, and kftpd does not know any more how: see kftp history");
}

static void look_at_all(Waiting *w) {
        for (unsigned i = 0; i < w->n; i++)
                if (!w->runs[i].ended)
                        look_at(w, &w->runs[i]);
}

static Waited *find(Waiting *w, const char *name) {
        for (unsigned i = 0; i < w->n; i++)
                if (!w->runs[i].ended && streq(w->runs[i].name, name))
                        return &w->runs[i];
        return NULL;
}

/* ---- What happens -------------------------------------------------------------------------------- */

static void on_changed(Follow *f, const char *name, JobInfo *job) {
        Waiting *w = f->userdata;
        Waited *run = find(w, name);

        (void) job;
        if (run)
                look_at(w, run);
}

/* Of the last moment that it is known, if the job runs again at once. */
static void on_ended(Follow *f, const char *name, uint64_t number, JobInfo *job) {
        Waiting *w = f->userdata;
        Waited *run = find(w, name);

        if (!run || run->number != number || job->last_run != number)
                return;
        job_info_done(&run->job);
        run->job = *job;
        run->job.job = strdup(name);
        *job = (JobInfo) {};
        conclude(w, run);
}

static void on_progress(Follow *f, JobList *running) {
        Waiting *w = f->userdata;

        for (size_t i = running->n; i > 0; i--)
                if (!find(w, running->jobs[i - 1].job))
                        job_list_remove(running, &running->jobs[i - 1]);
        run_view_draw(&w->view, running, NULL);
}

static void on_gone(Follow *f) {
        Waiting *w = f->userdata;

        run_view_clear(&w->view);
        if (!w->arguments->quiet)
                fprintf(stderr, "kftp: kftpd has ended; what it was doing goes on when it is back\n");
        (void) sd_event_source_set_time_relative(w->absent, ABSENT_USEC);
        (void) sd_event_source_set_enabled(w->absent, SD_EVENT_ONESHOT);
}

static void on_back(Follow *f) {
        Waiting *w = f->userdata;

        (void) sd_event_source_set_enabled(w->absent, SD_EVENT_OFF);
        look_at_all(w);
}

static void on_stopped(Follow *f) {
        Waiting *w = f->userdata;

        run_view_clear(&w->view);
        fprintf(stderr, "kftp: not waiting any more; what is under way goes on in kftpd (kftp cancel ends it)\n");
}

static int on_absent(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) usec;
        (void) userdata;
        fprintf(stderr, "kftp: kftpd has not come back within %" PRIu64 " s: sudo systemctl start kftpd; what it was doing goes on then\n",
                ABSENT_USEC / USEC_PER_SEC);
        return sd_event_exit(sd_event_source_get_event(s), KFTP_CLASS_DEVICE);
}

static int on_look(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s;
        (void) usec;
        look_at_all(userdata);
        return 0;
}

/* ---- The verb ------------------------------------------------------------------------------------ */

static int start(sd_bus *bus, const Arguments *a, const char *name, uint64_t *ret_number) {
        uint64_t flags = (a->again ? BUS_RUN_AGAIN : 0) | (a->calendar ? BUS_RUN_CALENDAR : 0);
        _cleanup_message_ sd_bus_message *reply = NULL;
        int class = bus_call(bus, name, &reply, "Run", "st", name, flags);

        if (class != 0)
                return class;
        return sd_bus_message_read(reply, "t", ret_number) > 0 ? 0 : KFTP_CLASS_OTHER;
}

/* Of several, one failure is as good as another. */
static int sum_up(int so_far, int class, unsigned n) {
        return class == 0 ? so_far : n > 1 ? KFTP_CLASS_SOME_FAILED : class;
}

static int run_only(const Arguments *a) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int class = bus_connect(&bus), result = 0;
        uint64_t number;

        if (class != 0)
                return class;
        for (unsigned i = 0; i < a->n_words; i++)
                result = sum_up(result, start(bus, a, a->words[i], &number), a->n_words);
        return result;
}

static int add_timers(Waiting *w) {
        int r = sd_event_add_time_relative(w->follow.event, &w->absent, CLOCK_MONOTONIC, ABSENT_USEC, 0, on_absent, w);

        if (r >= 0)
                r = sd_event_add_time_relative(w->follow.event, &w->look, CLOCK_MONOTONIC, LOOK_USEC, 0, on_look, w);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->absent, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->look, SD_EVENT_OFF);
        return r;
}

static int wait_for_all(Waiting *w) {
        static const FollowCalls calls = {
                .changed = on_changed, .ended = on_ended, .progress = on_progress, .gone = on_gone, .back = on_back, .stopped = on_stopped,
        };
        const Arguments *a = w->arguments;
        int class = follow_begin(&w->follow, &calls, w), result = 0;

        if (class != 0)
                return class;
        if (add_timers(w) < 0)
                return jobs_no_memory();
        for (unsigned i = 0; i < w->n; i++) {
                Waited *run = &w->runs[i];

                run->name = a->words[i];
                run->job.job = strdup(run->name);
                run->class = start(w->follow.bus, a, run->name, &run->number);
                run->ended = run->class != 0;
        }
        look_at_all(w);
        for (unsigned i = 0; i < w->n; i++)
                if (!w->runs[i].ended) {
                        class = follow_run(&w->follow);
                        break;
                }
        for (unsigned i = 0; i < w->n; i++)
                result = sum_up(result, w->runs[i].class, w->n);
        return class ?: result;
}

static int run_and_wait(const Arguments *a) {
        Waiting w = { .arguments = a, .n = a->n_words, .runs = calloc(a->n_words, sizeof(Waited)) };
        int class;

        if (!w.runs)
                return jobs_no_memory();
        run_view_begin(&w.view, stderr, !a->quiet && !a->no_progress);
        class = wait_for_all(&w);
        run_view_clear(&w.view);
        for (unsigned i = 0; i < w.n; i++)
                job_info_done(&w.runs[i].job);
        free(w.runs);
        sd_event_source_unref(w.absent);
        sd_event_source_unref(w.look);
        follow_end(&w.follow);
        follow_die(&w.follow);
        return class;
}

static int run(const Arguments *a) {
        return a->wait ? run_and_wait(a) : run_only(a);
}

int verb_run(int argc, char **argv) {
        return jobs_verb(argc, argv, VERB_RUN, 1, UINT_MAX, run);
}
