/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From files to jobs: scans the directory, loads what has changed, and decides by the ledger whether
 * a revision has to run.
 */

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "diagnoses.h"
#include "manager.h"

/* ---- The set of jobs ------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b) {
        return strcmp(((const Job *) a)->name, ((const Job *) b)->name);
}

Job *job_find(Manager *m, const char *name) {
        const Job key = { .name = (char *) name };
        Job *const *found = tfind(&key, &m->by_name, compare_names);

        return found ? *found : NULL;
}

static Job *job_new(Manager *m, const char *name) {
        Job *j = calloc(1, sizeof(*j));

        if (j)
                j->name = strdup(name);
        if (!j || !j->name || !tsearch(j, &m->by_name, compare_names)) {
                if (j)
                        free(j->name);
                free(j);
                return NULL;
        }
        TAILQ_INSERT_TAIL(&m->jobs, j, jobs);
        m->count[j->state]++;
        return j;
}

Job *job_free(Manager *m, Job *j) {
        job_set_state(m, j, JOB_UNKNOWN);
        m->count[JOB_UNKNOWN]--;
        TAILQ_REMOVE(&m->jobs, j, jobs);
        tdelete(j, &m->by_name, compare_names);
        free(j->name);
        job_forget(m, j);
        free(j);
        return NULL;
}

static void ignore(void *userdata, const KftpDiagnosis *d) {
        (void) userdata;
        (void) d;
}

int job_read_definition(Manager *m, const Job *j, KftpJob **ret) {
        _cleanup_close_ int fd = open(m->config_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *filename = NULL;

        if (fd < 0)
                return -errno;
        if (asprintf(&filename, "%s" KFTP_JOB_SUFFIX, j->name) < 0) {
                filename = NULL;
                return -ENOMEM;
        }
        return kftp_job_load(fd, m->config_directory, filename, ignore, NULL, ret);
}

static void load(Manager *m, Job *j, int directory_fd, const char *filename, bool forced) {
        __attribute__((cleanup(diagnoses_done))) Diagnoses said = {};
        KftpJob *definition;
        int r;

        r = kftp_job_load(directory_fd, m->config_directory, filename, diagnoses_add, &said, &definition);
        if (forced || r < 0 || !streq(j->revision, definition->revision))
                diagnoses_report(&said, &m->context.report);
        if (r >= 0)
                job_accept(m, j, definition);
        else if (r == -ERFKILL)
                job_withdraw(m, j, JOB_MASKED, "its file was masked");
        else if (r == -EBADMSG)
                job_withdraw(m, j, JOB_REJECTED, "its file was changed and has an error");
        else                    /* removed meanwhile, or no memory: the next scan will tell */
                j->stat = (struct stat) {};
}

/* ---- The directory -------------------------------------------------------------------------------- */

typedef struct Found {
        char *filename;
        struct stat stat;
} Found;

typedef struct FoundList {
        Found *items;
        size_t n;
} FoundList;

static void found_done(FoundList *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->items[i].filename);
        free(list->items);
}

static bool is_job_file(const char *filename) {
        size_t n = strlen(filename), suffix = strlen(KFTP_JOB_SUFFIX);

        return filename[0] != '.' && n > suffix && streq(filename + n - suffix, KFTP_JOB_SUFFIX);
}

static int collect(DIR *d, FoundList *list) {
        struct dirent *entry;

        for (errno = 0; (entry = readdir(d)); errno = 0) {
                Found *more, found = {};

                if (!is_job_file(entry->d_name))
                        continue;
                if (fstatat(dirfd(d), entry->d_name, &found.stat, AT_SYMLINK_NOFOLLOW) < 0) {
                        if (errno == ENOENT)
                                continue;
                        return -errno;  /* a file that cannot be looked at has not been removed */
                }
                more = reallocarray(list->items, list->n + 1, sizeof(*more));
                if (!more)
                        return -ENOMEM;
                list->items = more;
                found.filename = strdup(entry->d_name);
                if (!found.filename)
                        return -ENOMEM;
                list->items[list->n++] = found;
        }
        return errno > 0 ? -errno : 0;
}

static int compare_times(const struct timespec *a, const struct timespec *b) {
        if (a->tv_sec != b->tv_sec)
                return a->tv_sec < b->tv_sec ? -1 : 1;
        return a->tv_nsec < b->tv_nsec ? -1 : a->tv_nsec > b->tv_nsec;
}

/* What is found in one scan arrived in the order in which it was written. */
static int compare_arrival(const void *a, const void *b) {
        const Found *x = a, *y = b;

        return compare_times(&x->stat.st_mtim, &y->stat.st_mtim) ?: strcmp(x->filename, y->filename);
}

static bool unchanged(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
                compare_times(&a->st_mtim, &b->st_mtim) == 0 && compare_times(&a->st_ctim, &b->st_ctim) == 0;
}

static void see(Manager *m, int directory_fd, const Found *found, bool forced) {
        _cleanup_free_ char *name = strndup(found->filename, strlen(found->filename) - strlen(KFTP_JOB_SUFFIX));
        Job *j = name ? job_find(m, name) ?: job_new(m, name) : NULL;
        bool known;

        if (!j)
                return;         /* without memory; the next scan sees it */
        known = j->generation > 0 && !j->gone;
        j->generation = m->generation;
        j->gone = false;
        if (known && !forced && unchanged(&j->stat, &found->stat))
                return;
        j->stat = found->stat;
        load(m, j, directory_fd, found->filename, forced);
}

/* With its file a job is forgotten, so that the same file put back later runs again. */
static void remove_unseen(Manager *m) {
        bool removed = false;

        for (Job *j = TAILQ_FIRST(&m->jobs), *next; j; j = next) {
                next = TAILQ_NEXT(j, jobs);
                if (j->generation == m->generation)
                        continue;
                j->gone = true;
                job_withdraw(m, j, JOB_UNKNOWN, "its file was removed");
                if (!j->run) {
                        (void) ledger_remove_lazily(m->context.ledger, j->name);
                        removed = true;
                        job_free(m, j);
                }
        }
        if (removed)
                (void) ledger_sync(m->context.ledger);
}

/* Nothing runs without its file, but nothing is forgotten: the directory may be back soon. */
static void withdraw_all(Manager *m, int error) {
        Job *j;

        if (m->directory_missing)
                return;
        m->directory_missing = true;
        report_event(&m->context.report, LOG_ERR, KFTP_MESSAGE_DIRECTORY_MISSING, NULL, error,
                     "%s: the directory of job files cannot be read: %s; no job is run until it can",
                     m->config_directory,
                     error == -ENODEV ? "it is another one than before, and empty (is it not mounted?)" : strerror(-error));
        TAILQ_FOREACH(j, &m->jobs, jobs) {
                job_withdraw(m, j, JOB_UNKNOWN, "the directory of job files cannot be read");
                j->stat = (struct stat) {};
        }
}

/*
 * Another directory than before that is empty is what is left where one was mounted: it is taken for
 * missing, until it is back or there is a job in it.
 */
static int identify(Manager *m, int fd, bool empty) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (empty && !TAILQ_EMPTY(&m->jobs) &&
            (st.st_dev != m->directory_device || st.st_ino != m->directory_inode))
                return -ENODEV;
        m->directory_device = st.st_dev;
        m->directory_inode = st.st_ino;
        return 0;
}

static int scan_directory(Manager *m, FoundList *list, DIR **ret) {
        int r;

        *ret = opendir(m->config_directory);
        if (!*ret)
                return -errno;
        r = collect(*ret, list);
        if (r >= 0)
                r = identify(m, dirfd(*ret), list->n == 0);
        if (r >= 0 && list->n > 0)
                qsort(list->items, list->n, sizeof(*list->items), compare_arrival);
        return r;
}

/*
 * Once, before anything runs: jobs whose files were removed while kftpd was not running are settled
 * and forgotten. Not if there is no file at all: the directory may be mounted later.
 */
static void forget_strays(Manager *m) {
        char **names;

        if (m->strays_forgotten || ledger_list(m->context.ledger, &names) < 0)
                return;
        if (*names && TAILQ_EMPTY(&m->jobs)) {
                if (!m->strays_reported)
                        report_event(&m->context.report, LOG_WARNING, KFTP_MESSAGE_DIRECTORY_MISSING, NULL, 0,
                                     "%s: there are no jobs, but %s knows of some; nothing is forgotten until there is one "
                                     "(is the directory not mounted?)", m->config_directory, ledger_path(m->context.ledger));
                m->strays_reported = true;
                ledger_names_free(names);
                return;
        }
        m->strays_forgotten = true;
        for (char **name = names; *name; name++) {
                LedgerEntry *e;

                if (job_find(m, *name))
                        continue;
                if (ledger_read(m->context.ledger, *name, &e) >= 0) {
                        job_settle(m, e);
                        ledger_entry_free(e);
                }
                (void) ledger_remove_lazily(m->context.ledger, *name);
        }
        (void) ledger_sync(m->context.ledger);
        ledger_names_free(names);
}

void manager_scan(Manager *m, bool forced) {
        __attribute__((cleanup(found_done))) FoundList list = {};
        _cleanup_closedir_ DIR *d = NULL;
        int r;

        if (m->stopping)
                return;
        r = scan_directory(m, &list, &d);
        if (r < 0)
                withdraw_all(m, r);
        else {
                m->directory_missing = false;
                m->generation++;
                for (size_t i = 0; i < list.n; i++)
                        see(m, dirfd(d), list.items + i, forced);
                remove_unseen(m);
                forget_strays(m);
        }
        queue_dispatch(m);
}
