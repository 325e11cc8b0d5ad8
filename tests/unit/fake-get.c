/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kftp_get that needs neither device nor server, and misbehaves on demand. See daemon.h. */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include "fake-get.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "control.h"
#include "util.h"

#define WORDY (200U * 1024U)             /* bytes, each of which takes four to be shown */
#define CONTENT "eleven byte"

const char *fake_get_directory;

/* Whether the marker is there; taken away if asked. */
static bool marker(const char *name, bool take) {
        char path[200];

        (void) snprintf(path, sizeof(path), "%s/%s", fake_get_directory, name);
        return (take ? unlink(path) : access(path, F_OK)) >= 0;
}

bool fake_marker(const char *name) {
        return marker(name, false);
}

static void crash_if(const char *name) {
        if (marker(name, true))
                (void) kill(getpid(), SIGKILL);
}

/* Tells the test what it was asked, by the same way as the daemon's own records. */
static void tell_call(const KftpUrl *url, const KftpOptions *o) {
        _cleanup_free_ char *text = NULL;
        struct iovec iov;
        int n = asprintf(&text, "CALL %s retries=%u retry_usec=%llu resume=%d user=%s password=%s mode=%d tls=%d ca=%s cert=%s key=%s pin=%s",
                         url->base, o->retries, (unsigned long long) o->retry_usec, o->resume, o->user ?: "-", o->password ?: "-",
                         (int) o->data_mode, (int) o->tls.mode, o->tls.ca_file ?: "-", o->tls.certificate_file ?: "-",
                         o->tls.key_file ?: "-", o->tls.pin ?: "-");

        if (n > 0) {
                iov = (struct iovec) { text, (size_t) n };
                (void) sd_journal_sendv(&iov, 1);
        }
}

static int fail(KftpResult *ret, enum kftp_class class, int error, bool transient, const char *text) {
        ret->failure = (KftpFailure) { .class = class, .error = error, .transient = transient, .text = strdup(text) };
        return error < 0 ? error : -EREMOTEIO;
}

static int wordy(KftpResult *ret) {
        char *text = malloc(WORDY + 1);

        if (!text)
                return -ENOMEM;
        memset(text, '\x1b', WORDY);
        text[WORDY] = '\0';
        ret->failure = (KftpFailure) { .class = KFTP_CLASS_REMOTE, .error = -EREMOTEIO, .text = text };
        return -EREMOTEIO;
}

static int interrupted(KftpResult *ret) {
        return fail(ret, KFTP_CLASS_INTERRUPTED, -ECANCELED, false, "interrupted");
}

static int flaky(KftpResult *ret) {
        static atomic_uint calls;

        if (atomic_fetch_add(&calls, 1) == 2)
                crash_if("crash-after-2");
        ret->usec = 100000;
        return fail(ret, KFTP_CLASS_NETWORK, -ECONNREFUSED, true, "fake:21: Connection refused");
}

static int hold(const KftpOptions *o, KftpResult *ret) {
        while (!marker("go", false))
                if (kftp_control_sleep(o->control, 10 * USEC_PER_MSEC) < 0) {
                        while (marker("deaf", false))
                                usleep(10000);
                        ret->bytes = 100;
                        return interrupted(ret);
                }
        return 0;
}

static void write_content(const char *path) {
        FILE *f = fopen(path, "we");

        if (f) {
                fputs(CONTENT, f);
                fclose(f);
        }
}

static int deliver(const char *temporary, const char *final, const KftpOptions *o, KftpResult *ret) {
        const KftpIntent intent = { .temporary = temporary, .final = final, .size = strlen(CONTENT), .mtime = 1000000000 };
        int r;

        write_content(temporary);
        r = o->callbacks.intent(o->callbacks.userdata, &intent);
        if (r < 0)
                return fail(ret, KFTP_CLASS_LOCAL, r, false, "the intent could not be recorded");
        crash_if("crash-before-rename");
        if (marker("lose-temporary", true)) {
                (void) unlink(temporary);
                return fail(ret, KFTP_CLASS_BUSY, -EBUSY, false, "another program has removed the file");
        }
        if (marker("rename-fails", true))
                return fail(ret, KFTP_CLASS_LOCAL, -EROFS, false, "cannot rename");
        if (rename(temporary, final) < 0)
                return fail(ret, KFTP_CLASS_LOCAL, -errno, false, "rename");
        crash_if("crash-after-rename");
        while (marker("linger", false))
                usleep(10000);
        return 0;
}

static void set_address(struct kftp_addr *a, const char *text, uint16_t port) {
        a->family = AF_INET;
        a->port = htons(port);
        (void) inet_pton(AF_INET, text, a->addr);
}

static void fill_in(KftpResult *ret, const KftpOptions *o, const char *final) {
        ret->local = strdup(final);
        ret->bytes = strlen(CONTENT);
        ret->resumed_from = 4;
        ret->usec = 4100000;
        ret->transfer_usec = 3100000;
        ret->rate = 1024 * 1024;
        ret->attempts = 1;
        ret->reply = 226;
        ret->reply_text = strdup("226 Done\x1b[2J");
        ret->mtime = 1000000000;
        set_address(&ret->peer, "192.0.2.1", 21);
        set_address(&ret->local_addr, "192.0.2.2", 40000);
        set_address(&ret->data_peer, "192.0.2.1", 20);
        set_address(&ret->data_local, "192.0.2.2", 40001);
        if (o->tls.mode == KFTP_TLS_NONE || o->tls.mode == KFTP_TLS_OPPORTUNISTIC)
                return;
        ret->tls = (KftpTlsState) { .version = 0x0304, .cipher = 0x1302 };
        ret->data_tls = ret->tls;
        ret->data_tls.resumed = true;
}

int fake_client_new(KftpClient **ret, const KftpOptions *o) {
        KftpOptions *copy = malloc(sizeof(*copy));

        if (!copy)
                return -ENOMEM;
        *copy = *o;
        *ret = (KftpClient *) copy;
        return 0;
}

void fake_client_free(KftpClient *c) {
        free(c);
}

const KftpOptions *fake_options(const KftpClient *c) {
        return (const KftpOptions *) c;
}

int fake_size(KftpClient *c, const KftpUrl *url, uint64_t *ret, KftpFailure *f) {
        (void) c;
        (void) f;
        *ret = startswith(url->path, "huge/") ? UINT64_C(1) << 60 : KFTP_SIZE_UNKNOWN;
        return 0;
}

int fake_get(KftpClient *c, const KftpUrl *url, const char *dest, KftpResult *ret) {
        _cleanup_free_ char *final = NULL, *temporary = NULL;
        const KftpOptions *o = fake_options(c);
        int r = 0;

        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN, .attempts = 1 };
        if (marker("no-device", false))
                return fail(ret, KFTP_CLASS_DEVICE, -ENOENT, false, "/dev/kftp: No such file or directory");
        tell_call(url, o);
        r = kftp_get_names(url, dest, &final, &temporary, &ret->failure);
        if (r < 0)
                return r;

        if (startswith(url->path, "fail/")) {
                r = fail(ret, KFTP_CLASS_REMOTE, 0, false, "550 no such file (fake:21)");
                ret->failure.reply = 550;
                return r;
        }
        if (startswith(url->path, "untrusted/"))
                return fail(ret, KFTP_CLASS_TLS, -EKEYREJECTED, false, "fake:990: the certificate is expired");
        if (startswith(url->path, "wordy/"))
                return wordy(ret);
        if (startswith(url->path, "flaky/"))
                return flaky(ret);
        if (startswith(url->path, "nohost/"))
                return fail(ret, KFTP_CLASS_NETWORK, -EHOSTUNREACH, false, "fake: no such host");
        if (o->tls.mode == KFTP_TLS_OPPORTUNISTIC)
                o->callbacks.warning(o->callbacks.userdata, "fake:21 has no TLS");
        if (startswith(url->path, "hold/"))
                r = hold(o, ret);
        if (r >= 0)
                r = deliver(temporary, final, o, ret);
        if (r >= 0)
                fill_in(ret, o, final);
        return r;
}
