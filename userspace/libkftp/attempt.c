// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One attempt at a download over a connection: from where to go on, and whether what came is of one
 * version of the file. What happens while data moves is in receive.c; whether there is another attempt is
 * decided in client.c.
 */

#include "failure.h"
#include "transfer.h"
#include "util.h"
#include "verify.h"

/*
 * So much is taken of a file that is longer than it was listed. Not less: when a data connection is closed before its end, some
 * servers (Pure-FTPd) are long in saying so, and most files that have grown have not grown by that much.
 */
#define SURPLUS_MAX (UINT64_C(1) << 20)

/* Two round trips less. */
static void believe(KftpTransfer *t, struct kftp_submit *request) {
        t->remote_size = t->fetch->size;
        t->result->mtime = t->fetch->mtime;
        kftp_partial_describe(&t->partial, t->fetch->size, t->fetch->mtime);
        request->length = t->fetch->size + SURPLUS_MAX;
}

static int receive(KftpTransfer *t, KftpFailure *f) {
        KftpPartial *p = &t->partial;
        struct kftp_submit request = kftp_request(KFTP_OP_RETR, t->url->path);
        int r;

        r = kftp_partial_cut(p);
        if (r < 0)
                return kftp_failure_local(f, r, "cannot write %s", p->temporary);
        t->offset = t->position = t->checkpoint_position = kftp_partial_offset(p);
        t->checkpoint_usec = now_usec();
        t->remote_size = KFTP_SIZE_UNKNOWN;
        request.fd = p->fd;
        if (t->offset == 0 && t->believes)
                believe(t, &request);
        else
                request.flags = KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_ASK_MTIME;
        if (t->offset > 0) {
                request.flags |= KFTP_SUBMIT_EXPECT_SIZE | KFTP_SUBMIT_EXPECT_MTIME;
                request.offset = t->offset;
                request.expect_size = p->remote_size;
                request.expect_mtime = p->remote_mtime;
        }
        return kftp_transfer_receive(t, &request, f);
}

static int forget(KftpTransfer *t, KftpFailure *f) {
        int r = kftp_partial_empty(&t->partial);

        t->result->resumed_from = 0;
        return r < 0 ? kftp_failure_local(f, r, "cannot write %s", t->partial.temporary) : 0;
}

/*
 * After a file that was gone on with: whether it is still the one whose first part we have. It was compared
 * before the data came, but it may have been replaced since by one of the same size. A server that does
 * not answer this leaves us with what is complete by all else that is known; if the connection is lost over it, the
 * next attempt, which has nothing left to fetch, asks again.
 */
static int check_unchanged(KftpTransfer *t, KftpFailure *f) {
        struct kftp_submit ask = kftp_request(KFTP_OP_MDTM, t->url->path);
        KftpFailure own = {};
        KftpDone done;
        int r;

        r = kftp_connection_request(t->connection, &ask, &done, &own);
        if (r < 0 && (own.class == KFTP_CLASS_INTERRUPTED || (own.class == KFTP_CLASS_NETWORK && !kftp_connection_usable(t->connection)))) {
                (void) kftp_partial_checkpoint(&t->partial, t->position);
                kftp_failure_done(f);
                *f = own;
                return r;
        }
        kftp_failure_done(&own);
        return r >= 0 && done.has_mtime && done.mtime != t->partial.remote_mtime ? KFTP_START_OVER : 0;
}

static int verify(KftpTransfer *t, const KftpVerify *v, KftpFailure *f) {
        int r = kftp_verify_facts(v, t->connection, t->url->path, t->remote_size, t->result->mtime, f);

        return r < 0 ? r : kftp_verify_file(v, t->connection, t->url->path, t->partial.fd, t->partial.temporary, &t->result->sha256, f);
}

/*
 * The request, and if need be once more from the start, over the same session. A file of the wrong size or
 * hash is not gone on from: nobody knows which part of it is wrong.
 */
int kftp_transfer_attempt(KftpTransfer *t, KftpFailure *f) {
        KftpVerify v;
        int r;

        kftp_connection_addresses(t->connection, &t->result->local_addr, &t->result->peer);
        t->result->tls = *kftp_connection_tls(t->connection);
        r = kftp_verify_begin(&v, t->connection, t->options->verify, f);
        if (r < 0)
                return r;
        for (;;) {
                r = receive(t, f);
                if (r == 0 && t->offset > 0)
                        r = check_unchanged(t, f);
                if (r == 0)
                        r = verify(t, &v, f);
                if (r < 0 && f->class == KFTP_CLASS_INTEGRITY)
                        (void) forget(t, NULL);
                if (r != KFTP_START_OVER)
                        return r;
                /* A part was of another file than this one, which may still be as it was listed; else it is not. */
                if (t->offset == 0) {
                        t->believes = false;
                        t->result->mtime = KFTP_MTIME_UNKNOWN;
                }
                r = forget(t, f);
                if (r < 0)
                        return r;
        }
}
