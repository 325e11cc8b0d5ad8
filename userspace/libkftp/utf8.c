// SPDX-License-Identifier: LGPL-2.1-or-later
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. */

#include <pthread.h>

#include "utf8.h"
#include "util.h"

size_t kftp_utf8_decode(const uint8_t *p, size_t n, uint32_t *ret) {
        static const struct {
                uint8_t mask, lead;
                uint32_t least;
        } forms[] = {
                { 0x80, 0x00, 0x0     },
                { 0xe0, 0xc0, 0x80    },
                { 0xf0, 0xe0, 0x800   },
                { 0xf8, 0xf0, 0x10000 },
        };

        for (size_t form = 0; form < ELEMENTS(forms); form++) {
                uint32_t c = p[0] & (uint8_t) ~forms[form].mask;

                if ((p[0] & forms[form].mask) != forms[form].lead)
                        continue;
                if (form >= n)
                        return 0;
                for (size_t i = 1; i <= form; i++) {
                        if ((p[i] & 0xc0) != 0x80)
                                return 0;
                        c = c << 6 | (p[i] & 0x3f);
                }
                if (c < forms[form].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                        return 0;
                *ret = c;
                return form + 1;
        }
        return 0;
}

size_t kftp_utf8_fit(const char *text, size_t n, size_t max) {
        if (n <= max)
                return n;
        /* What has more continuation bytes than that is no UTF-8. */
        for (n = max; n > 0 && max - n < 3 && ((unsigned char) text[n] & 0xc0) == 0x80; n--)
                ;
        return n;
}

void kftp_utf8_shorten(char *text, size_t max) {
        static const char dots[] = "...";
        size_t n = strlen(text);

        if (n > max)
                strcpy(text + kftp_utf8_fit(text, n, max - strlen(dots)), dots);
}

static locale_t locale;

static void load_locale(void) {
        locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);
}

locale_t kftp_utf8_locale(void) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        (void) pthread_once(&once, load_locale);
        return locale;
}
