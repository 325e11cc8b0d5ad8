// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A client: its one connection, when that is used again and when it is replaced, and how often something is
 * tried. What is done over the connection is the callers'.
 */

#include <sys/random.h>

#include "client-internal.h"
#include "connection-internal.h"
#include "control.h"
#include "failure.h"
#include "util.h"

#define BACKOFF_FIRST (1 * USEC_PER_SEC)
#define BACKOFF_MAX (300 * USEC_PER_SEC)
#define IDLE_USEC (60 * USEC_PER_SEC)

struct KftpClient {
        KftpOptions options;
        KftpConnection *connection;     /* NULL: none */
        bool login_changed;             /* since it was opened */
};

uint64_t kftp_backoff_usec(uint64_t first_usec, unsigned n, uint32_t random) {
        uint64_t delay = MIN2(first_usec ?: BACKOFF_FIRST, BACKOFF_MAX);

        while (n-- > 1 && delay < BACKOFF_MAX)
                delay = MIN2(delay * 2, BACKOFF_MAX);
        /* A quarter up or down: those who were thrown out together do not come back together. */
        return delay - delay / 4 + (delay / 2) * (random & 0xffff) / 0xffff;
}

int kftp_client_new(KftpClient **ret, const KftpOptions *options) {
        KftpClient *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->options = *options;
        *ret = c;
        return 0;
}

static void drop(KftpClient *c) {
        kftp_connection_close(STEAL_PTR(c->connection));
}

void kftp_client_free(KftpClient *c) {
        if (!c)
                return;
        drop(c);
        free(c);
}

void kftp_client_set_login(KftpClient *c, const char *user, const char *password, const char *account) {
        KftpOptions *o = &c->options;

        c->login_changed = c->login_changed || !streq_ptr(o->user, user) || !streq_ptr(o->password, password)
                || !streq_ptr(o->account, account);
        o->user = user;
        o->password = password;
        o->account = account;
}

void kftp_client_set_proxy(KftpClient *c, const KftpProxy *proxy) {
        c->options.proxy = proxy;
}

void kftp_client_set_rate(KftpClient *c, uint64_t limit_rate) {
        c->options.limit_rate = limit_rate;
}

const KftpOptions *kftp_client_options(const KftpClient *c) {
        return &c->options;
}

/* ---- What can be said before anything is sent ------------------------------------------------ */

/* They stand in command lines: no control byte may end one. */
static int check_credential(const char *what, const char *text, KftpFailure *f) {
        if (strlen(strempty(text)) > KFTP_MAX_CREDENTIAL)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "the %s is longer than %d bytes", what, KFTP_MAX_CREDENTIAL);
        for (const char *p = strempty(text); *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                                "the %s contains a control character, which FTP cannot carry", what);
        return 0;
}

static int check_credentials(const KftpUrl *url, const KftpOptions *o, KftpFailure *f) {
        int r = check_credential("user name", o->user ?: url->user, f);

        if (r >= 0)
                r = check_credential("password", o->password, f);
        if (r >= 0)
                r = check_credential("account", o->account, f);
        return r;
}

static int check(const KftpUrl *url, const KftpOptions *o, KftpFailure *f) {
        if (kftp_control_cancelled(o->control))
                return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, -ECANCELED, false, "interrupted before it began");
        return check_credentials(url, o, f);
}

/* ---- The connection -------------------------------------------------------------------------- */

static bool is_for(const KftpClient *c, const KftpUrl *url) {
        const KftpConnection *k = c->connection;
        const char *user = c->options.user;

        return !c->login_changed && k->port == url->port && url->implicit_tls == (k->tls.mode == KFTP_TLS_IMPLICIT) && streq(k->host, url->host) && streq_ptr(user ?: k->user, user ?: url->user);
}

/* Whether a connection that was idle for long is still there. */
static bool answers(KftpClient *c) {
        struct kftp_submit noop = kftp_request(KFTP_OP_NOOP, NULL);

        if (now_usec() - c->connection->used_usec < IDLE_USEC)
                return true;
        (void) kftp_connection_request(c->connection, &noop, NULL, NULL);
        return kftp_connection_usable(c->connection);
}

static int connect_to(KftpClient *c, const KftpUrl *url, KftpFailure *f) {
        int r;

        if (c->connection && is_for(c, url) && kftp_connection_usable(c->connection) && answers(c)) {
                kftp_connection_reuse(c->connection);
                return 0;
        }
        drop(c);
        r = kftp_connection_open(&c->connection, url, &c->options, f);
        if (r >= 0)
                c->login_changed = false;
        return r;
}

/* ---- Attempts -------------------------------------------------------------------------------- */

/* A server that has hung up, or has said something unasked meanwhile: the module ends such a session. */
static bool is_stale(const KftpClient *c, const KftpFailure *f) {
        return (f->error == -EPROTO || (f->class == KFTP_CLASS_NETWORK && f->transient)) && kftp_connection_was_dead(c->connection);
}

/* One attempt; a connection that turns out to be dead when it is first used again is none. */
static int attempt(KftpClient *c, const KftpUrl *url, const KftpTask *task, KftpFailure *f) {
        int r;

        for (;;) {
                bool dead;

                r = connect_to(c, url, f);
                if (r < 0)
                        return r;
                r = task->work(c->connection, task->userdata, f);
                dead = r < 0 && is_stale(c, f);
                if (r < 0 && (f->transient || f->class == KFTP_CLASS_INTERRUPTED || !kftp_connection_usable(c->connection)))
                        drop(c);
                if (!dead)
                        return r;
                kftp_failure_done(f);
        }
}

static void tell_retry(const KftpClient *c, unsigned n, const KftpFailure *f, uint64_t delay) {
        const KftpCallbacks *callbacks = &c->options.callbacks;
        KftpAttempt a = { .attempt = n, .failure = f, .delay_usec = delay };

        if (callbacks->retry)
                callbacks->retry(callbacks->userdata, &a);
}

/* The same URL, as it goes with the mode of TLS that was asked for; what it points to is url's. */
static int agree(const KftpUrl *url, const KftpOptions *o, KftpUrl *ret, KftpFailure *f) {
        _cleanup_free_ char *reason = NULL;
        enum kftp_tls_mode mode = o->tls.mode;

        *ret = *url;
        if (kftp_tls_resolve(ret, &mode, false, &reason) < 0)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "%s", strempty(reason));
        return 0;
}

int kftp_client_run(KftpClient *c, const KftpUrl *url, const KftpTask *task, unsigned *ret_attempts, KftpFailure *f) {
        const KftpOptions *o = &c->options;
        KftpUrl agreed;
        int e = agree(url, o, &agreed, f);

        if (e < 0)
                return e;

        for (unsigned n = 1;; n++) {
                uint32_t random = 0;
                uint64_t delay;
                int r;

                r = check(&agreed, o, f);
                if (r >= 0 && task->prepare)
                        r = task->prepare(task->userdata, f);
                /* What fails for good before anything is sent is no attempt. */
                if ((r >= 0 || f->transient) && ret_attempts)
                        *ret_attempts = n;
                if (r >= 0)
                        r = attempt(c, &agreed, task, f);
                if (r >= 0 || !f->transient || n > o->retries)
                        return r;

                (void) !getrandom(&random, sizeof(random), GRND_NONBLOCK);
                delay = kftp_backoff_usec(o->retry_usec, n, random);
                tell_retry(c, n, f, delay);
                if (kftp_control_sleep(o->control, delay) < 0)
                        return kftp_failure_set(f, KFTP_CLASS_INTERRUPTED, -ECANCELED, false,
                                                "interrupted before another attempt; the last one: %s", strempty(f->text));
        }
}

int kftp_client_do(KftpClient *c, const KftpUrl *url, KftpWork work, void *userdata, unsigned *ret_attempts, KftpFailure *f) {
        KftpTask task = { .work = work, .userdata = userdata };
        KftpFailure own = {};
        int r = kftp_client_run(c, url, &task, ret_attempts, f ?: &own);

        kftp_failure_done(&own);
        return r;
}
