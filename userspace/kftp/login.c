// SPDX-License-Identifier: GPL-2.0-or-later
/* Who logs in where, and through which proxy: passwords from files, from netrc, or asked for. */

#include "login.h"
#include "prompt.h"
#include "util.h"

static int fail(KftpFailure *f, enum kftp_class class, int error, const char *text) {
        kftp_failure_done(f);
        *f = (KftpFailure) { .class = class, .error = error, .text = strdup(strempty(text)) };
        return error;
}

/* ---- The proxy ------------------------------------------------------------------------------- */

static int find_proxy(Run *run, KftpFailure *f) {
        _cleanup_free_ char *reason = NULL, *text = NULL;
        const char *option = run->arguments.proxy;
        int r;

        if (run->proxy || (option && !*option))
                return 0;
        r = option ? kftp_proxy_parse(option, &run->proxy, &reason) : kftp_proxy_from_environment(&run->proxy, &reason);
        if (r >= 0)
                return 0;
        if (asprintf(&text, "%s%s", option ? "--proxy: " : "", reason ?: strerror(-r)) < 0)
                text = NULL;
        return fail(f, KFTP_CLASS_USAGE, r, text);
}

/*
 * netrc, where nobody has asked for it: a mistake in the user's own file is no reason to fail, and neither is a password
 * in it that is not used because others may read it. That one is told to whoever watches: he is not who he expects to be.
 */
static int find_unasked(const Run *run, const char *host, const char *user, KftpLogin *ret, KftpFailure *f) {
        KftpFailure own = {};
        int r;

        r = kftp_netrc_find(run->arguments.netrc, host, user, ret, &own);
        if (!run->arguments.netrc && (r == -EINVAL || r == -EFBIG || r == -EPERM)) {
                if (run->arguments.verbose || (r == -EPERM && run_is_chatty(run)))
                        fprintf(stderr, "* %s; going on without this file\n", strempty(own.text));
                kftp_failure_done(&own);
                return 0;
        }
        if (r < 0) {
                kftp_failure_done(f);
                *f = own;
        }
        return r;
}

static int find_proxy_login(Run *run, KftpFailure *f) {
        const Arguments *a = &run->arguments;
        KftpLogin login = {};
        int r;

        if (a->proxy_password_file) {
                r = kftp_read_password_file(a->proxy_password_file, &login.password, f);
                if (r >= 0 && !kftp_proxy_user(run->proxy))
                        r = fail(f, KFTP_CLASS_USAGE, -EINVAL, "--proxy-password-file: the proxy's URL has to say the user: http://USER@HOST:PORT");
        } else if (a->netrc && !*a->netrc)
                return 0;
        else {
                r = find_unasked(run, kftp_proxy_host(run->proxy), kftp_proxy_user(run->proxy), &login, f);
                /* That is for FTP servers. */
                if (login.from_default)
                        kftp_login_done(&login);
        }
        if (r >= 0 && login.password && kftp_proxy_set_login(run->proxy, login.user, login.password) < 0)
                r = fail(f, KFTP_CLASS_OTHER, -ENOMEM, "not enough memory");
        kftp_login_done(&login);
        return r < 0 ? r : 0;
}

static int choose_proxy(Run *run, const KftpUrl *url, KftpFailure *f) {
        bool fresh = !run->proxy;
        int r;

        r = find_proxy(run, f);
        if (r >= 0 && fresh && run->proxy)
                r = find_proxy_login(run, f);
        if (r < 0)
                return r;
        run->options.proxy = kftp_proxy_exempt_by_environment(url->host) ? NULL : run->proxy;
        if (run->client)
                kftp_client_set_proxy(run->client, run->options.proxy);
        return 0;
}

/* ---- The server ------------------------------------------------------------------------------ */

void login_forget(Run *run) {
        if (run->password)
                explicit_bzero(run->password, strlen(run->password));
        free(run->password);
        run->password = NULL;
        free(run->login);
        run->login = NULL;
        kftp_login_done(&run->netrc);
}

static void set_login(Run *run, const char *user, const char *password, const char *account) {
        KftpOptions *o = &run->options;

        o->user = user;
        o->password = password;
        o->account = account;
        if (run->client)
                kftp_client_set_login(run->client, user, password, account);
}

static int ask_password(Run *run, const char *user, const KftpUrl *url, KftpFailure *f) {
        int r;

        if (!user || streq(user, "anonymous"))
                return 0;
        r = prompt_password(user, url->host, &run->password);
        if (r >= 0)
                return 0;
        return fail(f, r == -EINTR || r == -ECANCELED ? KFTP_CLASS_INTERRUPTED : KFTP_CLASS_USAGE, r,
                    r == -E2BIG ? "no password: it is too long" : "no password: interrupted");
}

/* What netrc says; nothing, if there would be a password but nobody whose it is. */
static int look_up(Run *run, const char *user, const KftpUrl *url, KftpFailure *f) {
        const char *file = run->arguments.netrc;
        int r;

        if ((file && !*file) || (user && streq(user, "anonymous")))
                return 0;
        r = user ? kftp_netrc_find(file, url->host, user, &run->netrc, f) : find_unasked(run, url->host, NULL, &run->netrc, f);
        if (r > 0 && !user && !run->netrc.user)
                kftp_login_done(&run->netrc);
        return r;
}

static int find_password(Run *run, const char *user, const KftpUrl *url, KftpFailure *f) {
        int r;

        if (run->arguments.password_file)
                return kftp_read_password_file(run->arguments.password_file, &run->password, f);
        r = look_up(run, user, url, f);
        if (r < 0 || run->netrc.password)
                return r;
        return ask_password(run, user ?: run->netrc.user, url, f);
}

static int refuse_again(const KftpUrl *url, KftpFailure *f) {
        _cleanup_free_ char *path = kftp_escape(url->path, strlen(url->path)), *text = NULL;

        if (asprintf(&text, "\"%s\" at %s not tried: the login was refused before", strempty(path), url->host) < 0)
                text = NULL;
        return fail(f, KFTP_CLASS_AUTH, -EKEYREJECTED, text);
}

/* A password that was refused is not tried again: servers count, and lock people out. */
void run_note_refusal(Run *run, const KftpResult *result) {
        bool logged_in = result->peer.family != 0 || result->reply != 0;

        if (result->failure.class != KFTP_CLASS_AUTH || logged_in || !run->login)
                return;
        free(run->refused);
        run->refused = strdup(run->login);
}

int run_log_in(Run *run, const KftpUrl *url, KftpFailure *f) {
        const Arguments *a = &run->arguments;
        const char *user = a->user ?: url->user;
        _cleanup_free_ char *login = NULL;
        int r;

        r = choose_proxy(run, url, f);
        if (r < 0)
                return r;
        if (asprintf(&login, "%s@%s:%u", strempty(user), url->host, url->port) < 0)
                login = NULL;
        if (login && streq_ptr(run->refused, login))
                return refuse_again(url, f);
        if (login && streq_ptr(run->login, login))
                return 0;
        set_login(run, a->user, NULL, NULL);
        login_forget(run);
        r = find_password(run, user, url, f);
        if (r < 0)
                return r;
        run->login = STEAL_PTR(login);
        set_login(run, a->user ?: (url->user ? NULL : run->netrc.user), run->password ?: run->netrc.password, run->netrc.account);
        return 0;
}
