/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/*
 * The URL that stands for a remote file in records: with the user who logs in, always with the port,
 * everything but unreserved characters percent-encoded, so that equal strings mean the same file.
 * user NULL: the URL's. Allocated; NULL: no memory.
 */
char *kftp_url_identity(const KftpUrl *url, const char *user);

/* "host:port", an IPv6 address in brackets. Allocated; NULL: no memory. */
char *kftp_url_host_port(const KftpUrl *url);
