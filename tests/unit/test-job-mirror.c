/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The job parser's mirrors: what their keys mean, where they belong, and every refusal with its place. */

#include "job-text.h"

#include "mirror-filter.h"
#include "util.h"

#define MIRROR "[Job]\nTransfer=mirror\n"
#define SOURCE "[Source]\nURL=ftp://ftp.example.com/pub/\n"
#define TARGET "[Target]\nPath=/srv/ftp/pub\n"
#define DOWNLOAD MIRROR SOURCE TARGET
#define UPLOAD MIRROR "[Source]\nPath=/srv/out\n[Target]\nURL=ftp://ftp.example.com/in/\n"
#define COPY "[Source]\nURL=ftp://ftp.example.com/pub/file\n" TARGET

static void test_download(void **state) {
        KftpJob *j = parse_good_job(DOWNLOAD);
        const KftpMirrorOptions *o = &j->mirror_options;

        (void) state;
        assert_true(j->mirror);
        assert_false(j->upload || o->upload);
        assert_string_equal(j->remote, "ftp://ftp.example.com/pub/");
        assert_string_equal(j->url.path, "pub/");
        assert_string_equal(j->path, "/srv/ftp/pub");
        assert_int_equal(j->path_line, 6);
        assert_int_equal(j->path_column, 6);
        assert_false(o->delete || o->newer || o->move || o->permissions || o->dry_run);
        assert_int_equal(o->symlinks, KFTP_SYMLINKS_DEFAULT);
        assert_int_equal(o->compare, KFTP_COMPARE_TIME);
        assert_null(o->filter);
        assert_true(o->min_size == 0 && o->max_size == 0 && o->min_age == 0 && o->max_age == 0 && o->max_depth == 0);
        assert_true(o->parallel == 0 && o->segments == 0 && o->shards == 0);
        kftp_job_free(j);

        j = parse_good_job(MIRROR "[Source]\nURL=ftp://ftp.example.com\n" TARGET);      /* all of it */
        assert_string_equal(j->url.path, "");
        kftp_job_free(j);
        j = parse_good_job(MIRROR "[Source]\nURL=ftp://ftp.example.com/pub\n" TARGET);
        assert_string_equal(j->url.path, "pub");
        kftp_job_free(j);

        j = parse_good_job("[Job]\nTransfer=copy\n" COPY);
        assert_false(j->mirror || j->upload);
        kftp_job_free(j);
        j = parse_good_job("[Job]\nTransfer=mirror\nTransfer=\n" COPY);
        assert_false(j->mirror);
        kftp_job_free(j);
}

/* What is about the server goes with its URL. */
static void test_upload(void **state) {
        KftpJob *j = parse_good_job(UPLOAD "User=u\nPasswordFile=/pw\nDataConnection=passive\nTLS=require\nCAFile=/ca\n"
                                    "CertificateFile=/cert\nKeyFile=/key\nPin=\nVerify=size\n");

        (void) state;
        assert_true(j->mirror && j->upload && j->mirror_options.upload);
        assert_string_equal(j->remote, "ftp://ftp.example.com/in/");
        assert_string_equal(j->path, "/srv/out");
        assert_int_equal(j->path_line, 4);
        assert_string_equal(j->user, "u");
        assert_string_equal(j->password_file, "/pw");
        assert_int_equal(j->data_mode, KFTP_DATA_PASSIVE);
        assert_int_equal(j->tls_mode, KFTP_TLS_REQUIRED);
        assert_string_equal(j->ca_file, "/ca");
        assert_string_equal(j->certificate_file, "/cert");
        assert_string_equal(j->key_file, "/key");
        kftp_job_free(j);
}

static void test_everything(void **state) {
        KftpJob *j = parse_good_job(DOWNLOAD "[Job]\nParallel=8\nSegments=4\nShard=2/7\nCompare=hash\n"
                                    "[Source]\nMinSize=1\nMaxSize=1.5G\nMinAge=90\nMaxAge=7d 1h\nMaxDepth=3\nNewer=yes\nMove=1\n"
                                    "[Target]\nDelete=no\nPermissions=true\nSymlinks=follow\n");
        const KftpMirrorOptions *o = &j->mirror_options;

        (void) state;
        assert_int_equal(o->parallel, 8);
        assert_int_equal(o->segments, 4);
        assert_int_equal(o->shard, 2);
        assert_int_equal(o->shards, 7);
        assert_int_equal(o->compare, KFTP_COMPARE_HASH);
        assert_true(o->min_size == 1 && o->max_size == UINT64_C(3) << 29);
        assert_true(o->min_age == 90 && o->max_age == (7 * 24 + 1) * 3600);
        assert_int_equal(o->max_depth, 3);
        assert_true(o->newer && o->move && o->permissions);
        assert_false(o->delete);
        assert_int_equal(o->symlinks, KFTP_SYMLINKS_FOLLOW);
        kftp_job_free(j);

        j = parse_good_job(DOWNLOAD "[Job]\nCompare=size\n[Target]\nDelete=on\nSymlinks=skip\n");
        assert_int_equal(j->mirror_options.compare, KFTP_COMPARE_SIZE);
        assert_true(j->mirror_options.delete);
        assert_int_equal(j->mirror_options.symlinks, KFTP_SYMLINKS_SKIP);
        kftp_job_free(j);
        j = parse_good_job(DOWNLOAD "[Target]\nSymlinks=copy\n");
        assert_int_equal(j->mirror_options.symlinks, KFTP_SYMLINKS_COPY);
        kftp_job_free(j);
}

static void test_empty_value_resets(void **state) {
        KftpJob *j = parse_good_job(DOWNLOAD "[Job]\nParallel=8\nParallel=\nSegments=4\nSegments=\nShard=2/7\nShard=\nCompare=hash\nCompare=\n"
                                    "[Source]\nMatch=a\nMatch=\nExclude=b\nExclude=\nMinSize=1\nMinSize=\nMaxSize=2\nMaxSize=\nMinAge=3\n"
                                    "MinAge=\nMaxAge=4\nMaxAge=\nMaxDepth=3\nMaxDepth=\nNewer=yes\nNewer=\nMove=yes\nMove=\n"
                                    "[Target]\nDelete=yes\nDelete=\nPermissions=yes\nPermissions=\nSymlinks=skip\nSymlinks=\n");
        const KftpMirrorOptions *o = &j->mirror_options;

        (void) state;
        assert_true(o->parallel == 0 && o->segments == 0 && o->shard == 0 && o->shards == 0 && o->max_depth == 0);
        assert_true(o->compare == KFTP_COMPARE_TIME && o->symlinks == KFTP_SYMLINKS_DEFAULT);
        assert_true(o->min_size == 0 && o->max_size == 0 && o->min_age == 0 && o->max_age == 0);
        assert_false(o->newer || o->move || o->delete || o->permissions);
        assert_null(o->filter);
        kftp_job_free(j);
}

static bool takes(const KftpJob *j, const char *path) {
        const MirrorEntry e = { .name = path, .size = 1, .mtime = 1000000000, .type = KFTP_ENTRY_FILE };

        return mirror_filter_takes(&j->mirror_options, path, &e, 2000000000);
}

/* Lists of patterns, in one line or in several; without a value those of the one key are forgotten. */
static void test_patterns(void **state) {
        KftpJob *j = parse_good_job(DOWNLOAD "[Source]\nMatch=*.bin\nExclude=x*\nMatch=\nMatch=*.csv \t *.csv.gz\nMatch=\\\n"
                                    "  *.txt \\\n  n?te\n");

        (void) state;
        assert_ptr_equal(j->mirror_options.filter, j->filter);
        assert_true(takes(j, "a.csv") && takes(j, "sub/a.csv.gz") && takes(j, "a.txt") && takes(j, "n te"));
        assert_false(takes(j, "a.bin") || takes(j, "x.csv") || takes(j, "csv"));
        kftp_job_free(j);
}

#define ABOUT_SERVER(section, other) \
        "= in [" section "]: it is about the server, and belongs into the section with URL=, which is [" other "]\n"
#define NEEDS_MIRROR "= needs Transfer=mirror\n"

static const JobCase cases[] = {
        { "[Job]\nTransfer=sync\n" COPY, ":2:10: error: Transfer=\"sync\": neither \"copy\" nor \"mirror\"\n", false },

        /* Which side is which */
        { MIRROR, ": error: URL= is missing in [Source]: it names the directory on the server, such as ftp://ftp.example.com/pub/\n"
                  ": error: Path= is missing in [Target]: it names the directory to write, such as /srv/ftp/pub/\n", false },
        { MIRROR "[Source]\nPath=/srv/out\n[Target]\nVerify=size\n",
          ":5:2: error: URL= is missing in [Target]: it names the directory on the server, such as ftp://ftp.example.com/pub/\n", false },
        { MIRROR "[Source]\n[Target]\nURL=ftp://h/in/\n",
          ":3:2: error: Path= is missing in [Source]: it names the directory to send, such as /srv/ftp/outgoing/\n", false },
        { DOWNLOAD "[Source]\nPath=/srv/x\n", ":8:1: error: URL= and Path= in [Source]: one of them belongs into [Target]\n", false },
        { DOWNLOAD "URL=ftp://h/in/\n", ":6:1: error: URL= and Path= in [Target]: one of them belongs into [Source]\n", false },
        { MIRROR SOURCE "[Target]\n URL=ftp://h/in/\n", ":6:2: error: URL= in [Source] and in [Target]: one side has to be a Path= here\n", false },
        { MIRROR "[Source]\nPath=/a\n" TARGET, ":6:1: error: Path= in [Source] and in [Target]: one side has to be the URL= of a server\n", false },
        { MIRROR "[Source]\nPath=out\n[Target]\nURL=ftp://h/in/\n", ":4:6: error: Path=\"out\": not an absolute path: begin it with a slash\n", false },
        { MIRROR "[Source]\nPath=\n[Target]\nURL=ftp://h/in/\n", ":4:6: error: Path= is empty\n", false },
        { MIRROR "[Source]\nPath=/out\n[Target]\nURL=\n", ":6:5: error: URL= is empty\n", false },
        { MIRROR "[Source]\nPath=/out\n[Target]\nURL=ftp://u:secret@h/in/\n",
          ":6:13: error: URL= holds a password, which others could read here: take it out; write it into a file of mode 0600 that belongs to "
          "the service's user, and name that with PasswordFile=\n", false },

        /* What is about the server */
        { DOWNLOAD "User=u\nPasswordFile=/pw\nDataConnection=active\n",
          ":7:1: error: User" ABOUT_SERVER("Target", "Source") ":8:1: error: PasswordFile" ABOUT_SERVER("Target", "Source")
          ":9:1: error: DataConnection" ABOUT_SERVER("Target", "Source"), false },
        { UPLOAD "[Source]\nTLS=auto\nCAFile=/c\nCertificateFile=/c\nKeyFile=/k\nPin=\n",
          ":8:1: error: TLS" ABOUT_SERVER("Source", "Target") ":9:1: error: CAFile" ABOUT_SERVER("Source", "Target")
          ":10:1: error: CertificateFile" ABOUT_SERVER("Source", "Target") ":11:1: error: KeyFile" ABOUT_SERVER("Source", "Target")
          ":12:1: error: Pin" ABOUT_SERVER("Source", "Target"), false },
        { COPY "User=u\n", ":5:1: error: User" ABOUT_SERVER("Target", "Source"), false },
        { UPLOAD "Password=x\n", ":7:1: error: Password= in [Target]: a password does not belong here: write it into a file of mode 0600 that "
          "belongs to the service's user, and name that with PasswordFile=\n", false },
        { UPLOAD "PasswordFile=/pw\n", ":7:14: error: PasswordFile= without a user: give User= as well\n", false },
        { UPLOAD "Pin=sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", ":7:5: error: Pin= without TLS: let URL= begin with ftps://, or add TLS=require\n", false },
        { MIRROR "[Source]\nPath=/a\n[Target]\nURL=ftp://a@h/f\nUser=b\n", ":7:6: error: User= and URL= name two different users\n", false },

        /* What only mirrors have */
        { COPY "[Job]\nParallel=2\nSegments=2\nShard=0/2\nCompare=size\n", ":6:1: error: Parallel" NEEDS_MIRROR ":7:1: error: Segments" NEEDS_MIRROR
          ":8:1: error: Shard" NEEDS_MIRROR ":9:1: error: Compare" NEEDS_MIRROR, false },
        { COPY "[Source]\nMaxDepth=1\nNewer=no\nMove=no\n", ":6:1: error: MaxDepth" NEEDS_MIRROR ":7:1: error: Newer" NEEDS_MIRROR
          ":8:1: error: Move= needs Transfer=mirror; here Then=delete does that\n", false },
        { COPY "Delete=yes\nPermissions=no\nSymlinks=skip\n", ":5:1: error: Delete" NEEDS_MIRROR ":6:1: error: Permissions" NEEDS_MIRROR
          ":7:1: error: Symlinks" NEEDS_MIRROR, false },
        /* without it the mirror would be another one, and might delete */
        { DOWNLOAD "Exclude=*.bak\n", ":7:1: error: Exclude= in [Target]: it belongs into [Source]\n", false },
        { DOWNLOAD "[Source]\nDelete=yes\n", ":8:1: error: Delete= in [Source]: it belongs into [Target]\n", false },
        { DOWNLOAD "[Target]\nExclud=*\n", ":8:1: warning: unknown key \"Exclud\" in [Target] is ignored\n", true },
        { DOWNLOAD "[Source]\nExclud=*\n", ":8:1: warning: unknown key \"Exclud\" in [Source] is ignored; did you mean Exclude=?\n", true },

        /* Values */
        { DOWNLOAD "[Job]\nParallel=0\n", ":8:10: error: Parallel=\"0\": not a number from 1 to 64\n", false },
        { DOWNLOAD "[Job]\nParallel=65\n", ":8:10: error: Parallel=\"65\": not a number from 1 to 64\n", false },
        { DOWNLOAD "[Job]\nSegments=many\n", ":8:10: error: Segments=\"many\": not a number from 1 to 64\n", false },
        { DOWNLOAD "[Job]\nCompare=mtime\n", ":8:9: error: Compare=\"mtime\": neither \"time\" nor \"size\" nor \"hash\"; did you mean \"time\"?\n", false },
        { DOWNLOAD "[Source]\nMinSize=10X\n", ":8:9: error: MinSize=\"10X\": not a size, such as \"4096\", \"100K\" or \"1.5G\"\n", false },
        { DOWNLOAD "[Source]\nMaxSize=0\n", ":8:9: error: MaxSize=\"0\": not a size, such as \"4096\", \"100K\" or \"1.5G\"\n", false },
        { DOWNLOAD "[Source]\nMinAge=1 soon\n", ":8:10: error: MinAge=\"1 soon\": not a time span, such as \"90min\", \"36h\" or \"7d\"\n", false },
        { DOWNLOAD "[Source]\nMaxAge=999ms\n", ":8:8: error: MaxAge=\"999ms\": not a time span from 1s on\n", false },
        { DOWNLOAD "[Source]\nMaxDepth=0\n", ":8:10: error: MaxDepth=\"0\": not a number from 1 to 1000\n", false },
        { DOWNLOAD "[Source]\nNewer=perhaps\n", ":8:7: error: Newer=\"perhaps\": neither \"yes\" nor \"no\"\n", false },
        { DOWNLOAD "[Target]\nSymlinks=yes\n", ":8:10: error: Symlinks=\"yes\": neither \"skip\" nor \"follow\" nor \"copy\"\n", false },

        /* What contradicts */
        { DOWNLOAD "[Source]\nMinSize=2K\nMaxSize=1K\n", ":9:9: error: MaxSize= is below MinSize=: no file would be taken\n", false },
        { DOWNLOAD "[Source]\nMaxAge=1h\nMinAge=2h\n", ":8:8: error: MaxAge= is below MinAge=: no file would be taken\n", false },
        { UPLOAD "Symlinks=copy\n", ":7:10: error: Symlinks=copy: FTP cannot make links on a server: write \"skip\", or \"follow\" to send what they point to\n", false },
        { DOWNLOAD "Delete=yes\n[Source]\nMove=yes\n", ":7:8: error: Delete= contradicts Move=: what has been moved is no longer in the source, and would be deleted\n", false },
};

static void test_diagnoses(void **state) {
        (void) state;
        check_job_cases(cases, ELEMENTS(cases));
}

/* What is wrong with a shard or with a pattern is the library's to say; where it stands is ours. */
static void test_bad_shard(void **state) {
        static const char text[] = DOWNLOAD "[Job]\nShard=7/7\n";
        _cleanup_free_ char *said = parse_job(text, strlen(text), -EBADMSG, NULL);

        (void) state;
        assert_true(startswith(said, JOB_FILE ":8:7: error: Shard=\"7/7\": "));
}

static void test_bad_patterns(void **state) {
        static const char text[] = DOWNLOAD "[Source]\nMatch=*.csv a[b\nExclude=x \\\n   [c\n";
        _cleanup_free_ char *said = parse_job(text, strlen(text), -EBADMSG, NULL);
        const char *second = strchr(said, '\n') + 1;

        (void) state;
        assert_true(startswith(said, JOB_FILE ":8:13: error: Match=\"a[b\": "));
        assert_true(startswith(second, JOB_FILE ":10:4: error: Exclude=\"[c\": "));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_download),
                cmocka_unit_test(test_upload),
                cmocka_unit_test(test_everything),
                cmocka_unit_test(test_empty_value_resets),
                cmocka_unit_test(test_patterns),
                cmocka_unit_test(test_diagnoses),
                cmocka_unit_test(test_bad_shard),
                cmocka_unit_test(test_bad_patterns),
        };

        return cmocka_run_group_tests_name("job-mirror", tests, NULL, NULL);
}
