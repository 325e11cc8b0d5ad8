/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of the scripted FTP server's connections, in clear or in TLS records. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "peer-internal.h"

struct PeerTls {
        TlsEnd *end;
        uint8_t in[TLS_HEADER + TLS_MAX_PLAIN + 256];
        size_t in_len;
        uint8_t plain[TLS_MAX_PLAIN + 256];
        size_t plain_at, plain_len;
        bool ended;                     /* the client has sent close_notify */
        bool notified;                  /* we have */
};

static PeerTls *tls_of(Conn *c, int fd) {
        return c->tls[fd == c->data ? KFTP_ROLE_DATA : KFTP_ROLE_CONTROL];
}

static int socket_of(Conn *c, enum kftp_role role) {
        return role == KFTP_ROLE_DATA ? c->data : c->fd;
}

/* ---- Begin and end ------------------------------------------------------------------------------- */

void peer_tls_keys(Conn *c, enum kftp_role role, const TlsKeys *keys) {
        peer_tls_forget(c, role);
        c->tls[role] = calloc(1, sizeof(PeerTls));
        if (!c->tls[role])
                abort();
        c->tls[role]->end = tls_end_new(keys, TLS_SERVER);
}

void peer_tls_begin(Conn *c, enum kftp_role role) {
        int fd = socket_of(c, role);
        char hello;

        peer_wait(c, fd, POLLIN, "the client does not begin its handshake");
        if (c->shake) {
                c->shake(c, role);
                return;
        }
        if (recv(fd, &hello, 1, 0) != 1 || hello != 'H')
                peer_fail(c, "the client did not begin its handshake");
        if (peer_push_raw(c, fd, "S", 1) < 0)
                peer_fail(c, "the client does not wait for the handshake's end");
        peer_tls_keys(c, role, tls_keys());
}

void peer_shake_with(Conn *c, PeerShake shake) {
        c->shake = shake;
}

void peer_tls_forget(Conn *c, enum kftp_role role) {
        PeerTls *t = c->tls[role];

        if (t)
                tls_end_free(t->end);
        free(t);
        c->tls[role] = NULL;
}

bool peer_tls_on(Conn *c, enum kftp_role role) {
        return c->tls[role];
}

void peer_protect(Conn *c, bool protect) {
        c->protect = protect;
}

void peer_auth(Conn *c) {
        peer_expect(c, "AUTH TLS");
        peer_say(c, "234 Go ahead");
        peer_tls_begin(c, KFTP_ROLE_CONTROL);
}

/* ---- Sending -------------------------------------------------------------------------------------- */

int peer_push_raw(Conn *c, int fd, const void *bytes, size_t n) {
        const uint8_t *p = bytes;

        while (n > 0) {
                ssize_t k;

                peer_wait(c, fd, POLLOUT, "the client does not take what was sent");
                k = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (k < 0 && errno == EAGAIN)
                        continue;
                if (k < 0)
                        return -errno;
                p += k;
                n -= k;
        }
        return 0;
}

int peer_push(Conn *c, int fd, const void *bytes, size_t n) {
        PeerTls *t = tls_of(c, fd);
        const uint8_t *p = bytes;
        int r = 0;

        if (!t)
                return peer_push_raw(c, fd, bytes, n);
        while (n > 0 && r == 0) {
                uint8_t record[TLS_MAX_PLAIN + TLS_OVERHEAD];
                size_t k = n < TLS_MAX_PLAIN ? n : TLS_MAX_PLAIN;

                r = peer_push_raw(c, fd, record, tls_seal(t->end, TLS_DATA, p, k, 0, record));
                p += k;
                n -= k;
        }
        return r;
}

size_t peer_seal(Conn *c, enum kftp_role role, uint8_t type, const void *content, size_t n, size_t padding, uint8_t *ret) {
        if (!c->tls[role])
                peer_fail(c, "there is no TLS on this connection");
        return tls_seal(c->tls[role]->end, type, content, n, padding, ret);
}

void peer_raw(Conn *c, enum kftp_role role, const void *bytes, size_t n) {
        int r = peer_push_raw(c, socket_of(c, role), bytes, n);

        if (r < 0)
                peer_fail(c, "sending a record: %s", strerror(-r));
}

void peer_record(Conn *c, enum kftp_role role, uint8_t type, const void *content, size_t n) {
        uint8_t record[TLS_MAX_PLAIN + TLS_OVERHEAD];

        peer_raw(c, role, record, peer_seal(c, role, type, content, n, 0, record));
}

void peer_alert(Conn *c, enum kftp_role role, uint8_t level, uint8_t description) {
        uint8_t alert[] = { level, description };

        peer_record(c, role, TLS_ALERT, alert, sizeof(alert));
}

void peer_notify(Conn *c, enum kftp_role role) {
        static const uint8_t close_notify[] = { 1, 0 };
        PeerTls *t = c->tls[role];
        uint8_t record[TLS_OVERHEAD + 2];

        if (!t || t->notified)
                return;
        t->notified = true;
        /* Whoever has gone away already need not hear of it. */
        (void) peer_push_raw(c, socket_of(c, role), record,
                             tls_seal(t->end, TLS_ALERT, close_notify, sizeof(close_notify), 0, record));
}

/* ---- Receiving ------------------------------------------------------------------------------------- */

/* Until there are so many bytes of a record; 1, 0 at the connection's end, or -errno. */
static int fill(Conn *c, int fd, PeerTls *t, size_t want, const char *doing) {
        while (t->in_len < want) {
                ssize_t k;

                peer_wait(c, fd, POLLIN, doing);
                k = recv(fd, t->in + t->in_len, want - t->in_len, 0);
                if (k < 0)
                        return -errno;
                if (k == 0)
                        return t->in_len == 0 ? 0 : -EBADMSG;
                t->in_len += k;
        }
        return 1;
}

ssize_t peer_pull_record(Conn *c, enum kftp_role role, uint8_t *ret_type, uint8_t *ret, const char *doing) {
        PeerTls *t = c->tls[role];
        int fd = socket_of(c, role), r;
        ssize_t n;

        r = fill(c, fd, t, TLS_HEADER, doing);
        if (r <= 0)
                return r < 0 ? r : -ENODATA;
        n = tls_record_length(t->in);
        if (n < 0)
                return n;
        r = fill(c, fd, t, n, doing);
        if (r <= 0)
                return -EBADMSG;
        t->in_len = 0;
        return tls_open(t->end, t->in, n, ret_type, ret);
}

/* The next data; *ended if there is no more. An end without close_notify is one only of the control connection. */
static int next_data(Conn *c, int fd, PeerTls *t, const char *doing) {
        enum kftp_role role = t == c->tls[KFTP_ROLE_DATA];

        while (t->plain_at == t->plain_len && !t->ended) {
                uint8_t type;
                ssize_t n = peer_pull_record(c, role, &type, t->plain, doing);

                if (n == -ENODATA && fd == c->fd)
                        return 0;
                if (n < 0)
                        return n == -ENODATA ? -EBADMSG : n;
                t->plain_at = 0;
                t->plain_len = type == TLS_DATA ? n : 0;
                if (type == TLS_ALERT && n == 2 && t->plain[1] == 0)
                        t->ended = true;
                else if (type == TLS_ALERT)
                        return -ECONNABORTED;
                else if (type != TLS_DATA)
                        return -EPROTO;
        }
        return 0;
}

ssize_t peer_pull(Conn *c, int fd, void *ret, size_t n, const char *doing) {
        PeerTls *t = tls_of(c, fd);
        size_t k;
        int r;

        if (!t) {
                ssize_t got;

                peer_wait(c, fd, POLLIN, doing);
                got = recv(fd, ret, n, 0);
                return got < 0 ? -errno : got;
        }
        r = next_data(c, fd, t, doing);
        if (r < 0)
                return r;
        k = t->plain_len - t->plain_at;
        if (k > n)
                k = n;
        memcpy(ret, t->plain + t->plain_at, k);
        t->plain_at += k;
        return k;
}

bool peer_has_input(Conn *c) {
        PeerTls *t = c->tls[KFTP_ROLE_CONTROL];

        return c->in_len > 0 || (t && t->plain_at < t->plain_len);
}
