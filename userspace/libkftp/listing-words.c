// SPDX-License-Identifier: LGPL-2.1-or-later
/* What servers mean by the words of their replies to LIST and its kin, and which paths they misread. */

#include <ctype.h>

#include "listing-internal.h"
#include "util.h"

/* In lower case. */
static const char *const empty_words[] = {
        "no files", "no members", "no data sets", "no matching", "no entries", "is empty", "empty directory", "0 files",
};

static const char *const missing_words[] = {
        "no such", "not found", "does not exist", "doesn't exist", "cannot access", "can't find", "cannot find", "not exist",
};

static const char *const denied_words[] = {
        "denied", "permission", "permitted", "not allowed", "forbidden", "in use", "being used", "used by", "busy", "locked",
};

static bool contains(const char *text, size_t n, const char *const *words, size_t n_words) {
        char lower[KFTP_MAX_TEXT + 1];

        n = MIN2(n, sizeof(lower) - 1);
        for (size_t i = 0; i < n; i++)
                lower[i] = text[i] ? (char) tolower((unsigned char) text[i]) : ' ';
        lower[n] = '\0';
        for (size_t i = 0; i < n_words; i++)
                if (strstr(lower, words[i]))
                        return true;
        return false;
}

bool kftp_reply_unimplemented(unsigned reply) {
        return reply == 500 || reply == 502 || reply == 504;
}

bool kftp_reply_says_empty(const char *text, size_t n) {
        return contains(text, n, empty_words, ELEMENTS(empty_words));
}

bool kftp_reply_says_missing(const char *text, size_t n) {
        return contains(text, n, missing_words, ELEMENTS(missing_words));
}

bool kftp_reply_says_denied(const char *text, size_t n) {
        return contains(text, n, denied_words, ELEMENTS(denied_words));
}

bool kftp_reply_says_truncated(const char *text, size_t n) {
        static const char *const words[] = { "output truncated", "listing truncated", "truncated to " };

        return n > 4 && text[0] == '2' && contains(text, n, words, ELEMENTS(words));
}

bool kftp_path_is_special(const char *path, bool spaces) {
        return path[0] == '-' || path[0] == '~' || strpbrk(path, "*?[]{}\\") || (spaces && strpbrk(path, " \t"));
}

const char *kftp_listing_base(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}
