// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is said on the control connection between the handshake and the hand-over to the kernel. With explicit TLS
 * these are PBSZ and PROT (RFC 4217 section 9), with implicit TLS it is the greeting. A server's TLS 1.3 session
 * tickets come before that, and reading it reads them: the kernel could not, and without them no data connection
 * resumes the session.
 */

#include <ctype.h>

#include "tls-internal.h"

/* What has been decrypted and not yet consumed. */
typedef struct Input {
        char *data;                     /* KFTP_MAX_LINE bytes */
        size_t n;
} Input;

static void tell(const KftpTlsPeer *p, bool sent, const char *text, size_t n) {
        const KftpCallbacks *callbacks = p->tls->callbacks;

        if (callbacks->line)
                callbacks->line(callbacks->userdata, sent, text, n);
}

static int receive(KftpTlsPeer *p, Input *in) {
        if (in->n == KFTP_MAX_LINE)
                return kftp_tls_fail(p, KFTP_CLASS_OTHER, -EMSGSIZE, false, "the server says more than %d bytes at once", KFTP_MAX_LINE);
        for (;;) {
                ssize_t n = gnutls_record_recv(p->session, in->data + in->n, KFTP_MAX_LINE - in->n);
                int r;

                if (n > 0) {
                        p->answered = true;
                        in->n += (size_t) n;
                        return 0;
                }
                r = kftp_tls_wait_or_fail(p, n == 0 ? GNUTLS_E_SESSION_EOF : (int) n);
                if (r != 0)
                        return r;
        }
}

/* The rest of a record whose first part has been taken: it is nowhere else any more. */
static int drain(KftpTlsPeer *p, Input *in) {
        int r = 0;

        while (r == 0 && gnutls_record_check_pending(p->session) > 0)
                r = receive(p, in);
        return r;
}

static int send_line(KftpTlsPeer *p, const char *line) {
        char text[64];
        int n = snprintf(text, sizeof(text), "%s\r\n", line), r;
        ssize_t sent;

        tell(p, true, line, strlen(line));
        /* A call that had to wait is repeated as it was. */
        while ((sent = gnutls_record_send(p->session, text, (size_t) n)) < 0) {
                r = kftp_tls_wait_or_fail(p, (int) sent);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* ---- Replies (RFC 959 section 4.2) -------------------------------------------------------------- */

static unsigned reply_code(const char *line, size_t n) {
        if (n < 3 || !isdigit((unsigned char) line[0]) || !isdigit((unsigned char) line[1]) || !isdigit((unsigned char) line[2]))
                return 0;
        return (unsigned) (line[0] - '0') * 100 + (unsigned) (line[1] - '0') * 10 + (unsigned) (line[2] - '0');
}

/* How long the reply at the begin of in is: 0 if it is not there as a whole yet. *code is 0 if it is none. */
static size_t reply_length(const Input *in, unsigned *code) {
        const char *line = in->data, *end = in->data + in->n, *newline;
        bool first = true;

        *code = 0;
        for (; (newline = memchr(line, '\n', (size_t) (end - line))); line = newline + 1) {
                size_t n = (size_t) (newline - line);
                unsigned own = reply_code(line, n);

                if (first)
                        *code = own;
                if (*code == 0 || (own == *code && (n == 3 || line[3] != '-')))
                        return (size_t) (newline + 1 - in->data);
                first = false;
        }
        return 0;
}

/* Shows the reply and takes it out. */
static void consume(const KftpTlsPeer *p, Input *in, size_t length) {
        const char *line = in->data, *end = in->data + length;

        while (line < end) {
                const char *newline = memchr(line, '\n', (size_t) (end - line));
                size_t n = (size_t) (newline - line);

                tell(p, false, line, n > 0 && line[n - 1] == '\r' ? n - 1 : n);
                line = newline + 1;
        }
        memmove(in->data, end, in->n - length);
        in->n -= length;
}

/*
 * Sends line and reads the reply. *code is 0 if that was no answer to it: the server takes its leave, does not
 * speak FTP, or has spoken before it was asked. It is left where it is, and the module will see.
 */
static int command(KftpTlsPeer *p, const char *line, Input *in, unsigned *code) {
        size_t length;
        int r;

        *code = 0;
        if (in->n > 0)
                return 0;
        r = send_line(p, line);
        while (r == 0 && (length = reply_length(in, code)) == 0)
                r = receive(p, in);
        if (r != 0)
                return r;
        if (*code == 421)
                *code = 0;
        if (*code != 0)
                consume(p, in, length);
        return 0;
}

/* A refusal does no harm: it may be too early, and the module asks again after the log-in. */
static int protect_data(KftpTlsPeer *p, Input *in, bool *done) {
        unsigned code;
        int r = command(p, "PBSZ 0", in, &code);

        if (r == 0 && code != 0)
                r = command(p, "PROT P", in, &code);
        *done = r == 0 && code / 100 == 2;
        return r;
}

int kftp_tls_exchange(KftpTlsPeer *p, struct kftp_tls *answer, char pending[KFTP_MAX_LINE]) {
        Input in = { .data = pending };
        bool done = false;
        int r;

        /* Of the greeting as much as is in the first record: the kernel reads the rest. */
        r = p->tls->mode == KFTP_TLS_IMPLICIT ? receive(p, &in) : protect_data(p, &in, &done);
        if (r == 0)
                r = drain(p, &in);
        if (r != 0)
                return r;
        answer->flags |= done ? KFTP_TLS_PROT_DONE : 0;
        answer->pending = (__u64) (uintptr_t) pending;
        answer->pending_len = (__u32) in.n;
        return 0;
}
