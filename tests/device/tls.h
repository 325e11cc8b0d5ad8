/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * TLS records, and the kernel's TLS, without a handshake: both ends know the keys. So a test says
 * exactly which records a server sends, of which type, how long, in one segment or in two, or
 * damaged; and what the module has sent is opened here, by other code than the kernel's.
 *
 * In place of a handshake the client says 'H', and the server says 'S': as in TLS, nothing comes
 * from the server before the client has spoken, and the client hears from it.
 */

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Content types (RFC 8446 section 5.1). */
#define TLS_ALERT 21
#define TLS_HANDSHAKE 22
#define TLS_DATA 23

#define TLS_MAX_PLAIN 16384
#define TLS_HEADER 5
/* What a record may be longer than its content: header, nonce, type, tag. */
#define TLS_OVERHEAD (TLS_HEADER + 8 + 1 + 16)

typedef enum TlsSide {
        TLS_CLIENT,
        TLS_SERVER,
} TlsSide;

/* What both ends know: by who sends. */
typedef struct TlsKeys {
        bool tls12;
        gnutls_cipher_algorithm_t cipher;
        uint8_t key[2][32];
        uint8_t iv[2][12];
        uint64_t number[2];             /* of the next record */
} TlsKeys;

/* Version and cipher of all connections from here on; keys that are always the same. */
void tls_use(bool tls12, gnutls_cipher_algorithm_t cipher);
const TlsKeys *tls_keys(void);

/* One end of one connection. Never returns NULL. */
typedef struct TlsEnd TlsEnd;
TlsEnd *tls_end_new(const TlsKeys *keys, TlsSide side);
TlsEnd *tls_end_free(TlsEnd *t);
/* The keys, with the numbers as they are now. */
const TlsKeys *tls_end_keys(const TlsEnd *t);
/* Makes a record, with so many bytes of padding (TLS 1.3 only); returns its length. */
size_t tls_seal(TlsEnd *t, uint8_t type, const void *content, size_t n, size_t padding, uint8_t *ret);
/* Opens a whole record; returns the content's length, or -EBADMSG. */
ssize_t tls_open(TlsEnd *t, const uint8_t *record, size_t n, uint8_t *ret_type, uint8_t *ret);
/* The length of a record that begins with these TLS_HEADER bytes, or -EBADMSG. */
ssize_t tls_record_length(const uint8_t *header);

/* The client's side, on a lent descriptor; these allocate nothing. 0 or -errno. */
typedef enum TlsDirection {
        TLS_KEYS_TX = 1 << 0,
        TLS_KEYS_RX = 1 << 1,
        TLS_KEYS_PADDED = 1 << 2,       /* expects padding */
} TlsDirection;

#define TLS_KEYS_BOTH (TLS_KEYS_TX | TLS_KEYS_RX)

int tls_layer(int fd);
int tls_hello(int fd, int timeout_ms);
int tls_to_kernel(int fd, const TlsKeys *keys, TlsDirection which);
