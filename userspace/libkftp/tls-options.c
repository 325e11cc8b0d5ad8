// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a caller asks of TLS, checked, and what it is told: how mode and URL go together, pins, and the text for a
 * connection's state.
 */

#include <gnutls/gnutls.h>
#include <stdarg.h>

#include "tls-internal.h"

#define PORT_FTPS 990
#define PIN_PREFIX "sha256//"

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

int kftp_tls_resolve(KftpUrl *url, enum kftp_tls_mode *mode, bool chosen, char **reason) {
        if (reason)
                *reason = NULL;
        if (url->implicit_tls && *mode == KFTP_TLS_OPPORTUNISTIC)
                return refuse(reason, "ftps:// is encrypted from the first byte on, which cannot be left to the server: "
                                      "--tls=auto goes with ftp:// only (in a job file TLS=auto)");
        if (url->implicit_tls && *mode == KFTP_TLS_NONE && chosen)
                return refuse(reason, "ftps:// is encrypted from the first byte on: --tls=no goes with ftp:// only (in a job file TLS=no)");
        if (*mode == KFTP_TLS_IMPLICIT && !url->implicit_tls) {
                url->implicit_tls = true;
                if (!url->has_port)
                        url->port = PORT_FTPS;
        }
        if (url->implicit_tls)
                *mode = KFTP_TLS_IMPLICIT;
        return 0;
}

/* ---- Pins ------------------------------------------------------------------------------------ */

/* The next of the pins in *text, which is moved behind it: 1, 0 if there is none any more, or -EINVAL. */
static int next_pin(const char **text, unsigned char ret[KFTP_TLS_PIN_SIZE], char **reason) {
        size_t n = strcspn(*text, ";");
        gnutls_datum_t encoded, key = {};
        int r;

        if (n == 0 && **text == '\0')
                return 0;
        if (n <= strlen(PIN_PREFIX) || !startswith(*text, PIN_PREFIX))
                return refuse(reason, "\"%.*s\": a pin begins with " PIN_PREFIX ", and the key's SHA-256 in base64 follows",
                              (int) MIN2(n, (size_t) 100), *text);
        encoded = (gnutls_datum_t) { .data = (unsigned char *) *text + strlen(PIN_PREFIX), .size = (unsigned) (n - strlen(PIN_PREFIX)) };
        r = gnutls_base64_decode2(&encoded, &key);
        if (r >= 0 && key.size == KFTP_TLS_PIN_SIZE)
                memcpy(ret, key.data, KFTP_TLS_PIN_SIZE);
        else
                r = refuse(reason, "\"%.*s\": %s", (int) MIN2(n, (size_t) 100), *text,
                           r < 0 ? "this is not base64" : "a pin has 32 bytes, that is 44 characters of base64");
        gnutls_free(key.data);
        if (r < 0)
                return r;
        *text += n;
        *text += **text == ';';
        return 1;
}

int kftp_tls_pin_check(const char *text, char **reason) {
        unsigned char pin[KFTP_TLS_PIN_SIZE];
        unsigned n = 0;
        int r;

        if (reason)
                *reason = NULL;
        while ((r = next_pin(&text, pin, reason)) > 0)
                n++;
        if (r < 0)
                return r;
        return n > 0 ? 0 : refuse(reason, "there is no pin in it");
}

bool kftp_tls_pin_matches(const char *text, const unsigned char key[KFTP_TLS_PIN_SIZE]) {
        unsigned char pin[KFTP_TLS_PIN_SIZE];

        while (next_pin(&text, pin, NULL) > 0)
                if (memcmp(pin, key, KFTP_TLS_PIN_SIZE) == 0)
                        return true;
        return false;
}

char *kftp_tls_pin_format(const unsigned char key[KFTP_TLS_PIN_SIZE]) {
        gnutls_datum_t raw = { .data = (unsigned char *) key, .size = KFTP_TLS_PIN_SIZE }, encoded = {};
        char *text;

        if (gnutls_base64_encode2(&raw, &encoded) < 0)
                return NULL;
        if (asprintf(&text, PIN_PREFIX "%.*s", (int) encoded.size, encoded.data) < 0)
                text = NULL;
        gnutls_free(encoded.data);
        return text;
}

/* ---- All options, before anything is connected ------------------------------------------------ */

int kftp_tls_check(const KftpTlsOptions *o, KftpFailure *f) {
        _cleanup_(kftp_tls_trust_putp) KftpTlsTrust *trust = NULL;
        _cleanup_free_ char *reason = NULL;

        if (o->pin && kftp_tls_pin_check(o->pin, &reason) < 0)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "the pin: %s", strempty(reason));
        if (o->min_version != 0 && o->min_version != KFTP_TLS_1_2 && o->min_version != KFTP_TLS_1_3)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "the lowest version of TLS can be 1.2 or 1.3");
        if (o->key_file && !o->certificate_file)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                        "%s: a key is of use with its certificate only: --cert=FILE (in a job file CertificateFile=)", o->key_file);
        return kftp_tls_trust_get(o, &trust, f);
}

/* ---- What is told of a connection ------------------------------------------------------------- */

/* IANA's numbers, which GnuTLS does not give for a session, of the suites that the kernel takes. */
static const struct {
        uint16_t number;
        const char *name;
} suites[] = {
        { 0x1301, "TLS_AES_128_GCM_SHA256" },
        { 0x1302, "TLS_AES_256_GCM_SHA384" },
        { 0x1303, "TLS_CHACHA20_POLY1305_SHA256" },
        { 0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256" },
        { 0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384" },
        { 0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256" },
        { 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
        { 0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" },
        { 0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" },
        { 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
        { 0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" },
        { 0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" },
};

uint16_t kftp_tls_suite(const char *name) {
        for (size_t i = 0; i < ELEMENTS(suites); i++)
                if (streq(suites[i].name, strempty(name)))
                        return suites[i].number;
        return 0;
}

char *kftp_tls_format(const KftpTlsState *s) {
        char number[sizeof("0xffff")];
        const char *name = number;
        char *text;

        if (s->version == 0)
                return strdup("none");
        (void) snprintf(number, sizeof(number), "0x%04x", s->cipher);
        for (size_t i = 0; i < ELEMENTS(suites); i++)
                if (suites[i].number == s->cipher)
                        name = suites[i].name;
        return asprintf(&text, "TLS1.%u %s%s", (s->version & 0xffU) - 1, name, s->resumed ? " resumed" : "") < 0 ? NULL : text;
}
