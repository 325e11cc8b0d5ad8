// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What went wrong, said in one line and put into a class: the class is the exit code, and whether the
 * failure is transient decides about another attempt. Servers' replies are classified in reply.c,
 * the device's errors here.
 */

#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>

#include "failure.h"
#include "format.h"
#include "reply-class.h"
#include "tls.h"
#include "utf8.h"

void kftp_failure_done(KftpFailure *f) {
        free(f->text);
        *f = (KftpFailure) {};
}

const char *kftp_class_name(enum kftp_class class) {
        switch (class) {
        case KFTP_CLASS_OK:
                return "done";
        case KFTP_CLASS_USAGE:
                return "usage";
        case KFTP_CLASS_SOME_FAILED:
                return "some-failed";
        case KFTP_CLASS_AUTH:
                return "auth";
        case KFTP_CLASS_REMOTE:
                return "remote";
        case KFTP_CLASS_NETWORK:
                return "network";
        case KFTP_CLASS_LOCAL:
                return "local";
        case KFTP_CLASS_INTEGRITY:
                return "integrity";
        case KFTP_CLASS_DEVICE:
                return "device";
        case KFTP_CLASS_TLS:
                return "tls";
        case KFTP_CLASS_BUSY:
                return "busy";
        case KFTP_CLASS_INTERRUPTED:
                return "interrupted";
        case KFTP_CLASS_OTHER:
                break;
        }
        return "other";
}

static _printf_(5, 0) int failure_setv(
                KftpFailure *f,
                enum kftp_class class,
                int error,
                bool transient,
                const char *format,
                va_list ap) {

        if (f) {
                char *text;

                _cleanup_free_ char *raw = NULL;

                /* Formatted first: an argument may be the old text. */
                if (vasprintf(&raw, format, ap) < 0)
                        raw = NULL;
                /* Host names and paths may hold what a terminal obeys; what is escaped already stays as it is. */
                text = raw ? kftp_escape(raw, strlen(raw)) : NULL;
                if (text)
                        kftp_utf8_shorten(text, KFTP_FAILURE_TEXT_MAX);
                kftp_failure_done(f);
                *f = (KftpFailure) { .class = class, .error = error, .transient = transient, .text = text };
        }
        return error ?: -EREMOTEIO;
}

int kftp_failure_set(KftpFailure *f, enum kftp_class class, int error, bool transient, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = failure_setv(f, class, error, transient, format, ap);
        va_end(ap);
        return r;
}

/* ---- The local file -------------------------------------------------------------------------- */

static const char *local_advice(int error) {
        switch (-error) {
        case ENOSPC:
                return "; free some space there, or choose another place";
        case EDQUOT:
                return "; free some of your quota, or choose another place";
        case EFBIG:
                return "; the file system or the limit on file sizes (ulimit -f) does not allow so large a file";
        case EROFS:
        case EACCES:
        case EPERM:
                return "; choose a place that you may write to";
        default:
                return "";
        }
}

/* The machine is short of something: that passes. */
static bool is_shortage(int error) {
        return error == -ENOMEM || error == -ENOBUFS || error == -EMFILE || error == -ENFILE;
}

int kftp_failure_local(KftpFailure *f, int error, const char *format, ...) {
        _cleanup_free_ char *what = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&what, format, ap) < 0)
                what = NULL;
        va_end(ap);
        return kftp_failure_set(f, KFTP_CLASS_LOCAL, error, is_shortage(error), "%s: %s%s",
                                strempty(what), strerror(-error), local_advice(error));
}

/* ---- The device ------------------------------------------------------------------------------ */

int kftp_failure_device(KftpFailure *f, int error, const char *what) {
        switch (-error) {
        case ENOENT:
        case ENXIO:
        case ENODEV:
                return kftp_failure_set(f, KFTP_CLASS_DEVICE, error, false,
                                        KFTP_DEVICE ": %s: the kernel module kftp is not loaded: sudo modprobe kftp "
                                        "(kftp doctor tells more)", strerror(-error));
        case EPERM:
                return kftp_failure_set(f, KFTP_CLASS_DEVICE, error, false,
                                        KFTP_DEVICE ": %s: %s: the module serves the initial user namespace only: "
                                        "see allow_userns in kftp(4)", what, strerror(-error));
        case EACCES: {
                struct passwd entry, *user = NULL;
                char buffer[4096];

                if (getpwuid_r(geteuid(), &entry, buffer, sizeof(buffer), &user) != 0)
                        user = NULL;
                return kftp_failure_set(f, KFTP_CLASS_DEVICE, error, false,
                                        KFTP_DEVICE ": %s: %s: not a member of group kftp-users: sudo usermod -aG kftp-users %s, "
                                        "then log in again", what, strerror(-error), user ? user->pw_name : "USER");
        }
        case EOPNOTSUPP:
        case ENOTTY:
                return kftp_failure_set(f, KFTP_CLASS_DEVICE, error, false,
                                        KFTP_DEVICE ": %s: the loaded module kftp does not support this; its version has to match "
                                        "this program's (kftp doctor)", what);
        case ENOMEM:
        case ENFILE:
        case EMFILE:
        case ENOBUFS:
                return kftp_failure_set(f, KFTP_CLASS_OTHER, error, true, KFTP_DEVICE ": %s: %s", what, strerror(-error));
        default:
                return kftp_failure_set(f, KFTP_CLASS_DEVICE, error, false, KFTP_DEVICE ": %s: %s", what, strerror(-error));
        }
}

int kftp_failure_connect(KftpFailure *f, int error, const char *remote) {
        if (error == -EOPNOTSUPP || error == -ENOTTY || is_shortage(error))
                return kftp_failure_device(f, error, "KFTP_CONNECT");
        return kftp_failure_set(f, KFTP_CLASS_NETWORK, error, false, "cannot connect to %s: not an address that can be connected to: %s",
                                remote, strerror(-error));
}

int kftp_failure_submit(KftpFailure *f, int error) {
        if (error == -EOPNOTSUPP || error == -ENOTTY || is_shortage(error))
                return kftp_failure_device(f, error, "KFTP_SUBMIT");
        if (error == -ENOTCONN || error == -ESHUTDOWN)
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, error, true, "the session has ended: %s", strerror(-error));
        return kftp_failure_set(f, KFTP_CLASS_LOCAL, error, false, "the kernel cannot write to the local file: %s; "
                                "choose a place on another file system", strerror(-error));
}

/* ---- The end of a session or request --------------------------------------------------------- */

/* ": "550 No such file"" or nothing. Allocated. */
static char *quote_reply(const KftpEnding *e) {
        _cleanup_free_ char *escaped = NULL;
        char *quoted;

        if (!e->text || e->text_len == 0)
                return strdup("");
        escaped = kftp_escape(e->text, e->text_len);
        return escaped && asprintf(&quoted, ": \"%s\"", escaped) >= 0 ? quoted : NULL;
}

typedef enum Direction { DOWN, UP, NEITHER } Direction;

static Direction direction(enum kftp_op op) {
        switch (op) {
        case KFTP_OP_NOOP:
        case KFTP_OP_RETR:
        case KFTP_OP_LIST:
        case KFTP_OP_NLST:
        case KFTP_OP_MLSD:
        case KFTP_OP_MLST:
        case KFTP_OP_STAT:
                return DOWN;
        case KFTP_OP_STOR:
        case KFTP_OP_APPE:
        case KFTP_OP_STOU:
                return UP;
        default:
                return NEITHER;
        }
}

static const char *op_name(enum kftp_op op) {
        static const char *const names[] = {
                [KFTP_OP_NOOP] = "NOOP", [KFTP_OP_SIZE] = "SIZE", [KFTP_OP_MDTM] = "MDTM", [KFTP_OP_MFMT] = "MFMT",
                [KFTP_OP_DELE] = "DELE", [KFTP_OP_RENAME] = "RNTO", [KFTP_OP_MKD] = "MKD", [KFTP_OP_RMD] = "RMD",
                [KFTP_OP_CWD] = "CWD", [KFTP_OP_PWD] = "PWD", [KFTP_OP_SYST] = "SYST", [KFTP_OP_CHMOD] = "SITE CHMOD",
                [KFTP_OP_HASH] = "HASH", [KFTP_OP_RAW] = "command", [KFTP_OP_QUIT] = "QUIT",
        };

        return op < ELEMENTS(names) && names[op] ? names[op] : "command";
}

/* "\"x\" from host:21", "\"x\" to host:21", "DELE \"x\" at host:21". Allocated. */
static char *what_and_where(const KftpEnding *e, const char *path) {
        Direction d = direction(e->op);
        char *text;
        int n;

        if (d != NEITHER)
                n = asprintf(&text, "\"%s\" %s %s", path, d == UP ? "to" : "from", e->remote);
        else
                n = asprintf(&text, *path ? "%s \"%s\" at %s" : "%s%s at %s", op_name(e->op), path, e->remote);
        return n < 0 ? NULL : text;
}

static int refused_by_server(KftpFailure *f, const KftpEnding *e, const char *path, const char *reply) {
        KftpReplyClass c = kftp_reply_classify(e->reply, e->text, e->text_len, e->logged_in, e->encrypted, e->bytes);
        _cleanup_free_ char *what = what_and_where(e, path);
        char bytes[KFTP_FORMAT_MAX];

        if (!e->logged_in)
                return kftp_failure_set(f, c.class, e->error, c.transient, "login refused by %s%s%s", e->remote, reply, c.advice);
        if (e->bytes > 0)
                return kftp_failure_set(f, c.class, e->error, c.transient, "%s broken off after %s%s%s", strempty(what),
                                        kftp_format_bytes(bytes, e->position), reply, c.advice);
        if (direction(e->op) == NEITHER)
                return kftp_failure_set(f, c.class, e->error, c.transient, "%s refused%s%s", strempty(what), reply, c.advice);
        return kftp_failure_set(f, c.class, e->error, c.transient, "\"%s\" not %s by %s%s%s", path,
                                direction(e->op) == UP ? "taken" : "sent", e->remote, reply, c.advice);
}

/* Why a connection failed. Allocated. */
static char *network_reason(const KftpEnding *e) {
        unsigned seconds = (unsigned) ((e->timeout_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
        char *text;

        if (e->error != -ETIMEDOUT)
                return strdup(strerror(-e->error));
        return asprintf(&text, "%s within %u s", e->connected ? "nothing came" : "no answer", seconds) < 0 ? NULL : text;
}

static const char *network_advice(const KftpEnding *e) {
        if (e->error == -EADDRNOTAVAIL && e->source)
                return "; the source address has to be one of this machine's";
        if (e->logged_in && e->bytes == 0
            && (e->error == -ETIMEDOUT || e->error == -ECONNREFUSED || e->error == -EHOSTUNREACH))
                return "; a firewall may block the data connection: try the other kind (--active)";
        return "";
}

/* Trying again does not help if the address is none for us. */
static bool connecting_may_help(const KftpEnding *e) {
        switch (-e->error) {
        case EADDRNOTAVAIL:
                return !e->source;
        case EINVAL:
        case EAFNOSUPPORT:
        case EPROTONOSUPPORT:
        case EACCES:
        case EPERM:
                return false;
        default:
                return true;
        }
}

static int cannot_connect(KftpFailure *f, const KftpEnding *e, const char *why) {
        bool transient = connecting_may_help(e);

        if (!e->address || streq(e->address, e->remote))
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, e->error, transient, "cannot connect to %s: %s%s",
                                        e->remote, why, network_advice(e));
        return kftp_failure_set(f, KFTP_CLASS_NETWORK, e->error, transient, "cannot connect to %s (%s): %s%s",
                                e->remote, e->address, why, network_advice(e));
}

static int broken_off(KftpFailure *f, const KftpEnding *e, const char *path, const char *reply) {
        _cleanup_free_ char *why = network_reason(e), *what = what_and_where(e, path);
        char bytes[KFTP_FORMAT_MAX];

        if (!e->connected)
                return cannot_connect(f, e, strempty(why));
        if (!e->logged_in)
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, e->error, true, "no login at %s: %s%s",
                                        e->remote, strempty(why), reply);
        if (direction(e->op) == NEITHER)
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, e->error, true, "%s: %s%s", strempty(what), strempty(why), reply);
        return kftp_failure_set(f, KFTP_CLASS_NETWORK, e->error, true, "%s broken off after %s: %s%s%s", strempty(what),
                                kftp_format_bytes(bytes, e->position), strempty(why), reply, network_advice(e));
}

static int wrong_size(KftpFailure *f, const KftpEnding *e, const char *path, const char *reply) {
        if (direction(e->op) == UP)
                return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, e->error, true,
                                        "\"%s\" to %s: the server was content with %" PRIu64 " bytes, which is not all%s",
                                        path, e->remote, e->position, reply);
        return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, e->error, true,
                                "\"%s\" from %s: %" PRIu64 " bytes received, but the server said it has %" PRIu64 "%s",
                                path, e->remote, e->position, e->remote_size, reply);
}

static int interrupted(KftpFailure *f, const KftpEnding *e, const char *path) {
        _cleanup_free_ char *what = what_and_where(e, path);
        char bytes[KFTP_FORMAT_MAX];

        if (direction(e->op) == NEITHER)
                return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, e->error, false, "%s interrupted", strempty(what));
        return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, e->error, false, "%s interrupted after %s", strempty(what),
                                kftp_format_bytes(bytes, e->position));
}

static bool is_network_error(int error) {
        static const int errors[] = {
                ETIMEDOUT, ECONNREFUSED, ECONNRESET, ECONNABORTED, ENETDOWN, ENETUNREACH, ENETRESET, EHOSTDOWN, EHOSTUNREACH,
                EPIPE, ENOTCONN, ESHUTDOWN, EADDRNOTAVAIL, ENONET, ENOPROTOOPT,
        };

        for (size_t i = 0; i < ELEMENTS(errors); i++)
                if (error == -errors[i])
                        return true;
        return false;
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static int no_tls(KftpFailure *f, const KftpEnding *e, const char *reply) {
        if (e->encrypted)
                return kftp_failure_set(f, KFTP_CLASS_TLS, e->error, false, "%s does not encrypt data connections (PROT P)%s; "
                                        "--tls=auto would send files in clear text", e->remote, reply);
        return kftp_failure_set(f, KFTP_CLASS_TLS, e->error, false, "%s has no TLS%s; --tls=auto would go on without, in clear text, "
                                "the password included", e->remote, reply);
}

/* Cut off where nobody has vouched for the end: by the server, or by whoever sits in between. */
static int unclean(KftpFailure *f, const KftpEnding *e, const char *path, const char *reply) {
        char bytes[KFTP_FORMAT_MAX];

        kftp_format_bytes(bytes, e->position);
        if (e->remote_size != KFTP_SIZE_UNKNOWN)
                return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, e->error, true, "\"%s\" from %s ended after %s without TLS's close_notify, and the server said "
                                        "that it has %" PRIu64 " bytes: it was cut off on the way%s", path, e->remote, bytes, e->remote_size, reply);
        return kftp_failure_set(f, KFTP_CLASS_INTEGRITY, e->error, true, "\"%s\" from %s ended after %s without TLS's close_notify: it may have been cut off "
                                "on the way, and there is no size to compare it with%s", path, e->remote, bytes, reply);
}

/* *ret is what to return if it was TLS that ended it. */
static bool ended_by_tls(KftpFailure *f, const KftpEnding *e, const char *path, const char *reply, int *ret) {
        if (e->error == -EPROTONOSUPPORT && e->connected)
                *ret = e->reply == 421 ? refused_by_server(f, e, path, reply) : no_tls(f, e, reply);
        else if (e->error == -EPROTO && !e->logged_in && (e->reply == 234 || e->reply == 334))
                *ret = kftp_failure_set(f, KFTP_CLASS_TLS, e->error, false, "%s: bytes in clear text came behind the answer to AUTH%s: somebody on the "
                                        "way may be tampering with the connection", e->remote, reply);
        else if (e->error == -ENOKEY)
                *ret = kftp_failure_set(f, KFTP_CLASS_TLS, e->error, false, "%s: the connection was not encrypted by the kernel after the TLS handshake, "
                                        "so nothing was sent over it (kftp doctor)%s", e->remote, reply);
        else if (e->error == -EILSEQ)
                *ret = kftp_failure_set(f, KFTP_CLASS_TLS, e->error, false, "%s: a TLS record was damaged or forged on the way%s", e->remote, reply);
        else if (e->error == -ECONNABORTED && e->alert != 0)
                *ret = kftp_failure_set(f, KFTP_CLASS_TLS, e->error, false, "%s has broken TLS off with the alert \"%s\" (%u)%s", e->remote,
                                        kftp_tls_alert_name(e->alert), e->alert, reply);
        else if (e->error == -EKEYEXPIRED)
                *ret = kftp_failure_set(f, KFTP_CLASS_TLS, e->error, true, "%s wants new keys in the middle of the TLS session (KeyUpdate), which the kernel "
                                        "cannot give it: a new connection goes on%s", e->remote, reply);
        else if (e->error == -EBADMSG && e->unclean)
                *ret = unclean(f, e, path, reply);
        else
                return false;
        return true;
}

static int classify(KftpFailure *f, const KftpEnding *e, const char *path, const char *reply) {
        int r;

        if (e->interrupted)
                return interrupted(f, e, path);
        if (e->local_file)
                return kftp_failure_local(f, e->error, "cannot %s %s", direction(e->op) == UP ? "read" : "write", strempty(e->local));
        if (ended_by_tls(f, e, path, reply, &r))
                return r;
        if (e->error == 0 || e->error == -EREMOTEIO || e->error == -EKEYREJECTED)
                return refused_by_server(f, e, path, reply);
        if (e->error == -EBADMSG)
                return wrong_size(f, e, path, reply);
        if (e->error == -EPROTO && e->encrypted)
                return kftp_failure_set(f, KFTP_CLASS_TLS, e->error, false, "%s has sent what is no TLS record, or no FTP inside of it: "
                                        "it may have died%s", e->remote, reply);
        if (e->error == -EPROTO || e->error == -EMSGSIZE)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, e->error, false, "%s does not speak FTP as it should%s", e->remote, reply);
        /* 421 is how a server says that it hangs up; the connection is gone then, which is no news. */
        if (e->reply == 421)
                return refused_by_server(f, e, path, reply);
        /* Before the connection is up nothing but the network has had a part in it. */
        if (is_network_error(e->error) || (!e->connected && e->error != -ECANCELED && !is_shortage(e->error)))
                return broken_off(f, e, path, reply);
        return kftp_failure_set(f, KFTP_CLASS_OTHER, e->error, is_shortage(e->error), "%s: %s%s",
                                e->remote, strerror(-e->error), reply);
}

int kftp_failure_from_ending(KftpFailure *f, const KftpEnding *e) {
        _cleanup_free_ char *reply = quote_reply(e), *path = kftp_escape(strempty(e->path), strlen(strempty(e->path)));
        int r = classify(f, e, strempty(path), strempty(reply));

        f->reply = e->reply;
        return r;
}
