/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "connection.h"
#include "libkftp.h"

/*
 * What is done over a connection, at each attempt. 0 or a positive value: done; -errno with *f filled in: failed,
 * and tried again if f->transient. It is called anew for each attempt, and may look at userdata for how far it got.
 */
typedef int (*KftpWork)(KftpConnection *c, void *userdata, KftpFailure *f);

/*
 * Has work done over a connection to url's server: the one there is if host, port, user and password are the same,
 * else a new one. Tries again, with back-off, as often as the options say and the failure is transient. A connection
 * that was there before and turns out to be dead when the first request is made over it is replaced without
 * counting as an attempt. Returns what work returned last; *ret_attempts may be NULL.
 */
int kftp_client_do(KftpClient *c, const KftpUrl *url, KftpWork work, void *userdata, unsigned *ret_attempts, KftpFailure *f);

const KftpOptions *kftp_client_options(const KftpClient *c);
/* The limit of the options, from the next request on. */
void kftp_client_set_rate(KftpClient *c, uint64_t limit_rate);

/* How long to wait after the failed attempt n (from 1); random is any number. */
uint64_t kftp_backoff_usec(uint64_t first_usec, unsigned n, uint32_t random);
