/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command's verbs about jobs, called as a shell would, and what they have written: see mock-daemon.h. */

#include <fcntl.h>

#include "kftp/verbs.h"
#include "mock-daemon.h"
#include "util.h"

#define ARGUMENTS_MAX 16

char *mock_out, *mock_err;

static const struct {
        const char *name;
        int (*verb)(int argc, char **argv);
} verbs[] = {
        { "list", verb_list }, { "status", verb_status }, { "show", verb_show }, { "run", verb_run }, { "cancel", verb_cancel },
        { "retry", verb_retry }, { "watch", verb_watch }, { "history", verb_history }, { "reload", verb_reload },
};

static int dispatch(int argc, char **argv) {
        for (size_t i = 0; i < ELEMENTS(verbs); i++)
                if (streq(verbs[i].name, argv[0]))
                        return verbs[i].verb(argc, argv);
        fail_msg("no verb %s", argv[0]);
        return -1;
}

static char *take_file(const char *path) {
        char *text = NULL;
        size_t n = 0;
        FILE *f = fopen(path, "r");

        assert_non_null(f);
        if (getdelim(&text, &n, '\0', f) < 0) {
                free(text);
                text = strdup("");
        }
        (void) fclose(f);
        return text;
}

static int divert(int fd, const char *path) {
        int saved = dup(fd), file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);

        assert_true(saved >= 0 && file >= 0 && dup2(file, fd) == fd);
        (void) close(file);
        return saved;
}

static void restore(int fd, int saved) {
        assert_int_equal(dup2(saved, fd), fd);
        (void) close(saved);
}

int mock_call(const char *line) {
        char words[512], *argv[ARGUMENTS_MAX + 1], *rest = words, *word;
        int argc = 0, out, err, class;

        assert_true(strlen(line) < sizeof(words));
        strcpy(words, line);
        while ((word = strsep(&rest, " ")) && argc < ARGUMENTS_MAX)
                argv[argc++] = word;
        argv[argc] = NULL;
        fflush(stdout);
        fflush(stderr);
        out = divert(STDOUT_FILENO, "out");
        err = divert(STDERR_FILENO, "err");
        class = dispatch(argc, argv);
        fflush(stdout);
        fflush(stderr);
        restore(STDOUT_FILENO, out);
        restore(STDERR_FILENO, err);
        free(mock_out);
        free(mock_err);
        mock_out = take_file("out");
        mock_err = take_file("err");
        print_message("$ kftp %s\n%s%s(%d)\n", line, mock_out, mock_err, class);
        return class;
}
