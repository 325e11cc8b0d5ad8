/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set of jobs, and how one of them is loaded from its files. */

#include <errno.h>
#include <search.h>

#include "diagnoses.h"
#include "job-load.h"
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
        free(j->remote);
        job_forget(m, j);
        free(j);
        return NULL;
}

/* ---- One of them ---------------------------------------------------------------------------------- */

int job_read_definition(Manager *m, const Job *j, KftpJob **ret) {
        _cleanup_(kftp_job_directories_done) KftpJobDirectories directories = {};
        int r;

        *ret = NULL;
        r = kftp_job_directories_open(m->config_directories, &directories);
        return r < 0 ? r : kftp_job_load(&directories, j->name, NULL, NULL, NULL, ret);
}

int job_show(Manager *m, const Job *j, char **ret) {
        _cleanup_(kftp_job_directories_done) KftpJobDirectories directories = {};
        int r;

        *ret = NULL;
        r = kftp_job_directories_open(m->config_directories, &directories);
        return r < 0 ? r : kftp_job_show(&directories, j->name, ret);
}

static uint64_t mix(uint64_t hash, const char *text) {
        for (; *text; text++)
                hash = (hash ^ (unsigned char) *text) * UINT64_C(0x100000001b3);
        return hash;
}

/* What was said about a job, and about which of its revisions: to be told what was not said already. */
static uint64_t summary(const KftpJobOrigin *origin, const Diagnoses *said) {
        uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), origin->revision);

        for (size_t i = 0; i < said->n; i++)
                hash = mix(mix(hash, said->items[i].file), said->items[i].message);
        return hash;
}

static void tell(const Manager *m, Job *j, const KftpJobOrigin *origin, const Diagnoses *said, bool forced) {
        uint64_t now_said = summary(origin, said);

        if (forced || j->said != now_said)
                diagnoses_report(said, &m->context.report, j->name);
        j->said = now_said;
}

/* With its file a job is forgotten, so that the same file put back later runs again. */
void job_remove(Manager *m, Job *j) {
        j->gone = true;
        job_withdraw(m, j, JOB_UNKNOWN, "its file was removed");
        if (j->run)             /* it ends first */
                return;
        (void) ledger_remove_lazily(m->context.ledger, j->name);
        m->ledger_unsynced = true;
        job_free(m, j);
}

/* The first error, for whoever asks what is wrong with the job. */
static char *first_error(const Diagnoses *said) {
        for (size_t i = 0; i < said->n; i++)
                if (said->items[i].error) {
                        _cleanup_free_ char *text = kftp_diagnosis_format(said->items + i);

                        return text ? kftp_escape(text, strlen(text)) : NULL;
                }
        return NULL;
}

static void take_result(Manager *m, Job *j, int result, KftpJob *definition, const Diagnoses *said) {
        if (result >= 0)
                job_accept(m, j, definition);
        else if (result == -ERFKILL)
                job_withdraw(m, j, JOB_MASKED, "its file was masked");
        else if (result == -EBADMSG) {
                job_withdraw(m, j, JOB_REJECTED, "its file was changed and has an error");
                free(j->complaint);
                j->complaint = first_error(said);
        }
}

void job_look(Manager *m, const KftpJobDirectories *directories, const char *name, bool forced) {
        _cleanup_(diagnoses_done) Diagnoses said = {};
        _cleanup_(kftp_job_origin_done) KftpJobOrigin origin;
        Job *j = job_find(m, name);
        KftpJob *definition;
        int r;

        r = kftp_job_load(directories, name, diagnoses_add, &said, &origin, &definition);
        if (r == -ENOENT) {
                if (j && !j->gone)
                        job_remove(m, j);
                return;
        }
        j = j ?: job_new(m, name);
        if (!j || r == -ENOMEM) {       /* the next look will tell */
                kftp_job_free(definition);
                return;
        }
        j->generation = m->generation;
        j->gone = false;
        j->directory = (unsigned) origin.directory;
        free(j->remote);
        j->remote = STEAL_PTR(origin.remote);
        tell(m, j, &origin, &said, forced);
        take_result(m, j, r, definition, &said);
}
