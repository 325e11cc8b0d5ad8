/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tracepoints kftp:*, and that no secret is in any of them, nor in fdinfo, nor in the kernel log.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <unistd.h>

#include "fixture.h"

#define TRACING "/sys/kernel/tracing"
#define PASSWORD "correct-horse-battery-staple"
#define ACCOUNT "the-account-of-nobody"

static void tracing_write(const char *file, const char *text) {
        char path[128];
        int fd;

        snprintf(path, sizeof(path), TRACING "/%s", file);
        fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (fd < 0)
                fail_msg("%s: %s", path, strerror(errno));
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

static void tracing_begin(void) {
        if (access(TRACING "/events", F_OK) < 0)
                assert_int_equal(mount("tracefs", TRACING, "tracefs", 0, NULL), 0);
        tracing_write("trace", "\n");
        tracing_write("events/kftp/enable", "1");
}

static char *tracing_end(void) {
        size_t size = 1 << 20, n;
        char *text = calloc(1, size);
        FILE *f;

        assert_non_null(text);
        tracing_write("events/kftp/enable", "0");
        f = fopen(TRACING "/trace", "re");
        assert_non_null(f);
        n = fread(text, 1, size - 1, f);
        fclose(f);
        assert_true(n < size - 1);
        return text;
}

static void assert_has(const char *trace, const char *text) {
        if (!strstr(trace, text))
                fail_msg("no '%s' in the trace:\n%s", text, trace);
}

static void assert_has_not(const char *trace, const char *text) {
        if (strstr(trace, text))
                fail_msg("'%s' in the trace:\n%s", text, trace);
}

static void wants_account(Conn *c) {
        peer_greet(c);
        peer_expect(c, "PASS " PASSWORD);
        peer_say(c, "332 Account");
        peer_expect(c, "ACCT " ACCOUNT);
        peer_say(c, "230 In, \x01\x80 and more");
        peer_retr(c, "a-secret-path", 0, 1234);
        peer_goodbye(c);
}

static Session *download(Peer *p) {
        struct kftp_connect c = connect_to_peer(p);
        Session *s;

        c.password = (uintptr_t) PASSWORD;
        c.password_len = strlen(PASSWORD);
        c.account = (uintptr_t) ACCOUNT;
        c.account_len = strlen(ACCOUNT);
        s = session_ready(&c);
        session_retr(s, local_file(), "a-secret-path", 4711);
        session_expect_done(s, 4711, 0);
        return s;
}

static void test_trace(void **state) {
        Peer *p = test_peer("127.0.0.1", wants_account, NULL);
        char *trace, length[32];

        (void) state;
        tracing_begin();
        session_quit(download(p));
        trace = tracing_end();
        /* commands, replies, state changes, data connections, completions */
        assert_has(trace, "kftp_command: ");
        assert_has(trace, "verb=RETR");
        assert_has(trace, "verb=QUIT");
        assert_has(trace, "kftp_reply: ");
        assert_has(trace, "code=226");
        assert_has(trace, "kftp_state: ");
        assert_has(trace, "connecting -> greeting");
        assert_has(trace, "transfer -> finishing");
        assert_has(trace, "-> closed");
        assert_has(trace, "kftp_data: ");
        assert_has(trace, "method=EPSV error=0");
        assert_has(trace, "kftp_done: ");
        assert_has(trace, "user_data=4711 error=0 reply=226 bytes=1234");
        /* What the server says is escaped. */
        assert_has(trace, "In, \\001\\200 and more");
        assert_has_not(trace, "\x01");
        /* No secret, and nothing about it. */
        assert_has_not(trace, PASSWORD);
        assert_has_not(trace, ACCOUNT);
        snprintf(length, sizeof(length), "verb=PASS arg_len=%zu", strlen(PASSWORD));
        assert_has_not(trace, length);
        snprintf(length, sizeof(length), "verb=ACCT arg_len=%zu", strlen(ACCOUNT));
        assert_has_not(trace, length);
        free(trace);
}

/* Not in what anybody may read of the session either. */
static void test_no_secret_elsewhere(void **state) {
        Peer *p = test_peer("127.0.0.1", wants_account, NULL);
        Session *s = download(p);
        char fdinfo[4096], *log = calloc(1, 1 << 20);

        (void) state;
        assert_non_null(log);
        assert_int_equal(read_fdinfo(0, s->fd, fdinfo, sizeof(fdinfo)), 0);
        assert_null(strstr(fdinfo, PASSWORD));
        assert_true(klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, (1 << 20) - 1) > 0);
        assert_null(strstr(log, PASSWORD));
        assert_null(strstr(log, ACCOUNT));
        free(log);
}

static const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_trace),
        DEVICE_TEST(test_no_secret_elsewhere),
};

DEVICE_TESTS("trace", tests)
