// SPDX-License-Identifier: GPL-2.0-or-later
/* The progress of jobs' runs: see run-view.h. */

#include <inttypes.h>

#include "columns.h"
#include "format.h"
#include "progress.h"
#include "run-view.h"
#include "table.h"
#include "terminal.h"
#include "util.h"

#define JOB_WIDTH_MAX 24U
#define WIDTH_MIN 20U

void run_view_begin(RunView *v, FILE *file, bool shown) {
        *v = (RunView) {
                .shown = shown,
                .tty = isatty(fileno(file)),
                .colours = terminal_has_colours(file),
                .screen = { .file = file },
                .told_usec = now_usec(),
        };
}

static KftpProgress progress_of(const JobInfo *job) {
        return (KftpProgress) { .bytes = job->file_bytes, .total = job->file_total };
}

/* "nightly-reports   reports/x.csv  45% [===>    ]  48.2 MiB  15.5 MiB/s  0:12" */
static void write_bar(const RunView *v, const JobInfo *job, unsigned job_width, unsigned width, FILE *f) {
        _cleanup_free_ char *name = text_shorten(job->job, job_width, SHORTEN_MIDDLE, terminal_has_utf8()), *line = NULL;
        unsigned left = width > job_width + 2 + WIDTH_MIN ? width - job_width - 2 : WIDTH_MIN;
        KftpProgress now = progress_of(job);

        if (!name)
                return;
        if (job->name)
                line = progress_render(job->name, &now, (double) job->rate, left);
        fprintf(f, "%s%s%s%*s  %s\n", v->colours ? COLOUR_BOLD : "", name, v->colours ? COLOUR_OFF : "",
                (int) (job_width - MIN2(columns(name), job_width)), "", line ?: "connecting");
}

static void write_line(const JobInfo *job, FILE *f) {
        char bytes[KFTP_FORMAT_MAX], total[KFTP_FORMAT_MAX], rate[KFTP_FORMAT_MAX];

        if (!job->name)
                return;
        fprintf(f, "%s: %s: %s", job->job, job->name, kftp_format_bytes(bytes, job->file_bytes));
        if (job->file_total != UINT64_MAX && job->file_total > 0)
                fprintf(f, " of %s (%u%%)", kftp_format_bytes(total, job->file_total),
                        (unsigned) MIN2((double) job->file_bytes * 100 / (double) job->file_total, 100.0));
        fprintf(f, ", %s\n", kftp_format_rate(rate, job->rate));
}

static void draw(RunView *v, const JobList *running, const char *tail) {
        _cleanup_free_ char *text = NULL;
        unsigned job_width = 1, width, height;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        if (!f)
                return;
        progress_terminal_size(&width, &height);
        for (size_t i = 0; i < running->n; i++)
                job_width = MAX2(job_width, MIN2(columns(running->jobs[i].job), JOB_WIDTH_MAX));
        for (size_t i = 0; i < running->n; i++)
                write_bar(v, &running->jobs[i], job_width, width, f);
        fputs(strempty(tail), f);
        if (fclose(f) == 0)
                screen_draw(&v->screen, text);
}

void run_view_draw(RunView *v, const JobList *running, const char *tail) {
        uint64_t now = now_usec();

        if (!v->shown)
                return;
        if (v->tty)
                draw(v, running, tail);
        else if (now - v->told_usec >= PROGRESS_LINE_USEC) {
                v->told_usec = now;
                for (size_t i = 0; i < running->n; i++)
                        write_line(&running->jobs[i], v->screen.file);
                fflush(v->screen.file);
        }
}

void run_view_clear(RunView *v) {
        screen_clear(&v->screen);
}
