// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp put: files to a server, over one session, with the caller's own rights. */

#include "format.h"
#include "put.h"
#include "report.h"
#include "run.h"
#include "util.h"
#include "verbs.h"

static int choose_way(const Arguments *a, enum kftp_put_way *ret, char **error) {
        if (a->in_place + a->append + a->unique > 1)
                return option_complain(error, "--in-place, --append and --unique exclude each other");
        if (a->resume && (a->in_place || a->append || a->unique))
                return option_complain(error, "--resume needs the temporary name, which tells of which file a part is: "
                                       "not with --in-place, --append or --unique");
        if (a->resume && a->part.text)
                return option_complain(error, "--resume goes together with files as they are: not with --text");
        if (a->verify & KFTP_VERIFY_HASH && (a->append || a->unique))
                return option_complain(error, "--verify=hash compares whole files under a known name: not with --append or --unique");
        if (a->verify & KFTP_VERIFY_MTIME && !a->mtime)
                return option_complain(error, "--verify=mtime needs --mtime: without it the server's time is that of the upload");
        *ret = a->in_place ? KFTP_PUT_IN_PLACE : a->append ? KFTP_PUT_APPEND : a->unique ? KFTP_PUT_UNIQUE : KFTP_PUT_TEMPORARY;
        return 0;
}

/* The last part, which the file is to have on the server. */
static const char *base_of(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static int compare_bases(const void *a, const void *b) {
        return strcmp(base_of(*(char *const *) a), base_of(*(char *const *) b));
}

/* In one directory the second would replace the first. */
static int check_bases(const Arguments *a, unsigned n, char **error) {
        _cleanup_free_ char **sorted = calloc(n, sizeof(*sorted));

        if (!sorted)
                return option_complain(error, "not enough memory");
        for (unsigned i = 0; i < n; i++)
                sorted[i] = a->words[i];
        qsort(sorted, n, sizeof(*sorted), compare_bases);
        for (unsigned i = 1; i < n; i++)
                if (compare_bases(&sorted[i - 1], &sorted[i]) == 0)
                        return option_complain(error, "'%s' and '%s' would have the same name on the server", sorted[i - 1], sorted[i]);
        return 0;
}

static int check_files(const Arguments *a, unsigned n, char **error) {
        for (unsigned i = 0; i < n; i++) {
                if (!*a->words[i])
                        return option_complain(error, "FILE is empty");
                if (is_url(a->words[i]))
                        return option_complain(error, "'%s' stands where a FILE has to; only the last argument is a URL", a->words[i]);
                if (n > 1 && streq(a->words[i], "-"))
                        return option_complain(error, "'-', the standard input, cannot be one of several files");
        }
        return 0;
}

int put_words(const Arguments *a, PutWords *ret, char **error) {
        PutWords w = {
                .options = { .mtime = a->mtime, .has_mode = a->mode.given, .mode = a->mode.mode, .text = a->part.text },
        };
        int r;

        if (a->n_words == 0)
                return option_complain(error, "FILE and URL are missing");
        if (a->n_words == 1)
                return option_complain(error, is_url(a->words[0]) ? "FILE is missing" : "the URL is missing");
        w.n_files = a->n_words - 1;
        w.url = a->words[w.n_files];
        w.options.directory = w.n_files > 1;
        if (w.n_files > 1 && !is_url(w.url))
                return option_complain(error, "the last argument, '%s', is no URL", w.url);
        r = choose_way(a, &w.options.way, error);
        if (r >= 0)
                r = check_files(a, w.n_files, error);
        if (r >= 0 && !a->append && !a->unique)
                r = check_bases(a, w.n_files, error);
        if (r < 0)
                return r;
        *ret = w;
        return 0;
}

static int report(const Run *run, const PutWords *w, const KftpResult *result) {
        char bytes[KFTP_FORMAT_MAX], tail[100] = "";
        int class = (int) result->failure.class, r;

        run_show_data_connection(run, result);
        if (class != KFTP_CLASS_OK) {
                if (result->bytes > 0)
                        (void) snprintf(tail, sizeof(tail), "; kftp put -c goes on from %s", kftp_format_bytes(bytes, result->bytes));
                run_show_failure(run, &result->failure, result->attempts, tail);
        } else if (run_is_chatty(run))
                report_summary(result);
        if (!run->arguments.json)
                return class;
        r = report_json(w->url, result);
        if (r >= 0)
                return class;
        fprintf(stderr, "kftp: cannot write the result to the standard output: %s\n", strerror(-r));
        return class != KFTP_CLASS_OK ? class : KFTP_CLASS_LOCAL;
}

static int put(Run *run, const char *file, const KftpUrl *url, const PutWords *w) {
        const Arguments *a = &run->arguments;
        KftpResult result = {};
        const char *slash;
        int class;

        if (run_log_in(run, url, &result.failure) >= 0) {
                slash = strrchr(file, '/');
                progress_begin(&run->progress, slash ? slash + 1 : file, !a->quiet && !a->no_progress);
                (void) kftp_client_put(run->client, file, url, &w->options, &result);
                progress_end(&run->progress);
        }
        class = report(run, w, &result);
        kftp_result_done(&result);
        return class;
}

/* One that fails does not stop the rest; what concerns all of them does. */
static int put_all(Run *run, const KftpUrl *url, const PutWords *w) {
        unsigned failed = 0;

        for (unsigned i = 0; i < w->n_files; i++) {
                int class = put(run, run->arguments.words[i], url, w);

                if (class != 0 && (w->n_files == 1 || class == KFTP_CLASS_INTERRUPTED || class == KFTP_CLASS_DEVICE
                                   || class == KFTP_CLASS_AUTH || class == KFTP_CLASS_TLS))
                        return class;
                failed += class != 0;
        }
        return failed > 0 ? KFTP_CLASS_SOME_FAILED : 0;
}

int verb_put(int argc, char **argv) {
        _cleanup_free_ char *error = NULL;
        KftpUrl url = {};
        PutWords w;
        int class;
        Run run;

        class = run_parse(&run, VERB_PUT, argc, argv);
        if (class != 0)
                return class;
        if (put_words(&run.arguments, &w, &error) < 0)
                return usage_error("%s", strempty(error));
        class = run_parse_url(&run, w.url, &url);
        if (class == 0)
                class = run_begin(&run);
        if (class == 0)
                class = put_all(&run, &url, &w);
        run_end(&run);
        kftp_url_done(&url);
        return class;
}
