// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is known of servers' ways to a data connection. A small table: the oldest entry makes room. */

#include <pthread.h>

#include "methods.h"
#include "util.h"

#define ENTRIES_MAX 64

typedef struct Entry {
        char *remote;
        uint32_t off;
} Entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Entry entries[ENTRIES_MAX];
static size_t next_entry;

static Entry *find(const char *remote) {
        for (size_t i = 0; i < ENTRIES_MAX; i++)
                if (streq_ptr(entries[i].remote, remote))
                        return &entries[i];
        return NULL;
}

static uint32_t allowed(enum kftp_data_mode mode) {
        const uint32_t passive = KFTP_METHOD_EPSV | KFTP_METHOD_PASV, active = KFTP_METHOD_EPRT | KFTP_METHOD_PORT;

        return mode == KFTP_DATA_PASSIVE ? passive : mode == KFTP_DATA_ACTIVE ? active : passive | active;
}

uint32_t kftp_methods_known(const char *remote, enum kftp_data_mode mode) {
        const Entry *e;
        uint32_t off;

        (void) pthread_mutex_lock(&lock);
        e = find(remote);
        off = e ? e->off : 0;
        (void) pthread_mutex_unlock(&lock);
        return (off & allowed(mode)) == allowed(mode) ? 0 : off;
}

void kftp_methods_remember(const char *remote, uint32_t off) {
        Entry *e;

        if (off == 0)
                return;
        (void) pthread_mutex_lock(&lock);
        e = find(remote);
        if (!e) {
                char *copy = strdup(remote);

                if (copy) {
                        e = &entries[next_entry++ % ENTRIES_MAX];
                        free(e->remote);
                        *e = (Entry) { .remote = copy };
                }
        }
        if (e)
                e->off |= off;
        (void) pthread_mutex_unlock(&lock);
}

const char *kftp_method_name(uint32_t methods) {
        return methods & KFTP_METHOD_EPSV ? "EPSV" : methods & KFTP_METHOD_PASV ? "PASV"
                : methods & KFTP_METHOD_EPRT ? "EPRT" : "PORT";
}
