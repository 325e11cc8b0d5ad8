// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A listing by MLSD, and the one entry of a file by MLST (RFC 3659 section 7). MLSD is refused for a file,
 * for what is not there, for an empty directory by some, and by servers that have listed it in FEAT without
 * having it; which of these it is, MLST and CWD tell.
 */

#include "failure.h"
#include "listing-internal.h"
#include "util.h"
#include "working-directory.h"

/* MLST: 1 if path is something else than a directory, which is then received; 0 if not, or if nobody knows. */
static int is_file(Listing *l) {
        _cleanup_(kftp_list_summary_done) KftpListSummary summary = {};
        KftpDone done;

        l->source = KFTP_LIST_FROM_REPLY;
        if (!l->learnt->no_mlst && kftp_listing_receive(l, KFTP_OP_MLST, l->path, &done, NULL) >= 0
            && kftp_listing_summary(l, &summary) >= 0 && summary.entries == 1 && summary.directories == 0) {
                l->file = true;
                return 1;
        }
        l->learnt->no_mlst = l->learnt->no_mlst || kftp_reply_unimplemented(done.reply);
        l->source = KFTP_LIST_FROM_DATA;
        return 0;
}

static int nothing(Listing *l, KftpFailure *f) {
        kftp_failure_done(f);
        l->bytes = 0;
        return 1;
}

/* Refused: why? *f is the refusal. */
static int refused(Listing *l, const KftpDone *done, int error, KftpFailure *f) {
        if (kftp_reply_unimplemented(done->reply)) {
                l->learnt->no_mlsd = true;
                kftp_failure_done(f);
                return 0;
        }
        if (kftp_reply_says_empty(done->text, done->text_len))
                return nothing(l, f);
        if (*l->path && is_file(l)) {
                kftp_failure_done(f);
                return 1;
        }
        /* 501 is "not a directory" to RFC 3659 and "bad parameter" to RFC 959; LIST will tell. */
        if (done->reply == 501) {
                l->learnt->no_mlsd = !*l->path;
                kftp_failure_done(f);
                return 0;
        }
        return error;
}

/* No line at all, not even for the directory itself: is it there? */
static int empty(Listing *l, KftpFailure *f) {
        int r;

        if (!*l->path)
                return 1;
        r = kftp_working_directory_enter(l->connection, l->path, NULL, f);
        if (r < 0)
                return r;
        kftp_working_directory_leave(l->connection);
        return nothing(l, f);
}

int kftp_listing_by_mlsd(Listing *l, KftpFailure *f) {
        bool special = kftp_path_is_special(l->path, false);
        KftpDone done;
        int r;

        if (special) {
                r = kftp_working_directory_enter(l->connection, l->path, &done, f);
                if (r < 0)
                        return done.reply == 0 ? r : refused(l, &done, r, f);
        }
        r = kftp_listing_receive(l, KFTP_OP_MLSD, special ? NULL : l->path, &done, f);
        if (special && kftp_connection_usable(l->connection))
                kftp_working_directory_leave(l->connection);
        if (r >= 0)
                return l->bytes == 0 && !special ? empty(l, f) : 1;
        return r == -EREMOTEIO && kftp_connection_usable(l->connection) ? refused(l, &done, r, f) : r;
}
