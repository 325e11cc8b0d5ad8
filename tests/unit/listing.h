/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the tests of listings share: a text read as a listing, and its entries written as text again. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libkftp/list.h"
#include "util.h"

/* Sunday, 2024-03-10 12:00:00 UTC: "now" in the tests. */
#define TEST_NOW INT64_C(1710072000)

/* A file with the text in it, at its beginning. */
int test_listing_file(const char *text, size_t n);

/*
 * Reads the text as a listing from the data connection. Each entry is a line:
 * "TYPE MODE SIZE TIME<name>[ -> <target>]", with "?" for what is not known. Allocated.
 */
char *test_listing(const char *text, size_t n, KftpListSource source, KftpListSummary *ret);

/* The same with names escaped, and after each time "/" and its precision. */
char *test_listing_in_full(const char *text, size_t n, KftpListSource source, const KftpListKnown *known, KftpListSummary *ret);

/* One line, now. */
int test_parse_line(const KftpListFormat *format, const char *line, KftpEntry *ret);

/* Every format there is, up to NULL. */
extern const KftpListFormat *const test_list_formats[];

/* The whole text, in one format, to exactly these lines, and no line of it is bad. */
void test_expect_listing(const char *format, const char *text, const char *expected);
