// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The TLS agent of a connection: what is done with a socket that was lent, from kernel TLS's first call to its keys,
 * and what is kept of the control connection for its data connections.
 */

#include "control.h"
#include "tls-internal.h"

/*
 * From the system's defaults, which an administrator may have narrowed, is taken away what the kernel has no means for
 * or what has no forward secrecy.
 */
#define NOT_FOR_KTLS                                                                                            \
        "-VERS-TLS1.1:-VERS-TLS1.0:-VERS-SSL3.0:-VERS-DTLS-ALL"                                                 \
        ":-AES-128-CBC:-AES-256-CBC:-AES-128-CCM:-AES-256-CCM:-AES-128-CCM-8:-AES-256-CCM-8"                    \
        ":-CAMELLIA-128-CBC:-CAMELLIA-256-CBC:-CAMELLIA-128-GCM:-CAMELLIA-256-GCM:-3DES-CBC:-ARCFOUR-128:-RSA"

int kftp_tls_begin(KftpTls *t, const KftpOptions *o, enum kftp_tls_mode mode, const char *host, const char *remote, KftpFailure *f) {
        int r;

        *t = (KftpTls) {
                .mode = mode,
                .options = &o->tls,
                .callbacks = &o->callbacks,
                .host = host,
                .remote = remote,
                .timeout_usec = o->timeout_usec ?: KFTP_TIMEOUT_DEFAULT_USEC,
        };
        if (mode == KFTP_TLS_NONE)
                return 0;
        r = kftp_tls_check(&o->tls, f);
        return r < 0 ? r : kftp_tls_trust_get(&o->tls, &t->trust, f);
}

static void forget_session(KftpTls *t) {
        if (t->session.data)
                explicit_bzero(t->session.data, t->session.size);
        gnutls_free(t->session.data);
        t->session = (gnutls_datum_t) {};
}

void kftp_tls_done(KftpTls *t) {
        forget_session(t);
        kftp_tls_trust_put(t->trust);
        kftp_failure_done(&t->failure);
        *t = (KftpTls) {};
}

/* ---- The session with GnuTLS --------------------------------------------------------------------- */

/* SNI is for names only (RFC 6066 section 3). */
static int set_name(gnutls_session_t session, const char *host) {
        struct kftp_addr address;
        size_t n = strlen(host);

        if (kftp_address_parse(host, &address) >= 0)
                return 0;
        return gnutls_server_name_set(session, GNUTLS_NAME_DNS, host, n > 1 && host[n - 1] == '.' ? n - 1 : n);
}

static int set_priorities(gnutls_session_t session, const KftpTlsOptions *o) {
        return gnutls_set_default_priority_append(session, o->min_version == KFTP_TLS_1_3 ? NOT_FOR_KTLS ":-VERS-TLS1.2" : NOT_FOR_KTLS, NULL, 0);
}

static int session_new(KftpTlsPeer *p) {
        KftpTls *t = p->tls;
        /* A certificate that was named is meant to be shown, whatever the server says it would like. */
        unsigned flags = GNUTLS_CLIENT | GNUTLS_NONBLOCK | (t->options->certificate_file ? GNUTLS_FORCE_CLIENT_CERT : 0);
        int r = gnutls_init(&p->session, flags);

        if (r < 0)
                return r;
        gnutls_session_set_ptr(p->session, p);
        gnutls_transport_set_ptr(p->session, p);
        gnutls_transport_set_vec_push_function(p->session, kftp_tls_push);
        gnutls_transport_set_pull_function(p->session, kftp_tls_pull);
        gnutls_session_set_verify_function(p->session, kftp_tls_verify);
        r = set_priorities(p->session, t->options);
        if (r >= 0)
                r = gnutls_credentials_set(p->session, GNUTLS_CRD_CERTIFICATE, kftp_tls_trust_credentials(t->trust));
        if (r >= 0)
                r = set_name(p->session, t->host);
        /* A session that cannot be used makes a full handshake of it, no failure. */
        if (r >= 0 && p->channel == KFTP_ROLE_DATA && t->session.size > 0)
                (void) gnutls_session_set_data(p->session, t->session.data, t->session.size);
        return r;
}

/* For the data connections. With TLS 1.3 there is nothing without a ticket. */
static void keep_session(const KftpTlsPeer *p) {
        KftpTls *t = p->tls;

        forget_session(t);
        if (t->control.version >= KFTP_TLS_1_3 && !(gnutls_session_get_flags(p->session) & GNUTLS_SFLAGS_SESSION_TICKET))
                return;
        if (gnutls_session_get_data2(p->session, &t->session) < 0)
                t->session = (gnutls_datum_t) {};
}

static KftpTlsState state_of(const KftpTlsPeer *p) {
        return (KftpTlsState) {
                .version = gnutls_protocol_get_version(p->session) == GNUTLS_TLS1_3 ? KFTP_TLS_1_3 : KFTP_TLS_1_2,
                .cipher = kftp_tls_suite(gnutls_ciphersuite_get(p->session)),
                .resumed = gnutls_session_is_resumed(p->session),
        };
}

/* ---- One socket ------------------------------------------------------------------------------------ */

/* Before the handshake: kernel TLS needs a connection that both sides have open. */
static int prepare(const KftpTlsPeer *p) {
        int r = kftp_tls_keys_prepare(p->fd);

        if (r >= 0)
                return 0;
        p->tls->refused = true;
        if (r == -ENOENT || r == -ENOPROTOOPT)
                return kftp_tls_fail(p, KFTP_CLASS_TLS, -EOPNOTSUPP, false,
                                     "this kernel has no kernel TLS: it wants CONFIG_TLS, as a module: sudo modprobe tls");
        if (r == -ENOTCONN)
                return kftp_tls_fail(p, KFTP_CLASS_NETWORK, -ECONNRESET, true, "the server has closed the connection before the TLS handshake");
        return kftp_tls_fail(p, KFTP_CLASS_TLS, r, false, "this kernel does not set up kernel TLS: %s", strerror(-r));
}

static int hand_over(const KftpTlsPeer *p) {
        const char *suite = strempty(gnutls_ciphersuite_get(p->session));
        int r;

        if (gnutls_record_check_pending(p->session) > 0)
                return kftp_tls_fail(p, KFTP_CLASS_TLS, -EPROTO, false, "the server has sent data too early");
        r = kftp_tls_keys_install(p->fd, p->session);
        if (r >= 0)
                return 0;
        p->tls->refused = true;
        return kftp_tls_fail(p, KFTP_CLASS_TLS, r, false, "this kernel does not take the keys of %s: %s%s", suite, strerror(-r),
                             r == -ENOENT ? "; it wants the cipher as a module" : "");
}

static int go_through(KftpTlsPeer *p, struct kftp_tls *answer, char pending[KFTP_MAX_LINE]) {
        KftpTls *t = p->tls;
        int r = prepare(p);

        if (r < 0)
                return r;
        r = session_new(p);
        if (r < 0)
                return kftp_tls_failed(p, r);
        r = kftp_tls_handshake(p);
        if (r == 0 && p->channel == KFTP_ROLE_CONTROL)
                r = kftp_tls_exchange(p, answer, pending);
        if (r == 0)
                r = hand_over(p);
        if (r != 0)
                return r;
        if (p->channel == KFTP_ROLE_CONTROL) {
                t->control = state_of(p);
                keep_session(p);
        } else
                t->data = state_of(p);
        return 0;
}

static void fill_answer(const KftpTls *t, struct kftp_tls *answer) {
        const KftpTlsState *s = answer->channel == KFTP_ROLE_CONTROL ? &t->control : &t->data;

        answer->version = s->version;
        answer->cipher = s->cipher;
        answer->flags |= s->resumed ? KFTP_TLS_RESUMED : 0;
}

int kftp_tls_serve(KftpTls *t, int fd, enum kftp_role channel, const KftpTlsWait *wait, struct kftp_tls *answer, char pending[KFTP_MAX_LINE]) {
        KftpTlsPeer p = { .tls = t, .fd = fd, .channel = channel, .wait = wait, .deadline = now_usec() + t->timeout_usec, .first_byte = -1 };
        int r;

        kftp_failure_done(&t->failure);
        t->refused = false;
        *(channel == KFTP_ROLE_CONTROL ? &t->control : &t->data) = (KftpTlsState) {};
        *answer = (struct kftp_tls) { .size = sizeof(*answer), .channel = channel };

        r = go_through(&p, answer, pending);
        if (p.session)
                gnutls_deinit(p.session);
        safe_close(fd);
        if (r == KFTP_TLS_BROKEN)
                return p.broken;
        if (r == KFTP_TLS_EVENT)
                return r;
        if (r == 0)
                fill_answer(t, answer);
        else
                *answer = (struct kftp_tls) { .size = sizeof(*answer), .channel = channel, .error = r };
        return 0;
}
