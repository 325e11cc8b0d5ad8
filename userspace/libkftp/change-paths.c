// SPDX-License-Identifier: LGPL-2.1-or-later
/* The paths of changes on the server, worked out here: nothing is sent. */

#include "change.h"
#include "util.h"

char *kftp_path_strip(const char *path) {
        size_t n = strlen(path);

        while (n > 1 && path[n - 1] == '/')
                n--;
        return strndup(path, n);
}

char *kftp_rename_target(const char *path, const char *name) {
        const char *slash = strrchr(path, '/');
        char *target;

        if (strchr(name, '/') || !slash)
                return strdup(name);
        return asprintf(&target, "%.*s%s", (int) (slash + 1 - path), path, name) < 0 ? NULL : target;
}

size_t kftp_path_parents(const char *path, unsigned n) {
        const char *p = path + strspn(path, "/");

        for (unsigned i = 0; i < n; i++) {
                size_t length;

                p += strspn(p, "/");
                length = strcspn(p, "/");
                if (length == 0)
                        return 0;
                p += length;
        }
        return p[strspn(p, "/")] ? (size_t) (p - path) : 0;
}
