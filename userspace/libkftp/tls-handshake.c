// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The handshake, and waiting: for the server, for the device, which goes on meanwhile, for whoever cancels, and for
 * the deadline. What went wrong is told in one line.
 */

#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "control.h"
#include "tls-internal.h"

/* Types of records: change_cipher_spec to application_data. */
#define RECORD_FIRST 20
#define RECORD_LAST 23

#define ASKED_FOR_CERTIFICATE \
        "; it has asked for a certificate of ours: --cert=FILE and --key=FILE (in a job file CertificateFile= and KeyFile=)"

const char *kftp_tls_where(const KftpTlsPeer *p, char *buffer, size_t n) {
        (void) snprintf(buffer, n, "%s%s", p->channel == KFTP_ROLE_DATA ? "the data connection to " : "", p->tls->remote);
        return buffer;
}

int kftp_tls_fail(const KftpTlsPeer *p, enum kftp_class class, int error, bool transient, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        char where[512];
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        return kftp_failure_set(&p->tls->failure, class, error, transient, "%s: %s", kftp_tls_where(p, where, sizeof(where)), strempty(text));
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static int timed_out(const KftpTlsPeer *p) {
        return kftp_tls_fail(p, KFTP_CLASS_NETWORK, -ETIMEDOUT, true, "the TLS handshake did not come to an end within %u s",
                             (unsigned) ((p->tls->timeout_usec + USEC_PER_SEC - 1) / USEC_PER_SEC));
}

static void look_at_first_byte(KftpTlsPeer *p) {
        unsigned char byte;

        if (p->first_byte < 0 && recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
                p->first_byte = byte;
}

static int serve_device(KftpTlsPeer *p) {
        int r = p->wait->serve(p->wait->userdata);

        if (r >= 0)
                return r;
        p->broken = r;
        return KFTP_TLS_BROKEN;
}

int kftp_tls_wait(KftpTlsPeer *p) {
        struct pollfd fds[] = {
                { .fd = p->fd,                                  .events = gnutls_record_get_direction(p->session) ? POLLOUT : POLLIN },
                { .fd = p->wait->device_fd,                     .events = POLLIN },
                { .fd = kftp_control_fd(p->wait->control),      .events = POLLIN },
        };

        for (;;) {
                uint64_t now = now_usec();
                int r;

                if (now >= p->deadline)
                        return timed_out(p);
                r = poll(fds, ELEMENTS(fds), (int) MIN2((p->deadline - now) / USEC_PER_MSEC + 1, (uint64_t) INT32_MAX));
                if (r < 0 && errno != EINTR)
                        return kftp_tls_fail(p, KFTP_CLASS_OTHER, -errno, true, "poll: %s", strerror(errno));
                if (r <= 0)
                        continue;
                if (fds[2].revents)
                        return -ECANCELED;
                r = fds[1].revents ? serve_device(p) : 0;
                if (r != 0)
                        return r;
                if (fds[0].revents) {
                        look_at_first_byte(p);
                        return 0;
                }
        }
}

/* ---- Sending ----------------------------------------------------------------------------------- */

/*
 * Why a server has hung up is in what it said before, an alert for example. It is there to be read although nothing
 * can be sent any more, so that is left for reading to find out.
 */
ssize_t kftp_tls_push(gnutls_transport_ptr_t peer, const giovec_t *parts, int n) {
        KftpTlsPeer *p = peer;
        struct msghdr message = { .msg_iov = (struct iovec *) parts, .msg_iovlen = (size_t) n };
        ssize_t sent = sendmsg(p->fd, &message, MSG_NOSIGNAL);

        if (sent >= 0 || (errno != ECONNRESET && errno != EPIPE))
                return sent;
        p->deaf = true;
        sent = 0;
        for (int i = 0; i < n; i++)
                sent += (ssize_t) parts[i].iov_len;
        return sent;
}

ssize_t kftp_tls_pull(gnutls_transport_ptr_t peer, void *data, size_t n) {
        KftpTlsPeer *p = peer;

        return recv(p->fd, data, n, 0);
}

/* What comes is of no use, as nothing can be answered, but for how it ends. */
static int hear_out(KftpTlsPeer *p) {
        char data[4096];
        ssize_t n;
        int r = 0;

        while (r == 0) {
                n = gnutls_record_recv(p->session, data, sizeof(data));
                if (n <= 0)
                        r = kftp_tls_wait_or_fail(p, n == 0 ? GNUTLS_E_SESSION_EOF : (int) n);
        }
        return r;
}

/* ---- What went wrong --------------------------------------------------------------------------- */

const char *kftp_tls_alert_name(unsigned alert) {
        return gnutls_alert_get_name((gnutls_alert_description_t) alert) ?: "unknown";
}

static bool is_about_our_certificate(unsigned alert) {
        switch (alert) {
        case GNUTLS_A_HANDSHAKE_FAILURE:
        case GNUTLS_A_BAD_CERTIFICATE:
        case GNUTLS_A_UNSUPPORTED_CERTIFICATE:
        case GNUTLS_A_CERTIFICATE_REVOKED:
        case GNUTLS_A_CERTIFICATE_EXPIRED:
        case GNUTLS_A_CERTIFICATE_UNKNOWN:
        case GNUTLS_A_UNKNOWN_CA:
        case GNUTLS_A_ACCESS_DENIED:
        case GNUTLS_A_CERTIFICATE_REQUIRED:
                return true;
        default:
                return false;
        }
}

static bool is_asked_for_certificate(const KftpTlsPeer *p) {
        return gnutls_certificate_client_get_request_status(p->session) != 0;
}

static const char *alert_advice(const KftpTlsPeer *p, unsigned alert) {
        bool asked = is_asked_for_certificate(p);

        if (asked && !p->tls->options->certificate_file)
                return ASKED_FOR_CERTIFICATE;
        if (asked && is_about_our_certificate(alert))
                return "; it does not accept our certificate";
        switch (alert) {
        case GNUTLS_A_PROTOCOL_VERSION:
                return "; there is no version of TLS that it has and that is allowed here (1.2 and 1.3, or fewer)";
        case GNUTLS_A_HANDSHAKE_FAILURE:
        case GNUTLS_A_INSUFFICIENT_SECURITY:
                return "; perhaps there is no cipher that both have: kernel TLS takes AES-GCM and ChaCha20-Poly1305";
        default:
                return "";
        }
}

static int alerted(const KftpTlsPeer *p) {
        unsigned alert = gnutls_alert_get(p->session);

        return kftp_tls_fail(p, KFTP_CLASS_TLS, -ECONNABORTED, false, "the server has broken TLS off with the alert \"%s\" (%u)%s",
                             kftp_tls_alert_name(alert), alert, alert_advice(p, alert));
}

/*
 * Who does not like our certificate, or has got none, need not say so. That it was accepted shows in the first answer
 * behind the handshake; and before there are data connections it has been.
 */
static int closed(const KftpTlsPeer *p) {
        if (p->channel == KFTP_ROLE_CONTROL && !p->answered && is_asked_for_certificate(p))
                return kftp_tls_fail(p, KFTP_CLASS_TLS, -ECONNABORTED, false, "the server has closed the connection during the TLS handshake%s",
                                     p->tls->options->certificate_file
                                     ? "; it has asked for a certificate of ours, and seems not to accept this one" : ASKED_FOR_CERTIFICATE);
        return kftp_tls_fail(p, KFTP_CLASS_NETWORK, -ECONNRESET, true, "the server has closed the connection during the TLS handshake");
}

static bool is_tls(const KftpTlsPeer *p) {
        return p->first_byte < 0 || (p->first_byte >= RECORD_FIRST && p->first_byte <= RECORD_LAST);
}

int kftp_tls_failed(KftpTlsPeer *p, int error) {
        const KftpFailure *f = &p->tls->failure;

        if (f->error < 0)
                return f->error;        /* the certificate */
        if (error == GNUTLS_E_FATAL_ALERT_RECEIVED)
                return alerted(p);      /* which may have been the first that came: what is there now is something else */
        /* It may have closed the connection after what it said. */
        look_at_first_byte(p);
        if (!is_tls(p))
                return kftp_tls_fail(p, KFTP_CLASS_TLS, -EPROTO, false, "what the server sends is no TLS%s",
                                     p->tls->mode == KFTP_TLS_IMPLICIT && p->channel == KFTP_ROLE_CONTROL
                                     ? ": on this port it may want ftp:// and --tls=require instead of ftps://" : "");
        switch (error) {
        case GNUTLS_E_PREMATURE_TERMINATION:
        case GNUTLS_E_SESSION_EOF:
        case GNUTLS_E_PULL_ERROR:
        case GNUTLS_E_PUSH_ERROR:
                return closed(p);
        case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
                return kftp_tls_fail(p, KFTP_CLASS_TLS, -EPROTONOSUPPORT, false,
                                     "the server has no version of TLS that is allowed here (1.2 and 1.3, or fewer)");
        case GNUTLS_E_NO_CIPHER_SUITES:
        case GNUTLS_E_UNKNOWN_CIPHER_SUITE:
        case GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM:
        case GNUTLS_E_NO_PRIORITIES_WERE_SET:
                return kftp_tls_fail(p, KFTP_CLASS_TLS, -EPROTONOSUPPORT, false,
                                     "no cipher or signature that the server has is allowed here: %s", gnutls_strerror(error));
        default:
                return kftp_tls_fail(p, KFTP_CLASS_TLS, -EPROTO, false, "the TLS handshake has failed: %s", gnutls_strerror(error));
        }
}

int kftp_tls_wait_or_fail(KftpTlsPeer *p, int error) {
        if (error == GNUTLS_E_AGAIN)
                return kftp_tls_wait(p);
        if (error == GNUTLS_E_REHANDSHAKE || gnutls_error_is_fatal(error))
                return kftp_tls_failed(p, error);
        /* interrupted, or an alert that is only a warning: on, but not for ever */
        return now_usec() >= p->deadline ? timed_out(p) : 0;
}

int kftp_tls_handshake(KftpTlsPeer *p) {
        int r, error;

        while ((error = gnutls_handshake(p->session)) != 0) {
                r = kftp_tls_wait_or_fail(p, error);
                if (r < 0 && r != -ECANCELED && r != -ETIMEDOUT)
                        (void) gnutls_alert_send_appropriate(p->session, error);
                if (r != 0)
                        return r;
        }
        /* The control connection is read from anyway. */
        return p->deaf && p->channel == KFTP_ROLE_DATA ? hear_out(p) : 0;
}
