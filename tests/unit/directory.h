/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Tests that work in a directory of their own, which is also the current one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern char test_directory[];

int test_directory_set_up(void **state);
int test_directory_tear_down(void **state);
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, test_directory_set_up, test_directory_tear_down)

/* Replaces the content of a file; a new one gets mode 0600. */
void test_write_file(const char *path, const char *text);
