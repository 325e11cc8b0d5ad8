/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See tls-server.h. */

#include "tls-server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "libkftp.h"
#include "util.h"

static gnutls_datum_t tickets;

#define OK(call) assert_true((call) >= 0)

/* ---- Certificates ------------------------------------------------------------------------------ */

static void set_names(gnutls_x509_crt_t crt, const char *name) {
        unsigned char address[4];

        OK(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned) strlen(name)));
        if (inet_pton(AF_INET, name, address) == 1)
                OK(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address, 4, GNUTLS_FSAN_SET));
        else
                OK(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (unsigned) strlen(name), GNUTLS_FSAN_SET));
}

void test_certificate_make(TestCertificate *ret, const TestCertificate *issuer, const char *name, bool ca, long from, long to) {
        static unsigned serial;
        unsigned char number[4] = { 1, 0, 0, (unsigned char) ++serial };
        TestCertificate c;
        time_t now = time(NULL);

        OK(gnutls_x509_privkey_init(&c.key));
        OK(gnutls_x509_privkey_generate(c.key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
        OK(gnutls_x509_crt_init(&c.crt));
        OK(gnutls_x509_crt_set_version(c.crt, 3));
        OK(gnutls_x509_crt_set_serial(c.crt, number, sizeof(number)));
        OK(gnutls_x509_crt_set_key(c.crt, c.key));
        OK(gnutls_x509_crt_set_activation_time(c.crt, now + from));
        OK(gnutls_x509_crt_set_expiration_time(c.crt, now + to));
        OK(gnutls_x509_crt_set_basic_constraints(c.crt, ca, -1));
        OK(gnutls_x509_crt_set_key_usage(c.crt, ca ? GNUTLS_KEY_KEY_CERT_SIGN : GNUTLS_KEY_DIGITAL_SIGNATURE));
        set_names(c.crt, name);
        issuer = issuer ?: &c;
        OK(gnutls_x509_crt_sign2(c.crt, issuer->crt, issuer->key, GNUTLS_DIG_SHA256, 0));
        *ret = c;
}

void test_certificate_done(TestCertificate *c) {
        if (c->crt)
                gnutls_x509_crt_deinit(c->crt);
        if (c->key)
                gnutls_x509_privkey_deinit(c->key);
        *c = (TestCertificate) {};
}

void test_certificate_write(const TestCertificate *c, const char *path, bool crt, bool key) {
        FILE *f = fdopen(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), "w");
        gnutls_datum_t pem;

        assert_non_null(f);
        if (crt) {
                OK(gnutls_x509_crt_export2(c->crt, GNUTLS_X509_FMT_PEM, &pem));
                fwrite(pem.data, 1, pem.size, f);
                gnutls_free(pem.data);
        }
        if (key) {
                OK(gnutls_x509_privkey_export2(c->key, GNUTLS_X509_FMT_PEM, &pem));
                fwrite(pem.data, 1, pem.size, f);
                gnutls_free(pem.data);
        }
        assert_int_equal(fclose(f), 0);
}

char *test_certificate_pin(const TestCertificate *c) {
        unsigned char id[32];
        size_t n = sizeof(id);
        gnutls_datum_t raw = { .data = id, .size = sizeof(id) }, encoded;
        char *pin;

        OK(gnutls_x509_crt_get_key_id(c->crt, GNUTLS_KEYID_USE_SHA256, id, &n));
        OK(gnutls_base64_encode2(&raw, &encoded));
        assert_true(asprintf(&pin, "sha256//%.*s", (int) encoded.size, encoded.data) > 0);
        gnutls_free(encoded.data);
        return pin;
}

/* ---- Servers: what runs in their thread fails by what it leaves to be seen, not by assertions ---- */

static bool say(gnutls_session_t session, const char *text) {
        return gnutls_record_send(session, text, strlen(text)) >= 0;
}

/* One record of the client's, noted; false: there is none any more. */
static bool hear(TestServer *s, gnutls_session_t session, char *ret, size_t n) {
        ssize_t got;
        size_t at = strlen(s->said);

        do
                got = gnutls_record_recv(session, ret, n - 1);
        while (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_AGAIN);
        if (got == GNUTLS_E_FATAL_ALERT_RECEIVED)
                s->alert = gnutls_alert_get(session);
        if (got <= 0)
                return false;
        ret[got] = '\0';
        (void) snprintf(s->said + at, sizeof(s->said) - at, "%s%.*s", at > 0 ? "|" : "", (int) strcspn(ret, "\r\n"), ret);
        return true;
}

static void converse(TestServer *s, gnutls_session_t session) {
        char text[256];

        if (s->behaviour == TEST_GREETS && !say(session, s->greeting))
                return;
        for (unsigned i = 0; s->behaviour == TEST_TALKS && i < ELEMENTS(s->replies); i++)
                if (!hear(s, session, text, sizeof(text)) || (s->replies[i] && streq(s->replies[i], TEST_NO_REPLY))
                    || !say(session, s->replies[i] ?: "200 Fine\r\n"))
                        return;
        while (hear(s, session, text, sizeof(text)) && say(session, text))
                ;
}

static int ask_for_certificate(const TestServer *s, gnutls_session_t session, gnutls_certificate_credentials_t credentials) {
        if (s->asks)
                gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
        if (!s->client_ca)
                return 0;
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert(session, NULL, 0);
        return gnutls_certificate_set_x509_trust(credentials, &s->client_ca->crt, 1);
}

static int fail_at_certificate(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *message) {
        (void) session;
        (void) type;
        (void) when;
        (void) message;
        return incoming ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

static ssize_t push(gnutls_transport_ptr_t server, const void *data, size_t n) {
        TestServer *s = server;

        s->flight = true;
        return send(s->fd, data, n, MSG_NOSIGNAL);
}

static ssize_t pull(gnutls_transport_ptr_t server, void *data, size_t n) {
        TestServer *s = server;

        if (!s->flight)
                return recv(s->fd, data, n, 0);
        errno = ECONNRESET;
        return -1;
}

static void set_moment(TestServer *s, gnutls_session_t session) {
        if (s->behaviour == TEST_HANGS_UP_AT_CERTIFICATE)
                gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, GNUTLS_HOOK_POST, fail_at_certificate);
        if (s->behaviour != TEST_HANGS_UP_AT_FLIGHT)
                return;
        gnutls_transport_set_ptr(session, s);
        gnutls_transport_set_push_function(session, push);
        gnutls_transport_set_pull_function(session, pull);
}

static bool says_why(const TestServer *s) {
        return s->behaviour != TEST_HANGS_UP_AT_FLIGHT && s->behaviour != TEST_HANGS_UP_AT_CERTIFICATE;
}

static void shake(TestServer *s, gnutls_session_t session) {
        size_t n = sizeof(s->name) - 1;
        unsigned type;

        do
                s->handshake = gnutls_handshake(session);
        while (s->handshake < 0 && !gnutls_error_is_fatal(s->handshake));
        if (s->handshake == GNUTLS_E_FATAL_ALERT_RECEIVED)
                s->alert = gnutls_alert_get(session);
        if (gnutls_server_name_get(session, s->name, &n, &type, 0) < 0)
                s->name[0] = '\0';
        if (s->handshake < 0) {
                if (says_why(s))
                        (void) gnutls_alert_send_appropriate(session, s->handshake);
                return;
        }
        s->resumed = gnutls_session_is_resumed(session);
        if (s->behaviour == TEST_HANGS_UP)
                return;
        converse(s, session);
}

static void serve_tls(TestServer *s) {
        gnutls_certificate_credentials_t credentials;
        gnutls_session_t session;

        gnutls_certificate_allocate_credentials(&credentials);
        gnutls_certificate_set_x509_key(credentials, &s->certificate->crt, 1, s->certificate->key);
        gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
        gnutls_priority_set_direct(session, s->priority ?: "NORMAL", NULL);
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
        gnutls_transport_set_int(session, s->fd);
        if (!s->no_tickets)
                gnutls_session_ticket_enable_server(session, &tickets);
        set_moment(s, session);
        if (ask_for_certificate(s, session, credentials) >= 0)
                shake(s, session);
        gnutls_deinit(session);
        gnutls_certificate_free_credentials(credentials);
}

static void *run(void *userdata) {
        TestServer *s = userdata;
        char byte[512];

        switch (s->behaviour) {
        case TEST_TALKS_GARBAGE:
                (void) !write(s->fd, "500 OOPS: vsftpd\r\n", 18);
                break;
        case TEST_IS_SILENT:
                while (read(s->fd, byte, sizeof(byte)) > 0)
                        ;
                break;
        default:
                serve_tls(s);
        }
        if (s->resets)
                s->fd = safe_close(s->fd);
        else
                (void) shutdown(s->fd, SHUT_RDWR);
        s->ended = true;
        return NULL;
}

/* The first one's end is a RST. */
static void tcp_pair(int fds[2]) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof(address);
        int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(listening, (struct sockaddr *) &address, n), 0);
        assert_int_equal(listen(listening, 1), 0);
        assert_int_equal(getsockname(listening, (struct sockaddr *) &address, &n), 0);
        fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[1], (struct sockaddr *) &address, n), 0);
        fds[0] = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fds[0] >= 0);
        close(listening);
        assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &(struct linger) { .l_onoff = 1 }, sizeof(struct linger)), 0);
}

int test_server_start(TestServer *s) {
        int fds[2];

        if (!tickets.data)
                OK(gnutls_session_ticket_key_generate(&tickets));
        s->handshake = 1;
        s->name[0] = s->said[0] = '\0';
        s->resumed = false;
        s->alert = 0;
        s->ended = s->flight = false;
        if (s->resets)
                tcp_pair(fds);
        else
                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_true(fcntl(fds[1], F_SETFL, O_NONBLOCK) >= 0);
        s->fd = fds[0];
        assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
        return fds[1];
}

void test_server_join(TestServer *s) {
        assert_int_equal(pthread_join(s->thread, NULL), 0);
        s->fd = safe_close(s->fd);
}

void test_servers_forget_tickets(void) {
        gnutls_free(tickets.data);
        tickets = (gnutls_datum_t) {};
}
