// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The file of a mirror's state: a head that says whose it is, and records that are only ever added. It is locked as long
 * as the mirror runs. Of what an earlier run has left there only an index is kept in memory; a listing is read when
 * it is asked for.
 *
 * A directory's time changes when names come and go, not when a file is written to. So what is remembered is not believed
 * for longer than a day.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "failure.h"
#include "mirror-compare.h"
#include "mirror-state.h"
#include "mirror-state-internal.h"

#define FILE_MAX (INT64_C(256) << 20)
#define AGE_MAX (24 * 60 * 60)
#define IDENTITY_MAX 65536U
#define OPEN_TRIES 16

typedef struct FileHead {
        char magic[8];
        uint64_t identity_len;
        uint64_t checksum;              /* of the identity, which stands behind it */
} FileHead;

#define FILE_MAGIC "kftpmir1"

/* Where the record of a path begins. */
typedef struct Known {
        uint64_t key;                   /* checksum of the path */
        int64_t offset;
} Known;

struct MirrorState {
        int directory_fd;
        int fd;
        char *name;
        pthread_mutex_t lock;           /* of what is below */
        int64_t begin;                  /* of the first record */
        int64_t end;                    /* where the next one goes */
        bool full;                      /* nothing more can be written */
        /* from here on nothing changes once it is open */
        Known *known;                   /* by key; of those with the same key the newest is the last */
        size_t known_n, known_allocated;
};

/* ---- The file -------------------------------------------------------------------------------- */

static int read_at(int fd, void *buffer, size_t n, int64_t offset) {
        for (size_t done = 0; done < n;) {
                ssize_t k = pread(fd, (char *) buffer + done, n - done, offset + (int64_t) done);

                if (k == 0)
                        return -ENODATA;
                if (k < 0 && errno != EINTR)
                        return -errno;
                done += k > 0 ? (size_t) k : 0;
        }
        return 0;
}

static int write_at(int fd, const void *buffer, size_t n, int64_t offset) {
        for (size_t done = 0; done < n;) {
                ssize_t k = pwrite(fd, (const char *) buffer + done, n - done, offset + (int64_t) done);

                if (k < 0 && errno != EINTR)
                        return -errno;
                done += k > 0 ? (size_t) k : 0;
        }
        return 0;
}

/* One for each user: what another one has left there is never looked at. */
static char *file_name(const char *identity) {
        uint64_t key = mirror_state_checksum(identity, strlen(identity)) + geteuid();
        char *name;

        return asprintf(&name, "%016" PRIx64 ".mirror", key) < 0 ? NULL : name;
}

/* Anybody else could have put it there, or could write to it. A second name could be that of a file which is not ours to empty. */
static bool is_ours(const struct stat *st) {
        return S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_nlink == 1 && (st->st_mode & 022) == 0;
}

/* Opens the file and locks it: -EBUSY. -EAGAIN: it has just gone, or what is not ours was removed. */
static int try_open(MirrorState *s) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        fd = openat(s->directory_fd, s->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (fd < 0 && errno != ELOOP && errno != EISDIR && errno != EACCES && errno != ENXIO)
                return -errno;
        if (fd < 0)
                return unlinkat(s->directory_fd, s->name, 0) < 0 ? -errno : -EAGAIN;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_nlink == 0)
                return -EAGAIN;
        if (!is_ours(&st))
                return unlinkat(s->directory_fd, s->name, 0) < 0 ? -errno : -EAGAIN;
        s->fd = STEAL_FD(fd);
        return 0;
}

static int open_file(MirrorState *s, const char *directory, const char *identity) {
        int r = -EAGAIN;

        s->name = file_name(identity);
        if (!s->name)
                return -ENOMEM;
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        s->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->directory_fd < 0)
                return -errno;
        for (int i = 0; i < OPEN_TRIES && r == -EAGAIN; i++)
                r = try_open(s);
        return r;
}

/* ---- What an earlier run has left there -------------------------------------------------------- */

static bool is_fresh(const MirrorStateRecord *r, int64_t now) {
        return r->listed_at <= now && r->listed_at > now - AGE_MAX;
}

static int add_known(MirrorState *s, uint64_t key, int64_t offset) {
        if (s->known_n == s->known_allocated) {
                size_t allocated = s->known_allocated ? 2 * s->known_allocated : 64;
                Known *known = reallocarray(s->known, allocated, sizeof(*known));

                if (!known)
                        return -ENOMEM;
                s->known = known;
                s->known_allocated = allocated;
        }
        s->known[s->known_n++] = (Known) { .key = key, .offset = offset };
        return 0;
}

/* Notes the record at s->end, and goes behind it; false: there is none, or no whole one. */
static bool index_one(MirrorState *s, int64_t size, int64_t now) {
        _cleanup_free_ char *path = NULL;
        MirrorStateRecord head;

        if (read_at(s->fd, &head, sizeof(head), s->end) < 0 || !mirror_state_is_record(&head) || (int64_t) head.length > size - s->end)
                return false;
        path = malloc(head.path_len + 1U);
        if (!path || read_at(s->fd, path, head.path_len, s->end + (int64_t) sizeof(head)) < 0)
                return false;
        if (is_fresh(&head, now) && add_known(s, mirror_state_checksum(path, head.path_len), s->end) < 0)
                return false;
        s->end += (int64_t) head.length;
        return true;
}

static int compare_known(const void *a, const void *b) {
        const Known *x = a, *y = b;

        return x->key != y->key ? (x->key < y->key ? -1 : 1) : x->offset < y->offset ? -1 : 1;
}

/* Whether the file begins as that of this mirror does. */
static bool is_same_mirror(const MirrorState *s, const FileHead *head, const char *identity) {
        _cleanup_free_ char *found = malloc(head->identity_len + 1);
        FileHead read;

        return found && read_at(s->fd, &read, sizeof(read), 0) >= 0 && memcmp(&read, head, sizeof(read)) == 0
                && read_at(s->fd, found, head->identity_len, sizeof(read)) >= 0 && memcmp(found, identity, head->identity_len) == 0;
}

static void take_up(MirrorState *s, const FileHead *head, const char *identity) {
        int64_t now = (int64_t) time(NULL);
        struct stat st;

        if (fstat(s->fd, &st) < 0 || st.st_size > FILE_MAX || !is_same_mirror(s, head, identity))
                return;
        s->end = s->begin;
        while (index_one(s, st.st_size, now))
                ;
        if (s->known_n > 0)
                qsort(s->known, s->known_n, sizeof(*s->known), compare_known);
}

/* Goes on behind what is good of it, or begins anew. */
static int begin_file(MirrorState *s, const FileHead *head, const char *identity) {
        int r;

        if (s->known_n > 0)
                return ftruncate(s->fd, s->end) < 0 ? -errno : 0;
        s->end = s->begin;
        if (ftruncate(s->fd, 0) < 0)
                return -errno;
        r = write_at(s->fd, head, sizeof(*head), 0);
        return r < 0 ? r : write_at(s->fd, identity, head->identity_len, sizeof(*head));
}

int mirror_state_open(MirrorState **ret, const char *directory, const char *identity, KftpFailure *f) {
        FileHead head = { .magic = FILE_MAGIC, .identity_len = strlen(identity) };
        MirrorState *s;
        int r;

        if (head.identity_len > IDENTITY_MAX)
                return kftp_failure_local(f, -ENAMETOOLONG, "cannot keep a mirror's state in %s", directory);
        head.checksum = mirror_state_checksum(identity, head.identity_len);
        s = malloc(sizeof(*s));
        if (!s)
                return kftp_failure_local(f, -ENOMEM, "cannot keep a mirror's state in %s", directory);
        *s = (MirrorState) { .directory_fd = -1, .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };
        s->begin = s->end = (int64_t) (sizeof(head) + head.identity_len);

        r = open_file(s, directory, identity);
        if (r >= 0) {
                take_up(s, &head, identity);
                r = begin_file(s, &head, identity);
        }
        if (r < 0) {
                mirror_state_close(s, false);
                if (r == -EBUSY)
                        return kftp_failure_set(f, KFTP_CLASS_BUSY, r, true, "the same mirror is running already: wait for it, or stop it");
                return kftp_failure_local(f, r, "cannot keep a mirror's state in %s", directory);
        }
        *ret = s;
        return 0;
}

void mirror_state_close(MirrorState *s, bool complete) {
        if (!s)
                return;
        /* While it is locked: who waits for the lock sees then that it has gone. */
        if ((complete || s->end == s->begin) && s->fd >= 0)
                (void) unlinkat(s->directory_fd, s->name, 0);
        safe_close(s->fd);
        safe_close(s->directory_fd);
        pthread_mutex_destroy(&s->lock);
        free(s->name);
        free(s->known);
        free(s);
}

/* ---- Listings -------------------------------------------------------------------------------- */

/*
 * Whether a directory could not have been changed once more without a trace in its time. The server's clock decides about
 * that; what a listing without a time zone tells of it may be off by any.
 */
static bool is_settled(const MirrorStateRecord *r) {
        int64_t margin = 2 * (int64_t) MAX2(r->precision, 1U) + (r->utc ? 0 : MIRROR_ZONE_MAX);

        return r->mtime < r->listed_at && (uint64_t) r->listed_at - (uint64_t) r->mtime >= (uint64_t) margin;
}

/* The newest record under key; -1: none. */
static int64_t find_offset(const MirrorState *s, uint64_t key) {
        size_t low = 0, high = s->known_n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (s->known[middle].key <= key)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low > 0 && s->known[low - 1].key == key ? s->known[low - 1].offset : -1;
}

static bool is_of(const MirrorStateRecord *r, const char *path, int64_t mtime, uint32_t precision) {
        return r->path_len == strlen(path) && memcmp(mirror_state_path(r), path, r->path_len) == 0 && r->mtime == mtime
                && r->precision == precision;
}

static MirrorStateRecord *read_record(const MirrorState *s, int64_t offset) {
        MirrorStateRecord head, *r;

        if (read_at(s->fd, &head, sizeof(head), offset) < 0 || !mirror_state_is_record(&head))
                return NULL;
        r = malloc(head.length);
        if (r && read_at(s->fd, r, head.length, offset) >= 0 && r->length == head.length)
                return r;
        free(r);
        return NULL;
}

int mirror_state_find(MirrorState *s, const char *path, int64_t mtime, uint32_t precision, MirrorList *ret, bool *utc) {
        int64_t offset = mtime == KFTP_MTIME_UNKNOWN ? -1 : find_offset(s, mirror_state_checksum(path, strlen(path)));
        _cleanup_free_ MirrorStateRecord *r = offset < 0 ? NULL : read_record(s, offset);

        if (!r || !mirror_state_is_record(r) || !is_of(r, path, mtime, precision) || !is_settled(r))
                return 0;
        if (mirror_state_decode(r, ret) < 0)
                return 0;
        *utc = r->utc;
        return 1;
}

/*
 * A directory's time vouches for it only where it was listed just now. Of one whose parent was not, as that was remembered,
 * nobody knows whether it is still the same: what is changed below a directory leaves that one's time as it is.
 */
static bool is_leaf(const MirrorList *listing) {
        for (size_t i = 0; i < listing->n; i++)
                if (listing->entries[i].type == KFTP_ENTRY_DIR)
                        return false;
        return true;
}

/* Where the disk is full, half a record stays: the next run takes no notice of it. */
static void append(MirrorState *s, const MirrorStateRecord *r) {
        if (s->full || (int64_t) r->length > FILE_MAX - s->end)
                return;
        if (write_at(s->fd, r, r->length, s->end) >= 0)
                s->end += (int64_t) r->length;
        else
                s->full = true;
}

void mirror_state_add(MirrorState *s, const char *path, int64_t mtime, uint32_t precision, int64_t listed_at, const MirrorList *listing, bool utc) {
        MirrorStateRecord head = { .mtime = mtime, .precision = precision, .listed_at = listed_at, .utc = utc };
        _cleanup_free_ MirrorStateRecord *r = NULL;

        /* It would never be believed. */
        if (mtime == KFTP_MTIME_UNKNOWN || !is_settled(&head) || !is_leaf(listing))
                return;
        r = mirror_state_encode(&head, path, listing);
        if (!r)
                return;
        pthread_mutex_lock(&s->lock);
        append(s, r);
        pthread_mutex_unlock(&s->lock);
}
