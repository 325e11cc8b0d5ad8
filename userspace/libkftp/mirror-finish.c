// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A directory of a mirror when all in it is done: what the target has too many is deleted, what was moved leaves its
 * directory behind, and the directory gets its own time and permissions, which changes in it would have spoilt.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "failure.h"
#include "mirror-filter.h"
#include "mirror-names.h"
#include "mirror.h"
#include "util.h"

/* ---- Removing -------------------------------------------------------------------------------- */

static int was_changed(enum kftp_class class, const char *path, KftpFailure *f) {
        return kftp_failure_set(f, class, -ESTALE, true, "%s stays: it was changed while the mirror ran; the next run moves it", path);
}

/* What was written to after it was listed is not what has arrived, or not all of it. A link that was followed is no more than a link. */
static int check_unchanged(int directory_fd, const char *path, const MirrorEntry *e, KftpFailure *f) {
        struct stat st;

        if (e->type != KFTP_ENTRY_FILE || e->link || fstatat(directory_fd, e->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (S_ISREG(st.st_mode) && (uint64_t) st.st_size == e->size && st.st_mtim.tv_sec == e->mtime)
                return 0;
        return was_changed(KFTP_CLASS_LOCAL, path, f);
}

/*
 * The same on the server: what is still being written to grows, what is written anew may have its old size. Only a time that was
 * listed as MDTM tells it can be compared.
 */
static int check_unchanged_there(MirrorSession *s, const MirrorDirectory *d, const char *remote, const char *path, const MirrorEntry *e, KftpFailure *f) {
        int64_t mtime = KFTP_MTIME_UNKNOWN;
        uint64_t size;
        int r;

        if (e->type != KFTP_ENTRY_FILE || e->link || e->size == KFTP_SIZE_UNKNOWN)
                return 0;
        r = mirror_remote_size(s, remote, &size, f);
        if (r < 0 || size == KFTP_SIZE_UNKNOWN)
                return r;
        if (size != e->size)
                return was_changed(KFTP_CLASS_REMOTE, path, f);
        if (!d->utc || e->mtime_precision != 1 || e->mtime == KFTP_MTIME_UNKNOWN)
                return 0;
        r = mirror_remote_mtime(s, remote, &mtime, f);
        if (r < 0 && r != -EOPNOTSUPP)
                return r;
        kftp_failure_done(f);
        return mtime == KFTP_MTIME_UNKNOWN || mtime == e->mtime ? 0 : was_changed(KFTP_CLASS_REMOTE, path, f);
}

/* On the side of the target, or, with source, on that of the source. e: as it was listed; NULL for directories. */
static int remove_path(MirrorSession *s, const MirrorDirectory *parent, const char *path, bool source, bool directory, const MirrorEntry *e, KftpFailure *f) {
        Mirror *m = s->mirror;
        _cleanup_free_ char *remote = mirror_path_there(m, path);
        _cleanup_close_ int fd = -1;
        int r;

        if (!remote)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        if (m->options->upload != source) {
                r = source && e ? check_unchanged_there(s, parent, remote, path, e, f) : 0;
                return r < 0 ? r : mirror_remote_remove(s, remote, directory, f);
        }
        r = fd = mirror_local_directory(&m->local, parent->path, f);
        if (r >= 0 && source && e)
                r = check_unchanged(fd, path, e, f);
        return r < 0 ? r : mirror_local_remove(&m->local, fd, path, directory, f);
}

static void fail(MirrorSession *s, MirrorDirectory *d, enum kftp_mirror_action action, const char *path, const MirrorEntry *e, KftpFailure *f) {
        mirror_fail(s->mirror, d);
        (void) mirror_is_lost(s, f);
        if (mirror_is_fatal(f))
                mirror_stop(s->mirror, f);
        else
                mirror_report_failure(s, action, path, e, f);
}

void mirror_move(MirrorSession *s, MirrorDirectory *d, const MirrorEntry *source) {
        _cleanup_free_ char *path = NULL;
        KftpFailure f = {};

        if (!s->mirror->options->move)
                return;
        /* Behind a link that was followed lies what is elsewhere, or is not even of this tree. */
        if (d->links > 0) {
                mirror_keep(s->mirror, d);
                return;
        }
        path = mirror_path(d, source->name);
        if (s->mirror->options->dry_run)
                mirror_report(s, &(MirrorNews) { .action = KFTP_MIRROR_MOVED, .planned = true, .path = strempty(path), .entry = source });
        else if (!path || remove_path(s, d, path, true, false, source, &f) < 0)
                fail(s, d, KFTP_MIRROR_MOVED, strempty(path), source, &f);
        else
                mirror_report(s, &(MirrorNews) { .action = KFTP_MIRROR_MOVED, .path = path, .entry = source });
}

/* ---- What the target has too many ------------------------------------------------------------ */

static bool is_extra(const MirrorDirectory *d, const MirrorEntry *e) {
        return !d->has_source || !mirror_list_find(&d->source, e->name);
}

/* What a filter leaves out does not take part: it is not deleted either. Sizes and ages are asked of the source only. */
static bool may_be_deleted(MirrorSession *s, const MirrorDirectory *d, const MirrorEntry *e) {
        const KftpMirrorOptions *o = s->mirror->options;
        _cleanup_free_ char *path = mirror_path(d, e->name);
        MirrorEntry by_name = { .name = e->name, .type = e->type, .size = KFTP_SIZE_UNKNOWN, .mtime = KFTP_MTIME_UNKNOWN };

        if (!path || mirror_name_is_temporary(e->name) || mirror_name_refusal(e->name, strlen(e->name)))
                return false;
        if (e->type == KFTP_ENTRY_DIR)
                return mirror_filter_enters(o, path, d->depth + 1);
        if (e->type == KFTP_ENTRY_LINK && o->symlinks == KFTP_SYMLINKS_SKIP)
                return false;
        return mirror_filter_is_ours(o, path) && mirror_filter_takes(o, path, &by_name, s->mirror->now);
}

void mirror_empty_directory(MirrorSession *s, MirrorDirectory *parent, const MirrorEntry *target, MirrorItem *then) {
        MirrorDirectory *d = mirror_directory_new(s, parent, target->name);
        MirrorItem *item = d ? mirror_item_new(s, MIRROR_ITEM_DIRECTORY, d, NULL, NULL, NULL) : NULL;

        if (!item) {
                free(then);
                return;
        }
        d->has_target = true;
        d->then = then;
        mirror_push(s->mirror, item);
}

/*
 * A server may store a name in another form than it was sent in, composed letters for instance. Then what has just been sent
 * is not in its place, as far as names tell, and something that nobody has sent is: that must not be deleted.
 */
static const MirrorEntry *find_renamed(const MirrorDirectory *d, const MirrorList *now) {
        for (size_t i = 0; i < d->source.n; i++)
                if (d->source.entries[i].sent && !mirror_list_find(now, d->source.entries[i].name))
                        return d->source.entries + i;
        return NULL;
}

static bool has_extra(const MirrorDirectory *d) {
        for (size_t i = 0; i < d->target.n; i++)
                if (is_extra(d, d->target.entries + i))
                        return true;
        return false;
}

static bool has_sent(const MirrorDirectory *d) {
        for (size_t i = 0; i < d->source.n; i++)
                if (d->source.entries[i].sent)
                        return true;
        return false;
}

static bool names_are_kept(MirrorSession *s, MirrorDirectory *d) {
        _cleanup_(mirror_list_done) MirrorList now = {};
        const MirrorEntry *renamed;
        KftpFailure f = {};

        if (!s->mirror->options->upload || !d->has_source || !has_extra(d))
                return true;
        /* What could not be sent may be there all the same, under a name that it was not sent under. */
        if (d->failed) {
                mirror_note(s, "%s: something in it could not be sent, so nothing is deleted there", d->path);
                return false;
        }
        if (!has_sent(d))
                return true;
        if (mirror_list_again(s, d, &now, &f) < 0) {
                fail(s, d, KFTP_MIRROR_LIST, d->path, NULL, &f);
                return false;
        }
        renamed = find_renamed(d, &now);
        if (!renamed)
                return true;
        kftp_failure_set(&f, KFTP_CLASS_REMOTE, -EILSEQ, false,
                         "\"%s\" was sent, but the server lists no such name: it stores it in another form, and nothing is deleted beside it", renamed->name);
        fail(s, d, KFTP_MIRROR_LIST, d->path, NULL, &f);
        return false;
}

/* Whether there is something to wait for. */
static bool empty_directories(MirrorSession *s, MirrorDirectory *d) {
        bool any = false;

        for (size_t i = 0; i < d->target.n; i++) {
                const MirrorEntry *e = d->target.entries + i;

                if (e->type != KFTP_ENTRY_DIR || !is_extra(d, e))
                        continue;
                if (!may_be_deleted(s, d, e)) {
                        if (!d->has_source)
                                mirror_keep(s->mirror, d);
                        continue;
                }
                mirror_empty_directory(s, d, e, NULL);
                any = true;
        }
        return any;
}

static void delete_file(MirrorSession *s, MirrorDirectory *d, const MirrorEntry *e) {
        bool dry = s->mirror->options->dry_run;
        _cleanup_free_ char *path = mirror_path(d, e->name);
        KftpFailure f = {};

        if (!dry && (!path || remove_path(s, d, path, false, false, e, &f) < 0))
                fail(s, d, KFTP_MIRROR_DELETE, strempty(path), e, &f);
        else
                mirror_report(s, &(MirrorNews) { .action = KFTP_MIRROR_DELETE, .planned = dry, .path = strempty(path), .entry = e });
}

/* One after another they would fail like the first one did, each after all its retries. */
static void report_rest(MirrorSession *s, MirrorDirectory *d) {
        KftpFailure f = {};

        kftp_failure_set(&f, KFTP_CLASS_NETWORK, -ENOTCONN, true, "the connection to %s is lost: what the source does not have is not all deleted", s->mirror->url.host);
        fail(s, d, KFTP_MIRROR_DELETE, d->path, NULL, &f);
}

static void delete_files(MirrorSession *s, MirrorDirectory *d) {
        for (size_t i = 0; i < d->target.n && !mirror_is_stopping(s->mirror); i++) {
                const MirrorEntry *e = d->target.entries + i;

                if (e->type == KFTP_ENTRY_DIR || !is_extra(d, e))
                        continue;
                if (may_be_deleted(s, d, e)) {
                        if (s->lost && s->mirror->options->upload) {
                                report_rest(s, d);
                                return;
                        }
                        delete_file(s, d, e);
                }
                else if (!d->has_source)
                        mirror_keep(s->mirror, d);
        }
}

/* ---- The directory itself -------------------------------------------------------------------- */

/* What transfers that were given up have left in it is no part of the tree, and is not listed. */
static int remove_directory(MirrorSession *s, MirrorDirectory *d, KftpFailure *f) {
        Mirror *m = s->mirror;
        int r = remove_path(s, d->parent, d->path, false, true, NULL, f);

        if (m->options->upload || f->error != -ENOTEMPTY)
                return r;
        r = mirror_local_remove_temporaries(&m->local, d->path, f);
        if (r <= 0)
                return r < 0 ? r : f->error;
        kftp_failure_done(f);
        return remove_path(s, d->parent, d->path, false, true, NULL, f);
}

/* Of the target's, emptied: so that what takes its place may. */
static void remove_emptied(MirrorSession *s, MirrorDirectory *d) {
        Mirror *m = s->mirror;
        bool dry = m->options->dry_run;
        KftpFailure f = {};

        if (d->failed || d->kept)
                return;
        if (!dry && remove_directory(s, d, &f) < 0) {
                fail(s, d, KFTP_MIRROR_RMDIR, d->path, NULL, &f);
                return;
        }
        mirror_report(s, &(MirrorNews) { .action = KFTP_MIRROR_RMDIR, .planned = dry, .path = d->path });
        if (d->then)
                mirror_push(m, STEAL_PTR(d->then));
}

static void report_not_replaced(MirrorSession *s, MirrorDirectory *d) {
        KftpFailure f = {};

        kftp_failure_set(&f, KFTP_CLASS_OTHER, -ENOTEMPTY, false, "%s: what takes its place has to wait: the directory could not be emptied", d->path);
        fail(s, d, KFTP_MIRROR_REFUSE, d->path, NULL, &f);
}

static void remove_moved(MirrorSession *s, MirrorDirectory *d) {
        KftpFailure f = {};

        if (d->links > 0)
                mirror_keep(s->mirror, d);
        if (!d->parent || d->failed || d->kept || d->incomplete || s->mirror->options->dry_run)
                return;
        if (remove_path(s, d->parent, d->path, true, true, NULL, &f) >= 0)
                return;
        /* Something has come into being in it meanwhile, or is no part of the tree. */
        if (f.error == -ENOTEMPTY) {
                mirror_keep(s->mirror, d);
                kftp_failure_done(&f);
        } else
                fail(s, d, KFTP_MIRROR_MOVED, d->path, NULL, &f);
}

static void set_own(MirrorSession *s, MirrorDirectory *d) {
        Mirror *m = s->mirror;
        _cleanup_free_ char *remote = NULL;
        _cleanup_close_ int fd = -1;
        KftpFailure f = {};
        int r;

        if (m->options->dry_run || !d->has_target || (d->source_mtime == KFTP_MTIME_UNKNOWN && d->source_mode == KFTP_MODE_UNKNOWN))
                return;
        if (m->options->upload) {
                remote = mirror_path_there(m, d->path);
                r = remote ? mirror_remote_set(s, remote, KFTP_MTIME_UNKNOWN, d->source_mode, &f) : -ENOMEM;
        } else {
                r = fd = mirror_local_directory(&m->local, d->parent->path, &f);
                if (r >= 0)
                        r = mirror_local_set(&m->local, fd, d->path, d->source_mtime, d->source_mode, &f);
        }
        if (r < 0)
                fail(s, d, KFTP_MIRROR_SET, d->path, NULL, &f);
}

/* The one that was put off last is the first that remains: one at a time, each sees what came before it. */
static bool push_late(MirrorSession *s, MirrorDirectory *d) {
        MirrorItem *item = d->late;

        if (!item)
                return false;
        d->late = item->next;
        mirror_push(s->mirror, item);
        return true;
}

bool mirror_finish_directory(MirrorSession *s, MirrorDirectory *d) {
        bool deletes = !d->has_source || (s->mirror->options->delete && !d->incomplete);

        if (push_late(s, d))
                return true;

        /* First what is below; when that is done, it is this function's turn again. */
        if (deletes && !d->emptied) {
                d->emptied = true;
                d->incomplete = d->incomplete || !names_are_kept(s, d);
                if (!d->incomplete && empty_directories(s, d))
                        return true;
        }
        if (deletes && !d->incomplete)
                delete_files(s, d);
        if (mirror_is_stopping(s->mirror))
                return false;
        if (!d->has_source) {
                remove_emptied(s, d);
                if (d->then)
                        report_not_replaced(s, d);
                return false;
        }
        set_own(s, d);
        if (s->mirror->options->move)
                remove_moved(s, d);
        return false;
}
