// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Uploads that are no replacement of a file by a whole one: appended to what is there, or under a name of the
 * server's choice. Neither can be done twice: once something was sent, no other attempt is made.
 */

#include <inttypes.h>

#include "change.h"
#include "failure.h"
#include "put-names.h"
#include "put.h"
#include "util.h"
#include "working-directory.h"

static int never_again(KftpUpload *u, int r, KftpFailure *f) {
        if (u->begun)
                f->transient = false;
        return r;
}

/* The name that STOU's replies tell; the last one counts. */
static void take_name(void *userdata, const char *text, size_t n) {
        KftpUpload *u = userdata;
        char *name = kftp_put_unique_name(text, n);

        if (!name)
                return;
        free(u->final);
        u->final = name;
}

int kftp_upload_append(KftpUpload *u, KftpFailure *f) {
        uint64_t expected;
        KftpDone done;
        int r;

        u->target = u->final;
        u->offset = 0;
        r = kftp_upload_request(u, KFTP_OP_APPE, u->target, KFTP_SUBMIT_ASK_SIZE, NULL, &done, f);
        if (r < 0)
                return never_again(u, r, f);
        expected = (done.has_size ? done.size : 0) + u->position;
        r = kftp_put_source_check(&u->source, f);
        if (r >= 0)
                r = kftp_upload_verify(u, u->target, expected, f);
        if (r >= 0)
                r = kftp_upload_set_attributes(u, u->target, f);
        u->delivered = r >= 0;
        return r < 0 ? never_again(u, r, f) : r;
}

static int store_unique(KftpUpload *u, KftpFailure *f) {
        KftpWatch watch = { .line = take_name };
        KftpDone done;
        int r;

        u->offset = 0;
        /* The name that a failed attempt was told is another file's. */
        u->target = NULL;
        free(u->final);
        u->final = NULL;
        r = kftp_upload_request(u, KFTP_OP_STOU, NULL, 0, &watch, &done, f);
        u->target = u->final;
        if (r >= 0)
                r = kftp_put_source_check(&u->source, f);
        if (r < 0 || !u->final)
                return r;
        r = kftp_upload_verify(u, u->final, u->position, f);
        if (r >= 0)
                r = kftp_upload_set_attributes(u, u->final, f);
        return r;
}

/* STOU stores in the working directory, and tells a name there. */
int kftp_upload_unique(KftpUpload *u, KftpFailure *f) {
        _cleanup_free_ char *directory = kftp_path_strip(u->url->path);
        int r = 0;

        if (!directory)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        if (*directory)
                r = kftp_working_directory_enter(u->connection, directory, NULL, f);
        if (r < 0)
                return r;
        r = store_unique(u, f);
        if (*directory && kftp_connection_usable(u->connection))
                kftp_working_directory_leave(u->connection);
        free(u->result->remote);
        u->result->remote = u->final ? kftp_remote_join(directory, kftp_remote_base(u->final)) : NULL;
        u->delivered = r >= 0;
        return r < 0 ? never_again(u, r, f) : r;
}
