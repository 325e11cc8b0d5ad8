// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * FTP URLs (RFC 1738 section 3.2, RFC 3986, RFC 6874) taken apart and checked. liburiparser knows the
 * syntax; here is what it means for FTP, and what is refused: passwords, and bytes that would end
 * a command or that the device does not take.
 */

#include <ctype.h>
#include <stdarg.h>
#include <strings.h>
#include <uriparser/Uri.h>

#include "url.h"
#include "util.h"

#define PORT_FTP 21
#define PORT_FTPS 990
#define HOST_MAX 255                    /* RFC 1035 section 2.3.4 */

/* Fills *reason; always -EINVAL. */
static _printf_(2, 3) int refuse(char **reason, const char *format, ...) {
        va_list ap;

        if (reason) {
                va_start(ap, format);
                if (vasprintf(reason, format, ap) < 0)
                        *reason = NULL;
                va_end(ap);
        }
        return -EINVAL;
}

static int hex_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char) (c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in place. The result must not hold control bytes: they could end a command. */
static int decode(char *text, const char *what, char **reason) {
        char *out = text;

        for (const char *p = text; *p; p++) {
                unsigned char c = (unsigned char) *p;

                if (c == '%') {
                        if (hex_value(p[1]) < 0 || hex_value(p[2]) < 0)
                                return refuse(reason, "the %s has a %% without two hexadecimal digits: write %% itself as %%25", what);
                        c = (unsigned char) (hex_value(p[1]) << 4 | hex_value(p[2]));
                        p += 2;
                }
                if (c < 0x20 || c == 0x7f)
                        return refuse(reason, "the %s contains the control character %%%02X, which FTP cannot carry", what, c);
                *out++ = (char) c;
        }
        *out = '\0';
        return 0;
}

static char *range_dup(const UriTextRangeA *range) {
        return range->first ? strndup(range->first, (size_t) (range->afterLast - range->first)) : strdup("");
}

/*
 * What can be told before the syntax is looked at: the scheme, a password, and a port that is none.
 * The authority ends at the first slash; a password in it must not get as far as an error message.
 */
static int check_outline(const char *text, KftpUrl *u, const char **authority, char **reason) {
        const char *at, *port;
        size_t n;

        if (strncasecmp(text, "ftp://", 6) == 0)
                *authority = text + 6;
        else if (strncasecmp(text, "ftps://", 7) == 0) {
                *authority = text + 7;
                u->implicit_tls = true;
        } else
                return refuse(reason, strstr(text, "://") ? "only ftp:// and ftps:// URLs are supported"
                                                          : "not a URL: it has to begin with ftp://");

        n = strcspn(*authority, "/?#");
        at = memrchr(*authority, '@', n);
        if (at && memchr(*authority, ':', (size_t) (at - *authority)))
                return refuse(reason, "a URL must not carry a password, other users could see it: "
                                      "use --password-file=FILE (in a job file PasswordFile=)");
        port = memrchr(*authority, ':', n);
        if (port && !memchr(port, ']', (size_t) (*authority + n - port))
            && port + 1 + strspn(port + 1, "0123456789") != *authority + n)
                return refuse(reason, "the port is not a number");
        return 0;
}

/*
 * Makes text fit for the parser: bytes above 127, which people type, are percent-encoded, and the
 * zone of an IPv6 address ("[fe80::1%25eth0]", or with a bare %), which it does not know, is taken out.
 */
static int normalize(const char *text, const char *authority, char **ret, char **zone, char **reason) {
        const char *end = authority + strcspn(authority, "/?#"), *open, *percent = NULL, *close = NULL;
        char *out;

        open = memchr(authority, '[', (size_t) (end - authority));
        if (open)
                close = memchr(open, ']', (size_t) (end - open));
        if (close)
                percent = memchr(open, '%', (size_t) (close - open));
        if (percent) {
                const char *name = percent + (startswith(percent, "%25") ? 3 : 1);

                if (name == close)
                        return refuse(reason, "the zone of the IPv6 address is empty");
                for (const char *p = name; p < close; p++)
                        if ((unsigned char) *p <= 0x20 || *p == 0x7f)
                                return refuse(reason, "the zone of the IPv6 address contains a space or a control character");
                *zone = strndup(name, (size_t) (close - name));
                if (!*zone)
                        return -ENOMEM;
        }

        *ret = out = malloc(3 * strlen(text) + 1);
        if (!out)
                return -ENOMEM;
        for (const char *p = text; *p; p++) {
                unsigned char c = (unsigned char) *p;

                if (percent && p == percent)
                        p = close, c = ']';
                if (c <= 0x20 || c == 0x7f)
                        return refuse(reason, "a %s in a URL is written as %%%02X", c == ' ' ? "space" : "control character", c);
                if (c & 0x80)
                        out += sprintf(out, "%%%02X", c);
                else
                        *out++ = (char) c;
        }
        *out = '\0';
        return 0;
}

static int take_user(const UriUriA *uri, KftpUrl *u, char **reason) {
        int r;

        if (!uri->userInfo.first)
                return 0;
        u->user = range_dup(&uri->userInfo);
        if (!u->user)
                return -ENOMEM;
        r = decode(u->user, "user name", reason);
        if (r < 0)
                return r;
        if (!*u->user)
                return refuse(reason, "the user name before the @ is empty");
        if (strlen(u->user) > KFTP_MAX_CREDENTIAL)
                return refuse(reason, "the user name is longer than %d bytes", KFTP_MAX_CREDENTIAL);
        return 0;
}

static int take_host(const UriUriA *uri, const char *zone, KftpUrl *u, char **reason) {
        int r;

        if (uri->hostData.ipFuture.first)
                return refuse(reason, "the address in brackets is no IPv6 address");
        u->host = range_dup(&uri->hostText);
        if (!u->host)
                return -ENOMEM;
        r = decode(u->host, "host name", reason);
        if (r < 0)
                return r;
        if (!*u->host)
                return refuse(reason, "the host name is missing");
        if (strpbrk(u->host, " /\\@%"))
                return refuse(reason, "the host name contains a character that no host name has");
        if (zone) {
                char *zoned = NULL;

                if (asprintf(&zoned, "%s%%%s", u->host, zone) < 0)
                        return -ENOMEM;
                free(u->host);
                u->host = zoned;
        }
        if (strlen(u->host) > HOST_MAX)
                return refuse(reason, "the host name is longer than %d bytes", HOST_MAX);
        return 0;
}

static int take_port(const UriUriA *uri, KftpUrl *u, char **reason) {
        unsigned long port = 0;

        u->port = u->implicit_tls ? PORT_FTPS : PORT_FTP;
        if (!uri->portText.first || uri->portText.first == uri->portText.afterLast)
                return 0;
        for (const char *p = uri->portText.first; p < uri->portText.afterLast && port <= UINT16_MAX; p++)
                port = port * 10 + (unsigned long) (*p - '0');
        if (port == 0 || port > UINT16_MAX)
                return refuse(reason, "the port is not between 1 and 65535");
        u->port = (uint16_t) port;
        u->has_port = true;
        return 0;
}

/* ";type=i" at the end says what we do anyway; ASCII transfers and listings are no files byte for byte. */
static int strip_type(char *path, char **reason) {
        size_t n = strlen(path);

        if (n < 7 || strncasecmp(path + n - 7, ";type=", 6) != 0)
                return 0;
        if (tolower((unsigned char) path[n - 1]) != 'i')
                return refuse(reason, "';type=%c' is not supported, only ';type=i' is", path[n - 1]);
        path[n - 7] = '\0';
        return 0;
}

/* The parts of the path joined again; a query has no meaning in FTP, "?" belongs to the name. */
static char *raw_path(const UriUriA *uri) {
        char *path = NULL;
        size_t n;
        FILE *f = open_memstream(&path, &n);

        if (!f)
                return NULL;
        for (const UriPathSegmentA *s = uri->pathHead; s; s = s->next)
                fprintf(f, "%s%.*s", s == uri->pathHead ? "" : "/", (int) (s->text.afterLast - s->text.first), s->text.first);
        if (uri->query.first)
                fprintf(f, "?%.*s", (int) (uri->query.afterLast - uri->query.first), uri->query.first);
        if (fclose(f) != 0) {
                free(path);
                return NULL;
        }
        return path;
}

static int take_path(const UriUriA *uri, KftpUrl *u, char **reason) {
        const char *slash;
        int r;

        if (uri->fragment.first)
                return refuse(reason, "a # in a path is written as %%23");
        u->path = raw_path(uri);
        if (!u->path)
                return -ENOMEM;
        r = strip_type(u->path, reason);
        if (r < 0)
                return r;
        r = decode(u->path, "path", reason);
        if (r < 0)
                return r;
        if (strlen(u->path) > KFTP_MAX_PATH)
                return refuse(reason, "the path is longer than %d bytes", KFTP_MAX_PATH);
        slash = strrchr(u->path, '/');
        u->base = strdup(slash ? slash + 1 : u->path);
        return u->base ? 0 : -ENOMEM;
}

static int take_apart(const char *text, const char *zone, KftpUrl *u, char **reason) {
        const char *offence = NULL;
        UriUriA uri = {};
        int r;

        r = uriParseSingleUriExA(&uri, text, text + strlen(text), &offence);
        if (r == URI_ERROR_MALLOC)
                return -ENOMEM;
        if (r != URI_SUCCESS) {
                if (offence && *offence && *offence != '%')
                        return refuse(reason, "the character '%c' may not stand where it does: write it as %%%02X",
                                      *offence, (unsigned char) *offence);
                return refuse(reason, "its syntax is wrong: see kftp(1)");
        }
        r = take_user(&uri, u, reason);
        if (r >= 0)
                r = take_host(&uri, zone, u, reason);
        if (r >= 0)
                r = take_port(&uri, u, reason);
        if (r >= 0)
                r = take_path(&uri, u, reason);
        uriFreeUriMembersA(&uri);
        return r;
}

int kftp_url_parse(const char *text, KftpUrl *ret, char **reason) {
        _cleanup_free_ char *normal = NULL, *zone = NULL;
        const char *authority = text;
        KftpUrl u = {};
        int r;

        *ret = (KftpUrl) {};
        if (reason)
                *reason = NULL;

        r = check_outline(text, &u, &authority, reason);
        if (r >= 0)
                r = normalize(text, authority, &normal, &zone, reason);
        if (r >= 0)
                r = take_apart(normal, zone, &u, reason);
        if (r < 0) {
                kftp_url_done(&u);
                return r;
        }
        *ret = u;
        return 0;
}

void kftp_url_done(KftpUrl *u) {
        free(u->user);
        free(u->host);
        free(u->path);
        free(u->base);
        *u = (KftpUrl) {};
}

static void put_encoded(FILE *f, const char *text, const char *also) {
        for (; *text; text++) {
                unsigned char c = (unsigned char) *text;

                if (isascii(c) && (isalnum(c) || strchr("-._~", c) || strchr(also, c)))
                        fputc(c, f);
                else
                        fprintf(f, "%%%02X", c);
        }
}

bool kftp_url_is_protected(const KftpUrl *url, const KftpTlsOptions *tls) {
        bool always = url->implicit_tls || tls->mode == KFTP_TLS_REQUIRED || tls->mode == KFTP_TLS_IMPLICIT;

        return always && (!tls->insecure || tls->pin);
}

char *kftp_url_identity(const KftpUrl *url, const KftpOptions *options) {
        const char *user = options->user ?: url->user ?: "anonymous";
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        if (!f)
                return NULL;
        fputs(url->implicit_tls ? "ftps://" : "ftp://", f);
        put_encoded(f, user, "");
        fputc('@', f);
        for (const char *p = url->host; *p; p++)
                fputc(tolower((unsigned char) *p), f);
        fprintf(f, ":%u/", url->port);
        put_encoded(f, url->path, "/");
        if (kftp_url_is_protected(url, &options->tls))
                fputs("#tls", f);
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

char *kftp_url_host_port(const KftpUrl *url) {
        bool literal = strchr(url->host, ':');
        char *text;

        return asprintf(&text, "%s%s%s:%u", literal ? "[" : "", url->host, literal ? "]" : "", url->port) < 0 ? NULL : text;
}
