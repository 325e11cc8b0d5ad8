// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From a finished handshake to kernel TLS: the keys of both directions, as the kernel wants them. What has been
 * copied is wiped.
 */

#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tls-internal.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TLS_RX_EXPECT_NO_PAD
#define TLS_RX_EXPECT_NO_PAD 4          /* Linux 6.0 */
#endif

#define SEQUENCE_SIZE 8

/* Of one direction. */
typedef struct Keys {
        bool tls13;
        gnutls_cipher_algorithm_t cipher;
        gnutls_datum_t iv, key;         /* GnuTLS's own memory */
        unsigned char sequence[SEQUENCE_SIZE];
} Keys;

typedef union CryptoInfo {
        struct tls_crypto_info info;
        struct tls12_crypto_info_aes_gcm_128 aes_128;
        struct tls12_crypto_info_aes_gcm_256 aes_256;
        struct tls12_crypto_info_chacha20_poly1305 chacha20;
} CryptoInfo;

int kftp_tls_keys_prepare(int fd) {
        return kftp_tls_setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls"));
}

/*
 * AES-GCM (RFC 5288, RFC 8446 section 5.3): the first four bytes of the nonce are the salt. The others are in the
 * record with TLS 1.2, counted up from the sequence number as GnuTLS does; with TLS 1.3 they belong to the secret.
 */
static int fill_gcm(const Keys *k, unsigned char *key, size_t key_size, unsigned char salt[4], unsigned char iv[8]) {
        if (k->key.size != key_size || k->iv.size < (k->tls13 ? 12U : 4U))
                return -EINVAL;
        memcpy(key, k->key.data, key_size);
        memcpy(salt, k->iv.data, 4);
        memcpy(iv, k->tls13 ? k->iv.data + 4 : k->sequence, 8);
        return 0;
}

/* The size of what was filled in, or -errno. */
static int fill(const Keys *k, CryptoInfo *c) {
        int r;

        c->info.version = k->tls13 ? TLS_1_3_VERSION : TLS_1_2_VERSION;
        switch (k->cipher) {
        case GNUTLS_CIPHER_AES_128_GCM:
                c->info.cipher_type = TLS_CIPHER_AES_GCM_128;
                memcpy(c->aes_128.rec_seq, k->sequence, SEQUENCE_SIZE);
                r = fill_gcm(k, c->aes_128.key, sizeof(c->aes_128.key), c->aes_128.salt, c->aes_128.iv);
                return r < 0 ? r : (int) sizeof(c->aes_128);
        case GNUTLS_CIPHER_AES_256_GCM:
                c->info.cipher_type = TLS_CIPHER_AES_GCM_256;
                memcpy(c->aes_256.rec_seq, k->sequence, SEQUENCE_SIZE);
                r = fill_gcm(k, c->aes_256.key, sizeof(c->aes_256.key), c->aes_256.salt, c->aes_256.iv);
                return r < 0 ? r : (int) sizeof(c->aes_256);
        case GNUTLS_CIPHER_CHACHA20_POLY1305:
                if (k->key.size != sizeof(c->chacha20.key) || k->iv.size != sizeof(c->chacha20.iv))
                        return -EINVAL;
                c->info.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
                memcpy(c->chacha20.key, k->key.data, sizeof(c->chacha20.key));
                memcpy(c->chacha20.iv, k->iv.data, sizeof(c->chacha20.iv));
                memcpy(c->chacha20.rec_seq, k->sequence, SEQUENCE_SIZE);
                return sizeof(c->chacha20);
        default:
                return -EOPNOTSUPP;
        }
}

static int install(int fd, gnutls_session_t session, bool receive) {
        Keys k = {
                .tls13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3,
                .cipher = gnutls_cipher_get(session),
        };
        CryptoInfo c = {};
        gnutls_datum_t mac;
        int r;

        if (gnutls_record_get_state(session, receive, &mac, &k.iv, &k.key, k.sequence) < 0)
                return -EINVAL;
        r = fill(&k, &c);
        if (r >= 0)
                r = kftp_tls_setsockopt(fd, SOL_TLS, receive ? TLS_RX : TLS_TX, &c, (size_t) r);
        explicit_bzero(&c, sizeof(c));
        return r;
}

int kftp_tls_keys_install(int fd, gnutls_session_t session) {
        int r = install(fd, session, false);

        if (r >= 0)
                r = install(fd, session, true);
        /* Nobody pads, and so the kernel decrypts into place; who does costs time only. Unknown before Linux 6.0. */
        if (r >= 0 && gnutls_protocol_get_version(session) == GNUTLS_TLS1_3)
                (void) kftp_tls_setsockopt(fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &(int) { 1 }, sizeof(int));
        return r;
}
