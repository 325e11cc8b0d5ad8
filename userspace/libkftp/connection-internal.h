/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files connection*.c share. */

#include "connection.h"
#include "dial.h"
#include "rate.h"
#include "session.h"

struct KftpConnection {
        KftpSession session;
        const KftpOptions *options;     /* borrowed */
        char *host;
        char *user;                     /* NULL: the options', or none */
        uint16_t port;
        char *remote;                   /* "host:port" */
        char *address;                  /* that is being tried or was reached, for messages */
        struct kftp_addr local, peer;
        bool logged_in;
        bool given_up;                  /* a request was left in the middle */
        uint32_t methods_off;           /* that were told */
        KftpDial dial;                  /* with a proxy */
        KftpRate rate;
        uint64_t used_usec;             /* when the last request ended */
        unsigned requests;              /* ended, of those since kftp_connection_reuse */
        bool reused;
        bool was_dead;                  /* the first request since then has found it dead */
        bool preliminary;               /* 1xx, to the running request */
        KftpLearnt learnt;
        KftpFailure end;                /* of the request with which the session ended */
};

/* An event for whoever waits: all but those that kftp_connection_step deals with itself. */
int kftp_connection_step(KftpConnection *c, const KftpWatch *watch, uint64_t max_bytes, KftpFailure *f);

/* Marks the begin of another use of an open connection. */
void kftp_connection_reuse(KftpConnection *c);

/*
 * Whether a request that ended like this was the first one since kftp_connection_reuse and found the server gone:
 * with no word to it, or none but that it leaves, and nothing moved.
 */
static inline bool kftp_connection_finds_dead(const KftpConnection *c, const KftpDone *d) {
        return c->reused && c->requests == 1 && !c->given_up && !d->preliminary && d->bytes == 0 && (d->reply == 0 || d->reply == 421);
}

/*
 * Whether what has just failed was the first request since kftp_connection_reuse, and the server had hung up
 * before: then nothing was done yet.
 */
bool kftp_connection_was_dead(const KftpConnection *c);
