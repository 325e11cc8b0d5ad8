/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A job whose file has dates keeps what is written there, and is made anew of it for each run: its URL, path, marker,
 * directories and patterns.
 */

#include "job-date.h"
#include "job-settings.h"

typedef struct JobTemplate {
        enum job_template what;
        char *text;
} JobTemplate;

struct KftpJobTemplates {
        size_t n;
        JobTemplate list[];
};

int job_template_add(KftpJobTemplates **templates, enum job_template what, const char *text) {
        size_t n = *templates ? (*templates)->n : 0;
        KftpJobTemplates *more = realloc(*templates, sizeof(*more) + (n + 1) * sizeof(more->list[0]));

        if (!more)
                return -ENOMEM;
        *templates = more;
        more->n = n;
        more->list[n] = (JobTemplate) { what, strdup(text) };
        if (!more->list[n].text)
                return -ENOMEM;
        more->n++;
        return 0;
}

KftpJobTemplates *job_templates_free(KftpJobTemplates *templates) {
        for (size_t i = 0; templates && i < templates->n; i++)
                free(templates->list[i].text);
        free(templates);
        return NULL;
}

int job_make_url(const KftpJob *j, const char *text, KftpUrl *ret, char **reason) {
        _cleanup_free_ char *directory = NULL;
        size_t n = strlen(text);

        /* The path of a set says that it is a directory, whether its text does or not. */
        if (j->set && n > 0 && text[n - 1] != '/' && asprintf(&directory, "%s/", text) < 0)
                return -ENOMEM;
        return kftp_url_parse(directory ?: text, ret, reason);
}

/* ---- Another moment ------------------------------------------------------------------------------ */

/* Fills *reason; always -EINVAL. */
static int no_path(char **reason, const char *path) {
        _cleanup_free_ char *shown = job_excerpt(path);

        if (reason && asprintf(reason, "%s is no path that could be used", strempty(shown)) < 0)
                *reason = NULL;
        return -EINVAL;
}

/* Where a template's text goes in the job. */
static char **field_of(KftpJob *j, enum job_template what) {
        switch (what) {
        case JOB_TEMPLATE_URL:
                return &j->remote;
        case JOB_TEMPLATE_PATH:
                return &j->path;
        case JOB_TEMPLATE_MARKER:
                return &j->marker;
        case JOB_TEMPLATE_THEN:
                return &j->then.directory;
        case JOB_TEMPLATE_THEN_ON_FAILURE:
                return &j->then_on_failure.directory;
        default:
                return NULL;
        }
}

/* What is new, until all of it has turned out well. */
typedef struct NewValues {
        char *texts[JOB_TEMPLATE_THEN_ON_FAILURE + 1];
        KftpUrl url;
        KftpFilter *filter;
} NewValues;

static int make_pattern(NewValues *values, enum job_template what, const char *text, char **reason) {
        int r = values->filter ? 0 : kftp_filter_new(&values->filter);

        if (r < 0)
                return r;
        return kftp_filter_add(values->filter, what == JOB_TEMPLATE_MATCH ? KFTP_FILTER_INCLUDE : KFTP_FILTER_EXCLUDE, text, reason);
}

static int make_url(const KftpJob *j, NewValues *values, const char *text, char **reason) {
        enum kftp_tls_mode tls = j->tls_mode;
        int r = job_make_url(j, text, &values->url, reason);

        return r < 0 ? r : kftp_tls_resolve(&values->url, &tls, j->tls_given, reason);
}

static int make_value(const KftpJob *j, NewValues *values, const JobTemplate *t, int64_t when, char **reason) {
        _cleanup_free_ char *text = job_date_expand(t->text, when, t->what == JOB_TEMPLATE_URL);

        if (!text)
                return -ENOMEM;
        if (t->what >= JOB_TEMPLATE_MATCH)
                return make_pattern(values, t->what, text, reason);
        if (t->what == JOB_TEMPLATE_URL) {
                int r = make_url(j, values, text, reason);

                if (r < 0)
                        return r;
        } else if (job_has_dot_dot(text) || strlen(text) >= KFTP_MAX_PATH)
                return no_path(reason, text);
        values->texts[t->what] = STEAL_PTR(text);
        return 0;
}

static void use_values(KftpJob *j, NewValues *values) {
        for (enum job_template what = 0; what < ELEMENTS(values->texts); what++)
                if (values->texts[what]) {
                        char **field = field_of(j, what);

                        free(*field);
                        *field = STEAL_PTR(values->texts[what]);
                }
        if (values->url.host) {
                kftp_url_done(&j->url);
                j->url = values->url;
                values->url = (KftpUrl) {};
        }
        if (values->filter) {
                kftp_filter_free(j->filter);
                j->mirror_options.filter = j->filter = STEAL_PTR(values->filter);
        }
}

int kftp_job_set_date(KftpJob *j, int64_t when, char **reason) {
        NewValues values = {};
        int r = 0;

        if (reason)
                *reason = NULL;
        for (size_t i = 0; r >= 0 && j->templates && i < j->templates->n; i++)
                r = make_value(j, &values, j->templates->list + i, when, reason);
        if (r >= 0)
                use_values(j, &values);
        for (size_t i = 0; i < ELEMENTS(values.texts); i++)
                free(values.texts[i]);
        kftp_url_done(&values.url);
        kftp_filter_free(values.filter);
        return MIN2(r, 0);
}
