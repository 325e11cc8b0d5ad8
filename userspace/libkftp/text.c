// SPDX-License-Identifier: LGPL-2.1-or-later
/* The ends of lines, translated in a stream whose pieces may end between a CR and its LF. */

#include "text.h"

static char *let_go(KftpText *t, char *out) {
        for (; t->crs > 0; t->crs--)
                *out++ = '\r';
        return out;
}

size_t kftp_text_receive(KftpText *t, const char *in, size_t n, char *out) {
        char *begin = out;

        for (size_t i = 0; i < n; i++) {
                if (in[i] == '\r' && t->crs < KFTP_TEXT_HELD) {
                        t->crs++;
                        continue;
                }
                /* one CR more than a line's end may have: the first of them is not part of it */
                if (in[i] == '\r') {
                        *out++ = '\r';
                        continue;
                }
                if (in[i] == '\n')
                        t->crs = 0;
                out = let_go(t, out);
                *out++ = in[i];
        }
        return (size_t) (out - begin);
}

size_t kftp_text_finish(KftpText *t, char *out) {
        return (size_t) (let_go(t, out) - out);
}

size_t kftp_text_send(KftpText *t, const char *in, size_t n, char *out) {
        char *begin = out;

        for (size_t i = 0; i < n; i++) {
                if (in[i] == '\n' && t->last != '\r')
                        *out++ = '\r';
                *out++ = in[i];
                t->last = in[i];
        }
        return (size_t) (out - begin);
}
