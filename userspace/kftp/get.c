// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp get: one file, with the caller's own rights, by the library. */

#include <signal.h>

#include "verbs.h"
#include "format.h"
#include "options.h"
#include "progress.h"
#include "prompt.h"
#include "report.h"
#include "util.h"

typedef struct Get {
        GetArguments arguments;
        KftpUrl url;
        char *password;
        Progress progress;
        bool tty;                       /* stderr is one */
} Get;

/* For the signal handler, which gets no argument. */
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

static void show_line(void *userdata, bool sent, const char *text, size_t n) {
        _cleanup_free_ char *escaped = kftp_escape(text, n);
        Get *g = userdata;

        progress_clear(&g->progress);
        fprintf(stderr, "%c %s\n", sent ? '>' : '<', strempty(escaped));
}

static void show_connected(void *userdata, const struct kftp_addr *local, const struct kftp_addr *peer) {
        _cleanup_free_ char *from = kftp_address_format(local), *to = kftp_address_format(peer);
        Get *g = userdata;

        progress_clear(&g->progress);
        fprintf(stderr, "* control connection: %s -> %s\n", strempty(from), strempty(to));
}

static void show_data_connection(const KftpResult *r) {
        _cleanup_free_ char *local = kftp_address_format(&r->data_local), *peer = kftp_address_format(&r->data_peer);

        if (r->data_peer.family != 0)
                fprintf(stderr, "* data connection: %s %s %s (%s)\n", strempty(local), r->data_active ? "<-" : "->",
                        strempty(peer), r->data_active ? "active" : "passive");
}

static void show_progress(void *userdata, const KftpProgress *p) {
        Get *g = userdata;

        progress_update(&g->progress, p);
}

static void show_retry(void *userdata, const KftpAttempt *a) {
        char delay[KFTP_FORMAT_MAX];
        Get *g = userdata;

        progress_clear(&g->progress);
        fprintf(stderr, "kftp: attempt %u of %u: %s; again in %s\n", a->attempt, g->arguments.retries + 1,
                strempty(a->failure->text), kftp_format_usec(delay, a->delay_usec));
}

static KftpCallbacks callbacks(Get *g) {
        const GetArguments *a = &g->arguments;

        return (KftpCallbacks) {
                .line = a->verbose ? show_line : NULL,
                .connected = a->verbose ? show_connected : NULL,
                .progress = g->progress.shown ? show_progress : NULL,
                /* Otherwise an error is one line. */
                .retry = a->verbose || (g->tty && !a->quiet) ? show_retry : NULL,
                .userdata = g,
        };
}

/* ---- The verb -------------------------------------------------------------------------------- */

static int get_password(Get *g, KftpFailure *f) {
        const char *user = g->arguments.user ?: g->url.user;
        int r;

        if (g->arguments.password_file)
                return kftp_read_password_file(g->arguments.password_file, &g->password, f);
        if (!user || streq(user, "anonymous"))
                return 0;
        r = prompt_password(user, g->url.host, &g->password);
        if (r >= 0)
                return 0;
        f->class = r == -EINTR || r == -ECANCELED ? KFTP_CLASS_INTERRUPTED : KFTP_CLASS_USAGE;
        if (asprintf(&f->text, "no password: %s", r == -E2BIG ? "it is too long" : "interrupted") < 0)
                f->text = NULL;
        return r;
}

static void show_failure(const KftpResult *result) {
        char bytes[KFTP_FORMAT_MAX];

        fprintf(stderr, "kftp: %s", strempty(result->failure.text));
        if (result->attempts > 1)
                fprintf(stderr, " (%u attempts)", result->attempts);
        if (result->bytes > 0)
                fprintf(stderr, "; kftp get -c goes on from %s", kftp_format_bytes(bytes, result->bytes));
        fputc('\n', stderr);
}

static int report(const Get *g, const KftpResult *result) {
        const GetArguments *a = &g->arguments;
        int class = (int) result->failure.class, r;

        if (a->verbose)
                show_data_connection(result);
        if (class != KFTP_CLASS_OK)
                show_failure(result);
        else if (g->tty && !a->quiet)
                report_summary(result);
        if (!a->json)
                return class;
        r = report_json(a->url, result);
        if (r >= 0)
                return class;
        fprintf(stderr, "kftp: cannot write the result to the standard output: %s\n", strerror(-r));
        return class != KFTP_CLASS_OK ? class : KFTP_CLASS_LOCAL;
}

static int get(Get *g) {
        const GetArguments *a = &g->arguments;
        KftpOptions options = {
                .user = a->user,
                .source = a->source.family != 0 ? &a->source : NULL,
                .ifindex = a->ifindex,
                .data_mode = a->data_mode,
                .timeout_usec = a->timeout_usec,
                .retries = a->retries,
                .resume = a->resume,
                .control = control,
        };
        KftpResult result = {};
        int class;

        if (get_password(g, &result.failure) >= 0) {
                options.password = g->password;
                progress_begin(&g->progress, g->url.base, !a->quiet && !a->no_progress);
                options.callbacks = callbacks(g);
                (void) kftp_get(&g->url, a->dest, &options, &result);
                progress_end(&g->progress);
        }
        class = report(g, &result);
        kftp_result_done(&result);
        return class;
}

static int parse(Get *g, int argc, char **argv) {
        _cleanup_free_ char *error = NULL;
        int r;

        r = get_arguments_parse(argc, argv, &g->arguments, &error);
        if (r < 0)
                return usage_error("%s", error ?: strerror(-r));
        r = kftp_url_parse(g->arguments.url, &g->url, &error);
        if (r < 0) {
                _cleanup_free_ char *escaped = error ? kftp_escape(error, strlen(error)) : NULL;

                fprintf(stderr, "kftp: bad URL: %s\n", escaped ?: strerror(-r));
                return KFTP_CLASS_USAGE;
        }
        return 0;
}

int verb_get(int argc, char **argv) {
        Get g = { .tty = isatty(STDERR_FILENO) };
        int class, r;

        class = parse(&g, argc, argv);
        if (class != 0)
                return class;

        r = kftp_control_new(&control);
        if (r >= 0)
                r = install_handlers();
        if (r < 0) {
                fprintf(stderr, "kftp: cannot begin: %s\n", strerror(-r));
                class = KFTP_CLASS_OTHER;
        } else
                class = get(&g);

        if (g.password)
                explicit_bzero(g.password, strlen(g.password));
        free(g.password);
        kftp_url_done(&g.url);
        /* control is left to the end of the process: a signal may still come. */
        return class;
}
