/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TLS agent against servers in this process: handshakes, what the server is told by PBSZ and PROT, keys that fit, and
 * sessions that are resumed. Certificates that are refused are in test-tls-verify.c.
 */

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "control.h"
#include "directory.h"
#include "tls-internal.h"
#include "tls-server.h"
#include "util.h"

static TestCertificate ca, leaf;
static KftpOptions options;
static KftpTls tls;
static char lines[512];
static char pending[KFTP_MAX_LINE];
static struct kftp_tls answer;
static int kept = -1;                   /* the connection, which outlives the lent descriptor */

static void take_line(void *userdata, bool sent, const char *text, size_t n) {
        size_t at = strlen(lines);

        (void) userdata;
        (void) snprintf(lines + at, sizeof(lines) - at, "%c%.*s\n", sent ? '>' : '<', (int) n, text);
}

static int set_up(void **state) {
        int r = test_directory_set_up(state);

        test_certificate_make(&ca, NULL, "Test CA", true, -TEST_DAY, TEST_DAY);
        test_certificate_make(&leaf, &ca, "good.example", false, -TEST_DAY, TEST_DAY);
        test_certificate_write(&ca, "ca.pem", true, false);
        options = (KftpOptions) { .timeout_usec = 20 * USEC_PER_SEC, .callbacks = { .line = take_line }, .tls = { .ca_file = "ca.pem" } };
        test_kernel = (TestKernel) {};
        lines[0] = '\0';
        return r;
}

static int tear_down(void **state) {
        kftp_tls_done(&tls);
        kept = safe_close(kept);
        test_certificate_done(&ca);
        test_certificate_done(&leaf);
        return test_directory_tear_down(state);
}
#define WITH_CA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void begin(enum kftp_tls_mode mode) {
        KftpFailure f = {};

        kftp_tls_done(&tls);
        if (kftp_tls_begin(&tls, &options, mode, "good.example", "good.example:21", &f) < 0)
                fail_msg("%s", f.text);
}

/* A lent socket, dealt with. The connection stays open. */
static int serve_waiting(TestServer *s, enum kftp_role channel, const KftpTlsWait *wait) {
        int fd = test_server_start(s), r;

        kept = safe_close(kept);
        kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        r = kftp_tls_serve(&tls, fd, channel, wait, &answer, pending);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        if (tls.failure.text)
                print_message("    %s\n", tls.failure.text);
        return r;
}

static int serve(TestServer *s, enum kftp_role channel) {
        KftpTlsWait wait = { .device_fd = -1 };
        int r = serve_waiting(s, channel, &wait);

        if (r == 0 && answer.error == 0)
                return 0;
        kept = safe_close(kept);
        test_server_join(s);
        return r < 0 ? r : answer.error;
}

/* The server echoes what is sent with the keys that the kernel was given. */
static void check_keys(const char *text) {
        char back[256];

        test_kernel_send(kept, text);
        test_kernel_receive(kept, back, sizeof(back));
        assert_string_equal(back, text);
}

static void finish(TestServer *s) {
        kept = safe_close(kept);
        test_server_join(s);
}

/* Whether it has resumed is known only when it has the whole handshake: after an echo. */
static void finish_with_echo(TestServer *s) {
        check_keys("byte for byte");
        finish(s);
        assert_int_equal(s->handshake, 0);
}

/* ---- Handshakes ---------------------------------------------------------------------------------- */

static void test_suites(void **state) {
        static const struct {
                const char *priority;
                uint16_t version, cipher;
                const char *text;
        } suites[] = {
                { "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM",       0x0304, 0x1301, "TLS1.3 TLS_AES_128_GCM_SHA256" },
                { "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM",       0x0304, 0x1302, "TLS1.3 TLS_AES_256_GCM_SHA384" },
                { "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305", 0x0304, 0x1303, "TLS1.3 TLS_CHACHA20_POLY1305_SHA256" },
                { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM",       0x0303, 0xc02b, "TLS1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
                { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM",       0x0303, 0xc02c, "TLS1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" },
                { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305", 0x0303, 0xcca9, "TLS1.2 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" },
                /* vsftpd has this group only */
                { "NORMAL:-GROUP-ALL:+GROUP-SECP256R1",                           0x0304, 0x1302, "TLS1.3 TLS_AES_256_GCM_SHA384" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(suites); i++) {
                TestServer s = { .certificate = &leaf, .priority = suites[i].priority };
                _cleanup_free_ char *text = NULL;

                print_message("%s\n", suites[i].priority);
                test_kernel = (TestKernel) {};
                begin(KFTP_TLS_REQUIRED);
                assert_int_equal(serve(&s, KFTP_ROLE_CONTROL), 0);
                assert_int_equal(answer.version, suites[i].version);
                assert_int_equal(answer.cipher, suites[i].cipher);
                assert_int_equal(answer.flags, KFTP_TLS_PROT_DONE);
                assert_int_equal(answer.pending_len, 0);
                assert_int_equal(test_kernel.no_pad, suites[i].version == 0x0304);
                text = kftp_tls_format(&tls.control);
                assert_string_equal(text, suites[i].text);
                check_keys("USER bob");
                check_keys("PASS secret");
                finish(&s);
                assert_string_equal(s.said, "PBSZ 0|PROT P|USER bob|PASS secret");
                assert_string_equal(s.name, "good.example");
        }
}

static void test_data_resumes(void **state) {
        static const char *const priorities[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2" };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(priorities); i++) {
                TestServer control = { .certificate = &leaf, .priority = priorities[i] };

                begin(KFTP_TLS_REQUIRED);
                assert_int_equal(serve(&control, KFTP_ROLE_CONTROL), 0);
                finish(&control);
                assert_false(control.resumed);
                /* each one with the same session: the module reads no new tickets */
                for (unsigned n = 0; n < 3; n++) {
                        TestServer data = { .behaviour = TEST_ECHOES, .certificate = &leaf, .priority = priorities[i] };
                        _cleanup_free_ char *text = NULL;

                        test_kernel = (TestKernel) {};
                        assert_int_equal(serve(&data, KFTP_ROLE_DATA), 0);
                        finish_with_echo(&data);
                        assert_true(data.resumed);
                        assert_int_equal(answer.flags, KFTP_TLS_RESUMED);
                        text = kftp_tls_format(&tls.data);
                        assert_non_null(strstr(text, " resumed"));
                }
        }
}

/* Pure-FTPd: none with TLS 1.3. And a server that has forgotten them, which must not fail. */
static void test_without_tickets(void **state) {
        TestServer control = { .certificate = &leaf, .no_tickets = true }, data = { .behaviour = TEST_ECHOES, .certificate = &leaf, .no_tickets = true };

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        assert_int_equal(serve(&control, KFTP_ROLE_CONTROL), 0);
        assert_int_equal(tls.session.size, 0);
        finish(&control);
        assert_int_equal(serve(&data, KFTP_ROLE_DATA), 0);
        finish_with_echo(&data);
        assert_false(data.resumed);

        control.no_tickets = data.no_tickets = false;
        begin(KFTP_TLS_REQUIRED);
        assert_int_equal(serve(&control, KFTP_ROLE_CONTROL), 0);
        assert_true(tls.session.size > 0);
        finish(&control);
        test_servers_forget_tickets();
        assert_int_equal(serve(&data, KFTP_ROLE_DATA), 0);
        finish_with_echo(&data);
        assert_false(data.resumed);
}

static void test_sessions_are_not_shared(void **state) {
        TestServer s = { .certificate = &leaf }, data = { .behaviour = TEST_ECHOES, .certificate = &leaf };

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        assert_int_equal(serve(&s, KFTP_ROLE_CONTROL), 0);
        finish(&s);
        /* another connection, from its own control connection on */
        begin(KFTP_TLS_REQUIRED);
        assert_int_equal(serve(&data, KFTP_ROLE_DATA), 0);
        finish_with_echo(&data);
        assert_false(data.resumed);
        assert_int_equal(serve(&s, KFTP_ROLE_CONTROL), 0);
        finish_with_echo(&s);
        assert_false(s.resumed);
}

/* ---- What is said before the hand-over ----------------------------------------------------------- */

static void test_replies(void **state) {
        static const struct {
                const char *replies[2];
                bool done;
                const char *pending, *said;
        } cases[] = {
                { { "200 PBSZ=0\r\n", "200 Private\r\n" },                 true,  "",                "PBSZ 0|PROT P" },
                { { "200-First\r\n 200 no\r\n200-\r\n200 Last\r\n" },      true,  "",                "PBSZ 0|PROT P" },
                { { "530 Log in first\r\n", "530 Log in first\r\n" },      false, "",                "PBSZ 0|PROT P" },
                { { "503 No\r\n", "200 Yes\r\n" },                         true,  "",                "PBSZ 0|PROT P" },
                { { "200\r\n", "536 No such level\r\n" },                  false, "",                "PBSZ 0|PROT P" },
                /* what is no answer is left to the module */
                { { "421 Bye\r\n" },                                       false, "421 Bye\r\n",     "PBSZ 0" },
                { { NULL, "421 Bye\r\n" },                                 false, "421 Bye\r\n",     "PBSZ 0|PROT P" },
                { { "what?\r\n" },                                         false, "what?\r\n",       "PBSZ 0" },
                /* and so is what comes before it is asked for, */
                { { "200 Yes\r\n200 Yes\r\n", "536 No\r\n" },             false, "200 Yes\r\n",   "PBSZ 0" },
                /* and what comes behind it */
                { { NULL, "200 Yes\r\n331 Unasked\r\nhalf a li" },         true,  "331 Unasked\r\nhalf a li", "PBSZ 0|PROT P" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                TestServer s = { .certificate = &leaf, .replies = { cases[i].replies[0], cases[i].replies[1] } };

                begin(KFTP_TLS_REQUIRED);
                assert_int_equal(serve(&s, KFTP_ROLE_CONTROL), 0);
                assert_int_equal(answer.flags, cases[i].done ? KFTP_TLS_PROT_DONE : 0);
                assert_int_equal(answer.pending_len, strlen(cases[i].pending));
                assert_memory_equal(pending, cases[i].pending, answer.pending_len);
                assert_ptr_equal((char *) (uintptr_t) answer.pending, pending);
                finish(&s);
                assert_string_equal(s.said, cases[i].said);
        }
}

static void test_lines_are_shown(void **state) {
        TestServer s = { .certificate = &leaf, .replies = { "200-One\r\n200 Two\r\n", "536 No\r\n" } };

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        assert_int_equal(serve(&s, KFTP_ROLE_CONTROL), 0);
        finish(&s);
        assert_string_equal(lines, ">PBSZ 0\n<200-One\n<200 Two\n>PROT P\n<536 No\n");
}

static void test_greeting(void **state) {
        TestServer s = { .behaviour = TEST_GREETS, .certificate = &leaf, .greeting = "220-Hello\r\n220 there\r\n" };
        TestServer data = { .behaviour = TEST_ECHOES, .certificate = &leaf };

        (void) state;
        begin(KFTP_TLS_IMPLICIT);
        assert_int_equal(serve(&s, KFTP_ROLE_CONTROL), 0);
        assert_int_equal(answer.flags, 0);
        assert_int_equal(answer.pending_len, strlen(s.greeting));
        assert_memory_equal(pending, s.greeting, answer.pending_len);
        check_keys("USER bob");
        finish(&s);
        assert_string_equal(s.said, "USER bob");
        /* the tickets came before it */
        assert_int_equal(serve(&data, KFTP_ROLE_DATA), 0);
        finish_with_echo(&data);
        assert_true(data.resumed);
}

static void test_too_much(void **state) {
        char *greeting = malloc(KFTP_MAX_LINE + 2);
        TestServer s = { .behaviour = TEST_GREETS, .certificate = &leaf, .greeting = greeting };

        (void) state;
        memset(greeting, 'x', KFTP_MAX_LINE + 1);
        greeting[KFTP_MAX_LINE + 1] = '\0';
        begin(KFTP_TLS_IMPLICIT);
        assert_int_equal(serve(&s, KFTP_ROLE_CONTROL), -EMSGSIZE);
        assert_int_equal(test_kernel.tx_size, 0);
        greeting[KFTP_MAX_LINE] = '\0';
        assert_int_equal(serve(&s, KFTP_ROLE_CONTROL), 0);
        assert_int_equal(answer.pending_len, KFTP_MAX_LINE);
        finish(&s);
        free(greeting);
}

/* The agent leaves to the kernel what comes right behind the handshake. */
static void test_early_data(void **state) {
        TestServer control = { .certificate = &leaf }, data = { .behaviour = TEST_GREETS, .certificate = &leaf, .greeting = "data" };

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        assert_int_equal(serve(&control, KFTP_ROLE_CONTROL), 0);
        finish(&control);
        assert_int_equal(serve(&data, KFTP_ROLE_DATA), 0);
        test_kernel_receive(kept, lines, sizeof(lines));
        assert_string_equal(lines, "data");
        finish(&data);
}

/* ---- What goes wrong ------------------------------------------------------------------------------ */

/* All of it is there before the first byte is looked for. */
static void test_alert_and_more(void **state) {
        static const char alert[] = "\x15\x03\x03\x00\x02\x02\x28" "xx";
        KftpTlsWait wait = { .device_fd = -1 };
        int fds[2];

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        assert_int_equal(write(fds[0], alert, sizeof(alert) - 1), sizeof(alert) - 1);
        assert_int_equal(kftp_tls_serve(&tls, fds[1], KFTP_ROLE_CONTROL, &wait, &answer, pending), 0);
        assert_int_equal(answer.error, -ECONNABORTED);
        assert_non_null(strstr(tls.failure.text, "(40)"));
        close(fds[0]);
}

static void expect_failure(TestServer *s, enum kftp_role channel, int error, enum kftp_class class, const char *text) {
        assert_int_equal(serve(s, channel), error);
        assert_int_equal(tls.failure.class, class);
        assert_int_equal(tls.failure.transient, class == KFTP_CLASS_NETWORK);
        assert_non_null(strstr(tls.failure.text, text));
        assert_null(strchr(tls.failure.text, '\n'));
        assert_int_equal(answer.version, 0);
}

static void test_no_tls(void **state) {
        TestServer s = { .behaviour = TEST_TALKS_GARBAGE, .certificate = &leaf };

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        expect_failure(&s, KFTP_ROLE_CONTROL, -EPROTO, KFTP_CLASS_TLS, "no TLS");
        expect_failure(&s, KFTP_ROLE_DATA, -EPROTO, KFTP_CLASS_TLS, "the data connection to good.example:21");
        begin(KFTP_TLS_IMPLICIT);
        expect_failure(&s, KFTP_ROLE_CONTROL, -EPROTO, KFTP_CLASS_TLS, "--tls=require");
}

static void test_hung_up(void **state) {
        TestServer s = { .behaviour = TEST_HANGS_UP, .certificate = &leaf };

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        expect_failure(&s, KFTP_ROLE_CONTROL, -ECONNRESET, KFTP_CLASS_NETWORK, "closed the connection");
}

static void test_nothing_in_common(void **state) {
        TestServer s = { .certificate = &leaf, .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC" };

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        expect_failure(&s, KFTP_ROLE_CONTROL, -ECONNABORTED, KFTP_CLASS_TLS, "Handshake failed");
        s.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
        options.tls.min_version = 0x0304;
        expect_failure(&s, KFTP_ROLE_CONTROL, -ECONNABORTED, KFTP_CLASS_TLS, "alert");
        options.tls.min_version = 0x0303;
        assert_int_equal(serve(&s, KFTP_ROLE_CONTROL), 0);
        finish(&s);
}

static void test_deadline(void **state) {
        TestServer s = { .behaviour = TEST_IS_SILENT, .certificate = &leaf };

        (void) state;
        options.timeout_usec = USEC_PER_SEC / 10;
        begin(KFTP_TLS_REQUIRED);
        expect_failure(&s, KFTP_ROLE_CONTROL, -ETIMEDOUT, KFTP_CLASS_NETWORK, "within 1 s");
}

static void test_cancel(void **state) {
        TestServer s = { .behaviour = TEST_IS_SILENT, .certificate = &leaf };
        KftpTlsWait wait = { .device_fd = -1 };
        KftpControl *control;

        (void) state;
        assert_int_equal(kftp_control_new(&control), 0);
        kftp_control_cancel(control);
        wait.control = control;
        begin(KFTP_TLS_REQUIRED);
        assert_int_equal(serve_waiting(&s, KFTP_ROLE_CONTROL, &wait), 0);
        assert_int_equal(answer.error, -ECANCELED);
        assert_null(tls.failure.text);
        finish(&s);
        kftp_control_free(control);
}

typedef struct Device {
        int fd;
        unsigned calls;
        int result;                     /* of the third call */
} Device;

static int serve_device(void *userdata) {
        Device *d = userdata;

        assert_true(read(d->fd, &(uint64_t) { 0 }, sizeof(uint64_t)) >= 0);
        if (++d->calls == 3)
                return d->result;
        assert_true(write(d->fd, &(uint64_t) { 1 }, sizeof(uint64_t)) >= 0);
        return 0;
}

/* The device goes on meanwhile; what ends the request there ends the handshake. */
static void test_other_event(void **state) {
        Device device = { .fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), .result = 1 };
        KftpTlsWait wait = { .device_fd = device.fd, .serve = serve_device, .userdata = &device };
        TestServer s = { .behaviour = TEST_IS_SILENT, .certificate = &leaf };

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        assert_int_equal(serve_waiting(&s, KFTP_ROLE_DATA, &wait), 1);
        finish(&s);
        assert_int_equal(device.calls, 3);
        device.calls = 0;
        device.result = -EPERM;
        assert_true(write(device.fd, &(uint64_t) { 1 }, sizeof(uint64_t)) >= 0);
        assert_int_equal(serve_waiting(&s, KFTP_ROLE_DATA, &wait), -EPERM);
        finish(&s);
        close(device.fd);
}

static void test_kernel_refuses(void **state) {
        TestServer s = { .certificate = &leaf };

        (void) state;
        begin(KFTP_TLS_REQUIRED);
        test_kernel.ulp_error = -ENOENT;
        expect_failure(&s, KFTP_ROLE_CONTROL, -EOPNOTSUPP, KFTP_CLASS_TLS, "CONFIG_TLS");
        assert_string_equal(s.said, "");
        test_kernel.ulp_error = 0;
        test_kernel.key_error = -EINVAL;
        expect_failure(&s, KFTP_ROLE_CONTROL, -EINVAL, KFTP_CLASS_TLS, "does not take the keys");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_CA(test_suites),
                WITH_CA(test_data_resumes),
                WITH_CA(test_without_tickets),
                WITH_CA(test_sessions_are_not_shared),
                WITH_CA(test_replies),
                WITH_CA(test_lines_are_shown),
                WITH_CA(test_greeting),
                WITH_CA(test_too_much),
                WITH_CA(test_early_data),
                WITH_CA(test_alert_and_more),
                WITH_CA(test_no_tls),
                WITH_CA(test_hung_up),
                WITH_CA(test_nothing_in_common),
                WITH_CA(test_deadline),
                WITH_CA(test_cancel),
                WITH_CA(test_other_event),
                WITH_CA(test_kernel_refuses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
