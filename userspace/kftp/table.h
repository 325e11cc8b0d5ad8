/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Tables for people. Where the width is limited, the table is fitted into it: columns that may be left out are, the
 * least important one first, and those that may be shortened are, the widest one first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum Shorten {
        SHORTEN_NOT,
        SHORTEN_END,                    /* "a long tex..." */
        SHORTEN_MIDDLE,                 /* of paths and names: both their ends tell something */
} Shorten;

typedef struct Column {
        const char *title;
        bool right;                     /* numbers */
        Shorten shorten;
        unsigned min;                   /* of a column that may be shortened: not below this */
        unsigned optional;              /* 0: never left out; else the highest number goes first */
        unsigned wanted;                /* of one that may be shortened: others are left out before it gets narrower than this */
} Column;

typedef struct Cell {
        char *text;                     /* fit to be shown */
        const char *colour;             /* NULL: none */
} Cell;

typedef struct Table {
        const Column *columns;
        unsigned n_columns;
        Cell *cells;                    /* row by row */
        size_t n_cells;
        size_t allocated;
        bool failed;                    /* for want of memory */
} Table;

/* Adds the next cell. The text is taken over; NULL is shown as "-". */
void table_add(Table *t, char *text, const char *colour);
void table_add_copy(Table *t, const char *text, const char *colour);

typedef struct TableStyle {
        unsigned width;                 /* 0: no limit */
        bool legend;                    /* a line of titles */
        bool colours;
        bool utf8;
} TableStyle;

/* 0 or -ENOMEM. */
int table_write(const Table *t, FILE *f, const TableStyle *style);
void table_done(Table *t);

/* The text, or what of it fits into so many columns, with an ellipsis. Allocated; NULL: no memory. */
char *text_shorten(const char *text, unsigned width, Shorten how, bool utf8);
