// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An upload from its source to its final name on the server: where it goes, and what is said of it when it
 * ends. How it is sent is in put-send.c, and by other ways in put-other.c; how it gets its name in put-deliver.c.
 */

#include <stdarg.h>
#include <sys/random.h>

#include "client-internal.h"
#include "failure.h"
#include "put-names.h"
#include "put.h"
#include "remote.h"
#include "url.h"
#include "util.h"

static int no_memory(KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}

void kftp_failure_add(KftpFailure *f, const char *format, ...) {
        _cleanup_free_ char *more = NULL, *escaped = NULL;
        char *text;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&more, format, ap) < 0)
                more = NULL;
        va_end(ap);
        escaped = more ? kftp_escape(more, strlen(more)) : NULL;
        if (!escaped || asprintf(&text, "%s%s", strempty(f->text), escaped) < 0)
                return;
        free(f->text);
        f->text = text;
}

/* ---- Where it goes --------------------------------------------------------------------------- */

static bool is_directory_name(const char *base) {
        return !*base || streq(base, ".") || streq(base, "..");
}

/* The last part of the source's name, as far as FTP can carry it. */
static int source_base(const KftpUpload *u, const char **ret, KftpFailure *f) {
        const char *base = kftp_remote_base(u->name);

        if (streq(u->name, "-") && !u->put->has_source_fd)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                        "the standard input has no name: the URL has to end in the one that it is to have");
        for (const char *p = base; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                                "%s: a name with a control character, which FTP cannot carry; "
                                                "put another one into the URL", u->name);
        *ret = base;
        return 0;
}

static int make_temporaries(KftpUpload *u) {
        const char *base = kftp_remote_base(u->final);
        _cleanup_free_ char *directory = kftp_remote_directory(u->final);
        uint64_t key = kftp_put_key(base, u->source.size, u->source.mtime_nsec,
                                    kftp_url_is_protected(u->url, &u->options->tls));

        if (!directory)
                return -ENOMEM;
        /* No second pipe brings the same again, and no other upload may write to what this one has sent. */
        if (u->source.pipe || u->source.shared)
                (void) !getrandom(&key, sizeof(key), GRND_NONBLOCK);
        for (size_t i = 0; i < ELEMENTS(u->temporary); i++) {
                _cleanup_free_ char *name = kftp_put_temporary(base, key, i == 0);

                u->temporary[i] = name ? kftp_remote_join(directory, name) : NULL;
                if (!u->temporary[i])
                        return -ENOMEM;
        }
        return 0;
}

/* Once a connection is there that can be asked whether the URL names a directory. */
static int choose_names(KftpUpload *u, KftpFailure *f) {
        const KftpUrl *url = u->url;
        const char *base;
        int r;

        u->into_directory = u->into_directory || u->put->directory || is_directory_name(url->base);
        if (!u->into_directory && !u->put->file) {
                u->into_directory = kftp_remote_look(u->connection, url->path) == KFTP_PRESENT_DIRECTORY;
                /* Without PWD there is no way back from it but another log-in. */
                if (u->into_directory && !kftp_connection_usable(u->connection))
                        return kftp_failure_set(f, KFTP_CLASS_NETWORK, -ECONNRESET, true,
                                                "%s: \"%s\" is a directory, which the connection could not leave again",
                                                kftp_connection_remote(u->connection), url->path);
        }
        if (!kftp_connection_usable(u->connection)) {
                struct kftp_submit noop = kftp_request(KFTP_OP_NOOP, NULL);

                return kftp_connection_request(u->connection, &noop, NULL, f);
        }
        if (u->into_directory) {
                r = source_base(u, &base, f);
                if (r < 0)
                        return r;
                u->final = kftp_remote_join(url->path, base);
        } else
                u->final = strdup(url->path);
        if (!u->final)
                return no_memory(f);
        if (make_temporaries(u) < 0)
                return no_memory(f);
        free(u->result->remote);
        u->result->remote = strdup(u->final);
        return 0;
}

/* ---- The attempts ---------------------------------------------------------------------------- */

static int open_source(KftpUpload *u, KftpFailure *f) {
        if (u->put->has_source_fd)
                return kftp_put_source_open_fd(&u->source, u->put->source_fd, u->name, f);
        return kftp_put_source_open(&u->source, u->name, u->options->control, f);
}

static int prepare(void *userdata, KftpFailure *f) {
        KftpUpload *u = userdata;
        const char *base;
        int r = 0;

        if (u->source.fd >= 0)
                return 0;
        if (u->put->way != KFTP_PUT_UNIQUE && (u->put->directory || is_directory_name(u->url->base)))
                r = source_base(u, &base, f);
        if (r >= 0)
                r = open_source(u, f);
        if (r >= 0 && u->put->text)
                r = kftp_put_source_translate(&u->source, u->options->control, f);
        if (r >= 0 && u->options->verify & KFTP_VERIFY_HASH && (u->source.pipe || u->source.begin > 0))
                r = kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                     "%s cannot be verified by its hash: it cannot be read a second time", u->source.name);
        free(u->result->local);
        u->result->local = u->source.name ? strdup(u->source.name) : NULL;
        if (r < 0)
                kftp_put_source_close(&u->source);
        return r;
}

static int work(KftpConnection *c, void *userdata, KftpFailure *f) {
        KftpUpload *u = userdata;
        int r = 0;

        u->connection = c;
        kftp_connection_addresses(c, &u->result->local_addr, &u->result->peer);
        u->result->tls = *kftp_connection_tls(c);
        if (u->put->way == KFTP_PUT_UNIQUE)
                return kftp_upload_unique(u, f);
        if (!u->final)
                r = choose_names(u, f);
        if (r < 0)
                return r;
        return u->put->way == KFTP_PUT_APPEND ? kftp_upload_append(u, f) : kftp_upload_whole(u, f);
}

/* ---- What is said of it ---------------------------------------------------------------------- */

/* Of a failure: what is left on the server, and whether a later call can go on from it. */
static void tell_rest(KftpUpload *u, KftpFailure *f) {
        u->result->bytes = 0;
        if (u->delivered || !u->begun || !u->target)
                return;
        if (u->in_doubt) {
                kftp_failure_add(f, "; it is not known whether it was delivered: look at \"%s\" and \"%s\" before it is sent again",
                                 u->final, u->target);
                return;
        }
        if (u->complete) {
                kftp_failure_add(f, "; the whole file is there as \"%s\"", u->target);
                u->result->bytes = u->source.pipe ? 0 : u->position;
                return;
        }
        if (u->source.pipe)
                kftp_failure_add(f, "; what was read of %s is gone, so it is not tried again", u->source.name);
        if (u->gone)
                return;
        if (u->put->way != KFTP_PUT_TEMPORARY)
                kftp_failure_add(f, "; \"%s\" is incomplete now", u->target);
        else
                kftp_failure_add(f, "; a part of it is there as \"%s\"", u->target);
        if (u->put->way == KFTP_PUT_TEMPORARY && !u->source.pipe && !u->afresh)
                u->result->bytes = u->position;
}

/* It is there under its name, but not with the time or mode it should have. */
static int report_attribute(KftpUpload *u, KftpFailure *f) {
        const char *text = strempty(u->attribute.text);
        _cleanup_free_ char *copy = strdup(text);

        u->result->complete = true;
        return kftp_failure_set(f, u->attribute.class, u->attribute.error, false, "\"%s\" is complete, but %s",
                                strempty(u->result->remote), strempty(copy));
}

static void upload_done(KftpUpload *u) {
        kftp_put_source_close(&u->source);
        kftp_failure_done(&u->attribute);
        free(u->final);
        for (size_t i = 0; i < ELEMENTS(u->temporary); i++)
                free(u->temporary[i]);
}

int kftp_client_put(KftpClient *c, const char *source, const KftpUrl *url, const KftpPutOptions *put, KftpResult *ret) {
        uint64_t begin = now_usec();
        KftpUpload u = {
                .name = source,
                .url = url,
                .put = put,
                .options = kftp_client_options(c),
                .result = ret,
                .source = KFTP_PUT_SOURCE_INIT,
                .before.known = put->absent,
        };
        KftpTask task = { .prepare = prepare, .work = work, .userdata = &u };
        KftpFailure *f = &ret->failure;
        int r;

        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        r = kftp_client_run(c, url, &task, &ret->attempts, f);
        if (r < 0)
                tell_rest(&u, f);
        else {
                kftp_failure_done(f);
                ret->bytes = u.position;
                ret->mtime = u.source.mtime;
        }
        if (r >= 0 && u.attribute.class != KFTP_CLASS_OK)
                r = report_attribute(&u, f);
        ret->usec = now_usec() - begin;
        upload_done(&u);
        return r < 0 ? r : 0;
}
