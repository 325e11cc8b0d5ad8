/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files tls*.c share: one lent socket, and the steps that are gone through with it. */

#include <gnutls/gnutls.h>

#include "failure.h"
#include "tls.h"
#include "util.h"

#define KFTP_TLS_1_2 0x0303
#define KFTP_TLS_1_3 0x0304

/* A socket that was lent, while we have it. */
typedef struct KftpTlsPeer {
        KftpTls *tls;
        gnutls_session_t session;
        int fd;
        enum kftp_role channel;
        const KftpTlsWait *wait;
        uint64_t deadline;
        int first_byte;                 /* that came from the server; -1: none yet */
        int broken;                     /* what wait->serve has returned */
        bool deaf;                      /* the server does not get what is sent */
        bool answered;                  /* the server has said something behind the handshake */
} KftpTlsPeer;

/* What may wait returns 0, one of these, or -errno: then it has failed, and tls->failure says why, unless cancelled. */
enum {
        KFTP_TLS_EVENT = 1,             /* another event has come, which ends this */
        KFTP_TLS_BROKEN,                /* the device cannot be served */
};

/* "host:21", or "the data connection to host:21". */
const char *kftp_tls_where(const KftpTlsPeer *p, char *buffer, size_t n);

/* Fill tls->failure in and return its error; error of the second is GnuTLS's. */
int kftp_tls_fail(const KftpTlsPeer *p, enum kftp_class class, int error, bool transient, const char *format, ...) _printf_(5, 6);
int kftp_tls_failed(KftpTlsPeer *p, int error);

/* Waits until the session can go on. */
int kftp_tls_wait(KftpTlsPeer *p);
/* After a call of the session's that returned error (GnuTLS's): 0 when it is to be called again. */
int kftp_tls_wait_or_fail(KftpTlsPeer *p, int error);

int kftp_tls_handshake(KftpTlsPeer *p);

/* The session's transport; peer is the KftpTlsPeer. */
ssize_t kftp_tls_push(gnutls_transport_ptr_t peer, const giovec_t *parts, int n);
ssize_t kftp_tls_pull(gnutls_transport_ptr_t peer, void *data, size_t n);

/* What the control connection says before the kernel takes it over: tls-control.c. */
int kftp_tls_exchange(KftpTlsPeer *p, struct kftp_tls *answer, char pending[KFTP_MAX_LINE]);

/* The certificate, asked for by the handshake: 0, or -1 with the failure filled in. */
int kftp_tls_verify(gnutls_session_t session);

/* ---- Keys for the kernel ---------------------------------------------------------------------- */

/* Before the handshake: afterwards the server's FIN may have come, and it would fail. -errno. */
int kftp_tls_keys_prepare(int fd);
/* After it. -errno. */
int kftp_tls_keys_install(int fd, gnutls_session_t session);
/* setsockopt(), or what a test puts in its place: alone in tls-socket.c for that. -errno. */
int kftp_tls_setsockopt(int fd, int level, int name, const void *value, size_t n);

/* ---- Certificates and keys that are ours ------------------------------------------------------ */

/*
 * Roots, and our certificate with its key, in memory. Shared by all connections that name the same ones, and loaded
 * again after a while, or when a file that was named has changed.
 */
int kftp_tls_trust_get(const KftpTlsOptions *o, KftpTlsTrust **ret, KftpFailure *f);
void kftp_tls_trust_put(KftpTlsTrust *t);
DEFINE_CLEANUP(KftpTlsTrust *, kftp_tls_trust_put)
gnutls_certificate_credentials_t kftp_tls_trust_credentials(const KftpTlsTrust *t);

/* ---- Pins and suites --------------------------------------------------------------------------- */

bool kftp_tls_pin_matches(const char *text, const unsigned char key[KFTP_TLS_PIN_SIZE]);
char *kftp_tls_pin_format(const unsigned char key[KFTP_TLS_PIN_SIZE]);  /* allocated */

/* The number of a suite; 0: unknown. */
uint16_t kftp_tls_suite(const char *name);
