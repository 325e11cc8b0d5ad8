// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a server means by its refusal. RFC 959 section 4.2.1 has 4yz for "try again" and 5yz for "do
 * not"; servers are not that careful, so the text is looked at too: "530 too many users" passes, and
 * "421 cleartext sessions are not accepted" does not.
 */

#include <ctype.h>

#include "reply-class.h"
#include "util.h"

/* What servers say when they are full, in lower case (lftp retries on the same). */
static const char *const busy_words[] = {
        "too many", "overload", "try again later", "maximum number", "max number", "already connected",
        "simultaneous login", "limit reached", "no more connections", "temporarily",
};

/* "Too many failed login attempts": that is about the password, and one more makes it worse. */
static const char *const failing_words[] = {
        "login attempts", "password attempts", "failed attempts", "failed login", "failed auth", "login failures",
        "authentication failures", "unsuccessful",
};

/* A 5yz that tells of a lost connection. */
static const char *const broken_words[] = {
        "broken pipe", "timed out", "closed by the remote host", "connection reset", "too many",
};

/* What there is no room for will not fit the next time either; not all servers say 452 or 552 then. */
static const char *const full_words[] = {
        "no space left", "disk full", "disc full", "disk quota", "quota exceeded", "insufficient storage", "out of space",
        "not enough space", "exceeded storage",
};

/* Clear text is refused. */
static const char *const tls_words[] = {
        "cleartext", "must use encryption", "ssl/tls", "plain ftp", "use auth", "over tls", "using tls", "requires ssl", "requires tls",
};

static bool contains(const char *text, const char *const *words, size_t n_words) {
        for (size_t i = 0; i < n_words; i++)
                if (strstr(text, words[i]))
                        return true;
        return false;
}
#define CONTAINS(text, words) contains(text, words, ELEMENTS(words))

static KftpReplyClass verdict(enum kftp_class class, bool transient, const char *advice) {
        return (KftpReplyClass) { .class = class, .transient = transient, .advice = advice };
}

static bool is_busy(const char *text) {
        return CONTAINS(text, busy_words) && !CONTAINS(text, failing_words);
}

/* Who has TLS already is told something else by that: that it is not the TLS that the server would like. */
static KftpReplyClass wants_tls(bool encrypted) {
        return verdict(KFTP_CLASS_TLS, false, encrypted ? "" : "; this server wants TLS: write ftps://, or add --tls=require (in a job file TLS=require)");
}

static KftpReplyClass classify_login(unsigned reply, const char *text, bool encrypted) {
        if ((!encrypted && CONTAINS(text, tls_words)) || (reply >= 533 && reply <= 537))
                return wants_tls(encrypted);
        if (is_busy(text))
                return verdict(KFTP_CLASS_NETWORK, true, "");
        if (reply >= 400 && reply < 500 && reply != 430)
                return verdict(KFTP_CLASS_NETWORK, true, "");
        if (reply == 331)
                return verdict(KFTP_CLASS_AUTH, false, "; no password was given: --password-file=FILE (in a job file PasswordFile=)");
        if (reply == 332)
                return verdict(KFTP_CLASS_AUTH, false, "; the server wants an account, which kftp cannot give it");
        return verdict(KFTP_CLASS_AUTH, false, "; check the user name and the password");
}

static KftpReplyClass classify_transfer(unsigned reply, const char *text, bool encrypted, uint64_t bytes) {
        if (reply == 452 || reply == 552 || CONTAINS(text, full_words))
                return verdict(KFTP_CLASS_REMOTE, false, "");
        /* Whatever it says after data has flowed: the file was there, and we were let at it. */
        if (bytes > 0 && reply >= 500)
                return verdict(KFTP_CLASS_NETWORK, true, "");
        switch (reply) {
        case 421:
        case 425:
        case 426:
        case 451:
                return verdict(KFTP_CLASS_NETWORK, true, "");
        case 450:
                return verdict(KFTP_CLASS_REMOTE, true, "");
        case 521:
        case 522:
        case 533 ... 537:
                return wants_tls(encrypted);
        case 530:
                if (is_busy(text))
                        return verdict(KFTP_CLASS_NETWORK, true, "");
                return verdict(KFTP_CLASS_AUTH, false, "");
        case 532:
                return verdict(KFTP_CLASS_AUTH, false, "");
        default:
                break;
        }
        if (reply < 500)
                return verdict(KFTP_CLASS_NETWORK, true, "");
        if (CONTAINS(text, broken_words))
                return verdict(KFTP_CLASS_NETWORK, true, "");
        if (reply < 510)
                return verdict(KFTP_CLASS_OTHER, false, "");
        return verdict(KFTP_CLASS_REMOTE, false, "");
}

KftpReplyClass kftp_reply_classify(unsigned reply, const char *text, size_t n, bool logged_in, bool encrypted, uint64_t bytes) {
        char lower[KFTP_MAX_TEXT + 1];

        n = text ? MIN2(n, sizeof(lower) - 1) : 0;
        for (size_t i = 0; i < n; i++)
                lower[i] = text[i] ? (char) tolower((unsigned char) text[i]) : ' ';
        lower[n] = '\0';
        return logged_in ? classify_transfer(reply, lower, encrypted, bytes) : classify_login(reply, lower, encrypted);
}
