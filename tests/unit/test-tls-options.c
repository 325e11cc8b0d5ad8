/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of TLS and told of it, as text and as numbers: modes and URLs, pins, suites. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls-internal.h"
#include "util.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void test_modes(void **state) {
        static const struct {
                const char *url;
                enum kftp_tls_mode mode;
                bool chosen;
                enum kftp_tls_mode result;
                bool refused;
                unsigned port;
        } cases[] = {
                { "ftp://h/",      KFTP_TLS_NONE,          false, KFTP_TLS_NONE,          false, 21 },
                { "ftp://h/",      KFTP_TLS_NONE,          true,  KFTP_TLS_NONE,          false, 21 },
                { "ftp://h/",      KFTP_TLS_OPPORTUNISTIC, true,  KFTP_TLS_OPPORTUNISTIC, false, 21 },
                { "ftp://h/",      KFTP_TLS_REQUIRED,      true,  KFTP_TLS_REQUIRED,      false, 21 },
                { "ftp://h/",      KFTP_TLS_IMPLICIT,      true,  KFTP_TLS_IMPLICIT,      false, 990 },
                { "ftp://h:21/",   KFTP_TLS_IMPLICIT,      true,  KFTP_TLS_IMPLICIT,      false, 21 },
                { "ftps://h/",     KFTP_TLS_NONE,          false, KFTP_TLS_IMPLICIT,      false, 990 },
                { "ftps://h:21/",  KFTP_TLS_NONE,          false, KFTP_TLS_IMPLICIT,      false, 21 },
                { "ftps://h/",     KFTP_TLS_REQUIRED,      true,  KFTP_TLS_IMPLICIT,      false, 990 },
                { "ftps://h/",     KFTP_TLS_IMPLICIT,      true,  KFTP_TLS_IMPLICIT,      false, 990 },
                { "ftps://h/",     KFTP_TLS_NONE,          true,  0,                      true,  0 },
                { "ftps://h/",     KFTP_TLS_OPPORTUNISTIC, true,  0,                      true,  0 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                enum kftp_tls_mode mode = cases[i].mode;
                _cleanup_free_ char *reason = NULL;
                KftpUrl url;
                int r;

                assert_int_equal(kftp_url_parse(cases[i].url, &url, NULL), 0);
                r = kftp_tls_resolve(&url, &mode, cases[i].chosen, &reason);
                assert_int_equal(r, cases[i].refused ? -EINVAL : 0);
                assert_int_equal(reason != NULL, cases[i].refused);
                if (r >= 0) {
                        assert_int_equal(mode, cases[i].result);
                        assert_int_equal(url.port, cases[i].port);
                        assert_int_equal(url.implicit_tls, mode == KFTP_TLS_IMPLICIT);
                        /* what agrees goes on agreeing */
                        assert_int_equal(kftp_tls_resolve(&url, &mode, true, NULL), 0);
                        assert_int_equal(url.port, cases[i].port);
                }
                kftp_url_done(&url);
        }
}

static void test_pins(void **state) {
        static const char *const good[] = {
                "sha256//" KEY, "sha256//" KEY ";sha256//" KEY, "sha256//" KEY ";",
        };
        static const char *const bad[] = {
                "", ";", KEY, "sha1//" KEY, "sha256//", "sha256//AAAA", "sha256//" KEY ";x", "sha256//" KEY KEY, "sha256//!!!!",
                ";sha256//" KEY, "sha256//" KEY " ;sha256", "SHA256:" KEY,
        };
        unsigned char key[KFTP_TLS_PIN_SIZE];
        _cleanup_free_ char *text = NULL;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(good); i++)
                assert_int_equal(kftp_tls_pin_check(good[i], NULL), 0);
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                _cleanup_free_ char *reason = NULL;

                assert_int_equal(kftp_tls_pin_check(bad[i], &reason), -EINVAL);
                assert_non_null(reason);
        }
        for (unsigned i = 0; i < KFTP_TLS_PIN_SIZE; i++)
                key[i] = (unsigned char) i;
        text = kftp_tls_pin_format(key);
        assert_string_equal(text, "sha256//" KEY);
        assert_true(kftp_tls_pin_matches(text, key));
        assert_true(kftp_tls_pin_matches("sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;sha256//" KEY, key));
        key[31] ^= 1;
        assert_false(kftp_tls_pin_matches(text, key));
        assert_false(kftp_tls_pin_matches("", key));
}

/* IANA's name, where GnuTLS's list of its suites has its own: no WITH, and no hash with ChaCha20. Allocated. */
static char *iana_name(const char *name, bool tls13) {
        const char *cipher = strstr(name, "_AES_") ?: strstr(name, "_CHACHA20_");
        const char *hash = strstr(name, "_SHA") ? "" : "_SHA256";
        char *text;

        assert_non_null(cipher);
        assert_true(asprintf(&text, "TLS%.*s%s%s%s", tls13 ? 0 : (int) (cipher - name) - 3, name + 3, tls13 ? "" : "_WITH", cipher, hash) > 0);
        return text;
}

/* Each suite that GnuTLS can choose and the kernel takes has its number. */
static void test_suites(void **state) {
        unsigned char id[2];
        gnutls_kx_algorithm_t kx;
        gnutls_cipher_algorithm_t cipher;
        gnutls_protocol_t version;
        const char *name;
        unsigned found = 0;

        (void) state;
        for (size_t i = 0; (name = gnutls_cipher_suite_info(i, id, &kx, &cipher, NULL, &version)); i++) {
                _cleanup_free_ char *iana = NULL;

                if (cipher != GNUTLS_CIPHER_AES_128_GCM && cipher != GNUTLS_CIPHER_AES_256_GCM && cipher != GNUTLS_CIPHER_CHACHA20_POLY1305)
                        continue;
                if (version != GNUTLS_TLS1_3 && kx != GNUTLS_KX_ECDHE_RSA && kx != GNUTLS_KX_ECDHE_ECDSA && kx != GNUTLS_KX_DHE_RSA)
                        continue;
                iana = iana_name(name, version == GNUTLS_TLS1_3);
                print_message("%s\n", iana);
                assert_int_equal(kftp_tls_suite(iana), id[0] << 8 | id[1]);
                found++;
        }
        assert_int_equal(found, 12);
        assert_int_equal(kftp_tls_suite("TLS_RSA_WITH_AES_128_CBC_SHA"), 0);
        assert_int_equal(kftp_tls_suite(NULL), 0);
}

static void test_format(void **state) {
        static const struct {
                KftpTlsState state;
                const char *text;
        } cases[] = {
                { {},                         "none" },
                { { 0x0304, 0x1302, false },  "TLS1.3 TLS_AES_256_GCM_SHA384" },
                { { 0x0304, 0x1302, true },   "TLS1.3 TLS_AES_256_GCM_SHA384 resumed" },
                { { 0x0303, 0xc02f, true },   "TLS1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 resumed" },
                { { 0x0303, 0x1234, false },  "TLS1.2 0x1234" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_free_ char *text = kftp_tls_format(&cases[i].state);

                assert_string_equal(text, cases[i].text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_modes),
                cmocka_unit_test(test_pins),
                cmocka_unit_test(test_suites),
                cmocka_unit_test(test_format),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
