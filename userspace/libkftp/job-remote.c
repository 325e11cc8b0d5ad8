/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NAME.remote: what several jobs have in common about a server. It is parsed into the same fields, of a job that is never
 * run, from which a job takes what it does not say itself.
 */

#include <strings.h>

#include "job-date.h"
#include "job-settings.h"

struct KftpJobRemote {
        KftpJob *job;
        bool given[JOB_SETTINGS];
};

/* ---- Parsing ------------------------------------------------------------------------------------- */

/* A user in the URL becomes that of User=, so that a job may have another one. */
static void split_user(JobParser *p) {
        KftpJob *j = p->job;
        char *authority = strstr(j->remote, "://"), *end, *at;

        if (!j->url.user || !authority)
                return;
        if (!j->user)
                j->user = STEAL_PTR(j->url.user);
        authority += 3;
        end = authority + strcspn(authority, "/?#");
        at = memrchr(authority, '@', (size_t) (end - authority));
        if (at)
                memmove(authority, at + 1, strlen(at + 1) + 1);
}

static void check_remote(JobParser *p) {
        KftpJob *j = p->job;

        p->job->tls_given = job_is_given(p, "Remote", "TLS");
        p->job->set = true;             /* its URL is a directory */
        if (j->remote) {
                job_check_server(p);
                if (p->errors == 0)
                        split_user(p);
        } else if (j->key_file && !j->certificate_file)
                job_diagnose(p, true, job_value_at(p, "Remote", "KeyFile"), "KeyFile= without a certificate: give CertificateFile= as well");
}

int kftp_remote_parse(const char *name, const KftpJobFragment *fragments, size_t n, kftp_diagnosis_t sink, void *userdata,
                      KftpJobRemote **ret) {
        JobParser p = { .fragments = fragments, .fragments_n = n, .sink = sink, .userdata = userdata, .is_remote = true };
        KftpJobRemote *r = calloc(1, sizeof(*r));
        int result;

        *ret = NULL;
        result = r ? job_parser_run(&p, name, check_remote) : -ENOMEM;
        if (result < 0) {
                free(r);
                return result;
        }
        r->job = STEAL_PTR(p.job);
        for (size_t i = 0; i < JOB_SETTINGS; i++)
                r->given[i] = p.set_at[i] != 0 && !p.emptied[i];
        *ret = r;
        return 0;
}

KftpJobRemote *kftp_remote_free(KftpJobRemote *r) {
        if (r)
                kftp_job_free(r->job);
        free(r);
        return NULL;
}

/* ---- Applying ------------------------------------------------------------------------------------ */

static void copy_value(JobParser *p, const JobSetting *s, const KftpJob *from) {
        void *to = (char *) p->job + s->offset;
        const void *value = (const char *) from + s->offset;

        switch (s->field) {
        case JOB_FIELD_STRING:
                job_set_string(p, s, strempty(*(char *const *) value));
                break;
        case JOB_FIELD_BOOL:
                *(bool *) to = *(const bool *) value;
                break;
        case JOB_FIELD_UNSIGNED:
                *(unsigned *) to = *(const unsigned *) value;
                break;
        case JOB_FIELD_U64:
                *(uint64_t *) to = *(const uint64_t *) value;
                break;
        default:
                break;
        }
}

static bool job_says(const JobParser *p, const char *key) {
        return job_is_given(p, job_server_section(p), key) || (job_find_setting("Job", key) && job_is_given(p, "Job", key));
}

/* Whether the job says itself where the password is: then that of the remote is none of its business. */
static bool has_password(const JobParser *p) {
        return job_says(p, "PasswordFile") || job_says(p, "Credential") || job_says(p, "NetrcFile");
}

static void copy_values(JobParser *p, const KftpJobRemote *remote) {
        bool own_password = has_password(p);

        for (size_t i = 0; i < JOB_SETTINGS; i++) {
                const JobSetting *s = job_settings + i;

                if (!remote->given[i] || streq(s->key, "URL") || streq(s->key, "User") || job_says(p, s->key))
                        continue;
                if (own_password && (s->belongs & JOB_PASSWORD))
                        continue;
                copy_value(p, s, remote->job);
        }
        p->job->tls_given = job_says(p, "TLS") || remote->job->tls_given;
}

static void copy_user(JobParser *p, const KftpJobRemote *remote) {
        const char *authority = p->job->remote ? strstr(p->job->remote, "://") : NULL;

        if (p->job->user || !remote->job->user)
                return;
        if (authority && memchr(authority + 3, '@', strcspn(authority + 3, "/?#")))      /* its own URL names one */
                return;
        p->job->user = strdup(remote->job->user);
        p->no_memory |= !p->job->user;
}

/* ---- The URL ------------------------------------------------------------------------------------- */

/* Credentials of one server are not for another one, nor for the same one without its TLS. */
static bool same_server(JobParser *p, const KftpJob *remote) {
        _cleanup_free_ char *text = job_date_expand(p->job->remote, p->now, true);
        KftpUrl url = {};
        bool same;

        if (!text || kftp_url_parse(text, &url, NULL) < 0)
                return true;            /* what is wrong with it is told later */
        same = strcasecmp(url.host, remote->url.host) == 0 && url.port == remote->url.port && url.implicit_tls == remote->url.implicit_tls;
        kftp_url_done(&url);
        return same;
}

static bool fail_url(JobParser *p, const char *why) {
        _cleanup_free_ char *shown = job_excerpt(p->job->remote);

        job_diagnose(p, true, job_server_at(p, "URL"), "URL=%s: %s", strempty(shown), why);
        return false;
}

/* What the URL of the job means below that of the remote. */
static bool resolve_url(JobParser *p, const KftpJob *remote) {
        const char *text = p->job->remote;
        char *resolved = NULL;
        bool slash;

        if (!remote->remote)
                return text ? true : (job_diagnose(p, true, job_server_at(p, "Remote"), "the remote has no URL=: give it here, or there"), false);
        if (text && strstr(text, "://"))
                return same_server(p, remote) || fail_url(p, "this is another server than that of Remote=: write only the path on it, or leave Remote= out");
        if (text && *text == '/')
                return fail_url(p, "a path below that of Remote= begins without a slash");
        if (text && job_has_dot_dot(text))
                return fail_url(p, "a path below that of Remote= has no \"..\"");
        slash = remote->remote[strlen(remote->remote) - 1] == '/';
        if (asprintf(&resolved, "%s%s%s", remote->remote, slash ? "" : "/", strempty(text)) < 0) {
                p->no_memory = true;
                return false;
        }
        free(p->job->remote);
        p->job->remote = resolved;
        return true;
}

static bool no_remote(JobParser *p, int error) {
        const char *name = p->job->remote_name, *why = error == -ENOENT ? "there is no such file" :
                error == -ERFKILL ? "it is masked" : "it has errors, which are told apart from this";

        p->no_memory |= error == -ENOMEM;
        job_diagnose(p, true, job_server_at(p, "Remote"), "Remote=%s means %s" KFTP_REMOTE_SUFFIX ": %s", name, name, why);
        return false;
}

bool job_apply_remote(JobParser *p) {
        const KftpJobRemote *remote = NULL;
        KftpJob *j = p->job;
        int r;

        j->tls_given = job_says(p, "TLS");
        if (!j->remote_name)
                return true;
        r = p->find ? p->find(p->find_userdata, j->remote_name, &remote) : -ENOENT;
        if (r < 0)
                return no_remote(p, r);
        copy_user(p, remote);
        copy_values(p, remote);
        return resolve_url(p, remote->job);
}
