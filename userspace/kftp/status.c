// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp status: how jobs are, in full; without names, how the daemon is. */

#include <inttypes.h>
#include <stdarg.h>

#include "bus-client.h"
#include "columns.h"
#include "format.h"
#include "job-view.h"
#include "journal-tail.h"
#include "jobs-verb.h"
#include "report.h"
#include "terminal.h"
#include "timers.h"
#include "verbs.h"
#include "when.h"

#define LINES_DEFAULT 10
#define TITLE_WIDTH 10                  /* "  Schedule" */
#define RUNS_SHOWN_MAX 20

/* Where the text goes and how. */
typedef struct Sheet {
        FILE *file;
        TableStyle style;
        uint64_t now;
} Sheet;

/* Breaks a text that is wider than the terminal between words; behind the title. */
static void write_text(const Sheet *s, const char *title, const char *text, const char *colour) {
        unsigned room = s->style.width > TITLE_WIDTH + 2 + 20 ? s->style.width - TITLE_WIDTH - 2 : 0;

        while (text && *text) {
                size_t n = room > 0 ? columns_prefix(text, room) : strlen(text);

                if (text[n]) {
                        size_t at = n;

                        while (at > 0 && text[at] != ' ')
                                at--;
                        n = at > 0 ? at : n;
                }
                fprintf(s->file, "%*s%s %s%.*s%s\n", TITLE_WIDTH, title, *title ? ":" : " ", s->style.colours ? strempty(colour) : "",
                        (int) n, text, s->style.colours && colour ? COLOUR_OFF : "");
                text += n;
                while (*text == ' ')
                        text++;
                title = "";
        }
}

static _printf_(4, 5) void write_line(const Sheet *s, const char *title, const char *colour, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        write_text(s, title, text, colour);
}

/* ---- A job ----------------------------------------------------------------------------------------- */

static void write_state(const Sheet *s, const JobInfo *job) {
        char full[WHEN_MAX], relative[WHEN_MAX];

        if (job->since > 0)
                write_line(s, "State", view_state_colour(job->state), "%s since %s; %s", job->state, when_full(full, job->since),
                           when_relative(relative, job->since, s->now));
        else
                write_line(s, "State", view_state_colour(job->state), "%s", strempty(job->state));
}

static void write_progress(const Sheet *s, const JobInfo *job) {
        char bytes[KFTP_FORMAT_MAX], total[KFTP_FORMAT_MAX], rate[KFTP_FORMAT_MAX];

        if (!job_info_is(job, "running"))
                return;
        if (job->name && job->file_total != UINT64_MAX)
                write_line(s, "Under way", NULL, "%s: %s of %s, %s", job->name, kftp_format_bytes(bytes, job->file_bytes),
                           kftp_format_bytes(total, job->file_total), kftp_format_rate(rate, job->rate));
        else if (job->name)
                write_line(s, "Under way", NULL, "%s: %s, %s", job->name, kftp_format_bytes(bytes, job->file_bytes),
                           kftp_format_rate(rate, job->rate));
        write_line(s, "So far", NULL, "%" PRIu64 " file%s, %s", job->files, job->files == 1 ? "" : "s", kftp_format_bytes(bytes, job->bytes));
}

static void write_next(const Sheet *s, const JobInfo *job) {
        char full[WHEN_MAX], relative[WHEN_MAX];
        uint64_t next = view_next(job);

        if (job->calendar)
                write_text(s, "Schedule", job->calendar, NULL);
        if (next > 0)
                write_line(s, "Next", NULL, "%s; %s", when_full(full, next), when_relative(relative, next, s->now));
        else if (job->calendar)
                write_text(s, "Next", "its timer is not active (systemctl list-timers 'kftp@*')", COLOUR_YELLOW);
}

static void write_last_run(const Sheet *s, const JobInfo *job) {
        _cleanup_free_ char *amount = view_amount(job->last_files, job->last_bytes, job->last_usec);
        bool done = streq(strempty(job->last_result), "done");
        char full[WHEN_MAX], relative[WHEN_MAX];

        if (!job->last_result)
                return;
        write_line(s, "Last run", done ? NULL : COLOUR_RED, "%s%s%s%s %s; %s", done ? "done" : "failed", done ? "" : " (",
                   done ? "" : job->last_result, done ? "" : ")", when_full(full, job->last_ended),
                   when_relative(relative, job->last_ended, s->now));
        if (done || job->last_files > 0)
                write_text(s, "", amount, NULL);
}

static void write_attempt(const Sheet *s, const JobInfo *job) {
        if (job->run == 0)
                return;
        write_line(s, "Run", NULL, "attempt %" PRIu64 " of %" PRIu64 "%s%s%s", MAX2(job->attempt, UINT64_C(1)), job->retries + 1,
                   job->trigger ? ", started by " : "", strempty(job->trigger),
                   streq(strempty(job->trigger), "revision") ? " (its file is new or was changed)" : "");
}

static void write_job(const Sheet *s, const JobInfo *job) {
        _cleanup_free_ char *what = job_info_what(job), *advice = view_advice(job);
        const char *colour = s->style.colours ? view_state_colour(job->state) : NULL;

        fprintf(s->file, "%s%s%s %s%s%s\n", strempty(colour), s->style.utf8 ? "\xe2\x97\x8f" : "*", colour ? COLOUR_OFF : "", job->job,
                job->description ? " - " : "", strempty(job->description));
        if (job->file)
                write_line(s, "File", NULL, "%s%s%.12s%s", job->file, job->revision ? " (revision " : "", strempty(job->revision),
                           job->revision ? ")" : "");
        write_state(s, job);
        if (what)
                write_line(s, "What", NULL, "%s%s", what, streq(strempty(job->transfer), "mirror") ? " (mirror)" : "");
        write_text(s, "Server", job->server, NULL);
        write_progress(s, job);
        write_attempt(s, job);
        write_next(s, job);
        write_last_run(s, job);
        write_text(s, "Problem", view_problem(job), job_info_is(job, "waiting") ? COLOUR_YELLOW : COLOUR_RED);
        write_text(s, "To do", advice, NULL);
}

static int write_jobs(const Arguments *a, const JobList *jobs, FILE *f) {
        Sheet s = { .file = f, .style = jobs_style(a), .now = when_now() };
        unsigned lines = a->lines.given ? a->lines.n : LINES_DEFAULT;

        for (size_t i = 0; i < jobs->n; i++) {
                if (i > 0)
                        fputc('\n', f);
                write_job(&s, &jobs->jobs[i]);
                journal_tail(f, jobs->jobs[i].job, lines, &s.style);
        }
        return 0;
}

static int show_jobs(sd_bus *bus, const Arguments *a) {
        JobList jobs = {};
        int missing = 0, class = bus_select_jobs(bus, a->words, false, &jobs, &missing);

        if (class == 0)
                timers_read(bus, &jobs);
        if (class == 0 && a->json)
                class = jobs_write_json(&jobs);
        else if (class == 0 && jobs.n > 0)
                class = jobs_write_text(a, &jobs, write_jobs);
        job_list_done(&jobs);
        return class ?: missing;
}

/* ---- The daemon ------------------------------------------------------------------------------------- */

static const char *const counts[] = { "Running", "Queued", "Waiting", "Scheduled", "Done", "Failed", "Rejected", "Masked" };

static const struct {
        const char *pause, *text, *advice;
} pauses[] = {
        { "device",    "no job is started: the device /dev/kftp is missing, or may not be used", "kftp doctor" },
        { "state",     "no job is started: the state directory cannot be written", "free some space in /var/lib/kftp; journalctl -u kftpd has the error" },
        { "resources", "no job is started: the machine is short of memory or descriptors", "journalctl -u kftpd has the error" },
};

static int read_daemon(sd_bus *bus, char **ret_version, char **ret_pause, unsigned *ret_jobs, unsigned *ret_max, unsigned *ret_counts) {
        int class = bus_get_string(bus, "Version", ret_version);

        class = class ?: bus_get_string(bus, "Pause", ret_pause);
        class = class ?: bus_get_number(bus, "Jobs", ret_jobs);
        class = class ?: bus_get_number(bus, "MaxRunning", ret_max);
        for (size_t i = 0; class == 0 && i < ELEMENTS(counts); i++)
                class = bus_get_number(bus, counts[i], &ret_counts[i]);
        return class;
}

static char *lower(const char *word) {
        char *text = strdup(word);

        if (text)
                *text = (char) (*text | 0x20);
        return text;
}

static void write_pause(const Sheet *s, const char *pause) {
        for (size_t i = 0; i < ELEMENTS(pauses); i++)
                if (streq(pause, pauses[i].pause)) {
                        write_text(s, "Problem", pauses[i].text, COLOUR_RED);
                        write_text(s, "To do", pauses[i].advice, NULL);
                }
}

/* What needs somebody, or is under way: the rest is counted. */
static void write_notable(const Sheet *s, const JobList *jobs) {
        static const char *const states[] = { "running", "failed", "rejected" };

        for (size_t i = 0; i < ELEMENTS(states); i++) {
                unsigned shown = 0;

                for (size_t k = 0; k < jobs->n; k++) {
                        const JobInfo *job = &jobs->jobs[k];

                        if (!job_info_is(job, states[i]))
                                continue;
                        if (++shown <= RUNS_SHOWN_MAX)
                                write_line(s, shown == 1 ? states[i] : "", view_state_colour(job->state), "%s%s%s", job->job,
                                           view_problem(job) ? ": " : job->name ? ": " : "", view_problem(job) ?: strempty(job->name));
                }
                if (shown > RUNS_SHOWN_MAX)
                        write_line(s, "", NULL, "and %u more (kftp list)", shown - RUNS_SHOWN_MAX);
        }
}

static void write_daemon(const Sheet *s, const char *version, const char *pause, unsigned n_jobs, unsigned max, const unsigned *n) {
        _cleanup_free_ char *text = NULL;
        const char *separator = ": ";
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return;
        fprintf(f, "%u", n_jobs);
        for (size_t i = 0; i < ELEMENTS(counts); i++) {
                _cleanup_free_ char *word = lower(counts[i]);

                if (n[i] > 0) {
                        fprintf(f, "%s%u %s", separator, n[i], strempty(word));
                        separator = ", ";
                }
        }
        if (fclose(f) != 0)
                return;
        fprintf(s->file, "%s kftpd %s\n", s->style.utf8 ? "\xe2\x97\x8f" : "*", version);
        write_text(s, "Jobs", text, NULL);
        write_line(s, "At a time", NULL, "%u", max);
        write_pause(s, pause);
}

static int write_daemon_json(const char *version, const char *pause, unsigned n_jobs, unsigned max, const unsigned *n) {
        json_auto_t *root = json_pack("{s:s, s:s, s:i, s:i}", "version", version, "pause", pause, "jobs", (int) n_jobs, "max_running", (int) max);

        for (size_t i = 0; i < ELEMENTS(counts); i++) {
                _cleanup_free_ char *word = lower(counts[i]);

                if (!word || json_object_set_new(root, word, json_integer((json_int_t) n[i])) < 0)
                        return jobs_no_memory();
        }
        return report_write_json(root) < 0 ? jobs_cannot_write() : 0;
}

static int show_daemon(sd_bus *bus, const Arguments *a) {
        _cleanup_free_ char *version = NULL, *pause = NULL, *text = NULL;
        unsigned n[ELEMENTS(counts)], n_jobs, max;
        Sheet s = { .style = jobs_style(a), .now = when_now() };
        JobList jobs = {};
        size_t size;
        int class = read_daemon(bus, &version, &pause, &n_jobs, &max, n);

        if (class == 0 && a->json)
                return write_daemon_json(version, pause, n_jobs, max, n);
        if (class == 0)
                class = bus_list_jobs(bus, &jobs);
        if (class == 0 && !(s.file = open_memstream(&text, &size)))
                class = jobs_no_memory();
        if (class == 0) {
                write_daemon(&s, version, pause, n_jobs, max, n);
                write_notable(&s, &jobs);
                class = fclose(s.file) == 0 ? terminal_write(text, !a->no_pager) : jobs_no_memory();
        }
        job_list_done(&jobs);
        return class;
}

static int status(const Arguments *a) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int class = bus_connect(&bus);

        if (class != 0)
                return class;
        return a->n_words > 0 ? show_jobs(bus, a) : show_daemon(bus, a);
}

int verb_status(int argc, char **argv) {
        return jobs_verb(argc, argv, VERB_STATUS, 0, UINT_MAX, status);
}
