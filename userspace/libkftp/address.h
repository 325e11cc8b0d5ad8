/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/socket.h>

#include "libkftp.h"

/* -EAFNOSUPPORT if sa is neither IPv4 nor IPv6. */
int kftp_address_from_sockaddr(const struct sockaddr *sa, struct kftp_addr *ret);

/*
 * kftp_resolve that control ends with -ECANCELED and timeout_usec with -ETIMEDOUT (0: neither bounds
 * it). getaddrinfo cannot be stopped: the thread it runs in is left to finish by itself and touches
 * nothing of the caller's.
 */
int kftp_resolve_bounded(
                const char *host,
                uint16_t port,
                int family,
                KftpControl *control,
                uint64_t timeout_usec,
                struct kftp_addr **ret,
                size_t *n_ret,
                KftpFailure *f);
