// SPDX-License-Identifier: LGPL-2.1-or-later
/* kftp_client_quote: one command as its caller wrote it, and its reply line by line. */

#include "client.h"
#include "failure.h"
#include "util.h"

typedef struct Quote {
        KftpResult *result;
        const char *command;
        void (*line)(void *userdata, const char *text, size_t n);
        void *userdata;
} Quote;

/* What a command does is unknown, so it is sent once: only what happens before it may be tried again. */
static int quote(KftpConnection *c, void *userdata, KftpFailure *f) {
        struct kftp_submit request;
        Quote *q = userdata;
        KftpWatch watch = { .line = q->line, .userdata = q->userdata };
        KftpDone done;
        int r;

        request = kftp_request(KFTP_OP_RAW, q->command);
        r = kftp_connection_transfer(c, &request, NULL, &watch, &done, f);
        if (done.reply != 0) {
                q->result->reply = done.reply;
                free(q->result->reply_text);
                q->result->reply_text = strndup(done.text, done.text_len);
        }
        if (r < 0)
                f->transient = false;
        if (r == -EINVAL && done.reply == 0)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, r, false,
                                        "\"%s\" cannot be quoted: it has to begin with a command of letters only, other than those "
                                        "for logging in, TLS, transfers and listings", q->command);
        if (r == -EREMOTEIO)
                f->class = KFTP_CLASS_REMOTE;
        return r;
}

static void ignore_line(void *userdata, bool sent, const char *text, size_t n) {
        (void) userdata;
        (void) sent;
        (void) text;
        (void) n;
}

int kftp_client_quote(
                KftpClient *c,
                const KftpUrl *url,
                const char *command,
                void (*line)(void *userdata, const char *text, size_t n),
                void *userdata,
                KftpResult *ret) {
        Quote q = { .result = ret, .command = command, .line = line, .userdata = userdata };
        KftpOptions options = *kftp_client_options(c);
        uint64_t begin = now_usec();
        KftpClient *own = NULL;
        int r;

        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        options.raw = true;
        /* The module tells lines only if somebody wants them from the beginning. */
        options.callbacks.line = options.callbacks.line ?: ignore_line;
        r = kftp_client_new(&own, &options);
        if (r < 0)
                return kftp_failure_set(&ret->failure, KFTP_CLASS_OTHER, r, true, "not enough memory");
        r = kftp_client_do(own, url, quote, &q, &ret->attempts, &ret->failure);
        ret->usec = now_usec() - begin;
        kftp_client_free(own);
        if (r >= 0)
                kftp_failure_done(&ret->failure);
        return r < 0 ? r : 0;
}
