/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The values of job files that name files and directories, here or on the server. Most of them may have dates. */

#include <limits.h>

#include "job-date.h"
#include "job-settings.h"
#include "job-value.h"

/* The value from an offset on, with the date of now; NULL and a diagnosis if it has a date that is none. */
char *job_try_dates(JobParser *p, const JobItem *item, size_t from) {
        const char *why = NULL;
        size_t at = 0;
        char *text;

        if (job_date_check(item->value + from, &at, &why) < 0) {
                job_bad_value(p, item, from + at, "%s", why);
                return NULL;
        }
        text = job_date_expand(item->value + from, p->now, false);
        p->no_memory |= !text;
        return text;
}

/* ---- Paths here ---------------------------------------------------------------------------------- */

bool job_has_dot_dot(const char *path) {
        for (const char *part = path; part; part = strchr(part, '/')) {
                part += strspn(part, "/");
                if (part[0] == '.' && part[1] == '.' && (part[2] == '/' || part[2] == '\0'))
                        return true;
        }
        return false;
}

static bool check_length_and_dots(JobParser *p, const JobItem *item, size_t from, const char *path) {
        if (strlen(path) >= PATH_MAX)
                job_bad_value(p, item, from, "longer than %d bytes", PATH_MAX - 1);
        else if (job_has_dot_dot(path))
                job_bad_value(p, item, from, "a path with \"..\" is not taken: write the directory that is meant");
        else
                return true;
        return false;
}

bool job_check_path(JobParser *p, const JobItem *item, size_t from, const char *path) {
        if (!*path)
                return true;
        if (*path != '/')
                job_bad_value(p, item, from, "not an absolute path: begin it with a slash");
        else
                return check_length_and_dots(p, item, from, path);
        return false;
}

void job_parse_file(JobParser *p, const JobSetting *s, const JobItem *item) {
        if (job_check_path(p, item, 0, item->value))
                job_set_string(p, s, item->value);
}

void job_parse_path(JobParser *p, const JobSetting *s, const JobItem *item) {
        _cleanup_free_ char *path = job_try_dates(p, item, 0);
        JobPlace place;
        const KftpJobFragment *f = job_find_place(p, item->value_origin[0], &place);

        p->job->path_line = place.line;
        p->job->path_column = place.column;
        free(STEAL_PTR(p->job->path_file));
        if (f && f != p->fragments && !(p->job->path_file = strdup(f->file)))
                p->no_memory = true;
        if (path && job_check_path(p, item, 0, path))
                job_set_string(p, s, item->value);
}

/* ---- What stands for a file's name --------------------------------------------------------------- */

void job_parse_marker(JobParser *p, const JobSetting *s, const JobItem *item) {
        _cleanup_free_ char *name = job_try_dates(p, item, 0);

        if (!name)
                return;
        if (strchr(name, '/'))
                job_bad_value(p, item, 0, "a marker is the name of a file beside the ones to transfer: it has no slash");
        else if (streq(name, "%f") || streq(name, ".") || streq(name, ".."))
                job_bad_value(p, item, 0, "not the name of another file, such as \"%%f.done\" or \"complete\"");
        else if (strstr(name, "%f") && strstr(strstr(name, "%f") + 2, "%f"))
                job_bad_value(p, item, 0, "\"%%f\" stands in it more than once");
        else if (strlen(name) > NAME_MAX)
                job_bad_value(p, item, 0, "longer than %d bytes", NAME_MAX);
        else
                job_set_string(p, s, item->value);
}

/* ---- Then= ---------------------------------------------------------------------------------------- */

static bool set_directory(JobParser *p, KftpThen *then, const JobItem *item, size_t at) {
        _cleanup_free_ char *directory = job_try_dates(p, item, at);
        size_t n = strlen(item->value + at);

        if (!directory || !check_length_and_dots(p, item, at, directory))
                return false;
        while (n > 1 && item->value[at + n - 1] == '/')
                n--;
        then->directory = strndup(item->value + at, n);
        p->no_memory |= !then->directory;
        return then->directory;
}

/* "keep", "delete" or "move DIRECTORY", which may have blanks in it. */
void job_parse_then(JobParser *p, const JobSetting *s, const JobItem *item) {
        static const char *const words[] = { [KFTP_THEN_KEEP] = "keep", [KFTP_THEN_DELETE] = "delete", [KFTP_THEN_MOVE] = "move" };
        KftpThen *then = (KftpThen *) ((char *) p->job + s->offset);
        size_t n = strcspn(item->value, " \t"), at = n + strspn(item->value + n, " \t");
        _cleanup_free_ char *word = strndup(item->value, n);
        const char *nearest;

        free(then->directory);
        *then = (KftpThen) {};
        if (!word) {
                p->no_memory = true;
                return;
        }
        if (!*word || (streq(word, "keep") && !item->value[at]))
                return;
        if (streq(word, "delete") && !item->value[at])
                then->action = KFTP_THEN_DELETE;
        else if (streq(word, "move") && item->value[at]) {
                if (set_directory(p, then, item, at))
                        then->action = KFTP_THEN_MOVE;
        } else if (streq(word, "move"))
                job_bad_value(p, item, 0, "the directory is missing that is moved to, as in \"move done\"");
        else if (item->value[at] && (streq(word, "keep") || streq(word, "delete")))
                job_bad_value(p, item, at, "nothing goes behind \"%s\"", word);
        else {
                nearest = job_nearest(word, words, ELEMENTS(words));
                job_bad_value(p, item, 0, "neither \"keep\" nor \"delete\" nor \"move DIRECTORY\"%s%s%s", nearest ? "; did you mean \"" : "",
                              strempty(nearest), nearest ? "\"?" : "");
        }
}
