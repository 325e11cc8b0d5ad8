/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of each file nothing is kept but a hash of its name, size and time, and since when it has been so: whoever could make two
 * files collide could as well write the second one as slowly as he likes.
 */

#include <pthread.h>
#include <search.h>

#include "source-looks.h"
#include "util.h"

typedef struct Seen {
        uint64_t hash;
        uint64_t since;
} Seen;

/* What the last look at a job's source has seen, sorted by hash. */
typedef struct Memory {
        char *job;
        Seen *seen;
        size_t n;
} Memory;

struct SourceLooks {
        pthread_mutex_t lock;
        void *by_job;                   /* tsearch(3): of Memory */
};

struct SourceLook {
        SourceLooks *looks;
        Memory *memory;                 /* taken out while it is compared with */
        uint64_t seed;
        uint64_t now;
        Seen *seen;
        size_t n;
        size_t allocated;
};

static int compare_jobs(const void *a, const void *b) {
        return strcmp(((const Memory *) a)->job, ((const Memory *) b)->job);
}

static void memory_free(void *p) {
        Memory *m = p;

        if (!m)
                return;
        free(m->job);
        free(m->seen);
        free(m);
}

int source_looks_new(SourceLooks **ret) {
        SourceLooks *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        (void) pthread_mutex_init(&l->lock, NULL);
        *ret = l;
        return 0;
}

SourceLooks *source_looks_free(SourceLooks *l) {
        if (!l)
                return NULL;
        tdestroy(l->by_job, memory_free);
        (void) pthread_mutex_destroy(&l->lock);
        free(l);
        return NULL;
}

/* The job's memory, which is no longer in the tree; NULL: there is none. */
static Memory *take(SourceLooks *l, const char *job) {
        Memory key = { .job = (char *) job }, *m = NULL, **found;

        (void) pthread_mutex_lock(&l->lock);
        found = tfind(&key, &l->by_job, compare_jobs);
        if (found) {
                m = *found;
                (void) tdelete(m, &l->by_job, compare_jobs);
        }
        (void) pthread_mutex_unlock(&l->lock);
        return m;
}

void source_looks_forget(SourceLooks *l, const char *job) {
        memory_free(take(l, job));
}

/* ---- A look -------------------------------------------------------------------------------------- */

static uint64_t hash_bytes(uint64_t h, const void *data, size_t n) {
        const uint8_t *p = data;

        for (size_t i = 0; i < n; i++)
                h = (h ^ p[i]) * UINT64_C(0x100000001b3);
        return h;
}

static int compare_seen(const void *a, const void *b) {
        uint64_t x = ((const Seen *) a)->hash, y = ((const Seen *) b)->hash;

        return x < y ? -1 : x > y;
}

int source_look_begin(SourceLooks *l, const char *job, const char *place, uint64_t now, SourceLook **ret) {
        SourceLook *look = calloc(1, sizeof(*look));

        if (!look)
                return -ENOMEM;
        look->looks = l;
        look->now = now;
        look->seed = hash_bytes(UINT64_C(0xcbf29ce484222325), place, strlen(place) + 1);
        look->memory = take(l, job);
        if (!look->memory) {
                look->memory = calloc(1, sizeof(*look->memory));
                if (look->memory)
                        look->memory->job = strdup(job);
        }
        if (!look->memory || !look->memory->job) {
                memory_free(look->memory);
                free(look);
                return -ENOMEM;
        }
        *ret = look;
        return 0;
}

static int make_room(SourceLook *look) {
        size_t allocated = look->allocated ? look->allocated * 2 : 16;
        Seen *seen;

        if (look->n < look->allocated)
                return 0;
        seen = reallocarray(look->seen, allocated, sizeof(*seen));
        if (!seen)
                return -ENOMEM;
        look->seen = seen;
        look->allocated = allocated;
        return 0;
}

int source_look_at(SourceLook *look, const char *name, uint64_t size, int64_t mtime_nsec, uint64_t *ret) {
        Seen seen = { .hash = hash_bytes(look->seed, name, strlen(name) + 1), .since = look->now };
        const Seen *before;

        seen.hash = hash_bytes(seen.hash, &size, sizeof(size));
        seen.hash = hash_bytes(seen.hash, &mtime_nsec, sizeof(mtime_nsec));
        if (make_room(look) < 0)
                return -ENOMEM;
        before = look->memory->n == 0 ? NULL : bsearch(&seen, look->memory->seen, look->memory->n, sizeof(seen), compare_seen);
        if (before)
                seen.since = before->since;
        look->seen[look->n++] = seen;
        *ret = seen.since;
        return 0;
}

void source_look_end(SourceLook *look) {
        SourceLooks *l;
        Memory *m, **found;

        if (!look)
                return;
        l = look->looks;
        m = look->memory;
        free(m->seen);
        m->seen = look->seen;
        m->n = look->n;
        if (m->n > 0)
                qsort(m->seen, m->n, sizeof(*m->seen), compare_seen);
        free(look);

        (void) pthread_mutex_lock(&l->lock);
        found = m->n > 0 ? tsearch(m, &l->by_job, compare_jobs) : NULL;
        (void) pthread_mutex_unlock(&l->lock);
        /* Nothing to be remembered, or nowhere; or another look at the same job has ended meanwhile. */
        if (!found || *found != m)
                memory_free(m);
}
