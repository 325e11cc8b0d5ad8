// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Progress for people: on a terminal one line with name, percentage, bar, bytes, rate and time left,
 * drawn again at most ten times a second; elsewhere a line every ten seconds.
 */

#include <math.h>
#include <sys/ioctl.h>

#include "columns.h"
#include "format.h"
#include "progress.h"
#include "util.h"

#define WIDTH_DEFAULT 80
#define HEIGHT_DEFAULT 24
#define WIDTH_MAX 512
#define NAME_WIDTH_MIN 8
#define BAR_WIDTH_MIN 5
#define BAR_WIDTH_MAX 40

char *progress_format_left(char *buffer, double seconds) {
        unsigned long s = seconds < 359999 ? (unsigned long) ceil(seconds) : 359999;

        if (s < 60)
                (void) snprintf(buffer, KFTP_FORMAT_MAX, "%lu s", s);
        else if (s < 3600)
                (void) snprintf(buffer, KFTP_FORMAT_MAX, "%lu:%02lu", s / 60, s % 60);
        else
                (void) snprintf(buffer, KFTP_FORMAT_MAX, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
        return buffer;
}

static bool has_total(const KftpProgress *now) {
        return now->total != KFTP_SIZE_UNKNOWN && now->total > 0;
}

static unsigned percent(const KftpProgress *now) {
        return now->bytes >= now->total ? 100 : (unsigned) ((double) now->bytes * 100 / (double) now->total);
}

/* "48.2 MiB  15.5 MiB/s  0:12" */
static char *render_numbers(const KftpProgress *now, double rate) {
        char bytes[KFTP_FORMAT_MAX], speed[KFTP_FORMAT_MAX], left[KFTP_FORMAT_MAX] = "";
        char *text;

        kftp_format_bytes(bytes, now->bytes);
        kftp_format_rate(speed, (uint64_t) rate);
        if (has_total(now) && rate >= 1 && now->bytes < now->total)
                progress_format_left(left, (double) (now->total - now->bytes) / rate);
        return asprintf(&text, "%10s %12s %7s", bytes, speed, left) < 0 ? NULL : text;
}

static void render_bar(FILE *f, const KftpProgress *now, unsigned width) {
        unsigned full = (unsigned) ((double) width * percent(now) / 100);

        fputc('[', f);
        for (unsigned i = 0; i < width; i++)
                fputc(i < full ? '=' : i == full ? '>' : ' ', f);
        fputs("] ", f);
}

/* What does not fit: of a path, its last part tells more than its first. */
static void render_name(FILE *f, const char *name, unsigned width) {
        unsigned n = columns(name);

        if (n <= width)
                fprintf(f, "%s%*s", name, (int) (width - n), "");
        else if (strchr(name, '/')) {
                const char *end = name + columns_suffix(name, width - 1);

                fprintf(f, "~%s%*s", end, (int) (width - 1 - columns(end)), "");
        } else {
                _cleanup_free_ char *begin = strndup(name, columns_prefix(name, width - 1));

                fprintf(f, "%s~%*s", strempty(begin), (int) (width - 1 - columns(strempty(begin))), "");
        }
}

/* The numbers always; then, as far as there is room, the percentage, the name and the bar. */
static void render(FILE *f, const char *name, const KftpProgress *now, const char *numbers, unsigned width) {
        unsigned used = columns(numbers), left, name_width, bar = 0;

        if (has_total(now))
                used += 5;
        left = width > used ? width - used : 0;
        if (has_total(now) && left > NAME_WIDTH_MIN + 1 + BAR_WIDTH_MIN + 3)
                bar = MAX2((unsigned) BAR_WIDTH_MIN, MIN2((left - 4) / 2, (unsigned) BAR_WIDTH_MAX));
        name_width = bar > 0 ? left - bar - 4 : left > 1 ? left - 1 : 0;

        if (name_width > 0) {
                render_name(f, name, name_width);
                fputc(' ', f);
        }
        if (has_total(now))
                fprintf(f, "%3u%% ", percent(now));
        if (bar > 0)
                render_bar(f, now, bar);
        fputs(numbers, f);
}

char *progress_render(const char *name, const KftpProgress *now, double rate, unsigned width) {
        _cleanup_free_ char *numbers = render_numbers(now, rate), *line = NULL;
        size_t n;
        FILE *f = numbers ? open_memstream(&line, &n) : NULL;

        if (!f)
                return NULL;
        render(f, name, now, numbers, width);
        if (fclose(f) != 0)
                return NULL;
        line[columns_prefix(line, width)] = '\0';
        return STEAL_PTR(line);
}

void progress_terminal_size(unsigned *ret_width, unsigned *ret_height) {
        struct winsize size = {};

        (void) ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
        /* The last column stays free: some terminals wrap there. */
        *ret_width = size.ws_col > 1 ? MIN2(size.ws_col, (unsigned) WIDTH_MAX) - 1 : size.ws_col == 1 ? 1 : WIDTH_DEFAULT - 1;
        *ret_height = size.ws_row > 0 ? size.ws_row : HEIGHT_DEFAULT;
}

void progress_begin(Progress *p, const char *name, bool shown) {
        *p = (Progress) {
                .shown = shown,
                .tty = isatty(STDERR_FILENO),
                .name = kftp_escape(name, strlen(name)),
                .begun_usec = now_usec(),
        };
        p->told_usec = p->begun_usec;
}

static void draw(Progress *p, const KftpProgress *now) {
        _cleanup_free_ char *line = NULL;
        unsigned width, height;

        progress_terminal_size(&width, &height);
        line = progress_render(strempty(p->name), now, p->speed.rate, width);
        if (!line)
                return;
        fprintf(stderr, "\r%s\033[K", line);
        fflush(stderr);
        p->drawn = true;
}

static void write_line(const Progress *p, const KftpProgress *now) {
        char bytes[KFTP_FORMAT_MAX], total[KFTP_FORMAT_MAX], speed[KFTP_FORMAT_MAX];

        kftp_format_bytes(bytes, now->bytes);
        kftp_format_rate(speed, (uint64_t) p->speed.rate);
        if (has_total(now))
                fprintf(stderr, "%s: %u%%, %s of %s, %s\n", strempty(p->name), percent(now), bytes,
                        kftp_format_bytes(total, now->total), speed);
        else
                fprintf(stderr, "%s: %s, %s\n", strempty(p->name), bytes, speed);
}

void progress_update(Progress *p, const KftpProgress *now) {
        uint64_t t = now_usec();

        if (!p->shown)
                return;
        speed_measure(&p->speed, now, t);
        if (t - p->told_usec < (p->tty ? PROGRESS_DRAW_USEC : PROGRESS_LINE_USEC))
                return;
        p->told_usec = t;
        if (p->tty)
                draw(p, now);
        else
                write_line(p, now);
}

void progress_clear(Progress *p) {
        if (!p->drawn)
                return;
        fputs("\r\033[K", stderr);
        fflush(stderr);
        p->drawn = false;
}

void progress_end(Progress *p) {
        progress_clear(p);
        free(p->name);
        p->name = NULL;
}
