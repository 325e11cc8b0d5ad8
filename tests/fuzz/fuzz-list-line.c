// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One line to the parser of each format. What it makes of it has to lie in the line, and be what the contract of
 * KftpEntry allows. libFuzzer's input is memory of exactly its size, so that a byte too far is seen.
 */

#include <string.h>

#include "fuzz.h"
#include "libkftp/list.h"
#include "util.h"

#define NOW INT64_C(1710072000)

static const KftpListFormat *const formats[] = {
        &kftp_list_mlsd, &kftp_list_unix, &kftp_list_dos, &kftp_list_eplf, &kftp_list_netware, &kftp_list_vms,
        &kftp_list_os2, &kftp_list_as400, &kftp_list_mvs, &kftp_list_jes, &kftp_list_zvm, &kftp_list_nonstop,
        &kftp_list_vxworks, &kftp_list_os9, &kftp_list_wfftp, &kftp_list_numeric, &kftp_list_names,
};

static bool within(const char *p, size_t n, const char *begin, size_t length) {
        return p >= begin && n <= length && (size_t) (p - begin) <= length - n;
}

static void check(const KftpEntry *e, const char *line, size_t n, const KftpListContext *c) {
        FUZZ_CHECK(e->name_len > 0);
        FUZZ_CHECK(within(e->name, e->name_len, line, n) || within(e->name, e->name_len, c->name, sizeof(c->name)));
        FUZZ_CHECK(!memchr(e->name, '\0', e->name_len));
        FUZZ_CHECK(!e->target || (e->target_len > 0 && within(e->target, e->target_len, line, n)));
        FUZZ_CHECK(e->type <= KFTP_ENTRY_OTHER);
        FUZZ_CHECK(e->mode == KFTP_MODE_UNKNOWN || e->mode <= 07777);
        FUZZ_CHECK(e->mtime == KFTP_MTIME_UNKNOWN || e->mtime_precision == 1 || e->mtime_precision == 60 || e->mtime_precision == 86400);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        const char *line = (const char *) data;

        fuzz_spend();
        if (n == 0 || memchr(line, '\0', n))
                return 0;
        for (size_t i = 0; i < ELEMENTS(formats); i++)
                for (unsigned order = 0; order < KFTP_LIST_ORDERS; order++) {
                        KftpListContext context = { .now = NOW, .utc_offset = order ? -50400 : 0, .order = order, .members = order > 0 };
                        KftpEntry e;
                        int k;

                        /* Only a format whose entries go on in a next line ever sees the end of one. */
                        if (memchr(line, '\n', n) && !formats[i]->goes_on)
                                continue;
                        k = formats[i]->parse(line, n, &context, &e);
                        FUZZ_CHECK(k >= KFTP_LIST_NOT && k <= KFTP_LIST_DOT);
                        if (k > KFTP_LIST_NOTHING)
                                check(&e, line, n, &context);
                        if (formats[i]->goes_on)
                                (void) formats[i]->goes_on(line, n);
                }
        return 0;
}
