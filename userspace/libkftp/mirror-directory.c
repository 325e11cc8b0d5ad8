// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A directory of a mirror: both sides are listed and walked through side by side. What is cheap is done at once, what
 * takes a transfer or a question becomes an item.
 */

#include "failure.h"
#include "mirror-filter.h"
#include "mirror-names.h"
#include "mirror.h"
#include "util.h"

/* ---- The record ------------------------------------------------------------------------------ */

MirrorDirectory *mirror_directory_new(MirrorSession *s, MirrorDirectory *parent, const char *name) {
        MirrorDirectory *d = calloc(1, sizeof(*d));
        KftpFailure f = {};

        if (d)
                *d = (MirrorDirectory) {
                        .parent = parent,
                        .name = name,
                        .depth = parent ? parent->depth + 1 : 0,
                        .remote_mtime = KFTP_MTIME_UNKNOWN,
                        .source_mtime = KFTP_MTIME_UNKNOWN,
                        .source_mode = KFTP_MODE_UNKNOWN,
                        .pending = 1,
                };
        if (!d) {
                kftp_failure_set(&f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
                mirror_stop(s->mirror, &f);
                return NULL;
        }
        if (parent) {
                pthread_mutex_lock(&s->mirror->lock);
                parent->pending++;
                pthread_mutex_unlock(&s->mirror->lock);
        }
        return d;
}

MirrorDirectory *mirror_directory_free(Mirror *m, MirrorDirectory *d) {
        pthread_mutex_lock(&m->lock);
        m->entries -= d->entries;
        pthread_mutex_unlock(&m->lock);
        mirror_list_done(&d->source);
        mirror_list_done(&d->target);
        for (MirrorItem *i = d->late, *next; i; i = next) {
                next = i->next;
                free(i);
        }
        free(d->folded);
        free(d->then);
        free(d->path);
        free(d);
        return NULL;
}

void mirror_fail(Mirror *m, MirrorDirectory *d) {
        pthread_mutex_lock(&m->lock);
        d->failed = true;
        pthread_mutex_unlock(&m->lock);
}

void mirror_keep(Mirror *m, MirrorDirectory *d) {
        pthread_mutex_lock(&m->lock);
        d->kept = true;
        pthread_mutex_unlock(&m->lock);
}

MirrorRules mirror_rules(Mirror *m, const MirrorDirectory *d) {
        MirrorRules rules;

        pthread_mutex_lock(&m->lock);
        rules = m->rules;
        pthread_mutex_unlock(&m->lock);
        rules.zoneless = !d->utc;
        /* That sizes agree and times cannot is not enough to remove a file from the source. */
        rules.forgetful = rules.forgetful && !m->options->move;
        return rules;
}

/* ---- Both sides ------------------------------------------------------------------------------ */

static int scan_local(MirrorSession *s, MirrorDirectory *d, MirrorList *ret, KftpFailure *f) {
        Mirror *m = s->mirror;
        _cleanup_close_ int fd = mirror_local_directory(&m->local, d->path, f);
        int r;

        if (fd < 0)
                return fd;
        r = mirror_local_scan(&m->local, d->path, fd, ret, f);
        if (r >= 0)
                mirror_list_sort(ret);
        /* What is found here is about to be removed there: it has to survive a power cut. EINVAL: there is nothing to sync. */
        if (r >= 0 && m->options->move && !m->options->upload && !m->options->dry_run && fsync(fd) < 0 && errno != EINVAL)
                r = kftp_failure_local(f, -errno, "cannot sync the directory %s", d->path);
        return r;
}

/* The root of an upload need not be there yet. */
static int make_remote_root(MirrorSession *s, MirrorDirectory *d, KftpFailure *f) {
        Mirror *m = s->mirror;
        int r = 0;

        kftp_failure_done(f);
        if (!m->options->dry_run)
                r = mirror_remote_mkdir(s, m->url.path, true, f);
        d->has_target = !m->options->dry_run;
        d->empty_target = true;
        d->utc = true;
        return r;
}

static int list_target(MirrorSession *s, MirrorDirectory *d, KftpFailure *f) {
        Mirror *m = s->mirror;
        int r;

        if (!d->has_target || d->empty_target)
                return 0;
        if (!m->options->upload)
                return scan_local(s, d, &d->target, f);
        r = mirror_list_remote(s, d, &d->target, f);
        return r == -ENOENT && !d->parent ? make_remote_root(s, d, f) : r;
}

static int list_source(MirrorSession *s, MirrorDirectory *d, KftpFailure *f) {
        if (!d->has_source)
                return 0;
        return s->mirror->options->upload ? scan_local(s, d, &d->source, f) : mirror_list_remote(s, d, &d->source, f);
}

/* A server could have us remember ever more directories, each of which has ever more in it. */
static int account(Mirror *m, MirrorDirectory *d, KftpFailure *f) {
        bool fits;

        pthread_mutex_lock(&m->lock);
        m->entries += d->source.n + d->target.n - d->entries;
        d->entries = d->source.n + d->target.n;
        fits = m->entries <= MIRROR_ENTRIES_MAX;
        pthread_mutex_unlock(&m->lock);
        return fits ? 0 : kftp_failure_set(f, KFTP_CLASS_OTHER, -E2BIG, false, "%s: more than %u entries in directories that are not done yet", d->path, MIRROR_ENTRIES_MAX);
}

static int list_both(MirrorSession *s, MirrorDirectory *d, KftpFailure *f) {
        int r;

        if (!d->path)
                d->path = d->parent ? mirror_path(d->parent, d->name) : strdup("");
        if (!d->path)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        pthread_mutex_lock(&s->mirror->lock);
        mirror_show(s, true, d->path);
        pthread_mutex_unlock(&s->mirror->lock);

        mirror_list_done(&d->source);
        mirror_list_done(&d->target);
        r = list_source(s, d, f);
        if (r >= 0)
                r = list_target(s, d, f);
        return r < 0 ? r : account(s->mirror, d, f);
}

/* ---- Entries that are to be looked at more closely ------------------------------------------- */

/* 1: it takes part, as what it is now. 0: not. */
static int resolve(MirrorSession *s, MirrorDirectory *d, MirrorEntry *e, KftpFailure *f) {
        Mirror *m = s->mirror;
        bool link = e->type == KFTP_ENTRY_LINK;
        _cleanup_free_ char *path = mirror_path(d, e->name), *remote = path ? mirror_path_there(m, path) : NULL;
        int r;

        if (!remote)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        if (link && e->target && mirror_link_leads_up(m, d, e->target)) {
                mirror_report_refusal(s, d, e, "a link back to a directory that it lies in");
                return 0;
        }
        r = mirror_remote_look(s, remote, e, f);
        if (r < 0)
                return r;
        if (link && e->type == KFTP_ENTRY_DIR && d->links >= MIRROR_LINKS_MAX) {
                mirror_report_refusal(s, d, e, "too many links one behind the other, which looks like a loop");
                return 0;
        }
        if (link && e->type == KFTP_ENTRY_OTHER) {
                mirror_report_refusal(s, d, e, "a link that leads nowhere");
                return 0;
        }
        e->link = link;
        return 1;
}

/* The same link on both sides: also where links are followed there is nothing to be done about it. */
static bool is_same_link(const MirrorEntry *source, const MirrorEntry *target) {
        return target && target->type == KFTP_ENTRY_LINK && source->target && streq_ptr(source->target, target->target);
}

static int check_link(MirrorSession *s, MirrorDirectory *d, MirrorEntry *e, const char *path, KftpFailure *f) {
        const KftpMirrorOptions *o = s->mirror->options;

        if (o->symlinks == KFTP_SYMLINKS_SKIP) {
                mirror_note(s, "%s: a link, left out", e->name);
                return 0;
        }
        if (!o->upload && o->symlinks == KFTP_SYMLINKS_FOLLOW)
                return resolve(s, d, e, f);
        if (!o->upload) {
                const char *refusal = e->target ? mirror_link_refusal(path, e->target) : "the server does not tell where it leads";

                if (refusal)
                        mirror_report_refusal(s, d, e, refusal);
                return !refusal;
        }
        if (is_same_link(e, mirror_list_find(&d->target, e->name)))
                return 1;
        mirror_report_refusal(s, d, e, "a link that leads nowhere, out of the tree, or back to a directory that it lies in");
        return 0;
}

static bool is_taken(MirrorSession *s, const MirrorDirectory *d, const MirrorEntry *e, const char *path) {
        const KftpMirrorOptions *o = s->mirror->options;

        if (e->type == KFTP_ENTRY_DIR)
                return mirror_filter_enters(o, path, d->depth + 1);
        return mirror_filter_is_ours(o, path) && mirror_filter_takes(o, path, e, s->mirror->now);
}

/* 1: an entry of the source takes part. 0: not. */
static int check_entry(MirrorSession *s, MirrorDirectory *d, MirrorEntry *e, KftpFailure *f) {
        const char *refusal = mirror_name_refusal(e->name, strlen(e->name));
        _cleanup_free_ char *path = mirror_path(d, e->name);
        int r = 1;

        if (!path)
                return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
        if (mirror_name_is_temporary(e->name))
                return 0;
        if (!refusal && strlen(s->mirror->url.path) + 1 + strlen(path) > KFTP_MAX_PATH)
                refusal = "its path is too long";
        if (!refusal && e->type == KFTP_ENTRY_DIR && d->depth >= MIRROR_DEPTH_MAX)
                refusal = "too many directories in one another";
        if (refusal) {
                mirror_report_refusal(s, d, e, refusal);
                return 0;
        }
        if (!is_taken(s, d, e, path))
                return 0;
        if (e->type == KFTP_ENTRY_LINK)
                r = check_link(s, d, e, path, f);
        else if (e->type == KFTP_ENTRY_OTHER && d->nameless)
                r = resolve(s, d, e, f);
        /* What it is was not known before. */
        return r > 0 ? is_taken(s, d, e, path) : r;
}

/* ---- Verdicts -------------------------------------------------------------------------------- */

/*
 * An upload of what seems to be the same but for a later time there: a server that keeps no times would look like that
 * after each upload. It is tried once, on a file whose time is not known to be wrong, by giving it the one that it has.
 */
bool mirror_is_forgotten(MirrorSession *s, MirrorDirectory *d, const MirrorEntry *source, const MirrorEntry *target, int64_t target_mtime) {
        Mirror *m = s->mirror;
        _cleanup_free_ char *path = mirror_path(d, source->name), *remote = path ? mirror_path_there(m, path) : NULL;
        bool known;
        int keeps;

        pthread_mutex_lock(&m->lock);
        known = m->keeps_times || m->rules.forgetful;
        pthread_mutex_unlock(&m->lock);
        if (!remote || known || source->type != KFTP_ENTRY_FILE || source->size != target->size || source->mtime > target_mtime
            || m->options->dry_run || m->options->move)
                return false;
        keeps = mirror_remote_keeps_times(s, remote);
        if (keeps < 0)
                return false;
        pthread_mutex_lock(&m->lock);
        m->keeps_times = keeps;
        m->rules.forgetful = !keeps;
        pthread_mutex_unlock(&m->lock);
        if (!keeps)
                mirror_note(s, "the server does not keep the times that it is told: files of the same size that are not older there count as unchanged");
        return !keeps;
}

static void compare_entry(MirrorSession *s, MirrorDirectory *d, const MirrorEntry *e) {
        const MirrorEntry *target = mirror_list_find(&d->target, e->name);
        MirrorRules rules = mirror_rules(s->mirror, d);
        const char *why = NULL;
        bool same_link = rules.upload && is_same_link(e, target);
        MirrorVerdict v = same_link ? MIRROR_SAME : mirror_compare(&rules, e, target, &why);

        /* What it leads to is reached, here and there, by its own name. */
        if (same_link && e->type == KFTP_ENTRY_DIR) {
                mirror_keep(s->mirror, d);
                return;
        }
        if (v == MIRROR_TRANSFER && rules.upload && target && streq(strempty(why), "time") && mirror_is_forgotten(s, d, e, target, target->mtime)) {
                rules = mirror_rules(s->mirror, d);
                v = mirror_compare(&rules, e, target, &why);
        }
        if (e->type != KFTP_ENTRY_DIR && v != MIRROR_IGNORE) {
                pthread_mutex_lock(&s->mirror->lock);
                s->mirror->result->files++;
                pthread_mutex_unlock(&s->mirror->lock);
        }
        if (rules.upload && !target && !d->folded)
                d->folded = mirror_fold(&d->source, &d->target);
        mirror_act(s, d, e, target, v, why);
}

static int walk(MirrorSession *s, MirrorDirectory *d, KftpFailure *f) {
        Mirror *m = s->mirror;

        for (size_t i = 0; i < d->source.n; i++) {
                MirrorEntry *e = d->source.entries + i;
                int r;

                if (mirror_is_stopping(m))
                        return 0;
                r = check_entry(s, d, e, f);
                if (r < 0)
                        return r;
                if (r > 0)
                        compare_entry(s, d, e);
                else
                        mirror_keep(m, d);
                if (s->lost)
                        return kftp_failure_set(f, KFTP_CLASS_NETWORK, -ENOTCONN, true, "the connection to %s was lost; the rest of the directory \"%s\" is left out", m->url.host, *d->path ? d->path : ".");
        }
        return 0;
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* Nobody is left to do what there is to do. */
static bool is_last_lost(const MirrorSession *s) {
        Mirror *m = s->mirror;
        bool last;

        pthread_mutex_lock(&m->lock);
        last = s->lost && m->alive == 1;
        pthread_mutex_unlock(&m->lock);
        return last;
}

static int give_up(MirrorSession *s, MirrorItem *item, int r, KftpFailure *f) {
        MirrorDirectory *d = item->directory;
        Mirror *m = s->mirror;

        if (mirror_is_for_others(s, item, f))
                return r;
        d->incomplete = true;
        mirror_fail(m, d);
        /* Without the root there is nothing to go on with. */
        if ((!d->parent && !item->begun) || mirror_is_fatal(f) || is_last_lost(s))
                mirror_stop(m, f);
        else
                mirror_report_failure(s, KFTP_MIRROR_LIST, strempty(d->path), NULL, f);
        return 0;
}

int mirror_compare_directory(MirrorSession *s, MirrorItem *item, KftpFailure *f) {
        MirrorDirectory *d = item->directory;
        Mirror *m = s->mirror;
        int r;

        r = list_both(s, d, f);
        if (r < 0)
                return give_up(s, item, r, f);
        r = walk(s, d, f);
        if (r < 0) {
                item->begun = true;
                return give_up(s, item, r, f);
        }
        pthread_mutex_lock(&m->lock);
        m->result->directories += d->has_source;
        pthread_mutex_unlock(&m->lock);
        return 0;
}
