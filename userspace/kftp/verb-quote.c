// SPDX-License-Identifier: GPL-2.0-or-later
/* kftp quote: one command as it is, and what the server answers. */

#include "run.h"
#include "util.h"
#include "verbs.h"

static void show_reply(void *userdata, const char *text, size_t n) {
        _cleanup_free_ char *escaped = isatty(STDOUT_FILENO) ? kftp_escape(text, n) : NULL;

        (void) userdata;
        (void) fwrite(escaped ?: text, 1, escaped ? strlen(escaped) : n, stdout);
        putchar('\n');
}

static int quote(Run *run, const KftpUrl *url, const char *command) {
        KftpResult result = {};
        int class = 0;

        if (run_log_in(run, url, &result.failure) < 0
            || kftp_client_quote(run->client, url, command, show_reply, NULL, &result) < 0)
                class = (int) result.failure.class;
        errno = 0;
        if (fflush(stdout) != 0 || ferror(stdout)) {
                fprintf(stderr, "kftp: cannot write the reply to the standard output: %s\n", strerror(errno > 0 ? errno : EIO));
                class = class != 0 ? class : KFTP_CLASS_LOCAL;
        }
        if (result.failure.class != KFTP_CLASS_OK)
                run_show_failure(run, &result.failure, result.attempts, NULL);
        kftp_result_done(&result);
        return class;
}

/* The words of the command with a space between each two. */
static char *join(char **words) {
        char *line = strdup(words[0]);

        for (char **w = words + 1; line && *w; w++) {
                char *longer;

                if (asprintf(&longer, "%s %s", line, *w) < 0)
                        longer = NULL;
                free(line);
                line = longer;
        }
        return line;
}

int verb_quote(int argc, char **argv) {
        _cleanup_free_ char *command = NULL;
        KftpUrl url = {};
        int class;
        Run run;

        class = run_parse(&run, VERB_QUOTE, argc, argv);
        if (class != 0)
                return class;
        if (run.arguments.n_words < 2)
                return usage_error("two arguments: a URL, and a command");
        command = join(run.arguments.words + 1);
        if (!command)
                return KFTP_CLASS_OTHER;
        class = run_parse_url(&run, run.arguments.words[0], &url);
        if (class == 0)
                class = run_begin(&run);
        if (class == 0)
                class = quote(&run, &url, command);
        run_end(&run);
        kftp_url_done(&url);
        return class;
}
