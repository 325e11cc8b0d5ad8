/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes journal records of what has happened: the line for people, and the fields in raw units. */

#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <syslog.h>

#include "catalog-ids.h"
#include "format.h"
#include "record.h"
#include "report-mirror.h"

void report_init(Report *r) {
        unsigned long long device, inode;
        const char *stream = getenv("JOURNAL_STREAM");
        struct stat st;

        r->to_stderr = !stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2 || fstat(STDERR_FILENO, &st) < 0 ||
                st.st_dev != device || st.st_ino != inode;
}

/* ---- Runs ----------------------------------------------------------------------------------------- */

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

static bool has_counts(const LedgerEntry *e) {
        return e->mirror || e->set;
}

/* Of an upload the ledger has the name on the server, once there is one. */
static const char *local_path(const LedgerEntry *e) {
        return e->upload && !e->set ? e->item ?: e->final : e->final;
}

static void add_entry(Record *r, const LedgerEntry *e, const char *result) {
        record_add_run(r, e, result);
        record_add_text(r, "KFTP_REMOTE", e->remote);
        record_add_text(r, "KFTP_LOCAL", local_path(e));
        record_add_u64(r, "KFTP_BYTES", e->bytes);
        if (has_counts(e))
                report_mirror_add_counts(r, e);
}

static void add_connection(Record *r, const LedgerEntry *e) {
        if (e->reply != 0)
                record_add(r, "KFTP_REPLY_CODE=%u", e->reply);
        record_add_text(r, "KFTP_REPLY", e->reply_text);
        record_add_text(r, "KFTP_PEER", e->peer);
        record_add_text(r, "KFTP_LOCAL_ADDR", e->local);
        record_add_text(r, "KFTP_DATA_PEER", e->data_peer);
        record_add_text(r, "KFTP_DATA_LOCAL_ADDR", e->data_local);
        record_add_text(r, "KFTP_TLS", e->tls);
}

/* What is known only of a transfer that this process, or one before it, saw through. */
static void add_measure(Record *r, const LedgerEntry *e, uint64_t usec) {
        if (e->recovered) {
                record_add(r, "KFTP_RECOVERED=1");
                return;
        }
        record_add_u64(r, "KFTP_RESUMED_FROM", e->resumed_from);
        record_add_u64(r, "KFTP_USEC", usec);
        record_add_u64(r, "KFTP_RATE", e->rate);
}

static void add_file(Record *r, const LedgerEntry *e) {
        add_measure(r, e, e->transfer_usec);
        if (e->mtime != KFTP_MTIME_UNKNOWN)
                record_add(r, "KFTP_MTIME=%" PRIi64, e->mtime);
        add_connection(r, e);
}

void report_delivered(const Report *report, const LedgerEntry *e) {
        char bytes[KFTP_FORMAT_MAX], usec[KFTP_FORMAT_MAX], rate[KFTP_FORMAT_MAX], offset[KFTP_FORMAT_MAX];
        _cleanup_free_ char *remote = e->upload ? kftp_escape(strempty(e->final), strlen(strempty(e->final))) : remote_path(e);
        _cleanup_free_ char *local = kftp_escape(strempty(local_path(e)), strlen(strempty(local_path(e))));
        const char *from = e->upload ? strempty(local) : strempty(remote), *to = e->upload ? strempty(remote) : strempty(local);
        Record r;

        record_begin(&r, LOG_INFO, KFTP_MESSAGE_FILE_DONE);
        if (e->recovered)
                record_add(&r, "MESSAGE=%s: %s -> %s: %s, delivered just before kftpd was stopped", e->job, from, to,
                           kftp_format_bytes(bytes, e->bytes));
        else
                record_add(&r, "MESSAGE=%s: %s -> %s: %s in %s (%s)%s%s", e->job, from, to,
                           kftp_format_bytes(bytes, e->bytes), kftp_format_usec(usec, e->transfer_usec),
                           kftp_format_rate(rate, e->rate), e->resumed_from > 0 ? ", resumed at " : "",
                    e->resumed_from > 0 ? kftp_format_bytes(offset, e->resumed_from) : "");
        add_entry(&r, e, "done");
        add_file(&r, e);
        record_submit(report, &r);
}

void report_recovered(const Report *report, const LedgerEntry *e) {
        _cleanup_free_ char *item = kftp_escape(strempty(e->item), strlen(strempty(e->item)));
        _cleanup_free_ char *url = e->set ? report_url_of(e, strempty(e->item)) : strdup(strempty(e->remote));
        _cleanup_free_ char *final = kftp_escape(strempty(e->final), strlen(strempty(e->final)));
        char bytes[KFTP_FORMAT_MAX];
        Record r;

        record_begin(&r, LOG_INFO, KFTP_MESSAGE_FILE_DONE);
        record_add(&r, "MESSAGE=%s: %s -> %s: %s, delivered just before kftpd was stopped", e->job, strempty(item), strempty(final),
                   kftp_format_bytes(bytes, e->bytes));
        record_add_run(&r, e, "done");
        record_add_text(&r, "KFTP_ACTION", kftp_mirror_action_name(e->upload ? KFTP_MIRROR_PUT : KFTP_MIRROR_GET));
        record_add_text(&r, "KFTP_REMOTE", url);
        if (!e->upload)
                record_add_text(&r, "KFTP_LOCAL", final);
        record_add_u64(&r, "KFTP_BYTES", e->bytes);
        record_add(&r, "KFTP_RECOVERED=1");
        record_submit(report, &r);
}

void report_file_failed(const Report *report, const LedgerEntry *e, const char *name, const KftpFailure *f) {
        const KftpResult result = { .mtime = KFTP_MTIME_UNKNOWN, .failure = *f };
        const KftpMirrorEvent event = {
                .action = e->upload ? KFTP_MIRROR_PUT : KFTP_MIRROR_GET,
                .path = name,
                .size = KFTP_SIZE_UNKNOWN,
                .mtime = KFTP_MTIME_UNKNOWN,
                .result = &result,
        };

        (void) report_mirror_event(report, e, &event, e->upload, 0);
}

/* There was no file, or it is not to be transferred again. */
static void report_nothing(const Report *report, const LedgerEntry *e) {
        _cleanup_free_ char *final = kftp_escape(strempty(e->final), strlen(strempty(e->final)));
        Record r;

        record_begin(&r, LOG_INFO, KFTP_MESSAGE_JOB_DONE);
        record_add(&r, "MESSAGE=%s: done: %s%s", e->job, e->unchanged > 0 ? "it was delivered before, or is there already: " : "no file was found for ",
                   strempty(final));
        add_entry(&r, e, "done");
        record_add(&r, "KFTP_FILES=0");
        record_add_u64(&r, "KFTP_UNCHANGED", e->unchanged);
        record_submit(report, &r);
}

static void report_done(const Report *report, const LedgerEntry *e) {
        char bytes[KFTP_FORMAT_MAX], usec[KFTP_FORMAT_MAX];
        Record r;

        record_begin(&r, LOG_INFO, KFTP_MESSAGE_JOB_DONE);
        if (e->recovered)
                record_add(&r, "MESSAGE=%s: done: 1 file, %s", e->job, kftp_format_bytes(bytes, e->bytes));
        else if (e->attempt > 1)
                           record_add(&r, "MESSAGE=%s: done: 1 file, %s in %s, at attempt %u", e->job, kftp_format_bytes(bytes, e->bytes),
                                      kftp_format_usec(usec, e->usec), e->attempt);
        else
                record_add(&r, "MESSAGE=%s: done: 1 file, %s in %s", e->job, kftp_format_bytes(bytes, e->bytes),
                           kftp_format_usec(usec, e->usec));
        add_entry(&r, e, "done");
        record_add(&r, "KFTP_FILES=1");
        add_measure(&r, e, e->usec);
        record_submit(report, &r);
}

static void report_failed(const Report *report, const LedgerEntry *e) {
        _cleanup_free_ char *summary = has_counts(e) ? report_mirror_summary(e) : NULL;
        Record r;

        record_begin(&r, LOG_ERR, KFTP_MESSAGE_JOB_FAILED);
        if (e->permanent)
                record_add(&r, "MESSAGE=%s: failed: %s, not retried%s%s", e->job, strempty(e->text), summary ? "; " : "", strempty(summary));
        else
                           record_add(&r, "MESSAGE=%s: failed: %s, given up after %u attempt%s%s%s", e->job, strempty(e->text), e->attempt,
                                      e->attempt == 1 ? "" : "s", summary ? "; " : "", strempty(summary));
        add_entry(&r, e, "failed");
        record_add_class(&r, e->class);
        record_add_u64(&r, "KFTP_USEC", e->usec);
        record_add_error(&r, e->error);
        add_connection(&r, e);
        record_submit(report, &r);
}

void report_conclusion(const Report *report, const LedgerEntry *e) {
        if (e->state == LEDGER_INTENT && ledger_entry_was_delivered(e)) /* and nothing else follows, as the job is another one or gone */
                report_recovered(report, e);
        else if (e->state == LEDGER_DONE && has_counts(e))
                report_mirror_done(report, e);
        else if (e->state == LEDGER_DONE && e->transferred == 0)
                report_nothing(report, e);
        else if (e->state == LEDGER_DONE) {
                report_delivered(report, e);
                report_done(report, e);
        } else if (e->state == LEDGER_FAILED)
                report_failed(report, e);
}

void report_attempt(const Report *report, const LedgerEntry *e, const KftpAttempt *a, unsigned attempts) {
        _cleanup_free_ char *text = kftp_escape(strempty(a->failure->text), strlen(strempty(a->failure->text)));
        char delay[KFTP_FORMAT_MAX];
        Record r;

        record_begin(&r, LOG_WARNING, KFTP_MESSAGE_ATTEMPT_FAILED);
        record_add(&r, "MESSAGE=%s: attempt %u of %u failed: %s; the next one in %s", e->job, e->attempt, attempts,
                   strempty(text), kftp_format_usec(delay, a->delay_usec));
        add_entry(&r, e, "retry");
        record_add_class(&r, a->failure->class);
        record_add_u64(&r, "KFTP_DELAY_USEC", a->delay_usec);
        record_add_error(&r, a->failure->error);
        if (a->failure->reply != 0)
                record_add(&r, "KFTP_REPLY_CODE=%u", a->failure->reply);
        record_submit(report, &r);
}

void report_stopped(const Report *report, const LedgerEntry *e, const char *why) {
        char bytes[KFTP_FORMAT_MAX];
        Record r;

        record_begin(&r, LOG_NOTICE, why ? KFTP_MESSAGE_JOB_CANCELLED : KFTP_MESSAGE_JOB_INTERRUPTED);
        if (why)
                record_add(&r, "MESSAGE=%s: cancelled: %s", e->job, why);
        else if (has_counts(e))
                           record_add(&r, "MESSAGE=%s: interrupted after %" PRIu64 " file%s, %s, goes on when kftpd starts again", e->job, e->transferred,
                                      e->transferred == 1 ? "" : "s", kftp_format_bytes(bytes, e->bytes));
        else
                record_add(&r, "MESSAGE=%s: interrupted at %s, goes on when kftpd starts again", e->job,
                           kftp_format_bytes(bytes, e->bytes));
        add_entry(&r, e, why ? "cancelled" : "interrupted");
        record_submit(report, &r);
}

/* ---- Everything else ------------------------------------------------------------------------------ */

void report_diagnosis(const Report *report, const char *job, const KftpDiagnosis *d) {
        _cleanup_free_ char *text = kftp_diagnosis_format(d), *shown = text ? kftp_escape(text, strlen(text)) : NULL;
        Record r;

        record_begin(&r, d->error ? LOG_ERR : LOG_WARNING, d->error ? KFTP_MESSAGE_JOB_REJECTED : KFTP_MESSAGE_JOB_WARNING);
        record_add(&r, "MESSAGE=%s", strempty(shown));
        record_add_shown(&r, "KFTP_JOB", job);
        record_add(&r, "CONFIG_FILE=%s", d->file);
        if (d->line > 0) {
                record_add(&r, "CONFIG_LINE=%u", d->line);
                record_add(&r, "CONFIG_COLUMN=%u", d->column);
        }
        record_submit(report, &r);
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

        record_begin(&r, priority, message_id);
        record_add(&r, "MESSAGE=%s", strempty(text));
        record_add_text(&r, "KFTP_JOB", job);
        record_add_error(&r, error);
        record_submit(report, &r);
}
