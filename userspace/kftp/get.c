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
        if (a->segments > 1 && (a->part.text || cat_is_part(&a->part.range) || streq_ptr(w.dest, "-")))
                return option_complain(error, "--segments goes together with whole files only: not with --range, --text, or - for the standard output");
        if (arguments_check_segments(a, error) < 0)
                return -EINVAL;
        return cat_check(a, w.dest, error);
}

static int compare_bases(const void *a, const void *b) {
        const KftpUrl *const *x = a, *const *y = b;

        return strcmp((*x)->base, (*y)->base);
}

/* In one directory they would replace each other. */
static int check_names(const GetWords *w, const KftpUrl *urls) {
        const KftpUrl **sorted;
        int class = 0;

        if (w->n_urls <= 1 || streq_ptr(w->dest, "-"))
                return 0;
        sorted = calloc(w->n_urls, sizeof(*sorted));
        if (!sorted)
                return KFTP_CLASS_OTHER;
        for (unsigned i = 0; i < w->n_urls; i++)
                sorted[i] = &urls[i];
        qsort(sorted, w->n_urls, sizeof(*sorted), compare_bases);
        for (unsigned i = 1; class == 0 && i < w->n_urls; i++)
                if (streq(sorted[i - 1]->base, sorted[i]->base))
                        class = usage_error("two of the URLs end in '%s', and would replace each other: get them one by one", sorted[i]->base);
        free(sorted);
        return class;
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

static int get(Run *run, const char *text, const KftpUrl *url, const char *dest) {
        const Arguments *a = &run->arguments;
        KftpResult result = {};
        int class;

        if (dest && streq(dest, "-"))
                return cat_url(run, url);
        if (run_log_in(run, url, &result.failure) >= 0) {
                progress_begin(&run->progress, url->base, !a->quiet && !a->no_progress);
                if (a->segments > 1)
                        (void) kftp_get_segments(url, dest, &run->options, a->segments, a->segment_size, &result);
                else if (a->part.text || cat_is_part(&a->part.range))
                        (void) kftp_client_get_part(run->client, url, dest, &a->part, &result);
                else
                        (void) kftp_client_get(run->client, url, dest, &result);
                progress_end(&run->progress);
        }
        class = report(run, text, &result);
        run_note_refusal(run, &result);
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
        unsigned failed = 0;

        for (unsigned i = 0; i < w->n_urls; i++) {
                int class = get(run, run->arguments.words[i], &urls[i], w->dest);

                if (class != 0 && (w->n_urls == 1 || !goes_on(w, class)))
                        return class;
                failed += class != 0;
        }
        return failed > 0 ? KFTP_CLASS_SOME_FAILED : 0;
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
        class = urls ? run_parse_urls(&run, w.n_urls, urls) : KFTP_CLASS_OTHER;
        if (class == 0)
                class = check_names(&w, urls);
        if (class == 0)
                class = check_dest(&w);
        if (class == 0)
                class = run_begin(&run);
        if (class == 0)
                class = get_all(&run, &w, urls);
        run_end(&run);
        run_free_urls(urls, w.n_urls);
        return class;
}
