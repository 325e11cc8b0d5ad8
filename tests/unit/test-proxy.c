/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proxies: their URLs, the environment, and both handshakes with well-behaved and with hostile proxies. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "libkftp/control.h"
#include "libkftp/proxy.h"
#include "util.h"

static void test_urls(void **state) {
        static const struct {
                const char *text, *name, *user;
        } rows[] = {
                { "http://proxy:3128",           "http://proxy:3128",      NULL  },
                { "http://proxy:21/",            "http://proxy:21",        NULL  },
                { "HTTP://proxy",                "http://proxy:1080",      NULL  },
                { "proxy:8080",                  "http://proxy:8080",      NULL  },
                { "proxy",                       "http://proxy:1080",      NULL  },
                { "socks5://u@192.0.2.1:1",      "socks5://192.0.2.1:1",   "u"   },
                { "socks5h://[2001:db8::1]",     "socks5://[2001:db8::1]:1080", NULL },
                { "socks5://u%40x@[::1]:9",      "socks5://[::1]:9",       "u@x" },
        };
        static const struct {
                const char *text, *part;
        } bad[] = {
                { "https://proxy:1",         "only http:// and socks5://"  },
                { "socks4://proxy:1",        "only http:// and socks5://"  },
                { "http://u:secret@proxy",   "--proxy-password-file"       },
                { "http://proxy/path",       "nothing can stand behind"    },
                { "http://proxy:1?x",        "nothing can stand behind"    },
                { "http://",                 "host name is missing"        },
                { "http://proxy:70000",      "port is not between"         },
                { "http://proxy:x",          "port is not a number"        },
                { "",                        "host name is missing"        },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                KftpProxy *p = NULL;

                print_message("%s\n", rows[i].text);
                assert_int_equal(kftp_proxy_parse(rows[i].text, &p, NULL), 0);
                assert_string_equal(p->name, rows[i].name);
                assert_true(streq_ptr(kftp_proxy_user(p), rows[i].user));
                kftp_proxy_free(p);
        }
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                _cleanup_free_ char *reason = NULL;
                KftpProxy *p = NULL;

                print_message("%s\n", bad[i].text);
                assert_int_equal(kftp_proxy_parse(bad[i].text, &p, &reason), -EINVAL);
                assert_non_null(strstr(reason, bad[i].part));
                assert_null(strstr(reason, "secret"));
                assert_null(p);
        }
}

static void test_exempt(void **state) {
        static const struct {
                const char *list, *host;
                bool exempt;
        } rows[] = {
                { "*",                          "ftp.example.org",  true  },
                { "x,*",                        "ftp.example.org",  false },
                { "example.org",                "ftp.example.org",  true  },
                { "example.org",                "EXAMPLE.ORG",      true  },
                { ".example.org",               "ftp.example.org",  true  },
                { ".example.org",               "example.org",      true  },
                { "example.org.",               "ftp.example.org.", true  },
                { "example.org",                "anexample.org",    false },
                { "ftp.example.org",            "example.org",      false },
                { "a, example.org ,b",          "x.example.org",    true  },
                { "a b",                        "b",                true  },
                { "",                           "b",                false },
                { ".",                          "b",                false },
                { "192.0.2.1",                  "192.0.2.1",        true  },
                { "192.0.2.1",                  "192.0.2.10",       false },
                { "2.1",                        "192.0.2.1",        false },
                { "192.0.2.0/24",               "192.0.2.77",       true  },
                { "192.0.2.0/24",               "192.0.3.77",       false },
                { "192.0.2.128/25",             "192.0.2.127",      false },
                { "192.0.2.128/25",             "192.0.2.129",      true  },
                { "0.0.0.0/0",                  "192.0.2.1",        true  },
                { "0.0.0.0/0",                  "::1",              false },
                { "192.0.2.0/33",               "192.0.2.0",        false },
                { "192.0.2.0/x",                "192.0.2.0",        false },
                { "2001:db8::/32",              "2001:db8:1::2",    true  },
                { "[2001:db8::1]",              "2001:db8::1",      true  },
                { "2001:db8::/33",              "2001:db8:8000::",  false },
                { "::1/128",                    "::1",              true  },
                { "localhost,127.0.0.0/8",      "127.9.9.9",        true  },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                print_message("%s: %s\n", rows[i].list, rows[i].host);
                assert_int_equal(kftp_proxy_exempt(rows[i].list, rows[i].host), rows[i].exempt);
        }
}

static void clear_environment(void) {
        static const char *const names[] = { "ftp_proxy", "FTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY" };

        for (size_t i = 0; i < ELEMENTS(names); i++)
                assert_int_equal(unsetenv(names[i]), 0);
}

static void expect_environment(const char *name) {
        KftpProxy *p = NULL;

        assert_int_equal(kftp_proxy_from_environment(&p, NULL), name ? 1 : 0);
        if (name)
                assert_string_equal(p->name, name);
        kftp_proxy_free(p);
}

static void test_environment(void **state) {
        _cleanup_free_ char *reason = NULL;
        KftpProxy *p = NULL;

        (void) state;
        clear_environment();
        expect_environment(NULL);
        setenv("ALL_PROXY", "d:4", 1);
        expect_environment("http://d:4");
        setenv("all_proxy", "socks5://c:3", 1);
        expect_environment("socks5://c:3");
        setenv("FTP_PROXY", "b:2", 1);
        expect_environment("http://b:2");
        setenv("ftp_proxy", "a:1", 1);
        expect_environment("http://a:1");
        setenv("ftp_proxy", "", 1);
        expect_environment("http://b:2");
        setenv("FTP_PROXY", "gopher://b", 1);
        assert_int_equal(kftp_proxy_from_environment(&p, &reason), -EINVAL);
        assert_null(p);
        assert_true(startswith(reason, "FTP_PROXY in the environment: "));

        assert_false(kftp_proxy_exempt_by_environment("h"));
        setenv("NO_PROXY", "h", 1);
        assert_true(kftp_proxy_exempt_by_environment("h"));
        setenv("no_proxy", "g", 1);
        assert_false(kftp_proxy_exempt_by_environment("h"));
        clear_environment();
}

/* ---- Handshakes ------------------------------------------------------------------------------ */

typedef struct Talk {
        KftpProxy *proxy;
        KftpWire wire;
        int peer;                       /* the proxy's end */
        KftpFailure failure;
        uint8_t sent[2048];
        size_t n_sent;
} Talk;

/* A proxy that has said all of answer already, and then closes if it is to. */
static void begin(Talk *t, const char *url, const char *password, const void *answer, size_t n, bool closes) {
        int fds[2];

        *t = (Talk) {};
        assert_int_equal(kftp_proxy_parse(url, &t->proxy, NULL), 0);
        assert_int_equal(kftp_proxy_set_login(t->proxy, NULL, password), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        t->wire = (KftpWire) { .fd = fds[0], .deadline = now_usec() + USEC_PER_SEC };
        t->peer = fds[1];
        assert_int_equal(write(t->peer, answer, n), (ssize_t) n);
        if (closes)
                assert_int_equal(shutdown(t->peer, SHUT_WR), 0);
}

static int talk(Talk *t, const char *host, uint16_t port) {
        ssize_t n;
        int r;

        r = t->proxy->kind == KFTP_PROXY_HTTP ? kftp_http_connect(&t->wire, t->proxy, host, port, &t->failure)
                                              : kftp_socks5_connect(&t->wire, t->proxy, host, port, &t->failure);
        n = recv(t->peer, t->sent, sizeof(t->sent) - 1, 0);
        t->n_sent = n > 0 ? (size_t) n : 0;
        t->sent[t->n_sent] = '\0';
        if (r < 0) {
                assert_int_equal(t->failure.error, r);
                assert_non_null(strstr(t->failure.text, t->proxy->name));
                assert_null(strchr(t->failure.text, '\033'));
                assert_null(strstr(t->failure.text, "secret"));
        } else
                assert_null(t->failure.text);
        return r;
}

static void end(Talk *t) {
        kftp_proxy_free(t->proxy);
        kftp_failure_done(&t->failure);
        close(t->wire.fd);
        close(t->peer);
}

/* What the handshake has left to be read is the server's. */
static void expect_left(Talk *t, const char *text) {
        char left[64] = "";

        assert_int_equal(recv(t->wire.fd, left, sizeof(left) - 1, 0), (ssize_t) strlen(text));
        assert_string_equal(left, text);
}

#define BYTES(s) s, sizeof(s) - 1

static void test_socks5(void **state) {
        static const struct {
                const char *url, *password, *host;
                const char *answer;
                size_t n_answer;
                const char *sent;
                size_t n_sent;
        } rows[] = {
                { "socks5://p", NULL, "ftp.example", BYTES("\5\0" "\5\0\0\1" "abcd" "\1\2" "220 x"),
                  BYTES("\5\1\0" "\5\1\0\3\13ftp.example\0\25") },
                { "socks5://p", NULL, "192.0.2.1", BYTES("\5\0" "\5\0\0\4" "abcdefghijklmnop" "\1\2" "220 x"),
                  BYTES("\5\1\0" "\5\1\0\1\300\0\2\1\0\25") },
                { "socks5://p", NULL, "::1", BYTES("\5\0" "\5\0\0\3" "\3abc" "\1\2" "220 x"),
                  BYTES("\5\1\0" "\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\25") },
                { "socks5://p", NULL, "h", BYTES("\5\0" "\5\0\0\3" "\0" "\1\2" "220 x"), BYTES("\5\1\0" "\5\1\0\3\1h\0\25") },
                /* a login is offered, and only given if it is wanted */
                { "socks5://u@p", "secret", "h", BYTES("\5\0" "\5\0\0\3" "\0" "\1\2" "220 x"), BYTES("\5\2\0\2" "\5\1\0\3\1h\0\25") },
                { "socks5://u@p", "secret", "h", BYTES("\5\2" "\1\0" "\5\0\0\3" "\0" "\1\2" "220 x"),
                  BYTES("\5\2\0\2" "\1\1u\6secret" "\5\1\0\3\1h\0\25") },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                Talk t;

                begin(&t, rows[i].url, rows[i].password, rows[i].answer, rows[i].n_answer, false);
                assert_int_equal(talk(&t, rows[i].host, 21), 0);
                assert_int_equal(t.n_sent, rows[i].n_sent);
                assert_memory_equal(t.sent, rows[i].sent, rows[i].n_sent);
                expect_left(&t, "220 x");
                end(&t);
        }
}

static void test_socks5_refusals(void **state) {
        static const struct {
                const char *password;
                const char *answer;
                size_t n_answer;
                bool closes;
                int error;
                enum kftp_class class;
                bool transient;
                const char *part;
        } rows[] = {
                { NULL, BYTES("\5\0\5\1\0\1"),     false, -ECONNREFUSED, KFTP_CLASS_NETWORK, true,  "h port 21: general failure" },
                { NULL, BYTES("\5\0\5\2\0\1"),     false, -EACCES,       KFTP_CLASS_NETWORK, false, "not allowed by its rules" },
                { NULL, BYTES("\5\0\5\4\0\1"),     false, -EHOSTUNREACH, KFTP_CLASS_NETWORK, true,  "host unreachable" },
                { NULL, BYTES("\5\0\5\5\0\1"),     false, -ECONNREFUSED, KFTP_CLASS_NETWORK, true,  "connection refused" },
                { NULL, BYTES("\5\0\5\10\0\1"),    false, -EAFNOSUPPORT, KFTP_CLASS_NETWORK, false, "no such addresses" },
                { NULL, BYTES("\5\0\5\11\0\1"),    false, -ECONNREFUSED, KFTP_CLASS_NETWORK, true,  "error 9" },
                { NULL, BYTES("\5\0\5\377\0\1"),   false, -ECONNREFUSED, KFTP_CLASS_NETWORK, true,  "error 255" },
                { NULL, BYTES("\5\377"),           true,  -EKEYREJECTED, KFTP_CLASS_AUTH,    false, "--proxy-password-file" },
                { "secret", BYTES("\5\377"),       true,  -EKEYREJECTED, KFTP_CLASS_AUTH,    false, "accepts no login" },
                { "secret", BYTES("\5\2\1\1"),     true,  -EKEYREJECTED, KFTP_CLASS_AUTH,    false, "does not accept the user \"u\"" },
                /* not what it says it is */
                { NULL, BYTES("\4\0"),             false, -EPROTO,       KFTP_CLASS_NETWORK, false, "wrong version" },
                { NULL, BYTES("HTTP/1.1 400 "),    false, -EPROTO,       KFTP_CLASS_NETWORK, false, "http://" },
                { NULL, BYTES("\5\2"),             false, -EPROTO,       KFTP_CLASS_NETWORK, false, "not offered" },
                { NULL, BYTES("\5\1"),             false, -EPROTO,       KFTP_CLASS_NETWORK, false, "not offered" },
                { NULL, BYTES("\5\0\4\0\0\1"),     false, -EPROTO,       KFTP_CLASS_NETWORK, false, "wrong version" },
                { NULL, BYTES("\5\0\5\0\0\2abcd"), false, -EPROTO,       KFTP_CLASS_NETWORK, false, "unknown type of address" },
                /* gone, or silent, in the middle of it */
                { NULL, BYTES(""),                 true,  -ECONNRESET,   KFTP_CLASS_NETWORK, true,  "has closed the connection" },
                { NULL, BYTES("\5\0\5\0\0\3\377x"), true, -ECONNRESET,   KFTP_CLASS_NETWORK, true,  "has closed the connection" },
                { NULL, BYTES("\5\0\5\0\0\1abcd\1"), false, -ETIMEDOUT,  KFTP_CLASS_NETWORK, true,  "does not answer in time" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                Talk t;

                print_message("%s\n", rows[i].part);
                begin(&t, "socks5://u@p", rows[i].password, rows[i].answer, rows[i].n_answer, rows[i].closes);
                assert_int_equal(talk(&t, "h", 21), rows[i].error);
                assert_int_equal(t.failure.class, rows[i].class);
                assert_int_equal(t.failure.transient, rows[i].transient);
                assert_non_null(strstr(t.failure.text, rows[i].part));
                end(&t);
        }
}

static void test_http(void **state) {
        static const struct {
                const char *url, *password, *host, *answer, *sent;
        } rows[] = {
                { "http://p", NULL, "ftp.example", "HTTP/1.1 200 OK\r\n\r\n220 x",
                  "CONNECT ftp.example:21 HTTP/1.1\r\nHost: ftp.example:21\r\n\r\n" },
                { "http://p", NULL, "::1", "HTTP/1.0 200 Connection established\r\nVia: x\r\nContent-Length: 5\r\n\r\n220 x",
                  "CONNECT [::1]:21 HTTP/1.1\r\nHost: [::1]:21\r\n\r\n" },
                { "http://p", NULL, "h", "HTTP/1.1 299\n\n220 x", "CONNECT h:21 HTTP/1.1\r\nHost: h:21\r\n\r\n" },
                { "http://p", NULL, "h", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\n\r\n220 x",
                  "CONNECT h:21 HTTP/1.1\r\nHost: h:21\r\n\r\n" },
                { "http://u@p", "secret", "h", "HTTP/1.1 200 OK\r\n\r\n220 x",
                  "CONNECT h:21 HTTP/1.1\r\nHost: h:21\r\nProxy-Authorization: Basic dTpzZWNyZXQ=\r\n\r\n" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                Talk t;

                begin(&t, rows[i].url, rows[i].password, rows[i].answer, strlen(rows[i].answer), false);
                assert_int_equal(talk(&t, rows[i].host, 21), 0);
                assert_string_equal((char *) t.sent, rows[i].sent);
                expect_left(&t, "220 x");
                end(&t);
        }
}

static void test_http_refusals(void **state) {
        static const struct {
                const char *answer;
                bool closes;
                int error;
                enum kftp_class class;
                bool transient;
                const char *part;
        } rows[] = {
                { "HTTP/1.0 401 Unauthorized\r\n\r\n", false, -EACCES, KFTP_CLASS_NETWORK, false, "401 Unauthorized" },
                { "HTTP/1.1 403 For\033[2Jbidden\r\n\r\n", false, -EACCES,      KFTP_CLASS_NETWORK, false, "403 For\\x1b[2Jbidden\"; it has to allow" },
                { "HTTP/1.1 407 Who?\r\n\r\n",     false, -EKEYREJECTED, KFTP_CLASS_AUTH,    false, "--proxy-password-file"     },
                { "HTTP/1.1 502 Bad\r\n\r\n",      false, -ECONNREFUSED, KFTP_CLASS_NETWORK, true,  "h port 21: \"HTTP/1.1 502 Bad\"" },
                { "HTTP/1.1 429 Slow\r\n\r\n",     false, -EACCES,       KFTP_CLASS_NETWORK, true,  "429 Slow"                  },
                { "HTTP/1.1 302 There\r\n\r\n",    false, -EACCES,       KFTP_CLASS_NETWORK, false, "302 There"                 },
                { "HTTP/1.1 2\r\n\r\n",            false, -EPROTO,       KFTP_CLASS_NETWORK, false, "no status line"            },
                { "HTTP/1.1\r\n\r\n",              false, -EPROTO,       KFTP_CLASS_NETWORK, false, "no status line"            },
                { "220 ftp.example\r\n",           false, -EPROTO,       KFTP_CLASS_NETWORK, false, "no status line"            },
                { "\5\377\5\377\5\377",            false, -EPROTO,       KFTP_CLASS_NETWORK, false, "socks5://"                 },
                { "HTTP/1.1 200 OK\r\nA: b\r\n",   true,  -ECONNRESET,   KFTP_CLASS_NETWORK, true,  "has closed the connection" },
                { "HTTP/1.1 200 OK\r\n\r",         false, -ETIMEDOUT,    KFTP_CLASS_NETWORK, true,  "does not answer in time"   },
                { "",                              true,  -ECONNRESET,   KFTP_CLASS_NETWORK, true,  "has closed the connection" },
                /* never coming to the point */
                { "HTTP/1.1 100 A\n\nHTTP/1.1 100 A\n\nHTTP/1.1 100 A\n\nHTTP/1.1 100 A\n\nHTTP/1.1 100 A\n\nHTTP/1.1 100 A\n\n"
                  "HTTP/1.1 100 A\n\nHTTP/1.1 100 A\n\nHTTP/1.1 200 A\n\n", false, -EACCES, KFTP_CLASS_NETWORK, false, "100 A" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                Talk t;

                print_message("%s\n", rows[i].part);
                begin(&t, "http://p", NULL, rows[i].answer, strlen(rows[i].answer), rows[i].closes);
                assert_int_equal(talk(&t, "h", 21), rows[i].error);
                assert_int_equal(t.failure.class, rows[i].class);
                assert_int_equal(t.failure.transient, rows[i].transient);
                assert_non_null(strstr(t.failure.text, rows[i].part));
                end(&t);
        }
}

/* Proxies differ in what they say to a wrong password. */
static void test_http_wrong_password(void **state) {
        static const char *const answers[] = { "HTTP/1.0 401 Unauthorized\r\n\r\n", "HTTP/1.1 407 No\r\n\r\n" };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(answers); i++) {
                Talk t;

                begin(&t, "http://u@p", "secret", answers[i], strlen(answers[i]), false);
                assert_int_equal(talk(&t, "h", 21), -EKEYREJECTED);
                assert_int_equal(t.failure.class, KFTP_CLASS_AUTH);
                assert_non_null(strstr(t.failure.text, "check user and password"));
                end(&t);
        }
}

/* What has no end is given up, and a long status line is not shown whole. */
static void test_http_floods(void **state) {
        char *flood = malloc(20000);
        Talk t;

        (void) state;
        assert_non_null(flood);
        memset(flood, 'x', 20000);
        memcpy(flood, BYTES("HTTP/1.1 200 OK\r\n"));
        begin(&t, "http://p", NULL, flood, 20000, false);
        assert_int_equal(talk(&t, "h", 21), -EPROTO);
        assert_non_null(strstr(t.failure.text, "no end"));
        end(&t);

        memset(flood, 'x', 8000);
        memcpy(flood, BYTES("HTTP/1.1 500 "));
        memcpy(flood + 8000, BYTES("\r\n\r\n"));
        begin(&t, "http://p", NULL, flood, 8004, false);
        assert_int_equal(talk(&t, "h", 21), -ECONNREFUSED);
        assert_in_range(strlen(t.failure.text), 256, 400);
        end(&t);
        free(flood);
}

static void test_cancelled(void **state) {
        KftpControl *control;
        Talk t;

        (void) state;
        assert_int_equal(kftp_control_new(&control), 0);
        kftp_control_cancel(control);
        begin(&t, "socks5://p", NULL, "", 0, false);
        t.wire.control = control;
        assert_int_equal(talk(&t, "h", 21), -ECANCELED);
        assert_int_equal(t.failure.class, KFTP_CLASS_INTERRUPTED);
        end(&t);
        kftp_control_free(control);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_urls),
                cmocka_unit_test(test_exempt),
                cmocka_unit_test(test_environment),
                cmocka_unit_test(test_socks5),
                cmocka_unit_test(test_socks5_refusals),
                cmocka_unit_test(test_http),
                cmocka_unit_test(test_http_refusals),
                cmocka_unit_test(test_http_wrong_password),
                cmocka_unit_test(test_http_floods),
                cmocka_unit_test(test_cancelled),
        };

        return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
