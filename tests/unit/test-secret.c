// SPDX-License-Identifier: GPL-2.0-or-later
/* Where the password of a job comes from, and what is said where there is none. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "libkftp/secret.h"
#include "util.h"

static char directory[] = "/tmp/test-secret-XXXXXX";

static const char *in_directory(const char *name) {
        static char path[4][256];
        static unsigned next;
        char *p = path[next++ % ELEMENTS(path)];

        snprintf(p, sizeof(path[0]), "%s/%s", directory, name);
        return p;
}

static void write_file(const char *name, mode_t mode, const char *text) {
        int fd = open(in_directory(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

        assert_true(fd >= 0);
        assert_int_equal(fchmod(fd, mode), 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        close(fd);
}

static KftpJob job(void) {
        return (KftpJob) { .url = { .host = (char *) "ftp.acme.example", .port = 21 } };
}

/* Refused, with these words in what is said. */
static void assert_refused(const KftpJob *j, int error, const char *const *words) {
        KftpFailure f = {};
        KftpSecret s = {};

        assert_int_equal(kftp_secret_get(j, &s, &f), error);
        assert_null(s.memory);
        assert_false(f.transient);
        for (; *words; words++)
                if (!strstr(f.text, *words))
                        fail_msg("not said: %s\nbut: %s", *words, f.text);
        kftp_failure_done(&f);
}
#define ASSERT_REFUSED(j, error, ...) assert_refused(j, error, (const char *const []) { __VA_ARGS__, NULL })

static void assert_password(const KftpJob *j, const char *user, const char *password) {
        KftpFailure f = {};
        KftpSecret s = {};

        assert_int_equal(kftp_secret_get(j, &s, &f), 0);
        assert_true(streq_ptr(s.user, user));
        assert_true(streq_ptr(s.password, password));
        kftp_secret_done(&s);
        assert_null(s.password);
        kftp_secret_done(&s);
}

static void test_a_job_without(void **state) {
        KftpJob j = job();

        (void) state;
        assert_password(&j, NULL, NULL);
}

static void test_credentials(void **state) {
        KftpJob j = job();

        (void) state;
        j.credential = (char *) "acme";
        setenv("CREDENTIALS_DIRECTORY", directory, 1);
        write_file("kftp_acme", 0440, "plain one\n");
        assert_password(&j, NULL, "plain one");
        write_file("kftp-encrypted_acme", 0400, "the better one");
        assert_password(&j, NULL, "the better one");

        write_file("kftp-encrypted_acme", 0400, "");
        ASSERT_REFUSED(&j, -EINVAL, "credential ", "its first line is empty");
}

static void test_a_missing_credential_is_told_with_what_to_type(void **state) {
        KftpJob j = job();

        (void) state;
        j.credential = (char *) "none.such";
        setenv("CREDENTIALS_DIRECTORY", directory, 1);
        ASSERT_REFUSED(&j, -ENOENT, "Credential=none.such", "/etc/kftp/credentials/none.such",
                       "systemd-creds encrypt --name=kftp-encrypted_none.such - /etc/kftp/credentials.encrypted/none.such",
                       "systemctl restart kftpd");
        unsetenv("CREDENTIALS_DIRECTORY");
        ASSERT_REFUSED(&j, -ENOENT, "Credential=none.such", "systemctl restart kftpd");
}

static void test_names_of_credentials(void **state) {
        static const char *const bad[] = { "", ".", "..", "../acme", "a/b", "a b", "a\nb", "$(id)", "-x", ".x", "a;b" };
        char longer[202];

        (void) state;
        setenv("CREDENTIALS_DIRECTORY", directory, 1);
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                KftpJob j = job();

                j.credential = (char *) bad[i];
                ASSERT_REFUSED(&j, -EINVAL, "not the name of a credential");
        }
        memset(longer, 'a', sizeof(longer));
        longer[201] = '\0';
        assert_false(kftp_credential_name_valid(longer));
        longer[200] = '\0';
        assert_true(kftp_credential_name_valid(longer));
        assert_true(kftp_credential_name_valid("acme-2.x@y_z+1"));
}

static void test_password_files(void **state) {
        KftpJob j = job();

        (void) state;
        j.password_file = (char *) in_directory("password");
        write_file("password", 0600, "kept-secret\r\nmore\n");
        assert_password(&j, NULL, "kept-secret");
        write_file("password", 0640, "kept-secret\n");
        ASSERT_REFUSED(&j, -EPERM, "password file /tmp/", "others may read", "chmod 0600 /tmp/");
}

static void test_netrc(void **state) {
        KftpJob j = job();

        (void) state;
        j.netrc_file = (char *) in_directory("netrc");
        write_file("netrc", 0600, "machine ftp.acme.example login one password first\n"
                                  "machine ftp.acme.example login two password second\n");
        assert_password(&j, "one", "first");
        j.user = (char *) "two";
        assert_password(&j, NULL, "second");
        j.user = (char *) "three";
        ASSERT_REFUSED(&j, -ENOENT, "/netrc: has no login three for the machine ftp.acme.example", "login three password");
        j.user = NULL;
        j.url.user = (char *) "two";
        assert_password(&j, NULL, "second");
        j.url = (KftpUrl) { .host = (char *) "other.example" };
        ASSERT_REFUSED(&j, -ENOENT, "/netrc: has no entry for the machine other.example");

        write_file("netrc", 0644, "machine other.example login one password first\n");
        ASSERT_REFUSED(&j, -EPERM, "others may read", "chmod 0600");
}

static int make_directory(void **state) {
        (void) state;
        return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
        static const char *const names[] = { "kftp_acme", "kftp-encrypted_acme", "password", "netrc" };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(names); i++)
                (void) unlink(in_directory(names[i]));
        return rmdir(directory);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_job_without),
                cmocka_unit_test(test_credentials),
                cmocka_unit_test(test_a_missing_credential_is_told_with_what_to_type),
                cmocka_unit_test(test_names_of_credentials),
                cmocka_unit_test(test_password_files),
                cmocka_unit_test(test_netrc),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
