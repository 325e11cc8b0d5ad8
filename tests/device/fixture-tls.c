/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions with TLS: what the caller of the device does with a lent descriptor, rightly or not. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture-internal.h"

static Lent *lents;

/* ---- The whole of it ------------------------------------------------------------------------------- */

bool tls_supported(void) {
        struct kftp_info info = { .size = sizeof(info) };
        int fd = open(KFTP_TEST_DEVICE, O_RDWR | O_CLOEXEC);
        bool yes;

        yes = fd >= 0 && ioctl(fd, KFTP_INFO, &info) == 0 && info.features & KFTP_FEATURE_TLS;
        if (fd >= 0)
                close(fd);
        return yes;
}

struct kftp_connect tls_connect_to(const Peer *p, enum kftp_tls_mode mode) {
        struct kftp_connect c = connect_to_peer(p);

        c.tls = mode;
        c.connect_ms = c.reply_ms = c.data_ms = c.abort_ms = 8000;
        return c;
}

Session *tls_armed(enum kftp_tls_mode mode, PeerScript script, void *userdata, Peer **ret_peer) {
        Peer *p = test_peer("127.0.0.1", script, userdata);
        struct kftp_connect c = tls_connect_to(p, mode);

        if (ret_peer)
                *ret_peer = p;
        return session_armed(&c);
}

Session *tls_agreed(Session *s) {
        s->agent = true;
        return s;
}

Session *tls_session(PeerScript script, void *userdata, Peer **ret_peer) {
        Session *s = tls_agreed(tls_armed(KFTP_TLS_REQUIRED, script, userdata, ret_peer));

        session_expect(s, KFTP_EVENT_CONNECTED);
        assert_int_equal(s->lent[KFTP_ROLE_CONTROL], 1);
        return s;
}

void peer_secure_serve(Conn *c) {
        peer_greet(c);
        peer_auth(c);
        peer_serve_on(c);
}

/* What such a kernel does is a test, too. */
static void test_no_kernel_tls(void **state) {
        struct kftp_addr a = address_of("127.0.0.1", 21);
        struct kftp_connect c = connect_to(&a);
        Session *s = session_open();

        (void) state;
        for (c.tls = KFTP_TLS_OPPORTUNISTIC; c.tls <= KFTP_TLS_IMPLICIT; c.tls++)
                assert_int_equal(session_connect(s, &c), -EOPNOTSUPP);
}

static const struct CMUnitTest without_kernel_tls[] = {
        DEVICE_TEST(test_no_kernel_tls),
};

int tls_tests(const char *program, const struct CMUnitTest *tests, size_t n) {
        if (!tls_supported())
                return cmocka_run_group_tests_name(program, without_kernel_tls, device_ready, NULL);
        return _cmocka_run_group_tests(program, tests, n, device_ready, NULL);
}

/* ---- A descriptor that was lent --------------------------------------------------------------------- */

Lent *lent_take(Session *s, enum kftp_role channel) {
        Lent *l = calloc(1, sizeof(*l));

        assert_non_null(l);
        session_assert_event(s, KFTP_EVENT_TLS);
        assert_int_equal(s->event.channel, channel);
        assert_true(s->event.fd >= 0);
        assert_int_equal(s->event.error, 0);
        assert_int_equal(s->event.reply, 0);
        s->lent[channel]++;
        *l = (Lent) { .session = s, .fd = s->event.fd, .channel = channel, .next = lents };
        l->end = tls_end_new(tls_keys(), TLS_CLIENT);
        lents = l;
        return l;
}

Lent *lent_expect(Session *s, enum kftp_role channel) {
        bool agent = s->agent;

        s->agent = false;
        session_run(s);
        s->agent = agent;
        return lent_take(s, channel);
}

void lent_forget(Lent *l) {
        for (Lent **p = &lents; *p; p = &(*p)->next)
                if (*p == l) {
                        *p = l->next;
                        break;
                }
        if (l->fd >= 0)
                close(l->fd);
        tls_end_free(l->end);
        free(l);
}

void lents_close(void) {
        while (lents)
                lent_forget(lents);
}

int lent_hello(Lent *l) {
        int r = tls_layer(l->fd);

        return r < 0 ? r : tls_hello(l->fd, PEER_PATIENCE_MS);
}

int lent_keys(Lent *l, TlsDirection which) {
        return tls_to_kernel(l->fd, tls_end_keys(l->end), which);
}

struct kftp_tls tls_answer(enum kftp_role channel, int error) {
        return (struct kftp_tls) {
                .size = sizeof(struct kftp_tls),
                .channel = channel,
                .error = error,
                .version = tls_keys()->tls12 ? 0x0303 : 0x0304,
                .cipher = 0x1301,
        };
}

int session_answer(Session *s, const struct kftp_tls *t) {
        return ioctl(s->fd, KFTP_TLS, t) < 0 ? -errno : 0;
}

int lent_answer(Lent *l, int error) {
        struct kftp_tls t = tls_answer(l->channel, error);
        Session *s = l->session;

        lent_forget(l);
        return session_answer(s, &t);
}

int lent_answer_with(Lent *l, uint32_t flags, const void *pending, size_t n) {
        struct kftp_tls t = tls_answer(l->channel, 0);
        Session *s = l->session;

        t.flags = flags;
        t.pending = (uintptr_t) pending;
        t.pending_len = n;
        lent_forget(l);
        return session_answer(s, &t);
}

static int shake(Lent *l) {
        if (l->session->shake)
                return l->session->shake(l);
        return lent_hello(l) ?: lent_keys(l, TLS_KEYS_BOTH | (l->session->padded ? TLS_KEYS_PADDED : 0));
}

void lent_shake(Lent *l) {
        assert_int_equal(shake(l), 0);
}

int lent_serve(Lent *l) {
        return lent_answer(l, shake(l));
}

/* ---- What the caller says and hears itself ------------------------------------------------------------ */

void lent_say(Lent *l, const char *line) {
        uint8_t record[512 + TLS_OVERHEAD];
        size_t n = tls_seal(l->end, TLS_DATA, line, strlen(line), 0, record);

        assert_true(strlen(line) <= 512);
        assert_int_equal(send(l->fd, record, n, MSG_NOSIGNAL), n);
}

static void receive(Lent *l, uint8_t *bytes, size_t n) {
        while (n > 0) {
                struct pollfd p = { .fd = l->fd, .events = POLLIN };
                ssize_t k;

                if (poll(&p, 1, PEER_PATIENCE_MS) != 1)
                        fail_msg("no record comes");
                k = recv(l->fd, bytes, n, 0);
                assert_true(k > 0);
                bytes += k;
                n -= k;
        }
}

const char *lent_hear(Lent *l, size_t *ret_len) {
        uint8_t record[TLS_MAX_PLAIN + TLS_OVERHEAD], type = 0;
        ssize_t n;

        receive(l, record, TLS_HEADER);
        n = tls_record_length(record);
        assert_true(n > TLS_HEADER && (size_t) n <= sizeof(record));
        receive(l, record + TLS_HEADER, n - TLS_HEADER);
        n = tls_open(l->end, record, n, &type, (uint8_t *) l->heard);
        assert_true(n >= 0);
        assert_int_equal(type, TLS_DATA);
        l->heard[n] = '\0';
        if (ret_len)
                *ret_len = n;
        return l->heard;
}
