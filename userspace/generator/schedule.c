/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the units anew in a directory of its own, and has systemd reload, start and stop only what has changed. */

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "generate.h"
#include "job-load.h"
#include "schedule.h"
#include "unit-set.h"
#include "util.h"

#define UNITS_AT_ONCE 500U              /* that a command line names */
#define SECONDS_MAX 60U

extern char **environ;

static int _printf_(3, 4) fail(const Schedule *s, int r, const char *format, ...) {
        _cleanup_free_ char *line = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&line, format, ap) < 0)
                line = NULL;
        va_end(ap);
        s->say(line ?: "not enough memory");
        return r;
}

/* ---- systemctl ------------------------------------------------------------------------------------ */

static int spawn(const char *const *argv, bool quiet, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r == 0 && quiet)
                r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        if (r == 0)
                r = posix_spawnp(ret, argv[0], &actions, NULL, (char *const *) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        return r;
}

/* What goes wrong it says itself, unless it is to be quiet. */
static int call(const Schedule *s, const char *const *argv, bool quiet) {
        int status, r;
        pid_t pid;

        r = spawn(argv, quiet, &pid);
        if (r != 0)
                return fail(s, -r, "%s cannot be run: %s", argv[0], strerror(r));
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int reload(const Schedule *s) {
        int r = call(s, (const char *const []) { s->systemctl, "daemon-reload", NULL }, false);

        return r < 0 ? fail(s, r, "systemd could not be reloaded; to do it: systemctl daemon-reload") : 0;
}

typedef struct Names {
        const char **items;
        size_t n;
} Names;

static int names_add(Names *names, const char *name) {
        const char **more = reallocarray(names->items, names->n + 1, sizeof(*more));

        if (!more)
                return -ENOMEM;
        names->items = more;
        more[names->n++] = name;
        return 0;
}

/* A unit that systemd does not take, such as a timer for a day that there is not, keeps no other from being started. */
static void call_for(const Schedule *s, const char *verb, const Names *names, bool quiet) {
        for (size_t i = 0; i < names->n; i += UNITS_AT_ONCE) {
                const char *argv[UNITS_AT_ONCE + 4] = { s->systemctl, verb, "--" };
                size_t n = MIN2(names->n - i, UNITS_AT_ONCE);

                memcpy(argv + 3, names->items + i, n * sizeof(*argv));
                (void) call(s, argv, quiet);
        }
}

/* ---- What is to be done --------------------------------------------------------------------------- */

/* What was there and is not wanted any more; names borrow from the sets. */
static int find_gone(const UnitSet *before, const UnitSet *wanted, const UnitSet *also, Names *ret) {
        int r = 0;

        for (size_t i = 0; i < before->n && r >= 0; i++) {
                const char *path = before->files[i].path, *unit = unit_to_start(path);

                if (unit && !unit_set_find(wanted, path) && !(also && unit_set_find(also, path)))
                        r = names_add(ret, unit);
        }
        return r;
}

/* What is new, or not what it was. */
static int find_new(const UnitSet *wanted, const UnitSet *known, Names *ret) {
        int r = 0;

        for (size_t i = 0; i < wanted->n && r >= 0; i++) {
                const UnitFile *file = wanted->files + i, *before = unit_set_find(known, file->path);
                const char *unit = unit_to_start(file->path);

                if (unit && (!before || !streq(before->content, file->content)))
                        r = names_add(ret, unit);
        }
        return r;
}

static bool has_job_file(const KftpJobDirectories *d, const char *name) {
        char filename[NAME_MAX + 1];
        int n = snprintf(filename, sizeof(filename), "%s" KFTP_JOB_SUFFIX, name);

        if (n < 0 || (size_t) n >= sizeof(filename))
                return false;
        for (size_t i = 0; i < d->n; i++)
                if (d->items[i].fd >= 0 && faccessat(d->items[i].fd, filename, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                        return true;
        return false;
}

/* A job that is removed is forgotten: put there again later, it has missed nothing. */
static void forget_timers(const Schedule *s, const Names *gone) {
        _cleanup_(kftp_job_directories_done) KftpJobDirectories directories = {};

        if (kftp_job_directories_open(s->directories, &directories) < 0)
                return;
        for (size_t i = 0; i < gone->n; i++) {
                const char *instance = strchr(gone->items[i], '@'), *suffix = strstr(gone->items[i], ".timer");
                _cleanup_free_ char *name = NULL, *stamp = NULL;

                if (!instance || !suffix || !startswith(gone->items[i], "kftp@"))
                        continue;
                name = strdup(instance + 1);
                if (!name || asprintf(&stamp, "%s/stamp-%s", s->stamps, gone->items[i]) < 0) {
                        stamp = NULL;
                        continue;
                }
                name[strlen(name) - strlen(".timer")] = '\0';
                if (!has_job_file(&directories, name))
                        (void) unlink(stamp);
        }
}

typedef struct Sets {
        UnitSet wanted;
        UnitSet loaded;                 /* by systemd */
        UnitSet known;                  /* started by the last call */
} Sets;

static void sets_done(Sets *s) {
        unit_set_done(&s->wanted);
        unit_set_done(&s->loaded);
        unit_set_done(&s->known);
}

static int act(const Schedule *s, const Sets *sets) {
        Names gone = {}, new = {};
        int r;

        r = find_gone(&sets->loaded, &sets->wanted, NULL, &gone);
        if (r >= 0)
                r = find_gone(&sets->known, &sets->wanted, &sets->loaded, &gone);
        if (r >= 0)
                r = find_new(&sets->wanted, &sets->known, &new);
        if (r >= 0) {
                /* After the reload they would have failed, for what they start has gone; that of which the file has gone is warned about. */
                call_for(s, "stop", &gone, true);
                forget_timers(s, &gone);
                if (!unit_set_equal(&sets->wanted, &sets->loaded))
                        r = reload(s);
        }
        if (r >= 0) {
                call_for(s, "reset-failed", &gone, true);       /* where somebody else has reloaded before */
                call_for(s, "restart", &new, false);            /* with another schedule a timer begins anew */
        }
        free(gone.items);
        free(new.items);
        return r;
}

/* ---- The directories of the last call and of this one --------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

static int remove_tree(const char *path) {
        if (nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

static int generate_into(const Schedule *s, const char *directory) {
        _cleanup_close_ int fd = -1;
        Generator g = {
                .directories = s->directories,
                .until = now_usec() + SECONDS_MAX * USEC_PER_SEC,
                .say = s->say,
        };
        int r;

        r = remove_tree(directory);
        if (r < 0)
                return r;
        if (mkdir(directory, 0755) < 0)
                return -errno;
        g.dir_fd = fd = open(directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : generate(&g);
}

static int read_sets(const Schedule *s, const char *new, const char *known, Sets *ret) {
        int r = generate_into(s, new);

        if (r < 0)
                return fail(s, r, "%s: %s", new, strerror(-r));
        if ((r = unit_set_read(new, &ret->wanted)) < 0 || (r = unit_set_read(s->generated, &ret->loaded)) < 0 ||
            (r = unit_set_read(known, &ret->known)) < 0)
                return fail(s, r, "the units of jobs cannot be read: %s", strerror(-r));
        return 0;
}

int schedule_apply(const Schedule *s) {
        __attribute__((cleanup(sets_done))) Sets sets = {};
        _cleanup_free_ char *new = NULL, *known = NULL;
        int r;

        if (asprintf(&new, "%s/new", s->runtime) < 0 || asprintf(&known, "%s/known", s->runtime) < 0)
                return -ENOMEM;
        r = read_sets(s, new, known, &sets);
        if (r >= 0)
                r = act(s, &sets);
        if (r < 0)
                return r;
        r = remove_tree(known);
        return r < 0 || rename(new, known) >= 0 ? r : -errno;
}

int schedule_take(const char *path) {
        if (unlink(path) >= 0 || errno == ENOENT)
                return 0;
        if (errno == EISDIR && rmdir(path) >= 0)
                return 0;
        return -errno;
}
