// SPDX-License-Identifier: GPL-2.0-or-later
/* What became of a transfer, for programs and for people. */

#include "format.h"
#include "report.h"
#include "util.h"

/* Text from outside; JSON takes UTF-8 only. */
json_t *report_text_or_null(const char *text) {
        _cleanup_free_ char *escaped = text ? kftp_escape(text, strlen(text)) : NULL;

        return escaped ? json_string(escaped) : json_null();
}

json_t *report_make_json(const char *url, const char *path, const KftpResult *result) {
        _cleanup_free_ char *tls = kftp_format_tls(result);
        const KftpFailure *f = &result->failure;

        return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:I, s:o, s:o, s:s, s:o}",
                         "url", report_text_or_null(url),
                         "path", report_text_or_null(path),
                         "bytes", (json_int_t) result->bytes,
                         "resumed_from", (json_int_t) result->resumed_from,
                         "usec", (json_int_t) result->usec,
                         "rate", (json_int_t) result->rate,
                         "reply", report_text_or_null(result->reply_text),
                         "attempts", (json_int_t) result->attempts,
                         "sha256", report_text_or_null(result->sha256),
                         "tls", report_text_or_null(tls),
                         "result", kftp_class_name(f->class),
                         "error", f->class == KFTP_CLASS_OK ? json_null() : report_text_or_null(strempty(f->text)));
}

int report_write_json(const json_t *object) {
        if (!object)
                return -ENOMEM;
        if (json_dumpf(object, stdout, JSON_COMPACT) < 0 || fputc('\n', stdout) == EOF || fflush(stdout) != 0)
                return errno > 0 ? -errno : -EIO;
        return 0;
}

int report_json(const char *url, const KftpResult *result) {
        json_auto_t *root = report_make_json(url, result->local, result);

        return report_write_json(root);
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
