// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the parser makes of job files, of their drop-ins, and of a remote: texts with a byte 0x1c between, the first is the
 * job, the second the remote, and what follows are drop-ins. Whatever is accepted has to be a job that may be run: its paths
 * absolute, nothing outside of them, the same again after its dates were put in.
 */

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "libkftp/job.h"
#include "util.h"

#define SEPARATOR 0x1c
#define DROP_INS_MAX 3U
#define DIAGNOSES_MAX 21U

typedef struct Diagnoses {
        const KftpJobFragment *fragments;
        size_t n;
        unsigned all, errors;
} Diagnoses;

/* ---- Diagnoses ---------------------------------------------------------------------------------- */

static bool is_showable(const char *text) {
        for (; *text; text++)
                if ((unsigned char) *text < 0x20 || *text == 0x7f)
                        return false;
        return true;
}

static void on_diagnosis(void *userdata, const KftpDiagnosis *d) {
        _cleanup_free_ char *line = kftp_diagnosis_format(d), *longer = kftp_diagnosis_format_long(d);
        const KftpJobFragment *f = NULL;
        Diagnoses *all = userdata;

        all->all++;
        all->errors += d->error;
        FUZZ_CHECK(line && longer && startswith(longer, line));
        FUZZ_CHECK(*d->message && is_showable(d->message));
        for (size_t i = 0; i < all->n; i++)
                if (streq(d->file, all->fragments[i].file))
                        f = all->fragments + i;
        FUZZ_CHECK(f);
        FUZZ_CHECK((d->line > 0) == (d->column > 0));
        if (d->line == 0)
                return;
        FUZZ_CHECK(d->text && d->text >= (const char *) f->text && d->text + d->text_n <= (const char *) f->text + f->n);
        FUZZ_CHECK(d->column <= d->text_n + 1 && !memchr(d->text, '\n', d->text_n));
}

static void check_end(const Diagnoses *d, int r, const void *result) {
        FUZZ_CHECK(r == 0 || r == -EBADMSG);
        FUZZ_CHECK((r == 0) == (d->errors == 0) && (r == 0) == !!result);
        FUZZ_CHECK(d->all <= DIAGNOSES_MAX);
}

/* ---- Jobs ---------------------------------------------------------------------------------------- */

static bool has_dot_dot(const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        for (char *rest = copy, *part; (part = strsep(&rest, "/"));)
                if (streq(part, ".."))
                        return true;
        return false;
}

static void check_path(const char *path) {
        FUZZ_CHECK(path && *path == '/' && !has_dot_dot(path));
}

static void check_units(char *const *units) {
        for (; units && *units; units++)
                FUZZ_CHECK(**units && !strpbrk(*units, "/% \t\n") && strrchr(*units, '.') && strlen(*units) < 256);
}

static void check_then(const KftpJob *j, const KftpThen *then) {
        FUZZ_CHECK((then->action == KFTP_THEN_MOVE) == !!then->directory);
        FUZZ_CHECK(then->action == KFTP_THEN_KEEP || !j->mirror);
        if (then->directory) {
                FUZZ_CHECK(*then->directory && !has_dot_dot(then->directory));
                FUZZ_CHECK(!j->upload || *then->directory == '/');
        }
}

static void check_url(const KftpJob *j) {
        size_t n = strlen(j->url.path);

        FUZZ_CHECK(j->remote && *j->url.host && j->url.port > 0);
        FUZZ_CHECK(!j->set || n == 0 || j->url.path[n - 1] == '/');
        FUZZ_CHECK(j->mirror || j->set || j->upload || *j->url.base || j->dated);
        FUZZ_CHECK(!j->user || !j->url.user || streq(j->user, j->url.user));
        FUZZ_CHECK(!!j->password_file + !!j->credential + !!j->netrc_file <= 1);
        FUZZ_CHECK(j->tls_mode != KFTP_TLS_NONE || (!j->ca_file && !j->certificate_file && !j->key_file && !j->pin && !j->url.implicit_tls));
}

static void check_job(const KftpJob *j) {
        check_url(j);
        check_path(j->path);
        check_then(j, &j->then);
        check_then(j, &j->then_on_failure);
        check_units(j->on_success);
        check_units(j->on_failure);
        FUZZ_CHECK(strlen(j->revision) == 64);
        FUZZ_CHECK(j->filter == j->mirror_options.filter && j->upload == j->mirror_options.upload);
        FUZZ_CHECK(!(j->mirror && (j->set || j->marker || j->watch)));
        FUZZ_CHECK(!(j->mirror_options.move && j->mirror_options.delete));
        FUZZ_CHECK(!j->marker || (*j->marker && !strchr(j->marker, '/')) || j->dated);
        FUZZ_CHECK(j->deadline == KFTP_DEADLINE_NONE || j->deadline < 86400);
        FUZZ_CHECK(j->file_mode == KFTP_MODE_UNKNOWN || j->file_mode <= 0777);
        FUZZ_CHECK(j->poll_usec >= USEC_PER_SEC && j->retry_usec >= USEC_PER_MSEC);
        FUZZ_CHECK(j->set || j->mirror || j->expect <= 1);
        for (char **c = j->calendar; c && *c; c++)
                FUZZ_CHECK(**c && is_showable(*c) == !strchr(*c, '\t'));
}

/* What a job with dates is, in one text. */
static char *picture(const KftpJob *j) {
        char *text;

        FUZZ_CHECK(asprintf(&text, "%s|%s|%s|%s|%s|%s", j->remote, j->url.path, j->path, strempty(j->marker), strempty(j->then.directory),
                            strempty(j->then_on_failure.directory)) >= 0);
        return text;
}

static void check_dates(KftpJob *j) {
        static const int64_t moments[] = { 0, INT64_C(1774834200), INT64_C(253402300800) };

        for (size_t i = 0; i < ELEMENTS(moments); i++) {
                _cleanup_free_ char *reason = NULL, *before = picture(j), *first = NULL, *second = NULL;
                int r = kftp_job_set_date(j, moments[i], &reason);

                first = picture(j);
                FUZZ_CHECK(r == 0 || (r == -EINVAL && j->dated && reason && *reason));
                FUZZ_CHECK((r == 0 && j->dated) || streq(before, first));
                if (r < 0)
                        continue;
                check_job(j);
                FUZZ_CHECK(kftp_job_set_date(j, moments[i], NULL) == 0);
                second = picture(j);
                FUZZ_CHECK(streq(first, second));
        }
}

/* ---- Input ---------------------------------------------------------------------------------------- */

typedef struct Remote {
        const KftpJobRemote *remote;
        unsigned asked;
} Remote;

static int find(void *userdata, const char *name, const KftpJobRemote **ret) {
        Remote *r = userdata;

        FUZZ_CHECK(kftp_job_name_valid(name, strlen(name)));
        r->asked++;
        *ret = r->remote;
        return r->remote ? 0 : -ENOENT;
}

/* The text at *p up to the next separator, in memory of its size. */
static char *take_text(const char **p, size_t *n, KftpJobFragment *ret) {
        const char *end = memchr(*p, SEPARATOR, *n), *begin = *p;
        size_t length = end ? (size_t) (end - begin) : *n;
        char *copy = malloc(length);

        if (length > 0)
                memcpy(copy, begin, length);
        ret->text = copy;
        ret->n = length;
        *p += MIN2(length + 1, *n);
        *n -= MIN2(length + 1, *n);
        return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        KftpJobFragment remote_file = { .file = "/etc/kftp.d/r.remote" }, files[1 + DROP_INS_MAX] = {
                { .file = "/etc/kftp.d/a.job" }, { .file = "1.conf" }, { .file = "2.conf" }, { .file = "3.conf" },
        };
        char *texts[2 + DROP_INS_MAX] = {};
        const char *p = (const char *) data;
        KftpJobRemote *r = NULL;
        Remote remote = {};
        KftpJob *j = NULL;
        Diagnoses d = { .fragments = &remote_file, .n = 1 };
        size_t files_n = 1;
        int result;

        fuzz_spend();
        texts[0] = take_text(&p, &n, files);
        texts[1] = take_text(&p, &n, &remote_file);
        for (; n > 0 && files_n <= DROP_INS_MAX; files_n++)
                texts[1 + files_n] = take_text(&p, &n, files + files_n);

        result = kftp_remote_parse("r", &remote_file, 1, on_diagnosis, &d, &r);
        check_end(&d, result, r);
        d = (Diagnoses) { .fragments = files, .n = files_n };
        remote.remote = r;
        result = kftp_job_parse_fragments("a", files, files_n, find, &remote, on_diagnosis, &d, &j);
        check_end(&d, result, j);
        FUZZ_CHECK(remote.asked <= 1);
        if (j) {
                check_job(j);
                check_dates(j);
        }
        kftp_job_free(j);
        kftp_remote_free(r);
        for (size_t i = 0; i < ELEMENTS(texts); i++)
                free(texts[i]);
        return 0;
}
