/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses to and from text, names to addresses, and the handle that stops waiting. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>

#include "libkftp/address.h"
#include "libkftp/control.h"
#include "util.h"

static const struct {
        const char *text, *formatted;
} round_trips[] = {
        { "192.0.2.1",                  "192.0.2.1:21"                  },
        { "0.0.0.0",                    "0.0.0.0:21"                    },
        { "::1",                        "[::1]:21"                      },
        { "2001:DB8:0:0::1",            "[2001:db8::1]:21"              },
        { "::ffff:192.0.2.1",           "[::ffff:192.0.2.1]:21"         },
        { "fe80::1%lo",                 "[fe80::1%lo]:21"               },
};

static void test_round_trip(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTS(round_trips); i++) {
                _cleanup_free_ char *text = NULL;
                struct kftp_addr a;

                assert_int_equal(kftp_address_parse(round_trips[i].text, &a), 0);
                assert_int_equal(a.port, 0);
                a.port = htons(21);
                text = kftp_address_format(&a);
                assert_string_equal(text, round_trips[i].formatted);
        }
}

static void test_bytes(void **state) {
        struct kftp_addr a;

        (void) state;
        assert_int_equal(kftp_address_parse("192.0.2.1", &a), 0);
        assert_int_equal(a.family, AF_INET);
        assert_memory_equal(a.addr, ((uint8_t[16]) { 192, 0, 2, 1 }), 16);
        assert_int_equal(kftp_address_parse("fe80::1%lo", &a), 0);
        assert_int_equal(a.family, AF_INET6);
        assert_memory_equal(a.addr, ((uint8_t[16]) { 0xfe, 0x80, [15] = 1 }), 16);
        assert_int_equal(a.scope_id, if_nametoindex("lo"));
}

static void test_no_address(void **state) {
        static const char *const texts[] = {
                "", " ", "localhost", "127.1", "0x7f000001", "256.0.0.1", "192.0.2.1:21", "192.0.2.1 ", "[::1]", "::g", "1:2:3:4:5:6:7:8:9",
        };
        struct kftp_addr a;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++)
                assert_int_equal(kftp_address_parse(texts[i], &a), -EINVAL);
}

static void test_format_others(void **state) {
        _cleanup_free_ char *none = kftp_address_format(&(struct kftp_addr) {}), *scoped = NULL;
        struct kftp_addr a;

        (void) state;
        assert_string_equal(none, "none");
        /* an interface that has gone meanwhile */
        assert_int_equal(kftp_address_parse("fe80::1", &a), 0);
        a.scope_id = 0x7ffffff0;
        scoped = kftp_address_format(&a);
        assert_string_equal(scoped, "[fe80::1%2147483632]:0");
}

static void test_resolve(void **state) {
        _cleanup_free_ struct kftp_addr *list = NULL;
        _cleanup_free_ char *text = NULL;
        KftpFailure f = {};
        size_t n = 0;

        (void) state;
        assert_int_equal(kftp_resolve("192.0.2.9", 2121, 0, &list, &n, &f), 0);
        assert_int_equal(n, 1);
        text = kftp_address_format(&list[0]);
        assert_string_equal(text, "192.0.2.9:2121");
}

static void test_resolve_wrong_family(void **state) {
        struct kftp_addr *list = NULL;
        KftpFailure f = {};
        size_t n = 0;

        (void) state;
        assert_true(kftp_resolve("192.0.2.9", 21, AF_INET6, &list, &n, &f) < 0);
        assert_int_equal(f.class, KFTP_CLASS_NETWORK);
        assert_false(f.transient);
        assert_non_null(strstr(f.text, "192.0.2.9"));
        assert_non_null(strstr(f.text, "IPv6"));
        kftp_failure_done(&f);
}

/* In a thread of its own, with the deadline and the handle watched. */
static void test_resolve_bounded(void **state) {
        struct kftp_addr *list = NULL;
        KftpControl *c;
        KftpFailure f = {};
        size_t n = 0;

        (void) state;
        assert_int_equal(kftp_control_new(&c), 0);
        assert_int_equal(kftp_resolve_bounded("::1", 21, AF_INET6, c, 60 * USEC_PER_SEC, &list, &n, &f), 0);
        assert_int_equal(n, 1);
        assert_int_equal(list[0].family, AF_INET6);
        free(list);

        kftp_control_cancel(c);
        assert_int_equal(kftp_resolve_bounded("::1", 21, AF_INET6, c, 60 * USEC_PER_SEC, &list, &n, &f), -ECANCELED);
        assert_int_equal(f.class, KFTP_CLASS_INTERRUPTED);
        kftp_failure_done(&f);
        kftp_control_free(c);
        /* the abandoned look-up ends by itself */
        assert_int_equal(poll(NULL, 0, 100), 0);
}

static void *cancel_soon(void *c) {
        (void) poll(NULL, 0, 50);
        kftp_control_cancel(c);
        return NULL;
}

static void test_control(void **state) {
        struct pollfd p = { .events = POLLIN };
        pthread_t thread;
        KftpControl *c;

        (void) state;
        assert_int_equal(kftp_control_new(&c), 0);
        p.fd = kftp_control_fd(c);
        assert_false(kftp_control_cancelled(c));
        assert_int_equal(poll(&p, 1, 0), 0);
        assert_int_equal(kftp_control_sleep(c, 1000), 0);

        /* a sleep that would outlast every time limit */
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, c), 0);
        assert_int_equal(kftp_control_sleep(c, 86400 * USEC_PER_SEC), -ECANCELED);
        assert_int_equal(pthread_join(thread, NULL), 0);

        /* for good, however often it is said and looked at */
        kftp_control_cancel(c);
        assert_true(kftp_control_cancelled(c));
        assert_int_equal(poll(&p, 1, 0), 1);
        assert_int_equal(poll(&p, 1, 0), 1);
        assert_int_equal(kftp_control_sleep(c, 0), -ECANCELED);

        /* a descriptor that is no device does no harm */
        kftp_control_attach(c, STDERR_FILENO);
        kftp_control_cancel(c);
        kftp_control_detach(c);
        kftp_control_free(c);
}

static void test_no_control(void **state) {
        (void) state;
        assert_false(kftp_control_cancelled(NULL));
        assert_int_equal(kftp_control_fd(NULL), -1);
        assert_int_equal(kftp_control_sleep(NULL, 1000), 0);
        kftp_control_attach(NULL, 0);
        kftp_control_detach(NULL);
        kftp_control_free(NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_no_address),
                cmocka_unit_test(test_format_others),
                cmocka_unit_test(test_resolve),
                cmocka_unit_test(test_resolve_wrong_family),
                cmocka_unit_test(test_resolve_bounded),
                cmocka_unit_test(test_control),
                cmocka_unit_test(test_no_control),
        };

        return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
