// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where a download goes: the final name, and the names beside it while it is under way. */

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>

#include "failure.h"
#include "names.h"
#include "util.h"

#define SUFFIX_TEMPORARY ".kftp-part"
#define SUFFIX_STATE ".kftp-state"
#define SUFFIX_STATE_NEW ".kftp-new"
/* of a part: what is there of the whole is left alone; nothing is recorded under the others */
#define SUFFIX_PART ".kftp-range"
#define SUFFIX_PART_STATE ".kftp-rsta"
#define SUFFIX_PART_STATE_NEW ".kftp-rnew"

/* FNV-1a: names that differ in their ends only must not share a temporary file. */
static uint64_t hash_name(const char *name) {
        uint64_t h = UINT64_C(0xcbf29ce484222325);

        for (; *name; name++)
                h = (h ^ (uint8_t) *name) * UINT64_C(0x100000001b3);
        return h;
}

char *kftp_name_beside(const char *name, const char *suffix, size_t name_max) {
        /* All suffixes shorten alike, so that the names of one transfer have the same stem. */
        size_t longest = strlen(SUFFIX_STATE), keep = strlen(name);
        char hash[2 + 16 + 1] = "", *result;

        if (1 + keep + longest > name_max) {
                (void) snprintf(hash, sizeof(hash), "~%016" PRIx64, hash_name(name));
                keep = name_max > 1 + strlen(hash) + longest ? name_max - 1 - strlen(hash) - longest : 0;
                /* Not in the middle of a character: some file systems insist on UTF-8. */
                while (keep > 0 && ((uint8_t) name[keep] & 0xc0) == 0x80)
                        keep--;
        }
        return asprintf(&result, ".%.*s%s%s", (int) keep, name, hash, suffix) < 0 ? NULL : result;
}

char *kftp_path_join(const char *directory, const char *name) {
        size_t n = strlen(directory);
        char *path;

        return asprintf(&path, "%s%s%s", directory, n > 0 && directory[n - 1] == '/' ? "" : "/", name) < 0 ? NULL : path;
}

void kftp_names_done(KftpNames *n) {
        free(n->directory);
        free(n->final);
        free(n->temporary);
        free(n->state);
        free(n->state_new);
        *n = (KftpNames) {};
}

static char *make_absolute(const char *path) {
        _cleanup_free_ char *cwd = NULL;

        if (path[0] == '/')
                return strdup(path);
        cwd = getcwd(NULL, 0);
        while (startswith(path, "./"))
                for (path += 2; *path == '/'; path++)
                        ;
        if (!cwd || streq(path, ".") || !*path)
                return STEAL_PTR(cwd);
        return kftp_path_join(cwd, path);
}

static bool is_file_name(const char *name) {
        return *name && !streq(name, ".") && !streq(name, "..") && !strchr(name, '/');
}

static int no_name_in_url(KftpFailure *f) {
        return kftp_failure_set(f, KFTP_CLASS_USAGE, -EINVAL, false,
                                "the URL names no file: its path has to end in the name of one");
}

/* directory/final from dest, which names a directory or a file. */
static int split_dest(KftpNames *n, const KftpUrl *url, const char *dest, KftpFailure *f) {
        _cleanup_free_ char *path = make_absolute(dest);
        struct stat st;
        char *slash;

        if (!path)
                return kftp_failure_local(f, -errno, "cannot find out the directory of %s", dest);
        if (stat(path, &st) >= 0 && S_ISDIR(st.st_mode)) {
                if (!is_file_name(url->base))
                        return no_name_in_url(f);
                n->directory = STEAL_PTR(path);
                n->final = strdup(url->base);
                return n->final ? 0 : -ENOMEM;
        }
        slash = strrchr(path, '/');
        if (!is_file_name(slash + 1))
                return kftp_failure_local(f, stat(path, &st) < 0 ? -errno : -ENOTDIR, "%s", dest);
        n->final = strdup(slash + 1);
        *(slash == path ? slash + 1 : slash) = '\0';
        n->directory = STEAL_PTR(path);
        return n->final ? 0 : -ENOMEM;
}

/*
 * The file will be renamed over whatever has the final name. That must not be a directory, and above
 * all not a device: "kftp get URL /dev/null" as root would replace it.
 */
static int check_final_type(const char *path, mode_t mode, KftpFailure *f) {
        if (S_ISDIR(mode))
                return kftp_failure_local(f, -EISDIR, "%s", path);
        if (!S_ISREG(mode))
                return kftp_failure_set(f, KFTP_CLASS_LOCAL, -EEXIST, false,
                                        "%s exists and is not a regular file, so it is not replaced", path);
        return 0;
}

static int check_final(const KftpNames *n, size_t name_max, KftpFailure *f) {
        _cleanup_free_ char *path = kftp_path_join(n->directory, n->final);
        struct stat st;

        if (!path)
                return -ENOMEM;
        if (strlen(n->final) > name_max)
                return kftp_failure_local(f, -ENAMETOOLONG, "%s", path);
        return stat(path, &st) < 0 ? 0 : check_final_type(path, st.st_mode, f);
}

/* In a directory that is open; a link is no way to something else there, but is replaced itself. 1: something is there. */
static int check_final_in(const KftpNames *n, int directory_fd, size_t name_max, KftpFailure *f) {
        _cleanup_free_ char *path = kftp_path_join(n->directory, n->final);
        struct stat st;
        int r;

        if (!path)
                return -ENOMEM;
        if (strlen(n->final) > name_max)
                return kftp_failure_local(f, -ENAMETOOLONG, "%s", path);
        if (fstatat(directory_fd, n->final, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        r = S_ISLNK(st.st_mode) ? 0 : check_final_type(path, st.st_mode, f);
        return r < 0 ? r : 1;
}

static int names_derive(KftpNames *n, bool part, size_t name_max) {
        n->temporary = kftp_name_beside(n->final, part ? SUFFIX_PART : SUFFIX_TEMPORARY, name_max);
        n->state = kftp_name_beside(n->final, part ? SUFFIX_PART_STATE : SUFFIX_STATE, name_max);
        n->state_new = kftp_name_beside(n->final, part ? SUFFIX_PART_STATE_NEW : SUFFIX_STATE_NEW, name_max);
        return n->temporary && n->state && n->state_new ? 0 : -ENOMEM;
}

int kftp_names_choose(KftpNames *n, const KftpUrl *url, const char *dest, bool part, KftpFailure *f) {
        long name_max = 0;
        int r;

        *n = (KftpNames) {};
        if (!*url->base)
                return no_name_in_url(f);
        r = split_dest(n, url, *strempty(dest) ? dest : ".", f);
        if (r >= 0) {
                name_max = pathconf(n->directory, _PC_NAME_MAX);
                r = check_final(n, name_max > 0 ? (size_t) name_max : NAME_MAX, f);
        }
        if (r >= 0)
                r = names_derive(n, part, name_max > 0 ? (size_t) name_max : NAME_MAX);
        if (r == -ENOMEM)
                kftp_failure_set(f, KFTP_CLASS_OTHER, r, true, "not enough memory");
        if (r < 0)
                kftp_names_done(n);
        return r;
}

int kftp_names_in(KftpNames *n, int directory_fd, const char *directory, const char *final, KftpFailure *f) {
        long limit = fpathconf(directory_fd, _PC_NAME_MAX);
        size_t name_max = limit > 0 ? (size_t) limit : NAME_MAX;
        int r, there;

        *n = (KftpNames) { .directory = strdup(directory), .final = strdup(final) };
        r = there = n->directory && n->final ? check_final_in(n, directory_fd, name_max, f) : -ENOMEM;
        if (r >= 0)
                r = names_derive(n, false, name_max);
        if (r == -ENOMEM)
                kftp_failure_set(f, KFTP_CLASS_OTHER, r, true, "not enough memory");
        if (r < 0)
                kftp_names_done(n);
        return r < 0 ? r : there;
}

int kftp_get_names(const KftpUrl *url, const char *dest, char **final, char **temporary, KftpFailure *f) {
        KftpNames n;
        int r;

        r = kftp_names_choose(&n, url, dest, false, f);
        if (r < 0)
                return r;
        *final = kftp_path_join(n.directory, n.final);
        *temporary = kftp_path_join(n.directory, n.temporary);
        kftp_names_done(&n);
        if (*final && *temporary)
                return 0;
        free(*final);
        free(*temporary);
        return kftp_failure_set(f, KFTP_CLASS_OTHER, -ENOMEM, true, "not enough memory");
}
