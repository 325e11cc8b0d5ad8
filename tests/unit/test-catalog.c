/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * catalog-ids.h, kftp.catalog and the code agree, and journalctl understands the catalog. Runs at
 * the top of the tree.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <glob.h>
#include <sys/stat.h>

#include "util.h"

#define IDS_FILE "userspace/kftpd/catalog-ids.h"
#define CATALOG_FILE "userspace/kftpd/kftp.catalog"
#define SOURCES "userspace/kftpd/*.c"
#define IDS_MAX 64U

typedef struct Id {
        char name[64];
        char id[40];
} Id;

typedef struct Ids {
        Id id[IDS_MAX];
        size_t n;
} Ids;

static char *read_file(const char *path) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        char *text = NULL;
        size_t size = 0;

        if (!f)
                fail_msg("%s cannot be read; the test runs at the top of the tree", path);
        assert_true(getdelim(&text, &size, '\0', f) > 0);
        return text;
}

static bool is_id(const char *text) {
        return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static void add(const char *path, Ids *ids, const Id *id) {
        if (!is_id(id->id))
                fail_msg("%s: %s is no identifier", path, id->id);
        for (size_t i = 0; i < ids->n; i++)
                if (streq(ids->id[i].id, id->id))
                        fail_msg("%s: %s occurs twice", path, id->id);
        assert_true(ids->n < IDS_MAX);
        ids->id[ids->n++] = *id;
}

static void load(Ids *header, Ids *catalog) {
        _cleanup_free_ char *header_text = read_file(IDS_FILE), *catalog_text = read_file(CATALOG_FILE);
        char *line, *rest = header_text;

        while ((line = strsep(&rest, "\n"))) {
                Id id = {};

                if (sscanf(line, "#define %63s \"%39[^\"]\"", id.name, id.id) == 2)
                        add(IDS_FILE, header, &id);
        }
        rest = catalog_text;
        while ((line = strsep(&rest, "\n"))) {
                Id id = {};

                if (sscanf(line, "-- %39s", id.id) == 1)
                        add(CATALOG_FILE, catalog, &id);
        }
        assert_true(header->n > 0);
}

static bool contains(const Ids *ids, const char *id) {
        for (size_t i = 0; i < ids->n; i++)
                if (streq(ids->id[i].id, id))
                        return true;
        return false;
}

static void test_same_identifiers(void **state) {
        Ids header = {}, catalog = {};

        (void) state;
        load(&header, &catalog);
        for (size_t i = 0; i < header.n; i++)
                if (!contains(&catalog, header.id[i].id))
                        fail_msg("%s is not in " CATALOG_FILE, header.id[i].name);
        for (size_t i = 0; i < catalog.n; i++)
                if (!contains(&header, catalog.id[i].id))
                        fail_msg("%s is not in " IDS_FILE, catalog.id[i].id);
}

static void test_identifiers_are_used(void **state) {
        Ids header = {}, catalog = {};
        _cleanup_free_ char *all = strdup("");
        glob_t sources;

        (void) state;
        load(&header, &catalog);
        assert_int_equal(glob(SOURCES, 0, NULL, &sources), 0);
        for (size_t i = 0; i < sources.gl_pathc; i++) {
                _cleanup_free_ char *text = read_file(sources.gl_pathv[i]), *before = all;

                assert_true(asprintf(&all, "%s%s", before, text) > 0);
        }
        globfree(&sources);
        for (size_t i = 0; i < header.n; i++)
                if (!strstr(all, header.id[i].name))
                        fail_msg("%s is used nowhere", header.id[i].name);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

/* Compiled by journalctl into a root of its own, each entry comes back with its subject. */
static void test_journalctl_reads_it(void **state) {
        char root[] = "/tmp/test-catalog-XXXXXX", dump[64 * 1024];
        _cleanup_free_ char *command = NULL;
        Ids header = {}, catalog = {};
        FILE *f;
        size_t n;

        (void) state;
        if (system("command -v journalctl >/dev/null") != 0)
                skip();
        load(&header, &catalog);
        assert_non_null(mkdtemp(root));
        assert_true(asprintf(&command,
                             "mkdir -p %s/usr/lib/systemd/catalog %s/var/lib/systemd/catalog && cp " CATALOG_FILE
                             " %s/usr/lib/systemd/catalog/ && journalctl --root=%s --update-catalog && "
                             "journalctl --root=%s --dump-catalog",
                             root, root, root, root, root) > 0);
        f = popen(command, "re");
        assert_non_null(f);
        n = fread(dump, 1, sizeof(dump) - 1, f);
        dump[n] = '\0';
        assert_int_equal(pclose(f), 0);
        (void) nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);

        for (size_t i = 0; i < catalog.n; i++) {
                const char *entry = strstr(dump, catalog.id[i].id);

                if (!entry)
                        fail_msg("journalctl does not know %s", catalog.id[i].id);
                assert_true(startswith(entry + 32, "\nSubject: "));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_same_identifiers),
                cmocka_unit_test(test_identifiers_are_used),
                cmocka_unit_test(test_journalctl_reads_it),
        };

        return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
