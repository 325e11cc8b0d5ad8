// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines that are drawn again in their place: see screen.h. */

#include <sys/ioctl.h>

#include "columns.h"
#include "screen.h"
#include "util.h"

#define WIDTH_DEFAULT 80
#define HEIGHT_DEFAULT 24

static void get_size(FILE *f, unsigned *ret_width, unsigned *ret_height) {
        struct winsize size = {};

        (void) ioctl(fileno(f), TIOCGWINSZ, &size);
        /* the last column and the last line stay free: some terminals scroll there */
        *ret_width = (size.ws_col > 1 ? size.ws_col : WIDTH_DEFAULT) - 1U;
        *ret_height = (size.ws_row > 1 ? size.ws_row : HEIGHT_DEFAULT) - 1U;
}

static void go_up(const Screen *s) {
        fputc('\r', s->file);
        if (s->lines > 0)
                fprintf(s->file, "\033[%uA", s->lines);
}

void screen_clear(Screen *s) {
        if (s->lines == 0)
                return;
        go_up(s);
        fputs("\033[J", s->file);
        fflush(s->file);
        s->lines = 0;
}

/* What colours a line takes no room on it. */
static size_t fit(const char *line, size_t n, unsigned width) {
        size_t at = 0;

        while (at < n) {
                size_t plain = 0;
                unsigned taken;

                if (line[at] == '\033') {
                        at += strcspn(line + at, "m") + 1;
                        continue;
                }
                while (at + plain < n && line[at + plain] != '\033')
                        plain++;
                {
                        _cleanup_free_ char *piece = strndup(line + at, plain);

                        if (!piece)
                                return at;
                        taken = columns(piece);
                        if (taken > width)
                                return at + columns_prefix(piece, width);
                }
                width -= taken;
                at += plain;
        }
        return MIN2(at, n);
}

void screen_draw(Screen *s, const char *text) {
        unsigned width, height;

        get_size(s->file, &width, &height);
        go_up(s);
        s->lines = 0;
        for (const char *end; *text && s->lines < height; text = *end ? end + 1 : end) {
                end = strchrnul(text, '\n');
                fprintf(s->file, "%.*s\033[0m\033[K\n", (int) fit(text, (size_t) (end - text), width), text);
                s->lines++;
        }
        fputs("\033[J", s->file);
        fflush(s->file);
}
