// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp cat, and kftp get with - for its target: files to the standard output. */

#include "cat.h"
#include "util.h"
#include "verbs.h"

bool cat_is_part(const KftpRange *r) {
        return r->from > 0 || r->length > 0 || r->last > 0;
}

int cat_check(const Arguments *a, const char *dest, char **error) {
        bool out = dest && streq(dest, "-");

        if (a->resume && (out || a->part.text || cat_is_part(&a->part.range)))
                return option_complain(error, "--resume goes together with whole files only: not with --range, --text, or - for the standard output");
        if (a->json && out)
                return option_complain(error, "--json and the file cannot both go to the standard output");
        return 0;
}

bool cat_goes_on(int class) {
        return class != KFTP_CLASS_INTERRUPTED && class != KFTP_CLASS_DEVICE && class != KFTP_CLASS_LOCAL;
}

int cat_url(Run *run, const KftpUrl *url) {
        const Arguments *a = &run->arguments;
        KftpResult result = {};
        int class;

        if (run_log_in(run, url, &result.failure) >= 0) {
                /* not into the text on a terminal */
                progress_begin(&run->progress, url->base, streq(run->verb, "get") && !isatty(STDOUT_FILENO) && !a->quiet && !a->no_progress);
                (void) kftp_client_cat(run->client, url, STDOUT_FILENO, &a->part, &result);
                progress_end(&run->progress);
        }
        class = (int) result.failure.class;
        run_show_data_connection(run, &result);
        /* Whoever read has seen enough: that is no news to him. */
        if (class != KFTP_CLASS_OK && result.failure.error != -EPIPE)
                run_show_failure(run, &result.failure, result.attempts, NULL);
        run_note_refusal(run, &result);
        kftp_result_done(&result);
        return class;
}

static int cat_all(Run *run, const KftpUrl *urls) {
        const Arguments *a = &run->arguments;
        unsigned failed = 0;

        for (unsigned i = 0; i < a->n_words; i++) {
                int class = cat_url(run, &urls[i]);

                if (class != 0 && (a->n_words == 1 || !cat_goes_on(class)))
                        return class;
                failed += class != 0;
        }
        return failed > 0 ? KFTP_CLASS_SOME_FAILED : 0;
}

/* All URLs are looked at before anything is done. */
int verb_cat(int argc, char **argv) {
        KftpUrl *urls;
        int class;
        Run run;

        class = run_parse(&run, VERB_CAT, argc, argv);
        if (class != 0)
                return class;
        if (run.arguments.n_words == 0)
                return usage_error("the URL is missing");
        urls = calloc(run.arguments.n_words, sizeof(*urls));
        class = urls ? run_parse_urls(&run, run.arguments.n_words, urls) : KFTP_CLASS_OTHER;
        if (class == 0)
                class = run_begin(&run);
        if (class == 0)
                class = cat_all(&run, urls);
        run_end(&run);
        run_free_urls(urls, run.arguments.n_words);
        return class;
}
