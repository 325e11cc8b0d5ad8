// SPDX-License-Identifier: GPL-2.0-or-later
/* The last lines of the journal about a job, as kftp status shows them. */

#include <syslog.h>

#include "journal-tail.h"
#include "journal.h"
#include "terminal.h"
#include "when.h"

static const char *colour_of(uint64_t priority) {
        return priority <= LOG_ERR ? COLOUR_RED : priority == LOG_WARNING ? COLOUR_YELLOW : NULL;
}

/* "2026-11-23 02:30:14 kftpd[225]: acme: done: ..." */
static void write_record(FILE *f, sd_journal *j, const TableStyle *style) {
        _cleanup_free_ char *message = journal_text(j, "MESSAGE"), *pid = journal_text(j, "_PID"), *line = NULL, *fitting = NULL;
        const char *colour = style->colours ? colour_of(journal_number(j, "PRIORITY")) : NULL;
        uint64_t when = 0;
        char stamp[WHEN_MAX];

        (void) sd_journal_get_realtime_usec(j, &when);
        if (asprintf(&line, "%s kftpd[%s]: %s", when_stamp(stamp, when), pid ?: "-", strempty(message)) < 0)
                return;
        fitting = style->width > 0 ? text_shorten(line, style->width, SHORTEN_END, style->utf8) : strdup(line);
        fprintf(f, "%s%s%s\n", strempty(colour), strempty(fitting), colour ? COLOUR_OFF : "");
}

/* Goes back by so many records. */
static int seek(sd_journal *j, const char *job, unsigned lines) {
        _cleanup_free_ char *match = NULL;
        int r = asprintf(&match, "KFTP_JOB=%s", job) < 0 ? -ENOMEM : sd_journal_add_match(j, match, 0);

        if (r >= 0)
                r = sd_journal_seek_tail(j);
        return r < 0 ? r : sd_journal_previous_skip(j, lines);
}

void journal_tail(FILE *f, const char *job, unsigned lines, const TableStyle *style) {
        _cleanup_journal_ sd_journal *j = NULL;
        int r = lines > 0 ? journal_open(NULL, NULL, &j) : 0;

        if (lines == 0)
                return;
        if (r >= 0)
                r = seek(j, job, lines);
        if (r < 0) {
                _cleanup_free_ char *advice = r == -EACCES ? journal_advice() : NULL;

                fprintf(f, "\n(its journal cannot be read: %s%s%s)\n", strerror(-r), advice ? "; " : "", strempty(advice));
                return;
        }
        if (r > 0)
                fputc('\n', f);
        for (; r > 0; r = sd_journal_next(j))
                write_record(f, j, style);
}
