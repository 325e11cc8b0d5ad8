/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values that need nothing but their setting: texts, numbers, sizes, spans of time, and words of which there are a few. */

#include "format.h"
#include "job-settings.h"
#include "job-value.h"

static void *field_of(JobParser *p, const JobSetting *s) {
        return (char *) p->job + s->offset;
}

/* ---- Texts --------------------------------------------------------------------------------------- */

void job_set_string(JobParser *p, const JobSetting *s, const char *text) {
        char **field = field_of(p, s);

        free(*field);
        *field = *text ? strdup(text) : NULL;
        if (*text && !*field)
                p->no_memory = true;
}

void job_parse_text(JobParser *p, const JobSetting *s, const JobItem *item) {
        job_set_string(p, s, item->value);
}

char **job_free_list(char **list) {
        for (char **text = list; text && *text; text++)
                free(*text);
        free(list);
        return NULL;
}

void job_add_to_list(JobParser *p, char ***list, const char *text, size_t n) {
        char **more, *copy = strndup(text, n);
        size_t length = 0;

        while (*list && (*list)[length])
                length++;
        more = copy ? reallocarray(*list, length + 2, sizeof(*more)) : NULL;
        if (!more) {
                free(copy);
                p->no_memory = true;
                return;
        }
        more[length] = copy;
        more[length + 1] = NULL;
        *list = more;
}

void job_refuse(JobParser *p, const JobSetting *s, const JobItem *item) {
        job_diagnose(p, true, item->key_at, "%s= in [%s]: %s", s->key, s->section, s->why);
}

/* ---- Numbers ------------------------------------------------------------------------------------- */

void job_parse_number(JobParser *p, const JobSetting *s, const JobItem *item) {
        unsigned *field = field_of(p, s), n = 0;

        *field = (unsigned) s->fallback;
        if (!*item->value)
                return;
        if (job_parse_unsigned(item->value, (unsigned) s->min, (unsigned) s->max, &n) < 0)
                job_bad_value(p, item, 0, "not a number from %u to %u", (unsigned) s->min, (unsigned) s->max);
        else
                *field = n;
}

/* Zero stands for no limit, so it cannot be one. */
void job_parse_size(JobParser *p, const JobSetting *s, const JobItem *item) {
        uint64_t *field = field_of(p, s);

        *field = 0;
        if (*item->value && (kftp_rate_parse(item->value, field) < 0 || *field == 0))
                job_bad_value(p, item, 0, "not %s", s->why);
}

/* In the longest unit that it has a whole number of. */
static const char *format_span(char buffer[static KFTP_FORMAT_MAX], uint64_t usec) {
        static const struct {
                const char *unit;
                uint64_t usec;
        } units[] = {
                { "d", 86400 * USEC_PER_SEC },
                { "h", 3600 * USEC_PER_SEC },
                { "min", 60 * USEC_PER_SEC },
                { "s", USEC_PER_SEC },
                { "ms", USEC_PER_MSEC },
        };
        size_t i = 0;

        while (i + 1 < ELEMENTS(units) && usec % units[i].usec != 0)
                i++;
        (void) snprintf(buffer, KFTP_FORMAT_MAX, "%llu%s", (unsigned long long) (usec / units[i].usec), usec == 0 ? "" : units[i].unit);
        return buffer;
}

void job_parse_span(JobParser *p, const JobSetting *s, const JobItem *item) {
        char min[KFTP_FORMAT_MAX], max[KFTP_FORMAT_MAX];
        uint64_t *field = field_of(p, s), usec = s->fallback;
        size_t at = 0;
        int r = 0;

        *field = s->fallback;
        if (!*item->value)
                return;
        r = job_parse_timespan(item->value, &usec, &at);
        if (r == -EINVAL)
                job_bad_value(p, item, at, "not a time span, such as \"30s\", \"5min\" or \"1h 30min\"");
        else if (r < 0 || usec < s->min || usec > s->max)
                job_bad_value(p, item, 0, "not from %s to %s", format_span(min, s->min), format_span(max, s->max));
        else
                *field = usec;
}

/* ---- Words --------------------------------------------------------------------------------------- */

/* "neither "a" nor "b" nor "c"; did you mean "b"?" */
static void not_a_word(JobParser *p, const JobSetting *s, const JobItem *item) {
        const char *nearest = job_nearest(item->value, s->words, s->words_n);
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < s->words_n; i++) {
                char *more = NULL;

                if (!s->words[i])
                        continue;
                if (asprintf(&more, "%s%s\"%s\"", strempty(list), list ? " nor " : "neither ", s->words[i]) < 0) {
                        p->no_memory = true;
                        return;
                }
                free(list);
                list = more;
        }
        job_bad_value(p, item, 0, "%s%s%s%s", strempty(list), nearest ? "; did you mean \"" : "", strempty(nearest), nearest ? "\"?" : "");
}

static void set_choice(JobParser *p, const JobSetting *s, unsigned choice) {
        if (s->field == JOB_FIELD_BOOL)
                *(bool *) field_of(p, s) = choice;
        else
                *(unsigned *) field_of(p, s) = choice;
}

void job_parse_word(JobParser *p, const JobSetting *s, const JobItem *item) {
        set_choice(p, s, (unsigned) s->fallback);
        if (!*item->value)
                return;
        for (unsigned i = 0; i < s->words_n; i++)
                if (streq_ptr(item->value, s->words[i])) {
                        set_choice(p, s, i);
                        return;
                }
        not_a_word(p, s, item);
}

/* The words of systemd.syntax(7). */
void job_parse_switch(JobParser *p, const JobSetting *s, const JobItem *item) {
        static const char *const words[] = { "no", "false", "off", "0", "yes", "true", "on", "1" };

        set_choice(p, s, s->fallback != 0);
        if (!*item->value)
                return;
        for (size_t i = 0; i < ELEMENTS(words); i++)
                if (streq(item->value, words[i])) {
                        set_choice(p, s, i > 3);
                        return;
                }
        job_bad_value(p, item, 0, "neither \"yes\" nor \"no\"");
}
