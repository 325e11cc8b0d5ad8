// SPDX-License-Identifier: LGPL-2.1-or-later
/* A part of a file, as curl(1) and HTTP write it. */

#include <ctype.h>

#include "libkftp.h"
#include "util.h"

/* Digits up to end. */
static int parse_number(const char *text, const char *end, uint64_t *ret) {
        uint64_t n = 0;

        if (text == end)
                return -EINVAL;
        for (; text < end; text++) {
                if (!isdigit((unsigned char) *text) || n > (INT64_MAX - 9) / 10)
                        return -EINVAL;
                n = n * 10 + (uint64_t) (*text - '0');
        }
        *ret = n;
        return 0;
}

int kftp_range_parse(const char *text, KftpRange *ret) {
        const char *dash = strchr(text, '-');
        uint64_t from = 0, to = 0;

        if (!dash)
                return -EINVAL;
        if (dash == text) {
                if (parse_number(text + 1, text + strlen(text), &to) < 0 || to == 0)
                        return -EINVAL;
                *ret = (KftpRange) { .last = to };
                return 0;
        }
        if (parse_number(text, dash, &from) < 0)
                return -EINVAL;
        if (!dash[1]) {
                *ret = (KftpRange) { .from = from };
                return 0;
        }
        if (parse_number(dash + 1, dash + strlen(dash), &to) < 0 || to < from)
                return -EINVAL;
        *ret = (KftpRange) { .from = from, .length = to - from + 1 };
        return 0;
}
