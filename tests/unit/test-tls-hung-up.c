/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TLS agent and servers that hang up at each moment of the handshake and of what is said behind it, with and
 * without a last word: what is told of the reason, and whether it is worth another attempt.
 */

#include <sys/socket.h>

#include "directory.h"
#include "tls-internal.h"
#include "tls-server.h"
#include "util.h"

#define TLS_1_3 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS_1_2 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define ASKED_FOR_ONE "it has asked for a certificate of ours: --cert=FILE"
#define NOT_THIS_ONE "it has asked for a certificate of ours, and seems not to accept this one"

static TestCertificate ca, other_ca, leaf, client;
static KftpOptions options;
static KftpTls tls;
static TestServer *awaited;             /* its end, before more is sent */

static void await_end(void) {
        while (awaited && !awaited->ended)
                (void) usleep(1000);
}

static void take_line(void *userdata, bool sent, const char *text, size_t n) {
        (void) userdata;
        (void) text;
        (void) n;
        if (sent)
                await_end();
}

/* In the midst of the handshake: about the certificate. */
static void take_note(void *userdata, const char *text) {
        (void) userdata;
        (void) text;
        await_end();
}

static int set_up(void **state) {
        int r = test_directory_set_up(state);

        test_certificate_make(&ca, NULL, "Test CA", true, -TEST_DAY, TEST_DAY);
        test_certificate_make(&other_ca, NULL, "Other CA", true, -TEST_DAY, TEST_DAY);
        test_certificate_make(&leaf, &ca, "good.example", false, -TEST_DAY, TEST_DAY);
        test_certificate_make(&client, &ca, "client", false, -TEST_DAY, TEST_DAY);
        test_certificate_write(&ca, "ca.pem", true, false);
        test_certificate_write(&client, "client.pem", true, true);
        options = (KftpOptions) {
                .timeout_usec = 20 * USEC_PER_SEC,
                .callbacks = { .line = take_line, .note = take_note },
                .tls = { .ca_file = "ca.pem" },
        };
        awaited = NULL;
        return r;
}

static int tear_down(void **state) {
        kftp_tls_done(&tls);
        test_certificate_done(&ca);
        test_certificate_done(&other_ca);
        test_certificate_done(&leaf);
        test_certificate_done(&client);
        return test_directory_tear_down(state);
}
#define WITH_CA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void begin(enum kftp_tls_mode mode) {
        KftpFailure f = {};

        kftp_tls_done(&tls);
        if (kftp_tls_begin(&tls, &options, mode, "good.example", "good.example:21", &f) < 0)
                fail_msg("%s", f.text);
}

static int serve(TestServer *s, enum kftp_role channel) {
        KftpTlsWait wait = { .device_fd = -1 };
        char pending[KFTP_MAX_LINE];
        struct kftp_tls answer;

        test_kernel = (TestKernel) {};
        assert_int_equal(kftp_tls_serve(&tls, test_server_start(s), channel, &wait, &answer, pending), 0);
        test_server_join(s);
        if (tls.failure.text)
                print_message("    %s\n", tls.failure.text);
        return answer.error;
}

static void expect(TestServer *s, enum kftp_role channel, int error, const char *text, const char *more) {
        assert_int_equal(serve(s, channel), error);
        assert_int_equal(tls.failure.error, error);
        assert_int_equal(tls.failure.class, error == -ECONNRESET ? KFTP_CLASS_NETWORK : KFTP_CLASS_TLS);
        assert_int_equal(tls.failure.transient, error == -ECONNRESET);
        if (!strstr(tls.failure.text, text) || !strstr(tls.failure.text, more))
                fail_msg("\"%s\" or \"%s\" is not in \"%s\"", text, more, tls.failure.text);
}

/* ---- Servers that ask for a certificate ---------------------------------------------------------- */

/* Where a server may end it that does not like what it gets. */
static const struct {
        TestBehaviour behaviour;
        const char *reply;
        const char *name;
} moments[] = {
        { TEST_HANGS_UP_AT_CERTIFICATE, NULL,          "at the certificate" },
        { TEST_HANGS_UP,                NULL,          "after the handshake" },
        { TEST_TALKS,                   TEST_NO_REPLY, "at PBSZ" },
};

static void check_moments(const char *certificate, const char *text) {
        static const char *const priorities[] = { TLS_1_3, TLS_1_2 };

        options.tls.certificate_file = certificate;
        for (size_t i = 0; i < ELEMENTS(moments) * ELEMENTS(priorities) * 2; i++) {
                TestServer s = {
                        .certificate = &leaf,
                        .asks = true,
                        .resets = i & 1,
                        .priority = priorities[i / 2 % 2],
                        .behaviour = moments[i / 4].behaviour,
                        .replies = { moments[i / 4].reply },
                };

                print_message("  %s, %s, %s\n", moments[i / 4].name, s.priority, s.resets ? "RST" : "FIN");
                begin(KFTP_TLS_REQUIRED);
                expect(&s, KFTP_ROLE_CONTROL, -ECONNABORTED, "the server has closed the connection", text);
        }
}

static void test_no_certificate(void **state) {
        (void) state;
        check_moments(NULL, ASKED_FOR_ONE);
}

static void test_a_certificate(void **state) {
        (void) state;
        check_moments("client.pem", NOT_THIS_ONE);
}

/* There it is the greeting that does not come. */
static void test_implicit(void **state) {
        TestServer s = { .behaviour = TEST_HANGS_UP, .certificate = &leaf, .asks = true, .priority = TLS_1_3 };

        (void) state;
        begin(KFTP_TLS_IMPLICIT);
        expect(&s, KFTP_ROLE_CONTROL, -ECONNABORTED, "the server has closed the connection", ASKED_FOR_ONE);
}

/* Then that was not the reason, and it may pass. */
static void test_after_an_answer(void **state) {
        TestServer s = { .certificate = &leaf, .asks = true, .replies = { NULL, TEST_NO_REPLY } };

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        expect(&s, KFTP_ROLE_CONTROL, -ECONNRESET, "the server has closed the connection", "");
        assert_null(strstr(tls.failure.text, "certificate"));
        assert_string_equal(s.said, "PBSZ 0|PROT P");
}

/* The control connection has been content with what it got. */
static void test_data(void **state) {
        TestServer control = { .certificate = &leaf, .asks = true, .no_tickets = true };
        TestServer data = { .behaviour = TEST_HANGS_UP_AT_CERTIFICATE, .certificate = &leaf, .asks = true, .no_tickets = true, .priority = TLS_1_2 };

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        assert_int_equal(serve(&control, KFTP_ROLE_CONTROL), 0);
        expect(&data, KFTP_ROLE_DATA, -ECONNRESET, "the data connection to good.example:21: the server has closed", "");
        assert_null(strstr(tls.failure.text, "certificate"));
}

/* ---- Last words ---------------------------------------------------------------------------------- */

/* It is there, and behind it the RST, by which the next thing fails that we say. */
static void test_alert_and_reset(void **state) {
        TestServer s = { .certificate = &leaf, .client_ca = &ca, .resets = true, .priority = TLS_1_3 };

        (void) state;
        awaited = &s;
        begin(KFTP_TLS_REQUIRED);
        expect(&s, KFTP_ROLE_CONTROL, -ECONNABORTED, "the alert \"Certificate is required\" (116)", ASKED_FOR_ONE);
        options.tls.certificate_file = "client.pem";
        s.client_ca = &other_ca;
        begin(KFTP_TLS_REQUIRED);
        expect(&s, KFTP_ROLE_CONTROL, -ECONNABORTED, "the alert", "does not accept our certificate");
}

/* The last thing that is said in the handshake goes nowhere: the kernel is not to get such a connection. */
static void test_reset_in_the_handshake(void **state) {
        static const char *const priorities[] = { TLS_1_3, TLS_1_2 };

        (void) state;
        options.tls.insecure = true;
        options.tls.ca_file = NULL;
        for (size_t i = 0; i < ELEMENTS(priorities) * 4; i++) {
                TestServer s = { .behaviour = TEST_HANGS_UP_AT_FLIGHT, .certificate = &leaf, .resets = i & 1, .priority = priorities[i / 4] };

                awaited = &s;
                begin(KFTP_TLS_REQUIRED);
                expect(&s, i & 2 ? KFTP_ROLE_DATA : KFTP_ROLE_CONTROL, -ECONNRESET, "the server has closed the connection", "");
                assert_int_equal(test_kernel.tx_size, 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_CA(test_no_certificate),
                WITH_CA(test_a_certificate),
                WITH_CA(test_implicit),
                WITH_CA(test_after_an_answer),
                WITH_CA(test_data),
                WITH_CA(test_alert_and_reset),
                WITH_CA(test_reset_in_the_handshake),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
