// SPDX-License-Identifier: GPL-2.0-or-later
/* The values of the options of mirrors, checked and stored. */

#include "job-value.h"
#include "option-values.h"
#include "options.h"
#include "util.h"

#define DEPTH_MAX 1000

/* "size", "time", "size,hash", ...: the size is compared whatever is said, the time wherever there is no hash. */
int option_compare(const char *name, const char *text, void *where, char **error) {
        static const struct {
                const char *name;
                unsigned strength;
        } names[] = {
                [KFTP_COMPARE_TIME] = { "time", 1 },
                [KFTP_COMPARE_SIZE] = { "size", 0 },
                [KFTP_COMPARE_HASH] = { "hash", 2 },
        };
        unsigned strongest = KFTP_COMPARE_SIZE;

        for (const char *p = text;; p++) {
                size_t n = strcspn(p, ",+");
                unsigned i;

                for (i = 0; i < ELEMENTS(names); i++)
                        if (strlen(names[i].name) == n && strncmp(p, names[i].name, n) == 0)
                                break;
                if (i == ELEMENTS(names))
                        return option_complain(error, "--%s=%s: not size, time or hash, or several of them with commas between", name, text);
                if (names[i].strength > names[strongest].strength)
                        strongest = i;
                p += n;
                if (!*p)
                        break;
        }
        *(enum kftp_compare *) where = strongest;
        return 0;
}

int option_symlinks(const char *name, const char *text, void *where, char **error) {
        static const char *const names[] = {
                [KFTP_SYMLINKS_SKIP] = "skip",
                [KFTP_SYMLINKS_FOLLOW] = "follow",
                [KFTP_SYMLINKS_COPY] = "copy",
        };

        for (unsigned i = 0; i < ELEMENTS(names); i++)
                if (names[i] && streq(text, names[i])) {
                        *(enum kftp_symlinks *) where = i;
                        return 0;
                }
        return option_complain(error, "--%s=%s: not skip, follow or copy", name, text);
}

int option_pattern(const char *name, const char *text, void *where, char **error) {
        static const char *const names[] = {
                [KFTP_FILTER_INCLUDE] = "include",
                [KFTP_FILTER_EXCLUDE] = "exclude",
                [KFTP_FILTER_INCLUDE_REGEX] = "include-regex",
                [KFTP_FILTER_EXCLUDE_REGEX] = "exclude-regex",
        };
        _cleanup_free_ char *reason = NULL;
        KftpFilter **filter = where;
        unsigned kind = 0;
        int r;

        while (kind + 1 < ELEMENTS(names) && !streq(names[kind], name))
                kind++;
        r = *filter ? 0 : kftp_filter_new(filter);
        if (r >= 0)
                r = kftp_filter_add(*filter, kind, text, &reason);
        return r < 0 ? option_complain(error, "--%s: %s", name, reason ?: strerror(-r)) : 0;
}

int option_size(const char *name, const char *text, void *where, char **error) {
        if (kftp_rate_parse(text, where) < 0)
                return option_complain(error, "--%s=%s: not a number of bytes, as in 500K or 1.5G", name, text);
        return 0;
}

int option_size_above_0(const char *name, const char *text, void *where, char **error) {
        int r = option_size(name, text, where, error);

        if (r >= 0 && *(uint64_t *) where == 0)
                return option_complain(error, "--%s=%s: has to be more than 0", name, text);
        return r;
}

int option_age(const char *name, const char *text, void *where, char **error) {
        uint64_t usec;
        size_t at;

        if (job_parse_timespan(text, &usec, &at) < 0)
                return option_complain(error, "--%s=%s: not a time span, as in 90, 30s, 5min, 2h or 7d", name, text);
        *(uint64_t *) where = usec / USEC_PER_SEC;
        return 0;
}

int option_age_above_0(const char *name, const char *text, void *where, char **error) {
        int r = option_age(name, text, where, error);

        if (r >= 0 && *(uint64_t *) where == 0)
                return option_complain(error, "--%s=%s: has to be a second at least", name, text);
        return r;
}

static int take_number(const char *name, const char *text, unsigned max, unsigned *ret, char **error) {
        if (job_parse_unsigned(text, 1, max, ret) < 0)
                return option_complain(error, "--%s=%s: not a number between 1 and %u", name, text, max);
        return 0;
}

int option_depth(const char *name, const char *text, void *where, char **error) {
        return take_number(name, text, DEPTH_MAX, where, error);
}

int option_parallel(const char *name, const char *text, void *where, char **error) {
        return take_number(name, text, KFTP_MIRROR_SESSIONS_MAX, where, error);
}

int option_shard(const char *name, const char *text, void *where, char **error) {
        _cleanup_free_ char *reason = NULL;
        KftpMirrorOptions *o = where;
        int r;

        r = kftp_shard_parse(text, &o->shard, &o->shards, &reason);
        return r < 0 ? option_complain(error, "--%s: %s", name, reason ?: strerror(-r)) : 0;
}
