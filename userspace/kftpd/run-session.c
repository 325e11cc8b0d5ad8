/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The session of a run: how it logs in, what it tells meanwhile, and how far it is. */

#include <errno.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "failure.h"
#include "runner-internal.h"

/* ---- What it tells -------------------------------------------------------------------------------- */

static void on_warning(void *userdata, const char *text) {
        Run *run = userdata;

        report_event(&run->context->report, LOG_WARNING, KFTP_MESSAGE_RUN_WARNING, run->job->name, 0, "%s: %s", run->job->name, text);
}

static void on_connected(void *userdata, const struct kftp_addr *local, const struct kftp_addr *peer) {
        Run *run = userdata;

        (void) local;
        (void) peer;
        run->logged_in = false;
}

/* Until one of these the server may still say that there are too many of us. */
static void on_line(void *userdata, bool sent, const char *text, size_t n) {
        Run *run = userdata;

        if (!sent && n >= 3 && (memcmp(text, "230", 3) == 0 || memcmp(text, "232", 3) == 0))
                run->logged_in = true;
}

static void on_progress(void *userdata, const KftpProgress *p) {
        Run *run = userdata;
        RunProgress *all = &run->progress;

        pthread_mutex_lock(&run->lock);
        all->file_bytes = p->bytes;
        all->file_total = p->total;
        all->bytes = run->settled_bytes + p->bytes;
        all->rate = p->usec > 0 ? (uint64_t) ((double) (p->bytes - p->resumed_from) * (double) USEC_PER_SEC / (double) p->usec) : 0;
        pthread_mutex_unlock(&run->lock);
}

/* ---- The session ---------------------------------------------------------------------------------- */

KftpOptions run_options(Run *run) {
        const KftpJob *job = run->job;

        return (KftpOptions) {
                .user = job->user ?: job->url.user ? job->user : run->secret.user,
                .password = run->secret.password,
                .account = run->secret.account,
                .data_mode = job->data_mode,
                .timeout_usec = job->timeout_usec,
                .limit_rate = job->limit_rate,
                .verify = job->verify,
                .tls = {
                        .mode = job->tls_mode,
                        .ca_file = job->ca_file,
                        .certificate_file = job->certificate_file,
                        .key_file = job->key_file,
                        .pin = job->pin,
                },
                .resume = job->if_exists != KFTP_IF_EXISTS_OVERWRITE,
                .callbacks = {
                        .connected = on_connected,
                        .line = on_line,
                        .progress = on_progress,
                        .intent = run_note_intent,
                        .warning = on_warning,
                        .userdata = run,
                },
                .control = run->control,
        };
}

int run_client(Run *run, KftpClient **ret, KftpFailure *f) {
        if (!run->client) {
                KftpOptions options = run_options(run);
                int r = run->context->calls.client_new(&run->client, &options);

                if (r < 0)
                        return kftp_failure_set(f, KFTP_CLASS_OTHER, r, true, "not enough memory");
        }
        *ret = run->client;
        return 0;
}

void run_end_session(Run *run) {
        if (run->client)
                run->context->calls.client_free(STEAL_PTR(run->client));
}

/* A server that is full says 421 or 530, whatever it has against us; the failure of a wrong password is not transient. */
bool run_is_refused(const Run *run, const KftpFailure *f) {
        return !run->request.alone && !run->logged_in && f->class == KFTP_CLASS_NETWORK && f->transient && (f->reply == 421 || f->reply == 530);
}

/* ---- How far it is -------------------------------------------------------------------------------- */

void run_progress_begin(Run *run) {
        pthread_mutex_lock(&run->lock);
        run->progress.started_usec = realtime_usec();
        run->progress.file_total = KFTP_SIZE_UNKNOWN;
        pthread_mutex_unlock(&run->lock);
}

void run_progress_file(Run *run, const char *name, uint64_t total) {
        char *shown = name ? kftp_escape(name, strlen(name)) : NULL;

        pthread_mutex_lock(&run->lock);
        free(run->progress.name);
        run->progress.name = shown;
        run->progress.file_bytes = 0;
        run->progress.file_total = total;
        pthread_mutex_unlock(&run->lock);
}

void run_progress_delivered(Run *run, uint64_t files, uint64_t bytes) {
        pthread_mutex_lock(&run->lock);
        run->settled_bytes = bytes;
        run->progress.files = files;
        run->progress.bytes = bytes;
        pthread_mutex_unlock(&run->lock);
}

/* Of the sessions the first one that transfers stands for all. */
void run_progress_mirror(void *userdata, const KftpMirrorProgress *p) {
        Run *run = userdata;
        const KftpMirrorSession *shown = NULL;
        char *name;

        for (unsigned i = 0; i < p->sessions_n && !shown; i++)
                if (p->sessions[i].path && !p->sessions[i].listing)
                        shown = p->sessions + i;
        name = shown ? kftp_escape(shown->path, strlen(shown->path)) : NULL;

        pthread_mutex_lock(&run->lock);
        free(run->progress.name);
        run->progress.name = name;
        run->progress.file_bytes = shown ? shown->progress.bytes : 0;
        run->progress.file_total = shown ? shown->progress.total : KFTP_SIZE_UNKNOWN;
        run->progress.bytes = p->bytes;
        run->progress.files = p->transferred;
        run->progress.rate = p->usec > 0 ? (uint64_t) ((double) p->bytes * (double) USEC_PER_SEC / (double) p->usec) : 0;
        pthread_mutex_unlock(&run->lock);
}

void run_get_progress(Run *run, RunProgress *ret) {
        pthread_mutex_lock(&run->lock);
        *ret = run->progress;
        ret->name = run->progress.name ? strdup(run->progress.name) : NULL;
        pthread_mutex_unlock(&run->lock);
}
