// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * SOCKS version 5 (RFC 1928), with user and password (RFC 1929). Each answer has a length that is known from
 * its beginning, and no more than that is read.
 */

#include <arpa/inet.h>

#include "failure.h"
#include "proxy.h"
#include "util.h"

#define VERSION 5
#define AUTH_VERSION 1

enum {
        METHOD_NONE = 0x00,
        METHOD_PASSWORD = 0x02,
        METHOD_REFUSED = 0xff,
};

enum {
        ADDRESS_IPV4 = 1,
        ADDRESS_NAME = 3,
        ADDRESS_IPV6 = 4,
};

#define COMMAND_CONNECT 1

static int bad_answer(const KftpProxy *p, const char *what, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_NETWORK, -EPROTO, false, "the proxy %s does not speak SOCKS5: %s", p->name, what);
}

static int log_in(const KftpWire *w, const KftpProxy *p, KftpFailure *f) {
        size_t n_user = strlen(p->user), n_password = strlen(p->password);
        uint8_t request[3 + 255 + 255], *out = request, answer[2];
        int r;

        if (n_user < 1 || n_user > 255 || n_password < 1 || n_password > 255)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                        "user and password for the proxy %s have to be of 1 to 255 bytes", p->name);
        *out++ = AUTH_VERSION;
        *out++ = (uint8_t) n_user;
        out = mempcpy(out, p->user, n_user);
        *out++ = (uint8_t) n_password;
        out = mempcpy(out, p->password, n_password);
        r = kftp_wire_write(w, request, (size_t) (out - request));
        explicit_bzero(request, sizeof(request));
        if (r >= 0)
                r = kftp_wire_read(w, answer, sizeof(answer));
        if (r < 0)
                return kftp_proxy_failed(p, r, f);
        if (answer[1] != 0)
                return kftp_failure_set(f, KFTP_CLASS_AUTH, -EKEYREJECTED, false,
                                        "the proxy %s does not accept the user \"%s\" with this password", p->name, p->user);
        return 0;
}

static int negotiate(const KftpWire *w, const KftpProxy *p, KftpFailure *f) {
        bool can_log_in = p->user && p->password;
        uint8_t request[] = { VERSION, can_log_in ? 2 : 1, METHOD_NONE, METHOD_PASSWORD }, answer[2];
        int r;

        r = kftp_wire_write(w, request, can_log_in ? 4 : 3);
        if (r >= 0)
                r = kftp_wire_read(w, answer, sizeof(answer));
        if (r < 0)
                return kftp_proxy_failed(p, r, f);
        if (answer[0] != VERSION)
                return bad_answer(p, answer[0] == 'H' ? "it may be an HTTP proxy: http://" : "wrong version", f);
        if (answer[1] == METHOD_NONE)
                return 0;
        if (answer[1] == METHOD_PASSWORD && can_log_in)
                return log_in(w, p, f);
        if (answer[1] == METHOD_REFUSED)
                return kftp_failure_set(f, KFTP_CLASS_AUTH, -EKEYREJECTED, false, "the proxy %s %s", p->name,
                                        can_log_in ? "accepts no login with user and password"
                                                   : "wants a login: --proxy=socks5://USER@HOST:PORT and --proxy-password-file=FILE");
        return bad_answer(p, "it chose a method that was not offered", f);
}

/* The name is left to the proxy to resolve; an address is told as one. */
static uint8_t *put_address(uint8_t *out, const char *host, uint16_t port) {
        struct kftp_addr a;

        if (kftp_address_parse(host, &a) >= 0) {
                size_t n = a.family == AF_INET ? 4 : 16;

                *out++ = a.family == AF_INET ? ADDRESS_IPV4 : ADDRESS_IPV6;
                out = mempcpy(out, a.addr, n);
        } else {
                *out++ = ADDRESS_NAME;
                *out++ = (uint8_t) strlen(host);
                out = mempcpy(out, host, strlen(host));
        }
        *out++ = (uint8_t) (port >> 8);
        *out++ = (uint8_t) port;
        return out;
}

static int refused(const KftpProxy *p, const char *host, uint16_t port, uint8_t code, KftpFailure *f) {
        static const struct {
                int error;
                bool transient;
                const char *text;
        } codes[] = {
                [1] = { -ECONNREFUSED, true,  "general failure"                },
                [2] = { -EACCES,       false, "not allowed by its rules"       },
                [3] = { -ENETUNREACH,  true,  "network unreachable"            },
                [4] = { -EHOSTUNREACH, true,  "host unreachable or not found"  },
                [5] = { -ECONNREFUSED, true,  "connection refused"             },
                [6] = { -ETIMEDOUT,    true,  "time to live exceeded"          },
                [7] = { -EOPNOTSUPP,   false, "it does not connect for others" },
                [8] = { -EAFNOSUPPORT, false, "it has no such addresses"       },
        };

        if (code >= ELEMENTS(codes))
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -ECONNREFUSED, true, "the proxy %s cannot connect to %s port %u: error %u",
                                        p->name, host, port, code);
        return kftp_failure_set(f, KFTP_CLASS_NETWORK, codes[code].error, codes[code].transient,
                                "the proxy %s cannot connect to %s port %u: %s", p->name, host, port, codes[code].text);
}

/* The address that the proxy says it connects from: read, since it stands before what is the server's. */
static int skip_address(const KftpWire *w, const KftpProxy *p, uint8_t type, KftpFailure *f) {
        uint8_t address[255 + 2], n;
        int r;

        switch (type) {
        case ADDRESS_IPV4:
                n = 4;
                break;
        case ADDRESS_IPV6:
                n = 16;
                break;
        case ADDRESS_NAME:
                r = kftp_wire_read(w, &n, 1);
                if (r < 0)
                        return kftp_proxy_failed(p, r, f);
                break;
        default:
                return bad_answer(p, "unknown type of address", f);
        }
        r = kftp_wire_read(w, address, (size_t) n + 2);
        return r < 0 ? kftp_proxy_failed(p, r, f) : 0;
}

int kftp_socks5_connect(const KftpWire *w, const KftpProxy *p, const char *host, uint16_t port, KftpFailure *f) {
        uint8_t request[4 + 1 + 255 + 2] = { VERSION, COMMAND_CONNECT, 0 }, answer[4], *end;
        int r;

        if (strlen(host) > 255)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "the host name is too long for the proxy %s", p->name);
        r = negotiate(w, p, f);
        if (r < 0)
                return r;
        end = put_address(request + 3, host, port);
        r = kftp_wire_write(w, request, (size_t) (end - request));
        if (r >= 0)
                r = kftp_wire_read(w, answer, sizeof(answer));
        if (r < 0)
                return kftp_proxy_failed(p, r, f);
        if (answer[0] != VERSION)
                return bad_answer(p, "wrong version", f);
        if (answer[1] != 0)
                return refused(p, host, port, answer[1], f);
        return skip_address(w, p, answer[3], f);
}
