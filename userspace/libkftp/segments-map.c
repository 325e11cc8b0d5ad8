// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The map of a file that is received in parts, JSON, in the state file of its temporary file (partial-state.c). Its version
 * keeps a download of the whole from taking it for its own state, and the other way round. As that it may be
 * older than the temporary file, never newer.
 */

#include <sys/stat.h>

#include "partial-state.h"
#include "segments-map.h"
#include "util.h"

#define MAP_VERSION 2
#define ROUNDS_MAX 8                    /* parts for each of those who fetch at a time: who is slow takes fewer */

/* ---- Parts ----------------------------------------------------------------------------------- */

static int set_parts(KftpSegmentsMap *m, uint64_t size, int64_t mtime, uint64_t part_size) {
        *m = (KftpSegmentsMap) {
                .size = size,
                .mtime = mtime,
                .part_size = part_size,
                .parts = (size_t) ((size - 1) / part_size + 1),
        };
        m->synced = calloc(m->parts, sizeof(*m->synced));
        return m->synced ? 0 : -ENOMEM;
}

int kftp_segments_map_begin(KftpSegmentsMap *m, uint64_t size, int64_t mtime, unsigned segments, uint64_t segment_size) {
        uint64_t fit = MAX2(size / MAX2(segment_size, UINT64_C(1)), UINT64_C(1));
        uint64_t n = MIN2(MAX2(segments, 1U), KFTP_SEGMENTS_PARTS_MAX);

        if (size == 0 || size > INT64_MAX)
                return -EINVAL;
        if (fit >= n)
                fit = MIN2(MIN2(fit / n, (uint64_t) ROUNDS_MAX) * n, (uint64_t) KFTP_SEGMENTS_PARTS_MAX);
        return set_parts(m, size, mtime, (size - 1) / fit + 1);
}

void kftp_segments_map_done(KftpSegmentsMap *m) {
        free(m->synced);
        *m = (KftpSegmentsMap) {};
}

uint64_t kftp_segments_map_offset(const KftpSegmentsMap *m, size_t part) {
        return (uint64_t) part * m->part_size;
}

uint64_t kftp_segments_map_length(const KftpSegmentsMap *m, size_t part) {
        return MIN2(m->part_size, m->size - kftp_segments_map_offset(m, part));
}

uint64_t kftp_segments_map_sum(const KftpSegmentsMap *m) {
        uint64_t sum = 0;

        for (size_t i = 0; i < m->parts; i++)
                sum += m->synced[i];
        return sum;
}

void kftp_segments_map_take_prefix(KftpSegmentsMap *m, uint64_t bytes) {
        for (size_t i = 0; i < m->parts && bytes > kftp_segments_map_offset(m, i); i++)
                m->synced[i] = MIN2(bytes - kftp_segments_map_offset(m, i), kftp_segments_map_length(m, i));
}

/* ---- The file -------------------------------------------------------------------------------- */

static int take_synced(KftpSegmentsMap *m, const json_t *synced) {
        if (json_array_size(synced) != m->parts)
                return 0;
        for (size_t i = 0; i < m->parts; i++) {
                const json_t *number = json_array_get(synced, i);
                json_int_t n = json_integer_value(number);

                if (!json_is_integer(number) || n < 0 || (uint64_t) n > kftp_segments_map_length(m, i))
                        return 0;
                m->synced[i] = (uint64_t) n;
        }
        return 1;
}

static int take(KftpSegmentsMap *m, const json_t *root, const KftpPartial *p) {
        json_int_t size, mtime, part_size;
        const char *url;
        json_t *synced;
        struct stat st;
        int r, version;

        if (json_unpack((json_t *) root, "{s:i, s:s, s:I, s:I, s:I, s:o}", "version", &version, "url", &url,
                        "size", &size, "mtime", &mtime, "part", &part_size, "synced", &synced) < 0)
                return 0;
        if (version != MAP_VERSION || !streq(url, p->identity) || size <= 0 || part_size <= 0
            || (size - 1) / part_size >= (json_int_t) KFTP_SEGMENTS_PARTS_MAX)
                return 0;
        if (fstat(p->fd, &st) < 0)
                return -errno;
        /* It has its full length from the first byte on. */
        if (st.st_size != size)
                return 0;
        r = set_parts(m, (uint64_t) size, mtime, (uint64_t) part_size);
        return r < 0 ? r : take_synced(m, synced);
}

int kftp_segments_map_load(KftpSegmentsMap *ret, const KftpPartial *p) {
        json_auto_t *root = NULL;
        KftpSegmentsMap m = {};
        int r;

        r = kftp_partial_state_read(p, &root);
        if (r > 0)
                r = take(&m, root, p);
        if (r > 0)
                *ret = m;
        else
                kftp_segments_map_done(&m);
        return r;
}

int kftp_segments_map_save(const KftpSegmentsMap *m, const KftpPartial *p) {
        json_auto_t *root = NULL;
        json_t *synced = json_array();

        if (!synced)
                return -ENOMEM;
        for (size_t i = 0; i < m->parts; i++)
                if (json_array_append_new(synced, json_integer((json_int_t) m->synced[i])) < 0) {
                        json_decref(synced);
                        return -ENOMEM;
                }
        root = json_pack("{s:i, s:s, s:I, s:I, s:I, s:o}", "version", MAP_VERSION, "url", p->identity,
                         "size", (json_int_t) m->size, "mtime", (json_int_t) m->mtime,
                         "part", (json_int_t) m->part_size, "synced", synced);
        return root ? kftp_partial_state_write(p, root) : -ENOMEM;
}
