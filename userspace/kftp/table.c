// SPDX-License-Identifier: GPL-2.0-or-later
/* Tables for people: see table.h. */

#include "columns.h"
#include "table.h"
#include "terminal.h"
#include "util.h"

#define GAP 2
#define COLUMNS_MAX 16
#define CELLS_FIRST 256

void table_add(Table *t, char *text, const char *colour) {
        if (!text)
                text = strdup("-");
        if (t->n_cells == t->allocated) {
                size_t n = t->allocated > 0 ? 2 * t->allocated : CELLS_FIRST;
                Cell *cells = reallocarray(t->cells, n, sizeof(*cells));

                if (!cells) {
                        free(text);
                        t->failed = true;
                        return;
                }
                t->cells = cells;
                t->allocated = n;
        }
        t->failed = t->failed || !text;
        t->cells[t->n_cells++] = (Cell) { text, colour };
}

void table_add_copy(Table *t, const char *text, const char *colour) {
        table_add(t, text && *text ? strdup(text) : NULL, colour);
}

void table_done(Table *t) {
        for (size_t i = 0; i < t->n_cells; i++)
                free(t->cells[i].text);
        free(t->cells);
        *t = (Table) {};
}

/* ---- What does not fit ------------------------------------------------------------------------- */

char *text_shorten(const char *text, unsigned width, Shorten how, bool utf8) {
        const char *dots = utf8 ? "\xe2\x80\xa6" : "...";
        unsigned n_dots = utf8 ? 1 : 3, left, head;
        char *result;

        if (how == SHORTEN_NOT || columns(text) <= width)
                return strdup(text);
        if (width <= n_dots)
                return strndup(text, columns_prefix(text, width));
        left = width - n_dots;
        head = how == SHORTEN_END ? left : left / 2;
        if (asprintf(&result, "%.*s%s%s", (int) columns_prefix(text, head), text, dots,
                     how == SHORTEN_END ? "" : text + columns_suffix(text, left - head)) < 0)
                return NULL;
        return result;
}

/* ---- Widths ------------------------------------------------------------------------------------ */

typedef struct Layout {
        unsigned widths[COLUMNS_MAX];   /* 0: left out */
} Layout;

static unsigned total(const Table *t, const Layout *l) {
        unsigned n = 0;

        for (unsigned i = 0; i < t->n_columns; i++)
                if (l->widths[i] > 0)
                        n += l->widths[i] + (n > 0 ? GAP : 0);
        return n;
}

static void measure(const Table *t, bool legend, Layout *l) {
        for (unsigned i = 0; i < t->n_columns; i++)
                l->widths[i] = legend ? columns(t->columns[i].title) : 1;
        for (size_t i = 0; i < t->n_cells; i++)
                l->widths[i % t->n_columns] = MAX2(l->widths[i % t->n_columns], columns(strempty(t->cells[i].text)));
}

static bool is_empty(const Table *t, unsigned column) {
        for (size_t i = column; i < t->n_cells; i += t->n_columns)
                if (!streq(strempty(t->cells[i].text), "-"))
                        return false;
        return true;
}

/* How wide it is when all columns that may be shortened are as narrow as they are wanted. */
static unsigned wanted(const Table *t, const Layout *l) {
        Layout narrow = *l;

        for (unsigned i = 0; i < t->n_columns; i++)
                if (t->columns[i].shorten != SHORTEN_NOT)
                        narrow.widths[i] = MIN2(l->widths[i], t->columns[i].wanted);
        return total(t, &narrow);
}

static void leave_out(const Table *t, Layout *l, unsigned width) {
        for (unsigned i = 0; i < t->n_columns; i++)
                if (t->columns[i].optional > 0 && t->n_cells > 0 && is_empty(t, i))
                        l->widths[i] = 0;
        while (wanted(t, l) > width) {
                unsigned worst = t->n_columns;

                for (unsigned i = 0; i < t->n_columns; i++)
                        if (l->widths[i] > 0 && t->columns[i].optional > 0 &&
                            (worst == t->n_columns || t->columns[i].optional > t->columns[worst].optional))
                                worst = i;
                if (worst == t->n_columns)
                        return;
                l->widths[worst] = 0;
        }
}

static bool narrow_widest(const Table *t, Layout *l, bool below_wanted) {
        unsigned widest = t->n_columns;

        for (unsigned i = 0; i < t->n_columns; i++)
                if (t->columns[i].shorten != SHORTEN_NOT && l->widths[i] > (below_wanted ? t->columns[i].min : t->columns[i].wanted) &&
                    (widest == t->n_columns || l->widths[i] > l->widths[widest]))
                        widest = i;
        if (widest == t->n_columns)
                return false;
        l->widths[widest]--;
        return true;
}

static void fit(const Table *t, Layout *l, unsigned width) {
        leave_out(t, l, width);
        while (total(t, l) > width)
                if (!narrow_widest(t, l, false) && !narrow_widest(t, l, true))
                        return;
}

/* ---- Writing ----------------------------------------------------------------------------------- */

static void write_cell(const Column *c, const char *text, const char *colour, unsigned width, bool last, FILE *f) {
        unsigned n = columns(text), pad = width > n ? width - n : 0;

        if (c->right)
                fprintf(f, "%*s", (int) pad, "");
        fprintf(f, "%s%s%s", strempty(colour), text, colour ? COLOUR_OFF : "");
        /* nothing hangs over the end of a line */
        if (!c->right && !last)
                fprintf(f, "%*s", (int) pad, "");
}

static int write_row(const Table *t, const Cell *cells, const Layout *l, const TableStyle *s, FILE *f) {
        unsigned last = t->n_columns;
        bool begun = false;

        while (last > 0 && l->widths[last - 1] == 0)
                last--;
        for (unsigned i = 0; i < last; i++) {
                _cleanup_free_ char *text = NULL;

                if (l->widths[i] == 0)
                        continue;
                text = s->width > 0 ? text_shorten(strempty(cells[i].text), l->widths[i], t->columns[i].shorten, s->utf8)
                        : strdup(strempty(cells[i].text));
                if (!text)
                        return -ENOMEM;
                fprintf(f, "%*s", begun ? GAP : 0, "");
                write_cell(&t->columns[i], text, s->colours ? cells[i].colour : NULL, l->widths[i], i + 1 == last, f);
                begun = true;
        }
        fputc('\n', f);
        return 0;
}

static int write_titles(const Table *t, const Layout *l, const TableStyle *s, FILE *f) {
        Cell titles[COLUMNS_MAX];

        for (unsigned i = 0; i < t->n_columns; i++)
                titles[i] = (Cell) { (char *) (uintptr_t) t->columns[i].title, COLOUR_TITLE };
        return write_row(t, titles, l, s, f);
}

int table_write(const Table *t, FILE *f, const TableStyle *s) {
        Layout l = {};
        int r = 0;

        if (t->failed || t->n_columns > COLUMNS_MAX)
                return -ENOMEM;
        measure(t, s->legend, &l);
        if (s->width > 0)
                fit(t, &l, s->width);
        if (s->legend)
                r = write_titles(t, &l, s, f);
        for (size_t i = 0; r >= 0 && i + t->n_columns <= t->n_cells; i += t->n_columns)
                r = write_row(t, t->cells + i, &l, s, f);
        return r;
}
