/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The texts of a job's files for people: nothing in them that a terminal would obey, and nothing that may be a password. */

#include "job-load.h"
#include "job-mask.h"
#include "util.h"

static void put_part(FILE *f, const char *text, size_t n) {
        _cleanup_free_ char *copy = malloc(n + 1), *shown = NULL;

        if (!copy)
                return;
        for (size_t i = 0; i < n; i++)
                copy[i] = text[i] == '\t' ? ' ' : text[i];     /* a tab would be escaped */
        shown = kftp_escape(copy, n);
        fputs(strempty(shown), f);
}

static void put_line(FILE *f, const char *line, size_t n, const bool *hidden) {
        for (size_t i = 0, end; i < n; i = end) {
                for (end = i; end < n && hidden[end] == hidden[i]; end++)
                        ;
                if (hidden[i])
                        fputs("***", f);
                else
                        put_part(f, line + i, end - i);
        }
}

static void put_text(FILE *f, const char *text, size_t n) {
        _cleanup_free_ bool *hidden = calloc(n + 1, sizeof(*hidden));

        if (!hidden || job_mask(text, n, hidden) < 0)
                return;
        for (size_t from = 0, next; from < n; from = next) {
                const char *end = memchr(text + from, '\n', n - from);
                size_t to = end ? (size_t) (end - text) : n;

                next = to + 1;
                to -= to > from && text[to - 1] == '\r';
                put_line(f, text + from, to - from, hidden + from);
                fputc('\n', f);
        }
}

static void put_files(FILE *f, const KftpJobFiles *files, bool first) {
        for (size_t i = 0; i < files->n; i++) {
                _cleanup_free_ char *path = kftp_escape(files->items[i].file, strlen(files->items[i].file));

                fprintf(f, "%s# %s\n", i == 0 && first ? "" : "\n", strempty(path));
                put_text(f, files->items[i].text, files->items[i].n);
        }
}

/* ---- What holds where nothing is said -------------------------------------------------------------- */

static bool gives(const char *line, size_t n, const char *key) {
        size_t length = strlen(key), at;

        while (n > 0 && (*line == ' ' || *line == '\t'))
                line++, n--;
        if (n <= length || memcmp(line, key, length) != 0)
                return false;
        for (at = length; at < n && (line[at] == ' ' || line[at] == '\t'); at++)
                ;
        return at < n && line[at] == '=';
}

/* Whether the key is in one of the files, with whatever value. */
static bool is_given(const KftpJobFiles *files, const char *key) {
        for (size_t i = 0; i < files->n; i++) {
                const char *text = files->items[i].text, *all_end = text + files->items[i].n;

                while (text < all_end) {
                        const char *end = memchr(text, '\n', (size_t) (all_end - text)) ?: all_end;

                        if (gives(text, (size_t) (end - text), key))
                                return true;
                        text = MIN2(end + 1, all_end);
                }
        }
        return false;
}

/* Comments, so that what is shown is still a job's text. */
static void put_defaults(FILE *f, const KftpJob *j, const KftpJobFiles *files, const KftpJobFiles *remote) {
        const char *server = j->upload ? "Target" : "Source", *section = NULL;
        const struct {
                const char *section;
                const char *key;
                const char *value;
                bool matters;
        } defaults[] = {
                { "Job", "Retries", "5", true },
                { "Job", "RetrySec", "30s", true },
                { "Job", "Persistent", "yes", j->calendar },
                { "Job", "PollSec", "1min", j->watch },
                { "Job", "IfEmpty", "ok", j->set },
                { server, "User", "anonymous", !j->user && !j->url.user },
                { server, "DataConnection", "auto", true },
                { server, "TLS", "no", j->tls_mode == KFTP_TLS_NONE },
                { server, "TimeoutSec", "1min", true },
                { "Source", "Then", "keep", !j->mirror },
                { "Target", "IfExists", "resume", !j->mirror },
        };

        fputs("\n# Defaults:\n", f);
        for (size_t i = 0; i < ELEMENTS(defaults); i++) {
                if (!defaults[i].matters || is_given(files, defaults[i].key) || is_given(remote, defaults[i].key))
                        continue;
                if (!section || !streq(section, defaults[i].section))
                        fprintf(f, "# [%s]\n", defaults[i].section);
                section = defaults[i].section;
                fprintf(f, "# %s=%s\n", defaults[i].key, defaults[i].value);
        }
}

/* ---- All of it ------------------------------------------------------------------------------------ */

/* Which remote the job asks for is known by the parser; it is shown although the job may be rejected. */
static void put_rest(FILE *f, const KftpJobDirectories *d, const char *name, const KftpJobFiles *files) {
        _cleanup_(kftp_job_files_done) KftpJobFiles remote = {};
        _cleanup_(kftp_job_origin_done) KftpJobOrigin origin;
        KftpJob *job;

        (void) kftp_job_load(d, name, NULL, NULL, &origin, &job);
        if (origin.remote && kftp_job_files_read(d, origin.remote, KFTP_REMOTE_SUFFIX, NULL, NULL, &remote) >= 0)
                put_files(f, &remote, false);
        if (job)
                put_defaults(f, job, files, &remote);
        kftp_job_free(job);
}

int kftp_job_show(const KftpJobDirectories *d, const char *name, char **ret) {
        _cleanup_(kftp_job_files_done) KftpJobFiles files = {};
        size_t size;
        FILE *f;
        int r;

        *ret = NULL;
        r = kftp_job_files_read(d, name, KFTP_JOB_SUFFIX, NULL, NULL, &files);
        if (r < 0)
                return r;
        f = open_memstream(ret, &size);
        if (!f)
                return -ENOMEM;
        put_files(f, &files, true);
        put_rest(f, d, name, &files);
        if (fclose(f) == 0)
                return 0;
        free(STEAL_PTR(*ret));
        return -ENOMEM;
}
