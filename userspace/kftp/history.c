// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp history: the runs there were, one line each, read back from the journal. */

#include "format.h"
#include "history.h"
#include "job-view.h"
#include "jobs-verb.h"
#include "report.h"
#include "terminal.h"
#include "util.h"
#include "verbs.h"
#include "when.h"

static const Column history_columns[] = {
        { .title = "ENDED"                                              },
        { .title = "JOB",    .shorten = SHORTEN_MIDDLE, .min = 8, .wanted = 20 },
        { .title = "RESULT"                                             },
        { .title = "FILES",  .right = true, .optional = 2                },
        { .title = "SIZE",   .right = true, .optional = 1                },
        { .title = "TOOK",   .right = true, .optional = 3                },
        { .title = "TEXT",   .shorten = SHORTEN_END, .min = 8, .wanted = 16 },
};

static char *number(uint64_t n) {
        char *text;

        return asprintf(&text, "%llu", (unsigned long long) n) < 0 ? NULL : text;
}

static void add_row(Table *t, const PastRun *run, bool in_full) {
        char ended[WHEN_MAX], bytes[KFTP_FORMAT_MAX], usec[KFTP_FORMAT_MAX];

        when_stamp(ended, run->ended);
        /* seconds are for those who have the room */
        if (!in_full)
                ended[strlen(ended) - strlen(":00")] = '\0';
        table_add_copy(t, ended, NULL);
        table_add_copy(t, run->job, NULL);
        table_add_copy(t, run->result, view_result_colour(run->result));
        table_add(t, run->counted ? number(run->files) : NULL, NULL);
        table_add_copy(t, run->counted ? kftp_format_bytes(bytes, run->bytes) : NULL, NULL);
        table_add_copy(t, run->usec > 0 ? kftp_format_usec(usec, run->usec) : NULL, NULL);
        table_add_copy(t, run->text, NULL);
}

static int write_table(const Arguments *a, const History *h) {
        Table t = { .columns = history_columns, .n_columns = ELEMENTS(history_columns) };
        _cleanup_free_ char *text = NULL;
        TableStyle style = jobs_style(a);
        size_t n;
        FILE *f = open_memstream(&text, &n);
        int r = 0;

        if (!f)
                return jobs_no_memory();
        for (size_t i = 0; i < h->n; i++)
                add_row(&t, &h->runs[i], style.width == 0 || style.width >= 100);
        if (h->n > 0)
                r = table_write(&t, f, &style);
        if (style.legend)
                fprintf(f, "%s%zu run%s, %zu failed.\n", h->n > 0 ? "\n" : "", h->n, h->n == 1 ? "" : "s", h->failed);
        table_done(&t);
        if (fclose(f) != 0 || r < 0)
                return jobs_no_memory();
        return terminal_write(text, !a->no_pager);
}

static json_t *run_json(const PastRun *run) {
        return json_pack("{s:o, s:I, s:o, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:o}",
                         "job", report_text_or_null(run->job),
                         "ended", (json_int_t) run->ended,
                         "run", run->number > 0 ? json_integer((json_int_t) run->number) : json_null(),
                         "result", run->result,
                         "class", run->class,
                         "files", run->counted ? json_integer((json_int_t) run->files) : json_null(),
                         "bytes", run->counted ? json_integer((json_int_t) run->bytes) : json_null(),
                         "trigger", report_text_or_null(run->trigger),
                         "usec", (json_int_t) run->usec,
                         "attempt", (json_int_t) run->attempt,
                         "text", report_text_or_null(run->text));
}

static int write_json(const History *h) {
        json_auto_t *array = json_array();

        for (size_t i = 0; i < h->n; i++)
                if (json_array_append_new(array, run_json(&h->runs[i])) < 0)
                        return jobs_no_memory();
        return report_write_json(array) < 0 ? jobs_cannot_write() : 0;
}

static int complain(const Arguments *a, int r) {
        _cleanup_free_ char *advice = r == -EACCES ? journal_advice() : NULL;

        if (a->journal_file || a->journal_directory)
                fprintf(stderr, "kftp: cannot read the journal %s: %s\n", a->journal_file ?: a->journal_directory, strerror(-r));
        else
                fprintf(stderr, "kftp: cannot read the journal: %s%s%s\n", strerror(-r), advice ? "; " : "", strempty(advice));
        return KFTP_CLASS_LOCAL;
}

static int history(const Arguments *a) {
        HistoryQuery query = {
                .names = a->words,
                .since = a->since_usec,
                .until = a->until_usec > 0 ? a->until_usec : UINT64_MAX,
                .result = a->result,
                .limited = a->lines.given,
                .max = a->lines.n,
        };
        _cleanup_journal_ sd_journal *j = NULL;
        History h = {};
        int r, class;

        if (a->journal_file && a->journal_directory)
                return usage_error("--file and --directory exclude each other");
        r = journal_open(a->journal_directory, a->journal_file, &j);
        if (r >= 0)
                r = history_read(j, &query, &h);
        class = r < 0 ? complain(a, r) : a->json ? write_json(&h) : write_table(a, &h);
        history_done(&h);
        return class;
}

int verb_history(int argc, char **argv) {
        return jobs_verb(argc, argv, VERB_HISTORY, 0, UINT_MAX, history);
}
