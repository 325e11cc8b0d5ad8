/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes journal records of what has happened: the line for people, and the fields in raw units. */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "catalog-ids.h"
#include "format.h"
#include "report.h"

#define FIELDS_MAX 32U

typedef struct Record {
        struct iovec fields[FIELDS_MAX];
        int n;
} Record;

void report_init(Report *r) {
        unsigned long long device, inode;
        const char *stream = getenv("JOURNAL_STREAM");
        struct stat st;

        r->to_stderr = !stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2 || fstat(STDERR_FILENO, &st) < 0 ||
                st.st_dev != device || st.st_ino != inode;
}

/* ---- Records -------------------------------------------------------------------------------------- */

static void vadd(Record *r, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

static void vadd(Record *r, const char *format, va_list ap) {
        char *field;
        int n = vasprintf(&field, format, ap);

        if (n >= 0 && r->n < (int) FIELDS_MAX)
                r->fields[r->n++] = (struct iovec) { field, (size_t) n };
        else if (n >= 0)
                free(field);
}

/* Adds "NAME=value"; without memory the field is left out. */
static void _printf_(2, 3) add(Record *r, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        vadd(r, format, ap);
        va_end(ap);
}

static void add_text(Record *r, const char *name, const char *value) {
        if (value)
                add(r, "%s=%s", name, value);
}

static void add_u64(Record *r, const char *name, uint64_t value) {
        add(r, "%s=%" PRIu64, name, value);
}

/* Begins a record; the message follows as its first field. */
static void begin(Record *r, int priority, const char *message_id) {
        *r = (Record) {};
        add(r, "PRIORITY=%d", priority);
        add(r, "MESSAGE_ID=%s", message_id);
        add(r, "SYSLOG_IDENTIFIER=kftpd");
}

static void submit(const Report *report, Record *r) {
        (void) sd_journal_sendv(r->fields, r->n);
        for (int i = 0; i < r->n; i++) {
                const char *field = r->fields[i].iov_base;

                if (report->to_stderr && startswith(field, "MESSAGE="))
                        fprintf(stderr, "%s\n", field + strlen("MESSAGE="));
                free(r->fields[i].iov_base);
        }
}

/* ---- Runs ----------------------------------------------------------------------------------------- */

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

/* The path on the server as it can be shown. Allocated; NULL without memory. */
static char *remote_path(const LedgerEntry *e) {
        KftpUrl url;
        char *shown;

        if (!e->remote || kftp_url_parse(e->remote, &url, NULL) < 0)
                return strdup(strempty(e->remote));
        shown = kftp_escape(url.path, strlen(url.path));
        kftp_url_done(&url);
        return shown;
}

static void add_entry(Record *r, const LedgerEntry *e, const char *result) {
        add_text(r, "KFTP_RESULT", result);
        add_text(r, "KFTP_JOB", e->job);
        add_text(r, "KFTP_REVISION", e->revision);
        add_text(r, "KFTP_REMOTE", e->remote);
        add_text(r, "KFTP_LOCAL", e->final);
        add(r, "KFTP_ATTEMPT=%u", e->attempt);
        add_u64(r, "KFTP_BYTES", e->bytes);
}

static void add_connection(Record *r, const LedgerEntry *e) {
        if (e->reply != 0)
                add(r, "KFTP_REPLY_CODE=%u", e->reply);
        add_text(r, "KFTP_REPLY", e->reply_text);
        add_text(r, "KFTP_PEER", e->peer);
        add_text(r, "KFTP_LOCAL_ADDR", e->local);
        add_text(r, "KFTP_DATA_PEER", e->data_peer);
        add_text(r, "KFTP_DATA_LOCAL_ADDR", e->data_local);
        add_text(r, "KFTP_TLS", e->tls);
}

static void add_error(Record *r, int error) {
        if (error < 0)
                add(r, "ERRNO=%d", -error);
}

/* What is known only of a transfer that this process, or one before it, saw through. */
static void add_measure(Record *r, const LedgerEntry *e, uint64_t usec) {
        if (e->recovered) {
                add(r, "KFTP_RECOVERED=1");
                return;
        }
        add_u64(r, "KFTP_RESUMED_FROM", e->resumed_from);
        add_u64(r, "KFTP_USEC", usec);
        add_u64(r, "KFTP_RATE", e->rate);
}

static void report_file(const Report *report, const LedgerEntry *e) {
        char bytes[KFTP_FORMAT_MAX], usec[KFTP_FORMAT_MAX], rate[KFTP_FORMAT_MAX], offset[KFTP_FORMAT_MAX];
        _cleanup_free_ char *remote = remote_path(e), *local = kftp_escape(e->final, strlen(e->final));
        Record r;

        begin(&r, LOG_INFO, KFTP_MESSAGE_FILE_DONE);
        if (e->recovered)
                add(&r, "MESSAGE=%s: %s -> %s: %s, delivered just before kftpd was stopped", e->job, strempty(remote),
                    strempty(local), kftp_format_bytes(bytes, e->bytes));
        else
                add(&r, "MESSAGE=%s: %s -> %s: %s in %s (%s)%s%s", e->job, strempty(remote), strempty(local),
                    kftp_format_bytes(bytes, e->bytes), kftp_format_usec(usec, e->transfer_usec),
                    kftp_format_rate(rate, e->rate), e->resumed_from > 0 ? ", resumed at " : "",
                    e->resumed_from > 0 ? kftp_format_bytes(offset, e->resumed_from) : "");
        add_entry(&r, e, "done");
        add_measure(&r, e, e->transfer_usec);
        if (e->mtime != KFTP_MTIME_UNKNOWN)
                add(&r, "KFTP_MTIME=%" PRIi64, e->mtime);
        add_connection(&r, e);
        submit(report, &r);
}

static void report_done(const Report *report, const LedgerEntry *e) {
        char bytes[KFTP_FORMAT_MAX], usec[KFTP_FORMAT_MAX];
        Record r;

        begin(&r, LOG_INFO, KFTP_MESSAGE_JOB_DONE);
        if (e->recovered)
                add(&r, "MESSAGE=%s: done: 1 file, %s", e->job, kftp_format_bytes(bytes, e->bytes));
        else if (e->attempt > 1)
                add(&r, "MESSAGE=%s: done: 1 file, %s in %s, at attempt %u", e->job, kftp_format_bytes(bytes, e->bytes),
                    kftp_format_usec(usec, e->usec), e->attempt);
        else
                add(&r, "MESSAGE=%s: done: 1 file, %s in %s", e->job, kftp_format_bytes(bytes, e->bytes),
                    kftp_format_usec(usec, e->usec));
        add_entry(&r, e, "done");
        add(&r, "KFTP_FILES=1");
        add_measure(&r, e, e->usec);
        submit(report, &r);
}

static void report_failed(const Report *report, const LedgerEntry *e) {
        Record r;

        begin(&r, LOG_ERR, KFTP_MESSAGE_JOB_FAILED);
        if (e->permanent)
                add(&r, "MESSAGE=%s: failed: %s, not retried", e->job, strempty(e->text));
        else
                add(&r, "MESSAGE=%s: failed: %s, given up after %u attempt%s", e->job, strempty(e->text), e->attempt,
                    e->attempt == 1 ? "" : "s");
        add_entry(&r, e, "failed");
        add_text(&r, "KFTP_CLASS", class_name(e->class));
        add_u64(&r, "KFTP_USEC", e->usec);
        add_error(&r, e->error);
        add_connection(&r, e);
        submit(report, &r);
}

void report_conclusion(const Report *report, const LedgerEntry *e) {
        if (e->state == LEDGER_DONE) {
                report_file(report, e);
                report_done(report, e);
        } else if (e->state == LEDGER_FAILED)
                report_failed(report, e);
}

void report_attempt(const Report *report, const LedgerEntry *e, const KftpAttempt *a, unsigned attempts) {
        _cleanup_free_ char *text = kftp_escape(strempty(a->failure->text), strlen(strempty(a->failure->text)));
        char delay[KFTP_FORMAT_MAX];
        Record r;

        begin(&r, LOG_WARNING, KFTP_MESSAGE_ATTEMPT_FAILED);
        add(&r, "MESSAGE=%s: attempt %u of %u failed: %s; the next one in %s", e->job, e->attempt, attempts,
            strempty(text), kftp_format_usec(delay, a->delay_usec));
        add_entry(&r, e, "retry");
        add_text(&r, "KFTP_CLASS", class_name(a->failure->class));
        add_u64(&r, "KFTP_DELAY_USEC", a->delay_usec);
        add_error(&r, a->failure->error);
        if (a->failure->reply != 0)
                add(&r, "KFTP_REPLY_CODE=%u", a->failure->reply);
        submit(report, &r);
}

void report_stopped(const Report *report, const LedgerEntry *e, const char *why) {
        char bytes[KFTP_FORMAT_MAX];
        Record r;

        begin(&r, LOG_NOTICE, why ? KFTP_MESSAGE_JOB_CANCELLED : KFTP_MESSAGE_JOB_INTERRUPTED);
        if (why)
                add(&r, "MESSAGE=%s: cancelled: %s", e->job, why);
        else
                add(&r, "MESSAGE=%s: interrupted at %s, goes on when kftpd starts again", e->job,
                    kftp_format_bytes(bytes, e->bytes));
        add_entry(&r, e, why ? "cancelled" : "interrupted");
        submit(report, &r);
}

/* ---- Everything else ------------------------------------------------------------------------------ */

void report_diagnosis(const Report *report, const KftpDiagnosis *d) {
        const char *slash = strrchr(d->file, '/'), *name = slash ? slash + 1 : d->file;
        _cleanup_free_ char *text = kftp_diagnosis_format(d), *shown = text ? kftp_escape(text, strlen(text)) : NULL;
        Record r;

        begin(&r, d->error ? LOG_ERR : LOG_WARNING, d->error ? KFTP_MESSAGE_JOB_REJECTED : KFTP_MESSAGE_JOB_WARNING);
        add(&r, "MESSAGE=%s", strempty(shown));
        add(&r, "KFTP_JOB=%.*s", (int) (strlen(name) - strlen(KFTP_JOB_SUFFIX)), name);
        add(&r, "CONFIG_FILE=%s", d->file);
        if (d->line > 0) {
                add(&r, "CONFIG_LINE=%u", d->line);
                add(&r, "CONFIG_COLUMN=%u", d->column);
        }
        submit(report, &r);
}

void report_event(const Report *report, int priority, const char *message_id, const char *job, int error,
                  const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        Record r;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);

        begin(&r, priority, message_id);
        add(&r, "MESSAGE=%s", strempty(text));
        add_text(&r, "KFTP_JOB", job);
        add_error(&r, error);
        submit(report, &r);
}
