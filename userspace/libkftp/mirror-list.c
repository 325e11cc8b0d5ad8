// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The entries of one directory of a mirror. A directory may have a hundred thousand of them: texts are laid one behind
 * the other into large chunks, so that an entry costs its bytes and not an allocation.
 */

#include "mirror-list.h"
#include "util.h"

#define CHUNK_SIZE 4096U
#define ENTRIES_FIRST 16U

struct MirrorChunk {
        MirrorChunk *next;
        size_t used;
        size_t size;
        char text[];
};

static char *put_text(MirrorList *l, const char *text, size_t n) {
        MirrorChunk *c = l->texts;
        char *copy;

        if (!c || c->size - c->used <= n) {
                /* The first one is small: most directories are. */
                size_t size = MAX2(n + 1, l->texts ? 16 * CHUNK_SIZE : CHUNK_SIZE);

                c = malloc(sizeof(*c) + size);
                if (!c)
                        return NULL;
                *c = (MirrorChunk) { .next = l->texts, .size = size };
                l->texts = c;
        }
        copy = c->text + c->used;
        memcpy(copy, text, n);
        copy[n] = '\0';
        c->used += n + 1;
        return copy;
}

static int make_room(MirrorList *l) {
        size_t allocated = l->allocated ? l->allocated + l->allocated / 2 : ENTRIES_FIRST;
        MirrorEntry *entries;

        if (l->n < l->allocated)
                return 0;
        entries = reallocarray(l->entries, allocated, sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        l->entries = entries;
        l->allocated = allocated;
        return 0;
}

int mirror_list_add(MirrorList *l, const MirrorEntry *entry, size_t name_len, size_t target_len) {
        MirrorEntry e = *entry;

        if (make_room(l) < 0)
                return -ENOMEM;
        e.name = put_text(l, entry->name, name_len);
        e.target = entry->target ? put_text(l, entry->target, target_len) : NULL;
        if (!e.name || (entry->target && !e.target))
                return -ENOMEM;
        e.order = (uint32_t) l->n;
        l->entries[l->n++] = e;
        return 0;
}

int mirror_list_set_target(MirrorList *l, size_t index, const char *target, size_t target_len) {
        const char *copy = put_text(l, target, target_len);

        if (!copy)
                return -ENOMEM;
        l->entries[index].target = copy;
        return 0;
}

static int compare_names(const void *a, const void *b) {
        const MirrorEntry *x = a, *y = b;
        int r = strcmp(x->name, y->name);

        return r != 0 ? r : x->order < y->order ? -1 : 1;
}

void mirror_list_sort(MirrorList *l) {
        size_t kept = 0;

        if (l->n == 0)
                return;
        qsort(l->entries, l->n, sizeof(*l->entries), compare_names);
        for (size_t i = 1; i < l->n; i++)
                if (!streq(l->entries[kept].name, l->entries[i].name))
                        l->entries[++kept] = l->entries[i];
        l->n = kept + 1;
}

const MirrorEntry *mirror_list_find(const MirrorList *l, const char *name) {
        size_t low = 0, high = l->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int r = strcmp(l->entries[middle].name, name);

                if (r == 0)
                        return l->entries + middle;
                if (r < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

void mirror_list_done(MirrorList *l) {
        for (MirrorChunk *c = l->texts, *next; c; c = next) {
                next = c->next;
                free(c);
        }
        free(l->entries);
        *l = (MirrorList) {};
}
