/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings of a job file and the parser of each value. What must hold between settings is
 * checked in job.c.
 */

#include <limits.h>
#include <stdarg.h>

#include "job-settings.h"
#include "job-value.h"

#define DIAGNOSES_MAX 20U               /* a file of garbage does not flood the journal */
#define EXCERPT_MAX 60U                 /* bytes of offending text that are shown */
#define RETRIES_MAX 1000U
#define RETRY_USEC_MIN USEC_PER_MSEC
#define RETRY_USEC_MAX (300 * USEC_PER_SEC)     /* where the back-off ends as well */

const char *const job_sections[JOB_SECTIONS] = { "Job", "Source", "Target" };

static void parse_text(JobParser *p, const JobSetting *s, const JobItem *item);
static void parse_transfer(JobParser *p, const JobSetting *s, const JobItem *item);
static void parse_file(JobParser *p, const JobSetting *s, const JobItem *item);
static void parse_url(JobParser *p, const JobSetting *s, const JobItem *item);
static void parse_user(JobParser *p, const JobSetting *s, const JobItem *item);
static void parse_path(JobParser *p, const JobSetting *s, const JobItem *item);
static void parse_retries(JobParser *p, const JobSetting *s, const JobItem *item);
static void parse_retry_sec(JobParser *p, const JobSetting *s, const JobItem *item);
static void parse_data_connection(JobParser *p, const JobSetting *s, const JobItem *item);
static void parse_tls(JobParser *p, const JobSetting *s, const JobItem *item);
static void parse_pin(JobParser *p, const JobSetting *s, const JobItem *item);
static void parse_verify(JobParser *p, const JobSetting *s, const JobItem *item);
static void refuse(JobParser *p, const JobSetting *s, const JobItem *item);

#define HOW_TO_GIVE_PASSWORD \
        "write it into a file of mode 0600 that belongs to the service's user, and name that with PasswordFile="

/* The side that has URL= has these too. A key that would change what the job does is refused while it cannot be obeyed. */
#define SERVER_SETTINGS(section)                                                                                          \
        { section, "URL", parse_url, 0, NULL, false, false },                                                             \
        { section, "User", parse_user, offsetof(KftpJob, user), NULL, true, false },                                      \
        { section, "PasswordFile", parse_file, offsetof(KftpJob, password_file), NULL, true, false },                     \
        { section, "DataConnection", parse_data_connection, 0, NULL, true, false },                                       \
        { section, "TLS", parse_tls, 0, NULL, true, false },                                                              \
        { section, "CAFile", parse_file, offsetof(KftpJob, ca_file), NULL, true, false },                                 \
        { section, "CertificateFile", parse_file, offsetof(KftpJob, certificate_file), NULL, true, false },               \
        { section, "KeyFile", parse_file, offsetof(KftpJob, key_file), NULL, true, false },                               \
        { section, "Pin", parse_pin, offsetof(KftpJob, pin), NULL, true, false },                                         \
        { section, "Password", refuse, 0, "a password does not belong here: " HOW_TO_GIVE_PASSWORD, true, false },        \
        { section, "Credential", refuse, 0, "this version of kftp takes the password from PasswordFile= only", true, false }, \
        { section, "Remote", refuse, 0, "this version of kftp has no shared servers: give URL=", true, false }

const JobSetting job_settings[JOB_SETTINGS] = {
        { "Job", "Description", parse_text, offsetof(KftpJob, description), NULL, false, false },
        { "Job", "Retries", parse_retries, 0, NULL, false, false },
        { "Job", "RetrySec", parse_retry_sec, 0, NULL, false, false },
        { "Job", "OnCalendar", refuse, 0, "this version of kftp has no schedules: a job runs once for each revision", false, false },
        { "Job", "Transfer", parse_transfer, 0, NULL, false, false },
        { "Job", "Parallel", job_parse_parallel, 0, NULL, false, true },
        { "Job", "Segments", job_parse_segments, 0, NULL, false, true },
        { "Job", "Shard", job_parse_shard, 0, NULL, false, true },
        { "Job", "Compare", job_parse_compare, 0, NULL, false, true },
        SERVER_SETTINGS("Source"),
        { "Source", "Path", parse_path, offsetof(KftpJob, path), NULL, false, false },
        { "Source", "Match", job_parse_patterns, 0, NULL, false, true },
        { "Source", "Exclude", job_parse_patterns, 0, NULL, false, true },
        { "Source", "MinSize", job_parse_size, offsetof(KftpMirrorOptions, min_size), NULL, false, true },
        { "Source", "MaxSize", job_parse_size, offsetof(KftpMirrorOptions, max_size), NULL, false, true },
        { "Source", "MinAge", job_parse_age, offsetof(KftpMirrorOptions, min_age), NULL, false, true },
        { "Source", "MaxAge", job_parse_age, offsetof(KftpMirrorOptions, max_age), NULL, false, true },
        { "Source", "MaxDepth", job_parse_depth, 0, NULL, false, true },
        { "Source", "Newer", job_parse_switch, offsetof(KftpMirrorOptions, newer), NULL, false, true },
        { "Source", "Move", job_parse_switch, offsetof(KftpMirrorOptions, move), NULL, false, true },
        SERVER_SETTINGS("Target"),
        { "Target", "Path", parse_path, offsetof(KftpJob, path), NULL, false, false },
        { "Target", "Verify", parse_verify, 0, NULL, false, false },
        { "Target", "Delete", job_parse_switch, offsetof(KftpMirrorOptions, delete), NULL, false, true },
        { "Target", "Permissions", job_parse_switch, offsetof(KftpMirrorOptions, permissions), NULL, false, true },
        { "Target", "Symlinks", job_parse_symlinks, 0, NULL, false, true },
};

const JobSetting *job_find_setting(const char *section, const char *key) {
        for (size_t i = 0; i < JOB_SETTINGS; i++)
                if (streq(job_settings[i].section, section) && streq(job_settings[i].key, key))
                        return job_settings + i;
        return NULL;
}

size_t job_value_at(const JobParser *p, const char *section, const char *key) {
        return p->set_at[job_find_setting(section, key) - job_settings];
}

/* ---- Diagnoses --------------------------------------------------------------------------------- */

void job_diagnose(JobParser *p, bool error, size_t at, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        JobPlace place = {};
        va_list ap;

        p->errors += error;
        if (p->diagnoses++ > DIAGNOSES_MAX || !p->sink)
                return;
        if (p->diagnoses > DIAGNOSES_MAX)
                format = "too many faults, the others are not shown";

        va_start(ap, format);
        if (vasprintf(&message, format, ap) < 0)
                message = NULL;
        va_end(ap);
        if (!message) {
                p->no_memory = true;
                return;
        }

        if (at != JOB_WHOLE_FILE)
                place = job_text_place(&p->text, at);
        p->sink(p->userdata,
                &(KftpDiagnosis) {
                        .error = error,
                        .file = p->file,
                        .line = place.line,
                        .column = place.column,
                        .message = message,
                });
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

/* ---- Values ------------------------------------------------------------------------------------ */

static void set_string(JobParser *p, const JobSetting *s, const char *text) {
        char **field = (char **) ((char *) p->job + s->offset);

        free(*field);
        *field = *text ? strdup(text) : NULL;
        if (*text && !*field)
                p->no_memory = true;
}

static void parse_text(JobParser *p, const JobSetting *s, const JobItem *item) {
        set_string(p, s, item->value);
}

static void parse_user(JobParser *p, const JobSetting *s, const JobItem *item) {
        size_t i = 0;

        while ((unsigned char) item->value[i] >= 0x20 && item->value[i] != 0x7f)
                i++;
        if (item->value[i])             /* a tab: other ones may not stand in a job file at all */
                job_bad_value(p, item, i, "a user's name has no control characters");
        else if (strlen(item->value) > KFTP_MAX_CREDENTIAL)
                job_bad_value(p, item, 0, "longer than %u bytes", KFTP_MAX_CREDENTIAL);
        else
                set_string(p, s, item->value);
}

static bool has_dot_dot(const char *path) {
        for (const char *part = path; part; part = strchr(part, '/')) {
                part += strspn(part, "/");
                if (part[0] == '.' && part[1] == '.' && (part[2] == '/' || part[2] == '\0'))
                        return true;
        }
        return false;
}

static bool check_path(JobParser *p, const JobItem *item) {
        if (!*item->value)
                return true;
        if (*item->value != '/')
                job_bad_value(p, item, 0, "not an absolute path: begin it with a slash");
        else if (strlen(item->value) >= PATH_MAX)
                job_bad_value(p, item, 0, "longer than %d bytes", PATH_MAX - 1);
        else if (has_dot_dot(item->value))
                job_bad_value(p, item, 0, "a path with \"..\" is not taken: write the directory that is meant");
        else
                return true;
        return false;
}

static void parse_file(JobParser *p, const JobSetting *s, const JobItem *item) {
        if (check_path(p, item))
                set_string(p, s, item->value);
}

static void parse_path(JobParser *p, const JobSetting *s, const JobItem *item) {
        JobPlace place = job_text_place(&p->text, item->value_origin[0]);

        parse_file(p, s, item);
        p->job->path_line = place.line;
        p->job->path_column = place.column;
}

static void parse_transfer(JobParser *p, const JobSetting *s, const JobItem *item) {
        (void) s;
        p->job->mirror = streq(item->value, "mirror");
        if (!p->job->mirror && *item->value && !streq(item->value, "copy"))
                job_bad_value(p, item, 0, "neither \"copy\" nor \"mirror\"");
}

static void parse_retries(JobParser *p, const JobSetting *s, const JobItem *item) {
        (void) s;
        if (!*item->value)
                p->job->retries = KFTP_JOB_RETRIES_DEFAULT;
        else if (job_parse_unsigned(item->value, 0, RETRIES_MAX, &p->job->retries) < 0)
                job_bad_value(p, item, 0, "not a number from 0 to %u", RETRIES_MAX);
}

static void parse_retry_sec(JobParser *p, const JobSetting *s, const JobItem *item) {
        uint64_t usec = KFTP_JOB_RETRY_USEC_DEFAULT;
        size_t at = 0;
        int r = 0;

        (void) s;
        if (*item->value)
                r = job_parse_timespan(item->value, &usec, &at);
        if (r == -EINVAL)
                job_bad_value(p, item, at, "not a time span, such as \"30s\", \"5min\" or \"1h 30min\"");
        else if (r < 0 || usec < RETRY_USEC_MIN || usec > RETRY_USEC_MAX)
                job_bad_value(p, item, 0, "not from 1ms to 5min");
        else
                p->job->retry_usec = usec;
}

static void parse_data_connection(JobParser *p, const JobSetting *s, const JobItem *item) {
        static const char *const modes[] = {
                [KFTP_DATA_AUTO] = "auto",
                [KFTP_DATA_PASSIVE] = "passive",
                [KFTP_DATA_ACTIVE_FIRST] = "active",
        };

        (void) s;
        if (!*item->value)
                p->job->data_mode = KFTP_DATA_AUTO;
        else {
                for (unsigned i = 0; i < ELEMENTS(modes); i++)
                        if (streq_ptr(item->value, modes[i])) {
                                p->job->data_mode = i;
                                return;
                        }
                job_bad_value(p, item, 0, "neither \"auto\" nor \"passive\" nor \"active\"");
        }
}

static void parse_tls(JobParser *p, const JobSetting *s, const JobItem *item) {
        static const char *const modes[] = {
                [KFTP_TLS_NONE] = "no",
                [KFTP_TLS_OPPORTUNISTIC] = "auto",
                [KFTP_TLS_REQUIRED] = "require",
                [KFTP_TLS_IMPLICIT] = "implicit",
        };

        (void) s;
        p->job->tls_mode = KFTP_TLS_NONE;
        p->job->tls_given = *item->value != '\0';
        if (!*item->value)
                return;
        for (unsigned i = 0; i < ELEMENTS(modes); i++)
                if (streq(item->value, modes[i])) {
                        p->job->tls_mode = i;
                        return;
                }
        job_bad_value(p, item, 0, "neither \"no\" nor \"auto\" nor \"require\" nor \"implicit\"");
}

static void parse_pin(JobParser *p, const JobSetting *s, const JobItem *item) {
        _cleanup_free_ char *reason = NULL;
        int r = 0;

        if (*item->value)
                r = kftp_tls_pin_check(item->value, &reason);
        if (r == -ENOMEM)
                p->no_memory = true;
        else if (r < 0)
                job_bad_value(p, item, 0, "%s", strempty(reason));
        else
                set_string(p, s, item->value);
}

/* The size is always compared with the server's; to ask for it is allowed. */
static void parse_verify(JobParser *p, const JobSetting *s, const JobItem *item) {
        (void) s;
        if (*item->value && !streq(item->value, "size"))
                job_bad_value(p, item, 0, "this version of kftp can verify \"size\" only");
}

static void refuse(JobParser *p, const JobSetting *s, const JobItem *item) {
        job_diagnose(p, true, item->key_at, "%s= in [%s]: %s", s->key, s->section, s->why);
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

static void parse_url(JobParser *p, const JobSetting *s, const JobItem *item) {
        _cleanup_free_ char *reason = NULL;
        size_t password = password_in_url(item->value);
        KftpUrl url = {};
        int r;

        (void) s;
        if (password > 0) {
                job_diagnose(p, true, item->value_origin[password],
                         "URL= holds a password, which others could read here: take it out; " HOW_TO_GIVE_PASSWORD);
                return;
        }

        kftp_url_done(&p->job->url);
        free(STEAL_PTR(p->job->remote));
        if (!*item->value)
                return;

        r = kftp_url_parse(item->value, &url, &reason);
        if (r == -ENOMEM)
                p->no_memory = true;
        else if (r < 0)
                job_bad_value(p, item, 0, "%s", reason ?: "not a URL");
        else if (!(p->job->remote = strdup(item->value)))
                p->no_memory = true;
        else {
                p->job->url = url;
                p->url_end_at = item->value_origin[strlen(item->value) - 1];
                return;
        }
        kftp_url_done(&url);
}
