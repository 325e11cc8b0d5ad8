/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS for the storm, without a handshake: both ends of a connection know the keys, and give them to
 * the kernel. The module cannot tell, and threads need not wait for cryptography.
 */
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "storm.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* What both ends choose alike: by their two ports. */
static unsigned common_choice(int fd, unsigned n) {
        struct sockaddr_in one = {}, other = {};
        socklen_t len = sizeof(one);

        if (getsockname(fd, (struct sockaddr *) &one, &len) < 0)
                return 0;
        len = sizeof(other);
        if (getpeername(fd, (struct sockaddr *) &other, &len) < 0)
                return 0;
        return (ntohs(one.sin_port) + ntohs(other.sin_port)) % n;
}

static bool set_keys(int fd, const void *keys, socklen_t size) {
        return setsockopt(fd, SOL_TLS, TLS_TX, keys, size) == 0 && setsockopt(fd, SOL_TLS, TLS_RX, keys, size) == 0;
}

bool storm_tls(int fd, bool wrong_key) {
        struct tls12_crypto_info_aes_gcm_128 old = { .info = { TLS_1_2_VERSION, TLS_CIPHER_AES_GCM_128 } };
        struct tls12_crypto_info_aes_gcm_256 gcm = { .info = { TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_256 } };
        struct tls12_crypto_info_chacha20_poly1305 chacha = { .info = { TLS_1_3_VERSION, TLS_CIPHER_CHACHA20_POLY1305 } };

        if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3) < 0)
                return false;
        old.key[0] = gcm.key[0] = chacha.key[0] = 1 + wrong_key;
        switch (common_choice(fd, 3)) {
        case 0:
                return set_keys(fd, &old, sizeof(old));
        case 1:
                return set_keys(fd, &gcm, sizeof(gcm));
        default:
                return set_keys(fd, &chacha, sizeof(chacha));
        }
}

static void send_record(int fd, unsigned char type, const void *bytes, size_t size) {
        char control[CMSG_SPACE(1)] __attribute__((aligned(sizeof(long)))) = {};
        struct iovec iov = { .iov_base = (void *) bytes, .iov_len = size };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);

        c->cmsg_level = SOL_TLS;
        c->cmsg_type = TLS_SET_RECORD_TYPE;
        c->cmsg_len = CMSG_LEN(1);
        *CMSG_DATA(c) = type;
        (void) !sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void storm_tls_end(int fd) {
        send_record(fd, 21, "\1\0", 2);
}

void storm_tls_aside(Dice *d, int fd) {
        static const struct {
                unsigned char type, size;
                const char *bytes;
        } records[] = {
                { 22, 9, "\4\0\0\5ticke" },     /* NewSessionTicket, or of TLS 1.2: something new */
                { 22, 4, "\0\0\0\0" },          /* HelloRequest */
                { 22, 5, "\30\0\0\1\0" },       /* KeyUpdate */
                { 21, 2, "\2\120" },            /* internal_error */
                { 21, 2, "\1\0" },
                { 21, 1, "\2" },
                { 99, 3, "abc" },
        };
        /* mostly the first, which does no harm */
        unsigned n = once_in(d, 3) ? pick(d, sizeof(records) / sizeof(records[0])) : 0;

        send_record(fd, records[n].type, records[n].bytes, records[n].size);
}
