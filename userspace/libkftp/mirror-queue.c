// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a mirror has to do. Directories are taken in depth first, so that few are open at a time; one of several sessions
 * lists ahead of the others, so that these have transfers, but not without end.
 */

#include "control.h"
#include "failure.h"
#include "mirror.h"
#include "util.h"

#include <sys/eventfd.h>

static void wake(Mirror *m) {
        (void) !write(m->wake_fd, &(uint64_t) { 1 }, sizeof(uint64_t));
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static void append(MirrorItems *l, MirrorItem *item) {
        item->next = NULL;
        if (l->last)
                l->last->next = item;
        else
                l->first = item;
        l->last = item;
        l->n++;
}

static void prepend(MirrorItems *l, MirrorItem *item) {
        item->next = l->first;
        l->first = item;
        if (!l->last)
                l->last = item;
        l->n++;
}

static MirrorItem *remove_first(MirrorItems *l) {
        MirrorItem *item = l->first;

        l->first = item->next;
        if (!l->first)
                l->last = NULL;
        l->n--;
        return item;
}

/* ---- Adding ---------------------------------------------------------------------------------- */

MirrorItem *mirror_item_new(MirrorSession *s, enum mirror_item_kind kind, MirrorDirectory *d, const MirrorEntry *source, const MirrorEntry *target, const char *why) {
        MirrorItem *item = malloc(sizeof(*item));
        KftpFailure f = {};

        if (!item) {
                kftp_failure_set(&f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
                mirror_stop(s->mirror, &f);
                return NULL;
        }
        *item = (MirrorItem) { .kind = kind, .directory = d, .source = source, .target = target, .why = why };
        return item;
}

static uint64_t known_size(const MirrorItem *item) {
        bool moves = item->kind == MIRROR_ITEM_GET || item->kind == MIRROR_ITEM_PUT;

        return moves && item->source->size != KFTP_SIZE_UNKNOWN ? item->source->size : 0;
}

static void enqueue(Mirror *m, MirrorItem *item, bool front) {
        MirrorItems *list = item->kind == MIRROR_ITEM_DIRECTORY ? &m->directories
                : item->kind == MIRROR_ITEM_SEGMENTS ? &m->joins : &m->transfers;

        if (front || item->kind == MIRROR_ITEM_DIRECTORY)
                prepend(list, item);
        else
                append(list, item);
        if (m->idle > 0)
                pthread_cond_signal(&m->work);
        else if (m->alive < m->sessions_max)
                wake(m);
}

void mirror_push(Mirror *m, MirrorItem *item) {
        pthread_mutex_lock(&m->lock);
        /* A directory came into being with one. */
        if (item->kind != MIRROR_ITEM_DIRECTORY && item->kind != MIRROR_ITEM_SEGMENTS)
                item->directory->pending++;
        item->left = known_size(item);
        m->progress.bytes_left += item->left;
        enqueue(m, item, false);
        pthread_mutex_unlock(&m->lock);
}

void mirror_give_back(Mirror *m, MirrorItem *item) {
        pthread_mutex_lock(&m->lock);
        m->active--;
        m->listing -= item->kind == MIRROR_ITEM_DIRECTORY;
        m->progress.bytes_left += known_size(item) - item->left;
        item->left = known_size(item);
        enqueue(m, item, true);
        pthread_mutex_unlock(&m->lock);
}

/* ---- Taking ---------------------------------------------------------------------------------- */

static bool lists_ahead(const Mirror *m) {
        if (m->directories.n == 0)
                return false;
        if (m->transfers.n == 0)
                return true;
        return m->parallel > 1 && m->listing == 0 && m->transfers.n < MIRROR_AHEAD_MAX;
}

static MirrorItem *choose(Mirror *m) {
        MirrorItem *item;

        if (m->joins.n > 0) {
                item = remove_first(&m->joins);
                item->large->fetching++;
                return item;
        }
        if (m->active >= m->parallel || m->directories.n + m->transfers.n == 0)
                return NULL;
        item = remove_first(lists_ahead(m) ? &m->directories : &m->transfers);
        m->active++;
        m->listing += item->kind == MIRROR_ITEM_DIRECTORY;
        return item;
}

MirrorItem *mirror_take(MirrorSession *s) {
        Mirror *m = s->mirror;
        MirrorItem *item = NULL;

        pthread_mutex_lock(&m->lock);
        for (;;) {
                if (m->stopping || m->done)
                        break;
                item = choose(m);
                if (item)
                        break;
                m->idle++;
                pthread_cond_wait(&m->work, &m->lock);
                m->idle--;
        }
        pthread_mutex_unlock(&m->lock);
        return item;
}

/* ---- Ending ---------------------------------------------------------------------------------- */

/*
 * Something that d waited for is over. If it was the last, what is left to do for d itself is done, without the lock; that
 * may add to what it waits for, and then is done again, by whoever sees the last of it end. Then it is its parent's turn.
 */
static void unpend(MirrorSession *s, MirrorDirectory *d) {
        Mirror *m = s->mirror;

        while (d) {
                MirrorDirectory *parent = d->parent;
                bool again;

                pthread_mutex_lock(&m->lock);
                /* The last one stays, so that d does while it is being finished. */
                while (d->pending == 1) {
                        pthread_mutex_unlock(&m->lock);
                        again = !mirror_is_stopping(m) && mirror_finish_directory(s, d);
                        pthread_mutex_lock(&m->lock);
                        if (!again)
                                break;
                }
                if (--d->pending > 0) {
                        pthread_mutex_unlock(&m->lock);
                        return;
                }
                if (parent) {
                        parent->failed = parent->failed || d->failed;
                        parent->kept = parent->kept || (d->has_source == parent->has_source && (d->kept || d->failed));
                } else {
                        m->done = true;
                        pthread_cond_broadcast(&m->work);
                        wake(m);
                }
                pthread_mutex_unlock(&m->lock);
                mirror_directory_free(m, d);
                d = parent;
        }
}

void mirror_item_done(MirrorSession *s, MirrorItem *item) {
        MirrorDirectory *d = item->directory;
        bool join = item->kind == MIRROR_ITEM_SEGMENTS;
        Mirror *m = s->mirror;

        if (!join) {
                pthread_mutex_lock(&m->lock);
                m->active--;
                m->listing -= item->kind == MIRROR_ITEM_DIRECTORY;
                mirror_show(s, false, NULL);
                /* Another one may be taken now. */
                if (m->idle > 0)
                        pthread_cond_signal(&m->work);
                pthread_mutex_unlock(&m->lock);
        }
        free(item);
        if (!join)
                unpend(s, d);
}

void mirror_remove_joins(Mirror *m, const MirrorLarge *large) {
        MirrorItems kept = {};

        pthread_mutex_lock(&m->lock);
        while (m->joins.n > 0) {
                MirrorItem *item = remove_first(&m->joins);

                if (item->large == large)
                        free(item);
                else
                        append(&kept, item);
        }
        m->joins = kept;
        pthread_mutex_unlock(&m->lock);
}

void mirror_stop(Mirror *m, KftpFailure *f) {
        pthread_mutex_lock(&m->lock);
        if (!m->stopping) {
                m->stopping = true;
                if (f)
                        m->fatal = *f;
        } else
                kftp_failure_done(f ?: &(KftpFailure) {});
        if (f)
                *f = (KftpFailure) {};
        /* Nothing that is under way is worth going on with; what has come of it is kept. */
        for (unsigned i = 0; i < m->sessions_n; i++)
                if (!m->sessions[i].ended)
                        kftp_control_cancel(m->sessions[i].control);
        pthread_cond_broadcast(&m->work);
        pthread_mutex_unlock(&m->lock);
        wake(m);
}

bool mirror_is_stopping(Mirror *m) {
        bool stopping;

        pthread_mutex_lock(&m->lock);
        stopping = m->stopping;
        pthread_mutex_unlock(&m->lock);
        return stopping;
}

bool mirror_is_fatal(const KftpFailure *f) {
        if (f->class == KFTP_CLASS_DEVICE || f->class == KFTP_CLASS_INTERRUPTED || f->class == KFTP_CLASS_TLS)
                return true;
        return (f->class == KFTP_CLASS_LOCAL && (f->error == -ENOSPC || f->error == -EDQUOT || f->error == -EROFS))
                || f->error == -ENOMEM;
}

static void free_list(Mirror *m, MirrorItems *l) {
        while (l->n > 0) {
                MirrorItem *item = remove_first(l);
                MirrorDirectory *d = item->directory;

                m->result->left += item->kind == MIRROR_ITEM_GET || item->kind == MIRROR_ITEM_PUT;
                if (item->kind != MIRROR_ITEM_SEGMENTS)
                        while (d && --d->pending == 0) {
                                MirrorDirectory *parent = d->parent;

                                mirror_directory_free(m, d);
                                d = parent;
                        }
                free(item);
        }
}

void mirror_free_items(Mirror *m) {
        free_list(m, &m->transfers);
        free_list(m, &m->directories);
        free_list(m, &m->joins);
}
