/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line for each record: "STATE RUN SIZE MTIME PRECISION NANOSECONDS SIZE MTIME SHA256 NAME SUM", where the second
 * size and time are those of what was fetched. What is not known is "-"; the name is encoded as paths
 * are in the ledger, and SUM is that of all before it, so that a line is whole or none.
 */

#include <errno.h>
#include <inttypes.h>

#include "delivered-line.h"
#include "ledger-json.h"
#include "libkftp.h"
#include "util.h"

#define FIELDS 10U                       /* without the sum */
#define SUM_DIGITS 16U

static const char letters[DELIVERED_STATES + 1] = "-sgfd";

/* FNV-1a: against what a power cut leaves, not against anybody. */
static uint64_t sum(const char *text, size_t n) {
        uint64_t h = UINT64_C(0xcbf29ce484222325);

        for (size_t i = 0; i < n; i++)
                h = (h ^ (uint8_t) text[i]) * UINT64_C(0x100000001b3);
        return h;
}

void delivered_line_done(DeliveredLine *l) {
        free(l->name);
        free(l->sha256);
        *l = (DeliveredLine) {};
}

static const char *show_size(char buffer[static 24], uint64_t size) {
        if (size == KFTP_SIZE_UNKNOWN)
                return "-";
        (void) snprintf(buffer, 24, "%" PRIu64, size);
        return buffer;
}

static const char *show_time(char buffer[static 24], int64_t time, int64_t unknown) {
        if (time == unknown)
                return "-";
        (void) snprintf(buffer, 24, "%" PRIi64, time);
        return buffer;
}

char *delivered_line_format(const DeliveredLine *l) {
        _cleanup_free_ char *name = ledger_path_encode(l->name), *text = NULL;
        char size[24], mtime[24], nsec[24], fetched_size[24], fetched_mtime[24], *line;

        if (!name || asprintf(&text, "%c %" PRIu64 " %s %s %" PRIu32 " %s %s %s %s %s ", letters[l->state], l->run, show_size(size, l->size),
                              show_time(mtime, l->mtime, KFTP_MTIME_UNKNOWN), l->precision, show_time(nsec, l->mtime_nsec, 0),
                              show_size(fetched_size, l->fetched ? l->fetched_size : KFTP_SIZE_UNKNOWN),
                              show_time(fetched_mtime, l->fetched ? l->fetched_mtime : KFTP_MTIME_UNKNOWN, KFTP_MTIME_UNKNOWN),
                              l->sha256 ?: "-", name) < 0) {
                text = NULL;
                return NULL;
        }
        return asprintf(&line, "%s%016" PRIx64 "\n", text, sum(text, strlen(text))) < 0 ? NULL : line;
}

static bool split(char *text, char *fields[static FIELDS]) {
        char *save = NULL;
        size_t n = 0;

        for (char *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
                if (n == FIELDS)
                        return false;
                fields[n++] = p;
        }
        return n == FIELDS;
}

static bool number(const char *text, bool may_be_negative, uint64_t unknown, uint64_t *ret) {
        char *end;

        if (streq(text, "-")) {
                *ret = unknown;
                return true;
        }
        errno = 0;
        *ret = may_be_negative ? (uint64_t) strtoll(text, &end, 10) : strtoull(text, &end, 10);
        return errno == 0 && end > text && !*end;
}

static int parse_fields(char *fields[static FIELDS], DeliveredLine *ret) {
        const char *letter = fields[0][0] && !fields[0][1] ? strchr(letters + 1, fields[0][0]) : NULL;
        uint64_t mtime, precision, nsec, fetched_mtime;

        if (!letter || !number(fields[1], false, 0, &ret->run) || !number(fields[2], false, KFTP_SIZE_UNKNOWN, &ret->size) ||
            !number(fields[3], true, (uint64_t) KFTP_MTIME_UNKNOWN, &mtime) || !number(fields[4], false, 0, &precision) ||
            precision > UINT32_MAX || !number(fields[5], true, 0, &nsec) || !number(fields[6], false, KFTP_SIZE_UNKNOWN, &ret->fetched_size) ||
            !number(fields[7], true, (uint64_t) KFTP_MTIME_UNKNOWN, &fetched_mtime))
                return -EBADMSG;
        ret->state = (DeliveredState) (letter - letters);
        ret->mtime = (int64_t) mtime;
        ret->precision = (uint32_t) precision;
        ret->mtime_nsec = (int64_t) nsec;
        ret->fetched = ret->fetched_size != KFTP_SIZE_UNKNOWN;
        ret->fetched_mtime = (int64_t) fetched_mtime;
        ret->name = ledger_path_decode(fields[9]);
        ret->sha256 = streq(fields[8], "-") ? NULL : strdup(fields[8]);
        if (ret->name && (ret->sha256 || streq(fields[8], "-")))
                return 0;
        delivered_line_done(ret);
        return -ENOMEM;
}

int delivered_line_parse(char *text, size_t n, DeliveredLine *ret) {
        char *fields[FIELDS], *end;
        uint64_t expected;

        if (n < SUM_DIGITS + 2 || n > DELIVERED_LINE_MAX || text[n - 1] != '\n' || memchr(text, '\0', n))
                return -EBADMSG;
        text[n - 1] = '\0';
        n -= SUM_DIGITS + 1;
        expected = strtoull(text + n, &end, 16);
        if (*end || expected != sum(text, n))
                return -EBADMSG;
        text[n] = '\0';
        return split(text, fields) ? parse_fields(fields, ret) : -EBADMSG;
}
