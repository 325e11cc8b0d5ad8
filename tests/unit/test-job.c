/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The job parser: what is accepted and what it means, and every diagnosis with its place. */

#include "job-text.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "job-value.h"
#include "util.h"

#define SOURCE "[Source]\nURL=ftp://ftp.example.com/pub/file\n"
#define TARGET "[Target]\nPath=/srv/ftp/\n"
#define MINIMAL SOURCE TARGET

#define IMPLICIT "[Source]\nURL=ftps://ftp.example.com/pub/file\n"
#define PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define CONTRADICTION "TLS= contradicts URL=, where ftps:// means TLS from the first byte on: leave TLS= out, or write ftp://\n"
#define WITHOUT_TLS " without TLS: let URL= begin with ftps://, or add TLS=require\n"

static void test_minimal(void **state) {
        KftpJob *j = parse_good_job(MINIMAL);

        (void) state;
        assert_string_equal(j->name, "acme");
        assert_string_equal(j->file, JOB_FILE);
        assert_string_equal(j->remote, "ftp://ftp.example.com/pub/file");
        assert_string_equal(j->url.host, "ftp.example.com");
        assert_string_equal(j->url.path, "pub/file");
        assert_string_equal(j->path, "/srv/ftp/");
        assert_int_equal(j->path_line, 4);
        assert_int_equal(j->path_column, 6);
        assert_null(j->user);
        assert_null(j->password_file);
        assert_null(j->description);
        assert_int_equal(j->data_mode, KFTP_DATA_AUTO);
        assert_int_equal(j->retries, KFTP_JOB_RETRIES_DEFAULT);
        assert_true(j->retry_usec == 30 * USEC_PER_SEC);
        kftp_job_free(j);
}

static void test_everything(void **state) {
        KftpJob *j = parse_good_job("\xef\xbb\xbf# a comment\r\n"
                                "; another\n"
                                "X-Before=ignored\n"
                                "[Job]\r\n"
                                "  Description = N\xc3\xa4" "chtliche \\\n"
                                "# in between\n"
                                "   Berichte  \n"
                                "Retries=7\n"
                                "RetrySec=1min 30s\n"
                                "X-Ours=whatever\n"
                                "[X-Ours]\n"
                                "no assignment at all\n"
                                "[Source]\n"
                                "URL=ftp://[2001:db8::1]:2121/%2fabs/a%20b.csv\n"
                                "User=reports\n"
                                "PasswordFile=/etc/kftp/acme.pw\n"
                                "DataConnection=active\n"
                                "[Target]\n"
                                "Path=/srv/first\n"
                                "Verify=size\n"
                                "Path=/srv/ftp/b.csv");

        (void) state;
        assert_string_equal(j->description, "N\xc3\xa4" "chtliche  Berichte");
        assert_int_equal(j->retries, 7);
        assert_true(j->retry_usec == 90 * USEC_PER_SEC);
        assert_string_equal(j->url.host, "2001:db8::1");
        assert_int_equal(j->url.port, 2121);
        assert_string_equal(j->url.path, "/abs/a b.csv");
        assert_string_equal(j->user, "reports");
        assert_string_equal(j->password_file, "/etc/kftp/acme.pw");
        assert_int_equal(j->data_mode, KFTP_DATA_ACTIVE_FIRST);
        assert_string_equal(j->path, "/srv/ftp/b.csv");
        kftp_job_free(j);
}

static void test_tls(void **state) {
        KftpJob *j = parse_good_job(MINIMAL);

        (void) state;
        assert_int_equal(j->tls_mode, KFTP_TLS_NONE);
        assert_true(!j->ca_file && !j->certificate_file && !j->key_file && !j->pin);
        kftp_job_free(j);

        j = parse_good_job(MINIMAL "[Source]\nTLS=require\nCAFile=/etc/kftp/ca.pem\nCertificateFile=/etc/kftp/our.pem\n"
                       "KeyFile=/etc/kftp/our.key\nPin=" PIN ";" PIN "\n");
        assert_int_equal(j->tls_mode, KFTP_TLS_REQUIRED);
        assert_false(j->url.implicit_tls);
        assert_int_equal(j->url.port, 21);
        assert_string_equal(j->ca_file, "/etc/kftp/ca.pem");
        assert_string_equal(j->certificate_file, "/etc/kftp/our.pem");
        assert_string_equal(j->key_file, "/etc/kftp/our.key");
        assert_string_equal(j->pin, PIN ";" PIN);
        kftp_job_free(j);

        /* the key says it, or the URL, or both; what is not given stays the protocol's */
        j = parse_good_job(IMPLICIT TARGET);
        assert_int_equal(j->tls_mode, KFTP_TLS_IMPLICIT);
        assert_int_equal(j->url.port, 990);
        kftp_job_free(j);
        j = parse_good_job(MINIMAL "[Source]\nTLS=implicit\n");
        assert_int_equal(j->tls_mode, KFTP_TLS_IMPLICIT);
        assert_true(j->url.implicit_tls);
        assert_int_equal(j->url.port, 990);
        kftp_job_free(j);
        j = parse_good_job(IMPLICIT "TLS=implicit\n" TARGET);
        assert_int_equal(j->tls_mode, KFTP_TLS_IMPLICIT);
        kftp_job_free(j);
        j = parse_good_job(IMPLICIT "TLS=no\nTLS=\nCertificateFile=/x\nPin=" PIN "\nPin=\n" TARGET);
        assert_int_equal(j->tls_mode, KFTP_TLS_IMPLICIT);
        assert_null(j->pin);
        kftp_job_free(j);
        j = parse_good_job(MINIMAL "[Source]\nTLS=auto\n");
        assert_int_equal(j->tls_mode, KFTP_TLS_OPPORTUNISTIC);
        kftp_job_free(j);
}

/* What is wrong with a pin is the library's to say. */
static void test_bad_pin(void **state) {
        static const char text[] = IMPLICIT "Pin=sha1//AAAA\n" TARGET, odd[] = IMPLICIT "Pin=sha256//A\tA=\n" TARGET;
        _cleanup_free_ char *said = parse_job(text, strlen(text), -EBADMSG, NULL);

        (void) state;
        assert_non_null(strstr(said, ":3:5: error: Pin=\"sha1//AAAA\": "));

        free(said);
        said = parse_job(odd, strlen(odd), -EBADMSG, NULL);     /* and it says it with what is wrong */
        assert_null(strchr(said, '\t'));
}

static void test_empty_value_resets(void **state) {
        KftpJob *j = parse_good_job("[Job]\nDescription=x\nDescription=\nRetries=9\nRetries=\nRetrySec=1s\nRetrySec=\n"
                                "[Source]\nUser=u\nUser=\nDataConnection=active\nDataConnection=\n" MINIMAL);

        (void) state;
        assert_null(j->description);
        assert_null(j->user);
        assert_int_equal(j->retries, KFTP_JOB_RETRIES_DEFAULT);
        assert_true(j->retry_usec == KFTP_JOB_RETRY_USEC_DEFAULT);
        assert_int_equal(j->data_mode, KFTP_DATA_AUTO);
        kftp_job_free(j);
}

static const JobCase cases[] = {
        /* Warnings */
        { MINIMAL "[Job]\nRetrys=3\n", ":6:1: warning: unknown key \"Retrys\" in [Job] is ignored; did you mean Retries=?\n", true },
        { MINIMAL "[Job]\n  descripton=x\n", ":6:3: warning: unknown key \"descripton\" in [Job] is ignored; did you mean Description=?\n", true },
        { MINIMAL "[Job]\nColour=blue\n", ":6:1: warning: unknown key \"Colour\" in [Job] is ignored\n", true },
        { MINIMAL "[Job]\nDataConnection=active\n", ":6:1: error: DataConnection= in [Job]: it is about the server, and belongs into [Source] or [Target]\n", false },
        { MINIMAL "[Job]\nPath=/x\n", ":6:1: error: Path= in [Job]: it belongs into [Source]\n", false },
        { MINIMAL "OnCalendar=daily\n", ":5:1: error: OnCalendar= in [Target]: it belongs into [Job]\n", false },
        { MINIMAL "[Remote]\nURL=ftp://h/\n", ":5:1: warning: section [Remote] is ignored; a job has that in a file NAME.remote, which it names with Remote=\n", true },
        { MINIMAL "[Jobs]\nRetries=x\n", ":5:1: warning: unknown section \"Jobs\" is ignored; did you mean [Job]?\n", true },
        { MINIMAL "[\x1b[2J]\n", ":5:2: error: byte 0x1b is a control byte\n", false },

        /* Syntax */
        { "URL=ftp://h/f\n" MINIMAL, ":1:1: error: an assignment before the first section: begin with [Job] or [Source]\n", false },
        { MINIMAL "nonsense\n", ":5:1: error: neither [Section] nor Key=value: \"nonsense\"\n", false },
        { MINIMAL "\t=x\n", ":5:2: error: neither [Section] nor Key=value: \"=x\"\n", false },
        { MINIMAL "[Job\n", ":5:1: error: neither [Section] nor Key=value: \"[Job\"\n", false },
        { MINIMAL "[]\n", ":5:1: error: neither [Section] nor Key=value: \"[]\"\n", false },
        { MINIMAL "URL ftp://u:secret@h/f\n", ":5:1: error: neither [Section] nor Key=value: \"URL ftp://...\"\n", false },
        { "\\\n", ": error: URL= is missing in [Source]: it names the file to fetch, such as ftp://ftp.example.com/pub/file\n"
                  ": error: Path= is missing in [Target]: it names the file or directory to write, such as /srv/ftp/\n", false },
        { "", ": error: URL= is missing in [Source]: it names the file to fetch, such as ftp://ftp.example.com/pub/file\n"
              ": error: Path= is missing in [Target]: it names the file or directory to write, such as /srv/ftp/\n", false },

        /* Bytes */
        { MINIMAL "# caf\xe9\n", ":5:6: error: byte 0xe9 is not valid UTF-8\n", false },
        { MINIMAL "# \xed\xa0\x80\n", ":5:3: error: byte 0xed is not valid UTF-8\n", false },
        { MINIMAL "# \xc0\xaf\n", ":5:3: error: byte 0xc0 is not valid UTF-8\n", false },
        { MINIMAL "# \xf4\x90\x80\x80\n", ":5:3: error: byte 0xf4 is not valid UTF-8\n", false },
        { MINIMAL "# \xe2\x82", ":5:3: error: byte 0xe2 is not valid UTF-8\n", false },
        { MINIMAL "# \xc3\xa4\xc3\xa4\x1b[2J\n", ":5:5: error: byte 0x1b is a control byte\n", false },

        /* Numbers and time spans */
        { MINIMAL "[Job]\nRetries=many\n", ":6:9: error: Retries=\"many\": not a number from 0 to 1000\n", false },
        { MINIMAL "[Job]\nRetries=-1\n", ":6:9: error: Retries=\"-1\": not a number from 0 to 1000\n", false },
        { MINIMAL "[Job]\nRetries=1001\n", ":6:9: error: Retries=\"1001\": not a number from 0 to 1000\n", false },
        { MINIMAL "[Job]\nRetries=18446744073709551617\n", ":6:9: error: Retries=\"18446744073709551617\": not a number from 0 to 1000\n", false },
        { MINIMAL "[Job]\nRetrySec=5min 3x\n", ":6:16: error: RetrySec=\"5min 3x\": not a time span, such as \"30s\", \"5min\" or \"1h 30min\"\n", false },
        { MINIMAL "[Job]\nRetrySec=5min \\\n   soon\n", ":7:4: error: RetrySec=\"5min  soon\": not a time span, such as \"30s\", \"5min\" or \"1h 30min\"\n", false },
        { MINIMAL "[Job]\nRetrySec=0\n", ":6:10: error: RetrySec=\"0\": not from 1ms to 5min\n", false },
        { MINIMAL "[Job]\nRetrySec=99999999999w\n", ":6:10: error: RetrySec=\"99999999999w\": not from 1ms to 5min\n", false },

        /* The source */
        { "[Source]\nURL=ftp://ftp.example.com\n" TARGET, ":2:25: error: URL=\"ftp://ftp.example.com\": names a directory: let it name a file, or end it in a slash for the files that are in it, or add Transfer=mirror for all that is below\n", false },
        { "[Source]\nURL=ftp://reports:s3cret@ftp.example.com/f\n" TARGET, ":2:19: error: URL= holds a password, which others could read here: take it out; write it into a file of mode 0600 that belongs to the service's user, and name that with PasswordFile=\n", false },
        { "[Source]\nPassword=s3cret\nURL=ftp://h/f\n" TARGET, ":2:1: error: Password= in [Source]: a password does not belong here: write it into a file of mode 0600 that belongs to the service's user, and name that with PasswordFile=\n", false },
        { "[Source]\nURL=\n" TARGET, ":2:5: error: URL= is empty\n", false },
        { "[Source]\nUser=u\n" TARGET, ":1:2: error: URL= is missing in [Source]: it names the file to fetch, such as ftp://ftp.example.com/pub/file\n", false },
        { MINIMAL "[Source]\nDataConnection=both\n", ":6:16: error: DataConnection=\"both\": neither \"auto\" nor \"passive\" nor \"active\"\n", false },
        { MINIMAL "[Source]\nPasswordFile=secret\n", ":6:14: error: PasswordFile=\"secret\": not an absolute path: begin it with a slash\n", false },
        { MINIMAL "[Source]\nPasswordFile=/etc/kftp/pw\n", ":6:14: error: PasswordFile= without a user: give User= as well\n", false },
        { MINIMAL "[Source]\nUser=a\tb\n", ":6:7: error: User=\"a\\x09b\": a user's name has no control characters\n", false },
        { "[Source]\nURL=ftp://a@h/f\nUser=b\n" TARGET, ":3:6: error: User= and URL= name two different users\n", false },

        /* TLS */
        { MINIMAL "[Source]\nTLS=yes\n", ":6:5: error: TLS=\"yes\": neither \"no\" nor \"auto\" nor \"require\" nor \"implicit\"\n", false },
        { IMPLICIT "TLS=no\n" TARGET, ":3:5: error: " CONTRADICTION, false },
        { IMPLICIT "TLS=auto\n" TARGET, ":3:5: error: " CONTRADICTION, false },
        { MINIMAL "[Source]\nCAFile=/etc/kftp/ca.pem\n", ":6:8: error: CAFile=" WITHOUT_TLS, false },
        { MINIMAL "[Source]\nCertificateFile=/etc/kftp/our.pem\n", ":6:17: error: CertificateFile=" WITHOUT_TLS, false },
        { MINIMAL "[Source]\nTLS=no\nPin=" PIN "\n", ":7:5: error: Pin=" WITHOUT_TLS, false },
        { IMPLICIT "KeyFile=/etc/kftp/our.key\n" TARGET, ":3:9: error: KeyFile= without a certificate: give CertificateFile= as well\n", false },
        { IMPLICIT "CAFile=ca.pem\n" TARGET, ":3:8: error: CAFile=\"ca.pem\": not an absolute path: begin it with a slash\n", false },
        { IMPLICIT "KeyFile=/etc/../our.key\n" TARGET, ":3:9: error: KeyFile=\"/etc/../our.key\": a path with \"..\" is not taken: write the directory that is meant\n", false },
        { MINIMAL "[Job]\nTLS=require\n", ":6:1: error: TLS= in [Job]: it is about the server, and belongs into [Source] or [Target]\n", false },

        /* The target */
        { SOURCE, ": error: Path= is missing in [Target]: it names the file or directory to write, such as /srv/ftp/\n", false },
        { SOURCE "[Target]\nPath=srv\n", ":4:6: error: Path=\"srv\": not an absolute path: begin it with a slash\n", false },
        { SOURCE "[Target]\nPath=/srv/../etc/x\n", ":4:6: error: Path=\"/srv/../etc/x\": a path with \"..\" is not taken: write the directory that is meant\n", false },
        { SOURCE "[Target]\nPath=\n", ":4:6: error: Path= is empty\n", false },
        { MINIMAL "Verify=size sha256\n", ":5:13: error: Verify=\"size sha256\": what is verified is \"size\", \"mtime\" or \"hash\", with blanks between\n", false },

        /* All faults are told, not only the first */
        { MINIMAL "[Job]\nRetries=x\nRetrySec=y\n", ":6:9: error: Retries=\"x\": not a number from 0 to 1000\n"
          ":7:10: error: RetrySec=\"y\": not a time span, such as \"30s\", \"5min\" or \"1h 30min\"\n", false },
};

static void test_diagnoses(void **state) {
        (void) state;
        check_job_cases(cases, ELEMENTS(cases));
}

static void test_bytes(void **state) {
        static const char nul[] = MINIMAL "#\0\n";
        _cleanup_free_ char *said = NULL, *large = calloc(1, KFTP_JOB_SIZE_MAX + 1), *largest = NULL;
        KftpJob *job;

        (void) state;
        said = parse_job(nul, sizeof(nul) - 1, -EBADMSG, NULL);
        assert_string_equal(said, JOB_FILE ":5:2: error: byte 0x00 is a NUL byte\n");

        memset(large, '#', KFTP_JOB_SIZE_MAX + 1);
        memcpy(large, MINIMAL, strlen(MINIMAL));
        free(said);
        said = parse_job(large, KFTP_JOB_SIZE_MAX + 1, -EBADMSG, NULL);
        assert_string_equal(said, JOB_FILE ": error: larger than 64 KiB, which no job needs\n");

        largest = parse_job(large, KFTP_JOB_SIZE_MAX, 0, &job);
        assert_string_equal(largest, "");
        kftp_job_free(job);
}

/* Whatever bytes stand in a file, the parser survives (the sanitizers watch) and its flood is bounded. */
static void test_garbage(void **state) {
        static const char alphabet[] = "[]=\\\n\r\t #;XURLPathSource/:@\xc3\xa4";
        char text[400];

        (void) state;
        srand(1);
        for (unsigned round = 0; round < 3000; round++) {
                size_t n = (size_t) rand() % sizeof(text);
                JobDiagnoses all = {};
                KftpJob *job;

                for (size_t i = 0; i < n; i++)
                        text[i] = alphabet[(size_t) rand() % (sizeof(alphabet) - 1)];
                (void) kftp_job_parse(JOB_FILE, text, n, collect_diagnosis, &all, &job);
                assert_true(all.n <= 21);
                kftp_job_free(job);
                free(all.text);
        }
}

static void test_flood(void **state) {
        _cleanup_free_ char *text = NULL, *said = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        (void) state;
        for (unsigned i = 0; i < 1000; i++)
                fputs("x\n", f);
        fclose(f);
        said = parse_job(text, size, -EBADMSG, NULL);
        assert_non_null(strstr(said, JOB_FILE ":20:1: error: neither"));
        assert_non_null(strstr(said, ":21:1: error: too many faults, the others are not shown\n"));
        assert_null(strstr(said, ":22:1"));
}

static void test_revision(void **state) {
        KftpJob *a = parse_good_job(MINIMAL), *b = parse_good_job(MINIMAL), *c = parse_good_job(MINIMAL "\n");
        char empty[KFTP_REVISION_SIZE];

        (void) state;
        assert_string_equal(a->revision, b->revision);
        assert_string_not_equal(a->revision, c->revision);
        assert_int_equal(kftp_job_revision(NULL, 0, empty), 0);
        assert_string_equal(empty, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        kftp_job_free(a);
        kftp_job_free(b);
        kftp_job_free(c);
}

static void test_names(void **state) {
        static const char *const good[] = { "a", "acme-1.2", "feed@host", "a:b_c\\x2d" };
        static const char *const bad[] = { "", ".hidden", "a b", "a/b", "\xc3\xa4", "a\x1b" };
        char name[KFTP_JOB_NAME_MAX + 1];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(good); i++)
                assert_true(kftp_job_name_valid(good[i], strlen(good[i])));
        for (size_t i = 0; i < ELEMENTS(bad); i++)
                assert_false(kftp_job_name_valid(bad[i], strlen(bad[i])));
        memset(name, 'a', sizeof(name));
        assert_true(kftp_job_name_valid(name, KFTP_JOB_NAME_MAX));
        assert_false(kftp_job_name_valid(name, KFTP_JOB_NAME_MAX + 1));
        assert_false(kftp_job_name_valid("a\0b", 3));
}

static void test_timespans(void **state) {
        static const struct {
                const char *text;
                int r;
                uint64_t usec;
        } spans[] = {
                { "0", 0, 0 },
                { "30", 0, 30 * USEC_PER_SEC },
                { "30s", 0, 30 * USEC_PER_SEC },
                { "500ms", 0, 500 * USEC_PER_MSEC },
                { "1h 30m", 0, 5400 * USEC_PER_SEC },
                { "1h30min", 0, 5400 * USEC_PER_SEC },
                { " 2 days 1 hour ", 0, 49 * 3600 * USEC_PER_SEC },
                { "1.5h", 0, 5400 * USEC_PER_SEC },
                { "0.25s", 0, 250 * USEC_PER_MSEC },
                { "1.00000001s", 0, USEC_PER_SEC },
                { "", -EINVAL, 0 },
                { "s", -EINVAL, 0 },
                { "5 fortnights", -EINVAL, 0 },
                { "-5s", -EINVAL, 0 },
                { "1.s", -EINVAL, 0 },
                { "99999999999999999999w", -ERANGE, 0 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(spans); i++) {
                uint64_t usec = 0;
                size_t at;

                assert_int_equal(job_parse_timespan(spans[i].text, &usec, &at), spans[i].r);
                assert_true(usec == spans[i].usec);
        }
}

/* ---- For people at a terminal ------------------------------------------------------------------------ */

static void collect_long(void *userdata, const KftpDiagnosis *d) {
        char **text = userdata, *more;
        _cleanup_free_ char *one = kftp_diagnosis_format_long(d), *before = *text;

        assert_non_null(one);
        assert_true(asprintf(&more, "%s%s\n", strempty(before), one) >= 0);
        *text = more;
}

/* The line, and a caret below what is wrong: in columns of the terminal, whatever the line is made of. */
static void test_carets(void **state) {
        static const struct {
                const char *text;
                size_t n;
                const char *shown;
        } lines[] = {
#define LINE(text, shown) { MINIMAL "[Job]\n" text, strlen(MINIMAL "[Job]\n") + sizeof(text) - 1, shown }
                LINE("Retries=x", ":6:9: error: Retries=\"x\": not a number from 0 to 1000\n  Retries=x\n          ^\n"),
                LINE("\tRetries\t= x\r\n", ":6:12: error: Retries=\"x\": not a number from 0 to 1000\n   Retries = x\n             ^\n"),
                LINE("# \xc3\xa4\xe6\xbc\xa2\x1b[2J\n", ":6:5: error: byte 0x1b is a control byte\n  # \xc3\xa4\xe6\xbc\xa2\\x1b[2J\n       ^\n"),
                LINE("a\0b\n", ":6:2: error: byte 0x00 is a NUL byte\n  a\\x00b\n   ^\n"),
                LINE("\xff\xfe", ":6:1: error: byte 0xff is not valid UTF-8\n  \\xff\\xfe\n  ^\n"),
                LINE("Password=s3cret ftp://u:s3cret@h/\n", ":6:1: error: Password= in [Job]: a password"),
#undef LINE
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(lines); i++) {
                _cleanup_free_ char *said = NULL;
                KftpJob *j;

                (void) kftp_job_parse(JOB_FILE, lines[i].text, lines[i].n, collect_long, &said, &j);
                kftp_job_free(j);
                if (!startswith(strempty(said), JOB_FILE) || !startswith(said + strlen(JOB_FILE), lines[i].shown))
                        fail_msg("%s\ninstead of\n%s", strempty(said), lines[i].shown);
                assert_null(strstr(said, "s3cret"));
        }
}

/* Of a long line what is around the place. */
static void test_caret_in_long_line(void **state) {
        _cleanup_free_ char *text = NULL, *said = NULL;
        const char *shown, *end;
        KftpJob *j;

        (void) state;
        assert_true(asprintf(&text, MINIMAL "[Job]\nOnSuccess=%0200d.service %%x%0300d\n", 0, 0) > 0);
        (void) kftp_job_parse(JOB_FILE, text, strlen(text), collect_long, &said, &j);
        kftp_job_free(j);
        shown = strchr(said, '\n');
        assert_non_null(shown);
        end = strchr(shown + 1, '\n');
        assert_true(end && end - shown < 200);
        assert_int_equal(strchr(end, '^') - end, strstr(shown, "%x") - shown);
}

/* ---- The manual ------------------------------------------------------------------------------------ */

typedef struct Manual {
        KftpJobRemote *remote;          /* the one that its jobs share */
        char *last;                     /* the job that a drop-in is for */
        unsigned jobs, remotes, drop_ins;
} Manual;

static int find_remote(void *userdata, const char *name, const KftpJobRemote **ret) {
        const Manual *m = userdata;

        *ret = streq(name, "acme") ? m->remote : NULL;
        return *ret ? 0 : -ENOENT;
}

static void check_example(Manual *m, const char *text) {
        bool is_remote = startswith(text, "[Remote]"), is_drop_in = !strstr(text, "[Source]");
        const KftpJobFragment fragments[] = {
                { .file = JOB_FILE, .text = is_drop_in ? strempty(m->last) : text, .n = strlen(is_drop_in ? strempty(m->last) : text) },
                { .file = "drop-in", .text = text, .n = strlen(text) },
        };
        JobDiagnoses all = {};
        KftpJob *j = NULL;
        int r;

        if (is_remote)
                r = kftp_remote_parse("acme", fragments + 1, 1, collect_diagnosis, &all, &m->remote);
        else
                r = kftp_job_parse_fragments("acme", fragments, is_drop_in ? 2 : 1, find_remote, m, collect_diagnosis, &all, &j);
        if (r < 0 || all.text)
                fail_msg("%s\n%s", text, strempty(all.text));
        kftp_job_free(j);
        m->remotes += is_remote;
        m->drop_ins += !is_remote && is_drop_in;
        m->jobs += !is_drop_in;
        if (!is_drop_in) {
                free(m->last);
                m->last = strdup(text);
        }
}

/* Every job shown in the manual is one, and every remote, and a drop-in for the job before it. Runs at the top of the tree. */
static void test_manual(void **state) {
        _cleanup_fclose_ FILE *f = fopen("man/kftp.job.5", "re");
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        Manual m = {};

        (void) state;
        assert_non_null(f);
        assert_true(getdelim(&text, &size, '\0', f) > 0);
        for (char *block = text, *end; (block = strstr(block, "\n.Bd -literal")); block = end + 1) {
                char *begin = strchr(block + 1, '\n') + 1;

                end = strstr(begin, "\n.Ed");
                assert_non_null(end);
                *end = '\0';
                if (*begin == '[')
                        check_example(&m, begin);
        }
        assert_true(m.jobs >= 8 && m.remotes == 1 && m.drop_ins == 1);
        kftp_remote_free(m.remote);
        free(m.last);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_minimal),
                cmocka_unit_test(test_everything),
                cmocka_unit_test(test_tls),
                cmocka_unit_test(test_bad_pin),
                cmocka_unit_test(test_empty_value_resets),
                cmocka_unit_test(test_diagnoses),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_garbage),
                cmocka_unit_test(test_flood),
                cmocka_unit_test(test_revision),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_timespans),
                cmocka_unit_test(test_carets),
                cmocka_unit_test(test_caret_in_long_line),
                cmocka_unit_test(test_manual),
        };

        return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
