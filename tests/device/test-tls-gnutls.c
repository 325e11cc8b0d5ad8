/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * With GnuTLS at both ends, as the agent uses it: that all the other tests' records and keys are TLS's own, not only
 * theirs. Certificates are nobody's business here.
 */
#include <errno.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static const struct Kind {
        const char *priority;
        bool tls12;
        gnutls_cipher_algorithm_t cipher;
} kinds[] = {
        { "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM", false, GNUTLS_CIPHER_AES_128_GCM },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM", false, GNUTLS_CIPHER_AES_256_GCM },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305", false, GNUTLS_CIPHER_CHACHA20_POLY1305 },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM", true, GNUTLS_CIPHER_AES_128_GCM },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM", true, GNUTLS_CIPHER_AES_256_GCM },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305", true, GNUTLS_CIPHER_CHACHA20_POLY1305 },
};

static const struct Kind *kind;                 /* of all connections of a test */
static gnutls_certificate_credentials_t server, client;
static gnutls_datum_t ticket_key;

static void must(int r) {
        if (r < 0) {
                fprintf(stderr, "GnuTLS: %s\n", gnutls_strerror(r));
                abort();
        }
}

static void make_certificate(void) {
        gnutls_x509_privkey_t key;
        gnutls_x509_crt_t crt;

        must(gnutls_x509_privkey_init(&key));
        must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
        must(gnutls_x509_crt_init(&crt));
        must(gnutls_x509_crt_set_version(crt, 3));
        must(gnutls_x509_crt_set_serial(crt, "\1", 1));
        must(gnutls_x509_crt_set_activation_time(crt, time(NULL) - 86400));
        must(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 86400));
        must(gnutls_x509_crt_set_dn(crt, "CN=localhost", NULL));
        must(gnutls_x509_crt_set_key(crt, key));
        must(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
        must(gnutls_certificate_allocate_credentials(&client));
        must(gnutls_certificate_allocate_credentials(&server));
        must(gnutls_certificate_set_x509_key(server, &crt, 1, key));
        must(gnutls_session_ticket_key_generate(&ticket_key));
        gnutls_x509_crt_deinit(crt);
        gnutls_x509_privkey_deinit(key);
}

static gnutls_session_t session_new(unsigned flags, gnutls_certificate_credentials_t credentials, int fd) {
        gnutls_session_t s;

        must(gnutls_init(&s, flags | GNUTLS_NO_SIGNAL));
        must(gnutls_priority_set_direct(s, kind->priority, NULL));
        must(gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, credentials));
        gnutls_transport_set_int(s, fd);
        return s;
}

static void take_half(gnutls_session_t s, unsigned read, TlsKeys *keys, TlsSide from) {
        gnutls_datum_t mac, iv, key;
        uint8_t number[8];

        must(gnutls_record_get_state(s, read, &mac, &iv, &key, number));
        memcpy(keys->key[from], key.data, key.size);
        memcpy(keys->iv[from], iv.data, iv.size < 12 ? iv.size : 12);
        keys->number[from] = 0;
        for (unsigned i = 0; i < sizeof(number); i++)
                keys->number[from] = keys->number[from] << 8 | number[i];
}

static TlsKeys take_keys(gnutls_session_t s, bool is_server) {
        TlsKeys keys = { .tls12 = kind->tls12, .cipher = kind->cipher };

        take_half(s, is_server, &keys, TLS_CLIENT);
        take_half(s, !is_server, &keys, TLS_SERVER);
        return keys;
}

/* ---- Both ends ------------------------------------------------------------------------------------------ */

/* With tickets, which the server sends before anybody has asked for anything. */
static gnutls_session_t serve_handshake(Conn *c, enum kftp_role role) {
        int fd = role == KFTP_ROLE_DATA ? peer_data_socket(c) : peer_control_socket(c), r;
        gnutls_session_t s = session_new(GNUTLS_SERVER, server, fd);

        must(gnutls_session_ticket_enable_server(s, &ticket_key));
        gnutls_handshake_set_timeout(s, PEER_PATIENCE_MS);
        do
                r = gnutls_handshake(s);
        while (r < 0 && !gnutls_error_is_fatal(r));
        if (r < 0) {
                gnutls_deinit(s);
                peer_fail(c, "handshake: %s", gnutls_strerror(r));
        }
        return s;
}

static void shake_as_server(Conn *c, enum kftp_role role) {
        gnutls_session_t s = serve_handshake(c, role);
        TlsKeys keys = take_keys(s, true);

        peer_tls_keys(c, role, &keys);
        gnutls_deinit(s);
}

static int wait_for(gnutls_session_t s, int r) {
        struct pollfd p = { .fd = gnutls_transport_get_int(s), .events = gnutls_record_get_direction(s) ? POLLOUT : POLLIN };

        return !gnutls_error_is_fatal(r) && poll(&p, 1, PEER_PATIENCE_MS) == 1 ? 0 : -EPROTO;
}

static int converse(gnutls_session_t s, const char *line) {
        char text[512];
        ssize_t n;

        must(gnutls_record_send(s, line, strlen(line)));
        do
                n = gnutls_record_recv(s, text, sizeof(text));
        while (n < 0 && wait_for(s, n) == 0);
        return n > 0 && text[0] == '2' ? 0 : -EPROTO;
}

/* PBSZ and PROT are said before the keys go to the kernel: by then the tickets have been read. */
static bool says_prot;

static int shake_as_client(Lent *l) {
        gnutls_session_t s;
        TlsKeys keys;
        int r = tls_layer(l->fd), error = 0;

        if (r < 0)
                return r;
        s = session_new(GNUTLS_CLIENT | GNUTLS_NONBLOCK, client, l->fd);
        do
                r = gnutls_handshake(s);
        while (r < 0 && (error = wait_for(s, r)) == 0);
        if (error == 0 && says_prot && l->channel == KFTP_ROLE_CONTROL)
                error = converse(s, "PBSZ 0\r\n") ?: converse(s, "PROT P\r\n");
        if (error == 0) {
                keys = take_keys(s, false);
                error = tls_to_kernel(l->fd, &keys, TLS_KEYS_BOTH);
        }
        gnutls_deinit(s);
        return error;
}

/* ---- Sessions --------------------------------------------------------------------------------------------- */

static void receive_one(Conn *c) {
        peer_greet(c);
        peer_shake_with(c, shake_as_server);
        peer_auth(c);
        peer_stor(c, "STOR file", 0, 100000);
        peer_serve_on(c);
}

static Session *with_gnutls(PeerScript script, Peer **ret_peer) {
        Session *s = tls_agreed(tls_armed(KFTP_TLS_REQUIRED, script, NULL, ret_peer));

        s->shake = shake_as_client;
        return s;
}

static void move_both_ways(void) {
        struct kftp_submit r = request(KFTP_OP_STOR, filled_file(100000), "file", 1);
        int fd = local_file();
        Peer *p;
        Session *s = with_gnutls(receive_one, &p);

        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(session_submit(s, &r), 0);
        session_expect_done(s, 1, 0);
        assert_int_equal(s->event.event_flags & KFTP_EVENT_ENCRYPTED, KFTP_EVENT_ENCRYPTED);
        session_retr(s, fd, "bytes-100000", 2);
        session_expect_done(s, 2, 0);
        assert_int_equal(s->event.event_flags & (KFTP_EVENT_ENCRYPTED | KFTP_EVENT_UNCLEAN), KFTP_EVENT_ENCRYPTED);
        assert_file_size(fd, 100000);
        assert_file_content(fd, 0, 100000);
        session_assert_usable(s);
        assert_int_equal(s->lent[KFTP_ROLE_DATA], 3);
        test_peer_finish(p);
}

static void test_handshakes(void **state) {
        (void) state;
        for (unsigned i = 0; i < 2 * N_ELEMENTS(kinds); i++) {
                kind = kinds + i / 2;
                says_prot = i % 2;
                move_both_ways();
        }
}

/* The server gets itself new keys; the kernel cannot follow. */
static void update_keys(Conn *c, enum kftp_role role) {
        gnutls_session_t s = serve_handshake(c, role);
        TlsKeys keys;

        must(gnutls_session_key_update(s, 0));
        keys = take_keys(s, true);
        peer_tls_keys(c, role, &keys);
        gnutls_deinit(s);
}

static void update_control(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_shake_with(c, update_keys);
        peer_auth(c);
        peer_serve_on(c);
}

static void update_data(Conn *c) {
        peer_greet(c);
        peer_shake_with(c, shake_as_server);
        peer_auth(c);
        peer_passive(c);
        peer_expect(c, "RETR file");
        peer_say(c, "150 Here it comes");
        peer_shake_with(c, update_keys);
        peer_data_open(c);
        (void) peer_data_try_send(c, 0, 1000);
        peer_data_close(c);
        peer_say(c, "226 Done");
        peer_shake_with(c, shake_as_server);
        peer_serve_on(c);
}

static void test_key_update(void **state) {
        Session *s;

        (void) state;
        kind = kinds;
        says_prot = false;
        session_expect_closed(with_gnutls(update_control, NULL), -EKEYEXPIRED);
        s = with_gnutls(update_data, NULL);
        session_expect(s, KFTP_EVENT_CONNECTED);
        session_retr(s, local_file(), "file", 1);
        session_expect_done(s, 1, -EKEYEXPIRED);
        assert_int_equal(s->event.bytes, 0);
        session_assert_usable(s);
}

/* The server does not like us, and says so in TLS. */
static void reject(Conn *c, enum kftp_role role) {
        gnutls_session_t s = serve_handshake(c, role);

        must(gnutls_alert_send(s, GNUTLS_AL_FATAL, GNUTLS_A_ACCESS_DENIED));
        gnutls_deinit(s);
        peer_until_closed(c);
}

static void reject_control(Conn *c) {
        peer_may_leave(c);
        peer_greet(c);
        peer_shake_with(c, reject);
        peer_auth(c);
}

static void test_alert(void **state) {
        (void) state;
        for (unsigned i = 0; i < N_ELEMENTS(kinds); i += 3) {
                Session *s;

                kind = kinds + i;
                says_prot = false;
                s = with_gnutls(reject_control, NULL);
                session_expect(s, KFTP_EVENT_CLOSED);
                assert_int_equal(s->event.error, -ECONNABORTED);
                assert_int_equal(s->event.alert, 49);
        }
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_handshakes),
        DEVICE_TEST(test_key_update),
        DEVICE_TEST(test_alert),
};

int main(void) {
        make_certificate();
        return tls_tests("device-tls-gnutls", tests, N_ELEMENTS(tests));
}
