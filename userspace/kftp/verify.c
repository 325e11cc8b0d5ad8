// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kftp verify: reads job files as the daemon would, and shows what is wrong with them, each with its line. Neither the daemon
 * nor the device is asked.
 */

#include <search.h>
#include <sys/stat.h>

#include "job-list.h"
#include "jobs-verb.h"
#include "util.h"
#include "verbs.h"
#include "verify.h"

typedef struct Verify {
        const Arguments *arguments;
        KftpJobDirectories directories;         /* that names are looked for in */
        void *said;                             /* what has been told: jobs that share a remote share its faults */
        VerifyCalendars calendars;
        unsigned n, rejected, warned, masked;
        bool faulty;                            /* the one that is looked at */
        bool no_memory;
} Verify;

/* ---- What is wrong -------------------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b) {
        return strcmp(a, b);
}

static void on_diagnosis(void *userdata, const KftpDiagnosis *d) {
        _cleanup_free_ char *text = kftp_diagnosis_format_long(d);
        Verify *v = userdata;
        void *found;

        v->faulty |= d->error || v->arguments->strict;
        v->warned += !d->error;
        found = text ? tfind(text, &v->said, compare_texts) : NULL;
        if (found)
                return;
        if (!text || !tsearch(text, &v->said, compare_texts)) {
                v->no_memory = true;
                return;
        }
        fprintf(stderr, "%s\n", text);
        text = NULL;            /* it is the tree's */
}

static int complain(Verify *v, const char *what, const char *name) {
        _cleanup_free_ char *shown = kftp_escape(name, strlen(name));

        fprintf(stderr, "kftp: %s: %s\n", strempty(shown), what);
        v->rejected++;
        return -EINVAL;
}

/* ---- One of them ---------------------------------------------------------------------------------- */

static int verify_remote(Verify *v, const KftpJobDirectories *d, const char *name) {
        KftpJobRemote *remote = NULL;
        KftpJobFiles files = {};
        int r = kftp_job_files_read(d, name, KFTP_REMOTE_SUFFIX, on_diagnosis, v, &files);

        if (r >= 0)
                r = kftp_remote_parse(name, files.items, files.n, on_diagnosis, v, &remote);
        kftp_remote_free(remote);
        kftp_job_files_done(&files);
        return r;
}

static int verify_job(Verify *v, const KftpJobDirectories *d, const char *name) {
        KftpJob *job = NULL;
        int r = kftp_job_load(d, name, on_diagnosis, v, NULL, &job);

        if (r >= 0)
                r = verify_calendar(&v->calendars, d, job, on_diagnosis, v);
        kftp_job_free(job);
        return r;
}

/* Returns what is reported by the exit code only: -ENOMEM. */
static int verify_one(Verify *v, const KftpJobDirectories *d, const char *name, bool is_remote, const char *shown) {
        int r;

        v->faulty = false;
        r = is_remote ? verify_remote(v, d, name) : verify_job(v, d, name);
        if (r == -ENOENT)
                return complain(v, is_remote ? "there is no such remote" : "there is no such job", shown);
        if (r == -ENOMEM || v->no_memory)
                return -ENOMEM;
        v->masked += r == -ERFKILL;
        v->rejected += r != -ERFKILL && (r < 0 || v->faulty);
        return 0;
}

/* Cuts a suffix that jobs or remotes have off; returns whether it had one. */
static bool cut_suffix(char *name, bool *ret_is_remote) {
        static const char *const suffixes[] = { KFTP_JOB_SUFFIX, KFTP_REMOTE_SUFFIX };
        size_t n = strlen(name);

        *ret_is_remote = false;
        for (size_t i = 0; i < ELEMENTS(suffixes); i++)
                if (n > strlen(suffixes[i]) && streq(name + n - strlen(suffixes[i]), suffixes[i])) {
                        name[n - strlen(suffixes[i])] = '\0';
                        *ret_is_remote = i == 1;
                        return true;
                }
        return false;
}

/* As if its directory overrode all others: with drop-ins, and with the remotes that there are. */
static int verify_file(Verify *v, const char *path) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *name = strdup(slash ? slash + 1 : path), *parent = slash ? strndup(path, (size_t) (slash + 1 - path)) : strdup(".");
        _cleanup_free_ char *directory = parent ? realpath(parent, NULL) : NULL, *paths = NULL;
        KftpJobDirectories d = {};
        bool is_remote;
        int r;

        if (!name || !parent)
                return -ENOMEM;
        if (!cut_suffix(name, &is_remote))
                return complain(v, "not a name of a job or remote: it has to end in " KFTP_JOB_SUFFIX " or " KFTP_REMOTE_SUFFIX, path);
        if (!directory)
                return complain(v, strerror(errno), path);
        if (strchr(directory, ':'))
                return complain(v, "its directory has a colon in its name", path);
        if (asprintf(&paths, "%s:%s", directory, v->arguments->config_directories ?: KFTP_JOB_DIRECTORIES) < 0)
                return -ENOMEM;
        r = kftp_job_directories_open(paths, &d);
        if (r < 0)
                return complain(v, strerror(-r), paths);
        r = verify_one(v, &d, name, is_remote, path);
        kftp_job_directories_done(&d);
        return r;
}

static int verify_word(Verify *v, const char *word) {
        _cleanup_free_ char *name = strdup(word);
        struct stat st;
        bool is_remote;

        if (!name)
                return -ENOMEM;
        v->n++;
        if (strchr(word, '/') || (cut_suffix(name, &is_remote) && lstat(word, &st) >= 0))
                return verify_file(v, word);
        return verify_one(v, &v->directories, name, is_remote, word);
}

static int verify_all(Verify *v) {
        KftpJobList list = {};
        const char *path = NULL;
        int r = kftp_job_list_collect(&list, &v->directories, &path);

        if (r < 0)
                (void) complain(v, strerror(-r), strempty(path));
        v->n = (unsigned) list.n;
        for (size_t i = 0; r != -ENOMEM && i < list.n; i++)
                r = verify_one(v, &v->directories, list.items[i].name, false, list.items[i].name);
        kftp_job_list_done(&list);
        return r;
}

/* ---- The verb ------------------------------------------------------------------------------------- */

static int summarize(const Verify *v) {
        unsigned fine = v->n - MIN2(v->n, v->rejected + v->masked);

        if (printf("%u %s", fine, fine == 1 ? "is fine" : "are fine") < 0 ||
            (v->rejected > 0 && printf(", %u %s errors", v->rejected, v->rejected == 1 ? "has" : "have") < 0) ||
            (v->masked > 0 && printf(", %u %s masked", v->masked, v->masked == 1 ? "is" : "are") < 0) || printf("\n") < 0 ||
            fflush(stdout) != 0)
                return jobs_cannot_write();
        return v->rejected > 0 ? KFTP_CLASS_USAGE : 0;
}

static int verify(const Arguments *a) {
        Verify v = { .arguments = a };
        int r = kftp_job_directories_open(a->config_directories ?: KFTP_JOB_DIRECTORIES, &v.directories);

        if (r == -EINVAL)
                return usage_error("--config-dir=%s: not absolute paths with colons between, 16 of them at most", a->config_directories);
        if (r >= 0 && a->n_words == 0)
                r = verify_all(&v);
        for (unsigned i = 0; r != -ENOMEM && i < a->n_words; i++)
                r = verify_word(&v, a->words[i]);
        kftp_job_directories_done(&v.directories);
        verify_calendars_done(&v.calendars);
        tdestroy(v.said, free);
        return r == -ENOMEM || v.no_memory ? jobs_no_memory() : a->quiet ? (v.rejected > 0 ? KFTP_CLASS_USAGE : 0) : summarize(&v);
}

int verb_verify(int argc, char **argv) {
        return jobs_verb(argc, argv, VERB_VERIFY, 0, UINT_MAX, verify);
}
