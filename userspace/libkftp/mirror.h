/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The inside of a mirror: what its sessions, each a thread with a client of its own, share, and the rooms that it
 * is made of. Unless a comment says otherwise a member is changed under the mirror's lock only, or before there is more
 * than one thread.
 */

#include <pthread.h>

#include "client.h"
#include "mirror-compare.h"
#include "mirror-list.h"
#include "mirror-local.h"
#include "mirror-state.h"
#include "segments.h"

#define MIRROR_DEPTH_MAX 128U           /* a server may say that each directory contains itself */
#define MIRROR_LINKS_MAX 8U             /* followed one behind the other: where they lead may not be told */
#define MIRROR_ENTRIES_MAX 4000000U     /* of all directories that are not done, together */
#define MIRROR_AHEAD_MAX 2048U          /* transfers that wait before no more directories are listed */

typedef struct Mirror Mirror;
typedef struct MirrorDirectory MirrorDirectory;
typedef struct MirrorItem MirrorItem;
typedef struct MirrorSession MirrorSession;
typedef struct MirrorFolded MirrorFolded;

enum mirror_item_kind {
        MIRROR_ITEM_DIRECTORY,          /* list and compare */
        MIRROR_ITEM_GET,
        MIRROR_ITEM_PUT,
        MIRROR_ITEM_CHECK,              /* whether a file is the same has to be asked */
        MIRROR_ITEM_SET,                /* time or mode of a remote file */
        MIRROR_ITEM_MOVE,               /* remove an unchanged file from the source */
        MIRROR_ITEM_SEGMENTS,           /* join in fetching a large file */
        MIRROR_ITEM_KINDS,
};

/* A large file that several sessions fetch. */
typedef struct MirrorLarge {
        KftpSegments *segments;
        uint64_t *left;                 /* of its item */
        unsigned fetching;              /* sessions that have joined in */
        pthread_cond_t idle;            /* there is none any more */
} MirrorLarge;

struct MirrorItem {
        MirrorItem *next;
        enum mirror_item_kind kind;
        MirrorDirectory *directory;     /* of a DIRECTORY: itself; else that which the entry is in */
        const MirrorEntry *source;      /* in the directory's lists; NULL for DIRECTORY */
        const MirrorEntry *target;      /* NULL: not there */
        const char *why;
        MirrorLarge *large;             /* SEGMENTS: of another session's item */
        uint64_t left;                  /* how much of the bytes left is this one's */
        bool ambiguous;                 /* of a PUT: the server may take its name for another one */
        bool begun;                     /* of a directory: items point into its lists, so it cannot be begun anew */
};

struct MirrorDirectory {
        MirrorDirectory *parent;        /* NULL: the root */
        const char *name;               /* in the parent's list */
        char *path;                     /* relative to both roots, "" for the root; NULL until it is compared */
        unsigned depth;                 /* 0: the root */
        unsigned links;                 /* that were followed to get here */
        bool has_source;                /* false: it is in the target only, and is to be emptied */
        bool has_target;                /* false: not there yet (with dry_run: will not be) */
        bool empty_target;              /* it was made just now */
        int64_t remote_mtime;           /* as its own entry tells; or KFTP_MTIME_UNKNOWN */
        uint32_t remote_precision;
        int64_t source_mtime;           /* to be set in the end, or KFTP_MTIME_UNKNOWN */
        uint32_t source_mode;           /* to be set in the end, or KFTP_MODE_UNKNOWN */

        /* from when it was compared; no lock is needed until then, and they do not change afterwards */
        MirrorList source, target;
        size_t entries;                 /* of both, as they count for the mirror */
        bool utc;                       /* the remote one's times are in UTC */
        bool remembered;                /* the server's listing is that of an earlier run */
        bool nameless;                  /* the server's listing tells nothing but names */
        bool incomplete;                /* what is in the source is not known for sure */
        bool no_parts;                  /* of earlier uploads are there, as a listing of this run tells */

        unsigned pending;               /* items and directories below that are not done, its own item included */
        bool failed;                    /* something in it has */
        bool kept;                      /* something stays in it: of a directory that is to be emptied, or of a source that is moved */
        bool emptied;                   /* of the target: what is to be deleted below has been told */
        MirrorItem *then;               /* what waits for it to be gone */
        MirrorFolded *folded;           /* the names in it, of an upload; NULL: not needed so far */
        MirrorItem *late;               /* ambiguous ones wait until what they may be taken for is there */
};

/* A list of items with an end to add to. */
typedef struct MirrorItems {
        MirrorItem *first, *last;
        size_t n;
} MirrorItems;

struct MirrorSession {
        Mirror *mirror;
        unsigned number;                /* from 1 */
        pthread_t thread;
        bool running;                   /* there is a thread to be joined */
        bool ended;
        bool connected;                 /* has been, once */
        bool lost;                      /* got no connection the last time; the thread's own */
        KftpControl *control;
        KftpClient *client;             /* the thread's own */
        uint64_t counted;               /* bytes of its transfer under way that are in the totals */
        uint64_t *left;                 /* of the item that they belong to; NULL: of none */
};

struct Mirror {
        const KftpMirrorOptions *options;
        const KftpOptions *session_options;
        KftpUrl url;                    /* agrees with the mode of TLS; its strings are the caller's */
        MirrorLocal local;
        bool made_root;                 /* the local one was not there */
        bool no_local_root;             /* of a dry run: it would be made */
        MirrorState *state;             /* NULL: none */
        int64_t now;                    /* seconds since 1970, when it began */
        uint64_t begin_usec;

        pthread_mutex_t lock;
        pthread_cond_t work;            /* an item was added, or there will be no more */
        int wake_fd;                    /* eventfd: the main thread is to look */

        MirrorItems directories;        /* taken from the front, those found last first */
        MirrorItems transfers;
        MirrorItems joins;
        size_t entries;                 /* in the lists of directories that are not done */
        unsigned active;                /* items under way, joins not counted */
        unsigned listing;               /* of them directories */
        bool done;                      /* the root is */
        bool stopping;                  /* nothing is taken any more */
        bool cancelled;                 /* by the caller */

        unsigned parallel;
        unsigned sessions_max;
        unsigned sessions_n;            /* started */
        unsigned alive;                 /* not ended */
        unsigned idle;                  /* waiting for items */
        MirrorSession sessions[KFTP_MIRROR_SESSIONS_MAX];

        MirrorRules rules;              /* read as a copy */
        bool keeps_times;               /* the server was seen to */

        KftpMirrorProgress progress;
        KftpMirrorSession shown[KFTP_MIRROR_SESSIONS_MAX];
        KftpMirrorResult *result;
        KftpFailure fatal;              /* what stopped it; class OK: nothing */

        pthread_mutex_t callbacks;      /* one at a time; never held together with the lock */
        char *warned;                   /* the last warning: that of one session is that of all */
};

/* ---- Reports: mirror-report.c ---------------------------------------------------------------- */

/*
 * What was done, or failed: counts it and tells of it. path is relative; entry (NULL: nothing is known) is what was listed.
 * result NULL: it went well and there is no more to say.
 */
typedef struct MirrorNews {
        enum kftp_mirror_action action;
        bool planned;
        const char *path;
        const char *why;
        const MirrorEntry *entry;
        const KftpResult *result;
} MirrorNews;
void mirror_report(MirrorSession *s, const MirrorNews *news);
/* The same of a failure without a result, which it frees. */
void mirror_report_failure(MirrorSession *s, enum kftp_mirror_action action, const char *path, const MirrorEntry *entry, KftpFailure *f);
/* An entry that is not touched; reason is a phrase: "holds a slash". */
void mirror_report_refusal(MirrorSession *s, const MirrorDirectory *d, const MirrorEntry *entry, const char *reason);
/* Something for who looks closely. */
void mirror_note(MirrorSession *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What a session shows: path NULL: nothing. With the lock. */
void mirror_show(MirrorSession *s, bool listing, const char *path);
/* Calls the progress callback. From the main thread, without the lock. */
void mirror_tell_progress(Mirror *m);
/* Of the session's transfer, from its client's callback. */
void mirror_note_progress(MirrorSession *s, const KftpProgress *p);

/* The paths of an entry in d, or of d itself if name is NULL: relative, remote, local. Allocated. */
char *mirror_path(const MirrorDirectory *d, const char *name);
char *mirror_path_there(const Mirror *m, const char *path);
char *mirror_path_here(const Mirror *m, const char *path);
/* The mirror's URL with another path. remote, the storage of its path, is the caller's. */
KftpUrl mirror_url(const Mirror *m, char *remote);

/* ---- The queue: mirror-queue.c --------------------------------------------------------------- */

/* -ENOMEM stops the mirror, and is told there. */
MirrorItem *mirror_item_new(MirrorSession *s, enum mirror_item_kind kind, MirrorDirectory *d, const MirrorEntry *source, const MirrorEntry *target, const char *why);
/* Adds an item; its directory waits for it. */
void mirror_push(Mirror *m, MirrorItem *item);
/* Gives an item back that was taken, for another session. */
void mirror_give_back(Mirror *m, MirrorItem *item);
/* The next item, waiting for one; NULL: there will be none. */
MirrorItem *mirror_take(MirrorSession *s);
/* An item was dealt with: frees it, and ends what is done with it. */
void mirror_item_done(MirrorSession *s, MirrorItem *item);
/* Takes the invitations to a large file back. */
void mirror_remove_joins(Mirror *m, const MirrorLarge *large);
/* Nothing more is taken. f: why; it is moved. The first one counts. NULL: the caller wanted it. */
void mirror_stop(Mirror *m, KftpFailure *f);
bool mirror_is_stopping(Mirror *m);
/* Whether a failure concerns more than one file: the mirror has to end. */
bool mirror_is_fatal(const KftpFailure *f);
void mirror_free_items(Mirror *m);

/* ---- Sessions: mirror-session.c -------------------------------------------------------------- */

/* Starts the first one, more as there is work, and returns when all have ended. */
void mirror_run_sessions(Mirror *m);

/* ---- Directories: mirror-directory.c, mirror-act.c, mirror-collisions.c, mirror-finish.c ------ */

/* The record of a directory below parent (NULL: the root), pending once; name is borrowed. -ENOMEM as above. */
MirrorDirectory *mirror_directory_new(MirrorSession *s, MirrorDirectory *parent, const char *name);
MirrorDirectory *mirror_directory_free(Mirror *m, MirrorDirectory *d);
/* Lists both sides, compares, adds items. -errno with *f: another session may try that. */
int mirror_compare_directory(MirrorSession *s, MirrorItem *item, KftpFailure *f);
/* The names on both sides as a server may see them; they are borrowed. NULL: no memory. */
MirrorFolded *mirror_fold(const MirrorList *source, const MirrorList *target);
/* Whether there is another name that a server may take for this one. */
bool mirror_is_ambiguous(const MirrorFolded *f, const char *name);
/* -EEXIST with *f: the server finds something under the path of an ambiguous name. */
int mirror_check_ambiguous(MirrorSession *s, const char *remote, KftpFailure *f);
/* Whether it is found out now, in an upload, that the server keeps no times: the rules have changed then. */
bool mirror_is_forgotten(MirrorSession *s, MirrorDirectory *d, const MirrorEntry *source, const MirrorEntry *target, int64_t target_mtime);
/* The rules as they are known now, for files of d. */
MirrorRules mirror_rules(Mirror *m, const MirrorDirectory *d);
/* Has a directory of the target emptied and removed; after that, then (may be NULL) is pushed. */
void mirror_empty_directory(MirrorSession *s, MirrorDirectory *parent, const MirrorEntry *target, MirrorItem *then);
/* Something in d has failed. */
void mirror_fail(Mirror *m, MirrorDirectory *d);
/* Something stays in d. */
void mirror_keep(Mirror *m, MirrorDirectory *d);
/*
 * Whether that failure is one of a session that gets no connection any more: then it is not to go on with what it does, as each
 * thing more would fail alike, after all its retries.
 */
bool mirror_is_lost(MirrorSession *s, const KftpFailure *f);
/*
 * Whether a failed item is one for another session, as this one gets no connection any more. If there are no others, what
 * ends the mirror is that, and not the item.
 */
bool mirror_is_for_others(MirrorSession *s, const MirrorItem *item, const KftpFailure *f);
/* Does, or has done, what a pair of entries calls for. */
void mirror_act(MirrorSession *s, MirrorDirectory *d, const MirrorEntry *source, const MirrorEntry *target, MirrorVerdict verdict, const char *why);
/* All in it is done: what is left to do for itself. True: it has added to what is to be done, and has to be called again after that. */
bool mirror_finish_directory(MirrorSession *s, MirrorDirectory *d);

/* ---- The server: mirror-remote.c, mirror-links.c ------------------------------------------------------------- */

/* Fills d's list of the remote side, from the state or from the server. -ENOENT with *f: there is no such directory. */
int mirror_list_remote(MirrorSession *s, MirrorDirectory *d, MirrorList *ret, KftpFailure *f);
/* Has LIST say where the links in a listing lead, if that did not. path is the directory's there; it is borrowed. */
int mirror_find_targets(MirrorSession *s, char *path, MirrorList *list, KftpFailure *f);
/* Whether a link in d leads to d, or to a directory that d lies in. */
bool mirror_link_leads_up(const Mirror *m, const MirrorDirectory *d, const char *target);
/* The names that are in d on the server now, sorted. */
int mirror_list_again(MirrorSession *s, const MirrorDirectory *d, MirrorList *ret, KftpFailure *f);
/* MDTM of a remote path. 1: *ret is it. 0: the server does not tell. */
int mirror_remote_mtime(MirrorSession *s, const char *path, int64_t *ret, KftpFailure *f);
/* *ret is KFTP_SIZE_UNKNOWN if the server does not tell. */
int mirror_remote_size(MirrorSession *s, const char *path, uint64_t *ret, KftpFailure *f);
/* MFMT, and CHMOD. -EOPNOTSUPP: the server has no such command. */
int mirror_remote_set(MirrorSession *s, const char *path, int64_t mtime, uint32_t mode, KftpFailure *f);
/* Whether the server keeps a time that it is told, tried on a file by giving it the time that it has. -errno: nobody knows. */
int mirror_remote_keeps_times(MirrorSession *s, const char *path);
int mirror_remote_mkdir(MirrorSession *s, const char *path, bool parents, KftpFailure *f);
int mirror_remote_remove(MirrorSession *s, const char *path, bool directory, KftpFailure *f);
/* Finds out what a link leads to, or an entry of which nothing but its name is known: type, size, and time. */
int mirror_remote_look(MirrorSession *s, const char *path, MirrorEntry *entry, KftpFailure *f);

/* ---- Files: mirror-transfer.c, mirror-check.c ------------------------------------------------ */

/* They return -errno with *f if the item may be tried by another session. Everything else they have reported. */
int mirror_get(MirrorSession *s, MirrorItem *item, KftpFailure *f);
int mirror_put(MirrorSession *s, MirrorItem *item, KftpFailure *f);
int mirror_check(MirrorSession *s, MirrorItem *item, KftpFailure *f);
int mirror_set(MirrorSession *s, MirrorItem *item, KftpFailure *f);
void mirror_join(MirrorSession *s, MirrorItem *item);
/* Removes a file from the source, if that is wanted, after it was transferred or found to be the same. */
void mirror_move(MirrorSession *s, MirrorDirectory *d, const MirrorEntry *source);
