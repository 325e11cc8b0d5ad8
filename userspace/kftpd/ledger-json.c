/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The JSON form of a ledger entry: a table of its members, walked in both directions. Members that
 * are unknown are ignored and those that are missing are zero, so that entries outlive versions of
 * kftpd. Paths may hold any byte while JSON is UTF-8: other bytes than printable ASCII stand as %XX.
 */

#include <errno.h>
#include <jansson.h>

#include "ledger-json.h"
#include "util.h"

typedef enum MemberType {
        MEMBER_BOOL,
        MEMBER_INT,
        MEMBER_UNSIGNED,
        MEMBER_U64,
        MEMBER_S64,
        MEMBER_TEXT,                    /* UTF-8 */
        MEMBER_PATH,
} MemberType;

static const struct {
        const char *name;
        MemberType type;
        size_t offset;
} members[] = {
        { "number", MEMBER_U64, offsetof(LedgerEntry, number) },
        { "trigger", MEMBER_UNSIGNED, offsetof(LedgerEntry, trigger) },
        { "again", MEMBER_BOOL, offsetof(LedgerEntry, again) },
        { "retried", MEMBER_BOOL, offsetof(LedgerEntry, retried) },
        { "ended_usec", MEMBER_U64, offsetof(LedgerEntry, ended_usec) },
        { "succeeded_usec", MEMBER_U64, offsetof(LedgerEntry, succeeded_usec) },
        { "attempt", MEMBER_UNSIGNED, offsetof(LedgerEntry, attempt) },
        { "remote", MEMBER_TEXT, offsetof(LedgerEntry, remote) },
        { "temporary", MEMBER_PATH, offsetof(LedgerEntry, temporary) },
        { "final", MEMBER_PATH, offsetof(LedgerEntry, final) },
        { "directory_inode", MEMBER_U64, offsetof(LedgerEntry, directory_inode) },
        { "bytes", MEMBER_U64, offsetof(LedgerEntry, bytes) },
        { "mtime", MEMBER_S64, offsetof(LedgerEntry, mtime) },
        { "item", MEMBER_PATH, offsetof(LedgerEntry, item) },
        { "item_size", MEMBER_U64, offsetof(LedgerEntry, item_size) },
        { "item_mtime", MEMBER_S64, offsetof(LedgerEntry, item_mtime) },
        { "item_precision", MEMBER_UNSIGNED, offsetof(LedgerEntry, item_precision) },
        { "pending", MEMBER_BOOL, offsetof(LedgerEntry, pending) },
        { "intent_number", MEMBER_U64, offsetof(LedgerEntry, intent_number) },
        { "twin", MEMBER_BOOL, offsetof(LedgerEntry, twin) },
        { "twin_mtime", MEMBER_S64, offsetof(LedgerEntry, twin_mtime) },
        { "set", MEMBER_BOOL, offsetof(LedgerEntry, set) },
        { "upload", MEMBER_BOOL, offsetof(LedgerEntry, upload) },
        { "then", MEMBER_BOOL, offsetof(LedgerEntry, then) },
        { "reported", MEMBER_BOOL, offsetof(LedgerEntry, reported) },
        { "recovered", MEMBER_BOOL, offsetof(LedgerEntry, recovered) },
        { "permanent", MEMBER_BOOL, offsetof(LedgerEntry, permanent) },
        { "class", MEMBER_UNSIGNED, offsetof(LedgerEntry, class) },
        { "error", MEMBER_INT, offsetof(LedgerEntry, error) },
        { "text", MEMBER_TEXT, offsetof(LedgerEntry, text) },
        { "resumed_from", MEMBER_U64, offsetof(LedgerEntry, resumed_from) },
        { "usec", MEMBER_U64, offsetof(LedgerEntry, usec) },
        { "transfer_usec", MEMBER_U64, offsetof(LedgerEntry, transfer_usec) },
        { "rate", MEMBER_U64, offsetof(LedgerEntry, rate) },
        { "reply", MEMBER_UNSIGNED, offsetof(LedgerEntry, reply) },
        { "reply_text", MEMBER_TEXT, offsetof(LedgerEntry, reply_text) },
        { "peer", MEMBER_TEXT, offsetof(LedgerEntry, peer) },
        { "local", MEMBER_TEXT, offsetof(LedgerEntry, local) },
        { "data_peer", MEMBER_TEXT, offsetof(LedgerEntry, data_peer) },
        { "data_local", MEMBER_TEXT, offsetof(LedgerEntry, data_local) },
        { "tls", MEMBER_TEXT, offsetof(LedgerEntry, tls) },
        { "mirror", MEMBER_BOOL, offsetof(LedgerEntry, mirror) },
        { "transferred", MEMBER_U64, offsetof(LedgerEntry, transferred) },
        { "deleted", MEMBER_U64, offsetof(LedgerEntry, deleted) },
        { "moved", MEMBER_U64, offsetof(LedgerEntry, moved) },
        { "unchanged", MEMBER_U64, offsetof(LedgerEntry, unchanged) },
        { "failed", MEMBER_U64, offsetof(LedgerEntry, failed) },
};

static const char *const states[LEDGER_STATES] = {
        [LEDGER_RUNNING] = "running",
        [LEDGER_INTERRUPTED] = "interrupted",
        [LEDGER_INTENT] = "intent",
        [LEDGER_DONE] = "done",
        [LEDGER_FAILED] = "failed",
};

char *ledger_path_encode(const char *path) {
        char *result = malloc(3 * strlen(path) + 1), *out = result;

        if (!result)
                return NULL;
        for (; *path; path++) {
                unsigned char c = (unsigned char) *path;

                if (c > 0x20 && c < 0x7f && c != '%')
                        *out++ = (char) c;
                else
                        out += sprintf(out, "%%%02X", c);
        }
        *out = '\0';
        return result;
}

char *ledger_path_decode(const char *text) {
        char *result = malloc(strlen(text) + 1), *out = result;
        unsigned c;

        if (!result)
                return NULL;
        while (*text) {
                if (*text != '%')
                        *out++ = *text++;
                else if (sscanf(text, "%%%2x", &c) == 1 && c > 0 && text[1] && text[2]) {
                        *out++ = (char) c;
                        text += 3;
                } else {
                        free(result);
                        return NULL;
                }
        }
        *out = '\0';
        return result;
}

static json_t *path_to_json(const char *path) {
        _cleanup_free_ char *encoded = ledger_path_encode(path);

        return encoded ? json_string(encoded) : NULL;
}

/* The member at p as JSON; NULL if it is absent, *ret_failed if it cannot be said. */
static json_t *member_to_json(MemberType type, const void *p, bool *ret_failed) {
        const char *const *text = p;
        json_t *v = NULL;

        switch (type) {
        case MEMBER_BOOL:
                v = json_boolean(*(const bool *) p);
                break;
        case MEMBER_INT:
                v = json_integer(*(const int *) p);
                break;
        case MEMBER_UNSIGNED:
                v = json_integer(*(const unsigned *) p);
                break;
        case MEMBER_U64:        /* JSON integers here are signed; no file has 2^63 bytes */
                v = json_integer((json_int_t) MIN2(*(const uint64_t *) p, (uint64_t) INT64_MAX));
                break;
        case MEMBER_S64:
                v = json_integer(*(const int64_t *) p);
                break;
        case MEMBER_TEXT:
        case MEMBER_PATH:
                if (!*text)
                        return NULL;
                v = type == MEMBER_TEXT ? json_string(*text) : path_to_json(*text);
                break;
        }
        if (!v)
                *ret_failed = true;
        return v;
}

static int number_from_json(MemberType type, void *p, json_int_t n) {
        if (type != MEMBER_INT && type != MEMBER_S64 && n < 0)
                return -EBADMSG;
        if (type == MEMBER_INT)
                *(int *) p = (int) n;
        else if (type == MEMBER_UNSIGNED)
                *(unsigned *) p = (unsigned) n;
        else if (type == MEMBER_U64)
                *(uint64_t *) p = (uint64_t) n;
        else
                *(int64_t *) p = n;
        return 0;
}

static int member_from_json(MemberType type, void *p, const json_t *v) {
        char **text = p;

        switch (type) {
        case MEMBER_BOOL:
                *(bool *) p = json_is_true(v);
                return json_is_boolean(v) ? 0 : -EBADMSG;
        case MEMBER_TEXT:
        case MEMBER_PATH:
                if (!json_is_string(v))
                        return -EBADMSG;
                free(*text);
                *text = type == MEMBER_TEXT ? strdup(json_string_value(v)) : ledger_path_decode(json_string_value(v));
                return *text ? 0 : -EBADMSG;
        default:
                return json_is_integer(v) ? number_from_json(type, p, json_integer_value(v)) : -EBADMSG;
        }
}

char *ledger_entry_format(const LedgerEntry *e) {
        json_t *o = json_object();
        bool failed = !o;
        char *text;

        if (json_object_set_new(o, "job", json_string(e->job)) < 0 ||
            json_object_set_new(o, "revision", json_string(e->revision)) < 0 ||
            json_object_set_new(o, "state", json_string(states[e->state])) < 0)
                failed = true;
        for (size_t i = 0; i < ELEMENTS(members); i++) {
                json_t *v = member_to_json(members[i].type, (const char *) e + members[i].offset, &failed);

                if (v && json_object_set_new(o, members[i].name, v) < 0)
                        failed = true;
        }
        text = failed ? NULL : json_dumps(o, JSON_INDENT(2));
        json_decref(o);
        return text;
}

static int state_from_json(const json_t *v, LedgerState *ret) {
        if (!json_is_string(v))
                return -EBADMSG;
        for (unsigned i = 0; i < LEDGER_STATES; i++)
                if (streq(json_string_value(v), states[i])) {
                        *ret = i;
                        return 0;
                }
        return -EBADMSG;
}

static int entry_from_json(const json_t *o, const char *job, LedgerEntry **ret) {
        const char *revision = json_string_value(json_object_get(o, "revision"));
        const char *name = json_string_value(json_object_get(o, "job"));
        LedgerEntry *e;
        int r;

        if (!revision || strlen(revision) != KFTP_REVISION_SIZE - 1 || !name || !streq(name, job))
                return -EBADMSG;
        e = ledger_entry_new(job, revision, NULL);
        if (!e)
                return -ENOMEM;

        r = state_from_json(json_object_get(o, "state"), &e->state);
        for (size_t i = 0; i < ELEMENTS(members) && r >= 0; i++) {
                const json_t *v = json_object_get(o, members[i].name);

                if (v)
                        r = member_from_json(members[i].type, (char *) e + members[i].offset, v);
        }
        if (e->item_size == (uint64_t) INT64_MAX)       /* as much as fits into JSON */
                e->item_size = KFTP_SIZE_UNKNOWN;
        if (r >= 0 && (e->attempt == 0 || (e->state == LEDGER_INTENT && (!e->temporary || !e->final))))
                r = -EBADMSG;
        if (r < 0) {
                ledger_entry_free(e);
                return r;
        }
        *ret = e;
        return 0;
}

int ledger_entry_parse(const char *text, size_t n, const char *job, LedgerEntry **ret) {
        json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
        int r = json_is_object(o) ? entry_from_json(o, job, ret) : -EBADMSG;

        json_decref(o);
        return r;
}
