/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the standard output is: how wide, whether colours are wanted, and whether a pager. */

#include <stdbool.h>
#include <stdio.h>

/* Columns of a table on stdout; 0: there is no limit, because it is no terminal. */
unsigned terminal_width(void);

/* Lines of it; 0: it is no terminal. */
unsigned terminal_height(void);

/* SYSTEMD_COLORS decides; else NO_COLOR, TERM=dumb and whether f is a terminal. */
bool terminal_has_colours(FILE *f);

/* Whether characters outside of ASCII can be shown. */
bool terminal_has_utf8(void);

#define COLOUR_RED "\033[0;1;31m"
#define COLOUR_GREEN "\033[0;1;32m"
#define COLOUR_YELLOW "\033[0;1;33m"
#define COLOUR_BLUE "\033[0;1;34m"
#define COLOUR_GREY "\033[0;90m"
#define COLOUR_BOLD "\033[0;1m"
#define COLOUR_TITLE "\033[0;4m"
#define COLOUR_OFF "\033[0m"

/*
 * Writes a text to stdout, through a pager if it is longer than the terminal and wanted is true. 0, or KFTP_CLASS_LOCAL
 * after a message if it cannot be written. A reader that has gone is none.
 */
int terminal_write(const char *text, bool wanted);
