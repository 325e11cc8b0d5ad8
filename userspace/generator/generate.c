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
#include "job.h"
#include "output.h"
#include "unit-text.h"
#include "util.h"

#define JOBS_MAX 100000U
#ifndef KFTP_UNIT_DIRECTORY
#define KFTP_UNIT_DIRECTORY "/usr/lib/systemd/system"
#endif

const char *const generate_directories[] = { "/etc/kftp.d", "/run/kftp.d", "/usr/lib/kftp.d", NULL };

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

static bool is_job_file(const char *filename) {
        size_t n = strlen(filename), suffix = strlen(KFTP_JOB_SUFFIX);

        return filename[0] != '.' && n > suffix && streq(filename + n - suffix, KFTP_JOB_SUFFIX);
}

/* Whether a directory before this one has a file of that name, which then holds. */
static bool is_overridden(const int *fds, size_t n, const char *filename) {
        for (size_t i = 0; i < n; i++)
                if (fds[i] >= 0 && faccessat(fds[i], filename, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                        return true;
        return false;
}

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
static bool is_foreign(Generator *g, int fd, const char *directory, const char *filename) {
        struct stat st;

        if (fstatat(fd, filename, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || st.st_uid == geteuid() || st.st_uid == 0)
                return false;
        say(g, "%s/%s: it does not belong to root, so no unit is made for it: type chown root", directory, filename);
        return true;
}

static int load(Generator *g, int fd, const char *directory, const char *filename) {
        Complaint complaint = { .generator = g };
        KftpJob *j = NULL;
        int r;

        if (is_foreign(g, fd, directory, filename))
                return 0;
        r = kftp_job_load(fd, directory, filename, g->explain ? on_diagnosis : NULL, &complaint, &j);
        if (r >= 0)
                write_units(g, j);
        kftp_job_free(j);
        return r;
}

static int read_directory(Generator *g, const int *fds, size_t i, unsigned *jobs) {
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *entry;
        int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                safe_close(fd);
                return -errno;
        }
        while ((entry = readdir(d))) {
                if (!is_job_file(entry->d_name) || is_overridden(fds, i, entry->d_name))
                        continue;
                if (++*jobs > JOBS_MAX) {
                        say(g, "more than %u jobs: the others have no units", JOBS_MAX);
                        return -E2BIG;
                }
                if (now_usec() > g->until) {
                        say(g, "it takes too long to read all jobs: the others have no units until systemctl daemon-reload");
                        return -ETIME;
                }
                if (load(g, fds[i], g->directories[i], entry->d_name) == -ENOMEM)
                        return -ENOMEM;
        }
        return 0;
}

#define DIRECTORIES_MAX 8U

int generate(Generator *g) {
        int fds[DIRECTORIES_MAX], r = 0;
        unsigned jobs = 0;
        size_t n = 0;

        for (; n < DIRECTORIES_MAX && g->directories[n]; n++) {
                fds[n] = open(g->directories[n], O_DIRECTORY | O_RDONLY | O_CLOEXEC);
                if (fds[n] < 0 && errno != ENOENT)
                        say(g, "%s: %s", g->directories[n], strerror(errno));
        }
        for (size_t i = 0; i < n && r >= 0; i++)
                if (fds[i] >= 0)
                        r = read_directory(g, fds, i, &jobs);
        for (size_t i = 0; i < n; i++)
                safe_close(fds[i]);
        return r;
}
