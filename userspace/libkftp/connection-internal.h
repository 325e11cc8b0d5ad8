/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files connection*.c share. */

#include "connection.h"
#include "dial.h"
#include "rate.h"
#include "session.h"
#include "tls.h"

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
        KftpTls tls;
        char *auth_reply;               /* the server's last word to AUTH or PROT, or NULL */
        bool auth_asked;                /* the next reply is that */
        bool prot_asked;                /* and PROT was the last of them */
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

/* A line of the dialogue: shown, and looked at. */
void kftp_connection_note_line(KftpConnection *c, const KftpWatch *watch);

/* ---- TLS: connection-tls.c -------------------------------------------------------------------- */

/* Forgets what was learnt of another address. */
void kftp_connection_tls_begin(KftpConnection *c);
/* The mode to arm the session with: less than the connection's if the kernel has no TLS and that is good enough. */
int kftp_connection_tls_mode(const KftpConnection *c, enum kftp_tls_mode *ret, KftpFailure *f);
/* Looks at the line that is the last event, or at what CONNECTED means. */
void kftp_connection_tls_line(KftpConnection *c);
void kftp_connection_tls_connected(KftpConnection *c);
/* A download that was content with that. */
void kftp_connection_tls_unclean(const KftpConnection *c, const struct kftp_submit *request);
/* The last event lends a socket. 0: run on; 1: another event has come meanwhile and is now the last. */
int kftp_connection_tls_event(KftpConnection *c, const KftpWatch *watch, KftpFailure *f);
/* Whether the end with this error is that of a handshake: then *f says why it failed. */
bool kftp_connection_tls_explains(const KftpConnection *c, int error, unsigned reply, KftpFailure *f);
/* Adds to a refusal by the server what had happened in the handshake, if that is what it is about. */
void kftp_connection_tls_add(const KftpConnection *c, KftpFailure *f);

/* ---- Using it again ---------------------------------------------------------------------------- */

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
