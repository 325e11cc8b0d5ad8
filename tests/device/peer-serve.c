/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scripts of peers that behave as a good server does. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer-internal.h"

void peer_friendly(Conn *c) {
        peer_greet(c);
        peer_goodbye(c);
}

/* The size of the file of this name; false if there is no such file. */
static bool size_of(const char *path, uint64_t *ret) {
        char *end;

        if (strncmp(path, "bytes-", 6) != 0)
                return false;
        errno = 0;
        *ret = strtoull(path + 6, &end, 10);
        return errno == 0 && end > path + 6 && (*end == '\0' || *end == '-');
}

static void serve_port(Conn *c, const char *line) {
        if (c->listener >= 0) {
                close(c->listener);
                c->listener = -1;
        }
        peer_take_port(c, line);
        peer_say(c, "200 I shall dial");
}

static void serve_passive(Conn *c, const char *line) {
        uint16_t port = peer_data_listen(c);

        if (strcmp(line, "EPSV") == 0)
                peer_say(c, "229 Entering Extended Passive Mode (|||%u|)", port);
        else
                peer_say(c, "227 Entering Passive Mode (127,0,0,1,%u,%u)", port >> 8, port & 255);
}

/* Sends the file; the client may hang up in the middle. */
static void serve_data(Conn *c, uint64_t offset, uint64_t size) {
        bool complete;

        peer_say(c, "150 Here it comes");
        peer_data_open(c);
        complete = peer_data_try_send(c, offset, size - offset);
        peer_data_close(c);
        peer_say(c, complete ? "226 Transfer complete" : "426 You have hung up");
}

static bool has_data_address(Conn *c) {
        if (c->listener >= 0 || c->port.ss_family != 0)
                return true;
        peer_say(c, "425 Use PORT or PASV first");
        return false;
}

static void serve_retr(Conn *c, const char *path, uint64_t offset) {
        uint64_t size;

        if (!size_of(path, &size) || offset > size)
                peer_say(c, "550 %s: no such file", path);
        else if (!has_data_address(c))
                return;
        else
                serve_data(c, offset, size);
        memset(&c->port, 0, sizeof(c->port));
}

static void serve_stor(Conn *c) {
        char piece[16384];
        ssize_t n;

        if (!has_data_address(c))
                return;
        peer_say(c, "150 Let it come");
        peer_data_open(c);
        do {
                n = peer_pull(c, c->data, piece, sizeof(piece), "the client does not send its data");
        } while (n > 0);
        peer_data_close(c);
        peer_say(c, n == 0 ? "226 Transfer complete" : "426 You have hung up");
        memset(&c->port, 0, sizeof(c->port));
}

void peer_serve(Conn *c) {
        peer_greet(c);
        peer_serve_on(c);
}

void peer_serve_on(Conn *c) {
        uint64_t offset = 0, size;

        peer_set_mtime(c, "20010909014640");
        while (peer_expect_or_end(c, "@(EPSV|PASV|REST *|RETR *|STOR *|APPE *|EPRT *|PORT *|SIZE *|QUIT)")) {
                const char *line = c->line;

                if (strcmp(line, "EPSV") == 0 || strcmp(line, "PASV") == 0)
                        serve_passive(c, line);
                else if (strncmp(line, "EPRT ", 5) == 0 || strncmp(line, "PORT ", 5) == 0)
                        serve_port(c, line);
                else if (strncmp(line, "REST ", 5) == 0) {
                        offset = strtoull(line + 5, NULL, 10);
                        peer_say(c, "350 Go on");
                } else if (strncmp(line, "RETR ", 5) == 0) {
                        serve_retr(c, line + 5, offset);
                        offset = 0;
                } else if (strncmp(line, "STOR ", 5) == 0 || strncmp(line, "APPE ", 5) == 0) {
                        serve_stor(c);
                        offset = 0;
                } else if (strncmp(line, "SIZE ", 5) == 0) {
                        if (size_of(line + 5, &size))
                                peer_say(c, "213 %llu", (unsigned long long) size);
                        else
                                peer_say(c, "550 %s: no such file", line + 5);
                } else {
                        peer_say(c, "221 Goodbye");
                        peer_close(c);
                }
        }
}
