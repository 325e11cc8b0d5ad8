/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Downloads from the server in memory. */

#include "fake-server-internal.h"
#include "util.h"

/* After n bytes, of which the client has been told, one more than there are. */
static int send_more(const struct kftp_submit *q, size_t n, KftpWatch *watch, KftpDone *d) {
        struct kftp_run e = {
                .bytes = n, .event_flags = KFTP_EVENT_HAS_SIZE | KFTP_EVENT_HAS_MTIME, .remote_size = d->size, .remote_mtime = d->mtime,
        };

        if (watch && watch->moved)
                assert_int_equal(watch->moved(watch->userdata, &e, NULL), 0);
        assert_int_equal(pwrite(q->fd, "X", 1, (off_t) (q->offset + n)), 1);
        d->bytes = n + 1;
        fake_reply(d, 226);
        d->error = -EBADMSG;
        return d->error;
}

/* The server's facts, as far as it is asked for them: 1, or -ESTALE if it is not the file that is expected. */
static int tell_facts(const struct kftp_submit *q, const char *path, const FakeFile *f, KftpDone *d) {
        d->has_size = q->flags & (KFTP_SUBMIT_ASK_SIZE | KFTP_SUBMIT_EXPECT_SIZE);
        d->has_mtime = q->flags & (KFTP_SUBMIT_ASK_MTIME | KFTP_SUBMIT_EXPECT_MTIME);
        if (d->has_size || d->has_mtime)
                fake_note("FACTS", path);
        d->size = f ? f->size : 0;
        d->mtime = f ? f->mtime : 0;
        d->has_size = d->has_size && f && !fake_server.no_size;
        d->has_mtime = d->has_mtime && f && !fake_server.no_mdtm;
        if ((q->flags & KFTP_SUBMIT_EXPECT_SIZE && (!d->has_size || d->size != q->expect_size))
            || (q->flags & KFTP_SUBMIT_EXPECT_MTIME && (!d->has_mtime || d->mtime != q->expect_mtime)))
                d->error = -ESTALE;
        return d->error < 0 ? d->error : 1;
}

/* As the module judges it: by the size, if the server has told it. */
static int end_badly(const struct kftp_submit *q, KftpDone *d) {
        fake_reply(d, 226);
        d->unclean = true;
        if (!d->has_size || q->offset + d->bytes != d->size)
                d->error = -EBADMSG;
        return d->error;
}

int fake_retrieve(const struct kftp_submit *q, const char *path, KftpWatch *watch, KftpDone *d) {
        FakeFile *f = fake_find(path);
        size_t n;

        if (tell_facts(q, path, f, d) < 0)
                return d->error;
        fake_note("RETR", path);
        if (!f || f->directory)
                return fake_reply(d, 550);
        if (q->offset > f->size) {
                d->error = -ESPIPE;
                return d->error;
        }
        n = f->size - q->offset;
        n = q->length > 0 ? MIN2(n, (size_t) q->length) : n;
        if (fake_server.cuts > 0)
                n = MIN2(n, fake_server.cut_after);
        assert_int_equal(pwrite(q->fd, f->data + q->offset, n, (off_t) q->offset), n);
        d->bytes = n;
        if (fake_server.cuts > 0) {
                fake_server.cuts--;
                return fake_cut(d);
        }
        if (fake_server.ends_badly)
                return end_badly(q, d);
        return fake_server.sends_more ? send_more(q, n, watch, d) : fake_reply(d, 226);
}

int fake_modified(const char *path, KftpDone *d) {
        FakeFile *f = fake_find(path);

        fake_note("MDTM", path);
        if (fake_server.cut_in_mdtm) {
                fake_server.cut_in_mdtm = false;
                return fake_cut(d);
        }
        if (!f || f->directory)
                return fake_reply(d, 550);
        d->has_mtime = true;
        d->mtime = f->mtime;
        return fake_reply(d, 213);
}
