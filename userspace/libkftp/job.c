/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes a job of the text of its files. The syntax is in job-syntax.c, sections and keys in job-read.c, the table of settings
 * in job-settings.c, their values by subject in files of their own, what must hold between them in job-check.c, and
 * reading and trusting files in job-file.c.
 */


#include "job-date.h"
#include "job-settings.h"

KftpJob *kftp_job_free(KftpJob *j) {
        if (!j)
                return NULL;
        free(j->name);
        free(j->file);
        free(j->description);
        free(j->remote);
        kftp_url_done(&j->url);
        free(j->user);
        free(j->password_file);
        free(j->ca_file);
        free(j->certificate_file);
        free(j->key_file);
        free(j->pin);
        free(j->path);
        free(j->path_file);
        kftp_filter_free(j->filter);
        job_free_list(j->calendar);
        free(j->marker);
        free(j->then.directory);
        free(j->then_on_failure.directory);
        free(j->remote_name);
        free(j->credential);
        free(j->netrc_file);
        job_free_list(j->on_success);
        job_free_list(j->on_failure);
        job_templates_free(j->templates);
        free(j);
        return NULL;
}

bool kftp_job_name_valid(const char *name, size_t n) {
        if (n == 0 || n > KFTP_JOB_NAME_MAX || name[0] == '.')
                return false;
        for (size_t i = 0; i < n; i++)
                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@", name[i]) || !name[i])
                        return false;
        return true;
}

/* A job with all its defaults; NULL without memory. */
static KftpJob *new_job(const char *name, const char *file) {
        KftpJob *j = calloc(1, sizeof(*j));

        if (!j)
                return NULL;
        j->name = strdup(name);
        j->file = strdup(file);
        j->retries = KFTP_JOB_RETRIES_DEFAULT;
        j->retry_usec = KFTP_JOB_RETRY_USEC_DEFAULT;
        j->persistent = true;
        j->poll_usec = KFTP_JOB_POLL_USEC_DEFAULT;
        j->deadline = KFTP_DEADLINE_NONE;
        j->file_mode = KFTP_MODE_UNKNOWN;
        if (!j->name || !j->file)
                return kftp_job_free(j);
        return j;
}

int job_parser_run(JobParser *p, const char *name, void (*check)(JobParser *p)) {
        int r;

        p->now = time(NULL);
        p->job = new_job(name, p->fragments_n > 0 ? p->fragments->file : name);
        if (!p->job)
                return -ENOMEM;
        if (!kftp_job_name_valid(name, strlen(name)))
                job_diagnose(p, true, JOB_WHOLE_FILE, "the name of a %s has letters, digits and \":-_.\\@\" only, and at most %u of them",
                             p->is_remote ? "remote" : "job", KFTP_JOB_NAME_MAX);
        else if (job_read(p))
                check(p);

        r = p->errors > 0 ? -EBADMSG : p->no_memory ? -ENOMEM :
            kftp_job_revision_of(p->fragments, p->fragments_n, p->job->revision);
        job_forget_unknown(p);
        job_patterns_done(p);
        if (r < 0)
                p->job = kftp_job_free(p->job);
        return r;
}

int kftp_job_parse_fragments(const char *name, const KftpJobFragment *fragments, size_t n, kftp_remote_find_t find,
                             void *find_userdata, kftp_diagnosis_t sink, void *userdata, KftpJob **ret) {
        JobParser p = {
                .fragments = fragments,
                .fragments_n = n,
                .sink = sink,
                .userdata = userdata,
                .find = find,
                .find_userdata = find_userdata,
        };
        int r;

        *ret = NULL;
        r = job_parser_run(&p, name, job_check);
        if (r >= 0)
                *ret = p.job;
        return r;
}

int kftp_job_parse(const char *file, const void *text, size_t n, kftp_diagnosis_t sink, void *userdata, KftpJob **ret) {
        const KftpJobFragment fragment = { .file = file, .text = text, .n = n };
        const char *slash = strrchr(file, '/'), *last = slash ? slash + 1 : file;
        size_t length = strlen(last), suffix = strlen(KFTP_JOB_SUFFIX);
        _cleanup_free_ char *name = NULL;

        if (length > suffix && streq(last + length - suffix, KFTP_JOB_SUFFIX))
                length -= suffix;
        *ret = NULL;
        name = strndup(last, length);
        return name ? kftp_job_parse_fragments(name, &fragment, 1, NULL, NULL, sink, userdata, ret) : -ENOMEM;
}
