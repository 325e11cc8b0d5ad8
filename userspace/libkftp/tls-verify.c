// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whether the server is whom it should be: its certificate against the roots, the host's name and the pin. Asked for
 * by the handshake as soon as the certificate is there, so that a server that is refused learns nothing of us. All
 * that is wrong with it is told in one line, and what to do about the first thing.
 */

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "tls-internal.h"
#include "utf8.h"

#define NAMES_SHOWN 5
#define ISSUER_SHOWN 200                /* bytes: a certificate may have any number of them */

typedef struct Certificate {
        gnutls_x509_crt_t crt;
        unsigned char key[KFTP_TLS_PIN_SIZE];
        char *pin;                      /* the same as a pin */
        unsigned status;                /* GNUTLS_CERT_* */
} Certificate;

static void certificate_done(Certificate *c) {
        if (c->crt)
                gnutls_x509_crt_deinit(c->crt);
        free(c->pin);
}

/* ---- What it says ---------------------------------------------------------------------------- */

static int hash_key(Certificate *c) {
        gnutls_datum_t der = {};
        gnutls_pubkey_t key;
        int r = gnutls_pubkey_init(&key);

        if (r < 0)
                return r;
        r = gnutls_pubkey_import_x509(key, c->crt, 0);
        if (r >= 0)
                r = gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der);
        if (r >= 0)
                r = gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size, c->key);
        gnutls_free(der.data);
        gnutls_pubkey_deinit(key);
        return r;
}

static int read_certificate(gnutls_session_t session, Certificate *c) {
        unsigned n = 0;
        const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
        int r;

        if (!chain || n == 0)
                return GNUTLS_E_NO_CERTIFICATE_FOUND;
        r = gnutls_x509_crt_init(&c->crt);
        if (r >= 0)
                r = gnutls_x509_crt_import(c->crt, &chain[0], GNUTLS_X509_FMT_DER);
        if (r >= 0)
                r = hash_key(c);
        if (r >= 0)
                c->pin = kftp_tls_pin_format(c->key);
        return r;
}

/* The host as a certificate has it: no zone of an address, no dot at the end. Allocated. */
static char *certified_name(const char *host) {
        size_t n = strchr(host, ':') ? strcspn(host, "%") : strlen(host);

        return strndup(host, n > 1 && host[n - 1] == '.' ? n - 1 : n);
}

static int check(gnutls_session_t session, const KftpTls *t, Certificate *c) {
        _cleanup_free_ char *name = certified_name(t->host);
        gnutls_typed_vdata_st wanted[] = {
                { .type = GNUTLS_DT_DNS_HOSTNAME,    .data = (unsigned char *) name },
                { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *) GNUTLS_KP_TLS_WWW_SERVER },
        };

        if (!name)
                return GNUTLS_E_MEMORY_ERROR;
        return gnutls_certificate_verify_peers(session, wanted, ELEMENTS(wanted), &c->status);
}

/* ---- What is wrong with it --------------------------------------------------------------------- */

static void put_time(FILE *out, const char *what, time_t t) {
        char text[sizeof("2026-11-01 12:00 UTC") + 16];
        struct tm tm;

        if (gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm) > 0)
                fprintf(out, "%s %s", what, text);
        else
                fputs(what, out);
}

/* One of its names, n counted from 0: false if there are no more. */
static bool put_name(FILE *out, gnutls_x509_crt_t crt, unsigned n, unsigned *shown) {
        char name[256], text[INET6_ADDRSTRLEN];
        size_t size = sizeof(name) - 1;
        int r = gnutls_x509_crt_get_subject_alt_name(crt, n, name, &size, NULL);
        const char *what = NULL;

        if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                return false;
        if (r == GNUTLS_SAN_DNSNAME) {
                name[size] = '\0';
                what = name;
        } else if (r == GNUTLS_SAN_IPADDRESS && (size == 4 || size == 16))
                what = inet_ntop(size == 4 ? AF_INET : AF_INET6, name, text, sizeof(text));
        if (what) {
                fprintf(out, "%s%s", *shown > 0 ? ", " : "", what);
                ++*shown;
        }
        return true;
}

static void put_names(FILE *out, gnutls_x509_crt_t crt) {
        unsigned shown = 0;
        bool more = true;
        char name[256];
        size_t size = sizeof(name);

        for (unsigned i = 0; i < 1000 && more && shown < NAMES_SHOWN; i++)
                more = put_name(out, crt, i, &shown);
        if (shown == NAMES_SHOWN && more)
                fputs(", ...", out);
        if (shown > 0)
                return;
        if (gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) >= 0)
                fputs(name, out);
        else
                fputs("no name at all", out);
}

static void put_issuer(FILE *out, gnutls_x509_crt_t crt) {
        gnutls_datum_t dn = {};
        size_t n;

        if (gnutls_x509_crt_check_issuer(crt, crt) > 0) {
                fputs("is self-signed", out);
                return;
        }
        if (gnutls_x509_crt_get_issuer_dn3(crt, &dn, 0) < 0)
                dn = (gnutls_datum_t) {};
        n = kftp_utf8_fit((char *) dn.data, dn.size, ISSUER_SHOWN);
        fprintf(out, "was issued by \"%.*s%s\", who is not trusted here", (int) n, dn.data ? (char *) dn.data : "", n < dn.size ? "..." : "");
        gnutls_free(dn.data);
}

#define FLAWS_DATE (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)
#define FLAWS_ISSUER (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA)

/* GnuTLS does not look at the dates if the issuer is unknown. */
static void put_dates(FILE *out, const Certificate *c, const char **separator) {
        time_t now = time(NULL), from = gnutls_x509_crt_get_activation_time(c->crt), to = gnutls_x509_crt_get_expiration_time(c->crt);

        if (to != (time_t) -1 && to < now) {
                fputs(*separator, out);
                put_time(out, "has expired on", to);
        } else if (from != (time_t) -1 && from > now) {
                fputs(*separator, out);
                put_time(out, "is not valid before", from);
        } else if (c->status & FLAWS_DATE)
                fprintf(out, "%shas an issuer whose certificate %s", *separator,
                        c->status & GNUTLS_CERT_EXPIRED ? "has expired" : "is not valid yet");
        else
                return;
        *separator = " and ";
}

/* All that is wrong, but for what it is wrong with. Allocated. */
static char *describe(const KftpTls *t, const Certificate *c) {
        static const struct {
                unsigned flaw;
                const char *text;
        } plain[] = {
                { GNUTLS_CERT_REVOKED,                      "has been revoked" },
                { GNUTLS_CERT_SIGNATURE_FAILURE,            "has a forged signature" },
                { GNUTLS_CERT_INSECURE_ALGORITHM,           "is signed by an algorithm that is too weak" },
                { GNUTLS_CERT_PURPOSE_MISMATCH,             "is not for servers" },
                { GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE,   "goes beyond what its issuer may certify" },
        };
        const char *separator = "";
        char *text = NULL;
        size_t n;
        FILE *out = open_memstream(&text, &n);

        if (!out)
                return NULL;
        if (c->status & FLAWS_ISSUER) {
                put_issuer(out, c->crt);
                separator = " and ";
        }
        for (size_t i = 0; i < ELEMENTS(plain); i++)
                if (c->status & plain[i].flaw) {
                        fprintf(out, "%s%s", separator, plain[i].text);
                        separator = " and ";
                }
        put_dates(out, c, &separator);
        if (c->status & GNUTLS_CERT_UNEXPECTED_OWNER) {
                fprintf(out, "%sis not for \"%s\" but for ", separator, t->host);
                put_names(out, c->crt);
                separator = " and ";
        }
        if (!*separator) {
                gnutls_datum_t said = {};

                if (gnutls_certificate_verification_status_print(c->status, GNUTLS_CRT_X509, &said, 0) >= 0)
                        fprintf(out, "is not valid: %.*s", (int) said.size, said.data);
                gnutls_free(said.data);
        }
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* What the one who reads it can do about it. */
static const char *advice(const Certificate *c) {
        if (c->status & FLAWS_ISSUER)
                return gnutls_x509_crt_check_issuer(c->crt, c->crt) > 0
                        ? "; if it is the right one, save it to a file and name that with --ca=FILE (in a job file CAFile=)"
                        : "; if you trust the issuer, name a file with its certificate with --ca=FILE (in a job file CAFile=)";
        if (c->status & FLAWS_DATE)
                return "; is the clock of this machine right?";
        if (c->status & GNUTLS_CERT_UNEXPECTED_OWNER)
                return "; use one of these names in the URL, if that is the server you mean";
        return "";
}

/* ---- The verdict ------------------------------------------------------------------------------- */

static _printf_(2, 3) int refuse(const KftpTlsPeer *p, const char *format, ...) {
        KftpTls *t = p->tls;
        _cleanup_free_ char *text = NULL;
        char where[512];
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        t->refused = true;
        (void) kftp_failure_set(&t->failure, KFTP_CLASS_TLS, -EACCES, false, "%s: %s", kftp_tls_where(p, where, sizeof(where)), strempty(text));
        return -1;
}

static int wrong_pin(const KftpTlsPeer *p, const Certificate *c) {
        return refuse(p, "its key is not the pinned one but %s: if it has been changed for good, and you know so from somebody else "
                      "than this server, use this pin", strempty(c->pin));
}

/* Nothing but what was seen on the control connection tells who is there. */
static int check_same(const KftpTlsPeer *p, const Certificate *c) {
        const KftpTls *t = p->tls;

        if (t->has_key && memcmp(t->key, c->key, sizeof(t->key)) != 0)
                return refuse(p, "its key (%s) is another one than that of the control connection", strempty(c->pin));
        return 0;
}

static void warn(const KftpTlsPeer *p, const Certificate *c) {
        const KftpTls *t = p->tls;
        _cleanup_free_ char *flaws = describe(t, c), *text = NULL, *escaped = NULL;

        if (!t->callbacks->note || asprintf(&text, "%s is NOT VERIFIED (insecure): its certificate %s; it may be anybody. Its key is %s",
                                            t->remote, strempty(flaws), strempty(c->pin)) < 0) {
                text = NULL;
                return;
        }
        escaped = kftp_escape(text, strlen(text));
        t->callbacks->note(t->callbacks->userdata, strempty(escaped));
}

static int judge(gnutls_session_t session, const KftpTlsPeer *p, Certificate *c) {
        const KftpTls *t = p->tls;
        const KftpTlsOptions *o = t->options;
        _cleanup_free_ char *flaws = NULL;
        int r;

        if (o->pin && !kftp_tls_pin_matches(o->pin, c->key))
                return wrong_pin(p, c);
        if (o->pin && o->insecure)
                return 0;
        if (o->insecure && p->channel == KFTP_ROLE_DATA)
                return check_same(p, c);
        r = check(session, t, c);
        if (r < 0)
                return refuse(p, "its certificate cannot be verified: %s", gnutls_strerror(r));
        if (c->status == 0)
                return 0;
        if (o->insecure) {
                warn(p, c);
                return 0;
        }
        flaws = describe(t, c);
        return refuse(p, "its certificate %s%s", strempty(flaws), advice(c));
}

int kftp_tls_verify(gnutls_session_t session) {
        KftpTlsPeer *p = gnutls_session_get_ptr(session);
        KftpTls *t = p->tls;
        _cleanup_(certificate_done) Certificate c = {};
        int r = read_certificate(session, &c);

        if (r < 0)
                return refuse(p, "its certificate cannot be read: %s", gnutls_strerror(r));
        r = judge(session, p, &c);
        if (r >= 0 && p->channel == KFTP_ROLE_CONTROL) {
                memcpy(t->key, c.key, sizeof(t->key));
                t->has_key = true;
        }
        return r;
}
