/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What tests of uploads to the server in memory share: one call of kftp_client_put() in a directory of its own. */

#include "directory.h"
#include "fake-server.h"
#include "libkftp.h"

#define URL(text) ({ KftpUrl _u; assert_int_equal(kftp_url_parse(text, &_u, NULL), 0); _u; })
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, uploading_set_up, uploading_tear_down)

/* For the next call, and what it has ended in. Retries follow at once. */
extern KftpOptions options;
extern KftpPutOptions put_options;
extern KftpResult result;

int uploading_set_up(void **state);
int uploading_tear_down(void **state);

enum kftp_class put_over(KftpClient *c, const char *source, const char *url);
/* With a client of its own. */
enum kftp_class put(const char *source, const char *url);
/* Puts what the descriptor gives; it is closed. */
enum kftp_class put_stdin(int fd, const char *url);
/* The read end of a pipe that holds this, and has no writer any more. */
int filled_pipe(const char *text);
/* The failure must say this. */
void expect_text(const char *text);
