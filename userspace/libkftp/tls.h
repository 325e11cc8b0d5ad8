/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>

#include "libkftp.h"

/*
 * The TLS agent of one connection: shakes hands on the sockets that the module lends, and leaves the keys in them. It
 * keeps the TLS session of the control connection for its data connections.
 */

#define KFTP_TLS_PIN_SIZE 32            /* SHA-256 of a SubjectPublicKeyInfo */

typedef struct KftpTlsTrust KftpTlsTrust;

typedef struct KftpTls {
        enum kftp_tls_mode mode;        /* in effect */
        const KftpTlsOptions *options;  /* borrowed, as all pointers here but trust */
        const KftpCallbacks *callbacks;
        const char *host;               /* whom the certificate has to be for */
        const char *remote;             /* "host:port" */
        uint64_t timeout_usec;
        KftpTlsTrust *trust;
        gnutls_datum_t session;         /* of the control connection; empty: it cannot be resumed */
        unsigned char key[KFTP_TLS_PIN_SIZE];   /* the server's on the control connection */
        bool has_key;
        KftpTlsState control;
        KftpTlsState data;              /* of the last data connection */
        KftpFailure failure;            /* of the last socket, if its handshake failed */
        bool refused;                   /* then: it was our decision, whatever the server says to it */
} KftpTls;

/* How the rest of the world is attended to meanwhile. */
typedef struct KftpTlsWait {
        const KftpControl *control;     /* may be NULL */
        int device_fd;                  /* -1: none */
        /* device_fd polls readable: 0 if that was nothing of importance, 1: an event that ends the handshake, or -errno. */
        int (*serve)(void *userdata);
        void *userdata;
} KftpTlsWait;

/* What it borrows is used until kftp_tls_done. o's tls is complete in itself, mode is what comes of it and the URL. */
int kftp_tls_begin(KftpTls *t, const KftpOptions *o, enum kftp_tls_mode mode, const char *host, const char *remote, KftpFailure *f);
void kftp_tls_done(KftpTls *t);

/*
 * Deals with a socket that was lent, and closes it. 0: *answer is to be given to the module; its error is that of
 * t->failure, if it has failed. pending is the memory for what answer points to. 1: another event of the device
 * has made the handshake needless, and there is nothing to answer. -errno: what wait->serve has returned.
 */
int kftp_tls_serve(KftpTls *t, int fd, enum kftp_role channel, const KftpTlsWait *wait, struct kftp_tls *answer, char pending[KFTP_MAX_LINE]);

/* The name of an alert (RFC 8446 section 6.2), for people. */
const char *kftp_tls_alert_name(unsigned alert);
