/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How what is wrong in a job file is told: with its place, the offending text, and for people at a terminal the line. */

#include <stdarg.h>
#include <strings.h>
#include <wchar.h>

#include "job-settings.h"
#include "utf8.h"

#define DIAGNOSES_MAX 20U               /* a file of garbage does not flood the journal */
#define EXCERPT_MAX 60U                 /* bytes of offending text that are shown */
#define LINE_BEFORE 60U                 /* of a long line: what is shown before the column, */
#define LINE_AFTER 100U                 /* and behind it; in bytes */

/* ---- Telling ------------------------------------------------------------------------------------- */

const KftpJobFragment *job_find_place(const JobParser *p, size_t at, JobPlace *ret) {
        *ret = (JobPlace) {};
        if (at == JOB_WHOLE_FILE)
                return NULL;
        for (size_t i = 0; i < p->fragments_n; i++) {
                const KftpJobFragment *f = p->fragments + i;

                if (at <= f->n) {
                        *ret = job_text_place(f->text, f->n, at);
                        return f;
                }
                at -= f->n + 1;
        }
        return NULL;
}

/* Finds the line that a place is in. */
static void find_line(const KftpJobFragment *f, unsigned line, KftpDiagnosis *d) {
        const char *text = f->text, *end = text + f->n, *newline;

        for (; line > 1; line--) {
                newline = memchr(text, '\n', (size_t) (end - text));
                if (!newline)
                        return;
                text = newline + 1;
        }
        newline = memchr(text, '\n', (size_t) (end - text));
        d->text = text;
        d->text_n = (size_t) ((newline ?: end) - text);
        if (line == 1 && f->text == (const void *) text && d->text_n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
                d->text += 3;
                d->text_n -= 3;
        }
}

static void _printf_(5, 0) tell(JobParser *p, bool error, const KftpJobFragment *f, JobPlace place, const char *format, va_list ap) {
        _cleanup_free_ char *raw = NULL, *message = NULL;
        KftpDiagnosis d;

        p->errors += error;
        if (p->diagnoses++ > DIAGNOSES_MAX || !p->sink)
                return;
        if (p->diagnoses > DIAGNOSES_MAX)
                format = "too many faults, the others are not shown";

        if (vasprintf(&raw, format, ap) < 0)
                raw = NULL;
        message = raw ? kftp_escape(raw, strlen(raw)) : NULL;   /* what others say of a value may show it as it is */
        if (!message) {
                p->no_memory = true;
                return;
        }
        d = (KftpDiagnosis) {
                .error = error,
                .file = f ? f->file : p->job->file,
                .line = place.line,
                .column = place.column,
                .message = message,
        };
        if (f && place.line > 0)
                find_line(f, place.line, &d);
        p->sink(p->userdata, &d);
}

void job_diagnose(JobParser *p, bool error, size_t at, const char *format, ...) {
        JobPlace place;
        const KftpJobFragment *f = job_find_place(p, at, &place);
        va_list ap;

        va_start(ap, format);
        tell(p, error, f, place, format, ap);
        va_end(ap);
}

void job_diagnose_file(JobParser *p, const KftpJobFragment *f, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        tell(p, true, f, (JobPlace) {}, format, ap);
        va_end(ap);
}

char *job_excerpt(const char *text) {
        size_t n = strlen(text), shown = MIN2(n, EXCERPT_MAX);
        const char *authority = strstr(text, "://");
        _cleanup_free_ char *escaped = NULL;
        char *quoted = NULL;

        /* What looks like a URL with a user may hold a password */
        if (authority && strchr(authority, '@'))
                shown = MIN2(shown, (size_t) (authority + 3 - text));
        while (shown < n && shown > 0 && ((unsigned char) text[shown] & 0xc0) == 0x80)
                shown--;
        escaped = kftp_escape(text, shown);
        if (!escaped || asprintf(&quoted, "\"%s%s\"", escaped, shown < n ? "..." : "") < 0)
                return NULL;
        return quoted;
}

void job_bad_value(JobParser *p, const JobItem *item, size_t at, const char *format, ...) {
        _cleanup_free_ char *why = NULL, *shown = job_excerpt(item->value);
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&why, format, ap) < 0)
                why = NULL;
        va_end(ap);
        if (!why || !shown) {
                p->no_memory = true;
                return;
        }
        job_diagnose(p, true, item->value_origin[at], "%s=%s: %s", item->key, shown, why);
}

/* ---- Showing ------------------------------------------------------------------------------------- */

char *kftp_diagnosis_format(const KftpDiagnosis *d) {
        const char *kind = d->error ? "error" : "warning";
        char *text;

        if (d->line == 0) {
                if (asprintf(&text, "%s: %s: %s", d->file, kind, d->message) < 0)
                        return NULL;
        } else if (asprintf(&text, "%s:%u:%u: %s: %s", d->file, d->line, d->column, kind, d->message) < 0)
                return NULL;
        return text;
}

static bool is_continuation(char c) {
        return ((unsigned char) c & 0xc0) == 0x80;
}

/* The offset in the line of a column, or its end. */
static size_t offset_of_column(const KftpDiagnosis *d) {
        size_t i = 0;

        for (unsigned column = 1; column < d->column && i < d->text_n; column++)
                for (i++; i < d->text_n && is_continuation(d->text[i]); i++)
                        ;
        return i;
}

/* Whether the line may hold what nobody else is to read on a screen: a password. */
static bool is_secret(const KftpDiagnosis *d) {
        const char *equals = memchr(d->text, '=', d->text_n), *authority = memmem(d->text, d->text_n, "://", 3);
        size_t key_n = equals ? (size_t) (equals - d->text) : 0;

        if (authority && memchr(authority, '@', d->text_n - (size_t) (authority - d->text)))
                return true;
        for (size_t i = 0; i + 8 <= key_n; i++)
                if (strncasecmp(d->text + i, "password", 8) == 0 && (i + 12 > key_n || strncasecmp(d->text + i, "passwordfile", 12) != 0))
                        return true;
        return false;
}

/* A part of the line as it can be shown. */
static char *show_part(const KftpDiagnosis *d, size_t from, size_t to) {
        _cleanup_free_ char *copy = malloc(to - from + 1);

        if (!copy)
                return NULL;
        for (size_t i = from; i < to; i++)
                copy[i - from] = d->text[i] == '\t' ? ' ' : d->text[i];
        return kftp_escape(copy, to - from);
}

/* How many columns of a terminal a text takes. */
static int columns(const char *text) {
        locale_t unicode = kftp_utf8_locale(), before = unicode ? uselocale(unicode) : (locale_t) 0;
        size_t n = strlen(text), length;
        int sum = 0;

        for (size_t i = 0; i < n; i += MAX2(length, 1U)) {
                uint32_t c = 0;

                length = kftp_utf8_decode((const uint8_t *) text + i, n - i, &c);
                sum += unicode ? MAX2(wcwidth((wchar_t) c), 0) : 1;
        }
        if (before)
                (void) uselocale(before);
        return sum;
}

char *kftp_diagnosis_format_long(const KftpDiagnosis *d) {
        _cleanup_free_ char *first = kftp_diagnosis_format(d), *before = NULL, *after = NULL;
        size_t at, from, to;
        char *text;

        if (!first || d->line == 0 || !d->text || is_secret(d))
                return STEAL_PTR(first);

        at = offset_of_column(d);
        from = at > LINE_BEFORE ? at - LINE_BEFORE : 0;
        while (from < at && is_continuation(d->text[from]))
                from++;
        to = MIN2(d->text_n, at + LINE_AFTER);
        while (to > at && to < d->text_n && is_continuation(d->text[to]))
                to--;
        if (to > at && d->text[to - 1] == '\r')
                to--;
        before = show_part(d, from, at);
        after = show_part(d, at, to);
        if (!before || !after || asprintf(&text, "%s\n  %s%s\n  %*s^", first, before, after, columns(before), "") < 0)
                return NULL;
        return text;
}
