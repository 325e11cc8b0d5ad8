/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps a job's store: its records in memory, one for each name, and their appending. A record that replaces another one, as
 * its name is the same, stands behind it in the file; that is written anew when most of it has been replaced. The form of a
 * record is in delivered-line.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <sys/stat.h>

#include "delivered-line.h"
#include "delivered.h"
#include "libkftp.h"
#include "util.h"

#define HEADER "kftp delivered 2\n"
/* Of all time zones there are: seconds that they are apart by, or a multiple of it. */
#define ZONE_STEP 900
/* So many records that were replaced may stand in the file beside as many that count. */
#define STALE_MAX 1000U

typedef struct Record {
        DeliveredLine line;             /* owns its strings */
        uint64_t sequence;              /* the order in the file */
        bool seen;                      /* it has been asked for: the source has it */
} Record;

struct Delivered {
        int directory_fd;               /* borrowed */
        int fd;                         /* -1: there is no file yet */
        char *job;
        void *by_name;                  /* tsearch(3): of Record */
        size_t n;                       /* records that count */
        uint64_t sequence;
        size_t lines;                   /* that stand in the file */
        off_t end;                      /* of the last whole record */
};

/* ---- In memory ------------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b) {
        return strcmp(((const Record *) a)->line.name, ((const Record *) b)->line.name);
}

static void record_free(void *p) {
        Record *r = p;

        delivered_line_done(&r->line);
        free(r);
}

static Record *find(const Delivered *d, const char *name) {
        const Record key = { .line.name = (char *) name };
        Record *const *found = tfind(&key, &d->by_name, compare_names);

        return found ? *found : NULL;
}

static Record *insert(Delivered *d, const DeliveredLine *line) {
        Record *r = calloc(1, sizeof(*r));

        if (!r)
                return NULL;
        r->line.name = line->name;
        if (!tsearch(r, &d->by_name, compare_names)) {
                free(r);
                return NULL;
        }
        d->n++;
        return r;
}

/* Takes what is in *line over, also if it fails. */
static int remember(Delivered *d, DeliveredLine *line) {
        Record *r = find(d, line->name);

        if (r) {        /* the tree's order is by the name, which is the same */
                free(r->line.sha256);
                free(line->name);
                line->name = r->line.name;
        } else
                r = insert(d, line);
        if (!r) {
                delivered_line_done(line);
                return -ENOMEM;
        }
        r->line = *line;
        r->sequence = ++d->sequence;
        r->seen = true;
        d->lines++;
        *line = (DeliveredLine) {};
        return 0;
}

/* ---- Reading -------------------------------------------------------------------------------------- */

/*
 * Behind the last good record there may be what was left of one when the power failed: less than a record, or bytes that never
 * reached the disk. A record behind that would have been written after it: then it is something else that has damaged it.
 */
static int check_tail(FILE *f, off_t good) {
        _cleanup_free_ char *text = NULL;
        size_t allocated = 0;
        off_t end;
        ssize_t n;

        while ((n = getline(&text, &allocated, f)) >= 0) {
                DeliveredLine line = {};
                int r = delivered_line_parse(text, (size_t) n, &line);

                delivered_line_done(&line);
                if (r != -EBADMSG)
                        return -EBADMSG;
        }
        if (ferror(f) || (end = ftello(f)) < 0)
                return -EIO;
        return end - good > DELIVERED_LINE_MAX ? -EBADMSG : 0;
}

static int read_lines(Delivered *d, FILE *f) {
        _cleanup_free_ char *text = NULL;
        size_t allocated = 0;
        ssize_t n = getline(&text, &allocated, f);
        int r;

        if (n < 0 || !streq(text, HEADER))
                return ferror(f) ? -EIO : -EBADMSG;
        d->end = n;
        while ((n = getline(&text, &allocated, f)) >= 0) {
                DeliveredLine line = {};

                r = delivered_line_parse(text, (size_t) n, &line);
                if (r == -EBADMSG)
                        return check_tail(f, d->end);
                if (r >= 0)
                        r = remember(d, &line);
                if (r < 0)
                        return r;
                d->end += n;
        }
        return ferror(f) ? -EIO : 0;
}

static void forget_seen(const void *node, VISIT which, void *userdata) {
        (void) userdata;
        if (which == postorder || which == leaf)
                (*(Record *const *) node)->seen = false;
}

static int load(Delivered *d) {
        _cleanup_close_ int fd = openat(d->directory_fd, d->job, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
        FILE *f;
        int copy, r;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        f = copy >= 0 ? fdopen(copy, "r") : NULL;
        if (!f) {
                r = -errno;
                safe_close(copy);
                return r;
        }
        r = read_lines(d, f);
        fclose(f);
        if (r >= 0 && ftruncate(fd, d->end) < 0)
                r = -errno;
        if (r < 0)
                return r;
        twalk_r(d->by_name, forget_seen, NULL);
        d->fd = fd;
        fd = -1;
        return 0;
}

int delivered_open(int directory_fd, const char *job, Delivered **ret) {
        Delivered *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->directory_fd = directory_fd;
        d->fd = -1;
        d->job = strdup(job);
        r = d->job ? load(d) : -ENOMEM;
        if (r < 0) {
                delivered_free(d);
                return r;
        }
        *ret = d;
        return 0;
}

Delivered *delivered_free(Delivered *d) {
        if (!d)
                return NULL;
        tdestroy(d->by_name, record_free);
        safe_close(d->fd);
        free(d->job);
        free(d);
        return NULL;
}

/* ---- Questions ------------------------------------------------------------------------------------ */

static bool is_exact(int64_t mtime, uint32_t precision) {
        return mtime != KFTP_MTIME_UNKNOWN && precision <= 1;
}

/*
 * Listings tell the time of an older file less exactly than that of a new one: then it is the same if it may be. What is not told
 * at all is no difference.
 */
static bool is_same_time(int64_t a, uint32_t a_precision, int64_t b, uint32_t b_precision) {
        if (a == KFTP_MTIME_UNKNOWN || b == KFTP_MTIME_UNKNOWN)
                return a == b;
        return a < b + (int64_t) MAX2(b_precision, 1U) && b < a + (int64_t) MAX2(a_precision, 1U);
}

static bool is_as_listed(const DeliveredLine *l, const DeliveredFile *file) {
        if (l->size != file->size || !is_same_time(l->mtime, l->precision, file->mtime, file->precision))
                return false;
        return l->mtime_nsec == 0 || file->mtime_nsec == 0 || l->mtime_nsec == file->mtime_nsec;
}

/*
 * Whether what was fetched is another version than the one that was listed, as it was replaced in between. A listing may tell the
 * time of where the server is, and another one than MDTM's is that of another version only if no time zone lies between them.
 */
static bool has_fetched_other(const DeliveredLine *l) {
        int64_t apart;

        if (!l->fetched)
                return false;
        if (l->size != l->fetched_size)
                return true;
        if (l->mtime == KFTP_MTIME_UNKNOWN || l->fetched_mtime == KFTP_MTIME_UNKNOWN || __builtin_sub_overflow(l->fetched_mtime, l->mtime, &apart))
                return false;
        return ((apart % ZONE_STEP) + ZONE_STEP) % ZONE_STEP >= (int64_t) MAX2(l->precision, 1U);
}

static bool is_as_fetched(const DeliveredLine *l, const DeliveredFile *file) {
        return has_fetched_other(l) && l->fetched_size == file->size && is_same_time(l->fetched_mtime, 1, file->mtime, file->precision);
}

/* The record of that version. */
static Record *find_version(Delivered *d, const DeliveredFile *file) {
        Record *r = find(d, file->name);
        bool as_listed, exactly;

        if (!r)
                return NULL;
        r->seen = true;
        as_listed = is_as_listed(&r->line, file);
        if (!as_listed && !is_as_fetched(&r->line, file))
                return NULL;
        /* It was taken away: what is there now has come since, and only its exact time can tell that it is the same. */
        exactly = is_exact(file->mtime, file->precision) && (!as_listed || is_exact(r->line.mtime, r->line.precision));
        return r->line.state == DELIVERED_GONE && !exactly ? NULL : r;
}

DeliveredState delivered_find(Delivered *d, const DeliveredFile *file, uint64_t *ret_run) {
        const Record *r = find_version(d, file);

        if (!r)
                return DELIVERED_NOT;
        if (ret_run)
                *ret_run = r->line.run;
        return r->line.state;
}

bool delivered_fetched(Delivered *d, const DeliveredFile *file, uint64_t *ret_size, int64_t *ret_mtime) {
        const Record *r = find_version(d, file);

        if (!r || !r->line.fetched)
                return false;
        *ret_size = r->line.fetched_size;
        *ret_mtime = r->line.fetched_mtime;
        return true;
}

typedef struct Counting {
        uint64_t run;
        DeliveredCounts *counts;
} Counting;

static void count_one(const void *node, VISIT which, void *userdata) {
        const Record *r = *(Record *const *) node;
        const Counting *c = userdata;

        if ((which != postorder && which != leaf) || r->line.run != c->run)
                return;
        if (r->line.state == DELIVERED_FAILED || r->line.state == DELIVERED_DOUBTFUL)
                c->counts->failed++;
        else {
                c->counts->sent++;
                c->counts->gone += r->line.state == DELIVERED_GONE;
                c->counts->bytes += r->line.fetched ? r->line.fetched_size : r->line.size == KFTP_SIZE_UNKNOWN ? 0 : r->line.size;
        }
}

void delivered_count(const Delivered *d, uint64_t run, DeliveredCounts *ret) {
        Counting c = { .run = run, .counts = ret };

        *ret = (DeliveredCounts) {};
        twalk_r(d->by_name, count_one, &c);
}

/* ---- Writing -------------------------------------------------------------------------------------- */

/* What is to be the job's store, under the name of its own. */
static int write_new(const Delivered *d, const char *name, Record *const *records, size_t n, int *ret_fd, off_t *ret_end) {
        _cleanup_close_ int fd = openat(d->directory_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
        off_t end = (off_t) strlen(HEADER);
        int r;

        if (fd < 0)
                return -errno;
        r = write_whole(fd, HEADER, strlen(HEADER));
        for (size_t i = 0; i < n && r >= 0; i++) {
                _cleanup_free_ char *text = delivered_line_format(&records[i]->line);

                r = text ? write_whole(fd, text, strlen(text)) : -ENOMEM;
                end += text ? (off_t) strlen(text) : 0;
        }
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r < 0)
                return r;
        *ret_fd = fd;
        *ret_end = end;
        fd = -1;
        return 0;
}

/* Writes the file anew, with those records; the old one stays if that fails. */
static int replace(Delivered *d, Record *const *records, size_t n) {
        _cleanup_free_ char *name = NULL;
        int fd = -1, r;
        off_t end = 0;

        if (asprintf(&name, ".%s.new", d->job) < 0) {   /* no job's name begins with a dot */
                name = NULL;
                return -ENOMEM;
        }
        r = write_new(d, name, records, n, &fd, &end);
        if (r >= 0 && renameat(d->directory_fd, name, d->directory_fd, d->job) < 0) {
                r = -errno;
                safe_close(fd);
        }
        if (r < 0) {
                (void) unlinkat(d->directory_fd, name, 0);
                return r;
        }
        safe_close(d->fd);
        d->fd = fd;
        d->end = end;
        d->lines = n;
        return fsync(d->directory_fd) < 0 ? -errno : 0;
}

/* What is written in part is taken back: a record behind it could not be read. */
static int append(Delivered *d, const char *text) {
        size_t n = strlen(text);
        int r;

        if (ftruncate(d->fd, d->end) < 0)
                return -errno;
        r = write_whole(d->fd, text, n);
        if (r >= 0 && fdatasync(d->fd) < 0)
                r = -errno;
        if (r >= 0)
                d->end += (off_t) n;
        else if (ftruncate(d->fd, d->end) < 0)
                return r;       /* it is tried again before the next record */
        return r;
}

int delivered_add(Delivered *d, DeliveredState state, const DeliveredFile *file) {
        _cleanup_free_ char *text = NULL;
        DeliveredLine line = {
                .state = state,
                .name = strdup(file->name),
                .size = file->size,
                .mtime = file->mtime,
                .precision = file->precision,
                .mtime_nsec = file->mtime_nsec,
                .fetched = file->fetched,
                .fetched_size = file->fetched_size,
                .fetched_mtime = file->fetched_mtime,
                .sha256 = file->sha256 ? strdup(file->sha256) : NULL,
                .run = file->run,
        };
        int r = 0;

        text = line.name && (line.sha256 || !file->sha256) ? delivered_line_format(&line) : NULL;
        if (!text)
                r = -ENOMEM;
        else if (strlen(text) > DELIVERED_LINE_MAX)
                r = -ENAMETOOLONG;
        if (r >= 0 && d->fd < 0)
                r = replace(d, NULL, 0);
        if (r >= 0)
                r = append(d, text);
        if (r < 0) {
                delivered_line_done(&line);
                return r;
        }
        return remember(d, &line);
}

/* ---- Tidying -------------------------------------------------------------------------------------- */

typedef struct Gathering {
        Record **records;
        size_t n;
} Gathering;

static void gather(const void *node, VISIT which, void *userdata) {
        Gathering *g = userdata;

        if (which == postorder || which == leaf)
                g->records[g->n++] = *(Record *const *) node;
}

static int compare_sequence(const void *a, const void *b) {
        const Record *x = *(Record *const *) a, *y = *(Record *const *) b;

        return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* Parts those that are forgotten from those that are kept, which stay in order and come first. Returns how many are kept. */
static size_t part(Record **records, size_t n, size_t max, Record **forgotten) {
        size_t excess = n > max ? n - max : 0, kept = 0;

        for (size_t i = 0; i < n; i++)
                if (excess > 0 && !records[i]->seen) {
                        *forgotten++ = records[i];
                        excess--;
                } else
                        records[kept++] = records[i];
        return kept;
}

static bool is_stale(const Delivered *d, size_t kept) {
        return d->lines > 2 * kept + STALE_MAX;
}

void delivered_tidy_to(Delivered *d, size_t max) {
        _cleanup_free_ Record **records = NULL, **forgotten = NULL;
        Gathering g = {};
        size_t kept;

        /* Not each time that there is one more. */
        if (d->fd < 0 || (d->n <= max + max / 10 && !is_stale(d, d->n)))
                return;
        g.records = records = calloc(d->n + 1, sizeof(*records));
        forgotten = calloc(d->n + 1, sizeof(*forgotten));
        if (!records || !forgotten)
                return;
        twalk_r(d->by_name, gather, &g);
        qsort(records, g.n, sizeof(*records), compare_sequence);
        kept = part(records, g.n, max, forgotten);
        if ((kept == g.n && !is_stale(d, kept)) || replace(d, records, kept) < 0)
                return;
        for (size_t i = 0; i < g.n - kept; i++) {
                tdelete(forgotten[i], &d->by_name, compare_names);
                record_free(forgotten[i]);
        }
        d->n = kept;
}

void delivered_tidy(Delivered *d) {
        delivered_tidy_to(d, DELIVERED_MAX);
}

int delivered_remove(int directory_fd, const char *job) {
        if (unlinkat(directory_fd, job, 0) < 0)
                return errno == ENOENT || errno == ENAMETOOLONG ? 0 : -errno;
        return 0;
}
