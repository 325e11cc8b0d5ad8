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

const KftpListFormat *const test_list_formats[] = {
        &kftp_list_mlsd, &kftp_list_unix, &kftp_list_dos, &kftp_list_eplf, &kftp_list_netware, &kftp_list_vms,
        &kftp_list_os2, &kftp_list_as400, &kftp_list_mvs, &kftp_list_jes, &kftp_list_zvm, &kftp_list_nonstop,
        &kftp_list_vxworks, &kftp_list_os9, &kftp_list_wfftp, &kftp_list_numeric, &kftp_list_names, NULL,
};

typedef struct Output {
        FILE *file;
        bool full;
} Output;

static void print_time(const Output *o, const KftpEntry *e) {
        time_t t = (time_t) e->mtime;
        char text[32];
        struct tm tm;

        if (e->mtime == KFTP_MTIME_UNKNOWN) {
                fputs(" ?", o->file);
                return;
        }
        assert_non_null(gmtime_r(&t, &tm));
        assert_true(strftime(text, sizeof(text), " %Y-%m-%dT%H:%M:%S", &tm) > 0);
        fputs(text, o->file);
        if (o->full)
                fprintf(o->file, "/%" PRIu32 " ", e->mtime_precision);
}

static void print_name(const Output *o, const char *text, size_t n) {
        _cleanup_free_ char *escaped = kftp_escape(text, n);

        assert_non_null(escaped);
        if (o->full)
                fprintf(o->file, "<%s>", escaped);
        else
                fprintf(o->file, "<%.*s>", (int) n, text);
}

static int print_entry(void *userdata, const KftpEntry *e) {
        static const char types[] = { 'f', 'd', 'l', 'o' };
        const Output *o = userdata;

        fputc(types[e->type], o->file);
        if (e->mode == KFTP_MODE_UNKNOWN)
                fputs(" ?", o->file);
        else
                fprintf(o->file, " %04" PRIo32, e->mode);
        if (e->size == KFTP_SIZE_UNKNOWN)
                fputs(" ?", o->file);
        else
                fprintf(o->file, " %" PRIu64, e->size);
        print_time(o, e);
        print_name(o, e->name, e->name_len);
        if (e->target) {
                fputs(" -> ", o->file);
                print_name(o, e->target, e->target_len);
        }
        fputc('\n', o->file);
        return 0;
}

static char *listing(const char *text, size_t n, KftpListSource source, const KftpListKnown *known, bool full, KftpListSummary *ret) {
        _cleanup_close_ int fd = test_listing_file(text, n);
        char *result = NULL;
        size_t length;
        Output o = { .file = open_memstream(&result, &length), .full = full };

        assert_non_null(o.file);
        assert_int_equal(kftp_list_read(fd, source, known, print_entry, &o, ret), 0);
        assert_int_equal(fclose(o.file), 0);
        return result;
}

char *test_listing(const char *text, size_t n, KftpListSource source, KftpListSummary *ret) {
        return listing(text, n, source, &(KftpListKnown) { .now = TEST_NOW }, false, ret);
}

char *test_listing_in_full(const char *text, size_t n, KftpListSource source, const KftpListKnown *known, KftpListSummary *ret) {
        return listing(text, n, source, known, true, ret);
}

int test_parse_line(const KftpListFormat *format, const char *line, KftpEntry *ret) {
        static KftpListContext context;

        context = (KftpListContext) { .now = TEST_NOW };
        return format->parse(line, strlen(line), &context, ret);
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
