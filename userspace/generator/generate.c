/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads jobs, and writes their units. It runs as root and before almost anything else: files that do not belong to root have no say
 * in what is started, and whatever is wrong is passed over.
 */

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "generate.h"
#include "job-list.h"
#include "output.h"
#include "unit-text.h"
#include "util.h"

#define JOBS_MAX 100000U
#ifndef KFTP_UNIT_DIRECTORY
#define KFTP_UNIT_DIRECTORY "/usr/lib/systemd/system"
#endif

static void _printf_(2, 3) say(const Generator *g, const char *format, ...) {
        _cleanup_free_ char *line = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&line, format, ap) < 0)
                line = NULL;
        va_end(ap);
        g->say(line ?: "not enough memory");
}

/* ---- One job -------------------------------------------------------------------------------------- */

static int write_timer(Generator *g, const KftpJob *j, const char **reason) {
        _cleanup_free_ char *text = NULL;
        char name[NAME_MAX + 1], link[NAME_MAX + 4];
        int r;

        r = unit_text_timer(j, &text, reason);
        if (r < 0)
                return r;
        snprintf(name, sizeof(name), "kftp@%s.timer", j->name);
        snprintf(link, sizeof(link), "../%s", name);
        r = output_file(g->dir_fd, NULL, name, text);
        return r < 0 ? r : output_link(g->dir_fd, "timers.target.wants", name, link);
}

/* The path unit waits for the file by which kftpd says that a run has ended; its service takes that away, and then starts these. */
static int write_end(Generator *g, const KftpJob *j, bool success, const char **reason) {
        const char *what = success ? "success" : "failure";
        _cleanup_free_ char *text = NULL, *target = NULL;
        char directory[NAME_MAX + 1], name[NAME_MAX + 1];
        int r;

        r = unit_text_end(j, success, &text, reason);
        if (r < 0)
                return r;
        snprintf(directory, sizeof(directory), "kftp-%s@%s.service.d", what, j->name);
        r = output_file(g->dir_fd, directory, "50-job.conf", text);
        if (r < 0)
                return r;
        if (asprintf(&target, "%s/kftp-%s@.path", KFTP_UNIT_DIRECTORY, what) < 0) {
                target = NULL;
                return -ENOMEM;
        }
        snprintf(name, sizeof(name), "kftp-%s@%s.path", what, j->name);
        return output_link(g->dir_fd, "paths.target.wants", name, target);
}

static void note(Generator *g, const KftpJob *j, int r, const char *reason) {
        if (r >= 0)
                g->units++;
        else
                say(g, "%s: no unit is made for it: %s", j->file, reason ?: strerror(-r));
}

static void write_units(Generator *g, const KftpJob *j) {
        const char *reason = NULL;

        if (j->calendar && *j->calendar)
                note(g, j, write_timer(g, j, &reason), reason);
        reason = NULL;
        if (j->on_success && *j->on_success)
                note(g, j, write_end(g, j, true, &reason), reason);
        reason = NULL;
        if (j->on_failure && *j->on_failure)
                note(g, j, write_end(g, j, false, &reason), reason);
}

/* ---- All of them ---------------------------------------------------------------------------------- */

typedef struct Complaint {
        const Generator *generator;
        bool said;
} Complaint;

/* The first error of a file is enough here. */
static void on_diagnosis(void *userdata, const KftpDiagnosis *d) {
        Complaint *c = userdata;
        _cleanup_free_ char *text = NULL;

        if (!d->error || c->said)
                return;
        c->said = true;
        text = kftp_diagnosis_format(d);
        if (text)
                say(c->generator, "%s", text);
}

/* kftpd takes files of its own user, too, and would leave them to a timer that there is not. */
static bool is_foreign(Generator *g, const KftpJobDirectory *d, const char *name) {
        _cleanup_free_ char *filename = NULL;
        struct stat st;

        if (asprintf(&filename, "%s" KFTP_JOB_SUFFIX, name) < 0) {
                filename = NULL;
                return false;
        }
        if (fstatat(d->fd, filename, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || st.st_uid == geteuid() || st.st_uid == 0)
                return false;
        say(g, "%s/%s: it does not belong to root, so no unit is made for it: type chown root", d->path, filename);
        return true;
}

static int load(Generator *g, const KftpJobDirectories *d, const KftpJobListed *listed) {
        Complaint complaint = { .generator = g };
        KftpJob *j;
        int r;

        if (is_foreign(g, d->items + listed->directory, listed->name))
                return 0;
        r = kftp_job_load(d, listed->name, g->explain ? on_diagnosis : NULL, &complaint, NULL, &j);
        if (r >= 0)
                write_units(g, j);
        kftp_job_free(j);
        return r;
}

static int load_all(Generator *g, const KftpJobDirectories *d, const KftpJobList *list) {
        for (size_t i = 0; i < list->n; i++) {
                if (i == JOBS_MAX) {
                        say(g, "more than %u jobs: the others have no units", JOBS_MAX);
                        return -E2BIG;
                }
                if (now_usec() > g->until) {
                        say(g, "it takes too long to read all jobs: the others have no units until systemctl daemon-reload");
                        return -ETIME;
                }
                if (load(g, d, list->items + i) == -ENOMEM)
                        return -ENOMEM;
        }
        return 0;
}

/* One that is not there is an empty one, also the first: not everything may be mounted yet. */
static void leave_out_missing(KftpJobDirectories *d) {
        size_t n = 0;

        for (size_t i = 0; i < d->n; i++)
                if (d->items[i].fd == -ENOENT)
                        free(d->items[i].path);
                else
                        d->items[n++] = d->items[i];
        d->n = n;
}

int generate(Generator *g) {
        _cleanup_(kftp_job_directories_done) KftpJobDirectories directories = {};
        _cleanup_(kftp_job_list_done) KftpJobList list = {};
        const char *path;
        int r, k;

        r = kftp_job_directories_open(g->directories, &directories);
        if (r < 0)
                return r;
        leave_out_missing(&directories);
        r = kftp_job_list_collect(&list, &directories, &path);
        if (r < 0)
                say(g, "%s: %s", path, strerror(-r));
        k = load_all(g, &directories, &list);
        return k < 0 ? k : r;
}
