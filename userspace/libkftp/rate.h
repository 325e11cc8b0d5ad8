/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libkftp.h"

/* How fast a connection may move data. It is served in slices of a tenth of a second, with pauses between. */
typedef struct KftpRate {
        uint64_t limit;                 /* bytes per second, 0: none */
        uint64_t seen;                  /* bytes of the request under way that are accounted for */
        uint64_t due;                   /* when all that has moved would have moved at the limit */
} KftpRate;

/* A request begins. What earlier ones have moved too early still counts. */
void kftp_rate_begin(KftpRate *r, uint64_t limit);

/* How many bytes RUN may move next, if others allow max (0: any number); 0: any number. */
uint64_t kftp_rate_slice(const KftpRate *r, uint64_t max);

/* The request has moved that many bytes in all, now: how long to wait before it moves more. */
uint64_t kftp_rate_account(KftpRate *r, uint64_t bytes, uint64_t now);

/* Does that: 0, or -ECANCELED. */
int kftp_rate_pause(KftpRate *r, uint64_t bytes, const KftpControl *control);
