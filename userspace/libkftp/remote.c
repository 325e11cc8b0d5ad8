// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is there on the server under a name: asked without changing anything. */

#include <sys/mman.h>

#include "list.h"
#include "listing-internal.h"
#include "remote.h"
#include "util.h"
#include "working-directory.h"

/*
 * "550" is about the file, "501" about the command, "5xx" of other kinds about the server; "450" says that it is
 * busy. "550" alone has two meanings, and what is denied is there.
 */
static bool says_absent(const KftpDone *d) {
        return d->reply == 550 && (kftp_reply_says_missing(d->text, d->text_len) || !kftp_reply_says_denied(d->text, d->text_len));
}

static int note_type(void *userdata, const KftpEntry *e) {
        KftpPresence *p = userdata;

        *p = e->type == KFTP_ENTRY_DIR ? KFTP_PRESENT_DIRECTORY : KFTP_PRESENT;
        return 0;
}

/* An entry that stands for the directory itself is left out of listings. */
static KftpPresence by_mlst(KftpConnection *c, const char *path) {
        _cleanup_close_ int fd = memfd_create("kftp-mlst", MFD_CLOEXEC);
        struct kftp_submit mlst = kftp_request(KFTP_OP_MLST, path);
        _cleanup_(kftp_list_summary_done) KftpListSummary summary = {};
        KftpPresence p = KFTP_PRESENT_DIRECTORY;
        KftpDone done;

        mlst.fd = fd;
        if (fd < 0)
                return KFTP_PRESENCE_UNKNOWN;
        if (kftp_connection_request(c, &mlst, &done, NULL) < 0)
                return says_absent(&done) ? KFTP_ABSENT : KFTP_PRESENCE_UNKNOWN;
        if (kftp_list_read(fd, KFTP_LIST_FROM_REPLY, &(KftpListKnown) {}, note_type, &p, &summary) < 0 || summary.entries + summary.dots == 0)
                return KFTP_PRESENCE_UNKNOWN;
        return p;
}

static KftpPresence by_size_and_cwd(KftpConnection *c, const char *path) {
        struct kftp_submit size = kftp_request(KFTP_OP_SIZE, path);
        KftpDone of_size, of_cwd;

        /* First CWD: there are servers that tell the size of a directory. */
        if (kftp_working_directory_enter(c, path, &of_cwd, NULL) >= 0) {
                kftp_working_directory_leave(c);
                return KFTP_PRESENT_DIRECTORY;
        }
        if (kftp_connection_request(c, &size, &of_size, NULL) >= 0)
                return KFTP_PRESENT;
        return says_absent(&of_size) && says_absent(&of_cwd) ? KFTP_ABSENT : KFTP_PRESENCE_UNKNOWN;
}

KftpPresence kftp_remote_look(KftpConnection *c, const char *path) {
        struct kftp_info info;
        KftpPresence p = KFTP_PRESENCE_UNKNOWN;

        if (!kftp_connection_learnt(c)->no_mlst && kftp_connection_info(c, &info) >= 0 && (info.feat & KFTP_FEAT_MLST))
                p = by_mlst(c, path);
        return p == KFTP_PRESENCE_UNKNOWN && kftp_connection_usable(c) ? by_size_and_cwd(c, path) : p;
}
