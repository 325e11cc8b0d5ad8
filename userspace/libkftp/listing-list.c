// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A listing by LIST, or by STAT over the control connection. Servers hand LIST's argument to ls, or do as if:
 * spaces, wildcards and a dash mean something to it, and a directory that is not there may be an empty
 * listing, a refusal, or an empty directory a refusal. CWD has none of that, and decides.
 */

#include "failure.h"
#include "listing-internal.h"
#include "util.h"
#include "working-directory.h"

#define SMALL (8U << 10)                /* bytes of a listing that may be of a file */

static int listed(KftpFailure *f) {
        kftp_failure_done(f);
        return 1;
}

static int nothing(Listing *l, KftpFailure *f) {
        l->bytes = 0;
        return listed(f);
}

/* ---- A name that cannot be LIST's argument --------------------------------------------------- */

/* Everything before the last part of path, "" if that is all. Allocated. */
static char *parent_of(const char *path) {
        size_t n = (size_t) (kftp_listing_base(path) - path);

        return strndup(path, n > 1 ? n - 1 : n);
}

static int count_only(Listing *l, const char *name, bool *found) {
        _cleanup_(kftp_list_summary_done) KftpListSummary summary = {};
        int r;

        l->only = name;
        r = kftp_listing_summary(l, &summary);
        *found = summary.entries > 0;
        return r;
}

/* A file that cannot be LIST's argument is looked for among those of its directory. *f is why it is no directory. */
static int find_in_parent(Listing *l, int error, KftpFailure *f) {
        _cleanup_free_ char *parent = parent_of(l->path);
        const char *base = kftp_listing_base(l->path);
        bool found = false;
        KftpFailure g = {};
        int r = 0;

        if (!parent || !*base || l->options->stat || !kftp_connection_usable(l->connection))
                return error;
        if (*parent)
                r = kftp_working_directory_enter(l->connection, parent, NULL, &g);
        if (r >= 0) {
                r = kftp_listing_receive(l, KFTP_OP_LIST, NULL, NULL, &g);
                if (*parent && kftp_connection_usable(l->connection))
                        kftp_working_directory_leave(l->connection);
        }
        if (r >= 0)
                r = count_only(l, base, &found);
        if (r >= 0 && found) {
                l->file = true;
                kftp_failure_done(&g);
                return listed(f);
        }
        /* What the server said of the path itself tells more, unless the connection is gone. */
        l->only = NULL;
        if (r < 0 && !kftp_connection_usable(l->connection)) {
                kftp_failure_done(f);
                *f = g;
                return r;
        }
        kftp_failure_done(&g);
        return error;
}

/* ---- LIST -a --------------------------------------------------------------------------------- */

/* Only where LIST is ls: elsewhere -a is the name of a file, or worse. */
static bool is_unix(Listing *l) {
        struct kftp_submit syst = kftp_request(KFTP_OP_SYST, NULL);
        KftpDone done;

        return kftp_connection_request(l->connection, &syst, &done, NULL) >= 0 && memmem(done.text, done.text_len, "UNIX", 4);
}

/*
 * LIST -a where we are. "." or ".." prove that it was understood; a server that shows neither has either
 * taken -a for a name or left the two out, and what LIST shows then decides.
 */
static int list_all(Listing *l, KftpDone *done, KftpFailure *f) {
        _cleanup_(kftp_list_summary_done) KftpListSummary all = {}, plain = {};
        int r;

        if (!l->learnt->list_a && !l->learnt->no_list_a && !is_unix(l))
                l->learnt->no_list_a = true;
        if (l->learnt->no_list_a)
                return kftp_listing_receive(l, KFTP_OP_LIST, NULL, done, f);

        r = kftp_listing_receive(l, KFTP_OP_LIST, "-a", done, f);
        if (r >= 0)
                r = kftp_listing_summary(l, &all);
        l->learnt->list_a = l->learnt->list_a || all.dots;
        if (l->learnt->list_a || !kftp_connection_usable(l->connection))
                return r;
        kftp_failure_done(f);
        r = kftp_listing_receive(l, KFTP_OP_LIST, NULL, done, f);
        if (r >= 0)
                r = kftp_listing_summary(l, &plain);
        if (r < 0 || plain.entries >= all.entries) {
                l->learnt->no_list_a = true;
                return r;
        }
        l->learnt->list_a = true;
        return kftp_listing_receive(l, KFTP_OP_LIST, "-a", done, f);
}

/* ---- LIST ------------------------------------------------------------------------------------ */

/* From inside the directory: no argument can be misread. */
static int list_inside(Listing *l, KftpFailure *f) {
        KftpDone done;
        int r;

        if (*l->path) {
                r = kftp_working_directory_enter(l->connection, l->path, &done, f);
                if (r < 0)
                        return done.reply >= 500 && kftp_connection_usable(l->connection) ? find_in_parent(l, r, f) : r;
        }
        if (l->options->all)
                r = list_all(l, &done, f);
        else
                r = kftp_listing_receive(l, KFTP_OP_LIST, NULL, &done, f);
        if (*l->path && kftp_connection_usable(l->connection))
                kftp_working_directory_leave(l->connection);
        if (r >= 0)
                return 1;
        /* We are in it, so what is not there are files. */
        if (r == -EREMOTEIO && (kftp_reply_says_empty(done.text, done.text_len)
                                || kftp_reply_says_missing(done.text, done.text_len)))
                return nothing(l, f);
        return r;
}

/* Nothing came, or a refusal that may mean just that: is the directory there? *f may hold the refusal. */
static int is_there(Listing *l, KftpFailure *f) {
        KftpFailure g = {};
        int r = kftp_working_directory_enter(l->connection, l->path, NULL, &g);

        if (r >= 0)
                kftp_working_directory_leave(l->connection);
        kftp_failure_done(f);
        *f = g;
        return r < 0 ? r : nothing(l, f);
}

/*
 * An entry that bears the name asked for is the file itself, or in a directory of that name. vsftpd shows more
 * beside it: links to that file.
 */
static int maybe_file(Listing *l, KftpFailure *f) {
        bool found = false;
        int r;

        r = count_only(l, l->path, &found);
        if (r >= 0 && !found)
                r = count_only(l, kftp_listing_base(l->path), &found);
        if (r >= 0 && found && kftp_working_directory_enter(l->connection, l->path, NULL, NULL) < 0)
                l->file = kftp_connection_usable(l->connection);
        else if (r >= 0 && found)
                kftp_working_directory_leave(l->connection);
        if (!l->file)
                l->only = NULL;
        return r < 0 ? r : listed(f);
}

/* The data connection was reset instead of closed, with nothing on it, but the server is done. */
static bool was_reset(const KftpDone *done, int r) {
        return r == -ECONNRESET && done->bytes == 0 && done->reply >= 200;
}

/* Refused, although it may be there. Some list only directories. */
static int refused(Listing *l, const KftpDone *done, int error, KftpFailure *f) {
        if (done->reply < 500 || kftp_reply_says_missing(done->text, done->text_len))
                return error;
        if (kftp_working_directory_enter(l->connection, l->path, NULL, NULL) < 0)
                return find_in_parent(l, error, f);
        kftp_working_directory_leave(l->connection);
        return error;
}

static int judge_list(Listing *l, const KftpDone *done, int r, KftpFailure *f) {
        bool empty = kftp_reply_says_empty(done->text, done->text_len) || was_reset(done, r);

        if (r >= 0 && l->bytes > 0)
                return l->bytes <= SMALL && *l->path ? maybe_file(l, f) : 1;
        if (r >= 0)
                return *l->path ? is_there(l, f) : 1;
        if ((r != -EREMOTEIO && !was_reset(done, r)) || !kftp_connection_usable(l->connection))
                return r;
        if (!*l->path)
                return empty ? nothing(l, f) : r;
        return empty || done->reply == 450 ? is_there(l, f) : refused(l, done, r, f);
}

int kftp_listing_by_list(Listing *l, KftpFailure *f) {
        KftpDone done;
        int r;

        if (l->options->all || kftp_path_is_special(l->path, true))
                return list_inside(l, f);
        r = kftp_listing_receive(l, KFTP_OP_LIST, *l->path ? l->path : NULL, &done, f);
        return judge_list(l, &done, r, f);
}

/* ---- STAT ------------------------------------------------------------------------------------ */

int kftp_listing_by_stat(Listing *l, KftpFailure *f) {
        KftpDone done;
        int r;

        l->source = KFTP_LIST_FROM_REPLY;
        /* Without an argument it would tell of the session. */
        r = kftp_listing_receive(l, KFTP_OP_STAT, *l->path ? l->path : ".", &done, f);
        return judge_list(l, &done, r, f);
}
