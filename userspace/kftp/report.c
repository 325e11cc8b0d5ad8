// SPDX-License-Identifier: GPL-2.0-or-later
/* What became of a transfer, for programs and for people. */

#include <jansson.h>

#include "format.h"
#include "report.h"
#include "util.h"

/* Text from outside; JSON takes UTF-8 only. */
static json_t *text_or_null(const char *text) {
        _cleanup_free_ char *escaped = text ? kftp_escape(text, strlen(text)) : NULL;

        return escaped ? json_string(escaped) : json_null();
}

int report_json(const char *url, const KftpResult *result) {
        _cleanup_free_ char *tls = kftp_format_tls(result);
        const KftpFailure *f = &result->failure;
        json_auto_t *root = NULL;

        root = json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:I, s:o, s:o, s:s, s:o}",
                         "url", text_or_null(url),
                         "path", text_or_null(result->local),
                         "bytes", (json_int_t) result->bytes,
                         "resumed_from", (json_int_t) result->resumed_from,
                         "usec", (json_int_t) result->usec,
                         "rate", (json_int_t) result->rate,
                         "reply", text_or_null(result->reply_text),
                         "attempts", (json_int_t) result->attempts,
                         "sha256", text_or_null(result->sha256),
                         "tls", text_or_null(tls),
                         "result", kftp_class_name(f->class),
                         "error", f->class == KFTP_CLASS_OK ? json_null() : text_or_null(strempty(f->text)));
        if (!root)
                return -ENOMEM;
        if (json_dumpf(root, stdout, JSON_COMPACT) < 0 || fputc('\n', stdout) == EOF || fflush(stdout) != 0)
                return errno > 0 ? -errno : -EIO;
        return 0;
}

void report_summary(const KftpResult *result) {
        char bytes[KFTP_FORMAT_MAX], moved[KFTP_FORMAT_MAX], usec[KFTP_FORMAT_MAX], rate[KFTP_FORMAT_MAX];
        _cleanup_free_ char *name = kftp_escape(result->local, strlen(result->local));

        fprintf(stderr, "%s: %s in %s (%s)", strempty(name), kftp_format_bytes(bytes, result->bytes),
                kftp_format_usec(usec, result->usec), kftp_format_rate(rate, result->rate));
        if (result->resumed_from > 0)
                fprintf(stderr, ", %s of it were there", kftp_format_bytes(moved, result->resumed_from));
        fputc('\n', stderr);
}
