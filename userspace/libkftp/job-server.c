/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a job file says about the server: where it is, who logs in, with which password, and over which TLS. */

#include "job-date.h"
#include "job-settings.h"
#include "secret.h"

/* ---- Values ------------------------------------------------------------------------------------ */

void job_parse_user(JobParser *p, const JobSetting *s, const JobItem *item) {
        size_t i = 0;

        while ((unsigned char) item->value[i] >= 0x20 && item->value[i] != 0x7f)
                i++;
        if (item->value[i])             /* a tab: other ones may not stand in a job file at all */
                job_bad_value(p, item, i, "a user's name has no control characters");
        else if (strlen(item->value) > KFTP_MAX_CREDENTIAL)
                job_bad_value(p, item, 0, "longer than %u bytes", KFTP_MAX_CREDENTIAL);
        else
                job_set_string(p, s, item->value);
}

void job_parse_credential(JobParser *p, const JobSetting *s, const JobItem *item) {
        if (*item->value && !kftp_credential_name_valid(item->value))
                job_bad_value(p, item, 0, "not the name of a credential: it has letters, digits and \"-_.\" only");
        else
                job_set_string(p, s, item->value);
}

void job_parse_remote_name(JobParser *p, const JobSetting *s, const JobItem *item) {
        size_t n = strlen(item->value);

        if (n > 0 && !kftp_job_name_valid(item->value, n))
                job_bad_value(p, item, 0, "a name has letters, digits and \":-_.\\@\" only, and at most %u of them", KFTP_JOB_NAME_MAX);
        else
                job_set_string(p, s, item->value);
}

void job_parse_pin(JobParser *p, const JobSetting *s, const JobItem *item) {
        _cleanup_free_ char *reason = NULL;
        int r = 0;

        if (*item->value)
                r = kftp_tls_pin_check(item->value, &reason);
        if (r == -ENOMEM)
                p->no_memory = true;
        else if (r < 0)
                job_bad_value(p, item, 0, "%s", strempty(reason));
        else
                job_set_string(p, s, item->value);
}

/* The offset in the URL of a password, 0 if it has none. */
static size_t password_in_url(const char *url) {
        const char *authority = strstr(url, "://"), *end, *at, *colon;

        if (!authority)
                return 0;
        authority += 3;
        end = authority + strcspn(authority, "/?#");
        at = memrchr(authority, '@', (size_t) (end - authority));
        colon = at ? memchr(authority, ':', (size_t) (at - authority)) : NULL;
        return colon ? (size_t) (colon + 1 - url) : 0;
}

/* The offset in the URL of a brace before its path, 0 if there is none: a server is one, with one login and one queue. */
static size_t date_in_server(const char *url) {
        const char *authority = strstr(url, "://"), *brace;

        if (!authority)
                return 0;
        brace = memchr(url, '{', (size_t) (authority + 3 - url) + strcspn(authority + 3, "/?#"));
        return brace ? (size_t) (brace - url) : 0;
}

/* What it means can be told when all is read: it may be below the URL of a remote. */
void job_parse_url(JobParser *p, const JobSetting *s, const JobItem *item) {
        size_t password = password_in_url(item->value), date = date_in_server(item->value), n = strlen(item->value);
        _cleanup_free_ char *tried = NULL;

        if (password > 0) {
                job_diagnose(p, true, item->value_origin[password], "URL= holds a password, which others could read here: take it out; "
                             JOB_HOW_TO_GIVE_PASSWORD);
                return;
        }
        if (date > 0) {
                job_bad_value(p, item, date, "a brace cannot stand before the path");
                return;
        }
        tried = job_try_dates(p, item, 0);
        if (!tried)
                return;
        job_set_string(p, s, item->value);
        p->url_end_at = item->value_origin[n > 0 ? n - 1 : 0];
}

/* ---- Checks -------------------------------------------------------------------------------------- */

size_t job_server_at(const JobParser *p, const char *key) {
        const char *section = job_server_section(p);

        return job_value_at(p, section, key) ?: job_value_at(p, section, "Remote") ?: job_value_at(p, "Remote", key);
}

/* What is about TLS goes together, and with the URL. */
static void check_tls(JobParser *p) {
        static const char *const keys[] = { "CAFile", "CertificateFile", "KeyFile", "Pin" };
        KftpJob *j = p->job;
        const char *const values[] = { j->ca_file, j->certificate_file, j->key_file, j->pin };
        int r;

        r = kftp_tls_resolve(&j->url, &j->tls_mode, j->tls_given, NULL);
        if (r == -ENOMEM)
                p->no_memory = true;
        else if (r < 0) {
                job_diagnose(p, true, job_server_at(p, "TLS"), "TLS= contradicts URL=, where ftps:// means TLS from the first byte "
                             "on: leave TLS= out, or write ftp://");
                return;
        }
        if (j->key_file && !j->certificate_file)
                job_diagnose(p, true, job_server_at(p, "KeyFile"), "KeyFile= without a certificate: give CertificateFile= as well");
        for (size_t i = 0; j->tls_mode == KFTP_TLS_NONE && i < ELEMENTS(keys); i++)
                if (values[i])
                        job_diagnose(p, true, job_server_at(p, keys[i]), "%s= without TLS: let URL= begin with ftps://, or add TLS=require",
                                     keys[i]);
}

static void check_login(JobParser *p) {
        static const char *const keys[] = { "PasswordFile", "Credential", "NetrcFile" };
        KftpJob *j = p->job;
        const char *const values[] = { j->password_file, j->credential, j->netrc_file }, *first = NULL;

        if (j->user && j->url.user && !streq(j->user, j->url.user))
                job_diagnose(p, true, job_server_at(p, "User"), "User= and URL= name two different users");
        for (size_t i = 0; i < ELEMENTS(keys); i++) {
                if (!values[i])
                        continue;
                if (first)
                        job_diagnose(p, true, job_server_at(p, keys[i]), "%s= and %s=: the password comes from one of them only", keys[i], first);
                else if (!j->user && !j->url.user && i < 2)     /* a netrc file has users, too */
                        job_diagnose(p, true, job_server_at(p, keys[i]), "%s= without a user: give User= as well", keys[i]);
                first = keys[i];
        }
}

static void check_directory(JobParser *p) {
        _cleanup_free_ char *shown = NULL;
        const KftpJob *j = p->job;

        if (j->mirror || j->set || j->upload || *j->url.base)
                return;
        shown = job_excerpt(j->remote);
        job_diagnose(p, true, p->url_end_at ?: job_server_at(p, "URL"), "URL=%s: names a directory: let it name a file, or end it in a slash "
                     "for the files that are in it, or add Transfer=mirror for all that is below", strempty(shown));
}

static bool make_url(JobParser *p) {
        _cleanup_free_ char *reason = NULL, *shown = NULL, *text = job_date_expand(p->job->remote, p->now, true);
        int r = text ? job_make_url(p->job, text, &p->job->url, &reason) : -ENOMEM;

        if (r >= 0)
                return true;
        if (r == -ENOMEM)
                p->no_memory = true;
        else {
                shown = job_excerpt(p->job->remote);
                job_diagnose(p, true, job_server_at(p, "URL"), "URL=%s: %s", strempty(shown), reason ?: "not a URL");
        }
        return false;
}

void job_check_server(JobParser *p) {
        if (!p->job->remote) {
                if (p->errors == 0)
                        job_diagnose(p, true, job_server_at(p, "URL"), "URL= is empty");
        } else if (make_url(p) && p->errors == 0) {
                check_login(p);
                check_directory(p);
                check_tls(p);
        }
}
