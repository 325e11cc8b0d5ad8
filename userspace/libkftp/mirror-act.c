// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a mirror does with one pair of entries, once it is clear what they call for. */

#include <fcntl.h>

#include "failure.h"
#include "mirror.h"
#include "util.h"

/* An entry, and where it is: what all of this is about. */
typedef struct Pair {
        MirrorSession *session;
        Mirror *mirror;
        MirrorDirectory *directory;
        const MirrorEntry *source;
        const MirrorEntry *target;      /* NULL: not there */
        const char *why;
        char *path;                     /* relative */
} Pair;

static void report(const Pair *p, enum kftp_mirror_action action, bool planned) {
        mirror_report(p->session, &(MirrorNews) { .action = action, .planned = planned, .path = p->path, .why = p->why, .entry = p->source });
}

static void fail(const Pair *p, enum kftp_mirror_action action, KftpFailure *f) {
        mirror_fail(p->mirror, p->directory);
        (void) mirror_is_lost(p->session, f);
        if (mirror_is_fatal(f))
                mirror_stop(p->mirror, f);
        else
                mirror_report_failure(p->session, action, p->path, p->source, f);
}

static void push(const Pair *p, enum mirror_item_kind kind) {
        MirrorItem *item = mirror_item_new(p->session, kind, p->directory, p->source, p->target, p->why);

        if (item)
                mirror_push(p->mirror, item);
}

static int open_directory(const Pair *p, KftpFailure *f) {
        return mirror_local_directory(&p->mirror->local, p->directory->path, f);
}

static bool is_ambiguous(const Pair *p) {
        return !p->target && p->directory->folded && mirror_is_ambiguous(p->directory->folded, p->source->name);
}

/* ---- Files and links ------------------------------------------------------------------------- */

static void put_off(const Pair *p) {
        MirrorItem *item = mirror_item_new(p->session, MIRROR_ITEM_PUT, p->directory, p->source, p->target, p->why);

        if (!item)
                return;
        item->ambiguous = true;
        pthread_mutex_lock(&p->mirror->lock);
        item->next = p->directory->late;
        p->directory->late = item;
        pthread_mutex_unlock(&p->mirror->lock);
}

static void transfer(const Pair *p) {
        bool upload = p->mirror->options->upload;

        if (p->mirror->options->dry_run)
                report(p, upload ? KFTP_MIRROR_PUT : KFTP_MIRROR_GET, true);
        else if (is_ambiguous(p))
                put_off(p);
        else
                push(p, upload ? MIRROR_ITEM_PUT : MIRROR_ITEM_GET);
}

/* With newer, what is not newer counts as unchanged, and need not be the same for that. */
static bool is_same(const Pair *p) {
        MirrorRules rules = mirror_rules(p->mirror, p->directory);
        const char *why;
        MirrorVerdict v;

        if (!rules.newer)
                return true;
        rules.newer = false;
        v = mirror_compare(&rules, p->source, p->target, &why);
        return v == MIRROR_SAME || v == MIRROR_SET;
}

static void unchanged(const Pair *p) {
        pthread_mutex_lock(&p->mirror->lock);
        p->mirror->result->unchanged++;
        pthread_mutex_unlock(&p->mirror->lock);
        if (!p->mirror->options->move)
                return;
        if (is_same(p)) {
                push(p, MIRROR_ITEM_MOVE);
                return;
        }
        mirror_keep(p->mirror, p->directory);
        mirror_note(p->session, "%s: not newer than the target's, and not known to be the same: it stays", p->path);
}

static void make_link(const Pair *p) {
        KftpFailure f = {};
        _cleanup_close_ int fd = -1;
        int r;

        if (p->mirror->options->dry_run) {
                report(p, KFTP_MIRROR_LINK, true);
                return;
        }
        r = fd = open_directory(p, &f);
        if (r >= 0 && !p->target && mirror_local_collides(fd, p->source->name) > 0)
                r = kftp_failure_set(&f, KFTP_CLASS_LOCAL, -EEXIST, false, "%s: the file system takes this name for another one that is there", p->path);
        if (r >= 0 && !p->target && faccessat(fd, p->source->name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                r = kftp_failure_set(&f, KFTP_CLASS_LOCAL, -EEXIST, false, "%s has come into being meanwhile, so it is not replaced", p->path);
        if (r >= 0)
                r = mirror_local_link(&p->mirror->local, fd, p->path, p->source->target,
                                      p->mirror->options->no_times || !p->directory->utc ? KFTP_MTIME_UNKNOWN : p->source->mtime, &f);
        if (r < 0)
                fail(p, KFTP_MIRROR_LINK, &f);
        else {
                report(p, KFTP_MIRROR_LINK, false);
                mirror_move(p->session, p->directory, p->source);
        }
}

/*
 * The time that is to be set; unknown if none is. What a listing tells coarsely, or of an unknown zone, must not spoil one
 * that agrees with it.
 */
static int64_t time_to_set(const Pair *p) {
        const MirrorEntry *there = p->source, *here = p->target;

        if (p->mirror->options->no_times || there->mtime == KFTP_MTIME_UNKNOWN || !here)
                return KFTP_MTIME_UNKNOWN;
        if (there->mtime_precision > 1 && (!p->directory->utc || (here->mtime >= there->mtime && here->mtime - there->mtime < there->mtime_precision)))
                return KFTP_MTIME_UNKNOWN;
        return there->mtime;
}

static void set_local(const Pair *p) {
        const KftpMirrorOptions *o = p->mirror->options;
        KftpFailure f = {};
        _cleanup_close_ int fd = open_directory(p, &f);
        int r = fd;

        if (r >= 0)
                r = mirror_local_set(&p->mirror->local, fd, p->path, time_to_set(p),
                                     o->permissions ? p->source->mode : KFTP_MODE_UNKNOWN, &f);
        if (r < 0)
                fail(p, KFTP_MIRROR_SET, &f);
        else {
                report(p, KFTP_MIRROR_SET, false);
                mirror_move(p->session, p->directory, p->source);
        }
}

static void set(const Pair *p) {
        if (p->mirror->options->dry_run)
                report(p, KFTP_MIRROR_SET, true);
        else if (p->mirror->options->upload)
                push(p, MIRROR_ITEM_SET);
        else
                set_local(p);
}

/* ---- Directories ----------------------------------------------------------------------------- */

static int make_local(const Pair *p, KftpFailure *f) {
        _cleanup_close_ int fd = open_directory(p, f);

        if (fd < 0)
                return fd;
        if (mirror_local_collides(fd, p->source->name) > 0)
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EEXIST, false, "%s: the file system takes this name for another one that is there", p->path);
        return mirror_local_mkdir(&p->mirror->local, fd, p->path, f);
}

/* The server finds what it did not list under this name: it is another one to us only. */
int mirror_check_ambiguous(MirrorSession *s, const char *remote, KftpFailure *f) {
        MirrorEntry there = {};
        int r = mirror_remote_look(s, remote, &there, f);

        if (r < 0 || there.type == KFTP_ENTRY_OTHER)
                return r;
        return kftp_failure_set(f, KFTP_CLASS_REMOTE, -EEXIST, false,
                                "\"%s\" is not sent: the server takes this name for another one that is there, but for upper and lower case", remote);
}

static int make(const Pair *p, KftpFailure *f) {
        _cleanup_free_ char *remote = NULL;
        int r = 0;

        if (p->mirror->options->dry_run)
                return 0;
        if (!p->mirror->options->upload)
                return make_local(p, f);
        remote = mirror_path_there(p->mirror, p->path);
        if (!remote)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        if (is_ambiguous(p))
                r = mirror_check_ambiguous(p->session, remote, f);
        return r < 0 ? r : mirror_remote_mkdir(p->session, remote, false, f);
}

/* The time of a link that was followed is not known to be that of the directory. */
static void note_times(const Pair *p, MirrorDirectory *d) {
        const KftpMirrorOptions *o = p->mirror->options;
        const MirrorEntry *remote = o->upload ? p->target : p->source;

        if (remote && !remote->link) {
                d->remote_mtime = remote->mtime;
                d->remote_precision = remote->mtime_precision;
        }
        if (!o->upload && !o->no_times && p->directory->utc && !p->source->link)
                d->source_mtime = p->source->mtime;
        if (o->permissions && !p->source->link)
                d->source_mode = p->source->mode;
}

static void descend(const Pair *p, bool there) {
        MirrorDirectory *d = mirror_directory_new(p->session, p->directory, p->source->name);
        MirrorItem *item = d ? mirror_item_new(p->session, MIRROR_ITEM_DIRECTORY, d, NULL, NULL, NULL) : NULL;

        if (!item)
                return;
        d->links = p->directory->links + p->source->link;
        d->has_source = true;
        d->has_target = there || !p->mirror->options->dry_run;
        d->empty_target = !there;
        d->utc = !there && p->mirror->options->upload;
        note_times(p, d);
        mirror_push(p->mirror, item);
}

static void make_directory(const Pair *p) {
        KftpFailure f = {};

        if (make(p, &f) < 0) {
                fail(p, KFTP_MIRROR_MKDIR, &f);
                return;
        }
        report(p, KFTP_MIRROR_MKDIR, p->mirror->options->dry_run);
        descend(p, false);
}

/* ---- What is in the way ---------------------------------------------------------------------- */

static int remove_target(const Pair *p, KftpFailure *f) {
        _cleanup_free_ char *remote = mirror_path_there(p->mirror, p->path);
        _cleanup_close_ int fd = -1;

        if (!remote)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        if (p->mirror->options->upload)
                return mirror_remote_remove(p->session, remote, false, f);
        fd = open_directory(p, f);
        return fd < 0 ? fd : mirror_local_remove(&p->mirror->local, fd, p->path, false, f);
}

static void remove_first(const Pair *p) {
        bool dry = p->mirror->options->dry_run;
        MirrorItem *then;
        KftpFailure f = {};

        if (p->target->type == KFTP_ENTRY_DIR) {
                /* What is there to be decided then is decided by an item that looks at it as if for the first time. */
                then = mirror_item_new(p->session, MIRROR_ITEM_CHECK, p->directory, p->source, NULL, p->why);
                if (then)
                        mirror_empty_directory(p->session, p->directory, p->target, then);
                return;
        }
        if (!dry && remove_target(p, &f) < 0) {
                fail(p, KFTP_MIRROR_DELETE, &f);
                return;
        }
        mirror_report(p->session, &(MirrorNews) { .action = KFTP_MIRROR_DELETE, .planned = dry, .path = p->path, .why = p->why, .entry = p->target });
        make_directory(p);
}

static void in_the_way(const Pair *p) {
        bool directory = p->target->type == KFTP_ENTRY_DIR;
        KftpFailure f = {};

        kftp_failure_set(&f, KFTP_CLASS_OTHER, directory ? -EISDIR : -ENOTDIR, false,
                         "%s: a %s is in the way; with deletion allowed it is removed", p->path, directory ? "directory" : "file");
        fail(p, KFTP_MIRROR_REFUSE, &f);
}

void mirror_act(MirrorSession *s, MirrorDirectory *d, const MirrorEntry *source, const MirrorEntry *target, MirrorVerdict verdict, const char *why) {
        _cleanup_free_ char *path = mirror_path(d, source->name);
        Pair p = { .session = s, .mirror = s->mirror, .directory = d, .source = source, .target = target, .why = why, .path = path };
        KftpFailure f = {};

        if (!path) {
                kftp_failure_set(&f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
                mirror_stop(s->mirror, &f);
                return;
        }
        switch (verdict) {
        case MIRROR_SAME:
                unchanged(&p);
                break;
        case MIRROR_TRANSFER:
                transfer(&p);
                break;
        case MIRROR_LINK:
                make_link(&p);
                break;
        case MIRROR_MAKE:
                make_directory(&p);
                break;
        case MIRROR_DESCEND:
                descend(&p, true);
                break;
        case MIRROR_SET:
                set(&p);
                break;
        case MIRROR_ASK_TIME:
        case MIRROR_ASK_HASH:
                push(&p, MIRROR_ITEM_CHECK);
                break;
        case MIRROR_REMOVE_FIRST:
                remove_first(&p);
                break;
        case MIRROR_IN_THE_WAY:
                in_the_way(&p);
                break;
        case MIRROR_IGNORE:
                mirror_keep(s->mirror, d);
                mirror_note(s, "%s: neither a file nor a directory nor a link, left out", path);
                break;
        }
}
