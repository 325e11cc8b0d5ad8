/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the ledger's files: each is replaced by write, fsync, rename and fsync of the directory. */

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "delivered.h"
#include "ledger-json.h"
#include "ledger.h"
#include "util.h"

#define SUBDIRECTORY "ledger"
#define DELIVERED "delivered"
#define SUFFIX ".json"
/* More than any entry has: a job's remote and paths are no longer than its file, and texts are cut. */
#define ENTRY_SIZE_MAX (512U * 1024U)

struct Ledger {
        int fd;
        char *path;
        int delivered_fd;
        char *delivered_path;
};

/* ---- Entries -------------------------------------------------------------------------------------- */

LedgerEntry *ledger_entry_new(const char *job, const char *revision, const char *remote) {
        LedgerEntry *e = calloc(1, sizeof(*e));

        if (!e)
                return NULL;
        e->job = strdup(job);
        e->remote = remote ? strdup(remote) : NULL;
        (void) snprintf(e->revision, sizeof(e->revision), "%s", revision);
        e->attempt = 1;
        e->mtime = e->item_mtime = e->twin_mtime = KFTP_MTIME_UNKNOWN;
        e->item_size = KFTP_SIZE_UNKNOWN;
        if (!e->job || (remote && !e->remote))
                return ledger_entry_free(e);
        return e;
}

LedgerEntry *ledger_entry_free(LedgerEntry *e) {
        if (!e)
                return NULL;
        free(e->job);
        free(e->remote);
        free(e->item);
        free(e->temporary);
        free(e->final);
        free(e->text);
        free(e->reply_text);
        free(e->peer);
        free(e->local);
        free(e->data_peer);
        free(e->data_local);
        free(e->tls);
        free(e);
        return NULL;
}

bool ledger_entry_is_settled(const LedgerEntry *e) {
        return (e->state == LEDGER_DONE || e->state == LEDGER_FAILED) && e->reported;
}

uint64_t ledger_directory_inode(const char *path) {
        _cleanup_free_ char *parent = strdup(path);
        char *slash = parent ? strrchr(parent, '/') : NULL;
        struct stat st;

        if (!slash)
                return 0;
        slash[slash == parent] = '\0';
        if (stat(parent, &st) < 0 || !S_ISDIR(st.st_mode))
                return 0;
        return (uint64_t) st.st_ino & INT64_MAX;        /* as much as fits into JSON */
}

bool ledger_entry_was_delivered(const LedgerEntry *e) {
        struct stat st;

        if (e->state != LEDGER_INTENT || e->upload || !e->temporary)
                return false;
        if (lstat(e->temporary, &st) >= 0 || errno != ENOENT || e->directory_inode == 0)
                return false;
        return ledger_directory_inode(e->temporary) == e->directory_inode;
}

bool ledger_entry_recover(LedgerEntry *e) {
        if (e->set || e->then || !ledger_entry_was_delivered(e))
                return false;
        e->state = LEDGER_DONE;
        e->recovered = true;
        e->reported = e->pending = false;
        e->transferred = 1;
        return true;
}

static void move_text(char **to, char **from) {
        free(*to);
        *to = STEAL_PTR(*from);
}

void ledger_entry_inherit(LedgerEntry *e, LedgerEntry *earlier) {
        bool open = earlier->state == LEDGER_INTENT || (earlier->pending && earlier->state != LEDGER_DONE);

        if (!open || !earlier->temporary || !earlier->final)
                return;
        if (!earlier->upload && !earlier->set && !streq(earlier->revision, e->revision))
                return;
        e->pending = true;
        e->intent_number = earlier->intent_number ?: earlier->number;
        e->set = earlier->set;
        e->upload = earlier->upload;
        e->then = earlier->then;
        move_text(&e->remote, &earlier->remote);        /* to be compared with what it is now */
        move_text(&e->item, &earlier->item);
        move_text(&e->temporary, &earlier->temporary);
        move_text(&e->final, &earlier->final);
        e->item_size = earlier->item_size;
        e->item_mtime = earlier->item_mtime;
        e->item_precision = earlier->item_precision;
        e->directory_inode = earlier->directory_inode;
        e->bytes = earlier->bytes;
        e->mtime = earlier->mtime;
        e->twin = earlier->twin;
        e->twin_mtime = earlier->twin_mtime;
}

/* ---- Files ---------------------------------------------------------------------------------------- */

/* Two of us would run each job twice, and what another user writes here the service could not replace. */
static int claim(int fd) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid())
                return -EPERM;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        return 0;
}

/* A directory made in somebody else's state directory would shut its owner out. */
static int make_directory(const char *state_directory, const char *path) {
        struct stat st;

        if (stat(state_directory, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid())
                return -EPERM;
        return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int open_directory(const char *path) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* STATE/NAME, which is made if it is not there. */
static int open_subdirectory(const char *state_directory, const char *name, char **path) {
        int r;

        if (asprintf(path, "%s/%s", state_directory, name) < 0) {
                *path = NULL;
                return -ENOMEM;
        }
        r = make_directory(state_directory, *path);
        return r < 0 ? r : open_directory(*path);
}

int ledger_open(const char *state_directory, Ledger **ret) {
        Ledger *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->delivered_fd = -1;
        r = l->fd = open_subdirectory(state_directory, SUBDIRECTORY, &l->path);
        if (r >= 0)
                r = claim(l->fd);
        if (r >= 0)
                r = l->delivered_fd = open_subdirectory(state_directory, DELIVERED, &l->delivered_path);
        if (r < 0) {
                ledger_free(l);
                return r;
        }
        *ret = l;
        return 0;
}

Ledger *ledger_free(Ledger *l) {
        if (!l)
                return NULL;
        safe_close(l->fd);
        safe_close(l->delivered_fd);
        free(l->path);
        free(l->delivered_path);
        free(l);
        return NULL;
}

int ledger_delivered_fd(const Ledger *l) {
        return l->delivered_fd;
}

const char *ledger_delivered_path(const Ledger *l) {
        return l->delivered_path;
}

const char *ledger_path(const Ledger *l) {
        return l->path;
}

int ledger_read(Ledger *l, const char *job, LedgerEntry **ret) {
        _cleanup_free_ char *name = NULL, *text = NULL;
        _cleanup_close_ int fd = -1;
        size_t n = 0;

        *ret = NULL;
        text = malloc(ENTRY_SIZE_MAX + 1);
        if (!text || asprintf(&name, "%s" SUFFIX, job) < 0)
                return -ENOMEM;
        fd = openat(l->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        while (n <= ENTRY_SIZE_MAX) {
                ssize_t k = read(fd, text + n, ENTRY_SIZE_MAX + 1 - n);

                if (k < 0)
                        return -errno;
                if (k == 0)
                        return ledger_entry_parse(text, n, job, ret);
                n += (size_t) k;
        }
        return -EBADMSG;
}

/* Writes the text under a name of its own; nothing is left of it if that fails. */
static int write_new(Ledger *l, const char *name, const char *text, bool durable) {
        _cleanup_close_ int fd = openat(l->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r;

        if (fd < 0)
                return -errno;
        r = write_whole(fd, text, strlen(text));
        if (r >= 0)
                r = write_whole(fd, "\n", 1);
        if (r >= 0 && durable && fsync(fd) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(l->fd, name, 0);
        return r;
}

static int replace(Ledger *l, const LedgerEntry *e, bool durable) {
        _cleanup_free_ char *name = NULL, *new_name = NULL, *text = ledger_entry_format(e);
        int r;

        if (!text)
                return -ENOMEM;
        /* What cannot be read again would shut the job out for good. The line has its end, too. */
        if (strlen(text) + 1 > ENTRY_SIZE_MAX)
                return -EMSGSIZE;
        if (asprintf(&name, "%s" SUFFIX, e->job) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        if (asprintf(&new_name, ".%s.new", e->job) < 0) {       /* no job's name begins with a dot */
                new_name = NULL;
                return -ENOMEM;
        }
        r = write_new(l, new_name, text, durable);
        if (r < 0)
                return r;
        if (renameat(l->fd, new_name, l->fd, name) < 0) {
                r = -errno;
                (void) unlinkat(l->fd, new_name, 0);
                return r;
        }
        return durable && fsync(l->fd) < 0 ? -errno : 0;
}

int ledger_write(Ledger *l, const LedgerEntry *e) {
        return replace(l, e, true);
}

int ledger_write_lazily(Ledger *l, const LedgerEntry *e) {
        return replace(l, e, false);
}

int ledger_remove_lazily(Ledger *l, const char *job) {
        _cleanup_free_ char *name = NULL;
        int r;

        if (asprintf(&name, "%s" SUFFIX, job) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        /* The entry goes last: as long as it is there, the store is not forgotten. */
        r = delivered_remove(l->delivered_fd, job);
        if (r >= 0 && unlinkat(l->fd, name, 0) < 0 && errno != ENOENT && errno != ENAMETOOLONG)
                r = -errno;
        return r;
}

int ledger_sync(Ledger *l) {
        return fsync(l->delivered_fd) < 0 || fsync(l->fd) < 0 ? -errno : 0;
}

int ledger_remove(Ledger *l, const char *job) {
        int r = ledger_remove_lazily(l, job);

        return r < 0 ? r : ledger_sync(l);
}

/* ---- The list ------------------------------------------------------------------------------------- */

char **ledger_names_free(char **names) {
        for (char **name = names; name && *name; name++)
                free(*name);
        free(names);
        return NULL;
}

static int append(char ***names, size_t *n, const char *name, size_t length) {
        char **more = reallocarray(*names, *n + 2, sizeof(char *));

        if (!more)
                return -ENOMEM;
        *names = more;
        more[*n] = strndup(name, length);
        if (!more[*n])
                return -ENOMEM;
        more[++*n] = NULL;
        return 0;
}

int ledger_list(Ledger *l, char ***ret) {
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *entry;
        char **names = calloc(1, sizeof(char *));
        size_t count = 0;
        int fd, r = names ? 0 : -ENOMEM;

        fd = openat(l->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        d = fd >= 0 ? fdopendir(fd) : NULL;
        if (!d) {
                r = -errno;
                safe_close(fd);
        }
        while (r >= 0 && (entry = readdir(d))) {
                size_t n = strlen(entry->d_name), suffix = strlen(SUFFIX);

                if (entry->d_name[0] == '.' && n > 4 && streq(entry->d_name + n - 4, ".new"))
                        (void) unlinkat(l->fd, entry->d_name, 0);
                else if (entry->d_name[0] != '.' && n > suffix && streq(entry->d_name + n - suffix, SUFFIX))
                        r = append(&names, &count, entry->d_name, n - suffix);
        }
        if (r < 0) {
                ledger_names_free(names);
                return r;
        }
        *ret = names;
        return 0;
}
