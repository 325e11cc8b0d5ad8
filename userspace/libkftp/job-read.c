/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walks through the sections and keys of a job's files, and has each value parsed. What nobody knows is kept until it can be
 * told whether it may be passed over.
 */

#include <stdarg.h>
#include <strings.h>

#include "job-settings.h"
#include "job-value.h"

/* ---- What nobody knows --------------------------------------------------------------------------- */

/* What says what it is, hint what might be meant; both are taken over. */
static void remember_unknown(JobParser *p, size_t at, char *what, char *hint) {
        if (what && hint && p->unknown_n < JOB_UNKNOWNS_MAX) {
                p->unknown[p->unknown_n++] = (JobUnknown) { .what = what, .hint = hint, .at = at };
                return;
        }
        p->no_memory |= !what || !hint;
        free(what);
        free(hint);
}

static char *_printf_(1, 2) text_of(const char *format, ...) {
        va_list ap;
        char *text;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        return text;
}

/* A job that deletes or moves files has to be understood as a whole: a filter that is misspelt would make another one of it. */
static bool is_dangerous(const KftpJob *j) {
        return j->mirror_options.delete || j->mirror_options.move || j->then.action != KFTP_THEN_KEEP ||
               j->then_on_failure.action != KFTP_THEN_KEEP;
}

static void tell_unknown(JobParser *p) {
        bool reject = is_dangerous(p->job);

        for (size_t i = 0; i < p->unknown_n; i++)
                job_diagnose(p, reject, p->unknown[i].at, "%s %s%s", p->unknown[i].what,
                             reject ? "is refused, as this job deletes or moves files" : "is ignored", p->unknown[i].hint);
}

void job_forget_unknown(JobParser *p) {
        while (p->unknown_n > 0) {
                p->unknown_n--;
                free(p->unknown[p->unknown_n].what);
                free(p->unknown[p->unknown_n].hint);
        }
}

/* ---- Sections and keys -------------------------------------------------------------------------- */

/* Remotes have one section, which jobs do not have. */
static bool may_have(const JobParser *p, size_t section) {
        return p->is_remote == (section == JOB_SECTIONS - 1);
}

static void unknown_section(JobParser *p, const JobItem *item) {
        _cleanup_free_ char *shown = job_excerpt(item->key);
        const char *words[JOB_SECTIONS] = {}, *nearest;

        for (size_t i = 0; i < JOB_SECTIONS; i++)
                if (may_have(p, i))
                        words[i] = job_sections[i];
        nearest = job_nearest(item->key, words, JOB_SECTIONS);
        if (job_find_setting(item->key, "URL") || streq(item->key, "Job"))
                remember_unknown(p, item->key_at, text_of("section [%s]", item->key),
                                 text_of("; a %s", p->is_remote ? "remote has [Remote] only" :
                                                                  "job has that in a file NAME.remote, which it names with Remote="));
        else
                remember_unknown(p, item->key_at, text_of("unknown section %s", strempty(shown)),
                                 text_of("%s%s%s", nearest ? "; did you mean [" : "", strempty(nearest), nearest ? "]?" : ""));
}

static void enter_section(JobParser *p, const JobItem *item) {
        p->section = NULL;
        for (size_t i = 0; i < JOB_SECTIONS; i++)
                if (may_have(p, i) && streq(job_sections[i], item->key)) {
                        p->section = job_sections[i];
                        p->section_at[i] = item->key_at + 1;
                        p->ignoring = false;
                        return;
                }
        p->ignoring = true;
        if (!startswith(item->key, "X-"))
                unknown_section(p, item);
}

/* A key that belongs into another section: somebody relies on it. */
static void misplaced(JobParser *p, const JobItem *item, const JobSetting *s) {
        if (s->parse == job_refuse)
                job_diagnose(p, true, item->key_at, "%s= in [%s]: %s", s->key, p->section, s->why);
        else if ((s->belongs & JOB_SERVER) || streq(s->key, "URL"))
                job_diagnose(p, true, item->key_at, "%s= in [%s]: it is about the server, and belongs into [Source] or [Target]", s->key,
                             p->section);
        else
                job_diagnose(p, true, item->key_at, "%s= in [%s]: it belongs into [%s]", s->key, p->section, s->section);
}

static void unknown_key(JobParser *p, const JobItem *item) {
        const char *words[JOB_SETTINGS] = {}, *nearest;
        _cleanup_free_ char *shown = job_excerpt(item->key);

        for (size_t i = 0; i < JOB_SETTINGS; i++) {
                const JobSetting *s = job_settings + i;

                if (streq(s->section, p->section) && s->parse != job_refuse)
                        words[i] = s->key;
                else if (streq(s->section, "Remote") == p->is_remote && strcasecmp(s->key, item->key) == 0) {
                        misplaced(p, item, s);
                        return;
                }
        }
        nearest = job_nearest(item->key, words, ELEMENTS(words));
        remember_unknown(p, item->key_at, text_of("unknown key %s in [%s]", strempty(shown), p->section),
                         text_of("%s%s%s", nearest ? "; did you mean " : "", strempty(nearest), nearest ? "=?" : ""));
}

static void assign(JobParser *p, const JobItem *item) {
        const JobSetting *s;
        size_t i;

        if (p->ignoring || startswith(item->key, "X-"))
                return;
        if (!p->section) {
                job_diagnose(p, true, item->key_at, "an assignment before the first section: begin with %s",
                             p->is_remote ? "[Remote]" : "[Job] or [Source]");
                return;
        }
        s = job_find_setting(p->section, item->key);
        if (!s) {
                unknown_key(p, item);
                return;
        }
        i = (size_t) (s - job_settings);
        p->set_at[i] = item->value_origin[0];
        p->key_at[i] = item->key_at;
        p->emptied[i] = !*item->value;
        s->parse(p, s, item);
}

/* ---- Files --------------------------------------------------------------------------------------- */

static void read_items(JobParser *p) {
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

static bool check_bytes(JobParser *p, const KftpJobFragment *f, size_t base) {
        const char *what, *text = f->text;
        size_t at;

        if (f->n > KFTP_JOB_SIZE_MAX)
                job_diagnose_file(p, f, "larger than %u KiB, which no job needs", KFTP_JOB_SIZE_MAX / 1024);
        else if (job_text_find_bad(text, f->n, &at, &what))
                job_diagnose(p, true, base + at, "byte 0x%02x %s", (unsigned) (unsigned char) text[at], what);
        else
                return true;
        return false;
}

bool job_read(JobParser *p) {
        size_t base = 0;
        bool good = true;

        for (size_t i = 0; i < p->fragments_n; i++) {
                const KftpJobFragment *f = p->fragments + i;

                p->section = NULL;
                p->ignoring = false;
                if (check_bytes(p, f, base)) {
                        if (job_text_init(&p->text, f->text, f->n, base) < 0) {
                                p->no_memory = true;
                                return false;
                        }
                        read_items(p);
                        job_text_done(&p->text);
                } else
                        good = false;
                base += f->n + 1;
        }
        tell_unknown(p);
        return good;
}
