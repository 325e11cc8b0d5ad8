// SPDX-License-Identifier: GPL-2.0-or-later
/* How much room text takes on a terminal: letters of East Asia take two columns, combining marks none. */

#include <locale.h>
#include <wchar.h>

#include "columns.h"
#include "utf8.h"
#include "util.h"

/* wcwidth knows only what the locale has, which may be "C". */
static unsigned width(uint32_t c) {
        locale_t unicode = c >= 0x80 ? kftp_utf8_locale() : (locale_t) 0, old;
        int n;

        if (!unicode)
                return 1;
        old = uselocale(unicode);
        n = wcwidth((wchar_t) c);
        (void) uselocale(old);
        return n < 0 ? 1 : (unsigned) n;
}

/* One character, its bytes and its columns. */
static size_t take(const char *text, size_t n, unsigned *ret_width) {
        uint32_t c = 0;
        size_t length = kftp_utf8_decode((const uint8_t *) text, n, &c);

        *ret_width = length > 0 ? width(c) : 1;
        return MAX2(length, (size_t) 1);
}

unsigned columns(const char *text) {
        size_t left = strlen(text);
        unsigned n = 0, w;

        while (left > 0) {
                size_t length = take(text, left, &w);

                n += w;
                text += length;
                left -= length;
        }
        return n;
}

size_t columns_prefix(const char *text, unsigned n) {
        size_t total = strlen(text), at = 0;
        unsigned w;

        while (at < total) {
                size_t length = take(text + at, total - at, &w);

                if (w > n)
                        break;
                n -= w;
                at += length;
        }
        return at;
}

size_t columns_suffix(const char *text, unsigned n) {
        unsigned all = columns(text), w;
        size_t total = strlen(text), at = 0;

        while (at < total) {
                size_t length = take(text + at, total - at, &w);

                /* a combining mark belongs to what stands before it */
                if (all <= n && w > 0)
                        break;
                all -= w;
                at += length;
        }
        return at;
}
