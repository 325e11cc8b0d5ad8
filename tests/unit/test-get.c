/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kftp_get over a device that is made up here: what it does when it is stopped between two calls, when the
 * file is complete and cannot be delivered, and when none of several addresses answers.
 */

#include "directory.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "libkftp/control.h"
#include "libkftp/libkftp.h"
#include "util.h"

#define CONTENT "the whole file"
#define TEMPORARY ".x.bin.kftp-part"

/* ---- The device ----------------------------------------------------------------------------------- */

static struct {
        int fd;
        bool knows;                     /* SIZE and MDTM */
        bool loses;                     /* somebody removes the temporary file meanwhile */
        int refuse_connect[2];          /* KFTP_CONNECT of the first and the second address fails with this */
        int close_with[2];              /* CLOSED instead of CONNECTED, with this error */

        unsigned connects;
        bool connected, cancelled, closed;
        struct kftp_submit request;     /* size 0: none */
} device;

static int refuse(int error) {
        errno = error;
        return -1;
}

static int device_connect(void) {
        int error = device.refuse_connect[MIN2(device.connects, 1U)];

        device.connects++;
        device.connected = device.cancelled = device.closed = false;
        return error > 0 ? refuse(error) : 0;
}

static int device_submit(const struct kftp_submit *request) {
        if (device.cancelled)
                return refuse(ENOTCONN);
        device.request = *request;
        return 0;
}

static void device_done(struct kftp_run *run) {
        run->type = KFTP_EVENT_DONE;
        run->reply = device.request.op == KFTP_OP_QUIT ? 221 : 226;
        if (device.request.op == KFTP_OP_RETR) {
                run->bytes = strlen(CONTENT);
                assert_int_equal(pwrite(device.request.fd, CONTENT, strlen(CONTENT), 0), strlen(CONTENT));
                if (device.loses)
                        assert_int_equal(unlink(TEMPORARY), 0);
                if (device.knows) {
                        run->event_flags = KFTP_EVENT_HAS_SIZE | KFTP_EVENT_HAS_MTIME;
                        run->remote_size = strlen(CONTENT);
                        run->remote_mtime = 1000000000;
                }
        }
        device.request.size = 0;
}

static int device_run(struct kftp_run *run) {
        int error = device.cancelled ? -ECANCELED : device.connected ? 0 : -device.close_with[device.connects - 1];

        if (device.closed)
                return refuse(ENOTCONN);
        if (error < 0) {
                run->type = KFTP_EVENT_CLOSED;
                run->error = error;
                device.closed = true;
        } else if (!device.connected) {
                run->type = KFTP_EVENT_CONNECTED;
                device.connected = true;
        } else if (device.request.size > 0)
                device_done(run);
        else
                return refuse(EAGAIN);
        return 0;
}

static int device_info(struct kftp_info *info) {
        info->abi = KFTP_ABI_VERSION;
        info->local.family = device.connected ? AF_INET : 0;
        return 0;
}

/* Stands in for the C library's. */
int ioctl(int fd, unsigned long request, ...) {
        void *argument;
        va_list ap;

        va_start(ap, request);
        argument = va_arg(ap, void *);
        va_end(ap);
        if (fd != device.fd)
                return (int) syscall(SYS_ioctl, fd, request, argument);
        switch (request) {
        case KFTP_INFO: return device_info(argument);
        case KFTP_CONNECT: return device_connect();
        case KFTP_SUBMIT: return device_submit(argument);
        case KFTP_RUN: return device_run(argument);
        case KFTP_CANCEL:
                device.cancelled = true;
                return 0;
        default: return refuse(ENOTTY);
        }
}

/* Stands in for the C library's, too; only the device is another file. */
int open(const char *path, int flags, ...) {
        bool is_device = streq(path, KFTP_DEVICE);
        mode_t mode = 0;
        va_list ap;
        int fd;

        va_start(ap, flags);
        if (flags & (O_CREAT | __O_TMPFILE))
                mode = va_arg(ap, mode_t);
        va_end(ap);
        fd = (int) syscall(SYS_openat, AT_FDCWD, is_device ? "/dev/null" : path, flags, mode);
        if (is_device)
                device.fd = fd;
        return fd;
}

/* Each name has two addresses. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret) {
        static struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        static struct sockaddr_in four = { .sin_family = AF_INET };
        static struct addrinfo second = { .ai_family = AF_INET6, .ai_addr = (struct sockaddr *) &six, .ai_addrlen = sizeof(six) };
        static struct addrinfo first = { .ai_family = AF_INET, .ai_addr = (struct sockaddr *) &four, .ai_addrlen = sizeof(four),
                                         .ai_next = &second };

        (void) name;
        (void) service;
        (void) hints;
        four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *ret = &first;
        return 0;
}

void freeaddrinfo(struct addrinfo *list) {
        (void) list;
}

/* ---- Tests ---------------------------------------------------------------------------------------- */

static KftpUrl url = { .host = (char *) "h", .port = 21, .path = (char *) "pub/x.bin", .base = (char *) "x.bin" };

static int get(const KftpOptions *options, KftpResult *ret) {
        device.fd = -1;
        device.connects = 0;
        return kftp_get(&url, NULL, options, ret);
}

static int setup(void **state) {
        memset(&device, 0, sizeof(device));
        device.knows = true;
        return test_directory_set_up(state);
}

static off_t size_of(const char *path) {
        struct stat st;

        return lstat(path, &st) < 0 ? -1 : st.st_size;
}

/* The device that is made up does what is expected of it. */
static void test_good(void **state) {
        const KftpOptions options = {};
        KftpResult result;

        (void) state;
        assert_int_equal(get(&options, &result), 0);
        assert_int_equal(size_of("x.bin"), strlen(CONTENT));
        assert_int_equal(size_of(TEMPORARY), -1);
        kftp_result_done(&result);
}

static void cancel_when_connected(void *userdata, const struct kftp_addr *local, const struct kftp_addr *peer) {
        (void) local;
        (void) peer;
        kftp_control_cancel(*(KftpControl **) userdata);
}

/* After the log-in and before the request: the device refuses that, but it is the caller who wanted it so. */
static void test_cancelled_before_the_request(void **state) {
        KftpControl *control;
        KftpOptions options = { .callbacks = { .connected = cancel_when_connected, .userdata = &control } };
        KftpResult result;

        (void) state;
        assert_int_equal(kftp_control_new(&control), 0);
        options.control = control;
        assert_true(get(&options, &result) < 0);
        assert_int_equal(result.failure.class, KFTP_CLASS_INTERRUPTED);
        assert_false(result.failure.transient);
        assert_int_equal(result.attempts, 1);
        assert_int_equal(size_of(TEMPORARY), -1);
        kftp_result_done(&result);
        kftp_control_free(control);
}

static int no_intent(void *userdata, const KftpIntent *intent) {
        (void) userdata;
        (void) intent;
        return -ENOSPC;
}

/* Puts a directory where the file is to be. */
static int in_the_way(void *userdata, const KftpIntent *intent) {
        (void) userdata;
        return mkdir(intent->final, 0755) < 0 ? -errno : 0;
}

static void assert_complete_file_stays(int (*intent)(void *userdata, const KftpIntent *i), bool knows) {
        const KftpOptions options = { .callbacks = { .intent = intent } };
        KftpResult result;

        device.knows = knows;
        assert_true(get(&options, &result) < 0);
        assert_int_equal(result.failure.class, KFTP_CLASS_LOCAL);
        assert_int_equal(size_of(TEMPORARY), strlen(CONTENT));
        /* What is recorded of it, too, so that a later call has nothing to fetch. */
        assert_int_equal(result.bytes, knows ? strlen(CONTENT) : 0);
        kftp_result_done(&result);
}

static void test_intent_cannot_be_recorded(void **state) {
        (void) state;
        assert_complete_file_stays(no_intent, true);
        assert_complete_file_stays(no_intent, false);
        assert_int_equal(size_of("x.bin"), -1);
}

static void test_rename_fails(void **state) {
        (void) state;
        assert_complete_file_stays(in_the_way, true);
        assert_int_equal(rmdir("x.bin"), 0);
        assert_complete_file_stays(in_the_way, false);
}

static int no_intent_expected(void *userdata, const KftpIntent *intent) {
        (void) userdata;
        (void) intent;
        fail_msg("there is nothing that could get its name");
        return 0;
}

/* An intent whose temporary file is not there would be taken for a delivery. */
static void test_temporary_removed(void **state) {
        const KftpOptions options = { .callbacks = { .intent = no_intent_expected } };
        KftpResult result;

        (void) state;
        device.loses = true;
        assert_int_equal(get(&options, &result), -EBUSY);
        assert_int_equal(result.failure.class, KFTP_CLASS_BUSY);
        assert_false(result.complete);
        assert_int_equal(result.bytes, 0);
        assert_int_equal(size_of("x.bin"), -1);
        kftp_result_done(&result);
}

/* The first address does not answer, and for the second this machine has no route: that is no reason to give up. */
static void test_first_failure_that_may_pass_is_told(void **state) {
        const KftpOptions options = {};
        KftpResult result;

        (void) state;
        device.close_with[0] = ECONNREFUSED;
        device.close_with[1] = EAFNOSUPPORT;
        assert_true(get(&options, &result) < 0);
        assert_int_equal(device.connects, 2);
        assert_int_equal(result.failure.class, KFTP_CLASS_NETWORK);
        assert_int_equal(result.failure.error, -ECONNREFUSED);
        assert_true(result.failure.transient);
        assert_non_null(strstr(result.failure.text, "127.0.0.1"));
        kftp_result_done(&result);
}

static void test_second_address_answers(void **state) {
        const KftpOptions options = {};
        KftpResult result;

        (void) state;
        device.close_with[0] = ECONNREFUSED;
        assert_int_equal(get(&options, &result), 0);
        assert_int_equal(device.connects, 2);
        assert_int_equal(size_of("x.bin"), strlen(CONTENT));
        kftp_result_done(&result);
}

#define IN_CLEAR "ftp://anonymous@h:21/pub/x.bin"
#define STATE ".x.bin.kftp-state"

/* What a later call may go on from, if it has found what one has left that has recorded identity, and has not come further. */
static uint64_t left_of(const char *identity, const KftpTlsOptions *tls) {
        const KftpOptions options = { .resume = true, .tls = *tls };
        _cleanup_free_ char *state = NULL;
        KftpResult result;
        uint64_t bytes;

        assert_true(asprintf(&state, "{\"version\":1,\"url\":\"%s\",\"size\":100,\"mtime\":1,\"synced\":6}", identity) > 0);
        test_write_file(TEMPORARY, "begun.");
        test_write_file(STATE, state);
        device.close_with[0] = device.close_with[1] = ECONNREFUSED;
        assert_true(get(&options, &result) < 0);
        bytes = result.bytes;
        assert_int_equal(size_of(TEMPORARY), bytes > 0 ? (off_t) bytes : -1);
        (void) unlink(TEMPORARY);
        (void) unlink(STATE);
        kftp_result_done(&result);
        return bytes;
}

/* Whoever could change what came in clear text would have it called protected otherwise. */
static void test_goes_on_under_the_same_protection_only(void **state) {
        static const KftpTlsOptions unprotected[] = {
                { .mode = KFTP_TLS_NONE },
                { .mode = KFTP_TLS_OPPORTUNISTIC },
                { .mode = KFTP_TLS_REQUIRED, .insecure = true },
        };
        const KftpTlsOptions protected = { .mode = KFTP_TLS_REQUIRED };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(unprotected); i++) {
                assert_int_equal(left_of(IN_CLEAR, &unprotected[i]), 6);
                assert_int_equal(left_of(IN_CLEAR "#tls", &unprotected[i]), 0);
        }
        assert_int_equal(left_of(IN_CLEAR, &protected), 0);
        assert_int_equal(left_of(IN_CLEAR "#tls", &protected), 6);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_good, setup, test_directory_tear_down),
                cmocka_unit_test_setup_teardown(test_cancelled_before_the_request, setup, test_directory_tear_down),
                cmocka_unit_test_setup_teardown(test_intent_cannot_be_recorded, setup, test_directory_tear_down),
                cmocka_unit_test_setup_teardown(test_rename_fails, setup, test_directory_tear_down),
                cmocka_unit_test_setup_teardown(test_temporary_removed, setup, test_directory_tear_down),
                cmocka_unit_test_setup_teardown(test_first_failure_that_may_pass_is_told, setup, test_directory_tear_down),
                cmocka_unit_test_setup_teardown(test_second_address_answers, setup, test_directory_tear_down),
                cmocka_unit_test_setup_teardown(test_goes_on_under_the_same_protection_only, setup, test_directory_tear_down),
        };

        return cmocka_run_group_tests_name("get", tests, NULL, NULL);
}
