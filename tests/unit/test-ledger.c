/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger: entries survive being written and read, damage is noticed, what is left by a crash is cleared. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "kftpd/ledger-json.h"
#include "kftpd/ledger.h"
#include "util.h"

#define REVISION "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define REMOTE "ftp://ftp.example.com/f%E9"

typedef struct State {
        char directory[32];
        Ledger *ledger;
} State;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

static int setup(void **state) {
        State *s = calloc(1, sizeof(*s));

        strcpy(s->directory, "/tmp/test-ledger-XXXXXX");
        *state = s;
        return mkdtemp(s->directory) ? ledger_open(s->directory, &s->ledger) : -1;
}

static int teardown(void **state) {
        State *s = *state;

        ledger_free(s->ledger);
        (void) nftw(s->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(s);
        return 0;
}

static LedgerEntry *full_entry(void) {
        LedgerEntry *e = ledger_entry_new("acme", REVISION, REMOTE);

        assert_non_null(e);
        e->state = LEDGER_FAILED;
        e->attempt = 3;
        e->temporary = strdup("/srv/ftp/.caf\xe9 100%.kftp-part");
        e->final = strdup("/srv/ftp/caf\xe9 100%");
        e->bytes = UINT64_C(1) << 40;
        e->mtime = -5;
        e->reported = true;
        e->permanent = true;
        e->class = KFTP_CLASS_REMOTE;
        e->error = -ENOENT;
        e->text = strdup("550 \"n\xc3\xb6\" \\x1b");
        e->resumed_from = 1;
        e->usec = 2;
        e->transfer_usec = 3;
        e->rate = 4;
        e->reply = 550;
        e->reply_text = strdup("550 no");
        e->peer = strdup("[2001:db8::1]:21");
        e->local = strdup("[2001:db8::2]:4000");
        e->data_peer = strdup("[2001:db8::1]:20");
        e->data_local = strdup("[2001:db8::2]:4001");
        e->tls = strdup("TLS1.3 TLS_AES_256_GCM_SHA384 resumed");
        e->mirror = true;
        e->transferred = 5;
        e->deleted = 6;
        e->moved = 7;
        e->unchanged = UINT64_C(1) << 33;
        e->failed = 9;
        return e;
}

static void test_round_trip(void **state) {
        State *s = *state;
        LedgerEntry *e = full_entry(), *back;

        assert_int_equal(ledger_write(s->ledger, e), 0);
        assert_int_equal(ledger_read(s->ledger, "acme", &back), 0);

        assert_string_equal(back->job, e->job);
        assert_string_equal(back->revision, e->revision);
        assert_int_equal(back->state, e->state);
        assert_int_equal(back->attempt, e->attempt);
        assert_string_equal(back->remote, e->remote);
        assert_string_equal(back->temporary, e->temporary);
        assert_string_equal(back->final, e->final);
        assert_true(back->bytes == e->bytes);
        assert_true(back->mtime == e->mtime);
        assert_true(back->reported);
        assert_false(back->recovered);
        assert_true(back->permanent);
        assert_int_equal(back->class, e->class);
        assert_int_equal(back->error, e->error);
        assert_string_equal(back->text, e->text);
        assert_true(back->resumed_from == 1 && back->usec == 2 && back->transfer_usec == 3 && back->rate == 4);
        assert_int_equal(back->reply, 550);
        assert_string_equal(back->reply_text, e->reply_text);
        assert_string_equal(back->peer, e->peer);
        assert_string_equal(back->local, e->local);
        assert_string_equal(back->data_peer, e->data_peer);
        assert_string_equal(back->data_local, e->data_local);
        assert_string_equal(back->tls, e->tls);
        assert_true(back->mirror);
        assert_true(back->transferred == 5 && back->deleted == 6 && back->moved == 7 && back->unchanged == UINT64_C(1) << 33 &&
                    back->failed == 9);
        ledger_entry_free(back);

        /* Replaced as a whole: what was and is no more is gone */
        free(STEAL_PTR(e->text));
        e->state = LEDGER_RUNNING;
        assert_int_equal(ledger_write_lazily(s->ledger, e), 0);
        assert_int_equal(ledger_read(s->ledger, "acme", &back), 0);
        assert_null(back->text);
        assert_int_equal(back->state, LEDGER_RUNNING);
        ledger_entry_free(back);
        ledger_entry_free(e);
}

static void test_remove(void **state) {
        State *s = *state;
        LedgerEntry *e = full_entry(), *back;

        assert_int_equal(ledger_read(s->ledger, "acme", &back), -ENOENT);
        assert_int_equal(ledger_write(s->ledger, e), 0);
        assert_int_equal(ledger_remove(s->ledger, "acme"), 0);
        assert_int_equal(ledger_read(s->ledger, "acme", &back), -ENOENT);
        assert_int_equal(ledger_remove(s->ledger, "acme"), 0);
        ledger_entry_free(e);
}

#define HEAD "{\"job\":\"acme\",\"revision\":\"" REVISION "\","

/* Each is what a file may hold after an accident; none may be taken for an entry. */
static void test_damage(void **state) {
        static const char *const texts[] = {
                "",
                "{",
                "[]",
                "{}",
                HEAD "\"attempt\":1}",
                HEAD "\"state\":\"dnoe\",\"attempt\":1}",
                HEAD "\"state\":7,\"attempt\":1}",
                HEAD "\"state\":\"done\",\"attempt\":0}",
                HEAD "\"state\":\"done\",\"attempt\":\"1\"}",
                HEAD "\"state\":\"done\",\"attempt\":-1}",
                HEAD "\"state\":\"done\",\"attempt\":1,\"bytes\":-1}",
                HEAD "\"state\":\"done\",\"attempt\":1,\"bytes\":1.5}",
                HEAD "\"state\":\"done\",\"attempt\":1,\"reported\":1}",
                HEAD "\"state\":\"done\",\"attempt\":1,\"final\":\"/a%0\"}",
                HEAD "\"state\":\"done\",\"attempt\":1,\"final\":\"/a%zz\"}",
                HEAD "\"state\":\"intent\",\"attempt\":1,\"final\":\"/a\"}",
                HEAD "\"state\":\"done\",\"attempt\":1",
                "{\"job\":\"other\",\"revision\":\"" REVISION "\",\"state\":\"done\",\"attempt\":1}",
                "{\"job\":\"acme\",\"revision\":\"12\",\"state\":\"done\",\"attempt\":1}",
        };
        LedgerEntry *e;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++)
                assert_int_equal(ledger_entry_parse(texts[i], strlen(texts[i]), "acme", &e), -EBADMSG);
}

/* A later version may have said more, an earlier one less. */
static void test_other_versions(void **state) {
        static const char text[] = HEAD "\"state\":\"done\",\"attempt\":1,\"sha256\":\"00\"}";
        LedgerEntry *e;

        (void) state;
        assert_int_equal(ledger_entry_parse(text, strlen(text), "acme", &e), 0);
        assert_int_equal(e->state, LEDGER_DONE);
        assert_false(ledger_entry_is_settled(e));
        assert_true(e->mtime == KFTP_MTIME_UNKNOWN);
        ledger_entry_free(e);
}

/* As kftpd wrote it before there were mirrors. */
static void test_entry_of_old(void **state) {
        static const char text[] =
                "{\n  \"job\": \"acme\",\n  \"revision\": \"" REVISION "\",\n  \"state\": \"intent\",\n  \"attempt\": 2,\n"
                "  \"remote\": \"ftp://ftp.example.com/f\",\n  \"temporary\": \"/srv/ftp/.f.kftp-part\",\n  \"final\": \"/srv/ftp/f\",\n"
                "  \"directory_inode\": 77,\n  \"bytes\": 11,\n  \"mtime\": 1000000000,\n  \"reported\": false,\n  \"recovered\": false,\n"
                "  \"permanent\": false,\n  \"class\": 0,\n  \"error\": 0,\n  \"resumed_from\": 4,\n  \"usec\": 5,\n"
                "  \"transfer_usec\": 6,\n  \"rate\": 7,\n  \"reply\": 226,\n  \"reply_text\": \"226 Done\",\n"
                "  \"peer\": \"192.0.2.1:21\",\n  \"local\": \"192.0.2.2:40000\"\n}\n";
        LedgerEntry *e;

        (void) state;
        assert_int_equal(ledger_entry_parse(text, strlen(text), "acme", &e), 0);
        assert_int_equal(e->state, LEDGER_INTENT);
        assert_int_equal(e->attempt, 2);
        assert_string_equal(e->final, "/srv/ftp/f");
        assert_true(e->directory_inode == 77 && e->bytes == 11 && e->mtime == 1000000000 && e->reply == 226);
        assert_false(e->mirror);
        assert_true(e->transferred == 0 && e->deleted == 0 && e->moved == 0 && e->unchanged == 0 && e->failed == 0);
        ledger_entry_free(e);
}

static void create(const State *s, const char *name) {
        char path[100];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/%s", s->directory, name);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
}

static void test_list(void **state) {
        State *s = *state;
        LedgerEntry *e = full_entry();
        char path[100], **names;

        assert_int_equal(ledger_write(s->ledger, e), 0);
        create(s, "ledger/.acme.new");          /* a crash in the middle of a write */
        create(s, "ledger/stranger");
        assert_int_equal(ledger_list(s->ledger, &names), 0);
        assert_string_equal(names[0], "acme");
        assert_null(names[1]);
        ledger_names_free(names);
        (void) snprintf(path, sizeof(path), "%s/ledger/.acme.new", s->directory);
        assert_int_equal(access(path, F_OK), -1);
        ledger_entry_free(e);
}

static void test_recover(void **state) {
        State *s = *state;
        LedgerEntry *e = full_entry();

        free(e->temporary);
        assert_true(asprintf(&e->temporary, "%s/.part", s->directory) > 0);
        e->directory_inode = ledger_directory_inode(e->temporary);
        e->reported = false;
        e->state = LEDGER_RUNNING;
        assert_false(ledger_entry_recover(e));          /* no intent yet */

        e->state = LEDGER_INTENT;
        create(s, ".part");
        assert_false(ledger_entry_recover(e));          /* not renamed */
        assert_int_equal(unlink(e->temporary), 0);
        assert_true(ledger_entry_recover(e));
        assert_int_equal(e->state, LEDGER_DONE);
        assert_true(e->recovered);
        assert_false(ledger_entry_is_settled(e));

        e->state = LEDGER_INTENT;
        free(e->temporary);
        assert_true(asprintf(&e->temporary, "%s/unmounted/.part", s->directory) > 0);
        assert_false(ledger_entry_recover(e));          /* who knows */

        free(e->temporary);                             /* the mount point, without what was mounted on it */
        assert_true(asprintf(&e->temporary, "%s/.part", s->directory) > 0);
        e->directory_inode++;
        assert_false(ledger_entry_recover(e));
        ledger_entry_free(e);
}

static void test_longest_name(void **state) {
        State *s = *state;
        char name[KFTP_JOB_NAME_MAX + 1];
        LedgerEntry *e, *back;

        memset(name, 'x', KFTP_JOB_NAME_MAX);
        name[KFTP_JOB_NAME_MAX] = '\0';
        e = ledger_entry_new(name, REVISION, REMOTE);
        assert_int_equal(ledger_write(s->ledger, e), 0);
        assert_int_equal(ledger_read(s->ledger, name, &back), 0);
        ledger_entry_free(back);
        ledger_entry_free(e);
}

/* What is written can be read again: the largest entry that is, or what was there before. */
static void test_too_large(void **state) {
        State *s = *state;
        LedgerEntry *e = full_entry(), *back;
        unsigned written = 0, refused = 0;
        char *text = malloc((1U << 20) + 1);

        free(e->text);
        e->text = text;
        e->attempt = 0;
        for (size_t n = 1000; n <= 1U << 20; n *= 2) {
                int r;

                memset(text, 'x', n);
                text[n] = '\0';
                e->attempt++;
                r = ledger_write(s->ledger, e);
                if (r < 0) {
                        assert_int_equal(r, -EMSGSIZE);
                        refused++;
                } else
                        written++;
                assert_int_equal(ledger_read(s->ledger, "acme", &back), 0);
                assert_int_equal(back->attempt, written);
                ledger_entry_free(back);
        }
        assert_true(written > 0 && refused > 0);
        ledger_entry_free(e);
}

/* Not by two daemons at once. */
static void test_one_at_a_time(void **state) {
        State *s = *state;
        Ledger *second = NULL;

        assert_int_equal(ledger_open(s->directory, &second), -EBUSY);
        s->ledger = ledger_free(s->ledger);
        assert_int_equal(ledger_open(s->directory, &s->ledger), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
                cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
                cmocka_unit_test(test_damage),
                cmocka_unit_test(test_other_versions),
                cmocka_unit_test(test_entry_of_old),
                cmocka_unit_test_setup_teardown(test_list, setup, teardown),
                cmocka_unit_test_setup_teardown(test_recover, setup, teardown),
                cmocka_unit_test_setup_teardown(test_longest_name, setup, teardown),
                cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
                cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
        };

        return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
