/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Servers that speak TLS, in a thread of the test, with certificates that are made for it; and the records that the
 * kernel would send and receive with the keys that it was given. What is read and written is FTP as far as the
 * TLS agent takes part in it.
 */

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Certificates ------------------------------------------------------------------------------ */

typedef struct TestCertificate {
        gnutls_x509_crt_t crt;
        gnutls_x509_privkey_t key;
} TestCertificate;

#define TEST_DAY (24 * 3600)

/* For name, which may be an address too, from now plus from to now plus to seconds. issuer NULL: self-signed. */
void test_certificate_make(TestCertificate *ret, const TestCertificate *issuer, const char *name, bool ca, long from, long to);
void test_certificate_done(TestCertificate *c);
/* Into the file, as PEM: the certificate, the key, or both. */
void test_certificate_write(const TestCertificate *c, const char *path, bool crt, bool key);
/* As a pin, allocated. */
char *test_certificate_pin(const TestCertificate *c);

/* ---- Servers ----------------------------------------------------------------------------------- */

typedef enum TestBehaviour {
        TEST_TALKS,                     /* answers PBSZ, PROT, and echoes what else comes */
        TEST_GREETS,                    /* speaks first, and echoes */
        TEST_ECHOES,                    /* a data connection */
        TEST_IS_SILENT,
        TEST_TALKS_GARBAGE,
        TEST_HANGS_UP,                  /* when the handshake is done */
        TEST_HANGS_UP_AT_FLIGHT,        /* when it has said its part, before it hears the client's */
        TEST_HANGS_UP_AT_CERTIFICATE,   /* when it has the client's */
} TestBehaviour;

/* As a reply: it hangs up instead. */
#define TEST_NO_REPLY ""

typedef struct TestServer {
        TestBehaviour behaviour;
        TestCertificate *certificate;
        TestCertificate *client_ca;       /* clients need a certificate by it */
        bool asks;                      /* clients for a certificate, and says nothing to what it gets */
        bool resets;                    /* over TCP: what ends the connection is a RST */
        const char *priority;           /* NULL: NORMAL */
        bool no_tickets;
        const char *greeting;
        const char *replies[2];         /* to PBSZ and PROT; NULL: 200 */

        int handshake;                  /* 0, or GnuTLS's error */
        bool resumed;
        unsigned alert;                 /* that has come; 0: none */
        char name[64];                  /* SNI */
        char said[256];                 /* by the client, records joined by "|" */
        _Atomic bool ended;             /* it has hung up */
        bool flight;                    /* it has said its part of the handshake */

        int fd;
        pthread_t thread;
} TestServer;

/* The client's end of the connection. All servers of a test know the same tickets. */
int test_server_start(TestServer *s);
/* When the client has closed its end. */
void test_server_join(TestServer *s);
void test_servers_forget_tickets(void);

/* ---- The kernel's part ------------------------------------------------------------------------- */

/* What setsockopt was called with: tls-kernel.c takes the place of libkftp/tls-socket.c in a test that uses it. */
typedef struct TestKernel {
        bool ulp;
        bool no_pad;
        unsigned char tx[128], rx[128]; /* struct tls12_crypto_info_* */
        size_t tx_size, rx_size;
        int ulp_error, key_error;       /* negative errno, to be answered */
} TestKernel;

extern TestKernel test_kernel;

/* One record of data over fd with the keys that were given. */
void test_kernel_send(int fd, const char *text);
/* Of any type but handshake, which is skipped; what is inside, terminated. */
void test_kernel_receive(int fd, char *ret, size_t n);
