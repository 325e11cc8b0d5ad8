/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes one record of the journal out of its fields, and sends it. */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include <inttypes.h>
#include <stdarg.h>
#include <systemd/sd-journal.h>

#include "record.h"
#include "runner.h"

void record_vadd(Record *r, const char *format, va_list ap) {
        char *field;
        int n = vasprintf(&field, format, ap);

        if (n >= 0 && r->n < (int) RECORD_FIELDS_MAX)
                r->fields[r->n++] = (struct iovec) { field, (size_t) n };
        else if (n >= 0)
                free(field);
}

void record_add(Record *r, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        record_vadd(r, format, ap);
        va_end(ap);
}

void record_add_text(Record *r, const char *name, const char *value) {
        if (value)
                record_add(r, "%s=%s", name, value);
}

void record_add_u64(Record *r, const char *name, uint64_t value) {
        record_add(r, "%s=%" PRIu64, name, value);
}

void record_begin(Record *r, int priority, const char *message_id) {
        *r = (Record) {};
        record_add(r, "PRIORITY=%d", priority);
        record_add(r, "MESSAGE_ID=%s", message_id);
        record_add(r, "SYSLOG_IDENTIFIER=kftpd");
}

void record_submit(const Report *report, Record *r) {
        (void) sd_journal_sendv(r->fields, r->n);
        for (int i = 0; i < r->n; i++) {
                const char *field = r->fields[i].iov_base;

                if (report->to_stderr && startswith(field, "MESSAGE="))
                        fprintf(stderr, "%s\n", field + strlen("MESSAGE="));
                free(r->fields[i].iov_base);
        }
}

void record_add_shown(Record *r, const char *name, const char *value) {
        _cleanup_free_ char *shown = value ? kftp_escape(value, strlen(value)) : NULL;

        record_add_text(r, name, shown);
}

void record_add_error(Record *r, int error) {
        if (error < 0)
                record_add(r, "ERRNO=%d", -error);
}

static const char *class_name(enum kftp_class class) {
        switch (class) {
        case KFTP_CLASS_OK: return "ok";
        case KFTP_CLASS_USAGE: return "usage";
        case KFTP_CLASS_SOME_FAILED: return "some-failed";
        case KFTP_CLASS_AUTH: return "authentication";
        case KFTP_CLASS_REMOTE: return "remote";
        case KFTP_CLASS_NETWORK: return "network";
        case KFTP_CLASS_LOCAL: return "local";
        case KFTP_CLASS_INTEGRITY: return "integrity";
        case KFTP_CLASS_DEVICE: return "device";
        case KFTP_CLASS_TLS: return "tls";
        case KFTP_CLASS_BUSY: return "busy";
        case KFTP_CLASS_INTERRUPTED: return "interrupted";
        case KFTP_CLASS_OTHER: break;
        }
        return "other";
}

void record_add_class(Record *r, enum kftp_class class) {
        record_add_text(r, "KFTP_CLASS", class_name(class));
}

void record_add_run(Record *r, const LedgerEntry *e, const char *result) {
        record_add_text(r, "KFTP_RESULT", result);
        record_add_text(r, "KFTP_JOB", e->job);
        record_add_text(r, "KFTP_REVISION", e->revision);
        record_add(r, "KFTP_ATTEMPT=%u", e->attempt);
        if (e->number == 0)             /* of a version that had none */
                return;
        record_add_u64(r, "KFTP_RUN", e->number);
        record_add_text(r, "KFTP_TRIGGER", run_trigger_name(e->trigger));
}
