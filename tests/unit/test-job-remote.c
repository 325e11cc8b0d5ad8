/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs of several files, and the servers that jobs share: who overrides whom, and in which file what is wrong stands. */

#include "job-text.h"

#include "util.h"

#define COPY "[Source]\nURL=ftp://ftp.example.com/pub/file\n[Target]\nPath=/srv/ftp/\n"
#define PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* ---- Several files -------------------------------------------------------------------------------- */

static char *parse_files(const char *const *texts, size_t n, int expected, KftpJob **ret) {
        static const char *const files[] = { JOB_FILE, "/etc/kftp.d/acme.job.d/a.conf", "/run/kftp.d/acme.job.d/b.conf" };
        KftpJobFragment fragments[ELEMENTS(files)];
        JobDiagnoses all = {};

        for (size_t i = 0; i < n; i++)
                fragments[i] = (KftpJobFragment) { .file = files[i], .text = texts[i], .n = strlen(texts[i]) };
        assert_int_equal(kftp_job_parse_fragments("acme", fragments, n, NULL, NULL, collect_diagnosis, &all, ret), expected);
        return all.text ?: strdup("");
}

static void test_drop_ins(void **state) {
        static const char *const texts[] = {
                COPY "[Job]\nOnCalendar=daily\nRetries=3\nOnSuccess=a.service\n",
                "[Job]\nOnCalendar=\nOnCalendar=weekly\nRetries=4\n",
                "\xef\xbb\xbf[Target]\n\nPath=/srv/other/\n[Job]\nOnSuccess=b.service\n",
        };
        _cleanup_free_ char *said = NULL;
        KftpJob *j = NULL, *alone;

        (void) state;
        said = parse_files(texts, 3, 0, &j);
        assert_string_equal(said, "");
        assert_string_equal(j->file, JOB_FILE);
        assert_string_equal(j->calendar[0], "weekly");
        assert_null(j->calendar[1]);
        assert_int_equal(j->retries, 4);
        assert_string_equal(j->on_success[0], "a.service");
        assert_string_equal(j->on_success[1], "b.service");
        assert_string_equal(j->path, "/srv/other/");
        assert_string_equal(j->path_file, "/run/kftp.d/acme.job.d/b.conf");
        assert_int_equal(j->path_line, 3);
        assert_int_equal(j->path_column, 6);

        alone = parse_good_job(texts[0]);
        assert_null(alone->path_file);
        assert_string_not_equal(j->revision, alone->revision);
        kftp_job_free(alone);
        kftp_job_free(j);
}

/* No section goes on from one file to the next, and each place is named in its own file. */
static void test_drop_ins_diagnoses(void **state) {
        static const char *const texts[] = { COPY "[Job]", "Retries=4\n[Job]\nRetrys=4", "[Job]\nRetries=x\n[Source]\nUser=a\nTLS=no\nPin=" PIN };
        static const char *const bytes[] = { COPY, "\n\x01", "[Job]\nRetries=x" };
        static const char *const together[] = { COPY, "[Source]\nTLS=no", "[Source]\nPin=" PIN };
        _cleanup_free_ char *said = NULL, *of_bytes = NULL, *of_pair = NULL;
        KftpJob *j;

        (void) state;
        said = parse_files(texts, 3, -EBADMSG, &j);
        assert_null(j);
        assert_string_equal(said, "/etc/kftp.d/acme.job.d/a.conf:1:1: error: an assignment before the first section: begin with [Job] or [Source]\n"
                            "/run/kftp.d/acme.job.d/b.conf:2:9: error: Retries=\"x\": not a number from 0 to 1000\n"
                            "/etc/kftp.d/acme.job.d/a.conf:3:1: warning: unknown key \"Retrys\" in [Job] is ignored; did you mean Retries=?\n");
        of_bytes = parse_files(bytes, 3, -EBADMSG, &j);
        assert_string_equal(of_bytes, "/etc/kftp.d/acme.job.d/a.conf:2:1: error: byte 0x01 is a control byte\n"
                            "/run/kftp.d/acme.job.d/b.conf:2:9: error: Retries=\"x\": not a number from 0 to 1000\n");
        of_pair = parse_files(together, 3, -EBADMSG, &j);
        assert_string_equal(of_pair, "/run/kftp.d/acme.job.d/b.conf:2:5: error: Pin= without TLS: let URL= begin with ftps://, or add TLS=require\n");
}

/* ---- Remotes -------------------------------------------------------------------------------------- */

#define REMOTE_FILE "/etc/kftp.d/acme-server.remote"

static KftpJobRemote *parse_remote(const char *text, int expected, char **ret_said) {
        const KftpJobFragment fragment = { .file = REMOTE_FILE, .text = text, .n = strlen(text) };
        JobDiagnoses all = {};
        KftpJobRemote *remote = NULL;

        assert_int_equal(kftp_remote_parse("acme-server", &fragment, 1, collect_diagnosis, &all, &remote), expected);
        assert_true(!remote == (expected != 0));
        *ret_said = all.text ?: strdup("");
        return remote;
}

typedef struct Remotes {
        const KftpJobRemote *remote;
        int result;
        unsigned asked;
        char name[32];
} Remotes;

static int find(void *userdata, const char *name, const KftpJobRemote **ret) {
        Remotes *r = userdata;

        r->asked++;
        (void) snprintf(r->name, sizeof(r->name), "%s", name);
        *ret = r->remote;
        return r->result;
}

static KftpJob *parse_with(const KftpJobRemote *remote, int find_result, const char *text, char **ret_said) {
        const KftpJobFragment fragment = { .file = JOB_FILE, .text = text, .n = strlen(text) };
        Remotes remotes = { .remote = remote, .result = find_result };
        JobDiagnoses all = {};
        KftpJob *j = NULL;
        int r = kftp_job_parse_fragments("acme", &fragment, 1, find, &remotes, collect_diagnosis, &all, &j);

        assert_true(r == 0 || r == -EBADMSG);
        assert_true(!j == (r != 0));
        assert_int_equal(remotes.asked, 1);
        assert_string_equal(remotes.name, "acme-server");
        *ret_said = all.text ?: strdup("");
        return j;
}

static KftpJob *parse_good_with(const KftpJobRemote *remote, const char *text) {
        _cleanup_free_ char *said = NULL;
        KftpJob *j = parse_with(remote, 0, text, &said);

        assert_string_equal(said, "");
        return j;
}

#define WITH(url) "[Source]\nRemote=acme-server\n" url "[Target]\nPath=/srv/\n"
#define EVERYTHING                                                                                                                      \
        "[Remote]\nURL=ftps://reports@ftp.acme.example:2990/base\nPasswordFile=/etc/kftp/acme\nDataConnection=passive\nTLS=implicit\n"  \
        "CAFile=/ca\nCertificateFile=/cert\nKeyFile=/key\nPin=" PIN "\nMaxConnections=4\nTimeoutSec=7\nLimitRate=100K\n"

static void test_remote(void **state) {
        _cleanup_free_ char *said = NULL;
        KftpJobRemote *remote = parse_remote(EVERYTHING, 0, &said);
        KftpJob *j;

        (void) state;
        assert_string_equal(said, "");
        j = parse_good_with(remote, WITH("URL=out/a.csv\n"));
        assert_string_equal(j->remote, "ftps://ftp.acme.example:2990/base/out/a.csv");
        assert_string_equal(j->remote_name, "acme-server");
        assert_string_equal(j->url.path, "base/out/a.csv");
        assert_int_equal(j->url.port, 2990);
        assert_string_equal(j->user, "reports");
        assert_string_equal(j->password_file, "/etc/kftp/acme");
        assert_int_equal(j->data_mode, KFTP_DATA_PASSIVE);
        assert_int_equal(j->tls_mode, KFTP_TLS_IMPLICIT);
        assert_true(j->tls_given);
        assert_string_equal(j->ca_file, "/ca");
        assert_string_equal(j->certificate_file, "/cert");
        assert_string_equal(j->key_file, "/key");
        assert_string_equal(j->pin, PIN);
        assert_int_equal(j->max_connections, 4);
        assert_true(j->timeout_usec == 7 * USEC_PER_SEC && j->limit_rate == 100 * 1024);
        kftp_job_free(j);

        /* without a URL of its own: the remote's directory */
        j = parse_good_with(remote, WITH(""));
        assert_true(j->set);
        assert_string_equal(j->url.path, "base/");
        kftp_job_free(j);
        j = parse_good_with(remote, WITH("URL=\n") "[Job]\nTransfer=mirror\n");
        assert_string_equal(j->url.path, "base/");
        kftp_job_free(j);
        j = parse_good_with(remote, "[Source]\nPath=/srv/out/\n[Target]\nRemote=acme-server\nURL=in/\n");
        assert_true(j->upload && j->set);
        assert_string_equal(j->url.path, "base/in/");
        assert_string_equal(j->user, "reports");
        kftp_job_free(j);
        kftp_remote_free(remote);
}

/* What the job says itself holds, and it does not get the password of another login. */
static void test_job_wins(void **state) {
        _cleanup_free_ char *said = NULL;
        KftpJobRemote *remote = parse_remote(EVERYTHING, 0, &said);
        KftpJob *j = parse_good_with(remote, WITH("URL=a\nUser=other\nCredential=other\nDataConnection=active\nCAFile=/ours\nMaxConnections=1\n")
                                     "[Job]\nTimeoutSec=1\nLimitRate=1K\n");

        (void) state;
        assert_string_equal(j->user, "other");
        assert_string_equal(j->credential, "other");
        assert_null(j->password_file);
        assert_int_equal(j->data_mode, KFTP_DATA_ACTIVE_FIRST);
        assert_string_equal(j->ca_file, "/ours");
        assert_string_equal(j->pin, PIN);
        assert_int_equal(j->max_connections, 1);
        assert_true(j->timeout_usec == USEC_PER_SEC && j->limit_rate == 1024);
        kftp_job_free(j);

        j = parse_good_with(remote, WITH("URL=ftps://third@FTP.acme.example:2990/whole/a\n"));
        assert_string_equal(j->url.path, "whole/a");
        assert_string_equal(j->url.user, "third");
        assert_null(j->user);
        kftp_job_free(j);
        /* an empty value is none */
        j = parse_good_with(remote, WITH("URL=a\nUser=\nPasswordFile=\nCAFile=\n"));
        assert_string_equal(j->user, "reports");
        assert_string_equal(j->password_file, "/etc/kftp/acme");
        assert_string_equal(j->ca_file, "/ca");
        kftp_job_free(j);
        kftp_remote_free(remote);

        free(said);
        remote = parse_remote("[Remote]\nUser=u\nNetrcFile=/etc/netrc\nTLS=require\n", 0, &said);       /* a login, of no server */
        j = parse_good_with(remote, WITH("URL=ftp://any.example/a\n"));
        assert_string_equal(j->user, "u");
        assert_string_equal(j->netrc_file, "/etc/netrc");
        assert_int_equal(j->tls_mode, KFTP_TLS_REQUIRED);
        kftp_job_free(j);
        kftp_remote_free(remote);
}

/* Dates and braces of the remote's URL are those of the job's. */
static void test_dates(void **state) {
        _cleanup_free_ char *said = NULL;
        KftpJobRemote *remote = parse_remote("[Remote]\nURL=ftp://h/{{base/{date:%Y}/\n", 0, &said);
        KftpJob *j = parse_good_with(remote, WITH("URL={date:%m}/a\n"));

        (void) state;
        assert_true(j->dated);
        assert_int_equal(kftp_job_set_date(j, 86400 * 15, NULL), 0);
        assert_string_equal(j->remote, "ftp://h/%7Bbase/1970/01/a");
        assert_string_equal(j->url.path, "{base/1970/01/a");
        kftp_job_free(j);
        kftp_remote_free(remote);
}

static void check_refused(const KftpJobRemote *remote, int find_result, const char *text, const char *expected) {
        _cleanup_free_ char *said = NULL;

        assert_null(parse_with(remote, find_result, text, &said));
        assert_string_equal(said, expected);
}

#define SOURCE_URL JOB_FILE ":3:5: error: URL="

static void test_refused(void **state) {
        _cleanup_free_ char *said = NULL, *other = NULL;
        KftpJobRemote *remote = parse_remote("[Remote]\nURL=ftps://h/base/\nCAFile=/ca\n", 0, &said);
        KftpJobRemote *login = parse_remote("[Remote]\nUser=u\n", 0, &other);

        (void) state;
        check_refused(NULL, -ENOENT, WITH("URL=a\n"), JOB_FILE ":2:8: error: Remote=acme-server means acme-server.remote: there is no such file\n");
        check_refused(NULL, -ERFKILL, WITH("URL=a\n"), JOB_FILE ":2:8: error: Remote=acme-server means acme-server.remote: it is masked\n");
        check_refused(NULL, -EBADMSG, WITH("URL=a\n"),
                      JOB_FILE ":2:8: error: Remote=acme-server means acme-server.remote: it has errors, which are told apart from this\n");
        check_refused(remote, 0, WITH("URL=/a\n"), SOURCE_URL "\"/a\": a path below that of Remote= begins without a slash\n");
        check_refused(remote, 0, WITH("URL=a/../b\n"), SOURCE_URL "\"a/../b\": a path below that of Remote= has no \"..\"\n");
        check_refused(remote, 0, WITH("URL=ftps://h:99/a\n"),
                      SOURCE_URL "\"ftps://h:99/a\": this is another server than that of Remote=: write only the path on it, or leave Remote= out\n");
        check_refused(remote, 0, WITH("URL=ftp://h:990/a\n"),
                      SOURCE_URL "\"ftp://h:990/a\": this is another server than that of Remote=: write only the path on it, or leave Remote= out\n");
        check_refused(remote, 0, WITH("URL=ftps://other/a\n"),
                      SOURCE_URL "\"ftps://other/a\": this is another server than that of Remote=: write only the path on it, or leave Remote= out\n");
        check_refused(remote, 0, WITH("URL=a b\n"), SOURCE_URL "\"ftps://h/base/a b\": a space in a URL is written as %20\n");
        check_refused(remote, 0, WITH("URL=a\nTLS=no\n"), JOB_FILE ":4:5: error: TLS= contradicts URL=, where ftps:// means TLS from the first byte on: leave TLS= out, or write ftp://\n");
        check_refused(login, 0, WITH(""), JOB_FILE ":2:8: error: the remote has no URL=: give it here, or there\n");
        kftp_remote_free(login);
        kftp_remote_free(remote);

        free(said);
        remote = parse_remote("[Remote]\nURL=ftp://h/\nTLS=require\nPin=" PIN "\n", 0, &said);
        check_refused(remote, 0, WITH("URL=a\nTLS=no\n"), JOB_FILE ":2:8: error: Pin= without TLS: let URL= begin with ftps://, or add TLS=require\n");
        kftp_remote_free(remote);
}

#define SAID(text) REMOTE_FILE ":" text "\n"

static void test_bad_remotes(void **state) {
        static const char *const bad[][2] = {
                { "[Remote]\nURL=ftp://a:secret@h/\n", SAID("2:13: error: URL= holds a password, which others could read here: take it out; write it into a file of mode 0600 that belongs to the service's user, and name that with PasswordFile=") },
                { "[Remote]\nURL=nonsense\n", SAID("2:5: error: URL=\"nonsense\": not a URL: it has to begin with ftp://") },
                { "[Remote]\nURL=ftp://h/\nPasswordFile=/x\n", SAID("3:14: error: PasswordFile= without a user: give User= as well") },
                { "[Remote]\nURL=ftp://a@h/\nUser=b\n", SAID("3:6: error: User= and URL= name two different users") },
                { "[Remote]\nKeyFile=/x\n", SAID("2:9: error: KeyFile= without a certificate: give CertificateFile= as well") },
                { "[Remote]\nPassword=x\n", SAID("2:1: error: Password= in [Remote]: a password does not belong here: write it into a file of mode 0600 that belongs to the service's user, and name that with PasswordFile=") },
                { "URL=x\n", SAID("1:1: error: an assignment before the first section: begin with [Remote]") },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                _cleanup_free_ char *said = NULL;

                (void) parse_remote(bad[i][0], -EBADMSG, &said);
                assert_string_equal(said, bad[i][1]);
        }
}

static void test_odd_remotes(void **state) {
        static const char *const odd[][2] = {
                { "[Job]\nRetries=1\n", SAID("1:1: warning: section [Job] is ignored; a remote has [Remote] only") },
                { "[Remote]\nRetries=1\n", SAID("2:1: warning: unknown key \"Retries\" in [Remote] is ignored") },
                { "[Remotes]\n", SAID("1:1: warning: unknown section \"Remotes\" is ignored; did you mean [Remote]?") },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(odd); i++) {
                _cleanup_free_ char *said = NULL;

                kftp_remote_free(parse_remote(odd[i][0], 0, &said));
                assert_string_equal(said, odd[i][1]);
        }
}

/* A job that stands alone has no remotes. */
static void test_alone(void **state) {
        static const char text[] = WITH("URL=a\n"), both[] = "[Source]\nRemote=x\nPath=/a\n";
        _cleanup_free_ char *said = parse_job(text, strlen(text), -EBADMSG, NULL), *sides = parse_job(both, strlen(both), -EBADMSG, NULL);

        (void) state;
        assert_string_equal(said, JOB_FILE ":2:8: error: Remote=acme-server means acme-server.remote: there is no such file\n");
        assert_string_equal(sides, JOB_FILE ":3:1: error: URL= and Path= in [Source]: one of them belongs into [Target]\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_drop_ins),
                cmocka_unit_test(test_drop_ins_diagnoses),
                cmocka_unit_test(test_remote),
                cmocka_unit_test(test_job_wins),
                cmocka_unit_test(test_dates),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_bad_remotes),
                cmocka_unit_test(test_odd_remotes),
                cmocka_unit_test(test_alone),
        };

        return cmocka_run_group_tests_name("job-remote", tests, NULL, NULL);
}
