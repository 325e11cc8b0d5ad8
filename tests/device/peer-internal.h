/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What peer.c and peer-data.c share. */

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/socket.h>

#include "peer.h"

typedef struct PeerTls PeerTls;

struct Conn {
        Peer *peer;
        Conn *next;
        pthread_t thread;
        bool finished;                  /* under the peer's lock */
        const char *doing;              /* what the script waits for, for messages */
        jmp_buf failed;
        unsigned number;
        bool strict, may_leave;

        int fd;
        char in[16384];                 /* received, not yet taken */
        size_t in_len;
        char line[8192];                /* the last command */

        bool has_size;
        uint64_t size;
        char mtime[32];

        int listener;                   /* passive: waits for the data connection */
        int data;
        struct sockaddr_storage port;   /* active: where the client listens */

        PeerTls *tls[2];                /* by role; NULL: in clear */
        bool protect;                   /* TLS begins on each data connection */
        PeerShake shake;                /* NULL: what stands for a handshake */
};

/* The length of an address of this family. */
static inline socklen_t address_len(const struct sockaddr_storage *ss) {
        return ss->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

int peer_parse_address(const char *text, uint16_t port, struct sockaddr_storage *ret);
struct kftp_addr peer_to_kftp(const struct sockaddr_storage *ss);
/* A socket that listens on this address, or -errno. */
int peer_listen(const struct sockaddr_storage *ss);
/* Waits until the descriptor is ready; fails the script when its patience is over. */
void peer_wait(Conn *c, int fd, short events, const char *doing);
/* Sends everything, in TLS records where there is TLS; 0, or -errno if the client does not take it. */
int peer_push(Conn *c, int fd, const void *bytes, size_t n);
/* The same, as it is. */
int peer_push_raw(Conn *c, int fd, const void *bytes, size_t n);
/*
 * Waits for bytes and takes at most n of them; 0 at the end, which with TLS is close_notify, or -errno: a data
 * connection that ends without it is -EBADMSG.
 */
ssize_t peer_pull(Conn *c, int fd, void *ret, size_t n, const char *doing);
/* Is there something of the control connection that was received and not yet taken? */
bool peer_has_input(Conn *c);
/* The connection of this role is in clear (again, or not there any more). */
void peer_tls_forget(Conn *c, enum kftp_role role);
