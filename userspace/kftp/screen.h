/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Some lines at the end of a terminal that are drawn again in their place. */

#include <stdbool.h>
#include <stdio.h>

typedef struct Screen {
        FILE *file;                     /* a terminal */
        unsigned lines;                 /* that are on it */
} Screen;

/* Replaces what was drawn by the text, of which each line is cut to the width and lines that are too many are left out. */
void screen_draw(Screen *s, const char *text);

/* Takes the lines away, so that others can be written, which stay. */
void screen_clear(Screen *s);
