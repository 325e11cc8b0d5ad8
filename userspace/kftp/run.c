// SPDX-License-Identifier: GPL-2.0-or-later
/* The course of a verb that talks to servers: see run.h. */

#include <signal.h>

#include "format.h"
#include "login.h"
#include "run.h"
#include "util.h"
#include "verbs.h"

/* For the signal handler, which gets no argument. It is left to the end of the process: a signal may still come. */
static KftpControl *control;

static void stop(int signal_number) {
        (void) signal_number;
        kftp_control_cancel(control);
}

/* The first signal stops in an orderly way; the same one again, which is not handled any more, at once. */
static int install_handlers(void) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
        struct sigaction handle = { .sa_handler = stop, .sa_flags = (int) SA_RESETHAND }, old;

        for (size_t i = 0; i < ELEMENTS(signals); i++) {
                if (sigaction(signals[i], NULL, &old) < 0)
                        return -errno;
                /* nohup. Not so SIGINT: a script's background job may be told to stop by it. */
                if (!(signals[i] == SIGHUP && old.sa_handler == SIG_IGN) && sigaction(signals[i], &handle, NULL) < 0)
                        return -errno;
        }
        return 0;
}

/* ---- What is shown meanwhile ----------------------------------------------------------------- */

static void begin_line(Run *run) {
        if (run->begin_line)
                run->begin_line(run);
        else
                progress_clear(&run->progress);
}

static void show_line(void *userdata, bool sent, const char *text, size_t n) {
        _cleanup_free_ char *escaped = kftp_escape(text, n);
        Run *run = userdata;

        begin_line(run);
        fprintf(stderr, "%c %s\n", sent ? '>' : '<', strempty(escaped));
}

static void show_note(void *userdata, const char *text) {
        _cleanup_free_ char *escaped = kftp_escape(text, strlen(text));
        Run *run = userdata;

        begin_line(run);
        fprintf(stderr, "* %s\n", strempty(escaped));
}

static void show_warning(void *userdata, const char *text) {
        _cleanup_free_ char *escaped = kftp_escape(text, strlen(text));
        Run *run = userdata;

        begin_line(run);
        fprintf(stderr, "kftp: warning: %s\n", strempty(escaped));
}

static void show_connected(void *userdata, const struct kftp_addr *local, const struct kftp_addr *peer) {
        _cleanup_free_ char *from = kftp_address_format(local), *to = kftp_address_format(peer);
        Run *run = userdata;

        begin_line(run);
        fprintf(stderr, "* control connection: %s -> %s\n", strempty(from), strempty(to));
}

static void show_tls(void *userdata, enum kftp_role channel, const KftpTlsState *s) {
        _cleanup_free_ char *text = kftp_tls_format(s);
        Run *run = userdata;

        begin_line(run);
        fprintf(stderr, "* %s connection: %s\n", channel == KFTP_ROLE_CONTROL ? "control" : "data", strempty(text));
}

void run_show_data_connection(const Run *run, const KftpResult *r) {
        _cleanup_free_ char *local = kftp_address_format(&r->data_local), *peer = kftp_address_format(&r->data_peer);

        if (run->arguments.verbose && r->data_peer.family != 0)
                fprintf(stderr, "* data connection: %s %s %s (%s)\n", strempty(local), r->data_active ? "<-" : "->",
                        strempty(peer), r->data_active ? "active" : "passive");
}

static void show_progress(void *userdata, const KftpProgress *p) {
        Run *run = userdata;

        progress_update(&run->progress, p);
}

static void show_retry(void *userdata, const KftpAttempt *a) {
        char delay[KFTP_FORMAT_MAX];
        Run *run = userdata;

        begin_line(run);
        fprintf(stderr, "kftp: attempt %u of %u: %s; again in %s\n", a->attempt, run->arguments.retries + 1,
                strempty(a->failure->text), kftp_format_usec(delay, a->delay_usec));
}

bool run_is_chatty(const Run *run) {
        return run->tty && !run->arguments.quiet;
}

static KftpCallbacks callbacks(Run *run) {
        const Arguments *a = &run->arguments;

        return (KftpCallbacks) {
                .line = a->verbose ? show_line : NULL,
                .note = a->verbose ? show_note : NULL,
                .warning = a->quiet && !a->verbose ? NULL : show_warning,
                .connected = a->verbose ? show_connected : NULL,
                .tls = a->verbose ? show_tls : NULL,
                .progress = a->quiet || a->no_progress ? NULL : show_progress,
                /* Otherwise an error is one line. */
                .retry = a->verbose || run_is_chatty(run) ? show_retry : NULL,
                .userdata = run,
        };
}

int run_show_failure(const Run *run, const KftpFailure *f, unsigned attempts, const char *tail) {
        bool servers = f->class == KFTP_CLASS_AUTH || f->class == KFTP_CLASS_REMOTE || f->class == KFTP_CLASS_NETWORK;

        fprintf(stderr, "kftp: %s", strempty(f->text));
        if (attempts > 1)
                fprintf(stderr, " (%u attempts)", attempts);
        /* There are attempts left, and they would not help. */
        if (servers && !f->transient && attempts > 0 && attempts <= run->arguments.retries)
                fprintf(stderr, " (permanent, not tried again)");
        fprintf(stderr, "%s\n", strempty(tail));
        return (int) f->class;
}

/* ---- The course ------------------------------------------------------------------------------ */

int run_parse(Run *run, unsigned verb, int argc, char **argv) {
        _cleanup_free_ char *error = NULL;
        int r;

        *run = (Run) { .verb = argv[0], .tty = isatty(STDERR_FILENO) };
        r = arguments_parse(argc, argv, verb, &run->arguments, &error);
        return r < 0 ? usage_error("%s", error ?: strerror(-r)) : 0;
}

/* Before anything is sent: what is wrong with the files is no server's fault. And who trusts anybody shall see it. */
static int check_tls(const Arguments *a) {
        const KftpTlsOptions *tls = &a->tls;
        KftpFailure failure = {};
        int class = 0;

        if ((tls->ca_file || tls->certificate_file) && kftp_tls_check(tls, &failure) < 0) {
                fprintf(stderr, "kftp: %s\n", strempty(failure.text));
                class = (int) failure.class;
        } else if (tls->insecure && !tls->pin)
                fprintf(stderr, "kftp: warning: --insecure: the server's certificate is not verified, so whoever sits on the path "
                        "can read and change everything, the password included\n");
        kftp_failure_done(&failure);
        return class;
}

static int cannot_begin(int error) {
        fprintf(stderr, "kftp: cannot begin: %s\n", strerror(-error));
        return KFTP_CLASS_OTHER;
}

int run_prepare(Run *run) {
        const Arguments *a = &run->arguments;
        int r;

        r = check_tls(a);
        if (r != 0)
                return r;
        r = control ? 0 : kftp_control_new(&control);
        if (r >= 0)
                r = install_handlers();
        if (r < 0)
                return cannot_begin(r);
        run->options = (KftpOptions) {
                .user = a->user,
                .source = a->source.family != 0 ? &a->source : NULL,
                .ifindex = a->ifindex,
                .data_mode = a->data_mode,
                .timeout_usec = a->timeout_usec,
                .retries = a->retries,
                .resume = a->resume,
                .limit_rate = a->limit_rate,
                .verify = a->verify,
                .callbacks = callbacks(run),
                .control = control,
                .tls = a->tls,
        };
        run->options.tls.mode = a->tls_mode.mode;
        return 0;
}

int run_begin(Run *run) {
        int class = run_prepare(run), r;

        if (class != 0)
                return class;
        r = kftp_client_new(&run->client, &run->options);
        return r < 0 ? cannot_begin(r) : 0;
}

void run_end(Run *run) {
        kftp_client_free(run->client);
        login_forget(run);
        kftp_proxy_free(run->proxy);
        free(run->refused);
        arguments_done(&run->arguments);
}

/* The options are for all URLs, and each of them has to make sense of them. */
static int agree_on_tls(const Arguments *a, KftpUrl *url) {
        const char *option = arguments_find_tls_option(a);
        enum kftp_tls_mode mode = a->tls_mode.mode;
        _cleanup_free_ char *reason = NULL;
        int r;

        r = kftp_tls_resolve(url, &mode, a->tls_mode.given, &reason);
        if (r < 0)
                return usage_error("%s", reason ?: strerror(-r));
        if (!option || mode != KFTP_TLS_NONE)
                return 0;
        if (a->tls_mode.given)
                return usage_error("%s is about TLS, and --tls=no is without: leave one of them out", option);
        return usage_error("%s is about TLS, and ftp:// alone is without: add --tls=require, or write ftps://", option);
}

int run_parse_url(const Run *run, const char *text, KftpUrl *ret) {
        _cleanup_free_ char *error = NULL, *escaped = NULL;
        int r;

        r = kftp_url_parse(text, ret, &error);
        if (r >= 0)
                return agree_on_tls(&run->arguments, ret);
        escaped = error ? kftp_escape(error, strlen(error)) : NULL;
        fprintf(stderr, "kftp: bad URL: %s\n", escaped ?: strerror(-r));
        return KFTP_CLASS_USAGE;
}

int run_parse_urls(const Run *run, unsigned n, KftpUrl *urls) {
        for (unsigned i = 0; i < n; i++) {
                int class = run_parse_url(run, run->arguments.words[i], &urls[i]);

                if (class != 0)
                        return class;
        }
        return 0;
}

void run_free_urls(KftpUrl *urls, unsigned n) {
        for (unsigned i = 0; urls && i < n; i++)
                kftp_url_done(&urls[i]);
        free(urls);
}
