// SPDX-License-Identifier: LGPL-2.1-or-later
/* The device's calls, one by one: kftp(4) says what they do. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "address.h"
#include "control.h"
#include "failure.h"
#include "session.h"
#include "util.h"

#define PROGRESS_SHOWN_MS 100           /* somebody watches */
#define PROGRESS_MS 1000
#define ABORT_MS 5000                   /* somebody waits for the command to end */
#define QUIT_USEC (USEC_PER_SEC)

/* A call that failed because the session was cancelled before it. */
static int interrupted(KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, -ECANCELED, false, "interrupted");
}

int kftp_session_info(const KftpSession *s, struct kftp_info *ret) {
        *ret = (struct kftp_info) { .size = sizeof(*ret) };
        return ioctl(s->fd, KFTP_INFO, ret) < 0 ? -errno : 0;
}

static int session_check(KftpSession *s, KftpFailure *f) {
        struct kftp_info info;
        int r = kftp_session_info(s, &info);

        if (r < 0)
                return kftp_failure_device(f, r, "KFTP_INFO");
        if (info.abi != KFTP_ABI_VERSION)
                return kftp_failure_set(f, KFTP_CLASS_DEVICE, -EPROTONOSUPPORT, false,
                                        "the loaded module kftp speaks version %u of its interface, this program version %d: "
                                        "sudo modprobe -r kftp && sudo modprobe kftp (kftp doctor tells more)",
                                        info.abi, KFTP_ABI_VERSION);
        s->features = info.features;
        return 0;
}

int kftp_session_open(KftpSession *s, KftpControl *control, KftpFailure *f) {
        int r;

        *s = (KftpSession) { .fd = -1, .control = control };
        s->fd = open(KFTP_DEVICE, O_RDWR | O_CLOEXEC);
        if (s->fd < 0)
                return kftp_failure_device(f, -errno, "cannot open it");
        r = session_check(s, f);
        if (r < 0)
                kftp_session_close(s);
        return r;
}

static uint32_t timeout_ms(const KftpOptions *o) {
        uint64_t ms = ((o->timeout_usec ?: KFTP_TIMEOUT_DEFAULT_USEC) + USEC_PER_MSEC - 1) / USEC_PER_MSEC;

        return (uint32_t) MIN2(ms, (uint64_t) INT32_MAX);
}

static void set_text(const char *text, __u64 *pointer, __u32 *length) {
        *pointer = (__u64) (uintptr_t) text;
        *length = (__u32) strlen(strempty(text));
}

/* HOST (RFC 7151) is about names: the server knows its addresses. */
static bool is_name(const char *host) {
        struct kftp_addr address;

        for (const char *p = host; *p; p++)
                if (*p & 0x80)
                        return false;
        return kftp_address_parse(host, &address) < 0 && strlen(host) <= KFTP_MAX_CREDENTIAL;
}

int kftp_session_connect(KftpSession *s, const KftpSessionLogin *login, const struct kftp_addr *peer, const KftpOptions *o, KftpFailure *f) {
        struct kftp_connect c = {
                .size = sizeof(c),
                .flags = o->raw ? KFTP_CONNECT_RAW : 0,
                .peer = *peer,
                .ifindex = o->ifindex,
                .tls = login->tls,
                .data_mode = o->data_mode,
                .events = KFTP_WANT_PROGRESS | KFTP_WANT_LINE,
                .methods_off = login->methods_off,
                .connect_ms = timeout_ms(o),
                .reply_ms = timeout_ms(o),
                .data_ms = timeout_ms(o),
                .abort_ms = MIN2(timeout_ms(o), (uint32_t) ABORT_MS),
                .progress_ms = o->callbacks.progress ? PROGRESS_SHOWN_MS : PROGRESS_MS,
        };

        if (o->proxy) {
                /* We connect, and the server cannot. */
                c.flags |= KFTP_CONNECT_ADOPT;
                c.events |= KFTP_WANT_DATA;
                c.data_mode = KFTP_DATA_PASSIVE;
                c.ifindex = 0;
        } else if (o->source)
                c.source = *o->source;
        if (is_name(login->host))
                set_text(login->host, &c.host, &c.host_len);
        set_text(o->user ?: login->user, &c.user, &c.user_len);
        set_text(o->password, &c.password, &c.password_len);
        set_text(o->account, &c.account, &c.account_len);
        if (ioctl(s->fd, KFTP_CONNECT, &c) < 0) {
                int r = -errno;
                _cleanup_free_ char *address = kftp_address_format(peer);

                return kftp_control_cancelled(s->control) ? interrupted(f) : kftp_failure_connect(f, r, strempty(address));
        }
        /* Not earlier: there would have been nothing that could be cancelled. */
        kftp_control_attach(s->control, s->fd);
        return 0;
}

int kftp_session_submit(KftpSession *s, const struct kftp_submit *request, KftpFailure *f) {
        int r;

        if (kftp_control_cancelled(s->control))
                return interrupted(f);
        r = ioctl(s->fd, KFTP_SUBMIT, request) < 0 ? -errno : 0;
        kftp_control_submitted(s->control);
        if (r < 0)
                return kftp_control_cancelled(s->control) ? interrupted(f) : kftp_failure_submit(f, r);
        return 0;
}

/*
 * RUN may write to a socket that the server has closed. A program need not expect SIGPIPE from that:
 * it is blocked meanwhile, and taken away if it came now.
 */
static int run_without_sigpipe(int fd, struct kftp_run *event) {
        sigset_t sigpipe, old, pending;
        bool was_pending;
        int r;

        (void) sigemptyset(&sigpipe);
        (void) sigaddset(&sigpipe, SIGPIPE);
        (void) sigpending(&pending);
        was_pending = sigismember(&pending, SIGPIPE) > 0;
        (void) pthread_sigmask(SIG_BLOCK, &sigpipe, &old);

        r = ioctl(fd, KFTP_RUN, event) < 0 ? -errno : 0;

        if (!was_pending && sigpending(&pending) >= 0 && sigismember(&pending, SIGPIPE) > 0)
                (void) sigtimedwait(&sigpipe, NULL, &(struct timespec) {});
        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        return r;
}

static int session_step(KftpSession *s, uint64_t max_bytes, uint32_t flags) {
        int r;

        s->text_len = 0;
        do {
                s->event = (struct kftp_run) {
                        .size = sizeof(s->event),
                        .flags = flags,
                        .max_bytes = max_bytes,
                        .text = (__u64) (uintptr_t) s->text,
                        .text_cap = sizeof(s->text),
                };
                r = run_without_sigpipe(s->fd, &s->event);
        } while (r == -EINTR);
        if (r < 0)
                return r;
        s->text_len = MIN2((size_t) s->event.text_len, sizeof(s->text));
        s->closed = s->closed || s->event.type == KFTP_EVENT_CLOSED;
        return 0;
}

int kftp_session_run(KftpSession *s, uint64_t max_bytes) {
        return session_step(s, max_bytes, 0);
}

int kftp_session_run_now(KftpSession *s) {
        return session_step(s, 0, KFTP_RUN_NONBLOCK);
}

int kftp_session_tls(KftpSession *s, const struct kftp_tls *answer) {
        return ioctl(s->fd, KFTP_TLS, answer) < 0 ? -errno : 0;
}

bool kftp_session_connected(const KftpSession *s) {
        struct kftp_info info;

        return kftp_session_info(s, &info) >= 0 && info.local.family != 0;
}

void kftp_session_tell_line(const KftpSession *s, const KftpCallbacks *callbacks) {
        if (callbacks->line)
                callbacks->line(callbacks->userdata, s->event.event_flags & KFTP_EVENT_SENT, s->text, s->text_len);
}

void kftp_session_quit(KftpSession *s, const KftpCallbacks *callbacks) {
        struct kftp_submit quit = { .size = sizeof(quit), .op = KFTP_OP_QUIT, .fd = -1 };
        uint64_t end = now_usec() + QUIT_USEC;
        bool cancelled = kftp_control_cancelled(s->control);
        struct pollfd p[] = {
                { .fd = s->fd,                                          .events = POLLIN },
                { .fd = cancelled ? -1 : kftp_control_fd(s->control),   .events = POLLIN },
        };

        if (s->fd < 0 || s->closed || ioctl(s->fd, KFTP_SUBMIT, &quit) < 0)
                return;
        while (!s->closed && kftp_control_cancelled(s->control) == cancelled) {
                uint64_t now = now_usec();
                int r = session_step(s, 0, KFTP_RUN_NONBLOCK);

                if (r == 0 && s->event.type == KFTP_EVENT_LINE)
                        kftp_session_tell_line(s, callbacks);
                /* there is nothing that it could be lent for */
                if (r == 0 && s->event.type == KFTP_EVENT_TLS)
                        safe_close(s->event.fd);
                if (r == 0 && s->event.type == KFTP_EVENT_DONE)
                        return;
                if ((r < 0 && r != -EAGAIN) || now >= end)
                        return;
                if (r == -EAGAIN && poll(p, ELEMENTS(p), (int) ((end - now) / USEC_PER_MSEC) + 1) <= 0)
                        return;
        }
}

void kftp_session_close(KftpSession *s) {
        kftp_control_detach(s->control);
        s->fd = safe_close(s->fd);
}
