// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp mirror: makes one tree like another one, with several sessions at once. */

#include <inttypes.h>

#include "mirror-progress.h"
#include "mirror.h"
#include "report.h"
#include "run.h"
#include "state-directory.h"
#include "util.h"
#include "verbs.h"

/* ---- Arguments ------------------------------------------------------------------------------- */

static int tell_apart(const Arguments *a, MirrorWords *ret, char **error) {
        if (a->n_words < 2)
                return option_complain(error, a->n_words == 0 ? "SRC and DST are missing" : "DST is missing");
        if (a->n_words > 2)
                return option_complain(error, "too many arguments: one SRC, one DST");
        if (is_url(a->words[0]) == is_url(a->words[1]))
                return option_complain(error, is_url(a->words[0])
                                       ? "SRC and DST are both URLs: one of them has to be a directory here"
                                       : "neither SRC nor DST is a URL: one of them has to be, the other is a directory here");
        ret->upload = is_url(a->words[1]);
        ret->url = a->words[ret->upload];
        ret->path = a->words[!ret->upload];
        if (!*ret->path)
                return option_complain(error, "%s is empty", ret->upload ? "SRC" : "DST");
        if (streq(ret->path, "-"))
                return option_complain(error, "a mirror needs a directory; - for the standard input or output is none");
        return 0;
}

/* Those that would do harm together, or nothing at all. */
static int check_options(const Arguments *a, const MirrorWords *w, char **error) {
        const KftpMirrorOptions *o = &a->mirror;

        if (o->move && o->delete)
                return option_complain(error, "--move empties SRC, and --delete would then remove everything from DST, too: leave one of them out");
        if (o->max_size > 0 && o->min_size > o->max_size)
                return option_complain(error, "--min-size is more than --max-size: no file is both");
        if (o->max_age > 0 && o->min_age > o->max_age)
                return option_complain(error, "--min-age is more than --max-age: no file is both");
        if (w->upload && a->segments > 1)
                return option_complain(error, "--segments is for fetching: FTP cannot send one file over several connections");
        if (w->upload && o->no_times && a->verify & KFTP_VERIFY_MTIME)
                return option_complain(error, "--verify=mtime does not go together with --no-times: the server's time is that of the upload then");
        return arguments_check_segments(a, error);
}

int mirror_words(const Arguments *a, MirrorWords *ret, char **error) {
        MirrorWords w;
        int r;

        r = tell_apart(a, &w, error);
        if (r >= 0)
                r = check_options(a, &w, error);
        if (r < 0)
                return r;
        *ret = w;
        return 0;
}

KftpMirrorOptions mirror_options(const Arguments *a, const MirrorWords *w) {
        KftpMirrorOptions o = a->mirror;

        o.upload = w->upload;
        o.filter = a->filter;
        o.segments = a->segments;
        o.segment_size = a->segment_size;
        return o;
}

/* ---- What is shown meanwhile ----------------------------------------------------------------- */

typedef struct Mirror {
        Run run;                        /* first: see begin_line() */
        MirrorWords words;
        MirrorProgress progress;
        MirrorCounts counts;
        int error;                      /* of the standard output */
} Mirror;

static void begin_line(Run *run) {
        unsigned session = kftp_mirror_current_session();

        mirror_progress_clear(&((Mirror *) run)->progress);
        if (session > 0)
                fprintf(stderr, "[%u] ", session);
}

/* Nobody learns any more what is done: then nothing more is to be done. */
static void note_output(Mirror *m, int r) {
        if (r >= 0 || m->error < 0)
                return;
        m->error = r;
        kftp_control_cancel(m->run.options.control);
}

static void write_json(Mirror *m, const KftpMirrorEvent *e) {
        json_auto_t *object = NULL;

        if (!mirror_is_reported(e) || m->error < 0)
                return;
        object = mirror_json(m->words.url, e);
        note_output(m, report_write_json(object));
}

static void write_plan(Mirror *m, const KftpMirrorEvent *e) {
        _cleanup_free_ char *line = mirror_format_action(e);

        if (!line)
                note_output(m, -ENOMEM);
        else if (m->error >= 0 && (printf("%s\n", line) < 0 || fflush(stdout) != 0))
                note_output(m, errno > 0 ? -errno : -EIO);
}

static void show_action(Mirror *m, const KftpMirrorEvent *e) {
        _cleanup_free_ char *line = mirror_format_action(e);

        begin_line(&m->run);
        fprintf(stderr, "* %s\n", strempty(line));
        if (e->result->data_peer.family != 0) {
                begin_line(&m->run);
                run_show_data_connection(&m->run, e->result);
        }
}

/* Which file it is always stands there, and once: texts about files here begin with their path. */
static void show_failure(const KftpMirrorEvent *e) {
        const char *path = *e->path ? e->path : ".", *text = strempty(e->result->failure.text);
        _cleanup_free_ char *escaped = kftp_escape(path, strlen(path));
        size_t n = strlen(strempty(escaped));

        fprintf(stderr, "kftp: mirror: ");
        if (!startswith(text, strempty(escaped)) || !startswith(text + n, ": "))
                fprintf(stderr, "%s: ", strempty(escaped));
        fputs(text, stderr);
        if (e->result->attempts > 1)
                fprintf(stderr, " (%u attempts)", e->result->attempts);
        fputc('\n', stderr);
}

static void on_event(void *userdata, const KftpMirrorEvent *e) {
        bool failed = e->result->failure.class != KFTP_CLASS_OK;
        Mirror *m = userdata;

        mirror_count(&m->counts, e);
        if (failed || (e->planned && !m->run.arguments.json))
                mirror_progress_clear(&m->progress);
        if (failed)
                show_failure(e);
        if (m->run.arguments.json)
                write_json(m, e);
        else if (e->planned)
                write_plan(m, e);
        if (m->run.arguments.verbose && !failed && !e->planned)
                show_action(m, e);
}

static void on_progress(void *userdata, const KftpMirrorProgress *p) {
        Mirror *m = userdata;

        mirror_progress_update(&m->progress, p);
}

/* ---- The course ------------------------------------------------------------------------------ */

static void show_summary(const Mirror *m, const KftpMirrorResult *r) {
        bool dry_run = m->run.arguments.mirror.dry_run;
        _cleanup_free_ char *text = mirror_format_summary(r, &m->counts, dry_run);

        if (!m->run.arguments.quiet)
                fprintf(stderr, "mirror%s: %s\n", dry_run ? " (dry run)" : "", strempty(text));
}

/* What stopped it is one line, which then says how far it came, too. */
static int report(Mirror *m, const KftpMirrorResult *r) {
        enum kftp_class class = r->failure.class;

        if (m->error < 0) {
                fprintf(stderr, "kftp: cannot write the result to the standard output: %s\n", strerror(-m->error));
                return KFTP_CLASS_LOCAL;
        }
        if (class == KFTP_CLASS_OK || class == KFTP_CLASS_SOME_FAILED)
                show_summary(m, r);
        else {
                _cleanup_free_ char *left = mirror_format_left(r, m->run.arguments.mirror.dry_run);

                run_show_failure(&m->run, &r->failure, 0, left);
        }
        return (int) class;
}

static int mirror(Mirror *m, const KftpUrl *url) {
        const Arguments *a = &m->run.arguments;
        _cleanup_free_ char *state = a->mirror.dry_run ? NULL : state_directory();
        KftpMirrorOptions options = mirror_options(a, &m->words);
        KftpMirrorResult result = {};
        int class;

        options.state_directory = state;
        options.event = on_event;
        options.progress = on_progress;
        options.userdata = m;
        m->run.options.callbacks.progress = NULL;
        if (run_log_in(&m->run, url, &result.failure) >= 0) {
                mirror_progress_begin(&m->progress, !a->quiet && !a->no_progress);
                (void) kftp_mirror(url, m->words.path, &m->run.options, &options, &result);
                mirror_progress_end(&m->progress);
        }
        class = report(m, &result);
        kftp_mirror_result_done(&result);
        return class;
}

int verb_mirror(int argc, char **argv) {
        _cleanup_free_ char *error = NULL;
        Mirror m = {};
        KftpUrl url = {};
        int class;

        class = run_parse(&m.run, VERB_MIRROR, argc, argv);
        if (class != 0)
                return class;
        m.run.begin_line = begin_line;
        if (mirror_words(&m.run.arguments, &m.words, &error) < 0)
                class = usage_error("%s", strempty(error));
        if (class == 0)
                class = run_parse_url(&m.run, m.words.url, &url);
        if (class == 0)
                class = run_prepare(&m.run);
        if (class == 0)
                class = mirror(&m, &url);
        run_end(&m.run);
        kftp_url_done(&url);
        return class;
}
