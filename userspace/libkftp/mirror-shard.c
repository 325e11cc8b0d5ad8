// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which part of a tree a path belongs to. Machines that share one mirror out among them never talk to each other, and may
 * run different versions: the numbers that come out here must never change. tests/unit/test-mirror-shard.c has some that
 * were computed by another program.
 */

#include <inttypes.h>
#include <stdarg.h>

#include "libkftp.h"
#include "util.h"

#define SHARDS_MAX UINT64_C(1000000)

/* FNV-1a, 64 bits, of the bytes of the path. */
static uint64_t hash_path(const char *path) {
        uint64_t h = UINT64_C(0xcbf29ce484222325);

        for (; *path; path++)
                h = (h ^ (uint8_t) *path) * UINT64_C(0x100000001b3);
        return h;
}

/* The last step of MurmurHash3: in FNV's low bits alone, names that are counted up would not be spread evenly. */
static uint64_t mix(uint64_t h) {
        h ^= h >> 33;
        h *= UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 33;
        h *= UINT64_C(0xc4ceb9fe1a85ec53);
        h ^= h >> 33;
        return h;
}

unsigned kftp_shard(const char *path, unsigned shards) {
        return shards == 0 ? 0 : (unsigned) (mix(hash_path(path)) % shards);
}

/* Digits, up to what is behind them. */
static bool take_number(const char **p, uint64_t *ret) {
        const char *begin = *p;

        for (*ret = 0; **p >= '0' && **p <= '9'; (*p)++)
                if (*ret <= SHARDS_MAX)
                        *ret = *ret * 10 + (uint64_t) (**p - '0');
        return *p > begin;
}

_printf_(3, 4) static int refuse(char **reason, const char *text, const char *format, ...) {
        _cleanup_free_ char *shown = NULL, *what = NULL;
        va_list args;
        int r;

        if (!reason)
                return -EINVAL;
        va_start(args, format);
        r = vasprintf(&what, format, args);
        va_end(args);
        if (r < 0)
                what = NULL;
        shown = kftp_escape(text, strlen(text));
        if (asprintf(reason, "the shard \"%s\" %s", strempty(shown), strempty(what)) < 0)
                *reason = NULL;
        return -EINVAL;
}

int kftp_shard_parse(const char *text, unsigned *shard, unsigned *shards, char **reason) {
        const char *p = text;
        uint64_t i, n;

        if (reason)
                *reason = NULL;
        if (!take_number(&p, &i) || *p++ != '/' || !take_number(&p, &n) || *p)
                return refuse(reason, text, "is not of the form I/N, such as 0/7");
        if (n == 0)
                return refuse(reason, text, "is of no shards at all: the second number has to be 1 or more");
        if (n > SHARDS_MAX)
                return refuse(reason, text, "is of too many: the second number may be %" PRIu64 " at most", SHARDS_MAX);
        if (i >= n)
                return refuse(reason, text, "is beyond the last one: they are counted from 0, so that the last of %" PRIu64 " is %" PRIu64 "/%" PRIu64, n, n - 1, n);
        *shard = (unsigned) i;
        *shards = (unsigned) n;
        return 0;
}
