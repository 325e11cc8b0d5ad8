// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A record of a mirror's state: a directory's listing as bytes, and back. It may be torn, as the mirror was killed while
 * it was written; a disk may have put anything else in its place. So nothing in it is believed before its checksum is
 * right, and no number even then.
 */

#include "mirror-state-internal.h"

#define MAGIC UINT64_C(0x31767374726d666b)      /* changes with the form */
#define NO_TARGET UINT32_MAX

/* Its texts stand behind it: the name, then the target. */
typedef struct PackedEntry {
        uint64_t size;
        int64_t mtime;
        uint32_t mtime_precision;
        uint32_t mode;
        uint32_t name_len;
        uint32_t target_len;            /* or NO_TARGET */
        uint32_t type;
        uint32_t link;
} PackedEntry;

uint64_t mirror_state_checksum(const void *data, size_t n) {
        const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
        const uint8_t *p = data;
        uint64_t h = n * factor;

        for (; n > 0; p += MIN2(n, sizeof(h)), n -= MIN2(n, sizeof(h))) {
                uint64_t word = 0;

                memcpy(&word, p, MIN2(n, sizeof(word)));
                h = (h ^ word) * factor;
                h ^= h >> 32;
        }
        return h;
}

static uint64_t checksum(const MirrorStateRecord *r) {
        const size_t before = offsetof(MirrorStateRecord, mtime);

        return mirror_state_checksum((const char *) r + before, r->length - before);
}

static uint64_t packed_length(const char *path, const MirrorList *listing) {
        uint64_t length = sizeof(MirrorStateRecord) + strlen(path);

        for (size_t i = 0; i < listing->n; i++)
                length += sizeof(PackedEntry) + strlen(listing->entries[i].name) + strlen(strempty(listing->entries[i].target));
        return length;
}

static char *pack(char *out, const MirrorEntry *e) {
        PackedEntry packed = {
                .size = e->size,
                .mtime = e->mtime,
                .mtime_precision = e->mtime_precision,
                .mode = e->mode,
                .name_len = (uint32_t) strlen(e->name),
                .target_len = e->target ? (uint32_t) strlen(e->target) : NO_TARGET,
                .type = e->type,
                .link = e->link,
        };

        out = mempcpy(out, &packed, sizeof(packed));
        out = mempcpy(out, e->name, packed.name_len);
        return e->target ? mempcpy(out, e->target, packed.target_len) : out;
}

MirrorStateRecord *mirror_state_encode(const MirrorStateRecord *head, const char *path, const MirrorList *listing) {
        uint64_t length = packed_length(path, listing);
        MirrorStateRecord *r;
        char *out;

        r = length <= MIRROR_STATE_RECORD_MAX ? malloc(length) : NULL;
        if (!r)
                return NULL;
        *r = *head;
        r->magic = MAGIC;
        r->length = length;
        r->path_len = (uint32_t) strlen(path);
        r->entries = listing->n;
        out = mempcpy(r + 1, path, r->path_len);
        for (size_t i = 0; i < listing->n; i++)
                out = pack(out, listing->entries + i);
        r->checksum = checksum(r);
        return r;
}

bool mirror_state_is_record(const MirrorStateRecord *head) {
        return head->magic == MAGIC && head->length >= sizeof(*head) && head->length <= MIRROR_STATE_RECORD_MAX
                && head->path_len <= head->length - sizeof(*head);
}

const char *mirror_state_path(const MirrorStateRecord *r) {
        return (const char *) (r + 1);
}

static bool is_text(const char *text, size_t n) {
        return n > 0 && !memchr(text, '\0', n);
}

static bool is_dot(const char *text, size_t n) {
        return (n == 1 && text[0] == '.') || (n == 2 && text[0] == '.' && text[1] == '.');
}

/* Takes one entry from *p on; what it says of itself has to fit in. */
static int unpack(const char **p, const char *end, MirrorList *ret) {
        PackedEntry packed;
        const char *name, *target;
        size_t target_len;

        if ((size_t) (end - *p) < sizeof(packed))
                return -EBADMSG;
        memcpy(&packed, *p, sizeof(packed));
        name = *p + sizeof(packed);
        target_len = packed.target_len == NO_TARGET ? 0 : packed.target_len;
        if (packed.name_len > (size_t) (end - name) || target_len > (size_t) (end - name) - packed.name_len)
                return -EBADMSG;
        target = name + packed.name_len;
        *p = target + target_len;
        if (!is_text(name, packed.name_len) || is_dot(name, packed.name_len) || (target_len > 0 && !is_text(target, target_len)))
                return -EBADMSG;
        if (packed.type > KFTP_ENTRY_OTHER)
                return -EBADMSG;
        return mirror_list_add(
                        ret,
                        &(MirrorEntry) {
                                .name = name,
                                .target = packed.target_len == NO_TARGET ? NULL : target,
                                .size = packed.size,
                                .mtime = packed.mtime,
                                .mtime_precision = packed.mtime_precision,
                                .mode = packed.mode,
                                .type = packed.type,
                                .link = packed.link,
                        },
                        packed.name_len,
                        target_len);
}

int mirror_state_decode(const MirrorStateRecord *r, MirrorList *ret) {
        const char *p = mirror_state_path(r) + r->path_len, *end = (const char *) r + r->length;
        int k = 0;

        if (!mirror_state_is_record(r) || r->checksum != checksum(r))
                return -EBADMSG;
        for (uint64_t i = 0; i < r->entries && k >= 0; i++)
                k = unpack(&p, end, ret);
        if (k >= 0 && p != end)
                k = -EBADMSG;
        if (k < 0)
                mirror_list_done(ret);
        else
                mirror_list_sort(ret);
        return k;
}
