/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command's verbs as a shell calls them, but for their output. The server is fake-server.c's. */

#include <stdlib.h>
#include <sys/stat.h>

#include "directory.h"
#include "fake-server.h"
#include "kftp/verbs.h"
#include "libkftp.h"
#include "util.h"

#define ARGUMENTS_MAX 16
#define PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static int set_up(void **state) {
        int r = test_directory_set_up(state) || fake_server_set_up(state);

        return r || setenv("HOME", test_directory, 1) < 0 || unsetenv("ftp_proxy") < 0 || unsetenv("all_proxy") < 0;
}

static int tear_down(void **state) {
        return fake_server_tear_down(state) || test_directory_tear_down(state);
}

static const struct {
        const char *name;
        int (*verb)(int argc, char **argv);
} verbs[] = {
        { "get", verb_get }, { "cat", verb_cat }, { "rm", verb_rm }, { "mkdir", verb_mkdir }, { "mv", verb_mv }, { "ls", verb_ls },
};

/* "rm -f URL", split at its spaces; the exit code. */
static int call(const char *line) {
        char words[512], *argv[ARGUMENTS_MAX + 1], *rest = words, *word;
        int argc = 0;

        assert_true(strlen(line) < sizeof(words));
        strcpy(words, line);
        while ((word = strsep(&rest, " ")) && argc < ARGUMENTS_MAX)
                argv[argc++] = word;
        argv[argc] = NULL;
        print_message("%s\n", line);
        for (size_t i = 0; i < ELEMENTS(verbs); i++)
                if (streq(verbs[i].name, argv[0]))
                        return verbs[i].verb(argc, argv);
        fail_msg("no verb");
        return -1;
}

/* ---- Passwords ------------------------------------------------------------------------------- */

/* Servers count, and lock people out. */
static void test_refused_password_is_tried_once(void **state) {
        static const char *const lines[] = {
                "rm --password-file=p ftp://u@h/a ftp://u@h/b ftp://u@h/c",
                "mkdir --password-file=p ftp://u@h/a ftp://u@h/b ftp://u@h/c",
                "cat --password-file=p ftp://u@h/a ftp://u@h/b ftp://u@h/c",
                "get --password-file=p ftp://u@h/a ftp://u@h/b ftp://u@h/c -",
                "get --password-file=p ftp://u@h/a ftp://u@h/b ftp://u@h/c .",
        };

        (void) state;
        test_write_file("p", "wrong\n");
        fake_server.refuses_login = true;
        for (size_t i = 0; i < ELEMENTS(lines); i++) {
                fake_server.connections = 0;
                assert_int_equal(call(lines[i]), KFTP_CLASS_SOME_FAILED);
                assert_int_equal(fake_server.connections, 1);
        }
        /* another user's, or another server's, is another one */
        fake_server.connections = 0;
        assert_int_equal(call("rm --password-file=p ftp://u@h/a ftp://v@h/b ftp://u@g/c ftp://u@h:2121/d"), KFTP_CLASS_SOME_FAILED);
        assert_int_equal(fake_server.connections, 4);
}

/* ---- netrc ------------------------------------------------------------------------------------ */

/* Who asked for nothing of it gets the file without it. */
static void test_mistake_in_own_netrc(void **state) {
        (void) state;
        fake_server_add("a", "x");
        test_write_file(".netrc", "machine g login u password two words\n");
        assert_int_equal(call("get ftp://h/a"), 0);
        assert_int_equal(call("get -v ftp://h/a"), 0);
        assert_int_equal(call("get --netrc=.netrc ftp://h/a"), KFTP_CLASS_USAGE);
        assert_int_equal(call("get ftp://u@h/a"), KFTP_CLASS_USAGE);
}

/* Nobody needs its password, unless he names the user or the file. */
static void test_own_netrc_that_others_may_read(void **state) {
        (void) state;
        fake_server_add("a", "x");
        test_write_file(".netrc", "machine h login u password p\n");
        assert_int_equal(chmod(".netrc", 0644), 0);
        assert_int_equal(call("get ftp://h/a"), 0);
        assert_int_equal(call("get -v ftp://h/a"), 0);
        assert_int_equal(call("get --proxy=http://h:3128 ftp://g/a"), 0);
        assert_int_equal(call("get --netrc=.netrc ftp://h/a"), KFTP_CLASS_USAGE);
        assert_int_equal(call("get ftp://u@h/a"), KFTP_CLASS_USAGE);
        assert_int_equal(chmod(".netrc", 0600), 0);
        assert_int_equal(call("get ftp://u@h/a"), 0);
}

/* The entry for everybody is for FTP servers, not for a proxy. */
static void test_default_entry_is_not_for_proxies(void **state) {
        (void) state;
        fake_server_add("a", "x");
        test_write_file("pw", "x\n");
        test_write_file(".netrc", "machine p login proxy password secret\ndefault login d password q\n");
        assert_int_equal(call("get --proxy=http://p:3128 --password-file=pw ftp://u@h/a"), 0);
        assert_string_equal(fake_server.proxy_login, "proxy:secret");
        assert_int_equal(call("get --proxy=http://q:3128 --password-file=pw ftp://u@h/a"), 0);
        assert_string_equal(fake_server.proxy_login, "");
}

/* ---- What is looked at before anything is sent ----------------------------------------------- */

static void test_bad_url_behind_good_ones(void **state) {
        (void) state;
        fake_server_add("a", "");
        assert_int_equal(call("cat ftp://h/a bogus://x"), KFTP_CLASS_USAGE);
        assert_int_equal(call("get ftp://h/a bogus://x -"), KFTP_CLASS_USAGE);
        assert_int_equal(call("rm ftp://h/a bogus://x"), KFTP_CLASS_USAGE);
        assert_int_equal(fake_server.connections, 0);
}

/* One would replace the other. */
static void test_two_files_of_one_name(void **state) {
        struct stat st;

        (void) state;
        fake_server_add("d/a", "one");
        fake_server_add("e/a", "two");
        fake_server_add("e/b", "three");
        assert_int_equal(call("get ftp://h/d/a ftp://h/e/b ftp://h/e/a ."), KFTP_CLASS_USAGE);
        assert_int_equal(fake_server.connections, 0);
        assert_true(stat("a", &st) < 0);
        assert_int_equal(call("get ftp://h/d/a ftp://h/e/b ."), 0);
        assert_true(stat("a", &st) >= 0 && st.st_size == 3);
}

/* ---- TLS ------------------------------------------------------------------------------------- */

/* What contradicts itself is refused, whatever stands beside it. */
static void test_tls_contradictions(void **state) {
        static const char *const lines[] = {
                "get --tls=no ftps://h/a",
                "get --tls=auto ftps://h/a",
                "ls --tls=no ftps://h/",
                "rm ftps://h/a ftp://h/b --tls=no",
                "get --ca=ca ftp://h/a",
                "cat --insecure ftp://h/a",
                "mkdir --pin=" PIN " --tls=no ftp://h/a",
                "mv --cert=cert ftp://h/a b",
                "get --tls-min=1.3 ftp://h/a",
                "rm --insecure ftps://h/a ftp://h/b",
                "get --tls=yes ftp://h/a",
                "get --tls= ftp://h/a",
        };

        (void) state;
        fake_server_add("a", "x");
        for (size_t i = 0; i < ELEMENTS(lines); i++)
                assert_int_equal(call(lines[i]), KFTP_CLASS_USAGE);
        assert_int_equal(fake_server.connections, 0);
}

static void test_tls_modes(void **state) {
        static const struct {
                const char *line;
                enum kftp_tls_mode mode;
        } good[] = {
                { "get --tls=no --no-pipelining ftp://h/a .",           KFTP_TLS_NONE          },
                { "get --tls=auto ftp://h/a .",                         KFTP_TLS_OPPORTUNISTIC },
                { "get --tls=require ftp://h/a .",                      KFTP_TLS_REQUIRED      },
                { "get --tls=implicit ftp://h/a .",                     KFTP_TLS_IMPLICIT      },
                { "get ftps://h/a .",                                   KFTP_TLS_IMPLICIT      },
                { "get --tls=implicit ftps://h/a .",                    KFTP_TLS_IMPLICIT      },
                { "get --insecure --pin=" PIN " --tls-min=1.3 ftps://h/a .", KFTP_TLS_IMPLICIT },
        };

        (void) state;
        fake_server_add("a", "x");
        for (size_t i = 0; i < ELEMENTS(good); i++) {
                assert_int_equal(call(good[i].line), 0);
                assert_int_equal(fake_server.tls_mode, good[i].mode);
        }
}

/* They are looked at before anybody is connected to. */
static void test_tls_files(void **state) {
        (void) state;
        fake_server_add("a", "x");
        assert_int_equal(call("get --ca=missing ftps://h/a ."), KFTP_CLASS_LOCAL);
        assert_int_equal(call("get --cert=missing ftps://h/a ."), KFTP_CLASS_LOCAL);
        assert_int_equal(fake_server.connections, 0);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_SERVER(test_refused_password_is_tried_once),
                WITH_SERVER(test_mistake_in_own_netrc),
                WITH_SERVER(test_own_netrc_that_others_may_read),
                WITH_SERVER(test_default_entry_is_not_for_proxies),
                WITH_SERVER(test_tls_contradictions),
                WITH_SERVER(test_tls_modes),
                WITH_SERVER(test_tls_files),
                WITH_SERVER(test_bad_url_behind_good_ones),
                WITH_SERVER(test_two_files_of_one_name),
        };

        return cmocka_run_group_tests_name("verbs", tests, NULL, NULL);
}
