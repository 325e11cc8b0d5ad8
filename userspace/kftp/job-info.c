// SPDX-License-Identifier: GPL-2.0-or-later
/* A job as the daemon tells of it: from the bus, and to JSON. */

#include <stddef.h>

#include "job-info.h"
#include "libkftp.h"
#include "report.h"
#include "util.h"

/* TIME: 0 is null in JSON. RUNNING: told of running jobs only. */
enum { TIME = 1 << 0, RUNNING = 1 << 1, LOCAL = 1 << 2 };

/* In the order of the JSON. */
static const struct {
        const char *key;                /* on the bus; NULL: not from there */
        const char *json;
        char type;
        unsigned flags;
        size_t offset;
} fields[] = {
#define FIELD(key, member, type, flags) { key, #member, type, flags, offsetof(JobInfo, member) }
        FIELD(NULL,          job,         's', LOCAL),
        FIELD("State",       state,       's', 0),
        FIELD("Description", description, 's', 0),
        FIELD("Trigger",     trigger,     's', 0),
        FIELD("Direction",   direction,   's', 0),
        FIELD("Transfer",    transfer,    's', 0),
        FIELD("Server",      server,      's', 0),
        FIELD("URL",         url,         's', 0),
        FIELD("Path",        path,        's', 0),
        FIELD("File",        file,        's', 0),
        FIELD("Revision",    revision,    's', 0),
        FIELD("Calendar",    calendar,    'a', 0),
        FIELD("Run",         run,         't', TIME),
        FIELD("Attempt",     attempt,     'u', 0),
        FIELD("Retries",     retries,     'u', 0),
        FIELD("Since",       since,       't', TIME),
        FIELD("NotBefore",   not_before,  't', TIME),
        FIELD(NULL,          next,        't', TIME | LOCAL),
        FIELD("Text",        text,        's', 0),
        FIELD("LastRun",     last_run,    't', TIME),
        FIELD("LastEnded",   last_ended,  't', TIME),
        FIELD("LastResult",  last_result, 's', 0),
        FIELD("LastText",    last_text,   's', 0),
        FIELD("LastFiles",   last_files,  't', 0),
        FIELD("LastBytes",   last_bytes,  't', 0),
        FIELD("LastUSec",    last_usec,   't', 0),
        FIELD("Name",        name,        's', RUNNING),
        FIELD("FileBytes",   file_bytes,  't', RUNNING),
        FIELD("FileTotal",   file_total,  't', RUNNING),
        FIELD("Bytes",       bytes,       't', RUNNING),
        FIELD("Files",       files,       't', RUNNING),
        FIELD("Rate",        rate,        't', RUNNING),
        FIELD("StartedUSec", started,     't', RUNNING | TIME),
#undef FIELD
};

static char **string_at(const JobInfo *job, size_t i) {
        return (char **) ((uintptr_t) job + fields[i].offset);
}

static uint64_t *number_at(const JobInfo *job, size_t i) {
        return (uint64_t *) ((uintptr_t) job + fields[i].offset);
}

static bool is_text(size_t i) {
        return fields[i].type == 's' || fields[i].type == 'a';
}

/* All but what is not from the bus. */
static void forget(JobInfo *job) {
        for (size_t i = 0; i < ELEMENTS(fields); i++) {
                if (fields[i].flags & LOCAL)
                        continue;
                if (is_text(i)) {
                        free(*string_at(job, i));
                        *string_at(job, i) = NULL;
                } else
                        *number_at(job, i) = 0;
        }
        job->file_total = UINT64_MAX;
}

void job_info_done(JobInfo *job) {
        forget(job);
        free(job->job);
        free(job->told);
        *job = (JobInfo) {};
}

/* ---- From the bus ------------------------------------------------------------------------------ */

static int take_text(char **where, const char *text) {
        free(*where);
        *where = *text ? kftp_escape(text, strlen(text)) : NULL;
        return *text && !*where ? -ENOMEM : 0;
}

static int take_texts(sd_bus_message *m, char **where) {
        _cleanup_free_ char *all = NULL;
        const char *text;
        char *longer;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0) {
                if (asprintf(&longer, "%s%s%s", strempty(all), all ? "; " : "", text) < 0)
                        return -ENOMEM;
                free(all);
                all = longer;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : take_text(where, strempty(all));
}

static int take_field(sd_bus_message *m, size_t i, JobInfo *job) {
        const char *text;
        uint32_t u;
        int r;

        switch (fields[i].type) {
        case 'a':
                return take_texts(m, string_at(job, i));
        case 's':
                r = sd_bus_message_read(m, "s", &text);
                return r < 0 ? r : take_text(string_at(job, i), text);
        case 'u':
                r = sd_bus_message_read(m, "u", &u);
                if (r >= 0)
                        *number_at(job, i) = u;
                return r;
        default:
                return sd_bus_message_read(m, "t", number_at(job, i));
        }
}

static int read_variant(sd_bus_message *m, const char *key, JobInfo *job) {
        const char *contents;
        char type;
        int r = sd_bus_message_peek_type(m, &type, &contents);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTS(fields); i++) {
                /* a newer daemon may tell more, and other types */
                if (!fields[i].key || !streq(fields[i].key, key) || contents[0] != fields[i].type)
                        continue;
                r = sd_bus_message_enter_container(m, 'v', contents);
                if (r >= 0)
                        r = take_field(m, i, job);
                return r < 0 ? r : sd_bus_message_exit_container(m);
        }
        return sd_bus_message_skip(m, "v");
}

static int read_all(sd_bus_message *m, JobInfo *job) {
        const char *key;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0)
                        r = read_variant(m, key, job);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int job_info_read(sd_bus_message *m, JobInfo *job) {
        JobInfo news = { .file_total = UINT64_MAX };
        int r = read_all(m, &news);

        if (r >= 0 && news.state)
                forget(job);
        for (size_t i = 0; r >= 0 && i < ELEMENTS(fields); i++)
                if (is_text(i) && *string_at(&news, i)) {
                        free(*string_at(job, i));
                        *string_at(job, i) = STEAL_PTR(*string_at(&news, i));
                } else if (!is_text(i) && *number_at(&news, i) > 0)
                        *number_at(job, i) = *number_at(&news, i);
        job_info_done(&news);
        return r;
}

/* ---- What it tells ----------------------------------------------------------------------------- */

bool job_info_is(const JobInfo *job, const char *state) {
        return streq(strempty(job->state), state);
}

char *job_info_what(const JobInfo *job) {
        bool upload = streq(strempty(job->direction), "upload");
        char *text;

        if (!job->url && !job->path)
                return NULL;
        if (asprintf(&text, "%s -> %s", strempty(upload ? job->path : job->url), strempty(upload ? job->url : job->path)) < 0)
                return NULL;
        return text;
}

static json_t *json_field(const JobInfo *job, size_t i) {
        uint64_t n;

        if (is_text(i))
                return report_text_or_null(*string_at(job, i));
        n = *number_at(job, i);
        return n > INT64_MAX || (n == 0 && (fields[i].flags & TIME)) ? json_null() : json_integer((json_int_t) n);
}

json_t *job_info_json(const JobInfo *job) {
        json_auto_t *root = json_object();
        bool running = job_info_is(job, "running");

        for (size_t i = 0; i < ELEMENTS(fields); i++)
                if (!root || json_object_set_new(root, fields[i].json,
                                                 (fields[i].flags & RUNNING) && !running ? json_null() : json_field(job, i)) < 0)
                        return NULL;
        return json_incref(root);
}

/* ---- Lists ------------------------------------------------------------------------------------- */

JobInfo *job_list_add(JobList *l, const char *name) {
        JobInfo *job;

        if (l->n == l->allocated) {
                size_t n = l->allocated > 0 ? 2 * l->allocated : 64;

                job = reallocarray(l->jobs, n, sizeof(*job));
                if (!job)
                        return NULL;
                l->jobs = job;
                l->allocated = n;
        }
        job = &l->jobs[l->n];
        *job = (JobInfo) { .job = kftp_escape(name, strlen(name)), .file_total = UINT64_MAX };
        if (!job->job)
                return NULL;
        l->n++;
        return job;
}

void job_list_remove(JobList *l, JobInfo *job) {
        size_t i = (size_t) (job - l->jobs);

        job_info_done(job);
        l->n--;
        memmove(job, job + 1, (l->n - i) * sizeof(*job));
}

JobInfo *job_list_find(JobList *l, const char *name) {
        for (size_t i = 0; i < l->n; i++)
                if (streq(l->jobs[i].job, name))
                        return &l->jobs[i];
        return NULL;
}

static int compare(const void *a, const void *b) {
        return strcmp(((const JobInfo *) a)->job, ((const JobInfo *) b)->job);
}

void job_list_sort(JobList *l) {
        if (l->n > 1)
                qsort(l->jobs, l->n, sizeof(*l->jobs), compare);
}

void job_list_done(JobList *l) {
        for (size_t i = 0; i < l->n; i++)
                job_info_done(&l->jobs[i]);
        free(l->jobs);
        *l = (JobList) {};
}
