/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The job parser's copies of files and of sets of them, in both directions: what their keys mean, and what does not go together. */

#include "job-text.h"

#include "mirror-filter.h"
#include "util.h"

#define SOURCE "[Source]\nURL=ftp://ftp.example.com/pub/file\n"
#define SET "[Source]\nURL=ftp://ftp.example.com/pub/\n"
#define TARGET "[Target]\nPath=/srv/ftp/\n"
#define UPLOAD "[Source]\nPath=/srv/out/file\n[Target]\nURL=ftp://ftp.example.com/in/\n"
#define UPLOAD_SET "[Source]\nPath=/srv/out/\n[Target]\nURL=ftp://ftp.example.com/in\n"
#define MIRROR "[Job]\nTransfer=mirror\n" SET TARGET

static void test_one_file(void **state) {
        KftpJob *j = parse_good_job(SOURCE TARGET);

        (void) state;
        assert_false(j->set || j->upload || j->mirror || j->watch || j->if_empty_fail || j->dated);
        assert_true(!j->marker && j->stable_usec == 0 && j->verify == 0 && j->expect == 0);
        assert_int_equal(j->if_exists, KFTP_IF_EXISTS_RESUME);
        assert_true(j->file_mode == KFTP_MODE_UNKNOWN && j->deadline == KFTP_DEADLINE_NONE);
        assert_true(j->then.action == KFTP_THEN_KEEP && j->then_on_failure.action == KFTP_THEN_KEEP);
        assert_true(j->poll_usec == KFTP_JOB_POLL_USEC_DEFAULT);
        kftp_job_free(j);

        j = parse_good_job(UPLOAD);
        assert_true(j->upload && !j->set);
        assert_string_equal(j->path, "/srv/out/file");
        assert_string_equal(j->url.path, "in/");
        assert_string_equal(j->url.base, "");
        kftp_job_free(j);
        j = parse_good_job("[Source]\nPath=/srv/out/file\n[Target]\nURL=ftp://ftp.example.com/in/other\n");
        assert_string_equal(j->url.base, "other");
        kftp_job_free(j);
        j = parse_good_job("[Source]\nPath=/srv/out/file\n[Target]\nURL=ftp://ftp.example.com\n");     /* by its name */
        assert_string_equal(j->url.path, "");
        kftp_job_free(j);
}

/* A directory, or something to choose from it: then the URL's path is one of a directory. */
static void test_sets(void **state) {
        static const char *const sets[] = {
                SET TARGET, "[Source]\nURL=ftp://ftp.example.com/pub\nMatch=*.csv\n" TARGET,
                "[Source]\nURL=ftp://ftp.example.com/pub\nExclude=*.tmp\n" TARGET,
                "[Source]\nPath=/srv/out/\n[Target]\nURL=ftp://ftp.example.com/pub\n",
                "[Source]\nPath=/srv/out\nMatch=*.csv\n[Target]\nURL=ftp://ftp.example.com/pub/\n",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(sets); i++) {
                KftpJob *j = parse_good_job(sets[i]);

                assert_true(j->set);
                assert_int_equal(j->mirror_options.max_depth, 1);
                assert_string_equal(j->url.path, "pub/");
                assert_string_equal(j->url.base, "");
                kftp_job_free(j);
        }
}

static void test_everything(void **state) {
        KftpJob *j = parse_good_job(SET "Match=*.csv\nExclude=a*\nMinSize=1\nMaxSize=2K\nMinAge=1min\nMaxAge=1d\nMarker=%f.done\n"
                                    "StableSec=30\nThen=move done/\nThenOnFailure=delete\nMaxConnections=3\nCredential=acme\nUser=u\n"
                                    TARGET "IfExists=skip\nFileMode=0640\nVerify=hash size\nVerify=mtime\n"
                                    "[Job]\nIfEmpty=fail\nExpect=5\nWatch=yes\nPollSec=10\nTimeoutSec=5\nLimitRate=1.5K\nDeadline=06:30\n");
        const MirrorEntry e = { .name = "b.csv", .size = 1, .mtime = 1000000000, .type = KFTP_ENTRY_FILE };

        (void) state;
        assert_true(j->mirror_options.min_size == 1 && j->mirror_options.max_size == 2048);
        assert_true(j->mirror_options.min_age == 60 && j->mirror_options.max_age == 86400);
        assert_true(mirror_filter_takes(&j->mirror_options, "b.csv", &e, 1000000100));
        assert_false(mirror_filter_takes(&j->mirror_options, "b.csv", &e, 1000000010));
        assert_false(mirror_filter_takes(&j->mirror_options, "a.csv", &e, 1000000100));
        assert_string_equal(j->marker, "%f.done");
        assert_true(j->stable_usec == 30 * USEC_PER_SEC);
        assert_int_equal(j->then.action, KFTP_THEN_MOVE);
        assert_string_equal(j->then.directory, "done");
        assert_int_equal(j->then_on_failure.action, KFTP_THEN_DELETE);
        assert_int_equal(j->max_connections, 3);
        assert_string_equal(j->credential, "acme");
        assert_int_equal(j->if_exists, KFTP_IF_EXISTS_SKIP);
        assert_int_equal(j->file_mode, 0640);
        assert_int_equal(j->verify, KFTP_VERIFY_SIZE | KFTP_VERIFY_MTIME | KFTP_VERIFY_HASH);
        assert_true(j->if_empty_fail && j->watch);
        assert_int_equal(j->expect, 5);
        assert_true(j->poll_usec == 10 * USEC_PER_SEC && j->timeout_usec == 5 * USEC_PER_SEC && j->limit_rate == 1536);
        assert_int_equal(j->deadline, 6 * 3600 + 30 * 60);
        kftp_job_free(j);

        j = parse_good_job(UPLOAD "IfExists=overwrite\nNetrcFile=/etc/netrc\n[Source]\nThen=move /srv/out of/it//\nMarker=complete\n");
        assert_int_equal(j->if_exists, KFTP_IF_EXISTS_OVERWRITE);
        assert_string_equal(j->netrc_file, "/etc/netrc");
        assert_string_equal(j->then.directory, "/srv/out of/it");
        kftp_job_free(j);
        j = parse_good_job(SET "Then=delete\nThenOnFailure=keep\n" TARGET);
        assert_int_equal(j->then.action, KFTP_THEN_DELETE);
        kftp_job_free(j);
}

static void test_empty_value_resets(void **state) {
        KftpJob *j = parse_good_job(SET "Marker=x\nMarker=\nStableSec=1\nStableSec=\nThen=move x\nThen=\nThenOnFailure=delete\nThenOnFailure=\n"
                                    "MaxConnections=1\nMaxConnections=\nCredential=x\nCredential=\nNetrcFile=/x\nNetrcFile=\n"
                                    TARGET "IfExists=skip\nIfExists=\nFileMode=600\nFileMode=\nVerify=hash\nVerify=\n"
                                    "[Job]\nIfEmpty=fail\nIfEmpty=\nExpect=5\nExpect=\nWatch=yes\nWatch=\nPollSec=10\nPollSec=\n"
                                    "TimeoutSec=5\nTimeoutSec=\nLimitRate=1\nLimitRate=\nDeadline=06:30\nDeadline=\n");

        (void) state;
        assert_true(!j->marker && j->stable_usec == 0 && j->then.action == KFTP_THEN_KEEP && !j->then.directory);
        assert_true(j->then_on_failure.action == KFTP_THEN_KEEP && j->max_connections == 0 && !j->credential && !j->netrc_file);
        assert_true(j->if_exists == KFTP_IF_EXISTS_RESUME && j->file_mode == KFTP_MODE_UNKNOWN && j->verify == 0);
        assert_true(!j->if_empty_fail && j->expect == 0 && !j->watch && j->poll_usec == KFTP_JOB_POLL_USEC_DEFAULT);
        assert_true(j->timeout_usec == 0 && j->limit_rate == 0 && j->deadline == KFTP_DEADLINE_NONE);
        kftp_job_free(j);
}

#define NEEDS_COPY "= needs Transfer=copy\n"
#define NEEDS_SET "= needs a set of files: let URL= end in a slash, or give Match=\n"
#define REFUSED " is refused, as this job deletes or moves files"

static const JobCase cases[] = {
        /* Which job has which key */
        { MIRROR "[Source]\nMarker=x\nStableSec=1\nThenOnFailure=keep\n[Target]\nIfExists=skip\nFileMode=0644\n[Job]\nWatch=no\nPollSec=1\n",
          ":15:1: error: Watch" NEEDS_COPY ":16:1: error: PollSec" NEEDS_COPY ":8:1: error: Marker" NEEDS_COPY ":9:1: error: StableSec" NEEDS_COPY
          ":10:1: error: ThenOnFailure" NEEDS_COPY ":12:1: error: IfExists" NEEDS_COPY ":13:1: error: FileMode" NEEDS_COPY, false },
        { MIRROR "[Source]\nThen=delete\n", ":8:1: error: Then= needs Transfer=copy; here Move=yes removes what was transferred\n", false },
        { SOURCE "MinSize=1\nMaxAge=1d\n" TARGET, ":3:1: error: MinSize" NEEDS_SET ":4:1: error: MaxAge" NEEDS_SET, false },
        { UPLOAD "[Source]\nMinAge=1\n", ":6:1: error: MinAge= needs a set of files: let Path= end in a slash, or give Match=\n", false },
        { SOURCE TARGET "[Job]\nExpect=2\n",
          ":6:8: error: Expect=2, but this job transfers one file: let URL= end in a slash, or give Match=\n", false },
        { UPLOAD "[Source]\nMaxConnections=1\n",
          ":6:1: error: MaxConnections= in [Source]: it is about the server, and belongs into the section with URL=, which is [Target]\n", false },
        { "[Source]\nPath=/srv/out/f\n",
          ": error: URL= is missing in [Target]: it names the file or directory on the server, such as ftp://ftp.example.com/incoming/\n", false },
        { "[Target]\nURL=ftp://h/in/\n", ": error: Path= is missing in [Source]: it names the file to send, such as /srv/ftp/outgoing/file\n", false },

        /* Values */
        { SET "Marker=a/b\n" TARGET, ":3:8: error: Marker=\"a/b\": a marker is the name of a file beside the ones to transfer: it has no slash\n", false },
        { SET "Marker=%f\n" TARGET, ":3:8: error: Marker=\"%f\": not the name of another file, such as \"%f.done\" or \"complete\"\n", false },
        { SET "Marker=%f.%f\n" TARGET, ":3:8: error: Marker=\"%f.%f\": \"%f\" stands in it more than once\n", false },
        { SOURCE "Marker=file\n" TARGET, ":3:8: error: Marker= names the file itself\n", false },
        { SET "StableSec=2d\n" TARGET, ":3:11: error: StableSec=\"2d\": not from 0 to 1d\n", false },
        { SET "Then=mov x\n" TARGET, ":3:6: error: Then=\"mov x\": neither \"keep\" nor \"delete\" nor \"move DIRECTORY\"; did you mean \"move\"?\n", false },
        { SET "Then=move\n" TARGET, ":3:6: error: Then=\"move\": the directory is missing that is moved to, as in \"move done\"\n", false },
        { SET "Then=delete all\n" TARGET, ":3:13: error: Then=\"delete all\": nothing goes behind \"delete\"\n", false },
        { SET "ThenOnFailure=move a/../b\n" TARGET,
          ":3:20: error: ThenOnFailure=\"move a/../b\": a path with \"..\" is not taken: write the directory that is meant\n", false },
        { UPLOAD "[Source]\nThen=move done\n", ":6:6: error: Then=move: the source is here, so the directory has to be an absolute path\n", false },
        { UPLOAD_SET "[Source]\nThen=move /srv/out\n", ":6:6: error: Then=move: this is the directory that the files are taken from\n", false },
        { SET "ThenOnFailure=move pub/\n" TARGET, ":3:15: error: ThenOnFailure=move: this is the directory that the files are taken from\n", false },
        { SET TARGET "IfExists=resum\n",
          ":5:10: error: IfExists=\"resum\": neither \"resume\" nor \"skip\" nor \"overwrite\"; did you mean \"resume\"?\n", false },
        { SET TARGET "Verify=size,hash\n", ":5:8: error: Verify=\"size,hash\": what is verified is \"size\", \"mtime\" or \"hash\", with blanks between\n", false },
        { SET TARGET "Verify=size has\n",
          ":5:13: error: Verify=\"size has\": what is verified is \"size\", \"mtime\" or \"hash\", with blanks between; did you mean \"hash\"?\n", false },
        { SET TARGET "FileMode=4755\n", ":5:10: error: FileMode=\"4755\": not permissions from 000 to 0777, such as \"0640\"\n", false },
        { SET TARGET "FileMode=rw\n", ":5:10: error: FileMode=\"rw\": not permissions from 000 to 0777, such as \"0640\"\n", false },
        { SET TARGET "FileMode=0680\n", ":5:10: error: FileMode=\"0680\": not permissions from 000 to 0777, such as \"0640\"\n", false },
        { SET TARGET "[Job]\nIfEmpty=fial\n", ":6:9: error: IfEmpty=\"fial\": neither \"ok\" nor \"fail\"; did you mean \"fail\"?\n", false },
        { SET TARGET "[Job]\nExpect=0\n", ":6:8: error: Expect=\"0\": not a number from 1 to 1000000\n", false },
        { SET TARGET "[Job]\nLimitRate=fast\n", ":6:11: error: LimitRate=\"fast\": not a number of bytes per second, such as \"500K\" or \"1.5M\"\n", false },
        { SET TARGET "[Job]\nTimeoutSec=0\n", ":6:12: error: TimeoutSec=\"0\": not from 1ms to 1d\n", false },
        { SET "MaxConnections=0\n" TARGET, ":3:16: error: MaxConnections=\"0\": not a number from 1 to 1000\n", false },
        { SET "User=u\nPasswordFile=/pw\nCredential=c\n" TARGET,
          ":5:12: error: Credential= and PasswordFile=: the password comes from one of them only\n", false },
        { SET "Credential=c\n" TARGET, ":3:12: error: Credential= without a user: give User= as well\n", false },
        { SET "Credential=../c\n" TARGET, ":3:12: error: Credential=\"../c\": not the name of a credential: it has letters, digits and \"-_.\" only\n", false },

        /* A job that deletes or moves has to be understood as a whole */
        { SET "Mach=*.csv\nThen=delete\n" TARGET, ":3:1: error: unknown key \"Mach\" in [Source]" REFUSED "; did you mean Match=?\n", false },
        { SET "ThenOnFailure=move x\n" TARGET "[Sorce]\n", ":6:1: error: unknown section \"Sorce\"" REFUSED "; did you mean [Source]?\n", false },
        { MIRROR "Delete=yes\nColour=x\n", ":8:1: error: unknown key \"Colour\" in [Target]" REFUSED "\n", false },
        { MIRROR "[Source]\nMove=yes\nColour=x\nX-Ours=y\n", ":9:1: error: unknown key \"Colour\" in [Source]" REFUSED "\n", false },
        { SET "Mach=*.csv\nThen=keep\n" TARGET, ":3:1: warning: unknown key \"Mach\" in [Source] is ignored; did you mean Match=?\n", true },
};

static void test_diagnoses(void **state) {
        (void) state;
        check_job_cases(cases, ELEMENTS(cases));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_file),
                cmocka_unit_test(test_sets),
                cmocka_unit_test(test_everything),
                cmocka_unit_test(test_empty_value_resets),
                cmocka_unit_test(test_diagnoses),
        };

        return cmocka_run_group_tests_name("job-copy", tests, NULL, NULL);
}
