// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * HTTP CONNECT (RFC 9110 section 9.3.6) with Basic authentication (RFC 7617). The answer's header is looked at
 * before it is read: behind its end the server's greeting may have come already.
 */

#include <gnutls/gnutls.h>

#include "failure.h"
#include "proxy.h"
#include "util.h"

#define HEADER_MAX (16 * 1024)
#define STATUS_MAX 256                  /* of the status line is kept for messages */
#define INFORMATIONAL_MAX 8             /* 1xx answers before the real one */

typedef struct Answer {
        char status_line[STATUS_MAX + 1];
        size_t n_line;
        bool line_ended;
        unsigned newlines;              /* in a row, CRs not counted */
        size_t total;
} Answer;

static int bad_answer(const KftpProxy *p, const char *what, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_NETWORK, -EPROTO, false, "the proxy %s does not speak HTTP: %s", p->name, what);
}

/* How many of the n bytes belong to the header; *ended is set if its end is among them. */
static size_t take_header(Answer *a, const char *data, size_t n, bool *ended) {
        for (size_t i = 0; i < n; i++) {
                char c = data[i];

                if (c == '\n') {
                        a->line_ended = true;
                        a->newlines++;
                } else if (c != '\r')
                        a->newlines = 0;
                if (!a->line_ended && c != '\r' && a->n_line < STATUS_MAX)
                        a->status_line[a->n_line++] = c;
                if (a->newlines == 2) {
                        *ended = true;
                        return i + 1;
                }
        }
        return n;
}

static int read_answer(const KftpWire *w, const KftpProxy *p, Answer *a, KftpFailure *f) {
        char data[1024];
        bool ended = false;

        *a = (Answer) {};
        while (!ended) {
                ssize_t n = kftp_wire_peek(w, data, sizeof(data));
                size_t taken;
                int r;

                if (n < 0)
                        return kftp_proxy_failed(p, (int) n, f);
                taken = take_header(a, data, (size_t) n, &ended);
                r = kftp_wire_read(w, data, taken);
                if (r < 0)
                        return kftp_proxy_failed(p, r, f);
                a->total += taken;
                /* what is no HTTP at all need not come to an end */
                if (a->n_line >= 5 && strncmp(a->status_line, "HTTP/", 5) != 0)
                        return bad_answer(p, a->status_line[0] == 5 ? "it may be a SOCKS proxy: socks5://" : "no status line", f);
                if (a->total > HEADER_MAX)
                        return bad_answer(p, "its answer has no end", f);
        }
        return 0;
}

/* "HTTP/1.1 200 ..."; 0: it is none */
static unsigned status_of(const Answer *a) {
        const char *p = strchr(a->status_line, ' ');
        unsigned status;

        if (!startswith(a->status_line, "HTTP/") || !p)
                return 0;
        while (*p == ' ')
                p++;
        status = (unsigned) strtoul(strndupa(p, 3), NULL, 10);
        return status >= 100 && status <= 999 ? status : 0;
}

static int judge(const KftpProxy *p, const char *host, uint16_t port, const Answer *a, unsigned status, KftpFailure *f) {
        _cleanup_free_ char *words = kftp_escape(a->status_line, a->n_line);

        if (status == 0)
                return bad_answer(p, "no status line", f);
        if (status >= 200 && status < 300)
                return 0;
        /* tinyproxy says 401 to a wrong password */
        if (status == 407 || (status == 401 && p->password))
                return kftp_failure_set(f, KFTP_CLASS_AUTH, -EKEYREJECTED, false, "the proxy %s wants a login: \"%s\"; %s", p->name, strempty(words),
                                        p->password ? "check user and password (only Basic authentication is known here)"
                                                    : "--proxy=http://USER@HOST:PORT and --proxy-password-file=FILE");
        return kftp_failure_set(f, KFTP_CLASS_NETWORK, status >= 500 ? -ECONNREFUSED : -EACCES, status >= 500 || status == 408 || status == 429,
                                "the proxy %s does not connect to %s port %u: \"%s\"%s", p->name, host, port, strempty(words),
                                status == 403 || status == 405 ? "; it has to allow CONNECT to FTP's port 21 and to the ports of data connections" : "");
}

/* "USER:PASSWORD" in base 64. Allocated. */
static char *credentials(const KftpProxy *p) {
        _cleanup_free_ char *plain = NULL;
        gnutls_datum_t in, out = {};
        char *result = NULL;

        if (asprintf(&plain, "%s:%s", strempty(p->user), p->password) < 0) {
                plain = NULL;
                return NULL;
        }
        in = (gnutls_datum_t) { .data = (unsigned char *) plain, .size = (unsigned) strlen(plain) };
        if (gnutls_base64_encode2(&in, &out) >= 0) {
                result = strndup((const char *) out.data, out.size);
                explicit_bzero(out.data, out.size);
                gnutls_free(out.data);
        }
        explicit_bzero(plain, strlen(plain));
        return result;
}

static int send_request(const KftpWire *w, const KftpProxy *p, const char *host, uint16_t port, KftpFailure *f) {
        _cleanup_free_ char *basic = p->password ? credentials(p) : NULL, *request = NULL;
        bool brackets = strchr(host, ':');
        int n, r;

        if (p->password && !basic)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        n = asprintf(&request, "CONNECT %1$s%2$s%3$s:%4$u HTTP/1.1\r\nHost: %1$s%2$s%3$s:%4$u\r\n%5$s%6$s%7$s\r\n",
                     brackets ? "[" : "", host, brackets ? "]" : "", port,
                     basic ? "Proxy-Authorization: Basic " : "", strempty(basic), basic ? "\r\n" : "");
        if (n < 0) {
                request = NULL;
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        }
        r = kftp_wire_write(w, request, (size_t) n);
        if (basic) {
                explicit_bzero(basic, strlen(basic));
                explicit_bzero(request, (size_t) n);
        }
        return r < 0 ? kftp_proxy_failed(p, r, f) : 0;
}

int kftp_http_connect(const KftpWire *w, const KftpProxy *p, const char *host, uint16_t port, KftpFailure *f) {
        unsigned status = 0, left = INFORMATIONAL_MAX;
        Answer a;
        int r;

        r = send_request(w, p, host, port, f);
        if (r < 0)
                return r;
        do {
                r = read_answer(w, p, &a, f);
                if (r < 0)
                        return r;
                status = status_of(&a);
        } while (status >= 100 && status < 200 && --left > 0);
        return judge(p, host, port, &a, status, f);
}
