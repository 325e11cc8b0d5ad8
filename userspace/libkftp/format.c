// SPDX-License-Identifier: LGPL-2.1-or-later
/* Quantities for people: sizes in binary units, rates, durations; and the TLS of a transfer. */

#include <inttypes.h>

#include "format.h"
#include "util.h"

static void format_bytes(char *buffer, uint64_t bytes, const char *suffix) {
        static const char units[][4] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        double value = (double) bytes / 1024;
        size_t unit = 0;

        if (bytes < 1024) {
                (void) snprintf(buffer, KFTP_FORMAT_MAX, "%" PRIu64 " B%s", bytes, suffix);
                return;
        }
        /* 1023.95 would be shown as "1024.0" */
        while (value >= 1023.95 && unit + 1 < ELEMENTS(units)) {
                value /= 1024;
                unit++;
        }
        (void) snprintf(buffer, KFTP_FORMAT_MAX, "%.1f %s%s", value, units[unit], suffix);
}

char *kftp_format_bytes(char *buffer, uint64_t bytes) {
        format_bytes(buffer, bytes, "");
        return buffer;
}

char *kftp_format_rate(char *buffer, uint64_t bytes_per_sec) {
        format_bytes(buffer, bytes_per_sec, "/s");
        return buffer;
}

char *kftp_format_usec(char *buffer, uint64_t usec) {
        uint64_t tenths = (usec + USEC_PER_SEC / 20) / (USEC_PER_SEC / 10), s = (usec + USEC_PER_SEC / 2) / USEC_PER_SEC;

        if (tenths < 600)
                (void) snprintf(buffer, KFTP_FORMAT_MAX, "%" PRIu64 ".%" PRIu64 " s", tenths / 10, tenths % 10);
        else if (s < 3600)
                (void) snprintf(buffer, KFTP_FORMAT_MAX, "%" PRIu64 "min %02" PRIu64 "s", s / 60, s % 60);
        else
                (void) snprintf(buffer, KFTP_FORMAT_MAX, "%" PRIu64 "h %02" PRIu64 "min", s / 3600, s / 60 % 60);
        return buffer;
}

char *kftp_format_tls(const KftpResult *result) {
        _cleanup_free_ char *control = NULL;
        char *text;

        if (result->data_tls.version != 0)
                return kftp_tls_format(&result->data_tls);
        if (result->tls.version == 0)
                return NULL;
        control = kftp_tls_format(&result->tls);
        /* Where it did not come to a data connection nothing can be said of that. */
        if (!control || result->data_peer.family == 0)
                return STEAL_PTR(control);
        return asprintf(&text, "%s control-only", control) < 0 ? NULL : text;
}
