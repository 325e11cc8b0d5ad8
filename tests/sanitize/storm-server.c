/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server of the storm: mostly it does what FTP servers do, and sometimes it says something else,
 * says nothing, hangs up, resets, or stops in the middle.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "storm.h"

typedef struct Client {
        int control;
        bool tls;
        int listener;           /* after PASV or EPSV, or -1 */
        struct sockaddr_in dial;        /* after PORT or EPRT; port 0: there is none */
        Dice dice;
} Client;

static void hang_up(int fd, bool reset) {
        struct linger l = { .l_onoff = 1 };

        if (reset)
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        close(fd);
}

static void say(Client *c, const char *format, ...) {
        char text[4096];
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(text, sizeof(text) - 2, format, ap);
        va_end(ap);
        if (n < 0 || n > (int) sizeof(text) - 3)
                n = sizeof(text) - 3;
        memcpy(text + n, "\r\n", 2);
        n += 2;
        if (c->tls && once_in(&c->dice, 40))
                storm_tls_aside(&c->dice, c->control);
        /* in two pieces, so that the other side sees half of it */
        if (once_in(&c->dice, 8)) {
                if (send(c->control, text, n / 2, MSG_NOSIGNAL) < 0)
                        return;
                usleep(pick(&c->dice, 3000));
                memmove(text, text + n / 2, n - n / 2);
                n -= n / 2;
        }
        (void) !send(c->control, text, n, MSG_NOSIGNAL);
}

static void say_nonsense(Client *c) {
        static const char *const lines[] = {
                "226 again", "150 soon", "421 going down", "500 what?", "garbage", "", "350 go on", "229 (|||1|)",
                "227 (127,0,0,1,0,1)", "213 99999999999999999999", "220-many\r\n lines\r\n220 of it", "999 no", "230 in",
                "211-x\r\n SIZE\r\n", "\377\364\377\362 226 telnet", "257 \"/\"", "331 who?", "552 full",
        };

        say(c, "%s", lines[pick(&c->dice, sizeof(lines) / sizeof(lines[0]))]);
}

static int listen_anywhere(uint16_t *ret_port) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || listen(fd, 16) < 0 ||
            getsockname(fd, (struct sockaddr *) &a, &len) < 0) {
                perror("listening");
                exit(1);
        }
        *ret_port = ntohs(a.sin_port);
        return fd;
}

/* ---- Data connections ------------------------------------------------------------------------------ */

static void passive(Client *c, bool extended) {
        uint16_t port;

        if (c->listener >= 0)
                close(c->listener);
        c->listener = listen_anywhere(&port);
        c->dial.sin_port = 0;
        if (once_in(&c->dice, 20)) {    /* a port where nobody listens */
                close(c->listener);
                c->listener = -1;
        }
        if (extended)
                say(c, "229 Entering (|||%u|)", port);
        else
                say(c, "227 Entering (127,0,0,1,%u,%u)", port >> 8, port & 255);
}

static void active(Client *c, const char *line) {
        unsigned n[6], port;

        memset(&c->dial, 0, sizeof(c->dial));
        c->dial.sin_family = AF_INET;
        c->dial.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (sscanf(line, "EPRT |1|%*[0-9.]|%u|", &port) == 1)
                c->dial.sin_port = htons(port);
        else if (sscanf(line, "PORT %u,%u,%u,%u,%u,%u", n, n + 1, n + 2, n + 3, n + 4, n + 5) == 6)
                c->dial.sin_port = htons(n[4] << 8 | n[5]);
        say(c, once_in(&c->dice, 20) ? "500 no" : "200 ok");
}

static int open_data(Client *c) {
        int fd = -1;

        if (c->dial.sin_port) {
                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                if (fd >= 0 && connect(fd, (struct sockaddr *) &c->dial, sizeof(c->dial)) < 0) {
                        close(fd);
                        fd = -1;
                }
        } else if (c->listener >= 0) {
                struct pollfd p = { .fd = c->listener, .events = POLLIN };

                if (poll(&p, 1, 300) == 1)
                        fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
        }
        if (c->listener >= 0)
                close(c->listener);
        c->listener = -1;
        c->dial.sin_port = 0;
        return fd;
}

/* The data of a protected session are mostly protected, too. */
static bool protect_data(Client *c, int fd) {
        if (!c->tls || once_in(&c->dice, 20))
                return false;
        if (once_in(&c->dice, 10))
                usleep(pick(&c->dice, 20000));
        return storm_tls(fd, once_in(&c->dice, 20));
}

static void move_data(Client *c, int fd, bool in) {
        static char bytes[65536];
        unsigned n = pick(&c->dice, once_in(&c->dice, 4) ? 60 : 6);
        struct timeval t = { .tv_usec = 400000 };
        bool tls = protect_data(c, fd);

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
        for (unsigned i = 0; in || i < n; i++) {
                ssize_t k = in ? recv(fd, bytes, sizeof(bytes), 0) :
                                 send(fd, bytes, 1 + pick(&c->dice, sizeof(bytes)), MSG_NOSIGNAL);

                if (k <= 0 || (in && i == n && once_in(&c->dice, 3)))
                        break;
                if (once_in(&c->dice, 10))
                        usleep(pick(&c->dice, 5000));
                if (tls && once_in(&c->dice, 15))
                        storm_tls_aside(&c->dice, fd);
        }
        if (tls && !once_in(&c->dice, 6))
                storm_tls_end(fd);
}

static void transfer(Client *c, bool in) {
        bool early = once_in(&c->dice, 4);
        int fd;

        if (once_in(&c->dice, 15)) {
                say(c, "550 no such file");
                return;
        }
        if (early)
                say(c, once_in(&c->dice, 2) ? "150 here it comes (1234 bytes)" : "125 open");
        fd = open_data(c);
        if (fd < 0) {
                say(c, "425 no connection");
                return;
        }
        if (!early && !once_in(&c->dice, 10))
                say(c, "150 ok");
        if (once_in(&c->dice, 10))
                say(c, "226 before the data");
        move_data(c, fd, in);
        hang_up(fd, once_in(&c->dice, 10));
        if (!once_in(&c->dice, 20))
                say(c, once_in(&c->dice, 15) ? "426 broken" : "226 done");
}

/* ---- Commands -------------------------------------------------------------------------------------- */

static const struct {
        const char *verb, *reply;
} replies[] = {
        { "USER", "331 password" }, { "PASS", "230 in" }, { "ACCT", "230 in" }, { "TYPE", "200 ok" }, { "OPTS", "200 ok" },
        { "PBSZ", "200 ok" }, { "PROT", "200 ok" },
        { "CLNT", "200 ok" }, { "HOST", "220 ok" }, { "LANG", "200 ok" }, { "REST", "350 ok" }, { "PRET", "200 ok" },
        { "SIZE", "213 1234" }, { "MDTM", "213 20200101000000" }, { "MFMT", "213 ok" }, { "SITE", "200 ok" },
        { "HASH", "213 SHA-256 0-9 00ff x" }, { "RNFR", "350 ok" }, { "NOOP", "200 ok" }, { "ABOR", "226 ok" },
        { "PWD", "257 \"/\"" }, { "MKD", "257 made" }, { "FEAT", "211-F\r\n SIZE\r\n MDTM\r\n MLST\r\n HASH SHA-256;MD5\r\n"
          " UTF8\r\n CLNT\r\n HOST\r\n PRET\r\n REST STREAM\r\n LANG EN;FR*\r\n MFMT\r\n211 End" },
        { "STAT", "213-s\r\n-rw-r--r-- 1 a b 1 Jan 1 2020 f\r\n 226 x\r\n213 End" },
        { "MLST", "250-s\r\n type=file;size=1; f\r\n250 End" },
};

static void authenticate(Client *c) {
        if (once_in(&c->dice, 15)) {
                say(c, "502 no TLS");
                return;
        }
        say(c, once_in(&c->dice, 15) ? "234 go\r\n331 what nobody has protected" : "234 go");
        c->tls = storm_tls(c->control, once_in(&c->dice, 20));
}

static void obey(Client *c, const char *line) {
        if (!strncmp(line, "AUTH", 4) && !c->tls) {
                authenticate(c);
                return;
        }
        if (!strncmp(line, "EPSV", 4) || !strncmp(line, "PASV", 4)) {
                passive(c, *line == 'E');
                return;
        }
        if (!strncmp(line, "EPRT", 4) || !strncmp(line, "PORT", 4)) {
                active(c, line);
                return;
        }
        if (!strncmp(line, "RETR", 4) || !strncmp(line, "LIST", 4) || !strncmp(line, "NLST", 4) || !strncmp(line, "MLSD", 4) ||
            !strncmp(line, "STO", 3) || !strncmp(line, "APPE", 4)) {
                transfer(c, *line == 'S' || *line == 'A');
                return;
        }
        for (unsigned i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
                if (!strncmp(line, replies[i].verb, strlen(replies[i].verb))) {
                        say(c, "%s", replies[i].reply);
                        return;
                }
        say(c, "250 ok");
}

static void *serve(void *userdata) {
        Client *c = userdata;
        FILE *in = fdopen(dup(c->control), "r");
        char line[8192];

        if (c->tls)
                c->tls = storm_tls(c->control, once_in(&c->dice, 20));
        if (!once_in(&c->dice, 30))
                say(c, once_in(&c->dice, 5) ? "220-many\r\n lines\r\n220 of greeting" : "220 hello");
        while (in && fgets(line, sizeof(line), in)) {
                if (once_in(&c->dice, 150))
                        break;
                if (once_in(&c->dice, 15))
                        usleep(pick(&c->dice, 50000));
                if (once_in(&c->dice, 100))
                        say_nonsense(c);
                if (once_in(&c->dice, 150))
                        continue;
                obey(c, line + strspn(line, "\377\364\362"));
                if (!strncmp(line, "QUIT", 4))
                        break;
        }
        if (in)
                fclose(in);
        if (c->listener >= 0)
                close(c->listener);
        hang_up(c->control, once_in(&c->dice, 3));
        free(c);
        return NULL;
}

static void serve_all(int listener, Dice dice, bool implicit) {
        for (;;) {
                Client *c = calloc(1, sizeof(*c));
                struct timeval t = { .tv_sec = 20 };
                pthread_t thread;

                if (!c)
                        exit(1);
                c->listener = -1;
                c->tls = implicit;
                c->dice.state = pick(&dice, 1 << 24);
                c->control = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (c->control < 0 || setsockopt(c->control, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0 ||
                    pthread_create(&thread, NULL, serve, c) != 0) {
                        if (c->control >= 0)
                                close(c->control);
                        free(c);
                        usleep(1000);
                        continue;
                }
                pthread_detach(thread);
        }
}

uint16_t storm_server(unsigned seed, bool implicit) {
        uint16_t port;
        int listener = listen_anywhere(&port);
        pid_t pid = fork();

        if (pid < 0) {
                perror("fork");
                exit(1);
        }
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                serve_all(listener, (Dice) { .state = seed }, implicit);
        }
        close(listener);
        return port;
}
