/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks at a job's side here before the job runs, and as the service sees it: in its sandbox most of the
 * file system is read-only or hidden, and only the unit's ReadWritePaths= opens it.
 */

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "target.h"
#include "util.h"

/* The directory that receives the file. Allocated; NULL without memory. */
static char *target_directory(const char *path) {
        size_t n = strlen(path);
        struct stat st;

        if (path[n - 1] != '/' && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
                while (n > 1 && path[n - 1] != '/')
                        n--;
        while (n > 1 && path[n - 1] == '/')
                n--;
        return strndup(path, n);
}

/* The name of the user as whom files are written. Allocated; NULL without memory. */
static char *user_name(void) {
        struct passwd entry, *found;
        char buffer[1024], *name;

        if (getpwuid_r(geteuid(), &entry, buffer, sizeof(buffer), &found) == 0 && found)
                return strdup(found->pw_name);
        return asprintf(&name, "%u", (unsigned) geteuid()) < 0 ? NULL : name;
}

static bool is_read_only(const char *directory) {
        struct statvfs fs;

        return statvfs(directory, &fs) >= 0 && (fs.f_flag & ST_RDONLY);
}

/* What to type, from the file system outwards. */
static char *explain(const char *directory, int error) {
        _cleanup_free_ char *user = user_name();
        char *text = NULL;
        int n;

        if (!user)
                return NULL;
        if (error == ENOENT)
                n = asprintf(&text,
                             "the directory %s does not exist, or is hidden from the service (ProtectHome=): type \"install -d "
                             "-o %s %s\", then \"systemctl reload kftpd\"",
                             directory, user, directory);
        else if (error == EROFS || is_read_only(directory))
                n = asprintf(&text,
                             "the service cannot write to %s, its sandbox is closed there: type \"systemctl edit kftpd\", enter "
                             "the two lines \"[Service]\" and \"ReadWritePaths=%s\", then type \"systemctl restart kftpd\"%s",
                             directory, directory,
                             error == EACCES ? "; its user must be allowed to write there, too" : "");
        else if (error == EACCES)
                n = asprintf(&text,
                             "user %s cannot write to %s: type \"chown %s %s\" or \"setfacl -m u:%s:rwx %s\", then \"systemctl "
                             "reload kftpd\"",
                             user, directory, user, directory, user, directory);
        else
                n = asprintf(&text, "the service cannot write to %s: %s", directory, strerror(error));
        return n < 0 ? NULL : text;
}

/* Where the unit's ProtectHome= shows nothing. */
static bool is_of_home(const char *directory) {
        return startswith(directory, "/home/") || startswith(directory, "/root/") || startswith(directory, "/run/user/");
}

/* Of what is missing to read it. */
static char *explain_source(const char *directory, int error) {
        _cleanup_free_ char *user = user_name();
        char *text = NULL;
        int n;

        if (!user)
                return NULL;
        if (error == ENOENT)
                n = asprintf(&text, "the directory %s does not exist, or is hidden from the service (ProtectHome=)", directory);
        else if (error == EACCES)
                n = asprintf(&text,
                             "user %s cannot read %s: type \"setfacl -R -m u:%s:rX %s\", then \"systemctl reload kftpd\"%s",
                             user, directory, user, directory,
                             is_of_home(directory) ? "; the service sees home directories only if its unit says ProtectHome=read-only, too" : "");
        else
                n = asprintf(&text, "the service cannot read %s: %s", directory, strerror(error));
        return n < 0 ? NULL : text;
}

/* 0, or the errno that says why the directory does not grant access (as for access(2)). */
static int check_directory(const char *directory, int access) {
        struct stat st;

        if (stat(directory, &st) < 0)
                return errno;
        if (!S_ISDIR(st.st_mode))
                return ENOTDIR;
        return faccessat(AT_FDCWD, directory, access, AT_EACCESS) < 0 ? errno : 0;
}

static char *complain(const char *path, const char *why) {
        char *text;

        return !why || asprintf(&text, "Path=%s: %s", path, why) < 0 ? NULL : text;
}

char *target_check(const char *path) {
        _cleanup_free_ char *directory = target_directory(path), *why = NULL;
        int error = directory ? check_directory(directory, W_OK | X_OK) : 0;

        if (error == 0)
                return NULL;
        why = explain(directory, error);
        return complain(path, why);
}

/* The path without slashes at its end; its last part goes too if parent. Allocated; NULL without memory. */
static char *tree_directory(const char *path, bool parent) {
        size_t n = strlen(path);

        while (n > 1 && path[n - 1] == '/')
                n--;
        while (parent && n > 1 && path[n - 1] != '/')
                n--;
        while (n > 1 && path[n - 1] == '/')
                n--;
        return strndup(path, n);
}

char *target_check_tree(const char *path) {
        _cleanup_free_ char *directory = tree_directory(path, false), *parent = tree_directory(path, true), *why = NULL;
        int error;

        if (!directory || !parent)
                return NULL;
        error = check_directory(directory, R_OK | W_OK | X_OK);
        if (error == 0)
                return NULL;
        if (error != ENOENT)
                why = explain(directory, error);
        else {
                error = check_directory(parent, W_OK | X_OK);
                if (error == 0)
                        return NULL;
                why = explain(parent, error);
        }
        return complain(path, why);
}

/* It is there after a power cut, too: what is put into it is to be. */
static int make_one(const char *directory) {
        _cleanup_free_ char *parent = tree_directory(directory, true);
        _cleanup_close_ int fd = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

        if (fd < 0 || mkdir(directory, 0755) < 0)
                return errno == EEXIST ? 0 : -1;
        return fsync(fd);
}

void target_make(const char *path, bool tree) {
        _cleanup_free_ char *directory = tree ? tree_directory(path, false) : target_directory(path);

        for (char *p = directory ? strchr(directory + 1, '/') : NULL; p; p = strchr(p + 1, '/')) {
                *p = '\0';
                if (access(directory, F_OK) < 0 && make_one(directory) < 0)
                        return;
                *p = '/';
        }
        if (directory && access(directory, F_OK) < 0)
                (void) make_one(directory);
}

char *source_check(const char *path, bool removing) {
        _cleanup_free_ char *directory = tree_directory(path, false), *why = NULL;
        int error;

        if (!directory)
                return NULL;
        error = check_directory(directory, R_OK | X_OK);
        if (error != 0)
                why = explain_source(directory, error);
        else if (removing && (error = check_directory(directory, W_OK | X_OK)) != 0)
                why = explain(directory, error);
        return complain(path, why);
}
