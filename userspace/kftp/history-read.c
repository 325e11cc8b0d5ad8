// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads runs back from the journal, the latest first, so that the last ones are found without all of it. */

#include "bus-client.h"
#include "history.h"
#include "kftpd/catalog-ids.h"
#include "libkftp.h"

static void run_done(PastRun *run) {
        free(run->job);
        free(run->result);
        free(run->class);
        free(run->trigger);
        free(run->text);
        *run = (PastRun) {};
}

void history_done(History *h) {
        for (size_t i = 0; i < h->n; i++)
                run_done(&h->runs[i]);
        free(h->runs);
        *h = (History) {};
}

/* ---- Which records --------------------------------------------------------------------------------- */

/* Those with which runs end, of the named jobs as far as they are no patterns. */
static int add_matches(sd_journal *j, const HistoryQuery *q) {
        static const char *const ids[] = { KFTP_MESSAGE_JOB_DONE, KFTP_MESSAGE_JOB_FAILED, KFTP_MESSAGE_JOB_CANCELLED };
        bool patterns = false;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTS(ids); i++) {
                _cleanup_free_ char *match = NULL;

                r = asprintf(&match, "MESSAGE_ID=%s", ids[i]) < 0 ? -ENOMEM : sd_journal_add_match(j, match, 0);
        }
        for (char *const *name = q->names; *name; name++)
                patterns = patterns || strpbrk(*name, "*?[");
        for (char *const *name = q->names; r >= 0 && !patterns && *name; name++) {
                _cleanup_free_ char *match = NULL;

                r = asprintf(&match, "KFTP_JOB=%s", *name) < 0 ? -ENOMEM : sd_journal_add_match(j, match, 0);
        }
        if (r >= 0 && q->result) {
                _cleanup_free_ char *match = NULL;

                r = asprintf(&match, "KFTP_RESULT=%s", q->result) < 0 ? -ENOMEM : sd_journal_add_match(j, match, 0);
        }
        return MIN2(r, 0);
}

/* ---- What they tell -------------------------------------------------------------------------------- */

/* "3 unchanged, 0 failed": what did not happen is not worth a column. NULL: nothing is left, or no memory. */
static char *drop_nothing(const char *text) {
        char *kept = NULL;
        size_t n;
        FILE *f = open_memstream(&kept, &n);

        if (!f)
                return NULL;
        while (*text) {
                size_t length = strcspn(text, ",");

                if (!startswith(text, "0 "))
                        fprintf(f, "%s%.*s", ftello(f) > 0 ? ", " : "", (int) length, text);
                text += length;
                text += strspn(text, ", ");
        }
        if (fclose(f) == 0 && kept && *kept)
                return kept;
        free(kept);
        return NULL;
}

/* "acme: failed: TEXT, not retried": the line has columns for the rest. */
static char *text_of(const PastRun *run, const char *message) {
        const char *text = message;

        if (startswith(text, run->job) && startswith(text + strlen(run->job), ": "))
                text += strlen(run->job) + 2;
        if (startswith(text, run->result) && startswith(text + strlen(run->result), ": "))
                text += strlen(run->result) + 2;
        /* "1 file, 48.2 MiB in 3.1 s, 3 unchanged"; but "no file was found for x" */
        if (streq(run->result, "done") && *text >= '0' && *text <= '9') {
                const char *in = strstr(text, " in ");

                text = in ? strstr(in, ", ") : NULL;
                return text ? drop_nothing(text + 2) : NULL;
        }
        return strdup(text);
}

static bool has_field(sd_journal *j, const char *field) {
        const void *data;
        size_t n;

        return sd_journal_get_data(j, field, &data, &n) >= 0;
}

/* What ended as RESULT has a class of its own only if it failed. */
static int read_run(sd_journal *j, PastRun *ret) {
        _cleanup_free_ char *message = journal_text(j, "MESSAGE");
        PastRun run = {
                .job = journal_text(j, "KFTP_JOB"),
                .result = journal_text(j, "KFTP_RESULT"),
                .class = journal_text(j, "KFTP_CLASS"),
                .trigger = journal_text(j, "KFTP_TRIGGER"),
                .number = journal_number(j, "KFTP_RUN"),
                .counted = has_field(j, "KFTP_BYTES"),
                .files = journal_number(j, "KFTP_FILES"),
                .bytes = journal_number(j, "KFTP_BYTES"),
                .usec = journal_number(j, "KFTP_USEC"),
                .attempt = journal_number(j, "KFTP_ATTEMPT"),
        };
        int r;

        if (run.job && run.result && !run.class)
                run.class = strdup(run.result);
        if (!run.class) {
                run_done(&run);
                return -EBADMSG;
        }
        r = sd_journal_get_realtime_usec(j, &run.ended);
        run.text = message ? text_of(&run, message) : NULL;
        *ret = run;
        return r;
}

static int keep(History *h, PastRun *run) {
        if (h->n == h->allocated) {
                size_t n = h->allocated > 0 ? 2 * h->allocated : 64;
                PastRun *runs = reallocarray(h->runs, n, sizeof(*runs));

                if (!runs)
                        return -ENOMEM;
                h->runs = runs;
                h->allocated = n;
        }
        h->failed += streq(run->result, "failed");
        h->runs[h->n++] = *run;
        *run = (PastRun) {};
        return 0;
}

static void reverse(History *h) {
        for (size_t i = 0; i < h->n / 2; i++) {
                PastRun run = h->runs[i];

                h->runs[i] = h->runs[h->n - 1 - i];
                h->runs[h->n - 1 - i] = run;
        }
}

/* Whether there may be further ones, or -errno. */
static int take(sd_journal *j, const HistoryQuery *q, History *h) {
        uint64_t ended = 0;
        PastRun run = {};
        int r = sd_journal_get_realtime_usec(j, &ended);

        if (r < 0)
                return r;
        if (ended > q->until)
                return 1;
        if (ended < q->since)
                return 0;
        /* a damaged record is none */
        if (read_run(j, &run) >= 0 && (!*q->names || bus_fits_any(run.job, q->names)))
                r = keep(h, &run);
        run_done(&run);
        return r < 0 ? r : 1;
}

int history_read(sd_journal *j, const HistoryQuery *q, History *ret) {
        int r = add_matches(j, q);

        if (r >= 0)
                r = q->until == UINT64_MAX ? sd_journal_seek_tail(j) : sd_journal_seek_realtime_usec(j, q->until + 1);
        while (r >= 0 && !(q->limited && ret->n >= q->max)) {
                r = sd_journal_previous(j);
                if (r > 0)
                        r = take(j, q, ret);
                if (r == 0)
                        break;
        }
        reverse(ret);
        return MIN2(r, 0);
}
