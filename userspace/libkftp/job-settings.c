/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of all settings of jobs and remotes, and where a setting stands in the files that are parsed. */

#include "job-settings.h"

#define RETRIES_MAX 1000U
#define RETRY_USEC_MAX MINUTES(5)       /* where the back-off ends as well */
#define CONNECTIONS_MAX 1000U
#define EXPECT_MAX 1000000U
#define DEPTH_MAX 1000U
#define MINUTES(n) ((n) * 60 * USEC_PER_SEC)
#define DAYS(n) ((n) * 86400 * USEC_PER_SEC)

const char *const job_sections[JOB_SECTIONS] = { "Job", "Source", "Target", "Remote" };

static const char *const transfers[] = { "copy", "mirror" };
static const char *const empties[] = { "ok", "fail" };

static const char *const compares[] = {
        [KFTP_COMPARE_TIME] = "time",
        [KFTP_COMPARE_SIZE] = "size",
        [KFTP_COMPARE_HASH] = "hash",
};

static const char *const symlinks[] = {
        [KFTP_SYMLINKS_SKIP] = "skip",
        [KFTP_SYMLINKS_FOLLOW] = "follow",
        [KFTP_SYMLINKS_COPY] = "copy",
};

static const char *const data_connections[] = {
        [KFTP_DATA_AUTO] = "auto",
        [KFTP_DATA_PASSIVE] = "passive",
        [KFTP_DATA_ACTIVE_FIRST] = "active",
};

static const char *const tls_modes[] = {
        [KFTP_TLS_NONE] = "no",
        [KFTP_TLS_OPPORTUNISTIC] = "auto",
        [KFTP_TLS_REQUIRED] = "require",
        [KFTP_TLS_IMPLICIT] = "implicit",
};

static const char *const if_exists[] = {
        [KFTP_IF_EXISTS_RESUME] = "resume",
        [KFTP_IF_EXISTS_SKIP] = "skip",
        [KFTP_IF_EXISTS_OVERWRITE] = "overwrite",
};

#define FIELD(type, f) .field = JOB_FIELD_##type, .offset = offsetof(KftpJob, f)
#define WORDS(list) .parse = job_parse_word, .words = list, .words_n = ELEMENTS(list)
#define NUMBER(from, to) .parse = job_parse_number, .min = from, .max = to
#define SPAN(from, to) .parse = job_parse_span, .min = from, .max = to
#define SIZE .parse = job_parse_size, .why = "a size, such as \"4096\", \"100K\" or \"1.5G\""
#define RATE .parse = job_parse_size, .why = "a number of bytes per second, such as \"500K\" or \"1.5M\""

/* What a remote has as well. */
#define SERVER_SETTINGS(s)                                                                                                       \
        { s, "URL", .parse = job_parse_url, FIELD(STRING, remote) },                                                             \
        { s, "User", .parse = job_parse_user, .belongs = JOB_SERVER, FIELD(STRING, user) },                                      \
        { s, "PasswordFile", .parse = job_parse_file, .belongs = JOB_SERVER | JOB_PASSWORD, FIELD(STRING, password_file) },      \
        { s, "Credential", .parse = job_parse_credential, .belongs = JOB_SERVER | JOB_PASSWORD, FIELD(STRING, credential) },     \
        { s, "NetrcFile", .parse = job_parse_file, .belongs = JOB_SERVER | JOB_PASSWORD, FIELD(STRING, netrc_file) },            \
        { s, "Password", .parse = job_refuse, .why = "a password does not belong here: " JOB_HOW_TO_GIVE_PASSWORD },             \
        { s, "DataConnection", WORDS(data_connections), .belongs = JOB_SERVER, FIELD(UNSIGNED, data_mode) },                     \
        { s, "TLS", WORDS(tls_modes), .belongs = JOB_SERVER, FIELD(UNSIGNED, tls_mode) },                                        \
        { s, "CAFile", .parse = job_parse_file, .belongs = JOB_SERVER, FIELD(STRING, ca_file) },                                 \
        { s, "CertificateFile", .parse = job_parse_file, .belongs = JOB_SERVER, FIELD(STRING, certificate_file) },               \
        { s, "KeyFile", .parse = job_parse_file, .belongs = JOB_SERVER, FIELD(STRING, key_file) },                               \
        { s, "Pin", .parse = job_parse_pin, .belongs = JOB_SERVER, FIELD(STRING, pin) },                                         \
        { s, "MaxConnections", NUMBER(1, CONNECTIONS_MAX), .belongs = JOB_SERVER, FIELD(UNSIGNED, max_connections) }

#define REMOTE_SETTING(s) { s, "Remote", .parse = job_parse_remote_name, .belongs = JOB_SERVER, FIELD(STRING, remote_name) }

/* Waits and speed: of a job, or of all that have the remote. */
#define WAIT_SETTINGS(s)                                                                                                         \
        { s, "TimeoutSec", SPAN(USEC_PER_MSEC, DAYS(1)), FIELD(U64, timeout_usec) },                                             \
        { s, "LimitRate", RATE, FIELD(U64, limit_rate) }

const JobSetting job_settings[JOB_SETTINGS] = {
        { "Job", "Description", .parse = job_parse_text, FIELD(STRING, description) },
        { "Job", "Transfer", WORDS(transfers), FIELD(BOOL, mirror) },
        { "Job", "OnCalendar", .parse = job_parse_calendar, FIELD(LIST, calendar) },
        { "Job", "Persistent", .parse = job_parse_switch, .fallback = 1, FIELD(BOOL, persistent) },
        { "Job", "RandomizedDelaySec", SPAN(0, DAYS(1)), FIELD(U64, randomized_delay_usec) },
        { "Job", "Watch", .parse = job_parse_switch, .belongs = JOB_COPY, FIELD(BOOL, watch) },
        { "Job", "PollSec", SPAN(USEC_PER_SEC, DAYS(1)), .fallback = KFTP_JOB_POLL_USEC_DEFAULT, .belongs = JOB_COPY, FIELD(U64, poll_usec) },
        { "Job", "Deadline", .parse = job_parse_deadline, FIELD(UNSIGNED, deadline) },
        { "Job", "Retries", NUMBER(0, RETRIES_MAX), .fallback = KFTP_JOB_RETRIES_DEFAULT, FIELD(UNSIGNED, retries) },
        { "Job", "RetrySec", SPAN(USEC_PER_MSEC, RETRY_USEC_MAX), .fallback = KFTP_JOB_RETRY_USEC_DEFAULT, FIELD(U64, retry_usec) },
        WAIT_SETTINGS("Job"),
        { "Job", "OnSuccess", .parse = job_parse_units, FIELD(LIST, on_success) },
        { "Job", "OnFailure", .parse = job_parse_units, FIELD(LIST, on_failure) },
        { "Job", "IfEmpty", WORDS(empties), FIELD(BOOL, if_empty_fail) },
        { "Job", "Expect", NUMBER(1, EXPECT_MAX), FIELD(UNSIGNED, expect) },
        { "Job", "Parallel", NUMBER(1, KFTP_MIRROR_SESSIONS_MAX), .belongs = JOB_MIRROR, FIELD(UNSIGNED, mirror_options.parallel) },
        { "Job", "Segments", NUMBER(1, KFTP_MIRROR_SESSIONS_MAX), .belongs = JOB_MIRROR, FIELD(UNSIGNED, mirror_options.segments) },
        { "Job", "Shard", .parse = job_parse_shard, .belongs = JOB_MIRROR },
        { "Job", "Compare", WORDS(compares), .belongs = JOB_MIRROR, FIELD(UNSIGNED, mirror_options.compare) },

        SERVER_SETTINGS("Source"),
        REMOTE_SETTING("Source"),
        { "Source", "Path", .parse = job_parse_path, FIELD(STRING, path) },
        { "Source", "Match", .parse = job_parse_patterns },
        { "Source", "Exclude", .parse = job_parse_patterns },
        { "Source", "MinSize", SIZE, .belongs = JOB_SET, FIELD(U64, mirror_options.min_size) },
        { "Source", "MaxSize", SIZE, .belongs = JOB_SET, FIELD(U64, mirror_options.max_size) },
        { "Source", "MinAge", .parse = job_parse_age, .belongs = JOB_SET, FIELD(U64, mirror_options.min_age) },
        { "Source", "MaxAge", .parse = job_parse_age, .belongs = JOB_SET, FIELD(U64, mirror_options.max_age) },
        { "Source", "MaxDepth", NUMBER(1, DEPTH_MAX), .belongs = JOB_MIRROR, FIELD(UNSIGNED, mirror_options.max_depth) },
        { "Source", "Newer", .parse = job_parse_switch, .belongs = JOB_MIRROR, FIELD(BOOL, mirror_options.newer) },
        { "Source", "Move", .parse = job_parse_switch, .belongs = JOB_MIRROR, FIELD(BOOL, mirror_options.move) },
        { "Source", "Marker", .parse = job_parse_marker, .belongs = JOB_COPY, FIELD(STRING, marker) },
        { "Source", "StableSec", SPAN(0, DAYS(1)), .belongs = JOB_COPY, FIELD(U64, stable_usec) },
        { "Source", "Then", .parse = job_parse_then, .belongs = JOB_COPY, .offset = offsetof(KftpJob, then) },
        { "Source", "ThenOnFailure", .parse = job_parse_then, .belongs = JOB_COPY, .offset = offsetof(KftpJob, then_on_failure) },

        SERVER_SETTINGS("Target"),
        REMOTE_SETTING("Target"),
        { "Target", "Path", .parse = job_parse_path, FIELD(STRING, path) },
        { "Target", "Verify", .parse = job_parse_verify },
        { "Target", "IfExists", WORDS(if_exists), .belongs = JOB_COPY, FIELD(UNSIGNED, if_exists) },
        { "Target", "FileMode", .parse = job_parse_mode, .belongs = JOB_COPY },
        { "Target", "Delete", .parse = job_parse_switch, .belongs = JOB_MIRROR, FIELD(BOOL, mirror_options.delete) },
        { "Target", "Permissions", .parse = job_parse_switch, .belongs = JOB_MIRROR, FIELD(BOOL, mirror_options.permissions) },
        { "Target", "Symlinks", WORDS(symlinks), .belongs = JOB_MIRROR, FIELD(UNSIGNED, mirror_options.symlinks) },

        SERVER_SETTINGS("Remote"),
        WAIT_SETTINGS("Remote"),
};

const JobSetting *job_find_setting(const char *section, const char *key) {
        for (size_t i = 0; i < JOB_SETTINGS; i++)
                if (streq(job_settings[i].section, section) && streq(job_settings[i].key, key))
                        return job_settings + i;
        return NULL;
}

size_t job_value_at(const JobParser *p, const char *section, const char *key) {
        const JobSetting *s = job_find_setting(section, key);

        return s ? p->set_at[s - job_settings] : 0;
}

size_t job_key_at(const JobParser *p, const char *section, const char *key) {
        return job_value_at(p, section, key) == 0 ? 0 : p->key_at[job_find_setting(section, key) - job_settings];
}

bool job_is_given(const JobParser *p, const char *section, const char *key) {
        return job_value_at(p, section, key) != 0 && !p->emptied[job_find_setting(section, key) - job_settings];
}

const char *job_server_section(const JobParser *p) {
        return p->is_remote ? "Remote" : p->job->upload ? "Target" : "Source";
}

const char *job_our_section(const JobParser *p) {
        return p->job->upload ? "Source" : "Target";
}
