// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kftp_client_list over a connection that answers LIST and MLSD with the texts that a test gives it: what is
 * remembered from one listing to the next.
 */

#include "listing.h"

#include "libkftp/client.h"
#include "libkftp/connection-internal.h"

/* What the server sends next, and what it has. */
static const char *next_text;
static uint64_t features;

/* ---- In the place of connection*.c ------------------------------------------------------------- */

int kftp_connection_open(KftpConnection **ret, const KftpUrl *url, const KftpOptions *o, KftpFailure *f) {
        KftpConnection *c = calloc(1, sizeof(KftpConnection));

        (void) o;
        (void) f;
        assert_non_null(c);
        c->host = strdup(url->host);
        assert_non_null(c->host);
        c->port = url->port;
        *ret = c;
        return 0;
}

void kftp_connection_close(KftpConnection *c) {
        if (!c)
                return;
        free(c->host);
        free(c);
}

int kftp_connection_transfer(
                KftpConnection *c,
                const struct kftp_submit *request,
                const char *local,
                KftpWatch *watch,
                KftpDone *ret,
                KftpFailure *f) {
        (void) c;
        (void) local;
        (void) watch;
        (void) f;
        *ret = (KftpDone) { .reply = 226, .bytes = strlen(next_text) };
        assert_int_equal(pwrite(request->fd, next_text, ret->bytes, 0), (ssize_t) ret->bytes);
        return 0;
}

int kftp_connection_request(KftpConnection *c, const struct kftp_submit *request, KftpDone *ret, KftpFailure *f) {
        (void) c;
        (void) request;
        (void) f;
        if (ret)
                *ret = (KftpDone) { .reply = 250 };
        return 0;
}

struct kftp_submit kftp_request(enum kftp_op op, const char *path) {
        (void) path;
        return (struct kftp_submit) { .size = sizeof(struct kftp_submit), .op = op, .fd = -1 };
}

int kftp_connection_info(KftpConnection *c, struct kftp_info *ret) {
        (void) c;
        *ret = (struct kftp_info) { .size = sizeof(*ret), .feat = features };
        return 0;
}

KftpLearnt *kftp_connection_learnt(KftpConnection *c) {
        return &c->learnt;
}

const char *kftp_connection_remote(const KftpConnection *c) {
        (void) c;
        return "fake:21";
}

bool kftp_connection_usable(const KftpConnection *c) {
        return c;
}

void kftp_connection_reuse(KftpConnection *c) {
        (void) c;
}

bool kftp_connection_was_dead(const KftpConnection *c) {
        (void) c;
        return false;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

typedef struct Last {
        uint64_t entries;
        int64_t mtime;
} Last;

static int take(void *userdata, const KftpEntry *e) {
        Last *last = userdata;

        last->entries++;
        last->mtime = e->mtime;
        return 0;
}

static void list(KftpClient *client, const char *text, int32_t utc_offset, const char *format, bool utc, int64_t mtime) {
        KftpListOptions options = { .utc_offset = utc_offset };
        KftpUrl url = {};
        KftpListing listing;
        Last last = {};

        next_text = text;
        assert_int_equal(kftp_url_parse("ftp://fake/", &url, NULL), 0);
        assert_int_equal(kftp_client_list(client, &url, &options, take, &last, &listing), 0);
        assert_string_equal(listing.format, format);
        assert_int_equal(listing.utc, utc);
        assert_int_equal(last.entries, listing.entries);
        assert_int_equal(last.mtime, mtime);
        kftp_listing_done(&listing);
        kftp_url_done(&url);
}

static KftpClient *new_client(uint64_t with) {
        KftpOptions options = {};
        KftpClient *client;

        features = with;
        assert_int_equal(kftp_client_new(&client, &options), 0);
        return client;
}

#define JANUARY_2 INT64_C(1577959200)           /* 2020-01-02 10:00 UTC */
#define FEBRUARY_1 INT64_C(1580551200)

static void test_remembered_for_the_connection(void **state) {
        KftpClient *client = new_client(0), *other = new_client(0);

        (void) state;
        list(client, "01/02/20  10:00  1 a\r\n", 0, "DOS", false, JANUARY_2);
        list(client, "31/01/20  10:00  1 a\r\n01/02/20  10:00  1 b\r\n", 0, "DOS", false, FEBRUARY_1);
        list(client, "01/02/20  10:00  1 a\r\n", 0, "DOS", false, FEBRUARY_1);
        list(client, "-rw-r--r-- 1 o g 5 2020-01-01 10:00 x\r\n01/02/20  10:00  1 a\r\n", 0, "DOS", false, FEBRUARY_1);
        list(other, "01/02/20  10:00  1 a\r\n", 0, "DOS", false, JANUARY_2);
        kftp_client_free(client);
        kftp_client_free(other);
}

/* Any line would do as a name: were that remembered, the server could never be understood again. */
static void test_names_are_not_remembered(void **state) {
        KftpClient *client = new_client(0);

        (void) state;
        list(client, "README\r\n", 0, "names", false, KFTP_MTIME_UNKNOWN);
        list(client, "01/02/20  10:00  1 a\r\nREADME\r\n", 0, "DOS", false, JANUARY_2);
        kftp_client_free(client);
}

static void test_the_server_s_clock(void **state) {
        KftpClient *client = new_client(0), *mlsd = new_client(KFTP_FEAT_MLST);

        (void) state;
        list(client, "01/02/20  10:00  1 a\r\n", 3600, "DOS", false, JANUARY_2 - 3600);
        list(mlsd, "type=file;modify=20200102100000; a\r\n", 3600, "MLSD", true, JANUARY_2);
        kftp_client_free(client);
        kftp_client_free(mlsd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_remembered_for_the_connection),
                cmocka_unit_test(test_names_are_not_remembered),
                cmocka_unit_test(test_the_server_s_clock),
        };

        return cmocka_run_group_tests_name("list-client", tests, NULL, NULL);
}
