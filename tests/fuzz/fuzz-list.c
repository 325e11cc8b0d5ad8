// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A whole listing: lines, the vote, what is remembered, entries of two lines, versions. The first byte of the input
 * chooses what is known before, the rest is what the server sends. Read again with what was learnt, the format has to
 * stay.
 */

#include <sys/mman.h>

#include "fuzz.h"
#include "libkftp/list.h"
#include "util.h"

#define NOW INT64_C(1710072000)

static int take(void *userdata, const KftpEntry *e) {
        uint64_t *entries = userdata;

        FUZZ_CHECK(e->name_len > 0 && !memchr(e->name, '\0', e->name_len));
        FUZZ_CHECK(!(e->name_len == 1 && e->name[0] == '.') && !(e->name_len == 2 && memcmp(e->name, "..", 2) == 0));
        FUZZ_CHECK(!e->target || e->target_len > 0);
        FUZZ_CHECK(e->mode == KFTP_MODE_UNKNOWN || e->mode <= 07777);
        (*entries)++;
        return 0;
}

static void read_listing(int fd, KftpListSource source, const KftpListKnown *known, KftpListSummary *ret) {
        uint64_t entries = 0;

        FUZZ_CHECK(kftp_list_read(fd, source, known, take, &entries, ret) == 0);
        FUZZ_CHECK(entries == ret->entries && ret->directories <= entries);
        FUZZ_CHECK(ret->entries + ret->bad <= ret->lines);
        FUZZ_CHECK(ret->format || ret->bad == ret->lines);
        FUZZ_CHECK(ret->order < KFTP_LIST_ORDERS);
        FUZZ_CHECK((ret->bad > 0) == (ret->bad_line != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static const KftpListFormat *const before[] = { NULL, &kftp_list_unix, &kftp_list_dos, &kftp_list_vms };
        static int fd = -1;
        KftpListSummary first, second;
        KftpListSource source;
        KftpListKnown known;

        fuzz_spend();
        if (n == 0)
                return 0;
        if (fd < 0)
                fd = memfd_create("fuzz-list", MFD_CLOEXEC);
        FUZZ_CHECK(ftruncate(fd, 0) == 0);
        FUZZ_CHECK(pwrite(fd, data + 1, n - 1, 0) == (ssize_t) (n - 1));
        source = data[0] & 1 ? KFTP_LIST_FROM_REPLY : KFTP_LIST_FROM_DATA;
        known = (KftpListKnown) {
                .now = NOW,
                .utc_offset = data[0] & 2 ? -50400 : 0,
                .format = before[data[0] >> 2 & 3],
                .order = (data[0] >> 4 & 15) % KFTP_LIST_ORDERS,
        };
        read_listing(fd, source, &known, &first);
        if (first.format && first.entries > 0) {
                known.format = first.format;
                known.order = first.order;
                read_listing(fd, source, &known, &second);
                FUZZ_CHECK(second.format == first.format);
                kftp_list_summary_done(&second);
        }
        kftp_list_summary_done(&first);
        return 0;
}
