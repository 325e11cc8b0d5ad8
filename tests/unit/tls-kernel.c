/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel does with the keys that it is given, as far as the tests of the agent need it: records of TLS 1.2
 * and 1.3 (RFC 5246 section 6.2.3.3, RFC 7905, RFC 8446 section 5.2). See tls-server.h.
 */

#include <gnutls/crypto.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tls-internal.h"
#include "tls-server.h"
#include "util.h"

#define RECORD_HANDSHAKE 22
#define RECORD_DATA 23
#define TAG_SIZE 16
#define HEADER_SIZE 5

TestKernel test_kernel;

int kftp_tls_setsockopt(int fd, int level, int name, const void *value, size_t n) {
        TestKernel *k = &test_kernel;

        (void) fd;
        if (level == IPPROTO_TCP && name == TCP_ULP) {
                k->ulp = k->ulp_error == 0;
                return k->ulp_error;
        }
        assert_int_equal(level, 282);
        assert_true(k->ulp);
        if (name == 4) {
                k->no_pad = true;
                return 0;
        }
        if (k->key_error < 0)
                return k->key_error;
        assert_true(name == TLS_TX || name == TLS_RX);
        assert_true(n <= sizeof(k->tx));
        memcpy(name == TLS_TX ? k->tx : k->rx, value, n);
        *(name == TLS_TX ? &k->tx_size : &k->rx_size) = n;
        return 0;
}

/* One direction, taken apart. */
typedef struct Direction {
        bool tls13;
        bool chacha20;
        gnutls_cipher_algorithm_t cipher;
        gnutls_datum_t key;
        unsigned char nonce[12];
        unsigned char *sequence;        /* in test_kernel, counted on */
        unsigned char *counter;         /* the same of the part of the nonce that is in the record */
} Direction;

static Direction take_apart(unsigned char *raw, size_t n) {
        struct tls_crypto_info *info = (struct tls_crypto_info *) raw;
        Direction d = { .tls13 = info->version == TLS_1_3_VERSION };

        if (info->cipher_type == TLS_CIPHER_AES_GCM_128) {
                struct tls12_crypto_info_aes_gcm_128 *c = (void *) raw;

                assert_int_equal(n, sizeof(*c));
                d.cipher = GNUTLS_CIPHER_AES_128_GCM;
                d.key = (gnutls_datum_t) { c->key, sizeof(c->key) };
                memcpy(d.nonce, c->salt, 4);
                memcpy(d.nonce + 4, c->iv, 8);
                d.sequence = c->rec_seq;
                d.counter = c->iv;
        } else if (info->cipher_type == TLS_CIPHER_AES_GCM_256) {
                struct tls12_crypto_info_aes_gcm_256 *c = (void *) raw;

                assert_int_equal(n, sizeof(*c));
                d.cipher = GNUTLS_CIPHER_AES_256_GCM;
                d.key = (gnutls_datum_t) { c->key, sizeof(c->key) };
                memcpy(d.nonce, c->salt, 4);
                memcpy(d.nonce + 4, c->iv, 8);
                d.sequence = c->rec_seq;
                d.counter = c->iv;
        } else {
                struct tls12_crypto_info_chacha20_poly1305 *c = (void *) raw;

                assert_int_equal(info->cipher_type, TLS_CIPHER_CHACHA20_POLY1305);
                assert_int_equal(n, sizeof(*c));
                d.chacha20 = true;
                d.cipher = GNUTLS_CIPHER_CHACHA20_POLY1305;
                d.key = (gnutls_datum_t) { c->key, sizeof(c->key) };
                memcpy(d.nonce, c->iv, 12);
                d.sequence = c->rec_seq;
        }
        return d;
}

static bool explicit_nonce(const Direction *d) {
        return !d->tls13 && !d->chacha20;
}

/* The nonce of this record; explicit is the part of it that is in the record. */
static void make_nonce(const Direction *d, const unsigned char *explicit, unsigned char nonce[12]) {
        memcpy(nonce, d->nonce, 12);
        if (explicit_nonce(d))
                memcpy(nonce + 4, explicit, 8);
        else
                for (unsigned i = 0; i < 8; i++)
                        nonce[4 + i] ^= d->sequence[i];
}

static size_t make_aad(const Direction *d, const unsigned char header[HEADER_SIZE], size_t plain, unsigned char aad[13]) {
        if (d->tls13) {
                memcpy(aad, header, HEADER_SIZE);
                return HEADER_SIZE;
        }
        memcpy(aad, d->sequence, 8);
        memcpy(aad + 8, header, 3);
        aad[11] = (unsigned char) (plain >> 8);
        aad[12] = (unsigned char) plain;
        return 13;
}

static void count_on(unsigned char sequence[8]) {
        for (int i = 7; i >= 0 && ++sequence[i] == 0; i--)
                ;
}

void test_kernel_send(int fd, const char *text) {
        Direction d = take_apart(test_kernel.tx, test_kernel.tx_size);
        size_t n = strlen(text), plain = n + d.tls13, begin = HEADER_SIZE + (explicit_nonce(&d) ? 8 : 0), out = plain + TAG_SIZE, aad_size;
        unsigned char inner[256], record[512], nonce[12], aad[13];
        gnutls_aead_cipher_hd_t cipher;

        memcpy(inner, text, n);
        inner[n] = RECORD_DATA;
        memcpy(record, (unsigned char[]) { RECORD_DATA, 3, 3, 0, (unsigned char) (begin - HEADER_SIZE + out) }, HEADER_SIZE);
        if (explicit_nonce(&d))
                memcpy(record + HEADER_SIZE, d.nonce + 4, 8);
        make_nonce(&d, record + HEADER_SIZE, nonce);
        aad_size = make_aad(&d, record, plain, aad);
        assert_int_equal(gnutls_aead_cipher_init(&cipher, d.cipher, &d.key), 0);
        assert_int_equal(gnutls_aead_cipher_encrypt(cipher, nonce, 12, aad, aad_size, TAG_SIZE, inner, plain, record + begin, &out), 0);
        gnutls_aead_cipher_deinit(cipher);
        count_on(d.sequence);
        if (explicit_nonce(&d))
                count_on(d.counter);
        assert_int_equal(write(fd, record, begin + out), begin + out);
}

static void read_all(int fd, unsigned char *ret, size_t n) {
        for (size_t at = 0; at < n;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                ssize_t got;

                assert_int_equal(poll(&p, 1, 10000), 1);
                got = read(fd, ret + at, n - at);
                assert_true(got > 0);
                at += (size_t) got;
        }
}

/* The type of the record. */
static unsigned receive_one(int fd, char *ret, size_t n) {
        Direction d = take_apart(test_kernel.rx, test_kernel.rx_size);
        unsigned char header[HEADER_SIZE], body[16384 + 256], nonce[12], aad[13];
        size_t length, begin = explicit_nonce(&d) ? 8 : 0, plain, out, aad_size;
        gnutls_aead_cipher_hd_t cipher;
        unsigned type;

        read_all(fd, header, sizeof(header));
        length = (size_t) header[3] << 8 | header[4];
        assert_true(length <= sizeof(body) && length >= begin + TAG_SIZE);
        read_all(fd, body, length);
        plain = out = length - begin - TAG_SIZE;
        assert_true(out < n);
        make_nonce(&d, body, nonce);
        aad_size = make_aad(&d, header, plain, aad);
        assert_int_equal(gnutls_aead_cipher_init(&cipher, d.cipher, &d.key), 0);
        assert_int_equal(gnutls_aead_cipher_decrypt(cipher, nonce, 12, aad, aad_size, TAG_SIZE, body + begin, plain + TAG_SIZE, ret, &out), 0);
        gnutls_aead_cipher_deinit(cipher);
        count_on(d.sequence);
        type = d.tls13 ? (unsigned char) ret[--out] : header[0];
        ret[out] = '\0';
        return type;
}

void test_kernel_receive(int fd, char *ret, size_t n) {
        while (receive_one(fd, ret, n) == RECORD_HANDSHAKE)
                ;
}
