/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <locale.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes the character at p takes, 0 if there is none that is valid. n is at least 1. */
size_t kftp_utf8_decode(const uint8_t *p, size_t n, uint32_t *ret);

/* How much of a text of n bytes fits into max bytes without a character being cut. */
size_t kftp_utf8_fit(const char *text, size_t n, size_t max);

/* Cuts the text in its place to at most max bytes, the last three of them dots. */
void kftp_utf8_shorten(char *text, size_t max);

/*
 * The C library's C.UTF-8: what letters, upper and lower case are is the same wherever the program runs, and whatever
 * locale it has. 0 if it is not installed.
 */
locale_t kftp_utf8_locale(void);
