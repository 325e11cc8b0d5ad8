// SPDX-License-Identifier: GPL-2.0-or-later
/* The values of options, checked and stored. */

#include <math.h>
#include <net/if.h>

#include "option-values.h"
#include "options.h"
#include "util.h"

#define TIMEOUT_MAX_SEC 86400
#define RETRIES_MAX 1000000

int option_flag(const char *name, const char *text, void *where, char **error) {
        (void) name;
        (void) text;
        (void) error;
        *(bool *) where = true;
        return 0;
}

int option_tls(const char *name, const char *text, void *where, char **error) {
        static const char *const modes[] = {
                [KFTP_TLS_NONE] = "no",
                [KFTP_TLS_OPPORTUNISTIC] = "auto",
                [KFTP_TLS_REQUIRED] = "require",
                [KFTP_TLS_IMPLICIT] = "implicit",
        };

        for (unsigned i = 0; i < ELEMENTS(modes); i++)
                if (streq(text, modes[i])) {
                        *(OptionalTls *) where = (OptionalTls) { .given = true, .mode = i };
                        return 0;
                }
        return option_complain(error, "--%s=%s: not no, auto, require or implicit", name, text);
}

int option_tls_min(const char *name, const char *text, void *where, char **error) {
        uint16_t *version = where;

        if (streq(text, "1.2"))
                *version = 0x0303;
        else if (streq(text, "1.3"))
                *version = 0x0304;
        else
                return option_complain(error, "--%s=%s: not 1.2 or 1.3", name, text);
        return 0;
}

int option_pin(const char *name, const char *text, void *where, char **error) {
        _cleanup_free_ char *reason = NULL;

        *(const char **) where = text;
        if (kftp_tls_pin_check(text, &reason) < 0)
                return option_complain(error, "--%s: %s", name, strempty(reason));
        return 0;
}

int option_text(const char *name, const char *text, void *where, char **error) {
        (void) name;
        (void) error;
        *(const char **) where = text;
        return 0;
}

int option_user(const char *name, const char *text, void *where, char **error) {
        if (!*text || strlen(text) > KFTP_MAX_CREDENTIAL)
                return option_complain(error, "--%s: not between 1 and %d bytes", name, KFTP_MAX_CREDENTIAL);
        for (const char *p = text; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return option_complain(error, "--%s: contains a control character, which FTP cannot carry", name);
        *(const char **) where = text;
        return 0;
}

int option_active(const char *name, const char *text, void *where, char **error) {
        (void) name;
        (void) text;
        (void) error;
        *(enum kftp_data_mode *) where = KFTP_DATA_ACTIVE_FIRST;
        return 0;
}

int option_source(const char *name, const char *text, void *where, char **error) {
        if (kftp_address_parse(text, where) < 0)
                return option_complain(error, "--%s=%s: not an IPv4 or IPv6 address", name, text);
        return 0;
}

int option_interface(const char *name, const char *text, void *where, char **error) {
        unsigned index = if_nametoindex(text);

        *(unsigned *) where = index;
        return index == 0 ? option_complain(error, "--%s=%s: there is no such network interface", name, text) : 0;
}

int option_timeout(const char *name, const char *text, void *where, char **error) {
        char *end;
        double seconds;

        seconds = strtod(text, &end);
        if (end == text || *end || !isfinite(seconds) || seconds < 0.001 || seconds > TIMEOUT_MAX_SEC)
                return option_complain(error, "--%s=%s: not a number of seconds between 0.001 and %d", name, text, TIMEOUT_MAX_SEC);
        *(uint64_t *) where = (uint64_t) (seconds * (double) USEC_PER_SEC);
        return 0;
}

int option_retries(const char *name, const char *text, void *where, char **error) {
        unsigned long n;
        char *end;

        errno = 0;
        n = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || errno != 0 || n > RETRIES_MAX)
                return option_complain(error, "--%s=%s: not a number between 0 and %d", name, text, RETRIES_MAX);
        *(unsigned *) where = (unsigned) n;
        return 0;
}

int option_rate(const char *name, const char *text, void *where, char **error) {
        if (kftp_rate_parse(text, where) < 0)
                return option_complain(error, "--%s=%s: not a number of bytes per second, as in 500K or 1.5M", name, text);
        return 0;
}

int option_range(const char *name, const char *text, void *where, char **error) {
        if (kftp_range_parse(text, where) < 0)
                return option_complain(error, "--%s=%s: not FROM-TO, FROM- or -LAST", name, text);
        return 0;
}

int option_verify(const char *name, const char *text, void *where, char **error) {
        static const struct {
                const char *name;
                unsigned bit;
        } names[] = {
                { "size",  KFTP_VERIFY_SIZE  },
                { "mtime", KFTP_VERIFY_MTIME },
                { "hash",  KFTP_VERIFY_HASH  },
        };
        unsigned *what = where;

        for (const char *p = text;; p++) {
                size_t n = strcspn(p, ","), i;

                for (i = 0; i < ELEMENTS(names); i++)
                        if (strlen(names[i].name) == n && strncmp(p, names[i].name, n) == 0)
                                break;
                if (i == ELEMENTS(names))
                        return option_complain(error, "--%s=%s: not size, mtime or hash, or several of them with commas between", name, text);
                *what |= names[i].bit;
                p += n;
                if (!*p)
                        return 0;
        }
}

int option_mode(const char *name, const char *text, void *where, char **error) {
        OptionalMode *mode = where;
        unsigned long n;
        char *end;

        n = strtoul(text, &end, 8);
        if (*text < '0' || *text > '7' || *end || n > 07777)
                return option_complain(error, "--%s=%s: not an octal number up to 7777", name, text);
        *mode = (OptionalMode) { .given = true, .mode = (unsigned) n };
        return 0;
}
