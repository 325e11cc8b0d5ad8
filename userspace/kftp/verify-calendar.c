// SPDX-License-Identifier: GPL-2.0-or-later
/* Asks systemd-analyze whether it understands the times of jobs: nobody else knows all of systemd.time(7). */

#include <search.h>

#include "doctor.h"
#include "job-syntax.h"
#include "util.h"
#include "verify.h"

static int compare_texts(const void *a, const void *b) {
        return strcmp(a, b);
}

static bool understands(const char *expression) {
        _cleanup_free_ char *line = doctor_ask((const char *const[]) { "systemd-analyze", "calendar", "--", expression, NULL });

        return line && *line;
}

/* 1: it is understood, 0: it is not, or -ENOMEM. */
static int ask(VerifyCalendars *c, const char *expression) {
        char *copy;

        if (!c->asked) {
                _cleanup_free_ char *version = doctor_ask((const char *const[]) { "systemd-analyze", "--version", NULL });

                c->asked = true;
                c->available = version;
        }
        if (!c->available || tfind(expression, &c->good, compare_texts))
                return 1;
        if (!understands(expression))
                return 0;
        copy = strdup(expression);
        if (!copy || !tsearch(copy, &c->good, compare_texts)) {
                free(copy);
                return -ENOMEM;
        }
        return 1;
}

/* The last place where a file sets this expression. */
static bool find_in(const KftpJobFragment *f, const char *expression, KftpDiagnosis *d) {
        bool found = false;
        JobText text;
        JobItem item;

        if (job_text_init(&text, f->text, f->n, 0) < 0)
                return false;
        while (job_text_next(&text, &item) != JOB_ITEM_END)
                if (item.type == JOB_ITEM_ASSIGNMENT && streq(item.key, "OnCalendar") && streq(item.value, expression)) {
                        JobPlace place = job_text_place(f->text, f->n, item.value_origin[0]);
                        const char *begin = (const char *) f->text + item.value_origin[0], *end;

                        while (begin > (const char *) f->text && begin[-1] != '\n')
                                begin--;
                        end = memchr(begin, '\n', f->n - (size_t) (begin - (const char *) f->text));
                        d->line = place.line;
                        d->column = place.column;
                        d->text = begin;
                        d->text_n = (size_t) ((end ?: (const char *) f->text + f->n) - begin);
                        d->file = f->file;
                        found = true;
                }
        job_text_done(&text);
        return found;
}

static int tell(const KftpJobDirectories *d, const KftpJob *job, const char *expression, kftp_diagnosis_t sink, void *userdata) {
        _cleanup_free_ char *message = NULL;
        KftpDiagnosis diagnosis = { .error = true, .file = job->file };
        KftpJobFiles files = {};
        int r;

        if (asprintf(&message, "OnCalendar=\"%s\": systemd does not understand this: see systemd.time(7), and try systemd-analyze calendar",
                     expression) < 0) {
                message = NULL;
                return -ENOMEM;
        }
        diagnosis.message = message;
        r = kftp_job_files_read(d, job->name, KFTP_JOB_SUFFIX, NULL, NULL, &files);
        for (size_t i = files.n; r >= 0 && i > 0 && !find_in(files.items + i - 1, expression, &diagnosis); i--)
                ;
        sink(userdata, &diagnosis);
        kftp_job_files_done(&files);
        return -EBADMSG;
}

int verify_calendar(VerifyCalendars *c, const KftpJobDirectories *d, const KftpJob *job, kftp_diagnosis_t sink, void *userdata) {
        int result = 0;

        for (size_t i = 0; job->calendar && job->calendar[i]; i++) {
                int r = ask(c, job->calendar[i]);

                if (r == 0)
                        r = tell(d, job, job->calendar[i], sink, userdata);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        result = r;
        }
        return result;
}

void verify_calendars_done(VerifyCalendars *c) {
        tdestroy(c->good, free);
        *c = (VerifyCalendars) {};
}
