/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kftp verify: which files it reads, what it says of them, and its exit code. systemd-analyze is one of ours. */

#include <fcntl.h>
#include <sys/stat.h>

#include "directory.h"
#include "kftp/verbs.h"
#include "libkftp.h"
#include "util.h"

#define ARGUMENTS_MAX 16
#define COPY "[Source]\nURL=ftp://h/f\n[Target]\nPath=/srv/\n"
#define INVALID KFTP_CLASS_USAGE

/* All names are in the directory of the test, which is the working directory. */
static void put(const char *name, const char *text) {
        _cleanup_free_ char *copy = strdup(name);
        FILE *f;

        for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                assert_true(mkdir(copy, 0755) >= 0 || errno == EEXIST);
                *slash = '/';
        }
        f = fopen(name, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

/* Understands "daily", and remembers what it was asked. */
static void put_systemd_analyze(void) {
        put("bin/systemd-analyze", "#!/bin/sh\nif [ \"$1\" = --version ]; then echo systemd; exit; fi\n"
            "echo \"$1 $2 $3\" >> \"$ASKED\"\n[ \"$3\" = daily ] && echo good || { echo bad >&2; exit 1; }\n");
        assert_int_equal(chmod("bin/systemd-analyze", 0755), 0);
}

static char *said;

static char *read_all(const char *name) {
        _cleanup_fclose_ FILE *f = fopen(name, "re");
        char *text = NULL;
        size_t n = 0;

        if (!f || getdelim(&text, &n, '\0', f) < 0) {
                free(text);
                return strdup("");
        }
        return text;
}

/* "verify --strict acme", split at its blanks; the exit code. What goes to both outputs is in said afterwards. */
static int call(const char *line) {
        char words[256], *argv[ARGUMENTS_MAX + 1], *rest = words, *word;
        int argc = 0, out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), r;
        int fd = open("said", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(strlen(line) < sizeof(words) && fd >= 0);
        strcpy(words, line);
        while ((word = strsep(&rest, " ")) && argc < ARGUMENTS_MAX)
                argv[argc++] = word;
        argv[argc] = NULL;
        fflush(NULL);
        (void) dup2(fd, STDOUT_FILENO);
        (void) dup2(fd, STDERR_FILENO);
        r = verb_verify(argc, argv);
        fflush(NULL);
        (void) dup2(out, STDOUT_FILENO);
        (void) dup2(err, STDERR_FILENO);
        close(out);
        close(err);
        close(fd);
        free(said);
        said = read_all("said");
        print_message("%s\n%s", line, said);
        return r;
}

static int set_up(void **state) {
        _cleanup_free_ char *path = NULL, *asked = NULL, *directory = NULL;

        if (test_directory_set_up(state) != 0 || chdir(test_directory) < 0 || !(directory = realpath(".", NULL)))
                return -1;
        put_systemd_analyze();
        if (asprintf(&path, "%s/bin:/usr/bin:/bin", directory) < 0 || asprintf(&asked, "%s/asked", directory) < 0)
                return -1;
        return setenv("PATH", path, 1) < 0 || setenv("ASKED", asked, 1) < 0 || mkdir("etc", 0755) < 0 || mkdir("usr", 0755) < 0;
}

static int tear_down(void **state) {
        free(STEAL_PTR(said));
        return chdir("/") < 0 || test_directory_tear_down(state) != 0;
}

/* "verify ..." with the directories of the test. */
static int verify(const char *arguments) {
        _cleanup_free_ char *line = NULL, *directory = realpath(".", NULL);

        assert_true(asprintf(&line, "verify --config-dir=%s/etc:%s/usr%s%s", directory, directory, *arguments ? " " : "", arguments) > 0);
        return call(line);
}

static void test_all(void **state) {
        (void) state;
        assert_int_equal(verify(""), 0);
        assert_string_equal(said, "0 are fine\n");

        put("etc/a.job", COPY);
        put("usr/b.job", COPY);
        put("usr/a.job", "nonsense");           /* overridden */
        put("etc/README", "nonsense");
        assert_int_equal(symlink("/dev/null", "etc/c.job"), 0);
        assert_int_equal(verify(""), 0);
        assert_string_equal(said, "2 are fine, 1 is masked\n");

        put("usr/b.job.d/x.conf", "[Job]\nRetries=x\n");
        put("etc/d.job", "");
        assert_int_equal(verify(""), INVALID);
        assert_non_null(strstr(said, "/usr/b.job.d/x.conf:2:9: error: Retries=\"x\": not a number from 0 to 1000\n  Retries=x\n          ^\n"));
        assert_non_null(strstr(said, "/etc/d.job: error: URL= is missing in [Source]"));
        assert_non_null(strstr(said, "1 is fine, 2 have errors, 1 is masked\n"));
        assert_int_equal(verify("a c"), 0);
        assert_int_equal(verify("a b --quiet"), INVALID);
        assert_null(strstr(said, "fine"));
}

static void test_strict(void **state) {
        (void) state;
        put("etc/a.job", COPY "[Job]\nRetrys=3\n");
        assert_int_equal(verify("a"), 0);
        assert_non_null(strstr(said, "/etc/a.job:6:1: warning: unknown key \"Retrys\" in [Job] is ignored; did you mean Retries=?\n  Retrys=3\n  ^\n"));
        assert_non_null(strstr(said, "1 is fine\n"));
        assert_int_equal(verify("--strict a"), INVALID);
        assert_non_null(strstr(said, "0 are fine, 1 has errors\n"));
}

/* A file anywhere is judged as if its directory were the first one. */
static void test_files(void **state) {
        (void) state;
        put("etc/server.remote", "[Remote]\nURL=ftp://h/base/\n");
        put("new/a.job", "[Source]\nRemote=server\n[Target]\nPath=/srv/\n");
        put("new/b.remote", "[Remote]\nURL=x\n");
        put("etc/a.job.d/x.conf", "[Job]\nDescription=x\n");
        assert_int_equal(verify("new/a.job"), 0);
        put("etc/a.job.d/x.conf", "[Job]\nDeadline=x\n");
        assert_int_equal(verify("new/a.job"), INVALID);
        assert_non_null(strstr(said, "/etc/a.job.d/x.conf:2:10: error: Deadline="));
        assert_int_equal(verify("./new/b.remote"), INVALID);
        assert_non_null(strstr(said, "/new/b.remote:2:5: error: URL=\"x\": not a URL"));
        assert_int_equal(verify("server.remote"), 0);
        assert_int_equal(verify("new/none.job"), INVALID);
        assert_non_null(strstr(said, "kftp: new/none.job: there is no such job\n"));
        assert_int_equal(verify("none/none.job none"), INVALID);
        assert_non_null(strstr(said, "kftp: none/none.job: No such file or directory\nkftp: none: there is no such job\n"));
        assert_int_equal(verify("new/README.txt"), INVALID);
        assert_non_null(strstr(said, "not a name of a job or remote"));
        assert_int_equal(chdir("new"), 0);
        assert_int_equal(call("verify b.remote"), INVALID);
        assert_non_null(strstr(said, "/new/b.remote:2:5: error: URL=\"x\": not a URL"));
}

/* What jobs share is told once; a password is not shown. */
static void test_once_and_no_secrets(void **state) {
        const char *fault;

        (void) state;
        put("etc/server.remote", "[Remote]\nURL=ftp://u:s3cret@h/\n");
        put("etc/a.job", "[Source]\nRemote=server\nURL=f\n[Target]\nPath=/srv/\n");
        put("etc/b.job", "[Source]\nRemote=server\nURL=f\nPassword = s3cret\n[Target]\nPath=/srv/\n");
        assert_int_equal(verify(""), INVALID);
        assert_null(strstr(said, "s3cret"));
        fault = strstr(said, "URL= holds a password");
        assert_non_null(fault);
        assert_null(strstr(fault + 1, "URL= holds a password"));
        assert_non_null(strstr(said, "/etc/b.job:4:1: error: Password= in [Source]"));
}

static void test_calendar(void **state) {
        _cleanup_free_ char *asked = NULL;

        (void) state;
        put("etc/a.job", COPY "[Job]\nOnCalendar=daily\n");
        put("etc/b.job", COPY "[Job]\nOnCalendar=daily\n");
        assert_int_equal(verify(""), 0);
        asked = read_all("asked");
        assert_string_equal(asked, "calendar -- daily\n");

        put("etc/b.job.d/x.conf", "\n[Job]\n# OnCalendar=\xc3\xa4\nOnCalendar = Mun 06:00\n");
        assert_int_equal(verify("b"), INVALID);
        assert_non_null(strstr(said, "/etc/b.job.d/x.conf:4:14: error: OnCalendar=\"Mun 06:00\": systemd does not understand this"));
        assert_non_null(strstr(said, "\n  OnCalendar = Mun 06:00\n               ^\n"));

        assert_int_equal(unlink("bin/systemd-analyze"), 0);     /* nobody knows */
        assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
        assert_int_equal(verify("b"), 0);
}

static void test_usage(void **state) {
        (void) state;
        assert_int_equal(call("verify --config-dir=relative"), INVALID);
        assert_int_equal(call("verify --nonsense"), INVALID);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_all, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_strict, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_once_and_no_secrets, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_calendar, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_usage, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
