/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks at the directories of job files: at all of it, or at what is said to have changed. What is not there any more is
 * forgotten, unless the directory itself seems to be missing.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "job-list.h"
#include "manager.h"
#include "util.h"

static void sync_ledger(Manager *m) {
        if (m->ledger_unsynced)
                (void) ledger_sync(m->context.ledger);
        m->ledger_unsynced = false;
}

static void remove_unseen(Manager *m) {
        for (Job *j = TAILQ_FIRST(&m->jobs), *next; j; j = next) {
                next = TAILQ_NEXT(j, jobs);
                if (j->generation != m->generation && !j->gone)
                        job_remove(m, j);
        }
        sync_ledger(m);
}

/* Nothing runs without its file, but nothing is forgotten: the directory may be back soon. */
static void withdraw_all(Manager *m, const char *path, int error) {
        Job *j;

        if (m->directory_missing)
                return;
        m->directory_missing = true;
        report_event(&m->context.report, LOG_ERR, KFTP_MESSAGE_DIRECTORY_MISSING, NULL, error,
                     "%s: the directory of job files cannot be read: %s; no job is run until it can", path,
                     error == -ENODEV ? "it is another one than before, and empty (is it not mounted?)" : strerror(-error));
        TAILQ_FOREACH(j, &m->jobs, jobs) {
                job_withdraw(m, j, JOB_UNKNOWN, "the directory of job files cannot be read");
                j->said = 0;
        }
}

/* ---- Which directory it is ------------------------------------------------------------------------ */

/* Whether the first directory had a job file. */
static bool first_had_jobs(const Manager *m) {
        const Job *j;

        TAILQ_FOREACH(j, &m->jobs, jobs)
                if (j->directory == 0)
                        return true;
        return false;
}

static bool first_has_jobs(const KftpJobList *list) {
        for (size_t i = 0; i < list->n; i++)
                if (list->items[i].directory == 0)
                        return true;
        return false;
}

/*
 * Another first directory than before that is empty is what is left where one was mounted: it is taken for
 * missing, until it is back or there is a job in it.
 */
static int identify(Manager *m, const KftpJobDirectories *d, bool empty) {
        struct stat st;

        if (fstat(d->items[0].fd, &st) < 0)
                return -errno;
        if ((st.st_dev != m->directory_device || st.st_ino != m->directory_inode) && empty && first_had_jobs(m))
                return -ENODEV;
        m->directory_device = st.st_dev;
        m->directory_inode = st.st_ino;
        return 0;
}

/* Whether what is missing in the directories has been removed. */
static bool may_look_at_names(const Manager *m, const KftpJobDirectories *d) {
        struct stat st;

        for (size_t i = 1; i < d->n; i++)
                if (d->items[i].fd < 0 && d->items[i].fd != -ENOENT)
                        return false;
        return !m->directory_missing && d->items[0].fd >= 0 && fstat(d->items[0].fd, &st) >= 0 && st.st_dev == m->directory_device &&
                st.st_ino == m->directory_inode;
}

/* ---- What was removed while kftpd was not running -------------------------------------------------- */

/* Returns whether the ledger can be trusted to have strays; says once if it cannot. */
static bool may_forget_strays(Manager *m, const KftpJobDirectories *d, char **names) {
        if (!*names || first_had_jobs(m))
                return true;
        for (char **name = names; *name; name++)
                if (!job_find(m, *name)) {
                        if (!m->strays_reported)
                                report_event(&m->context.report, LOG_WARNING, KFTP_MESSAGE_DIRECTORY_MISSING, NULL, 0,
                                             "%s: there are no jobs, but %s knows of some; nothing is forgotten until there is one "
                                             "(is the directory not mounted?)", d->items[0].path, ledger_path(m->context.ledger));
                        m->strays_reported = true;
                        return false;
                }
        return true;
}

/*
 * Once, before anything runs: jobs whose files were removed while kftpd was not running are settled
 * and forgotten. Not if there is no file at all: the directory may be mounted later.
 */
static void forget_strays(Manager *m, const KftpJobDirectories *d) {
        char **names;

        if (m->strays_forgotten || ledger_list(m->context.ledger, &names) < 0)
                return;
        m->strays_forgotten = may_forget_strays(m, d, names);
        for (char **name = names; m->strays_forgotten && *name; name++) {
                LedgerEntry *e;

                if (job_find(m, *name))
                        continue;
                if (ledger_read(m->context.ledger, *name, &e) >= 0) {
                        job_settle(m, e);
                        ledger_entry_free(e);
                }
                (void) ledger_remove_lazily(m->context.ledger, *name);
                m->ledger_unsynced = true;
        }
        sync_ledger(m);
        ledger_names_free(names);
}

/* ---- All of it ------------------------------------------------------------------------------------ */

static void scan(Manager *m, const KftpJobDirectories *d, bool forced) {
        _cleanup_(kftp_job_list_done) KftpJobList list = {};
        const char *path;
        int r;

        r = kftp_job_list_collect(&list, d, &path);
        if (r >= 0) {
                path = d->items[0].path;
                r = identify(m, d, !first_has_jobs(&list));
        }
        if (r < 0) {
                withdraw_all(m, path, r);
                return;
        }
        m->directory_missing = false;
        m->generation++;
        kftp_job_list_sort_by_arrival(&list);
        for (size_t i = 0; i < list.n; i++) {
                job_look(m, d, list.items[i].name, forced);
                manager_alive(m);
        }
        remove_unseen(m);
        forget_strays(m, d);
}

void manager_scan(Manager *m, bool forced) {
        _cleanup_(kftp_job_directories_done) KftpJobDirectories directories = {};
        int r;

        if (m->stopping)
                return;
        r = kftp_job_directories_open(m->config_directories, &directories);
        if (r < 0)
                withdraw_all(m, m->config_directories, r);
        else
                scan(m, &directories, forced);
        queue_dispatch(m);
}

/* ---- What has changed ----------------------------------------------------------------------------- */

static int add_job(KftpJobList *list, const KftpJobDirectories *d, const char *name, size_t n) {
        _cleanup_free_ char *filename = NULL;
        struct stat st = {};
        size_t i = 0;

        if (asprintf(&filename, "%.*s" KFTP_JOB_SUFFIX, (int) n, name) < 0) {
                filename = NULL;
                return -ENOMEM;
        }
        while (i < d->n && (d->items[i].fd < 0 || fstatat(d->items[i].fd, filename, &st, AT_SYMLINK_NOFOLLOW) < 0))
                i++;
        return kftp_job_list_add(list, name, n, i, st.st_mtim);
}

/* A remote that was changed concerns the jobs that use it, or would if they could. */
static int add_users(KftpJobList *list, const Manager *m, const KftpJobDirectories *d, const char *remote, size_t n) {
        const Job *j;
        int r = 0;

        TAILQ_FOREACH(j, &m->jobs, jobs)
                if (r >= 0 && j->remote && strlen(j->remote) == n && memcmp(j->remote, remote, n) == 0)
                        r = add_job(list, d, j->name, strlen(j->name));
        return r;
}

static int add_changes(KftpJobList *list, const Manager *m, const KftpJobDirectories *d, const WatchChanges *changes) {
        int r = 0;

        for (size_t i = 0; i < changes->n && r >= 0; i++) {
                const char *name = changes->names[i];
                size_t n = strlen(name);

                if (streq(name + n - strlen(KFTP_JOB_SUFFIX), KFTP_JOB_SUFFIX))
                        r = add_job(list, d, name, n - strlen(KFTP_JOB_SUFFIX));
                else
                        r = add_users(list, m, d, name, n - strlen(KFTP_REMOTE_SUFFIX));
        }
        return r;
}

void manager_look(Manager *m, const WatchChanges *changes) {
        _cleanup_(kftp_job_directories_done) KftpJobDirectories directories = {};
        _cleanup_(kftp_job_list_done) KftpJobList list = {};

        if (m->stopping)
                return;
        if (changes->all || kftp_job_directories_open(m->config_directories, &directories) < 0 || !may_look_at_names(m, &directories) ||
            add_changes(&list, m, &directories, changes) < 0) {
                manager_scan(m, false);
                return;
        }
        kftp_job_list_make_unique(&list);
        kftp_job_list_sort_by_arrival(&list);
        for (size_t i = 0; i < list.n; i++)
                job_look(m, &directories, list.items[i].name, false);
        sync_ledger(m);
        forget_strays(m, &directories);
        queue_dispatch(m);
}
