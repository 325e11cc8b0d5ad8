// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The progress of a mirror for people: on a terminal a line of totals and one for each session, drawn again at most ten
 * times a second over what was there; elsewhere a line every ten seconds.
 */

#include <inttypes.h>

#include "columns.h"
#include "format.h"
#include "mirror-progress.h"
#include "progress.h"
#include "util.h"

#define WIDTH_LEAST 20

/* ---- Totals ---------------------------------------------------------------------------------- */

static void put_bytes(FILE *f, const KftpMirrorProgress *now, double rate) {
        char bytes[KFTP_FORMAT_MAX], all[KFTP_FORMAT_MAX], speed[KFTP_FORMAT_MAX], left[KFTP_FORMAT_MAX];

        fprintf(f, ", %s", kftp_format_bytes(bytes, now->bytes));
        if (now->bytes_left > 0)
                fprintf(f, " of %s", kftp_format_bytes(all, now->bytes + now->bytes_left));
        if (now->bytes > 0 || now->bytes_left > 0)
                fprintf(f, ", %s", kftp_format_rate(speed, (uint64_t) rate));
        /* In directories that were not seen yet there may be more. */
        if (now->bytes_left > 0 && rate >= 1)
                fprintf(f, ", %s%s left", progress_format_left(left, (double) now->bytes_left / rate), now->directories_left > 0 ? "+" : "");
}

char *mirror_progress_totals(const KftpMirrorProgress *now, double rate) {
        uint64_t all = now->transferred + now->transfers_left;
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        if (!f)
                return NULL;
        fprintf(f, "%" PRIu64 " of %" PRIu64 " file%s", now->transferred, all, all == 1 ? "" : "s");
        put_bytes(f, now, rate);
        fprintf(f, ", %" PRIu64 " unchanged", now->unchanged);
        if (now->deleted > 0)
                fprintf(f, ", %" PRIu64 " deleted", now->deleted);
        if (now->failed > 0)
                fprintf(f, ", %" PRIu64 " failed", now->failed);
        if (now->directories_left > 0)
                fprintf(f, ", %" PRIu64 " of %" PRIu64 " directories", now->directories, now->directories + now->directories_left);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static void measure(MirrorProgress *p, const KftpMirrorProgress *now, uint64_t t) {
        KftpProgress all = { .bytes = now->bytes, .usec = now->usec };

        speed_measure(&p->speed, &all, t);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* One file after the other: the rate is that of the one that the session is at. */
static double measure_session(MirrorSpeed *m, const KftpMirrorSession *s, uint64_t t) {
        if (!streq_ptr(m->path, s->path)) {
                free(m->path);
                m->path = strdup(s->path);
                m->speed = (Speed) {};
        }
        speed_measure(&m->speed, &s->progress, t);
        return m->speed.rate;
}

static char *render_session(MirrorSpeed *m, const KftpMirrorSession *s, uint64_t t, unsigned width) {
        _cleanup_free_ char *path = kftp_escape(s->path, strlen(s->path));
        char *line;

        if (!s->listing)
                return progress_render(strempty(path), &s->progress, measure_session(m, s, t), width);
        if (asprintf(&line, "listing %s", path && *path ? path : ".") < 0)
                return NULL;
        line[columns_prefix(line, width)] = '\0';
        return line;
}

static void put_session(FILE *f, MirrorSpeed *m, const KftpMirrorSession *s, unsigned number, uint64_t t, unsigned width) {
        unsigned used = (unsigned) snprintf(NULL, 0, "[%u] ", number);
        _cleanup_free_ char *line = render_session(m, s, t, width - used);

        if (line)
                fprintf(f, "\n[%u] %s", number, line);
}

char *mirror_progress_render(MirrorProgress *p, const KftpMirrorProgress *now, uint64_t t, unsigned width, unsigned height) {
        _cleanup_free_ char *totals = NULL;
        char *lines = NULL;
        size_t n;
        FILE *f;

        measure(p, now, t);
        totals = mirror_progress_totals(now, p->speed.rate);
        f = totals ? open_memstream(&lines, &n) : NULL;
        if (!f)
                return NULL;
        fprintf(f, "%.*s", (int) columns_prefix(totals, width), totals);
        /* One row stays free, or each drawing would move the screen. */
        for (unsigned i = 0, shown = 2; i < MIN2(now->sessions_n, KFTP_MIRROR_SESSIONS_MAX) && shown < height; i++)
                if (now->sessions[i].path && width >= WIDTH_LEAST) {
                        put_session(f, &p->sessions[i], &now->sessions[i], i + 1, t, width);
                        shown++;
                }
        if (fclose(f) != 0) {
                free(lines);
                return NULL;
        }
        return lines;
}

unsigned mirror_progress_rows(const char *lines, unsigned terminal_width) {
        _cleanup_free_ char *copy = strdup(lines);
        unsigned rows = 0;
        char *rest = copy, *line;

        while (rest && (line = strsep(&rest, "\n")))
                rows += MAX2((columns(line) + terminal_width - 1) / terminal_width, 1U);
        return rows;
}

/* ---- The screen ------------------------------------------------------------------------------ */

/* To the begin of what is drawn. A terminal that became narrower has broken its lines. */
static void go_back(FILE *f, const MirrorProgress *p, unsigned width) {
        unsigned rows = p->drawn ? mirror_progress_rows(p->drawn, width + 1) : 1;

        fputc('\r', f);
        if (rows > 1)
                fprintf(f, "\033[%uA", rows - 1);
}

/* Each line over the one that was there, in one write: nothing is ever blank in between. */
static void draw(MirrorProgress *p, char *lines, unsigned width) {
        _cleanup_free_ char *screen = NULL;
        const char *line = lines;
        size_t n;
        FILE *f = open_memstream(&screen, &n);

        if (!f) {
                free(lines);
                return;
        }
        go_back(f, p, width);
        for (const char *end; (end = strchr(line, '\n')); line = end + 1)
                fprintf(f, "%.*s\033[K\n", (int) (end - line), line);
        fprintf(f, "%s\033[K\033[J", line);
        if (fclose(f) == 0)
                fwrite(screen, 1, n, stderr);
        free(p->drawn);
        p->drawn = lines;
}

static void show_lines(MirrorProgress *p, const KftpMirrorProgress *now, uint64_t t) {
        unsigned width, height;
        char *lines;

        progress_terminal_size(&width, &height);
        lines = mirror_progress_render(p, now, t, width, height);
        if (lines)
                draw(p, lines, width);
}

static void write_line(MirrorProgress *p, const KftpMirrorProgress *now, uint64_t t) {
        _cleanup_free_ char *totals = NULL;

        measure(p, now, t);
        totals = mirror_progress_totals(now, p->speed.rate);
        if (totals)
                fprintf(stderr, "mirror: %s\n", totals);
}

void mirror_progress_begin(MirrorProgress *p, bool shown) {
        *p = (MirrorProgress) { .shown = shown, .tty = isatty(STDERR_FILENO), .told_usec = now_usec() };
}

void mirror_progress_update(MirrorProgress *p, const KftpMirrorProgress *now) {
        uint64_t t = now_usec();

        if (!p->shown || t - p->told_usec < (p->tty ? PROGRESS_DRAW_USEC : PROGRESS_LINE_USEC))
                return;
        p->told_usec = t;
        if (p->tty)
                show_lines(p, now, t);
        else
                write_line(p, now, t);
}

void mirror_progress_clear(MirrorProgress *p) {
        unsigned width, height;

        if (!p->drawn)
                return;
        progress_terminal_size(&width, &height);
        go_back(stderr, p, width);
        fputs("\033[J", stderr);
        free(p->drawn);
        p->drawn = NULL;
}

void mirror_progress_end(MirrorProgress *p) {
        mirror_progress_clear(p);
        for (size_t i = 0; i < ELEMENTS(p->sessions); i++)
                free(p->sessions[i].path);
        *p = (MirrorProgress) {};
}
