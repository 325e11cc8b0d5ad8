/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Failures: what servers' replies and the device's errors are taken for, and the line that tells. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libkftp/failure.h"
#include "libkftp/reply-class.h"
#include "libkftp/client.h"
#include "util.h"

#define YES true
#define NO false

static const struct {
        const char *text;
        bool logged_in;
        uint64_t bytes;
        enum kftp_class class;
        bool transient;
} replies[] = {
        /* logging in */
        { "530 Login incorrect.",                                               NO,  0, KFTP_CLASS_AUTH,    NO  },
        { "530 Not logged in, user cannot log in.",                             NO,  0, KFTP_CLASS_AUTH,    NO  },
        { "430 Invalid username or password",                                   NO,  0, KFTP_CLASS_AUTH,    NO  },
        { "331 Please specify the password.",                                   NO,  0, KFTP_CLASS_AUTH,    NO  },
        { "332 Need account for login.",                                        NO,  0, KFTP_CLASS_AUTH,    NO  },
        { "530 Sorry, the maximum number of clients (4) are already connected.", NO, 0, KFTP_CLASS_NETWORK, YES },
        { "530 Too many users logged in, try again later.",                     NO,  0, KFTP_CLASS_NETWORK, YES },
        { "421 Too many connections (8) from this IP",                          NO,  0, KFTP_CLASS_NETWORK, YES },
        { "421 Service not available, closing control connection.",             NO,  0, KFTP_CLASS_NETWORK, YES },
        { "431 Temporary failure",                                              NO,  0, KFTP_CLASS_NETWORK, YES },
        { "530 Non-anonymous sessions must use encryption.",                    NO,  0, KFTP_CLASS_TLS,     NO  },
        { "550 SSL/TLS required on the control channel",                        NO,  0, KFTP_CLASS_TLS,     NO  },
        { "421 Sorry, cleartext sessions and weak ciphers are not accepted on this server.", NO, 0, KFTP_CLASS_TLS, NO },
        { "421 Please reconnect using TLS security mechanisms.",                NO,  0, KFTP_CLASS_TLS,     NO  },
        { "534 Policy requires SSL.",                                           NO,  0, KFTP_CLASS_TLS,     NO  },
        /* a user whose name is said in the reply */
        { "530 User tlsmith cannot log in.",                                    NO,  0, KFTP_CLASS_AUTH,    NO  },

        /* the request */
        { "550 Failed to open file.",                                           YES, 0, KFTP_CLASS_REMOTE,  NO  },
        { "550 x: No such file or directory",                                   YES, 0, KFTP_CLASS_REMOTE,  NO  },
        { "553 Permission denied",                                              YES, 0, KFTP_CLASS_REMOTE,  NO  },
        { "450 x: file busy",                                                   YES, 0, KFTP_CLASS_REMOTE,  YES },
        { "552 Quota exceeded",                                                 YES, 0, KFTP_CLASS_REMOTE,  NO  },
        { "425 Failed to establish connection.",                                YES, 0, KFTP_CLASS_NETWORK, YES },
        { "426 Failure writing network stream.",                                YES, 5, KFTP_CLASS_NETWORK, YES },
        { "421 Timeout.",                                                       YES, 0, KFTP_CLASS_NETWORK, YES },
        { "451 Failure reading local file.",                                    YES, 0, KFTP_CLASS_NETWORK, YES },
        { "500 RETR not understood",                                            YES, 0, KFTP_CLASS_OTHER,   NO  },
        { "502 Command not implemented.",                                       YES, 0, KFTP_CLASS_OTHER,   NO  },
        { "530 Please login with USER and PASS.",                               YES, 0, KFTP_CLASS_AUTH,    NO  },
        { "522 SSL/TLS required on the data channel",                           YES, 0, KFTP_CLASS_TLS,     NO  },
        { "521 PROT P required",                                                YES, 0, KFTP_CLASS_TLS,     NO  },
        /* permanent by the code, not by what it says */
        { "550 Data connection closed: Broken pipe",                            YES, 0, KFTP_CLASS_NETWORK, YES },
        { "550 Too many open files",                                            YES, 0, KFTP_CLASS_NETWORK, YES },
        { "551 Error on input file",                                            YES, 1, KFTP_CLASS_NETWORK, YES },
        { "530 Session expired",                                                YES, 1, KFTP_CLASS_NETWORK, YES },
        { "522 Data channel lost",                                              YES, 1, KFTP_CLASS_NETWORK, YES },
        { "552 Quota exceeded",                                                 YES, 1, KFTP_CLASS_REMOTE,  NO  },
        { "452 No space",                                                       YES, 1, KFTP_CLASS_REMOTE,  NO  },
        { "530 The maximum number of connections is reached",                   YES, 0, KFTP_CLASS_NETWORK, YES },
        { "550 Operation timed out",                                            YES, 0, KFTP_CLASS_NETWORK, YES },
        { "550 Connection closed by the remote host",                           YES, 0, KFTP_CLASS_NETWORK, YES },
        { "501 Anything at all",                                                YES, 1, KFTP_CLASS_NETWORK, YES },
        { "421 Too many connections from your address",                         YES, 9, KFTP_CLASS_NETWORK, YES },
        { "530 Server overloaded",                                              NO,  0, KFTP_CLASS_NETWORK, YES },
        { "530 User bob is already connected",                                  NO,  0, KFTP_CLASS_NETWORK, YES },
        { "530 No more than 2 simultaneous logins",                             NO,  0, KFTP_CLASS_NETWORK, YES },
        /* the disk is full, whatever the code */
        { "452 Insufficient storage space",                                     YES, 0, KFTP_CLASS_REMOTE,  NO  },
        { "552 Disk full - please upload later",                                YES, 0, KFTP_CLASS_REMOTE,  NO  },
        { "426 Transfer aborted. No space left on device",                      YES, 9, KFTP_CLASS_REMOTE,  NO  },
        { "451 Disk quota exceeded",                                            YES, 9, KFTP_CLASS_REMOTE,  NO  },
        { "550 Requested action not taken: disk full",                          YES, 9, KFTP_CLASS_REMOTE,  NO  },
        { "426 Connection closed; transfer aborted",                            YES, 9, KFTP_CLASS_NETWORK, YES },
        { "451 Failure writing to local file.",                                 YES, 9, KFTP_CLASS_NETWORK, YES },
        { "530 Login failed: too many users",                                   NO,  0, KFTP_CLASS_NETWORK, YES },
        { "530 Too many login failures",                                        NO,  0, KFTP_CLASS_AUTH,    NO  },
        { "530 Too many failed login attempts",                                 NO,  0, KFTP_CLASS_AUTH,    NO  },
};

static void test_replies(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTS(replies); i++) {
                unsigned code = (unsigned) strtoul(replies[i].text, NULL, 10);
                KftpReplyClass c;

                print_message("%s\n", replies[i].text);
                c = kftp_reply_classify(code, replies[i].text, strlen(replies[i].text), replies[i].logged_in, false, replies[i].bytes);
                assert_int_equal(c.class, replies[i].class);
                assert_int_equal(c.transient, replies[i].transient);
                assert_true(!*c.advice || startswith(c.advice, "; "));
        }
}

static void test_reply_without_text(void **state) {
        KftpReplyClass c = kftp_reply_classify(530, NULL, 0, false, false, 0);

        (void) state;
        assert_int_equal(c.class, KFTP_CLASS_AUTH);
        /* a NUL in the middle hides nothing */
        c = kftp_reply_classify(530, "530 \0too many", 13, false, false, 0);
        assert_int_equal(c.class, KFTP_CLASS_NETWORK);
}

/* ---- The device's errors --------------------------------------------------------------------- */

static KftpEnding ending(int error) {
        return (KftpEnding) {
                .remote = "ftp.example.org:21",
                .path = "pub/x.bin",
                .local = "/srv/.x.bin.kftp-part",
                .address = "192.0.2.1:21",
                .connected = true,
                .logged_in = true,
                .timeout_usec = 2 * USEC_PER_SEC,
                .error = error,
                .remote_size = 1000,
        };
}

static void set_reply(KftpEnding *e, const char *text) {
        e->reply = (unsigned) strtoul(text, NULL, 10);
        e->text = text;
        e->text_len = strlen(text);
}

static void expect(const KftpEnding *e, enum kftp_class class, bool transient, const char *text) {
        KftpFailure f = {};

        assert_int_equal(kftp_failure_from_ending(&f, e), e->error);
        assert_string_equal(f.text, text);
        assert_int_equal(f.class, class);
        assert_int_equal(f.transient, transient);
        assert_int_equal(f.error, e->error);
        assert_int_equal(f.reply, e->reply);
        assert_null(strchr(f.text, '\n'));
        kftp_failure_done(&f);
}

static void test_refusals(void **state) {
        KftpEnding e = ending(-EREMOTEIO);

        (void) state;
        set_reply(&e, "550 No such file\033[2J.");
        expect(&e, KFTP_CLASS_REMOTE, NO, "\"pub/x.bin\" not sent by ftp.example.org:21: \"550 No such file\\x1b[2J.\"");
        e.bytes = 1;
        e.position = 2048;
        set_reply(&e, "426 Broken.");
        expect(&e, KFTP_CLASS_NETWORK, YES, "\"pub/x.bin\" from ftp.example.org:21 broken off after 2.0 KiB: \"426 Broken.\"");
        e.error = -EKEYREJECTED;
        e.logged_in = false;
        set_reply(&e, "530 Login incorrect.");
        expect(&e, KFTP_CLASS_AUTH, NO,
               "login refused by ftp.example.org:21: \"530 Login incorrect.\"; check the user name and the password");
        e.error = -ECONNRESET;
        set_reply(&e, "421 Too many connections.");
        expect(&e, KFTP_CLASS_NETWORK, YES, "login refused by ftp.example.org:21: \"421 Too many connections.\"");
}

static void test_tls(void **state) {
        KftpEnding e = ending(-EPROTONOSUPPORT);

        (void) state;
        e.logged_in = false;
        set_reply(&e, "500 Unknown command.");
        expect(&e, KFTP_CLASS_TLS, NO, "ftp.example.org:21 has no TLS: \"500 Unknown command.\"; --tls=auto would go on without, in clear text, the password included");
        e.encrypted = true;
        set_reply(&e, "536 Not here.");
        expect(&e, KFTP_CLASS_TLS, NO, "ftp.example.org:21 does not encrypt data connections (PROT P): \"536 Not here.\"; --tls=auto would send files in clear text");
        set_reply(&e, "421 Too many users.");
        expect(&e, KFTP_CLASS_NETWORK, YES, "login refused by ftp.example.org:21: \"421 Too many users.\"");

        e = ending(-EPROTO);
        e.logged_in = false;
        set_reply(&e, "234 Go on.");
        expect(&e, KFTP_CLASS_TLS, NO, "ftp.example.org:21: bytes in clear text came behind the answer to AUTH: \"234 Go on.\": somebody on the way may be tampering with the connection");
        e = ending(-EPROTO);
        expect(&e, KFTP_CLASS_OTHER, NO, "ftp.example.org:21 does not speak FTP as it should");
        e.encrypted = true;
        expect(&e, KFTP_CLASS_TLS, NO, "ftp.example.org:21 has sent what is no TLS record, or no FTP inside of it: it may have died");

        e = ending(-ENOKEY);
        expect(&e, KFTP_CLASS_TLS, NO, "ftp.example.org:21: the connection was not encrypted by the kernel after the TLS handshake, so nothing was sent over it (kftp doctor)");
        e = ending(-EILSEQ);
        expect(&e, KFTP_CLASS_TLS, NO, "ftp.example.org:21: a TLS record was damaged or forged on the way");
        e = ending(-ECONNABORTED);
        e.alert = 80;
        expect(&e, KFTP_CLASS_TLS, NO, "ftp.example.org:21 has broken TLS off with the alert \"Internal error\" (80)");
        e.alert = 0;
        expect(&e, KFTP_CLASS_NETWORK, YES, "\"pub/x.bin\" from ftp.example.org:21 broken off after 0 B: Software caused connection abort");
        e = ending(-EKEYEXPIRED);
        expect(&e, KFTP_CLASS_TLS, YES, "ftp.example.org:21 wants new keys in the middle of the TLS session (KeyUpdate), which the kernel cannot give it: a new connection goes on");
}

/* A FIN that nobody has vouched for. */
static void test_cut_off(void **state) {
        KftpEnding e = ending(-EBADMSG);

        (void) state;
        e.bytes = e.position = 512;
        expect(&e, KFTP_CLASS_INTEGRITY, YES, "\"pub/x.bin\" from ftp.example.org:21: 512 bytes received, but the server said it has 1000");
        e.unclean = e.encrypted = true;
        expect(&e, KFTP_CLASS_INTEGRITY, YES, "\"pub/x.bin\" from ftp.example.org:21 ended after 512 B without TLS's close_notify, and the server said that it has 1000 bytes: "
               "it was cut off on the way");
        e.remote_size = KFTP_SIZE_UNKNOWN;
        expect(&e, KFTP_CLASS_INTEGRITY, YES, "\"pub/x.bin\" from ftp.example.org:21 ended after 512 B without TLS's close_notify: it may have been cut off on the way, "
               "and there is no size to compare it with");
}

/* What a server says of TLS means another thing to who has it. */
static void test_wants_tls(void **state) {
        KftpReplyClass c = kftp_reply_classify(530, "530 Must use encryption", 23, false, false, 0);

        (void) state;
        assert_int_equal(c.class, KFTP_CLASS_TLS);
        assert_non_null(strstr(c.advice, "--tls=require"));
        c = kftp_reply_classify(522, "522 session reuse required", 26, true, true, 0);
        assert_int_equal(c.class, KFTP_CLASS_TLS);
        assert_string_equal(c.advice, "");
        c = kftp_reply_classify(530, "530 Bad password (SSL/TLS)", 26, false, true, 0);
        assert_int_equal(c.class, KFTP_CLASS_AUTH);
}

static void test_network(void **state) {
        KftpEnding e = ending(-ECONNREFUSED);

        (void) state;
        e.connected = e.logged_in = false;
        expect(&e, KFTP_CLASS_NETWORK, YES, "cannot connect to ftp.example.org:21 (192.0.2.1:21): Connection refused");
        e.error = -ETIMEDOUT;
        expect(&e, KFTP_CLASS_NETWORK, YES, "cannot connect to ftp.example.org:21 (192.0.2.1:21): no answer within 2 s");
        e.remote = e.address;
        expect(&e, KFTP_CLASS_NETWORK, YES, "cannot connect to 192.0.2.1:21: no answer within 2 s");
        e.error = -EADDRNOTAVAIL;
        expect(&e, KFTP_CLASS_NETWORK, YES, "cannot connect to 192.0.2.1:21: Cannot assign requested address");
        e.error = -EINVAL;
        expect(&e, KFTP_CLASS_NETWORK, NO, "cannot connect to 192.0.2.1:21: Invalid argument");
        e.error = -EMFILE;
        expect(&e, KFTP_CLASS_OTHER, YES, "192.0.2.1:21: Too many open files");
        e.source = true;
        e.error = -EADDRNOTAVAIL;
        expect(&e, KFTP_CLASS_NETWORK, NO, "cannot connect to 192.0.2.1:21: Cannot assign requested address; "
               "the source address has to be one of this machine's");

        e = ending(-ETIMEDOUT);
        e.logged_in = false;
        expect(&e, KFTP_CLASS_NETWORK, YES, "no login at ftp.example.org:21: nothing came within 2 s");

        e = ending(-ECONNRESET);
        e.bytes = 512;
        e.position = 2048;
        expect(&e, KFTP_CLASS_NETWORK, YES, "\"pub/x.bin\" from ftp.example.org:21 broken off after 2.0 KiB: Connection reset by peer");
        e = ending(-ECONNREFUSED);
        expect(&e, KFTP_CLASS_NETWORK, YES, "\"pub/x.bin\" from ftp.example.org:21 broken off after 0 B: Connection refused; "
               "a firewall may block the data connection: try the other kind (--active)");
}

static void test_the_rest(void **state) {
        KftpEnding e = ending(-EBADMSG);

        (void) state;
        e.position = 999;
        set_reply(&e, "226 Transfer complete.");
        expect(&e, KFTP_CLASS_INTEGRITY, YES, "\"pub/x.bin\" from ftp.example.org:21: 999 bytes received, but the server said it has 1000: "
               "\"226 Transfer complete.\"");
        e = ending(-ENOSPC);
        e.local_file = true;
        expect(&e, KFTP_CLASS_LOCAL, NO, "cannot write /srv/.x.bin.kftp-part: No space left on device; "
               "free some space there, or choose another place");
        /* the same number from elsewhere is something else */
        e = ending(-EPIPE);
        e.local_file = true;
        expect(&e, KFTP_CLASS_LOCAL, NO, "cannot write /srv/.x.bin.kftp-part: Broken pipe");
        e = ending(-EPROTO);
        expect(&e, KFTP_CLASS_OTHER, NO, "ftp.example.org:21 does not speak FTP as it should");
        e = ending(-EMSGSIZE);
        expect(&e, KFTP_CLASS_OTHER, NO, "ftp.example.org:21 does not speak FTP as it should");
        e = ending(-ENOMEM);
        expect(&e, KFTP_CLASS_OTHER, YES, "ftp.example.org:21: Cannot allocate memory");
}

static void test_device(void **state) {
        static const struct {
                int error;
                enum kftp_class class;
                const char *part;
        } rows[] = {
                { -ENOENT,     KFTP_CLASS_DEVICE, "sudo modprobe kftp"           },
                { -ENXIO,      KFTP_CLASS_DEVICE, "sudo modprobe kftp"           },
                { -ENODEV,     KFTP_CLASS_DEVICE, "sudo modprobe kftp"           },
                { -EACCES,     KFTP_CLASS_DEVICE, "sudo usermod -aG kftp-users " },
                { -EPERM,      KFTP_CLASS_DEVICE, "see allow_userns in kftp(4)"  },
                { -EOPNOTSUPP, KFTP_CLASS_DEVICE, "does not support"             },
                { -EMFILE,     KFTP_CLASS_OTHER,  "Too many open files"          },
                { -EINVAL,     KFTP_CLASS_DEVICE, "Invalid argument"             },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                KftpFailure f = {};

                assert_int_equal(kftp_failure_device(&f, rows[i].error, "KFTP_TEST"), rows[i].error);
                assert_int_equal(f.class, rows[i].class);
                assert_non_null(strstr(f.text, "/dev/kftp"));
                assert_non_null(strstr(f.text, rows[i].part));
                kftp_failure_done(&f);
        }
}

/* What the module refuses because of what it was given is not the module's fault. */
static void test_refused_calls(void **state) {
        KftpFailure f = {};

        (void) state;
        kftp_failure_connect(&f, -EINVAL, "0.0.0.0:21");
        assert_int_equal(f.class, KFTP_CLASS_NETWORK);
        assert_false(f.transient);
        assert_non_null(strstr(f.text, "0.0.0.0:21"));
        kftp_failure_connect(&f, -EAFNOSUPPORT, "[::]:21");
        assert_int_equal(f.class, KFTP_CLASS_NETWORK);
        kftp_failure_connect(&f, -EOPNOTSUPP, "192.0.2.1:21");
        assert_int_equal(f.class, KFTP_CLASS_DEVICE);
        kftp_failure_submit(&f, -EBADF);
        assert_int_equal(f.class, KFTP_CLASS_LOCAL);
        kftp_failure_submit(&f, -EINVAL);
        assert_int_equal(f.class, KFTP_CLASS_LOCAL);
        kftp_failure_submit(&f, -ENOMEM);
        assert_int_equal(f.class, KFTP_CLASS_OTHER);
        assert_true(f.transient);
        kftp_failure_local(&f, -ENFILE, "cannot create x");
        assert_int_equal(f.class, KFTP_CLASS_LOCAL);
        assert_true(f.transient);
        kftp_failure_done(&f);
}

static void test_escaped(void **state) {
        KftpFailure f = {};

        (void) state;
        kftp_failure_set(&f, KFTP_CLASS_NETWORK, -EHOSTUNREACH, false, "%s: no such host (\\x1b)", "h\033]0;\302\233");
        assert_string_equal(f.text, "h\\x1b]0;\\xc2\\x9b: no such host (\\x1b)");
        kftp_failure_done(&f);
}

/* One line stays one, whatever a server puts into it; and it stays UTF-8. */
static void test_long(void **state) {
        char long_text[3 * KFTP_FAILURE_TEXT_MAX + 2];
        KftpFailure f = {};

        (void) state;
        for (unsigned shift = 0; shift < 4; shift++) {
                _cleanup_free_ char *escaped = NULL;

                memset(long_text, 'x', shift);
                for (size_t i = 0; i + shift + 3 < sizeof(long_text); i += 3)
                        memcpy(long_text + shift + i, "\xe2\x82\xac", 4);
                kftp_failure_set(&f, KFTP_CLASS_TLS, -EACCES, false, "%s", long_text);
                assert_in_range(strlen(f.text), KFTP_FAILURE_TEXT_MAX - 3, KFTP_FAILURE_TEXT_MAX);
                assert_string_equal(f.text + strlen(f.text) - 3, "...");
                escaped = kftp_escape(f.text, strlen(f.text));  /* nothing in it wants that */
                assert_string_equal(escaped, f.text);
        }
        /* what grows by being made fit for display */
        memset(long_text, '\x1b', sizeof(long_text) - 1);
        long_text[KFTP_FAILURE_TEXT_MAX / 4] = '\0';
        kftp_failure_set(&f, KFTP_CLASS_TLS, -EACCES, false, "%s", long_text);
        assert_int_equal(strlen(f.text), KFTP_FAILURE_TEXT_MAX);
        assert_null(strstr(f.text, "..."));
        kftp_failure_set(&f, KFTP_CLASS_TLS, -EACCES, false, "%s!", long_text);
        assert_int_equal(strlen(f.text), KFTP_FAILURE_TEXT_MAX);
        assert_non_null(strstr(f.text, "..."));
        kftp_failure_done(&f);
}

/* A failure that quotes the one it takes the place of. */
static void test_replaced(void **state) {
        KftpFailure f = {};

        (void) state;
        assert_int_equal(kftp_failure_set(&f, KFTP_CLASS_NETWORK, -EPIPE, true, "first"), -EPIPE);
        assert_int_equal(kftp_failure_set(&f, KFTP_CLASS_INTERRUPTED, 0, false, "second, after: %s", f.text), -EREMOTEIO);
        assert_string_equal(f.text, "second, after: first");
        assert_false(f.transient);
        kftp_failure_done(&f);
        assert_null(f.text);
        assert_int_equal(kftp_failure_set(NULL, KFTP_CLASS_OTHER, -EIO, false, "nobody listens"), -EIO);
}

static void test_class_names(void **state) {
        (void) state;
        assert_string_equal(kftp_class_name(KFTP_CLASS_OK), "done");
        assert_string_equal(kftp_class_name(KFTP_CLASS_AUTH), "auth");
        assert_string_equal(kftp_class_name(KFTP_CLASS_BUSY), "busy");
        assert_string_equal(kftp_class_name(KFTP_CLASS_OTHER), "other");
}

/* ---- The pause before another attempt ---------------------------------------------------------- */

static void test_backoff(void **state) {
        static const struct {
                uint64_t first;
                unsigned n;
                uint64_t expected;      /* without the jitter */
        } rows[] = {
                { 0, 1,   1 * USEC_PER_SEC  }, { 0, 2, 2 * USEC_PER_SEC },  { 0, 4,          8 * USEC_PER_SEC   },
                { 0, 9, 256 * USEC_PER_SEC  }, { 0, 10, 300 * USEC_PER_SEC }, { 0, UINT32_MAX, 300 * USEC_PER_SEC },
                { 30 * USEC_PER_SEC, 1, 30 * USEC_PER_SEC }, { 30 * USEC_PER_SEC, 3, 120 * USEC_PER_SEC },
                { 999 * USEC_PER_SEC, 1, 300 * USEC_PER_SEC }, { UINT64_MAX, 2, 300 * USEC_PER_SEC },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                uint64_t least = kftp_backoff_usec(rows[i].first, rows[i].n, 0), most = kftp_backoff_usec(rows[i].first, rows[i].n, UINT32_MAX);

                assert_int_equal(least, rows[i].expected * 3 / 4);
                assert_int_equal(most, rows[i].expected * 5 / 4);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_replies),
                cmocka_unit_test(test_reply_without_text),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_tls),
                cmocka_unit_test(test_cut_off),
                cmocka_unit_test(test_wants_tls),
                cmocka_unit_test(test_network),
                cmocka_unit_test(test_the_rest),
                cmocka_unit_test(test_device),
                cmocka_unit_test(test_refused_calls),
                cmocka_unit_test(test_escaped),
                cmocka_unit_test(test_long),
                cmocka_unit_test(test_replaced),
                cmocka_unit_test(test_class_names),
                cmocka_unit_test(test_backoff),
        };

        return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
