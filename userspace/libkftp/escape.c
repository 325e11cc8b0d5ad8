// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Text of servers made fit for terminals and logs. A server's reply may hold anything: terminal
 * control sequences (also as C1 characters in UTF-8), line breaks that fake further log lines,
 * bytes that are no UTF-8, and the invisible characters that make a line read differently.
 */

#include "libkftp.h"
#include "utf8.h"
#include "util.h"

static bool showable(uint32_t c) {
        if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
                return false;
        /* Line and paragraph separator, bidirectional marks, embeddings, overrides and isolates. */
        return !(c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069));
}

char *kftp_escape(const char *text, size_t n) {
        const uint8_t *p = (const uint8_t *) text;
        char *result, *out;

        if (n > (SIZE_MAX - 1) / 4)
                return NULL;
        result = out = malloc(4 * n + 1);
        if (!result)
                return NULL;

        while (n > 0) {
                uint32_t c = 0;
                size_t length = kftp_utf8_decode(p, n, &c);

                if (length > 0 && showable(c)) {
                        out = mempcpy(out, p, length);
                        p += length;
                        n -= length;
                        continue;
                }
                /* An invalid sequence is escaped byte by byte: the next one may begin a valid character. */
                for (length = MAX2(length, 1U); length > 0; length--, n--)
                        out += sprintf(out, "\\x%02x", *p++);
        }
        *out = '\0';
        return result;
}
