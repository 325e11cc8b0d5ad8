// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp ls: the listing of a directory, or the one entry of a file. */

#include <inttypes.h>

#include "ls.h"
#include "run.h"
#include "util.h"
#include "verbs.h"

static int cannot_write(int error) {
        fprintf(stderr, "kftp: cannot write the listing to the standard output: %s\n", strerror(-error));
        return KFTP_CLASS_LOCAL;
}

/* An incomplete listing has to be known for one. */
static int warn(const KftpListing *l) {
        if (l->bad > 0)
                fprintf(stderr, "kftp: %" PRIu64 " of the server's lines left out because they cannot be read; the first is \"%s\"\n",
                        l->bad, strempty(l->bad_line));
        if (!l->truncated)
                return 0;
        fprintf(stderr, "kftp: the listing is not complete, the server shows no more: \"%s\"\n", l->truncated);
        return KFTP_CLASS_OTHER;
}

static LsOutput output(const Arguments *a) {
        return (LsOutput) {
                .file = stdout,
                .form = a->json ? LS_JSON : a->names && !a->long_form ? LS_NAMES : LS_LONG,
                .escape = isatty(STDOUT_FILENO),
        };
}

static int list(Run *run, const KftpUrl *url) {
        const Arguments *a = &run->arguments;
        KftpListOptions options = { .all = a->all, .stat = a->stat };
        LsOutput o = output(a);
        KftpListing listing = {};
        int class = 0, r;

        r = run_log_in(run, url, &listing.failure);
        if (r >= 0)
                r = kftp_client_list(run->client, url, &options, ls_entry, &o, &listing);
        if (r < 0 && !listing.failure.text)
                class = cannot_write(r);
        else if (r < 0)
                class = run_show_failure(run, &listing.failure, listing.attempts, NULL);
        else {
                r = ls_end(&o);
                class = r < 0 ? cannot_write(r) : warn(&listing);
        }
        kftp_listing_done(&listing);
        return class;
}

int verb_ls(int argc, char **argv) {
        KftpUrl url = {};
        int class;
        Run run;

        class = run_parse(&run, VERB_LS, argc, argv);
        if (class != 0)
                return class;
        if (run.arguments.n_words != 1)
                return usage_error(run.arguments.n_words == 0 ? "the URL is missing" : "too many arguments; one URL");
        class = run_parse_url(&run, run.arguments.words[0], &url);
        if (class == 0)
                class = run_begin(&run);
        if (class == 0)
                class = list(&run, &url);
        run_end(&run);
        kftp_url_done(&url);
        return class;
}
