/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which servers the TLS agent refuses, what it says, and what they get to know: certificates, names, pins, our own
 * certificate, and the files that all this is in.
 */

#include <sys/stat.h>

#include "directory.h"
#include "tls-internal.h"
#include "tls-server.h"
#include "util.h"

static TestCertificate ca, other_ca, leaf;
static KftpOptions options;
static KftpTls tls;
static KftpFailure failure;
static char note[1024];
static const char *host;

static void take_note(void *userdata, const char *text) {
        (void) userdata;
        (void) snprintf(note, sizeof(note), "%s", text);
}

static int set_up(void **state) {
        int r = test_directory_set_up(state);

        test_certificate_make(&ca, NULL, "Test CA", true, -TEST_DAY, TEST_DAY);
        test_certificate_make(&other_ca, NULL, "Other CA", true, -TEST_DAY, TEST_DAY);
        test_certificate_make(&leaf, &ca, "good.example", false, -TEST_DAY, TEST_DAY);
        test_certificate_write(&ca, "ca.pem", true, false);
        options = (KftpOptions) { .timeout_usec = 20 * USEC_PER_SEC, .callbacks = { .note = take_note }, .tls = { .ca_file = "ca.pem" } };
        test_kernel = (TestKernel) {};
        note[0] = '\0';
        host = "good.example";
        return r;
}

static int tear_down(void **state) {
        kftp_tls_done(&tls);
        kftp_failure_done(&failure);
        test_certificate_done(&ca);
        test_certificate_done(&other_ca);
        test_certificate_done(&leaf);
        return test_directory_tear_down(state);
}
#define WITH_CA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Over a connection that is there already, if there is one. */
static int serve(TestServer *s, enum kftp_role channel) {
        KftpTlsWait wait = { .device_fd = -1 };
        char pending[KFTP_MAX_LINE];
        struct kftp_tls answer;

        assert_int_equal(kftp_tls_serve(&tls, test_server_start(s), channel, &wait, &answer, pending), 0);
        test_server_join(s);
        if (tls.failure.text)
                print_message("    %s\n", tls.failure.text);
        return answer.error;
}

static int connect_to(TestServer *s) {
        kftp_tls_done(&tls);
        test_kernel = (TestKernel) {};
        if (kftp_tls_begin(&tls, &options, KFTP_TLS_REQUIRED, host, "good.example:21", &failure) < 0)
                fail_msg("%s", failure.text);
        return serve(s, KFTP_ROLE_CONTROL);
}

/* Refused, and the server has heard nothing from us. */
static void expect_refusal(TestServer *s, const char *text) {
        assert_int_equal(connect_to(s), -EACCES);
        assert_int_equal(tls.failure.class, KFTP_CLASS_TLS);
        assert_false(tls.failure.transient);
        assert_true(tls.refused);
        if (!strstr(tls.failure.text, text))
                fail_msg("\"%s\" is not in \"%s\"", text, tls.failure.text);
        assert_null(strchr(tls.failure.text, '\n'));
        assert_string_equal(s->said, "");
        assert_true(s->handshake < 0);
        assert_int_equal(test_kernel.tx_size, 0);
}

static void expect_acceptance(TestServer *s) {
        assert_int_equal(connect_to(s), 0);
        assert_int_equal(s->handshake, 0);
        assert_string_equal(s->said, "PBSZ 0|PROT P");
}

/* ---- Certificates -------------------------------------------------------------------------------- */

static void test_good(void **state) {
        TestServer s = { .certificate = &leaf };

        (void) state;
        expect_acceptance(&s);
        host = "GOOD.example.";
        expect_acceptance(&s);
        assert_string_equal(s.name, "GOOD.example");
        assert_string_equal(note, "");
}

static void test_wrong_name(void **state) {
        TestServer s = { .certificate = &leaf };

        (void) state;
        host = "bad.example";
        expect_refusal(&s, "is not for \"bad.example\" but for good.example");
        host = "192.0.2.1";
        expect_refusal(&s, "is not for \"192.0.2.1\"");
        assert_string_equal(s.name, "");
}

static void test_address(void **state) {
        TestCertificate address;
        TestServer s = { .certificate = &address };

        (void) state;
        test_certificate_make(&address, &ca, "192.0.2.1", false, -TEST_DAY, TEST_DAY);
        host = "192.0.2.1";
        expect_acceptance(&s);
        assert_string_equal(s.name, "");
        host = "192.0.2.2";
        expect_refusal(&s, "but for 192.0.2.1");
        test_certificate_done(&address);
}

static void test_dates(void **state) {
        TestCertificate old, young;
        TestServer s = { .certificate = &old };
        char date[32];
        time_t ended = time(NULL) - 10 * TEST_DAY;
        struct tm tm;

        (void) state;
        test_certificate_make(&old, &ca, "good.example", false, -20 * TEST_DAY, -10 * TEST_DAY);
        test_certificate_make(&young, &ca, "good.example", false, TEST_DAY, 2 * TEST_DAY);
        assert_true(strftime(date, sizeof(date), "expired on %Y-%m-%d", gmtime_r(&ended, &tm)) > 0);
        expect_refusal(&s, date);
        s.certificate = &young;
        expect_refusal(&s, "is not valid before 20");
        test_certificate_done(&old);
        test_certificate_done(&young);
}

static void test_issuer(void **state) {
        TestCertificate strange, self;
        TestServer s = { .certificate = &strange };

        (void) state;
        test_certificate_make(&strange, &other_ca, "good.example", false, -TEST_DAY, TEST_DAY);
        test_certificate_make(&self, NULL, "elsewhere.example", false, -TEST_DAY, TEST_DAY);
        expect_refusal(&s, "issued by \"CN=Other CA\", who is not trusted here; if you trust the issuer, name a file with its certificate with --ca=");
        s.certificate = &self;
        expect_refusal(&s, "is self-signed and is not for \"good.example\" but for elsewhere.example; ");
        /* its own root, if we say so */
        test_certificate_write(&self, "self.pem", true, false);
        options.tls.ca_file = "self.pem";
        host = "elsewhere.example";
        expect_acceptance(&s);
        test_certificate_done(&strange);
        test_certificate_done(&self);
}

/* A certificate of a server is none of an authority. */
static void test_no_authority(void **state) {
        TestCertificate above, below;
        TestServer s = { .certificate = &below };

        (void) state;
        test_certificate_make(&above, &ca, "elsewhere.example", false, -TEST_DAY, TEST_DAY);
        test_certificate_make(&below, &above, "good.example", false, -TEST_DAY, TEST_DAY);
        test_certificate_write(&above, "above.pem", true, false);
        options.tls.ca_file = "above.pem";
        expect_refusal(&s, "issued by \"CN=elsewhere.example\", who is not trusted here");
        test_certificate_done(&above);
        test_certificate_done(&below);
}

static void test_directory_of_roots(void **state) {
        TestServer s = { .certificate = &leaf };

        (void) state;
        assert_int_equal(mkdir("roots", 0700), 0);
        test_certificate_write(&ca, "roots/one.pem", true, false);
        options.tls.ca_file = "roots";
        expect_acceptance(&s);
}

/* A name in a certificate is what its owner likes it to be. */
static void test_hostile_name(void **state) {
        TestCertificate hostile;
        TestServer s = { .certificate = &hostile };

        (void) state;
        test_certificate_make(&hostile, &ca, "evil\x1b[2J.example", false, -TEST_DAY, TEST_DAY);
        expect_refusal(&s, "evil");
        assert_null(strchr(tls.failure.text, '\x1b'));
        test_certificate_done(&hostile);
}

/* And so is that of an issuer, with as much of it as there is room for. */
static void test_long_issuer(void **state) {
        TestCertificate authority, below;
        TestServer s = { .certificate = &below };
        char name[64 * 3 + 1] = "";

        (void) state;
        for (size_t i = 0; i + 3 < sizeof(name); i += 3)
                memcpy(name + i, "\xe2\x80\xae", 4);            /* U+202E */
        test_certificate_make(&authority, NULL, "Long CA", true, -TEST_DAY, TEST_DAY);
        for (unsigned i = 0; i < 100; i++)
                assert_true(gnutls_x509_crt_set_dn_by_oid(authority.crt, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, 0, name, (unsigned) strlen(name)) >= 0);
        assert_true(gnutls_x509_crt_sign2(authority.crt, authority.crt, authority.key, GNUTLS_DIG_SHA256, 0) >= 0);
        test_certificate_make(&below, &authority, "good.example", false, -TEST_DAY, TEST_DAY);
        expect_refusal(&s, "...\", who is not trusted here; if you trust the issuer, name a file with its certificate with --ca=");
        assert_true(strlen(tls.failure.text) < KFTP_FAILURE_TEXT_MAX);
        test_certificate_done(&authority);
        test_certificate_done(&below);
}

/* ---- Pins, and going without ----------------------------------------------------------------------- */

static void test_pin(void **state) {
        _cleanup_free_ char *right = test_certificate_pin(&leaf), *wrong = test_certificate_pin(&ca), *both = NULL;
        TestServer s = { .certificate = &leaf };

        (void) state;
        assert_true(asprintf(&both, "%s;%s", wrong, right) > 0);
        options.tls.pin = right;
        expect_acceptance(&s);
        options.tls.pin = both;
        expect_acceptance(&s);
        options.tls.pin = wrong;
        expect_refusal(&s, right);
        /* besides, it has to be verified */
        options.tls.pin = right;
        host = "bad.example";
        expect_refusal(&s, "is not for");
        options.tls.insecure = true;
        expect_acceptance(&s);
        assert_string_equal(note, "");
        options.tls.pin = wrong;
        expect_refusal(&s, right);
}

static void test_insecure(void **state) {
        _cleanup_free_ char *pin = NULL;
        TestCertificate self, other;
        TestServer s = { .certificate = &self }, data = { .behaviour = TEST_ECHOES, .certificate = &self, .no_tickets = true };

        (void) state;
        test_certificate_make(&self, NULL, "elsewhere.example", false, -TEST_DAY, TEST_DAY);
        test_certificate_make(&other, NULL, "elsewhere.example", false, -TEST_DAY, TEST_DAY);
        pin = test_certificate_pin(&self);
        options.tls.insecure = true;
        options.tls.ca_file = NULL;
        expect_acceptance(&s);
        print_message("    %s\n", note);
        assert_non_null(strstr(note, "NOT VERIFIED"));
        assert_non_null(strstr(note, "self-signed"));
        assert_non_null(strstr(note, pin));
        /* once; and whoever it is, it is the same on data connections */
        note[0] = '\0';
        assert_int_equal(serve(&data, KFTP_ROLE_DATA), 0);
        assert_string_equal(note, "");
        data.certificate = &other;
        assert_int_equal(serve(&data, KFTP_ROLE_DATA), -EACCES);
        assert_non_null(strstr(tls.failure.text, "another one than that of the control connection"));
        test_certificate_done(&self);
        test_certificate_done(&other);
}

/* Where nothing is wrong with it, nothing is said. */
static void test_insecure_and_good(void **state) {
        TestServer s = { .certificate = &leaf };

        (void) state;
        options.tls.insecure = true;
        expect_acceptance(&s);
        assert_string_equal(note, "");
}

/* ---- Data connections -------------------------------------------------------------------------------- */

static void test_data_is_verified(void **state) {
        TestCertificate strange;
        TestServer s = { .certificate = &leaf }, data = { .behaviour = TEST_ECHOES, .certificate = &strange };

        (void) state;
        test_certificate_make(&strange, &other_ca, "good.example", false, -TEST_DAY, TEST_DAY);
        expect_acceptance(&s);
        test_servers_forget_tickets();
        assert_int_equal(serve(&data, KFTP_ROLE_DATA), -EACCES);
        assert_non_null(strstr(tls.failure.text, "the data connection to good.example:21: its certificate was issued by"));
        test_certificate_done(&strange);
}

/* ---- Our certificate --------------------------------------------------------------------------------- */

static void test_client_certificate(void **state) {
        static const char *const priorities[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2" };
        TestCertificate client;
        TestServer s = { .certificate = &leaf, .client_ca = &ca };

        (void) state;
        test_certificate_make(&client, &ca, "client", false, -TEST_DAY, TEST_DAY);
        test_certificate_write(&client, "client.pem", true, false);
        test_certificate_write(&client, "client.key", false, true);
        test_certificate_write(&client, "both.pem", true, true);
        for (size_t i = 0; i < ELEMENTS(priorities); i++) {
                s.priority = priorities[i];
                options.tls.certificate_file = options.tls.key_file = NULL;
                assert_int_equal(connect_to(&s), -ECONNABORTED);
                assert_int_equal(tls.failure.class, KFTP_CLASS_TLS);
                assert_non_null(strstr(tls.failure.text, "has asked for a certificate of ours: --cert=FILE"));
                options.tls.certificate_file = "client.pem";
                options.tls.key_file = "client.key";
                expect_acceptance(&s);
                options.tls.certificate_file = "both.pem";
                options.tls.key_file = NULL;
                expect_acceptance(&s);
        }
        /* not by whom the server wants it: it is shown none the less, and the server says what it thinks of it */
        s.client_ca = &other_ca;
        assert_int_equal(connect_to(&s), -ECONNABORTED);
        assert_non_null(strstr(tls.failure.text, "does not accept our certificate"));
        test_certificate_done(&client);
}

/* ---- Files ------------------------------------------------------------------------------------------- */

static void expect_bad(enum kftp_class class, const char *text) {
        assert_true(kftp_tls_check(&options.tls, &failure) < 0);
        print_message("    %s\n", failure.text);
        assert_int_equal(failure.class, class);
        assert_false(failure.transient);
        if (!strstr(failure.text, text))
                fail_msg("\"%s\" is not in \"%s\"", text, failure.text);
}

static void test_files(void **state) {
        (void) state;
        test_certificate_write(&leaf, "leaf.pem", true, false);
        test_certificate_write(&leaf, "leaf.key", false, true);
        test_certificate_write(&ca, "ca.key", false, true);
        test_write_file("empty", "");
        assert_int_equal(kftp_tls_check(&options.tls, NULL), 0);
        options.tls.ca_file = "none.pem";
        expect_bad(KFTP_CLASS_LOCAL, "cannot read none.pem: No such file");
        options.tls.ca_file = "empty";
        expect_bad(KFTP_CLASS_LOCAL, "empty: there is no certificate in it");
        options.tls.ca_file = "ca.pem";
        options.tls.key_file = "leaf.key";
        expect_bad(KFTP_CLASS_USAGE, "--cert=");
        options.tls.certificate_file = "leaf.pem";
        assert_int_equal(kftp_tls_check(&options.tls, NULL), 0);
        options.tls.key_file = "none.key";
        expect_bad(KFTP_CLASS_LOCAL, "cannot read none.key: No such file");
        options.tls.key_file = "empty";
        expect_bad(KFTP_CLASS_LOCAL, "empty: there is no private key in it");
        options.tls.key_file = "ca.key";
        expect_bad(KFTP_CLASS_LOCAL, "ca.key: this key does not belong to the certificate in leaf.pem");
        options.tls.key_file = "leaf.key";
        assert_int_equal(chmod("leaf.key", 0640), 0);
        expect_bad(KFTP_CLASS_USAGE, "key file leaf.key: others may read or change it: chmod 0600 leaf.key");
        assert_int_equal(chmod("leaf.key", 0600), 0);
        options.tls.min_version = 0x0302;
        expect_bad(KFTP_CLASS_USAGE, "1.2 or 1.3");
        options.tls.min_version = 0x0304;
        assert_int_equal(kftp_tls_check(&options.tls, NULL), 0);
        options.tls.pin = "sha256//AAAA";
        expect_bad(KFTP_CLASS_USAGE, "the pin: \"sha256//AAAA\": a pin has 32 bytes");
}

/* What cannot be opened or read without waiting for somebody, or has no end. */
static void test_no_files(void **state) {
        (void) state;
        assert_int_equal(mkfifo("fifo", 0600), 0);
        assert_int_equal(mkdir("roots", 0700), 0);
        assert_int_equal(symlink("../fifo", "roots/fifo.pem"), 0);
        test_write_file("large", "");
        assert_int_equal(truncate("large", (16 << 20) + 1), 0);
        (void) alarm(60);
        options.tls.ca_file = "fifo";
        expect_bad(KFTP_CLASS_LOCAL, "fifo: neither a file nor a directory");
        options.tls.ca_file = "/dev/zero";
        expect_bad(KFTP_CLASS_LOCAL, "/dev/zero: neither a file nor a directory");
        options.tls.ca_file = "large";
        expect_bad(KFTP_CLASS_LOCAL, "large: too large");
        options.tls.ca_file = "roots";
        expect_bad(KFTP_CLASS_LOCAL, "roots: there is no certificate in it");
        options.tls.ca_file = "ca.pem";
        options.tls.certificate_file = "fifo";
        expect_bad(KFTP_CLASS_LOCAL, "fifo: not a file");
        options.tls.certificate_file = "ca.pem";
        options.tls.key_file = "roots";
        expect_bad(KFTP_CLASS_LOCAL, "roots: not a file");
        (void) alarm(0);
}

/* They are loaded once, as long as they are the same. */
static void test_sharing(void **state) {
        KftpTlsTrust *a, *b, *c;

        (void) state;
        assert_int_equal(kftp_tls_trust_get(&options.tls, &a, NULL), 0);
        assert_int_equal(kftp_tls_trust_get(&options.tls, &b, NULL), 0);
        assert_ptr_equal(a, b);
        kftp_tls_trust_put(b);
        test_certificate_write(&other_ca, "new.pem", true, false);
        assert_int_equal(rename("new.pem", "ca.pem"), 0);
        assert_int_equal(kftp_tls_trust_get(&options.tls, &c, NULL), 0);
        assert_ptr_not_equal(a, c);
        kftp_tls_trust_put(a);
        kftp_tls_trust_put(c);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_CA(test_good),
                WITH_CA(test_wrong_name),
                WITH_CA(test_address),
                WITH_CA(test_dates),
                WITH_CA(test_issuer),
                WITH_CA(test_no_authority),
                WITH_CA(test_directory_of_roots),
                WITH_CA(test_hostile_name),
                WITH_CA(test_long_issuer),
                WITH_CA(test_pin),
                WITH_CA(test_insecure),
                WITH_CA(test_insecure_and_good),
                WITH_CA(test_data_is_verified),
                WITH_CA(test_client_certificate),
                WITH_CA(test_files),
                WITH_CA(test_no_files),
                WITH_CA(test_sharing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
