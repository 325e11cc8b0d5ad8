// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp rm, mkdir, mv: changes on the server that move no data. They say nothing if they succeed. */

#include "run.h"
#include "util.h"
#include "verbs.h"

typedef int (*Change)(Run *run, const KftpUrl *url, KftpResult *ret);

static int change(Run *run, const KftpUrl *url, Change what) {
        KftpResult result = {};
        int class = 0;

        if (run_log_in(run, url, &result.failure) < 0 || what(run, url, &result) < 0)
                class = run_show_failure(run, &result.failure, result.attempts, NULL);
        run_note_refusal(run, &result);
        kftp_result_done(&result);
        return class;
}

/* One that fails does not stop the rest, unless it was stopped itself. */
static int change_all(Run *run, unsigned n, const KftpUrl *urls, Change what) {
        unsigned failed = 0;

        for (unsigned i = 0; i < n; i++) {
                int class = change(run, &urls[i], what);

                if (class != 0 && (n == 1 || class == KFTP_CLASS_INTERRUPTED || class == KFTP_CLASS_DEVICE))
                        return class;
                failed += class != 0;
        }
        return failed > 0 ? KFTP_CLASS_SOME_FAILED : 0;
}

/* All URLs are looked at before anything is done. */
static int run_changes(Run *run, unsigned n, Change what) {
        KftpUrl *urls = calloc(n, sizeof(*urls));
        int class;

        class = urls ? run_parse_urls(run, n, urls) : KFTP_CLASS_OTHER;
        if (class == 0)
                class = run_begin(run);
        if (class == 0)
                class = change_all(run, n, urls, what);
        run_end(run);
        run_free_urls(urls, n);
        return class;
}

/* ---- The verbs ------------------------------------------------------------------------------- */

static int remove_one(Run *run, const KftpUrl *url, KftpResult *ret) {
        const Arguments *a = &run->arguments;
        unsigned flags = (a->directory ? KFTP_REMOVE_DIRECTORY : 0) | (a->force ? KFTP_REMOVE_MISSING_OK : 0);

        return kftp_client_remove(run->client, url, flags, ret);
}

int verb_rm(int argc, char **argv) {
        int class;
        Run run;

        class = run_parse(&run, VERB_RM, argc, argv);
        if (class != 0)
                return class;
        if (run.arguments.n_words == 0)
                return usage_error("the URL is missing");
        return run_changes(&run, run.arguments.n_words, remove_one);
}

static int make_one(Run *run, const KftpUrl *url, KftpResult *ret) {
        return kftp_client_mkdir(run->client, url, run->arguments.parents, ret);
}

int verb_mkdir(int argc, char **argv) {
        int class;
        Run run;

        class = run_parse(&run, VERB_MKDIR, argc, argv);
        if (class != 0)
                return class;
        if (run.arguments.n_words == 0)
                return usage_error("the URL is missing");
        return run_changes(&run, run.arguments.n_words, make_one);
}

static int rename_one(Run *run, const KftpUrl *url, KftpResult *ret) {
        return kftp_client_rename(run->client, url, run->arguments.words[1], ret);
}

int verb_mv(int argc, char **argv) {
        int class;
        Run run;

        class = run_parse(&run, VERB_MV, argc, argv);
        if (class != 0)
                return class;
        if (run.arguments.n_words != 2)
                return usage_error("two arguments: a URL, and a new name");
        if (is_url(run.arguments.words[1]))
                return usage_error("the new name is a URL; give a name, or a path on the same server");
        return run_changes(&run, 1, rename_one);
}
