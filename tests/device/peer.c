/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scripted FTP server: listening, threads, and the control connection. Its data connections
 * are in peer-data.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peer-internal.h"

struct Peer {
        PeerScript script;
        void *userdata;
        int listener;
        struct sockaddr_storage address;
        pthread_t acceptor;
        pthread_mutex_t lock;
        Conn *conns;
        unsigned n_conns;
        char *failure;                  /* the first one */
        char *commands;
        size_t commands_len;
};

static _Noreturn void give_up(const char *what) {
        perror(what);
        abort();
}

/* ---- Addresses ------------------------------------------------------------------------------- */

int peer_parse_address(const char *text, uint16_t port, struct sockaddr_storage *ret) {
        struct sockaddr_in *in = (struct sockaddr_in *) ret;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) ret;

        memset(ret, 0, sizeof(*ret));
        if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
                in->sin_family = AF_INET;
                in->sin_port = htons(port);
                return 0;
        }
        if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
                in6->sin6_family = AF_INET6;
                in6->sin6_port = htons(port);
                return 0;
        }
        return -EINVAL;
}

struct kftp_addr peer_to_kftp(const struct sockaddr_storage *ss) {
        const struct sockaddr_in *in = (const struct sockaddr_in *) ss;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) ss;
        struct kftp_addr a = { .family = ss->ss_family };

        if (ss->ss_family == AF_INET6) {
                a.port = in6->sin6_port;
                a.scope_id = in6->sin6_scope_id;
                memcpy(a.addr, &in6->sin6_addr, 16);
        } else {
                a.port = in->sin_port;
                memcpy(a.addr, &in->sin_addr, 4);
        }
        return a;
}

int peer_listen(const struct sockaddr_storage *ss) {
        int fd, r, one = 1;

        fd = socket(ss->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, (const struct sockaddr *) ss, address_len(ss)) < 0 || listen(fd, 128) < 0) {
                r = -errno;
                close(fd);
                return r;
        }
        return fd;
}

/* ---- The tester's side ----------------------------------------------------------------------- */

static void *conn_main(void *userdata) {
        Conn *c = userdata;

        if (setjmp(c->failed) == 0)
                c->peer->script(c);
        pthread_mutex_lock(&c->peer->lock);
        if (c->data >= 0)
                close(c->data);
        if (c->listener >= 0)
                close(c->listener);
        peer_tls_forget(c, KFTP_ROLE_DATA);
        peer_tls_forget(c, KFTP_ROLE_CONTROL);
        close(c->fd);
        c->finished = true;
        pthread_mutex_unlock(&c->peer->lock);
        return NULL;
}

/* Signals of the test are not for its servers. */
static void start_thread(pthread_t *ret, void *(*function)(void *), void *userdata) {
        sigset_t all, old;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        errno = pthread_create(ret, NULL, function, userdata);
        if (errno != 0)
                give_up("pthread_create");
        pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Frees what is over, so that a peer may live long. With the lock held. */
static void reap(Peer *p) {
        for (Conn **at = &p->conns; *at;) {
                Conn *c = *at;

                if (!c->finished) {
                        at = &c->next;
                        continue;
                }
                *at = c->next;
                pthread_join(c->thread, NULL);
                free(c);
        }
}

static void *acceptor_main(void *userdata) {
        Peer *p = userdata;

        for (;;) {
                int fd, one = 1;
                Conn *c;

                fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0)
                        return NULL;    /* peer_stop() has shut it down */
                /* Telnet's urgent byte (ABOR) arrives among the others. */
                (void) setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
                c = calloc(1, sizeof(*c));
                if (!c)
                        give_up("calloc");
                *c = (Conn) { .peer = p, .fd = fd, .listener = -1, .data = -1, .doing = "its begin" };
                pthread_mutex_lock(&p->lock);
                reap(p);
                c->number = p->n_conns++;
                c->next = p->conns;
                p->conns = c;
                start_thread(&c->thread, conn_main, c);
                pthread_mutex_unlock(&p->lock);
        }
}

Peer *peer_start(const char *address, PeerScript script, void *userdata) {
        socklen_t len;
        Peer *p;

        p = calloc(1, sizeof(*p));
        if (!p || peer_parse_address(address, 0, &p->address) < 0)
                give_up("peer_start");
        p->script = script;
        p->userdata = userdata;
        pthread_mutex_init(&p->lock, NULL);
        p->listener = peer_listen(&p->address);
        len = sizeof(p->address);
        if (p->listener < 0 || getsockname(p->listener, (struct sockaddr *) &p->address, &len) < 0)
                give_up(address);
        start_thread(&p->acceptor, acceptor_main, p);
        return p;
}

static void add_failure(Conn *c, const char *text) {
        Peer *p = c->peer;

        pthread_mutex_lock(&p->lock);
        if (!p->failure && asprintf(&p->failure, "peer, connection %u: %s", c->number, text) < 0)
                give_up("asprintf");
        pthread_mutex_unlock(&p->lock);
}

/* Gives the script time to come to its end by itself, then cuts its connections. */
static void conn_stop(Conn *c) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += PEER_PATIENCE_MS / 1000 / 2;
        if (pthread_timedjoin_np(c->thread, NULL, &until) != 0) {
                char text[256];

                snprintf(text, sizeof(text), "the script never came to its end: %s", c->doing);
                add_failure(c, text);
                pthread_mutex_lock(&c->peer->lock);
                if (!c->finished) {
                        shutdown(c->fd, SHUT_RDWR);
                        if (c->data >= 0)
                                shutdown(c->data, SHUT_RDWR);
                }
                pthread_mutex_unlock(&c->peer->lock);
                pthread_join(c->thread, NULL);
        }
        free(c);
}

char *peer_stop(Peer *p) {
        char *failure;

        shutdown(p->listener, SHUT_RDWR);
        pthread_join(p->acceptor, NULL);
        close(p->listener);
        while (p->conns) {
                Conn *c = p->conns;

                p->conns = c->next;
                conn_stop(c);
        }
        failure = p->failure;
        pthread_mutex_destroy(&p->lock);
        free(p->commands);
        free(p);
        return failure;
}

struct kftp_addr peer_address(const Peer *p) {
        return peer_to_kftp(&p->address);
}

char *peer_commands(Peer *p) {
        char *copy;

        pthread_mutex_lock(&p->lock);
        copy = strdup(p->commands ?: "");
        pthread_mutex_unlock(&p->lock);
        if (!copy)
                give_up("strdup");
        return copy;
}

unsigned peer_connections(Peer *p) {
        unsigned n;

        pthread_mutex_lock(&p->lock);
        n = p->n_conns;
        pthread_mutex_unlock(&p->lock);
        return n;
}

/* ---- The script's side ----------------------------------------------------------------------- */

void *peer_userdata(Conn *c) {
        return c->peer->userdata;
}

unsigned peer_number(Conn *c) {
        return c->number;
}

int peer_control_socket(Conn *c) {
        return c->fd;
}

int peer_data_socket(Conn *c) {
        return c->data;
}

int peer_listening_socket(Conn *c) {
        return c->listener;
}

void peer_strict(Conn *c) {
        c->strict = true;
}

void peer_may_leave(Conn *c) {
        c->may_leave = true;
}

void peer_set_size(Conn *c, uint64_t size) {
        c->has_size = true;
        c->size = size;
}

void peer_set_mtime(Conn *c, const char *mtime) {
        snprintf(c->mtime, sizeof(c->mtime), "%s", mtime);
}

_Noreturn void peer_fail(Conn *c, const char *format, ...) {
        char text[9000];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        if (!c->may_leave)
                add_failure(c, text);
        longjmp(c->failed, 1);
}

void peer_wait(Conn *c, int fd, short events, const char *doing) {
        struct pollfd p = { .fd = fd, .events = events };
        int r;

        c->doing = doing;
        r = poll(&p, 1, PEER_PATIENCE_MS);
        if (r == 0)
                peer_fail(c, "nothing came in %d s: %s", PEER_PATIENCE_MS / 1000, doing);
        if (r < 0)
                peer_fail(c, "poll: %s", strerror(errno));
}

void peer_send(Conn *c, const void *bytes, size_t n) {
        int r;

        r = peer_push(c, c->fd, bytes, n);
        if (r < 0)
                peer_fail(c, "sending a reply: %s", strerror(-r));
}

void peer_say(Conn *c, const char *format, ...) {
        char text[8192];
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(text, sizeof(text) - 2, format, ap);
        va_end(ap);
        if (n < 0 || (size_t) n >= sizeof(text) - 2)
                peer_fail(c, "a line too long for peer_say()");
        memcpy(text + n, "\r\n", 2);
        peer_send(c, text, n + 2);
}

/* Reads what there is; false at the connection's end. */
static bool take_in(Conn *c, const char *doing) {
        ssize_t n;

        if (c->in_len == sizeof(c->in))
                peer_fail(c, "the client sends a line without end");
        n = peer_pull(c, c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, doing);
        if (n == -EBADMSG || n == -EPROTO)
                peer_fail(c, "the client sends no TLS records, or damaged ones: %s", doing);
        if (n <= 0)
                return false;
        c->in_len += n;
        return true;
}

static void log_command(Conn *c) {
        Peer *p = c->peer;
        size_t n = strlen(c->line);

        pthread_mutex_lock(&p->lock);
        p->commands = realloc(p->commands, p->commands_len + n + 2);
        if (!p->commands)
                give_up("realloc");
        memcpy(p->commands + p->commands_len, c->line, n);
        memcpy(p->commands + p->commands_len + n, "\n", 2);
        p->commands_len += n + 1;
        pthread_mutex_unlock(&p->lock);
}

/* Cuts the first n bytes of the input, a whole line, into c->line, without Telnet's commands. */
static void cut_line(Conn *c, size_t n) {
        size_t out = 0;

        if (n < 2 || c->in[n - 2] != '\r')
                peer_fail(c, "a command that does not end in CR LF");
        for (size_t i = 0; i < n - 2; i++) {
                if ((uint8_t) c->in[i] == 0xff && (uint8_t) c->in[i + 1] >= 0xf0) {
                        i++;
                        continue;
                }
                if ((uint8_t) c->in[i] < 0x20)
                        peer_fail(c, "a control byte in a command");
                if (out < sizeof(c->line) - 1)
                        c->line[out++] = c->in[i];
        }
        c->line[out] = '\0';
        memmove(c->in, c->in + n, c->in_len - n);
        c->in_len -= n;
        log_command(c);
}

static bool read_line(Conn *c, const char *doing) {
        for (;;) {
                char *end = memchr(c->in, '\n', c->in_len);

                if (end) {
                        cut_line(c, end - c->in + 1);
                        return true;
                }
                if (!take_in(c, doing))
                        return false;
        }
}

/* Answers what a script does not care about; false if this is not among it. */
static bool usual(Conn *c) {
        static const struct {
                const char *verb, *reply;
        } table[] = {
                { "USER ", "331 Password, please" },
                { "PASS ", "230 Logged in" },
                { "ACCT ", "230 Logged in" },
                { "FEAT", "211-Features:\r\n EPSV\r\n EPRT\r\n MDTM\r\n SIZE\r\n REST STREAM\r\n UTF8\r\n211 End" },
                { "OPTS ", "200 As you like" },
                { "TYPE ", "200 As you like" },
                { "NOOP", "200 Still here" },
                { "ABOR", "226 Abort successful" },
                { "PBSZ 0", "200 As you like" },
        };

        if (c->strict)
                return false;
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
                if (strncmp(c->line, table[i].verb, strlen(table[i].verb)) == 0) {
                        peer_say(c, "%s", table[i].reply);
                        return true;
                }
        if (strcmp(c->line, "AUTH TLS") == 0) {
                peer_say(c, "234 Go ahead");
                peer_tls_begin(c, KFTP_ROLE_CONTROL);
                return true;
        }
        if (strcmp(c->line, "PROT P") == 0) {
                peer_say(c, "200 Private from now on");
                peer_protect(c, true);
                return true;
        }
        if (strncmp(c->line, "SIZE ", 5) == 0) {
                if (c->has_size)
                        peer_say(c, "213 %llu", (unsigned long long) c->size);
                else
                        peer_say(c, "550 No size");
                return true;
        }
        if (strncmp(c->line, "MDTM ", 5) == 0) {
                if (c->mtime[0])
                        peer_say(c, "213 %s", c->mtime);
                else
                        peer_say(c, "550 No time");
                return true;
        }
        return false;
}

bool peer_expect_or_end(Conn *c, const char *pattern) {
        while (read_line(c, pattern)) {
                if (fnmatch(pattern, c->line, FNM_EXTMATCH) == 0)
                        return true;
                if (!usual(c))
                        peer_fail(c, "expected '%s', got '%s'", pattern, c->line);
        }
        return false;
}

const char *peer_expect(Conn *c, const char *pattern) {
        if (!peer_expect_or_end(c, pattern))
                peer_fail(c, "expected '%s', but the client has closed the connection", pattern);
        return c->line;
}

void peer_expect_silence(Conn *c, unsigned ms) {
        struct pollfd p = { .fd = c->fd, .events = POLLIN };

        if (peer_has_input(c) || poll(&p, 1, ms) > 0)
                peer_fail(c, "the client should have said nothing");
}

void peer_goodbye(Conn *c) {
        while (read_line(c, "QUIT, or the end")) {
                if (strcmp(c->line, "QUIT") == 0)
                        peer_say(c, "221 Goodbye");
                else if (!usual(c))
                        peer_fail(c, "expected QUIT or the end, got '%s'", c->line);
        }
}

void peer_until_closed(Conn *c) {
        do
                c->in_len = 0;
        while (take_in(c, "the client does not close the control connection"));
}

void peer_close(Conn *c) {
        peer_notify(c, KFTP_ROLE_CONTROL);
        shutdown(c->fd, SHUT_WR);
}

void peer_reset(Conn *c) {
        struct linger l = { .l_onoff = 1 };
        int fd;

        /* The number stays taken, so that it cannot become somebody else's. */
        (void) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || dup3(fd, c->fd, O_CLOEXEC) < 0)
                give_up("dup3");
        close(fd);
}

void peer_sleep(unsigned ms) {
        struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L };

        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                ;
}

void peer_play(Conn *c, const char *const *lines) {
        for (; *lines; lines++)
                if (**lines == '>')
                        peer_say(c, "%s", *lines + 2);
                else
                        peer_expect(c, *lines + 2);
}

void peer_greet(Conn *c) {
        peer_say(c, "220 The peer is at your service");
}
