/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings of a job file that only copies have, with Verify=, and what must hold between them. */

#include "job-date.h"
#include "job-settings.h"
#include "job-value.h"

/* ---- Values --------------------------------------------------------------------------------------- */

static void bad_verify(JobParser *p, const JobItem *item, size_t at, size_t n, const char *const *words, size_t words_n) {
        _cleanup_free_ char *word = strndup(item->value + at, n);
        const char *nearest = word ? job_nearest(word, words, words_n) : NULL;

        job_bad_value(p, item, at, "what is verified is \"size\", \"mtime\" or \"hash\", with blanks between%s%s%s",
                      nearest ? "; did you mean \"" : "", strempty(nearest), nearest ? "\"?" : "");
}

void job_parse_verify(JobParser *p, const JobSetting *s, const JobItem *item) {
        static const char *const words[] = { "size", "mtime", "hash" };
        static const unsigned flags[] = { KFTP_VERIFY_SIZE, KFTP_VERIFY_MTIME, KFTP_VERIFY_HASH };
        size_t i = 0, n, word;

        (void) s;
        if (!*item->value)
                p->job->verify = 0;
        for (; item->value[i]; i += n) {
                i += strspn(item->value + i, " \t");
                n = strcspn(item->value + i, " \t");
                for (word = 0; word < ELEMENTS(words); word++)
                        if (strlen(words[word]) == n && memcmp(words[word], item->value + i, n) == 0)
                                break;
                if (word < ELEMENTS(words))
                        p->job->verify |= flags[word];
                else if (n > 0) {
                        bad_verify(p, item, i, n, words, ELEMENTS(words));
                        return;
                }
        }
}

void job_parse_mode(JobParser *p, const JobSetting *s, const JobItem *item) {
        size_t n = strlen(item->value);

        (void) s;
        p->job->file_mode = KFTP_MODE_UNKNOWN;
        if (n == 0)
                return;
        if (n > 4 || n < 3 || strspn(item->value, "01234567") != n || (n == 4 && *item->value != '0'))
                job_bad_value(p, item, 0, "not permissions from 000 to 0777, such as \"0640\"");
        else
                p->job->file_mode = (uint32_t) strtoul(item->value, NULL, 8);
}

/* ---- Sets ----------------------------------------------------------------------------------------- */

static bool ends_in_slash(const char *text) {
        return text && *text && text[strlen(text) - 1] == '/';
}

/* All files of a directory, or one: the source's name tells, or that there is something to choose. */
void job_decide_set(JobParser *p) {
        KftpJob *j = p->job;

        if (j->mirror)
                return;
        j->set = p->patterns_n > 0 || ends_in_slash(j->upload ? j->path : j->remote);
        if (j->set)
                j->mirror_options.max_depth = 1;
}

/* ---- Between them --------------------------------------------------------------------------------- */

static void check_set(JobParser *p) {
        const KftpJob *j = p->job;

        for (size_t i = 0; !j->set && i < JOB_SETTINGS; i++)
                if ((job_settings[i].belongs & JOB_SET) && p->set_at[i] != 0 && !p->emptied[i])
                        job_diagnose(p, true, p->key_at[i], "%s= needs a set of files: let %s= end in a slash, or give Match=",
                                     job_settings[i].key, j->upload ? "Path" : "URL");
        if (!j->set && j->expect > 1)
                job_diagnose(p, true, job_value_at(p, "Job", "Expect"), "Expect=%u, but this job transfers one file: let %s= end in a slash, "
                             "or give Match=", j->expect, j->upload ? "Path" : "URL");
}

/* A directory that is moved to is on the side of the source: of a path here it is one as well. */
static void check_then(JobParser *p, const char *key, const KftpThen *then) {
        size_t n = then->directory ? strlen(then->directory) : 0;
        const KftpJob *j = p->job;
        const char *source = j->upload ? j->path : j->url.path;

        if (!then->directory)
                return;
        if (j->upload && *then->directory != '/')
                job_diagnose(p, true, job_value_at(p, "Source", key), "%s=move: the source is here, so the directory has to be an absolute path",
                             key);
        else if (j->set && strncmp(source, then->directory, n) == 0 && source[n + strspn(source + n, "/")] == '\0')
                job_diagnose(p, true, job_value_at(p, "Source", key), "%s=move: this is the directory that the files are taken from", key);
}

static void check_marker(JobParser *p) {
        const KftpJob *j = p->job;

        if (j->marker && !j->set && !strstr(j->marker, "%f") && streq(j->marker, j->upload ? strrchr(j->path, '/') + 1 : j->url.base))
                job_diagnose(p, true, job_value_at(p, "Source", "Marker"), "Marker= names the file itself");
}

void job_check_copy(JobParser *p) {
        const KftpJob *j = p->job;

        if (j->mirror)
                return;
        check_set(p);
        check_then(p, "Then", &j->then);
        check_then(p, "ThenOnFailure", &j->then_on_failure);
        check_marker(p);
}
