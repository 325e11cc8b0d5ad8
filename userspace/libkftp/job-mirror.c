/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings of a job file that only mirrors have, limits of age, and what must hold between them. */

#include "job-settings.h"
#include "job-value.h"

void job_parse_age(JobParser *p, const JobSetting *s, const JobItem *item) {
        uint64_t *field = (uint64_t *) ((char *) p->job + s->offset), usec = 0;
        size_t at = 0;
        int r;

        *field = 0;
        if (!*item->value)
                return;
        r = job_parse_timespan(item->value, &usec, &at);
        if (r == -EINVAL)
                job_bad_value(p, item, at, "not a time span, such as \"90min\", \"36h\" or \"7d\"");
        else if (r < 0 || usec < USEC_PER_SEC)
                job_bad_value(p, item, 0, "not a time span from 1s on");
        else
                *field = usec / USEC_PER_SEC;
}

void job_parse_shard(JobParser *p, const JobSetting *s, const JobItem *item) {
        KftpMirrorOptions *o = &p->job->mirror_options;
        _cleanup_free_ char *reason = NULL;
        int r = 0;

        (void) s;
        o->shard = o->shards = 0;
        if (*item->value)
                r = kftp_shard_parse(item->value, &o->shard, &o->shards, &reason);
        if (r == -ENOMEM)
                p->no_memory = true;
        else if (r < 0)
                job_bad_value(p, item, 0, "%s", strempty(reason));
}

/* ---- What must hold between them --------------------------------------------------------------- */

static void check_limit(JobParser *p, uint64_t min, uint64_t max, const char *what) {
        char key[16];

        (void) snprintf(key, sizeof(key), "Max%s", what);
        if (max > 0 && min > max)
                job_diagnose(p, true, job_value_at(p, "Source", key), "%s= is below Min%s=: no file would be taken", key, what);
}

void job_check_limits(JobParser *p) {
        const KftpMirrorOptions *o = &p->job->mirror_options;

        check_limit(p, o->min_size, o->max_size, "Size");
        check_limit(p, o->min_age, o->max_age, "Age");
}

void job_check_mirror(JobParser *p) {
        KftpMirrorOptions *o = &p->job->mirror_options;

        o->upload = p->job->upload;
        if (!p->job->mirror)
                return;
        if (o->upload && o->symlinks == KFTP_SYMLINKS_COPY)
                job_diagnose(p, true, job_value_at(p, "Target", "Symlinks"), "Symlinks=copy: FTP cannot make links on a server: "
                             "write \"skip\", or \"follow\" to send what they point to");
        /* An attempt that was interrupted would be followed by one that deletes all that it had moved. */
        if (o->move && o->delete)
                job_diagnose(p, true, job_value_at(p, "Target", "Delete"), "Delete= contradicts Move=: what has been moved is no longer "
                             "in the source, and would be deleted");
}
