/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold between the settings of a job: its two sides, which settings go with which, and its dates. */

#include "job-date.h"
#include "job-settings.h"

/* ---- Sides ---------------------------------------------------------------------------------------- */

/* What every job must have: reported where its section begins, if it does. */
static bool require(JobParser *p, const char *section, const char *key, const char *what) {
        size_t at = JOB_WHOLE_FILE;

        if (job_value_at(p, section, key) != 0)
                return true;
        for (size_t i = 0; i < JOB_SECTIONS; i++)
                if (streq(job_sections[i], section) && p->section_at[i] != 0)
                        at = p->section_at[i];
        job_diagnose(p, true, at, "%s= is missing in [%s]: %s", key, section, what);
        return false;
}

static bool require_both(JobParser *p) {
        const KftpJob *j = p->job;
        bool url, path;

        url = job_is_given(p, job_server_section(p), "Remote") ||
              require(p, job_server_section(p), "URL",
                      j->mirror ? "it names the directory on the server, such as ftp://ftp.example.com/pub/" :
                      j->upload ? "it names the file or directory on the server, such as ftp://ftp.example.com/incoming/" :
                                  "it names the file to fetch, such as ftp://ftp.example.com/pub/file");
        path = require(p, job_our_section(p), "Path",
                       j->upload && j->mirror ? "it names the directory to send, such as /srv/ftp/outgoing/" :
                       j->upload ? "it names the file to send, such as /srv/ftp/outgoing/file" :
                       j->mirror ? "it names the directory to write, such as /srv/ftp/pub/" :
                                   "it names the file or directory to write, such as /srv/ftp/");
        return url && path;
}

/* Which side is the server's: the one with URL= or Remote=. The other one has Path=. */
static bool check_sides(JobParser *p) {
        size_t source_url = job_key_at(p, "Source", "URL") ?: job_key_at(p, "Source", "Remote"), source_path = job_key_at(p, "Source", "Path");
        size_t target_url = job_key_at(p, "Target", "URL") ?: job_key_at(p, "Target", "Remote"), target_path = job_key_at(p, "Target", "Path");

        if (source_url != 0 && source_path != 0)
                job_diagnose(p, true, source_path, "URL= and Path= in [Source]: one of them belongs into [Target]");
        else if (target_url != 0 && target_path != 0)
                job_diagnose(p, true, target_path, "URL= and Path= in [Target]: one of them belongs into [Source]");
        else if (source_url != 0 && target_url != 0)
                job_diagnose(p, true, target_url, "URL= in [Source] and in [Target]: one side has to be a Path= here");
        else if (source_path != 0 && target_path != 0)
                job_diagnose(p, true, target_path, "Path= in [Source] and in [Target]: one side has to be the URL= of a server");
        else {
                p->job->upload = source_path != 0 || target_url != 0;
                return require_both(p);
        }
        return false;
}

/* ---- Places --------------------------------------------------------------------------------------- */

/* Keys that have a meaning elsewhere, but not here, might be what somebody relies on. */
static void check_place(JobParser *p, const JobSetting *s, size_t at) {
        const char *server = job_server_section(p);

        if ((s->belongs & JOB_SERVER) && !streq(s->section, server))
                job_diagnose(p, true, at, "%s= in [%s]: it is about the server, and belongs into the section with URL=, which is [%s]", s->key,
                             s->section, server);
        else if ((s->belongs & JOB_MIRROR) && !p->job->mirror)
                job_diagnose(p, true, at, "%s= needs Transfer=mirror%s", s->key, streq(s->key, "Move") ? "; here Then=delete does that" : "");
        else if ((s->belongs & JOB_COPY) && p->job->mirror)
                job_diagnose(p, true, at, "%s= needs Transfer=copy%s", s->key, streq(s->key, "Then") ? "; here Move=yes removes what was transferred" : "");
}

static void check_places(JobParser *p) {
        for (size_t i = 0; i < JOB_SETTINGS; i++)
                if (p->set_at[i] != 0)
                        check_place(p, job_settings + i, p->key_at[i]);
}

/* ---- Dates ---------------------------------------------------------------------------------------- */

/* Keeps what has dates; what has none is from now on what it is to be. */
static void keep_template(JobParser *p, enum job_template what, char **field) {
        const char *why;
        char *plain;
        size_t at;

        if (!*field || !strchr(*field, '{'))
                return;
        if (job_date_check(*field, &at, &why) > 0) {
                p->job->dated = true;
                p->no_memory |= job_template_add(&p->job->templates, what, *field) < 0;
                return;
        }
        plain = job_date_expand(*field, 0, what == JOB_TEMPLATE_URL);
        p->no_memory |= !plain;
        free(*field);
        *field = plain;
}

static void keep_templates(JobParser *p) {
        KftpJob *j = p->job;

        keep_template(p, JOB_TEMPLATE_URL, &j->remote);
        keep_template(p, JOB_TEMPLATE_PATH, &j->path);
        keep_template(p, JOB_TEMPLATE_MARKER, &j->marker);
        keep_template(p, JOB_TEMPLATE_THEN, &j->then.directory);
        keep_template(p, JOB_TEMPLATE_THEN_ON_FAILURE, &j->then_on_failure.directory);
}

/* ---- The whole ------------------------------------------------------------------------------------ */

void job_check(JobParser *p) {
        const KftpJob *j = p->job;

        if (!check_sides(p)) {
                if (j->remote && !j->remote_name)       /* that much can be told */
                        job_check_server(p);
                return;
        }
        check_places(p);
        if (!job_apply_remote(p))
                return;
        job_decide_set(p);
        if (!j->path && p->errors == 0)
                job_diagnose(p, true, job_value_at(p, job_our_section(p), "Path"), "Path= is empty");
        job_check_server(p);
        if (p->errors > 0)
                return;
        job_make_filter(p);
        job_check_limits(p);
        job_check_schedule(p);
        job_check_copy(p);
        job_check_mirror(p);
        keep_templates(p);
}
