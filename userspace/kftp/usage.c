// SPDX-License-Identifier: GPL-2.0-or-later
/* How wrong arguments are told. */

#include <stdarg.h>

#include "libkftp.h"
#include "util.h"
#include "verbs.h"

int usage_error(const char *format, ...) {
        _cleanup_free_ char *text = NULL, *escaped = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        escaped = text ? kftp_escape(text, strlen(text)) : NULL;
        fprintf(stderr, "kftp: %s (see kftp --help)\n", strempty(escaped));
        return KFTP_CLASS_USAGE;
}
