// SPDX-License-Identifier: GPL-2.0-or-later
/* A text read as a listing, and its entries written as text again. */

#include "listing.h"

#include <inttypes.h>
#include <sys/mman.h>

int test_listing_file(const char *text, size_t n) {
        int fd = memfd_create("listing", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, n), (ssize_t) n);
        return fd;
}

static void print_time(FILE *f, int64_t mtime) {
        time_t t = (time_t) mtime;
        char text[32];
        struct tm tm;

        if (mtime == KFTP_MTIME_UNKNOWN) {
                fputs(" ?", f);
                return;
        }
        assert_non_null(gmtime_r(&t, &tm));
        assert_true(strftime(text, sizeof(text), " %Y-%m-%dT%H:%M:%S", &tm) > 0);
        fputs(text, f);
}

static int print_entry(void *userdata, const KftpEntry *e) {
        static const char types[] = { 'f', 'd', 'l', 'o' };
        FILE *f = userdata;

        fputc(types[e->type], f);
        if (e->mode == KFTP_MODE_UNKNOWN)
                fputs(" ?", f);
        else
                fprintf(f, " %04" PRIo32, e->mode);
        if (e->size == KFTP_SIZE_UNKNOWN)
                fputs(" ?", f);
        else
                fprintf(f, " %" PRIu64, e->size);
        print_time(f, e->mtime);
        fprintf(f, "<%.*s>", (int) e->name_len, e->name);
        if (e->target)
                fprintf(f, " -> <%.*s>", (int) e->target_len, e->target);
        fputc('\n', f);
        return 0;
}

char *test_listing(const char *text, size_t n, KftpListSource source, KftpListSummary *ret) {
        _cleanup_close_ int fd = test_listing_file(text, n);
        char *result = NULL;
        size_t length;
        FILE *f = open_memstream(&result, &length);

        assert_non_null(f);
        assert_int_equal(kftp_list_read(fd, source, TEST_NOW, print_entry, f, ret), 0);
        assert_int_equal(fclose(f), 0);
        return result;
}

void test_expect_listing(const char *format, const char *text, const char *expected) {
        KftpListSummary summary;
        _cleanup_free_ char *result = test_listing(text, strlen(text), KFTP_LIST_FROM_DATA, &summary);

        assert_string_equal(result, expected);
        assert_non_null(summary.format);
        assert_string_equal(summary.format->name, format);
        if (summary.bad > 0)
                fail_msg("%" PRIu64 " bad lines: %s", summary.bad, summary.bad_line);
        kftp_list_summary_done(&summary);
}
