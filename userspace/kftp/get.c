// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp get: files from servers, over one session for each server, with the caller's own rights. */

#include <sys/stat.h>

#include "cat.h"
#include "format.h"
#include "get.h"
#include "report.h"
#include "run.h"
#include "util.h"
#include "verbs.h"

int get_words(const Arguments *a, GetWords *ret, char **error) {
        GetWords w = { .n_urls = a->n_words };

        if (a->n_words == 0)
                return option_complain(error, "the URL is missing");
        if (a->n_words > 1 && !is_url(a->words[a->n_words - 1])) {
                w.dest = a->words[a->n_words - 1];
                w.n_urls--;
        }
        for (unsigned i = 0; w.n_urls > 1 && i < w.n_urls; i++)
                if (!is_url(a->words[i]))
                        return option_complain(error, "'%s' is no URL; all but the last argument have to be", a->words[i]);
        if (w.dest && !*w.dest)
                return option_complain(error, "DEST is empty");
        *ret = w;
        return cat_check(a, w.dest, error);
}

static int parse_urls(const Run *run, const GetWords *w, KftpUrl *urls) {
        for (unsigned i = 0; i < w->n_urls; i++) {
                int class = run_parse_url(run->arguments.words[i], &urls[i]);

                if (class != 0)
                        return class;
        }
        return 0;
}

static int check_dest(const GetWords *w) {
        struct stat st;

        if (w->n_urls <= 1 || !w->dest || streq(w->dest, "-") || (stat(w->dest, &st) >= 0 && S_ISDIR(st.st_mode)))
                return 0;
        fprintf(stderr, "kftp: %s is not an existing directory, which it has to be for several files\n", w->dest);
        return KFTP_CLASS_LOCAL;
}

static int report(const Run *run, const char *url, const KftpResult *result) {
        char bytes[KFTP_FORMAT_MAX], tail[100] = "";
        int class = (int) result->failure.class, r;

        run_show_data_connection(run, result);
        if (class != KFTP_CLASS_OK) {
                if (result->bytes > 0)
                        (void) snprintf(tail, sizeof(tail), "; kftp get -c goes on from %s", kftp_format_bytes(bytes, result->bytes));
                run_show_failure(run, &result->failure, result->attempts, tail);
        } else if (run_is_chatty(run))
                report_summary(result);
        if (!run->arguments.json)
                return class;
        r = report_json(url, result);
        if (r >= 0)
                return class;
        fprintf(stderr, "kftp: cannot write the result to the standard output: %s\n", strerror(-r));
        return class != KFTP_CLASS_OK ? class : KFTP_CLASS_LOCAL;
}

static bool is_same_login(const KftpUrl *a, const KftpUrl *b) {
        return a && a->port == b->port && streq(a->host, b->host) && streq_ptr(a->user, b->user);
}

/* A password that was refused is not tried again: servers count, and lock people out. */
static int skip(KftpFailure *f, const KftpUrl *url) {
        _cleanup_free_ char *path = kftp_escape(url->path, strlen(url->path));

        *f = (KftpFailure) { .class = KFTP_CLASS_AUTH, .error = -EKEYREJECTED };
        if (asprintf(&f->text, "\"%s\" from %s not tried: the login was refused before", strempty(path), url->host) < 0)
                f->text = NULL;
        return -EKEYREJECTED;
}

static int get(Run *run, const char *text, const KftpUrl *url, const char *dest, const KftpUrl **refused) {
        const Arguments *a = &run->arguments;
        KftpResult result = {};
        int class;

        if (dest && streq(dest, "-"))
                return cat_url(run, url);
        if ((is_same_login(*refused, url) ? skip(&result.failure, url) : run_log_in(run, url, &result.failure)) >= 0) {
                progress_begin(&run->progress, url->base, !a->quiet && !a->no_progress);
                if (a->part.text || cat_is_part(&a->part.range))
                        (void) kftp_client_get_part(run->client, url, dest, &a->part, &result);
                else
                        (void) kftp_client_get(run->client, url, dest, &result);
                progress_end(&run->progress);
        }
        class = report(run, text, &result);
        if (class == KFTP_CLASS_AUTH && result.peer.family == 0)
                *refused = url;
        kftp_result_done(&result);
        return class;
}

static bool goes_on(const GetWords *w, int class) {
        if (w->dest && streq(w->dest, "-"))
                return cat_goes_on(class);
        return class != KFTP_CLASS_INTERRUPTED && class != KFTP_CLASS_DEVICE;
}

/* One that fails does not stop the rest, unless it was stopped itself. */
static int get_all(Run *run, const GetWords *w, const KftpUrl *urls) {
        const KftpUrl *refused = NULL;
        unsigned failed = 0;

        for (unsigned i = 0; i < w->n_urls; i++) {
                int class = get(run, run->arguments.words[i], &urls[i], w->dest, &refused);

                if (class != 0 && (w->n_urls == 1 || !goes_on(w, class)))
                        return class;
                failed += class != 0;
        }
        return failed > 0 ? KFTP_CLASS_SOME_FAILED : 0;
}

static void free_urls(KftpUrl *urls, unsigned n) {
        for (unsigned i = 0; urls && i < n; i++)
                kftp_url_done(&urls[i]);
        free(urls);
}

int verb_get(int argc, char **argv) {
        _cleanup_free_ char *error = NULL;
        KftpUrl *urls;
        GetWords w;
        int class;
        Run run;

        class = run_parse(&run, VERB_GET, argc, argv);
        if (class != 0)
                return class;
        if (get_words(&run.arguments, &w, &error) < 0)
                return usage_error("%s", strempty(error));
        urls = calloc(w.n_urls, sizeof(*urls));
        class = urls ? parse_urls(&run, &w, urls) : KFTP_CLASS_OTHER;
        if (class == 0)
                class = check_dest(&w);
        if (class == 0)
                class = run_begin(&run);
        if (class == 0)
                class = get_all(&run, &w, urls);
        run_end(&run);
        free_urls(urls, w.n_urls);
        return class;
}
