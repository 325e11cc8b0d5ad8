// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Leaving the directory where the log-in has put us, and coming back: some servers list a directory whose
 * name has spaces or wildcards only from inside.
 */

#include <ctype.h>

#include "util.h"
#include "working-directory.h"

/* ---- What PWD says (C16) --------------------------------------------------------------------- */

/*
 * What stands between quotes, a quote doubled; what begins with one that is not closed ends with the line.
 * Pure-FTPd doubles none: one in the middle of a word is part of the name.
 */
static size_t unquote(const char *p, size_t n, char *out) {
        size_t length = 0;

        for (size_t i = 0; i < n; i++) {
                if (p[i] == '"') {
                        if (i + 1 == n || (p[i + 1] != '"' && !isalnum((unsigned char) p[i + 1])))
                                return length;
                        i += p[i + 1] == '"';
                }
                out[length++] = p[i];
        }
        while (length > 0 && out[length - 1] == ' ')
                length--;
        return length;
}

/* Without quotes: the first word, if it looks like a directory of some system. */
static size_t first_word(const char *p, size_t n, char *out) {
        size_t begin = 0, end;

        while (begin < n && p[begin] == ' ')
                begin++;
        for (end = begin; end < n && p[end] != ' '; end++)
                ;
        if (begin == end || (p[begin] != '/' && !memchr(p + begin, ':', end - begin)))
                return 0;
        memcpy(out, p + begin, end - begin);
        return end - begin;
}

char *kftp_working_directory_parse(const char *reply, size_t n) {
        _cleanup_free_ char *out = malloc(n + 1);
        const char *quote;
        size_t length;

        if (!out || n < 4)
                return NULL;
        reply += 4;
        n -= 4;
        quote = memchr(reply, '"', n);
        if (quote)
                length = unquote(quote + 1, n - (size_t) (quote + 1 - reply), out);
        else
                length = first_word(reply, n, out);
        if (length == 0)
                return NULL;
        for (size_t i = 0; i < length; i++)
                if ((unsigned char) out[i] < 0x20 || out[i] == 0x7f)
                        return NULL;
        out[length] = '\0';
        return STEAL_PTR(out);
}

/* ---- There and back -------------------------------------------------------------------------- */

/* Asked once: it does not change, for we always come back. */
static void learn_directory(KftpConnection *c) {
        struct kftp_submit pwd = kftp_request(KFTP_OP_PWD, NULL);
        KftpLearnt *learnt = kftp_connection_learnt(c);
        KftpDone done;

        if (learnt->directory_asked)
                return;
        learnt->directory_asked = true;
        if (kftp_connection_request(c, &pwd, &done, NULL) >= 0)
                learnt->directory = kftp_working_directory_parse(done.text, done.text_len);
}

int kftp_working_directory_enter(KftpConnection *c, const char *path, KftpDone *ret, KftpFailure *f) {
        struct kftp_submit cwd = kftp_request(KFTP_OP_CWD, path);

        learn_directory(c);
        return kftp_connection_request(c, &cwd, ret, f);
}

void kftp_working_directory_leave(KftpConnection *c) {
        const char *directory = kftp_connection_learnt(c)->directory;
        struct kftp_submit cwd = kftp_request(KFTP_OP_CWD, directory);
        struct kftp_submit quit = kftp_request(KFTP_OP_QUIT, NULL);

        if (directory && kftp_connection_request(c, &cwd, NULL, NULL) >= 0)
                return;
        (void) kftp_connection_request(c, &quit, NULL, NULL);
}
