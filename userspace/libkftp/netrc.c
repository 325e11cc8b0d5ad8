// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The netrc file: who logs in where with which password. The format is that of ftp(1), with what other
 * programs have added to it: tokens in quotes and comments. The whole file is read, so that a mistake is
 * found whichever entry is wanted: a word that is out of its place may be half of a password.
 */

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>

#include "failure.h"
#include "netrc.h"
#include "util.h"

#define FILE_MAX (256 * 1024)

typedef struct Reader {
        const char *p, *end;
        const char *path;
        unsigned line;
        char token[KFTP_MAX_CREDENTIAL + 1];
        size_t length;                  /* of it */
        unsigned token_line;            /* where it began */
        KftpFailure *failure;
} Reader;

typedef struct Entry {
        bool matches_host;
        bool has_login;                 /* a login that is not the wanted one ends the match */
        bool matches_login;
        KftpLogin login;
} Entry;

void kftp_login_done(KftpLogin *l) {
        if (l->password)
                explicit_bzero(l->password, strlen(l->password));
        if (l->account)
                explicit_bzero(l->account, strlen(l->account));
        free(l->user);
        free(l->password);
        free(l->account);
        *l = (KftpLogin) {};
}

/* What is wrong is never quoted: it may be a password. */
static int wrong(Reader *r, unsigned line, const char *what) {
        return kftp_failure_set(r->failure, KFTP_CLASS_USAGE, -EINVAL, false, "%s:%u: %s", r->path, line, what);
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_line(Reader *r) {
        while (r->p < r->end && *r->p != '\n')
                r->p++;
}

/* comments: only where a keyword may stand, a password may begin with # */
static void skip_space(Reader *r, bool comments) {
        for (; r->p < r->end; r->p++) {
                if (comments && *r->p == '#')
                        skip_line(r);
                if (r->p >= r->end || !is_space(*r->p))
                        return;
                r->line += *r->p == '\n';
        }
}

static int add(Reader *r, char c) {
        if (r->length == sizeof(r->token) - 1)
                return wrong(r, r->token_line, "a word of more than 512 bytes");
        if ((unsigned char) c < 0x20 || c == 0x7f)
                return wrong(r, r->line, "a control character, which FTP cannot carry");
        r->token[r->length++] = c;
        r->token[r->length] = '\0';
        return 0;
}

static int read_quoted(Reader *r) {
        for (r->p++; r->p < r->end && *r->p != '\n'; r->p++) {
                int k;

                if (*r->p == '"') {
                        r->p++;
                        return 1;
                }
                if (*r->p == '\\' && r->p + 1 < r->end)
                        r->p++;
                k = add(r, *r->p);
                if (k < 0)
                        return k;
        }
        return wrong(r, r->token_line, "a quotation mark that is not closed on its line");
}

/* 1: there is one in r->token, 0: the file has ended. */
static int next_token(Reader *r, bool comments) {
        skip_space(r, comments);
        r->length = 0;
        r->token[0] = '\0';
        r->token_line = r->line;
        if (r->p >= r->end)
                return 0;
        if (*r->p == '"')
                return read_quoted(r);
        for (; r->p < r->end && !is_space(*r->p); r->p++) {
                int k = add(r, *r->p);

                if (k < 0)
                        return k;
        }
        return 1;
}

/* The word after a keyword. */
static int next_value(Reader *r, const char *complaint) {
        unsigned line = r->token_line;
        int k = next_token(r, false);

        return k == 0 ? wrong(r, line, complaint) : k;
}

/* A macro ends at an empty line. */
static int skip_macro(Reader *r) {
        int k = next_value(r, "macdef without a name");

        if (k < 0)
                return k;
        for (;;) {
                skip_line(r);
                if (r->p >= r->end)
                        return 0;
                r->p++;
                r->line++;
                if (r->p < r->end && (*r->p == '\n' || (*r->p == '\r' && r->p + 1 < r->end && r->p[1] == '\n')))
                        return 0;
        }
}

/* ---- Entries --------------------------------------------------------------------------------- */

static int keep(char **p, const char *text, Reader *r) {
        free(*p);
        *p = strdup(text);
        return *p ? 0 : kftp_failure_set(r->failure, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}

static bool is_wanted(const Entry *e) {
        return e->matches_host && (!e->has_login || e->matches_login);
}

static int take_login(Reader *r, Entry *e, const char *user) {
        e->has_login = true;
        e->matches_login = !user || streq(r->token, user);
        return keep(&e->login.user, r->token, r);
}

static int take_secret(Reader *r, char **p) {
        if (*p)
                explicit_bzero(*p, strlen(*p));
        return keep(p, r->token, r);
}

/* One keyword and what belongs to it; not for the beginning of an entry. */
static int take_keyword(Reader *r, Entry *e, const char *user) {
        char keyword = r->token[0];
        int k;

        if (streq(r->token, "login") || streq(r->token, "user"))
                k = next_value(r, "login without a name");
        else if (streq(r->token, "password") || streq(r->token, "passwd"))
                k = next_value(r, "password without a value");
        else if (streq(r->token, "account"))
                k = next_value(r, "account without a value");
        else if (streq(r->token, "macdef"))
                return skip_macro(r);
        else
                return wrong(r, r->token_line, "not one of machine, default, login, password, account, macdef; "
                             "a value with spaces is to stand in quotation marks");
        if (k < 0)
                return k;
        switch (keyword) {
        case 'p':
                return take_secret(r, &e->login.password);
        case 'a':
                return take_secret(r, &e->login.account);
        default:
                return take_login(r, e, user);
        }
}

/* The entry that has ended: kept, if it is the first that is wanted. */
static void end_entry(Entry *e, bool *found, KftpLogin *ret) {
        if (is_wanted(e) && !*found) {
                *found = true;
                *ret = e->login;
                e->login = (KftpLogin) {};
        }
        kftp_login_done(&e->login);
        *e = (Entry) {};
}

static int begin_entry(Reader *r, Entry *e, const char *host) {
        int k;

        if (streq(r->token, "default")) {
                e->matches_host = e->login.from_default = true;
                return 0;
        }
        k = next_value(r, "machine without a name");
        if (k < 0)
                return k;
        e->matches_host = strcasecmp(r->token, host) == 0;
        return 0;
}

static int parse_entries(Reader *r, const char *host, const char *user, bool *found, KftpLogin *ret, Entry *e) {
        bool begun = false;
        int k;

        while ((k = next_token(r, true)) > 0) {
                if (streq(r->token, "machine") || streq(r->token, "default")) {
                        end_entry(e, found, ret);
                        k = begin_entry(r, e, host);
                        begun = true;
                } else if (!begun && !streq(r->token, "macdef"))
                        return wrong(r, r->token_line, "an entry begins with machine or default");
                else
                        k = take_keyword(r, e, user);
                if (k < 0)
                        return k;
        }
        end_entry(e, found, ret);
        return k;
}

int kftp_netrc_parse(const char *text, size_t n, const char *path, const char *host, const char *user, KftpLogin *ret, KftpFailure *f) {
        Reader r = { .p = text, .end = text + n, .path = path, .line = 1, .failure = f };
        Entry e = {};
        bool found = false;
        int k;

        *ret = (KftpLogin) {};
        k = parse_entries(&r, host, user, &found, ret, &e);
        explicit_bzero(r.token, sizeof(r.token));
        kftp_login_done(&e.login);
        if (k < 0)
                kftp_login_done(ret);
        return k < 0 ? k : found;
}

/* ---- The file -------------------------------------------------------------------------------- */

static int read_all(int fd, char *buffer, size_t size, size_t *ret) {
        size_t n = 0;

        while (n < size) {
                ssize_t k = read(fd, buffer + n, size - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t) k;
        }
        *ret = n;
        return 0;
}

/* Whether a password that was found there is a secret at all: it is not if anybody could have read it. */
static int check_file(const char *path, const struct stat *st, const KftpLogin *l, KftpFailure *f) {
        if (!l->password || (l->user && strcasecmp(l->user, "anonymous") == 0))
                return 0;
        if (st->st_uid != geteuid() && st->st_uid != 0)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EPERM, false,
                                        "%s: belongs to another user, its password is not used: chown it, or say --netrc= to do without", path);
        if (st->st_mode & 077)
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EPERM, false,
                                        "%s: holds a password, and others may read or change it: chmod 0600 %s", path, path);
        return 0;
}

static int find_in(int fd, const char *path, const char *host, const char *user, KftpLogin *ret, KftpFailure *f) {
        struct stat st;
        char *buffer;
        size_t n = 0;
        int r;

        if (fstat(fd, &st) < 0)
                return kftp_failure_local(f, -errno, "%s", path);
        if (!S_ISREG(st.st_mode))
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "%s: not a regular file", path);
        buffer = malloc(FILE_MAX + 1);
        if (!buffer)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        r = read_all(fd, buffer, FILE_MAX + 1, &n);
        if (r < 0)
                r = kftp_failure_local(f, r, "%s", path);
        else if (n > FILE_MAX)
                r = kftp_failure_set(f, KFTP_CLASS_USAGE, -EFBIG, false, "%s: larger than %d KiB", path, FILE_MAX / 1024);
        else
                r = kftp_netrc_parse(buffer, n, path, host, user, ret, f);
        explicit_bzero(buffer, FILE_MAX + 1);
        free(buffer);
        if (r > 0) {
                int k = check_file(path, &st, ret, f);

                if (k < 0) {
                        kftp_login_done(ret);
                        return k;
                }
        }
        return r;
}

int kftp_netrc_find(const char *path, const char *host, const char *user, KftpLogin *ret, KftpFailure *f) {
        _cleanup_free_ char *usual = NULL;
        _cleanup_close_ int fd = -1;

        *ret = (KftpLogin) {};
        if (!path) {
                const char *home = getenv("HOME");

                if (!home || *home != '/')
                        return 0;
                if (asprintf(&usual, "%s/.netrc", home) < 0)
                        return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        }
        fd = open(path ?: usual, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && !path)
                return 0;
        if (fd < 0)
                return kftp_failure_local(f, -errno, "%s", path);
        return find_in(fd, path ?: usual, host, user, ret, f);
}
