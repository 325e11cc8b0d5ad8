/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FTP URLs: what they mean, what is refused and why. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libkftp/url.h"
#include "util.h"

typedef struct Good {
        const char *text, *user, *host, *path, *base;
        uint16_t port;
        bool implicit_tls;
} Good;

static const Good good[] = {
        { "ftp://h/f",                          NULL,      "h",              "f",              "f",       21,   false },
        { "FTP://h/f",                          NULL,      "h",              "f",              "f",       21,   false },
        { "ftps://h/f",                         NULL,      "h",              "f",              "f",       990,  true  },
        { "ftp://h:2121/f",                     NULL,      "h",              "f",              "f",       2121, false },
        { "ftp://h:/f",                         NULL,      "h",              "f",              "f",       21,   false },
        { "ftp://h:65535/f",                    NULL,      "h",              "f",              "f",       65535, false },
        { "ftp://h",                            NULL,      "h",              "",               "",        21,   false },
        { "ftp://h/",                           NULL,      "h",              "",               "",        21,   false },
        { "ftp://h/a/b/c.txt",                  NULL,      "h",              "a/b/c.txt",      "c.txt",   21,   false },
        { "ftp://h/a/b/",                       NULL,      "h",              "a/b/",           "",        21,   false },
        /* RFC 1738 section 3.2.2: an absolute path */
        { "ftp://h/%2fetc/motd",                NULL,      "h",              "/etc/motd",      "motd",    21,   false },
        { "ftp://h/%2Fetc/motd",                NULL,      "h",              "/etc/motd",      "motd",    21,   false },
        { "ftp://h//etc/motd",                  NULL,      "h",              "/etc/motd",      "motd",    21,   false },
        { "ftp://u@h/f",                        "u",       "h",              "f",              "f",       21,   false },
        { "ftp://u%40corp@h/f",                 "u@corp",  "h",              "f",              "f",       21,   false },
        { "ftp://u%3Ax@h/f",                    "u:x",     "h",              "f",              "f",       21,   false },
        { "ftp://192.0.2.7/f",                  NULL,      "192.0.2.7",      "f",              "f",       21,   false },
        { "ftp://[2001:db8::1]/f",              NULL,      "2001:db8::1",    "f",              "f",       21,   false },
        { "ftp://[2001:db8::1]:2121/f",         NULL,      "2001:db8::1",    "f",              "f",       2121, false },
        { "ftp://[fe80::1%25eth0]/f",           NULL,      "fe80::1%eth0",   "f",              "f",       21,   false },
        { "ftp://[fe80::1%eth0]:2121/f",        NULL,      "fe80::1%eth0",   "f",              "f",       2121, false },
        { "ftp://h/a%20b%25.bin",               NULL,      "h",              "a b%.bin",       "a b%.bin", 21,  false },
        { "ftp://h/f;type=i",                   NULL,      "h",              "f",              "f",       21,   false },
        { "ftp://h/f;TYPE=I",                   NULL,      "h",              "f",              "f",       21,   false },
        { "ftp://h/f%3btype=a",                 NULL,      "h",              "f;type=a",       "f;type=a", 21,  false },
        { "ftp://h/f;v=1",                      NULL,      "h",              "f;v=1",          "f;v=1",   21,   false },
        /* "?" begins no query in FTP */
        { "ftp://h/what?",                      NULL,      "h",              "what?",          "what?",   21,   false },
        { "ftp://h/a?b=c/d",                    NULL,      "h",              "a?b=c/d",        "d",       21,   false },
        /* people type what they see */
        { "ftp://h/\xc3\xbc",                   NULL,      "h",              "\xc3\xbc",       "\xc3\xbc", 21,  false },
        { "ftp://h/%c3%bc",                     NULL,      "h",              "\xc3\xbc",       "\xc3\xbc", 21,  false },
        { "ftp://h/%ff",                        NULL,      "h",              "\xff",           "\xff",    21,   false },
        { "ftp://m\xc3\xbcller.example/f",      NULL,      "m\xc3\xbcller.example", "f",       "f",       21,   false },
        { "ftp://h/a%2fb",                      NULL,      "h",              "a/b",            "b",       21,   false },
        { "ftp://h/../x",                       NULL,      "h",              "../x",           "x",       21,   false },
};

static void test_good(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTS(good); i++) {
                const Good *g = &good[i];
                _cleanup_free_ char *reason = NULL;
                KftpUrl u;

                print_message("%s\n", g->text);
                assert_int_equal(kftp_url_parse(g->text, &u, &reason), 0);
                assert_null(reason);
                assert_true(streq_ptr(u.user, g->user));
                assert_string_equal(u.host, g->host);
                assert_int_equal(u.port, g->port);
                assert_string_equal(u.path, g->path);
                assert_string_equal(u.base, g->base);
                assert_int_equal(u.implicit_tls, g->implicit_tls);
                kftp_url_done(&u);
        }
}

static const struct {
        const char *text, *reason;      /* a part of it */
} bad[] = {
        { "",                           "begin with ftp://"         },
        { "h/f",                        "begin with ftp://"         },
        { "http://h/f",                 "only ftp:// and ftps://"   },
        { "ftp:/h/f",                   "begin with ftp://"         },
        { "ftp:///f",                   "host name is missing"      },
        { "ftp://u:secret@h/f",         "must not carry a password" },
        { "ftp://u:@h/f",               "must not carry a password" },
        { "ftp://u:se@cret@h/f",        "must not carry a password" },
        { "ftp://@h/f",                 "user name before the @ is empty" },
        { "ftp://u%0d@h/f",             "user name contains the control character %0D" },
        { "ftp://h:0/f",                "port is not between"       },
        { "ftp://h:65536/f",            "port is not between"       },
        { "ftp://h:99999999999999999999/f", "port is not between"   },
        { "ftp://h:21x/f",              "port is not a number"      },
        { "ftp://[::1]:x/f",            "port is not a number"      },
        { "ftp://u@h:-1/f",             "port is not a number"      },
        { "ftp://h/a b",                "space in a URL is written as %20" },
        { "ftp://h/a\tb",               "control character in a URL is written as %09" },
        { "ftp://h/a\nb",               "%0A"                       },
        { "ftp://h/a%0Ab",              "path contains the control character %0A" },
        { "ftp://h/a%0d%0aDELE%20x",    "path contains the control character %0D" },
        { "ftp://h/a%00b",              "path contains the control character %00" },
        { "ftp://h/a%7fb",              "path contains the control character %7F" },
        { "ftp://h/a%",                 "syntax is wrong"           },
        { "ftp://h/a%zz",               ""                          },
        { "ftp://h/a#b",                "written as %23"            },
        { "ftp://h/a[b",                "'[' may not stand"         },
        { "ftp://h/f;type=a",           "';type=a' is not supported" },
        { "ftp://h/f;type=d",           "';type=d' is not supported" },
        { "ftp://[2001:db8::1/f",       ""                          },
        { "ftp://[fe80::1%]/f",         "zone of the IPv6 address is empty" },
        { "ftp://[fe80::1%\033[2J]/f",  "zone of the IPv6 address contains" },
        { "ftp://[fe80::1%25e\177]/f",  "zone of the IPv6 address contains" },
        { "ftp://[v1.x]/f",             "no IPv6 address"           },
        { "ftp://h%2fx/f",              "no host name has"          },
        { "ftp://h%20x/f",              "no host name has"          },
};

static void test_bad(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                _cleanup_free_ char *reason = NULL;
                KftpUrl u;

                print_message("%s\n", bad[i].text);
                assert_int_equal(kftp_url_parse(bad[i].text, &u, &reason), -EINVAL);
                assert_non_null(reason);
                print_message("    %s\n", reason);
                assert_non_null(strstr(reason, bad[i].reason));
                /* nothing is left to be freed */
                assert_null(u.user);
                assert_null(u.host);
                assert_null(u.path);
                assert_null(u.base);
        }
}

/* What is refused because of a password must not show it. */
static void test_password_is_not_shown(void **state) {
        static const char *const urls[] = { "ftp://u:hunter2@h/f", "ftp://u:hunter2@h/a b", "ftp://u:hunter2@[::1/f" };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(urls); i++) {
                _cleanup_free_ char *reason = NULL;
                KftpUrl u;

                assert_int_equal(kftp_url_parse(urls[i], &u, &reason), -EINVAL);
                assert_null(strstr(reason, "hunter2"));
        }
        /* without a place to put it, the reason is dropped */
        assert_int_equal(kftp_url_parse(urls[0], &(KftpUrl) {}, NULL), -EINVAL);
}

static void test_long_host(void **state) {
        char text[512] = "ftp://";
        KftpUrl u;

        (void) state;
        memset(text + 6, 'h', 256);
        memcpy(text + 6 + 255, "/f", 3);
        assert_int_equal(kftp_url_parse(text, &u, NULL), 0);
        kftp_url_done(&u);
        memcpy(text + 6 + 255, "h/f", 4);
        assert_int_equal(kftp_url_parse(text, &u, NULL), -EINVAL);
}

static void test_limits(void **state) {
        char text[KFTP_MAX_PATH + 64];
        KftpUrl u;

        (void) state;
        memset(text, 'x', sizeof(text));
        memcpy(text, "ftp://h/", 8);
        text[8 + KFTP_MAX_PATH] = '\0';
        assert_int_equal(kftp_url_parse(text, &u, NULL), 0);
        assert_int_equal(strlen(u.path), KFTP_MAX_PATH);
        kftp_url_done(&u);
        text[8 + KFTP_MAX_PATH] = 'x';
        text[9 + KFTP_MAX_PATH] = '\0';
        assert_int_equal(kftp_url_parse(text, &u, NULL), -EINVAL);

        memcpy(text + 6 + KFTP_MAX_CREDENTIAL, "@h/f", 5);
        memset(text + 6, 'x', KFTP_MAX_CREDENTIAL);
        assert_int_equal(kftp_url_parse(text, &u, NULL), 0);
        kftp_url_done(&u);
        memset(text + 6, 'x', KFTP_MAX_CREDENTIAL + 1);
        memcpy(text + 7 + KFTP_MAX_CREDENTIAL, "@h/f", 5);
        assert_int_equal(kftp_url_parse(text, &u, NULL), -EINVAL);
}

static const struct {
        const char *url, *user, *identity;
} identities[] = {
        { "ftp://H.Example/a/b",        NULL, "ftp://anonymous@h.example:21/a/b"      },
        { "ftp://h:21/a",               NULL, "ftp://anonymous@h:21/a"                },
        { "ftp://u@h/a",                NULL, "ftp://u@h:21/a"                        },
        { "ftp://u@h/a",                "v",  "ftp://v@h:21/a"                        },
        { "ftp://h/%2fa%20b",           NULL, "ftp://anonymous@h:21//a%20b"           },
        { "ftp://h/%ff%25",             NULL, "ftp://anonymous@h:21/%FF%25"           },
        { "ftps://h/a",                 NULL, "ftps://anonymous@h:990/a#tls"          },
        { "ftp://[::1]:2121/a",         NULL, "ftp://anonymous@::1:2121/a"            },
};

static const struct {
        const char *url, *identity;
        KftpTlsOptions tls;
} protections[] = {
        { "ftp://h/a",  "ftp://anonymous@h:21/a",       { .mode = KFTP_TLS_NONE }                                      },
        { "ftp://h/a",  "ftp://anonymous@h:21/a",       { .mode = KFTP_TLS_OPPORTUNISTIC }                             },
        { "ftp://h/a",  "ftp://anonymous@h:21/a#tls",   { .mode = KFTP_TLS_REQUIRED }                                  },
        { "ftp://h/a",  "ftp://anonymous@h:21/a#tls",   { .mode = KFTP_TLS_IMPLICIT }                                  },
        { "ftp://h/a",  "ftp://anonymous@h:21/a",       { .mode = KFTP_TLS_REQUIRED, .insecure = true }                },
        { "ftp://h/a",  "ftp://anonymous@h:21/a#tls",   { .mode = KFTP_TLS_REQUIRED, .insecure = true, .pin = "sha256//" } },
        { "ftp://h/a%23tls", "ftp://anonymous@h:21/a%23tls", { .mode = KFTP_TLS_NONE }                                 },
        { "ftps://h/a", "ftps://anonymous@h:990/a#tls", { .mode = KFTP_TLS_NONE }                                      },
        { "ftps://h/a", "ftps://anonymous@h:990/a",     { .insecure = true }                                           },
};

/* What was received without protection is another file. */
static void test_identity_knows_protection(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTS(protections); i++) {
                const KftpOptions options = { .tls = protections[i].tls };
                _cleanup_free_ char *identity = NULL;
                KftpUrl u;

                assert_int_equal(kftp_url_parse(protections[i].url, &u, NULL), 0);
                identity = kftp_url_identity(&u, &options);
                assert_string_equal(identity, protections[i].identity);
                kftp_url_done(&u);
        }
}

static void test_identity(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTS(identities); i++) {
                const KftpOptions options = { .user = identities[i].user };
                _cleanup_free_ char *identity = NULL;
                KftpUrl u;

                assert_int_equal(kftp_url_parse(identities[i].url, &u, NULL), 0);
                identity = kftp_url_identity(&u, &options);
                assert_string_equal(identity, identities[i].identity);
                kftp_url_done(&u);
        }
}

static void test_host_port(void **state) {
        _cleanup_free_ char *plain = NULL, *literal = NULL;
        KftpUrl u;

        (void) state;
        assert_int_equal(kftp_url_parse("ftp://ftp.example.org/x", &u, NULL), 0);
        plain = kftp_url_host_port(&u);
        assert_string_equal(plain, "ftp.example.org:21");
        kftp_url_done(&u);
        assert_int_equal(kftp_url_parse("ftp://[::1]:2121/x", &u, NULL), 0);
        literal = kftp_url_host_port(&u);
        assert_string_equal(literal, "[::1]:2121");
        kftp_url_done(&u);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_password_is_not_shown),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_long_host),
                cmocka_unit_test(test_identity),
                cmocka_unit_test(test_identity_knows_protection),
                cmocka_unit_test(test_host_port),
        };

        return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
