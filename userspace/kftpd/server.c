/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many connections each server may be asked for; see server.h. */

#include <ctype.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "util.h"

#define BUSY_USEC USEC_PER_SEC          /* a server that has refused is left alone for so long */
#define LEAVE_USEC (2 * USEC_PER_SEC)   /* in which a server may not have noticed that somebody has left */
#define LEARNED_MAX 1000U               /* what lets in so many does not limit us */

static int compare_names(const void *a, const void *b) {
        return strcmp(((const Server *) a)->name, ((const Server *) b)->name);
}

/* ---- The set of servers --------------------------------------------------------------------------- */

void servers_init(Servers *all, uint64_t release_usec, uint64_t forget_usec) {
        *all = (Servers) { .release_usec = release_usec, .forget_usec = forget_usec };
        TAILQ_INIT(&all->ring);
        TAILQ_INIT(&all->idle);
}

static void server_free(void *p) {
        Server *s = p;

        sd_event_source_disable_unref(s->timer);
        free(s->name);
        free(s->limits);
        free(s);
}

void servers_done(Servers *all) {
        tdestroy(all->by_name, server_free);
        all->by_name = NULL;
}

static char *format_name(const char *host, uint16_t port) {
        char *name;

        if (asprintf(&name, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port) < 0)
                return NULL;
        for (char *c = name; *c; c++)
                *c = (char) tolower((unsigned char) *c);
        return name;
}

static Server *find_or_make(Servers *all, const char *host, uint16_t port) {
        Server *s = calloc(1, sizeof(*s));
        Server **found;

        if (!s)
                return NULL;
        TAILQ_INIT(&s->queue);
        s->name = format_name(host, port);
        found = s->name ? tsearch(s, &all->by_name, compare_names) : NULL;
        if (found && *found == s)
                return s;
        server_free(s);
        return found ? *found : NULL;
}

/* ---- What job files allow ------------------------------------------------------------------------- */

/* The place of that number, or the one where it belongs. */
static size_t find_limit(const Server *s, unsigned connections) {
        size_t i = 0;

        while (i < s->limits_n && s->limits[i].connections < connections)
                i++;
        return i;
}

static int add_limit(Server *s, unsigned connections) {
        size_t i = find_limit(s, connections);
        ServerLimit *more;

        if (i < s->limits_n && s->limits[i].connections == connections) {
                s->limits[i].jobs++;
                return 0;
        }
        more = reallocarray(s->limits, s->limits_n + 1, sizeof(*more));
        if (!more)
                return -1;
        s->limits = more;
        memmove(more + i + 1, more + i, (s->limits_n - i) * sizeof(*more));
        more[i] = (ServerLimit) { .connections = connections, .jobs = 1 };
        s->limits_n++;
        return 0;
}

static void remove_limit(Server *s, unsigned connections) {
        size_t i = find_limit(s, connections);

        if (i >= s->limits_n || s->limits[i].connections != connections || --s->limits[i].jobs > 0)
                return;
        s->limits_n--;
        memmove(s->limits + i, s->limits + i + 1, (s->limits_n - i) * sizeof(*s->limits));
}

Server *server_join(Servers *all, const char *host, uint16_t port, unsigned max_connections) {
        Server *s = find_or_make(all, host, port);

        if (!s)
                return NULL;
        if (s->jobs++ == 0 && s->idle)
                TAILQ_REMOVE(&all->idle, s, ring);
        s->idle = false;
        if (max_connections > 0 && add_limit(s, max_connections) < 0) {
                server_leave(all, s, 0, 0);
                return NULL;
        }
        return s;
}

/* In the order of their leaving, which is more or less that in which they are forgotten. */
static void forget_idle(Servers *all, uint64_t now) {
        Server *s;

        while ((s = TAILQ_FIRST(&all->idle)) && server_limit(all, s, now) == 0) {
                TAILQ_REMOVE(&all->idle, s, ring);
                tdelete(s, &all->by_name, compare_names);
                server_free(s);
        }
}

void server_leave(Servers *all, Server *s, unsigned max_connections, uint64_t now) {
        if (max_connections > 0)
                remove_limit(s, max_connections);
        if (--s->jobs > 0)
                return;
        if (s->ready)
                TAILQ_REMOVE(&all->ring, s, ring);
        s->ready = false;
        s->idle = true;
        TAILQ_INSERT_TAIL(&all->idle, s, ring);
        forget_idle(all, now);
}

/* ---- What the server allows ----------------------------------------------------------------------- */

static void relax(const Servers *all, Server *s, uint64_t now) {
        if (s->learned > 0 && s->used == 0 && now >= MAX2(s->left_usec, s->refused_usec) + all->forget_usec)
                s->learned = 0;
        while (s->learned > 0 && now >= s->raise_usec) {
                s->learned = s->learned < LEARNED_MAX ? s->learned + 1 : 0;
                s->raise_usec += all->release_usec;
                s->told = s->doubted = false;
        }
}

unsigned server_limit(const Servers *all, Server *s, uint64_t now) {
        unsigned given = s->limits_n > 0 ? s->limits[0].connections : 0;

        relax(all, s, now);
        return given == 0 ? s->learned : s->learned == 0 ? given : MIN2(given, s->learned);
}

unsigned server_room(const Servers *all, Server *s, unsigned wanted, uint64_t now) {
        unsigned limit = server_limit(all, s, now);

        if (now < s->not_before || (limit > 0 && s->used >= limit))
                return 0;
        return limit > 0 ? MIN2(wanted, limit - s->used) : wanted;
}

uint64_t server_next(const Server *s, uint64_t now) {
        if (now < s->not_before)
                return s->not_before;
        return s->learned > 0 ? s->raise_usec : UINT64_MAX;
}

void server_take(Server *s, unsigned connections) {
        s->jobs++;
        s->used += connections;
}

bool server_give_back(Servers *all, Server *s, unsigned connections, bool refused, uint64_t now) {
        bool known;

        s->used -= MIN2(connections, s->used);
        if (!refused)
                s->left_usec = now;
        known = s->jobs > 1;
        server_leave(all, s, 0, now);
        return known;
}

/*
 * As many as we have are let in, then. But where one of us has just left the server may not have noticed yet: a limit that was
 * learned before is not lowered for a single such refusal.
 */
void server_refused(const Servers *all, Server *s, unsigned connections, uint64_t now) {
        unsigned let_in = MAX2(1U, connections);
        uint64_t left = s->left_usec;

        relax(all, s, now);
        if (s->learned == let_in + 1 && !s->doubted && now < left + LEAVE_USEC)
                s->doubted = true;
        else {
                s->learned = s->learned > 0 ? MIN2(s->learned, let_in) : let_in;
                s->doubted = false;
        }
        s->refused_usec = now;
        s->raise_usec = now + all->release_usec;
        s->not_before = now + BUSY_USEC;
}
