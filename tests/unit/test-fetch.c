/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that were listed, fetched into a directory that is open. The server is fake-server.c's. */

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "fetch.h"
#include "partial.h"
#include "tree.h"
#include "uploading.h"
#include "util.h"

#define CONTENT "0123456789"
#define LISTED 1000000000
#define ASKED 1100000000

static KftpFetch fetch;

/* ---- Doubles --------------------------------------------------------------------------------- */

static int time_error, rename_error, link_error;        /* what these fail with */
static unsigned directories_synced;
static int64_t synced_time;                             /* that the file had when it was synced */

static int refuse(int error) {
        errno = error;
        return -1;
}

int fsync(int fd) {
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        if (S_ISDIR(st.st_mode))
                directories_synced++;
        else
                synced_time = st.st_mtim.tv_sec;
        return 0;
}

int futimens(int fd, const struct timespec times[2]) {
        return time_error > 0 ? refuse(time_error) : utimensat(fd, "", times, AT_EMPTY_PATH);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
        int (*function)(int, const char *, int, const char *, unsigned) = NULL;

        *(void **) &function = dlsym(RTLD_NEXT, "renameat2");
        return flags != 0 && rename_error > 0 ? refuse(rename_error) : function(from_fd, from, to_fd, to, flags);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
        int (*function)(int, const char *, int, const char *, int) = NULL;

        *(void **) &function = dlsym(RTLD_NEXT, "linkat");
        return link_error > 0 ? refuse(link_error) : function(from_fd, from, to_fd, to, flags);
}

/* ---- One fetch ------------------------------------------------------------------------------- */

static int set_up(void **state) {
        if (uploading_set_up(state) < 0 || mkdir("d", 0755) < 0)
                return -1;
        fetch = (KftpFetch) {
                .directory_fd = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                .directory = "/the/directory",
                .name = "x",
                .size = strlen(CONTENT),
                .mtime = LISTED,
                .exact = true,
                .set_mtime = true,
                .mode = KFTP_MODE_UNKNOWN,
        };
        fake_server_add("x", CONTENT);
        fake_server.files[0].mtime = ASKED;
        time_error = rename_error = link_error = 0;
        directories_synced = 0;
        return 0;
}

static int tear_down(void **state) {
        close(fetch.directory_fd);
        return uploading_tear_down(state);
}

static enum kftp_class fetch_it(void) {
        KftpUrl url = URL("ftp://h/x");
        KftpClient *c;
        int r;

        kftp_result_done(&result);
        free(fake_server.log);
        fake_server.log = strdup("");
        assert_int_equal(kftp_client_new(&c, &options), 0);
        r = kftp_client_fetch(c, &url, &fetch, &result);
        assert_int_equal(r < 0, result.failure.class != KFTP_CLASS_OK);
        kftp_client_free(c);
        kftp_url_done(&url);
        if (r < 0)
                print_message("    %s\n", result.failure.text);
        return result.failure.class;
}

static void expect_file(const char *path, const char *text, int64_t mtime) {
        char buffer[64] = "";
        int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        assert_true(fd >= 0);
        assert_true(read(fd, buffer, sizeof(buffer) - 1) >= 0);
        assert_string_equal(buffer, text);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_nlink, 1);
        if (mtime != KFTP_MTIME_UNKNOWN)
                assert_int_equal(st.st_mtim.tv_sec, mtime);
        close(fd);
}

static mode_t mode_of(const char *path) {
        struct stat st;

        assert_int_equal(lstat(path, &st), 0);
        return st.st_mode;
}

/* ---- Delivered ------------------------------------------------------------------------------- */

static void test_delivered(void **state) {
        (void) state;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        expect_file("d/x", CONTENT, LISTED);
        assert_string_equal(result.local, "/the/directory/x");
        assert_int_equal(result.bytes, strlen(CONTENT));
        assert_int_equal(result.mtime, LISTED);
        assert_int_equal(count_entries("d"), 1);
        assert_int_equal(directories_synced, 0);
        /* with its time already: after a power cut it is not another file than it was */
        assert_int_equal(synced_time, LISTED);
        assert_true(fcntl(fetch.directory_fd, F_GETFD) >= 0);
}

static void test_permissions(void **state) {
        mode_t mask = umask(027);

        (void) state;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_int_equal(mode_of("d/x") & 07777, 0640);
        fetch.mode = 07755;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_int_equal(mode_of("d/x") & 07777, 0755);
        fetch.mode = 0;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_int_equal(mode_of("d/x") & 07777, 0);
        umask(mask);
}

static void test_time(void **state) {
        (void) state;
        fetch.exact = false;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        expect_file("d/x", CONTENT, ASKED);
        assert_int_equal(result.mtime, ASKED);
        fake_server.no_mdtm = true;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        expect_file("d/x", CONTENT, LISTED);
        fetch.mtime = KFTP_MTIME_UNKNOWN;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        expect_file("d/x", CONTENT, KFTP_MTIME_UNKNOWN);
        assert_true(synced_time > ASKED);
        fake_server.no_mdtm = false;
        fetch.set_mtime = false;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_true(synced_time > ASKED);
}

/* A file without its time is better than none. */
static void test_time_refused(void **state) {
        (void) state;
        time_error = EPERM;
        fetch.mode = 0604;
        assert_int_equal(fetch_it(), KFTP_CLASS_LOCAL);
        expect_text("/the/directory/x is complete, but its time could not be set: Operation not permitted");
        assert_true(result.complete);
        assert_int_equal(result.bytes, strlen(CONTENT));
        expect_file("d/x", CONTENT, KFTP_MTIME_UNKNOWN);
        assert_int_equal(mode_of("d/x") & 07777, 0604);
        assert_int_equal(count_entries("d"), 1);
}

/* Where the remote file is removed next, the name has to survive a power cut, too. */
static void test_durable(void **state) {
        (void) state;
        fetch.durable = true;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_int_equal(directories_synced, 1);
        expect_file("d/x", CONTENT, LISTED);
}

/* ---- What is asked --------------------------------------------------------------------------- */

static void test_not_asked(void **state) {
        (void) state;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_string_equal(fake_server.log, "RETR x\n");
        fetch.size = 0;
        fake_server_add("x", "");
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_string_equal(fake_server.log, "RETR x\n");
        expect_file("d/x", "", LISTED);
}

static void expect_asked(void) {
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_string_equal(fake_server.log, "FACTS x\nRETR x\n");
        expect_file("d/x", CONTENT, ASKED);
}

static void test_asked(void **state) {
        (void) state;
        fetch.exact = false;
        expect_asked();
        fetch.exact = true;
        fetch.mtime = KFTP_MTIME_UNKNOWN;
        expect_asked();
        fetch.mtime = LISTED;
        fetch.size = KFTP_SIZE_UNKNOWN;
        expect_asked();
        /* one for which two round trips are nothing */
        fetch.size = (UINT64_C(16) << 20) + 1;
        expect_asked();
        fetch.size = strlen(CONTENT);
        options.verify = KFTP_VERIFY_SIZE;
        expect_asked();
}

/* It has become another file since it was listed: over the same connection, in the same attempt. */
static void test_changed_since(void **state) {
        static const char *const texts[] = { "", "shorter", "12345678901", "much longer than it was listed" };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                fake_server_add("x", texts[i]);
                fake_server.connections = 0;
                assert_int_equal(fetch_it(), KFTP_CLASS_OK);
                assert_string_equal(fake_server.log, "RETR x\nFACTS x\nRETR x\n");
                assert_int_equal(fake_server.connections, 1);
                assert_int_equal(result.attempts, 1);
                assert_int_equal(result.bytes, strlen(texts[i]));
                assert_int_equal(result.mtime, ASKED);
                expect_file("d/x", texts[i], ASKED);
        }
        /* what was listed is not the time of another file, as far as anybody knows */
        fake_server.no_mdtm = true;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_int_equal(result.mtime, KFTP_MTIME_UNKNOWN);
}

static void note_first(void *userdata, const KftpProgress *p) {
        uint64_t *first = userdata;

        if (*first == 0)
                *first = p->bytes;
}

/* More than was listed is not taken without end. */
static void test_grown(void **state) {
        size_t size = 3 << 20;
        _cleanup_free_ char *text = malloc(size + 1);
        uint64_t first = 0;
        struct stat st;

        (void) state;
        memset(text, 'x', size);
        text[size] = '\0';
        fake_server_add("x", text);
        options.callbacks = (KftpCallbacks) { .progress = note_first, .userdata = &first };
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_int_equal(first, strlen(CONTENT) + (1 << 20));
        assert_int_equal(fake_server_asked("RETR"), 2);
        assert_int_equal(stat("d/x", &st), 0);
        assert_int_equal(st.st_size, size);
        /* where the size cannot be asked either */
        fake_server_add("x", CONTENT CONTENT CONTENT);
        fake_server.no_size = true;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        expect_file("d/x", CONTENT CONTENT CONTENT, ASKED);
        assert_int_equal(fake_server_asked("RETR"), 2);
}

/* The module has no size to compare with; but the listing had. */
static void test_bad_end(void **state) {
        (void) state;
        fake_server.ends_badly = true;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_string_equal(fake_server.log, "RETR x\n");
        expect_file("d/x", CONTENT, LISTED);
        fake_server_add("x", "another");
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_string_equal(fake_server.log, "RETR x\nFACTS x\nRETR x\n");
        fake_server_add("x", "another");
        fake_server.no_size = true;
        options.retries = 0;
        assert_int_equal(fetch_it(), KFTP_CLASS_INTEGRITY);
        assert_int_equal(count_entries("d"), 1);
}

static void test_not_there(void **state) {
        (void) state;
        free(fake_server.files[0].path);
        fake_server.files[0].path = strdup("y");
        assert_int_equal(fetch_it(), KFTP_CLASS_REMOTE);
        assert_false(result.complete);
        assert_int_equal(count_entries("d"), 0);
}

/* ---- Going on -------------------------------------------------------------------------------- */

static void break_off(void) {
        options.retries = 0;
        fake_server.cuts = 1;
        fake_server.cut_after = 4;
        assert_int_equal(fetch_it(), KFTP_CLASS_NETWORK);
        assert_int_equal(result.bytes, 4);
}

static void test_resumed(void **state) {
        (void) state;
        fake_server.files[0].mtime = LISTED;
        break_off();
        options.resume = true;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_int_equal(result.resumed_from, 4);
        assert_string_equal(fake_server.log, "FACTS x\nRETR x\nMDTM x\n");
        expect_file("d/x", CONTENT, LISTED);
        assert_int_equal(count_entries("d"), 1);
}

static void test_not_resumed(void **state) {
        (void) state;
        /* without leave */
        break_off();
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_int_equal(result.resumed_from, 0);
        assert_string_equal(fake_server.log, "RETR x\n");
        assert_int_equal(count_entries("d"), 1);
        /* another file by MDTM: that is from where it was listed on */
        break_off();
        options.resume = true;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_int_equal(result.resumed_from, 0);
        assert_string_equal(fake_server.log, "FACTS x\nRETR x\n");
        expect_file("d/x", CONTENT, LISTED);
        assert_int_equal(count_entries("d"), 1);
}

static void test_retried(void **state) {
        (void) state;
        fake_server.files[0].mtime = LISTED;
        options.retries = 1;
        fake_server.cuts = 1;
        fake_server.cut_after = 4;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_int_equal(result.attempts, 2);
        assert_string_equal(fake_server.log, "RETR x\nFACTS x\nRETR x\nMDTM x\n");
        expect_file("d/x", CONTENT, LISTED);
}

/* ---- The final name -------------------------------------------------------------------------- */

static void test_replaced(void **state) {
        (void) state;
        test_write_file("d/x", "the old one");
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        expect_file("d/x", CONTENT, LISTED);
        /* the link itself, whatever it leads to */
        test_write_file("victim", "victim");
        for (unsigned i = 0; i < 3; i++) {
                static const char *const targets[] = { "../victim", "/", "absent" };

                assert_int_equal(unlink("d/x"), 0);
                assert_int_equal(symlink(targets[i], "d/x"), 0);
                assert_int_equal(fetch_it(), KFTP_CLASS_OK);
                expect_file("d/x", CONTENT, LISTED);
        }
        expect_file("victim", "victim", KFTP_MTIME_UNKNOWN);
        assert_int_equal(count_entries("d"), 1);
}

static void test_never_replaced(void **state) {
        (void) state;
        assert_int_equal(mkdir("d/x", 0700), 0);
        assert_int_equal(fetch_it(), KFTP_CLASS_LOCAL);
        assert_int_equal(result.failure.error, -EISDIR);
        assert_int_equal(rmdir("d/x"), 0);
        assert_int_equal(mkfifo("d/x", 0600), 0);
        assert_int_equal(fetch_it(), KFTP_CLASS_LOCAL);
        expect_text("/the/directory/x exists and is not a regular file");
        assert_int_equal(fake_server.connections, 0);
        assert_true(S_ISFIFO(mode_of("d/x")));
        assert_int_equal(count_entries("d"), 1);
}

static int put_directory_there(void *userdata, const KftpIntent *intent) {
        (void) userdata;
        (void) intent;
        return mkdir("d/x", 0700) < 0 ? -errno : 0;
}

static int put_file_there(void *userdata, const KftpIntent *intent) {
        *(KftpIntent *) userdata = *intent;
        assert_string_equal(intent->temporary, "/the/directory/.x.kftp-part");
        assert_string_equal(intent->final, "/the/directory/x");
        test_write_file("d/x", "another's");
        return 0;
}

static void test_directory_comes_between(void **state) {
        (void) state;
        options.callbacks.intent = put_directory_there;
        assert_int_equal(fetch_it(), KFTP_CLASS_LOCAL);
        assert_int_equal(result.failure.error, -EISDIR);
        assert_false(result.complete);
        assert_true(S_ISDIR(mode_of("d/x")));
        /* it is complete, and a later call has nothing to fetch */
        expect_file("d/.x.kftp-part", CONTENT, LISTED);
        assert_int_equal(result.bytes, strlen(CONTENT));
}

static void test_must_be_new(void **state) {
        KftpIntent intent;

        (void) state;
        fetch.must_be_new = true;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        expect_file("d/x", CONTENT, LISTED);
        test_write_file("d/x", "older");
        assert_int_equal(fetch_it(), KFTP_CLASS_LOCAL);
        assert_int_equal(result.failure.error, -EEXIST);
        assert_string_equal(fake_server.log, "");
        assert_int_equal(unlink("d/x"), 0);
        assert_int_equal(symlink("absent", "d/x"), 0);
        assert_int_equal(fetch_it(), KFTP_CLASS_LOCAL);
        assert_int_equal(result.failure.error, -EEXIST);
        assert_int_equal(unlink("d/x"), 0);
        options.callbacks.intent = put_file_there;
        options.callbacks.userdata = &intent;
        assert_int_equal(fetch_it(), KFTP_CLASS_LOCAL);
        assert_int_equal(result.failure.error, -EEXIST);
        expect_file("d/x", "another's", KFTP_MTIME_UNKNOWN);
        assert_int_equal(intent.size, strlen(CONTENT));
        assert_int_equal(intent.mtime, LISTED);
        /* without must_be_new it would have been replaced */
        fetch.must_be_new = false;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        expect_file("d/x", CONTENT, LISTED);
}

/* Neither NFS nor vfat can do all of it. */
static void test_must_be_new_on_other_file_systems(void **state) {
        KftpIntent intent;

        (void) state;
        fetch.must_be_new = true;
        rename_error = EINVAL;
        for (unsigned i = 0; i < 2; i++) {
                link_error = i > 0 ? EPERM : 0;
                options.callbacks = (KftpCallbacks) {};
                assert_int_equal(fetch_it(), KFTP_CLASS_OK);
                expect_file("d/x", CONTENT, LISTED);
                assert_int_equal(count_entries("d"), 1);
                assert_int_equal(unlink("d/x"), 0);
                options.callbacks = (KftpCallbacks) { .intent = put_file_there, .userdata = &intent };
                assert_int_equal(fetch_it(), KFTP_CLASS_LOCAL);
                assert_int_equal(result.failure.error, -EEXIST);
                expect_file("d/x", "another's", KFTP_MTIME_UNKNOWN);
                assert_int_equal(unlink("d/x"), 0);
        }
}

static void test_busy(void **state) {
        int fd;

        (void) state;
        test_write_file("d/.x.kftp-part", "another transfer's");
        fd = open("d/.x.kftp-part", O_RDONLY | O_CLOEXEC);
        assert_int_equal(flock(fd, LOCK_EX), 0);
        assert_int_equal(fetch_it(), KFTP_CLASS_BUSY);
        expect_file("d/.x.kftp-part", "another transfer's", KFTP_MTIME_UNKNOWN);
        close(fd);
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        expect_file("d/x", CONTENT, LISTED);
}

/* It is the directory that was opened, wherever it is now. */
static void test_directory_replaced(void **state) {
        (void) state;
        assert_int_equal(rename("d", "moved"), 0);
        assert_int_equal(mkdir("outside", 0700), 0);
        assert_int_equal(symlink("outside", "d"), 0);
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        expect_file("moved/x", CONTENT, LISTED);
        assert_int_equal(count_entries("outside"), 0);
}

static void test_long_name(void **state) {
        char name[NAME_MAX + 2];

        (void) state;
        memset(name, 'n', NAME_MAX);
        name[NAME_MAX] = '\0';
        fetch.name = name;
        assert_int_equal(fetch_it(), KFTP_CLASS_OK);
        assert_int_equal(count_entries("d"), 1);
        strcat(name, "n");
        assert_int_equal(fetch_it(), KFTP_CLASS_LOCAL);
        assert_int_equal(result.failure.error, -ENAMETOOLONG);
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
        static const struct CMUnitTest tests[] = {
                WITH_DIRECTORY(test_delivered),
                WITH_DIRECTORY(test_permissions),
                WITH_DIRECTORY(test_time),
                WITH_DIRECTORY(test_time_refused),
                WITH_DIRECTORY(test_durable),
                WITH_DIRECTORY(test_not_asked),
                WITH_DIRECTORY(test_asked),
                WITH_DIRECTORY(test_changed_since),
                WITH_DIRECTORY(test_grown),
                WITH_DIRECTORY(test_bad_end),
                WITH_DIRECTORY(test_not_there),
                WITH_DIRECTORY(test_resumed),
                WITH_DIRECTORY(test_not_resumed),
                WITH_DIRECTORY(test_retried),
                WITH_DIRECTORY(test_replaced),
                WITH_DIRECTORY(test_never_replaced),
                WITH_DIRECTORY(test_directory_comes_between),
                WITH_DIRECTORY(test_must_be_new),
                WITH_DIRECTORY(test_must_be_new_on_other_file_systems),
                WITH_DIRECTORY(test_busy),
                WITH_DIRECTORY(test_directory_replaced),
                WITH_DIRECTORY(test_long_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
