/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a job is found in several directories: which files are taken, in which order, and which are not trusted. */

#include "directory.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "job-load.h"
#include "job-text.h"
#include "util.h"

#define MINIMAL "[Source]\nURL=ftp://h/f\n[Target]\nPath=/d/\n"

static int set_up(void **state) {
        static const char *const directories[] = { "etc", "run", "lib" };
        int r = test_directory_set_up(state);

        for (size_t i = 0; i < ELEMENTS(directories) && r >= 0; i++)
                r = mkdir(directories[i], 0755);
        return r;
}

#define IN_LAYERS(test) cmocka_unit_test_setup_teardown(test, set_up, test_directory_tear_down)

static const char *layers(void) {
        static char paths[200];

        (void) snprintf(paths, sizeof(paths), "%s/etc:%s/run:%s/lib:%s/missing", test_directory, test_directory, test_directory,
                        test_directory);
        return paths;
}

static void drop_in(const char *layer, const char *name, const char *text) {
        char path[300];

        (void) snprintf(path, sizeof(path), "%s/a.job.d", layer);
        (void) mkdir(path, 0755);
        (void) snprintf(path, sizeof(path), "%s/a.job.d/%s", layer, name);
        if (text)
                test_write_file(path, text);
        else
                assert_int_equal(symlink("/dev/null", path), 0);
}

/* Loads a.job; returns what was said, which the caller frees. ret and origin may be NULL. */
static char *load(int expected, KftpJobOrigin *origin, KftpJob **ret) {
        JobDiagnoses all = {};
        KftpJobDirectories d;
        KftpJob *job;

        assert_int_equal(kftp_job_directories_open(layers(), &d), 0);
        assert_int_equal(kftp_job_load(&d, "a", collect_diagnosis, &all, origin, &job), expected);
        kftp_job_directories_done(&d);
        assert_true(!job == (expected < 0));
        if (ret)
                *ret = job;
        else
                kftp_job_free(job);
        return all.text ?: strdup("");
}

#define assert_said(expected, part)                                     \
        do {                                                            \
                _cleanup_free_ char *_said = load(expected, NULL, NULL);\
                assert_non_null(strstr(_said, part));                   \
                assert_true(*(part) || !*_said);                        \
        } while (0)

/* Asserts that a.job is accepted with nothing to be said, and has that description. */
static void assert_described(const char *description) {
        _cleanup_free_ char *said = NULL;
        KftpJob *job;

        said = load(0, NULL, &job);
        assert_string_equal(said, "");
        assert_string_equal(strempty(job->description), description);
        kftp_job_free(job);
}

static void test_layers(void **state) {
        KftpJobOrigin origin;

        (void) state;
        assert_said(-ENOENT, "");
        test_write_file("lib/a.job", "[Job]\nDescription=lib\n" MINIMAL);
        assert_described("lib");
        test_write_file("run/a.job", "[Job]\nDescription=run\n" MINIMAL);
        assert_described("run");
        test_write_file("etc/a.job", "[Job]\nDescription=etc\n" MINIMAL);
        assert_described("etc");

        assert_int_equal(unlink("etc/a.job"), 0);
        free(load(0, &origin, NULL));
        assert_int_equal(origin.directory, 1);
        kftp_job_origin_done(&origin);

        test_write_file("etc/a.job", "nonsense");       /* is not passed over for that */
        assert_said(-EBADMSG, "/etc/a.job:1:1: error: ");
}

static void test_masks(void **state) {
        (void) state;
        test_write_file("lib/a.job", MINIMAL);
        assert_int_equal(symlink("/dev/null", "run/a.job"), 0);
        assert_said(-ERFKILL, "");
        test_write_file("etc/a.job", MINIMAL);          /* a mask does not reach before itself */
        assert_described("");
        assert_int_equal(unlink("etc/a.job"), 0);
        assert_int_equal(unlink("run/a.job"), 0);
        drop_in("etc", "x.conf", "[Job]\nDescription=x\n");
        assert_described("x");
        assert_int_equal(symlink("/dev/null", "etc/a.job"), 0);
        assert_said(-ERFKILL, "");
}

static void test_drop_ins(void **state) {
        (void) state;
        test_write_file("run/a.job", "[Job]\nDescription=file\n" MINIMAL);
        drop_in("lib", "20.conf", "[Job]\nDescription=lib 20\n");
        assert_described("lib 20");
        drop_in("etc", "10.conf", "[Job]\nDescription=etc 10\n");
        assert_described("lib 20");                     /* by name, not by directory */
        drop_in("run", "20.conf", "[Job]\nDescription=run 20\n");
        assert_described("run 20");
        drop_in("etc", "20.conf", NULL);
        assert_described("etc 10");
        drop_in("etc", "30.confx", "nonsense");
        drop_in("etc", ".30.conf", "nonsense");
        drop_in("etc", ".conf", "nonsense");
        assert_described("etc 10");
        drop_in("lib", "30.conf", "[Job]\nRetries=x\n");
        assert_said(-EBADMSG, "/lib/a.job.d/30.conf:2:9: error: Retries=\"x\"");
}

/* A drop-in alone makes no job. */
static void test_drop_in_without_a_job(void **state) {
        (void) state;
        drop_in("etc", "10.conf", MINIMAL);
        assert_said(-ENOENT, "");
}

static void take_revision(char ret[static KFTP_REVISION_SIZE]) {
        KftpJobOrigin origin;
        KftpJob *job;

        free(load(0, &origin, &job));
        assert_string_equal(origin.revision, job->revision);
        memcpy(ret, origin.revision, KFTP_REVISION_SIZE);
        kftp_job_origin_done(&origin);
        kftp_job_free(job);
}

static void test_revision(void **state) {
        char alone[KFTP_REVISION_SIZE], with[KFTP_REVISION_SIZE], expected[KFTP_REVISION_SIZE];

        (void) state;
        test_write_file("etc/a.job", MINIMAL);
        take_revision(alone);
        assert_int_equal(kftp_job_revision(MINIMAL, strlen(MINIMAL), expected), 0);
        assert_string_equal(alone, expected);

        drop_in("run", "20.conf", "[Job]\n# two\n");
        drop_in("lib", "10.conf", "[Job]\n# one\n");
        take_revision(with);
        assert_int_equal(kftp_job_revision(MINIMAL "[Job]\n# one\n[Job]\n# two\n", strlen(MINIMAL) + 24, expected), 0);
        assert_string_equal(with, expected);
        drop_in("etc", "10.conf", NULL);
        drop_in("etc", "20.conf", NULL);
        take_revision(with);
        assert_string_equal(with, alone);
}

/* ---- What is not trusted --------------------------------------------------------------------------- */

static void test_files(void **state) {
        _cleanup_free_ char *large = calloc(1, KFTP_JOB_SIZE_MAX + 2);

        (void) state;
        test_write_file("etc/a.job", MINIMAL);
        assert_int_equal(chmod("etc/a.job", 0646), 0);
        assert_said(-EBADMSG, "/a.job: error: writable by everybody: type chmod o-w\n");
        assert_int_equal(chmod("etc/a.job", 0644), 0);
        test_write_file("etc/a.job", MINIMAL "[Job]\nRetries=x\n");
        assert_said(-EBADMSG, "/a.job:6:9: error: Retries=");
        memset(large, '#', KFTP_JOB_SIZE_MAX + 1);
        test_write_file("etc/a.job", large);
        assert_said(-EBADMSG, "/a.job: error: larger than 64 KiB");
        assert_int_equal(unlink("etc/a.job"), 0);

        assert_int_equal(symlink("/dev/zero", "etc/a.job"), 0);
        assert_said(-EBADMSG, "/a.job: error: a symbolic link");
        assert_int_equal(unlink("etc/a.job"), 0);
        assert_int_equal(symlink("/dev/null/x", "etc/a.job"), 0);
        assert_said(-EBADMSG, "/a.job: error: a symbolic link");
        assert_int_equal(unlink("etc/a.job"), 0);
        assert_int_equal(mkfifo("etc/a.job", 0600), 0);
        assert_said(-EBADMSG, "/a.job: error: not a regular file\n");
}

static void make_socket(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        strcpy(address.sun_path, path);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        close(fd);
}

/* Each of them is named. */
static void test_strange_drop_ins(void **state) {
        _cleanup_free_ char *said = NULL;

        (void) state;
        test_write_file("etc/a.job", MINIMAL);
        drop_in("etc", "writable.conf", "");
        assert_int_equal(chmod("etc/a.job.d/writable.conf", 0666), 0);
        assert_int_equal(mkfifo("etc/a.job.d/fifo.conf", 0600), 0);
        assert_int_equal(mkdir("etc/a.job.d/directory.conf", 0700), 0);
        assert_int_equal(symlink("/dev/zero", "etc/a.job.d/zero.conf"), 0);
        make_socket("etc/a.job.d/socket.conf");
        said = load(-EBADMSG, NULL, NULL);
        assert_non_null(strstr(said, "/etc/a.job.d/writable.conf: error: writable by everybody"));
        assert_non_null(strstr(said, "/etc/a.job.d/fifo.conf: error: not a regular file"));
        assert_non_null(strstr(said, "/etc/a.job.d/directory.conf: error: not a regular file"));
        assert_non_null(strstr(said, "/etc/a.job.d/zero.conf: error: a symbolic link"));
        assert_non_null(strstr(said, "/etc/a.job.d/socket.conf: error: not a regular file"));
}

static void test_directories_of_drop_ins(void **state) {
        (void) state;
        test_write_file("etc/a.job", MINIMAL);
        drop_in("lib", "x.conf", "");
        assert_int_equal(chmod("lib/a.job.d", 0777), 0);
        assert_said(-EBADMSG, "/lib/a.job.d: error: writable by everybody");
        assert_int_equal(chmod("lib/a.job.d", 0755), 0);
        assert_described("");
        assert_int_equal(symlink("a.job.d", "etc/a.job.d"), 0);         /* to itself */
        assert_said(-EBADMSG, "/etc/a.job.d: error: not a directory, and links are not followed");
        assert_int_equal(unlink("etc/a.job.d"), 0);
        test_write_file("etc/a.job.d", "");
        assert_said(-EBADMSG, "/etc/a.job.d: error: not a directory");
}

static void test_many_drop_ins(void **state) {
        char name[20];

        (void) state;
        test_write_file("etc/a.job", MINIMAL);
        for (unsigned i = 0; i < KFTP_JOB_DROP_INS_MAX; i++) {
                (void) snprintf(name, sizeof(name), "%02u.conf", i);
                drop_in(i % 2 > 0 ? "etc" : "lib", name, i + 1 == KFTP_JOB_DROP_INS_MAX ? "[Job]\nDescription=last\n" : "");
        }
        assert_described("last");
        drop_in("run", "63.conf", "[Job]\nDescription=not taken\n");    /* of a name that is there */
        assert_described("last");
        drop_in("run", "64.conf", "");
        assert_said(-EBADMSG, "error: more than 64 drop-ins");
}

static void test_foreign_owner(void **state) {
        (void) state;
        if (geteuid() != 0)
                skip();
        test_write_file("etc/a.job", MINIMAL);
        drop_in("etc", "x.conf", "");
        assert_int_equal(lchown("etc/a.job", 12345, -1), 0);
        assert_said(-EBADMSG, "/a.job: error: owned neither by root nor by the service: type chown root\n");
        assert_int_equal(lchown("etc/a.job", 0, -1), 0);
        assert_int_equal(lchown("etc/a.job.d/x.conf", 12345, -1), 0);
        assert_said(-EBADMSG, "/x.conf: error: owned neither by root nor by the service: type chown root\n");
        assert_int_equal(lchown("etc/a.job.d/x.conf", 0, -1), 0);
        assert_int_equal(lchown("etc/a.job.d", 12345, -1), 0);
        assert_said(-EBADMSG, "/a.job.d: error: owned neither by root nor by the service: type chown root\n");
}

static void test_names(void **state) {
        char name[300], path[400];
        KftpJobDirectories d;
        KftpJob *job;

        (void) state;
        assert_int_equal(kftp_job_directories_open(layers(), &d), 0);
        for (size_t n = 245; n < 260; n++) {            /* NAME.job.d, then NAME.job does not fit */
                JobDiagnoses all = {};

                memset(name, 'a', n);
                name[n] = '\0';
                (void) snprintf(path, sizeof(path), "etc/%s.job", name);
                if (n <= 251)
                        test_write_file(path, MINIMAL);
                assert_int_equal(kftp_job_load(&d, name, collect_diagnosis, &all, NULL, &job), n <= 251 ? -EBADMSG : -ENOENT);
                assert_true(!all.text == (n > 251));
                free(all.text);
        }
        kftp_job_directories_done(&d);
}

static void test_paths(void **state) {
        KftpJobDirectories d;

        (void) state;
        assert_int_equal(kftp_job_directories_open("/a:/b", &d), 0);
        assert_int_equal(d.n, 2);
        assert_string_equal(d.items[1].path, "/b");
        assert_int_equal(d.items[1].fd, -ENOENT);
        kftp_job_directories_done(&d);
        assert_int_equal(kftp_job_directories_open("::/a:", &d), 0);
        assert_int_equal(d.n, 1);
        kftp_job_directories_done(&d);
        assert_int_equal(kftp_job_directories_open("", &d), -EINVAL);
        assert_int_equal(kftp_job_directories_open("/a:b", &d), -EINVAL);
        assert_int_equal(kftp_job_directories_open("/1:/2:/3:/4:/5:/6:/7:/8:/9:/a:/b:/c:/d:/e:/f:/g", &d), 0);
        assert_int_equal(d.n, KFTP_JOB_DIRECTORIES_MAX);
        kftp_job_directories_done(&d);
        assert_int_equal(kftp_job_directories_open("/1:/2:/3:/4:/5:/6:/7:/8:/9:/a:/b:/c:/d:/e:/f:/g:/h", &d), -EINVAL);
}

/* ---- For people ----------------------------------------------------------------------------------- */

static void assert_shown(const char *expected) {
        _cleanup_free_ char *shown = NULL, *without = NULL;
        KftpJobDirectories d;
        char *out;

        assert_int_equal(kftp_job_directories_open(layers(), &d), 0);
        assert_int_equal(kftp_job_show(&d, "a", &shown), 0);
        kftp_job_directories_done(&d);
        without = out = calloc(1, strlen(shown) + 1);
        for (const char *p = shown; *p;)                /* the directory's name is another one each time */
                if (startswith(p, test_directory))
                        p += strlen(test_directory);
                else
                        *out++ = *p++;
        assert_string_equal(without, expected);
}

static void test_show(void **state) {
        (void) state;
        test_write_file("lib/a.job", "[Job]\n\tDescription=x\033[2J");
        assert_shown("# /lib/a.job\n[Job]\n Description=x\\x1b[2J\n");
        drop_in("etc", "1.conf", "[Source]\r\nURL=ftp://u:secret@h:21/\nPasswordFile=/x\nPassword=secret\n pass =secret\n# \xff\n");
        assert_shown("# /lib/a.job\n[Job]\n Description=x\\x1b[2J\n\n# /etc/a.job.d/1.conf\n[Source]\nURL=ftp://u:***@h:21/\n"
                     "PasswordFile=/x\nPassword=***\n pass =***\n# \\xff\n");
}

/* A rejected file is shown, too: it is where passwords are that have no place in a job. */
static void test_show_hides_passwords(void **state) {
        static const struct {
                const char *text;
                const char *shown;
        } lines[] = {
                { "Password=\\\n# or\n  secret\nX=1", "Password=\\\n# or\n***\nX=1" },
                { "Password=sec\\\nret\\\n more\nX=1", "Password=***\\\n***\\\n***\nX=1" },
                { "Pass\\\nword=secret", "Pass\\\nword=***" },
                { "\\\nPassword=secret", "\\\nPassword=***" },
                { "\xef\xbb\xbfPassword=secret", "\xef\xbb\xbfPassword=***" },
                { "#Password=secret\n ;  PASSWD = secret", "#Password=***\n ;  PASSWD =***" },
                { "#Password=sec\\\nret", "#Password=***\\\n***" },
                { "X=1\\\n#Password=secret\n2", "X=1\\\n#Password=***\n2" },
                { "#PasswordFile=/a\nPasswordFile=/b", "#PasswordFile=/a\nPasswordFile=/b" },
                { "Passwort", "Passwort" },

                { "URL=ftp://u:pa/ss@h/a", "URL=ftp://u:***@h/a" },
                { "URL=ftp://u:p@a/b@h/a", "URL=ftp://u:***@h/a" },
                { "URL=ftp://u:p ss@h/a", "URL=ftp://u:***@h/a" },
                { "URL=ftp://me@corp.example:secret@h/a", "URL=ftp://me@corp.example:***@h/a" },
                { "URL=ftp://u:sec\\\n  ret@h/a", "URL=ftp://u:***\\\n***@h/a" },
                { "URL=ftp://u:\\\n# or\nsecret@h/a", "URL=ftp://u:\\\n# or\n***@h/a" },
                { "#URL=ftps://u:secret@h/a", "#URL=ftps://u:***@h/a" },
                { "# ftp://h/ ftp://h:21/ was ftp://u:secret@h/a", "# ftp://h/ ftp://h:21/ was ftp://u:***@h/a" },
                { "URL=u:secret@h/a", "URL=u:***@h/a" },
                { " url = u:secret@h", " url = u:***@h" },
                { "URL=ftp:/u:secret@h", "URL=ftp:***@h" },
                { "URL=ftp://u:12345678/x@h", "URL=ftp://u:***@h" },
                { "URL=ftp://[x:secret@h", "URL=ftp://[x:***@h" },

                /* without one */
                { "URL=ftp://u@h:21/a:b@c", "URL=ftp://u@h:21/a:b@c" },
                { "URL=ftp://u@[::1]:21/a@b", "URL=ftp://u@[::1]:21/a@b" },
                { "URL=ftp://[::1]/a@b", "URL=ftp://[::1]/a@b" },
                { "URL=in/a:b@c", "URL=in/a:b@c" },
                { "OnSuccess=a:b@%n.service", "OnSuccess=a:b@%n.service" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(lines); i++) {
                char text[200], expected[200];

                snprintf(text, sizeof(text), "[Wrong]\n%s\n", lines[i].text);
                snprintf(expected, sizeof(expected), "# /etc/a.job\n[Wrong]\n%s\n", lines[i].shown);
                if (startswith(lines[i].text, "\xef")) {        /* only at the very beginning */
                        snprintf(text, sizeof(text), "%s\n", lines[i].text);
                        snprintf(expected, sizeof(expected), "# /etc/a.job\n%s\n", lines[i].shown);
                }
                test_write_file("etc/a.job", text);
                assert_shown(expected);
        }
}

static void test_show_defaults(void **state) {
        (void) state;
        test_write_file("etc/a.job", "[Job]\n Retries = 2\n#RetrySec=1\n[Source]\nRemote=r\nURL=f\n[Target]\nPath=/d/");
        test_write_file("run/r.remote", "[Remote]\nURL=ftp://h/\nTimeoutSec=5");
        assert_shown("# /etc/a.job\n[Job]\n Retries = 2\n#RetrySec=1\n[Source]\nRemote=r\nURL=f\n[Target]\nPath=/d/\n\n"
                     "# /run/r.remote\n[Remote]\nURL=ftp://h/\nTimeoutSec=5\n\n"
                     "# Defaults:\n# [Job]\n# RetrySec=30s\n# [Source]\n# User=anonymous\n# DataConnection=auto\n# TLS=no\n"
                     "# Then=keep\n# [Target]\n# IfExists=resume\n");
}

static void test_remotes(void **state) {
        KftpJobOrigin origin;

        (void) state;
        test_write_file("lib/a.job", "[Source]\nRemote=r\nURL=f\n[Target]\nPath=/d/\n");
        free(load(-EBADMSG, &origin, NULL));
        assert_string_equal(origin.remote, "r");        /* although there is none */
        kftp_job_origin_done(&origin);
        test_write_file("lib/r.remote", "[Remote]\nURL=ftp://h/\n");
        free(load(0, &origin, NULL));
        assert_string_equal(origin.remote, "r");
        kftp_job_origin_done(&origin);
        test_write_file("etc/r.remote", "[Remote]\nURL=ftp://h/\nUser=x\nUser=y\nColour=blue\n");
        assert_said(0, "/etc/r.remote:5:1: warning: unknown key \"Colour\"");
        assert_int_equal(mkdir("run/r.remote.d", 0755), 0);
        test_write_file("run/r.remote.d/x.conf", "[Remote]\nUser=a\tb\n");
        assert_said(-EBADMSG, "/run/r.remote.d/x.conf:2:7: error: ");
        assert_int_equal(chmod("etc/r.remote", 0666), 0);
        assert_said(-EBADMSG, "/etc/r.remote: error: writable by everybody");
        assert_int_equal(unlink("etc/r.remote"), 0);
        assert_int_equal(symlink("/dev/null", "etc/r.remote"), 0);
        assert_said(-EBADMSG, "/lib/a.job:2:8: error: Remote=r");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                IN_LAYERS(test_layers),
                IN_LAYERS(test_masks),
                IN_LAYERS(test_drop_ins),
                IN_LAYERS(test_drop_in_without_a_job),
                IN_LAYERS(test_revision),
                IN_LAYERS(test_remotes),
                IN_LAYERS(test_files),
                IN_LAYERS(test_strange_drop_ins),
                IN_LAYERS(test_directories_of_drop_ins),
                IN_LAYERS(test_many_drop_ins),
                IN_LAYERS(test_foreign_owner),
                IN_LAYERS(test_names),
                IN_LAYERS(test_paths),
                IN_LAYERS(test_show),
                IN_LAYERS(test_show_hides_passwords),
                IN_LAYERS(test_show_defaults),
        };

        return cmocka_run_group_tests_name("job-load", tests, NULL, NULL);
}
