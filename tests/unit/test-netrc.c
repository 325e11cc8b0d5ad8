/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The netrc file: which entry is taken, what is wrong with a file, and which files are trusted. */

#include "directory.h"

#include <sys/stat.h>

#include "libkftp/netrc.h"
#include "util.h"

static const struct {
        const char *text;
        const char *host;
        const char *user;
        int result;
        const char *login, *password, *account;
} entries[] = {
        { "machine h login u password p", "h", NULL, 1, "u", "p", NULL },
        { "machine h login u password p account a\n", "h", "u", 1, "u", "p", "a" },
        { "machine h\n\tlogin u\n\tpasswd p\n", "H", NULL, 1, "u", "p", NULL },
        { "machine h user u\r\npassword p\r\n", "h", "u", 1, "u", "p", NULL },
        { "", "h", NULL, 0, NULL, NULL, NULL },
        { "machine g login u password p", "h", NULL, 0, NULL, NULL, NULL },
        { "machine h login u password p", "h", "v", 0, NULL, NULL, NULL },
        { "machine h login U password p", "h", "u", 0, NULL, NULL, NULL },
        /* the one of the user, wherever the password stands */
        { "machine h login u password p machine h login v password q", "h", "v", 1, "v", "q", NULL },
        { "machine h password p login u machine h password q login v", "h", "v", 1, "v", "q", NULL },
        { "machine h login u password p machine h login v password q", "h", NULL, 1, "u", "p", NULL },
        /* a password for whoever logs in */
        { "machine h password p", "h", "v", 1, NULL, "p", NULL },
        { "machine h", "h", "v", 1, NULL, NULL, NULL },
        { "machine g login u password p default login d password q", "h", NULL, 1, "d", "q", NULL },
        { "machine h login u password p default login d password q", "h", "d", 1, "d", "q", NULL },
        { "default login d password q machine h login u password p", "h", NULL, 1, "d", "q", NULL },
        /* words that are values here */
        { "machine machine login default password login", "machine", NULL, 1, "default", "login", NULL },
        { "machine h login u password #p # login x\n# machine h login y\n", "h", NULL, 1, "u", "#p", NULL },
        { "# a comment at the end", "h", NULL, 0, NULL, NULL, NULL },
        { "machine h login \"u v\" password \"p\\\"q\\\\ #\" account \"\"", "h", "u v", 1, "u v", "p\"q\\ #", "" },
        { "machine h login u password p\\q", "h", NULL, 1, "u", "p\\q", NULL },
        { "machine h login u password p\303\266", "h", NULL, 1, "u", "p\303\266", NULL },
        { "machine h macdef init\ncd x\nmachine h login no\n\nlogin u password p", "h", NULL, 1, "u", "p", NULL },
        { "macdef all\r\nget x\r\n\r\nmachine h login u", "h", NULL, 1, "u", NULL, NULL },
        { "machine h login u macdef init\nmachine g", "h", NULL, 1, "u", NULL, NULL },
        /* the last one said holds */
        { "machine h login u login v password p password q", "h", NULL, 1, "v", "q", NULL },
};

static void test_entries(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTS(entries); i++) {
                size_t n = strlen(entries[i].text);
                /* of exactly this size, so that a step beyond the end is seen */
                _cleanup_free_ char *text = malloc(MAX2(n, 1U));
                KftpFailure f = {};
                KftpLogin l;

                print_message("%s\n", entries[i].text);
                memcpy(text, entries[i].text, n);
                assert_int_equal(kftp_netrc_parse(text, n, "f", entries[i].host, entries[i].user, &l, &f), entries[i].result);
                assert_true(streq_ptr(l.user, entries[i].login));
                assert_true(streq_ptr(l.password, entries[i].password));
                assert_true(streq_ptr(l.account, entries[i].account));
                kftp_login_done(&l);
                kftp_failure_done(&f);
        }
}

static void test_mistakes(void **state) {
        static const struct {
                const char *text;
                const char *begin;
        } rows[] = {
                { "machine",                                      "f:1: machine without a name"                  },
                { "machine h\nlogin",                             "f:2: login without a name"                    },
                { "machine h login u\n\npassword\n\n",            "f:3: password without a value"                },
                { "machine h account",                            "f:1: account without a value"                 },
                { "machine h\nmacdef",                            "f:2: macdef without a name"                   },
                { "\nlogin u",                                    "f:2: an entry begins with machine or default" },
                { "machine h login u password two words",         "f:1: not one of machine, default"             },
                { "# x\nmachine h port 21",                       "f:2: not one of machine, default"             },
                { "machine h login \"u\nv\"",                     "f:1: a quotation mark that is not closed"     },
                { "machine h login \"u",                          "f:1: a quotation mark that is not closed"     },
                { "machine h login u password \"p\\",             "f:1: a quotation mark that is not closed"     },
                { "machine h login u\npassword p\001q",           "f:2: a control character"                     },
                /* after the entry that is wanted, too */
                { "machine h login u password p\nmachine g x y",  "f:2: not one of machine, default"             },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                KftpFailure f = {};
                KftpLogin l;

                assert_int_equal(kftp_netrc_parse(rows[i].text, strlen(rows[i].text), "f", "h", NULL, &l, &f), -EINVAL);
                assert_int_equal(f.class, KFTP_CLASS_USAGE);
                assert_true(startswith(f.text, rows[i].begin));
                assert_null(strstr(f.text, "words"));
                assert_null(l.user);
                assert_null(l.password);
                kftp_failure_done(&f);
        }
}

static void test_long_words(void **state) {
        char text[KFTP_MAX_CREDENTIAL + 64];
        int n = sprintf(text, "machine h password ");
        KftpFailure f = {};
        KftpLogin l;

        (void) state;
        memset(text + n, 'x', KFTP_MAX_CREDENTIAL + 1);
        assert_int_equal(kftp_netrc_parse(text, (size_t) n + KFTP_MAX_CREDENTIAL, "f", "h", NULL, &l, &f), 1);
        assert_int_equal(strlen(l.password), KFTP_MAX_CREDENTIAL);
        kftp_login_done(&l);
        assert_int_equal(kftp_netrc_parse(text, (size_t) n + KFTP_MAX_CREDENTIAL + 1, "f", "h", NULL, &l, &f), -EINVAL);
        kftp_failure_done(&f);
}

static void expect_refused(const char *path, int error, const char *part) {
        KftpFailure f = {};
        KftpLogin l;

        assert_int_equal(kftp_netrc_find(path, "h", NULL, &l, &f), error);
        assert_non_null(strstr(f.text, part));
        assert_null(l.password);
        kftp_failure_done(&f);
}

static int find(const char *path, const char *host) {
        KftpFailure f = {};
        KftpLogin l;
        int r = kftp_netrc_find(path, host, NULL, &l, &f);

        kftp_login_done(&l);
        kftp_failure_done(&f);
        return r;
}

static void test_files(void **state) {
        _cleanup_free_ char *large = malloc(256 * 1024 + 2);

        (void) state;
        test_write_file("netrc", "machine h login u password p\nmachine anon login anonymous password me@\nmachine open login u\n");
        assert_int_equal(find("netrc", "h"), 1);
        assert_int_equal(chmod("netrc", 0640), 0);
        expect_refused("netrc", -EPERM, "chmod 0600 netrc");
        /* no secret is in danger */
        assert_int_equal(find("netrc", "anon"), 1);
        assert_int_equal(find("netrc", "open"), 1);
        assert_int_equal(find("netrc", "absent"), 0);

        expect_refused("absent", -ENOENT, "absent");
        assert_int_equal(mkdir("directory", 0700), 0);
        expect_refused("directory", -EINVAL, "not a regular file");
        assert_int_equal(mkfifo("pipe", 0600), 0);
        expect_refused("pipe", -EINVAL, "not a regular file");
        memset(large, '\n', 256 * 1024 + 1);
        large[256 * 1024 + 1] = '\0';
        test_write_file("large", large);
        expect_refused("large", -EFBIG, "larger than");
        large[256 * 1024] = '\0';
        test_write_file("large", large);
        assert_int_equal(find("large", "h"), 0);
}

static void test_other_owner(void **state) {
        (void) state;
        if (geteuid() != 0)
                skip();
        test_write_file("netrc", "machine h login u password p");
        assert_int_equal(chown("netrc", 1, (gid_t) -1), 0);
        expect_refused("netrc", -EPERM, "belongs to another user");
}

static void test_own_file(void **state) {
        (void) state;
        assert_int_equal(setenv("HOME", test_directory, 1), 0);
        assert_int_equal(find(NULL, "h"), 0);
        test_write_file(".netrc", "machine h login u password p");
        assert_int_equal(find(NULL, "h"), 1);
        assert_int_equal(chmod(".netrc", 0604), 0);
        assert_int_equal(find(NULL, "h"), -EPERM);
        assert_int_equal(setenv("HOME", ".", 1), 0);
        assert_int_equal(find(NULL, "h"), 0);
        assert_int_equal(unsetenv("HOME"), 0);
        assert_int_equal(find(NULL, "h"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_entries),
                cmocka_unit_test(test_mistakes),
                cmocka_unit_test(test_long_words),
                IN_DIRECTORY(test_files),
                IN_DIRECTORY(test_other_owner),
                IN_DIRECTORY(test_own_file),
        };

        return cmocka_run_group_tests_name("netrc", tests, NULL, NULL);
}
