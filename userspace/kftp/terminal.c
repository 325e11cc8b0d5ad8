// SPDX-License-Identifier: GPL-2.0-or-later
/* The terminal that the results are shown on. */

#include <langinfo.h>
#include <signal.h>
#include <strings.h>
#include <sys/ioctl.h>

#include "libkftp.h"
#include "terminal.h"
#include "util.h"

#define WIDTH_DEFAULT 80
#define HEIGHT_DEFAULT 24
#define PAGER_DEFAULT "less"
/* end at the end of what fits on the screen, show colours, keep the text there: as systemctl has it */
#define LESS_DEFAULT "FRSXMK"

unsigned terminal_width(void) {
        struct winsize size = {};

        if (!isatty(STDOUT_FILENO))
                return 0;
        (void) ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        return size.ws_col > 0 ? size.ws_col : WIDTH_DEFAULT;
}

unsigned terminal_height(void) {
        struct winsize size = {};

        if (!isatty(STDOUT_FILENO))
                return 0;
        (void) ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        return size.ws_row > 0 ? size.ws_row : HEIGHT_DEFAULT;
}

static bool is_no(const char *word) {
        static const char *const words[] = { "0", "no", "n", "false", "f", "off" };

        for (size_t i = 0; i < ELEMENTS(words); i++)
                if (strcasecmp(word, words[i]) == 0)
                        return true;
        return false;
}

bool terminal_has_colours(FILE *f) {
        const char *wish = getenv("SYSTEMD_COLORS"), *term = getenv("TERM");

        if (wish && *wish)
                return !is_no(wish);
        if (*strempty(getenv("NO_COLOR")))
                return false;
        return isatty(fileno(f)) && !(term && streq(term, "dumb"));
}

bool terminal_has_utf8(void) {
        return streq(nl_langinfo(CODESET), "UTF-8");
}

/* As systemd's tools have it; NULL: none. */
static const char *find_pager(void) {
        const char *pager = getenv("SYSTEMD_PAGER");

        if (!pager)
                pager = getenv("PAGER");
        if (!pager)
                return PAGER_DEFAULT;
        return *pager && !streq(pager, "cat") ? pager : NULL;
}

static bool is_long(const char *text) {
        unsigned lines = 0, height = terminal_height();

        if (height == 0)
                return false;
        for (; *text; text++)
                if (*text == '\n' && ++lines >= height)
                        return true;
        return false;
}

/* Whether a pager has shown it. */
static bool write_to_pager(const char *text) {
        const char *pager = find_pager();
        FILE *f;

        if (!pager)
                return false;
        (void) setenv("LESS", getenv("SYSTEMD_LESS") ?: LESS_DEFAULT, getenv("SYSTEMD_LESS") != NULL);
        f = popen(pager, "we");
        if (!f)
                return false;
        (void) signal(SIGPIPE, SIG_IGN);
        fputs(text, f);
        /* 127: the shell has not found it */
        return pclose(f) != 127 << 8;
}

int terminal_write(const char *text, bool wanted) {
        if (wanted && is_long(text) && write_to_pager(text))
                return 0;
        if (fputs(text, stdout) != EOF && fflush(stdout) == 0)
                return 0;
        fprintf(stderr, "kftp: cannot write to the standard output: %s\n", strerror(errno));
        return KFTP_CLASS_LOCAL;
}
