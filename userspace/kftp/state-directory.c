// SPDX-License-Identifier: GPL-2.0-or-later
/* The directory for what has to outlive a run of the command. */

#include <sys/stat.h>

#include "state-directory.h"
#include "util.h"

/* What the environment has is of use only if it is an absolute path. */
static const char *from_environment(const char *name) {
        const char *value = getenv(name);

        return value && *value == '/' ? value : NULL;
}

static char *choose(void) {
        const char *systemd = from_environment("STATE_DIRECTORY"), *xdg = from_environment("XDG_STATE_HOME"), *home = from_environment("HOME");
        char *path = NULL;
        int r = 0;

        if (systemd)
                return strndup(systemd, strcspn(systemd, ":"));
        if (xdg)
                r = asprintf(&path, "%s/kftp", xdg);
        else if (home)
                r = asprintf(&path, "%s/.local/state/kftp", home);
        return r < 0 ? NULL : path;
}

/* With its parents; those that are made are for their owner alone. */
static int make(char *path) {
        for (char *p = path + 1;; p++) {
                char end = *p;
                int r;

                if (end && end != '/')
                        continue;
                *p = '\0';
                r = mkdir(path, 0700) < 0 ? -errno : 0;
                *p = end;
                if (r < 0 && r != -EEXIST && end == '\0')
                        return r;
                if (end == '\0')
                        return 0;
        }
}

char *state_directory(void) {
        _cleanup_free_ char *path = choose();
        struct stat st;

        if (!path || make(path) < 0 || stat(path, &st) < 0 || !S_ISDIR(st.st_mode) || access(path, W_OK) < 0)
                return NULL;
        return STEAL_PTR(path);
}
