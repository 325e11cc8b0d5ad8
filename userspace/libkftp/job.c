/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes a job of the text of a job file: walks through its sections and keys and checks what must
 * hold between them. The syntax is in job-syntax.c, the settings and their values in job-settings.c,
 * reading and trusting a file in job-file.c.
 */

#include <strings.h>

#include "job-settings.h"
#include "job-value.h"

#define NO_UPLOADS "this version of kftp sends with Transfer=mirror only: add that, or give URL= in [Source] and Path= in [Target]"

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

/* ---- Sections and keys -------------------------------------------------------------------------- */

static void enter_section(JobParser *p, const JobItem *item) {
        _cleanup_free_ char *shown = NULL;
        const char *nearest;

        p->section = NULL;
        for (size_t i = 0; i < JOB_SECTIONS; i++)
                if (streq(job_sections[i], item->key)) {
                        p->section = job_sections[i];
                        p->section_at[i] = item->key_at + 1;
                        p->ignoring = false;
                        return;
                }

        p->ignoring = true;
        if (startswith(item->key, "X-"))
                return;
        shown = job_excerpt(item->key);
        nearest = job_nearest(item->key, job_sections, JOB_SECTIONS);
        job_diagnose(p, false, item->key_at, "unknown section %s is ignored%s%s%s", strempty(shown),
                 nearest ? "; did you mean [" : "", strempty(nearest), nearest ? "]?" : "");
}

static void warn_unknown(JobParser *p, const JobItem *item) {
        const char *words[JOB_SETTINGS] = {}, *nearest;
        _cleanup_free_ char *shown = job_excerpt(item->key);

        for (size_t i = 0; i < JOB_SETTINGS; i++) {
                if (job_settings[i].why)
                        continue;
                if (streq(job_settings[i].section, p->section))
                        words[i] = job_settings[i].key;
                else if (strcasecmp(job_settings[i].key, item->key) == 0) {
                        /* without its filter a mirror would be another one */
                        if (job_settings[i].mirror)
                                job_diagnose(p, true, item->key_at, "%s= in [%s]: it belongs into [%s]", job_settings[i].key,
                                             p->section, job_settings[i].section);
                        else
                                job_diagnose(p, false, item->key_at, "%s= in [%s] is ignored; it belongs into [%s]",
                                             job_settings[i].key, p->section, job_settings[i].section);
                        return;
                }
        }
        nearest = job_nearest(item->key, words, ELEMENTS(words));
        job_diagnose(p, false, item->key_at, "unknown key %s in [%s] is ignored%s%s%s", strempty(shown), p->section,
                 nearest ? "; did you mean " : "", strempty(nearest), nearest ? "=?" : "");
}

static void assign(JobParser *p, const JobItem *item) {
        const JobSetting *s;

        if (p->ignoring || startswith(item->key, "X-"))
                return;
        if (!p->section) {
                job_diagnose(p, true, item->key_at, "an assignment before the first section: begin with [Job] or [Source]");
                return;
        }
        s = job_find_setting(p->section, item->key);
        if (!s) {
                warn_unknown(p, item);
                return;
        }
        p->set_at[s - job_settings] = item->value_origin[0];
        p->key_at[s - job_settings] = item->key_at;
        s->parse(p, s, item);
}

/* ---- The whole ----------------------------------------------------------------------------------- */

static const char *server_section(const KftpJob *j) {
        return j->upload ? "Target" : "Source";
}

static const char *our_section(const KftpJob *j) {
        return j->upload ? "Source" : "Target";
}

/* Where a key stands that there is; 0: it is not given. */
static size_t key_at(const JobParser *p, const char *section, const char *key) {
        return job_value_at(p, section, key) == 0 ? 0 : p->key_at[job_find_setting(section, key) - job_settings];
}

/* What every job must have: reported where its section begins, if it does. */
static void require(JobParser *p, const char *section, const char *key, const char *what) {
        size_t at = JOB_WHOLE_FILE;

        if (job_value_at(p, section, key) != 0)
                return;
        for (size_t i = 0; i < JOB_SECTIONS; i++)
                if (streq(job_sections[i], section) && p->section_at[i] != 0)
                        at = p->section_at[i];
        job_diagnose(p, true, at, "%s= is missing in [%s]: %s", key, section, what);
}

static void require_both(JobParser *p) {
        const KftpJob *j = p->job;

        require(p, server_section(j), "URL",
                j->mirror ? "it names the directory on the server, such as ftp://ftp.example.com/pub/" :
                            "it names the file to fetch, such as ftp://ftp.example.com/pub/file");
        require(p, our_section(j), "Path",
                j->upload ? "it names the directory to send, such as /srv/ftp/outgoing/" :
                j->mirror ? "it names the directory to write, such as /srv/ftp/pub/" :
                            "it names the file or directory to write, such as /srv/ftp/");
}

/* Which side is the server's: the one with URL=. The other one has Path=. */
static void check_sides(JobParser *p) {
        size_t source_url = key_at(p, "Source", "URL"), source_path = key_at(p, "Source", "Path");
        size_t target_url = key_at(p, "Target", "URL"), target_path = key_at(p, "Target", "Path");

        if (source_url != 0 && source_path != 0)
                job_diagnose(p, true, source_path, "URL= and Path= in [Source]: one of them belongs into [Target]");
        else if (target_url != 0 && target_path != 0)
                job_diagnose(p, true, target_path, "URL= and Path= in [Target]: one of them belongs into [Source]");
        else if (source_url != 0 && target_url != 0)
                job_diagnose(p, true, target_url, "URL= in [Source] and in [Target]: one side has to be a Path= here");
        else if (source_path != 0 && target_path != 0)
                job_diagnose(p, true, target_path, "Path= in [Source] and in [Target]: one side has to be the URL= of a server");
        else {
                p->job->upload = source_path != 0 || target_url != 0;
                if (p->job->mirror || !p->job->upload) {
                        require_both(p);
                        return;
                }
                if (source_path != 0)
                        job_diagnose(p, true, source_path, "Path= in [Source]: %s", NO_UPLOADS);
                if (target_url != 0)
                        job_diagnose(p, true, target_url, "URL= in [Target]: %s", NO_UPLOADS);
        }
}

/* Keys that have a meaning elsewhere, but not here, might be what somebody relies on. */
static void check_places(JobParser *p) {
        const char *server = server_section(p->job);

        for (size_t i = 0; i < JOB_SETTINGS; i++) {
                const JobSetting *s = job_settings + i;

                if (p->set_at[i] == 0)
                        continue;
                if (s->server && !streq(s->section, server))
                        job_diagnose(p, true, p->key_at[i], "%s= in [%s]: it is about the server, and belongs into the section with URL=, "
                                     "which is [%s]", s->key, s->section, server);
                else if (s->mirror && !p->job->mirror)
                        job_diagnose(p, true, p->key_at[i], "%s= needs Transfer=mirror", s->key);
        }
}

/* What is about TLS goes together, and with the URL. */
static void check_tls(JobParser *p) {
        static const char *const keys[] = { "CAFile", "CertificateFile", "KeyFile", "Pin" };
        KftpJob *j = p->job;
        const char *const values[] = { j->ca_file, j->certificate_file, j->key_file, j->pin }, *section = server_section(j);
        int r;

        r = kftp_tls_resolve(&j->url, &j->tls_mode, j->tls_given, NULL);
        if (r == -ENOMEM)
                p->no_memory = true;
        else if (r < 0) {
                job_diagnose(p, true, job_value_at(p, section, "TLS"), "TLS= contradicts URL=, where ftps:// means TLS from the first byte "
                             "on: leave TLS= out, or write ftp://");
                return;
        }
        if (j->key_file && !j->certificate_file)
                job_diagnose(p, true, job_value_at(p, section, "KeyFile"), "KeyFile= without a certificate: give CertificateFile= as well");
        for (size_t i = 0; j->tls_mode == KFTP_TLS_NONE && i < ELEMENTS(keys); i++)
                if (values[i])
                        job_diagnose(p, true, job_value_at(p, section, keys[i]), "%s= without TLS: let URL= begin with ftps://, or add TLS=require",
                                     keys[i]);
}

static void check_url(JobParser *p) {
        _cleanup_free_ char *shown = NULL;

        if (p->job->mirror || *p->job->url.base)
                return;
        shown = job_excerpt(p->job->remote);
        job_diagnose(p, true, p->url_end_at, "URL=%s: names a directory: let it name a file, or add Transfer=mirror for all that is in it",
                     strempty(shown));
}

static void check_job(JobParser *p) {
        const KftpJob *j = p->job;
        const char *server;

        check_sides(p);
        if (p->errors == 0)
                check_places(p);
        if (p->errors > 0)
                return;

        server = server_section(j);
        if (!j->remote)
                job_diagnose(p, true, job_value_at(p, server, "URL"), "URL= is empty");
        else if (!j->path)
                job_diagnose(p, true, job_value_at(p, our_section(j), "Path"), "Path= is empty");
        else if (j->user && j->url.user && !streq(j->user, j->url.user))
                job_diagnose(p, true, job_value_at(p, server, "User"), "User= and URL= name two different users");
        else if (j->password_file && !j->user && !j->url.user)
                job_diagnose(p, true, job_value_at(p, server, "PasswordFile"),
                         "PasswordFile= without a user: give User= as well");
        if (p->errors == 0) {
                check_url(p);
                check_tls(p);
                job_check_mirror(p);
        }
}

static void parse_items(JobParser *p) {
        JobItem item;

        for (;;) {
                _cleanup_free_ char *shown = NULL;

                switch (job_text_next(&p->text, &item)) {
                case JOB_ITEM_END:
                        return;
                case JOB_ITEM_SECTION:
                        enter_section(p, &item);
                        break;
                case JOB_ITEM_ASSIGNMENT:
                        assign(p, &item);
                        break;
                case JOB_ITEM_GARBAGE:
                        if (p->ignoring)
                                break;
                        shown = job_excerpt(item.key);
                        job_diagnose(p, true, item.key_at, "neither [Section] nor Key=value: %s", strempty(shown));
                        break;
                }
        }
}

static bool check_bytes(JobParser *p, const char *text, size_t n) {
        const char *what;
        size_t at;

        if (n > KFTP_JOB_SIZE_MAX)
                job_diagnose(p, true, JOB_WHOLE_FILE, "larger than %u KiB, which no job needs", KFTP_JOB_SIZE_MAX / 1024);
        else if (job_text_find_bad(text, n, &at, &what))
                job_diagnose(p, true, at, "byte 0x%02x %s", (unsigned) (unsigned char) text[at], what);
        else
                return true;
        return false;
}

static void free_list(char **list) {
        for (char **text = list; text && *text; text++)
                free(*text);
        free(list);
}

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
        kftp_filter_free(j->filter);
        free_list(j->calendar);
        free(j->marker);
        free(j->then.directory);
        free(j->then_on_failure.directory);
        free(j->remote_name);
        free(j->credential);
        free(j->netrc_file);
        free_list(j->on_success);
        free_list(j->on_failure);
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
static KftpJob *new_job(const char *file) {
        const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
        size_t n = strlen(name), suffix = strlen(KFTP_JOB_SUFFIX);
        KftpJob *j = calloc(1, sizeof(*j));

        if (!j)
                return NULL;
        if (n > suffix && streq(name + n - suffix, KFTP_JOB_SUFFIX))
                n -= suffix;
        j->name = strndup(name, n);
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

int kftp_job_parse(const char *file, const void *text, size_t n, kftp_diagnosis_t sink, void *userdata, KftpJob **ret) {
        JobParser p = { .file = file, .sink = sink, .userdata = userdata };
        int r;

        *ret = NULL;
        p.job = new_job(file);
        if (!p.job)
                return -ENOMEM;
        r = job_text_init(&p.text, text, n);
        if (r < 0)
                goto finish;

        if (!kftp_job_name_valid(p.job->name, strlen(p.job->name)))
                job_diagnose(&p, true, JOB_WHOLE_FILE,
                         "the name of a job has letters, digits and \":-_.\\@\" only, and at most %u of them",
                         KFTP_JOB_NAME_MAX);
        else if (check_bytes(&p, text, n)) {
                parse_items(&p);
                check_job(&p);
        }

        r = p.errors > 0 ? -EBADMSG : p.no_memory ? -ENOMEM : kftp_job_revision(text, n, p.job->revision);
        if (r >= 0)
                *ret = STEAL_PTR(p.job);
finish:
        job_text_done(&p.text);
        job_patterns_done(&p);
        kftp_job_free(p.job);
        return r;
}
