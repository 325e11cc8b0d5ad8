/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/*
 * Whether what comes over a connection to url is what the server has sent: there is no connection without TLS, and it is
 * verified who the server is. So not with TLS that may be refused, nor with any certificate.
 */
bool kftp_url_is_protected(const KftpUrl *url, const KftpTlsOptions *tls);

/*
 * The URL that stands for a remote file in records: with the user who logs in, always with the port,
 * everything but unreserved characters percent-encoded, and "#tls" behind it if it is protected, so that equal
 * strings mean the same file, as trustworthy. What was received in clear text is not gone on from under TLS.
 * Allocated; NULL: no memory.
 */
char *kftp_url_identity(const KftpUrl *url, const KftpOptions *options);

/* "host:port", an IPv6 address in brackets. Allocated; NULL: no memory. */
char *kftp_url_host_port(const KftpUrl *url);
