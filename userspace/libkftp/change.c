// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Changes on the server: DELE, RMD, MKD, RNFR and RNTO. If the connection is lost between such a command and
 * its reply, nobody knows whether it was carried out. The next attempt first looks at what is there now, and
 * sends the command again only if it has not been.
 */

#include "change.h"
#include "client.h"
#include "failure.h"
#include "listing-internal.h"
#include "remote.h"
#include "util.h"
#include "working-directory.h"

typedef struct Change {
        KftpResult *result;
        char *path;
        char *to;                       /* the new name */
        unsigned flags;                 /* KFTP_REMOVE_* */
        bool uncertain;                 /* a command was sent whose reply did not come */
} Change;

/* ---- One command ----------------------------------------------------------------------------- */

static void note_reply(KftpResult *ret, const KftpDone *done) {
        if (done->reply == 0)
                return;
        ret->reply = done->reply;
        free(ret->reply_text);
        ret->reply_text = strndup(done->text, done->text_len);
}

/* Sends a command that is not to be carried out twice. */
static int send_once(KftpConnection *c, Change *change, const struct kftp_submit *request, KftpFailure *f) {
        KftpDone done;
        int r;

        r = kftp_connection_request(c, request, &done, f);
        note_reply(change->result, &done);
        /* A refusal is certain; 421 tells of the connection, not of the command. */
        change->uncertain = r < 0 && f->class != KFTP_CLASS_DEVICE && f->class != KFTP_CLASS_USAGE
                && (r != -EREMOTEIO || done.reply == 421);
        return r;
}

static int cannot_tell(KftpConnection *c, const Change *change, KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_NETWORK, -EIO, false,
                                "the connection to %s was lost, and whether the server has carried out the command on \"%s\" is not known",
                                kftp_connection_remote(c), change->path);
}

/* Runs the work of a change, and says so if at the end nobody knows what became of it. */
static int run(KftpClient *c, const KftpUrl *url, KftpWork work, Change *change) {
        KftpResult *ret = change->result;
        uint64_t begin = now_usec();
        KftpFailure *f = &ret->failure;
        int r;

        r = kftp_client_do(c, url, work, change, &ret->attempts, f);
        ret->usec = now_usec() - begin;
        if (r >= 0) {
                kftp_failure_done(f);
                return 0;
        }
        if (change->uncertain && f->class != KFTP_CLASS_REMOTE)
                return kftp_failure_set(f, f->class, f->error, f->transient,
                                        "%s; whether the server has carried it out is not known", strempty(f->text));
        return r;
}

static int begin(KftpClient *c, const KftpUrl *url, KftpResult *ret, Change *change) {
        (void) c;
        *ret = (KftpResult) { .mtime = KFTP_MTIME_UNKNOWN };
        *change = (Change) { .result = ret, .path = kftp_path_strip(url->path) };
        if (!change->path)
                return kftp_failure_set(&ret->failure, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        if (!*change->path)
                return kftp_failure_set(&ret->failure, KFTP_CLASS_USAGE, -EINVAL, false, "the URL has no path");
        return 0;
}

static void change_done(Change *change) {
        free(change->path);
        free(change->to);
}

/* ---- Remove ---------------------------------------------------------------------------------- */

/* By what the server said to the command itself: it need not say the same when it is asked what is there. */
static bool is_denied(const Change *change) {
        const char *text = strempty(change->result->reply_text);

        return kftp_reply_says_denied(text, strlen(text)) && !kftp_reply_says_missing(text, strlen(text));
}

static int remove_it(KftpConnection *c, void *userdata, KftpFailure *f) {
        Change *change = userdata;
        struct kftp_submit request = kftp_request(change->flags & KFTP_REMOVE_DIRECTORY ? KFTP_OP_RMD : KFTP_OP_DELE, change->path);
        int r;

        if (change->uncertain) {
                KftpPresence p = kftp_remote_look(c, change->path);

                if (p == KFTP_ABSENT)
                        return 0;
                if (p == KFTP_PRESENCE_UNKNOWN)
                        return cannot_tell(c, change, f);
        }
        r = send_once(c, change, &request, f);
        if (r < 0 && !change->uncertain && (change->flags & KFTP_REMOVE_MISSING_OK) && f->class == KFTP_CLASS_REMOTE
            && !is_denied(change) && kftp_remote_look(c, change->path) == KFTP_ABSENT) {
                kftp_failure_done(f);
                return 0;
        }
        return r;
}

int kftp_client_remove(KftpClient *c, const KftpUrl *url, unsigned flags, KftpResult *ret) {
        _cleanup_(change_done) Change change;
        int r;

        r = begin(c, url, ret, &change);
        change.flags = flags;
        return r < 0 ? r : run(c, url, remove_it, &change);
}

/* ---- Make a directory ------------------------------------------------------------------------ */

static bool is_directory(KftpConnection *c, const char *path) {
        if (kftp_working_directory_enter(c, path, NULL, NULL) < 0)
                return false;
        kftp_working_directory_leave(c);
        return true;
}

/* Pure-FTPd puts other characters in place of some, and says so only in its reply. */
static int made_as_asked(KftpConnection *c, const Change *change, KftpFailure *f) {
        const char *reply = strempty(change->result->reply_text);
        _cleanup_free_ char *made = kftp_working_directory_parse(reply, strlen(reply));
        const char *base = kftp_listing_base(change->path);

        if (!made || streq(kftp_listing_base(made), base) || is_directory(c, change->path))
                return 0;
        return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EILSEQ, false, "%s made a directory of another name than \"%s\": \"%s\"",
                                kftp_connection_remote(c), change->path, reply);
}

/* Servers refuse to make what is there with 521, 550 and more, and the same codes say other things too (C17). */
static int make(KftpConnection *c, void *userdata, KftpFailure *f) {
        Change *change = userdata;
        struct kftp_submit request = kftp_request(KFTP_OP_MKD, change->path);
        bool before = change->uncertain;
        int r;

        r = send_once(c, change, &request, f);
        if (r >= 0)
                return made_as_asked(c, change, f);
        if (change->uncertain || r != -EREMOTEIO || !is_directory(c, change->path))
                return r;
        /* Made by the command whose reply was lost. */
        if (before) {
                kftp_failure_done(f);
                return 0;
        }
        return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EEXIST, false, "\"%s\" exists already at %s: \"%s\"", change->path,
                                kftp_connection_remote(c), strempty(change->result->reply_text));
}

/* Making a directory and its parents is the same however often it is done. */
static int make_with_parents(KftpConnection *c, void *userdata, KftpFailure *f) {
        Change *change = userdata;
        struct kftp_submit request = kftp_request(KFTP_OP_MKD, change->path);
        int r;

        if (is_directory(c, change->path))
                return 0;
        for (unsigned n = 1; kftp_connection_usable(c); n++) {
                size_t length = kftp_path_parents(change->path, n);
                struct kftp_submit parent = request;

                if (length == 0)
                        break;
                parent.path_len = (uint32_t) length;
                /* It may be there, and we may not even be allowed to try: the last one decides. */
                (void) kftp_connection_request(c, &parent, NULL, NULL);
        }
        r = send_once(c, change, &request, f);
        change->uncertain = false;
        if (r >= 0)
                return made_as_asked(c, change, f);
        /* Somebody else may have been faster. */
        if (r == -EREMOTEIO && is_directory(c, change->path)) {
                kftp_failure_done(f);
                return 0;
        }
        return r;
}

int kftp_client_mkdir(KftpClient *c, const KftpUrl *url, bool parents, KftpResult *ret) {
        _cleanup_(change_done) Change change;
        int r;

        r = begin(c, url, ret, &change);
        return r < 0 ? r : run(c, url, parents ? make_with_parents : make, &change);
}

/* ---- Rename ---------------------------------------------------------------------------------- */

/* Spaces at either end are what servers change, and RNTO's reply does not tell. */
static int renamed_as_asked(KftpConnection *c, const Change *change, KftpFailure *f) {
        const char *base = kftp_listing_base(change->to);
        size_t n = strlen(base);

        if (n == 0 || (base[0] != ' ' && base[n - 1] != ' ') || kftp_remote_look(c, change->to) != KFTP_ABSENT)
                return 0;
        return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EILSEQ, false,
                                "%s has renamed \"%s\", but not to \"%s\": it does not take spaces at the ends of names",
                                kftp_connection_remote(c), change->path, change->to);
}

static int rename_it(KftpConnection *c, void *userdata, KftpFailure *f) {
        Change *change = userdata;
        struct kftp_submit request = kftp_request(KFTP_OP_RENAME, change->path);
        int r;

        request.path2 = (__u64) (uintptr_t) change->to;
        request.path2_len = (__u32) strlen(change->to);
        if (change->uncertain) {
                KftpPresence old = kftp_remote_look(c, change->path), new = kftp_remote_look(c, change->to);

                if (old == KFTP_ABSENT && (new == KFTP_PRESENT || new == KFTP_PRESENT_DIRECTORY))
                        return 0;
                if (old == KFTP_ABSENT || old == KFTP_PRESENCE_UNKNOWN)
                        return cannot_tell(c, change, f);
        }
        r = send_once(c, change, &request, f);
        return r < 0 ? r : renamed_as_asked(c, change, f);
}

static int check_name(const char *to, KftpFailure *f) {
        if (!*to || streq(to, ".") || streq(to, ".."))
                return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false, "\"%s\" is no name for a file", to);
        for (const char *p = to; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                                "the new name \"%s\" contains a control character, which FTP cannot carry", to);
        return 0;
}

int kftp_client_rename(KftpClient *c, const KftpUrl *url, const char *to, KftpResult *ret) {
        _cleanup_(change_done) Change change;
        int r;

        r = begin(c, url, ret, &change);
        if (r >= 0)
                r = check_name(to, &ret->failure);
        if (r < 0)
                return r;
        change.to = kftp_rename_target(change.path, to);
        if (!change.to)
                return kftp_failure_set(&ret->failure, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        return run(c, url, rename_it, &change);
}
