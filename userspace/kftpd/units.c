/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files for path units. Each is made under its name at once, empty, and nobody has to read it; as the directories are of the service
 * alone there is nothing to be followed, or to be raced with. None of them is in another: what the service could replace by a link
 * the service manager, as root, would follow when it gives the directories their owner.
 */

#include <fcntl.h>
#include <limits.h>

#include "job.h"
#include "units.h"
#include "util.h"

#define RUNTIME_DIRECTORY "/run/kftp"
#define SCHEDULE_FILE "schedule"

static const char *const ends[] = { "failure", "success" };

/* There are several, with a colon between: the names of the others begin with that of the first one. */
static int directory(char *ret, size_t size) {
        const char *given = getenv("RUNTIME_DIRECTORY");
        int n;

        if (!given || *given != '/')
                given = RUNTIME_DIRECTORY;
        n = snprintf(ret, size, "%.*s", (int) strcspn(given, ":"), given);
        return n < 0 || (size_t) n >= size ? -ENAMETOOLONG : 0;
}

/* end: NULL, or of which end of a run the file tells. */
static int path_of(const char *end, const char *name, char ret[static PATH_MAX]) {
        char top[PATH_MAX];
        int n, r = directory(top, sizeof(top));

        if (r < 0)
                return r;
        n = snprintf(ret, PATH_MAX, "%s%s%s/%s", top, end ? "-" : "", end ?: "", name);
        return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int make(const char *end, const char *name) {
        _cleanup_close_ int fd = -1;
        char path[PATH_MAX];
        int r = path_of(end, name, path);

        if (r < 0)
                return r;
        fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
        return fd < 0 ? -errno : 0;
}

int units_tell_end(const char *job, bool success) {
        return kftp_job_name_valid(job, strlen(job)) ? make(ends[success], job) : -EINVAL;
}

void units_forget(const char *job) {
        char path[PATH_MAX];

        if (!kftp_job_name_valid(job, strlen(job)))
                return;
        for (size_t i = 0; i < ELEMENTS(ends); i++)
                if (path_of(ends[i], job, path) >= 0)
                        (void) unlink(path);
}

int units_tell_schedule(void) {
        return make(NULL, SCHEDULE_FILE);
}
