/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* Text on a terminal: UTF-8 that was made fit to be shown (kftp_escape), whatever the locale is. */

unsigned columns(const char *text);

/* How many bytes of text take at most n columns; and where what takes the last n columns of it begins. */
size_t columns_prefix(const char *text, unsigned n);
size_t columns_suffix(const char *text, unsigned n);
