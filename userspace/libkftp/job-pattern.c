/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match= and Exclude=: lists of patterns, and the filter that they make. */

#include "job-date.h"
#include "job-settings.h"

static void forget_patterns(JobParser *p, enum kftp_filter_kind kind) {
        size_t kept = 0;

        for (size_t i = 0; i < p->patterns_n; i++)
                if (p->patterns[i].kind == kind)
                        free(p->patterns[i].text);
                else
                        p->patterns[kept++] = p->patterns[i];
        p->patterns_n = kept;
}

static void add_pattern(JobParser *p, enum kftp_filter_kind kind, const char *text, size_t n, size_t at) {
        JobPattern *more = reallocarray(p->patterns, p->patterns_n + 1, sizeof(*more));

        if (more) {
                p->patterns = more;
                more[p->patterns_n] = (JobPattern) { .kind = kind, .text = strndup(text, n), .at = at };
        }
        if (more && more[p->patterns_n].text)
                p->patterns_n++;
        else
                p->no_memory = true;
}

/* How long the word at text is. Blanks within a date do not end it. */
static size_t word_length(const char *text) {
        size_t n = 0;

        while (text[n] && !strchr(" \t", text[n])) {
                if (text[n] == '{' && text[n + 1] == '{')
                        n++;
                else if (text[n] == '{')
                        n += strcspn(text + n, "}");
                n += text[n] != '\0';
        }
        return n;
}

/* Given again the key adds to what there is; without a value it takes that back. */
void job_parse_patterns(JobParser *p, const JobSetting *s, const JobItem *item) {
        enum kftp_filter_kind kind = streq(s->key, "Match") ? KFTP_FILTER_INCLUDE : KFTP_FILTER_EXCLUDE;
        _cleanup_free_ char *tried = job_try_dates(p, item, 0);
        size_t i = 0, n;

        if (!tried)
                return;
        if (!*item->value)
                forget_patterns(p, kind);
        for (; item->value[i]; i += n) {
                i += strspn(item->value + i, " \t");
                n = word_length(item->value + i);
                if (n > 0)
                        add_pattern(p, kind, item->value + i, n, item->value_origin[i]);
        }
}

void job_patterns_done(JobParser *p) {
        forget_patterns(p, KFTP_FILTER_INCLUDE);
        forget_patterns(p, KFTP_FILTER_EXCLUDE);
        free(p->patterns);
}

static void use_pattern(JobParser *p, const JobPattern *pattern) {
        _cleanup_free_ char *reason = NULL, *shown = NULL, *text = job_date_expand(pattern->text, p->now, false);
        int r = text ? kftp_filter_add(p->job->filter, pattern->kind, text, &reason) : -ENOMEM;

        if (r == -ENOMEM)
                p->no_memory = true;
        if (r >= 0 || r == -ENOMEM)
                return;
        shown = job_excerpt(pattern->text);
        job_diagnose(p, true, pattern->at, "%s=%s: %s", pattern->kind == KFTP_FILTER_INCLUDE ? "Match" : "Exclude", strempty(shown),
                     strempty(reason));
}

/* If one of them has a date all of them are kept: the filter is made anew as a whole. */
static void keep_patterns(JobParser *p) {
        const char *why;
        bool dated = false;
        size_t at;

        for (size_t i = 0; i < p->patterns_n; i++)
                dated |= job_date_check(p->patterns[i].text, &at, &why) > 0;
        for (size_t i = 0; dated && i < p->patterns_n; i++)
                if (job_template_add(&p->job->templates, p->patterns[i].kind == KFTP_FILTER_INCLUDE ? JOB_TEMPLATE_MATCH : JOB_TEMPLATE_EXCLUDE,
                                     p->patterns[i].text) < 0)
                        p->no_memory = true;
        p->job->dated |= dated;
}

void job_make_filter(JobParser *p) {
        if (p->patterns_n == 0)
                return;
        if (kftp_filter_new(&p->job->filter) < 0) {
                p->no_memory = true;
                return;
        }
        p->job->mirror_options.filter = p->job->filter;
        for (size_t i = 0; i < p->patterns_n; i++)
                use_pattern(p, p->patterns + i);
        keep_patterns(p);
}
