/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A record of the store as a line of text, and back. */

#include "delivered.h"

/* More than any has: a name has at most 255 bytes, and each takes three at most. */
#define DELIVERED_LINE_MAX 4096

typedef struct DeliveredLine {
        DeliveredState state;
        char *name;
        uint64_t size;
        int64_t mtime;
        uint32_t precision;
        int64_t mtime_nsec;
        bool fetched;
        uint64_t fetched_size;
        int64_t fetched_mtime;
        char *sha256;                   /* may be NULL */
        uint64_t run;
} DeliveredLine;

/* Allocated, with the end of the line; NULL without memory. */
char *delivered_line_format(const DeliveredLine *l);
/* text has n bytes, with the end of the line, and is changed. 0, -ENOMEM, or -EBADMSG if it is no such line, or not all of it. */
int delivered_line_parse(char *text, size_t n, DeliveredLine *ret);
void delivered_line_done(DeliveredLine *l);
