/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings of a job file that only mirrors have: their values, what must hold between them, and the filter that
 * their patterns make.
 */

#include "job-settings.h"
#include "job-value.h"

#define SEGMENTS_MAX KFTP_MIRROR_SESSIONS_MAX    /* each takes a session */
#define DEPTH_MAX 1000U

static uint64_t *u64_field(JobParser *p, const JobSetting *s) {
        return (uint64_t *) ((char *) &p->job->mirror_options + s->offset);
}

/* ---- Numbers ----------------------------------------------------------------------------------- */

static void parse_number(JobParser *p, const JobItem *item, unsigned max, unsigned *ret) {
        *ret = 0;
        if (*item->value && job_parse_unsigned(item->value, 1, max, ret) < 0)
                job_bad_value(p, item, 0, "not a number from 1 to %u", max);
}

void job_parse_parallel(JobParser *p, const JobSetting *s, const JobItem *item) {
        (void) s;
        parse_number(p, item, KFTP_MIRROR_SESSIONS_MAX, &p->job->mirror_options.parallel);
}

void job_parse_segments(JobParser *p, const JobSetting *s, const JobItem *item) {
        (void) s;
        parse_number(p, item, SEGMENTS_MAX, &p->job->mirror_options.segments);
}

void job_parse_depth(JobParser *p, const JobSetting *s, const JobItem *item) {
        (void) s;
        parse_number(p, item, DEPTH_MAX, &p->job->mirror_options.max_depth);
}

/* Zero stands for no limit, so it cannot be one. */
void job_parse_size(JobParser *p, const JobSetting *s, const JobItem *item) {
        uint64_t *field = u64_field(p, s);

        *field = 0;
        if (*item->value && (kftp_rate_parse(item->value, field) < 0 || *field == 0))
                job_bad_value(p, item, 0, "not a size, such as \"4096\", \"100K\" or \"1.5G\"");
}

void job_parse_age(JobParser *p, const JobSetting *s, const JobItem *item) {
        uint64_t usec = 0;
        size_t at = 0;
        int r;

        *u64_field(p, s) = 0;
        if (!*item->value)
                return;
        r = job_parse_timespan(item->value, &usec, &at);
        if (r == -EINVAL)
                job_bad_value(p, item, at, "not a time span, such as \"90min\", \"36h\" or \"7d\"");
        else if (r < 0 || usec < USEC_PER_SEC)
                job_bad_value(p, item, 0, "not a time span from 1s on");
        else
                *u64_field(p, s) = usec / USEC_PER_SEC;
}

void job_parse_shard(JobParser *p, const JobSetting *s, const JobItem *item) {
        KftpMirrorOptions *o = &p->job->mirror_options;
        _cleanup_free_ char *reason = NULL;
        int r = 0;

        (void) s;
        o->shard = o->shards = 0;
        if (*item->value)
                r = kftp_shard_parse(item->value, &o->shard, &o->shards, &reason);
        if (r == -ENOMEM)
                p->no_memory = true;
        else if (r < 0)
                job_bad_value(p, item, 0, "%s", strempty(reason));
}

/* ---- Words ------------------------------------------------------------------------------------- */

/* The number of the value among words, of which the first one is the default; 0 also if it is none of them. */
static unsigned parse_word(JobParser *p, const JobItem *item, const char *const words[3]) {
        if (!*item->value)
                return 0;
        for (unsigned i = 0; i < 3; i++)
                if (streq(item->value, words[i]))
                        return i;
        job_bad_value(p, item, 0, "neither \"%s\" nor \"%s\" nor \"%s\"", words[0], words[1], words[2]);
        return 0;
}

void job_parse_compare(JobParser *p, const JobSetting *s, const JobItem *item) {
        static const char *const words[] = {
                [KFTP_COMPARE_TIME] = "time",
                [KFTP_COMPARE_SIZE] = "size",
                [KFTP_COMPARE_HASH] = "hash",
        };

        (void) s;
        p->job->mirror_options.compare = parse_word(p, item, words);
}

void job_parse_symlinks(JobParser *p, const JobSetting *s, const JobItem *item) {
        static const char *const words[] = { "skip", "follow", "copy" };
        static const enum kftp_symlinks meanings[] = { KFTP_SYMLINKS_SKIP, KFTP_SYMLINKS_FOLLOW, KFTP_SYMLINKS_COPY };

        (void) s;
        p->job->mirror_options.symlinks = *item->value ? meanings[parse_word(p, item, words)] : KFTP_SYMLINKS_DEFAULT;
}

/* The words of systemd.syntax(7). */
void job_parse_switch(JobParser *p, const JobSetting *s, const JobItem *item) {
        static const char *const words[] = { "", "no", "false", "off", "0", "yes", "true", "on", "1" };
        bool *field = (bool *) ((char *) &p->job->mirror_options + s->offset);

        for (size_t i = 0; i < ELEMENTS(words); i++)
                if (streq(item->value, words[i])) {
                        *field = i > 4;
                        return;
                }
        job_bad_value(p, item, 0, "neither \"yes\" nor \"no\"");
}

/* ---- Patterns ---------------------------------------------------------------------------------- */

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

/* Given again the key adds to what there is; without a value it takes that back. */
void job_parse_patterns(JobParser *p, const JobSetting *s, const JobItem *item) {
        enum kftp_filter_kind kind = streq(s->key, "Match") ? KFTP_FILTER_INCLUDE : KFTP_FILTER_EXCLUDE;
        size_t i = 0, n;

        if (!*item->value)
                forget_patterns(p, kind);
        for (; item->value[i]; i += n) {
                i += strspn(item->value + i, " \t");
                n = strcspn(item->value + i, " \t");
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
        _cleanup_free_ char *reason = NULL, *shown = NULL;
        int r = kftp_filter_add(p->job->filter, pattern->kind, pattern->text, &reason);

        if (r == -ENOMEM)
                p->no_memory = true;
        if (r >= 0 || r == -ENOMEM)
                return;
        shown = job_excerpt(pattern->text);
        job_diagnose(p, true, pattern->at, "%s=%s: %s", pattern->kind == KFTP_FILTER_INCLUDE ? "Match" : "Exclude", strempty(shown),
                     strempty(reason));
}

static void make_filter(JobParser *p) {
        if (p->patterns_n == 0)
                return;
        if (kftp_filter_new(&p->job->filter) < 0) {
                p->no_memory = true;
                return;
        }
        p->job->mirror_options.filter = p->job->filter;
        for (size_t i = 0; i < p->patterns_n; i++)
                use_pattern(p, p->patterns + i);
}

/* ---- What must hold between them --------------------------------------------------------------- */

static void check_limits(JobParser *p, uint64_t min, uint64_t max, const char *what) {
        char key[16];

        (void) snprintf(key, sizeof(key), "Max%s", what);
        if (max > 0 && min > max)
                job_diagnose(p, true, job_value_at(p, "Source", key), "%s= is below Min%s=: no file would be taken", key, what);
}

void job_check_mirror(JobParser *p) {
        KftpMirrorOptions *o = &p->job->mirror_options;

        if (!p->job->mirror)
                return;
        o->upload = p->job->upload;
        make_filter(p);
        check_limits(p, o->min_size, o->max_size, "Size");
        check_limits(p, o->min_age, o->max_age, "Age");
        if (o->upload && o->symlinks == KFTP_SYMLINKS_COPY)
                job_diagnose(p, true, job_value_at(p, "Target", "Symlinks"), "Symlinks=copy: FTP cannot make links on a server: "
                             "write \"skip\", or \"follow\" to send what they point to");
        /* An attempt that was interrupted would be followed by one that deletes all that it had moved. */
        if (o->move && o->delete)
                job_diagnose(p, true, job_value_at(p, "Target", "Delete"), "Delete= contradicts Move=: what has been moved is no longer "
                             "in the source, and would be deleted");
}
