/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Units as text. The job parser has refused what is plainly wrong; nothing here relies on it, because what is written is read by
 * the service manager, as root.
 */

#include "unit-text.h"
#include "util.h"

#define UNIT_NAME_MAX 255U
#define DESCRIPTION_MAX 200U            /* bytes of a job's */
#define LETTERS_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* ---- Values --------------------------------------------------------------------------------------- */

/* Free text for the middle of a line: what systemd would take for something else is doubled, or a blank. */
static void put_text(FILE *f, const char *text, size_t max) {
        for (size_t i = 0; text[i] && i < max; i++) {
                unsigned char c = (unsigned char) text[i];

                if (c < 0x20 || c == 0x7f)
                        fputc(' ', f);
                else if (c == '%')
                        fputs("%%", f);
                else
                        fputc(c, f);
        }
}

static bool is_calendar(const char *text) {
        return *text && text[strspn(text, LETTERS_DIGITS " \t*:,./~+_-")] == '\0';
}

/* A path that systemd takes as it is; what it would not is not worth a riddle. */
static bool is_path(const char *text) {
        return *text == '/' && text[strspn(text, LETTERS_DIGITS "/:-_.\\@+")] == '\0' && text[strlen(text) - 1] != '\\';
}

static bool is_unit_name(const char *name) {
        static const char *const types[] = {
                ".service", ".target", ".timer", ".path", ".socket", ".mount", ".automount", ".swap", ".slice", ".scope", ".device",
        };
        size_t n = strlen(name);

        if (n > UNIT_NAME_MAX || name[strspn(name, LETTERS_DIGITS ":-_.\\@")])
                return false;
        for (size_t i = 0; i < ELEMENTS(types); i++) {
                size_t k = strlen(types[i]);

                if (n > k && streq(name + n - k, types[i]))
                        return name[0] != '@';
        }
        return false;
}

char *unit_text_expand(const char *unit, const char *job) {
        _cleanup_free_ char *text = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t size = 0;
        bool good = true;

        f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        for (const char *p = unit; good && *p; p++)
                if (*p != '%')
                        fputc(*p, f);
                else if (*++p == 'n')
                        fputs(job, f);
                else
                        good = false;   /* a percent sign has no place in the name of a unit */
        if (fclose(STEAL_PTR(f)) != 0 || !good || !is_unit_name(text))
                return NULL;
        return STEAL_PTR(text);
}

/* ---- Units ---------------------------------------------------------------------------------------- */

static int refuse(const char **reason, const char *why) {
        *reason = why;
        return -EINVAL;
}

/* What all of them begin with. The text ends in something of ours: a backslash before the end of a line would take the next in. */
static void put_head(FILE *f, const KftpJob *j, const char *what) {
        fputs("# Made by kftp-generator, see kftpd(8).\n[Unit]\n", f);
        if (what) {
                fputs("Description=", f);
                put_text(f, j->description ?: "FTP job", DESCRIPTION_MAX);
                fprintf(f, " (%s %%i)\n", what);
                fputs("Documentation=man:kftp.job(5) man:kftpd(8)\n", f);
        }
        fprintf(f, "SourcePath=%s\n", j->file);
}

static int check_common(const KftpJob *j, const char **reason) {
        if (!kftp_job_name_valid(j->name, strlen(j->name)))
                return refuse(reason, "its name is none for an instance of a unit");
        if (!is_path(j->file))
                return refuse(reason, "its path cannot be written into a unit");
        return 0;
}

int unit_text_timer(const KftpJob *j, char **ret, const char **reason) {
        _cleanup_free_ char *text = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t size = 0;
        int r;

        *ret = NULL;
        r = check_common(j, reason);
        if (r < 0)
                return r;
        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        put_head(f, j, "schedule of the job");
        fputs("\n[Timer]\n", f);
        for (char **c = j->calendar; c && *c; c++) {
                if (!is_calendar(*c))
                        return refuse(reason, "OnCalendar= has a character that is in no calendar event");
                fputs("OnCalendar=", f);
                put_text(f, *c, SIZE_MAX);
                fputc('\n', f);
        }
        fprintf(f, "Persistent=%s\n", j->persistent ? "yes" : "no");
        fputs("AccuracySec=1s\n", f);
        if (j->randomized_delay_usec > 0)
                fprintf(f, "RandomizedDelaySec=%llius\n", (long long) MIN2(j->randomized_delay_usec, (uint64_t) INT64_MAX));
        fputs("Unit=kftp@%i.service\n", f);
        if (fclose(STEAL_PTR(f)) != 0)
                return -ENOMEM;
        *ret = STEAL_PTR(text);
        return 0;
}

/* systemd starts them when the service has ended, which is when it has taken the file away. */
int unit_text_end(const KftpJob *j, bool success, char **ret, const char **reason) {
        _cleanup_free_ char *text = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t size = 0;
        int r;

        *ret = NULL;
        r = check_common(j, reason);
        if (r < 0)
                return r;
        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        put_head(f, j, NULL);
        for (char **u = success ? j->on_success : j->on_failure; u && *u; u++) {
                _cleanup_free_ char *name = unit_text_expand(*u, j->name);

                if (!name)
                        return refuse(reason, success ? "OnSuccess= is not the name of a unit" : "OnFailure= is not the name of a unit");
                fprintf(f, "OnSuccess=%s\n", name);
        }
        if (fclose(STEAL_PTR(f)) != 0)
                return -ENOMEM;
        *ret = STEAL_PTR(text);
        return 0;
}
