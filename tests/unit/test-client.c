/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calls of libkftp that are made over a client's session, but for uploads (test-put.c): listings, streams and parts, changes, quoted commands. The server is fake-server.c's.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "directory.h"
#include "fake-server.h"
#include "libkftp.h"
#include "methods.h"
#include "util.h"

static KftpClient *client;
static KftpOptions options;
static KftpResult result;

static int set_up(void **state) {
        int r = test_directory_set_up(state) || fake_server_set_up(state);

        options = (KftpOptions) { .retry_usec = 1, .retries = 2 };
        result = (KftpResult) {};
        return r || kftp_client_new(&client, &options) < 0;
}

static int tear_down(void **state) {
        kftp_client_free(client);
        kftp_result_done(&result);
        return fake_server_tear_down(state) || test_directory_tear_down(state);
}

/* Parsed, and freed at the end of the scope. */
static KftpUrl parse(const char *text) {
        KftpUrl url;

        assert_int_equal(kftp_url_parse(text, &url, NULL), 0);
        return url;
}
#define _cleanup_url_ _cleanup_(kftp_url_done)

static void expect(int r, enum kftp_class class) {
        if (r < 0)
                print_message("    %s\n", strempty(result.failure.text));
        assert_int_equal(result.failure.class, class);
        assert_int_equal(r < 0, class != KFTP_CLASS_OK);
        kftp_result_done(&result);
}

/* ---- Changes --------------------------------------------------------------------------------- */

static void test_remove(void **state) {
        _cleanup_url_ KftpUrl file = parse("ftp://h/a"), directory = parse("ftp://h/d/");

        (void) state;
        fake_server_add("a", "x");
        fake_server_add_directory("d");
        expect(kftp_client_remove(client, &directory, 0, &result), KFTP_CLASS_REMOTE);
        expect(kftp_client_remove(client, &directory, KFTP_REMOVE_DIRECTORY, &result), KFTP_CLASS_OK);
        expect(kftp_client_remove(client, &file, 0, &result), KFTP_CLASS_OK);
        assert_int_equal(fake_server_count(), 0);
        expect(kftp_client_remove(client, &file, 0, &result), KFTP_CLASS_REMOTE);
        expect(kftp_client_remove(client, &file, KFTP_REMOVE_MISSING_OK, &result), KFTP_CLASS_OK);
        assert_int_equal(fake_server.connections, 1);
}

/* The reply is lost: it is looked whether it has been done. */
static void test_remove_without_its_reply(void **state) {
        _cleanup_url_ KftpUrl file = parse("ftp://h/a");

        (void) state;
        fake_server_add("a", "x");
        fake_server.cut_in_change = true;
        expect(kftp_client_remove(client, &file, 0, &result), KFTP_CLASS_OK);
        assert_int_equal(fake_server_asked("DELE"), 1);
        assert_int_equal(fake_server.connections, 2);
}

/* It is there, and may not be removed: that is another thing than not being there. */
static void test_remove_denied(void **state) {
        _cleanup_url_ KftpUrl file = parse("ftp://h/a");

        (void) state;
        fake_server_add("a", "x");
        fake_server.denies = true;
        expect(kftp_client_remove(client, &file, KFTP_REMOVE_MISSING_OK, &result), KFTP_CLASS_REMOTE);
        fake_server.denies = false;
        /* busy */
        fake_server.no_dele = true;
        fake_server.look_reply = 450;
        expect(kftp_client_remove(client, &file, KFTP_REMOVE_MISSING_OK, &result), KFTP_CLASS_REMOTE);
        assert_string_equal(fake_server_get("a"), "x");
}

static void test_mkdir(void **state) {
        _cleanup_url_ KftpUrl deep = parse("ftp://h/a/b/c"), root = parse("ftp://h/");

        (void) state;
        expect(kftp_client_mkdir(client, &deep, true, &result), KFTP_CLASS_OK);
        assert_true(fake_server_file("a")->directory && fake_server_file("a/b")->directory && fake_server_file("a/b/c")->directory);
        expect(kftp_client_mkdir(client, &deep, true, &result), KFTP_CLASS_OK);
        expect(kftp_client_mkdir(client, &deep, false, &result), KFTP_CLASS_REMOTE);
        expect(kftp_client_mkdir(client, &root, false, &result), KFTP_CLASS_USAGE);
}

static void test_rename(void **state) {
        _cleanup_url_ KftpUrl a = parse("ftp://h/d/a"), b = parse("ftp://h/d/b");

        (void) state;
        fake_server_add("d/a", "x");
        expect(kftp_client_rename(client, &a, "b", &result), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("d/b"), "x");
        expect(kftp_client_rename(client, &a, "c", &result), KFTP_CLASS_REMOTE);
        fake_server.cut_in_rename = true;
        expect(kftp_client_rename(client, &b, "e/b", &result), KFTP_CLASS_OK);
        assert_string_equal(fake_server_get("e/b"), "x");
        assert_int_equal(fake_server_count(), 1);
}

static void take_line(void *userdata, const char *text, size_t n) {
        char *lines = userdata;

        (void) snprintf(lines + strlen(lines), 100 - strlen(lines), "%.*s|", (int) n, text);
}

/* A space at its end may have been lost, and MLST says more than SIZE. */
static void test_rename_is_looked_at_by_MLST(void **state) {
        _cleanup_url_ KftpUrl file = parse("ftp://h/a");

        (void) state;
        fake_server_add("a", "x");
        fake_server.feat = KFTP_FEAT_MLST;
        expect(kftp_client_rename(client, &file, "b ", &result), KFTP_CLASS_OK);
        assert_int_equal(fake_server_asked("MLST b \n"), 1);
        assert_int_equal(fake_server_asked("SIZE"), 0);
}

static void test_quote(void **state) {
        _cleanup_url_ KftpUrl url = parse("ftp://h/");
        char lines[100] = "";

        (void) state;
        expect(kftp_client_quote(client, &url, "SITE HELP", take_line, lines, &result), KFTP_CLASS_OK);
        assert_string_equal(lines, "214-First|214 words|");
        expect(kftp_client_quote(client, &url, "BOGUS", take_line, lines, &result), KFTP_CLASS_REMOTE);
}

/* ---- Listings -------------------------------------------------------------------------------- */

static int take_entry(void *userdata, const KftpEntry *e) {
        char *names = userdata;

        (void) snprintf(names + strlen(names), 100 - strlen(names), "%.*s%s ", (int) e->name_len, e->name,
                        e->type == KFTP_ENTRY_DIR ? "/" : "");
        return e->size == 13 ? -ECANCELED : 0;
}

static void test_list(void **state) {
        _cleanup_url_ KftpUrl root = parse("ftp://h/"), directory = parse("ftp://h/d"), absent = parse("ftp://h/x");
        KftpListOptions list_options = {};
        KftpListing listing;
        char names[100] = "";

        (void) state;
        fake_server.feat = KFTP_FEAT_ASKED | KFTP_FEAT_MLST;
        fake_server_add("a", "content");
        fake_server_add_directory("d");
        fake_server_add("d/b", "thirteen byte");
        assert_int_equal(kftp_client_list(client, &root, &list_options, take_entry, names, &listing), 0);
        assert_string_equal(names, "a d/ ");
        assert_string_equal(listing.format, "MLSD");
        assert_int_equal(listing.entries, 2);
        assert_false(listing.file);
        kftp_listing_done(&listing);
        assert_null(listing.bad_line);

        /* what the callback says is what is returned */
        assert_int_equal(kftp_client_list(client, &directory, &list_options, take_entry, names, &listing), -ECANCELED);
        kftp_listing_done(&listing);
        assert_true(kftp_client_list(client, &absent, &list_options, take_entry, names, &listing) < 0);
        assert_int_equal(listing.failure.class, KFTP_CLASS_REMOTE);
        kftp_listing_done(&listing);
        assert_int_equal(fake_server.connections, 1);
}

/* ---- Streams and parts ----------------------------------------------------------------------- */

static const char *content_of(const char *path) {
        static char text[100];
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, text, sizeof(text) - 1);

        close(fd);
        text[MAX2(n, (ssize_t) 0)] = '\0';
        return text;
}

static void test_cat(void **state) {
        _cleanup_url_ KftpUrl url = parse("ftp://h/a"), absent = parse("ftp://h/absent");
        int fd = open("out", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        KftpPart part = {};

        (void) state;
        fake_server_add("a", "0123456789");
        /* It is gone on from where the output ended. */
        fake_server.cuts = 1;
        fake_server.cut_after = 4;
        expect(kftp_client_cat(client, &url, fd, &part, &result), KFTP_CLASS_OK);
        assert_string_equal(content_of("out"), "0123456789");
        assert_int_equal(fake_server.connections, 2);
        part.range = (KftpRange) { .from = 2, .length = 3 };
        expect(kftp_client_cat(client, &url, fd, &part, &result), KFTP_CLASS_OK);
        assert_string_equal(content_of("out"), "0123456789234");
        expect(kftp_client_cat(client, &absent, fd, &part, &result), KFTP_CLASS_REMOTE);
        close(fd);
}

static void test_get_part(void **state) {
        _cleanup_url_ KftpUrl url = parse("ftp://h/a");
        KftpPart part = { .range = { .from = 5 } };
        struct stat st;

        (void) state;
        fake_server_add("a", "0123456789");
        expect(kftp_client_get_part(client, &url, "out", &part, &result), KFTP_CLASS_OK);
        assert_string_equal(content_of("out"), "56789");
        fake_server_add("a", "one\r\ntwo\r\r\n");
        part = (KftpPart) { .text = true };
        expect(kftp_client_get_part(client, &url, "out", &part, &result), KFTP_CLASS_OK);
        assert_string_equal(content_of("out"), "one\ntwo\n");
        assert_true(stat("a", &st) < 0);
}

/* More than SIZE said: what was written out cannot be right, and no further attempt mends it. */
static void test_longer_than_told(void **state) {
        _cleanup_url_ KftpUrl url = parse("ftp://h/a");
        int fd = open("out", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        KftpPart part = {};
        struct stat st;

        (void) state;
        fake_server_add("a", "0123456789");
        fake_server.sends_more = true;
        expect(kftp_client_cat(client, &url, fd, &part, &result), KFTP_CLASS_INTEGRITY);
        assert_int_equal(fake_server_asked("RETR"), 1);
        close(fd);
        part.text = true;
        expect(kftp_client_get_part(client, &url, "text", &part, &result), KFTP_CLASS_INTEGRITY);
        assert_true(stat("text", &st) < 0);
        part = (KftpPart) { .range = { .from = 5 } };
        expect(kftp_client_get_part(client, &url, "range", &part, &result), KFTP_CLASS_INTEGRITY);
        assert_true(stat("range", &st) < 0);
}

/* What is recorded of a whole download is not lost to one of a part. */
static void test_part_leaves_a_partial(void **state) {
        _cleanup_url_ KftpUrl url = parse("ftp://h/a");
        KftpPart part = { .range = { .from = 5 } };

        (void) state;
        options.retries = 0;
        kftp_client_free(client);
        assert_int_equal(kftp_client_new(&client, &options), 0);
        fake_server_add("a", "0123456789");
        fake_server.cuts = 1;
        fake_server.cut_after = 4;
        expect(kftp_client_get(client, &url, NULL, &result), KFTP_CLASS_NETWORK);
        assert_string_equal(content_of(".a.kftp-part"), "0123");
        expect(kftp_client_get_part(client, &url, NULL, &part, &result), KFTP_CLASS_OK);
        assert_string_equal(content_of("a"), "56789");
        assert_string_equal(content_of(".a.kftp-part"), "0123");

        options.resume = true;
        kftp_client_free(client);
        assert_int_equal(kftp_client_new(&client, &options), 0);
        assert_int_equal(kftp_client_get(client, &url, NULL, &result), 0);
        assert_int_equal(result.resumed_from, 4);
        assert_string_equal(content_of("a"), "0123456789");
}

/* ---- Whole downloads ------------------------------------------------------------------------- */

/* Whether the file is still the one that was gone on with has to be known before it is delivered. */
static void test_lost_when_it_is_asked_for_the_time(void **state) {
        _cleanup_url_ KftpUrl url = parse("ftp://h/a");

        (void) state;
        fake_server_add("a", "0123456789");
        fake_server.cuts = 1;
        fake_server.cut_after = 4;
        fake_server.cut_in_mdtm = true;
        assert_int_equal(kftp_client_get(client, &url, NULL, &result), 0);
        assert_int_equal(result.attempts, 3);
        assert_int_equal(fake_server_asked("MDTM"), 2);
        assert_string_equal(content_of("a"), "0123456789");
}

/* ---- Ways to a data connection --------------------------------------------------------------- */

static void test_methods(void **state) {
        (void) state;
        assert_int_equal(kftp_methods_known("m:21", KFTP_DATA_AUTO), 0);
        kftp_methods_remember("m:21", KFTP_METHOD_EPSV);
        assert_int_equal(kftp_methods_known("m:21", KFTP_DATA_AUTO), KFTP_METHOD_EPSV);
        assert_int_equal(kftp_methods_known("m:22", KFTP_DATA_AUTO), 0);
        kftp_methods_remember("m:21", KFTP_METHOD_PASV);
        assert_int_equal(kftp_methods_known("m:21", KFTP_DATA_AUTO), KFTP_METHOD_EPSV | KFTP_METHOD_PASV);
        /* something has to be left */
        assert_int_equal(kftp_methods_known("m:21", KFTP_DATA_PASSIVE), 0);
        /* the table has an end */
        for (unsigned i = 0; i < 100; i++) {
                char remote[16];

                (void) snprintf(remote, sizeof(remote), "n%u:21", i);
                kftp_methods_remember(remote, KFTP_METHOD_EPRT);
                assert_int_equal(kftp_methods_known(remote, KFTP_DATA_AUTO), KFTP_METHOD_EPRT);
        }
        assert_int_equal(kftp_methods_known("m:21", KFTP_DATA_AUTO), 0);
        assert_string_equal(kftp_method_name(KFTP_METHOD_PASV), "PASV");
        assert_string_equal(kftp_method_name(KFTP_METHOD_EPSV | KFTP_METHOD_PORT), "EPSV");
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_SERVER(test_remove),
                WITH_SERVER(test_remove_without_its_reply),
                WITH_SERVER(test_remove_denied),
                WITH_SERVER(test_mkdir),
                WITH_SERVER(test_rename),
                WITH_SERVER(test_rename_is_looked_at_by_MLST),
                WITH_SERVER(test_quote),
                WITH_SERVER(test_list),
                WITH_SERVER(test_cat),
                WITH_SERVER(test_get_part),
                WITH_SERVER(test_longer_than_told),
                WITH_SERVER(test_part_leaves_a_partial),
                WITH_SERVER(test_lost_when_it_is_asked_for_the_time),
                cmocka_unit_test(test_methods),
        };

        return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
