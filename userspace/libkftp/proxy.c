// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which proxy, if any: from its URL, or from the environment as curl(1) has it: ftp_proxy, FTP_PROXY, all_proxy,
 * ALL_PROXY, and no_proxy or NO_PROXY for the hosts that are reached without.
 */

#include <arpa/inet.h>
#include <stdarg.h>
#include <strings.h>

#include "control.h"
#include "failure.h"
#include "proxy.h"
#include "url.h"
#include "util.h"

#define PORT_DEFAULT 1080               /* of every kind, as curl has it */

void kftp_proxy_free(KftpProxy *p) {
        if (!p)
                return;
        if (p->password)
                explicit_bzero(p->password, strlen(p->password));
        free(p->host);
        free(p->user);
        free(p->password);
        free(p->name);
        free(p);
}

const char *kftp_proxy_host(const KftpProxy *p) {
        return p->host;
}

const char *kftp_proxy_name(const KftpProxy *p) {
        return p->name;
}

const char *kftp_proxy_user(const KftpProxy *p) {
        return p->user;
}

int kftp_proxy_set_login(KftpProxy *p, const char *user, const char *password) {
        char *u = user ? strdup(user) : NULL, *w = password ? strdup(password) : NULL;

        if ((user && !u) || (password && !w)) {
                free(u);
                free(w);
                return -ENOMEM;
        }
        if (u) {
                free(p->user);
                p->user = u;
        }
        if (w) {
                free(p->password);
                p->password = w;
        }
        return 0;
}

int kftp_proxy_failed(const KftpProxy *p, int error, KftpFailure *f) {
        if (error == -ECANCELED)
                return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, error, false, "interrupted while connecting through the proxy %s", p->name);
        if (error == -ETIMEDOUT)
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, error, true, "the proxy %s does not answer in time", p->name);
        if (error == -ECONNRESET || error == -EPIPE)
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, error, true, "the proxy %s has closed the connection", p->name);
        return kftp_failure_set(f, KFTP_CLASS_NETWORK, error, true, "the proxy %s: %s", p->name, strerror(-error));
}

/* ---- The URL --------------------------------------------------------------------------------- */

static int refuse(char **reason, const char *text) {
        if (reason)
                *reason = strdup(text);
        return -EINVAL;
}

/* Where the host's part begins; the scheme decides about the kind. */
static int take_scheme(const char *text, enum kftp_proxy_kind *kind, const char **rest, char **reason) {
        static const struct {
                const char *scheme;
                enum kftp_proxy_kind kind;
        } schemes[] = {
                { "http://",    KFTP_PROXY_HTTP   },
                { "socks5://",  KFTP_PROXY_SOCKS5 },
                { "socks5h://", KFTP_PROXY_SOCKS5 },
        };

        for (size_t i = 0; i < ELEMENTS(schemes); i++)
                if (strncasecmp(text, schemes[i].scheme, strlen(schemes[i].scheme)) == 0) {
                        *kind = schemes[i].kind;
                        *rest = text + strlen(schemes[i].scheme);
                        return 0;
                }
        if (strstr(text, "://"))
                return refuse(reason, "only http:// and socks5:// proxies are supported");
        *kind = KFTP_PROXY_HTTP;
        *rest = text;
        return 0;
}

/* What is common to it and an FTP URL: the authority. */
static int parse_authority(const char *text, KftpUrl *ret, bool *has_port, char **reason) {
        size_t n = strcspn(text, "/?#");
        const char *at = memrchr(text, '@', n), *end = text + n, *digits = end;
        _cleanup_free_ char *url = NULL;

        if (at && memchr(text, ':', (size_t) (at - text)))
                return refuse(reason, "a proxy's URL must not carry a password: use --proxy-password-file=FILE, or a netrc entry for the proxy's host");
        if (*end == '/' ? end[1] : *end)
                return refuse(reason, "nothing can stand behind a proxy's host and port");
        while (digits > text && digits[-1] >= '0' && digits[-1] <= '9')
                digits--;
        *has_port = digits > text && digits < end && digits[-1] == ':';
        if (asprintf(&url, "ftp://%.*s/", (int) n, text) < 0) {
                url = NULL;
                return -ENOMEM;
        }
        return kftp_url_parse(url, ret, reason);
}

int kftp_proxy_parse(const char *text, KftpProxy **ret, char **reason) {
        KftpProxy *p = calloc(1, sizeof(*p));
        KftpUrl url = {};
        const char *rest;
        bool has_port;
        int r;

        if (!p)
                return -ENOMEM;
        if (reason)
                *reason = NULL;
        r = take_scheme(text, &p->kind, &rest, reason);
        if (r >= 0)
                r = parse_authority(rest, &url, &has_port, reason);
        if (r >= 0) {
                _cleanup_free_ char *host_port = NULL;

                if (!has_port)
                        url.port = PORT_DEFAULT;
                p->port = url.port;
                host_port = kftp_url_host_port(&url);
                if (!host_port || asprintf(&p->name, "%s://%s", p->kind == KFTP_PROXY_HTTP ? "http" : "socks5", host_port) < 0) {
                        p->name = NULL;
                        r = -ENOMEM;
                }
                p->host = STEAL_PTR(url.host);
                p->user = STEAL_PTR(url.user);
                kftp_url_done(&url);
        }
        if (r < 0) {
                kftp_proxy_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

/* ---- The environment ------------------------------------------------------------------------- */

static bool prefix_matches(const struct kftp_addr *a, const struct kftp_addr *b, unsigned bits) {
        unsigned whole = bits / 8, rest = bits % 8;

        if (a->family != b->family || memcmp(a->addr, b->addr, whole) != 0)
                return false;
        return rest == 0 || ((a->addr[whole] ^ b->addr[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

/* ADDRESS or ADDRESS/BITS */
static bool address_matches(char *entry, const struct kftp_addr *host) {
        unsigned most = host->family == AF_INET ? 32 : 128, bits = most;
        char *slash = strchr(entry, '/'), *end;
        struct kftp_addr a;

        if (slash) {
                bits = (unsigned) strtoul(slash + 1, &end, 10);
                if (slash[1] < '0' || slash[1] > '9' || *end || bits > most)
                        return false;
                *slash = '\0';
        }
        if (*entry == '[' && entry[strlen(entry) - 1] == ']') {
                entry[strlen(entry) - 1] = '\0';
                entry++;
        }
        return kftp_address_parse(entry, &a) >= 0 && prefix_matches(&a, host, bits);
}

/* The name itself, or the domain that it ends with. */
static bool name_matches(const char *entry, const char *host) {
        size_t n_host = strlen(host), n;

        entry += *entry == '.';
        n = strlen(entry);
        n -= n > 0 && entry[n - 1] == '.';
        n_host -= n_host > 0 && host[n_host - 1] == '.';
        if (n == 0 || n > n_host || strncasecmp(host + n_host - n, entry, n) != 0)
                return false;
        return n == n_host || host[n_host - n - 1] == '.';
}

bool kftp_proxy_exempt(const char *no_proxy, const char *host) {
        _cleanup_free_ char *list = strdup(no_proxy);
        struct kftp_addr address;
        bool is_address = kftp_address_parse(host, &address) >= 0;
        char *state = NULL;

        if (!list)
                return false;
        if (streq(no_proxy, "*"))
                return true;
        for (char *entry = strtok_r(list, ", \t", &state); entry; entry = strtok_r(NULL, ", \t", &state))
                if (is_address ? address_matches(entry, &address) : name_matches(entry, host))
                        return true;
        return false;
}

/* An empty variable is as good as none. */
static const char *first_variable(const char *const *names, const char **ret_name) {
        for (; *names; names++) {
                const char *value = getenv(*names);

                if (value && *value) {
                        if (ret_name)
                                *ret_name = *names;
                        return value;
                }
        }
        return NULL;
}

bool kftp_proxy_exempt_by_environment(const char *host) {
        static const char *const names[] = { "no_proxy", "NO_PROXY", NULL };
        const char *no_proxy = first_variable(names, NULL);

        return no_proxy && kftp_proxy_exempt(no_proxy, host);
}

int kftp_proxy_from_environment(KftpProxy **ret, char **reason) {
        static const char *const names[] = { "ftp_proxy", "FTP_PROXY", "all_proxy", "ALL_PROXY", NULL };
        _cleanup_free_ char *why = NULL;
        const char *name = NULL, *text = first_variable(names, &name);
        int r;

        *ret = NULL;
        if (reason)
                *reason = NULL;
        if (!text)
                return 0;
        r = kftp_proxy_parse(text, ret, &why);
        if (r >= 0)
                return 1;
        if (reason && why && asprintf(reason, "%s in the environment: %s", name, why) < 0)
                *reason = NULL;
        return r;
}
