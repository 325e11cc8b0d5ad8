/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS records by hand (RFC 5246 section 6.2.3.3, RFC 7905, RFC 8446 section 5.2), and keys for the kernel. */
#include <endian.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tls.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

#define TAG 16

struct TlsEnd {
        TlsKeys keys;
        TlsSide side;
        gnutls_aead_cipher_hd_t aead[2];        /* by who sends */
};

static TlsKeys known;

static _Noreturn void give_up(const char *what, int error) {
        fprintf(stderr, "%s: %s\n", what, gnutls_strerror(error));
        abort();
}

/* ---- Keys ---------------------------------------------------------------------------------------- */

void tls_use(bool tls12, gnutls_cipher_algorithm_t cipher) {
        known = (TlsKeys) { .tls12 = tls12, .cipher = cipher };
        for (unsigned side = 0; side < 2; side++) {
                for (unsigned i = 0; i < sizeof(known.key[side]); i++)
                        known.key[side][i] = side * 100 + i;
                for (unsigned i = 0; i < sizeof(known.iv[side]); i++)
                        known.iv[side][i] = side * 100 + 50 + i;
        }
}

const TlsKeys *tls_keys(void) {
        if (known.cipher == GNUTLS_CIPHER_UNKNOWN)
                tls_use(false, GNUTLS_CIPHER_AES_128_GCM);
        return &known;
}

TlsEnd *tls_end_new(const TlsKeys *keys, TlsSide side) {
        TlsEnd *t = calloc(1, sizeof(*t));

        if (!t)
                abort();
        t->keys = *keys;
        t->side = side;
        for (unsigned i = 0; i < 2; i++) {
                gnutls_datum_t key = { t->keys.key[i], gnutls_cipher_get_key_size(keys->cipher) };
                int r = gnutls_aead_cipher_init(&t->aead[i], keys->cipher, &key);

                if (r < 0)
                        give_up("gnutls_aead_cipher_init", r);
        }
        return t;
}

TlsEnd *tls_end_free(TlsEnd *t) {
        if (t) {
                gnutls_aead_cipher_deinit(t->aead[0]);
                gnutls_aead_cipher_deinit(t->aead[1]);
                free(t);
        }
        return NULL;
}

const TlsKeys *tls_end_keys(const TlsEnd *t) {
        return &t->keys;
}

/* ---- Records --------------------------------------------------------------------------------------- */

/* In TLS 1.2, AES-GCM's nonce travels in the record. */
static size_t explicit_nonce(const TlsKeys *k) {
        return k->tls12 && k->cipher != GNUTLS_CIPHER_CHACHA20_POLY1305 ? 8 : 0;
}

/* The nonce of this side's next record; what the record carries of it is known. */
static void make_nonce(const TlsKeys *k, TlsSide from, const uint8_t *carried, uint8_t ret[12]) {
        uint64_t number = htobe64(k->number[from]);

        memcpy(ret, k->iv[from], 12);
        if (explicit_nonce(k))
                memcpy(ret + 4, carried, 8);
        else
                for (unsigned i = 0; i < 8; i++)
                        ret[4 + i] ^= ((uint8_t *) &number)[i];
}

/* What is authenticated beside the content; returns its length. */
static size_t make_additional(const TlsKeys *k, TlsSide from, uint8_t type, size_t content, size_t sealed, uint8_t ret[13]) {
        uint64_t number = htobe64(k->number[from]);
        uint8_t *at = ret;

        if (k->tls12) {
                memcpy(at, &number, 8);
                at += 8;
                sealed = content;
        }
        *at++ = type;
        *at++ = 3;
        *at++ = 3;
        *at++ = sealed >> 8;
        *at++ = sealed & 255;
        return at - ret;
}

size_t tls_seal(TlsEnd *t, uint8_t type, const void *content, size_t n, size_t padding, uint8_t *ret) {
        TlsKeys *k = &t->keys;
        size_t carried = explicit_nonce(k), inner = k->tls12 ? n : n + 1 + padding, sealed = inner + TAG, additional_len;
        uint64_t number = htobe64(k->number[t->side]);
        uint8_t nonce[12], additional[13], *plain = calloc(1, inner + 1);
        int r;

        if (!plain)
                abort();
        memcpy(plain, content, n);
        if (!k->tls12) {
                plain[n] = type;
                type = TLS_DATA;
        }
        ret[0] = type;
        ret[1] = ret[2] = 3;
        ret[3] = (carried + sealed) >> 8;
        ret[4] = (carried + sealed) & 255;
        memcpy(ret + TLS_HEADER, &number, carried);
        make_nonce(k, t->side, (uint8_t *) &number, nonce);
        additional_len = make_additional(k, t->side, type, inner, sealed, additional);
        r = gnutls_aead_cipher_encrypt(t->aead[t->side], nonce, sizeof(nonce), additional, additional_len, TAG, plain,
                                       inner, ret + TLS_HEADER + carried, &sealed);
        if (r < 0)
                give_up("gnutls_aead_cipher_encrypt", r);
        free(plain);
        k->number[t->side]++;
        return TLS_HEADER + carried + sealed;
}

ssize_t tls_record_length(const uint8_t *header) {
        size_t n = header[3] << 8 | header[4];

        if (header[1] != 3 || n > TLS_MAX_PLAIN + 256)
                return -EBADMSG;
        return TLS_HEADER + n;
}

ssize_t tls_open(TlsEnd *t, const uint8_t *record, size_t n, uint8_t *ret_type, uint8_t *ret) {
        TlsSide from = !t->side;
        TlsKeys *k = &t->keys;
        size_t carried = explicit_nonce(k), sealed = n - TLS_HEADER - carried, inner = TLS_MAX_PLAIN + 256, additional_len;
        uint8_t nonce[12], additional[13];

        if (n < TLS_HEADER + carried + TAG)
                return -EBADMSG;
        make_nonce(k, from, record + TLS_HEADER, nonce);
        additional_len = make_additional(k, from, record[0], sealed - TAG, sealed, additional);
        if (gnutls_aead_cipher_decrypt(t->aead[from], nonce, sizeof(nonce), additional, additional_len, TAG,
                                       record + TLS_HEADER + carried, sealed, ret, &inner) < 0)
                return -EBADMSG;
        k->number[from]++;
        *ret_type = record[0];
        if (k->tls12)
                return inner;
        while (inner > 0 && ret[inner - 1] == 0)
                inner--;
        if (inner == 0)
                return -EBADMSG;
        *ret_type = ret[--inner];
        return inner;
}

/* ---- The client's side ------------------------------------------------------------------------------ */

/* Before the handshake: afterwards the server may have ended the connection, and there is none to put it on. */
int tls_layer(int fd) {
        return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0 ? -errno : 0;
}

int tls_hello(int fd, int timeout_ms) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        char answer = 0;
        int r;

        if (send(fd, "H", 1, MSG_NOSIGNAL) != 1)
                return -errno;
        r = poll(&p, 1, timeout_ms);
        if (r <= 0)
                return r < 0 ? -errno : -ETIMEDOUT;
        r = recv(fd, &answer, 1, MSG_DONTWAIT);
        if (r < 0)
                return -errno;
        return answer == 'S' ? 0 : -EPROTO;
}

/* TLS 1.2: the explicit nonce continues from the number; else it is the rest of the initialization vector. */
static int set_keys(int fd, const TlsKeys *k, TlsSide from, int option) {
        union {
                struct tls_crypto_info info;
                struct tls12_crypto_info_aes_gcm_128 aes128;
                struct tls12_crypto_info_aes_gcm_256 aes256;
                struct tls12_crypto_info_chacha20_poly1305 chacha;
        } u = { .info.version = k->tls12 ? TLS_1_2_VERSION : TLS_1_3_VERSION };
        uint64_t number = htobe64(k->number[from]);
        const void *iv = explicit_nonce(k) ? (const void *) &number : k->iv[from] + 4;
        socklen_t len;

        if (k->cipher == GNUTLS_CIPHER_AES_128_GCM) {
                u.info.cipher_type = TLS_CIPHER_AES_GCM_128;
                len = sizeof(u.aes128);
                memcpy(u.aes128.key, k->key[from], sizeof(u.aes128.key));
                memcpy(u.aes128.salt, k->iv[from], sizeof(u.aes128.salt));
                memcpy(u.aes128.iv, iv, sizeof(u.aes128.iv));
                memcpy(u.aes128.rec_seq, &number, sizeof(number));
        } else if (k->cipher == GNUTLS_CIPHER_AES_256_GCM) {
                u.info.cipher_type = TLS_CIPHER_AES_GCM_256;
                len = sizeof(u.aes256);
                memcpy(u.aes256.key, k->key[from], sizeof(u.aes256.key));
                memcpy(u.aes256.salt, k->iv[from], sizeof(u.aes256.salt));
                memcpy(u.aes256.iv, iv, sizeof(u.aes256.iv));
                memcpy(u.aes256.rec_seq, &number, sizeof(number));
        } else {
                u.info.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
                len = sizeof(u.chacha);
                memcpy(u.chacha.key, k->key[from], sizeof(u.chacha.key));
                memcpy(u.chacha.iv, k->iv[from], sizeof(u.chacha.iv));
                memcpy(u.chacha.rec_seq, &number, sizeof(number));
        }
        return setsockopt(fd, SOL_TLS, option, &u, len) < 0 ? -errno : 0;
}

int tls_to_kernel(int fd, const TlsKeys *keys, TlsDirection which) {
        int r = 0, one = 1;

        if (which & TLS_KEYS_TX)
                r = set_keys(fd, keys, TLS_CLIENT, TLS_TX);
        if (r == 0 && which & TLS_KEYS_RX)
                r = set_keys(fd, keys, TLS_SERVER, TLS_RX);
        if (r == 0 && which & TLS_KEYS_RX && !keys->tls12 && !(which & TLS_KEYS_PADDED))
                (void) setsockopt(fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &one, sizeof(one));
        return r;
}
