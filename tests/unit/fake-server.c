/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See fake-server.h. */

#include "fake-server-internal.h"

#include <sys/stat.h>

#include "failure.h"
#include "proxy.h"
#include "util.h"

FakeServer fake_server;
static bool dead;                       /* the open connection is */

/* ---- Files ----------------------------------------------------------------------------------- */

FakeFile *fake_find(const char *path) {
        for (size_t i = 0; i < FAKE_FILES_MAX; i++)
                if (fake_server.files[i].path && streq(fake_server.files[i].path, path))
                        return &fake_server.files[i];
        return NULL;
}

static FakeFile *make(const char *path) {
        FakeFile *f = fake_find(path);

        for (size_t i = 0; !f && i < FAKE_FILES_MAX; i++)
                if (!fake_server.files[i].path)
                        f = &fake_server.files[i];
        assert_non_null(f);
        if (!f->path)
                *f = (FakeFile) { .path = strdup(path), .data = calloc(1, 1) };
        return f;
}

static void drop(FakeFile *f) {
        free(f->path);
        free(f->data);
        *f = (FakeFile) {};
}

static void set_size(FakeFile *f, size_t size) {
        f->data = realloc(f->data, size + 1);
        assert_non_null(f->data);
        if (size > f->size)
                memset(f->data + f->size, 0, size - f->size);
        f->size = size;
        f->data[size] = '\0';
}

void fake_server_add(const char *path, const char *text) {
        FakeFile *f = make(path);

        set_size(f, strlen(text));
        memcpy(f->data, text, f->size);
}

void fake_server_add_directory(const char *path) {
        make(path)->directory = true;
}

const FakeFile *fake_server_file(const char *path) {
        return fake_find(path);
}

const char *fake_server_get(const char *path) {
        FakeFile *f = fake_find(path);

        return f ? f->data : NULL;
}

unsigned fake_server_count(void) {
        unsigned n = 0;

        for (size_t i = 0; i < FAKE_FILES_MAX; i++)
                n += fake_server.files[i].path != NULL;
        return n;
}

unsigned fake_server_asked(const char *begin) {
        unsigned n = 0;

        for (const char *p = fake_server.log; p && *p; p = strchr(p, '\n') + 1)
                n += startswith(p, begin);
        return n;
}

int fake_server_set_up(void **state) {
        (void) state;
        fake_server = (FakeServer) { .log = strdup("") };
        dead = false;
        return 0;
}

int fake_server_tear_down(void **state) {
        (void) state;
        for (size_t i = 0; i < FAKE_FILES_MAX; i++)
                drop(&fake_server.files[i]);
        free(fake_server.log);
        return 0;
}

void fake_note(const char *verb, const char *path) {
        char *log;

        assert_true(asprintf(&log, "%s%s %s\n", fake_server.log, verb, path) >= 0);
        free(fake_server.log);
        fake_server.log = log;
}

/* ---- Requests -------------------------------------------------------------------------------- */

int fake_reply(KftpDone *d, unsigned code) {
        d->reply = code;
        d->text_len = (size_t) snprintf(d->text, sizeof(d->text), "%u words", code);
        d->error = code >= 400 ? -EREMOTEIO : 0;
        return d->error;
}

static int deny(KftpDone *d) {
        fake_reply(d, 550);
        d->text_len = (size_t) snprintf(d->text, sizeof(d->text), "550 Permission denied.");
        return d->error;
}

int fake_cut(KftpDone *d) {
        dead = true;
        d->error = -ECONNRESET;
        return d->error;
}

static bool is_hidden(const char *path) {
        const char *slash = strrchr(path, '/');

        return (slash ? slash + 1 : path)[0] == '.';
}

static int size_of(const char *path, KftpDone *d) {
        FakeFile *f = fake_find(path);

        fake_note("SIZE", path);
        if (fake_server.no_size)
                return fake_reply(d, 500);
        if (fake_server.denies)
                return deny(d);
        if (f && fake_server.look_reply > 0)
                return fake_reply(d, fake_server.look_reply);
        if (fake_server.hidden_size_reply > 0 && is_hidden(path) && fake_server.connections > 1)
                return fake_reply(d, fake_server.hidden_size_reply);
        if (!f || f->directory || fake_server.forgets_size)
                return fake_reply(d, 550);
        d->has_size = true;
        d->size = f->size + fake_server.size_off;
        return fake_reply(d, 213);
}

/* Reads the source as the module does, a little at a time. */
static size_t receive(const struct kftp_submit *q, FakeFile *f, size_t at, size_t most) {
        size_t done = 0;
        off_t from = (off_t) q->offset;
        struct stat st;

        assert_true(fstat(q->fd, &st) >= 0);
        while (done < most && (q->length == 0 || done < q->length)) {
                char byte;
                ssize_t n = S_ISFIFO(st.st_mode) ? read(q->fd, &byte, 1) : pread(q->fd, &byte, 1, from + (off_t) done);

                if (n < 0 && errno == EAGAIN) {
                        usleep(1000);
                        continue;
                }
                if (n <= 0)
                        break;
                set_size(f, at + done + 1);
                f->data[at + done++] = byte;
                if (done == 2 && fake_server.while_storing)
                        fake_server.while_storing();
        }
        return done;
}

static int store(const struct kftp_submit *q, const char *verb, const char *path, KftpDone *d) {
        bool append = streq(verb, "APPE"), cutting = fake_server.cuts > 0;
        FakeFile *f = fake_find(path);
        size_t at;

        d->has_size = f != NULL;
        d->size = f ? f->size : 0;
        if (q->flags & KFTP_SUBMIT_EXPECT_SIZE && (!f || f->size != q->expect_size)) {
                d->error = -ESTALE;
                return d->error;
        }
        if (q->offset > 0 && !append && fake_server.no_rest) {
                fake_reply(d, 502);
                d->error = -ESPIPE;
                return d->error;
        }
        fake_note(verb, path);
        if (append && fake_server.no_appe)
                return fake_reply(d, 502);
        if ((append || q->offset > 0) && fake_server.no_restart)
                return fake_reply(d, 451);
        if ((fake_server.no_hidden && is_hidden(path)) || (f && f->directory))
                return fake_reply(d, 553);
        if (f && cutting && fake_server.keeps_old)
                f = make("being-stored");
        f = f && streq(f->path, "being-stored") ? f : make(path);
        at = append ? f->size : q->offset;
        set_size(f, at);
        d->preliminary = true;
        d->bytes = receive(q, f, at, cutting ? fake_server.cut_after : SIZE_MAX);
        if (cutting) {
                fake_server.cuts--;
                if (fake_server.keeps_old)
                        drop(f);
                return fake_cut(d);
        }
        if (fake_server.loses_last_byte)
                set_size(f, f->size - 1);
        return fake_reply(d, fake_server.store_reply ?: 226);
}

static int rename_file(const struct kftp_submit *q, const char *path, KftpWatch *watch, KftpDone *d) {
        _cleanup_free_ char *to = strndup((const char *) (uintptr_t) q->path2, q->path2_len);
        FakeFile *f = fake_find(path), *old = fake_find(to);

        if (!f || fake_server.rnfr_reply > 0)
                return fake_reply(d, fake_server.rnfr_reply ?: 550);
        if (watch && watch->line)
                watch->line(watch->userdata, "350 Go on", strlen("350 Go on"));
        fake_note("RNTO", to);
        if (fake_server.cut_before_rename) {
                fake_server.cut_before_rename = false;
                return fake_cut(d);
        }
        if (fake_server.rnto_busy > 0) {
                fake_server.rnto_busy--;
                return fake_reply(d, 450);
        }
        if (fake_server.rnto_reply > 0)
                return fake_reply(d, fake_server.rnto_reply);
        if ((old && (old->directory || fake_server.no_rename_over)))
                return fake_reply(d, 550);
        if (old)
                drop(old);
        if (fake_server.changes_spaces && to[strlen(to) - 1] == ' ')
                to[strlen(to) - 1] = '_';
        free(f->path);
        f->path = STEAL_PTR(to);
        if (fake_server.takes_renamed)
                drop(f);
        if (fake_server.cut_in_rename) {
                fake_server.cut_in_rename = false;
                return fake_cut(d);
        }
        return fake_reply(d, 250);
}

/* Done; whether the client hears of it is another question. */
static int changed(KftpDone *d, unsigned code) {
        if (!fake_server.cut_in_change)
                return fake_reply(d, code);
        fake_server.cut_in_change = false;
        return fake_cut(d);
}

static int remove_it(const char *verb, const char *path, bool directory, KftpDone *d) {
        FakeFile *f = fake_find(path);

        fake_note(verb, path);
        if (fake_server.denies)
                return deny(d);
        if (!f || f->directory != directory || fake_server.no_dele)
                return fake_reply(d, 550);
        drop(f);
        return changed(d, 250);
}

static int make_directory(const char *path, KftpDone *d) {
        fake_note("MKD", path);
        if (fake_find(path))
                return fake_reply(d, 550);
        fake_server_add_directory(path);
        return changed(d, 257);
}

static int change(const struct kftp_submit *q, const char *path, KftpDone *d) {
        FakeFile *f = fake_find(path);

        switch (q->op) {
        case KFTP_OP_DELE:
                return remove_it("DELE", path, false, d);
        case KFTP_OP_RMD:
                return remove_it("RMD", path, true, d);
        case KFTP_OP_MKD:
                return make_directory(path, d);
        case KFTP_OP_MFMT:
                fake_note("MFMT", path);
                if (fake_server.no_mfmt || !f)
                        return fake_reply(d, 550);
                f->mtime = q->mtime;
                return fake_reply(d, 213);
        case KFTP_OP_CHMOD:
                fake_note("CHMOD", path);
                if (!f)
                        return fake_reply(d, 550);
                f->mode = q->mode;
                return fake_reply(d, 200);
        default:
                return fake_reply(d, 502);
        }
}

/* What is directly below a directory. */
static int list(const struct kftp_submit *q, const char *path, KftpDone *d) {
        size_t n = strlen(path), at = 0;
        FakeFile *directory = fake_find(path);

        fake_note("MLSD", path);
        if (*path && !directory)
                return fake_reply(d, 550);
        if (directory && !directory->directory)
                return fake_reply(d, 501);
        for (size_t i = 0; i < FAKE_FILES_MAX; i++) {
                const FakeFile *f = &fake_server.files[i];
                const char *name = f->path && startswith(f->path, path) ? f->path + n : "";

                name += n > 0 && *name == '/';
                if (*name && !strchr(name, '/') && (n == 0 || f->path[n] == '/'))
                        at += (size_t) dprintf(q->fd, "type=%s;size=%zu; %s\r\n", f->directory ? "dir" : "file", f->size, name);
        }
        d->bytes = at;
        return fake_reply(d, 226);
}

static int quote(const char *line, KftpWatch *watch, KftpDone *d) {
        bool known = streq(line, "SITE HELP");

        fake_note("RAW", line);
        if (watch && watch->line && known)
                watch->line(watch->userdata, "214-First", strlen("214-First"));
        fake_reply(d, known ? 214 : 500);
        if (watch && watch->line)
                watch->line(watch->userdata, d->text, d->text_len);
        return d->error;
}

/* The facts, in a reply's line: of whatever is there. */
static int facts(const struct kftp_submit *q, const char *path, KftpDone *d) {
        const FakeFile *f = fake_find(path);
        char line[512];
        int n;

        fake_note("MLST", path);
        if (!(fake_server.feat & KFTP_FEAT_MLST))
                return fake_reply(d, 500);
        if (!f)
                return fake_reply(d, 550);
        n = snprintf(line, sizeof(line), " type=%s;size=%zu; /%s\n", f->directory ? "dir" : "file", f->size, path);
        assert_int_equal(write(q->fd, line, (size_t) n), n);
        return fake_reply(d, 250);
}

static int serve(const struct kftp_submit *q, const char *path, KftpWatch *watch, KftpDone *d) {
        FakeFile *f = fake_find(path);

        switch (q->op) {
        case KFTP_OP_NOOP:
                return fake_reply(d, 200);
        case KFTP_OP_SIZE:
                return size_of(path, d);
        case KFTP_OP_MDTM:
                return fake_modified(path, d);
        case KFTP_OP_STOR:
                return store(q, "STOR", path, d);
        case KFTP_OP_APPE:
                return store(q, "APPE", path, d);
        case KFTP_OP_STOU:
                if (watch->line)
                        watch->line(watch->userdata, "150 FILE: unique.1", strlen("150 FILE: unique.1"));
                if (fake_server.stou_refused > 0) {
                        fake_server.stou_refused--;
                        fake_note("STOU", "");
                        d->preliminary = true;
                        return fake_reply(d, 425);
                }
                return store(q, "STOU", "unique.1", d);
        case KFTP_OP_RETR:
                return fake_retrieve(q, path, watch, d);
        case KFTP_OP_RENAME:
                return rename_file(q, path, watch, d);
        case KFTP_OP_MLSD:
                return list(q, path, d);
        case KFTP_OP_MLST:
                return facts(q, path, d);
        case KFTP_OP_RAW:
                return quote(path, watch, d);
        case KFTP_OP_QUIT:
                dead = true;
                return fake_reply(d, 221);
        case KFTP_OP_PWD:
                if (fake_server.no_pwd)
                        return fake_reply(d, 550);
                d->reply = 257;
                d->text_len = (size_t) snprintf(d->text, sizeof(d->text), "257 \"/home\"");
                return 0;
        case KFTP_OP_CWD:
                fake_note("CWD", path);
                if (fake_server.denies && !streq(path, "/home"))
                        return deny(d);
                if (f && fake_server.look_reply > 0)
                        return fake_reply(d, fake_server.look_reply);
                return fake_reply(d, streq(path, "/home") || (f && f->directory) ? 250 : 550);
        default:
                return change(q, path, d);
        }
}

int kftp_connection_transfer(
                KftpConnection *c,
                const struct kftp_submit *request,
                const char *local,
                KftpWatch *watch,
                KftpDone *ret,
                KftpFailure *f) {
        _cleanup_free_ char *path = strndup(request->path ? (const char *) (uintptr_t) request->path : "", request->path_len);
        KftpDone own, *d = ret ?: &own;
        KftpFailure own_failure = {};
        KftpEnding ending;
        int r;

        *d = (KftpDone) {};
        c->requests++;
        if (dead) {
                d->error = r = -ENOTCONN;
        } else if (c->reused && fake_server.hangs_up) {
                fake_server.hangs_up = false;
                r = fake_cut(d);
        } else
                r = serve(request, path, watch, d);
        if (r >= 0)
                return 0;
        c->was_dead = c->was_dead || (kftp_connection_finds_dead(c, d) && dead);
        ending = (KftpEnding) {
                .op = (enum kftp_op) request->op, .remote = c->remote, .path = watch && watch->path ? watch->path : path, .local = local, .address = c->remote,
                .connected = true, .logged_in = true, .error = d->error, .reply = d->reply, .text = d->text,
                .text_len = d->text_len, .bytes = d->bytes, .position = request->offset + d->bytes,
                .remote_size = d->has_size ? d->size : KFTP_SIZE_UNKNOWN,
        };
        r = kftp_failure_from_ending(f ?: &own_failure, &ending);
        kftp_failure_done(&own_failure);
        return r;
}

/* ---- Connections ----------------------------------------------------------------------------- */

int kftp_connection_open(KftpConnection **ret, const KftpUrl *url, const KftpOptions *o, KftpFailure *f) {
        KftpConnection *c;

        fake_server.connections++;
        fake_server.tls_mode = url->implicit_tls ? KFTP_TLS_IMPLICIT : o->tls.mode;
        fake_server.proxy_login[0] = '\0';
        if (o->proxy && o->proxy->user)
                (void) snprintf(fake_server.proxy_login, sizeof(fake_server.proxy_login), "%s:%s", o->proxy->user, strempty(o->proxy->password));
        if (fake_server.busy_logins > 0) {
                fake_server.busy_logins--;
                return kftp_failure_set(f, KFTP_CLASS_NETWORK, -ECONNRESET, true, "421 too many");
        }
        if (fake_server.refuses_login)
                return kftp_failure_set(f, KFTP_CLASS_AUTH, -EKEYREJECTED, false, "530 no");
        c = calloc(1, sizeof(*c));
        assert_non_null(c);
        c->options = o;
        c->port = url->port;
        c->tls.mode = url->implicit_tls ? KFTP_TLS_IMPLICIT : o->tls.mode;
        c->host = strdup(url->host);
        c->user = url->user ? strdup(url->user) : NULL;
        c->remote = strdup("fake:21");
        c->used_usec = now_usec();
        dead = false;
        *ret = c;
        return 0;
}

int kftp_connection_info(KftpConnection *c, struct kftp_info *ret) {
        (void) c;
        *ret = (struct kftp_info) { .size = sizeof(*ret), .feat = fake_server.feat };
        return 0;
}

const KftpOptions *kftp_connection_options(const KftpConnection *c) {
        return c->options;
}

const char *kftp_connection_remote(const KftpConnection *c) {
        return c->remote;
}

void kftp_connection_addresses(const KftpConnection *c, struct kftp_addr *local, struct kftp_addr *peer) {
        *local = c->local;
        *peer = c->peer;
}

const KftpTlsState *kftp_connection_tls(const KftpConnection *c) {
        return &c->tls.control;
}

KftpLearnt *kftp_connection_learnt(KftpConnection *c) {
        return &c->learnt;
}

bool kftp_connection_usable(const KftpConnection *c) {
        return !c->given_up && !dead;
}

void kftp_connection_reuse(KftpConnection *c) {
        c->reused = true;
        c->requests = 0;
        c->was_dead = false;
}

bool kftp_connection_was_dead(const KftpConnection *c) {
        return c->was_dead;
}

void kftp_connection_close(KftpConnection *c) {
        if (!c)
                return;
        free(c->host);
        free(c->user);
        free(c->remote);
        free(c->learnt.directory);
        free(c);
}

void kftp_connection_tls_unclean(const KftpConnection *c, const struct kftp_submit *request) {
        (void) c;
        (void) request;
}
