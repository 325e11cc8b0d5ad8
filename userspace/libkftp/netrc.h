/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/*
 * The grammar alone: the entry for host and user (NULL: any) in the n bytes at text; path is for messages.
 * 1: *ret is filled in, 0: there is none, -errno: the file is wrong.
 */
int kftp_netrc_parse(const char *text, size_t n, const char *path, const char *host, const char *user, KftpLogin *ret, KftpFailure *f);
