/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a job runs, until when it has to have ended, and which units are started then. */

#include "job-settings.h"
#include "job-value.h"

#define CALENDAR_MAX 256U               /* bytes of an expression */
#define UNIT_MAX 255U                   /* UNIT_NAME_MAX of systemd */
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static char ***list_of(JobParser *p, const JobSetting *s) {
        return (char ***) ((char *) p->job + s->offset);
}

/* Whether systemd understands it only systemd can tell; what cannot be meant is found here. */
void job_parse_calendar(JobParser *p, const JobSetting *s, const JobItem *item) {
        char ***list = list_of(p, s);
        size_t n = strlen(item->value), known = strspn(item->value, LETTERS DIGITS " \t*-:,./~_+");

        if (n == 0)
                *list = job_free_list(*list);
        else if (known < n)
                job_bad_value(p, item, known, "a character that no calendar event has: see systemd.time(7)");
        else if (n > CALENDAR_MAX)
                job_bad_value(p, item, 0, "longer than %u bytes", CALENDAR_MAX);
        else
                job_add_to_list(p, list, item->value, n);
}

void job_parse_deadline(JobParser *p, const JobSetting *s, const JobItem *item) {
        const char *text = item->value;
        unsigned hour, minute;
        char parts[2][3];

        (void) s;
        p->job->deadline = KFTP_DEADLINE_NONE;
        if (!*text)
                return;
        if (strlen(text) == 5 && text[2] == ':') {
                memcpy(parts[0], text, 2);
                memcpy(parts[1], text + 3, 2);
                parts[0][2] = parts[1][2] = '\0';
                if (job_parse_unsigned(parts[0], 0, 23, &hour) >= 0 && job_parse_unsigned(parts[1], 0, 59, &minute) >= 0) {
                        p->job->deadline = hour * 3600 + minute * 60;
                        return;
                }
        }
        job_bad_value(p, item, 0, "not a time of day from 00:00 to 23:59, such as \"06:00\"");
}

/* ---- Units ---------------------------------------------------------------------------------------- */

static bool has_unit_suffix(const char *unit) {
        static const char *const suffixes[] = { ".service", ".target", ".timer", ".path", ".socket", ".mount", ".automount", ".swap",
                                                ".slice", ".scope", ".device" };
        const char *dot = strrchr(unit, '.');

        for (size_t i = 0; dot && i < ELEMENTS(suffixes); i++)
                if (streq(dot, suffixes[i]))
                        return true;
        return false;
}

/* A unit with the job's name for %n; NULL and a diagnosis if it is none. */
static char *expand_unit(JobParser *p, const JobItem *item, size_t at, size_t n) {
        char *unit = NULL;
        size_t size;
        FILE *out = open_memstream(&unit, &size);

        if (!out) {
                p->no_memory = true;
                return NULL;
        }
        for (size_t i = at; i < at + n; i++) {
                char c = item->value[i];

                if (c == '%' && i + 1 < at + n && item->value[i + 1] == 'n') {
                        fputs(p->job->name, out);
                        i++;
                } else if (c == '%' || !strchr(LETTERS DIGITS ":-_.\\@", c)) {
                        job_bad_value(p, item, i, c == '%' ? "only %%n is known here, which is the name of the job" :
                                      "a character that no name of a unit has");
                        (void) fclose(out);
                        free(unit);
                        return NULL;
                } else
                        fputc(c, out);
        }
        if (fclose(out) != 0) {
                free(STEAL_PTR(unit));
                p->no_memory = true;
        }
        return unit;
}

static void add_unit(JobParser *p, char ***list, const JobItem *item, size_t at, size_t n) {
        _cleanup_free_ char *unit = expand_unit(p, item, at, n);
        const char *instance = unit ? strchr(unit, '@') : NULL;

        if (!unit)
                return;
        if (!has_unit_suffix(unit) || *unit == '.' || *unit == '@')
                job_bad_value(p, item, at, "not the name of a unit, such as \"notify@%%n.service\"");
        else if (instance && instance[1] == '.' && !strchr(instance + 2, '.'))
                job_bad_value(p, item, at, "a template: it needs an instance, such as \"notify@%%n.service\"");
        else if (strlen(unit) > UNIT_MAX)
                job_bad_value(p, item, at, "longer than %u bytes", UNIT_MAX);
        else
                job_add_to_list(p, list, unit, strlen(unit));
}

void job_parse_units(JobParser *p, const JobSetting *s, const JobItem *item) {
        char ***list = list_of(p, s);
        size_t i = 0, n;

        if (!*item->value)
                *list = job_free_list(*list);
        for (; item->value[i]; i += n) {
                i += strspn(item->value + i, " \t");
                n = strcspn(item->value + i, " \t");
                if (n > 0)
                        add_unit(p, list, item, i, n);
        }
}

/* ---- Between them --------------------------------------------------------------------------------- */

void job_check_schedule(JobParser *p) {
        static const char *const of_calendar[] = { "Persistent", "RandomizedDelaySec" };
        const KftpJob *j = p->job;

        if (j->watch && j->calendar)
                job_diagnose(p, true, job_value_at(p, "Job", "Watch"), "Watch= contradicts OnCalendar=: a job either runs when something "
                             "arrives, or at its times");
        for (size_t i = 0; !j->calendar && i < ELEMENTS(of_calendar); i++)
                if (job_is_given(p, "Job", of_calendar[i]))
                        job_diagnose(p, false, job_value_at(p, "Job", of_calendar[i]), "%s= has no effect without OnCalendar=", of_calendar[i]);
}
