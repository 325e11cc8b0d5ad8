/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"
#include "wire.h"

enum kftp_proxy_kind {
        KFTP_PROXY_HTTP,                /* CONNECT, RFC 9110 section 9.3.6 */
        KFTP_PROXY_SOCKS5,              /* RFC 1928, names resolved by the proxy */
};

struct KftpProxy {
        enum kftp_proxy_kind kind;
        char *host;
        uint16_t port;
        char *user;
        char *password;
        char *name;                     /* "socks5://host:port", for messages */
};

/*
 * Have the proxy at the other end of w connect to host and port, until w's deadline. Afterwards what comes is the
 * server's: no byte of it has been read.
 */
int kftp_socks5_connect(const KftpWire *w, const KftpProxy *p, const char *host, uint16_t port, KftpFailure *f);
int kftp_http_connect(const KftpWire *w, const KftpProxy *p, const char *host, uint16_t port, KftpFailure *f);

/* What went wrong between us and the proxy; error is of a kftp_wire_*. */
int kftp_proxy_failed(const KftpProxy *p, int error, KftpFailure *f);
