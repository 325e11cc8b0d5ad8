/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a job looks like on the bus. Little of it is kept in memory, for there may be very many jobs: what the file says is
 * read from the file again, and what has become of the last run from the ledger.
 */

#include <errno.h>

#include "bus.h"
#include "utf8.h"

static const char *const states[JOB_STATES] = {
        [JOB_UNKNOWN] = "unknown", [JOB_MASKED] = "masked", [JOB_REJECTED] = "rejected", [JOB_SCHEDULED] = "scheduled",
        [JOB_WAITING] = "waiting", [JOB_QUEUED] = "queued", [JOB_RUNNING] = "running", [JOB_DONE] = "done", [JOB_FAILED] = "failed",
};

/* An a{sv} while it is written: the first error stays. */
typedef struct Dictionary {
        sd_bus_message *message;
        int r;
} Dictionary;

static bool is_noncharacter(uint32_t c) {
        return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

bool bus_can_say(const char *text) {
        const uint8_t *p = (const uint8_t *) text;
        size_t n = strlen(text), length;
        uint32_t c;

        for (; n > 0; p += length, n -= length) {
                length = kftp_utf8_decode(p, n, &c);
                if (length == 0 || is_noncharacter(c))
                        return false;
        }
        return true;
}

static void put_string(Dictionary *d, const char *key, const char *value) {
        _cleanup_free_ char *plain = NULL;

        if (d->r < 0 || !value)
                return;
        if (!bus_can_say(value)) {
                plain = strdup(value);
                if (!plain)
                        return;
                for (char *c = plain; *c; c++)
                        *c = *c & 0x80 ? '?' : *c;
        }
        d->r = sd_bus_message_append(d->message, "{sv}", key, "s", plain ?: value);
}

static void put_u32(Dictionary *d, const char *key, uint32_t value) {
        if (d->r >= 0)
                d->r = sd_bus_message_append(d->message, "{sv}", key, "u", value);
}

static void put_u64(Dictionary *d, const char *key, uint64_t value) {
        if (d->r >= 0)
                d->r = sd_bus_message_append(d->message, "{sv}", key, "t", value);
}

static void put_strings(Dictionary *d, const char *key, char **values) {
        if (d->r < 0 || !values)
                return;
        d->r = sd_bus_message_open_container(d->message, 'e', "sv");
        if (d->r >= 0)
                d->r = sd_bus_message_append(d->message, "s", key);
        if (d->r >= 0)
                d->r = sd_bus_message_open_container(d->message, 'v', "as");
        if (d->r >= 0)
                d->r = sd_bus_message_append_strv(d->message, values);
        if (d->r >= 0)
                d->r = sd_bus_message_close_container(d->message);
        if (d->r >= 0)
                d->r = sd_bus_message_close_container(d->message);
}

static Dictionary begin(sd_bus_message *message) {
        return (Dictionary) { .message = message, .r = sd_bus_message_open_container(message, 'a', "{sv}") };
}

static int end(Dictionary *d) {
        return d->r < 0 ? d->r : sd_bus_message_close_container(d->message);
}

/* A moment of the monotonic clock as one of the realtime clock; 0 stays 0. */
static uint64_t to_realtime(uint64_t usec) {
        struct timespec now;
        uint64_t real, mono = now_usec();

        if (usec == 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
                return 0;
        real = (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
        return usec >= mono ? real + (usec - mono) : real - MIN2(mono - usec, real);
}

static void put_definition(Dictionary *d, const KftpJob *job) {
        _cleanup_free_ char *server = NULL;

        if (asprintf(&server, strchr(strempty(job->url.host), ':') ? "[%s]:%u" : "%s:%u", strempty(job->url.host), job->url.port) < 0)
                server = NULL;
        put_string(d, "Description", job->description);
        put_string(d, "Direction", job->upload ? "upload" : "download");
        put_string(d, "Transfer", job->mirror ? "mirror" : "copy");
        put_string(d, "Server", server);
        put_string(d, "URL", job->remote);
        put_string(d, "Path", job->path);
        put_string(d, "File", job->file);
        put_strings(d, "Calendar", job->calendar);
        put_u32(d, "Retries", job->retries);
}

static bool is_concluded(const LedgerEntry *e) {
        return e->state == LEDGER_DONE || e->state == LEDGER_FAILED;
}

/* While a run is under way its entry is not that of the last one, which is told by what the job remembers. */
static void put_last_run(Dictionary *d, const LedgerEntry *e) {
        if (!is_concluded(e) || e->ended_usec == 0)
                return;
        put_u64(d, "LastRun", e->number);
        put_u64(d, "LastEnded", e->ended_usec);
        put_string(d, "LastResult", e->state == LEDGER_DONE ? kftp_class_name(KFTP_CLASS_OK) : kftp_class_name(e->class));
        put_string(d, "LastText", e->text);
        put_u64(d, "LastFiles", e->transferred);
        put_u64(d, "LastBytes", e->bytes);
        put_u64(d, "LastUSec", e->usec);
}

static void put_progress(Dictionary *d, Job *j) {
        RunProgress p = {};

        run_get_progress(j->run, &p);
        put_string(d, "Name", p.name);
        put_u64(d, "FileBytes", p.file_bytes);
        put_u64(d, "FileTotal", p.file_total);
        put_u64(d, "Bytes", p.bytes);
        put_u64(d, "Files", p.files);
        put_u64(d, "Rate", p.rate);
        put_u64(d, "StartedUSec", p.started_usec);
        free(p.name);
}

/* Also one whose target, or whose end, is waited for. */
static bool has_run(const Job *j) {
        return j->state == JOB_RUNNING || j->state == JOB_QUEUED || j->state == JOB_WAITING ||
                (j->state == JOB_REJECTED && (j->definition || j->run));
}

static void put_state(Dictionary *d, const Job *j, const LedgerEntry *e) {
        put_string(d, "State", states[j->state]);
        put_u64(d, "Since", j->since_usec);
        put_u64(d, "NotBefore", to_realtime(j->not_before));
        put_string(d, "Revision", j->revision[0] ? j->revision : NULL);
        put_string(d, "Text", j->complaint);
        if (!has_run(j))
                return;
        put_u64(d, "Run", j->number);
        put_string(d, "Trigger", run_trigger_name(j->trigger));
        if (e && !is_concluded(e))
                put_u32(d, "Attempt", e->attempt);
}

int bus_append_job(sd_bus_message *message, Manager *m, Job *j) {
        Dictionary d = begin(message);
        KftpJob *definition = NULL;
        LedgerEntry *e = NULL;

        (void) job_read_definition(m, j, &definition);
        (void) ledger_read(m->context.ledger, j->name, &e);
        put_state(&d, j, e);
        if (definition)
                put_definition(&d, definition);
        if (e)
                put_last_run(&d, e);
        if (j->state == JOB_RUNNING && j->run)
                put_progress(&d, j);
        kftp_job_free(definition);
        ledger_entry_free(e);
        return end(&d);
}

int bus_append_progress(sd_bus_message *message, Job *j) {
        Dictionary d = begin(message);

        put_progress(&d, j);
        return end(&d);
}
