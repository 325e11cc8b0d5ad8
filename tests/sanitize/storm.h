/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A generator of its own for each thread, so that a seed gives the same choices. */
typedef struct Dice {
        unsigned state;
} Dice;

static inline unsigned pick(Dice *d, unsigned n) {
        d->state = d->state * 1664525u + 1013904223u;
        return (unsigned) (((uint64_t) (d->state >> 8) * n) >> 24);
}

/* Now and then: once in so many times. */
static inline int once_in(Dice *d, unsigned n) {
        return pick(d, n) == 0;
}

/* A process that listens on 127.0.0.1, and does with whoever comes what it likes. Returns the port. With
 * implicit, TLS begins at once. */
uint16_t storm_server(unsigned seed, bool implicit);

/* Switches TLS on at one end of a connection; the other does the same. */
bool storm_tls(int fd, bool wrong_key);
/* close_notify */
void storm_tls_end(int fd);
/* A record that is no data. */
void storm_tls_aside(Dice *d, int fd);
